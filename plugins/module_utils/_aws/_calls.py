# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One AWS read a function: what is asked, and how its answer becomes a fact of the model."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, read_error
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Missing,
    ReadError,
    TrailStatus,
)

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    from botocore.exceptions import BotoCoreError, ClientError

CLOUDTRAIL_SERVICE = "cloudtrail.amazonaws.com"


def caller_arn(access: Access) -> str | ReadError:
    """The ARN of the principal that asks, such as `arn:aws:sts::111111111111:assumed-role/Audit/x`."""
    answer = access.call("sts", access.region, "GetCallerIdentity")
    return answer if isinstance(answer, ReadError) else str(answer["Arn"])


def enabled_regions(access: Access) -> tuple[str, ...] | ReadError:
    """The regions enabled for the account, sorted (EC2 API reference: DescribeRegions omits disabled ones)."""
    answer = access.call("ec2", access.region, "DescribeRegions")
    return answer if isinstance(answer, ReadError) else tuple(sorted(r["RegionName"] for r in answer["Regions"]))


def trails_seen_in(access: Access, region: str) -> list[dict[str, Any]] | ReadError:
    """Every trail that is seen in a region, shadows included, as DescribeTrails shows it.

    With shadows, because without them a member account does not see the organization's trail (CloudTrail
    API reference, DescribeTrails, includeShadowTrails). The operation is not paginated.
    """
    answer = access.call("cloudtrail", region, "DescribeTrails", includeShadowTrails=True)
    return answer if isinstance(answer, ReadError) else list(answer["trailList"])


def trail_status(access: Access, region: str, trail_arn: str) -> TrailStatus | ReadError:
    """The trail's delivery status; by ARN, as shadow and organization trails require."""
    answer = access.call("cloudtrail", region, "GetTrailStatus", Name=trail_arn)
    if isinstance(answer, ReadError):
        return answer
    return TrailStatus(
        is_logging=bool(answer.get("IsLogging")),
        latest_delivery_time=answer.get("LatestDeliveryTime"),
        latest_delivery_error=answer.get("LatestDeliveryError") or None,
        latest_digest_delivery_error=answer.get("LatestDigestDeliveryError") or None,
    )


def administers_cloudtrail(access: Access, account_id: str) -> bool:
    """Whether the account is the organization's delegated administrator for CloudTrail.

    Only the management account and delegated administrators may ask (Organizations API reference,
    ListDelegatedServicesForAccount), so a refusal says: an ordinary member.
    """
    answer = access.call("organizations", access.region, "ListDelegatedServicesForAccount", AccountId=account_id)
    if isinstance(answer, ReadError):
        return False
    return any(row["ServicePrincipal"] == CLOUDTRAIL_SERVICE for row in answer["DelegatedServices"])


def key_metadata(access: Access, region: str, key_arn: str) -> dict[str, Any] | Missing | ReadError:
    """The KeyMetadata of DescribeKey; it works across accounts where the key policy allows it."""
    answer = access.call("kms", region, "DescribeKey", KeyId=key_arn)
    if isinstance(answer, ReadError):
        return Missing(answer.message) if answer.code == "NotFoundException" else answer
    return dict(answer["KeyMetadata"])


def key_policy(access: Access, region: str, key_arn: str) -> str | ReadError:
    """The key policy as KMS holds it; `default` is the only policy name (KMS API reference, GetKeyPolicy)."""
    answer = access.call("kms", region, "GetKeyPolicy", KeyId=key_arn, PolicyName="default")
    return answer if isinstance(answer, ReadError) else str(answer["Policy"])


def key_aliases(access: Access, region: str, key_arn: str) -> tuple[str, ...] | ReadError:
    """The key's alias names; 50 come in one answer, and that is the quota of a key (KMS guide, "Quotas")."""
    answer = access.call("kms", region, "ListAliases", KeyId=key_arn, Limit=100)
    return answer if isinstance(answer, ReadError) else tuple(sorted(a["AliasName"] for a in answer["Aliases"]))


def key_rotation(access: Access, region: str, key_arn: str) -> bool | ReadError:
    """Whether automatic rotation is on."""
    answer = access.call("kms", region, "GetKeyRotationStatus", KeyId=key_arn)
    return answer if isinstance(answer, ReadError) else bool(answer["KeyRotationEnabled"])


