# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS did: what shows that logs are encrypted under a trail's key, or that CloudTrail's calls were carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypeAlias, cast

from .._model import (
    DeliveredFile,
    KeyUse,
    LastChange,
    LogFolder,
    ReadError,
    Trail,
    TrailProof,
    TrailStatus,
)
from .._policy import readable
from .._printable import count
from ._evidence import Evidence
from ._subject import Result, Subject

# A change is seen everywhere within seconds, at times minutes (KMS guide, "Eventual consistency"), a file may have been
# on its way when it came, and clocks differ. An event shows within about as long (CloudTrail guide, "Viewing CloudTrail
# events").
MARGIN = timedelta(minutes=15)
LAG = "The event history may lack changes of the last 15 minutes."
# How old a log may be where nobody can tell what was changed since.
UNREAD_FOR = timedelta(days=1)
_NEVER = datetime.min.replace(tzinfo=timezone.utc)
_UNDER_A_KEY = ("aws:kms", "aws:kms:dsse")
UnreadFacts: TypeAlias = list[tuple[str, ReadError]]


@dataclass(frozen=True)
class Proven:
    """What proves the encryption: an `object` (a log), an `event` (a use of the key), or the time of a `delivery`.

    `what` is the name of the object, the id of the event, or the Region of the delivery. `folder` is the path of the
    folder that was delivered to.
    """

    by: str
    at: datetime
    what: str
    folder: str


def log_folders(subject: Subject, members: Sequence[str] = ()) -> tuple[LogFolder, ...]:
    """The folders of a trail whose newest logs prove something; for an organization trail those of its own account.

    An organization trail has none while its organization is unknown. A Region is left out if trails that were not read
    may deliver to the same folder.
    """
    if len(subject.locations) != 1:
        return ()
    where, home = subject.locations[0], subject.trail.home_region
    of_members = (each for each in where.logs_of_members(members) if each.region == home)
    return tuple(
        LogFolder(each.path, each.begin, each.region)
        for each in (*where.logs(), *of_members)
        if readable(each.path) == each.path and each.region not in subject.unseen_regions
    )


def proven(subject: Subject) -> tuple[Proven, ...]:
    """What proves the encryption, the best first: each folder whose newest log shows the key, a use, a delivery."""
    proof = subject.proof
    if proof is None or next(under_another_key(subject, proof), None):
        return ()
    return (*_by_objects(subject, proof), *_by_use(subject, proof), *_by_delivery(subject, proof))


def settling(subject: Subject, folder: str | None = None, *, by_use: bool = False) -> Proven | None:
    """What shows that AWS carried out CloudTrail's calls under what stands now, in a folder or (None) in any of logs.

    It is AWS's own word on this trail, which logs and did not fail last: the time of its last delivery, of a log or of
    a digest file, or the event of a use of its key, which shows no upload and so settles calls of the key alone
    (`by_use`). No file counts: who may write to the bucket may write one. It is later than every change by the margin,
    and every change could be read. A delivery counts only where no file says otherwise or was refused.
    """
    proof = subject.proof
    last = last_known(proof) if proof else None
    if proof is None or last is None or unread_changes(subject, proof) or _healthy(subject) is None:
        return None
    is_clean = not any(isinstance(each, ReadError) for each in proof.files)
    is_clean = is_clean and not next(under_another_key(subject, proof), None)
    proofs = [*_by_use(subject, proof)] if by_use else []
    proofs += [*_by_delivery(subject, proof), *_by_digest(subject, folder)] if is_clean else ()
    late = (each for each in proofs if each.at > last.since + MARGIN and folder in (None, each.folder))
    return next(late, None)


def settled(
    subject: Subject, result: Result, passed: str, folder: str | None = None, *, by_use: bool = False
) -> Result:
    """The result, or a pass if AWS showed what the result leaves open.

    A result that passes, fails, or is about a failed read stays as it is.
    """
    shown = settling(subject, folder, by_use=by_use) if result.status == "unknown" and not result.unread else None
    if shown is None or subject.proof is None:
        return result
    evidence: Evidence = {
        **cast("Evidence", result.evidence),
        "proven_by": shown.by,
        "proven_at": clock(shown.at),
        "proof": shown.what,
    }
    words = words_of(subject.proof, shown, (shown,))
    return Result("pass", f"{passed} The policy leaves this open, but AWS did it. {words} {LAG}", "", evidence)


