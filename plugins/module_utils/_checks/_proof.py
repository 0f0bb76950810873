# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule on what AWS did: a log that was delivered since the last change is encrypted under the trail's key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypeAlias, cast

from .._model import (
    DeliveredFile,
    KeyUse,
    LastChange,
    LeftToOwnerError,
    LogFolder,
    ReadError,
    TrailProof,
    TrailStatus,
)
from .._policy import listing, readable
from ._evidence import Evidence
from ._subject import NO_KEY, Result, Subject, unreadable

# A change is seen everywhere within seconds, at times minutes (KMS guide, "Eventual consistency"), a file may have been
# on its way when it came, and clocks differ. An event shows within about as long (CloudTrail guide, "Viewing CloudTrail
# events").
MARGIN = timedelta(minutes=15)
_LAG = "The event history may lack changes of the last 15 minutes."
_WAIT = "Audit again in some minutes; CloudTrail delivers when there is something to log."
# Folders that one message names.
MOST_NAMED = 3
_NEVER = datetime.min.replace(tzinfo=timezone.utc)
_UNDER_A_KEY = ("aws:kms", "aws:kms:dsse")
_Unread: TypeAlias = list[tuple[str, ReadError]]


@dataclass(frozen=True)
class Proven:
    """What proves the encryption: an `object`, a log; an `event`, a use of the key; or the time of a `delivery`.

    `what` is the name of the object, the id of the event, or the Region of the delivery. `folder` is the path of the
    folder that was delivered to.
    """

    by: str
    at: datetime
    what: str
    folder: str


def log_folders(subject: Subject) -> tuple[LogFolder, ...]:
    """The folders of a trail whose newest files prove something: of an organization trail those of its own account.

    Of one whose organization is not known there are none.
    """
    if len(subject.locations) != 1:
        return ()
    where = subject.locations[0]
    return tuple(
        LogFolder(each.path, each.begin, each.region, is_of_digests=is_of_digests)
        for is_of_digests, folders in ((False, where.logs()), (True, where.digests()))
        for each in folders
        if readable(each.path) == each.path
    )


def encryption_is_proven(subject: Subject) -> Result:
    """A log that CloudTrail delivered since the last change is encrypted under the trail's key, as AWS shows.

    By the log itself (S3 API reference, HeadObject), by the event of the key's last use (KMS API reference,
    GetKeyLastUsage), or by the time of the last delivery, later than all changes (CloudTrail API reference,
    GetTrailStatus and LookupEvents).
    """
    if subject.trail.kms_key_arn is None:
        return NO_KEY
    proof = subject.proof
    if proof is None:
        if isinstance(subject.trail.status, LeftToOwnerError):
            return unreadable("What was delivered", subject.trail.status)
        return Result("unknown", "No log is known that was delivered since the trail got this key.", _WAIT)
    other = next(_under_another_key(subject, proof), None)
    if other:
        return _refuted(subject, proof, other)
    proofs = proven(subject)
    return _proven(subject, proof, proofs) if proofs else _open(subject, proof)


def proven(subject: Subject) -> tuple[Proven, ...]:
    """What proves the encryption, the best first: each folder whose newest log shows the key, a use, a delivery."""
    proof = subject.proof
    if proof is None or next(_under_another_key(subject, proof), None):
        return ()
    return (*_by_objects(subject, proof), *_by_use(subject, proof), *_by_delivery(subject, proof))


def settling(subject: Subject, folder: str | None = None) -> Proven | None:
    """What shows that AWS carried out CloudTrail's calls under what stands now, in a folder or (None) in any of logs.

    It is later than every change by the margin, and every change could be read. A delivery alone counts only where no
    file says otherwise or was refused. Of a folder of digests a file there shows it, under whatever encryption.
    """
    proof = subject.proof
    last = _last_known(proof) if proof else None
    if proof is None or last is None or _unread_changes(subject, proof):
        return None
    is_clean = not any(isinstance(each, ReadError) for each in proof.files)
    is_clean = is_clean and not next(_under_another_key(subject, proof), None)
    found = [*_by_objects(subject, proof), *_by_use(subject, proof)]
    found += _by_delivery(subject, proof) if is_clean else ()
    found += _digests(proof) if folder else ()
    late = (each for each in found if each.at > last.since + MARGIN and folder in (None, each.folder))
    return next(late, None)


def settled(subject: Subject, result: Result, passed: str, folder: str | None = None) -> Result:
    """The result, or where AWS showed what it leaves open: that this passes, and by what it is shown.

    Of what could not be read, or fails, or passes, nothing is settled.
    """
    shown = settling(subject, folder) if result.status == "unknown" and not result.unread else None
    if shown is None or subject.proof is None:
        return result
    evidence: Evidence = {
        **cast("Evidence", result.evidence),
        "proven_by": shown.by,
        "proven_at": _clock(shown.at),
        "proof": shown.what,
    }
    words = _words(subject.proof, shown, (shown,))
    return Result("pass", f"{passed} The policy leaves this open, but AWS did it. {words} {_LAG}", "", evidence)


