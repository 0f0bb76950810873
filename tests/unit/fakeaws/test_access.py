# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials, allow-lists, deny-lists and closed regions, in the form of each service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, PARTNER, PRODUCTION, Lab, bucket_name, key_arn, key_id, refused, trail_arn

CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda client: client.get_caller_identity(),
    "ec2": lambda client: client.describe_regions(),
    "kms": lambda client: client.list_keys(),
    "cloudtrail": lambda client: client.describe_trails(),
    "organizations": lambda client: client.describe_organization(),
    "s3": lambda client: client.get_bucket_policy(Bucket=bucket_name("logs")),
}


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("sts", "InvalidClientTokenId", 403),
        ("ec2", "AuthFailure", 401),
        ("kms", "UnrecognizedClientException", 400),
        ("cloudtrail", "UnrecognizedClientException", 400),
        ("organizations", "UnrecognizedClientException", 400),
        ("s3", "InvalidAccessKeyId", 403),
    ],
)
def test_unknown_access_key(lab: Lab, service: str, code: str, status: int) -> None:
    client = lab.client(service, keys={"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"})
    with refused(code, status=status):
        CALLS[service](client)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("sts", "ExpiredToken", 403),
        ("ec2", "RequestExpired", 400),
        ("kms", "ExpiredTokenException", 400),
        ("cloudtrail", "ExpiredTokenException", 400),
        ("organizations", "ExpiredTokenException", 400),
        ("s3", "ExpiredToken", 400),
    ],
)
def test_expired_session(lab: Lab, service: str, code: str, status: int) -> None:
    client = lab.client(service, keys=lab.role("Operator"))
    lab.server.expire_sessions()
    with refused(code, "expired", status=status):
        CALLS[service](client)


def test_session_needs_its_own_token(lab: Lab) -> None:
    keys = {**lab.role("Operator"), "SessionToken": "another"}
    with refused("InvalidClientTokenId"):
        lab.client("sts", keys=keys).get_caller_identity()


@pytest.mark.parametrize(
    ("service", "code", "status", "words"),
    [
        ("ec2", "UnauthorizedOperation", 403, "is not authorized to perform: ec2:DescribeRegions because"),
        ("kms", "AccessDeniedException", 400, "is not authorized to perform: kms:ListKeys on resource: * because"),
        ("cloudtrail", "AccessDeniedException", 400, "not authorized to perform: cloudtrail:DescribeTrails because"),
        ("organizations", "AccessDeniedException", 400, "organizations:DescribeOrganization on resource: * because"),
        (
            "s3",
            "AccessDenied",
            403,
            'perform: s3:GetBucketPolicy on resource: "arn:aws:s3:::logs-111111111111" because',
        ),
    ],
)
def test_action_that_no_policy_allows(
    load: Callable[[str], Lab], service: str, code: str, status: int, words: str
) -> None:
    client = load("no-permissions").client(service)
    with refused(code, words, status=status):
        CALLS[service](client)


def test_refusal_names_caller_and_action(load: Callable[[str], Lab]) -> None:
    message = (
        "User: arn:aws:iam::111111111111:user/administrator is not authorized to perform: "
        "cloudtrail:DescribeTrails because no identity-based policy allows the cloudtrail:DescribeTrails action"
    )
    with refused("AccessDeniedException", message):
        load("no-permissions").client("cloudtrail").describe_trails()


def test_caller_identity_needs_no_permission(load: Callable[[str], Lab]) -> None:
    assert load("no-permissions").client("sts").get_caller_identity()["Account"] == PRODUCTION


def test_deny_list_beats_allow_list(lab: Lab) -> None:
    client = lab.client("kms", keys=lab.role("Auditor", by=PARTNER, external_id="audit-2026"))
    client.describe_key(KeyId=key_id("trail-key"))
    message = f"kms:GetKeyPolicy on resource: {key_arn('trail-key')} with an explicit deny in an identity-based policy"
    with refused("AccessDeniedException", message):
        client.get_key_policy(KeyId=key_id("trail-key"))


def test_head_bucket_and_encryption_have_actions_of_other_names(lab: Lab) -> None:
    client = lab.client("s3", keys=lab.role("Auditor", by=PARTNER, external_id="audit-2026"))
    assert client.head_bucket(Bucket=bucket_name("logs"))["BucketRegion"] == HOME
    with refused("AccessDenied", "s3:GetEncryptionConfiguration"):
        client.get_bucket_encryption(Bucket=bucket_name("logs"))


def test_deny_in_one_region_only(load: Callable[[str], Lab]) -> None:
    lab = load("denied-region")
    assert len(lab.client("cloudtrail", "us-east-1").describe_trails()["trailList"]) == 1
    with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
        lab.client("cloudtrail", "eu-west-3").describe_trails()


def test_region_closed_by_a_service_control_policy(load: Callable[[str], Lab]) -> None:
    lab = load("closed-region")
    message = "cloudtrail:DescribeTrails with an explicit deny in a service control policy"
    with refused("AccessDeniedException", message):
        lab.client("cloudtrail", "sa-east-1").describe_trails()
    names = {region["RegionName"] for region in lab.client("ec2", "sa-east-1").describe_regions()["Regions"]}
    assert "sa-east-1" in names


def test_region_that_is_not_enabled_knows_no_credentials(lab: Lab) -> None:
    with refused("UnrecognizedClientException"):
        lab.client("cloudtrail", "af-south-1").describe_trails()


def test_call_without_a_rule_is_answered_by_moto(lab: Lab) -> None:
    answer = lab.client("cloudtrail").get_event_selectors(TrailName=trail_arn("main"))
    assert answer["TrailARN"] == trail_arn("main")


def test_call_without_a_rule_needs_permission_too(lab: Lab) -> None:
    client = lab.client("cloudtrail", keys=lab.role("Auditor", by=PARTNER, external_id="audit-2026"))
    with refused("AccessDeniedException", "cloudtrail:GetEventSelectors"):
        client.get_event_selectors(TrailName=trail_arn("main"))


def test_moto_does_not_cross_accounts_either(lab: Lab) -> None:
    with refused("AccessDenied"):
        lab.client("s3").get_bucket_versioning(Bucket=bucket_name("partner-logs"))
