# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which table a run is shown as, and below it what changed since the previous report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from ...module_utils._printable import printable
from .._reports import change_rows
from ._enforcement import render_enforcement
from ._grid import Paint, legible
from ._screen import Table
from ._short import render_short, render_short_enforcement
from ._table import render
from ._text import wrap

# Of more accounts a run is shown in short, unless it is asked to be shown in full.
MOST_IN_FULL = 20


def table_of(
    form: str | None,
    audit: Mapping[str, Any] | None,
    enforcement: Mapping[str, Any],
    comparison: Mapping[str, Any] | None = None,
) -> Table | None:
    """Return the table of an audit, or else of an enforcement, in the requested form or in the one that fits its size.

    Under the table stands the `comparison` with the previous report.
    """
    accounts = (audit or enforcement["before"])["accounts"]
    form = form or ("full" if len(accounts) <= MOST_IN_FULL else "short")
    if form == "none":
        return None
    if audit:
        table: Table = partial(render if form == "full" else render_short, audit)
    else:
        table = partial(render_enforcement if form == "full" else render_short_enforcement, enforcement)
    return partial(_with_comparison, table, comparison) if comparison else table


def _with_comparison(table: Table, comparison: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    lines = [*comparison_lines(comparison, legible(width))]
    return "\n".join([table(width=width, paint=paint), *(["", *lines] if lines else [])])


# Of each kind so many are shown: the reports have them all.
_SHOWN = 10
_MARGIN = " " * 12


def comparison_lines(comparison: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the lines that say what changed, none where nothing did."""
    for label, rows in groupby(change_rows(comparison), key=lambda row: row.label):
        listed = [*rows]
        for row in listed[:_SHOWN]:
            rules = f" {', '.join(row.rules)}" if row.rules else ""
            first, *others = wrap(printable(f"{row.place}:{rules} ({row.text})"), width - len(_MARGIN))
            yield f"{label:<12}{first}"
            yield from (f"{_MARGIN}{line}" for line in others)
        if len(listed) > _SHOWN:
            yield f"{_MARGIN}and {len(listed) - _SHOWN} more"
