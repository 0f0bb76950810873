# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the HTML report says about an audit, in its order. No markup: the template lays it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any, TypeAlias

from ...module_utils._checks import RULES
from ...module_utils._facts import distinct_trails, trail_rank
from ...module_utils._model import Level
from ...module_utils._printable import count
from ._compared import ChangeRow, change_rows
from ._coverage import scope
from ._frameworks import benchmark, chosen, cis_controls, title
from ._html_changes import Enforcement, enforcement
from ._html_trail import KINDS, TrailView, kind_of, trail_view
from ._notes import Note, Tone, account_notes, rule_title
from ._verdicts import Delivery, delivery, is_excepted, proofs, verdict_words

# Worst first: the order of the bars and of the entries.
VERDICTS: Mapping[str, str] = {
    "non_compliant": "Non-compliant",
    "no_trails": "No trails",
    "unknown": "Unknown",
    "compliant": "Compliant",
    "not_applicable": "Not applicable",
}
# What a verdict looks like: as the findings that lead to it.
TONES: Mapping[str, str] = {
    "non_compliant": "fail",
    "no_trails": "fail",
    "unknown": "unknown",
    "compliant": "pass",
    "not_applicable": "not_applicable",
}
# What is said of one trail, and of many, that deliver or do not.
_DELIVERIES: Mapping[Delivery, tuple[str, str]] = {
    "can": ("can deliver logs under a customer managed key",) * 2,
    "excepted": ("is compliant only by exception", "are compliant only by exception"),
    "lowered": (
        "is compliant only because rules were lowered to advised",
        "are compliant only because rules were lowered to advised",
    ),
    "not_judged": ("was not judged by every rule on delivery", "were not judged by every rule on delivery"),
}
_ORDER = {verdict: place for place, verdict in enumerate(VERDICTS)}
# An account, and a trail that it tells of.
Seen: TypeAlias = "tuple[Mapping[str, Any], Mapping[str, Any]]"
# The same of a line of the matrix; None where it is about the account itself.
Line: TypeAlias = "tuple[Mapping[str, Any], Mapping[str, Any] | None]"
# So many trails with a problem are shown open; more would bury the list.
_OPEN = 8


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a bar: the number of one kind, from `start` on, in hundredths of the bar's length."""

    kind: str
    label: str
    number: int
    start: float
    length: float


