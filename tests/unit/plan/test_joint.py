# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans of several accounts joined: one change of a key for all that need it, and who is stopped by a refusal."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Key, KeyLookup, Reason, Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._joint import (
    AGREED,
    Joint,
    Part,
    join,
    with_created,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._make import make_plan, regions_in_need
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import (
    MAY_DIFFER,
    EnforceRequest,
    KeyRequest,
)
from tests.unit.checks import build
from tests.unit.plan.build import NOTHING, OTHER, OTHER_ARN

ACCOUNTS = [f"{number}" * 12 for number in range(2, 7)]
OWNER = "999999999999"
CENTRAL = replace(
    OTHER,
    arn=OTHER_ARN.replace(build.ACCOUNT, OWNER),
    policy=build.policy({**build.ROOT, "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"}}),
)
TO_CREATE = f"arn:aws:kms:us-east-1:{OWNER}:key/to-be-created"
REQUEST = EnforceRequest(key_account_id=OWNER, writers={OWNER: f"arn:aws:iam::{OWNER}:root"})
READER = "arn:aws:iam::{}:role/Reader"


def bare(account: str) -> Snapshot:
    """An account whose trail has no key."""
    snapshot = build.snapshot(trail={"kms_key_arn": None})
    (trail,) = snapshot.trails
    bucket = replace(build.BUCKET, policy=str(build.BUCKET.policy).replace(build.ACCOUNT, account))
    trails = (replace(trail, arn=trail.arn.replace(build.ACCOUNT, account)),)
    return replace(snapshot, account_id=account, trails=trails, buckets={bucket.name: bucket})


def part(
    account: str, lookup: KeyLookup = NOTHING, request: EnforceRequest = REQUEST, readers: tuple[str, ...] = ()
) -> Part:
    """The plan of the account by itself."""
    settings = Settings(readers=readers)
    judged = assess(bare(account), settings)
    targets = dict.fromkeys(regions_in_need(judged, request), lookup)
    return Part(make_plan(judged, targets, request, settings), request, settings, judged.snapshot)


@cache
def of_central(account: str) -> Part:
    """The plan of the account by itself, which moves its trail to the central key."""
    return part(account, KeyLookup(CENTRAL))


def steps(joint: Joint) -> dict[str, list[str]]:
    """The operations of each account."""
    return {account: [change.operation for change in plan.changes] for account, plan in joint.plans.items()}


def test_one_new_key_for_all() -> None:
    joint = join({account: part(account, readers=(READER.format(account),)) for account in ACCOUNTS})
    (key,) = joint.keys
    assert key.name == (TO_CREATE, "alias/aws-baseline-cloudtrail")
    assert [change.operation for change in key.plan.changes] == ["CreateKey", "CreateAlias", "EnableKeyRotation"]
    policy = str(key.plan.changes[0].after["policy"])
    assert all(bare(account).trails[0].arn in policy and READER.format(account) in policy for account in ACCOUNTS)
    assert steps(joint) == {account: ["UpdateTrail"] for account in ACCOUNTS}
    for plan in joint.plans.values():
        assert plan.predicted.keys[TO_CREATE] == key.plan.predicted.keys[TO_CREATE]
        assert assess(plan.predicted, Settings()).verdict == "compliant"


def test_a_key_that_is_there_gets_one_policy_and_keeps_the_rest() -> None:
    joint = join({account: part(account, KeyLookup(CENTRAL)) for account in ACCOUNTS})
    (key,) = joint.keys
    (change, *_rotation) = key.plan.changes
    assert (change.operation, change.resource) == ("PutKeyPolicy", CENTRAL.arn)
    assert json.loads(str(change.after["policy"]))["Statement"][0] == json.loads(str(CENTRAL.policy))["Statement"][0]
    assert steps(joint) == {account: ["UpdateTrail"] for account in ACCOUNTS}


def test_an_account_of_its_own_keeps_its_plan() -> None:
    alone = part(ACCOUNTS[0])
    assert join({ACCOUNTS[0]: alone}) == Joint((), {ACCOUNTS[0]: alone.plan})
    own = {account: part(account, request=EnforceRequest()) for account in ACCOUNTS}
    assert join(own) == Joint((), {account: each.plan for account, each in own.items()})


def test_a_refused_account_leaves_the_key_to_the_others() -> None:
    parts = {account: part(account) for account in ACCOUNTS}
    parts[ACCOUNTS[0]] = replace(
        parts[ACCOUNTS[0]], plan=replace(parts[ACCOUNTS[0]].plan, refusals=(Reason("It is not to be."),))
    )
    joint = join(parts)
    (key,) = joint.keys
    assert key.accounts == tuple(ACCOUNTS[1:])
    assert bare(ACCOUNTS[0]).trails[0].arn not in str(key.plan.changes[0].after["policy"])
    assert joint.plans[ACCOUNTS[0]].refusals == (Reason("It is not to be."),)
    assert not any(joint.plans[account].refusals for account in ACCOUNTS[1:])


