# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End a module: warn, return what came of an enforcement in every account, fail where it was refused or failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from .._audit import narrowing
from .._checks import AccountVerdict
from .._facts import account_row, document, moment, unrefused
from .._model import Consequence, ReadError, Reason, Snapshot
from .._module import fail, warn
from .._plan import RestorePlans, change_rows, diff, to_add_rows
from .._printable import printable, unforeseen
from ._task import Done, Run, RunOutcome


def end(module: Any, outcome: RunOutcome, run: Run) -> None:
    """Leave the module with the result of the run; where that cannot be put together, with what was changed."""
    results = [*outcome.keys, *outcome.accounts.items()]
    for warning in _warnings(outcome):
        warn(str(warning))
    try:
        result = _result(outcome, run)
    except Exception as error:
        _fail_with_changes(module, results, error)
        return
    several = len(outcome.accounts) > 1
    reasons = [
        f"Account {row['account_id']}: {row['message']}" if several else row["message"]
        for row in (*result["refusals"], *result["errors"])
    ]
    if reasons:
        fail(module, *reasons, **result)
    module.exit_json(**result)


def _fail_with_changes(module: Any, results: list[tuple[str, Any]], error: Exception) -> None:
    """Leave the module, which has failed: what was done must be known, whatever keeps it from being told in full."""
    changes = [change for _id, done in results for change in done.changes]
    changed = ", ".join(f"{each.operation} of {each.resource} ({each.status})" for each in changes) or "none"
    fail(
        module,
        f"The run has ended, and what came of it cannot be put together: {unforeseen(error)}",
        f"Changes: {changed}.",
        *(str(why) for _id, done in results for why in (*done.refusals, *done.errors)),
        changed=any(each.status in ("planned", "applied") for each in changes),
    )


def _result(outcome: RunOutcome, run: Run) -> dict[str, Any]:
    """What came of the run, as the module returns it."""
    results = [*outcome.keys, *outcome.accounts.items()]
    changes = [(account_id, change) for account_id, done in results for change in done.changes]
    warned = {printable(str(each)): _settings(each) for each in _warnings(outcome)}
    refusals = [(account_id, why) for account_id, done in results for why in done.refusals]
    return {
        "changed": any(change.status in ("planned", "applied") for _id, change in changes),
        "changes": [
            {"account_id": account_id, **row} for account_id, change in changes for row in change_rows([change])
        ],
        "refusals": _refused((change.resource for _id, change in changes), refusals)[1],
        "errors": [
            _row(each, Reason(why) if isinstance(why, str) else why) for each, done in results for why in done.errors
        ],
        "deliveries": {arn: done for each in outcome.accounts.values() for arn, done in each.deliveries.items()},
        "run_warnings": list(warned),
        "warning_settings": {text: settings for text, settings in warned.items() if settings},
        "diff": diff(change for _id, change in changes),
        "backup": outcome.backup,
        "earlier_backups": list(outcome.earlier_backups),
        "undo": _undo(outcome.undo) if outcome.undo else None,
        **_audits(outcome, run),
    }


def _warnings(outcome: RunOutcome) -> list[str | Reason]:
    """Return the warnings of the run and of its accounts, each once, without those of changes that are not made."""
    results = [*outcome.keys, *outcome.accounts.items()]
    return list(dict.fromkeys([*outcome.warnings, *(warning for _id, done in results for warning in _due(done))]))


def _due(done: Done) -> Iterator[str | Reason]:
    made = {change.resource for change in done.changes if change.status in ("planned", "applied")}
    return (each for each in done.warnings if not isinstance(each, Consequence) or each.resource in made)


def _refused(
    resources: Iterable[str], refusals: Sequence[tuple[str, Reason]]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return what is changed once the refused rows are gone from a backup, and the refusals.

    Where that is nothing, no refusal says to delete a row. Only those of a restore do.
    """
    rows = [_row(*each) for each in refusals]
    left = unrefused(resources, rows)
    return left, rows if left else [_row(account_id, replace(why, row="")) for account_id, why in refusals]


def _row(account_id: str, why: Reason) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "message": printable(str(why)),
        "trails": list(why.trails),
        "key": why.key,
        "options": list(dict.fromkeys(name for options in why.options for name in options)),
        "settings": _settings(why),
        **to_add_rows(why.to_add),
    }


def _undo(restore: RestorePlans) -> dict[str, Any]:
    """Return what a restore would change once the rows that it refuses are gone from the backup, and why it does."""
    plans = [*restore.plans.items(), *((each.undo.account_id, each.plan) for each in restore.policies)]
    refusals = [(account_id, why) for account_id, plan in plans for why in plan.refusals]
    resources, rows = _refused((change.resource for _id, plan in plans for change in plan.changes), refusals)
    words = ({"subject": why.subject, "reason": printable(why.text.removesuffix("."))} for _id, why in refusals)
    return {"resources": resources, "refusals": [{**row, **more} for row, more in zip(rows, words, strict=True)]}


def _settings(why: str | Reason) -> list[dict[str, bool | str]]:
    return [] if isinstance(why, str) else [dict(options) for options in why.options]


def _audits(outcome: RunOutcome, run: Run) -> dict[str, Any]:
    """Return the accounts before and after. Of a sweep `after` repeats only those of which it says something else."""
    before = _document({each: done.before for each, done in outcome.accounts.items()}, run)
    if all(done.after is None for done in outcome.accounts.values()):
        return {"before": before, "after": None}
    after = _document({each: done.after or _not_read(done.before, run) for each, done in outcome.accounts.items()}, run)
    if run.task.scope.accounts:
        changed = {account_id for account_id, done in outcome.accounts.items() if done.changes}
        present = {row["account_id"]: row for row in before["accounts"]}
        after["accounts"] = [
            row for row in after["accounts"] if row["account_id"] in changed or row != present[row["account_id"]]
        ]
    return {"before": before, "after": after}


def _document(accounts: Mapping[str, AccountVerdict], run: Run) -> dict[str, Any]:
    rows = [
        account_row(judged, narrowing(judged.snapshot, run.task.scope, run.of(account_id).settings))
        for account_id, judged in accounts.items()
    ]
    return document(rows, max(moment(judged.snapshot.read_at) for judged in accounts.values()))


def _not_read(before: AccountVerdict, run: Run) -> AccountVerdict:
    """Return an account that could not be read again, or predicted in check mode: nothing is known of it afterwards."""
    done = "predicted" if run.task.check_mode else "read again"
    message = f"the account could not be {done} after its changes"
    error = ReadError("cloudtrail", "DescribeTrails", "cloudtrail:DescribeTrails", "", "NotReadAgain", message)
    seen, now = before.snapshot, datetime.now(timezone.utc)
    snapshot = Snapshot(seen.account_id, seen.partition, now, errors=(error,))
    return replace(before, snapshot=snapshot, trails=(), complete=False)
