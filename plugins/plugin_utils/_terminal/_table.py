# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit as a table for a person: one row a trail, and under it what is wrong and what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...module_utils._facts import distinct_trails
from ...module_utils._printable import count, first_of, printable
from .._reports import Note, Tone, account_notes, finding_notes, narrowings, verdict_words
from ._grid import LONGEST_REGION, Column, Grid, Paint, legible, note_lines
from ._text import wrap

# An account id has 12 digits and is never broken; its name wraps below it.
ACCOUNT = Column(heading="ACCOUNT", limit=12)
_LAYOUT = (
    ACCOUNT,
    Column(heading="REGION", limit=LONGEST_REGION),
    Column(heading="TRAIL", shares=True),
    Column(heading="KEY", shares=True, has_keys=True),
    Column(heading="VERDICT"),
)
VERDICT_TONES: Mapping[str, Tone] = {
    "compliant": "good",
    "non_compliant": "bad",
    "no_trails": "bad",
    "unknown": "unknown",
    "not_applicable": "quiet",
}
# Of the roles that could not be assumed.
_MOST_ROLES = 3
_TALLIED = ("compliant", "pass", "non_compliant", "fail", "no_trails", "unknown", "not_applicable")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: account, region, trail, key and verdict in words. `arn` is the trail's, None for the account's own."""

    cells: tuple[str, str, str, str, str]
    verdict: str
    arn: str | None = None
    notes: tuple[Note, ...] = ()


def render(audit: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the table of an audit, as lines of at most `width` columns (79 at least, 120 at most).

    `audit` has the shape of `ansible_facts.cloudtrail_kms`.
    """
    width = legible(width)
    rows = [row for account in audit["accounts"] for row in account_rows(account)]
    grid = Grid(_LAYOUT, [row.cells for row in rows], width)
    lines = [title(audit), "", grid.heading(paint)]
    for row in rows:
        lines += [*grid.lines(row.cells, VERDICT_TONES[row.verdict], paint), *note_lines(row.notes, width, paint)]
    return "\n".join(lines).rstrip() + "\n\n" + "\n".join(closing(audit, width))


def title(audit: Mapping[str, Any]) -> str:
    """Return the line above the table of an audit."""
    summary = audit["summary"]
    counted = f"{count(summary['accounts'], 'account')}, {count(summary['trails'], 'trail')}"
    return f"CloudTrail KMS audit of {printable(audit['generated_at'])}: {counted}"


def account_rows(account: Mapping[str, Any]) -> list[Row]:
    """Return the rows of an account: its trails, and itself where there is something to say of it."""
    account_id, name = account["account_id"], account.get("account_name")
    aliases = {key["arn"]: key["aliases"] for key in account["kms_keys"]}
    rows = [_trail_row(account_id, trail, aliases) for trail in account["trails"]]
    notes = tuple(account_notes(account))
    if notes or not rows:
        verdict = account["verdict"]
        rows.append(Row(cells=(account_id, "-", "-", "-", verdict_words(account)), verdict=verdict, notes=notes))
    if name:
        # It stands once, so that rows of one line stay rows of one line.
        rows[0] = replace(rows[0], cells=(f"{account_id} {name}", *rows[0].cells[1:]))
    return rows


def _trail_row(account_id: str, trail: Mapping[str, Any], aliases: Mapping[str, Sequence[str] | None]) -> Row:
    return Row(
        cells=(
            account_id,
            trail["home_region"],
            _trail_cell(trail),
            _key_cell(trail["kms_key_arn"], aliases),
            verdict_words(trail),
        ),
        verdict=trail["verdict"],
        arn=trail["arn"],
        notes=tuple(finding_notes(trail["findings"])),
    )


def _trail_cell(trail: Mapping[str, Any]) -> str:
    name = trail["name"]
    return name if trail["ownership"] == "owned" else f"{name} ({trail['ownership']})"


def _key_cell(arn: str | None, aliases: Mapping[str, Sequence[str] | None]) -> str:
    if arn is None:
        return "none"
    return (aliases.get(arn) or [arn.rpartition("/")[2]])[0]


def closing(audit: Mapping[str, Any], width: int) -> list[str]:
    """Return the lines that count the verdicts, each trail once, and say what the audit was narrowed by."""
    accounts = audit["accounts"]
    trails = [trail for _account, trail in distinct_trails(accounts)]
    excepted = audit["summary"]["excepted"]
    lines = [
        f"Accounts  {_tally(account['verdict'] for account in accounts)}",
        f"Trails    {_tally(trail['verdict'] for trail in trails)}",
        f"CIS 3.5   {_tally(trail['cis_3_5'] for trail in trails)} (only asks whether a key is set)",
    ]
    lines += [f"Excepted  {count(excepted, 'trail')}"] if excepted else []
    if closed := [*filter(None, map(not_entered, accounts))]:
        roles = first_of([*dict.fromkeys(closed)], _MOST_ROLES)
        lines.append(printable(f"No entry  {len(closed)} of {count(len(accounts), 'account')}, by the role {roles}"))
    margin = " " * len("Narrowed  ")
    for narrowing in narrowings(audit):
        first, *others = wrap(narrowing, width - len(margin))
        lines += [f"Narrowed  {first}", *(margin + line for line in others)]
    return lines


def not_entered(account: Mapping[str, Any]) -> str:
    """Return the name of the role that could not be assumed in the account itself, or an empty text."""
    pattern = re.compile(rf"\brole \S+:{re.escape(account['account_id'])}:role/(\S+)")
    messages = (error["message"] for error in account["errors"] if error["operation"] == "AssumeRole")
    return next((found[1] for each in messages if (found := pattern.search(each))), "")


def _tally(words: Iterable[str]) -> str:
    counts = Counter(words)
    return ", ".join(f"{counts[word]} {word}" for word in _TALLIED if counts[word]) or "none"
