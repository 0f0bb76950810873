# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many accounts in short: a line for each that is not fine, and each finding once with all trails that it is about.

Of an enforcement there is a line for each account that changes, and what stays wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils._facts import distinct_trails
from ...module_utils._printable import count, first_of, printable
from .._reports import Note, account_notes, finding_notes
from ._enforcement import DONE, has_after, reasons, tally, title_after
from ._grid import Column, Grid, Paint, grouped_lines, legible, note_lines
from ._table import VERDICT_TONES, closing, title
from ._text import in_general

_FINE = frozenset({"compliant", "not_applicable"})
# What a person has to act on, the worst first; of advice the short form only tells how much there is.
_SHOWN = ("FAIL", "UNKNOWN", "not read")
# Of a message and of what is to be done: as many sentences as fit, and the first one whole unless it is endless. The
# rest is in the full form.
_MOST_CHARACTERS, _ENDLESS = 240, 400
_SENTENCE_END = re.compile(r"(?<=[.;]) +(?=[A-Z\"])")
# The trails below one finding: the table above names the accounts, and the reports name every trail.
_NAMED = 10
ACCOUNT, NAME = Column(heading="ACCOUNT"), Column(heading="NAME", limit=24)
_LAYOUT = (ACCOUNT, NAME, Column(heading="OF ITS TRAILS"), Column(heading="VERDICT"))


@dataclass(kw_only=True)
class _Group:
    """One finding of several trails or accounts: in the words of the first, and in those that fit all of them."""

    first: Note
    general: Note
    places: list[str] = field(default_factory=list)

    @property
    def note(self) -> Note:
        """The finding in few words, which hold for all its places."""
        note = self.first if len(self.places) == 1 else self.general
        # A command goes with the last sentence.
        remediation = note.remediation if note.command else _brief(note.remediation)
        return replace(note, text=_brief(note.text), remediation=remediation)

    @property
    def where(self) -> str:
        """The places, the first of them by name."""
        return first_of(self.places, _NAMED)