OTHERWISE: dict[str, Any] = {"key": KeyRequest(description="Another"), "key_id": CENTRAL.arn, "statements": "cis"}


@pytest.mark.parametrize("option", dict.fromkeys([*OTHERWISE, *AGREED]))
def test_accounts_that_share_a_key_must_agree(option: str) -> None:
    requested = replace(REQUEST, **{option: OTHERWISE.get(option, not getattr(REQUEST, option))})
    one, two, other = ACCOUNTS[:3]
    central = KeyLookup(CENTRAL)
    own = part(other, request=EnforceRequest())
    joint = join({one: part(one, central), two: part(two, central, requested), other: own})
    assert joint.keys == ()
    for account in (one, two):
        (refusal,) = map(str, joint.plans[account].refusals)
        assert f"Give each its own key, or set {option} to the same for both." in refusal
        assert CENTRAL.arn in refusal
    assert joint.plans[other] == own.plan


@pytest.mark.parametrize(
    "option",
    [each.name for each in fields(EnforceRequest) if isinstance(each.default, bool) and each.name not in AGREED],
)
@pytest.mark.parametrize(
    "key",
    [
        None,
        *(replace(CENTRAL, state=each, rotation_enabled=False) for each in ("Enabled", "Disabled", "PendingDeletion")),
    ],
)
def test_options_that_may_differ_change_nothing_of_the_key(option: str, key: Key | None) -> None:
    lookup = KeyLookup(key) if key else NOTHING
    base = replace(REQUEST, allow_enable_key=True, allow_cancel_deletion=True)
    choices: list[dict[str, Any]] = [{option: False}, {option: True}]
    plans = []
    for chosen in product(choices, repeat=2):
        parts = {each: part(each, lookup, replace(base, **own)) for each, own in zip(ACCOUNTS, chosen, strict=False)}
        (shared,) = join(parts).keys
        plans.append(replace(shared.plan, key_plans={}))
    assert plans[0].changes
    assert plans == [plans[0]] * 4


def test_what_may_differ_is_a_field() -> None:
    assert {each.name for each in fields(EnforceRequest)} >= MAY_DIFFER


def test_keys_of_two_aliases_are_two_although_they_have_one_placeholder() -> None:
    second = replace(REQUEST, key=KeyRequest(alias="alias/second"))
    parts = {account: part(account, request=REQUEST if account in ACCOUNTS[:2] else second) for account in ACCOUNTS[:4]}
    joint = join(parts)
    assert [(key.name[1], key.accounts) for key in joint.keys] == [
        ("alias/aws-baseline-cloudtrail", tuple(ACCOUNTS[:2])),
        ("alias/second", tuple(ACCOUNTS[2:4])),
    ]


def test_a_policy_without_room_for_all_stops_all_that_need_it() -> None:
    many = {
        each: part(each, readers=tuple(f"{READER.format(each)}{number:060}" for number in range(200)))
        for each in ACCOUNTS[:3]
    }
    assert not any(each.plan.refusals for each in many.values())
    joint = join(many)
    assert joint.keys == ()
    assert all("KMS accepts 32768" in str(plan.refusals[0]) for plan in joint.plans.values())


def test_a_created_key_takes_the_place_of_its_placeholder() -> None:
    joint = join({account: part(account) for account in ACCOUNTS[:2]})
    plan = with_created(joint.plans[ACCOUNTS[0]], {TO_CREATE: CENTRAL.arn})
    (change,) = plan.changes
    assert change.parameters["KmsKeyId"] == change.after["kms_key_arn"] == CENTRAL.arn
    assert TO_CREATE not in repr((plan.changes, plan.predicted))
    assert with_created(plan, {}) is plan


@settings(max_examples=30)
@given(st.permutations(ACCOUNTS), st.sets(st.sampled_from(ACCOUNTS)))
def test_the_order_of_accounts_does_not_matter(order: list[str], refused: set[str]) -> None:
    def made(account: str) -> Part:
        each = of_central(account)
        return replace(each, plan=replace(each.plan, refusals=(Reason("No."),))) if account in refused else each

    one, other = join({each: made(each) for each in ACCOUNTS}), join({each: made(each) for each in order})
    assert one.plans == other.plans
    assert [key.plan for key in one.keys] == [key.plan for key in other.keys]
