# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enforcement as tables for a person: the audit before, one row a change, and the verdicts before and after."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._grid import (
    LONGEST_REGION,
    Column,
    Grid,
    Paint,
    count,
    detail_lines,
    legible,
    note_lines,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._notes import Note, Tone, as_variables
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._on_demand import on_demand
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._table import (
    VERDICT_TONES,
    account_rows,
    closing,
    render,
)

_CHANGES = (
    Column(heading="OPERATION"),
    Column(heading="REGION", limit=LONGEST_REGION),
    Column(heading="RESOURCE", shares=True),
    Column(heading="STATUS"),
)
_VERDICTS = (
    Column(heading="REGION", limit=LONGEST_REGION),
    Column(heading="TRAIL", shares=True),
    Column(heading="KEY", shares=True),
    Column(heading="BEFORE"),
    Column(heading="AFTER"),
)
_STATUS_TONES: Mapping[str, Tone] = {
    "planned": "doubt",
    "applied": "good",
    "failed": "bad",
    "not_attempted": "quiet",
}


def render_enforcement(enforcement: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the audit before, the changes, and the audit after, as lines of at most `width` columns (79 to 120).

    `enforcement` is a result of cloudtrail_kms_enforce: `before`, `after`, `changes`, `refusals` and `errors`; with
    `backup_path`, the file that holds what was replaced.
    Where nothing was done, or the account could not be read again, there is nothing to say of after.
    """
    width = legible(width)
    parts = [render(enforcement["before"], width=width, paint=paint)]
    (account,) = enforcement["before"]["accounts"]
    account_id = account["account_id"]
    parts.append(_changes(f"Changes to account {account_id}", account_id, enforcement, width, paint))
    if enforcement["after"] and _statuses(enforcement) - {"not_attempted"}:
        parts.append(_after(enforcement, width, paint))
    if enforcement.get("backup_path"):
        parts.append(f"Backup    {printable(enforcement['backup_path'])} (cloudtrail_kms_restore puts it back)")
    return "\n\n\n".join(parts)


def render_key(told: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the changes to a key that accounts share, as lines of at most `width` columns (79 to 120).

    `told` is a result of cloudtrail_kms_central_key, with the `trails` it was asked for.
    """
    title = f"Changes to the key of account {told['account_id']} for {count(len(told['trails']), 'trail')}"
    return _changes(title, told["account_id"], told, legible(width), paint)


def _statuses(enforcement: Mapping[str, Any]) -> set[str]:
    return {change["status"] for change in enforcement["changes"]}


def _changes(title: str, account_id: str, enforcement: Mapping[str, Any], width: int, paint: Paint) -> str:
    changes = enforcement["changes"]
    statuses = Counter(change["status"] for change in changes)
    tally = ", ".join(f"{statuses[status]} {status}" for status in _STATUS_TONES if statuses[status]) or "none"
    lines = [f"{printable(title)}: {tally}", ""]
    if changes:
        lines += [*_change_lines(changes, account_id, width, paint), ""]
    lines += note_lines(_reasons(enforcement), width, paint)
    asked = as_variables(enforcement["refusals"])
    lines += detail_lines(asked, width) if asked else ()
    return "\n".join(lines).rstrip()


def _change_lines(changes: Sequence[Mapping[str, Any]], account_id: str, width: int, paint: Paint) -> Iterator[str]:
    rows = [_change_cells(change, account_id) for change in changes]
    grid = Grid(_CHANGES, rows, width)
    yield grid.heading(paint)
    for change, cells in zip(changes, rows, strict=True):
        yield from grid.lines(cells, _STATUS_TONES[change["status"]], paint)
        for detail in _details(change):
            yield from detail_lines(detail, width)


def _change_cells(change: Mapping[str, Any], account_id: str) -> tuple[str, str, str, str]:
    """A resource of the account goes by the last part of its ARN, since the rest is said beside it."""
    *_prefix, owner, name = change["resource"].split(":", 5)
    resource = name if owner == account_id else change["resource"]
    return change["operation"], change["region"], resource, change["status"]


def _details(change: Mapping[str, Any]) -> Iterator[str]:
    """Yield what changes, one field each."""
    before = change["before"]
    for field, value in change["after"].items():
        if field == "policy":
            words = on_demand("_statements").policy_words(before["policy"] if before else None, value)
            yield f"policy: {words}"
        elif before is None:
            yield f"{field}: {_value(value)}"
        else:
            yield f"{field}: {_value(before.get(field))} -> {_value(value)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _reasons(enforcement: Mapping[str, Any]) -> list[Note]:
    refusals = [("REFUSED", text) for text in enforcement["refusals"]]
    errors = [("FAILED", text) for text in enforcement["errors"]]
    return [Note(mark=mark, tone="bad", subject="", text=text, remediation="") for mark, text in (*refusals, *errors)]


def _after(enforcement: Mapping[str, Any], width: int, paint: Paint) -> str:
    before, after = enforcement["before"], enforcement["after"]
    (account,) = after["accounts"]
    verdicts = {trail["arn"]: trail["verdict"] for trail in before["accounts"][0]["trails"]}
    found = account_rows(account)
    rows = [(*row.cells[1:4], verdicts.get(row.arn, before["accounts"][0]["verdict"]), row.cells[-1]) for row in found]
    grid = Grid(_VERDICTS, rows, width)
    lines = [_title(enforcement), "", grid.heading(paint)]
    for row, cells in zip(found, rows, strict=True):
        lines += [*grid.lines(cells, VERDICT_TONES[cells[-1]], paint), *note_lines(row.notes, width, paint)]
    return "\n".join(lines).rstrip() + "\n\n" + "\n".join(closing(after, width))


def _title(enforcement: Mapping[str, Any]) -> str:
    """A plan predicts; a run has read again."""
    after = enforcement["after"]
    trails = count(after["summary"]["trails"], "trail")
    if "planned" in _statuses(enforcement):
        return f"CloudTrail KMS audit as these changes will leave it: {trails}"
    return f"CloudTrail KMS audit of {printable(after['generated_at'])}, after these changes: {trails}"
