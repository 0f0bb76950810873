# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule on what AWS did: a log that was delivered since the last change is encrypted under the trail's key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from .._model import DeliveredFile, KeyUse, LastChange, LeftToOwnerError, ReadError, TrailProof
from .._policy import listing
from .._printable import first_of
from ._evidence import Evidence
from ._proof import (
    LAG,
    MARGIN,
    Proven,
    UnreadFacts,
    after,
    change_in_words,
    clock,
    encryption_of,
    is_under_key,
    last_known,
    may_be_its_own,
    newest_logs,
    proven,
    sharing,
    under_another_key,
    unread_changes,
    words_of,
)
from ._subject import NO_KEY, Result, Subject, unreadable

_WAIT = (
    "If something else fails for this trail, fix that first. Then audit again in 20 minutes; CloudTrail delivers when "
    "there is something to log."
)
_WHO_WROTE = (
    "Find out who wrote {}, or what re-encrypts the objects of the bucket (a copy, a replication, a batch operation). "
    "Until then nothing shows that the logs are under the trail's key."
)
# Folders that one message names.
MOST_NAMED = 3


def encryption_is_proven(subject: Subject) -> Result:
    """A log that CloudTrail delivered since the last change is encrypted under the trail's key, as AWS shows.

    The proof is the log itself (S3 API reference, HeadObject), the event of the key's last use (KMS API reference,
    GetKeyLastUsage), or a last delivery that is later than all changes (CloudTrail API reference, GetTrailStatus and
    LookupEvents).
    """
    if subject.trail.kms_key_arn is None:
        return NO_KEY
    proof = subject.proof
    if proof is None:
        if isinstance(subject.trail.status, LeftToOwnerError):
            return _unread([("What was delivered", subject.trail.status)])
        missing: Evidence = {"missing": ["a log that was delivered since the trail got this key"]}
        return Result("unknown", "No log is known that was delivered since the trail got this key.", _WAIT, missing)
    other = next(under_another_key(subject, proof), None)
    unasked = proof.unasked or (proof.trail if isinstance(proof.trail, ReadError) else None)
    if other and unasked:
        how = f"whose newest log {other.name} is encrypted {encryption_of(other)}"
        return _unread([(f"The history of the trail, and of others that may have left logs, {how},", unasked)])
    if other and not subject.trail.organization_trail:
        return _refuted(subject, proof, other)
    proofs = proven(subject)
    return _proven(subject, proof, proofs) if proofs else _open(subject, proof)


def _refuted(subject: Subject, proof: TrailProof, file: DeliveredFile) -> Result:
    return Result(
        "fail",
        f"The log {file.name} of {clock(file.at)} is encrypted {encryption_of(file)}, not under the trail's key "
        f"{subject.trail.kms_key_arn}. It was delivered more than 15 minutes {after(proof.trail, 'the trail')}.",
        _WHO_WROTE.format("this log"),
        {**_evidence(subject, proof), "refuted_by": file.name or ""},
    )


def _proven(subject: Subject, proof: TrailProof, proofs: Sequence[Proven]) -> Result:
    best = proofs[0]
    unread = [f"{what} could not be read ({each.iam_action})." for what, each in unread_changes(subject, proof)]
    if isinstance(proof.last_use, ReadError):
        unread.append(f"The last use of the key could not be read ({proof.last_use.iam_action}).")
    notes = [*unread, *_unproven_notes(subject, proof, proofs)]
    evidence: Evidence = {
        **_evidence(subject, proof),
        "proven_by": best.by,
        "proven_at": clock(best.at),
        "proof": best.what,
        "folders": sorted({each.folder for each in proofs if each.folder}),
    }
    return Result("pass", " ".join([words_of(proof, best, proofs), *notes, LAG]), "", evidence)


def _unproven_notes(subject: Subject, proof: TrailProof, proofs: Sequence[Proven]) -> Iterator[str]:
    """What was read and leaves the question open: folders with only older logs, and folders that were refused."""
    shown, last = {each.folder for each in proofs}, last_known(proof)
    open_ = [each for each in newest_logs(subject, proof) if each.at and each.folder.path not in shown]
    later = [each for each in open_ if last and each.at and each.at > last.since + MARGIN]
    others = [each.folder.path for each in later if not is_under_key(subject, each)]
    unproven = [each.folder.path for each in open_ if each.folder.path not in others]
    if unproven:
        yield f"No log since the last change was found in {first_of(unproven, MOST_NAMED, more=' others')}."
    if others:
        yield f"The newest log shows another key, or none, in {first_of(others, MOST_NAMED, more=' others')}."
    unread = {each.iam_action for each in proof.files if isinstance(each, ReadError)}
    if unread:
        yield f"Some newest files could not be read ({listing(sorted(unread))})."


