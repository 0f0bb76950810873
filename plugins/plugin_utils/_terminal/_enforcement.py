# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enforcement as tables for a person: the audit before, one row a change, and the verdicts before and after."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from ...module_utils._model import about
from ...module_utils._options import named
from ...module_utils._policy import Policy, Statement, meaning, parse
from ...module_utils._printable import count, first_of, printable
from .._reports import Note, Tone, field_value, verdict_words
from ._grid import LONGEST_REGION, Column, Grid, Paint, code_lines, detail_lines, legible, note_lines
from ._table import ACCOUNT, VERDICT_TONES, Row, account_rows, closing, render
from ._text import in_general

_CHANGES = (
    Column(heading="OPERATION"),
    Column(heading="REGION", limit=LONGEST_REGION),
    Column(heading="RESOURCE", shares=True, has_keys=True),
    Column(heading="STATUS"),
)
_VERDICTS = (
    Column(heading="REGION", limit=LONGEST_REGION),
    Column(heading="TRAIL", shares=True),
    Column(heading="KEY", shares=True, has_keys=True),
    Column(heading="BEFORE"),
    Column(heading="AFTER"),
)
STATUS_TONES: Mapping[str, Tone] = {"planned": "unknown", "applied": "good", "failed": "bad", "not_attempted": "quiet"}
# What changes something, in check mode or a run.
DONE = frozenset({"planned", "applied"})

# What may end a reason, and is to copy as it is.
_COMMAND = re.compile(r": (aws [a-z0-9-]+ [a-z0-9-]+ --.*)", re.DOTALL)
# Trails in one reason, of those that others share.
_NAMED = 3


def render_enforcement(enforcement: Mapping[str, Any], *, width: int, paint: Paint) -> str:
    """Return the audit before, the changes, and the audit after, as lines of at most `width` columns (79 to 120).

    `enforcement` is a result of cloudtrail_kms_enforce that is complete: `before`, `after`, `changes`,
    `refusals`, `errors` and `changed_accounts`.
    The audit after is left out if nothing was done, or no account could be read again.
    """
    width = legible(width)
    parts = [render(enforcement["before"], width=width, paint=paint), _changes(enforcement, width, paint)]
    if has_after(enforcement):
        parts.append(_after(enforcement, width, paint))
    return "\n\n\n".join(parts)


def _alone(enforcement: Mapping[str, Any]) -> str | None:
    """Return the only account of an enforcement, or None if there are several, which each row then names."""
    accounts = [account["account_id"] for account in enforcement["before"]["accounts"]]
    return accounts[0] if len(accounts) == 1 else None


def has_after(enforcement: Mapping[str, Any]) -> bool:
    """Return whether an enforcement has an audit after it to show."""
    return bool(enforcement["after"] and _statuses(enforcement) - {"not_attempted"})


def tally(statuses: Mapping[str, int]) -> str:
    """Return how many changes have each status, in words."""
    return ", ".join(f"{statuses[status]} {status}" for status in STATUS_TONES if statuses[status]) or "none"


def _statuses(enforcement: Mapping[str, Any]) -> set[str]:
    return {change["status"] for change in enforcement["changes"]}


def _changes(enforcement: Mapping[str, Any], width: int, paint: Paint) -> str:
    changes, alone = enforcement["changes"], _alone(enforcement)
    statuses = Counter(change["status"] for change in changes)
    changed = len(_changed_accounts(enforcement)) or len(enforcement["before"]["accounts"])
    whose = f"account {alone}" if alone else count(changed, "account")
    lines = [f"Changes to {printable(whose)}: {tally(statuses)}", ""]
    if changes:
        lines += [*_change_lines(changes, alone, width, paint), ""]
    lines += note_lines(reasons(enforcement, alone), width, paint)
    return "\n".join(lines).rstrip()


def _changed_accounts(enforcement: Mapping[str, Any]) -> set[str]:
    """Return the accounts with changes, without those that only own the key of other accounts' trails."""
    changed = {change["account_id"] for change in enforcement["changes"]}
    trails = {
        account["account_id"]
        for account in enforcement["before"]["accounts"]
        if any(trail["ownership"] != "inherited" for trail in account["trails"])
    }
    return changed & trails or changed


