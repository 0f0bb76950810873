# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule, with every status it can give and the words it gives them in."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Missing, Snapshot, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._ours import use_statement
from tests.unit.checks.build import (
    ACCOUNT,
    DESCRIBE,
    ENCRYPT,
    KEY_ARN,
    NOW,
    OWNED,
    ROLE_ARN,
    ROOT,
    TRAIL_ARN,
    delivered_under,
    denied,
    finding,
    key_policy,
    policy,
    reader,
    service,
    snapshot,
    with_answers,
)

NO_KEY = {"kms_key_arn": None}
NO_DESCRIBE = denied("kms", "DescribeKey", "kms:DescribeKey")
NO_POLICY = denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
NO_BUCKET_POLICY = denied("s3", "GetBucketPolicy", "s3:GetBucketPolicy")
NO_ENCRYPTION = denied("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration")
NO_HEAD = denied("s3", "HeadBucket", "s3:ListBucket")
NO_STATUS = denied("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus")
NO_ROTATION = denied("kms", "GetKeyRotationStatus", "kms:GetKeyRotationStatus")
NO_ALIASES = denied("kms", "ListAliases", "kms:ListAliases")
NO_TAGS = denied("kms", "ListResourceTags", "kms:ListResourceTags")
FOREIGN_KEY = "arn:aws:kms:us-east-1:444444444444:key/99999999-2222-3333-4444-555555555555"
FOREIGN_ROLE = "arn:aws:iam::555555555555:role/Analyst"
REPLICA = KEY_ARN.replace("us-east-1", "eu-west-1")
REPLICATED = {"multi_region": True, "related_keys": (REPLICA,)}
GONE = Missing("gone")
DENY_ALL = {**service("Lock", "kms:*"), "Effect": "Deny"}
READERS = Settings(readers=(ROLE_ARN,))


def approving(*keys: str) -> Settings:
    """Settings with a list of approved keys."""
    return Settings(approved_keys=keys)


def delivery(**fields: Any) -> dict[str, TrailStatus]:
    """The trail's fields with another status."""
    return {"status": TrailStatus(**{"is_logging": True, "latest_delivery_time": NOW, **fields})}


