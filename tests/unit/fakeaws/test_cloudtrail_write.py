# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail, the writing side: home regions, owners, and all that is validated of bucket and key."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, PARTNER, PRODUCTION, Lab, bucket_name, key_arn, key_id, refused, trail_arn

ELSEWHERE = "eu-west-1"
MEMBER, SECURITY = "222222222222", "555555555555"
ORGANIZATION_TRAIL = f"arn:aws:cloudtrail:{HOME}:{PRODUCTION}:trail/organization-trail"
INSUFFICIENT = "InsufficientEncryptionPolicyException"


def update(lab: Lab, trail: str = "plain", region: str = HOME, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = lab.client("cloudtrail", region).update_trail(Name=trail_arn(trail), **parameters)
    return answer


def shown(lab: Lab, trail: str = "plain", region: str = HOME) -> dict[str, Any]:
    answer: dict[str, Any] = lab.client("cloudtrail", region).get_trail(Name=trail_arn(trail))["Trail"]
    return answer


def open_bucket(lab: Lab, name: str = "open-logs") -> str:
    """A bucket whose policy lets every trail in."""
    lab.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME})
    service, arn = {"Service": "cloudtrail.amazonaws.com"}, f"arn:aws:s3:::{name}"
    statement = {"Effect": "Allow", "Principal": service, "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    lab.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [statement]}))
    return name


@pytest.mark.parametrize(
    "form", [key_arn("spare-key"), key_id("spare-key"), "alias/spare", f"arn:aws:kms:{HOME}:{PRODUCTION}:alias/spare"]
)
def test_key_id_is_normalised_to_the_key_arn(lab: Lab, form: str) -> None:
    assert update(lab, KmsKeyId=form)["KmsKeyId"] == key_arn("spare-key")
    assert shown(lab)["KmsKeyId"] == key_arn("spare-key")


def test_what_is_not_sent_is_kept(lab: Lab) -> None:
    before = shown(lab, "main")
    update(lab, "main", KmsKeyId=key_arn("spare-key"))
    assert shown(lab, "main") == {**before, "KmsKeyId": key_arn("spare-key")}


def test_empty_key_id_takes_the_key_off(lab: Lab) -> None:
    assert "KmsKeyId" not in update(lab, "main", KmsKeyId="")
    assert "KmsKeyId" not in shown(lab, "main")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        pytest.param(key_arn("gone-key"), "KmsKeyNotFoundException", id="deleted"),
        pytest.param("alias/nothing", "KmsKeyNotFoundException", id="alias"),
        pytest.param("alias/west", "KmsKeyNotFoundException", id="alias of another region"),
        pytest.param(key_arn("west-key"), "KmsKeyNotFoundException", id="not in the bucket's region"),
        pytest.param("my key", "InvalidKmsKeyIdException", id="no key id"),
        pytest.param("arn:aws:s3:::bucket", "InvalidKmsKeyIdException", id="no key ARN"),
        pytest.param(key_arn("signing-key"), "InvalidKmsKeyIdException", id="asymmetric"),
        pytest.param(key_arn("disabled-key"), "KmsException", id="disabled"),
        pytest.param(key_arn("pending-key"), "KmsException", id="pending deletion"),
        pytest.param(key_arn("imported-key"), "KmsException", id="pending import"),
        pytest.param(key_arn("lacking-key"), INSUFFICIENT, id="policy lacks CloudTrail"),
        pytest.param(key_arn("denying-key"), INSUFFICIENT, id="policy denies"),
        pytest.param("alias/aws/s3", INSUFFICIENT, id="AWS managed"),
        pytest.param(key_arn("partner-key"), INSUFFICIENT, id="another account's without CloudTrail"),
    ],
)
@pytest.mark.parametrize("call", ["UpdateTrail", "CreateTrail"])
def test_key_that_cloudtrail_refuses(lab: Lab, call: str, form: str, code: str) -> None:
    bucket, before = open_bucket(lab), lab.client("cloudtrail").describe_trails()
    with refused(code):
        if call == "UpdateTrail":
            update(lab, KmsKeyId=form)
        else:
            lab.client("cloudtrail").create_trail(Name="new", S3BucketName=bucket, KmsKeyId=form)
    after = lab.client("cloudtrail").describe_trails()
    assert after["trailList"] == before["trailList"]


