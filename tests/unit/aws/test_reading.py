# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an account is read: each fact once, other owners' doors, denials named, mistakes refused by name."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Bucket, Key, ReadError, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import IAM_ACTIONS
from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, PRODUCTION, SECURITY, Audit, Load, role

TRAIL = f"arn:aws:cloudtrail:eu-central-1:{MANAGEMENT}:trail/main"


PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
PAGE_ACTIONS = PAGE.partition("needs these IAM actions:")[2].partition("```text")[2].partition("```")[0].split()


def statuses(account: Any, trail: str) -> dict[str, str]:
    """The status of each rule for a trail."""
    (judged,) = (judged for judged in account.trails if judged.trail.name == trail)
    return {finding.rule: finding.status for finding in judged.findings}


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in another time zone."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_times_are_utc_wherever_the_machine_is(load: Load, audit: Audit) -> None:
    load("pending-deletion")
    account = audit()
    status, (key,) = account.trails[0].trail.status, account.snapshot.keys.values()
    assert isinstance(status, TrailStatus)
    assert isinstance(key, Key)
    assert status.latest_delivery_time is not None
    assert key.deletion_date is not None
    assert (status.latest_delivery_time.tzinfo, key.deletion_date.tzinfo) == (timezone.utc, timezone.utc)
    # GetTrailStatus tells of digest files too, which bucket_policy_accepts_key looks at.
    assert status.latest_digest_delivery_time is not None
    assert status.latest_digest_delivery_time.tzinfo is timezone.utc


def test_each_fact_is_asked_once(load: Load, audit: Audit) -> None:
    aws = load("several")
    audit(regions=["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"])
    asked = Counter(call["action"] for call in aws.calls())
    assert asked == {
        "GetCallerIdentity": 1,
        "DescribeRegions": 1,
        "DescribeTrails": 4,
        "GetTrailStatus": 20,
        **dict.fromkeys(("DescribeKey", "GetKeyPolicy", "ListAliases", "GetKeyRotationStatus"), 8),
        **dict.fromkeys(("HeadBucket", "GetBucketPolicy", "GetBucketEncryption"), 8),
    }


def test_every_action_that_was_asked_is_declared(load: Load, audit: Audit) -> None:
    aws = load("organization")
    audit(
        account_id=SECURITY,
        assume_role=role(PRODUCTION),
        key_assume_role=role(SECURITY),
        bucket_assume_role=role(LOG_ARCHIVE),
    )
    recorded = {(call["service"], call["action"]): call["iam_action"] for call in aws.calls()}
    assert recorded == {operation: IAM_ACTIONS[operation] for operation in recorded}
    # GetCallerIdentity is missing: the role's ARN tells the account. The page lists what an audit needs.
    assert set(recorded.values()) == {
        *PAGE_ACTIONS,
        "s3:ListBucket",  # nobody needs it: a refused HeadBucket tells the region as well
        "organizations:DescribeOrganization",
        "organizations:ListDelegatedServicesForAccount",
        "sts:AssumeRole",
    }


@pytest.mark.parametrize("entry", ["alias/organization-trail", "tag:purpose=cloudtrail"])
def test_an_alias_or_tag_approves_the_key_of_another_account_where_its_owner_is_asked(
    entry: str, load: Load, audit: Audit
) -> None:
    load("organization")

    def status(**options: Any) -> str:
        account = audit(account_id=MANAGEMENT, regions=["eu-central-1"], **options)
        return statuses(account, "organization-trail")["key_is_approved"]

    assert status(approved_keys=[entry]) == "unknown"
    assert status(approved_keys=[entry], key_assume_role=role(SECURITY)) == "pass"
    assert status(approved_keys=[f"{entry}s"], key_assume_role=role(SECURITY)) == "fail"


def test_a_multi_region_trail_is_seen_once_and_from_any_region(load: Load, audit: Audit) -> None:
    load("healthy")
    assert [trail.trail.arn for trail in audit(regions=["us-east-1", "eu-central-1"]).trails] == [TRAIL]
    (shadow,) = audit(regions=["us-east-1"]).trails
    assert (shadow.trail.arn, shadow.trail.home_region, shadow.verdict) == (TRAIL, "eu-central-1", "compliant")


