# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that the readers of a trail may decrypt its log files, wherever these lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

from .._model import Bucket, Key, ReadError
from .._policy import (
    OBJECT_KEY,
    Budget,
    Outcome,
    Policy,
    Request,
    decide,
    folder_of,
    readable,
    reader_request,
    told_apart,
)
from .._printable import first_of
from ._evidence import ReaderEvidence
from ._own_side import DECRYPT, LIMITS, Own, open_question, own_side
from ._policy_rules import but_for_others, granting, key_and_policy
from ._subject import Result, Subject, not_set, unknown_organization, unreadable

# How many folders a message names; the evidence has them all.
SHOWN = 3
# What it takes to make the name of a log file, which is done anew for each moment that a policy names.
STEPS_OF_A_NAME = 10


_DENIED = (Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY)


@dataclass(frozen=True)
class Answer:
    """What the key policy says about one reader, and the folders it cannot read if it can read others.

    `delegated`: the policy leaves the reader to the IAM policies of its account, and nothing else is open. `named` are
    the labels of the statements that the reason names.
    """

    outcome: Outcome
    reason: str
    advice: str = ""
    folders: tuple[str, ...] = ()
    delegated: bool = False
    named: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return "fail" if self.outcome in _DENIED else "pass" if self.outcome is Outcome.ALLOWED else "unknown"

    @property
    def evidence(self) -> ReaderEvidence:
        evidence: ReaderEvidence = {"outcome": self.outcome.name.lower(), "reason": self.reason}
        if self.folders:
            evidence["folders"] = list(self.folders)
        if self.delegated:
            evidence["delegated"] = True
        return evidence

    def __str__(self) -> str:
        """The reason, after the folders that it is about."""
        places = first_of(self.folders, SHOWN, more=" more folders")
        return f" in {places}: {self.reason}" if places else f": {self.reason}"


def readers_can_decrypt(subject: Subject) -> Result:
    """Every reader may decrypt this trail's logs in all of its folders, as the key policy says."""
    if not subject.settings.readers:
        return not_set("readers")
    read = key_and_policy(subject)
    if isinstance(read, Result):
        return read
    key, policy = read
    cases = subject.log_contexts
    subject.budget.spend(STEPS_OF_A_NAME * sum(map(len, cases)))
    asking = _Asking(subject, key, policy, cases, subject.budget)
    answers = {reader: _answer(asking, reader) for reader in subject.settings.readers}
    evidence = {reader: each.evidence for reader, each in answers.items()}
    for reader, statements in _statements(asking, answers).items():
        evidence[reader]["statements_to_add"] = statements
    denied = {reader: each for reader, each in answers.items() if each.status == "fail"}
    unclear = {reader: each for reader, each in answers.items() if each.status == "unknown"}
    lacking = tuple(reader for reader, each in answers.items() if each.status == "fail" or each.delegated)
    if denied:
        return _refused(key, denied, evidence, lacking)
    if unclear:
        questions = {f"{reader} may decrypt": each.reason for reader, each in unclear.items()}
        message = " ".join(starmap(open_question, questions.items()))
        named = _named(unclear)
        return Result("unknown", message, _proof(key, unclear), evidence, lacking=lacking, statements=named)
    foreign = [reader for reader in answers if _is_foreign(reader, key)]
    also = f" In their own accounts IAM must allow it too: {', '.join(foreign)}." if foreign else ""
    is_simulated = any(_own_policies_allow(subject, reader, key) for reader in answers if reader not in foreign)
    limits = f" {LIMITS}" if is_simulated else ""
    return Result("pass", f"The key policy lets every reader decrypt.{also}{limits}", "", evidence)


def _refused(
    key: Key, denied: Mapping[str, Answer], evidence: Mapping[str, ReaderEvidence], lacking: tuple[str, ...]
) -> Result:
    """Return the failure of these readers. Another policy of the key may still allow what no Deny refuses."""
    message = " ".join(f"{reader} may not decrypt the logs{each}" for reader, each in denied.items())
    failure = Result("fail", message, _remedy(key, denied), evidence, lacking=lacking, statements=_named(denied))
    is_final = any(each.outcome is Outcome.EXPLICIT_DENY for each in denied.values())
    return failure if is_final else but_for_others(key, failure)


def _named(answers: Mapping[str, Answer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for each in answers.values() for label in each.named))


def _statements(asking: _Asking, answers: Mapping[str, Answer]) -> dict[str, list[str]]:
    """The one statement for all readers who need to be named in the policy, by each of them."""
    unnamed = [
        reader
        for reader, each in answers.items()
        if each.outcome is Outcome.IMPLICIT_DENY or (each.status == "unknown" and not each.advice)
    ]
    calls = [_request(asking, reader, asking.cases[0][0]) for reader in unnamed]
    return dict.fromkeys(unnamed, granting(asking.policy, calls)) if calls else {}


def _remedy(key: Key, denied: Mapping[str, Answer]) -> str:
    """What to do. No grant overrides a Deny."""
    steps = [each.advice for each in denied.values() if each.outcome is Outcome.EXPLICIT_DENY]
    others = [reader for reader, each in denied.items() if each.outcome is Outcome.IMPLICIT_DENY]
    steps += [f"Add to the policy of {key.arn}: allow {', '.join(others)} kms:Decrypt."] if others else []
    return " ".join(dict.fromkeys(steps))