def key_with(lab: Lab, condition: dict[str, Any], *actions: str) -> str:
    root = {"Effect": "Allow", "Principal": {"AWS": PRODUCTION}, "Action": "kms:*", "Resource": "*"}
    use = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": list(actions) or ["kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": condition,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [root, use]})
    return str(lab.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
BUCKET_CONTEXT = "kms:EncryptionContext:aws:s3:arn"


@pytest.mark.parametrize(
    ("condition", "accepted"),
    [
        ({"StringEquals": {"aws:SourceArn": trail_arn("plain")}}, True),
        ({"StringEquals": {"aws:SourceArn": trail_arn("main")}}, False),
        ({"StringEquals": {"aws:SourceAccount": PRODUCTION}}, True),
        ({"StringEquals": {"aws:SourceAccount": PARTNER}}, False),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, True),
        ({"StringEquals": {"aws:PrincipalServiceName": "cloudtrail.amazonaws.com"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalServiceNamesList": "cloudtrail.amazonaws.com"}}, True),
        ({"StringEquals": {"aws:SourceOrgID": "o-exampleorg1"}}, False),
    ],
)
def test_key_policy_conditions_on_the_service_request(lab: Lab, condition: dict[str, Any], accepted: bool) -> None:
    key = key_with(lab, condition)
    if accepted:
        assert update(lab, KmsKeyId=key)["KmsKeyId"] == key
    else:
        with refused(
            INSUFFICIENT, f"Insufficient permissions to access S3 bucket {bucket_name('logs')} or KMS key {key}."
        ):
            update(lab, KmsKeyId=key)


@pytest.mark.parametrize(
    ("condition", "accepted"),
    [
        ({"StringLike": {CONTEXT: f"arn:aws:cloudtrail:*:{PRODUCTION}:trail/*"}}, True),
        ({"StringLike": {CONTEXT: f"arn:aws:cloudtrail:*:{PARTNER}:trail/*"}}, False),
        ({"StringLike": {BUCKET_CONTEXT: f"arn:aws:s3:::{bucket_name('logs')}/*"}}, True),
        ({"StringLike": {BUCKET_CONTEXT: "arn:aws:s3:::another/*"}}, False),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["aws:cloudtrail:arn", "aws:s3:arn"]}}, True),
    ],
)
def test_key_policy_conditions_on_the_encryption_context(lab: Lab, condition: dict[str, Any], accepted: bool) -> None:
    key = key_with(lab, condition, "kms:GenerateDataKey*")
    policy = json.loads(lab.client("kms").get_key_policy(KeyId=key)["Policy"])
    describe = {**policy["Statement"][1], "Action": "kms:DescribeKey"}
    del describe["Condition"]
    policy["Statement"].append(describe)
    lab.client("kms").put_key_policy(KeyId=key, Policy=json.dumps(policy))
    if accepted:
        assert update(lab, KmsKeyId=key)["KmsKeyId"] == key
    else:
        with refused(INSUFFICIENT):
            update(lab, KmsKeyId=key)


@pytest.mark.parametrize("action", ["kms:GenerateDataKey*", "kms:DescribeKey"])
def test_encrypt_and_describe_are_both_needed(lab: Lab, action: str) -> None:
    with refused(INSUFFICIENT):
        update(lab, KmsKeyId=key_with(lab, {}, action))


def test_describe_is_needed_by_one_page_and_not_by_another(lab: Lab) -> None:
    key = key_with(lab, {}, "kms:GenerateDataKey*")
    lab.server.set(describe_key_needed=False)
    try:
        assert update(lab, KmsKeyId=key)["KmsKeyId"] == key
    finally:
        lab.server.set(describe_key_needed=True)


def test_decrypt_is_needed_where_the_bucket_uses_a_bucket_key(lab: Lab) -> None:
    without, with_decrypt = key_with(lab, {}), key_with(lab, {}, "kms:*")
    assert update(lab, "plain", KmsKeyId=without)["KmsKeyId"] == without
    with refused(INSUFFICIENT):
        update(lab, "keyed", KmsKeyId=without)
    assert update(lab, "keyed", KmsKeyId=with_decrypt)["KmsKeyId"] == with_decrypt


