# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What GetTrailStatus says after changes and may be of the time before them.

It dates the deliveries that went well, and no others: the fields that would date an attempt are no longer in use
(CloudTrail API reference, GetTrailStatus, LatestDeliveryAttemptTime).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from .._checks import Settings, is_closed_without_key, subject_of
from .._model import Change, Finding, LastChange, ReadError, Snapshot, Trail, TrailProof, TrailStatus
from .._operations import WRITES
from ._policy_back import delivery_doubts
from ._unseen import in_all_regions


def changed_trails(snapshot: Snapshot, changes: Iterable[Change]) -> frozenset[str]:
    """Return the ARNs of the trails whose encryption the changes reach: by themselves, or through their key."""
    resources = {change.resource for change in changes if not WRITES[change.operation].is_optional}
    return frozenset(trail.arn for trail in snapshot.trails if resources & {trail.arn, trail.kms_key_arn})


def without_old_errors(before: Snapshot, after: Snapshot, changes: Collection[Change], since: datetime) -> Snapshot:
    """Return what was read after the changes without what is old in GetTrailStatus: what it said before, too.

    A trail that the changes reach is not known to deliver, unless it has since. It loses an old delivery error if the
    changes have removed what explains the error; any other error lasts. A trail that has got another key also loses its
    digests, which may be encrypted under the former key. In its proof, these changes are the last ones: the event
    history shows them late.
    """
    reached = changed_trails(after, changes)
    moved = {each.resource for each in changes if each.operation == "UpdateTrail"}
    explained = _with_explained_errors(before, after, changes)

    def without(trail: Trail) -> Trail:
        trail = _without_old_delivery(trail, since, is_moved=trail.arn in moved) if trail.arn in reached else trail
        return _without_old_error(explained[trail.arn], trail, since) if trail.arn in explained else trail

    trails = tuple(map(without, after.trails))
    return replace(after, trails=trails, proofs=_proofs_after(after, changes, since))


def _with_explained_errors(before: Snapshot, after: Snapshot, changes: Iterable[Change]) -> dict[str, Trail]:
    """Return the trails, as they were, whose errors have an explanation that is gone, by ARN.

    The error may have been about a former key, or about what the trail needs to deliver and was not sure to have.
    Nothing may be known that still stops its deliveries. What no policy shows, a resource control policy for example,
    or a grant, is no explanation: a change does not end it.
    """
    resources = {change.resource for change in changes}
    were = {trail.arn: trail for trail in before.trails if _has_error(trail)}
    failing = [
        trail
        for trail in after.trails
        if trail.arn in were
        and resources & {trail.arn, trail.kms_key_arn, f"arn:{after.partition}:s3:::{trail.bucket_name}"}
    ]
    now = _doubts(after, failing)
    earlier = _doubts(before, [were[trail.arn] for trail in failing])

    def is_explained(trail: Trail) -> bool:
        gone = (each for rule, each in earlier[trail.arn].items() if rule not in now[trail.arn] and not each.unread)
        is_stopped = any(each.status == "fail" for each in now[trail.arn].values())
        return not is_stopped and (any(gone) or _has_left_its_key(before, were[trail.arn], trail))

    return {trail.arn: were[trail.arn] for trail in failing if is_explained(trail)}


def _has_error(trail: Trail) -> bool:
    status = trail.status
    return isinstance(status, TrailStatus) and bool(status.latest_delivery_error or status.latest_digest_delivery_error)


def _doubts(snapshot: Snapshot, trails: Iterable[Trail]) -> Mapping[str, Mapping[str, Finding]]:
    """Return what these trails need to deliver and are not sure to have, by what the policies say alone."""
    return delivery_doubts(replace(snapshot, trails=tuple(trails), proofs={}), Settings())


def _has_left_its_key(before: Snapshot, was: Trail, trail: Trail) -> bool:
    """Return whether the trail has another key, or its first one, if the bucket was closed to it without a key."""
    if was.kms_key_arn:
        return was.kms_key_arn != trail.kms_key_arn
    return bool(trail.kms_key_arn) and is_closed_without_key(subject_of(in_all_regions(before), was, Settings()))


def _proofs_after(snapshot: Snapshot, changes: Collection[Change], since: datetime) -> dict[str, TrailProof]:
    """Return what is known of the last changes, our own among them, whether the event history could be read or not."""
    done = {each.resource: each.operation for each in changes if not WRITES[each.operation].is_optional}
    by_arn = {trail.arn: trail for trail in snapshot.trails}

    def after(known: LastChange | ReadError, arn: str | None) -> LastChange | ReadError:
        operation = done.get(arn or "")
        is_older = isinstance(known, ReadError) or known.since <= since
        return LastChange(since, operation) if operation and is_older else known

    return {
        arn: replace(
            proof,
            trail=after(proof.trail, arn),
            key=after(proof.key, by_arn[arn].kms_key_arn),
            bucket=after(proof.bucket, f"arn:{snapshot.partition}:s3:::{by_arn[arn].bucket_name}"),
            key_since=since if done.get(arn) == "UpdateTrail" else proof.key_since,
        )
        for arn, proof in snapshot.proofs.items()
    }


def _without_old_delivery(trail: Trail, since: datetime, *, is_moved: bool) -> Trail:
    status = trail.status
    if not isinstance(status, TrailStatus):
        return trail
    if not delivered_since(status, since):
        status = replace(status, is_of_key=False)
    if is_moved and not _is_later(status.latest_digest_delivery_time, since):
        status = replace(status, latest_digest_delivery_time=None)
    return replace(trail, status=status)


def _without_old_error(was: Trail, trail: Trail, since: datetime) -> Trail:
    """Return the trail without errors that it showed before; one of an attempt since stays.

    Of an attempt since is another error than before, and one that comes after a delivery since.
    """
    status, earlier = trail.status, was.status
    if not isinstance(status, TrailStatus) or not isinstance(earlier, TrailStatus):
        return trail
    logs, digests = status.latest_delivery_error, status.latest_digest_delivery_error
    if logs == earlier.latest_delivery_error and not delivered_since(status, since):
        status = replace(status, latest_delivery_error=None, is_of_key=False)
    if digests == earlier.latest_digest_delivery_error and not _is_later(status.latest_digest_delivery_time, since):
        status = replace(status, latest_digest_delivery_error=None)
    return replace(trail, status=status)


def delivered_since(status: TrailStatus, since: datetime) -> bool:
    """Return whether a delivery later than `since` is known."""
    return _is_later(status.latest_delivery_time, since)


def _is_later(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment > since