def _open(subject: Subject, proof: TrailProof) -> Result:
    """The result without proof, because something could not be read, or nothing was delivered since the change."""
    unread = unread_changes(subject, proof)
    unread += [("The newest log", each) for each in proof.files if isinstance(each, ReadError)][:1]
    if isinstance(subject.trail.status, ReadError):
        unread.append(("The delivery status", subject.trail.status))
    use = "".join(f" {note}" for note in (_use_note(proof.last_use), *_file_notes(subject, proof)) if note)
    if unread:
        return _unread(unread, use)
    if subject.trail.organization_trail and not proof.files:
        return Result(
            "unknown",
            "Events alone do not prove it for an organization trail: what a delegated administrator changes is "
            f"recorded in its own account.{use}",
            evidence={**_evidence(subject, proof), "missing": ["the newest logs, which proof: objects reads"]},
            options=({"proof": "objects"},),
        )
    others = [each.folder.path for each in under_another_key(subject, proof)]
    why = f"No log is known that was delivered more than 15 minutes {after(last_known(proof))}."
    missing, remedy = "a log that was delivered more than 15 minutes after the last change", _WAIT
    if others:
        why = "The newest logs do not agree."
        missing = f"a newest log under the trail's key in {first_of(others, MOST_NAMED, more=' others')}"
        remedy = _WHO_WROTE.format("this log" if len(others) == 1 else "these logs")
    return Result("unknown", why + use, remedy, {**_evidence(subject, proof), "missing": [missing]})


def _file_notes(subject: Subject, proof: TrailProof) -> Iterator[str]:
    """Why logs that were found say nothing about this trail."""
    files = [each for each in proof.files if isinstance(each, DeliveredFile) and each.at]
    names = {trail.name for each in files for trail in sharing(subject, each.folder)}
    if names:
        yield f"Logs do not tell whose they are: {listing(sorted(names)[:MOST_NAMED])} may deliver to the same folders."
    if any(not may_be_its_own(subject, each) for each in files):
        yield "A log was found that is newer than the last delivery of the trail."
    others = [f"{each.folder.path} (encrypted {encryption_of(each)})" for each in under_another_key(subject, proof)]
    if others:
        yield f"The newest log shows another key, or none, in {first_of(others, MOST_NAMED, more=' others')}."
        yield "What a delegated administrator changes is recorded in its own account."


def _unread(unread: UnreadFacts, use: str = "") -> Result:
    """The result without proof because of failed reads. All of them are listed, and the first is explained."""
    first = unreadable(*unread[0])
    others = sorted({each.iam_action for _what, each in unread[1:]} - {unread[0][1].iam_action})
    more = f" What needs {listing(others)} could not be read either." if others else ""
    missing = list(dict.fromkeys(f"an answer to {each.iam_action} ({each.code})" for _what, each in unread))
    evidence: Evidence = {**cast("Evidence", first.evidence), "missing": missing}
    return Result("unknown", first.message + more + use, first.remediation, evidence, unread=first.unread)


def _use_note(use: KeyUse | ReadError | None) -> str:
    """The note about the key's last use, if it proves nothing."""
    if isinstance(use, ReadError):
        return f"The last use of the key could not be read: {use.message}."
    if use is None:
        return "KMS knows of no use of the key."
    if use.unread:
        return f"The event of the key's last use could not be read: {use.unread.message}."
    whose = f"for {use.object_arn} of {use.trail_arn}" if use.trail_arn else "not by CloudTrail"
    check = "; it may be the check of a key that an UpdateTrail or CreateTrail asked for" if use.may_be_check else ""
    return f"The key was last used at {clock(use.at)} ({use.operation}, {whose}{check})."


def _evidence(subject: Subject, proof: TrailProof) -> Evidence:
    changes = {"trail": proof.trail, "key": proof.key, "bucket": proof.bucket}
    evidence: Evidence = {
        "kms_key": subject.trail.kms_key_arn or "",
        "last_changes": [
            f"{name}: {change_in_words(each)}" for name, each in changes.items() if isinstance(each, LastChange)
        ],
    }
    if isinstance(proof.last_use, KeyUse):
        use = proof.last_use
        evidence["key_last_used"] = f"{use.operation} at {clock(use.at)}, event {use.event_id}"
    return evidence
