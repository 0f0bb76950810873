# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed from an earlier report to this audit. Pure: the same two give the same comparison.

A finding is identified by its account, its trail and its rule. The comparison covers what verdicts depend on: required
findings, and others if they pass. A finding that was not judged this time is never better: it stays open, with its
date, from report to report until it is judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ...module_utils._printable import count, no_template
from ._entries import account_status
from ._notes import ACCOUNT_RULE

# The lists of a comparison whose entries are findings, or trails.
LISTS = ("new", "worse", "better", "gone", "still", "not_judged")
# The comparison lists exceptions that end within this time.
SOON = timedelta(days=30)
_OPEN = frozenset({"fail", "unknown"})


class Finding(NamedTuple):
    """What identifies a finding. The trail is its ARN, or empty if the finding is about the account."""

    account_id: str
    trail: str
    rule: str


class Standing(NamedTuple):
    """The earlier status of a finding, and the day since when it fails, if it does."""

    status: str
    since: str | None


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What a comparison needs from an earlier report. Accounts are ids, organizations the known ids."""

    generated_at: str
    accounts: frozenset[str]
    organizations: frozenset[str]
    standings: Mapping[Finding, Standing]


def earlier(report: Mapping[str, Any]) -> Earlier:
    """Return what a comparison needs from a report, which may have a comparison of its own.

    A failure without a date in the report is as old as the report. What it did not judge keeps its earlier standing.
    """
    lists = report.get("comparison") or {}
    dated = {_finding_of(entry): entry for name in LISTS for entry in lists.get(name, ()) if entry["since"]}
    day = report["generated_at"][:10]
    standings = {
        finding: Standing(status, (dated[finding]["since"] if finding in dated else day) if status == "fail" else None)
        for finding, status in _statuses(report)
    }
    carried = {_finding_of(entry): Standing(entry["before"], entry["since"]) for entry in lists.get("not_judged", ())}
    judged = {finding for finding, standing in standings.items() if standing.status != "unknown"}
    return Earlier(
        generated_at=report["generated_at"],
        accounts=frozenset(row["account_id"] for row in report["accounts"]),
        organizations=_organizations(report),
        standings={**standings, **{finding: carried[finding] for finding in carried.keys() - judged}},
    )


def contradictions(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each list of a report's comparison that contradicts the report's own findings, with what is wrong."""
    there = {
        Finding(row["account_id"], each["arn"], ""): "there" for row in report["accounts"] for each in row["trails"]
    }
    now, seen = there | dict(_statuses(report)), set[Finding]()
    for name in LISTS:
        for entry in (report.get("comparison") or {}).get(name, ()):
            finding = _finding_of(entry)
            why = "is there twice" if finding in seen else _contradiction(name, entry, now.get(finding), report)
            if why:
                yield name, f"{' of '.join(filter(None, (finding.rule, finding.trail, finding.account_id)))} {why}."
            seen.add(finding)


def _contradiction(name: str, entry: Mapping[str, Any], status: str | None, report: Mapping[str, Any]) -> str:
    before, after, since = entry["before"], entry["after"], entry["since"]
    if after != status:
        return f"is {after}, which the findings of the report contradict"
    if name != (_list_of(before, after) if entry["rule"] else "gone"):
        return f"was {before} and is {after}, which is not {name}"
    if (since is not None) != _fails(before, after) or (since or "") > report["generated_at"][:10]:
        return f"cannot have failed since {since}"
    return ""


def _fails(before: str | None, after: str | None) -> bool:
    """Return whether a finding fails, or failed when it was last judged."""
    return after == "fail" or (before == "fail" and after in (None, "unknown"))


def is_related(before: Earlier, audit: Mapping[str, Any]) -> bool:
    """Return whether the report may be an earlier one of this audit: of its organization or of one of its accounts."""
    organizations = _organizations(audit)
    if organizations and before.organizations:
        return not organizations.isdisjoint(before.organizations)
    return not before.accounts.isdisjoint(row["account_id"] for row in audit["accounts"])


