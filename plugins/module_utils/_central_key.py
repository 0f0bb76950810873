# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let one key serve the trails of many accounts: find or create it, and write its policy once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model, _planning, _rounds, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _pace,
    _resources,
    _snapshot,
    _targets,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _shared, _wish


@dataclass(frozen=True)
class KeyTask:
    """The key, by `wish`, and the trails that it is to serve. `scope` opens the key's account."""

    region: str
    shared: _wish.SharedTrails
    scope: _snapshot.Scope = field(default_factory=_snapshot.Scope)
    settings: _subject.Settings = field(default_factory=_subject.Settings)
    wish: _wish.Wish = field(default_factory=_wish.Wish)
    check_mode: bool = False
    backup_path: str | None = None


@dataclass(frozen=True, kw_only=True)
class KeyOutcome(_task.Done):
    """What came of it. A key that check mode would create, or that could not be, has a placeholder for its ARN."""

    account_id: str
    key_arn: str | None


def serve(caller: _access.Access, task: KeyTask, pace: _pace.Pace) -> KeyOutcome:
    """Let the key serve the trails, or in check mode say what that would take. No trail is changed.

    Raises AwsError where the key's account cannot be entered, BackupError where the backup cannot be written; then
    nothing was changed.
    """
    account = _snapshot.open_account(caller, task.scope)
    plan = _plan(account, task)
    warnings = (*plan.warnings, *_planning.owner_warnings(account, plan.changes))
    done = _task.Done(changes=plan.changes, refusals=plan.refusals, warnings=warnings)
    if plan.changes and not plan.refusals and not task.check_mode:
        done = _rounds.Rounds(account, pace, task.backup_path, lambda: _plan(account, task)).run(
            plan, warnings, "The key"
        )
    created = (change.resource for change in done.changes if change.operation == "CreateKey")
    planned = (shared.key_arn for shared in plan.shared_keys)
    return KeyOutcome(account_id=account.account_id, key_arn=next(created, next(planned, None)), **vars(done))


def _plan(account: _resources.Account, task: KeyTask) -> _wish.Plan:
    snapshot = _model.Snapshot(account.account_id, account.partition, datetime.now(timezone.utc))
    targets = _targets.read_targets(account, snapshot, [task.region], _planning.sought_key(account, task.wish))
    wish = _planning.with_writers(account, task.wish)
    plan = _shared.make_key_plan(snapshot, targets, task.shared, wish, task.settings)
    return _planning.with_principals(account, plan)
