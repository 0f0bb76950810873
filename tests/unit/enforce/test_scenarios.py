# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every scenario: what check mode tells is what a run does, a second run writes nothing, and trails keep the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import (
    ENFORCEMENT_ACTIONS,
    IAM_ACTIONS,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import (
    EnforceRequest,
    KeyRequest,
    TrailRequest,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role, Scope
from tests.aws_cli import AwsCli
from tests.unit.enforce.lab import Lab, comparable
from tests.unit.enforce.seen import assert_works

ACCOUNT, STAGING = "111111111111", "333333333333"
HOME = "eu-central-1"
READER = f"arn:aws:iam::{ACCOUNT}:role/LogAuditor"
COME_BACK = EnforceRequest(allow_enable_key=True, allow_cancel_deletion=True)
NEW = ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]
NEW_SECOND = ["CreateKey", "CreateAlias", "PutBucketPolicy", "CreateTrail", "StartLogging", "EnableKeyRotation"]
BORN = ["CreateKey", "CreateAlias", "PutBucketPolicy", "CreateTrail", "StartLogging", "EnableKeyRotation"]

CENTRAL = Task(
    scope=Scope(
        key_role=Role("arn:aws:iam::555555555555:role/CloudTrailKmsEnforce", "audit-2026"),
        bucket_role=Role("arn:aws:iam::444444444444:role/CloudTrailKmsAudit", "audit-2026"),
    ),
    request=EnforceRequest(key_account_id="555555555555"),
)


class Case(NamedTuple):
    """A scenario, what is asked for, the write calls, the verdict before and after, and the account (or the first)."""

    scenario: str
    task: Task
    writes: list[str]
    before: str
    after: str
    account: str | None = None


def provisioning(trail: str, bucket: str, **fields: Any) -> Task:
    """The task to make sure of a trail."""
    return Task(request=EnforceRequest(create_trail=TrailRequest(trail, bucket, HOME)), **fields)


CASES = [
    Case("aws-managed-key", Task(), NEW, "non_compliant", "compliant"),
    Case("bucket-denies-kms", Task(), [], "non_compliant", "non_compliant"),
    Case("bucket-key-without-decrypt", Task(), ["PutKeyPolicy"], "non_compliant", "compliant"),
    Case("central-key", CENTRAL, NEW, "non_compliant", "compliant"),
    Case("china", Task(), NEW, "non_compliant", "compliant"),
    Case("closed-region", Task(), [], "compliant", "compliant"),
    Case("deleted-key", Task(), NEW, "non_compliant", "compliant"),
    Case("delivery-error", Task(), [], "non_compliant", "non_compliant"),
    Case("denied-region", Task(), [], "unknown", "unknown"),
    Case("disabled-key", Task(request=COME_BACK), ["EnableKey"], "non_compliant", "compliant"),
    Case("disabled-key-silent", Task(request=COME_BACK), ["EnableKey"], "non_compliant", "compliant"),
    Case("forms-of-accounts", Task(), [], "compliant", "compliant"),
    Case("forms-of-organizations", Task(), [], "compliant", "compliant"),
    Case("fresh", Task(), NEW, "non_compliant", "compliant"),
    Case("fresh", Task(request=EnforceRequest(statements="cis")), NEW, "non_compliant", "compliant"),
    Case("fresh", Task(request=EnforceRequest(key=KeyRequest(multi_region=True))), NEW, "non_compliant", "compliant"),
    Case("fresh", Task(request=EnforceRequest(key=KeyRequest(rotation=False))), NEW[:3], "non_compliant", "compliant"),
    Case("govcloud", Task(), NEW, "non_compliant", "compliant"),
    Case("healthy", Task(), [], "compliant", "compliant"),
    Case("healthy", Task(request=EnforceRequest(replace_compliant_key=True)), NEW, "compliant", "compliant"),
    Case(
        "mixed",
        Task(request=COME_BACK),
        [
            "CreateKey",
            "CreateKey",
            "CreateAlias",
            "CreateAlias",
            "PutKeyPolicy",
            "EnableKey",
            "UpdateTrail",
            "UpdateTrail",
            "EnableKeyRotation",
            "EnableKeyRotation",
        ],
        "non_compliant",
        "compliant",
    ),
    Case("no-trails", Task(), [], "no_trails", "no_trails"),
    Case("new-bucket", Task(), [], "no_trails", "no_trails"),
    Case("new-bucket", provisioning("main", "logs-111111111111"), BORN, "no_trails", "compliant"),
    Case("one-trail-17-regions", Task(), [], "compliant", "compliant"),
    Case("organization", Task(), [], "unknown", "unknown"),
    Case("organization", Task(), NEW, "non_compliant", "unknown", STAGING),
    Case(
        "pending-deletion",
        Task(request=COME_BACK),
        ["CancelKeyDeletion", "EnableKey"],
        "non_compliant",
        "compliant",
    ),
    Case("landing-zone", Task(), [], "unknown", "unknown"),
    Case("landing-zone", Task(), NEW, "non_compliant", "unknown", STAGING),
    Case("policy-lacking", Task(), ["PutKeyPolicy"], "non_compliant", "compliant"),
    Case("policy-unscoped", Task(), [], "compliant", "compliant"),
    Case(
        "reader-closed-by-bucket",
        Task(settings=Settings(readers=(READER,))),
        [],
        "non_compliant",
        "non_compliant",
    ),
    Case(
        "reader-missing",
        Task(settings=Settings(readers=(READER,))),
        ["PutKeyPolicy"],
        "non_compliant",
        "compliant",
    ),
    Case(
        "readers", Task(settings=Settings(readers=(f"arn:aws:iam::{ACCOUNT}:role/Free",))), [], "compliant", "compliant"
    ),
    Case(
        "readers",
        Task(settings=Settings(readers=(f"arn:aws:iam::{ACCOUNT}:role/Free", f"arn:aws:iam::{ACCOUNT}:role/Auditor"))),
        [],
        "compliant",
        "compliant",
    ),
    Case("several", Task(), [], "compliant", "compliant"),
    Case("several", Task(scope=Scope(trails=("team-1-us-east-1",))), [], "compliant", "compliant"),
    Case("vending", Task(), [], "compliant", "compliant"),
    Case("vending", provisioning("second", "organization-logs-111111111111"), NEW_SECOND, "compliant", "compliant"),
    Case("unreadable-key", Task(), [], "unknown", "unknown"),
    Case("wrong-region", Task(), NEW, "non_compliant", "compliant"),
]