def test_key_of_another_account_is_taken_by_arn(lab: Lab) -> None:
    use = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}
    root = {"Effect": "Allow", "Principal": {"AWS": PARTNER}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Statement": [root, use]})
    key = lab.client("kms", account=PARTNER).create_key(Policy=policy)["KeyMetadata"]["Arn"]
    assert update(lab, KmsKeyId=key)["KmsKeyId"] == key


def test_multi_region_key_is_taken(lab: Lab) -> None:
    assert update(lab, KmsKeyId=key_arn("global-key"))["KmsKeyId"] == key_arn("global-key")


def test_new_key_is_not_found_before_the_change_has_spread(lab: Lab) -> None:
    lab.server.set(propagation_delay=3600)
    with refused("KmsKeyNotFoundException"):
        update(lab, KmsKeyId=key_with(lab, {}))
    lab.server.set(propagation_delay=0.1)
    key = key_with(lab, {})
    time.sleep(0.2)
    assert update(lab, KmsKeyId=key)["KmsKeyId"] == key


def test_bucket_policy_that_denies_the_encrypted_upload(lab: Lab) -> None:
    with refused(INSUFFICIENT, bucket_name("aes-logs")):
        update(lab, "aes", KmsKeyId=key_arn("spare-key"))


@pytest.mark.parametrize(
    ("bucket", "code"),
    [
        ("nowhere", "S3BucketDoesNotExistException"),
        (bucket_name("bare-logs"), "InsufficientS3BucketPolicyException"),
        (bucket_name("partner-logs"), "InsufficientS3BucketPolicyException"),
    ],
)
def test_bucket_that_cloudtrail_refuses(lab: Lab, bucket: str, code: str) -> None:
    with refused(code, bucket):
        update(lab, S3BucketName=bucket)
    with refused(code, bucket):
        lab.client("cloudtrail").create_trail(Name="new", S3BucketName=bucket)


def test_bucket_policy_is_scoped_to_the_trail_by_source_arn(lab: Lab) -> None:
    with refused("InsufficientS3BucketPolicyException"):
        lab.client("cloudtrail").create_trail(Name="unnamed", S3BucketName=bucket_name("logs"))


WRITES: dict[str, Callable[[Any, str], Any]] = {
    "UpdateTrail": lambda client, name: client.update_trail(Name=name),
    "StartLogging": lambda client, name: client.start_logging(Name=name),
    "StopLogging": lambda client, name: client.stop_logging(Name=name),
    "DeleteTrail": lambda client, name: client.delete_trail(Name=name),
}


@pytest.mark.parametrize("call", WRITES)
def test_writes_belong_into_the_home_region(lab: Lab, call: str) -> None:
    client = lab.client("cloudtrail", ELSEWHERE)
    for name in ("main", trail_arn("main")):
        with refused("InvalidHomeRegionException", HOME):
            WRITES[call](client, name)
    with refused("InvalidHomeRegionException"):
        WRITES[call](lab.client("cloudtrail"), trail_arn("local"))


@pytest.mark.parametrize("call", WRITES)
def test_writes_on_trails_that_are_not_there(lab: Lab, call: str) -> None:
    for name in ("nothing", "local", trail_arn("main").replace("/main", "/nothing")):
        with refused("TrailNotFoundException"):
            WRITES[call](lab.client("cloudtrail"), name)
    with refused("InvalidTrailNameException"):
        WRITES[call](lab.client("cloudtrail"), "x")
    with refused("CloudTrailARNInvalidException"):
        WRITES[call](lab.client("cloudtrail"), "arn:aws:cloudtrail")


@pytest.mark.parametrize("call", WRITES)
def test_inherited_trail_is_not_writable(load: Callable[[str], Lab], call: str) -> None:
    with refused("NotOrganizationMasterAccountException"):
        WRITES[call](load("organization").client("cloudtrail", account=MEMBER), ORGANIZATION_TRAIL)


@pytest.mark.parametrize("call", WRITES)
def test_delegated_administrator_may_write_the_organization_trail(load: Callable[[str], Lab], call: str) -> None:
    client = load("organization").client("cloudtrail", account=SECURITY)
    assert WRITES[call](client, ORGANIZATION_TRAIL)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_trail_of_the_same_name_in_the_region_of_the_call_is_meant(write: Callable[[str], Lab]) -> None:
    lab = write("""
description: two accounts' regions with a trail of the same name cannot be told apart by name
buckets: {logs: }
trails: {main: {bucket: logs}}
""")
    client = lab.client("cloudtrail", ELSEWHERE)
    policy = lab.client("s3").get_bucket_policy(Bucket="logs-111111111111")["Policy"]
    lab.client("s3").put_bucket_policy(
        Bucket="logs-111111111111", Policy=policy.replace(HOME, "*").replace("StringEquals", "StringLike")
    )
    client.create_trail(Name="main", S3BucketName="logs-111111111111")
    client.start_logging(Name="main")
    answer = client.get_trail_status(Name=f"arn:aws:cloudtrail:{ELSEWHERE}:{PRODUCTION}:trail/main")
    assert answer["IsLogging"] is True


def test_new_trail_does_not_log_until_it_is_started(lab: Lab) -> None:
    lab.server.set(delivery_interval=0.05)
    client, bucket = lab.client("cloudtrail"), open_bucket(lab)
    trail = client.create_trail(Name="new", S3BucketName=bucket, KmsKeyId="alias/spare", EnableLogFileValidation=True)
    assert (trail["KmsKeyId"], trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (
        key_arn("spare-key"),
        False,
        True,
    )
    status = client.get_trail_status(Name="new")
    assert (status["IsLogging"], "StartLoggingTime" in status, "LatestDeliveryTime" in status) == (False, False, False)
    client.start_logging(Name="new")
    time.sleep(0.1)
    status = client.get_trail_status(Name="new")
    assert status["LatestDeliveryTime"] > status["StartLoggingTime"]


def test_deleted_trail_is_gone(lab: Lab) -> None:
    lab.client("cloudtrail").delete_trail(Name="main")
    with refused("TrailNotFoundException"):
        lab.client("cloudtrail").get_trail(Name="main")


def test_trail_name_is_unique_in_its_region(lab: Lab) -> None:
    with refused("TrailAlreadyExistsException", trail_arn("main")):
        lab.client("cloudtrail").create_trail(Name="main", S3BucketName=bucket_name("logs"))


def test_multi_region_trail_includes_global_events(lab: Lab) -> None:
    with refused("InvalidParameterCombinationException"):
        update(lab, "main", IncludeGlobalServiceEvents=False)


def test_five_trails_in_a_region(lab: Lab) -> None:
    client, bucket = lab.client("cloudtrail"), open_bucket(lab)
    client.create_trail(Name="fifth", S3BucketName=bucket)
    with refused("MaximumNumberOfTrailsExceededException", f"User: {PRODUCTION} already has 5 trails in {HOME}."):
        client.create_trail(Name="sixth", S3BucketName=bucket)


def test_multi_region_trails_count_in_every_region(lab: Lab) -> None:
    client, bucket = lab.client("cloudtrail", "us-west-2"), open_bucket(lab)
    lab.client("cloudtrail").create_trail(Name="fifth", S3BucketName=bucket)
    with refused("MaximumNumberOfTrailsExceededException", HOME):
        client.create_trail(Name="everywhere", S3BucketName=bucket, IsMultiRegionTrail=True)
    client.create_trail(Name="here", S3BucketName=bucket)


def test_organization_trail_needs_an_organization(lab: Lab) -> None:
    with refused("OrganizationsNotInUseException"):
        lab.client("cloudtrail").create_trail(Name="new", S3BucketName=bucket_name("logs"), IsOrganizationTrail=True)
    with refused("OrganizationsNotInUseException"):
        update(lab, IsOrganizationTrail=True)


def test_organization_trail_belongs_to_the_management_account(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    with refused("NotOrganizationMasterAccountException"):
        lab.client("cloudtrail", account=MEMBER).create_trail(
            Name="new", S3BucketName="organization-logs-444444444444", IsOrganizationTrail=True
        )
    bucket = open_bucket(lab)
    trail = lab.client("cloudtrail", account=SECURITY).create_trail(
        Name="new", S3BucketName=bucket, IsOrganizationTrail=True, IsMultiRegionTrail=True
    )
    assert trail["TrailARN"] == f"arn:aws:cloudtrail:{HOME}:{PRODUCTION}:trail/new"


@pytest.mark.parametrize("needed", [True, False])
def test_an_organization_trail_writes_below_the_organization_alone(load: Callable[[str], Lab], *, needed: bool) -> None:
    """Whether the writes of trails insist on the account's own folder, one report says and no page of AWS."""
    lab, bucket = load("organization"), "organization-logs-444444444444"
    lab.server.set(own_folder_needed=needed)
    client = lab.client("s3", account="444444444444")
    statements = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    kept = [each for each in statements if "AWSLogs/111111111111/" not in str(each["Resource"])]
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": kept}))
    cloudtrail = lab.client("cloudtrail")
    assert "LatestDeliveryError" not in cloudtrail.get_trail_status(Name=ORGANIZATION_TRAIL)
    if needed:
        with refused("InsufficientS3BucketPolicyException"):
            cloudtrail.update_trail(Name=ORGANIZATION_TRAIL)
    else:
        cloudtrail.update_trail(Name=ORGANIZATION_TRAIL)
