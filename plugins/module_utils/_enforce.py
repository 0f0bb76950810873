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
    Pace,
    Scope,
    open_and_read,
    read_ground,
    read_keys,
    read_targets,
    wait_for_delivery,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import (
    AccountVerdict,
    Settings,
    assess,
    unused_exceptions,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    Missing,
    Trail,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import (
    Plan,
    SharedKey,
    Targets,
    TrailWish,
    Wish,
    delivered_since,
    keys_of_backup,
    make_plan,
    make_restore_plan,
    new_bucket_region,
    regions_in_need,
    touched,
    wished_trail,
    with_wished_trail,
    without_old_errors,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._rounds import (
    Done,
    Rounds,
    owner_warnings,
    sought_key,
)


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


@dataclass(frozen=True, kw_only=True)
class Outcome(Done):
    """What came of it. `after` is predicted in check mode, and None where the account could not be read again.

    With `shared_keys` nothing was done, since these have to be changed first, for all accounts that use them.
    """

    before: AccountVerdict
    after: AccountVerdict | None
    shared_keys: tuple[SharedKey, ...] = ()


def enforce(caller: Access, task: Task, pace: Pace) -> Outcome:
    """Bring one account to compliance, or in check mode say what that would take.

    Raises AwsError where the account cannot be read, BackupError where the backup cannot be written; then nothing
    was changed.
    """
    account, snapshot = open_and_read(caller, task.scope)
    before = assess(snapshot, task.settings)
    plan, warnings = _plan(account, before, task)
    if plan.refusals or (plan.shared_keys and not task.check_mode):
        kept = tuple(replace(change, status="not_attempted") for change in plan.changes)
        done = Done(changes=kept, refusals=plan.refusals, warnings=tuple(warnings))
        shared_keys = () if plan.refusals else plan.shared_keys
        return Outcome(before=before, after=before, shared_keys=shared_keys, **vars(done))
    if task.check_mode or not plan.changes:
        after = assess(plan.predicted, task.settings)
        done = Done(changes=plan.changes, warnings=(*warnings, *_open_questions(after)))
        return Outcome(before=before, after=after, shared_keys=plan.shared_keys, **vars(done))
    return _Application(caller, account, task, pace).run(before, plan, warnings)


def _plan(account: Account, judged: AccountVerdict, task: Task) -> tuple[Plan, list[str]]:
    """The plan, and all that is to be warned of before it is applied."""
    plan = _restoring(account, judged, task.restore, task) if task.restore else _enforcing(account, judged, task)
    unused = unused_exceptions(judged.snapshot.trails, [account.account_id], task.settings)
    return plan, [*unused, *plan.warnings, *owner_warnings(account, plan.changes)]


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
        f"The bucket {trail.bucket_name} does not exist yet; the plan takes it to be in {new_bucket_region(trail)}, "
        "without a policy."
    )


def _targets(account: Account, judged: AccountVerdict, wish: Wish) -> Targets:
    """What stands behind the wished key in each bucket region that needs one."""
    return read_targets(account, judged.snapshot, regions_in_need(judged, wish), sought_key(account, wish))


def _restoring(account: Account, judged: AccountVerdict, backup: Backup, task: Task) -> Plan:
    keys = read_keys(account, judged.snapshot, keys_of_backup(backup))
    return make_restore_plan(judged, backup, keys, task.wish, task.settings)


def _not_ready(shared: SharedKey) -> str:
    return (
        f"The key {shared.key_arn} does not serve {', '.join(shared.trails) or 'its trails'} yet, and its policy is "
        "written for all accounts that share it at once, not from here. Run again."
    )


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
    """A plan being applied to an account, and the account judged anew afterwards."""

    def __init__(self, caller: Access, account: Account, task: Task, pace: Pace) -> None:
        self._caller, self._account, self._task, self._pace = caller, account, task, pace
        self._rounds = Rounds(account, pace, task.backup_path, self._planned_anew)
        self._after: AccountVerdict | None = None

    def run(self, before: AccountVerdict, plan: Plan, warnings: Sequence[str]) -> Outcome:
        done = self._rounds.run(plan, warnings, "The account", self._prove)
        return Outcome(before=before, after=self._after, **vars(done))

    def _planned_anew(self) -> Plan:
        plan = _plan(self._account, self._judged(), self._task)[0]
        return replace(plan, refusals=(*plan.refusals, *map(_not_ready, plan.shared_keys)))

    def _judged(self) -> AccountVerdict:
        """The account, read again."""
        return assess(open_and_read(self._caller, self._task.scope, self._account)[1], self._task.settings)

    def _prove(self) -> None:
        """Read and judge again; where asked to, after the changed trails have delivered."""
        changed_at = datetime.now(timezone.utc)
        snapshot = self._judged().snapshot
        done = [change for change in self._rounds.changes if change.status == "applied"]
        reached = [trail for trail in snapshot.trails if trail.arn in touched(snapshot, done)]
        if self._task.wait and reached:
            wait_for_delivery(self._account, reached, changed_at, self._pace)
            snapshot = self._judged().snapshot
            reached = [trail for trail in snapshot.trails if trail.arn in touched(snapshot, done)]
            self._rounds.warnings += [_unproven(trail) for trail in reached if not _has_delivered(trail, changed_at)]
        snapshot = without_old_errors(snapshot, {trail.arn for trail in reached}, changed_at)
        self._after = assess(snapshot, self._task.settings)
        self._rounds.warnings += _open_questions(self._after)


def _has_delivered(trail: Trail, since: datetime) -> bool:
    return isinstance(trail.status, TrailStatus) and delivered_since(trail.status, since)


def _unproven(trail: Trail) -> str:
    return (
        f"That {trail.arn} delivers under its key is not yet proven: it shows no delivery since the change. "
        "Audit again in some minutes; CloudTrail delivers when there is something to log."
    )
