# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let one key serve the trails of many accounts: find or create it, and write its policy once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    Access,
    Account,
    AwsError,
    Pace,
    Scope,
    SoughtKey,
    open_account,
    read_tags,
    read_targets,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup, Change, Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import (
    CREATED_FOR_TAG,
    Plan,
    Wish,
    make_key_plan,
    owner_warning,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._rounds import Rounds


@dataclass(frozen=True)
class KeyTask:
    """The key, by `wish`, and the ARNs of the trails that it is to serve. `scope` opens the key's account."""

    region: str
    trails: tuple[str, ...]
    scope: Scope = field(default_factory=Scope)
    settings: Settings = field(default_factory=Settings)
    wish: Wish = field(default_factory=Wish)
    check_mode: bool = False
    backup_path: str | None = None


@dataclass(frozen=True)
class KeyOutcome:
    """What came of it. A key that check mode would create, or that could not be, has a placeholder for its ARN."""

    account_id: str
    key_arn: str | None
    changes: tuple[Change, ...] = ()
    refusals: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    backup: Backup | None = None


def serve(caller: Access, task: KeyTask, pace: Pace) -> KeyOutcome:
    """Let the key serve the trails, or in check mode say what that would take. No trail is changed.

    Raises AwsError where the key's account cannot be entered, BackupError where the backup cannot be written; then
    nothing was changed.
    """
    account = open_account(caller, task.scope)
    plan = _plan(account, task)
    key_arn = next((shared.key_arn for shared in plan.shared_keys), None)
    owners = (owner_warning(arn, tags) for arn, tags in sorted(read_tags(account, plan.changes).items()))
    told = KeyOutcome(
        account_id=account.account_id,
        key_arn=key_arn,
        changes=plan.changes,
        refusals=plan.refusals,
        warnings=(*plan.warnings, *(warning for warning in owners if warning)),
    )
    if plan.refusals or task.check_mode or not plan.changes:
        return told
    return _applied(account, task, pace, plan, told)


def _plan(account: Account, task: KeyTask) -> Plan:
    snapshot = Snapshot(account.account_id, account.partition, datetime.now(timezone.utc))
    wish = task.wish
    tags = {CREATED_FOR_TAG: wish.key.alias} if wish.key else None
    name = wish.kms_key_id or (wish.key.alias if wish.key else "")
    sought = SoughtKey(name, account.account_id, tags)
    targets = read_targets(account, snapshot, [task.region], sought)
    return make_key_plan(snapshot, targets, task.trails, wish, task.settings)


def _applied(account: Account, task: KeyTask, pace: Pace, plan: Plan, told: KeyOutcome) -> KeyOutcome:
    rounds = Rounds(account, pace, task.backup_path, lambda: _plan(account, task))
    try:
        rounds.apply(plan)
    except AwsError as error:
        rounds.errors.append(f"The key could not be read again. {error}")
    created = (change.resource for change in rounds.changes if change.operation == "CreateKey")
    backup = rounds.saved_at_the_end()
    return replace(
        told,
        key_arn=next(created, told.key_arn),
        changes=tuple(rounds.changes),
        errors=tuple(rounds.errors),
        warnings=(*told.warnings, *rounds.warnings),
        backup=backup,
    )
