# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS shows late what was written, by this run or by somebody else: every look counts against the one deadline."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.creating import TRAIL
from tests.unit.enforce.lab import HOME, Lab, lagging, meanwhile, statuses
from tests.unit.enforce.many import operations, served, troubles
from tests.unit.enforce.test_other_accounts import PRODUCTION, SECURITY, of_security

LAG = 25
READS = (
    "DescribeKey",
    "DescribeTrails",
    "GetBucketPolicy",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetTrailStatus",
    "ListAliases",
    "ListKeys",
)
PLAIN = Task(Scope(regions=(HOME,)))
COME_BACK = replace(PLAIN, request=EnforceRequest(allow_enable_key=True, allow_cancel_deletion=True))
PROVISION = replace(PLAIN, request=EnforceRequest(create_trail=TRAIL))


@pytest.mark.parametrize(
    ("scenario", "task", "lagging_reads"),
    [
        ("fresh", PLAIN, READS),
        ("fresh", PLAIN, ("DescribeTrails",)),
        ("policy-lacking", PLAIN, READS),
        ("pending-deletion", COME_BACK, READS),
        ("new-bucket", PROVISION, READS),
    ],
)
def test_what_shows_late_is_waited_for_and_written_once(
    load: Callable[[str], Lab],
    monkeypatch: pytest.MonkeyPatch,
    scenario: str,
    task: Task,
    lagging_reads: tuple[str, ...],
) -> None:
    lab = load(scenario)
    planned = [change.operation for change in lab.enforce(task, check_mode=True).changes]
    lagging(monkeypatch, lab.clock, LAG, *lagging_reads)
    outcome = lab.enforce(task)
    assert (outcome.refusals, outcome.errors) == ((), ())
    assert statuses(outcome) == [(operation, "applied") for operation in planned]
    assert lab.writes() == planned
    assert outcome.after is not None
    assert outcome.after.verdict == "compliant"
    lab.clock.sleep(LAG)
    assert (lab.enforce(task).changes, lab.writes()) == ((), planned)


@pytest.mark.parametrize(
    ("scenario", "task", "operation"),
    [
        ("fresh", PLAIN, "kms:CreateKey"),
        ("fresh", PLAIN, "kms:CreateAlias"),
        ("fresh", PLAIN, "kms:EnableKeyRotation"),
        ("fresh", PLAIN, "cloudtrail:UpdateTrail"),
        ("policy-lacking", PLAIN, "kms:PutKeyPolicy"),
        ("pending-deletion", COME_BACK, "kms:CancelKeyDeletion"),
        ("pending-deletion", COME_BACK, "kms:EnableKey"),
        ("new-bucket", PROVISION, "s3:PutBucketPolicy"),
        ("new-bucket", PROVISION, "cloudtrail:CreateTrail"),
        ("new-bucket", PROVISION, "cloudtrail:StartLogging"),
    ],
)
def test_a_write_whose_answer_is_lost_may_show_late(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, scenario: str, task: Task, operation: str
) -> None:
    lab = load(scenario)
    planned = [change.operation for change in lab.enforce(task, check_mode=True).changes]
    lab.aws.add_fault(action=operation, lose_reply=True)
    lagging(monkeypatch, lab.clock, LAG, *READS)
    outcome = lab.enforce(task)
    assert (outcome.refusals, outcome.errors) == ((), ())
    assert statuses(outcome) == [(operation, "applied") for operation in planned]
    assert lab.writes().count("CreateKey") == planned.count("CreateKey")


