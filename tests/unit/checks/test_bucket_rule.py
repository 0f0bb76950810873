# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket policy and the folders of a trail: every one counts, and of ids that nobody told nothing is guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Finding,
    Organization,
    ReadError,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._delivery import REGION_ACCOUNTS
from tests.unit.checks.build import (
    ACCOUNT,
    ACL,
    NOW,
    TRAIL,
    TRAIL_ARN,
    denied,
    finding,
    policy,
    service,
    snapshot,
)

ORGANIZATION = {"organization_trail": True, "multi_region": False}
OWN = Organization("o-abcdefghij", ACCOUNT)
NOT_TOLD = denied("organizations", "DescribeOrganization", "organizations:DescribeOrganization")


def statement(effect: str, folder: str) -> dict[str, Any]:
    """A statement on uploads below a folder of the bucket."""
    resource = f"arn:aws:s3:::logs/{folder}"
    return {**service(f"{effect}Upload", "s3:PutObject"), "Effect": effect, "Resource": resource}


def allow(folder: str) -> dict[str, Any]:
    return statement("Allow", folder)


def deny(folder: str) -> dict[str, Any]:
    return statement("Deny", folder)


EVERYWHERE = allow("*")
# What lets CloudTrail deliver below the trail's own account, beside the organization's folders.
MANAGEMENT = allow(f"AWSLogs/{ACCOUNT}/*")
BELOW = f"below logs/AWSLogs/o-abcdefghij/ and logs/AWSLogs/{ACCOUNT}/, condition aws:SourceArn"
AIMED = 'Statement "DenyUpload" targets cloudtrail.amazonaws.com, and its author decides whether that is intended.'


def found(
    statements: list[dict[str, Any]],
    organization: Organization | ReadError | None,
    trail: dict[str, Any] | None = None,
) -> Finding:
    """What the rule says of a trail, by default an organization trail, whose bucket shows CloudTrail its ACL."""
    read = snapshot(ORGANIZATION if trail is None else trail, bucket={"policy": policy(*statements, ACL)})
    read = replace(read, regions=("eu-west-1", "us-east-1"), organization=organization)
    return finding("bucket_policy_accepts_key", read)


