# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers are asked for where the logs are: prefix, organization, regions, and the bucket's S3 Bucket Key count."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Finding,
    Missing,
    Organization,
    ReadError,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._context_facts import OBJECT_KEY
from tests.unit.checks.build import (
    ACCOUNT,
    ENCRYPT,
    ROLE_ARN,
    denied,
    finding,
    policy,
    snapshot,
)

ORGANIZATION = {"organization_trail": True}
OWN = Organization("o-abcdefghij", ACCOUNT)
NOT_TOLD = denied("organizations", "DescribeOrganization", "organizations:DescribeOrganization")
NOT_READ = denied("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration")
READERS = Settings(readers=(ROLE_ARN,))


def reads(*below: str, effect: str = "Allow", operator: str = "ArnLike") -> dict[str, Any]:
    """A statement on the reader's Decrypt of what lies below these patterns of the bucket logs, or of anything."""
    statement = {
        "Sid": effect,
        "Effect": effect,
        "Principal": {"AWS": ROLE_ARN},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }
    arns = [f"arn:aws:s3:::logs{each}" for each in below]
    return {**statement, "Condition": {operator: {OBJECT_KEY: arns}}} if below else statement


def deny(*below: str, **more: Any) -> dict[str, Any]:
    return reads(*below, effect="Deny", **more)


def found(
    statements: list[dict[str, Any]],
    trail: dict[str, Any] | None = None,
    organization: Organization | ReadError | None = OWN,
    bucket_key: bool | ReadError = False,
) -> Finding:
    """What the rule says of a reader by these statements of the key's policy."""
    read = snapshot(trail, {"policy": policy(ENCRYPT, *statements)}, {"bucket_key_enabled": bucket_key})
    read = replace(read, regions=("eu-west-1", "us-east-1"), organization=organization)
    return finding("readers_can_decrypt", read, READERS)


AUDIT = {"bucket_prefix": "audit"}


@pytest.mark.parametrize(
    ("trail", "statements", "status", "words"),
    [
        (AUDIT, [reads(), deny("/audit/*")], "fail", 'Statement "Deny" denies'),
        (AUDIT, [reads("/audit/*")], "pass", "every reader"),
        ({}, [reads(), deny("/audit/*")], "pass", "every reader"),
        ({}, [reads("/AWSLogs/*", operator="StringLike")], "pass", "every reader"),
        ({}, [reads("/*/eu-west-1/*")], "fail", f"logs in logs/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1: No statement"),
        ({}, [reads(), deny("/*/eu-*")], "fail", f"logs in logs/AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1: Statement"),
        ({"multi_region": False}, [reads(), deny("/*/eu-*")], "pass", "every reader"),
        ({}, [reads(), deny("")], "pass", "every reader"),
        (ORGANIZATION, [reads("/AWSLogs/o-abcdefghij/*")], "pass", "every reader"),
        (ORGANIZATION, [reads(f"/AWSLogs/{ACCOUNT}/*")], "fail", "its condition"),
        (ORGANIZATION, [reads("/AWSLogs/o-stranger00/*")], "fail", "its condition"),
        (ORGANIZATION, [reads(f"/AWSLogs/o-abcdefghij/{ACCOUNT}/*")], "unknown", "AWSLogs/o-abcdefghij/ACCOUNT_ID/"),
        (ORGANIZATION, [reads(), deny("/AWSLogs/o-abcdefghij/222222222222/*")], "unknown", "ACCOUNT_ID"),
        (ORGANIZATION, [reads(), deny(f"/AWSLogs/{ACCOUNT}/*")], "pass", "every reader"),
        (ORGANIZATION, [reads(), deny("/*/o-*/*", operator="StringLike")], "fail", 'Statement "Deny"'),
        (
            {**ORGANIZATION, **AUDIT},
            [reads(), deny(f"/audit/AWSLogs/o-abcdefghij/{ACCOUNT}/*")],
            "fail",
            f"logs in logs/audit/AWSLogs/o-abcdefghij/{ACCOUNT}/CloudTrail/eu-west-1, logs/audit/",
        ),
    ],
)
def test_readers_are_asked_for_where_the_logs_are(
    trail: dict[str, Any], statements: list[dict[str, Any]], status: str, words: str
) -> None:
    result = found(statements, trail)
    assert (result.status, words in result.message) == (status, True), result.message
    if status == "fail":
        assert ("targets" in result.remediation) is ("denies" in result.message)
        assert ("Add to the policy" in result.remediation) is ("No statement" in result.message)
    assert result.message.isascii()


