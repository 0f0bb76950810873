# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be decided after an audit, compared with what the enforcement that follows refuses."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.modules import cloudtrail_kms_enforce, cloudtrail_kms_facts
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._decisions import decisions
from tests.fakeaws.client import FakeAws
from tests.unit.action.audits import KEY, account, audit, finding, trail
from tests.unit.modules import answer, connection

RIGHT = {"usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT"}
ENABLE, CANCEL = "cloudtrail_kms_allow_enable_key=true", "cloudtrail_kms_allow_cancel_deletion=true"
ON = {"cloudtrail_kms_allow_enable_key": "yes", "cloudtrail_kms_allow_cancel_deletion": True}
ROLE = {"cloudtrail_kms_key_assume_role": {"role_arn": "arn:aws:iam::222222222222:role/Keys"}}


def state(state: str, **fields: Any) -> dict[str, Any]:
    return finding("key_is_usable", evidence={"state": state, **RIGHT}, **fields)


def denied(rule: str = "key_policy_allows_encrypt", **fields: Any) -> dict[str, Any]:
    return finding(rule, evidence={"outcome": "explicit_deny"}, **fields)


READER = {"arn:aws:iam::111111111111:role/Reader": {"outcome": "explicit_deny", "reason": "No."}}
ABSENT = {next(iter(READER)): {"outcome": "indeterminate", "reason": "Unknown: role/Reader does not exist."}}
EXPIRED = {"expired_exception": {"reason": "Old.", "owner": "me", "expires": "2026-01-01"}}


CHOICE = (
    ": the command below assumes yes; if not, leave its trails out with cloudtrail_kms_exceptions or "
    "cloudtrail_kms_trails"
)


@pytest.mark.parametrize(
    ("found", "variables", "begins", "needed"),
    [
        ([state("Disabled")], {}, [f"whether to enable the key alias/trail, now disabled{CHOICE}"], [ENABLE]),
        ([state("Disabled")], {"cloudtrail_kms_allow_enable_key": "false"}, ["whether to enable"], [ENABLE]),
        ([state("Disabled")], ON, [], []),
        (
            [state("PendingDeletion")],
            {},
            [f"whether to keep the key alias/trail, whose deletion is scheduled{CHOICE}"],
            [CANCEL, ENABLE],
        ),
        (
            [state("PendingDeletion")],
            {"cloudtrail_kms_allow_enable_key": "yes"},
            ["whether to keep the key alias/trail"],
            [CANCEL],
        ),
        ([state("PendingImport")], ON, ["what becomes of the key alias/trail, not enabled yet"], []),
        ([denied()], {}, ["whether the Deny in the policy of the key alias/trail stays"], []),
        ([finding("readers_can_decrypt", evidence=READER)], {}, ["whether the Deny in the policy"], []),
        ([denied(), state("Disabled")], {}, ["whether to enable", "whether the Deny"], [ENABLE]),
        ([denied("key_policy_allows_describe", level="advised")], {}, [], []),
        ([finding("key_policy_allows_encrypt", evidence={"outcome": "implicit_deny"})], {}, [], []),
        ([state("Disabled", status="excepted")], {}, [], []),
        # Another key is found or created, and this one left alone.
        ([state("Disabled"), finding("key_in_bucket_region")], {}, [], []),
        ([state("Disabled")], {"cloudtrail_kms_replace_compliant_key": True}, [], []),
        ([finding("key_is_usable", evidence={"state": "Disabled", "usage": "SIGN_VERIFY"})], {}, [], []),
        ([finding("key_in_bucket_region", evidence=EXPIRED)], {}, ["whether to renew or remove the expired"], []),
        ([finding("trail_is_delivering", evidence=EXPIRED)], {}, [], []),
        ([finding("a_rule_of_tomorrow")], {}, [], []),
        (
            [finding("readers_can_read", "unknown", level="advised", evidence=ABSENT)],
            {},
            ["what to put in the place of arn:aws:iam::111111111111:role/Reader under cloudtrail_kms_readers: no such"],
            [],
        ),
    ],
)
def test_of_a_trail(
    found: list[dict[str, Any]], variables: dict[str, Any], begins: list[str], needed: list[str]
) -> None:
    told = decisions(audit(account("non_compliant", trail("main", "non_compliant", *found))), variables)
    assert len(told.lines) == len(begins)
    assert all(line.startswith(start) for line, start in zip(told.lines, begins, strict=True)), told.lines
    assert [*told.variables] == needed


@pytest.mark.parametrize(("variables", "is_asked"), [({}, True), (ROLE, False)])
def test_the_key_of_an_account_outside_of_the_run_needs_a_role(variables: dict[str, Any], *, is_asked: bool) -> None:
    foreign = trail("main", "non_compliant", state("Disabled"), kms_key_arn=KEY.replace("1" * 12, "2" * 12))
    lines = decisions(audit(account("non_compliant", foreign)), {**variables, **ON}).lines
    assert [line.partition(":")[0] for line in lines] == [
        f"by which role to change the key {KEY.rpartition('/')[2]} of another account"
    ] * is_asked


def test_of_many_accounts_the_first_are_named_and_members_decide_nothing() -> None:
    rows = []
    for number in range(2, 7):
        one = str(number) * 12
        own = trail("main", "non_compliant", state("Disabled"), kms_key_arn=f"arn:aws:kms:us-east-1:{one}:key/k")
        seen = {**trail("central", "non_compliant", denied()), "ownership": "inherited"}
        rows.append(account("non_compliant", own, seen, account_id=one))
    (line,) = decisions(audit(*rows), {}).lines
    assert line.startswith(
        "whether to enable 5 keys (k of account 222222222222, k of account 333333333333, k of account 444444444444 "
        "and 2 more), now disabled"
    )


@pytest.mark.parametrize(
    ("scenario", "is_enough"), [("disabled-key", True), ("pending-deletion", True), ("policy-denying", False)]
)
def test_what_is_asked_for_is_what_the_enforcement_refuses(scenario: str, server: FakeAws, *, is_enough: bool) -> None:
    """With the variables of the Next line a plan is not refused, unless somebody has to act first."""
    server.reset(scenario)
    options = connection(server)
    facts = answer(cloudtrail_kms_facts, options)["ansible_facts"]["cloudtrail_kms"]
    told = decisions(facts, {})
    assert len(told.lines) == 1
    assert answer(cloudtrail_kms_enforce, {**options, "_ansible_check_mode": True})["refusals"]
    needed = {variable.removeprefix("cloudtrail_kms_").removesuffix("=true"): True for variable in told.variables}
    after = answer(cloudtrail_kms_enforce, {**options, **needed, "_ansible_check_mode": True})
    assert (after["refusals"] == []) is is_enough