def _proof(key: Key, unclear: Mapping[str, Answer]) -> str:
    """How to prove that the readers may decrypt. Naming them does not settle what a Deny leaves open."""
    others = [reader for reader, each in unclear.items() if not each.advice]
    named = f"Name {', '.join(others)} in the policy of {key.arn} with kms:Decrypt, so that it can be proven."
    return " ".join(
        dict.fromkeys([*filter(None, (each.advice for each in unclear.values())), *([named] if others else [])])
    )


def may_read(subject: Subject, key: Key, policy: Policy, reader: str, budget: Budget) -> bool:
    """Whether the key policy certainly lets a principal, by ARN or account id, decrypt all logs of the trail."""
    return _answer(_Asking(subject, key, policy, subject.log_contexts, budget), reader).status == "pass"


@dataclass(frozen=True)
class _Asking:
    """What the answer for every reader depends on. `cases` are `Subject.log_contexts`."""

    subject: Subject
    key: Key
    policy: Policy
    cases: Sequence[tuple[str, ...]]
    budget: Budget


def _is_foreign(reader: str, key: Key) -> bool:
    account = reader if reader.isdigit() else reader.split(":")[4]
    return account != key.arn.split(":")[4]


def _answer(asking: _Asking, reader: str) -> Answer:
    """The answer that holds whatever could not be read of the bucket and the organization, or that it is open."""
    answers = [_of_case(asking, reader, objects) for objects in asking.cases]
    if asking.budget.is_exhausted or len({each.status for each in answers}) == 1:
        return replace(answers[-1], delegated=all(each.delegated for each in answers))
    of_folders = answers if asking.subject.bucket_key is False else answers[1:]
    is_of_folders = len({each.status for each in of_folders}) > 1
    return Answer(Outcome.INDETERMINATE, _what_was_not_read(asking.subject, of_folders=is_of_folders))


def _of_case(asking: _Asking, reader: str, objects: tuple[str, ...]) -> Answer:
    """The worst decision on any of the log files, each with its aws:s3:arn in the encryption context."""
    groups = told_apart(asking.policy, OBJECT_KEY, objects, asking.budget)
    requests = [_request(asking, reader, group[0]) for group in groups]
    decisions = [decide(asking.policy, request, asking.budget) for request in requests]
    denied = [number for number, decision in enumerate(decisions) if decision.outcome in _DENIED]
    if denied:
        files = [file for number in denied for file in groups[number]] if len(denied) < len(groups) else []
        worst = decisions[denied[0]]
        folders = tuple(readable(folder_of(file)) for file in files)
        return Answer(worst.outcome, worst.reason, worst.advice, folders, named=worst.named)
    unclear = [number for number, decision in enumerate(decisions) if decision.outcome is Outcome.INDETERMINATE]
    if not unclear:
        return Answer(Outcome.ALLOWED, decisions[0].reason)
    delegated = all(_would_be_allowed(asking, requests[number]) for number in unclear)
    worst, own = decisions[unclear[0]], own_side(asking.subject, reader, DECRYPT, [asking.key.arn])
    if delegated and own.error and own.error.code == "NoSuchEntity":
        return Answer(Outcome.INDETERMINATE, own.reason, own.advice, delegated=True)
    advice = worst.advice if any(statement.effect == "Deny" for statement in worst.statements) else ""
    return Answer(Outcome.INDETERMINATE, worst.reason, advice, delegated=delegated, named=worst.named)


def _would_be_allowed(asking: _Asking, request: Request) -> bool:
    """Whether only the reader's own IAM policies are open."""
    known = replace(request, identity_allows=True)
    return decide(asking.policy, known, asking.budget).outcome is Outcome.ALLOWED


def _request(asking: _Asking, reader: str, object_arn: str) -> Request:
    """The Decrypt of a reader. The key policy decides only its own half for a reader of another account."""
    bucket, is_foreign = asking.subject.bucket, _is_foreign(reader, asking.key)
    return reader_request(
        reader,
        trail_arn=asking.subject.trail.arn,
        key_arn=asking.key.arn,
        object_arn=object_arn,
        bucket_region=bucket.region if isinstance(bucket, Bucket) else asking.key.region,
        identity_allows=True if is_foreign else _own_policies_allow(asking.subject, reader, asking.key),
        known=asking.subject.known,
    )


def _own_policies_allow(subject: Subject, reader: str, key: Key) -> bool | None:
    """What IAM's simulator says about the reader's own policies; None if it says nothing, or nothing certain."""
    outcome = own_side(subject, reader, DECRYPT, [key.arn]).outcome
    return True if outcome is Own.ALLOWED else False if outcome in (Own.DENIED, Own.BLOCKED) else None


def _what_was_not_read(subject: Subject, *, of_folders: bool) -> str:
    """Why it is open: the organization whose folders the policy must name, or the S3 Bucket Key, is unknown."""
    if of_folders:
        result = unknown_organization(subject, "in whose folder its logs are")
    elif isinstance(subject.bucket_key, ReadError):
        result = unreadable(f"Whether the bucket {subject.trail.bucket_name} has an S3 Bucket Key", subject.bucket_key)
    else:
        return f"The bucket {subject.trail.bucket_name} does not exist, and the policy depends on where the logs are."
    return f"{result.message} {result.remediation}".strip()
