# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody puts back what stood before a write: the run writes again, or names the trails that it leaves unserved."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Pace, Stop
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from tests.unit.enforce.lab import HOME, Lab, alone, lagging, meanwhile, new_key, statuses
from tests.unit.enforce.many import TRAILS, served, troubles, verdicts
from tests.unit.enforce.test_late import COME_BACK
from tests.unit.enforce.test_other_accounts import PRODUCTION, SANDBOX, SECURITY, STAGING, of_security
from tests.unit.enforce.test_races import ALIAS, FOREIGN, sids

WRITES = [("PutKeyPolicy", "applied"), ("UpdateTrail", "applied"), ("EnableKeyRotation", "applied")]
DENIED: dict[str, Any] = {"code": "AccessDeniedException", "status": 400, "message": "No.", "times": -1}


def plain_key(lab: Lab) -> Callable[[], None]:
    """Give our alias to a key of which CloudTrail has no use; return what puts its policy of now back."""
    kms, arn = lab.client("kms", HOME), new_key(lab)
    kms.create_alias(AliasName=ALIAS, TargetKeyId=arn)
    policy = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    return lambda: kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)


def after_each(monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[], object]) -> None:
    """Act right after each write of this kind."""
    original = Access.send_once

    def send_once(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        answer = original(self, service, region, called, **parameters)
        if called == operation:
            act()
        return answer

    monkeypatch.setattr(Access, "send_once", send_once)


def at_each_wait(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Act whenever the run waits, or would wait if it had the time."""
    original = Pace.wait

    def wait(self: Pace, attempt: int) -> bool:
        in_time = original(self, attempt)
        act()
        return in_time

    monkeypatch.setattr(Pace, "wait", wait)


def test_a_policy_that_is_put_back_after_its_trail_moved_is_written_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    meanwhile(monkeypatch, "EnableKeyRotation", plain_key(lab))
    done = lab.enforce()
    assert (done.errors, statuses(done)) == ((), [*WRITES, ("PutKeyPolicy", "applied")])
    assert done.after is not None
    assert done.after.verdict == "compliant"
    assert [trail["LatestDeliveryError"] for trail in lab.trails().values()] == [None]
    assert 20 < lab.clock.now < 100  # a read may be late


def test_a_statement_that_comes_when_a_policy_was_put_back_stays(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    put_back = plain_key(lab)
    meanwhile(monkeypatch, "EnableKeyRotation", put_back)

    def add() -> None:
        ((arn, key),) = lab.keys(HOME).items()
        policy = {**key["policy"], "Statement": [*key["policy"]["Statement"], FOREIGN]}
        lab.client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))

    reads: list[int] = []
    original = Access.send

    def send(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        if called == "GetKeyPolicy" and lab.clock.now and not reads:  # the plan was made anew, and nothing written yet
            reads.append(1)
            answer = original(self, service, region, called, **parameters)
            add()
            return answer
        return original(self, service, region, called, **parameters)

    monkeypatch.setattr(Access, "send", send)
    done = lab.enforce()
    assert (done.errors, reads) == ((), [1])
    assert {FOREIGN["Sid"], "AwsBaselineCloudTrailUse"} <= set(sids(lab))


def test_a_policy_that_is_put_back_all_the_time_ends_the_run_with_its_trails(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    at_each_wait(monkeypatch, plain_key(lab))
    done = lab.enforce(seconds=200)
    (arn,) = lab.trails()
    assert f"These trails may not be served: {arn}." in str(done.errors[-1])
    assert statuses(done).count(("PutKeyPolicy", "applied")) > 2


def test_a_key_that_is_disabled_again_ends_the_run_with_its_trails(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("pending-deletion")
    (key,) = lab.keys(HOME)
    after_each(monkeypatch, "EnableKey", lambda: lab.client("kms", HOME).disable_key(KeyId=key))
    done = lab.enforce(COME_BACK, seconds=20)
    (arn,) = lab.trails()
    assert f"EnableKey of {key} in {HOME} was done, but AWS shows the old state" in str(done.errors[-1])
    assert f"These trails may not be served: {arn}." in str(done.errors[-1])


@pytest.mark.parametrize("with_more", [False, True])
def test_a_shared_key_whose_policy_is_put_back_names_the_trails(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, *, with_more: bool
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    ((arn, key),) = of_security(lab).items()
    policy = {**key["policy"], "Statement": [*key["policy"]["Statement"], *([FOREIGN] if with_more else [])]}
    put = {"KeyId": arn, "PolicyName": "default", "Policy": json.dumps(policy)}
    after_each(monkeypatch, "UpdateTrail", lambda: lab.of(SECURITY).client("kms", HOME).put_key_policy(**put))
    done = served(lab, PRODUCTION, STAGING, seconds=20)
    assert f"These trails may not be served: {TRAILS[PRODUCTION]}." in troubles(done)[PRODUCTION][-1]


def test_a_rotation_that_is_denied_does_not_keep_a_policy_from_being_written_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    meanwhile(monkeypatch, "EnableKeyRotation", plain_key(lab))
    lab.aws.add_fault("kms:EnableKeyRotation", **DENIED)
    lab.aws.clear_calls()
    done = lab.enforce()
    assert statuses(done) == [*WRITES[:2], ("EnableKeyRotation", "failed"), ("PutKeyPolicy", "applied")]
    assert [error in done.rotation_errors for error in done.errors] == [True]
    assert lab.writes().count("EnableKeyRotation") == 1
    assert [trail["LatestDeliveryError"] for trail in lab.trails().values()] == [None]


def two_trails(lab: Lab, *, with_key: bool = True) -> Callable[[], None]:
    """Let a second trail log to the bucket of the first; return as `plain_key`, without a key nothing to call."""
    ((arn, trail),) = lab.trails().items()
    s3, bucket = lab.client("s3", HOME), trail["S3BucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    for old, new in ((arn, f"{arn.rpartition('/')[0]}/*"), ("StringEquals", "StringLike")):
        policy = policy.replace(old, new)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    cloudtrail = lab.client("cloudtrail", HOME)
    cloudtrail.create_trail(Name="second", S3BucketName=bucket)
    cloudtrail.start_logging(Name="second")
    return plain_key(lab) if with_key else lambda: None


def test_a_policy_that_is_put_back_is_written_again_after_another_trail_has_failed(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    put_back = two_trails(lab)
    lab.aws.add_fault("cloudtrail:UpdateTrail", **DENIED, nth=2)
    at_each_wait(monkeypatch, lambda: put_back() if lab.clock.now < 3 else None)
    lab.aws.clear_calls()
    done = lab.enforce()
    assert [error.partition(" in ")[0].partition(" of ")[0] for error in map(str, done.errors)] == ["UpdateTrail"]
    assert statuses(done) == [
        ("PutKeyPolicy", "applied"),
        ("UpdateTrail", "applied"),
        ("UpdateTrail", "failed"),
        ("EnableKeyRotation", "not_attempted"),
        ("PutKeyPolicy", "applied"),
    ]
    assert {trail["LatestDeliveryError"] for trail in lab.trails().values()} == {None}


def test_a_policy_that_cannot_be_written_again_ends_the_run_with_its_trails(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    meanwhile(monkeypatch, "EnableKeyRotation", plain_key(lab))
    lab.aws.add_fault("kms:PutKeyPolicy", **DENIED, nth=3)  # after ours, and theirs
    lab.aws.clear_calls()
    done = lab.enforce()
    (arn,) = lab.trails()
    assert statuses(done) == [*WRITES, ("PutKeyPolicy", "failed")]
    assert "PutKeyPolicy of" in str(done.errors[0])
    assert f"is still to do. These trails may not be served: {arn}. Correct what failed, and run" in str(done.errors[1])
    assert lab.clock.now < 200


def test_an_interrupted_run_names_the_trails_of_a_policy_that_was_put_back(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, stopped = load("fresh"), Stop()
    put_back = plain_key(lab)

    def act() -> None:
        put_back()
        stopped.set()

    after_each(monkeypatch, "UpdateTrail", act)
    lab.aws.clear_calls()
    done = alone(lab.access, Task(), lab.clock.pace(300, stopped))
    (arn,) = lab.trails()
    assert "The run was interrupted before EnableKeyRotation" in str(done.errors[0])
    assert "was done, but AWS shows the old state, and the run was interrupted" in str(done.errors[1])
    assert f"These trails may not be served: {arn}." in str(done.errors[1])
    assert lab.writes().count("PutKeyPolicy") == 2  # ours, and theirs


def test_a_run_that_fails_after_its_writes_stood_says_nothing_more(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    plain_key(lab)
    lab.aws.add_fault("cloudtrail:UpdateTrail", **DENIED)
    done = lab.enforce()
    assert (len(done.errors), len(done.changes)) == (1, 3)
    assert lab.clock.now < 10


def test_a_policy_that_shows_late_after_it_has_shown_costs_no_statement(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GetKeyPolicy answers ours, then the one before it again, twice, while there is a third one."""
    lab = load("policy-lacking")
    original, answers = Access.send, list[Any]()

    def send(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        answer = original(self, service, region, called, **parameters)
        if called != "GetKeyPolicy":
            return answer
        is_ours = "AwsBaseline" in answer["Policy"]
        if is_ours and len(answers) == 1:
            policy = json.loads(answer["Policy"])
            policy["Statement"].append(FOREIGN)
            lab.client("kms", HOME).put_key_policy(
                KeyId=parameters["KeyId"], PolicyName="default", Policy=json.dumps(policy)
            )
            answers.extend([answers[0], answers[0]])
        elif not is_ours and not answers:
            answers.append(answer)
        elif len(answers) > 1:
            return answers.pop()
        return answer

    monkeypatch.setattr(Access, "send", send)
    done = lab.enforce()
    assert (done.errors, statuses(done)) == ((), [("PutKeyPolicy", "applied")])
    assert {FOREIGN["Sid"], "AwsBaselineCloudTrailUse"} <= set(sids(lab))


def test_no_second_key_is_made_where_the_new_one_shows_late_to_a_plan_of_fewer_trails(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    two_trails(lab, with_key=False)
    lagging(monkeypatch, lab.clock, 60, "DescribeKey")
    cloudtrail = lab.client("cloudtrail", HOME)

    def change_the_other() -> None:
        if lab.writes().count("UpdateTrail") == 1:
            cloudtrail.update_trail(Name="second", IncludeGlobalServiceEvents=True, IsMultiRegionTrail=True)

    lab.aws.clear_calls()
    after_each(monkeypatch, "UpdateTrail", change_the_other)
    done = lab.enforce()
    assert done.errors == ()
    assert [lab.writes().count(each) for each in ("CreateKey", "CreateAlias")] == [1, 1]


def test_what_the_new_plan_refuses_is_not_written_after_an_error(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    put_back = two_trails(lab)
    lab.aws.add_fault("cloudtrail:UpdateTrail", **DENIED, nth=2)
    kms = lab.client("kms", HOME)

    def act() -> None:
        put_back()
        for key in lab.keys(HOME):
            kms.tag_resource(KeyId=key, Tags=[{"TagKey": "managed-by", "TagValue": "terraform"}])

    after_each(monkeypatch, "UpdateTrail", act)
    lab.aws.clear_calls()
    done = lab.enforce()
    first, last = map(str, done.errors)
    assert "carries the tags of Terraform" in first
    assert "These trails may not be served: arn:aws:cloudtrail:eu-central-1:111111111111:trail/main" in last
    assert [status for operation, status in statuses(done) if operation == "PutKeyPolicy"][1:] == ["not_attempted"]


def test_a_rotation_that_is_put_back_stops_nothing(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("fresh")
    kms = lab.client("kms", HOME)
    after_each(
        monkeypatch, "EnableKeyRotation", lambda: [kms.disable_key_rotation(KeyId=key) for key in lab.keys(HOME)]
    )
    done = lab.enforce(seconds=30)
    assert ("EnableKeyRotation of" in done.rotation_errors[0], done.is_enough) == (True, True)


def test_an_account_has_of_a_shared_key_what_it_read_itself_after_others(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its policy is put back after the last trail has moved, and CloudTrail shows no error yet."""
    lab = load("central-key")
    served(lab, SANDBOX)
    ((arn, _key),) = of_security(lab).items()
    kms = lab.of(SECURITY).client("kms", HOME)
    policy = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    moved = count(1)

    def put_back() -> None:
        if next(moved) == 2:
            kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)

    def no_error_yet(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        answer = original(self, service, region, called, **parameters)
        return (
            {name: each for name, each in answer.items() if "Error" not in name}
            if called == "GetTrailStatus"
            else answer
        )

    original = Access.send
    after_each(monkeypatch, "UpdateTrail", put_back)
    monkeypatch.setattr(Access, "send", no_error_yet)
    done = served(lab, PRODUCTION, STAGING)
    assert "These trails may not be served" in str(troubles(done)[STAGING])
    assert verdicts(done)[STAGING] == "non_compliant"
