# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that the readers of a trail may fetch its files: by the bucket policy, and by their own policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .._model import ReadError, Status
from .._policy import (
    Caller,
    Locations,
    Outcome,
    Policy,
    Statement,
    concerning,
    decide,
    folder_of,
    object_request,
    parse,
    readable,
    stands_for_many,
    to_json,
)
from .._printable import first_of
from ._bucket_rule import policy_of
from ._evidence import ReaderEvidence
from ._own_side import DECRYPT, GET, LIMITS, Own, OwnSide, open_question, own_side
from ._subject import Result, Subject, not_set, unknown_organization, unreadable

SID = "ReadCloudTrailLogs"
# How many folders a message names; the evidence has them all.
_SHOWN = 3
_DENIED = (Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY)
_OWN_WORDS = {Own.ALLOWED: "allowed", Own.NOT_ASKED: "not_asked", Own.OPEN: "unknown"}


@dataclass(frozen=True)
class _BucketSide:
    """What the bucket policy says about one reader, if its own policies allow it.

    `folders` are those that it closes if others are open. `allows`: a statement allows the reader. `suffices`: so that
    its own policies need not.
    """

    outcome: Outcome
    reason: str = ""
    advice: str = ""
    folders: tuple[str, ...] = ()
    allows: bool = False
    suffices: bool = False

    @property
    def word(self) -> str:
        if self.outcome is Outcome.ALLOWED:
            return "allowed" if self.allows else "not_denied"
        return "denied" if self.outcome in _DENIED else "unknown"

    def __str__(self) -> str:
        places = first_of(self.folders, _SHOWN, more=" more folders")
        return f"in {places}: {self.reason}" if places else self.reason


@dataclass(frozen=True)
class _Answer:
    """The answer for one reader. `is_certain`: it holds whatever could not be asked.

    `needs_bucket` and `needs_own` say whose policy lacks a statement that allows it.
    """

    status: Status
    reason: str = ""
    advice: str = ""
    outcome: Outcome = Outcome.INDETERMINATE
    is_certain: bool = False
    needs_bucket: bool = False
    needs_own: bool = False
    error: ReadError | None = None


def readers_can_read(subject: Subject) -> Result:
    """Every reader may fetch this trail's files, as the bucket policy and IAM's simulator for its own policies say.

    A certain denial fails at the rule's level. Everything else that does not pass is advice: a side that could not be
    asked, what no policy tells, and a denial by a service control policy, of which AWS does not say whether it would
    hold for a live call.
    """
    if not subject.settings.readers:
        return not_set("readers")
    name = subject.trail.bucket_name
    policy = policy_of(subject)
    if isinstance(policy, ReadError):
        return replace(unreadable(f"The policy of the bucket {name}", policy), advice=True)
    if isinstance(policy, Result):
        return replace(policy, advice=policy.status != "not_applicable")
    sides = {reader: _bucket_side(subject, policy, reader) for reader in subject.settings.readers}
    own = {reader: _own_sides(subject, reader) for reader in sides}
    answers = {reader: _answer(side, *own[reader]) for reader, side in sides.items()}
    evidence = {reader: _evidence(each, sides[reader], own[reader]) for reader, each in answers.items()}
    worst_first = sorted(answers.items(), key=lambda one: (one[1].status != "fail", not one[1].is_certain))
    open_ones = {reader: each for reader, each in worst_first if each.status != "pass"}
    if open_ones:
        worst = next(iter(open_ones.values()))
        return replace(_of_these(subject, open_ones), evidence=evidence, advice=not worst.is_certain)
    return Result("pass", f"The bucket policy and their own policies let every reader read. {LIMITS}", "", evidence)


def _of_these(subject: Subject, found: Mapping[str, _Answer]) -> Result:
    """The result for these readers, the worst first. A reason that several share is said once."""
    readers: dict[tuple[Status, str], list[str]] = {}
    for reader, each in found.items():
        readers.setdefault((each.status, each.reason), []).append(reader)
    message = " ".join(
        f"{', '.join(those)} may not read the logs: {why}"
        if status == "fail"
        else open_question(f"{', '.join(those)} may read the logs", why)
        for (status, why), those in readers.items()
    )
    status = next(iter(found.values())).status
    remedy = dict.fromkeys([*(each.advice for each in found.values() if each.advice), *_statements(subject, found)])
    unread = next((each.error for each in found.values() if each.error and each.status == status), None)
    return Result(status, message, " ".join(remedy), unread=unread)


def _statements(subject: Subject, found: Mapping[str, _Answer]) -> Iterator[str]:
    """What to add to which policy, as JSON to copy, and whose policy it is."""
    places = subject.locations[0].patterns()
    if any(map(stands_for_many, places)):
        return
    name, owner = subject.trail.bucket_name, subject.known.bucket_owner
    refused = [reader for reader, each in found.items() if each.needs_bucket]
    if refused:
        whose = f", of account {owner}" if owner else ""
        statement = _allowing(places, Principal={"AWS": refused})
        yield f"Add to the policy of the bucket {name}{whose}: {to_json(statement)}"
    for reader in (reader for reader, each in found.items() if each.needs_own):
        yield f"Add to an IAM policy of {reader}, in account {Caller(reader).account}: {to_json(_allowing(places))}"


def _allowing(places: list[str], **principal: Any) -> dict[str, Any]:
    return {"Sid": SID, "Effect": "Allow", **principal, "Action": GET, "Resource": places}


