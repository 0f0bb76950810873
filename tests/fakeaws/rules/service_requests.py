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

from tests.fakeaws.conditions import Context
from tests.fakeaws.policy import Requester, Verdict, evaluate
from tests.fakeaws.rules.kms_keys import ask_policy
from tests.fakeaws.store import FakeBucket, Key, Trail
from tests.fakeaws.world import World

SERVICE = "cloudtrail.amazonaws.com"
_REQUESTER = Requester(service=SERVICE)


def _service_context(trail: Trail) -> dict[str, str | list[str]]:
    return {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": SERVICE,
        "aws:PrincipalServiceNamesList": [SERVICE],
        "aws:SourceArn": trail.arn,
        "aws:SourceAccount": trail.account_id,
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": trail.region_name,
    }


def may_use_key(world: World, trail: Trail, key: Key, action: str) -> bool:
    """May CloudTrail call GenerateDataKey, Decrypt or DescribeKey on the key for this trail?"""
    context: Context = _service_context(trail)
    if action != "kms:DescribeKey":
        context = {**context, **_encryption_context(trail)}
    return ask_policy(world, key, _REQUESTER, action, context) is Verdict.ALLOWED


def _encryption_context(trail: Trail) -> dict[str, str | list[str]]:
    """Both keys are in UpdateTrail's own GenerateDataKey (KMS guide, "How AWS CloudTrail uses AWS KMS")."""
    return {
        "kms:EncryptionContext:aws:cloudtrail:arn": trail.arn,
        "kms:EncryptionContext:aws:s3:arn": f"arn:{trail.partition}:s3:::{trail.bucket_name}/{_prefix(trail)}",
        "kms:EncryptionContextKeys": ["aws:cloudtrail:arn", "aws:s3:arn"],
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }


def may_deliver(world: World, trail: Trail, bucket: FakeBucket, key_arn: str | None) -> bool:
    """Does the bucket policy let CloudTrail look at the ACL and put objects, encrypted as the trail says?"""
    if bucket.policy is None:
        return False
    policy, arn = bucket.policy.decode(), f"arn:{bucket.partition}:s3:::{bucket.name}"
    context = _service_context(trail)
    put = {**context, "s3:x-amz-acl": "bucket-owner-full-control", **_encryption_headers(key_arn)}
    places = [f"{arn}/{_prefix(trail)}CloudTrail/{trail.region_name}/log.json.gz"]
    organization = world.organization_of(trail.account_id)
    if trail.is_org_trail and organization:
        put["aws:SourceOrgID"] = organization.id
        places.append(f"{arn}/{_prefix(trail, organization.id)}CloudTrail/{trail.region_name}/log.json.gz")
    return evaluate(policy, _REQUESTER, "s3:GetBucketAcl", arn, context) is Verdict.ALLOWED and all(
        evaluate(policy, _REQUESTER, "s3:PutObject", place, put) is Verdict.ALLOWED for place in places
    )


def _encryption_headers(key_arn: str | None) -> dict[str, str]:
    if key_arn is None:
        return {"s3:x-amz-server-side-encryption": "AES256"}
    return {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn,
    }


def _prefix(trail: Trail, organization_id: str | None = None) -> str:
    start = f"{trail.s3_key_prefix}/" if trail.s3_key_prefix else ""
    middle = f"{organization_id}/" if organization_id else ""
    return f"{start}AWSLogs/{middle}{trail.account_id}/"


def uses_bucket_key(bucket: FakeBucket) -> bool:
    """Is an S3 Bucket Key on for the bucket's default encryption?"""
    return str((bucket.encryption or {}).get("Rule", {}).get("BucketKeyEnabled", False)).lower() == "true"