@pytest.mark.parametrize("trail", ["main", TRAIL])
def test_trails_narrow_the_audit(trail: str, load: Load, audit: Audit) -> None:
    load("healthy")
    assert [judged.trail.name for judged in audit(trails=[trail]).trails] == ["main"]


def test_a_member_sees_the_organization_trail_as_inherited(load: Load, audit: Audit) -> None:
    load("organization")
    (judged,) = audit(account_id=PRODUCTION).trails
    assert (judged.trail.ownership, judged.trail.organization_trail) == ("inherited", True)
    assert judged.trail.account_id == MANAGEMENT


def test_the_delegated_administrator_sees_it_as_delegated(load: Load, audit: Audit) -> None:
    load("organization")
    (judged,) = audit(account_id=SECURITY).trails
    assert judged.trail.ownership == "delegated"


def test_without_the_owners_roles_key_and_bucket_policies_are_unknown(load: Load, audit: Audit) -> None:
    load("organization")
    account = audit()
    found = statuses(account, "organization-trail")
    assert account.verdict == "unknown"
    assert (found["key_is_usable"], found["key_policy_allows_encrypt"]) == ("pass", "unknown")
    assert found["bucket_policy_accepts_key"] == "unknown"
    remedies = {f.rule: f.to_do for f in account.trails[0].findings}
    assert f"a role in account {SECURITY}, which owns the key" in remedies["key_policy_allows_encrypt"]
    assert "bucket_assume_role" in remedies["bucket_policy_accepts_key"]


@pytest.mark.parametrize("account_id", [MANAGEMENT, PRODUCTION])
def test_with_the_owners_roles_everything_is_judged(account_id: str, load: Load, audit: Audit) -> None:
    load("organization")
    account = audit(
        account_id=account_id, key_assume_role=role(SECURITY), bucket_assume_role=role(LOG_ARCHIVE), readers=[]
    )
    found = statuses(account, "organization-trail")
    assert account.verdict == "compliant"
    assert set(found.values()) == {"pass", "not_applicable"}


def test_the_assumed_role_is_the_account_that_is_read(load: Load, audit: Audit) -> None:
    aws = load("organization")
    account = audit(assume_role=role(PRODUCTION))
    assert account.snapshot.account_id == PRODUCTION
    assert account.snapshot.audited_by == role(PRODUCTION)["role_arn"]
    assert {call["account"] for call in aws.calls() if call["service"] == "cloudtrail"} == {PRODUCTION}


def test_a_closed_region_is_an_error_and_no_verdict_unless_asked(load: Load, audit: Audit) -> None:
    load("closed-region")
    account = audit()
    assert [error.region for error in account.snapshot.closed_regions] == ["ap-northeast-3", "sa-east-1", "us-west-1"]
    assert (account.verdict, audit(closed_regions="unknown").verdict) == ("compliant", "unknown")


def test_a_denied_region_names_the_action(load: Load, audit: Audit) -> None:
    load("denied-region")
    (error,) = audit().snapshot.errors
    assert (error.region, error.iam_action, error.code) == (
        "eu-west-3",
        "cloudtrail:DescribeTrails",
        "AccessDeniedException",
    )


def test_without_describe_regions_one_region_is_read_and_the_account_is_unknown(load: Load, audit: Audit) -> None:
    aws = load("healthy")
    aws.add_fault("ec2:DescribeRegions", code="UnauthorizedOperation", status=403, times=-1)
    account = audit()
    assert [error.iam_action for error in account.snapshot.errors] == ["ec2:DescribeRegions"]
    assert (account.verdict, len(account.trails)) == ("unknown", 1)
    aws.add_fault("ec2:DescribeRegions", code="UnauthorizedOperation", status=403, times=-1)
    assert audit(regions=["eu-central-1"]).verdict == "compliant"