@pytest.mark.parametrize(("scenario", "partition"), [("china", "aws-cn"), ("govcloud", "aws-us-gov")])
def test_a_partition_is_kept_to(load: Callable[[str], Lab], scenario: str, partition: str) -> None:
    lab = load(scenario)
    readers = (f"arn:{partition}:iam::{ACCOUNT}:root",)
    done = lab.enforce(Task(settings=Settings(readers=readers)))
    assert (done.errors, done.refusals) == ((), ())
    assert {change.resource.split(":")[1] for change in done.changes} == {partition}
    (key,) = lab.keys(lab.aws.scenario["region"]).values()
    assert set(re.findall(r"arn:([a-z-]+):", json.dumps(key["policy"]))) == {partition}


REFUSED = ["disabled-key", "disabled-key-silent", "mixed", "pending-deletion", "policy-denying"]
UNREADABLE = ["no-permissions"]


def test_every_scenario_is_enforced() -> None:
    scenarios = {path.stem for path in (Path(__file__).parents[2] / "fakeaws" / "scenarios").glob("*.yml")}
    assert scenarios == {case.scenario for case in CASES} | set(REFUSED) | set(UNREADABLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario)
def test_a_run_does_what_check_mode_tells(load: Callable[[str], Lab], aws_cli: AwsCli, case: Case) -> None:
    lab, task = load(case.scenario), case.task
    lab = lab.of(case.account) if case.account else lab
    trails = lab.trails()
    lab.aws.clear_calls()
    told = lab.enforce(task, check_mode=True)
    assert lab.writes() == []

    done = lab.enforce(task)
    assert (done.refusals, done.errors) == ((), ())
    assert {change.status for change in done.changes} <= {"applied"}
    assert lab.writes() == case.writes
    assert done.after is not None
    assert (done.before.verdict, done.after.verdict) == (case.before, case.after)
    assert comparable(told) == comparable(done)

    updates = [call["parameters"] for call in lab.aws.calls() if call["action"] == "UpdateTrail"]
    assert all(set(sent) == {"Name", "KmsKeyId"} and sent["KmsKeyId"] for sent in updates)
    assert all("BypassPolicyLockoutSafetyCheck" not in call["parameters"] for call in lab.aws.calls())
    moved = {change.resource for change in done.changes if change.operation in ("CreateTrail", "UpdateTrail")}
    seen = lab.trails()
    assert _without_key({arn: seen[arn] for arn in trails}) == _without_key(trails)
    assert {arn for arn in seen if seen[arn].get("KmsKeyId") != trails.get(arn, {}).get("KmsKeyId")} == moved
    assert_works(aws_cli, lab, done)

    lab.aws.clear_calls()
    again = lab.enforce(task)
    assert (again.changes, again.refusals, again.errors, lab.writes()) == ((), (), (), [])
    # What is looked at before it is enforced is left alone only where a plan would say nothing.


