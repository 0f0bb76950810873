# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan, over accounts in which anything may be wrong at once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import account_row
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Change,
    Key,
    KeyLookup,
    Level,
    Missing,
    ReadError,
    Snapshot,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._key_plan import Plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._make import make_plan, regions_in_need
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from tests.unit.checks import build
from tests.unit.plan.build import ALIAS, OTHER, OTHER_ARN

REGIONS = (*["us-east-1"] * 9, "eu-west-1")
DENY = {**build.service("No", "kms:GenerateDataKey*"), "Effect": "Deny"}
SINCE = {"StringEquals": {"aws:SourceOrgID": "o-1"}}
STATEMENTS = (
    build.ENCRYPT,
    build.DESCRIBE,
    build.DECRYPT,
    *[{**build.ROOT, "Sid": f"Other{number}", "Action": "kms:ListGrants"} for number in range(9)],
    DENY,
    build.service("Perhaps", "kms:GenerateDataKey*", Condition=SINCE),
    {**build.ROOT, "Sid": "Read", "Principal": {"AWS": build.ROLE_ARN}, "Action": "kms:Decrypt"},
)
policies = st.lists(st.sampled_from(STATEMENTS), unique_by=str, max_size=6).map(
    lambda statements: build.policy(build.ROOT, *statements)
)
DENIED = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")


def mostly(good: str, *bad: str) -> st.SearchStrategy[str]:
    """The good value nine times out of ten."""
    return st.sampled_from([*[good] * 9 * len(bad), *bad])


@st.composite
def keys(draw: st.DrawFn, arn: str) -> Key:
    """A key with anything wrong with it."""
    return replace(
        build.KEY,
        arn=arn.replace("us-east-1", draw(st.sampled_from(REGIONS))),
        manager=draw(mostly("CUSTOMER", "AWS")),
        state=draw(mostly("Enabled", "Disabled", "PendingDeletion", "PendingImport")),
        spec=draw(mostly("SYMMETRIC_DEFAULT", "RSA_2048")),
        aliases=draw(st.sampled_from([(), (ALIAS,)])),
        policy=draw(st.one_of(*[policies] * 9, st.just(DENIED))),
        rotation_enabled=draw(st.booleans()),
    )


@st.composite
def accounts(draw: st.DrawFn) -> Snapshot:
    """An account with one to three trails, each on a key of its own, on a shared one, or on none."""
    pool = [draw(keys(build.KEY_ARN)), draw(keys(build.KEY_ARN.replace("key/1", "key/2")))]
    trails = []
    for number in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from([None, *pool]))
        arn = build.TRAIL_ARN if number == 0 else f"{build.TRAIL_ARN}{number}"
        trails.append(replace(build.TRAIL, arn=arn, name=f"main{number}", kms_key_arn=key.arn if key else None))
    policy = json.loads(build.BUCKET_POLICY)
    policy["Statement"][0]["Condition"]["StringEquals"]["aws:SourceArn"] = [trail.arn for trail in trails]
    bucket = replace(
        build.BUCKET,
        region=draw(st.sampled_from(REGIONS)),
        bucket_key_enabled=draw(st.booleans()),
        policy=draw(mostly(json.dumps(policy), build.policy())),
    )
    used = {trail.kms_key_arn for trail in trails}
    facts: dict[str, Key | Missing | ReadError] = {key.arn: key for key in pool if key.arn in used}
    for arn in facts:
        if draw(st.integers(0, 9)) == 0:
            facts[arn] = Missing("gone")
    return Snapshot(build.ACCOUNT, "aws", build.NOW, tuple(trails), facts, {"logs": bucket})


requests = st.builds(
    EnforceRequest,
    key=st.just(KeyRequest()),
    replace_compliant_key=st.booleans(),
    allow_enable_key=st.booleans(),
    allow_cancel_deletion=st.booleans(),
)
readers = st.sampled_from([Settings(), Settings(readers=(build.ROLE_ARN,))])
levels: st.SearchStrategy[dict[str, Level]] = st.dictionaries(
    st.sampled_from([*RULES]), st.sampled_from(["required", "advised", "off"]), max_size=5
)
lookups = st.one_of(
    st.just(KeyLookup(Missing("no alias"))), keys(OTHER_ARN).map(lambda key: KeyLookup(replace(key, aliases=(ALIAS,))))
)