# What is denied, and the rules that then cannot be judged, with the IAM action that each names.
DENIALS = {
    "cloudtrail:GetTrailStatus": {"trail_is_delivering"},
    "kms:DescribeKey": {
        "key_is_customer_managed",
        "key_is_usable",
        "key_policy_allows_encrypt",
        "key_policy_allows_describe",
        "key_policy_allows_decrypt",
        "key_policy_is_scoped",
        "key_rotation_enabled",
    },
    "kms:GetKeyPolicy": {
        "key_policy_allows_encrypt",
        "key_policy_allows_describe",
        "key_policy_allows_decrypt",
        "key_policy_is_scoped",
    },
    "kms:GetKeyRotationStatus": {"key_rotation_enabled"},
    "s3:GetBucketPolicy": {"bucket_policy_accepts_key"},
}


@pytest.mark.parametrize("action", sorted(DENIALS))
def test_what_is_denied_is_unknown_and_names_the_iam_action(action: str, load: Load, audit: Audit) -> None:
    aws = load("healthy")
    aws.add_fault(action, code="AccessDenied", status=403, times=-1)
    account = audit()
    unknown = {f.rule: f.evidence["iam_action"] for f in account.trails[0].findings if f.status == "unknown"}
    assert unknown == dict.fromkeys(DENIALS[action], action)


def test_denied_aliases_and_encryption_are_null_and_harm_no_rule_that_passes(load: Load, audit: Audit) -> None:
    aws = load("healthy")
    aws.add_fault("kms:ListAliases", code="AccessDenied", status=403, times=-1)
    aws.add_fault("s3:GetBucketEncryption", code="AccessDenied", status=403, times=-1)
    account = audit()
    (key,), (bucket,) = account.snapshot.keys.values(), account.snapshot.buckets.values()
    assert isinstance(key, Key)
    assert isinstance(key.aliases, ReadError)
    assert isinstance(bucket, Bucket)
    assert isinstance(bucket.bucket_key_enabled, ReadError)
    assert bucket.bucket_key_enabled.iam_action == "s3:GetEncryptionConfiguration"
    assert account.verdict == "compliant"


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"code": "NoSuchBucket", "status": 404}, "fail", "does not exist, so no log arrives"),
        ({"code": "InternalError", "status": 500}, "pass", "recent delivery"),
        ({"drop": True}, "pass", "recent delivery"),
    ],
)
def test_a_bucket_that_is_gone_is_a_fact_and_one_that_does_not_answer_is_not(
    fault: dict[str, Any], status: str, words: str, load: Load, audit: Audit
) -> None:
    aws = load("healthy")
    aws.add_fault("s3:HeadBucket", times=-1, **fault)
    findings = {f.rule: f for f in audit().trails[0].findings}
    assert findings["trail_is_delivering"].status == status
    assert words in findings["trail_is_delivering"].message
    in_region = findings["key_in_bucket_region"]
    assert in_region.status == ("not_applicable" if status == "fail" else "unknown")
    assert in_region.evidence.get("iam_action") == (None if status == "fail" else "s3:ListBucket")


def test_whether_a_delegate_asks_is_not_guessed(load: Load, audit: Audit) -> None:
    aws = load("organization")
    aws.add_fault("organizations:ListDelegatedServicesForAccount", code="TooManyRequestsException", times=-1)
    account = audit(account_id=SECURITY)
    assert [error.code for error in account.snapshot.errors] == ["TooManyRequestsException"]
    assert account.trails[0].trail.ownership == "inherited"


def test_throttling_is_waited_out(load: Load, audit: Audit) -> None:
    aws = load("healthy")
    aws.add_fault("kms:GetKeyPolicy", code="ThrottlingException", times=2)
    assert audit().verdict == "compliant"
    assert Counter(call["action"] for call in aws.calls())["GetKeyPolicy"] == 3


def test_a_dropped_connection_is_tried_again(load: Load, audit: Audit) -> None:
    aws = load("healthy")
    aws.add_fault("cloudtrail:GetTrailStatus", drop=True)
    assert audit().verdict == "compliant"


