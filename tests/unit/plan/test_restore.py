# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore puts back what a backup holds, and nothing that reaches further than the present policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict, assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    Key,
    Missing,
    Replaced,
    Snapshot,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _policy_back
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._key_plan import Plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._restore import make_restore_plans
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._undo import undos_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget, _ours
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.checks import build
from tests.unit.plan.test_trust import ADMINISTRATION, ANALYST, BORN, EVERYBODY, READERS
from tests.unit.policy.strategies import documents
from tests.unit.policy.test_comparison import relaid

# What a backup would have written

USE = _ours.use_statement([build.TRAIL_ARN], "strict")
WHOLE = [build.ROOT, USE, _ours.describe_statement()]
LOG_READER = _ours.readers_statement([build.ROLE_ARN])
PRESENT = build.policy(*WHOLE, LOG_READER)


def restore_plan(snapshot: Snapshot, backup: Backup, keys: Mapping[str, Any]) -> Plan:
    """What puts the backup of one account back."""
    (only,) = [snapshot.account_id]
    judged, requests = {only: assess(snapshot, Settings())}, {only: EnforceRequest(key=None)}
    return make_restore_plans(
        judged, undos_of({backup.account_id: backup}, judged), keys, requests, {only: Settings()}
    ).plans[only]


def restoring(before: str, after: str = PRESENT, present: Any = PRESENT, **backup: Any) -> Plan:
    """The plan that puts a policy back."""
    snapshot = build.snapshot(key={"policy": present})
    rows = (Replaced(build.KEY_ARN, before, after),)
    kept = Backup(build.ACCOUNT, "", key_policies=rows, **backup)
    return restore_plan(snapshot, kept, snapshot.keys)


def test_what_an_enforcement_added_goes() -> None:
    planned = restoring(build.policy(*WHOLE))
    assert planned.refusals == ()
    assert [change.operation for change in planned.changes] == ["PutKeyPolicy"]


@pytest.mark.parametrize("steps", [0, 1_000_000])
def test_what_a_trail_needs_stays_also_where_it_takes_too_long_to_judge(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "STEPS", steps)
    planned = restoring(build.policy(build.ROOT))
    assert ("that a finding may take" if steps == 0 else "key_policy_allows_encrypt") in str(planned.refusals[0])


def test_a_trail_that_a_restore_does_not_touch_is_not_judged_and_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_budget, "STEPS", 0)
    judged: set[str] = set()

    def recorded(snapshot: Snapshot, settings: Settings) -> AccountVerdict:
        judged.update(trail.arn for trail in snapshot.trails)
        return assess(snapshot, settings)

    monkeypatch.setattr(_policy_back, "assess", recorded)
    read = build.snapshot(key={"policy": PRESENT})
    other = replace(build.KEY, arn=build.KEY_ARN.replace("555", "666"))
    beside = replace(read.trails[0], arn=f"{build.TRAIL_ARN}2", name="main2", kms_key_arn=other.arn)
    read = replace(read, trails=(*read.trails, beside), keys={**read.keys, other.arn: other})
    rows = (Replaced(build.KEY_ARN, build.policy(*WHOLE), PRESENT),)
    planned = restore_plan(read, Backup(build.ACCOUNT, "", key_policies=rows), read.keys)
    assert {trail for refused in planned.refusals for trail in refused.trails} == judged == {build.TRAIL_ARN}


@pytest.mark.parametrize(
    ("statements", "whom"),
    [
        ([*WHOLE, ADMINISTRATION], "Administrators"),
        ([*WHOLE, {**READERS, "Principal": "*"}], "Readers"),
        ([*WHOLE, {**LOG_READER, "Action": "kms:*"}], "Readers"),
        ([*WHOLE, READERS], "999999999999"),
        ([*WHOLE, _ours.readers_statement([build.ROLE_ARN, ANALYST])], ANALYST),
        ([build.ROOT, _ours.use_statement([build.TRAIL_ARN], "cis"), WHOLE[2]], "AwsBaselineCloudTrailUse"),
        ([build.ROOT, _ours.use_statement([build.TRAIL_ARN, f"{build.TRAIL_ARN}2"], "strict")], f"{build.TRAIL_ARN}2"),
    ],
)
def test_what_reaches_further_than_the_present_policy_is_refused_by_name(statements: list[Any], whom: str) -> None:
    planned = restoring(build.policy(*statements))
    assert planned.changes == ()
    assert whom in str(planned.refusals[0])


def test_a_trail_leaves_a_key_of_an_ended_run_whomever_else_that_lets_in() -> None:
    """The run may have had readers and administrators of other accounts; moving away trusts nobody."""
    statements = (*BORN, ADMINISTRATION, READERS)
    new = replace(build.KEY, arn=build.KEY_ARN.replace("1111-", "2222-"), policy=build.policy(*statements))
    snapshot = replace(build.snapshot(trail={"kms_key_arn": new.arn}), keys={new.arn: new})
    row = Replaced(build.TRAIL_ARN, build.KEY_ARN, f"{build.KEY_ARN.rpartition('key/')[0]}key/to-be-created")
    backup = Backup(build.ACCOUNT, "", trail_keys=(row,))
    keys = {build.KEY_ARN: build.KEY}
    planned = restore_plan(snapshot, backup, keys)
    assert planned.refusals == ()
    assert [change.operation for change in planned.changes] == ["UpdateTrail"]