def planned(snapshot: Snapshot, lookup: KeyLookup, request: EnforceRequest, asked: Settings) -> Plan:
    account = assess(snapshot, asked)
    return make_plan(account, dict.fromkeys(regions_in_need(account, request), lookup), request, asked)


def row(snapshot: Snapshot, asked: Settings) -> dict[str, Any]:
    """The account as an audit publishes it."""
    return account_row(assess(snapshot, asked), None)


def delivering(snapshot: Snapshot, asked: Settings) -> set[str]:
    """The trails of which nothing is known that keeps their logs from being delivered."""
    blocking = ("key_is_usable", "key_in_bucket_region", "key_policy_allows_encrypt", "bucket_policy_accepts_key")
    return {
        verdict.trail.arn
        for verdict in assess(snapshot, asked).trails
        if all(found.status != "fail" for found in verdict.findings if found.rule in blocking)
    }


@given(accounts(), lookups, requests, readers)
def test_every_plan_keeps_its_promises(
    snapshot: Snapshot, lookup: KeyLookup, requested: EnforceRequest, asked: Settings
) -> None:
    plan = planned(snapshot, lookup, requested, asked)
    assert planned(snapshot, lookup, requested, asked) == plan
    for change in plan.changes:
        assert_allowed(change, requested)
    if plan.refusals:
        return
    assert delivering(snapshot, asked) <= delivering(plan.predicted, asked)
    for verdict in assess(plan.predicted, asked).trails:
        moved = any(change.resource == verdict.trail.arn for change in plan.changes)
        assert not moved or verdict.verdict != "non_compliant"


@given(accounts(), lookups, requests, readers)
def test_a_second_plan_is_empty(
    snapshot: Snapshot, lookup: KeyLookup, requested: EnforceRequest, asked: Settings
) -> None:
    plan = planned(snapshot, lookup, requested, asked)
    if plan.refusals:
        return
    alias = next((key for key in plan.predicted.keys.values() if isinstance(key, Key) and _is_requested(key)), None)
    again = planned(plan.predicted, KeyLookup(alias) if alias else lookup, requested, asked)
    assert (again.changes, again.refusals) == ((), ())


@pytest.mark.parametrize(
    ("requested", "key"),
    [
        (EnforceRequest(), {}),
        (EnforceRequest(trails=("main",)), {}),
        (EnforceRequest(key=KeyRequest(alias="alias/another")), {}),
        (EnforceRequest(), {"rotation_enabled": False}),
        (EnforceRequest(key=KeyRequest(rotation=False)), {"rotation_enabled": False, "aliases": (KeyRequest.alias,)}),
    ],
)
def test_of_a_healthy_account_a_plan_says_nothing(requested: EnforceRequest, key: dict[str, Any]) -> None:
    healthy = build.snapshot(key=key)
    assert planned(healthy, KeyLookup(Missing("no alias")), requested, Settings()) == Plan((), (), (), healthy)


def _is_requested(key: Key) -> bool:
    return key.arn.endswith(("to-be-created", OTHER.arn.rpartition("/")[2]))


def assert_allowed(change: Change, request: EnforceRequest) -> None:
    """Nothing is sent that must never be, and nothing that was not asked for."""
    if change.operation == "UpdateTrail":
        assert set(change.parameters) == {"Name", "KmsKeyId"}
        assert change.parameters["KmsKeyId"]
    if change.operation == "PutKeyPolicy":
        assert set(change.parameters) == {"KeyId", "PolicyName", "Policy"}
        before = json.loads(str((change.before or {})["policy"]))["Statement"]
        assert json.loads(change.parameters["Policy"])["Statement"][: len(before)] == before
    if change.operation == "EnableKey":
        assert request.allow_enable_key
    if change.operation == "CancelKeyDeletion":
        assert request.allow_cancel_deletion
