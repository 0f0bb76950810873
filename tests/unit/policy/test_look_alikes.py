# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Characters that Python takes for ASCII where it folds case or reads numbers: to AWS they are others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._comparison import same_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request

KELVIN, LONG_S, ARABIC_THREE = "\u212a", "\u017f", "\u0663"


def outcome(action: str, **statement: Any) -> Outcome:
    """What a policy of one statement says of kms:DescribeKey, s3:PutObject and the like."""
    allow = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*", **statement}
    request = Request(
        principal="cloudtrail.amazonaws.com",
        action="kms:DescribeKeys",
        resource="arn:aws:kms:eu-central-1:111111111111:key/1",
        context={"aws:MultiFactorAuthAge": "3"},
        account="111111111111",
    )
    return decide(parse(json.dumps({"Statement": [allow]})), request).outcome


@pytest.mark.parametrize(
    "action", [f"{KELVIN}ms:DescribeKeys", f"kms:DescribeKey{LONG_S}", f"{KELVIN}ms:*", f"kms:*Key{LONG_S}"]
)
def test_an_action_is_folded_in_ascii(action: str) -> None:
    """IAM JSON policy elements: Action. It ignores case, and no action has other letters."""
    plain = action.replace(KELVIN, "K").replace(LONG_S, "S")
    assert (outcome(plain), outcome(action)) == (Outcome.ALLOWED, Outcome.IMPLICIT_DENY)
    one, other = (json.dumps({"Statement": [{"Action": each}]}) for each in (plain, action))
    assert not same_policy(one, other)
    assert same_policy(one, one.swapcase().replace("sTATEMENT", "Statement").replace("aCTION", "Action"))


@pytest.mark.parametrize("value", [ARABIC_THREE, f"{ARABIC_THREE}.0"])
def test_a_number_has_digits_of_ascii(value: str) -> None:
    condition = {"NumericEquals": {"aws:MultiFactorAuthAge": value}}
    assert outcome("kms:*", Condition=condition) is Outcome.INDETERMINATE
