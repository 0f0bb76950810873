# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CreateTrail and UpdateTrail check of the bucket and the key before they take them.

Source: UpdateTrail in the CloudTrail API reference (parameter KmsKeyId and the errors), user guide
"Configure AWS KMS key policies for CloudTrail" and "Amazon S3 bucket policy for CloudTrail". The order
of the checks is not documented.
"""

from __future__ import annotations

import re
import time

from tests.fakeaws import store
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.service_requests import (
    may_put,
    may_read_acl,
    may_use_key,
    uses_bucket_key,
)
from tests.fakeaws.store import FakeBucket, Key, Trail
from tests.fakeaws.world import Identity, World

_KEY_ARN = re.compile(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+")
_ALIAS_ARN = re.compile(r"(arn:[\w-]+:kms):([\w-]+):(\d{12}):(alias/.+)")
_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def key_arn_of(world: World, identity: Identity, region: str, key_id: str) -> str:
    """The key ARN for alias name, alias ARN, key id or key ARN; "" stays "".

    CloudTrail keeps and shows the full key ARN (UpdateTrail, response field KmsKeyId). In which Region a
    bare alias or id is looked up is not documented: here in that of the call.
    """
    if not key_id or _KEY_ARN.fullmatch(key_id):
        return key_id
    alias = _ALIAS_ARN.fullmatch(key_id)
    if alias:
        return _arn_of_alias(alias.group(3), alias.group(2), alias.group(4))
    if key_id.startswith("alias/"):
        return _arn_of_alias(identity.account, region, key_id)
    if _KEY_ID.fullmatch(key_id):
        return world.accounts[identity.account].arn("kms", f"key/{key_id}", region)
    raise AwsError("InvalidKmsKeyIdException", f"The KMS key id is not valid: {key_id}")


def _arn_of_alias(account_id: str, region: str, name: str) -> str:
    key = store.find_alias(account_id, region, name)
    if key is None:
        raise AwsError("KmsKeyNotFoundException", f"KMS key {name} not found in region {region}.")
    return str(key.arn)


def check_bucket(world: World, trail: Trail) -> FakeBucket:
    """The bucket exists, and its policy lets CloudTrail deliver what the trail will write."""
    bucket = store.find_bucket(trail.bucket_name)
    if bucket is None:
        raise AwsError("S3BucketDoesNotExistException", f"S3 bucket {trail.bucket_name} does not exist!")
    if _may_deliver(world, trail, bucket, trail.kms_key_id or None):
        return bucket
    if trail.kms_key_id and _may_deliver(world, trail, bucket, None):
        # Only the encryption stands in the way, for example a Deny of everything but AES256.
        raise _insufficient(trail)
    message = f"Incorrect S3 bucket policy is detected for bucket: {trail.bucket_name}"
    raise AwsError("InsufficientS3BucketPolicyException", message)


def _may_deliver(world: World, trail: Trail, bucket: FakeBucket, key_arn: str | None) -> bool:
    """May CloudTrail read the ACL and put logs? Of an organization trail a switch says into which folders."""
    folders = (False, True) if trail.is_org_trail and world.own_folder_needed else (False,)
    return may_read_acl(trail, bucket) and all(may_put(world, trail, bucket, key_arn, own=own) for own in folders)


def check_key(world: World, trail: Trail, bucket: FakeBucket) -> None:
    """The key is in the bucket's region, symmetric, enabled, and its policy lets CloudTrail use it."""
    key = _visible_key(world, trail)
    if key is None or key.region != bucket.region_name:
        message = (
            f"The KMS key {trail.kms_key_id} does not exist, "
            f"or it is not in the region of the S3 bucket {bucket.name} ({bucket.region_name})."
        )
        raise AwsError("KmsKeyNotFoundException", message)
    if (key.key_spec, key.key_usage) != ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        raise AwsError("InvalidKmsKeyIdException", f"The KMS key {key.arn} is not a symmetric encryption key.")
    if key.key_state not in ("Enabled", "Updating"):
        # KmsKeyDisabledException "is no longer in use" (its shape in the service model): KmsException it is.
        raise AwsError("KmsException", f"The KMS key {key.arn} is in the state {key.key_state}.")
    if not all(may_use_key(world, trail, key, action) for action in _needed(world, bucket)):
        raise _insufficient(trail)


def _visible_key(world: World, trail: Trail) -> Key | None:
    key = store.find_key(trail.kms_key_id)
    return key if key and world.visible_from.get(key.arn, 0) <= time.time() else None


def _needed(world: World, bucket: FakeBucket) -> tuple[str, ...]:
    """Decrypt is required where the bucket uses an S3 Bucket Key (user guide, "Granting decrypt permissions")."""
    needed = ("kms:GenerateDataKey", *(("kms:DescribeKey",) if world.describe_key_needed else ()))
    return (*needed, "kms:Decrypt") if uses_bucket_key(bucket) else needed


def _insufficient(trail: Trail) -> AwsError:
    message = f"Insufficient permissions to access S3 bucket {trail.bucket_name} or KMS key {trail.kms_key_id}."
    return AwsError("InsufficientEncryptionPolicyException", message)
