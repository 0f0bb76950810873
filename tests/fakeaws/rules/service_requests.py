# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CloudTrail itself asks of KMS and S3 for a trail, and whether it may.

Source: CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail" and "Amazon S3 bucket
policy for CloudTrail"; Control Tower user guide, "Amazon S3 bucket policy in the audit account" for aws:SourceOrgID
on what an organization trail writes. Keys that AWS does not document for these requests (kms:ViaService,
aws:PrincipalOrgID, aws:SourceOrgID on all others) are absent: a policy that hangs on them refuses here.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

from tests.fakeaws.conditions import Context
from tests.fakeaws.policy import Requester, Verdict, evaluate
from tests.fakeaws.rules.kms_keys import ask_policy
from tests.fakeaws.store import FakeBucket, Key, Trail
from tests.fakeaws.world import World

SERVICE = "cloudtrail.amazonaws.com"
_REQUESTER = Requester(service=SERVICE)
# For the account's root its own account is enough.
_ENOUGH = (Verdict.ALLOWED, Verdict.ALLOWED_TO_ACCOUNT)
# Older bucket policies name them (user guide, "Amazon S3 bucket policy for CloudTrail"); the regions of the scenarios.
REGION_ACCOUNTS = {"us-east-1": "086441151436", "eu-central-1": "035351147821", "eu-west-1": "859597730677"}


def _service_context(trail: Trail, region: str) -> dict[str, str | list[str]]:
    """What every call carries in the region of what it is about (IAM user guide, global condition context keys)."""
    return {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": SERVICE,
        "aws:PrincipalServiceNamesList": [SERVICE],
        "aws:SourceArn": trail.arn,
        "aws:SourceAccount": trail.account_id,
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "aws:RequestedRegion": region,
        "aws:CurrentTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(time.time())),
    }


def may_use_key(world: World, trail: Trail, key: Key, action: str) -> bool:
    """May CloudTrail call GenerateDataKey, Decrypt or DescribeKey on the key for this trail?"""
    context: Context = {**_service_context(trail, key.region), "aws:ResourceAccount": key.account_id}
    if action != "kms:DescribeKey":
        context = {**context, **_encryption_context(trail)}
    return ask_policy(world, key, _REQUESTER, action, context) is Verdict.ALLOWED


def _encryption_context(trail: Trail) -> dict[str, str | list[str]]:
    """Both keys are in UpdateTrail's own GenerateDataKey (KMS guide, "How AWS CloudTrail uses AWS KMS")."""
    return {
        "kms:EncryptionContext:aws:cloudtrail:arn": trail.arn,
        "kms:EncryptionContext:aws:s3:arn": f"arn:{trail.partition}:s3:::{trail.bucket_name}/{prefix_of(trail)}",
        "kms:EncryptionContextKeys": ["aws:cloudtrail:arn", "aws:s3:arn"],
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }


def may_read_acl(trail: Trail, bucket: FakeBucket) -> bool:
    """May CloudTrail read the bucket's ACL, as it does first (user guide, bucket policy page)?"""
    return _may_on_bucket(trail, bucket, "s3:GetBucketAcl", "", _service_context(trail, bucket.region_name))


def may_put(
    world: World, trail: Trail, bucket: FakeBucket, key_arn: str | None, kind: str = "CloudTrail", *, own: bool = False
) -> bool:
    """May CloudTrail put a file, encrypted under a key or by SSE-S3, where the trail's files of this kind go?

    An organization trail writes below the organization's id (user guide, "Finding your CloudTrail log files"); `own`
    is the folder of its account, beside that.
    """
    context = _service_context(trail, bucket.region_name)
    put = {**context, "s3:x-amz-acl": "bucket-owner-full-control", **_encryption_headers(key_arn)}
    organization = world.organization_of(trail.account_id) if trail.is_org_trail else None
    if organization:
        put["aws:SourceOrgID"] = organization.id
    folder = prefix_of(trail, organization.id if organization and not own else None)
    return _may_on_bucket(trail, bucket, "s3:PutObject", f"/{folder}{kind}/{trail.region_name}/file.json.gz", put)


def _may_on_bucket(trail: Trail, bucket: FakeBucket, action: str, path: str, context: Context) -> bool:
    """Does the bucket's policy allow it, to the service or in the older form to CloudTrail's account of the region?"""
    policy, resource = (bucket.policy or b"{}").decode(), f"arn:{bucket.partition}:s3:::{bucket.name}{path}"
    verdicts = [evaluate(policy, _REQUESTER, action, resource, context)]
    account = REGION_ACCOUNTS.get(trail.region_name)
    if account:
        older = Requester(account=account, arns=frozenset({f"arn:{trail.partition}:iam::{account}:root"}))
        verdicts.append(evaluate(policy, older, action, resource, context))
    return Verdict.DENIED not in verdicts and any(verdict in _ENOUGH for verdict in verdicts)


def _encryption_headers(key_arn: str | None) -> dict[str, str]:
    if key_arn is None:
        return {"s3:x-amz-server-side-encryption": "AES256"}
    return {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn,
    }


def prefix_of(trail: Trail, organization_id: str | None = None) -> str:
    """The folder of the trail's account, with a slash at its end."""
    start = f"{trail.s3_key_prefix}/" if trail.s3_key_prefix else ""
    middle = f"{organization_id}/" if organization_id else ""
    return f"{start}AWSLogs/{middle}{trail.account_id}/"


def uses_bucket_key(bucket: FakeBucket) -> bool:
    """Is an S3 Bucket Key on for the bucket's default encryption?"""
    return str((bucket.encryption or {}).get("Rule", {}).get("BucketKeyEnabled", False)).lower() == "true"