def _evidence(answer: _Answer, side: _BucketSide, own: tuple[OwnSide, ...]) -> ReaderEvidence:
    evidence: ReaderEvidence = {
        "outcome": answer.outcome.name.lower(),
        "reason": answer.reason or LIMITS,
        "bucket_policy": side.word,
        "own_policies": _OWN_WORDS.get(min(each.outcome for each in own), "denied"),
    }
    return {**evidence, "folders": list(side.folders)} if side.folders else evidence


def _answer(bucket: _BucketSide, get: OwnSide, *decrypt: OwnSide) -> _Answer:
    """The answer of both sides; what is certain comes first."""
    if bucket.outcome in _DENIED:
        lacks = bucket.outcome is Outcome.IMPLICIT_DENY
        advice = "" if lacks else bucket.advice
        return _Answer("fail", str(bucket), advice, bucket.outcome, is_certain=True, needs_bucket=lacks)
    worst = min((get, *decrypt), key=lambda side: side.outcome)
    if worst.outcome is Own.BLOCKED:
        return _Answer("fail", worst.reason, worst.advice, Outcome.EXPLICIT_DENY, is_certain=True)
    if get.outcome is Own.DENIED and not bucket.suffices:
        return _Answer("fail", get.reason, get.advice, Outcome.IMPLICIT_DENY, is_certain=True, needs_own=not get.advice)
    return _open(bucket, get, *decrypt)


def _open(bucket: _BucketSide, *own: OwnSide) -> _Answer:
    """The same if nothing is certainly denied.

    readers_can_decrypt says whether a key policy allows Decrypt in place of the reader's own policies.
    """
    others = [side for side in own if side.outcome not in (Own.DENIED, Own.ALLOWED)]
    worst = min(others, key=lambda side: side.outcome, default=OwnSide(Own.ALLOWED))
    if worst.outcome is Own.BY_ORGANIZATION:
        return _Answer("fail", worst.reason, worst.advice, Outcome.EXPLICIT_DENY)
    if bucket.outcome is Outcome.INDETERMINATE:
        return _Answer("unknown", str(bucket), bucket.advice)
    if others:
        return _Answer("unknown", worst.reason, worst.advice, error=worst.error)
    return _Answer("pass", outcome=Outcome.ALLOWED)


def _own_sides(subject: Subject, reader: str) -> tuple[OwnSide, ...]:
    """The answers of the reader's own side for fetching the files and, if the trail has a key, for decrypting them."""
    locations, key_arn = subject.locations, subject.trail.kms_key_arn
    if len(locations) > 1:
        result = unknown_organization(subject, "in whose folder its logs are")
        get = OwnSide(Own.OPEN, result.message, result.remediation, result.unread)
    else:
        get = own_side(subject, reader, GET, _files(locations[0]))
    return (get, own_side(subject, reader, DECRYPT, [key_arn])) if key_arn else (get,)


def _files(locations: Locations) -> list[str]:
    return [folder.file for folder in (*locations.logs(), *locations.digests())]


def _bucket_side(subject: Subject, policy: Policy, reader: str) -> _BucketSide:
    """The answer for every organization that the trail may belong to, and every account that may own the bucket."""
    account = Caller(reader).account
    owners = [subject.known.bucket_owner] if subject.known.bucket_owner else [account, None]
    sides = [
        _of_owner(subject, policy, reader, replace(each, known=replace(each.known, bucket_owner=owner)))
        for each in subject.locations
        for owner in owners
    ]
    if subject.budget.is_exhausted or len({side.word for side in sides}) == 1:
        return sides[-1]
    if len(subject.locations) == 1:
        reason = f"It is not known which account owns the bucket {subject.trail.bucket_name}."
        return _BucketSide(Outcome.INDETERMINATE, reason)
    result = unknown_organization(subject, "in whose folder its logs are")
    return _BucketSide(Outcome.INDETERMINATE, result.message, result.remediation)


def _of_owner(subject: Subject, policy: Policy, reader: str, locations: Locations) -> _BucketSide:
    """The worst decision on a file of any folder.

    A reader of the bucket's own account needs no statement there, only no Deny: its own policies may allow it (IAM user
    guide, "Policy evaluation logic"). A reader of another account needs both.
    """
    request = object_request(reader, locations, identity_allows=True)
    is_home = request.caller.account == request.account
    whole = _with_own_account(policy, request.account) if is_home else policy
    asked, files = concerning(whole, request), _files(locations)
    decisions = [decide(asked, request.at(file), subject.budget) for file in files]
    for outcomes in (_DENIED, (Outcome.INDETERMINATE,)):
        refused = [file for file, each in zip(files, decisions, strict=True) if each.outcome in outcomes]
        if refused:
            worst = decide(whole, request.at(refused[0]), subject.budget)
            folders = tuple(readable(folder_of(file)) for file in refused) if len(refused) < len(files) else ()
            return _BucketSide(worst.outcome, worst.reason, worst.advice, folders)
    if not is_home:
        return _BucketSide(Outcome.ALLOWED, allows=True)
    alone = replace(request, identity_allows=False)
    named = all(decide(asked, alone.at(file), subject.budget).outcome is Outcome.ALLOWED for file in files)
    return _BucketSide(Outcome.ALLOWED, allows=named, suffices=named)


@lru_cache(maxsize=256)
def _with_own_account(policy: Policy, account: str) -> Policy:
    return replace(policy, statements=(*policy.statements, *_own_account(account)))


@lru_cache(maxsize=256)
def _own_account(account: str) -> tuple[Statement, ...]:
    """The statement that holds in every account without being written: its IAM policies decide."""
    delegation = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": GET, "Resource": "*"}
    return parse({"Version": "2012-10-17", "Statement": [delegation]}).statements
