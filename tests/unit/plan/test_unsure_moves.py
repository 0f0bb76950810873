# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A trail moves to a key only where nothing that it needs to deliver becomes unknown by that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Level, Missing
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._joint import Part, SharedKey, plan_key_anew
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.checks import build
from tests.unit.plan.build import ALIAS, BARE, GIVEN, NEW_ARN, OTHER_ARN, plan, target

REQUEST = replace(GIVEN, replace_compliant_key=True)
# AWS documents nothing of this condition key for CloudTrail.
OPEN = {"StringNotLike": {"aws:PrincipalType": "x"}}
OTHER_KEYS = {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": build.KEY_ARN}}


LATER = {"DateGreaterThan": {"aws:CurrentTime": "2031-01-01T00:00:00Z"}}


def bucket(*conditions: dict[str, Any]) -> dict[str, str]:
    """A bucket whose policy denies uploads under each of the conditions."""
    statements = json.loads(build.BUCKET_POLICY)["Statement"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}
    return {"policy": build.policy(*statements, *({**deny, "Condition": each} for each in conditions))}


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


@pytest.mark.parametrize("level", ["off", "advised", "required"])
def test_no_level_moves_a_trail_to_where_it_is_unsure(level: Level) -> None:
    settings = Settings(levels={"bucket_policy_accepts_key": level})
    unsure = plan(build.snapshot(bucket=bucket({**OTHER_KEYS, **OPEN})), REQUEST, target(), settings)
    assert f"with the key {OTHER_ARN}: " in str(unsure.refusals)
    as_unsure = plan(build.snapshot(bucket=bucket(OPEN)), REQUEST, target(), settings)
    assert as_unsure.refusals == ()


def test_what_changes_only_later_is_sure_now() -> None:
    planned = plan(build.snapshot(bucket=bucket({**OTHER_KEYS, **OPEN}, LATER)), REQUEST, target())
    assert f"with the key {OTHER_ARN}: " in str(planned.refusals)


@pytest.mark.parametrize(("trail", "is_refused"), [({}, True), (BARE, False)], ids=["another key", "first key"])
def test_a_shared_key_that_is_there_by_now_is_held_to_it_too(trail: dict[str, Any], is_refused: bool) -> None:
    """The bucket surely takes logs under the present key, and under the key that was to be created."""
    keys = {"s3:x-amz-server-side-encryption-aws-kms-key-id": [build.KEY_ARN, NEW_ARN]}
    present = build.snapshot(trail=trail, bucket=bucket({"StringNotEquals": keys, **OPEN}))
    request = EnforceRequest(replace_compliant_key=True)
    part = Part(plan(present, request), request, Settings(), present)
    assert part.plan.refusals == ()
    anew = plan_key_anew(SharedKey((NEW_ARN, ALIAS), {build.ACCOUNT: part}, part.plan), target(), present)
    why = f"with the key {OTHER_ARN}: "
    assert any(why in each for each in map(str, anew.refusals)) is is_refused
    assert any(why in each for each in map(str, anew.warnings)) is not is_refused


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_trail_on_a_key_that_is_gone_has_nothing_to_lose(is_replaced: bool) -> None:
    gone = build.snapshot(key=Missing("gone"), bucket=bucket({**OTHER_KEYS, **OPEN}))
    planned = plan(gone, replace(GIVEN, replace_compliant_key=is_replaced), target())
    assert planned.refusals == ()
    assert f"with the key {OTHER_ARN}: " in str(planned.warnings)


@pytest.mark.parametrize("trail", [BARE, {}], ids=["first key", "another key"])
def test_no_trail_moves_where_it_takes_too_long_to_judge(
    trail: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "STEPS", 0)
    planned = plan(build.snapshot(trail=trail, bucket={"policy": None}), REQUEST, target())
    assert any("that a finding may take" in each for each in map(str, planned.refusals))
