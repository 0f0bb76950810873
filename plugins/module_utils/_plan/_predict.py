# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account as it will be once the changes are applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from .._checks import USABLE_STATES
from .._model import (
    Bucket,
    Change,
    Key,
    Missing,
    Prerequisites,
    ReadError,
    Snapshot,
    Trail,
    TrailStatus,
)
from .._operations import WRITES
from .._permissions import iam_action
from ._old_errors import without_old_errors

OF_A_TRAIL = tuple(operation for operation, write in WRITES.items() if write.resource == "trail")


def predict(snapshot: Snapshot, changes: Collection[Change], keys: Mapping[str, Key]) -> Snapshot:
    """Return the snapshot after the changes; `keys` are those that trails move to, present or to be created.

    Only the keys that a trail then uses remain, as reading would find them.
    """
    known: dict[str, Key | Missing | ReadError] = {**snapshot.keys, **keys}
    trails = {trail.arn: trail for trail in snapshot.trails}
    buckets, before = dict(snapshot.buckets), {trail.arn: trail.kms_key_arn for trail in snapshot.trails}
    for change in changes:
        if change.operation in OF_A_TRAIL:
            trails[change.resource] = _changed_trail(trails[change.resource], change, snapshot.read_at)
        elif change.operation == "PutBucketPolicy":
            name = str(change.parameters["Bucket"])
            buckets[name] = _with_policy(buckets[name], change)
        else:
            arn = key_of(change)
            key = known[arn]
            known[arn] = changed(key, change) if isinstance(key, Key) else key
    used = {trail.kms_key_arn for trail in trails.values()}
    predicted = replace(
        snapshot,
        trails=tuple(trails.values()),
        keys={arn: key for arn, key in known.items() if arn in used},
        buckets=buckets,
        proofs={arn: proof for arn, proof in snapshot.proofs.items() if trails[arn].kms_key_arn == before[arn]},
    )
    return without_old_errors(snapshot, predicted, changes, snapshot.read_at)


def predicted_prerequisites(predicted: Snapshot) -> Prerequisites:
    """Return what the changes of a plan need in place, taken from what the plan predicts."""
    buckets = {
        f"arn:{predicted.partition}:s3:::{name}": bucket
        for name, bucket in predicted.buckets.items()
        if isinstance(bucket, Bucket)
    }
    policies: dict[str, str | ReadError | None] = {arn: bucket.policy for arn, bucket in buckets.items()}
    for arn, key in predicted.keys.items():
        if isinstance(key, Key) and key.state in USABLE_STATES:
            policies[arn] = key.policy
    return Prerequisites(
        usable=frozenset(policies) | {trail.arn for trail in predicted.trails},
        policies={arn: policy for arn, policy in policies.items() if not isinstance(policy, ReadError)},
        trails={trail.arn: _deliveries(trail) for trail in predicted.trails},
        bucket_regions={arn: bucket.region for arn, bucket in buckets.items()},
    )


def _deliveries(trail: Trail) -> dict[str, object]:
    """Return what decides where a trail delivers, in the words of UpdateTrail."""
    return {
        "S3BucketName": trail.bucket_name,
        "S3KeyPrefix": trail.bucket_prefix,
        "IsMultiRegionTrail": trail.multi_region,
        "IsOrganizationTrail": trail.organization_trail,
    }


def key_of(change: Change) -> str:
    """Return the ARN of the key that a change of a key is about; of any other change that of its resource."""
    return str(change.after["key_arn"]) if change.operation == "CreateAlias" else change.resource


def _changed_trail(trail: Trail, change: Change, now: datetime) -> Trail:
    """Return the trail after one change of it; one that is created is in the snapshot as it will be created."""
    if change.operation == "StartLogging":
        if not isinstance(trail.status, TrailStatus):
            return trail
        return replace(trail, status=replace(trail.status, is_logging=True, logging_since=now))
    return replace(
        trail,
        kms_key_arn=str(change.after["kms_key_arn"]),
        multi_region=bool(change.after.get("multi_region", trail.multi_region)),
        log_file_validation=bool(change.after.get("log_file_validation", trail.log_file_validation)),
    )


def _with_policy(bucket: Bucket | Missing | ReadError, change: Change) -> Bucket | Missing | ReadError:
    return replace(bucket, policy=str(change.after["policy"])) if isinstance(bucket, Bucket) else bucket


def changed(key: Key, change: Change) -> Key:
    """Return the key after one change of it."""
    if change.operation in ("CreateKey", "PutKeyPolicy"):
        return replace(key, policy=str(change.after["policy"]))
    if change.operation == "CreateAlias":
        return replace(key, aliases=_with_alias(key, change.resource))
    if change.operation == "EnableKeyRotation":
        return replace(key, rotation_enabled=True)
    rotation = _hidden_rotation(key) if key.state == "PendingDeletion" else key.rotation_enabled
    return replace(key, state=str(change.after["state"]), deletion_date=None, rotation_enabled=rotation)


def _hidden_rotation(key: Key) -> bool | ReadError | None:
    """Return what a key that is pending deletion will show of its rotation once it is kept: what it showed before.

    Until then KMS says false, and "if you cancel the deletion, the original key rotation status is restored" (KMS API
    reference, GetKeyRotationStatus).
    """
    if key.rotation_enabled is not False:
        return key.rotation_enabled
    return ReadError(
        "kms",
        "GetKeyRotationStatus",
        iam_action("kms", "GetKeyRotationStatus"),
        key.region,
        "PendingDeletion",
        "KMS does not show this while a key is pending deletion; once the deletion is cancelled, the key "
        "rotates as it did before",
    )


def _with_alias(key: Key, alias_arn: str) -> tuple[str, ...] | ReadError:
    if isinstance(key.aliases, ReadError):
        return key.aliases
    return tuple(sorted({*key.aliases, alias_arn.rpartition(":")[2]}))
