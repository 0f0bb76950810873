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
from dataclasses import dataclass
from itertools import chain, repeat, zip_longest
from typing import Any, Literal, TypeAlias

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._text import columns, pad, printable, wrap

Tone: TypeAlias = Literal["strong", "good", "bad", "doubt", "quiet"]
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
# In the order of the notes under a trail. What passes or does not apply needs no words.
_MARKS: Mapping[tuple[str, str], tuple[str, Tone]] = {
    ("fail", "required"): ("FAIL", "bad"),
    ("unknown", "required"): ("UNKNOWN", "doubt"),
    ("excepted", "required"): ("excepted", "quiet"),
    ("fail", "advised"): ("advice", "quiet"),
    ("unknown", "advised"): ("advice", "quiet"),
    ("excepted", "advised"): ("excepted", "quiet"),
}
_MARK_WIDTH = max(len(mark) for mark, _ in _MARKS.values())
_NOTE_INDENT = 4


@dataclass(frozen=True, kw_only=True)
class _Note:
    mark: str
    tone: Tone
    text: str
    remediation: str


@dataclass(frozen=True, kw_only=True)
class _Row:
    cells: tuple[str, str, str, str, str]
    notes: tuple[_Note, ...] = ()


def render(audit: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the table of an audit, as lines of at most `width` columns (79 at least, 120 at most).

    `audit` has the shape of `ansible_facts.cloudtrail_kms`. `paint` colours a piece of text that
    is laid out already, so that its escape sequences are never measured.
    """
    width = min(max(width, _NARROWEST), _WIDEST)
    rows = [row for account in audit["accounts"] for row in _account_rows(account)]
    widths = _column_widths([_HEADINGS, *(row.cells for row in rows)], width)
    lines = [
        f"CloudTrail KMS audit of {printable(audit['generated_at'])}: "
        f"{_count(audit['summary']['accounts'], 'account')}, {_count(audit['summary']['trails'], 'trail')}",
        "",
        paint(_joined(_HEADINGS, widths).rstrip(), "strong"),
    ]
    for row in rows:
        lines += [*_row_lines(row, widths, paint), *_note_lines(row.notes, width, paint)]
    return "\n".join(lines).rstrip() + "\n\n" + "\n".join(_closing(audit))


def _account_rows(account: Mapping[str, Any]) -> Iterator[_Row]:
    account_id, name = account["account_id"], account.get("account_name")
    # The name stands once, in the account's first row.
    labels = chain([printable(f"{account_id} {name}") if name else account_id], repeat(account_id))
    aliases = {key["arn"]: key["aliases"] for key in account["keys"]}
    for trail in account["trails"]:
        yield _Row(
            cells=(
                next(labels),
                printable(trail["home_region"]),
                _trail_cell(trail),
                _key_cell(trail["kms_key_arn"], aliases),
                trail["verdict"],
            ),
            notes=tuple(_finding_notes(trail["findings"])),
        )
    if account["errors"] or not account["trails"]:
        yield _Row(cells=(next(labels), "-", "-", "-", account["verdict"]), notes=tuple(_account_notes(account)))


def _trail_cell(trail: Mapping[str, Any]) -> str:
    name = printable(trail["name"])
    return name if trail["ownership"] == "owned" else f"{name} ({trail['ownership']})"


def _key_cell(arn: str | None, aliases: Mapping[str, Sequence[str] | None]) -> str:
    if arn is None:
        return "none"
    return printable((aliases.get(arn) or [arn.rpartition("/")[2]])[0])


def _finding_notes(findings: Sequence[Mapping[str, Any]]) -> Iterator[_Note]:
    for (status, level), (mark, tone) in _MARKS.items():
        for finding in findings:
            if (finding["status"], finding["level"]) == (status, level):
                yield _Note(
                    mark=mark,
                    tone=tone,
                    text=printable(f"{finding['rule']}: {finding['message']}{_exception(finding)}"),
                    remediation="" if status == "excepted" else printable(finding["remediation"]),
                )


def _exception(finding: Mapping[str, Any]) -> str:
    if finding["status"] != "excepted":
        return ""
    exception = finding["evidence"]["exception"]
    return f" Excepted until {exception['expires']} by {exception['owner']}: {exception['reason']}"


def _account_notes(account: Mapping[str, Any]) -> Iterator[_Note]:
    if account["verdict"] == "no_trails":
        yield _Note(
            mark="FAIL",
            tone="bad",
            text="No trail records this account.",
            remediation="Create a multi-region trail whose logs are encrypted under a customer managed KMS key.",
        )
    # A service control policy closes many regions with one and the same refusal: one note for all of them.
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for error in account["errors"]:
        alike.setdefault((error["iam_action"], error["code"]), []).append(error)
    for (action, code), errors in alike.items():
        regions = ", ".join(error["region"] for error in errors)
        yield _Note(
            mark="not read",
            tone="doubt",
            text=printable(f"{action} in {regions}: {code}: {errors[0]['message']}"),
            remediation=printable(f"Allow {action} to the credentials of the audit.") if _is_denial(code) else "",
        )


def _is_denial(code: str) -> bool:
    """AccessDenied and AccessDeniedException; EC2 says UnauthorizedOperation; HEAD requests have a bare 403."""
    return "Denied" in code or "Unauthorized" in code or code == "403"


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


def _note_lines(notes: Sequence[_Note], width: int, paint: Paint) -> Iterator[str]:
    margin = " " * (_NOTE_INDENT + _MARK_WIDTH + len(_GAP))
    for note, to_do in zip(notes, _to_dos(notes), strict=True):
        first, *others = [*wrap(note.text, width - len(margin)), *wrap(to_do, width - len(margin))]
        yield " " * _NOTE_INDENT + paint(pad(note.mark, _MARK_WIDTH), note.tone) + _GAP + first
        yield from (margin + line for line in others if line)
    if notes:
        yield ""


def _to_dos(notes: Iterable[_Note]) -> Iterator[str]:
    """Say once what is to be done: one cause makes several rules fail, and one deed mends them."""
    told: set[str] = set()
    for note in notes:
        if not note.remediation:
            yield ""
        elif note.remediation in told:
            yield "To do: as above."
        else:
            told.add(note.remediation)
            yield f"To do: {note.remediation}"


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
