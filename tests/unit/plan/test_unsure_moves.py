# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A trail moves to a key only where nothing that it needs to deliver becomes unknown by that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from tests.unit.checks import build
from tests.unit.plan.build import BARE, GIVEN, OTHER_ARN, plan, target

REQUEST = replace(GIVEN, replace_compliant_key=True)
# AWS documents nothing of this condition key for CloudTrail.
OPEN = {"StringNotLike": {"aws:PrincipalType": "x"}}
OTHER_KEYS = {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": build.KEY_ARN}}


def bucket(condition: dict[str, Any]) -> dict[str, str]:
    """A bucket whose policy denies uploads under the condition."""
    statements = json.loads(build.BUCKET_POLICY)["Statement"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}
    return {"policy": build.policy(*statements, {**deny, "Condition": condition})}


@pytest.mark.parametrize(
    ("trail", "condition", "is_refused"),
    [
        pytest.param({}, {**OTHER_KEYS, **OPEN}, True, id="sure of the present key alone"),
        pytest.param({}, OTHER_KEYS, True, id="denied"),
        pytest.param({}, OPEN, False, id="as unsure of the present key"),
        pytest.param(BARE, OPEN, False, id="first key"),
    ],
)
def test_what_delivery_needs_does_not_become_unknown(
    trail: dict[str, Any], condition: dict[str, Any], is_refused: bool
) -> None:
    planned = plan(build.snapshot(trail=trail, bucket=bucket(condition)), REQUEST, target())
    why = f"with the key {OTHER_ARN}: "
    assert any(why in each for each in map(str, planned.refusals)) is is_refused
    assert any(why in each for each in map(str, planned.warnings)) is not is_refused


@pytest.mark.parametrize("trail", [BARE, {}], ids=["first key", "another key"])
def test_no_trail_moves_where_it_takes_too_long_to_judge(
    trail: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "STEPS", 0)
    planned = plan(build.snapshot(trail=trail, bucket={"policy": None}), REQUEST, target())
    assert any("that a finding may take" in each for each in map(str, planned.refusals))