def test_a_message_names_some_folders_and_the_evidence_all() -> None:
    result = found([reads(), deny("/*CloudTrail/??-*/*/us-east-1*", "/*/o-abcdefghij/1*", "/*_us-*")], ORGANIZATION)
    folders = json.loads(json.dumps(result.evidence))[ROLE_ARN]["folders"]
    assert len(folders) > 1
    assert all(folder in result.message for folder in folders[:3])


@pytest.mark.parametrize(
    ("statements", "bucket_key", "status"),
    [
        ([reads("")], True, "pass"),
        ([reads("")], False, "fail"),
        ([reads("/*")], True, "fail"),
        ([reads("/*")], False, "pass"),
        ([reads("/*")], NOT_READ, "unknown"),
        ([reads("")], NOT_READ, "unknown"),
        ([reads("*")], NOT_READ, "pass"),
        ([reads("", "/*")], NOT_READ, "pass"),
        ([reads(), deny("*")], NOT_READ, "fail"),
        ([reads("x")], NOT_READ, "fail"),
        ([reads()], NOT_READ, "pass"),
    ],
)
def test_with_an_s3_bucket_key_the_bucket_is_in_the_encryption_context(
    statements: list[dict[str, Any]], bucket_key: bool | ReadError, status: str
) -> None:
    """S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys"."""
    result = found(statements, bucket_key=bucket_key)
    assert result.status == status
    assert ("s3:GetEncryptionConfiguration" in result.message) == (status == "unknown")


def test_a_bucket_that_is_missing_shows_no_bucket_key() -> None:
    read = snapshot(None, {"policy": policy(ENCRYPT, reads("/*"))}, Missing("gone"))
    result = finding("readers_can_decrypt", read, READERS)
    assert (result.status, "The bucket logs does not exist" in result.message) == ("unknown", True)


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([reads("/AWSLogs/o-*/*")], "pass"),
        ([reads(), deny("/AWSLogs/o-abc/*")], "pass"),
        ([reads(f"/AWSLogs/{ACCOUNT}/*")], "fail"),
        ([reads("/AWSLogs/o-abcdefghij/*")], "unknown"),
        ([reads(), deny("/AWSLogs/o-abcdefghij/*")], "unknown"),
    ],
)
@pytest.mark.parametrize("organization", [NOT_TOLD, None])
def test_an_organization_that_is_not_told_is_not_taken_from_the_policy(
    organization: ReadError | None, statements: list[dict[str, Any]], status: str
) -> None:
    result = found(statements, ORGANIZATION, organization)
    assert result.status == status, result.message
    assert result.message.isascii()
    assert ("in whose folder its logs are, " in result.message) == (status == "unknown")


PATTERNS = st.sampled_from(
    [
        "",
        "*",
        "/*",
        "/audit/*",
        "/AWSLogs/*",
        f"/AWSLogs/{ACCOUNT}/*",
        "/AWSLogs/o-abcdefghij/*",
        "/AWSLogs/o-*/1*",
        "/*/eu-*",
    ]
)
STATEMENTS = st.builds(
    lambda below, effect, operator: reads(*below, effect=effect, operator=operator),
    st.lists(PATTERNS, max_size=2),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["ArnLike", "StringLike", "StringNotLike", "ForAnyValue:StringLike"]),
)
TRAILS = st.fixed_dictionaries(
    {}, optional={"bucket_prefix": st.just("audit"), "organization_trail": st.booleans(), "multi_region": st.booleans()}
)


@settings(deadline=None)
@given(st.lists(STATEMENTS, min_size=1, max_size=3), TRAILS, st.booleans(), st.sampled_from([OWN, NOT_TOLD]))
def test_nothing_gets_unknown_by_one_more_fact(
    statements: list[dict[str, Any]], trail: dict[str, Any], bucket_key: bool, organization: Organization | ReadError
) -> None:
    """By the S3 Bucket Key, or by the organization."""
    less = found(statements, trail, NOT_TOLD, NOT_READ).status
    more = found(statements, trail, organization, NOT_READ).status
    all_of_it = found(statements, trail, organization, bucket_key).status
    assert less in ("unknown", more)
    assert more in ("unknown", all_of_it)


@settings(deadline=None)
@given(st.lists(STATEMENTS, max_size=3), TRAILS, TRAILS, st.booleans())
def test_facts_that_no_statement_mentions_change_nothing(
    statements: list[dict[str, Any]], one: dict[str, Any], other: dict[str, Any], bucket_key: bool
) -> None:
    unmentioned = [{name: part for name, part in each.items() if name != "Condition"} for each in statements]
    results = [found(unmentioned, one), found(unmentioned, other, NOT_TOLD, bucket_key)]
    assert results[0] == results[1]
