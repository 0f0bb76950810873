# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of an enforcement as lines for a person: what is done, where, to what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._text import pad, printable, wrap

_STATUSES = ("planned", "applied", "failed", "not_attempted")
_GAP = "  "


def render_changes(changes: Sequence[Mapping[str, Any]], *, width: int) -> str:
    """Return the changes, in their order, as lines of at most `width` columns.

    `changes` has the shape of the value of that name that `cloudtrail_kms_enforce` returns.
    """
    counts = Counter(change["status"] for change in changes)
    told = ", ".join(f"{counts[status]} {status}" for status in _STATUSES if counts[status])
    rows = [(change["status"], change["operation"], change["region"]) for change in changes]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)] if rows else []
    lines = [f"Changes   {len(changes)}{f': {told}' if told else ''}"]
    for row, change in zip(rows, changes, strict=True):
        left = "    " + "".join(pad(printable(cell), size) + _GAP for cell, size in zip(row, widths, strict=True))
        first, *others = wrap(printable(_target(change)), width - len(left))
        lines += [left + first, *(" " * len(left) + line for line in others)]
    return "\n".join(lines)


def _target(change: Mapping[str, Any]) -> str:
    """What the change is done to, without the ARN's head; of a trail its key as well, of an alias its key."""
    name = _short(change["resource"])
    if change["operation"] == "UpdateTrail":
        before = change["before"]["kms_key_arn"]
        return f"{name}: {_short(before) if before else 'no key'} -> {_short(change['after']['kms_key_arn'])}"
    if change["operation"] == "CreateAlias":
        return f"{name} -> {_short(change['after']['key_arn'])}"
    return name


def _short(arn: str) -> str:
    return arn.split(":", 5)[-1]