@dataclass(frozen=True, kw_only=True)
class Total:
    """One of the figures on top: a number out of a total, and the parts of the whole."""

    label: str
    number: int
    whole: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """One rule over all trails. `found` are the parts of the bar that are problems."""

    name: str
    title: str
    parts: tuple[Part, ...]
    found: tuple[Part, ...]

    @property
    def problems(self) -> int:
        """The number of trails with a problem."""
        return sum(part.number for part in self.found)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the matrix: a trail, or an account about which its trails do not say everything.

    `others` are the other accounts that the trail records.
    """

    number: int
    account_id: str
    account_name: str
    verdict: str
    verdict_words: str
    trail: TrailView | None = None
    notes: tuple[Note, ...] = ()
    others: tuple[str, ...] = ()
    opened: bool = False


@dataclass(frozen=True, kw_only=True)
class ExceptionLine:
    """One exception in force, with the rules of one trail that it covers. `days` are left, counted from the audit."""

    entry: Entry
    rules: tuple[str, ...]
    reason: str
    owner: str
    expires: str
    days: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What changed since an earlier report, with the time of that report, or None and why nothing is compared."""

    since: datetime | None
    sentence: str
    why: str
    rows: tuple[ChangeRow, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """The whole report. `columns` are all rules, `rules` those that found something, worst first.

    Of the other rules, `passed` pass for some trail, `not_asked` has by option those that this option did not ask for,
    and `not_judged` apply to no trail all the same. `levels` has the strictest level of each rule.
    """

    generated_at: datetime
    collection_version: str
    benchmark: str
    verdict: str
    verdict_words: str
    headline: str
    literally: str
    proven: str
    scope: tuple[tuple[str, str], ...]
    comparison: Comparison | None
    enforcement: Enforcement | None
    totals: tuple[Total, ...]
    columns: tuple[str, ...]
    rules: tuple[RuleLine, ...]
    passed: tuple[str, ...]
    not_judged: tuple[str, ...]
    not_asked: Mapping[str, Sequence[str]]
    levels: Mapping[str, Level]
    entries: tuple[Entry, ...]
    exceptions: tuple[ExceptionLine, ...]
    old_keys: tuple[tuple[Mapping[str, Any], tuple[Note, ...]], ...]
    not_read: tuple[tuple[Mapping[str, Any], tuple[Note, ...]], ...]
    controls: tuple[tuple[str, str, tuple[str, ...]], ...]


def page(audit: Mapping[str, Any], *, cis_version: str) -> Page:
    """Return what the report says about an audit, which has the shape of `ansible_facts.cloudtrail_kms`."""
    accounts = audit["accounts"]
    seen = distinct_trails(accounts)
    trails = [trail for _account, trail in seen]
    entries = _entries(accounts)
    verdict = min((account["verdict"] for account in accounts), key=_ORDER.__getitem__, default="not_applicable")
    generated_at = datetime.fromisoformat(audit["generated_at"]).astimezone(timezone.utc)
    control = cis_controls(RULES["trail_has_kms_key"].frameworks, cis_version)
    return Page(
        generated_at=generated_at,
        collection_version=audit["collection_version"],
        benchmark=f"{benchmark(cis_version)}, control {control}",
        verdict=verdict,
        verdict_words=verdict_words({"verdict": verdict, "trails": trails}, VERDICTS[verdict]),
        headline=_headline(accounts, seen),
        literally=_literally(trails, control),
        proven=str(proofs(accounts)),
        scope=tuple(scope(audit, len(trails))),
        comparison=_comparison(audit.get("comparison")),
        enforcement=enforcement(audit),
        totals=tuple(_totals(accounts, trails, control)),
        **_by_rule(accounts, trails),
        entries=entries,
        exceptions=tuple(_exceptions(entries, generated_at.date())),
        old_keys=tuple(_noted(accounts, "quiet")),
        not_read=tuple(_noted(accounts, "unknown")),
        controls=tuple(_controls(trails, cis_version)),
    )


def _by_rule(accounts: Sequence[Mapping[str, Any]], trails: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of a page that are about rules."""
    levels, not_asked = _levels(trails), _not_asked(accounts, trails)
    rules = tuple(_rule_lines(trails, levels))
    return {
        "columns": tuple(rule.name for rule in rules),
        "rules": tuple(sorted((rule for rule in rules if rule.found), key=_worst)),
        "passed": tuple(_quiet(rules, passed=True)),
        "not_judged": tuple(_quiet(rules, passed=False, but=set().union(*not_asked.values()))),
        "not_asked": not_asked,
        "levels": levels,
    }


def _comparison(comparison: Mapping[str, Any] | None) -> Comparison | None:
    if not comparison:
        return None
    previous = comparison["previous"]
    return Comparison(
        since=datetime.fromisoformat(previous["generated_at"]).astimezone(timezone.utc) if previous else None,
        sentence=f"{comparison['sentence']}.",
        why=comparison["why"] or "",
        rows=tuple(change_rows(comparison)),
    )


def _off(accounts: Sequence[Mapping[str, Any]]) -> set[str]:
    """The rules that are off in some account, which its narrowing names."""
    return {rule for account in accounts for rule in (account.get("narrowed_by") or {}).get("rules_off", ())}


def _levels(trails: Sequence[Mapping[str, Any]]) -> dict[str, Level]:
    """Return the strictest level of each rule: of what it found or, if it found nothing, of all that it judged."""
    strictest: dict[str, tuple[bool, bool]] = {}
    for finding in (finding for trail in trails for finding in trail["findings"]):
        standing = finding["status"] not in ("pass", "not_applicable"), finding["level"] == "required"
        strictest[finding["rule"]] = max(standing, strictest.get(finding["rule"], standing))
    return {rule: "required" if required else "advised" for rule, (_found, required) in strictest.items()}


def _not_asked(accounts: Sequence[Mapping[str, Any]], trails: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the rules that no trail was judged by because an option was not set, by this option."""
    messages: dict[str, set[str]] = {}
    for finding in (finding for trail in trails for finding in trail["findings"]):
        messages.setdefault(finding["rule"], set()).add(finding["message"])
    rules: dict[str, list[str]] = {}
    off = _off(accounts)
    for name, rule in RULES.items():
        if name not in off and rule.lacks_option(messages.get(name, ())):
            rules.setdefault(rule.option, []).append(name)
    return rules


def _headline(accounts: Sequence[Mapping[str, Any]], seen: Sequence[Seen]) -> str:
    """Say in a sentence what the verdict rests on. The findings tell what each trail can deliver."""
    trails = [trail for _account, trail in seen]
    verdicts = Counter(trail["verdict"] for trail in trails)
    empty = sum(account["verdict"] == "no_trails" for account in accounts)
    unseen = sum(account["verdict"] == "unknown" for account in accounts)
    clauses = []
    if verdicts["non_compliant"]:
        verb = "breaks" if verdicts["non_compliant"] == 1 else "break"
        clauses.append(f"{verdicts['non_compliant']} of {count(len(trails), 'trail')} {verb} a required rule")
    if verdicts["unknown"]:
        clauses.append(f"{verdicts['unknown']} of {count(len(trails), 'trail')} could not be judged")
    if empty:
        clauses.append(f"{count(empty, 'account')} without a trail")
    if not clauses and unseen:
        clauses.append(f"{count(unseen, 'account')} could not be read in full")
    if not clauses:
        clauses += _deliveries(seen)
    return f"{'; '.join(clauses)}." if clauses else "There was nothing to judge."


def _deliveries(seen: Sequence[Seen]) -> Iterator[str]:
    """Say how many of the trails, all of them compliant, can deliver, and why the others are compliant."""
    counts = Counter(delivery(trail, account) for account, trail in seen)
    for kind, (of_one, of_many) in _DELIVERIES.items():
        if counts[kind]:
            yield f"{_some(counts[kind], counts.total())} {of_one if counts[kind] == 1 else of_many}"


def _some(number: int, whole: int) -> str:
    if number == whole:
        return "The only trail in scope" if whole == 1 else f"All {whole} trails in scope"
    return f"{number} of {count(whole, 'trail')}"


def _literally(trails: Sequence[Mapping[str, Any]], control: str) -> str:
    """Say what the benchmark alone would say."""
    failing = sum(trail["cis_3_5"] == "fail" for trail in trails)
    found = f"{failing} of {count(len(trails), 'trail')}" if failing else "no trail"
    return f"CIS {control} as written only asks whether a key is set: {found} would fail it." if trails else ""


def _totals(
    accounts: Sequence[Mapping[str, Any]], trails: Sequence[Mapping[str, Any]], control: str
) -> Iterator[Total]:
    in_use = [account for account in accounts if account["verdict"] != "not_applicable"]
    of_accounts = f"Compliant accounts{'' if len(in_use) == len(accounts) else ' in use'}"
    for label, judged in ((of_accounts, in_use), ("Compliant trails", trails)):
        verdicts = Counter(one["verdict"] for one in judged)
        excepted = sum(one["verdict"] == "compliant" and is_excepted(one) for one in judged)
        counts = [(TONES[verdict], words.lower(), verdicts[verdict]) for verdict, words in VERDICTS.items()]
        place = list(VERDICTS).index("compliant")
        plain = ("pass", VERDICTS["compliant"].lower(), verdicts["compliant"] - excepted)
        counts[place : place + 1] = [plain, ("excepted", "compliant by exception", excepted)]
        yield Total(label=label, number=verdicts["compliant"], whole=len(judged), parts=_parts(counts))
    literal = Counter(trail["cis_3_5"] for trail in trails)
    parts = _parts([("fail", "without a key", literal["fail"]), ("pass", "with a key", literal["pass"])])
    yield Total(label=f"CIS {control} as written (key set)", number=literal["pass"], whole=len(trails), parts=parts)
    excepted = sum(map(is_excepted, trails))
    if excepted:
        parts = _parts([("excepted", "excepted", excepted), ("not_applicable", "without", len(trails) - excepted)])
        yield Total(label="Trails under an exception", number=excepted, whole=len(trails), parts=parts)


def _parts(counts: Sequence[tuple[str, str, int]]) -> tuple[Part, ...]:
    """Return the parts of a bar from kinds, labels and numbers, without those of number zero."""
    whole, start, parts = sum(number for _kind, _label, number in counts), 0, []
    for kind, label, number in counts:
        if number:
            length = {"start": round(100 * start / whole, 2), "length": round(100 * number / whole, 2)}
            parts.append(Part(kind=kind, label=label, number=number, **length))
            start += number
    return tuple(parts)


def _rule_lines(trails: Sequence[Mapping[str, Any]], levels: Mapping[str, Level]) -> Iterator[RuleLine]:
    counts: dict[str, Counter[str]] = {}
    for finding in (finding for trail in trails for finding in trail["findings"]):
        counts.setdefault(finding["rule"], Counter())[kind_of(finding)] += 1
    for name, kinds in counts.items():
        parts = _parts([(kind, label, kinds[kind]) for kind, label in KINDS.items()])
        found = tuple(part for part in parts if part.kind not in ("pass", "not_applicable"))
        yield RuleLine(name=name, title=rule_title(name, levels[name]), parts=parts, found=found)


def _quiet(rules: Sequence[RuleLine], *, passed: bool, but: Collection[str] = ()) -> Iterator[str]:
    """Yield the rules that found nothing: those that pass for a trail, or those that apply to none."""
    for rule in rules:
        if not rule.found and rule.name not in but and passed is any(part.kind == "pass" for part in rule.parts):
            yield rule.name


def _worst(rule: RuleLine) -> tuple[int, ...]:
    found = {part.kind: part.number for part in rule.found}
    return tuple(-found.get(kind, 0) for kind in KINDS)


def _entries(accounts: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Return the entries, worst first. If few have a problem, these are opened."""
    found = sorted(_seen_alike(accounts), key=lambda seen: (_ORDER[_judged(seen)["verdict"]], seen[0][0]["account_id"]))
    bad = sum(_judged(seen)["verdict"] not in ("compliant", "not_applicable") for seen in found)
    return tuple(_entry(number, seen, opened=number <= bad <= _OPEN) for number, seen in enumerate(found, start=1))


def _judged(seen: Sequence[Line]) -> Mapping[str, Any]:
    """Return what a line is about: a trail, or an account whose trails do not explain its verdict."""
    account, trail = seen[0]
    return trail or account


def _seen_alike(accounts: Sequence[Mapping[str, Any]]) -> list[list[Line]]:
    """Return the lines of the matrix. An organization's trail has one line for all accounts that judge it alike."""
    alike: dict[tuple[object, str], list[Line]] = {}
    for account in accounts:
        for trail in _trails(account):
            known_by = (trail["arn"], trail["verdict"]) if trail else (id(account), "")
            alike.setdefault(known_by, []).append((account, trail))
    return [sorted(seen, key=lambda each: trail_rank(each[1]) if each[1] else (0, 0)) for seen in alike.values()]


def _entry(number: int, seen: Sequence[Line], *, opened: bool) -> Entry:
    (account, trail), *others = seen
    judged = trail or account
    return Entry(
        number=number,
        account_id=account["account_id"],
        account_name=account.get("account_name", ""),
        verdict=judged["verdict"],
        verdict_words=verdict_words(judged, VERDICTS[judged["verdict"]]),
        trail=trail_view(trail, account) if trail else None,
        notes=() if trail else tuple(account_notes(account)),
        others=tuple(_named(other) for other, _trail in others),
        opened=opened,
    )


def _named(account: Mapping[str, Any]) -> str:
    return " ".join(filter(None, [account["account_id"], account.get("account_name")]))


def _trails(account: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
    """Return the trails, and None for the account itself if they do not explain its verdict."""
    explained = account["verdict"] in {trail["verdict"] for trail in account["trails"]}
    return [*account["trails"]] if explained else [*account["trails"], None]


def _exceptions(entries: Sequence[Entry], today: date) -> Iterator[ExceptionLine]:
    """Return the exceptions, the next to expire first. The rules of a trail that one exception covers share a line."""
    covered: dict[tuple[str, int, str, str], list[str]] = {}
    for place, entry in enumerate(entries):
        for problem in entry.trail.problems if entry.trail else ():
            if problem.exception:
                expires, reason, owner = (problem.exception[name] for name in ("expires", "reason", "owner"))
                covered.setdefault((expires, place, reason, owner), []).extend(problem.rules)
    for expires, place, reason, owner in sorted(covered):
        yield ExceptionLine(
            entry=entries[place],
            rules=tuple(covered[expires, place, reason, owner]),
            reason=reason,
            owner=owner,
            expires=expires,
            days=(date.fromisoformat(expires) - today).days,
        )


def _noted(accounts: Sequence[Mapping[str, Any]], tone: Tone) -> Iterator[tuple[Mapping[str, Any], tuple[Note, ...]]]:
    """Yield the accounts that have notes of a tone, with these notes."""
    for account in accounts:
        notes = tuple(note for note in account_notes(account) if note.tone == tone)
        if notes:
            yield account, notes


def _controls(trails: Sequence[Mapping[str, Any]], cis_version: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each framework with its controls and their rules, the CIS benchmark first."""
    asked: dict[tuple[bool, str, str], dict[str, None]] = {}
    for finding in (finding for trail in trails for finding in trail["findings"]):
        for framework, controls in chosen(finding["frameworks"], cis_version).items():
            place = (not framework.startswith("cis_"), title(framework), ", ".join(controls))
            asked.setdefault(place, {})[finding["rule"]] = None
    for place in sorted(asked):
        yield place[1], place[2], tuple(asked[place])
