# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot to findings, and from findings to the verdicts of trails and account.

A policy may allow something until a day: a condition on the time of the request may hold now and not later (IAM user
guide, "AWS global condition context keys": aws:CurrentTime and aws:EpochTime are always present).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import chain, pairwise

from .._model import NOT_IN_USE, AcceptedRisk, Bucket, Finding, Key, Level, Snapshot, Trail
from .._policy import MAX_CHARACTERS, TIME_KEYS, Budget, Policy, moment_of
from ._evidence import Evidence, ExceptedEvidence, ExceptionEvidence
from ._policy_rules import UNDECIDED, parsed
from ._rules import RULES, Remedy, Rule
from ._subject import Result, Settings, Subject, TrailException

# What policies write for "never"; a moment later, and the clock of Python ends.
_NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class TrailVerdict:
    """One trail judged. `cis_3_5` is the literal benchmark verdict, whatever else was found."""

    trail: Trail
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """`non_compliant` if a required rule fails, else `unknown` if one could not be judged."""
        return trail_verdict({finding.status for finding in self.findings if finding.level == "required"})

    @property
    def cis_3_5(self) -> str:
        """Whether the trail has a KmsKeyId, which is all that CIS AWS Foundations 3.0, control 3.5, requires."""
        return literal_verdict(self.trail.kms_key_arn)


@dataclass(frozen=True)
class AccountVerdict:
    """One account judged; `complete` is false where trails may exist that could not be seen."""

    snapshot: Snapshot
    trails: tuple[TrailVerdict, ...]
    complete: bool

    @property
    def verdict(self) -> str:
        """The worst of the trails. Without trails it is `no_trails`, or `unknown` if not everything was seen.

        An account that is closed or suspended is `not_applicable`: it cannot be entered, and nothing runs in it.
        """
        return self._roll_up("non_compliant", "compliant", [trail.verdict for trail in self.trails])

    @property
    def cis_3_5(self) -> str:
        """The literal benchmark verdict of the account."""
        return self._roll_up("fail", "pass", [trail.cis_3_5 for trail in self.trails])

    def _roll_up(self, bad: str, good: str, verdicts: list[str]) -> str:
        if self.snapshot.state in NOT_IN_USE:
            return "not_applicable"
        return roll_up(bad, good, verdicts, complete=self.complete)


def trail_verdict(required: Collection[str]) -> str:
    """The verdict of a trail from the statuses of its required findings."""
    if "fail" in required:
        return "non_compliant"
    return "unknown" if "unknown" in required else "compliant"


def literal_verdict(kms_key_arn: str | None) -> str:
    """The literal benchmark verdict of a trail."""
    return "pass" if kms_key_arn else "fail"


def roll_up(bad: str, good: str, verdicts: list[str], *, complete: bool) -> str:
    """The verdict of an account from those of its trails; `complete` is false if there may be more of them."""
    if bad in verdicts:
        return bad
    if not complete or "unknown" in verdicts:
        return "unknown"
    return good if verdicts else "no_trails"


def assess(snapshot: Snapshot, settings: Settings, budget: Budget | None = None) -> AccountVerdict:
    """Judge every trail of the snapshot by every rule that is not off. Pure: the same in, the same out.

    An audit has a `budget` for all findings together, see `budget_of`. What decides on a write has none: the finding of
    a trail must not hang on the policies of others.
    """
    closed_count = settings.closed_regions == "unknown" and bool(snapshot.closed_regions)
    trails = snapshot.trails
    return AccountVerdict(
        snapshot=snapshot,
        trails=tuple(TrailVerdict(each, _findings(snapshot, each, settings.of(each), budget)) for each in trails),
        complete=not snapshot.errors and not closed_count,
    )


def budget_of(snapshot: Snapshot, settings: Settings) -> Budget:
    """What all findings of an account may take together."""
    return Budget.of_account(len(settings.readers), _policies(snapshot.keys.values(), snapshot.buckets.values()))


