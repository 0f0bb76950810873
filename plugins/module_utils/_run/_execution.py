# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan of many accounts, and its way to AWS.

Shared keys come first, then one account alone, then the others side by side; then the deliveries are waited for, and
what was changed is judged anew. Of a restore, the policies that accounts share come last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from .._aws import Account, Pace, contain_failures, wait_for_deliveries
from .._backup import backup_of
from .._checks import AccountVerdict, assess
from .._model import Backup, BackupError, Change, ReadError
from .._plan import KeyName, Plan, with_created
from ._application import Application, Shared
from ._backup_file import BackupFile
from ._rounds import Rounds
from ._task import Done, Outcome, Run, RunOutcome

SIDE_BY_SIDE = 16  # accounts that are written at once, after one has been written alone


@dataclass(kw_only=True)
class KeyStep:
    """The change of a key for several accounts; `account` opens the key, `planned_anew` plans for what it is by then.

    `arn` is that of the key once it has one, and `done` what came of its change.
    """

    name: KeyName
    accounts: tuple[str, ...]
    account: Account
    plan: Plan
    planned_anew: Callable[[], Plan]
    arn: str = ""
    done: Done = field(default_factory=Done)

    @property
    def owner(self) -> str:
        """The account of the key."""
        return self.name[0].split(":")[4]


@dataclass(frozen=True, kw_only=True)
class JointPlan:
    """The plan of all accounts, by their ids: of the `keys` that they share before, of `policies` after them.

    `planned_anew` plans for what an account is by then.
    """

    accounts: Mapping[str, Application]
    plans: Mapping[str, Plan]
    planned_anew: Callable[[str, AccountVerdict], Plan]
    keys: Sequence[KeyStep] = ()
    policies: Sequence[KeyStep] = ()
    warnings: tuple[str, ...] = ()


def foreseen(plan: JointPlan) -> RunOutcome:
    """Return what the plan will come to."""
    keys = tuple((step.owner, _told(step.plan)) for step in (*plan.keys, *plan.policies))
    return RunOutcome(keys, {each: _foreseen(plan.accounts[each], plan.plans[each]) for each in plan.accounts})


def _foreseen(each: Application, plan: Plan) -> Outcome:
    """What a plan comes to that is not applied: refused, in check mode, or without anything to do."""
    if plan.refusals:
        return Outcome(before=each.before, after=each.before, **vars(_told(plan)))
    stays = plan.predicted == each.before.snapshot
    after = each.before if stays else assess(plan.predicted, each.task.settings)
    return Outcome(before=each.before, after=after, **vars(_told(plan)))


def _told(plan: Plan) -> Done:
    changes = _not_attempted(plan.changes) if plan.refusals else plan.changes
    return Done(changes=changes, refusals=plan.refusals, warnings=plan.warnings)