def _digests(proof: TrailProof) -> Iterator[Proven]:
    for file in proof.files:
        if isinstance(file, DeliveredFile) and file.folder.is_of_digests and file.at:
            yield Proven("object", file.at, file.name or "", file.folder.path)


def _under_another_key(subject: Subject, proof: TrailProof) -> Iterator[DeliveredFile]:
    """The logs that show another key, or none, though they were delivered well after the trail got its key."""
    for file in _logs(proof):
        changed = proof.trail
        is_later = file.at and isinstance(changed, LastChange) and file.at > changed.since + MARGIN
        if is_later and not _is_under_key(subject, file):
            yield file


def _by_objects(subject: Subject, proof: TrailProof) -> Iterator[Proven]:
    since = _last_known(proof)
    for file in sorted(_logs(proof), key=lambda each: each.at or _NEVER, reverse=True):
        is_later = file.at and (since is None or file.at > since.since)
        if file.at and is_later and _is_under_key(subject, file):
            yield Proven("object", file.at, file.name or "", file.folder.path)


def _by_use(subject: Subject, proof: TrailProof) -> Iterator[Proven]:
    """The last use of the key, where CloudTrail encrypted a log of this trail by it: not its check in UpdateTrail."""
    use, changed = proof.last_use, _last_known(proof)
    if not isinstance(use, KeyUse) or use.trail_arn != subject.trail.arn or isinstance(proof.trail, ReadError):
        return
    where = subject.locations[0]
    name = (use.object_arn or "").removeprefix(f"{where.bucket_arn}/")
    folder = next((f.path for f in log_folders(subject) if not f.is_of_digests and _is_in(name, f)), None)
    if folder and (changed is None or use.at > changed.since + MARGIN):
        yield Proven("event", use.at, use.event_id, folder)


def _is_in(name: str, folder: LogFolder) -> bool:
    return name.startswith(f"{folder.path}/") and name.rpartition("/")[2].startswith(folder.name)


def _by_delivery(subject: Subject, proof: TrailProof) -> Iterator[Proven]:
    """The last delivery, where all that could have changed its encryption is known and was changed before.

    An organization trail may be changed from a delegated administrator, in whose account that is recorded.
    """
    status, unread = subject.trail.status, _unread_changes(subject, proof)
    if not isinstance(status, TrailStatus) or not status.is_of_key or status.latest_delivery_error:
        return
    at, since = status.latest_delivery_time, _last_known(proof)
    if at is None or since is None or unread or subject.trail.organization_trail:
        return
    folder = next((f.path for f in log_folders(subject) if f.region == status.region and not f.is_of_digests), "")
    if at > since.since + MARGIN:
        yield Proven("delivery", at, status.region, folder)


def _logs(proof: TrailProof) -> Iterator[DeliveredFile]:
    for file in proof.files:
        if isinstance(file, DeliveredFile) and not file.folder.is_of_digests:
            yield file


def _is_under_key(subject: Subject, file: DeliveredFile) -> bool:
    return file.encryption in _UNDER_A_KEY and file.key_arn == subject.trail.kms_key_arn


def _last_known(proof: TrailProof) -> LastChange | None:
    """The last of the changes that could be read."""
    known = [each for each in (proof.trail, proof.key, proof.bucket) if isinstance(each, LastChange)]
    return max(known, key=lambda each: each.since, default=None)


def _unread_changes(subject: Subject, proof: TrailProof) -> _Unread:
    named = (
        ("The last change of the trail", proof.trail),
        (f"The last change of the key {subject.trail.kms_key_arn}", proof.key),
        (f"The last change of the bucket {subject.trail.bucket_name}", proof.bucket),
    )
    return [(what, each) for what, each in named if isinstance(each, ReadError)]


def _refuted(subject: Subject, proof: TrailProof, file: DeliveredFile) -> Result:
    key = f"under {file.key_arn}" if file.key_arn else f"with {file.encryption}, under no KMS key"
    return Result(
        "fail",
        f"The log {file.name} of {_clock(file.at)} is encrypted {key}, though the trail was given its key "
        f"{subject.trail.kms_key_arn} before: {_change(proof.trail)}.",
        "Find out who wrote this log, or what encrypts the objects of the bucket anew (a copy, a replication, a batch "
        "operation). Until then nothing shows that the logs are under the trail's key.",
        _evidence(subject, proof),
    )