def test_a_deny_of_others_does_not_go() -> None:
    deny = {**EVERYBODY, "Sid": "AwsBaselineCloudTrailReaders2", "Effect": "Deny"}
    present = build.policy(*WHOLE, deny)
    assert 'no enforcement writes (statement "AwsBaselineCloudTrailReaders2")' in str(
        restoring(build.policy(*WHOLE), present, present).refusals
    )


def test_the_accounts_of_trails_are_read_through_escapes() -> None:
    """As text an escaped ARN names no trail, and the other account's trail would go blind."""
    other = build.TRAIL_ARN.replace(build.ACCOUNT, "222222222222").replace("main", "other")
    present = build.policy(*WHOLE[:1], _ours.use_statement([build.TRAIL_ARN, other], "strict"), WHOLE[2])
    escaped = present.replace("cloudtrail:", "cloudtr\\u0061il:")
    (refused,) = map(str, restoring(build.policy(*WHOLE), escaped, escaped).refusals)
    assert "account 222222222222 also uses the key" in refused


@pytest.mark.parametrize(
    "present",
    [
        json.dumps(json.loads(PRESENT), indent=2),
        build.policy(*reversed([*WHOLE, LOG_READER])),
        build.policy(build.ROOT, {**USE, "Action": USE["Action"][::-1], "Resource": ["*"]}, WHOLE[2], LOG_READER),
        build.policy({**build.ROOT, "Principal": {"AWS": build.ACCOUNT}}, USE, WHOLE[2], LOG_READER),
        build.policy(*WHOLE, {**LOG_READER, "Principal": {"AWS": build.ROLE_ARN}}),
    ],
    ids=["layout", "statements", "actions", "account", "list of one"],
)
def test_a_policy_goes_back_however_kms_lays_it_out(present: str) -> None:
    planned = restoring(build.policy(*WHOLE), present=present)
    assert planned.refusals == ()
    assert [change.operation for change in planned.changes] == ["PutKeyPolicy"]
    assert restoring(present, PRESENT).changes == ()


@settings(max_examples=10, deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_what_an_enforcement_did_is_never_blamed_on_others(policy: dict[str, Any], random: Any) -> None:
    """Whatever stood in the policy, and however KMS gives it out; nor is it taken for a step ahead."""
    before = parse(json.dumps(policy))
    try:
        after = merge(before, Required(build.KEY_ARN, (build.TRAIL_ARN,), (build.ROLE_ARN,)))
    except MergeRefusedError:
        assume(False)
    present = json.dumps(relaid(json.loads(after.to_json()), random))
    refused = " ".join(map(str, restoring(before.to_json(), after.to_json(), present).refusals))
    assert not any(words in refused for words in ("somebody else", "differ in the backup", "reaches further"))


def test_a_policy_goes_back_as_compact_as_kms_counts_it() -> None:
    (change,) = restoring(json.dumps(json.loads(build.policy(*WHOLE)), indent=4)).changes
    assert "\n" not in change.parameters["Policy"]


@pytest.mark.parametrize(
    ("present", "why"),
    [
        (
            build.policy(*WHOLE, LOG_READER, EVERYBODY),
            "somebody else has changed it since the backup, so it is left as it is.",
        ),
        (
            build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy"),
            "it cannot be read, so nothing is written to it while that is so.",
        ),
    ],
)
def test_a_policy_that_is_left_out_is_refused(present: Any, why: str) -> None:
    planned = restoring(build.policy(*WHOLE), present=present)
    assert f"The policy of {build.KEY_ARN}: {why}" in str(planned.refusals[0])


def test_a_key_that_is_gone_is_refused() -> None:
    snapshot = build.snapshot()
    gone = build.KEY_ARN.replace("1111-", "2222-")
    backup = Backup(build.ACCOUNT, "", key_policies=(Replaced(gone, build.policy(*WHOLE), PRESENT),))
    keys: dict[str, Key | Missing | Any] = {gone: Missing("no such key")}
    planned = restore_plan(snapshot, backup, keys)
    assert f"The policy of {gone}: it cannot be read" in str(planned.refusals[0])


def test_what_no_restore_puts_back_is_refused_unless_it_is_back() -> None:
    was = build.policy(EVERYBODY)
    left = restoring(
        PRESENT,
        bucket_policies=(Replaced("arn:aws:s3:::logs", was, build.BUCKET_POLICY),),
        created_trails=(build.TRAIL_ARN,),
    )
    assert (*map(str, left.refusals),) == (
        "The policy of arn:aws:s3:::logs: a restore does not change it, because new logs may need it. To restore "
        "the rest, delete its entry from bucket_policies in the backup file. To put it back all the same, set it by "
        "hand.",
        f"The trail {build.TRAIL_ARN}: a restore deletes nothing. To restore the rest, delete its entry from "
        "created_trails in the backup file. To remove it all the same, delete it by hand.",
    )
    back = restoring(
        PRESENT,
        bucket_policies=(Replaced("arn:aws:s3:::logs", build.BUCKET_POLICY, was),),
        created_trails=(f"{build.TRAIL_ARN}2",),
    )
    assert back.refusals == ()


def test_what_a_statement_of_ours_says_twice_does_not_go() -> None:
    present = PRESENT.replace('"Action": "kms:Decrypt"', '"Action": "kms:Foo", "Action": "kms:Decrypt"')
    refused = str(restoring(build.policy(*WHOLE), present, present).refusals)
    assert 'no enforcement writes (statement "AwsBaselineCloudTrailReaders")' in refused
