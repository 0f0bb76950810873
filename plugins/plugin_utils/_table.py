# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit as a table for a person: one row a trail, and under it what is wrong and what to do.

Marks and rules are plain ASCII words, so that the table reads the same in a terminal, in a pipe,
in the log of a controller and in a mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, TypeAlias

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._notes import (
    Note,
    Tone,
    account_notes,
    finding_notes,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._text import columns, pad, printable, wrap

Paint: TypeAlias = Callable[[str, Tone], str]

_HEADINGS = ("ACCOUNT", "REGION", "TRAIL", "KEY", "VERDICT")
_GAP = "  "
# Wider lines are hard to read; narrower ones Ansible does not print either.
_WIDEST, _NARROWEST = 120, 79
# An account id has 12 digits and is never broken; its name wraps below it.
_ACCOUNT_WIDTH = 12

_VERDICT_TONES: Mapping[str, Tone] = {
    "compliant": "good",
    "non_compliant": "bad",
    "no_trails": "bad",
    "unknown": "doubt",
    "not_applicable": "quiet",
}
_TALLIED = ("compliant", "pass", "non_compliant", "fail", "no_trails", "unknown", "not_applicable")
# The longest mark of a note.
_MARK_WIDTH = 8
_NOTE_INDENT = 4


@dataclass(frozen=True, kw_only=True)
class _Row:
    cells: tuple[str, str, str, str, str]
    notes: tuple[Note, ...] = ()


def render(audit: Mapping[str, Any], *, width: int, paint: Paint, title: str = "CloudTrail KMS audit") -> str:
    """Return the table of an audit, as lines of at most `width` columns (79 at least, 120 at most).

    `audit` has the shape of `ansible_facts.cloudtrail_kms`. `paint` colours a piece of text that
    is laid out already, so that its escape sequences are never measured.
    """
    width = min(max(width, _NARROWEST), _WIDEST)
    rows = [row for account in audit["accounts"] for row in _account_rows(account)]
    widths = _column_widths([_HEADINGS, *(row.cells for row in rows)], width)
    lines = [
        f"{title} of {printable(audit['generated_at'])}: "
        f"{_count(audit['summary']['accounts'], 'account')}, {_count(audit['summary']['trails'], 'trail')}",
        "",
        paint(_joined(_HEADINGS, widths).rstrip(), "strong"),
    ]
    for row in rows:
        lines += [*_row_lines(row, widths, paint), *_note_lines(row.notes, width, paint)]
    return "\n".join(lines).rstrip() + "\n\n" + "\n".join(_closing(audit))


def _account_rows(account: Mapping[str, Any]) -> list[_Row]:
    account_id, name = account["account_id"], account.get("account_name")
    aliases = {key["arn"]: key["aliases"] for key in account["kms_keys"]}
    rows = [_trail_row(account_id, trail, aliases) for trail in account["trails"]]
    notes = tuple(account_notes(account))
    if notes or not rows:
        rows.append(_Row(cells=(account_id, "-", "-", "-", account["verdict"]), notes=notes))
    if name:
        # It stands once, so that rows of one line stay rows of one line.
        rows[0] = replace(rows[0], cells=(printable(f"{account_id} {name}"), *rows[0].cells[1:]))
    return rows


def _trail_row(account_id: str, trail: Mapping[str, Any], aliases: Mapping[str, Sequence[str] | None]) -> _Row:
    return _Row(
        cells=(
            account_id,
            printable(trail["home_region"]),
            _trail_cell(trail),
            _key_cell(trail["kms_key_arn"], aliases),
            trail["verdict"],
        ),
        notes=tuple(finding_notes(trail["findings"])),
    )


def _trail_cell(trail: Mapping[str, Any]) -> str:
    name = printable(trail["name"])
    return name if trail["ownership"] == "owned" else f"{name} ({trail['ownership']})"


def _key_cell(arn: str | None, aliases: Mapping[str, Sequence[str] | None]) -> str:
    if arn is None:
        return "none"
    return printable((aliases.get(arn) or [arn.rpartition("/")[2]])[0])


def _column_widths(table: Sequence[Sequence[str]], width: int) -> tuple[int, ...]:
    """Return the width of each column: the names of trail and key share what the others leave."""
    longest = (max(columns(cell) for cell in column) for column in zip(*table, strict=True))
    account, region, trail, key, verdict = longest
    account = min(account, _ACCOUNT_WIDTH)
    room = width - account - region - verdict - len(_GAP) * (len(_HEADINGS) - 1)
    trail = min(trail, max(room // 2, room - key))
    return account, region, trail, min(key, room - trail), verdict


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(pad(cell, width) for cell, width in zip(cells, widths, strict=True))


def _row_lines(row: _Row, widths: Sequence[int], paint: Paint) -> Iterator[str]:
    """Only names wrap: the column of the verdict has the width of the longest one."""
    wrapped = [wrap(cell, width) for cell, width in zip(row.cells, widths, strict=True)]
    (*names, verdict), *others = zip_longest(*wrapped, fillvalue="")
    yield _joined([*names, ""], [*widths[:-1], 0]) + paint(verdict, _VERDICT_TONES[verdict])
    for line in others:
        yield _joined(line, widths).rstrip()


def _note_lines(notes: Sequence[Note], width: int, paint: Paint) -> Iterator[str]:
    margin = " " * (_NOTE_INDENT + _MARK_WIDTH + len(_GAP))
    for note, to_do in zip(notes, _to_dos(notes), strict=True):
        text = wrap(f"{note.subject}: {note.text}", width - len(margin))
        first, *others = [*text, *wrap(to_do, width - len(margin))]
        yield " " * _NOTE_INDENT + paint(pad(note.mark, _MARK_WIDTH), note.tone) + _GAP + first
        yield from (margin + line for line in others if line)
    if notes:
        yield ""


def _to_dos(notes: Iterable[Note]) -> Iterator[str]:
    """Say once what is to be done: one cause makes several rules fail, and one deed mends them."""
    told: dict[str, str] = {}
    for note in notes:
        subject = told.setdefault(note.remediation, note.subject)
        if not note.remediation:
            yield ""
        elif subject == note.subject:
            yield f"To do: {note.remediation}"
        else:
            yield f"To do: as for {subject}."


def _closing(audit: Mapping[str, Any]) -> list[str]:
    accounts = audit["accounts"]
    trails = [trail for account in accounts for trail in account["trails"]]
    excepted = audit["summary"]["excepted"]
    lines = [
        f"Accounts  {_tally(account['verdict'] for account in accounts)}",
        f"Trails    {_tally(trail['verdict'] for trail in trails)}",
        f"CIS 3.5   {_tally(trail['cis_3_5'] for trail in trails)} (a key is set, whatever its state)",
    ]
    return [*lines, f"Excepted  {_count(excepted, 'trail')}"] if excepted else lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tally(words: Iterable[str]) -> str:
    counts = Counter(words)
    return ", ".join(f"{counts[word]} {word}" for word in _TALLIED if counts[word]) or "none"