def compare(before: Earlier, audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changed since the earlier report, in the shape of `comparison` in the schema of the JSON report."""
    day = audit["generated_at"][:10]
    now = dict(_statuses(audit))
    gone = _gone_trails(before, audit)
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    for finding in sorted(before.standings.keys() | now.keys()):
        if (finding.account_id, finding.trail) in gone:
            continue
        was, status = before.standings.get(finding), now.get(finding)
        if name := _list_of(was and was.status, status):
            lists[name].append(_entry(finding, was, status, day))
    lists["gone"] += [_entry(Finding(account_id, arn, ""), None, None, day) for account_id, arn in sorted(gone)]
    return _document({"generated_at": before.generated_at}, lists, audit)


def uncompared(why: str, audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the comparison of an audit that cannot be compared with an earlier report, with the reason."""
    return {**_document(None, {name: [] for name in LISTS}, audit), "why": why}


def accounts_with_new(comparison: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return, by account id, the entries of a comparison that are new or worse."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in (*comparison["new"], *comparison["worse"]):
        found.setdefault(entry["account_id"], []).append(entry)
    return found


def counts_of(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sentence of a comparison and the lengths of its lists, as they are registered and published.

    An artifact of a job is a variable of the next. The reason may hold the name of an object, or what is in it.
    """
    previous = comparison["previous"]
    return {
        "sentence": comparison["sentence"],
        "previous": previous["generated_at"] if previous else "",
        "why": no_template(comparison["why"] or ""),
        **{name: len(comparison[name]) for name in (*LISTS, "expiring")},
    }


def _statuses(report: Mapping[str, Any]) -> Iterator[tuple[Finding, str]]:
    """Yield each finding that was judged, with its status. Advice that is not followed does not count."""
    for account in report["accounts"]:
        if account["verdict"] == "not_applicable":  # nothing was asked of it
            continue
        yield Finding(account["account_id"], "", ACCOUNT_RULE), account_status(account)[0]
        for trail in account["trails"]:
            for finding in trail["findings"]:
                if finding["level"] == "required" or finding["status"] not in _OPEN:
                    yield Finding(account["account_id"], trail["arn"], finding["rule"]), finding["status"]


def _organizations(report: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(filter(None, (row["organization"] for row in report["accounts"])))


def _gone_trails(before: Earlier, audit: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the trails that are gone, each with its account, from places where everything was read."""
    rows = {row["account_id"]: row for row in audit["accounts"]}
    present = {(row["account_id"], trail["arn"]) for row in audit["accounts"] for trail in row["trails"]}
    known = {(finding.account_id, finding.trail) for finding in before.standings if finding.trail}
    seen_in = {account_id: _regions_seen(row) for account_id, row in rows.items()}
    return {(account, arn) for account, arn in known - present if arn.split(":")[3] in seen_in.get(account, ())}


def _regions_seen(account: Mapping[str, Any]) -> set[str]:
    """Return the regions in which every trail of the account was seen.

    A trail lies in its home region, which its ARN names (CloudTrail API reference, DescribeTrails).
    """
    if not account["complete"] or "narrowed_by" not in account or (account["narrowed_by"] or {}).get("trails"):
        return set()
    closed = {error["region"] for error in account["errors"] if error["operation"] == "DescribeTrails"}
    return {*account["regions"]} - closed


def _list_of(was: str | None, status: str | None) -> str | None:
    """Return the list that a finding belongs in, None if in none. None as a status means that it was not judged."""
    if was not in _OPEN:
        return None if status not in _OPEN else "worse" if was else "new"
    if status is None or (was, status) == ("fail", "unknown"):
        return "not_judged"
    if status == "not_applicable":
        return "gone"
    if status not in _OPEN:
        return "better"
    return "still" if was == status else "worse"


def _entry(finding: Finding, was: Standing | None, status: str | None, day: str) -> dict[str, Any]:
    """Return the entry of a finding, or of a trail that is gone, which has no rule."""
    since = was.since if was and was.status == "fail" else day
    return {
        "account_id": finding.account_id,
        "trail": finding.trail or None,
        "rule": finding.rule or None,
        "before": was.status if was else None,
        "after": status,
        "since": since if _fails(was and was.status, status) else None,
    }


def _finding_of(entry: Mapping[str, Any]) -> Finding:
    return Finding(entry["account_id"], entry["trail"] or "", entry["rule"] or "")


def _document(
    previous: Mapping[str, Any] | None, lists: Mapping[str, list[dict[str, Any]]], audit: Mapping[str, Any]
) -> dict[str, Any]:
    expiring = list(_expiring(audit))
    sentence = _sentence(lists, expiring) if previous else _alone(audit, expiring)
    return {"previous": previous, "why": None, "sentence": sentence, **lists, "expiring": expiring}


def _expiring(audit: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the exceptions that end soon, once for each trail, with the rules that they cover there."""
    today = datetime.fromisoformat(audit["generated_at"]).date()
    for account in audit["accounts"]:
        for trail in account["trails"]:
            covered: dict[tuple[str, str, str], list[str]] = {}
            for finding in (each for each in trail["findings"] if each["status"] == "excepted"):
                expires, owner, reason = (finding["evidence"]["exception"][it] for it in ("expires", "owner", "reason"))
                if date.fromisoformat(expires) - today <= SOON:
                    covered.setdefault((expires, owner, reason), []).append(finding["rule"])
            for (expires, owner, reason), rules in sorted(covered.items()):
                of_trail = {"account_id": account["account_id"], "trail": trail["arn"], "rules": rules}
                yield {**of_trail, "expires": expires, "owner": owner, "reason": reason}


def _sentence(lists: Mapping[str, Sequence[Mapping[str, Any]]], expiring: Sequence[Mapping[str, Any]]) -> str:
    """Say in one line what changed. Only what passes now is fixed."""
    worse = [*lists["new"], *lists["worse"]]
    failed = [each for each in lists["better"] if each["before"] == "fail"]
    still = [each for each in lists["still"] if each["after"] == "fail"]
    new = _with(worse, "fail")
    parts = [
        f"{count(new, 'new failure')}" if new else "no new failures",
        *_some(_with(worse, "unknown"), "newly unknown"),
        *_some(_with(failed, "pass"), "fixed"),
        *_some(_with(failed, "excepted"), "newly excepted"),
        *_some(len(lists["better"]) - len(failed), "no longer unknown"),
        *_some(sum(entry["rule"] is None for entry in lists["gone"]), "trail gone", "trails gone"),
        *_some(sum(entry["rule"] is not None for entry in lists["gone"]), "no longer to be judged"),
        *(
            f"{number} still failing (oldest since {min(each['since'] for each in still)})"
            for number in [_number(map(_finding_of, still))]
            if number
        ),
        *_some(_with(lists["still"], "unknown"), "still unknown"),
        *_some(_number(map(_finding_of, lists["not_judged"])), "not judged this time"),
        *_soon(expiring),
    ]
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _alone(audit: Mapping[str, Any], expiring: Sequence[Mapping[str, Any]]) -> str:
    failing, unknown = (
        _number(finding for finding, status in _statuses(audit) if status == wanted) for wanted in ("fail", "unknown")
    )
    return ", ".join(["Nothing to compare with", f"{failing} failing", *_some(unknown, "unknown"), *_soon(expiring)])


def _soon(expiring: Sequence[Mapping[str, Any]]) -> list[str]:
    exceptions = {(each["owner"], each["reason"], each["expires"]) for each in expiring}
    days = f"within {SOON.days} days"
    return _some(len(exceptions), f"exception expires {days}", f"exceptions expire {days}")


def _some(number: int, words: str, many: str | None = None) -> list[str]:
    return [f"{number} {words if number == 1 else many or words}"] if number else []


def _with(entries: Iterable[Mapping[str, Any]], status: str) -> int:
    return _number(_finding_of(each) for each in entries if each["after"] == status)


def _number(findings: Iterable[Finding]) -> int:
    """Return the number of findings; a trail that many accounts record counts once."""
    return len({(finding.trail or finding.account_id, finding.rule) for finding in findings})


# What the lists are called.
_LABELS: Mapping[str, str] = {
    "new": "new",
    "worse": "worse",
    "better": "better",
    "gone": "gone",
    "still": "still",
    "not_judged": "not judged",
}
# What each looks like: as findings do.
KINDS: Mapping[str, str] = {
    "new": "fail",
    "worse": "fail",
    "better": "pass",
    "gone": "not_applicable",
    "still": "fail",
    "not judged": "unknown",
    "expires": "excepted",
}


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """What changed of one trail, or of an account, whose trail and region are empty; `rules` may be none."""

    label: str
    account_id: str
    region: str
    trail: str
    rules: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        return f"{self.account_id} {self.region} {self.trail}".rstrip()


def change_rows(comparison: Mapping[str, Any]) -> Iterator[ChangeRow]:
    """Yield the rows of a comparison. Rules of one trail that changed alike share a row."""
    for name in LISTS:
        alike: dict[tuple[str, str, str], list[str]] = {}
        for entry in comparison[name]:
            place = (entry["account_id"], entry["trail"] or "", _text(name, entry))
            alike.setdefault(place, []).extend(filter(None, [entry["rule"]]))
        for (account_id, arn, text), rules in alike.items():
            yield _row(_LABELS[name], account_id, arn, rules, text)
    for each in comparison["expiring"]:
        text = f"{each['expires']}, excepted by {each['owner']}: {each['reason']}"
        yield _row("expires", each["account_id"], each["trail"], each["rules"], text)


def _row(label: str, account_id: str, arn: str, rules: list[str], text: str) -> ChangeRow:
    region, name = (arn.split(":")[3], arn.rpartition("/")[2]) if arn else ("", "")
    return ChangeRow(label=label, account_id=account_id, region=region, trail=name, rules=tuple(rules), text=text)


def _text(name: str, entry: Mapping[str, Any]) -> str:
    """Return what it was, what it is, and since when it fails."""
    if entry["rule"] is None:
        return "the trail is there no more"
    since = f" since {entry['since']}" if entry["since"] else ""
    if name in ("still", "not_judged"):
        return f"{entry['before']}{since}"
    return f"was {entry['before']}, is {entry['after']}" if entry["before"] else str(entry["after"])
