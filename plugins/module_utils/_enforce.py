# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce: read, judge, plan, apply, read again, judge again."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _application, _planning, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _pace, _snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess


def enforce(caller: _access.Access, task: _task.Task, pace: _pace.Pace) -> _task.Outcome:
    """Bring one account to compliance, or in check mode say what that would take.

    Raises AwsError where the account cannot be read, BackupError where the backup cannot be written; then nothing
    was changed.
    """
    account, snapshot = _snapshot.open_and_read(caller, task.reading)
    before = _assess.assess(snapshot, task.settings)
    plan, warnings = _planning.planned(account, before, task)
    if plan.refusals or (plan.shared_keys and not task.check_mode):
        kept = tuple(replace(change, status="not_attempted") for change in plan.changes)
        done = _task.Done(changes=kept, refusals=plan.refusals, warnings=tuple(warnings))
        shared_keys = () if plan.refusals else plan.shared_keys
        return _task.Outcome(before=before, after=before, shared_keys=shared_keys, **vars(done))
    if task.check_mode or not plan.changes:
        after = _assess.assess(plan.predicted, task.settings)
        done = _task.Done(changes=plan.changes, warnings=(*warnings, *_task.open_questions(after)))
        return _task.Outcome(before=before, after=after, shared_keys=plan.shared_keys, **vars(done))
    return _application.Application(caller, account, task, pace).run(before, plan, warnings)