def test_a_policy_that_never_shows_fails_at_the_deadline(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("policy-lacking")
    lagging(monkeypatch, lab.clock, 10_000, "GetKeyPolicy")
    outcome = lab.enforce(PLAIN, seconds=100)
    assert statuses(outcome) == [("PutKeyPolicy", "failed")]
    assert "but until the time was up AWS showed another:" in str(outcome.errors[0])
    assert 80 <= lab.clock.now <= 100


def test_a_trail_that_never_shows_its_key_fails_at_the_deadline(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    lagging(monkeypatch, lab.clock, 10_000, "DescribeTrails")
    outcome = lab.enforce(PLAIN, seconds=100)
    (arn,) = lab.trails()
    assert f"UpdateTrail of {arn} in {HOME} was done, but AWS shows the old state" in str(outcome.errors[0])
    assert lab.writes().count("UpdateTrail") == 1
    assert 80 <= lab.clock.now <= 100


@pytest.mark.parametrize(
    ("scenario", "task", "read"),
    [
        ("policy-lacking", PLAIN, "kms:GetKeyPolicy"),
        ("fresh", PLAIN, "cloudtrail:DescribeTrails"),
        ("new-bucket", PROVISION, "s3:GetBucketPolicy"),
        ("fresh", PLAIN, "kms:DescribeKey"),
    ],
)
def test_a_look_that_fails_for_a_while_is_made_again(
    load: Callable[[str], Lab], scenario: str, task: Task, read: str
) -> None:
    lab = load(scenario)
    lab.enforce(task, check_mode=True)
    reads = [call["action"] for call in lab.aws.calls()].count(read.partition(":")[2])
    lab.aws.add_fault(action=read, nth=reads + 1, times=12, code="ThrottlingException")
    outcome = lab.enforce(task)
    assert (outcome.refusals, outcome.errors) == ((), ())
    assert {status for __, status in statuses(outcome)} == {"applied"}


def given_key(lab: Lab) -> Task:
    """The task to move the trail to a key that somebody has just made for it."""
    policy = json.dumps(next(iter(lab.keys(HOME).values()))["policy"])
    other = lab.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    lab.client("kms", HOME).put_key_policy(KeyId=other, PolicyName="default", Policy=policy)
    lab.aws.clear_calls()
    return replace(PLAIN, request=EnforceRequest(key=None, key_id=other, replace_compliant_key=True))


@pytest.mark.parametrize(
    "code",
    [
        "InsufficientEncryptionPolicyException",
        "KmsKeyNotFoundException",
        "KmsKeyDisabledException",
        "KmsException",
        "TrailNotFoundException",
    ],
)
def test_what_somebody_else_has_just_written_is_waited_for(load: Callable[[str], Lab], code: str) -> None:
    lab = load("healthy")
    task = given_key(lab)
    lab.aws.add_fault(action="cloudtrail:UpdateTrail", code=code, times=3)
    outcome = lab.enforce(task)
    assert (statuses(outcome), lab.writes()) == ([("UpdateTrail", "applied")], ["UpdateTrail"] * 4)
    assert lab.clock.now == 1 + 2 + 4


def test_it_is_waited_for_no_longer_than_allowed(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    task = given_key(lab)
    lab.aws.add_fault(action="cloudtrail:UpdateTrail", code="KmsKeyNotFoundException", times=-1)
    outcome = lab.enforce(task, seconds=10)
    assert (statuses(outcome), lab.clock.now) == ([("UpdateTrail", "failed")], 1 + 2 + 4)


def test_a_trail_is_created_on_a_key_that_was_made_a_moment_ago(load: Callable[[str], Lab]) -> None:
    lab = load("vending")
    (arn,) = lab.keys(HOME)
    lab.aws.add_fault(action="cloudtrail:CreateTrail", code="KmsKeyNotFoundException", times=2)
    task = replace(PLAIN, request=EnforceRequest(create_trail=TRAIL, key=None, key_id=arn))
    assert lab.enforce(task).errors == ()


def test_another_run_s_key_is_not_seen_yet_where_its_policy_is_written(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab, PRODUCTION)
    lab.aws.add_fault(action="kms:PutKeyPolicy", code="NotFoundException", times=3)
    done = served(lab)
    assert (troubles(done), operations(done)[f"key of {SECURITY}"]) == ({}, ["PutKeyPolicy"])


@pytest.mark.parametrize("lag", [1.5, 60])
def test_an_alias_that_shows_late_on_a_key_left_behind_leads_to_no_second_key(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, lag: float
) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, times=-1)
    served(lab)
    lab.aws.clear_faults()
    lab.aws.clear_calls()
    lagging(monkeypatch, lab.clock, lag, "DescribeKey")
    done = served(lab)
    assert troubles(done) == {}
    assert "CreateKey" not in lab.writes()
    assert len(of_security(lab)) == 1


@pytest.mark.parametrize("times", [1, -1])
def test_an_alias_that_describe_key_does_not_find_yet_leads_to_no_second_key(
    load: Callable[[str], Lab], times: int
) -> None:
    """ListAliases has it: one answer of KMS may be older than the other."""
    lab = load("fresh")
    lab.enforce(PLAIN)
    (arn,) = lab.trails()
    lab.client("cloudtrail", HOME).update_trail(Name=arn, KmsKeyId="")
    lab.aws.clear_calls()
    lab.aws.add_fault("kms:DescribeKey", code="NotFoundException", status=400, times=times)
    outcome = lab.enforce(PLAIN)
    assert lab.writes() == (["UpdateTrail"] if times == 1 else [])
    assert ("but ListAliases has it" in str(outcome.refusals)) == (times == -1)


def test_the_policy_of_a_new_key_is_not_read_before_a_trail_has_it(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """KMS may know the key later elsewhere, and nobody else can have written there."""
    lab = load("fresh")
    reads: list[int] = []

    def count_reads() -> None:
        reads.append(sum(call["action"] == "GetKeyPolicy" for call in lab.aws.calls()))

    lab.aws.clear_calls()
    meanwhile(monkeypatch, "UpdateTrail", count_reads)
    assert statuses(lab.enforce())[0] == ("CreateKey", "applied")
    assert reads == [0]