def render_short(audit: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return an audit in short, as lines of at most `width` columns (79 at least, 120 at most).

    `audit` has the shape of `ansible_facts.cloudtrail_kms`.
    """
    width = legible(width)
    blocks = [[title(audit)], what_is_wrong(audit, width, paint), closing(audit, width) + left_out(audit)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def what_is_wrong(audit: Mapping[str, Any], width: int, paint: Paint) -> list[str]:
    """Return the lines of the accounts that are not fine, and of what was found there."""
    lines = [*_account_lines(audit, width, paint)]
    groups = [*_groups(audit)]
    lines += ["", *grouped_lines([(each.note, each.where) for each in groups], width, paint)] if groups else []
    return lines


def left_out(audit: Mapping[str, Any], *, changes: bool = False) -> list[str]:
    """Return the lines that count the advice, and say how to see it and all else that the short form leaves out.

    Of an enforcement with `changes` that is each of these as well.
    """
    keys = sum(len(account.get("former_keys", ())) for account in audit["accounts"])
    advised = sum(
        any(each["level"] == "advised" and each["status"] in ("fail", "unknown") for each in trail["findings"])
        for _account, trail in distinct_trails(audit["accounts"])
    )
    counted = [count(number, noun) for number, noun in ((advised, "trail"), (keys, "old key")) if number]
    lines = [f"Advice    {', '.join(counted)}"] if counted else []
    if changes:
        lines.append("In full   -e cloudtrail_kms_table=full --diff adds changes, policies and advice")
    elif counted or any(account["verdict"] not in _FINE for account in audit["accounts"]):
        lines.append("In full   -e cloudtrail_kms_table=full adds advice and longer texts")
    return lines


def _account_lines(audit: Mapping[str, Any], width: int, paint: Paint) -> Iterator[str]:
    """Yield a line for each account that is not fine; those that only inherit a trail which is not are counted."""
    wrong = [account for account in audit["accounts"] if account["verdict"] not in _FINE]
    inheriting = Counter((account["verdict"], trail) for account in wrong if (trail := _inherited_trouble(account)))
    rows = [_cells(account) for account in wrong if not _inherited_trouble(account)]
    if rows:
        grid = Grid(_LAYOUT, rows, width)
        yield grid.heading(paint)
        for row in rows:
            yield from grid.lines(row, VERDICT_TONES[row[-1]], paint)
    for (verdict, trail), number in inheriting.items():
        yield printable(f"{count(number, 'account')} {verdict} only by the inherited trail {trail}")


def _cells(account: Mapping[str, Any]) -> tuple[str, str, str, str]:
    own = [trail for trail in account["trails"] if trail["ownership"] != "inherited"]
    trails = f"{sum(trail['verdict'] == account['verdict'] for trail in own)} of {len(own)}" if own else "-"
    return account["account_id"], account.get("account_name") or "-", trails, account["verdict"]


def _inherited_trouble(account: Mapping[str, Any]) -> str:
    """Return the inherited trails that alone keep an account from being fine, or an empty text."""
    wrong = [trail for trail in account["trails"] if trail["verdict"] != "compliant"]
    if (
        not wrong
        or any(trail["ownership"] != "inherited" for trail in wrong)
        or any(note.mark in _SHOWN for note in account_notes(account))
    ):
        return ""
    return ", ".join(f"{trail['name']} of account {trail['arn'].split(':')[4]}" for trail in wrong)


def _groups(audit: Mapping[str, Any]) -> list[_Group]:
    """Return the findings: who was not entered, as others follow from it, then the worst, then those of most places."""
    groups: dict[tuple[str, ...], _Group] = {}
    for note, general, place in _findings(audit):
        key = (note.mark, note.subject, general.text, general.remediation, general.command)
        groups.setdefault(key, _Group(first=note, general=general)).places.append(place)
    return sorted(groups.values(), key=_order)


def _order(group: _Group) -> tuple[bool, int, int]:
    is_closed = group.first.subject.startswith("sts:AssumeRole ")
    return not is_closed, _SHOWN.index(group.first.mark), -len(group.places)


def _findings(audit: Mapping[str, Any]) -> Iterator[tuple[Note, Note, str]]:
    """Yield each finding: in its own words, in words that other trails may share, and where it is."""
    inheriting = _inheriting(audit)
    for account, trail in distinct_trails(audit["accounts"]):
        number = inheriting[trail["arn"]]
        inherited_by = f", inherited by {count(number, 'account')}" if number else ""
        place = f"{trail['name']} ({account['account_id']}, {trail['home_region']}{inherited_by})"
        for note in finding_notes(trail["findings"]):
            if note.mark in _SHOWN:
                yield note, _general(note, account, trail), place
    for account in audit["accounts"]:
        for note in account_notes(account, beside=_SHOWN):
            if note.mark in _SHOWN:
                general = _in_general(note, {account["account_id"]: "ACCOUNT_ID"})
                yield note, general, f"account {account['account_id']}"


def _inheriting(audit: Mapping[str, Any]) -> Counter[str]:
    """Count the accounts that see a trail of another one, by its ARN."""
    rows = (trail for account in audit["accounts"] for trail in account["trails"])
    return Counter(trail["arn"] for trail in rows if trail["ownership"] != "owned")


def _brief(text: str) -> str:
    """Return the first sentences of a text: the reports that are joined have no summary of a message."""
    brief, *others = _SENTENCE_END.split(text)
    for sentence in others:
        if len(brief) + 1 + len(sentence) > _MOST_CHARACTERS:
            break
        brief = f"{brief} {sentence}"
    return brief if len(brief) <= _ENDLESS else f"{brief[:_ENDLESS].rpartition(' ')[0]} ..."


def _general(note: Note, account: Mapping[str, Any], trail: Mapping[str, Any]) -> Note:
    """Return the note with words in the place of the names that differ from trail to trail."""
    regions = {trail["home_region"], (trail["kms_key_arn"] or ":::").split(":")[3]}
    names = {trail["arn"]: "TRAIL_ARN", trail["kms_key_arn"]: "KEY_ARN", account["account_id"]: "ACCOUNT_ID"}
    # The name of a bucket may be any word: it is one only behind these.
    buckets = {f"{before}{trail['bucket_name']}": f"{before}BUCKET" for before in ("bucket ", "s3:::", "logs to ")}
    words = names | dict.fromkeys(regions, "REGION") | {trail["bucket_name"]: trail["bucket_name"]} | buckets
    return _in_general(note, words)


def _in_general(note: Note, words: Mapping[str | None, str]) -> Note:
    text, remediation, command = (in_general(each, words) for each in (note.text, note.remediation, note.command))
    return replace(note, text=text, remediation=remediation, command=command)


_OF_CHANGES = (ACCOUNT, NAME, Column(heading="CHANGES", shares=True), Column(heading="BEFORE"), Column(heading="AFTER"))


def render_short_enforcement(enforcement: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the changes by account, why others are refused or failed, and what is wrong afterwards.

    `enforcement` has the shape that `render_enforcement` takes.
    """
    width = legible(width)
    shown = enforcement["after"] if has_after(enforcement) else enforcement["before"]
    blocks = [
        [title_after(enforcement) if has_after(enforcement) else title(shown)],
        [*_changes(enforcement, width, paint)],
        [*note_lines(reasons(enforcement, None), width, paint)][:-1],
        what_is_wrong(shown, width, paint),
        [*_operations(enforcement), *closing(shown, width), *left_out(shown, changes=bool(enforcement["changes"]))],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _changes(enforcement: Mapping[str, Any], width: int, paint: Paint) -> Iterator[str]:
    """Yield a line for each account with changes, in the order of these: keys that accounts share come first."""
    by_account: dict[str, Counter[str]] = {}
    for change in enforcement["changes"]:
        by_account.setdefault(change["account_id"], Counter())[change["status"]] += 1
    before, after = (
        {row["account_id"]: row for row in (enforcement[which] or {"accounts": ()})["accounts"]}
        for which in ("before", "after")
    )
    rows = [
        (
            account,
            before.get(account, {}).get("account_name") or "-",
            tally(statuses),
            before.get(account, {}).get("verdict", "-"),
            after.get(account, {}).get("verdict", "-"),
        )
        for account, statuses in by_account.items()
    ]
    if rows:
        grid = Grid(_OF_CHANGES, rows, width)
        yield grid.heading(paint)
        for row in rows:
            yield from grid.lines(row, VERDICT_TONES.get(row[-1], "quiet"), paint)


def _operations(enforcement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the line that counts the changes by their operations, those that failed apart."""
    parts = []
    for words, statuses in (("", DONE), ("failed: ", {"failed"})):
        operations = Counter(each["operation"] for each in enforcement["changes"] if each["status"] in statuses)
        if operations:
            parts.append(words + ", ".join(f"{number} {operation}" for operation, number in operations.items()))
    if parts:
        yield f"Changes   {'; '.join(parts)}"