def _proven(subject: Subject, proof: TrailProof, proofs: Sequence[Proven]) -> Result:
    best = proofs[0]
    unread = [f"{what} could not be read ({each.iam_action})." for what, each in _unread_changes(subject, proof)]
    if isinstance(proof.last_use, ReadError):
        unread.append(f"The last use of the key could not be read ({proof.last_use.iam_action}).")
    notes = [*unread, *_unproven_notes(proof, proofs)]
    evidence: Evidence = {
        **_evidence(subject, proof),
        "proven_by": best.by,
        "proven_at": _clock(best.at),
        "proof": best.what,
        "folders": sorted({each.folder for each in proofs if each.folder}),
    }
    return Result("pass", " ".join([_words(proof, best, proofs), *notes, _LAG]), "", evidence)


def _words(proof: TrailProof, best: Proven, proofs: Sequence[Proven]) -> str:
    if best.by == "object" and "/CloudTrail-Digest/" in best.folder:
        return f"A digest file was delivered at {_clock(best.at)}: {best.what}."
    if best.by == "object":
        others = len([each for each in proofs if each.by == "object"]) - 1
        more = f" So are the newest logs of {others} other folders." if others else ""
        return f"The log of {_clock(best.at)} is encrypted under the trail's key: {best.what}.{more}"
    if best.by == "event":
        return f"CloudTrail encrypted a log of this trail under its key at {_clock(best.at)}: event {best.what}."
    return (
        f"CloudTrail delivered a log in {best.what} at {_clock(best.at)}, after the last change of the trail, its key "
        f"and its bucket: {_change(_last_known(proof))}. It speaks of no other Region."
    )


def _unproven_notes(proof: TrailProof, proofs: Sequence[Proven]) -> Iterator[str]:
    """What was read and is open: folders whose logs are older than the last change, and folders that were refused."""
    shown = {each.folder for each in proofs}
    unproven = [each.folder.path for each in _logs(proof) if each.at and each.folder.path not in shown]
    if unproven:
        more = f" and {len(unproven) - MOST_NAMED} others" if len(unproven) > MOST_NAMED else ""
        yield f"No log since the last change was found in {', '.join(unproven[:MOST_NAMED])}{more}."
    unread = {each.iam_action for each in proof.files if isinstance(each, ReadError)}
    if unread:
        yield f"Some newest files could not be read ({listing(sorted(unread))})."


def _open(subject: Subject, proof: TrailProof) -> Result:
    """Nothing proves it: because something could not be read, or because nothing was delivered since the change."""
    unread = _unread_changes(subject, proof)
    unread += [("The newest log", each) for each in proof.files if isinstance(each, ReadError)][:1]
    if isinstance(subject.trail.status, ReadError):
        unread.append(("The delivery status", subject.trail.status))
    use = f" {_use_note(proof.last_use)}" if _use_note(proof.last_use) else ""
    if unread:
        first = unreadable(*unread[0])
        others = sorted({each.iam_action for _what, each in unread[1:]} - {unread[0][1].iam_action})
        more = f" So could not: {listing(others)}." if others else ""
        return Result("unknown", first.message + more + use, first.remediation, first.evidence, unread=first.unread)
    since = _last_known(proof)
    if subject.trail.organization_trail and not proof.files:
        return Result(
            "unknown",
            "Events alone do not prove it for an organization trail: what a delegated administrator changes is "
            f"recorded in its own account.{use}",
            "Set proof to objects.",
            _evidence(subject, proof),
        )
    return Result(
        "unknown",
        f"No log is known that was delivered since the last change: {_change(since)}, and 15 minutes.{use}",
        _WAIT,
        _evidence(subject, proof),
    )


def _use_note(use: KeyUse | ReadError | None) -> str:
    """What is to be said of the key's last use, where it proves nothing."""
    if isinstance(use, ReadError):
        return f"The last use of the key could not be read: {use.message}."
    if use is None:
        return "KMS knows of no use of the key."
    if use.unread:
        return f"The event of the key's last use could not be read: {use.unread.message}."
    whose = f"for {use.object_arn} of {use.trail_arn}" if use.trail_arn else "not by CloudTrail"
    return f"The key was last used at {_clock(use.at)} ({use.operation}, {whose})."


def _evidence(subject: Subject, proof: TrailProof) -> Evidence:
    changes = {"trail": proof.trail, "key": proof.key, "bucket": proof.bucket}
    evidence: Evidence = {
        "kms_key": subject.trail.kms_key_arn or "",
        "last_changes": [f"{name}: {_change(each)}" for name, each in changes.items() if isinstance(each, LastChange)],
    }
    if isinstance(proof.last_use, KeyUse):
        use = proof.last_use
        evidence["key_last_used"] = f"{use.operation} at {_clock(use.at)}, event {use.event_id}"
    return evidence


def _change(change: LastChange | ReadError | None) -> str:
    if not isinstance(change, LastChange):
        return "unknown"
    return f"{change.event} at {_clock(change.since)}" if change.event else f"none since {_clock(change.since)}"


def _clock(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else "an unknown time"
