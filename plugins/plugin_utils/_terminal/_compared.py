# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed since the previous report, under the table of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from ...module_utils._printable import printable
from .._reports import change_rows
from ._text import wrap

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