def key_tags(access: Access, region: str, key_arn: str) -> dict[str, str] | ReadError:
    """The key's tags."""
    rows = _pages(access, region, "ListResourceTags", "Tags", KeyId=key_arn)
    return rows if isinstance(rows, ReadError) else {row["TagKey"]: row["TagValue"] for row in rows}


def keys_without_alias(access: Access, region: str) -> tuple[str, ...] | ReadError:
    """The ARNs of the account's keys in a region that no alias leads to, sorted."""
    keys = _pages(access, region, "ListKeys", "Keys", Limit=1000)
    aliases = _pages(access, region, "ListAliases", "Aliases", Limit=100)
    if isinstance(keys, ReadError):
        return keys
    if isinstance(aliases, ReadError):
        return aliases
    named = {alias.get("TargetKeyId") for alias in aliases}
    return tuple(sorted(key["KeyArn"] for key in keys if key["KeyId"] not in named))


def alias_target(access: Access, region: str, alias: str) -> str | Missing | ReadError:
    """The ARN of the key that an alias leads to."""
    metadata = key_metadata(access, region, alias)
    return str(metadata["Arn"]) if isinstance(metadata, dict) else metadata


def trail_tags(access: Access, region: str, trail_arn: str) -> dict[str, str] | ReadError:
    """The trail's tags; up to 50 come in one answer, and that is the quota (CloudTrail API reference, ListTags)."""
    answer = access.call("cloudtrail", region, "ListTags", ResourceIdList=[trail_arn])
    if isinstance(answer, ReadError):
        return answer
    return {tag["Key"]: tag.get("Value", "") for row in answer["ResourceTagList"] for tag in row["TagsList"]}


def trail_key(access: Access, region: str, trail_arn: str) -> str | ReadError | None:
    """The key that a trail encrypts with, as its home region shows it."""
    answer = access.call("cloudtrail", region, "DescribeTrails", trailNameList=[trail_arn])
    if isinstance(answer, ReadError):
        return answer
    return next((trail.get("KmsKeyId") for trail in answer["trailList"] if trail["TrailARN"] == trail_arn), None)


def _pages(access: Access, region: str, operation: str, field: str, **parameters: Any) -> list[Any] | ReadError:
    """Every row of a KMS list, page after page (KMS API reference: Truncated, NextMarker)."""
    rows: list[Any] = []
    while True:
        answer = access.call("kms", region, operation, **parameters)
        if isinstance(answer, ReadError):
            return answer
        rows += answer[field]
        if not answer.get("Truncated"):
            return rows
        parameters["Marker"] = answer["NextMarker"]


def bucket_region(access: Access, region: str, bucket: str) -> str | Missing | ReadError:
    """The bucket's region, from the header that HeadBucket sends even where it refuses (S3 API reference)."""
    try:
        headers = access.send("s3", region, "HeadBucket", Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return Missing(f"the bucket {bucket} does not exist")
        if "x-amz-bucket-region" not in headers:
            return read_error("s3", "HeadBucket", region, error)
    except BotoCoreError as error:
        return read_error("s3", "HeadBucket", region, error)
    return str(headers["x-amz-bucket-region"])


def bucket_policy(access: Access, region: str, bucket: str) -> str | ReadError | None:
    """The bucket policy; None where the bucket has none."""
    answer = access.call("s3", region, "GetBucketPolicy", Bucket=bucket)
    if isinstance(answer, ReadError):
        return None if answer.code == "NoSuchBucketPolicy" else answer
    return str(answer["Policy"])


def bucket_key_enabled(access: Access, region: str, bucket: str) -> bool | ReadError:
    """Whether default encryption uses an S3 Bucket Key (S3 API reference, ServerSideEncryptionRule)."""
    answer = access.call("s3", region, "GetBucketEncryption", Bucket=bucket)
    if isinstance(answer, ReadError):
        return False if answer.code == "ServerSideEncryptionConfigurationNotFoundError" else answer
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    return any(rule.get("BucketKeyEnabled", False) for rule in rules)
