# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A trail that is requested: created encrypted from its first log, adopted where it is there, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import (
    IAM_ACTIONS,
    PROVISIONING_ACTIONS,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, TrailRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role, Scope
from tests.unit.access import caller
from tests.unit.enforce.creating import (
    ACCOUNT,
    ALL,
    BUCKET,
    FOREIGN,
    HOME,
    LOG_ARCHIVE,
    PRODUCTION,
    TRAIL,
    TRAIL_ARN,
    boto_of,
    bucket_statements,
    create,
    refusal,
    with_bucket,
)
from tests.unit.enforce.lab import Lab, alone, comparable, meanwhile


def test_a_trail_is_created_as_check_mode_tells_though_not_even_its_bucket_is_there(load: Callable[[str], Lab]) -> None:
    lab = load("no-trails")
    told = create(lab, replace(TRAIL, new_bucket=True), check_mode=True)
    assert (told.refusals, told.errors, lab.writes()) == ((), (), [])
    assert told.warnings == ()
    # The role makes the bucket before the run.
    made, *changes = told.changes
    assert (made.operation, made.resource, made.region) == ("CreateBucket", f"arn:aws:s3:::{BUCKET}", HOME)
    told = replace(told, changes=tuple(changes))

    done = create(with_bucket(lab), replace(TRAIL, new_bucket=True))
    assert ([change.operation for change in done.changes], lab.writes()) == (ALL, ALL)
    assert comparable(done) == comparable(told)
    (trail,) = lab.trails().values()
    assert (trail["IsLogging"], trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (True, True, True)
    (created,) = [call["parameters"] for call in lab.aws.calls() if call["action"] == "CreateTrail"]
    assert created["KmsKeyId"] == trail["KmsKeyId"]

    lab.aws.clear_calls()
    again = create(lab)
    assert (again.changes, again.refusals, lab.writes()) == ((), (), [])


def test_every_setting_of_the_request_is_sent(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    request = replace(TRAIL, bucket_prefix="a/b", multi_region=False, tags={"team": "security"})
    assert create(lab, request).errors == ()
    (trail,) = lab.trails().values()
    assert (trail["S3KeyPrefix"], trail["IsMultiRegionTrail"]) == ("a/b", False)
    assert trail["Tags"][0]["TagsList"] == [{"Key": "team", "Value": "security"}]
    assert bucket_statements(lab)[1]["Resource"] == [f"arn:aws:s3:::{BUCKET}/a/b/AWSLogs/{ACCOUNT}/*"]
    assert create(lab, request).changes == ()


def test_a_second_trail_shares_bucket_and_key(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    create(lab)
    lab.aws.clear_calls()
    assert create(lab, replace(TRAIL, name="second")).errors == ()
    assert lab.writes() == ["PutKeyPolicy", "PutBucketPolicy", "CreateTrail", "StartLogging"]
    assert [each["Sid"] for each in bucket_statements(lab)] == [
        "AwsBaselineCloudTrailAcl",
        "AwsBaselineCloudTrailWrite",
        "AwsBaselineCloudTrailTlsOnly",
    ]


def test_the_key_may_be_given(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    arn = lab.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    lab.aws.clear_calls()
    done = lab.enforce(request=EnforceRequest(key=None, key_id=arn, create_trail=TRAIL))
    assert (done.refusals, lab.writes()) == ((), ["PutKeyPolicy", "PutBucketPolicy", "CreateTrail", "StartLogging"])
    assert lab.trails()[TRAIL_ARN]["KmsKeyId"] == arn


def test_a_trail_is_encrypted_whatever_the_levels_say(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    done = create(lab, settings=Settings(levels={"trail_has_kms_key": "off"}))
    assert [change.operation for change in done.changes] == ALL


def half_made(lab: Lab, **settings: Any) -> None:
    """A trail of that name without encryption, as somebody else made it."""
    with_bucket(lab)
    create(lab)
    client = lab.client("cloudtrail", HOME)
    client.stop_logging(Name="main")
    client.update_trail(Name="main", KmsKeyId="", EnableLogFileValidation=False, IsMultiRegionTrail=False, **settings)
    lab.aws.clear_calls()


def test_a_trail_that_is_there_is_adopted_and_mended(load: Callable[[str], Lab]) -> None:
    lab = load("no-trails")
    half_made(lab, IncludeGlobalServiceEvents=False)
    told = create(lab, check_mode=True)
    done = create(lab)
    assert lab.writes() == ["UpdateTrail", "StartLogging"]
    assert comparable(done) == comparable(told)
    assert done.changes[0].before == {"kms_key_arn": None, "multi_region": False, "log_file_validation": False}
    trail = lab.trails()[TRAIL_ARN]
    assert (trail["IsLogging"], trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (True, True, True)
    assert create(lab).changes == ()


def test_settings_are_mended_alone_where_the_key_is_good(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    create(lab)
    lab.client("cloudtrail", HOME).update_trail(Name="main", EnableLogFileValidation=False)
    lab.aws.clear_calls()
    done = create(lab)
    assert (lab.writes(), done.warnings) == (["UpdateTrail"], ())
    assert lab.trails()[TRAIL_ARN]["LogFileValidationEnabled"]


@pytest.mark.parametrize(
    ("requested", "words"),
    [
        ({"bucket_prefix": "audit"}, "bucket_prefix is none and not audit"),
        ({"multi_region": False}, "multi_region is true and not false"),
    ],
)
def test_a_trail_that_differs_is_refused(load: Callable[[str], Lab], requested: dict[str, Any], words: str) -> None:
    lab = with_bucket(load("no-trails"))
    create(lab)
    lab.aws.clear_calls()
    assert words in refusal(lab, replace(TRAIL, **requested))


def test_a_trail_on_another_bucket_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    create(lab)
    with_bucket(lab, name="elsewhere-111111111111")
    refused = refusal(lab, replace(TRAIL, bucket_name="elsewhere-111111111111"))
    assert f"bucket_name is {BUCKET} and not elsewhere-111111111111" in refused


def test_a_trail_of_that_name_in_another_region_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    create(lab)
    lab.aws.clear_calls()
    refused = refusal(lab, replace(TRAIL, home_region="eu-west-1"))
    assert f"in {HOME} already ({TRAIL_ARN}), not in eu-west-1. Adopt it, or create a second one: set" in refused
    assert f"set create_trail.home_region to {HOME}, or create_trail.name to another." in refused


def test_a_home_region_that_is_not_enabled_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    assert "ap-east-1 is not among the regions" in refusal(lab, replace(TRAIL, home_region="ap-east-1"))


def test_a_home_region_that_cannot_be_read_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    lab.aws.add_fault("cloudtrail:DescribeTrails", region=HOME, code="AccessDeniedException", times=-1)
    assert ": DescribeTrails answered AccessDeniedException" in refusal(lab)


def test_a_reached_quota_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    for number in range(5):
        create(lab, replace(TRAIL, name=f"trail-{number}"))
    lab.aws.clear_calls()
    assert f"account {ACCOUNT} has 5 trails in ap-southeast-2," in refusal(lab)
    assert create(lab, replace(TRAIL, name="trail-3")).refusals == ()


def test_a_bucket_policy_changed_meanwhile_is_planned_anew(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = with_bucket(load("no-trails"))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [FOREIGN]})
    s3 = lab.client("s3", HOME)
    meanwhile(monkeypatch, "CreateAlias", lambda: s3.put_bucket_policy(Bucket=BUCKET, Policy=policy))
    done = create(lab)
    assert done.after is not None
    assert (done.after.verdict, bucket_statements(lab)[0]) == ("compliant", FOREIGN)
    assert any("was changed by somebody else" in warning for warning in map(str, done.warnings))


def test_a_trail_made_meanwhile_is_planned_anew(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = with_bucket(load("no-trails"))
    client = lab.client("cloudtrail", HOME)

    def somebody_else_is_faster() -> None:
        client.create_trail(Name="main", S3BucketName=BUCKET, EnableLogFileValidation=True)

    meanwhile(monkeypatch, "CreateTrail", somebody_else_is_faster)
    done = create(lab)
    assert (done.errors, [change.operation for change in done.changes][-3:]) == ((), ["UpdateTrail", *ALL[-2:]])
    assert lab.trails()[TRAIL_ARN]["KmsKeyId"]


def test_a_lost_answer_is_looked_for_before_the_trail_is_created_again(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    for action in ("cloudtrail:CreateTrail", "cloudtrail:StartLogging", "s3:PutBucketPolicy"):
        lab.aws.add_fault(action, lose_reply=True)
    done = create(lab)
    assert (done.errors, lab.writes()) == ((), ALL)


def test_services_that_see_late_what_was_written_are_waited_for(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    for nth, code in enumerate(("InsufficientS3BucketPolicyException", "KmsKeyNotFoundException"), start=1):
        lab.aws.add_fault("cloudtrail:CreateTrail", code=code, nth=nth)
    lab.aws.add_fault("cloudtrail:StartLogging", code="TrailNotFoundException")
    done = create(lab)
    assert done.errors == ()
    assert lab.writes().count("CreateTrail") == 3


def test_a_failure_half_way_is_told_and_the_next_run_carries_on(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = with_bucket(load("no-trails"))
    lab.aws.add_fault("cloudtrail:CreateTrail", code="AccessDeniedException", message="No.")
    backup = tmp_path / "backup.json"
    done = create(lab, backup_path=str(backup))
    assert [change.status for change in done.changes] == ["applied"] * 3 + ["failed"] + ["not_attempted"] * 2
    assert "allow the caller whichever of cloudtrail:CreateTrail, cloudtrail:AddTags" in str(done.errors[0])
    assert [kept.created_trails for kept in read_backups([str(backup)])] == [(TRAIL_ARN,)]
    lab.aws.clear_calls()
    assert create(lab).errors == ()
    assert lab.writes() == ["CreateTrail", "StartLogging", "EnableKeyRotation"]


def test_a_quota_that_is_reached_where_nobody_could_look_is_told(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    code, message = "MaximumNumberOfTrailsExceededException", "User already has 5 trails."
    lab.aws.add_fault("cloudtrail:CreateTrail", code=code, message=message)
    done = create(lab)
    assert done.errors == (
        f"CreateTrail of {TRAIL_ARN} in {HOME} failed: {code}: User already has 5 trails. A quota of the account is "
        "reached: delete what is not needed, or request a higher quota. Then run again.",
    )
    assert (lab.writes().count("CreateTrail"), lab.trails()) == (1, {})
    lab.aws.clear_calls()
    assert (create(lab).errors, lab.writes()) == ((), ["CreateTrail", "StartLogging", "EnableKeyRotation"])


def test_other_trails_are_left_alone(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    done = create(lab, replace(TRAIL, name="second", bucket_name="logs-111111111111"))
    assert done.refusals == ()
    assert {change.resource for change in done.changes if "trail/" in change.resource} == {
        TRAIL_ARN.replace("main", "second")
    }
    assert done.after is not None
    assert done.after.verdict == "non_compliant"


def test_an_organization_trail_is_created_by_the_management_account(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("organization"))
    request = replace(TRAIL, name="all-accounts", organization_trail=True)
    told = create(lab, request, check_mode=True)
    done = create(lab, request)
    assert done.errors == ()
    assert comparable(done) == comparable(told)
    assert bucket_statements(lab)[1]["Resource"] == [
        f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/*",
        f"arn:aws:s3:::{BUCKET}/AWSLogs/o-exampleorg1/*",
    ]
    recorded = {(call["service"], call["action"]): call["iam_action"] for call in lab.aws.calls()}
    assert recorded == {operation: IAM_ACTIONS[operation] for operation in recorded}
    assert set(PROVISIONING_ACTIONS) <= set(recorded)
    assert create(lab, request).changes == ()


def test_a_member_cannot_create_an_organization_trail(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    s3 = boto_of(lab, PRODUCTION)
    s3("CreateBucket", Bucket="own-222222222222", CreateBucketConfiguration={"LocationConstraint": HOME})
    lab.aws.clear_calls()
    for name, words in {
        "x-all": "the management account, 111111111111",
        "organization-trail": "already, inherited from account 111111111111",
    }.items():
        request = TrailRequest(name, "own-222222222222", HOME, organization_trail=name == "x-all")
        outcome = alone(
            caller(lab.aws, PRODUCTION), Task(request=EnforceRequest(create_trail=request)), lab.clock.pace()
        )
        (refused,) = map(str, outcome.refusals)
        assert words in refused
    assert lab.writes() == []


def test_without_an_organization_there_is_no_trail_of_one(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    assert refusal(lab, replace(TRAIL, organization_trail=True)) == (
        f"The trail {TRAIL_ARN}: it cannot be created for an organization: account {ACCOUNT} is in none. Create it "
        "from the management account of one, or set create_trail.organization_trail to false."
    )


def test_an_organization_that_cannot_be_asked_for_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("organization"))
    lab.aws.add_fault("organizations:DescribeOrganization", code="AccessDeniedException", times=-1)
    request = replace(TRAIL, organization_trail=True)
    assert "Allow the caller organizations:DescribeOrganization" in refusal(lab, request)


@pytest.mark.parametrize("granted", [True, False])
def test_a_central_bucket_is_looked_at_with_its_owners_role(load: Callable[[str], Lab], *, granted: bool) -> None:
    lab = load("organization")
    s3, name = boto_of(lab, LOG_ARCHIVE), "central-444444444444"
    s3("CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME})
    grant = {
        **FOREIGN,
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/AWSLogs/*"],
    }
    of_others = {**FOREIGN, "Resource": f"arn:aws:s3:::{name}/*"}
    statements = [of_others, grant] if granted else [of_others]
    s3("PutBucketPolicy", Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    lab.aws.clear_calls()
    request = replace(TRAIL, bucket_name=name)
    assert "or bucket_assume_role to a role of its owner" in refusal(lab, request)
    scope = Scope(bucket_role=Role(f"arn:aws:iam::{LOG_ARCHIVE}:role/CloudTrailKmsAudit", "audit-2026"))
    if granted:
        assert create(lab, request, scope=scope).errors == ()
        assert lab.writes() == [operation for operation in ALL if operation != "PutBucketPolicy"]
    else:
        refused = refusal(lab, request, scope=scope)
        added = json.loads(refused.partition("Have its owner add ")[2].partition("}]")[0] + "}]")
        assert [each["Sid"] for each in added] == ["AwsBaselineCloudTrailAcl", "AwsBaselineCloudTrailWrite"]
        assert "AwsBaselineCloudTrailTlsOnly" not in refused