@pytest.mark.parametrize(
    ("scenario", "options", "message"),
    [
        ("healthy", {"trails": ["man"]}, f"has no trail man in the regions read; it has: {TRAIL}. Correct the option"),
        ("no-trails", {"trails": ["main"]}, "has no trail main in the regions read; it has: none."),
        ("denied-region", {"trails": ["man"]}, "Not readable: eu-west-3."),
        ("healthy", {"regions": ["xx-nowhere-1"]}, "no enabled region xx-nowhere-1; enabled are: ap-southeast-2"),
        (
            "organization",
            {"assume_role": role(PRODUCTION, external_id="wrong")},
            f"Cannot assume the role arn:aws:iam::{PRODUCTION}:role/CloudTrailKmsAudit (AccessDenied",
        ),
        ("organization", {"assume_role": role(PRODUCTION, name="Nobody")}, "role/Nobody (AccessDenied"),
        ("organization", {"key_assume_role": role(SECURITY, external_id=None)}, "Check that the role exists"),
        (
            "organization",
            {"bucket_assume_role": role(LOG_ARCHIVE, name="Nobody")},
            "role/Nobody of the option bucket_assume_role (AccessDenied",
        ),
    ],
)
def test_mistakes_are_refused_by_name(
    scenario: str, options: dict[str, Any], message: str, load: Load, audit: Audit
) -> None:
    load(scenario)
    with pytest.raises(AwsError) as refused:
        audit(**options)
    assert message in str(refused.value)


def test_a_policy_of_a_megabyte_is_unknown(load: Load, audit: Audit, tmp_path: Path) -> None:
    statement = {"Sid": "s" * 2**20, "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*", "Resource": "*"}
    huge = {"Version": "2012-10-17", "Statement": [statement]}
    spec = {
        "description": "Policies that no AWS would hold.",
        "buckets": {"logs": {"policy": huge}},
        "keys": {"trail-key": {"policy": huge}},
        "trails": {"main": {"bucket": "logs", "key": "trail-key"}},
    }
    path = tmp_path / "huge.yml"
    path.write_text(json.dumps(spec), encoding="utf-8")
    load(str(path))
    account = audit()
    found = {finding.rule: finding for finding in account.trails[0].findings}
    for rule in ("key_policy_allows_encrypt", "bucket_policy_accepts_key", "key_policy_is_scoped"):
        assert found[rule].status == "unknown"
        assert "AWS returns at most 131,072" in found[rule].message
    assert account.verdict == "unknown"


def test_a_key_is_read_with_whatever_role_of_its_account_is_allowed(load: Load, audit: Audit) -> None:
    aws = load("organization")
    account = audit(regions=["eu-central-1"], bucket_assume_role=role(SECURITY))
    assert statuses(account, "organization-trail")["key_policy_allows_encrypt"] == "pass"
    aws.add_fault("kms:GetKeyPolicy", code="AccessDeniedException")
    aws.clear_calls()
    both = {"key_assume_role": role(SECURITY, name="CloudTrailKmsEnforce"), "bucket_assume_role": role(SECURITY)}
    assert (
        statuses(audit(regions=["eu-central-1"], **both), "organization-trail")["key_policy_allows_encrypt"] == "pass"
    )
    asked = Counter(call["action"] for call in aws.calls())
    assert [asked[action] for action in ("DescribeKey", "GetKeyPolicy", "ListAliases")] == [1, 2, 1]


def test_the_caller_reads_keys_and_buckets_of_its_own_account(load: Load, audit: Audit) -> None:
    aws = load("organization")
    found = statuses(
        audit(account_id=SECURITY, regions=["eu-central-1"], assume_role=role(MANAGEMENT)), "organization-trail"
    )
    assert (found["key_policy_allows_encrypt"], found["bucket_policy_accepts_key"]) == ("pass", "unknown")
    assert [call["action"] for call in aws.calls()].count("GetCallerIdentity") == 1
    found = statuses(
        audit(account_id=LOG_ARCHIVE, regions=["eu-central-1"], assume_role=role(MANAGEMENT)), "organization-trail"
    )
    assert (found["key_policy_allows_encrypt"], found["bucket_policy_accepts_key"]) == ("unknown", "pass")
