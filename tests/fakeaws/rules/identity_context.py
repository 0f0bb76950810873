# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The condition keys that a request of a user or role carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from tests.fakeaws import store
from tests.fakeaws.wire import Call
from tests.fakeaws.world import Identity, World


def identity_context(world: World, identity: Identity, region: str) -> Mapping[str, str]:
    """Global condition keys of an identity's call (IAM user guide, "AWS global condition context keys")."""
    context = {
        "aws:PrincipalArn": identity.iam_arn,
        "aws:PrincipalAccount": identity.account,
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalType": "AssumedRole" if ":assumed-role/" in identity.arn else "User",
        "aws:RequestedRegion": region,
        "aws:SecureTransport": "true",
        "aws:SourceIp": "192.0.2.10",
        "aws:CurrentTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:userid": identity.user_id,
    }
    organization = world.organization_of(identity.account)
    return {**context, "aws:PrincipalOrgID": organization.id} if organization else context


def request_context(call: Call, resource: str) -> Mapping[str, str | Sequence[str]]:
    """Condition keys that come from what is asked, and of which resource.

    Source: KMS guide, "AWS KMS condition keys" (they have the defaults of parameters that are left out); IAM user
    guide, "AWS global condition context keys", aws:RequestTag, aws:TagKeys and aws:ResourceAccount.
    """
    context: dict[str, str | Sequence[str]] = {}
    if owner := _owner(resource):
        context["aws:ResourceAccount"] = owner
    if call.name == "s3:ListObjectsV2":  # S3 guide, "Bucket policy examples using condition keys", s3:prefix
        context["s3:prefix"] = call.request.query.get("prefix", "")
    if call.name in ("kms:CreateKey", "kms:PutKeyPolicy"):
        bypass = call.parameters.get("BypassPolicyLockoutSafetyCheck", False)
        context["kms:BypassPolicyLockoutSafetyCheck"] = str(bypass).lower()
    if call.name == "kms:CreateKey":
        context["kms:KeySpec"] = call.parameters.get("KeySpec", "SYMMETRIC_DEFAULT")
        context["kms:KeyUsage"] = call.parameters.get("KeyUsage", "ENCRYPT_DECRYPT")
        context |= _tags(call.parameters.get("Tags", []))
    return context


def _owner(resource: str) -> str:
    """The account of a resource; the ARN of a bucket names none."""
    if ":s3:::" in resource:
        bucket = store.find_bucket(resource.rpartition(":")[2])
        return bucket.account_id if bucket else ""
    return resource.split(":")[4] if resource.startswith("arn:") else ""


def _tags(tags: Sequence[Mapping[str, Any]]) -> Mapping[str, str | Sequence[str]]:
    named = {f"aws:RequestTag/{tag['TagKey']}": str(tag["TagValue"]) for tag in tags}
    return {**named, "aws:TagKeys": [str(tag["TagKey"]) for tag in tags]} if tags else {}