def unused_exceptions(judged: Iterable[tuple[str, Settings, Collection[Trail]]]) -> tuple[str, ...]:
    """Return warnings about exceptions that match no trail of the accounts that have them, such as a misspelt name.

    `judged` are the accounts, each with its settings and the trails that may be judged by these. An exception that many
    accounts have counts once. An account is not expected to match an exception that is only about other accounts.
    """
    holders: dict[TrailException, list[str]] = {}
    used: set[TrailException] = set()
    for account_id, settings, trails in judged:
        own = [trail for trail in trails if settings.of(trail) is settings]
        for exception in dict.fromkeys(settings.exceptions):
            holders.setdefault(exception, []).append(account_id)
            if exception not in used and any(map(exception.covers, own)):
                used.add(exception)
    return tuple(
        f"The exception for {exception.subject} matches no trail that was read in {_named(account_ids)}. "
        "Correct it, or name the account it is for."
        for exception, account_ids in holders.items()
        if exception not in used and any(map(exception.may_concern, account_ids))
    )


def _named(account_ids: Sequence[str]) -> str:
    return f"account {account_ids[0]}" if len(account_ids) == 1 else f"the {len(account_ids)} accounts"


def subject_of(snapshot: Snapshot, trail: Trail, settings: Settings) -> Subject:
    """What the rules see of a trail of the snapshot."""
    return Subject(
        trail=trail,
        key=snapshot.keys[trail.kms_key_arn] if trail.kms_key_arn else None,
        bucket=snapshot.buckets[trail.bucket_name],
        settings=settings,
        read_at=snapshot.read_at,
        account_id=snapshot.account_id,
        regions=snapshot.regions,
        organization=snapshot.organization,
        simulations=snapshot.simulations,
        proof=snapshot.proofs.get(trail.arn),
        others=tuple(each for each in (*snapshot.trails, *snapshot.trails_left_out) if each.arn != trail.arn),
        unseen_regions=frozenset(
            each.region for each in (*snapshot.errors, *snapshot.closed_regions) if each.operation == "DescribeTrails"
        ),
    )


def _findings(snapshot: Snapshot, trail: Trail, settings: Settings, budget: Budget | None) -> tuple[Finding, ...]:
    subject = subject_of(snapshot, trail, settings)
    levels = {name: settings.levels.get(name, rule.level) for name, rule in RULES.items()}
    judged = (name for name, rule in RULES.items() if levels[name] != "off" and rule.is_asked(settings))
    return _decided([_finding(RULES[name], levels[name], subject, budget) for name in judged])