def _without_key(trails: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    aside = ("KmsKeyId", "LatestDeliveryError")
    return {arn: {name: value for name, value in row.items() if name not in aside} for arn, row in trails.items()}


def furnished(lab: Lab, name: str) -> dict[str, Any]:
    """Give a trail every setting that a trail can have, and turn it off; the trail."""
    client, s3 = lab.client("cloudtrail", HOME), lab.client("s3", HOME)
    bucket = client.describe_trails(trailNameList=[name])["trailList"][0]["S3BucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.put_bucket_policy(Bucket=bucket, Policy=policy.replace("/AWSLogs/", "/audit/prefix/AWSLogs/"))
    client.update_trail(
        Name=name,
        S3KeyPrefix="audit/prefix",
        SnsTopicName="log-files",
        IncludeGlobalServiceEvents=True,
        EnableLogFileValidation=True,
        CloudWatchLogsLogGroupArn=f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:audit:*",
        CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/ToCloudWatchLogs",
    )
    data = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::secrets/"]}
    selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": [data]}
    client.put_event_selectors(TrailName=name, EventSelectors=[selector])
    client.put_insight_selectors(TrailName=name, InsightSelectors=[{"InsightType": "ApiErrorRateInsight"}])
    ((arn, trail),) = lab.trails().items()
    client.add_tags(ResourceId=arn, TagsList=[{"Key": "team", "Value": "security"}])
    client.stop_logging(Name=name)
    ((arn, trail),) = lab.trails().items()
    return trail


SETTINGS = {
    "S3KeyPrefix",
    "SnsTopicName",
    "SnsTopicARN",
    "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail",
    "LogFileValidationEnabled",
    "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn",
    "HasCustomEventSelectors",
    "HasInsightSelectors",
    "EventSelectors",
    "InsightSelectors",
    "Tags",
}


@pytest.mark.parametrize(
    ("scenario", "name", "task"),
    [
        ("fresh", "main", Task()),
        ("vending", "organization-trail", Task(request=EnforceRequest(replace_compliant_key=True))),
    ],
    ids=["of an account", "of an organization"],
)
def test_every_other_attribute_of_a_trail_stays(
    load: Callable[[str], Lab], scenario: str, name: str, task: Task
) -> None:
    lab = load(scenario)
    before = furnished(lab, name)
    assert {setting for setting in SETTINGS if not before.get(setting)} == set()
    assert (before["IsLogging"], before["IsOrganizationTrail"]) == (False, scenario == "vending")
    lab.aws.clear_calls()
    done = lab.enforce(task)
    assert (done.refusals, done.errors, lab.writes()) == ((), (), NEW)
    (after,) = lab.trails().values()
    assert {field for field in after if after[field] != before.get(field)} == {"KmsKeyId"}
    assert after.keys() == before.keys() | {"KmsKeyId"}


PRINCIPALS = ("arn:aws:iam::111111111111:user/administrator", "arn:aws:iam::111111111111:role/Nobody")


def test_every_call_of_an_enforcement_has_its_declared_permission(load: Callable[[str], Lab]) -> None:
    recorded: dict[tuple[str, str], str] = {}
    for scenario in ("fresh", "policy-lacking", "pending-deletion"):
        lab = load(scenario)
        lab.enforce(settings=Settings(readers=PRINCIPALS), check_mode=True)
        lab.enforce(request=COME_BACK)
        lab.enforce(settings=Settings(readers=PRINCIPALS), check_mode=True)
        recorded |= {(call["service"], call["action"]): call["iam_action"] for call in lab.aws.calls()}
    assert recorded == {operation: IAM_ACTIONS[operation] for operation in recorded}
    assert set(ENFORCEMENT_ACTIONS) <= set(recorded)


@pytest.mark.parametrize("scenario", REFUSED)
def test_a_refusal_stops_before_the_first_write(load: Callable[[str], Lab], scenario: str, tmp_path: Path) -> None:
    lab = load(scenario)
    backup = tmp_path / "backup.json"
    for check_mode in (True, False):
        outcome = lab.enforce(check_mode=check_mode, backup_path=str(backup))
        assert outcome.refusals
        assert {change.status for change in outcome.changes} <= {"not_attempted"}
        assert outcome.after is outcome.before
    assert lab.writes() == []
    assert not backup.exists()


@pytest.mark.parametrize("under_key", [True, False])
def test_a_first_key_may_stop_digests_and_is_warned_of(load: Callable[[str], Lab], *, under_key: bool) -> None:
    """AWS's pages disagree how they are encrypted; the bucket takes nothing but SSE-KMS."""
    lab = load("healthy")
    lab.aws.set(digests_under_key=under_key)
    trail = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/main"
    lab.client("cloudtrail", HOME).update_trail(Name=trail, KmsKeyId="")
    s3, bucket = lab.client("s3", HOME), f"logs-{ACCOUNT}"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    only = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    deny = {"Sid": "Only", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Condition": only}
    statements = [*policy["Statement"], {**deny, "Resource": f"arn:aws:s3:::{bucket}/*"}]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": statements}))
    done = lab.enforce(
        Task(scope=Scope(regions=(HOME,)), request=EnforceRequest(key=KeyRequest(alias="alias/cloudtrail")))
    )
    (warning,) = (each for each in map(str, done.warnings) if "once it has its first key" in each)
    assert 'Statement "Only" denies s3:PutObject' in warning
    assert (done.refusals, done.errors) == ((), ())
    status = lab.client("cloudtrail", HOME).get_trail_status(Name=trail)
    assert "LatestDeliveryError" not in status
    assert ("LatestDigestDeliveryError" in status) is not under_key
