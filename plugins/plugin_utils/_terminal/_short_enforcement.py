# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enforcement of many accounts in short: a line for each account that changes, and what stays wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ._enforcement import has_after, reasons, tally, title_after
from ._grid import Column, Grid, Paint, legible, note_lines
from ._short import ACCOUNT, NAME, left_out, what_is_wrong
from ._table import VERDICT_TONES, closing, title

_LAYOUT = (ACCOUNT, NAME, Column(heading="CHANGES", shares=True), Column(heading="BEFORE"), Column(heading="AFTER"))


def render_short_enforcement(enforcement: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the changes by account, why others are refused or failed, and what is wrong afterwards."""
    width = legible(width)
    shown = enforcement["after"] if has_after(enforcement) else enforcement["before"]
    blocks = [
        [title_after(enforcement) if has_after(enforcement) else title(shown)],
        [*_changes(enforcement, width, paint)],
        [*note_lines(reasons(enforcement, None), width, paint)][:-1],
        what_is_wrong(shown, width, paint),
        [*_operations(enforcement), *closing(shown, width), *left_out(shown)],
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
        grid = Grid(_LAYOUT, rows, width)
        yield grid.heading(paint)
        for row in rows:
            yield from grid.lines(row, VERDICT_TONES.get(row[-1], "quiet"), paint)


def _operations(enforcement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the line that counts the changes by their operations."""
    operations = Counter(change["operation"] for change in enforcement["changes"])
    if operations:
        yield f"Changes   {', '.join(f'{number} {operation}' for operation, number in operations.items())}"
