# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No trail that may be delivering is moved past what was not read: its bucket's policy, and the regions it covers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _targets
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, TrailRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.lab import Lab, comparable
from tests.unit.enforce.test_other_accounts import (
    HOME,
    LOG_ARCHIVE,
    NEW,
    PRODUCTION,
    REQUEST,
    SECURITY,
    role,
)

SCENARIOS = Path(__file__).parents[2] / "fakeaws" / "scenarios"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{PRODUCTION}:trail/production-trail"
KEY_ROLE_ALONE = Task(Scope(role=role(PRODUCTION), key_role=role(SECURITY), regions=(HOME,)), request=REQUEST)
ALLOWED = replace(REQUEST, allow_unread_bucket_policy=True)
DENIED = {"code": "UnauthorizedOperation", "status": 403, "times": -1}
Change = Callable[[dict[str, Any]], None]
Changed = Callable[[str, Change], Lab]


@pytest.fixture
def changed(load: Callable[[str], Lab], tmp_path: Path) -> Changed:
    """Load a scenario with a change made to it."""

    def loaded(scenario: str, change: Change) -> Lab:
        document = yaml.safe_load((SCENARIOS / f"{scenario}.yml").read_text(encoding="utf-8"))
        change(document)
        path = tmp_path / f"{scenario}.yml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return load(str(path))

    return loaded


def in_the_key_s_account(policy: str) -> Change:
    """Put the central bucket, with a policy and a name that does not tell, into the account of the central key."""

    def change(scenario: dict[str, Any]) -> None:
        scenario["buckets"]["central-logs"] = {"account": "security", "policy": policy, "name": "company-logs"}

    return change


def twice(lab: Lab, task: Task) -> Outcome:
    """The outcome of check mode, and of a run that must be the same; a second run writes nothing."""
    lab.aws.clear_calls()
    told = lab.enforce(task, check_mode=True)
    assert lab.writes() == []
    done = lab.enforce(task)
    assert told.refusals == done.refusals
    assert comparable(told) == comparable(done)
    if not done.refusals:
        assert (done.errors, {change.status for change in done.changes}) == ((), {"applied"})
        lab.aws.clear_calls()
        assert (lab.enforce(task).changes, lab.writes()) == ((), [])
    return done


def refused(lab: Lab, task: Task) -> str:
    """The one refusal, in check mode and in the run; nothing is written."""
    (refusal,) = map(str, twice(lab, task).refusals)
    assert lab.writes() == []
    return refusal


def policy_reads(lab: Lab) -> Counter[str]:
    """How often each account has asked for the policy of the central bucket."""
    asked = (call for call in lab.aws.calls() if call["action"] == "GetBucketPolicy")
    return Counter(call["account"] for call in asked if call["parameters"]["Bucket"].startswith("central-logs"))


def test_the_key_s_role_reads_a_bucket_that_denies_before_the_trail_is_moved(changed: Changed) -> None:
    lab = changed("central-key", in_the_key_s_account("deny-unless-aes256"))
    refusal = refused(lab, KEY_ROLE_ALONE)
    assert "does not let CloudTrail upload logs encrypted under this key" in refusal
    assert "DenyUnlessAES256" in refusal


def test_the_key_s_role_reads_a_bucket_that_accepts_before_the_trail_is_moved(changed: Changed) -> None:
    lab = changed("central-key", in_the_key_s_account("cloudtrail"))
    done = twice(lab, KEY_ROLE_ALONE)
    assert [change.operation for change in done.changes] == NEW
    assert done.after is not None
    assert (done.warnings, done.after.verdict) == ((), "compliant")


def test_the_caller_reads_a_bucket_of_its_own_account(changed: Changed) -> None:
    lab = changed("central-key", in_the_key_s_account("deny-unless-aes256")).of(SECURITY)
    assert "DenyUnlessAES256" in refused(lab, Task(Scope(role=role(PRODUCTION), regions=(HOME,))))