def _change_lines(changes: Sequence[Mapping[str, Any]], alone: str | None, width: int, paint: Paint) -> Iterator[str]:
    """Yield the changes in their order: shared keys first, then account by account."""
    rows = [_change_cells(change, alone) for change in changes]
    grid = Grid(_CHANGES if alone else (ACCOUNT, *_CHANGES), rows, width)
    yield grid.heading(paint)
    for change, cells in zip(changes, rows, strict=True):
        yield from grid.lines(cells, STATUS_TONES[change["status"]], paint)
        for detail in _details(change):
            yield from detail_lines(detail, width)
        for each in change.get("to_add", ()):
            yield from detail_lines(f"add to {each['tool']}:", width)
            yield from code_lines(each["text"])


def _change_cells(change: Mapping[str, Any], alone: str | None) -> tuple[str, ...]:
    """Return the cells of a change; a resource of the account itself is named by the last part of its ARN."""
    *_prefix, owner, name = change["resource"].split(":", 5)
    resource = name if owner == (alone or change["account_id"]) else change["resource"]
    cells = (change["operation"], change["region"], resource, change["status"])
    return cells if alone else (change["account_id"], *cells)


def _details(change: Mapping[str, Any]) -> Iterator[str]:
    """Yield what changes, one field each."""
    before = change["before"]
    for field, value in change["after"].items():
        if field == "policy":
            words = policy_words(before["policy"] if before else None, value)
            yield f"policy: {words}"
        elif before is None:
            yield f"{field}: {field_value(value)}"
        else:
            yield f"{field}: {field_value(before.get(field))} -> {field_value(value)}"


def reasons(enforcement: Mapping[str, Any], alone: str | None) -> list[Note]:
    """Return refusals and failures; of several accounts, each once, with all accounts that it is about.

    Those that differ in the names of accounts, trails and keys alone are one, with words in the place of these names,
    unless several accounts share the very words.
    """
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for mark, rows in (("REFUSED", enforcement["refusals"]), ("FAILED", enforcement["errors"])):
        shared = Counter(why for _account, why in {(each["account_id"], _why(each)) for each in rows})
        for each in rows:
            words = _why(each) if shared[_why(each)] > 1 else _general(each)
            alike.setdefault((mark, each["message"] if alone else words), []).append(each)
    return [
        _note_of_reason(
            mark,
            "" if alone else named(list(dict.fromkeys(each["account_id"] for each in group))),
            words if alone else _reason(words, group),
        )
        for (mark, words), group in alike.items()
    ]


def _note_of_reason(mark: str, subject: str, words: str) -> Note:
    text, command = (*_COMMAND.split(words), "")[:2]
    return Note(mark=mark, tone="bad", subject=subject, text=text, remediation="", command=command)


def _reason(general: str, group: Sequence[Mapping[str, Any]]) -> str:
    """Return what a group of refusals or failures says: in its own words where they are the same for all."""
    own = {_why(each) for each in group}
    trails = list(chain.from_iterable(each["trails"] for each in group))
    return f"{_trails_named(trails)}{own.pop() if len(own) == 1 else general}"


def _why(reason: Mapping[str, Any]) -> str:
    message: str = reason["message"]
    return message.removeprefix(about(reason["trails"]))


def _general(reason: Mapping[str, Any]) -> str:
    names = {reason["key"]: "KEY_ARN", reason["account_id"]: "ACCOUNT_ID"}
    return in_general(_why(reason), dict.fromkeys(reason["trails"], "TRAIL_ARN") | names)


def _trails_named(arns: Sequence[str]) -> str:
    """Return how a reason about trails begins; of many trails the first are named."""
    return f"The trail{'s' if len(arns) > 1 else ''} {first_of(arns, _NAMED)}: " if arns else ""


