# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each write as a change: its resource, what it changes, the request as AWS takes it, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._model import Bucket, Change, Fragment, Key, Trail
from .._operations import WRITES
from .._policy import parse, to_json
from .._printable import printable
from .._request import KeyRequest, TrailRequest
from ._new_key import tags_of_new_key

_ORDER = tuple(WRITES)


def sort_changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes in the order in which they are applied; resources of one operation are sorted."""
    return tuple(sorted(changes, key=lambda change: (_ORDER.index(change.operation), change.resource)))


def create_bucket(name: str, partition: str, region: str) -> Change:
    """Create a bucket, which the role does before the plan is applied."""
    return Change("CreateBucket", f"arn:{partition}:s3:::{name}", region, None, {"bucket_name": name}, {"Bucket": name})


def create_key(key: Key, policy: str, request: KeyRequest) -> Change:
    """Create a key with its policy and tags. `key.arn` is a placeholder."""
    tags = tags_of_new_key(request)
    settings = {
        "description": request.description,
        "multi_region": request.multi_region,
        "tags": tags,
        "policy": policy,
    }
    parameters = {
        "Description": request.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "MultiRegion": request.multi_region,
        "Tags": [{"TagKey": name, "TagValue": value} for name, value in sorted(tags.items())],
        "Policy": policy,
    }
    return Change("CreateKey", key.arn, key.region, None, settings, parameters)


def create_alias(key: Key, alias: str) -> Change:
    """Give an alias to a key that has none."""
    arn = f"{key.arn.rpartition(':')[0]}:{alias}"
    return Change(
        "CreateAlias", arn, key.region, None, {"key_arn": key.arn}, {"AliasName": alias, "TargetKeyId": key.arn}
    )


def put_key_policy(key: Key, policy: str) -> Change:
    """Add to the key's policy; never with BypassPolicyLockoutSafetyCheck."""
    parameters = {"KeyId": key.arn, "PolicyName": "default", "Policy": policy}
    return Change("PutKeyPolicy", key.arn, key.region, {"policy": key.policy}, {"policy": policy}, parameters)


def cancel_key_deletion(key: Key) -> Change:
    """Keep the key, which is Disabled then (KMS API reference, CancelKeyDeletion)."""
    return Change(
        "CancelKeyDeletion", key.arn, key.region, {"state": key.state}, {"state": "Disabled"}, {"KeyId": key.arn}
    )


def enable_key(key: Key) -> Change:
    return Change("EnableKey", key.arn, key.region, {"state": "Disabled"}, {"state": "Enabled"}, {"KeyId": key.arn})


def put_bucket_policy(bucket: Bucket, bucket_arn: str, policy: str) -> Change:
    """Add to the bucket's policy."""
    parameters = {"Bucket": bucket.name, "Policy": policy}
    return Change(
        "PutBucketPolicy", bucket_arn, bucket.region, {"policy": bucket.policy}, {"policy": policy}, parameters
    )


def create_trail(trail: Trail, key_arn: str, request: TrailRequest) -> Change:
    """Create a trail, encrypted from its first log, with log-file validation; it does not log yet (CreateTrail)."""
    settings = {
        "bucket_name": trail.bucket_name,
        "bucket_prefix": trail.bucket_prefix,
        "multi_region": trail.multi_region,
        "organization_trail": trail.organization_trail,
        "log_file_validation": True,
        "kms_key_arn": key_arn,
        "tags": dict(request.tags),
    }
    parameters = {
        "Name": trail.name,
        "S3BucketName": trail.bucket_name,
        "S3KeyPrefix": trail.bucket_prefix,
        "IsMultiRegionTrail": trail.multi_region,
        "IsOrganizationTrail": trail.organization_trail,
        "EnableLogFileValidation": True,
        "KmsKeyId": key_arn,
        "TagsList": [{"Key": name, "Value": value} for name, value in sorted(request.tags.items())],
    }
    sent = {name: value for name, value in parameters.items() if value not in (None, [])}
    return Change("CreateTrail", trail.arn, trail.home_region, None, settings, sent)


# What may be fixed of a trail beside its key: the field of Trail, and the parameters of UpdateTrail. A multi-Region
# trail "must include global service events" (CloudTrail API reference, InvalidParameterCombinationException).
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "multi_region": ("IsMultiRegionTrail", "IncludeGlobalServiceEvents"),
    "log_file_validation": ("EnableLogFileValidation",),
}


def update_trail(trail: Trail, key_arn: str, on: Iterable[str] = ()) -> Change:
    """Set the trail's key, and turn the settings in `on` on, in the home region.

    What is not sent is kept (CloudTrail API reference, UpdateTrail).
    """
    settings = dict.fromkeys(on, True)
    return Change(
        "UpdateTrail",
        trail.arn,
        trail.home_region,
        {"kms_key_arn": trail.kms_key_arn, **{name: getattr(trail, name) for name in settings}},
        {"kms_key_arn": key_arn, **settings},
        {"Name": trail.arn, "KmsKeyId": key_arn, **{sent: True for name in settings for sent in SETTINGS[name]}},
    )


def start_logging(trail: Trail) -> Change:
    """Start logging (CloudTrail API reference, StartLogging)."""
    return Change(
        "StartLogging", trail.arn, trail.home_region, {"is_logging": False}, {"is_logging": True}, {"Name": trail.arn}
    )


def enable_key_rotation(key: Key, request: KeyRequest) -> Change:
    """Turn automatic rotation on, with its period where one is requested (the default of KMS is 365 days)."""
    parameters: dict[str, Any] = {"KeyId": key.arn}
    after: dict[str, object] = {"rotation_enabled": True}
    if request.rotation_period_in_days:
        parameters["RotationPeriodInDays"] = request.rotation_period_in_days
        after["rotation_period_in_days"] = request.rotation_period_in_days
    return Change("EnableKeyRotation", key.arn, key.region, {"rotation_enabled": False}, after, parameters)


def change_rows(changes: Iterable[Change]) -> list[dict[str, object]]:
    """Return the changes as the rows of `changes` that cloudtrail_kms_enforce returns."""
    return [
        {
            "operation": change.operation,
            "resource": change.resource,
            "region": change.region,
            "before": change.before,
            "after": change.after,
            "status": change.status,
            **to_add_rows(change.to_add),
        }
        for change in changes
    ]


def to_add_rows(to_add: Iterable[Fragment]) -> dict[str, list[dict[str, str]]]:
    """Return the field `to_add` of a row: what to add to the code of other tools; no field if that is nothing."""
    rows = [{**vars(each)} for each in to_add]
    return {"to_add": rows} if rows else {}


def diff(changes: Iterable[Change]) -> list[dict[str, str]]:
    """Return one entry a change that is planned or applied; policies as sorted, indented JSON.

    Each is `{before, after, before_header, after_header}`, and shown as it is: only its line breaks are no escapes.
    """
    return [
        {
            "before": _text(change.before or {}),
            "after": _text(change.after),
            "before_header": (header := printable(f"{change.resource} ({change.operation})")),
            "after_header": header,
        }
        for change in changes
        if change.status in ("planned", "applied")
    ]


def _text(fields: Mapping[str, object]) -> str:
    """Return the fields, one a line; the policy below them."""
    lines = [f"{name}: {_value(value)}" for name, value in fields.items() if name != "policy"]
    policy = fields.get("policy")
    lines += to_json(parse(policy).document, indent=2, sort_keys=True).split("\n") if isinstance(policy, str) else []
    return "\n".join([*map(printable, lines), ""]) if fields else ""


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