def _not_attempted(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(replace(change, status="not_attempted") for change in changes)


class Execution:
    """A joint plan being applied."""

    def __init__(self, plan: JointPlan, run: Run, new_pace: Callable[[], Pace]) -> None:
        self._plan, self._run, self._new_pace = plan, run, new_pace
        self._accounts = plan.accounts
        self._file = BackupFile(run.backup_path, run.backup_play)
        self._lock = threading.Lock()
        self._failed = 0
        self._is_proven = False

    def run(self) -> RunOutcome:
        """Apply it all, and return what came of it.

        Raises BackupError where the backup of a single account cannot be written, before anything is changed.
        """
        with self._file:
            for step in self._plan.keys:
                self._change(step)
            begun = [each for each in self._accounts if self._is_to_do(each)]
            self._apply_all(begun)
            for step in self._plan.policies:
                self._put_back(step)
            self._prove(begun)
            outcomes = {each: self._outcome(each, begun) for each in self._accounts}
            keys = tuple((step.owner, step.done) for step in (*self._plan.keys, *self._plan.policies))
            return RunOutcome(keys, outcomes, backup=self._file.document(), earlier_backups=self._file.kept_aside())

    def _is_to_do(self, account_id: str) -> bool:
        """Whether something is done to the account, by itself or through a key that it shares."""
        plan = self._plan.plans[account_id]
        shares = any(account_id in step.accounts for step in (*self._plan.keys, *self._plan.policies))
        return not plan.refusals and bool(plan.changes or shares)

    def _change(self, step: KeyStep) -> None:
        """Change a key for all that share it."""
        pace = self._new_pace()
        if pace.stopped.is_set():
            step.done = Done(changes=_not_attempted(step.plan.changes), errors=(INTERRUPTED,))
            return
        save = _Saving(self._file, step.owner, str(step.name))
        rounds = Rounds(step.account, pace, save, step.planned_anew)
        try:
            step.done = rounds.run(step.plan, step.plan.warnings, "The key")
        except BackupError as error:
            step.done = Done(changes=_not_attempted(step.plan.changes), errors=(str(error),))
        step.arn = next(iter((rounds.plan or step.plan).predicted.keys))

    def _put_back(self, step: KeyStep) -> None:
        """Put the policy of a key back, unless a trail needs what would go: it may not have moved after all."""
        step.plan = step.planned_anew()
        if step.plan.refusals or not step.plan.changes:
            step.done = _told(step.plan)
            return
        self._change(step)
        for each in (self._accounts[account] for account in step.accounts if account in self._accounts):
            each.read_once_more()

    def _apply_all(self, begun: Iterable[str]) -> None:
        """Apply the plans of the accounts, one after the other until one has come through."""
        waiting = list(begun)
        while waiting and not self._is_proven:
            self._apply(waiting.pop(0))
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(self._apply, waiting))

    def _apply(self, account_id: str) -> None:
        """Apply what is left to the account, unless it is not to be begun."""
        each, plan = self._accounts[account_id], self._plan.plans[account_id]
        keys = [step for step in self._plan.keys if account_id in step.accounts]
        pace = self._new_pace()
        reason = self._why_not_begun(keys, pace)
        if reason:
            each.leave(_not_attempted(plan.changes), reason)
            return
        created = {step.name[0]: step.arn for step in keys if step.name[1]}

        def apply() -> None:
            self._begin(each, with_created(plan, created), pace)

        def failed(*errors: ReadError) -> None:
            each.fail(plan, "; ".join(error.message for error in errors))

        if self._run.task.scope.accounts:
            contain_failures(apply, failed, each.account.access.region)
        else:
            apply()
        with self._lock:
            self._failed += bool(each.done.errors)
            self._is_proven = self._is_proven or not each.done.errors

    def _begin(self, each: Application, plan: Plan, pace: Pace) -> None:
        """Apply the plan of an account; one of many whose backup cannot be written is left as it is."""
        account_id = each.account.account_id
        shared = Shared(
            names=frozenset(name for step in self._plan.keys for name in (step.name, (step.arn, None))),
            changes=tuple(change for step in self._plan.keys for change in step.done.changes),
            own=tuple(
                change for step in self._plan.keys if account_id in step.accounts for change in step.done.changes
            ),
        )
        save = _Saving(self._file, account_id)
        try:
            each.apply(plan, pace, save, shared, lambda judged: self._plan.planned_anew(account_id, judged))
        except BackupError as error:
            if not self._run.task.scope.accounts:
                raise
            each.leave(_not_attempted(plan.changes), str(error))

    def _why_not_begun(self, keys: Sequence[KeyStep], pace: Pace) -> str | None:
        if pace.stopped.is_set():
            return INTERRUPTED
        for step in keys:
            if step.done.errors:
                return f"Nothing was done here, since the key {step.arn or step.name[0]} could not be changed for it."
        with self._lock:
            if self._failed >= self._run.max_failures:
                return (
                    f"Not attempted, since {self._failed} accounts have failed, and max_failures is "
                    f"{self._run.max_failures}. Correct what failed there, and run again."
                )
        return None

    def _prove(self, begun: Iterable[str]) -> None:
        """Judge what was changed, after its deliveries where these are to be waited for."""
        changed = [self._accounts[each] for each in begun]
        wait = self._run.task.wait
        if wait:
            reached = [(each.account, each.reached, each.changed_at) for each in changed if each.reached]
            wait_for_deliveries(reached, self._new_pace())
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(lambda each: each.prove(waited=wait), changed))

    def _outcome(self, account_id: str, begun: Iterable[str]) -> Outcome:
        each = self._accounts[account_id]
        if account_id not in begun:
            return _foreseen(each, self._plan.plans[account_id])
        return Outcome(before=each.before, after=each.after, **vars(each.done))


INTERRUPTED = "Not attempted, since the run was interrupted. The next run carries on."


class _Saving:
    """Keeps what rounds replace, in the file's part of the account that they are told under."""

    def __init__(self, file: BackupFile, account_id: str, of: str = "") -> None:
        self._file, self._account_id, self._of = file, account_id, of
        self._saved: Backup | None = None

    def __call__(self, changes: Sequence[Change]) -> Backup:
        backup = backup_of(self._account_id, changes, datetime.now(timezone.utc), self._saved)
        if changes or self._saved:
            self._file.save(backup, self._of)
            self._saved = backup
        return backup
