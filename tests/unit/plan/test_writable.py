# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A policy that does not let the principal of the run write it is refused in the plan, with who may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._writable import (
    of_another_partition,
    why_not_writable,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from tests.unit.checks import build
from tests.unit.plan.build import BARE, GIVEN, plan, steps, target

ROLE = f"arn:aws:iam::{build.ACCOUNT}:role/CloudTrailKmsEnforce"
SESSION = f"arn:aws:sts::{build.ACCOUNT}:assumed-role/CloudTrailKmsEnforce/session"
OWNER = f"arn:aws:iam::{build.ACCOUNT}:role/KeyOwner"


def allowing(principal: object, action: str = "kms:*", **elements: Any) -> dict[str, Any]:
    return {"Sid": "S", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **elements}


def denying(**condition: Any) -> dict[str, Any]:
    return {**allowing("*", "kms:PutKeyPolicy", Condition=condition), "Effect": "Deny"}


OWNED = allowing({"AWS": OWNER})
ELSE = {"ArnNotEquals": {"aws:PrincipalArn": OWNER}}


@pytest.mark.parametrize("principal", [ROLE, SESSION])
def test_a_plan_refuses_what_only_another_principal_may(principal: str) -> None:
    request = replace(GIVEN, writers={build.ACCOUNT: principal})
    (refusal,) = map(str, plan(build.snapshot(trail=BARE), request, target(policy=build.policy(OWNED))).refusals)
    assert f"its policy does not let {principal} call kms:PutKeyPolicy" in refusal
    assert f"Its policy names {OWNER}: run with one of these." in refusal


def test_the_key_of_a_trail_is_asked_before_it_is_merged_into() -> None:
    request = EnforceRequest(writers={build.ACCOUNT: ROLE})
    (refusal,) = map(str, plan(build.snapshot(key={"policy": build.policy(OWNED)}), request).refusals)
    assert OWNER in refusal


def test_a_key_that_is_enabled_is_asked_too() -> None:
    request = EnforceRequest(writers={build.ACCOUNT: ROLE}, allow_enable_key=True)
    served = [OWNED, build.service("Use", "kms:*")]
    disabled = {"state": "Disabled", "policy": build.policy(*served)}
    (refusal,) = map(str, plan(build.snapshot(key=disabled), request).refusals)
    assert "call kms:EnableKey" in refusal
    request = replace(request, writers={build.ACCOUNT: OWNER})
    assert [operation for operation, _resource in steps(plan(build.snapshot(key=disabled), request))] == ["EnableKey"]


@pytest.mark.parametrize(
    ("statements", "principal"),
    [
        ([build.ROOT], ROLE),  # the account's IAM policies decide
        ([OWNED], OWNER),
        ([allowing({"AWS": ROLE})], SESSION),
        ([build.ROOT, denying(**ELSE)], OWNER),
        ([build.ROOT, denying(**ELSE)], SESSION),  # the path of its role does not show
        ([build.ROOT, denying(Bool={"kms:BypassPolicyLockoutSafetyCheck": "true"})], ROLE),
        ([build.ROOT, denying(StringNotEquals={"kms:CallerAccount": build.ACCOUNT})], ROLE),
        ([build.ROOT, denying(NotIpAddress={"aws:SourceIp": "192.0.2.0/24"})], ROLE),  # nobody knows
        ([OWNED], None),
    ],
)
def test_what_may_be_allowed_is_not_refused(statements: list[dict[str, Any]], principal: str | None) -> None:
    key = replace(build.KEY, policy=build.policy(*statements))
    assert why_not_writable(key, "PutKeyPolicy", principal) is None


@pytest.mark.parametrize(
    ("statements", "who"),
    [
        ([OWNED, allowing({"AWS": "222222222222"})], f"{OWNER}, 222222222222"),
        ([build.ROOT, denying(**ELSE)], f"arn:aws:iam::{build.ACCOUNT}:root"),
        ([allowing({"AWS": [OWNER]}, "kms:Put*"), allowing({"AWS": ROLE}, "kms:Decrypt")], OWNER),
        ([allowing({"Service": "cloudtrail.amazonaws.com"})], "nobody who may"),
    ],
)
def test_who_may_is_named(statements: list[dict[str, Any]], who: str) -> None:
    key = replace(build.KEY, policy=build.policy(*statements))
    assert f"Its policy names {who}" in str(why_not_writable(key, "PutKeyPolicy", ROLE))


def test_a_policy_that_cannot_be_read_or_is_none_says_nothing() -> None:
    unread = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
    for policy in (unread, "{}"):
        assert why_not_writable(replace(build.KEY, policy=policy), "PutKeyPolicy", ROLE) is None


def test_readers_and_administrators_are_of_the_accounts_partition() -> None:
    request = EnforceRequest(key=KeyRequest(administrators=("arn:aws-cn:iam::111111111111:role/A", ROLE)))
    readers = ("arn:aws-us-gov:iam::111111111111:role/B", "222222222222", OWNER)
    told = [str(each) for each in of_another_partition(request, readers, build.snapshot())]
    assert [refusal.rpartition(" ")[2] for refusal in told] == ["key.administrators.", "readers."]
    assert "is of the partition aws-cn, and account 111111111111 of aws" in told[0]