def _decided(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Say whether an enforcement adds what the key's policy lacks: it does, advice too, where a required rule fails.

    Where the trail gets another key, that is left open.
    """
    failing = [RULES[each.rule] for each in findings if (each.level, each.status) == ("required", "fail")]
    if any(rule.leads_to is Remedy.ANOTHER_KEY for rule in failing):
        return tuple(findings)
    is_added = any(rule.call for rule in failing)

    def decided(each: Finding) -> Finding:
        why_not = "advice" if each.level == "advised" else each.status
        words = "adds it" if is_added else f"does not add it, as it is {why_not}"
        return replace(each, remediation=each.remediation.replace(UNDECIDED, f"(the enforce playbook {words})"))

    return tuple(decided(each) if UNDECIDED in each.remediation else each for each in findings)


def _finding(rule: Rule, level: Level, subject: Subject, budget: Budget | None) -> Finding:
    """Judge one rule. What AWS only counts as advice stays advice, even if the rule is required."""
    result, trail = rule.completed(subject, judge_with_windows(rule.judge, subject, budget)), subject.trail
    said = {name: value for name, value in vars(result).items() if name != "advice"}
    owner = "" if trail.ownership == "owned" else trail.account_id
    said["remediation"] = addressed(result.remediation, owner, is_unread=bool(result.unread))
    level, severity = ("advised", "low") if result.advice else (level, rule.severity)
    finding = Finding(rule=rule.name, level=level, severity=severity, **said)
    return _under_exceptions(finding, subject) if finding.status in ("fail", "unknown") else finding


def addressed(remediation: str, owner: str, *, is_unread: bool) -> str:
    """Say who has to act if that is an owner other than the account itself.

    The remedy for a failed read already says who lacks the permission. The key or bucket may belong to a third account.
    """
    if not owner or not remediation or is_unread:
        return remediation
    return f"In account {owner}, which owns this organization trail: {remediation}"


def _under_exceptions(finding: Finding, subject: Subject) -> Finding:
    """The finding as the exceptions leave it: the first that holds today covers it, an expired one is only named."""
    matching = [
        exception
        for exception in subject.settings.exceptions
        if finding.rule in exception.rules and exception.covers(subject.trail)
    ]
    today = subject.read_at.date()
    holding = next((exception for exception in matching if today <= exception.expires), None)
    if holding:
        return _excepted(finding, holding)
    return _expired(finding, max(matching, key=lambda each: each.expires)) if matching else finding


def _excepted(finding: Finding, exception: TrailException) -> Finding:
    """The finding with the decision to live with it, and what it would have been."""
    decision = ExceptedEvidence(status=finding.status, **_decision(exception))
    evidence = {**finding.evidence, **Evidence(exception=decision)}
    return replace(
        finding,
        status="excepted",
        evidence=evidence,
        exception=AcceptedRisk(**_decision(exception), status=finding.status),
    )


def _expired(finding: Finding, exception: TrailException) -> Finding:
    """The finding as it is, with the exception that covered it once."""
    decision = _decision(exception)
    return replace(
        finding,
        message=f"{finding.message} It was excepted until {exception.expires.isoformat()} by {exception.owner}: "
        f"{exception.reason}",
        evidence={**finding.evidence, **Evidence(expired_exception=decision)},
        expired_exception=AcceptedRisk(**decision, status=finding.status),
    )


def _decision(exception: TrailException) -> ExceptionEvidence:
    return {"reason": exception.reason, "owner": exception.owner, "expires": exception.expires.isoformat()}


def judge_with_windows(judge: Callable[[Subject], Result], subject: Subject, budget: Budget | None) -> Result:
    """Judge a rule now and, if it asks a policy and passes, at the moments that a policy names.

    If it fails there, that is advice. All moments share one budget, which is a part of the account's if that has one.
    If it does not suffice, the result for later moments is unknown.
    """
    subject = replace(subject, budget=Budget.of(len(subject.settings.readers), budget))
    result = judge(subject)
    result = replace(result, is_cut_short=result.status == "unknown" and subject.budget.is_exhausted)
    for moment, tried in _moments(subject) if result.status == "pass" and subject.budget.is_used else ():
        later = judge(replace(subject, read_at=tried))
        if later.status == "unknown" and subject.budget.is_exhausted:
            when = moment.isoformat(timespec="seconds")
            message = f"{result.message} A policy depends on the time. After {when}: {later.message}"
            named = later.statements
            return Result("unknown", message, later.remediation, result.evidence, advice=True, statements=named)
        if later.status in ("fail", "unknown") and not later.advice:
            when = moment.isoformat(timespec="seconds")
            message = f"{result.message} A policy changes this at {when}. Then: {later.message}"
            remedy = f"Before {when}: {later.remediation}"
            return Result("fail", message, remedy, result.evidence, advice=True, statements=later.statements)
    return result


def _moments(subject: Subject) -> Iterator[tuple[datetime, datetime]]:
    """The future moments in conditions on the time of the request, in order: each, and one before the next."""
    named = {moment for text in _policies((subject.key,), (subject.bucket,)) for moment in _moments_in(text)}
    # aws:EpochTime has the whole second that has begun.
    now = subject.read_at.replace(microsecond=0)
    moments = sorted(moment for moment in named if now <= moment < _NEVER)
    for moment, following in pairwise([*moments, _NEVER]):
        between = moment + min(_SECOND, (following - moment) / 2)
        yield from ((moment, tried) for tried in (moment, between) if tried > subject.read_at)


def _policies(keys: Iterable[object], buckets: Iterable[object]) -> set[str]:
    """The policies of those keys and buckets that could be read. What is longer than any policy is not parsed."""
    texts = [text for key in keys if isinstance(key, Key) for text in (key.policy, key.ram_policy)]
    texts += [bucket.policy for bucket in buckets if isinstance(bucket, Bucket)]
    return {text for text in texts if isinstance(text, str) and len(text) <= MAX_CHARACTERS}


@lru_cache(maxsize=256)
def _moments_in(text: str) -> frozenset[datetime]:
    policy = parsed(text)
    statements = policy.statements if isinstance(policy, Policy) else ()
    conditions = chain.from_iterable(each.conditions for each in statements)
    values = chain.from_iterable(each.values for each in conditions if each.folded_key in TIME_KEYS)
    return frozenset(filter(None, map(moment_of, values)))
