# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said where a budget is spent, and what a budget does not reach is never taken for decided."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import (
    Decision,
    decide,
    told_apart,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from tests.unit.policy.asking import ALLOW, SERVICE, when
from tests.unit.policy.golden_tables import EVERYTHING, KEY, OWNER


def decided(statement: dict[str, Any], budget: Budget, *unknown: str) -> Decision:
    """What is decided of kms:Decrypt."""
    request = Request(
        principal=SERVICE,
        action="kms:Decrypt",
        resource=KEY,
        context={},
        account=OWNER,
        unknown_keys=frozenset(unknown),
    )
    return decide(parse({"Version": "2012-10-17", "Statement": [statement]}), request, budget)


@pytest.mark.parametrize(
    ("budget", "reason", "advice"),
    [
        (
            Budget(0),
            f"Deciding whether the policy allows kms:Decrypt to {SERVICE} takes more than the 1,000,000 steps that a "
            "finding may take: the conditions, values and wildcards of its statements multiply.",
            "Simplify the policy: use fewer conditions, values and wildcards that depend on each other.",
        ),
        (
            Budget(account=Budget(0)),
            f"It was not decided whether the policy allows kms:Decrypt to {SERVICE}. The policies of the account's "
            "keys and buckets take more than the 20,000,000 steps that all findings of an account may take together.",
            "Shorten these policies: use fewer conditions, values and wildcards.",
        ),
    ],
)
def test_a_spent_budget_is_named_with_what_to_do(budget: Budget, reason: str, advice: str) -> None:
    decision = decided(EVERYTHING, budget)
    assert (decision.outcome, decision.reason, decision.advice) == (Outcome.INDETERMINATE, reason, advice)
    assert (decision.statements, decision.named) == ((), ())


def test_unknown_keys_multiply() -> None:
    """Each of them doubles what is to be tried; one alone takes next to nothing."""
    keys = [f"k{number}" for number in range(4)]
    many, one = (when(ALLOW, StringEquals=dict.fromkeys(each, "v")) for each in (keys, keys[:1]))
    assert "steps" in decided(many, Budget(1_000), *keys).reason
    assert "depends on its condition" in decided(one, Budget(1_000), *keys).reason


def test_a_longer_name_takes_more_steps() -> None:
    request = Request(principal=SERVICE, action="s3:PutObject", resource="arn:aws:s3:::b/x", context={}, account=OWNER)
    searching = {**EVERYTHING, "Resource": f"arn:aws:s3:::b/*{'y' * 2_000}*"}
    policy = parse({"Version": "2012-10-17", "Statement": [searching]})
    short, long = (decide(policy, request.at(f"arn:aws:s3:::b/{'x' * length}"), Budget(500)) for length in (9, 900))
    assert (short.outcome, long.outcome) == (Outcome.IMPLICIT_DENY, Outcome.INDETERMINATE)


def test_each_variable_takes_steps() -> None:
    """It is filled anew for each request."""
    filled, plain = ([f"{name}-{number}*" for number in range(100)] for name in ("${aws:username}", "name"))
    assert "steps" in decided(when(ALLOW, StringLike={"k": filled}), Budget(5_000)).reason
    assert "fails" in decided(when(ALLOW, StringLike={"k": plain}), Budget(5_000)).reason


@pytest.mark.parametrize(
    ("calls", "policies", "left"),
    [(0, [], 20_000_000), (100, [], 40_000_000), (0, ["x" * 50_000, "x" * 50_000], 18_000_000)],
)
def test_an_account_has_steps_for_its_lists_and_none_for_reading(calls: int, policies: list[str], left: int) -> None:
    assert Budget.of_account(calls, policies).spend(left)
    assert not Budget.of_account(calls, policies).spend(left + 1)


def test_a_finding_takes_its_steps_from_those_of_the_account() -> None:
    account = Budget(10)
    finding = Budget.of(100, account)
    assert finding.spend(10)
    assert not finding.spend(1)
    assert (finding.is_exhausted, finding.is_of_account, account.is_exhausted) == (True, True, True)
    assert Budget.of(100).spend(2_000_000)
    assert not Budget.of(1).spend(1_000_001)


VALUES = ["a/1", "a/2", "b/1"]


@pytest.mark.parametrize(
    ("statement", "steps", "groups"),
    [
        (when(EVERYTHING, StringLike={"K": "a/*"}), 1_000, [["a/1", "a/2"], ["b/1"]]),
        (when(EVERYTHING, StringLike={"other": "a/*"}), 1_000, [VALUES]),
        # A variable may be that key, wherever it is.
        (when(EVERYTHING, StringLike={"other": "${k}"}), 1_000, [["a/1"], ["a/2"], ["b/1"]]),
        (when({**EVERYTHING, "Resource": "${k}"}, Bool={"other": "true"}), 1_000, [["a/1"], ["a/2"], ["b/1"]]),
        (when(EVERYTHING, StringLike={"K": "a/*"}), 5, [VALUES]),
    ],
)
def test_values_that_a_policy_tells_apart(statement: dict[str, Any], steps: int, groups: list[list[str]]) -> None:
    policy = parse({"Version": "2012-10-17", "Statement": [statement]})
    assert told_apart(policy, "k", VALUES, Budget(steps)) == groups
