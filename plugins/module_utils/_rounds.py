# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all that writes goes through: a plan applied with its backup, and what came of it told.

A plan is made anew where somebody else changes what it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _backup, _model, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _apply, _pace, _resources
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _wish

# How often to plan anew because somebody else changes what is being changed.
ROUNDS = 3


class Rounds:
    """A plan being applied to an account; `changes`, `errors` and `warnings` tell what became of it.

    `planned_anew` makes the plan for what the account is then, and raises AwsError where it cannot be read.
    """

    def __init__(
        self,
        account: _resources.Account,
        pace: _pace.Pace,
        backup_path: str | None,
        planned_anew: Callable[[], _wish.Plan],
    ) -> None:
        self._account, self._pace, self._backup_path, self._planned_anew = account, pace, backup_path, planned_anew
        self._saved: _model.Backup | None = None
        self.changes: list[_model.Change] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def run(
        self, plan: _wish.Plan, warnings: Sequence[str], of: str, prove: Callable[[], None] = lambda: None
    ) -> _task.Done:
        """Apply the plan and have it proven; `warnings` were told before, `of` names what is changed.

        Raises BackupError where the backup cannot be written, before anything is changed.
        """
        self.warnings += warnings
        try:
            self._apply_plan(plan)
            prove()
        except _access.AwsError as error:
            self.errors.append(f"{of} could not be read again. {error}")
        backup = self._saved_at_the_end()
        return _task.Done(
            changes=tuple(self.changes), errors=tuple(self.errors), warnings=tuple(self.warnings), backup=backup
        )

    def _apply_plan(self, plan: _wish.Plan) -> None:
        """Apply the plan, whose backup is written first.

        Raises BackupError where it cannot be, before anything is changed; AwsError where planning anew fails.
        """
        self._save(plan.changes)
        for __ in range(ROUNDS):
            applied = _apply.apply(self._account, plan.changes, self._pace)
            self.changes += applied.changes
            self.errors += applied.errors
            if applied.stale is None:
                return
            plan = self._plan_anew(applied)
            if plan.refusals or not plan.changes:
                break
        else:
            self.errors.append("Somebody else keeps changing what is being changed. Agree with them, and run again.")
        self.errors += plan.refusals
        self.changes += [replace(change, status="not_attempted") for change in plan.changes]

    def _plan_anew(self, applied: _apply.Applied) -> _wish.Plan:
        """The plan for what the account is now, with the backup of what it will replace; refused without that."""
        try:
            plan = self._planned_anew()
        except _access.AwsError:
            self.errors.append(str(applied.stale))
            self.changes += applied.rest
            raise
        self.warnings.append(f"{applied.stale} The rest was planned anew.")
        if plan.refusals or not plan.changes:
            return plan
        try:
            self._save([*self.changes, *plan.changes])
        except _model.BackupError as error:
            return replace(plan, refusals=(str(error),))
        return plan

    def _save(self, changes: Sequence[_model.Change]) -> _model.Backup:
        backup = _backup.backup_of(self._account.account_id, changes, datetime.now(timezone.utc))
        if self._backup_path:
            _backup.write_backup(self._backup_path, backup, own=self._saved)
            self._saved = backup
        return backup

    def _saved_at_the_end(self) -> _model.Backup:
        """The backup with the ARNs of the keys that were created, of what was done and what may have been."""
        tried = [change for change in self.changes if change.status != "not_attempted"]
        try:
            return self._save(tried)
        except _model.BackupError as error:
            self.warnings.append(f"{error} What it held before the first write is still there.")
            return _backup.backup_of(self._account.account_id, tried, datetime.now(timezone.utc))