# rule, what differs from a healthy account, settings, status, words of the message or the remediation
CASES: list[tuple[str, Snapshot, Settings | None, str, str]] = [
    ("trail_has_kms_key", snapshot(), None, "pass", "encrypts"),
    ("trail_has_kms_key", snapshot(NO_KEY), None, "fail", "--kms-key-id KEY_ARN"),
    ("trail_has_kms_key", snapshot(NO_KEY, bucket=NO_HEAD), None, "fail", "the bucket's region"),
    ("key_is_customer_managed", snapshot(), None, "pass", "customer"),
    ("key_is_customer_managed", snapshot(key={"manager": "AWS"}), None, "fail", "managed by AWS"),
    ("key_is_customer_managed", snapshot(key=NO_DESCRIBE), None, "unknown", "kms:DescribeKey"),
    ("key_is_customer_managed", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("key_is_customer_managed", snapshot(key=GONE), None, "not_applicable", "key_is_usable"),
    ("key_is_usable", snapshot(), None, "pass", "Enabled"),
    ("key_is_usable", snapshot(key={"state": "Updating"}), None, "pass", "Updating"),
    ("key_is_usable", snapshot(key={"state": "Disabled"}), None, "fail", "aws kms enable-key --region us-east-1"),
    (
        "key_is_usable",
        snapshot(key={"state": "PendingDeletion", "deletion_date": datetime(2026, 12, 1, tzinfo=timezone.utc)}),
        None,
        "fail",
        "PendingDeletion (on 2026-12-01)",
    ),
    ("key_is_usable", snapshot(key={"state": "PendingDeletion"}), None, "fail", "cancel-key-deletion"),
    ("key_is_usable", snapshot(key={"state": "PendingImport"}), None, "fail", "Import its key material"),
    ("key_is_usable", snapshot(key={"state": "Unavailable"}), None, "fail", "back to the state Enabled"),
    ("key_is_usable", snapshot(key={"usage": "SIGN_VERIFY", "spec": "RSA_2048"}), None, "fail", "RSA_2048"),
    ("key_is_usable", snapshot(key={"spec": "HMAC_256"}), None, "fail", "SYMMETRIC_DEFAULT"),
    ("key_is_usable", snapshot(key=GONE), None, "fail", "does not exist"),
    ("key_is_usable", snapshot(key=NO_DESCRIBE), None, "unknown", "kms:DescribeKey"),
    ("key_is_usable", snapshot({"kms_key_arn": FOREIGN_KEY}, NO_DESCRIBE), None, "unknown", "key_assume_role"),
    ("key_is_usable", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("key_in_bucket_region", snapshot(), None, "pass", "both in us-east-1"),
    ("key_in_bucket_region", snapshot(bucket={"region": "eu-west-1"}), None, "fail", "a key in eu-west-1"),
    ("key_in_bucket_region", snapshot(bucket=NO_HEAD), None, "unknown", "s3:ListBucket"),
    ("key_in_bucket_region", snapshot(bucket=GONE), None, "not_applicable", "does not exist"),
    ("key_in_bucket_region", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("key_policy_allows_encrypt", snapshot(), None, "pass", "may encrypt"),
    ("key_policy_allows_encrypt", snapshot(key=key_policy(DESCRIBE)), None, "fail", "may not encrypt"),
    ("key_policy_allows_encrypt", snapshot(key=key_policy(ENCRYPT, DENY_ALL)), None, "fail", "Lock"),
    ("key_policy_allows_encrypt", snapshot(key={"manager": "AWS"}), None, "unknown", "a key that AWS manages"),
    ("key_policy_allows_encrypt", snapshot(key={"policy": NO_POLICY}), None, "unknown", "kms:GetKeyPolicy"),
    ("key_policy_allows_encrypt", snapshot(key={"policy": "nonsense"}), None, "unknown", "cannot be understood"),
    (
        "key_policy_allows_encrypt",
        snapshot({"kms_key_arn": FOREIGN_KEY}, {"arn": FOREIGN_KEY, "policy": NO_POLICY}),
        None,
        "unknown",
        "Set key_assume_role to a role in account 444444444444, which owns the key",
    ),
    ("key_policy_allows_encrypt", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("key_policy_allows_describe", snapshot(), None, "pass", "may describe"),
    ("key_policy_allows_describe", snapshot(key=key_policy(ENCRYPT)), None, "fail", "may not describe"),
    ("key_policy_allows_describe", snapshot(key={"policy": NO_POLICY}), None, "unknown", "kms:GetKeyPolicy"),
    ("key_policy_allows_describe", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("key_policy_allows_decrypt", snapshot(), None, "pass", "may decrypt"),
    ("key_policy_allows_decrypt", snapshot(key=key_policy(ENCRYPT)), None, "fail", "may not decrypt"),
    (
        "key_policy_allows_decrypt",
        snapshot(key=key_policy(ENCRYPT), bucket={"bucket_key_enabled": NO_ENCRYPTION}),
        None,
        "unknown",
        "s3:GetEncryptionConfiguration",
    ),
    ("key_policy_allows_decrypt", snapshot(key=key_policy(ENCRYPT), bucket=NO_HEAD), None, "unknown", "s3:ListBucket"),
    ("key_policy_allows_decrypt", snapshot(key={"policy": NO_POLICY}), None, "unknown", "kms:GetKeyPolicy"),
    ("bucket_policy_accepts_key", snapshot(), None, "pass", "lets CloudTrail upload"),
    ("bucket_policy_accepts_key", snapshot(bucket={"policy": None}), None, "fail", "does not let CloudTrail"),
    ("bucket_policy_accepts_key", snapshot(bucket={"policy": NO_BUCKET_POLICY}), None, "unknown", "bucket_assume_role"),
    ("bucket_policy_accepts_key", snapshot(bucket={"policy": "{"}), None, "unknown", "cannot be understood"),
    ("bucket_policy_accepts_key", snapshot(bucket=NO_HEAD), None, "unknown", "s3:ListBucket"),
    ("bucket_policy_accepts_key", snapshot(bucket=GONE), None, "not_applicable", "trail_is_delivering"),
    ("bucket_policy_accepts_key", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("trail_is_delivering", snapshot(), None, "pass", "recent delivery"),
    ("trail_is_delivering", snapshot(delivery(latest_delivery_time=None, is_of_key=False)), None, "pass", "since then"),
    ("trail_is_delivering", snapshot(delivery(latest_delivery_error="AccessDenied")), None, "fail", "logs to logs"),
    ("trail_is_delivering", snapshot(delivery(latest_digest_delivery_error="X")), None, "fail", "digests to logs"),
    ("trail_is_delivering", snapshot(delivery(is_logging=False)), None, "fail", "aws cloudtrail start-logging"),
    ("trail_is_delivering", snapshot(delivery(latest_delivery_time=None)), None, "fail", "No log was ever delivered"),
    (
        "trail_is_delivering",
        snapshot(delivery(latest_delivery_time=None, logging_since=NOW - timedelta(hours=23))),
        None,
        "pass",
        "Logging began at 2026-11-22T13:00:00+00:00",
    ),
    (
        "trail_is_delivering",
        snapshot(delivery(latest_delivery_time=None, logging_since=NOW - timedelta(hours=25))),
        None,
        "fail",
        "No log was ever delivered",
    ),
    (
        "trail_is_delivering",
        snapshot(delivery(latest_delivery_time=NOW - timedelta(hours=25))),
        None,
        "fail",
        "more than 24 hours",
    ),
    (
        "trail_is_delivering",
        snapshot(delivery(latest_delivery_time=NOW - timedelta(hours=25))),
        Settings(stale_after_hours=48),
        "pass",
        "recent delivery",
    ),
    ("trail_is_delivering", snapshot({"status": NO_STATUS}), None, "unknown", "cloudtrail:GetTrailStatus"),
    ("trail_is_delivering", snapshot(bucket=GONE), None, "fail", "logs does not exist"),
    ("readers_can_decrypt", snapshot(), None, "not_applicable", "No readers"),
    ("readers_can_decrypt", snapshot(key=key_policy(ENCRYPT, reader(ROLE_ARN))), READERS, "pass", "every reader"),
    ("readers_can_decrypt", snapshot(), READERS, "unknown", ROLE_ARN),
    ("readers_can_decrypt", snapshot(key={"policy": policy(ENCRYPT)}), READERS, "fail", "kms:Decrypt"),
    (
        "readers_can_decrypt",
        snapshot(key=key_policy(reader(FOREIGN_ROLE))),
        Settings(readers=(FOREIGN_ROLE,)),
        "pass",
        f"IAM must allow it too: {FOREIGN_ROLE}",
    ),
    ("readers_can_decrypt", snapshot(), Settings(readers=(FOREIGN_ROLE,)), "fail", FOREIGN_ROLE),
    ("readers_can_decrypt", snapshot(key={"policy": NO_POLICY}), READERS, "unknown", "kms:GetKeyPolicy"),
    ("readers_can_read", snapshot(), None, "not_applicable", "No readers"),
    ("readers_can_read", snapshot(bucket=GONE), READERS, "not_applicable", "trail_is_delivering"),
    ("readers_can_read", with_answers(ROLE_ARN), READERS, "pass", "can differ from a live call"),
    ("readers_can_read", snapshot(bucket=OWNED), READERS, "unknown", "no credentials for account 111111111111"),
    ("readers_can_read", snapshot(bucket=OWNED), Settings(readers=(FOREIGN_ROLE,)), "fail", "No statement allows"),
    ("readers_can_read", snapshot(bucket={"policy": NO_BUCKET_POLICY}), READERS, "unknown", "s3:GetBucketPolicy"),
    ("readers_can_read", snapshot(bucket={"policy": "{"}), READERS, "unknown", "cannot be understood"),
    ("key_is_approved", snapshot(), None, "not_applicable", "No approved keys"),
    ("key_is_approved", snapshot(), Settings(approved_keys=(KEY_ARN,)), "pass", "approved"),
    ("key_is_approved", snapshot(), Settings(approved_keys=(FOREIGN_KEY,)), "fail", "not on the list"),
    ("key_is_approved", snapshot(NO_KEY), Settings(approved_keys=(KEY_ARN,)), "not_applicable", "no KMS key"),
    ("key_is_approved", snapshot(key=NO_DESCRIBE), Settings(approved_keys=(KEY_ARN,)), "pass", "approved"),
    ("key_is_approved", snapshot(key=NO_DESCRIBE), Settings(approved_keys=(FOREIGN_KEY,)), "fail", "not on the list"),
    ("key_is_approved", snapshot(key=NO_DESCRIBE), approving("alias/trail"), "unknown", "kms:DescribeKey"),
    ("key_is_approved", snapshot(key=GONE), approving("alias/trail"), "fail", "not on the list"),
    ("key_is_approved", snapshot(), approving("alias/trail"), "pass", "approved"),
    ("key_is_approved", snapshot(), approving("alias/trails", FOREIGN_KEY), "fail", "not on the list"),
    ("key_is_approved", snapshot(), approving(f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/trail"), "pass", "approved"),
    ("key_is_approved", snapshot(), approving("arn:aws:kms:us-east-1:444444444444:alias/trail"), "fail", "not on"),
    ("key_is_approved", snapshot(), approving(f"arn:aws:kms:us-west-2:{ACCOUNT}:alias/trail"), "fail", "not on"),
    ("key_is_approved", snapshot(key={"aliases": NO_ALIASES}), approving("alias/trail"), "unknown", "kms:ListAliases"),
    ("key_is_approved", snapshot(key={"aliases": NO_ALIASES}), approving("alias/trail", KEY_ARN), "pass", "approved"),
    (
        "key_is_approved",
        snapshot({"kms_key_arn": FOREIGN_KEY}, {"arn": FOREIGN_KEY, "policy": NO_POLICY, "aliases": ()}),
        approving("alias/trail"),
        "unknown",
        "which owns the key, that may kms:ListAliases",
    ),
    (
        "key_is_approved",
        snapshot({"kms_key_arn": FOREIGN_KEY}, {"arn": FOREIGN_KEY, "aliases": ()}),
        approving("alias/trail"),
        "fail",
        "not on the list",
    ),
    ("key_is_approved", snapshot(key={"tags": {"use": "logs"}}), approving("tag:use=logs"), "pass", "approved"),
    ("key_is_approved", snapshot(key={"tags": {"use": "a=b"}}), approving("tag:use=a=b"), "pass", "approved"),
    ("key_is_approved", snapshot(key={"tags": {"use": "log"}}), approving("tag:use=logs"), "fail", "not on the list"),
    ("key_is_approved", snapshot(), approving("tag:use="), "fail", "not on the list"),
    ("key_is_approved", snapshot(key={"tags": NO_TAGS}), approving("tag:use=logs"), "unknown", "kms:ListResourceTags"),
    ("key_policy_is_scoped", snapshot(), None, "pass", "no stranger"),
    (
        "key_policy_is_scoped",
        snapshot(key=key_policy(service("Open", "kms:GenerateDataKey*"))),
        None,
        "fail",
        "a trail of another account can encrypt",
    ),
    ("key_policy_is_scoped", snapshot(key=key_policy(service("All", "kms:*"))), None, "fail", "kms:PutKeyPolicy"),
    (
        "key_policy_is_scoped",
        snapshot(key=key_policy({**ROOT, "Sid": "Public", "Principal": "*"})),
        None,
        "fail",
        "any other account may kms:Decrypt",
    ),
    (
        "key_policy_is_scoped",
        snapshot(
            key=key_policy(
                ENCRYPT,
                service("Decrypt", "kms:Decrypt"),
                {**ROOT, "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"kms:CallerAccount": ACCOUNT}}},
            )
        ),
        None,
        "pass",
        "no stranger",
    ),
    (
        "key_policy_is_scoped",
        snapshot(
            key=key_policy(
                {**ROOT, "Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}}}
            )
        ),
        None,
        "unknown",
        "It is unknown whether a trail of another account can encrypt; CloudTrail may",
    ),
    ("key_policy_is_scoped", snapshot(key={"policy": NO_POLICY}), None, "unknown", "kms:GetKeyPolicy"),
    ("key_policy_is_scoped", snapshot(key={"multi_region": True}), None, "pass", "no stranger."),
    ("key_policy_is_scoped", snapshot(key=REPLICATED), None, "unknown", f"get in through {REPLICA}: related"),
    (
        "key_policy_is_scoped",
        snapshot(key={**REPLICATED, "related_keys": None}),
        None,
        "unknown",
        "its related multi-Region keys, which KMS did not name",
    ),
    (
        "key_policy_is_scoped",
        snapshot(key={**REPLICATED, **key_policy(service("All", "kms:*"))}),
        None,
        "fail",
        "kms:PutKeyPolicy",
    ),
    ("key_rotation_enabled", snapshot(), None, "pass", "rotates"),
    ("key_rotation_enabled", snapshot(key={"rotation_enabled": False}), None, "fail", "aws kms enable-key-rotation"),
    (
        "key_rotation_enabled",
        snapshot(key={"rotation_enabled": False, "primary_arn": KEY_ARN.replace("us-east-1", "eu-west-1")}),
        None,
        "fail",
        "--region eu-west-1",
    ),
    (
        "key_rotation_enabled",
        snapshot(key={"rotation_enabled": None, "origin": "EXTERNAL"}),
        None,
        "not_applicable",
        "EXTERNAL",
    ),
    ("key_rotation_enabled", snapshot(key={"rotation_enabled": NO_ROTATION}), None, "unknown", "GetKeyRotationStatus"),
    ("key_rotation_enabled", snapshot(NO_KEY), None, "not_applicable", "no KMS key"),
    ("encryption_is_proven", delivered_under(KEY_ARN), Settings(proof="objects"), "pass", "under the trail's key"),
    ("encryption_is_proven", delivered_under(None), Settings(proof="objects"), "fail", "under no KMS key"),
]


@pytest.mark.parametrize(
    ("rule", "read", "settings", "status", "words"),
    CASES,
    ids=[f"{case[0]}-{case[3]}-{number}" for number, case in enumerate(CASES)],
)
def test_rule(rule: str, read: Snapshot, settings: Settings | None, status: str, words: str) -> None:
    found = finding(rule, read, settings)
    assert found.status == status
    assert words in f"{found.message} {found.to_do}"
    if rule != "readers_can_read" and found.status in ("fail", "unknown"):
        named = re.findall(r'(?i)(?<=statement )(?:"[^"]*"|\d+)', found.message)
        assert {f"statement {each}" for each in named} <= {*found.statements}


def test_every_rule_has_a_case_for_pass_and_one_for_fail() -> None:
    shown = {(case[0], case[3]) for case in CASES}
    assert {(rule, status) for rule in RULES for status in ("pass", "fail")} <= shown


OTHER_TRAIL = TRAIL_ARN.replace("main", "other")
# Our own statement on a key that another trail has as well.
SHARED = policy(ROOT, use_statement([OTHER_TRAIL], "strict"))
READING = Settings(readers=(ROLE_ARN, FOREIGN_ROLE))


@pytest.mark.parametrize("text", [policy(ROOT), policy(ROOT, DESCRIBE), SHARED], ids=["bare", "some", "shared"])
@pytest.mark.parametrize(
    "rule",
    ["key_policy_allows_encrypt", "key_policy_allows_describe", "key_policy_allows_decrypt", "readers_can_decrypt"],
)
def test_with_the_statements_to_add_the_rule_passes(rule: str, text: str) -> None:
    found = finding(rule, snapshot(key={"policy": text}), READING)
    if rule == "key_policy_allows_describe" and text == policy(ROOT, DESCRIBE):
        assert (found.status, "statements_to_add" in found.evidence) == ("pass", False)
        return
    assert found.status == "fail"
    told = [found.evidence, *(value for value in found.evidence.values() if isinstance(value, dict))]
    (statement,) = {each for one in told for each in one.get("statements_to_add", ())}
    added = json.loads(statement)
    kept = [one for one in json.loads(text)["Statement"] if one["Sid"] != added["Sid"]]
    assert finding(rule, snapshot(key={"policy": policy(*kept, added)}), READING).status == "pass"


def test_no_statement_is_to_be_added_where_a_deny_stands_in_the_way() -> None:
    for rule in ("key_policy_allows_encrypt", "readers_can_decrypt"):
        found = finding(rule, snapshot(key=key_policy(DENY_ALL, {**DENY_ALL, "Principal": "*", "Sid": "All"})), READING)
        assert found.status == "fail"
        assert "statements_to_add" not in str(found.evidence)


def test_what_is_odd_in_a_policy_is_evidence() -> None:
    text = policy(ROOT, ENCRYPT).replace('"Sid": "Encrypt",', '"Sid": "Odd", "Sid": "Encrypt",')
    found = finding("key_policy_allows_encrypt", snapshot(key={"policy": text}))
    assert found.status == "pass"
    said = 'statement "Encrypt": Sid appears twice in it, and AWS does not document which counts.'
    assert found.evidence["warnings"] == [said]
    assert "warnings" not in finding("key_policy_allows_encrypt", snapshot()).evidence


@pytest.mark.parametrize(
    ("read", "level"),
    [
        (snapshot(key=key_policy(ENCRYPT), bucket={"bucket_key_enabled": True}), "required"),
        (snapshot(key=key_policy(ENCRYPT), bucket={"bucket_key_enabled": False}), "advised"),
        (snapshot(key=key_policy(ENCRYPT), bucket={"bucket_key_enabled": NO_ENCRYPTION}), "required"),
        (snapshot(key={"policy": NO_POLICY}, bucket={"bucket_key_enabled": True}), "required"),
        (snapshot(key={"policy": NO_POLICY}), "advised"),
    ],
)
def test_decrypt_is_required_where_the_bucket_uses_a_bucket_key(read: Snapshot, level: str) -> None:
    assert finding("key_policy_allows_decrypt", read).level == level


@pytest.mark.parametrize(
    ("status", "level", "severity"),
    [
        (delivery(is_logging=False), "advised", "low"),
        (delivery(latest_delivery_time=None), "advised", "low"),
        (delivery(latest_delivery_error="AccessDenied"), "required", "critical"),
        (delivery(is_logging=False, latest_delivery_error="AccessDenied"), "required", "critical"),
    ],
)
def test_silence_is_advice_and_an_error_is_not(status: dict[str, TrailStatus], level: str, severity: str) -> None:
    found = finding("trail_is_delivering", snapshot(status))
    assert (found.status, found.level, found.severity) == ("fail", level, severity)


YET = "Yet CloudTrail reports a recent delivery"
ONLY_AES256 = {**DENY_ALL, "Resource": "*", "Action": "s3:*", "Principal": "*"}


@pytest.mark.parametrize(
    ("rule", "read", "is_said"),
    [
        ("key_policy_allows_encrypt", snapshot(key=key_policy()), True),
        ("key_policy_allows_describe", snapshot(key=key_policy(ENCRYPT)), True),
        ("key_policy_allows_decrypt", snapshot(key=key_policy(ENCRYPT)), False),
        ("key_policy_allows_decrypt", snapshot(key=key_policy(ENCRYPT), bucket={"bucket_key_enabled": True}), True),
        ("bucket_policy_accepts_key", snapshot(bucket={"policy": policy(ONLY_AES256)}), True),
        ("key_policy_allows_encrypt", snapshot(delivery(is_logging=False), key=key_policy()), False),
        ("key_policy_allows_encrypt", snapshot(delivery(is_of_key=False), key=key_policy()), False),
        ("key_policy_allows_encrypt", snapshot(delivery(latest_delivery_error="X"), key=key_policy()), False),
        ("key_policy_allows_encrypt", snapshot(delivery(logging_since=NOW + timedelta(1)), key=key_policy()), False),
        ("key_policy_allows_encrypt", snapshot({"status": NO_STATUS}, key=key_policy()), False),
    ],
)
def test_a_policy_that_fails_while_logs_arrive_is_told_with_what_that_can_mean(
    rule: str, read: Snapshot, *, is_said: bool
) -> None:
    """The policy was changed since, or AWS's pages ask for more than the service."""
    found = finding(rule, read)
    assert (found.status, YET in found.message) == ("fail", is_said)
    assert ("the policy was changed since" in found.message) is is_said


def test_what_to_add_is_one_sentence_for_both_and_a_mistake_comes_first() -> None:
    grant = (
        f"dd to the policy of {KEY_ARN}: allow cloudtrail.amazonaws.com kms:GenerateDataKey* and kms:Decrypt, "
        f"condition aws:SourceArn = {TRAIL_ARN} (the enforce playbook adds it)."
    )
    bare, misspelt = snapshot(key=key_policy()), snapshot(key=key_policy({**ENCRYPT, "Action": "kms=GenerateDataKey*"}))
    assert finding("key_policy_allows_encrypt", bare).remediation == f"A{grant}"
    advised = finding("key_policy_allows_decrypt", bare).remediation
    assert advised == f"A{grant.replace('adds it', 'does not add it, as it is advice')}"
    found = finding("key_policy_allows_encrypt", misspelt)
    correction = 'In statement "Encrypt", correct "kms=GenerateDataKey*" to "kms:GenerateDataKey*".'
    assert found.remediation == f"{correction} Or a{grant}"
    assert found.evidence["statements"] == ['statement "Encrypt"']


def test_what_a_deny_leaves_open_of_a_reader_is_not_settled_by_naming_it() -> None:
    office = {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    deny = {**DENY_ALL, "Sid": "Office", "Principal": "*", "Condition": office}
    found = finding("readers_can_decrypt", snapshot(key=key_policy(reader(ROLE_ARN), deny)), READERS)
    assert found.status == "unknown"
    assert found.remediation == (
        f'In statement "Office", add "ArnNotEquals": {{"aws:PrincipalArn": "{ROLE_ARN}"}} to its Condition.'
    )