def _by_digest(subject: Subject, folder: str | None) -> Iterator[Proven]:
    """The last delivery of a digest file. It counts only for the folder that it went to."""
    status = _healthy(subject)
    at = status.latest_digest_delivery_time if status and not status.latest_digest_delivery_error else None
    if status is None or at is None or subject.trail.organization_trail or len(subject.locations) != 1:
        return
    for each in subject.locations[0].digests():
        if each.region == status.region and each.path == folder:
            yield Proven("delivery", at, status.region, each.path)


def _healthy(subject: Subject) -> TrailStatus | None:
    """The status of a trail that logs and whose last delivery did not fail."""
    status = subject.trail.status
    is_healthy = isinstance(status, TrailStatus) and status.is_logging and not status.latest_delivery_error
    return status if isinstance(status, TrailStatus) and is_healthy else None


def sharing(subject: Subject, folder: LogFolder) -> list[Trail]:
    """The other trails that deliver to a folder: the name of a log does not tell which trail it belongs to."""
    trail = subject.trail

    def place(of: Trail) -> tuple[object, ...]:
        return of.bucket_name, of.bucket_prefix or "", of.account_id, of.organization_trail

    alike = (each for each in subject.others if place(each) == place(trail))
    return [each for each in alike if each.multi_region or each.home_region == folder.region]


def under_another_key(subject: Subject, proof: TrailProof) -> Iterator[DeliveredFile]:
    """The logs that show another key, or none, though they were delivered well after the trail got its key.

    Where nobody knows when it got that, those of the last day: then nothing is proven, and nothing refuted.

    They do not refute the encryption of an organization trail, because changes by a delegated administrator are
    recorded in its own account. A folder to which other trails deliver tells nothing.
    """
    changed = proof.trail
    since = changed.since + MARGIN if isinstance(changed, LastChange) else subject.read_at - UNREAD_FOR
    for file in newest_logs(subject, proof):
        is_later = file.at and file.at > since
        if is_later and not is_under_key(subject, file) and not sharing(subject, file.folder):
            yield file


def _by_objects(subject: Subject, proof: TrailProof) -> Iterator[Proven]:
    """The logs that show the key; if a history is unknown, only those of the last day."""
    last, oldest = last_known(proof), subject.read_at - UNREAD_FOR
    since = last.since if last else _NEVER
    if unread_changes(subject, proof):
        since = max(since, oldest)
    for file in sorted(newest_logs(subject, proof), key=lambda each: each.at or _NEVER, reverse=True):
        if file.at and file.at > since and is_under_key(subject, file) and _is_of_this_key(subject, file, since):
            yield Proven("object", file.at, file.name or "", file.folder.path)


def _is_of_this_key(subject: Subject, file: DeliveredFile, since: datetime) -> bool:
    """Whether a log shows this trail's encryption, though another trail may have written it, which may be gone by now.

    It does if this trail delivers as well, and all that deliver to the folder have the same key.
    """
    status = _healthy(subject)
    at = status.latest_delivery_time if status and status.is_of_key else None
    is_delivering = at and file.at and since < at and file.at <= at + MARGIN
    others = sharing(subject, file.folder)
    return bool(is_delivering) and all(each.kms_key_arn == subject.trail.kms_key_arn for each in others)


def _by_use(subject: Subject, proof: TrailProof) -> Iterator[Proven]:
    """The last use of the key, if CloudTrail encrypted a log of this trail by it; not its check in UpdateTrail.

    A delegated administrator may update an organization trail, which is recorded in its own account.
    """
    use, changed = proof.last_use, last_known(proof)
    if not isinstance(use, KeyUse) or use.trail_arn != subject.trail.arn or use.may_be_check:
        return
    if isinstance(proof.trail, ReadError) or subject.trail.organization_trail:
        return
    where = subject.locations[0]
    name = (use.object_arn or "").removeprefix(f"{where.bucket_arn}/")
    folder = next((f.path for f in log_folders(subject) if _is_in(name, f)), None)
    if folder and (changed is None or use.at > changed.since + MARGIN):
        yield Proven("event", use.at, use.event_id, folder)