def _after(enforcement: Mapping[str, Any], width: int, paint: Paint) -> str:
    after, alone = enforcement["after"], _alone(enforcement)
    judged = _judged(enforcement, alone)
    rows = [(*row.cells[1 if alone else 0 : 4], verdict, row.cells[-1]) for row, verdict in judged]
    grid = Grid(_VERDICTS if alone else (ACCOUNT, *_VERDICTS), rows, width)
    lines = [title_after(enforcement), "", grid.heading(paint)]
    for (row, _verdict), cells in zip(judged, rows, strict=True):
        lines += [*grid.lines(cells, VERDICT_TONES[row.verdict], paint), *note_lines(row.notes, width, paint)]
    return "\n".join(lines).rstrip() + "\n\n" + "\n".join(closing(after, width))


def _judged(enforcement: Mapping[str, Any], alone: str | None) -> list[tuple[Row, str]]:
    """Return the rows afterwards, each with the verdict before; of notes that stood there the rules are enough."""
    was = {account["account_id"]: account for account in enforcement["before"]["accounts"]}
    judged = []
    for account in enforcement["after"]["accounts"]:
        earlier = was[account["account_id"]]
        if alone or account["account_id"] in enforcement["changed_accounts"]:
            known = {row.arn: row.notes for row in account_rows(earlier)}
            judged += [
                (replace(row, notes=(*_new_notes(row.notes, known.get(row.arn, ())),)), _was(row, earlier))
                for row in account_rows(account)
            ]
    return judged


def _new_notes(notes: Sequence[Note], known: Sequence[Note]) -> Iterator[Note]:
    """Yield the notes that are new, and after them of each mark one that names those that are known."""
    yield from (note for note in notes if note not in known)
    again = [note for note in notes if note in known]
    for mark, tone in dict.fromkeys((note.mark, note.tone) for note in again):
        subjects = ", ".join(note.subject for note in again if note.mark == mark)
        yield Note(mark=mark, tone=tone, subject="", text=f"as before: {subjects}", remediation="")


def _was(row: Row, account: Mapping[str, Any]) -> str:
    """Return the verdict before the changes on a trail, or on the account itself; a dash for a new trail."""
    judged = {None: account, **{trail["arn"]: trail for trail in account["trails"]}}
    return verdict_words(judged[row.arn]) if row.arn in judged else "-"


def title_after(enforcement: Mapping[str, Any]) -> str:
    """Return the line above the last table: a plan predicts, a run has read again."""
    summary = enforcement["after"]["summary"]
    counted = count(summary["trails"], "trail")
    if not _alone(enforcement):
        done = {each["account_id"] for each in enforcement["changes"] if each["status"] in DONE}
        changed = sum(row["account_id"] in done for row in enforcement["after"]["accounts"])
        counted = f"{count(summary['accounts'], 'account')}, {changed} changed, {counted}"
    if "planned" in _statuses(enforcement):
        return f"CloudTrail KMS audit as these changes will leave it: {counted}"
    return f"CloudTrail KMS audit of {printable(enforcement['after']['generated_at'])}, after these changes: {counted}"


def policy_words(before: str | None, after: str) -> str:
    """Return which statements a policy gets, loses, and has in another form, by their labels.

    `before`, None for the policy of what is created, and `after` are JSON texts. In full they stand in the diff.
    Raises PolicyError where one of them is no policy.
    """
    new = parse(after)
    if before is None:
        return _labels(new.statements)
    old = parse(before)
    known = {statement.label for statement in old.statements}
    changed = _missing(new, old)
    added = [statement for statement in changed if statement.label not in known]
    extended = [statement for statement in changed if statement.label in known]
    removed = [each for each in _missing(old, new) if each.label not in {one.label for one in new.statements}]
    parts = {"adds": added, "changes": extended, "removes": removed}
    return "; ".join(f"{verb} {_labels(statements)}" for verb, statements in parts.items() if statements)


def _missing(policy: Policy, elsewhere: Policy) -> list[Statement]:
    """Return the statements of a policy that another one does not have."""
    known = {meaning(statement.document) for statement in elsewhere.statements}
    return [statement for statement in policy.statements if meaning(statement.document) not in known]


def _labels(statements: Sequence[Statement]) -> str:
    return ", ".join(statement.label for statement in statements)
