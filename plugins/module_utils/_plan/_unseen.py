# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a move to another key depends on and nobody has read: the bucket's policy, and the trail's regions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .._model import ACCOUNT_IN_NAME, Bucket, Change, Options, ReadError, Reason, Snapshot, Trail, is_denied, next_step
from .._request import EnforceRequest


@dataclass(frozen=True)
class BlindMove:
    """A trail that would be moved although something is unread, and whether that is refused or only warned of."""

    trail_arn: str
    why: Reason
    is_refused: bool


def in_all_regions(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with all regions, which judges a move: `regions` narrows reports, not what may break."""
    enabled = snapshot.enabled_regions
    return snapshot if isinstance(enabled, ReadError) else replace(snapshot, regions=enabled)


def bucket_policy_error(snapshot: Snapshot, trail: Trail) -> ReadError | None:
    """Return why the policy of the trail's bucket was not read; None where it was, or where there is no bucket."""
    bucket = snapshot.buckets[trail.bucket_name]
    policy = bucket.policy if isinstance(bucket, Bucket) else None
    return policy if isinstance(policy, ReadError) else None


def blind_moves(
    before: Snapshot, predicted: Snapshot, changes: Iterable[Change], request: EnforceRequest
) -> Iterator[BlindMove]:
    """Yield moves after which the trail may not deliver, as nobody can tell; refused where it may deliver now."""
    present = {trail.arn: trail for trail in before.trails}
    moved = {change.resource for change in changes if _is_move(change)}
    for trail in predicted.trails:
        if trail.arn not in moved:
            continue
        delivers = present[trail.arn].may_deliver
        unread, left_out = bucket_policy_error(predicted, trail), before.regions_left_out
        if unread:
            is_refused = delivers and not request.allow_unread_bucket_policy
            yield BlindMove(trail.arn, _unread_bucket(before.account_id, trail, unread, is_refused), is_refused)
        elif trail.multi_region and isinstance(left_out, ReadError):
            yield BlindMove(trail.arn, _unread_regions(trail, left_out), is_refused=delivers)


def _is_move(change: Change) -> bool:
    """Return whether a trail gets a key, another key, or more regions."""
    if change.operation not in ("CreateTrail", "UpdateTrail"):
        return False
    present = (change.before or {}).get("kms_key_arn")
    return change.after["kms_key_arn"] != present or "multi_region" in change.after


def _unread_bucket(account_id: str, trail: Trail, error: ReadError, is_refused: bool) -> Reason:
    step, options = _who_would_read(account_id, trail.bucket_name, error)
    words = (
        f"with the key {trail.kms_key_arn}: the policy of its bucket {trail.bucket_name}, which may refuse logs under "
        f"that key, could not be read: {error}."
    )
    if is_refused:
        step = f"The trail may be delivering now. {step if options else f'{step} To move it anyway,'}".rstrip()
        options = (*options, {"allow_unread_bucket_policy": True})
    return Reason(words, options, (trail.arn,), trail.kms_key_arn, more=step)


def _who_would_read(account_id: str, bucket_name: str, error: ReadError) -> tuple[str, Options]:
    """The next step; names of central buckets often hold the id of their account."""
    # S3 denies it also to another account that the bucket policy allows it (S3 API reference, GetBucketPolicy).
    if not is_denied(error.code):
        return next_step(error), ()
    owners = ACCOUNT_IN_NAME.findall(bucket_name)
    if account_id in owners:
        step = f"Allow the caller {error.iam_action}, or, if the bucket belongs to another account,"
        return step, ({"bucket_assume_role": "a role there"},)
    owner = f"account {owners[0]} (from the name of the bucket)" if owners else "the account that owns it"
    return "", ({"bucket_assume_role": f"a role in {owner} that may {error.iam_action}"},)


def _unread_regions(trail: Trail, error: ReadError) -> Reason:
    return Reason(
        f"with the key {trail.kms_key_arn}: it delivers logs of every enabled region, and it is unknown whether its "
        f"bucket {trail.bucket_name} accepts the logs of each, because {error}.",
        trails=(trail.arn,),
        key=trail.kms_key_arn,
        more=next_step(error),
    )
