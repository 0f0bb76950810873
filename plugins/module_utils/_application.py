# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply a plan to an account, and prove what came of it: read and judge again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model, _planning, _rounds, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _delivery,
    _pace,
    _resources,
    _snapshot,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _predict, _wish


class Application:
    """A plan being applied to an account, and the account judged anew afterwards."""

    def __init__(self, caller: _access.Access, account: _resources.Account, task: _task.Task, pace: _pace.Pace) -> None:
        self._caller, self._account, self._task, self._pace = caller, account, task, pace
        self._rounds = _rounds.Rounds(account, pace, task.backup_path, self._planned_anew)
        self._read_at = datetime.now(timezone.utc)
        self._read: _assess.AccountVerdict | None = None
        self._after: _assess.AccountVerdict | None = None

    def run(self, before: _assess.AccountVerdict, plan: _wish.Plan, warnings: Sequence[str]) -> _task.Outcome:
        """Apply the plan to the account as it was judged before; `warnings` were told with the plan.

        Raises BackupError where the backup cannot be written, before anything is changed.
        """
        done = self._rounds.run(plan, warnings, "The account", self._prove)
        return _task.Outcome(before=before, after=self._after, **vars(done))

    def _planned_anew(self) -> _wish.Plan:
        plan = _planning.planned(self._account, self._judged(), self._task)[0]
        return replace(plan, refusals=(*plan.refusals, *map(_not_ready, plan.shared_keys)))

    def _judged(self) -> _assess.AccountVerdict:
        """The account, read again."""
        self._read_at = datetime.now(timezone.utc)
        snapshot = _snapshot.open_and_read(self._caller, self._task.reading, self._account)[1]
        self._read = _assess.assess(snapshot, self._task.settings)
        return self._read

    def _prove(self) -> None:
        """Judge by what was read after the last write; where asked to, after the changed trails have delivered."""
        judged = self._judged() if self._read is None or self._rounds.errors else self._read
        changed_at, snapshot = self._read_at, judged.snapshot
        done = [change for change in self._rounds.changes if change.status == "applied"]
        reached = [trail for trail in snapshot.trails if trail.arn in _predict.touched(snapshot, done)]
        if self._task.wait and reached:
            _delivery.wait_for_deliveries([(self._account, reached, changed_at)], self._pace)
            snapshot = self._judged().snapshot
            reached = [trail for trail in snapshot.trails if trail.arn in _predict.touched(snapshot, done)]
            self._rounds.warnings += [_unproven(trail) for trail in reached if not _has_delivered(trail, changed_at)]
        snapshot = _predict.without_old_errors(snapshot, done, changed_at)
        self._after = _assess.assess(snapshot, self._task.settings)
        self._rounds.warnings += _task.open_questions(self._after)


def _not_ready(shared: _wish.SharedKey) -> str:
    return (
        f"The key {shared.key_arn} does not serve {', '.join(shared.trails) or 'its trails'} yet, and its policy is "
        "written for all accounts that share it at once, not from here. Run again."
    )


def _has_delivered(trail: _model.Trail, since: datetime) -> bool:
    return isinstance(trail.status, _model.TrailStatus) and _predict.delivered_since(trail.status, since)


def _unproven(trail: _model.Trail) -> str:
    return (
        f"That {trail.arn} delivers under its key is not yet proven: it shows no delivery since the change. "
        "Audit again in some minutes; CloudTrail delivers when there is something to log."
    )
