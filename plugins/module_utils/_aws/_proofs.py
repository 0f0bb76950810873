# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what AWS did for the trails of an account: last changes, the last use of each key, and the newest files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from .._model import (
    Bucket,
    DeliveredFile,
    FormerKey,
    LastChange,
    LeftToOwnerError,
    LogFolder,
    Missing,
    ReadError,
    Snapshot,
    Trail,
    TrailProof,
)
from .._scope import Scope
from ._access import failed_read
from ._calls import key_metadata
from ._history import LEAVING, History, Thing
from ._newest_files import NewestFiles
from ._resources import Account, first_answer

# So many keys that trails had are read, the latest first.
MOST_FORMER_KEYS = 20


def with_proofs(
    pool: ThreadPoolExecutor, account: Account, snapshot: Snapshot, scope: Scope, history: History
) -> Snapshot:
    """Return the snapshot with the proof of each of its trails that has a key, as far as `scope.proof` asks for it."""
    if scope.proof == "none":
        return snapshot
    trails = [
        trail for trail in snapshot.trails if trail.kms_key_arn and not isinstance(trail.status, LeftToOwnerError)
    ]
    newest, asks = NewestFiles(pool, account, snapshot), scope.proof == "objects"
    files = {trail.arn: _ask_files(newest, snapshot, trail, scope) if asks else () for trail in trails}
    proofs = {trail.arn: _proof(account, snapshot, trail, history, files[trail.arn]) for trail in trails}
    unsettled = [trail for trail in trails if _shows_another_key(trail, proofs[trail.arn])]
    owners = {trail.account_id for trail in unsettled}
    left = {owner: _logs_left(pool, account, snapshot, history, owner) for owner in owners}
    for trail in unsettled:
        changes = left[trail.account_id]
        known = [each for each in changes if isinstance(each, LastChange)]
        unasked = next((each for each in changes if isinstance(each, ReadError)), None)
        latest = _latest([proofs[trail.arn].trail, *known])
        proofs[trail.arn] = replace(proofs[trail.arn], trail=latest, unasked=unasked)
    return replace(snapshot, proofs=proofs, former_keys=tuple(_former_keys(pool, account, snapshot, history)))


def _former_keys(
    pool: ThreadPoolExecutor, account: Account, snapshot: Snapshot, history: History
) -> Iterator[FormerKey | ReadError]:
    """Yield the keys that the account's own trails had by the event history, and that none of them has now."""
    given: dict[str, tuple[str, datetime]] = {}
    for region in sorted({trail.home_region for trail in snapshot.trails if trail.ownership == "owned"}):
        found = history.keys_given(account, region)
        if isinstance(found, ReadError):
            yield found
        else:
            given |= found
    used = {trail.kms_key_arn for trail in (*snapshot.trails, *snapshot.trails_left_out)}
    left = sorted(given.keys() - used, key=lambda arn: given[arn][1], reverse=True)[:MOST_FORMER_KEYS]
    for arn, metadata in zip(left, pool.map(partial(_described, account), left), strict=True):
        if isinstance(metadata, ReadError):
            yield metadata
        elif isinstance(metadata, dict):
            yield FormerKey(arn, *given[arn], metadata["KeyState"], metadata.get("DeletionDate"))


def _described(account: Account, arn: str) -> dict[str, Any] | Missing | ReadError:
    region, owner = arn.split(":")[3:5]
    return first_answer(key_metadata, account.key_readers(owner), region, arn)


def _proof(
    account: Account,
    snapshot: Snapshot,
    trail: Trail,
    history: History,
    files: Sequence[tuple[LogFolder, Future[DeliveredFile | ReadError]]],
) -> TrailProof:
    """Read the histories one after the other, as their rate has it, while the files are on their way."""
    key_arn, bucket = trail.kms_key_arn or "", snapshot.buckets[trail.bucket_name]
    region, owner = key_arn.split(":")[3:5]
    key = Thing("kms", frozenset({key_arn, key_arn.rpartition("/")[2]}), owner, region)
    of_trail = Thing("cloudtrail", frozenset({trail.arn, trail.name}), trail.account_id, trail.home_region)
    return TrailProof(
        trail=history.last_change(account, of_trail),
        key=history.last_change(account, key),
        bucket=_bucket_change(account, trail, bucket, history),
        last_use=history.last_use(account, key_arn, of_trail),
        files=tuple(each.result() for folder, each in files if not folder.of_digests),
        digest=next((each.result() for folder, each in files if folder.of_digests), None),
        key_since=history.key_since(account, of_trail, key_arn),
    )


def _shows_another_key(trail: Trail, proof: TrailProof) -> bool:
    """Return whether a log shows another key than the trail's, which may be that of a trail that is gone."""
    files = (each for each in proof.files if isinstance(each, DeliveredFile) and each.at)
    return any(each.key_arn != trail.kms_key_arn for each in files)


def _logs_left(
    pool: ThreadPoolExecutor, account: Account, snapshot: Snapshot, history: History, owner: str
) -> Sequence[LastChange | ReadError]:
    """Return for each Region when a trail of the owner and of that home Region last ceased to deliver somewhere.

    Its last logs may lie in the folder of another trail. In a Region that is closed by a policy nobody can tell.
    """
    enabled = snapshot.enabled_regions
    if isinstance(enabled, ReadError):
        return [enabled]
    things = [Thing("cloudtrail", frozenset(), owner, region) for region in enabled]
    return [*pool.map(lambda each: history.last_change(account, each, LEAVING), things)]


def _latest(changes: Sequence[LastChange | ReadError]) -> LastChange | ReadError:
    """Return the latest change, or the first error if a change could not be read."""
    known = [each for each in changes if isinstance(each, LastChange)]
    unread = (each for each in changes if isinstance(each, ReadError))
    return next(unread, None) or max(known, key=lambda each: each.since)


def _bucket_change(account: Account, trail: Trail, bucket: object, history: History) -> LastChange | ReadError:
    """Return the last change of a bucket, whose events its owner's account records in the Region of the bucket."""
    if isinstance(bucket, ReadError):
        return bucket
    if not isinstance(bucket, Bucket) or bucket.owner is None:
        why = f"which account owns the bucket {trail.bucket_name} is not known"
        return failed_read("cloudtrail", "LookupEvents", trail.home_region, "NotAsked", why)
    names = frozenset({bucket.name, f"arn:{trail.arn.split(':')[1]}:s3:::{bucket.name}"})
    return history.last_change(account, Thing("s3", names, bucket.owner, bucket.region))


def _ask_files(
    files: NewestFiles, snapshot: Snapshot, trail: Trail, scope: Scope
) -> list[tuple[LogFolder, Future[DeliveredFile | ReadError]]]:
    bucket = snapshot.buckets[trail.bucket_name]
    if not isinstance(bucket, Bucket):
        return []
    return [(folder, files.ask(bucket, folder)) for folder in scope.folders(snapshot, trail)]