@pytest.mark.parametrize(
    ("trail", "statements", "status", "words"),
    [
        ({}, [allow(f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/*")], "fail", "CloudTrail/eu-west-1"),
        ({}, [EVERYWHERE, deny("*/CloudTrail/eu-*")], "fail", "DenyUpload"),
        ({}, [EVERYWHERE], "pass", "lets CloudTrail"),
        ({"multi_region": False}, [EVERYWHERE, deny("*/CloudTrail/eu-*")], "pass", "lets"),
        ({"bucket_prefix": "trails"}, [allow("trails/AWSLogs/*")], "pass", "lets CloudTrail"),
        ({"bucket_prefix": "trails"}, [allow("AWSLogs/*")], "fail", "logs/trails/AWSLogs/"),
        (ORGANIZATION, [EVERYWHERE], "pass", "lets CloudTrail"),
        (ORGANIZATION, [MANAGEMENT], "fail", "AWSLogs/o-abcdefghij/"),
        (ORGANIZATION, [MANAGEMENT, allow("AWSLogs/o-stranger00/*")], "fail", "AWSLogs/o-abcdefghij/"),
        (ORGANIZATION, [allow("AWSLogs/o-abcdefghij/*")], "pass", f"does not allow uploads below AWSLogs/{ACCOUNT}/"),
        (ORGANIZATION, [allow("AWSLogs/o-abcdefghij/*"), deny(f"AWSLogs/{ACCOUNT}/*")], "pass", "may still check it"),
        (ORGANIZATION, [MANAGEMENT, allow("AWSLogs/o-abcdefghij/*")], "pass", "lets CloudTrail"),
        (ORGANIZATION, [EVERYWHERE, deny("AWSLogs/o-stranger00/*")], "pass", "lets CloudTrail"),
        (ORGANIZATION, [EVERYWHERE, deny("*/o-*/*/CloudTrail/*")], "fail", "DenyUpload"),
    ],
)
def test_every_folder_that_the_trail_delivers_to_is_judged(
    trail: dict[str, Any], statements: list[dict[str, Any]], status: str, words: str
) -> None:
    result = found(statements, OWN, trail)
    assert (result.status, words in result.message) == (status, True), result.message


def test_an_organization_is_to_be_let_in_as_a_whole_and_a_prefix_is_named() -> None:
    lacking = found([MANAGEMENT], OWN)
    assert f"below logs/AWSLogs/o-abcdefghij/ and logs/AWSLogs/{ACCOUNT}/, condition" in lacking.remediation
    prefixed = found([allow("audit/AWSLogs/o-abcdefghij/*")], OWN, {**ORGANIZATION, "bucket_prefix": "audit"})
    assert (prefixed.status, f"below audit/AWSLogs/{ACCOUNT}/. An" in prefixed.message) == ("pass", True)


@pytest.mark.parametrize(
    ("statements", "trail"),
    [([], {}), ([allow("AWSLogs/444444444444/*")], {}), ([MANAGEMENT], ORGANIZATION)],
    ids=["empty", "another account", "organization"],
)
def test_with_the_statements_to_add_the_bucket_takes_the_logs(
    statements: list[dict[str, Any]], trail: dict[str, Any]
) -> None:
    lacking = found(statements, OWN, trail)
    assert lacking.status == "fail"
    added = [json.loads(each) for each in cast("list[str]", lacking.evidence["statements_to_add"])]
    assert [each["Sid"] for each in added] == ["AwsBaselineCloudTrailWrite"]
    assert found([*statements, *added], OWN, trail).status == "pass"


@pytest.mark.parametrize("organization", [OWN, NOT_TOLD])
def test_no_statement_is_to_be_added_where_it_would_not_help(organization: Organization | ReadError) -> None:
    statements = [EVERYWHERE, deny("*")] if organization is OWN else []
    told = found(statements, organization)
    assert (told.status, "statements_to_add" in told.evidence) == ("fail", False)


def where(statement: dict[str, Any], operator: str, organization_id: str) -> dict[str, Any]:
    return {**statement, "Condition": {operator: {"aws:SourceOrgID": organization_id}}}


@pytest.mark.parametrize(
    ("statements", "told", "status"),
    [
        ([where(allow("AWSLogs/*/*"), "StringEquals", OWN.id)], OWN, "pass"),
        ([where(allow("AWSLogs/*/*"), "StringEquals", "o-stranger00")], OWN, "fail"),
        ([where(allow("AWSLogs/*/*"), "StringEquals", OWN.id)], NOT_TOLD, "unknown"),
        ([EVERYWHERE, where(deny("*"), "StringNotEqualsIfExists", OWN.id)], OWN, "pass"),
        ([EVERYWHERE, where(deny("*"), "StringNotEqualsIfExists", "o-stranger00")], OWN, "fail"),
        ([EVERYWHERE, where(deny("*"), "StringNotEqualsIfExists", OWN.id)], None, "unknown"),
    ],
)
def test_logs_of_an_organization_trail_come_in_the_name_of_its_organization(
    statements: list[dict[str, Any]], told: Organization | ReadError | None, status: str
) -> None:
    """Landing zones of Control Tower insist on it."""
    result = found(statements, told)
    assert result.status == status
    assert ("DescribeOrganization" in result.remediation) is (told is NOT_TOLD)


@pytest.mark.parametrize(
    ("statements", "remedy"),
    [
        (
            [MANAGEMENT, allow(f"AWSLogs/o-abcdefghij/{ACCOUNT}/*")],
            BELOW,
        ),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/1*")], BELOW),
        (
            [EVERYWHERE, deny("AWSLogs/o-abcdefghij/222222222222/*")],
            AIMED,
        ),
        ([EVERYWHERE, deny("*/0*/CloudTrail/*")], AIMED),
    ],
)
def test_members_that_the_policy_names_need_not_be_all(statements: list[dict[str, Any]], remedy: str) -> None:
    result = found(statements, OWN)
    assert result.status == "unknown"
    assert "names accounts of the organization below AWSLogs/o-abcdefghij/." in result.message
    assert remedy in result.remediation
    assert "depends on which ids are in arn:aws:s3:::logs/AWSLogs/o-abcdefghij/ACCOUNT_ID/" in str(result.evidence)


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([MANAGEMENT, allow("AWSLogs/o-*")], "pass"),
        ([MANAGEMENT, allow("AWSLogs/o-*/*")], "pass"),
        ([EVERYWHERE], "pass"),
        ([EVERYWHERE, deny("AWSLogs/222222222222/*")], "pass"),
        ([EVERYWHERE, deny("AWSLogs/o-short/*")], "pass"),
        ([MANAGEMENT], "fail"),
        ([allow("AWSLogs/o-*")], "pass"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/CloudTrail/*")], "fail"),
        ([EVERYWHERE, deny("AWSLogs/o-*/*")], "fail"),
        ([MANAGEMENT, *(deny(f"AWSLogs/o-stranger{number:02}/*") for number in range(12))], "fail"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghijklmnop/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/*"), allow("AWSLogs/o-stranger00/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/*"), allow("AWSLogs/o-stranger00/CloudTrail/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abc*/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-??????????/*")], "unknown"),
        ([EVERYWHERE, deny("AWSLogs/o-stranger00/*")], "unknown"),
        ([EVERYWHERE, deny("AWSLogs/o-abcdefghij*")], "unknown"),
        ([EVERYWHERE, deny("AWSLogs/o-abc*/*")], "unknown"),
        ([EVERYWHERE, deny("*abcdefghij*")], "unknown"),
        ([EVERYWHERE, deny("*a/*")], "unknown"),
    ],
)
@pytest.mark.parametrize("organization", [NOT_TOLD, None])
def test_an_organization_that_is_not_told_is_not_taken_from_the_policy(
    organization: ReadError | None, statements: list[dict[str, Any]], status: str
) -> None:
    """Neither is it an obstacle to a policy that accepts any, nor an excuse for one that accepts none."""
    result = found(statements, organization)
    assert result.status == status, result
    words = "was not read" if organization is None else "Allow the caller organizations:DescribeOrganization"
    is_named = organization is NOT_TOLD and "ORGANIZATION_ID" in result.remediation
    assert (words in f"{result.message} {result.remediation}") is (status == "unknown" or is_named)
    assert result.message.isascii()


IDS = st.text("ab0", min_size=10, max_size=12).map("o-{}".format)
FOLDERS = st.text("ab0*?", min_size=1, max_size=13).map("AWSLogs/o-{}/*".format) | IDS.map("AWSLogs/{}/*".format)


@settings(deadline=None)
@given(
    statements=st.lists(st.builds(statement, st.sampled_from(["Allow", "Deny"]), FOLDERS), max_size=3),
    open_to_all=st.booleans(),
    organization_id=IDS,
)
def test_what_is_said_of_an_unknown_organization_holds_for_every_one(
    statements: list[dict[str, Any]], open_to_all: bool, organization_id: str
) -> None:
    given_statements = [EVERYWHERE if open_to_all else MANAGEMENT, *statements]
    said = found(given_statements, NOT_TOLD).status
    assert said in ("unknown", found(given_statements, Organization(organization_id, ACCOUNT)).status)


def bare(*statements: dict[str, Any], trail: dict[str, Any] | None = None) -> Finding:
    """What the rule says where the bucket's policy is these statements, by default of a trail of one region."""
    return finding(
        "bucket_policy_accepts_key", snapshot(trail or {"multi_region": False}, bucket={"policy": policy(*statements)})
    )


@pytest.mark.parametrize(
    ("acl", "words"),
    [
        ([], "No statement allows s3:GetBucketAcl"),
        (
            [{**ACL, "Condition": {"StringEquals": {"aws:SourceArn": f"{TRAIL_ARN}2"}}}],
            f'aws:SourceArn = "{TRAIL_ARN}2"',
        ),
        ([ACL, {**ACL, "Sid": "No", "Effect": "Deny"}], 'Statement "No" denies s3:GetBucketAcl'),
        ([{**ACL, "Resource": "arn:aws:s3:::logs/*"}], "the objects in the bucket, not the bucket"),
    ],
)
def test_cloudtrail_has_to_read_the_acl(acl: list[dict[str, Any]], words: str) -> None:
    result = bare(EVERYWHERE, *acl)
    assert (result.status, result.level) == ("fail", "required")
    assert words in result.message
    assert "s3:GetBucketAcl" in result.remediation or "targets" in result.remediation
    assert "upload" not in result.message


def test_what_is_missing_is_said_at_once() -> None:
    result = bare()
    assert result.status == "fail"
    assert ("s3:PutObject" in result.message, "s3:GetBucketAcl" in result.message) == (True, True)
    assert ("s3:PutObject" in result.remediation, "s3:GetBucketAcl" in result.remediation) == (True, True)


def test_nothing_is_said_of_an_acl_that_hangs_on_what_aws_does_not_document() -> None:
    """Whether CloudTrail calls it in the name of an organization."""
    result = bare(EVERYWHERE, where(ACL, "StringEquals", OWN.id))
    assert (result.status, "aws:SourceOrgID" in result.message) == ("unknown", True)


ONLY = {"Sid": "Only", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}
ENCRYPTION = "s3:x-amz-server-side-encryption"
ONLY_KMS = {**ONLY, "Condition": {"StringNotEquals": {ENCRYPTION: "aws:kms"}}}
DIGESTS = "arn:aws:s3:::logs/*/CloudTrail-Digest/*"
# The user guide's page on best practices: below CloudTrail-Digest nothing but SSE-S3.
DIGESTS_AES = {**ONLY, "Resource": DIGESTS, "Condition": {"StringNotEquals": {ENCRYPTION: "AES256"}}}
NO_DIGESTS = {**ONLY, "Resource": DIGESTS}
LOGS = allow("AWSLogs/*/CloudTrail/*")
OF_DEPARTMENT = {**ONLY, "Resource": DIGESTS, "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}


@pytest.mark.parametrize(
    ("statements", "status", "level", "words"),
    [
        ([EVERYWHERE], "pass", "required", "lets CloudTrail"),
        ([LOGS], "fail", "required", "upload digest files to logs/AWSLogs/111111111111/CloudTrail-Digest/us-east-1"),
        ([EVERYWHERE, NO_DIGESTS], "fail", "required", 'Statement "Only" denies'),
        ([EVERYWHERE, ONLY_KMS, DIGESTS_AES], "fail", "required", 'Statement "Only" denies'),
        (
            [EVERYWHERE, ONLY_KMS],
            "fail",
            "advised",
            'StringNotEquals s3:x-amz-server-side-encryption = "aws:kms" holds',
        ),
        (
            [EVERYWHERE, DIGESTS_AES],
            "fail",
            "advised",
            'StringNotEquals s3:x-amz-server-side-encryption = "AES256" holds',
        ),
        ([EVERYWHERE, OF_DEPARTMENT], "unknown", "required", "aws:SourceVpc"),
        ([EVERYWHERE, OF_DEPARTMENT, ONLY_KMS], "unknown", "required", "aws:SourceVpc"),
    ],
)
def test_digest_files_need_a_folder_that_takes_either_encryption(
    statements: list[dict[str, Any]], status: str, level: str, words: str
) -> None:
    """AWS's pages disagree which it is: what would stop one of them is advice, what stops both stops them."""
    result = bare(*statements, ACL, trail={"multi_region": False, "log_file_validation": True})
    assert (result.status, result.level) == (status, level)
    assert words in result.message
    assert ("UpdateTrail" in result.message, "Security best practices" in result.message) == (level == "advised",) * 2
    # Without log-file validation there are none.
    assert bare(*statements, ACL).status == "pass"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"latest_digest_delivery_time": NOW - timedelta(minutes=119)}, "pass"),
        ({"latest_digest_delivery_time": NOW - timedelta(hours=2)}, "fail"),
        ({"latest_digest_delivery_time": None}, "fail"),
        ({"latest_digest_delivery_time": NOW, "latest_digest_delivery_error": "AccessDenied"}, "fail"),
    ],
)
def test_a_digest_that_has_just_come_settles_it(status: dict[str, Any], expected: str) -> None:
    fields = {"log_file_validation": True, "status": TrailStatus(is_logging=True, **status)}
    assert bare(EVERYWHERE, ONLY_KMS, ACL, trail=fields).status == expected
    # It does not unsay what stops both.
    assert bare(EVERYWHERE, NO_DIGESTS, ACL, trail=fields).status == "fail"


