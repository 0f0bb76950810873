# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reads of AWS, one function each: the request, and how its answer becomes a fact of the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple

from .._model import KEY_ARN, SCP_DENIAL, TRAIL_ARN, Missing, Organization, ReadError, TrailStatus
from ._access import Access

ARN_PARTS = 6
# General Reference, "AWS service endpoints": us-east-1, us-gov-west-1, us-isob-east-1, eusc-de-east-1.
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")
MOST_REGIONS = 200  # far more than any partition has; each costs connections
_ORGANIZATION_ID = re.compile("o-[a-z0-9]{10,32}")  # Organizations API reference, Organization
CLOUDTRAIL_SERVICE = "cloudtrail.amazonaws.com"
# What a member of an organization, and an account of none, is told (Organizations API reference,
# ListDelegatedServicesForAccount: management account and delegated administrators only).
NO_ADMINISTRATOR = ("AccessDeniedException", "AWSOrganizationsNotInUseException")


def caller_arn(access: Access, region: str) -> str | ReadError:
    """Return the ARN of the principal that asks, such as `arn:aws:sts::111111111111:assumed-role/Audit/x`."""
    return access.ask("sts", region, "GetCallerIdentity", lambda answer: _arn(answer["Arn"]))


# What EC2 answers where the Region of the endpoint is not enabled for the caller's account (EC2 user guide, "Error
# codes"; IAM guide, "Managing AWS STS in an AWS Region").
_NOT_ENABLED = ("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "OptInRequired")


@dataclass(frozen=True)
class Regions:
    """The Regions that are enabled for an account, sorted, and those of its partition that are not."""

    enabled: tuple[str, ...]
    disabled: tuple[str, ...] = ()


def enabled_regions(access: Access, region: str) -> Regions | ReadError:
    """Return the Regions of the account (EC2 API reference, DescribeRegions; Region, OptInStatus).

    The first request goes to the caller's Region. Where the account has not enabled it, or a service control policy
    closes it, the second goes to a Region that every account of the partition has.
    """

    def ask(where: str) -> Regions | ReadError:
        return access.ask("ec2", where, "DescribeRegions", _regions, AllRegions=True)

    answer, other = ask(region), _region_of_every_account(region)
    if other in (None, region) or not isinstance(answer, ReadError):
        return answer
    is_shut = answer.code in _NOT_ENABLED or SCP_DENIAL in answer.message
    second = ask(str(other)) if is_shut else answer
    return answer if isinstance(second, ReadError) else second


def _region_of_every_account(region: str) -> str | None:
    """Return a Region of the same partition that cannot be disabled; None in partitions that no public page describes.

    AWS Account Management guide, "Enable or disable AWS Regions".
    """
    if "-iso" in region:
        return None
    others = {"cn-": "cn-north-1", "us-gov-": "us-gov-west-1", "eusc-": "eusc-de-east-1"}
    return next((known for begin, known in others.items() if region.startswith(begin)), "us-east-1")


def _regions(answer: dict[str, Any]) -> Regions:
    """Return the names. Raises ValueError if none is enabled, although some Regions always are, or far too many."""
    if len(answer["Regions"]) > MOST_REGIONS:
        raise ValueError(f"more than {MOST_REGIONS} regions")
    rows = {_region(row["RegionName"]): row.get("OptInStatus") != "not-opted-in" for row in answer["Regions"]}
    enabled = tuple(sorted(name for name, is_enabled in rows.items() if is_enabled))
    if not enabled:
        raise ValueError("no region is enabled")
    return Regions(enabled, tuple(sorted(rows.keys() - set(enabled))))


def principal_exists(access: Access, region: str, arn: str) -> bool | ReadError:
    """Return whether the account that asks has the role or user (IAM API reference, GetRole and GetUser)."""
    kind = arn.split(":", 5)[5].partition("/")[0].title()
    named: dict[str, Any] = {f"{kind}Name": arn.rpartition("/")[2]}
    answer = access.ask("iam", region, f"Get{kind}", lambda answer: str(answer[kind]["Arn"]), **named)
    if isinstance(answer, ReadError):
        return False if answer.code == "NoSuchEntity" else answer
    return answer == arn


def trails_seen_in(access: Access, region: str) -> list[dict[str, Any]] | ReadError:
    """Return every trail that shows in a region, shadows included, as DescribeTrails shows it.

    With shadows, because without them a member account does not see the organization's trail (CloudTrail
    API reference, DescribeTrails, includeShadowTrails). The operation is not paginated.
    """
    return access.ask("cloudtrail", region, "DescribeTrails", _trails, includeShadowTrails=True)


def _arn(text: str) -> str:
    """Return the text if it is an ARN of six parts, with a valid region or none. Raises ValueError otherwise."""
    parts = text.split(":", 5)
    if len(parts) < ARN_PARTS or not parts[5]:
        raise ValueError(f"{text!r} is not an ARN")
    if parts[3]:
        _region(parts[3])
    return text


def _arn_like(form: re.Pattern[str], text: str) -> None:
    """Raise ValueError for a text that is no ARN of this form, because people copy it from messages into commands."""
    if not form.fullmatch(_arn(text)):
        raise ValueError(f"{text!r} is not an ARN that AWS gives")


def _region(text: str) -> str:
    """Return the text if it may be the name of a region, which is asked next. Raises ValueError otherwise."""
    if not REGION.fullmatch(text):
        raise ValueError(f"{text!r} is not a region")
    return text


def _trails(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the trails. Raises ValueError if one shows twice, because each may have another key."""
    trails = [_trail(row) for row in answer["trailList"]]
    if len({trail["TrailARN"] for trail in trails}) < len(trails):
        raise ValueError("a trail shows twice")
    return trails


def _trail(row: dict[str, Any]) -> dict[str, Any]:
    """Return the trail (CloudTrail API reference, Trail; DescribeTrails shows KmsKeyId as the ARN of a key).

    Raises KeyError where a member is missing, ValueError where the members contradict each other.
    """
    _arn_like(TRAIL_ARN, row["TrailARN"])
    _arn, _partition, _service, region, _account, name = row["TrailARN"].split(":")
    if (row["HomeRegion"], f"trail/{row['Name']}") != (region, name):
        raise ValueError(f"the name or home region of {row['TrailARN']} is not that of its ARN")
    if row.get("KmsKeyId"):
        _arn_like(KEY_ARN, row["KmsKeyId"])
    always = ("Name", "HomeRegion", "IsMultiRegionTrail", "IsOrganizationTrail", "S3BucketName")
    return {**row, **{name: row[name] for name in always}}


def trail_status(access: Access, region: str, trail_arn: str) -> TrailStatus | ReadError:
    """Return the trail's delivery status in a region; by ARN, as shadow and organization trails require."""

    def status(answer: dict[str, Any]) -> TrailStatus:
        return TrailStatus(
            is_logging=bool(answer["IsLogging"]),
            latest_delivery_time=_moment(answer, "LatestDeliveryTime"),
            latest_delivery_error=answer.get("LatestDeliveryError") or None,
            latest_digest_delivery_error=answer.get("LatestDigestDeliveryError") or None,
            region=region,
            logging_since=_moment(answer, "StartLoggingTime"),
            latest_digest_delivery_time=_moment(answer, "LatestDigestDeliveryTime"),
        )

    return access.ask("cloudtrail", region, "GetTrailStatus", status, Name=trail_arn)


def _moment(answer: Mapping[str, Any], name: str) -> datetime | None:
    return moment_of(answer[name]) if name in answer else None


def moment_of(moment: datetime) -> datetime:
    """Return when something happened, in UTC. Raises ValueError for a time that no span can be added to."""
    if not datetime.min.year < moment.year < datetime.max.year:
        raise ValueError(f"nothing happened at {moment.isoformat()}")
    return _utc(moment)


def _utc(moment: datetime) -> datetime:
    """Return the same moment in UTC: botocore gives the time zone of the machine."""
    return moment.astimezone(timezone.utc)


def administers_cloudtrail(access: Access, region: str, account_id: str) -> bool | ReadError:
    """Return whether the account is the organization's delegated administrator for CloudTrail."""
    services = access.ask_pages(
        "organizations",
        region,
        "ListDelegatedServicesForAccount",
        "DelegatedServices",
        lambda row: str(row["ServicePrincipal"]),
        AccountId=account_id,
    )
    if isinstance(services, ReadError):
        return False if services.code in NO_ADMINISTRATOR else services
    return CLOUDTRAIL_SERVICE in services


@dataclass(frozen=True)
class OrganizationMember:
    """An account as its organization knows it (Organizations API reference, Account); an old SDK knows no State."""

    state: str | None
    name: str | None


def describe_account(access: Access, region: str, account_id: str) -> OrganizationMember | ReadError:
    """Return the account as the organization knows it; its `Status` is retired in favour of `State` (same page)."""

    def known(answer: dict[str, Any]) -> OrganizationMember:
        return OrganizationMember(answer["Account"].get("State"), answer["Account"].get("Name"))

    return access.ask("organizations", region, "DescribeAccount", known, AccountId=account_id)


def key_metadata(access: Access, region: str, key_id: str) -> dict[str, Any] | Missing | ReadError:
    """Return the KeyMetadata of DescribeKey, which works across accounts where the key policy allows it."""
    answer = access.ask("kms", region, "DescribeKey", partial(_metadata, key_id), KeyId=key_id)
    if isinstance(answer, ReadError) and answer.code == "NotFoundException":
        return Missing(answer.message)
    return answer


def _metadata(key_id: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of the key with this id, ARN or alias (KMS API reference, KeyMetadata).

    Raises KeyError where a member is missing, ValueError where the answer tells of another key.
    """
    metadata: dict[str, Any] = answer["KeyMetadata"]
    _arn_like(KEY_ARN, metadata["Arn"])
    if "alias/" not in key_id and key_id not in (metadata["Arn"], metadata["Arn"].rpartition("/")[2]):
        raise ValueError(f"the answer tells of {metadata['Arn']}")
    if key_id.startswith("arn:") and metadata["Arn"].split(":")[:5] != key_id.split(":")[:5]:
        raise ValueError(f"the answer tells of {metadata['Arn']}")
    configuration = metadata.get("MultiRegionConfiguration", {})
    primary = [configuration["PrimaryKey"]] if configuration else []
    for related in (*primary, *configuration.get("ReplicaKeys", [])):
        _arn_like(KEY_ARN, related["Arn"])
    always = ("KeyManager", "KeyState", "KeySpec", "KeyUsage", "Origin", "MultiRegion")
    always_there = {name: metadata[name] for name in always}
    # These may lie as far ahead as there are dates.
    dates: dict[str, Any] = {name: _utc(metadata[name]) for name in ("DeletionDate", "ValidTo") if name in metadata}
    return {**metadata, **always_there, **dates}


def key_policy(access: Access, region: str, key_arn: str) -> str | ReadError:
    """Return the key policy that its owner writes, as KMS holds it (KMS API reference, GetKeyPolicy)."""
    return _policy_named("default", access, region, key_arn)


def ram_policy(access: Access, region: str, key_arn: str) -> str | ReadError | None:
    """Return the second policy of a key that is shared through RAM; None where the key is not shared (same page)."""
    answer = _policy_named("AWS_RAM", access, region, key_arn)
    return None if isinstance(answer, ReadError) and answer.code == "NotFoundException" else answer


def _policy_named(name: str, access: Access, region: str, key_arn: str) -> str | ReadError:
    def policy(answer: dict[str, Any]) -> str:
        if answer.get("PolicyName", name) != name:
            raise ValueError(f"the answer is the policy {answer['PolicyName']!r}")
        return str(answer["Policy"])

    return access.ask("kms", region, "GetKeyPolicy", policy, KeyId=key_arn, PolicyName=name)


def key_aliases(access: Access, region: str, key_arn: str) -> tuple[str, ...] | ReadError:
    """Return the key's alias names, sorted; their quota is 50, and adjustable (KMS guide, "Resource quotas")."""
    names = access.ask_pages(
        "kms", region, "ListAliases", "Aliases", lambda row: str(row["AliasName"]), KeyId=key_arn, Limit=100
    )
    return names if isinstance(names, ReadError) else tuple(sorted(names))


def key_rotation(access: Access, region: str, key_arn: str) -> bool | ReadError:
    """Return whether automatic rotation is on."""
    return access.ask(
        "kms", region, "GetKeyRotationStatus", lambda answer: bool(answer["KeyRotationEnabled"]), KeyId=key_arn
    )


def list_key_tags(access: Access, region: str, key_arn: str) -> dict[str, str] | ReadError:
    rows = access.ask_pages(
        "kms", region, "ListResourceTags", "Tags", lambda row: (row["TagKey"], row["TagValue"]), KeyId=key_arn
    )
    return rows if isinstance(rows, ReadError) else dict(rows)


class ListedKeys(NamedTuple):
    """The keys of an account in a region, by their ARNs: those that have aliases, by alias, and those without one."""

    by_alias: Mapping[str, str]
    without_alias: tuple[str, ...]


def listed_keys(access: Access, region: str) -> ListedKeys | ReadError:
    """Return the account's keys in a region, those without an alias sorted."""
    keys = access.ask_pages("kms", region, "ListKeys", "Keys", lambda row: (row["KeyId"], row["KeyArn"]), Limit=1000)
    aliases = access.ask_pages(
        "kms", region, "ListAliases", "Aliases", lambda row: (row["AliasName"], row.get("TargetKeyId")), Limit=100
    )
    if isinstance(keys, ReadError):
        return keys
    if isinstance(aliases, ReadError):
        return aliases
    arns, taken = dict(keys), {target for _alias, target in aliases}
    return ListedKeys(
        {alias: arns[target] for alias, target in aliases if target in arns},
        tuple(sorted(arn for key_id, arn in keys if key_id not in taken)),
    )


def alias_target(access: Access, region: str, alias: str) -> str | Missing | ReadError:
    """Return the ARN of the key that an alias points to."""
    metadata = key_metadata(access, region, alias)
    return str(metadata["Arn"]) if isinstance(metadata, dict) else metadata


def trail_tags(access: Access, region: str, trail_arn: str) -> dict[str, str] | ReadError:
    """Return the trail's tags; one answer holds up to 50, which is the quota (CloudTrail API reference, ListTags)."""
    return access.ask(
        "cloudtrail",
        region,
        "ListTags",
        lambda answer: {
            tag["Key"]: tag.get("Value", "") for row in answer["ResourceTagList"] for tag in row["TagsList"]
        },
        ResourceIdList=[trail_arn],
    )


def trail_settings(access: Access, region: str, trail_arn: str) -> dict[str, Any] | ReadError | None:
    """Return a trail as its home region shows it; None where it does not exist, which is no error of DescribeTrails."""

    def settings(answer: dict[str, Any]) -> dict[str, Any] | None:
        return next((_trail(row) for row in answer["trailList"] if row["TrailARN"] == trail_arn), None)

    return access.ask("cloudtrail", region, "DescribeTrails", settings, trailNameList=[trail_arn])


def describe_organization(access: Access, region: str) -> Organization | ReadError:
    """Return the account's organization (Organizations API reference, DescribeOrganization)."""
    return access.ask("organizations", region, "DescribeOrganization", _organization)


def _organization(answer: dict[str, Any]) -> Organization:
    """Return the organization, whose id policies name. Raises ValueError where the id is none, or the ARN another's."""
    organization: dict[str, str] = answer["Organization"]
    tail = f":organizations::{organization['MasterAccountId']}:organization/{organization['Id']}"
    if not _ORGANIZATION_ID.fullmatch(organization["Id"]) or not organization["Arn"].endswith(tail):
        raise ValueError(f"{organization['Arn']!r} is not the ARN of the organization {organization['Id']!r}")
    return Organization(organization["Id"], organization["MasterAccountId"])


def bucket_region(access: Access, region: str, bucket: str) -> str | Missing | ReadError:
    """Return the bucket's region, from the header that HeadBucket sends even where it refuses (S3 API reference)."""

    def header(answer: dict[str, Any]) -> str:
        return _region(answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])

    answer = access.ask("s3", region, "HeadBucket", header, telling=("301", "400", "403"), Bucket=bucket)
    if isinstance(answer, ReadError) and answer.code in ("404", "NoSuchBucket"):
        return Missing(f"the bucket {bucket} does not exist")
    return answer


def bucket_belongs_to(access: Access, region: str, bucket: str, account_id: str) -> bool:
    """Return whether S3 confirms the account as the owner of the bucket. It confirms nothing if the caller may not ask.

    GetBucketPolicy is for the owner alone, and ExpectedBucketOwner answers 403 for another owner (S3 API reference,
    GetBucketPolicy; S3 user guide, "Verifying bucket ownership").
    """
    answer = access.ask("s3", region, "GetBucketPolicy", bool, Bucket=bucket, ExpectedBucketOwner=account_id)
    return answer is True or (isinstance(answer, ReadError) and answer.code == "NoSuchBucketPolicy")


def bucket_policy(access: Access, region: str, bucket: str) -> str | ReadError | None:
    """Return the bucket policy; None where the bucket has none."""
    answer = access.ask("s3", region, "GetBucketPolicy", lambda answer: str(answer["Policy"]), Bucket=bucket)
    return None if isinstance(answer, ReadError) and answer.code == "NoSuchBucketPolicy" else answer


def bucket_tags(access: Access, region: str, bucket: str) -> dict[str, str] | ReadError:
    """Return the bucket's tags; one without any has no tag set (S3 API reference, GetBucketTagging)."""
    answer = access.ask(
        "s3",
        region,
        "GetBucketTagging",
        lambda answer: {tag["Key"]: tag["Value"] for tag in answer["TagSet"]},
        Bucket=bucket,
    )
    return {} if isinstance(answer, ReadError) and answer.code == "NoSuchTagSet" else answer


def bucket_key_enabled(access: Access, region: str, bucket: str) -> bool | ReadError:
    """Return whether default encryption uses an S3 Bucket Key (S3 API reference, ServerSideEncryptionRule)."""

    def is_enabled(answer: dict[str, Any]) -> bool:
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        return any(rule.get("BucketKeyEnabled", False) for rule in rules)

    answer = access.ask("s3", region, "GetBucketEncryption", is_enabled, Bucket=bucket)
    if isinstance(answer, ReadError) and answer.code == "ServerSideEncryptionConfigurationNotFoundError":
        return False
    return answer
