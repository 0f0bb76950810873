# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a JSON report that others may have changed, as far as it fits into memory. Nothing in it is believed yet."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from ...module_utils._facts import moment
from ...module_utils._regular_file import Room
from ._report_shape import ShapeError

# Of all reports of a run together: those of 40,000 accounts, which take four times as much memory. An account has about
# 400 values.
MOST_BYTES = 512 * 1024 * 1024
# No report is nested deeper than about ten levels. What Python writes itself ends at a thousand.
MOST_LEVELS = 50
# By so much may the clock of the machine that made a report be ahead of ours.
AHEAD = timedelta(minutes=5)


class NoJsonError(ValueError):
    """A file that is no JSON; the message says why."""


def read_report(path: str, room: Room) -> Any:
    """Return what a JSON file holds. Raises OSError, TooMuchError and NoJsonError."""
    content = room.read(path)
    try:
        read = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\ud" in content.lower():
            # Our reports never hold half a character (a lone surrogate): it cannot be encoded.
            json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NoJsonError(str(error)) from None
    _refuse_deep(read)
    return read


def refuse_empty_or_later(report: dict[str, Any], now: datetime) -> None:
    """Raise ShapeError for a report without accounts, which would fail nothing, and for one from the future."""
    if not report["accounts"]:
        raise ShapeError("there is none.", "accounts")
    if datetime.fromisoformat(report["generated_at"]) > now + AHEAD:
        raise ShapeError(f"{report['generated_at']} is yet to come; here it is {moment(now)}.", "generated_at")


def _refuse_deep(read: Any) -> None:
    level = [read] if isinstance(read, (dict, list)) else []
    for _number in range(MOST_LEVELS):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inside for value in values if isinstance(value, (dict, list))]
        if not level:
            return
    raise NoJsonError(f"it is nested more than {MOST_LEVELS} levels deep, which no report is")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