def _is_in(name: str, folder: LogFolder) -> bool:
    return name.startswith(f"{folder.path}/") and name.rpartition("/")[2].startswith(folder.name)


def _by_delivery(subject: Subject, proof: TrailProof) -> Iterator[Proven]:
    """The last delivery, if everything that could have changed its encryption is known and was changed before.

    A delegated administrator may change an organization trail, which is recorded in its own account.
    """
    status, unread = subject.trail.status, unread_changes(subject, proof)
    if not isinstance(status, TrailStatus) or not status.is_of_key or status.latest_delivery_error:
        return
    at, since = status.latest_delivery_time, last_known(proof)
    if at is None or since is None or unread or subject.trail.organization_trail:
        return
    folder = next((f.path for f in log_folders(subject) if f.region == status.region), "")
    if at > since.since + MARGIN:
        yield Proven("delivery", at, status.region, folder)


def newest_logs(subject: Subject, proof: TrailProof) -> Iterator[DeliveredFile]:
    """The newest logs without those that do not belong to this trail."""
    return (each for each in proof.files if isinstance(each, DeliveredFile) and may_be_its_own(subject, each))


def may_be_its_own(subject: Subject, file: DeliveredFile) -> bool:
    """Whether a log is not newer than the trail's last delivery, as far as the trail's status speaks of its Region."""
    status = subject.trail.status
    if file.at is None or not isinstance(status, TrailStatus) or status.region != file.folder.region:
        return True
    at = status.latest_delivery_time
    return at is not None and file.at <= at + MARGIN


def is_under_key(subject: Subject, file: DeliveredFile) -> bool:
    """Whether HeadObject shows the trail's key."""
    return file.encryption in _UNDER_A_KEY and file.key_arn == subject.trail.kms_key_arn


def encryption_of(file: DeliveredFile) -> str:
    """How a file is encrypted, in words that follow "encrypted"."""
    return f"under {file.key_arn}" if file.key_arn else f"with {file.encryption}, under no KMS key"


def last_known(proof: TrailProof) -> LastChange | None:
    """The last of the changes that could be read."""
    known = [each for each in (proof.trail, proof.key, proof.bucket) if isinstance(each, LastChange)]
    return max(known, key=lambda each: each.since, default=None)


def unread_changes(subject: Subject, proof: TrailProof) -> UnreadFacts:
    named = (
        ("The last change of the trail", proof.trail),
        (f"The last change of the key {subject.trail.kms_key_arn}", proof.key),
        (f"The last change of the bucket {subject.trail.bucket_name}", proof.bucket),
    )
    return [(what, each) for what, each in named if isinstance(each, ReadError)]


def words_of(proof: TrailProof, best: Proven, proofs: Sequence[Proven]) -> str:
    if "/CloudTrail-Digest/" in best.folder:
        return f"CloudTrail delivered a digest file in {best.what} at {clock(best.at)}."
    if best.by == "object":
        others = len([each for each in proofs if each.by == "object"]) - 1
        more = f" So are the newest logs of {count(others, 'other folder')}." if others else ""
        return f"The log of {clock(best.at)} is encrypted under the trail's key: {best.what}.{more}"
    if best.by == "event":
        return f"CloudTrail encrypted a log of this trail under its key at {clock(best.at)}: event {best.what}."
    return (
        f"CloudTrail delivered a log in {best.what} at {clock(best.at)}, {after(last_known(proof))}. That says "
        "nothing of other Regions."
    )


def change_in_words(change: LastChange | ReadError | None) -> str:
    if not isinstance(change, LastChange):
        return "unknown"
    return f"{change.event} at {clock(change.since)}" if change.event else f"none since {clock(change.since)}"


def after(change: LastChange | ReadError | None, of: str = "trail, key or bucket") -> str:
    """Say what comes after the last change of something, which is known or of which none is known."""
    if isinstance(change, LastChange) and not change.event:
        begin = "the event history that was read begins there; AWS keeps 90 days"
        return f"after {clock(change.since)}, since when no change of {of} is known ({begin})"
    return f"after the last change of {of} ({change_in_words(change)})"


def clock(moment: datetime | None) -> str:
    """A moment in words, to the second."""
    return moment.isoformat(timespec="seconds") if moment else "an unknown time"
