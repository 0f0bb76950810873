# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce: read, judge, plan, apply, read again, judge again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    Access,
    Account,
    Applied,
    AwsError,
    Pace,
    Scope,
    SoughtKey,
    apply,
    open_and_read,
    read_ground,
    read_keys,
    read_tags,
    read_targets,
    wait_for_delivery,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import (
    BackupError,
    backup_of,
    write_backup,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import (
    AccountVerdict,
    Settings,
    assess,
    unused_exceptions,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    Change,
    Missing,
    Trail,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import (
    CREATED_FOR_TAG,
    Plan,
    Targets,
    TrailWish,
    Wish,
    delivered_since,
    keys_of_backup,
    make_plan,
    make_restore_plan,
    owner_warning,
    regions_in_need,
    touched,
    wished_trail,
    with_wished_trail,
    without_old_errors,
)

# How often to plan anew because somebody else changes what is being changed.
ROUNDS = 3


@dataclass(frozen=True)
class Task:
    """What is to be enforced, and how far to go. `wait` is for a delivery under the new key."""

    scope: Scope = field(default_factory=Scope)
    settings: Settings = field(default_factory=Settings)
    wish: Wish = field(default_factory=Wish)
    check_mode: bool = False
    wait: bool = False
    backup_path: str | None = None
    restore: Backup | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it. `after` is predicted in check mode, and None where the account could not be read again."""

    before: AccountVerdict
    after: AccountVerdict | None
    changes: tuple[Change, ...] = ()
    refusals: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    backup: Backup | None = None


def enforce(caller: Access, task: Task, pace: Pace) -> Outcome:
    """Bring one account to compliance, or in check mode say what that would take.

    Raises AwsError where the account cannot be read, BackupError where the backup cannot be written; then nothing
    was changed.
    """
    account, snapshot = open_and_read(caller, task.scope)
    before = assess(snapshot, task.settings)
    plan, warnings = _plan(account, before, task)
    if plan.refusals:
        kept = tuple(replace(change, status="not_attempted") for change in plan.changes)
        return Outcome(before, before, kept, plan.refusals, warnings=tuple(warnings))
    if task.check_mode or not plan.changes:
        after = assess(plan.predicted, task.settings)
        return Outcome(before, after, plan.changes, warnings=(*warnings, *_open_questions(after)))
    return _Application(caller, account, task, pace).run(before, plan, warnings)


def _plan(account: Account, judged: AccountVerdict, task: Task) -> tuple[Plan, list[str]]:
    """The plan, and all that is to be warned of before it is applied."""
    plan = _restoring(account, judged, task.restore, task) if task.restore else _enforcing(account, judged, task)
    unused = unused_exceptions(judged.snapshot, task.settings)
    owners = (owner_warning(arn, found) for arn, found in sorted(read_tags(account, plan.changes).items()))
    return plan, [*unused, *plan.warnings, *(warning for warning in owners if warning)]


def _enforcing(account: Account, judged: AccountVerdict, task: Task) -> Plan:
    wish = task.wish
    if wish.create_trail:
        return _provisioning(account, judged, wish.create_trail, task)
    return make_plan(judged, _targets(account, judged, wish), wish, task.settings)


def _provisioning(account: Account, judged: AccountVerdict, trail: TrailWish, task: Task) -> Plan:
    """The plan for one trail, which is judged as if it were there already."""
    home = trail.home_region or account.access.region
    trail = replace(trail, home_region=home)
    snapshot = judged.snapshot
    ground = read_ground(account, snapshot, home, trail.bucket_name, organization=trail.organization_trail)
    wish = replace(task.wish, create_trail=trail)
    wished, refusals = wished_trail(snapshot, ground, trail, check_mode=task.check_mode)
    if wished is None:
        return Plan((), refusals, (), snapshot)
    judged = assess(with_wished_trail(snapshot, ground, wished), task.settings)
    plan = make_plan(judged, _targets(account, judged, wish), wish, task.settings, wished)
    if isinstance(ground.bucket, Missing):
        plan = replace(plan, warnings=(_to_be_made(trail), *plan.warnings))
    return plan


def _to_be_made(trail: TrailWish) -> str:
    return (
        f"The bucket {trail.bucket_name} does not exist yet; the plan takes it to be in {trail.bucket_region}, without "
        "a policy."
    )


def _targets(account: Account, judged: AccountVerdict, wish: Wish) -> Targets:
    """What stands behind the wished key in each bucket region that needs one."""
    tags = {CREATED_FOR_TAG: wish.key.alias} if wish.key else None
    key_id = wish.kms_key_id or (wish.key.alias if wish.key else "")
    sought = SoughtKey(key_id, wish.key_account_id or account.account_id, tags)
    return read_targets(account, judged.snapshot, regions_in_need(judged, wish), sought)


def _restoring(account: Account, judged: AccountVerdict, backup: Backup, task: Task) -> Plan:
    keys = read_keys(account, judged.snapshot, keys_of_backup(backup))
    return make_restore_plan(judged, backup, keys, task.wish, task.settings)


def _open_questions(after: AccountVerdict) -> Iterator[str]:
    """What leaves the account's verdict unknown."""
    if after.verdict != "unknown":
        return
    unknown = sorted(
        f"{found.rule} of {trail.trail.arn}"
        for trail in after.trails
        for found in trail.findings
        if found.status == "unknown" and found.level == "required"
    )
    unread = sorted(f"{error.iam_action} in {error.region}" for error in after.snapshot.errors)
    yield f"Account {after.snapshot.account_id} stays unknown: {', '.join([*unknown, *unread])}."


class _Application:
    """A plan being applied to an account, and made anew where somebody else changes what it was made from."""

    def __init__(self, caller: Access, account: Account, task: Task, pace: Pace) -> None:
        self._caller, self._account, self._task, self._pace = caller, account, task, pace
        self._changes: list[Change] = []
        self._errors: list[str] = []
        self._warnings: list[str] = []

    def run(self, before: AccountVerdict, plan: Plan, warnings: Sequence[str]) -> Outcome:
        self._warnings += warnings
        self._save(plan.changes, keep_older=True)
        try:
            self._apply(plan)
            after: AccountVerdict | None = self._prove(datetime.now(timezone.utc))
        except AwsError as error:
            self._errors.append(f"The account could not be read again. {error}")
            after = None
        backup = self._saved_at_the_end()
        return Outcome(before, after, tuple(self._changes), (), tuple(self._errors), tuple(self._warnings), backup)

    def _apply(self, plan: Plan) -> None:
        for __ in range(ROUNDS):
            applied = apply(self._account, plan.changes, self._pace)
            self._changes += applied.changes
            self._errors += applied.errors
            if applied.stale is None:
                return
            plan = self._plan_anew(applied)
            if plan.refusals or not plan.changes:
                break
        else:
            self._errors.append("Somebody else keeps changing what is being changed. Agree with them, and run again.")
        self._errors += plan.refusals
        self._changes += [replace(change, status="not_attempted") for change in plan.changes]

    def _plan_anew(self, applied: Applied) -> Plan:
        """The plan for what the account is now, with the backup of what it will replace; refused without that."""
        try:
            plan = _plan(self._account, self._judged(), self._task)[0]
        except AwsError:
            self._errors.append(str(applied.stale))
            self._changes += applied.rest
            raise
        self._warnings.append(f"{applied.stale} The rest was planned anew.")
        if plan.refusals or not plan.changes:
            return plan
        try:
            self._save([*self._changes, *plan.changes], keep_older=False)
        except BackupError as error:
            return replace(plan, refusals=(str(error),))
        return plan

    def _judged(self) -> AccountVerdict:
        """The account, read again."""
        return assess(open_and_read(self._caller, self._task.scope, self._account)[1], self._task.settings)

    def _prove(self, changed_at: datetime) -> AccountVerdict:
        """Read and judge again; where asked to, after the changed trails have delivered."""
        snapshot = self._judged().snapshot
        done = [change for change in self._changes if change.status == "applied"]
        reached = [trail for trail in snapshot.trails if trail.arn in touched(snapshot, done)]
        if self._task.wait and reached:
            wait_for_delivery(self._account, reached, changed_at, self._pace)
            snapshot = self._judged().snapshot
            reached = [trail for trail in snapshot.trails if trail.arn in touched(snapshot, done)]
            self._warnings += [_unproven(trail) for trail in reached if not _has_delivered(trail, changed_at)]
        snapshot = without_old_errors(snapshot, {trail.arn for trail in reached}, changed_at)
        after = assess(snapshot, self._task.settings)
        self._warnings += _open_questions(after)
        return after

    def _save(self, changes: Sequence[Change], *, keep_older: bool) -> Backup:
        backup = backup_of(self._account.account_id, changes, datetime.now(timezone.utc))
        if self._task.backup_path:
            write_backup(self._task.backup_path, backup, keep_older=keep_older)
        return backup

    def _saved_at_the_end(self) -> Backup:
        """The backup with the ARNs of the keys that were created, of what was done and what may have been."""
        tried = [change for change in self._changes if change.status != "not_attempted"]
        try:
            return self._save(tried, keep_older=False)
        except BackupError as error:
            self._warnings.append(f"{error} What it held before the first write is still there.")
            return backup_of(self._account.account_id, tried, datetime.now(timezone.utc))


def _has_delivered(trail: Trail, since: datetime) -> bool:
    return isinstance(trail.status, TrailStatus) and delivered_since(trail.status, since)


def _unproven(trail: Trail) -> str:
    return (
        f"That {trail.arn} delivers under its key is not yet proven: it shows no delivery since the change. "
        "Audit again in some minutes; CloudTrail delivers when there is something to log."
    )
