# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3: where a bucket is, its policy and its default encryption, for its owner only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.fakeaws import store
from tests.fakeaws.access import denied, iam_action, identity_refusal
from tests.fakeaws.errors import AwsError
from tests.fakeaws.policy import Verdict, evaluate
from tests.fakeaws.rules.bucket_policies import validate
from tests.fakeaws.rules.identity_context import identity_context
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.store import FakeBucket
from tests.fakeaws.wire import Call, HttpReply, s3_xml
from tests.fakeaws.world import Identity, World

_OWNERS_ONLY = ("GetBucketPolicy", "PutBucketPolicy", "PutBucketEncryption")
_SSE_S3 = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}}


def head_bucket(world: World, identity: Identity, call: Call) -> HttpReply:
    """The region header comes whatever the caller may do (S3 API reference, HeadBucket)."""
    bucket = open_bucket(world, identity, call)
    return HttpReply(
        headers={**region_header(bucket), "content-type": "application/xml", "x-amz-access-point-alias": "false"}
    )


def get_bucket_policy(world: World, identity: Identity, call: Call) -> HttpReply:
    """The policy as it was written; NoSuchBucketPolicy without one (S3 API reference, Error responses)."""
    bucket = open_bucket(world, identity, call)
    if bucket.policy is None:
        raise AwsError(
            "NoSuchBucketPolicy", "The bucket policy does not exist", status=404, headers=region_header(bucket)
        )
    return HttpReply(headers={**region_header(bucket), "content-type": "application/json"}, body=bucket.policy)


def put_bucket_policy(world: World, identity: Identity, call: Call) -> HttpReply:
    """Validated before it is stored (bucket_policies.py)."""
    bucket = open_bucket(world, identity, call)
    text = call.parameters.get("Body", "")
    validate(world, bucket, text)
    bucket.policy = json.dumps(json.loads(text), separators=(",", ":")).encode()
    return HttpReply(status=204, headers=region_header(bucket))


def get_bucket_encryption(world: World, identity: Identity, call: Call) -> HttpReply:
    """Every bucket has a default encryption, SSE-S3 if nothing else was set (GetBucketEncryption)."""
    bucket = open_bucket(world, identity, call)
    configuration = bucket.encryption or _SSE_S3
    return s3_xml("ServerSideEncryptionConfiguration", configuration, region_header(bucket))


def get_object_lock_configuration(world: World, identity: Identity, call: Call) -> HttpReply:
    """An error where it is off; the retention has days or years, never both (GetObjectLockConfiguration)."""
    bucket = open_bucket(world, identity, call)
    if not bucket.object_lock_enabled:
        message = "Object Lock configuration does not exist for this bucket"
        raise AwsError("ObjectLockConfigurationNotFoundError", message, status=404, headers=region_header(bucket))
    configuration: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    periods = {"Days": bucket.default_lock_days, "Years": bucket.default_lock_years}
    if bucket.default_lock_mode:
        retention = {"Mode": bucket.default_lock_mode, **{unit: number for unit, number in periods.items() if number}}
        configuration["Rule"] = {"DefaultRetention": retention}
    return s3_xml("ObjectLockConfiguration", configuration, region_header(bucket))


def put_bucket_encryption(world: World, identity: Identity, call: Call) -> HttpReply:
    """AES256, aws:kms and aws:kms:dsse exist; only the KMS ones take a key (PutBucketEncryption)."""
    bucket = open_bucket(world, identity, call)
    bucket.encryption = _encryption(call.parameters.get("Body", ""))
    return HttpReply(headers=region_header(bucket))


def _encryption(text: str) -> dict[str, Any]:
    found = dict(re.findall(r"<(SSEAlgorithm|KMSMasterKeyID|BucketKeyEnabled)>\s*([^<]*?)\s*</", text))
    bucket_key = found.pop("BucketKeyEnabled", "false") == "true"
    if found.get("SSEAlgorithm") not in ("AES256", "aws:kms", "aws:kms:dsse"):
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", message)
    if found["SSEAlgorithm"] == "AES256" and "KMSMasterKeyID" in found:
        message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        raise AwsError("InvalidArgument", message)
    return {"Rule": {"ApplyServerSideEncryptionByDefault": found, "BucketKeyEnabled": bucket_key}}


def open_bucket(world: World, identity: Identity, call: Call, key: str | None = None) -> FakeBucket:
    """The bucket, if it exists, is asked for in its region, and the caller may do this to it, or to its object."""
    name = call.parameters["Bucket"]
    bucket = store.find_bucket(name)
    if bucket is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", status=404)
    if call.region != bucket.region_name:
        # Path-style requests to another Region's endpoint (S3 user guide, "Making requests", request redirection).
        message = (
            "The bucket you are attempting to access must be addressed using the specified endpoint. "
            "Please send all future requests to this endpoint."
        )
        raise AwsError("PermanentRedirect", message, status=301, headers=region_header(bucket))
    _authorize(world, identity, call, bucket, f"/{key}" if key else "")
    return bucket


def _authorize(world: World, identity: Identity, call: Call, bucket: FakeBucket, path: str) -> None:
    owner = call.parameters.get("ExpectedBucketOwner")
    if owner and owner != bucket.account_id:
        raise AwsError("AccessDenied", "Access Denied", status=403, headers=region_header(bucket))
    action = iam_action(call)
    arn = f"arn:{bucket.partition}:s3:::{bucket.name}{path}"
    refusal = identity_refusal(world, identity, action, call, arn)
    verdict = _bucket_verdict(world, identity, action, arn, bucket)
    reason = _refusal(identity, bucket, refusal, verdict, action)
    if reason:
        error = denied("s3", identity, action, arn, reason)
        raise AwsError(error.code, error.message, status=error.status, headers=region_header(bucket))
    if identity.account != bucket.account_id and call.action in _OWNERS_ONLY:
        # Permitted, but of another account (S3 API reference, GetBucketPolicy and PutBucketPolicy).
        message = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", message, status=405, headers=region_header(bucket))


def _bucket_verdict(world: World, identity: Identity, action: str, arn: str, bucket: FakeBucket) -> Verdict:
    if bucket.policy is None:
        return Verdict.NONE
    context = identity_context(world, identity, bucket.region_name)
    return evaluate(bucket.policy.decode(), identity.requester, action, arn, context)


def _refusal(identity: Identity, bucket: FakeBucket, refusal: str | None, verdict: Verdict, action: str) -> str | None:
    """Own account: either side may allow. Another account: both must (IAM, "Cross-account policy evaluation")."""
    if verdict is Verdict.DENIED:
        return "with an explicit deny in a resource-based policy"
    if refusal and refusal.startswith("with an explicit deny"):
        return refusal
    if identity.account == bucket.account_id:
        return None if verdict is Verdict.ALLOWED else refusal
    if verdict is Verdict.NONE:
        return f"because no resource-based policy allows the {action} action"
    return refusal


def region_header(bucket: FakeBucket) -> dict[str, str]:
    """The header that every answer about a bucket has."""
    return {"x-amz-bucket-region": bucket.region_name}


OPERATIONS: Mapping[str, Operation] = {
    # The handlers weigh the caller's side and the bucket policy together.
    "s3:HeadBucket": Operation(head_bucket, None),
    "s3:GetBucketPolicy": Operation(get_bucket_policy, None),
    "s3:PutBucketPolicy": Operation(put_bucket_policy, None),
    "s3:GetObjectLockConfiguration": Operation(get_object_lock_configuration, None),
    "s3:GetBucketEncryption": Operation(get_bucket_encryption, None),
    "s3:PutBucketEncryption": Operation(put_bucket_encryption, None),
}