def test_a_status_that_was_not_read_settles_nothing() -> None:
    unread = denied("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus")
    assert bare(EVERYWHERE, ONLY_KMS, ACL, trail={"log_file_validation": True, "status": unread}).status == "fail"


US_EAST_1, EU_WEST_1 = "086441151436", "859597730677"


def older(*accounts: str, **more: Any) -> dict[str, Any]:
    """The older form of AWS's statements on both calls, for CloudTrail's accounts of some regions."""
    names = [
        account if account.isdigit() and number else f"arn:aws:iam::{account}:root"
        for number, account in enumerate(accounts)
    ]
    resources = ["arn:aws:s3:::logs", f"arn:aws:s3:::logs/AWSLogs/{ACCOUNT}/*"]
    old = {"Sid": "Old", "Effect": "Allow", "Principal": {"AWS": names}, "Action": ["s3:GetBucketAcl", "s3:PutObject"]}
    return {**old, "Resource": resources, **more}


NOT_OVER_TLS = {**ONLY, "Sid": "Tls", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
SINGLE = {"multi_region": False}


@pytest.mark.parametrize(
    ("trail", "statements", "status", "words"),
    [
        (SINGLE, [older(US_EAST_1)], "pass", 'single regions (statement "Old")'),
        (SINGLE, [older(EU_WEST_1, US_EAST_1), NOT_OVER_TLS], "pass", "name the service cloudtrail.amazonaws.com"),
        (SINGLE, [older(EU_WEST_1)], "fail", f"not {US_EAST_1}, the one of us-east-1"),
        (SINGLE, [older(US_EAST_1, Resource="arn:aws:s3:::logs")], "fail", "the bucket, not the objects in it"),
        (
            SINGLE,
            [older(US_EAST_1), {**ONLY, "Condition": {"Null": {ENCRYPTION: "false"}}}],
            "fail",
            'Statement "Only" denies',
        ),
        (SINGLE, [older(US_EAST_1), where(ONLY, "StringEquals", OWN.id)], "unknown", "aws:SourceOrgID"),
        (SINGLE, [older(US_EAST_1), EVERYWHERE, ACL], "pass", "lets CloudTrail"),
        (
            SINGLE,
            [older(EU_WEST_1), {**EVERYWHERE, "Resource": "arn:aws:s3:::logs/other/*"}, ACL],
            "fail",
            "its Resource does not cover",
        ),
        ({}, [older(US_EAST_1, EU_WEST_1)], "pass", "single regions"),
        ({}, [older(US_EAST_1)], "fail", f"not {EU_WEST_1}, the one of eu-west-1"),
        (
            {"regions": ("eu-west-1", "il-central-1")},
            [older(US_EAST_1, EU_WEST_1)],
            "fail",
            "for il-central-1 CloudTrail has none",
        ),
    ],
)
def test_the_older_form_works_for_the_regions_it_names(
    trail: dict[str, Any], statements: list[dict[str, Any]], status: str, words: str
) -> None:
    """It names CloudTrail's account of each region in the place of the service."""
    fields = {name: value for name, value in trail.items() if name != "regions"}
    read = snapshot(fields, bucket={"policy": policy(*statements)})
    read = replace(read, regions=trail.get("regions", ("eu-west-1", "us-east-1")))
    result = finding("bucket_policy_accepts_key", read)
    assert (result.status, words in result.message) == (status, True), result.message
    assert "as principal" not in result.message
    assert result.message.count("single regions") <= 1


def test_any_other_account_is_a_strangers() -> None:
    result = bare(older("111122223333"))
    assert (result.status, "single regions" in result.message) == ("fail", False)


def test_other_partitions_have_their_accounts() -> None:
    arn = TRAIL.arn.replace("arn:aws:cloudtrail:us-east-1", "arn:aws-cn:cloudtrail:cn-north-1")
    text = json.dumps(policy(older("193415116832"))).replace("arn:aws:", "arn:aws-cn:")
    trail = {"arn": arn, "home_region": "cn-north-1", "multi_region": False}
    assert finding("bucket_policy_accepts_key", snapshot(trail, bucket={"policy": json.loads(text)})).status == "pass"


def test_the_regions_of_the_older_form_are_those_that_aws_lists() -> None:
    """CloudTrail guide, "Amazon S3 bucket policy for CloudTrail", and the list of the Terraform provider."""
    assert len(REGION_ACCOUNTS) == 21
    assert len(set(REGION_ACCOUNTS.values())) == 20
    assert all(account.isdigit() and len(account) == 12 for account in REGION_ACCOUNTS.values())


FACTS = st.sampled_from(["aws:SourceOrgID", "aws:SourceVpc", ENCRYPTION, "aws:SourceArn"])


@settings(deadline=None, max_examples=40)
@given(
    statements=st.lists(st.builds(statement, st.sampled_from(["Allow", "Deny"]), FOLDERS), max_size=3),
    keys=st.lists(
        st.tuples(FACTS, st.sampled_from(["StringEquals", "StringNotEqualsIfExists"])), min_size=3, max_size=3
    ),
    organization_id=IDS,
    validation=st.booleans(),
)
def test_nothing_gets_unknown_by_one_more_fact(
    statements: list[dict[str, Any]], keys: list[tuple[str, str]], organization_id: str, *, validation: bool
) -> None:
    """By the organization, or by a digest that came."""
    narrowed = [
        {**each, "Condition": {operator: {key: organization_id}}} if key else each
        for each, (key, operator) in zip(statements, keys, strict=False)
    ]
    trail = {**ORGANIZATION, "log_file_validation": validation}
    fresh = {**trail, "status": TrailStatus(is_logging=True, latest_digest_delivery_time=NOW)}
    before = found([EVERYWHERE, *narrowed], NOT_TOLD, trail).status
    told = found([EVERYWHERE, *narrowed], Organization(organization_id, ACCOUNT), trail)
    assert before in ("unknown", told.status)
    after = found([EVERYWHERE, *narrowed], Organization(organization_id, ACCOUNT), fresh).status
    assert after in (told.status, "pass")