def test_nobody_is_asked_after_the_one_that_answers(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    scope = replace(KEY_ROLE_ALONE.scope, bucket_role=role(LOG_ARCHIVE, "audit"))
    lab.enforce(replace(KEY_ROLE_ALONE, scope=scope), check_mode=True)
    assert policy_reads(lab) == {PRODUCTION: 1, LOG_ARCHIVE: 1}
    lab.aws.clear_calls()
    lab.enforce(KEY_ROLE_ALONE, check_mode=True)
    assert policy_reads(lab) == {PRODUCTION: 1, SECURITY: 1}


def test_a_delivering_trail_is_moved_past_an_unread_policy_only_where_that_is_allowed(
    load: Callable[[str], Lab],
) -> None:
    lab = load("central-key")
    refusal = refused(lab, KEY_ROLE_ALONE)
    assert refusal.startswith(f"The trail {TRAIL}: with the key ")
    assert (
        f"Set bucket_assume_role to a role in account {LOG_ARCHIVE} (from the name of the bucket) that may" in refusal
    )
    assert refusal.endswith(", or allow_unread_bucket_policy: true.")
    done = twice(lab, replace(KEY_ROLE_ALONE, request=ALLOWED))
    assert [change.operation for change in done.changes] == NEW
    assert sum("the policy of its bucket" in warning for warning in map(str, done.warnings)) == 1


def test_a_trail_whose_status_is_unknown_may_be_delivering(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("cloudtrail:GetTrailStatus", code="AccessDeniedException", times=-1)
    assert "allow_unread_bucket_policy" in refused(lab, KEY_ROLE_ALONE)


def test_a_trail_that_delivers_nothing_is_moved_with_a_warning(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.client("cloudtrail", HOME).stop_logging(Name="production-trail")
    done = twice(lab, KEY_ROLE_ALONE)
    assert [change.operation for change in done.changes] == NEW
    assert sum("the policy of its bucket" in warning for warning in map(str, done.warnings)) == 1


def test_a_restore_moves_no_delivering_trail_past_an_unread_policy(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    scope = replace(KEY_ROLE_ALONE.scope, bucket_role=role(LOG_ARCHIVE, "audit"))
    lab.enforce(replace(KEY_ROLE_ALONE, scope=scope))
    another = replace(REQUEST, key=None, key_id=new_security_key(lab), replace_compliant_key=True)
    moved = lab.enforce(replace(KEY_ROLE_ALONE, scope=scope, request=another)).backup
    assert moved is not None
    back = replace(KEY_ROLE_ALONE, request=replace(REQUEST, key=None), restore=(replace(moved, key_policies=()),))
    lab.aws.clear_calls()
    assert "allow_unread_bucket_policy" in refused(lab, back)
    done = twice(lab, replace(back, request=replace(ALLOWED, key=None)))
    assert [change.operation for change in done.changes] == ["UpdateTrail"]


def test_a_requested_key_is_found_by_its_alias_with_whatever_role_of_its_account_is_allowed(changed: Changed) -> None:
    lab = changed("central-key", in_the_key_s_account("cloudtrail"))
    arn = new_security_key(lab)
    lab.of(SECURITY).client("kms", HOME).create_alias(AliasName="alias/central", TargetKeyId=arn)
    task = replace(KEY_ROLE_ALONE, request=replace(REQUEST, key=None, key_id="alias/central"))
    task = replace(task, scope=replace(task.scope, bucket_role=role(SECURITY)))
    lab.aws.add_fault("kms:DescribeKey", code="AccessDeniedException")
    told = lab.enforce(task, check_mode=True)
    assert told.refusals == ()
    assert [change.resource for change in told.changes if change.operation == "PutKeyPolicy"] == [arn]


def new_security_key(lab: Lab) -> str:
    """Another key of the security account."""
    return str(lab.of(SECURITY).client("kms", HOME).create_key()["KeyMetadata"]["Arn"])


def test_a_requested_trail_may_have_its_bucket_in_the_key_s_account(changed: Changed) -> None:
    lab = changed("central-key", in_the_key_s_account("deny-unless-aes256"))
    request = replace(REQUEST, create_trail=TrailRequest("second", "company-logs", HOME))
    refusal = refused(lab, replace(KEY_ROLE_ALONE, request=request))
    assert "is left as it is: " in refusal
    assert "DenyUnlessAES256" in refusal


def test_what_a_key_of_another_account_needs_is_not_sent_without_a_role_of_it(changed: Changed) -> None:
    def lacking(scenario: dict[str, Any]) -> None:
        scenario["keys"] = {"central": {"account": "security", "policy": "lacking"}}
        scenario["trails"]["production-trail"]["key"] = "central"

    lab = changed("central-key", lacking).of(SECURITY)
    scope = Scope(role=role(PRODUCTION), bucket_role=role(LOG_ARCHIVE, "audit"), regions=(HOME,))
    refusal = refused(lab, Task(scope))
    assert f"needs PutKeyPolicy, and belongs to account {SECURITY}: set key_assume_role" in refusal
    assert "key_assume_role" in refusal


def denying(region: str) -> Change:
    """Deny the upload of the logs of one region to the account's bucket."""

    def change(scenario: dict[str, Any]) -> None:
        trail = {"StringEquals": {"aws:SourceArn": "{trail:main}"}}
        service = {"Service": "cloudtrail.amazonaws.com"}
        folder = "{bucket:logs}/AWSLogs/*"
        scenario["buckets"]["logs"] = {
            "policy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": service,
                        "Action": "s3:GetBucketAcl",
                        "Resource": "{bucket:logs}",
                        "Condition": trail,
                    },
                    {
                        "Effect": "Allow",
                        "Principal": service,
                        "Action": "s3:PutObject",
                        "Resource": folder,
                        "Condition": trail,
                    },
                    {
                        "Sid": "NotThatRegion",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:PutObject",
                        "Resource": f"{folder}/CloudTrail/{region}/*",
                    },
                ],
            }
        }

    return change


NARROWED = Task(Scope(regions=(HOME,)))


def test_a_trail_is_not_moved_where_a_region_that_was_left_out_would_be_lost(changed: Changed) -> None:
    lab = changed("fresh", denying("us-east-1"))
    refusal = refused(lab, NARROWED)
    assert "CloudTrail/us-east-1" in refusal
    assert "NotThatRegion" in refusal


def test_a_region_that_is_not_enabled_is_nothing_to_lose(changed: Changed) -> None:
    lab = changed("fresh", denying("af-south-1"))
    assert [change.operation for change in twice(lab, NARROWED).changes] == NEW


def test_what_is_judged_stays_narrowed(changed: Changed) -> None:
    def encrypted(scenario: dict[str, Any]) -> None:
        denying("us-east-1")(scenario)
        scenario["keys"] = {"key": {}}
        scenario["trails"]["main"]["key"] = "key"

    lab = changed("fresh", encrypted)
    assert lab.enforce(NARROWED, check_mode=True).before.verdict == "compliant"
    assert lab.enforce(check_mode=True).before.verdict == "non_compliant"


@pytest.mark.parametrize("regions", [(HOME,), ()])
def test_a_trail_of_all_regions_is_not_moved_while_they_are_unknown(
    load: Callable[[str], Lab], regions: tuple[str, ...]
) -> None:
    lab = load("fresh")
    lab.aws.add_fault("ec2:DescribeRegions", **DENIED)
    refusal = refused(lab, Task(Scope(regions=regions)))
    assert "it delivers logs of every enabled region" in refusal
    assert "Allow the caller ec2:DescribeRegions" in refusal


def test_a_trail_that_delivers_nothing_is_moved_though_its_regions_are_unknown(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.client("cloudtrail", HOME).stop_logging(Name="main")
    lab.aws.add_fault("ec2:DescribeRegions", **DENIED)
    done = twice(lab, NARROWED)
    assert [change.operation for change in done.changes] == NEW
    assert sum("it delivers logs of every enabled region" in warning for warning in map(str, done.warnings)) == 1


def test_a_trail_of_one_region_needs_no_others(changed: Changed) -> None:
    lab = changed("fresh", lambda scenario: scenario["trails"]["main"].update(multi_region=False))
    lab.aws.add_fault("ec2:DescribeRegions", **DENIED)
    assert [change.operation for change in twice(lab, NARROWED).changes] == NEW


def test_a_requested_trail_gets_a_bucket_that_takes_all_regions(changed: Changed) -> None:
    def only_home(scenario: dict[str, Any]) -> None:
        denying("nowhere")(scenario)
        acl, write, _deny = scenario["buckets"]["logs"]["policy"]["Statement"]
        write["Resource"] = f"{{bucket:logs}}/AWSLogs/*/CloudTrail/{HOME}/*"
        scenario["buckets"]["logs"]["policy"]["Statement"] = [acl, write]
        scenario["trails"]["main"]["multi_region"] = False

    lab = changed("fresh", only_home)
    bucket = lab.client("cloudtrail", HOME).describe_trails()["trailList"][0]["S3BucketName"]
    done = twice(lab, replace(NARROWED, request=EnforceRequest(create_trail=TrailRequest("main", bucket, HOME))))
    (policy,) = (change.after["policy"] for change in done.changes if change.operation == "PutBucketPolicy")
    assert "AwsBaselineCloudTrailWrite" in str(policy)


def test_a_trail_in_a_region_that_was_left_out_keeps_what_its_key_allows(changed: Changed) -> None:
    def two_trails(scenario: dict[str, Any]) -> None:
        scenario["keys"] = {"key": {"policy": "lacking"}}
        here = {"bucket": "logs", "key": "key", "multi_region": False}
        scenario["trails"] = {"here": here, "there": {**here, "region": "us-east-1"}}

    lab = changed("fresh", two_trails)
    lab.enforce(Task(Scope(regions=("us-east-1",))))
    lab.enforce(NARROWED)
    assert lab.writes() == ["PutKeyPolicy", "PutKeyPolicy"]
    done = lab.enforce()
    assert done.after is not None
    assert (done.changes, done.after.verdict) == ((), "compliant")
    assert json.dumps(lab.keys(HOME)).count("trail/there") > 0


def test_of_too_many_keys_without_an_alias_the_tags_are_not_read(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cost nobody a cent while their deletion is pending, and each would cost a call."""
    lab = load("fresh")
    for _number in range(3):
        lab.client("kms", HOME).create_key()
    assert lab.enforce(Task(), check_mode=True).refusals == ()
    monkeypatch.setattr(_targets, "MOST_WITHOUT_ALIAS", 2)
    (refusal,) = twice(lab, Task()).refusals
    assert "3 keys have no alias, and of at most 2 the tags are read" in refusal.text
    assert refusal.options == ({"key_id": "the key"},)
