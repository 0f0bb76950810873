# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan of many accounts, and its way to AWS.

Shared keys come first, then one account alone, then the others side by side, and an organization's management account
last; then the deliveries are waited for, and what was changed is judged anew. Of a restore, the policies that accounts
share come after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial

from .._aws import Account, Pace, as_if_read_now, contain_failures, wait_for_deliveries
from .._backup import backup_of
from .._checks import AccountVerdict, assess, calls_of_readers
from .._model import PLACEHOLDER, Backup, Change, Organization, ReadError, Reason
from .._plan import KeyName, Plan, key_of, with_created
from ._application import AccountRun, Shared
from ._backup_file import BackupFile
from ._rounds import Rounds, Written, not_attempted
from ._task import Done, Outcome, Run, RunOutcome

SIDE_BY_SIDE = 16  # accounts that are written at once, after one has been written alone


@dataclass(kw_only=True)
class KeyStep(Written):
    """The change of a key for several accounts; `account` opens the key, `planned_anew` plans for what it is by then.

    `arn` is that of the key once it has one.
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
    """Hold the plans of all accounts by id, those of the `keys` they share, and of `policies` that go back last.

    `planned_anew` plans for what an account is by then.
    """

    accounts: Mapping[str, AccountRun]
    plans: Mapping[str, Plan]
    planned_anew: Callable[[str, AccountVerdict], Plan]
    keys: Sequence[KeyStep] = ()
    policies: Sequence[KeyStep] = ()
    warnings: tuple[str | Reason, ...] = ()


def foreseen(plan: JointPlan) -> RunOutcome:
    """Predict the outcome of the plan."""
    keys = tuple((step.owner, _result(step.plan)) for step in (*plan.keys, *plan.policies))
    return RunOutcome(keys, {each: _contained(plan.accounts[each], plan.plans[each]) for each in plan.accounts})


def _contained(each: AccountRun, plan: Plan) -> Outcome:
    """Return the predicted outcome of an account; what ends predicting it is an error of that one."""

    def failed(*errors: ReadError) -> Outcome:
        done = replace(_result(plan), errors=tuple(f"What it leads to is unknown: {error.message}" for error in errors))
        return Outcome(before=each.before, after=None, **vars(done))

    return contain_failures(partial(_foreseen, each, plan), failed, each.account.access.region)


def _foreseen(each: AccountRun, plan: Plan) -> Outcome:
    """Return the outcome of a plan that is not applied: refused, in check mode, or without anything to do."""
    if plan.refusals:
        return Outcome(before=each.before, after=each.before, **vars(_result(plan)))
    after, settings = each.before, each.task.settings
    if plan.predicted != each.before.snapshot:
        after = assess(as_if_read_now(each.account, plan.predicted, partial(calls_of_readers, settings)), settings)
    return Outcome(before=each.before, after=after, **vars(_result(plan)))


def _result(plan: Plan) -> Done:
    changes = not_attempted(plan.changes) if plan.refusals else plan.changes
    return Done(changes=changes, refusals=plan.refusals, warnings=plan.warnings)


class Execution:
    """Apply a joint plan."""

    def __init__(self, plan: JointPlan, run: Run, new_pace: Callable[[], Pace]) -> None:
        self._plan, self._run, self._new_pace = plan, run, new_pace
        self._accounts = plan.accounts
        self._file = BackupFile(run.backup_path, run.backup_play)
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._failed: set[str] = set()
        self._is_proven = False

    def run(self) -> RunOutcome:
        """Apply it all, and return what came of it: whatever ends the work on an account or key, the others go on."""
        with self._file:
            for work in (
                self._change_all,
                self._apply_all,
                self._put_all_back,
                self._catch_up,
                self._wait,
                self._prove,
            ):
                self._contain_all(work)
            outcomes = {
                account_id: Outcome(before=each.before, after=each.after, **vars(each.done))
                for account_id, each in self._accounts.items()
            }
            keys = tuple((step.owner, step.done) for step in (*self._plan.keys, *self._plan.policies))
            return RunOutcome(keys, outcomes, backup=self._file.document(), earlier_backups=self._file.kept_aside())

    def _contain_all(self, work: Callable[[], None]) -> None:
        """Do some work on all of the run; whatever ends it is an error of each account to which something is done."""

        def failed(*errors: ReadError) -> None:
            for account_id, each in self._accounts.items():
                if self._is_to_do(account_id):
                    Written.fail(each, "; ".join(error.message for error in errors))

        contain_failures(work, failed, "")

    @staticmethod
    def _contain(subject: Written, work: Callable[[], None]) -> None:
        """Do some work on an account or a shared key; whatever ends it is an error of that one."""

        def failed(*errors: ReadError) -> None:
            subject.fail("; ".join(error.message for error in errors))

        contain_failures(work, failed, subject.account.access.region)

    def _change_all(self) -> None:
        """Change the keys that accounts share."""
        for step in self._plan.keys:
            if self._work_on(step, self._change) and not step.done.is_enough:
                self._failed |= set(step.accounts)

    def _put_all_back(self) -> None:
        """Put the policies back that accounts share."""
        for step in self._plan.policies:
            self._work_on(step, self._put_back)

    def _work_on(self, step: KeyStep, work: Callable[[KeyStep, Pace], None]) -> bool:
        """Do some work on a shared key, unless nothing is to be begun any more; return whether it was begun."""
        pace = self._new_pace()
        reason = self._why_stopped(pace)
        step.done = Done(changes=not_attempted(step.plan.changes), errors=(reason,) if reason else ())
        if not reason:
            self._contain(step, partial(work, step, pace))
        return not reason

    def _change(self, step: KeyStep, pace: Pace) -> None:
        """Change a key for all that share it."""
        save = _Saving(self._file, step.owner, str(step.name))
        rounds = Rounds(step.account, pace, save, step.planned_anew, restores=bool(self._run.task.restore))
        step.write(rounds, step.plan, "The key")
        created = (change.resource for change in _applied(step) if change.operation == "CreateKey")
        known = [*(rounds.plan.predicted.keys if rounds.plan else ()), *created, step.name[0]]
        step.arn = next((arn for arn in known if not arn.endswith(PLACEHOLDER)), step.name[0])

    def _put_back(self, step: KeyStep, pace: Pace) -> None:
        """Put the policy of a key back, unless a trail needs what that removes, because it has not moved after all."""
        sharing = [self._accounts[account] for account in step.accounts if account in self._accounts]
        self._read_again(sharing)  # another run may have given one of them the key meanwhile
        unseen = [each.account.account_id for each in sharing if each.after is None]
        step.plan = replace(step.plan, refusals=(_unseen(step.name[0], unseen),)) if unseen else step.planned_anew()
        if step.plan.refusals or not step.plan.changes:
            step.done = _result(step.plan)
            return
        self._change(step, pace)
        self._read_again(sharing)

    def _read_again(self, accounts: Iterable[AccountRun]) -> None:
        """Judge accounts as they are now, before or after a change that is none of their own."""
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(lambda each: self._contain(each, each.read_once_more), accounts))

    def _apply_all(self) -> None:
        """Apply the plans of the accounts: one after the other until one has succeeded, then side by side.

        The management account comes last, when all others have been worked on.
        """
        writing: list[str] = []
        others: list[str] = []
        for account_id, each in self._accounts.items():
            plan = self._plan.plans[account_id]
            if not self._is_to_do(account_id):
                self._contain(each, partial(self._leave, each, plan))
            else:
                (writing if plan.changes else others).append(account_id)
        self._run.progress.begin("Applied the plan in", len(writing) + len(others))
        last = [account_id for account_id in writing if account_id in self._management_accounts()]
        writing = [account_id for account_id in writing if account_id not in last]
        while writing and not self._is_proven:
            self._apply_next(writing.pop(0))
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(self._apply_next, [*writing, *others]))
        for account_id in last:
            self._apply_next(account_id)

    def _management_accounts(self) -> set[str]:
        """Return the accounts that own organization trails: a mistake there reaches every member."""
        snapshots = [each.before.snapshot for each in self._accounts.values()]
        owners = {trail.account_id for each in snapshots for trail in each.trails if trail.organization_trail}
        organizations = (each.organization for each in snapshots)
        return owners | {each.management_account for each in organizations if isinstance(each, Organization)}

    def _is_to_do(self, account_id: str) -> bool:
        """Return whether something is done to the account, by itself or through a key that it shares."""
        plan = self._plan.plans[account_id]
        shares = any(account_id in step.accounts for step in (*self._plan.keys, *self._plan.policies))
        return not plan.refusals and bool(plan.changes or shares)

    @staticmethod
    def _leave(each: AccountRun, plan: Plan) -> None:
        """Leave an account that is refused, or needs nothing."""
        each.leave(_result(plan), _foreseen(each, plan).after)

    def _apply_next(self, account_id: str) -> None:
        self._apply(account_id)
        self._run.progress.one()

    def _apply(self, account_id: str) -> None:
        """Apply what is left to the account, unless it is not to be begun; who wrote and came through has proven it."""
        each, plan = self._accounts[account_id], self._plan.plans[account_id]
        pace = self._paces[account_id] = self._new_pace()
        reason = self._why_not_begun(account_id, pace)
        each.leave(Done(changes=not_attempted(plan.changes), errors=(reason,) if reason else ()), each.before)
        if reason:
            return
        self._contain(each, partial(self._begin, account_id, pace))
        with self._lock:
            self._failed |= set() if each.done.is_enough else {account_id}
            self._is_proven = self._is_proven or (each.is_touched and each.done.is_enough)

    def _begin(self, account_id: str, pace: Pace) -> None:
        """Apply the plan of an account, with the keys that it shares as they are now."""
        keys = self._keys_of(account_id)
        plan = with_created(self._plan.plans[account_id], {step.name[0]: step.arn for step in keys if step.name[1]})
        shared = Shared(
            names=frozenset(name for step in self._plan.keys for name in (step.name, (step.arn, None))),
            changes=tuple(change for step in self._plan.keys for change in _applied(step)),
            for_account=tuple(change for step in keys for change in _applied(step)),
        )
        save = _Saving(self._file, account_id)
        planned = partial(self._plan.planned_anew, account_id)
        self._accounts[account_id].apply(plan, pace, save, shared, planned)

    def _keys_of(self, account_id: str) -> list[KeyStep]:
        return [step for step in self._plan.keys if account_id in step.accounts]

    def _why_not_begun(self, account_id: str, pace: Pace) -> str | Reason | None:
        for step in () if pace.stopped.is_set() else self._keys_of(account_id):
            if not step.done.is_enough:
                return f"Nothing was done here, because the key {step.arn or step.name[0]} could not be changed first."
        writes = self._plan.plans[account_id].changes or pace.stopped.is_set()
        return self._why_stopped(pace) if writes else None

    def _why_stopped(self, pace: Pace) -> str | Reason | None:
        """Return why nothing is begun any more; None where work may begin."""
        if pace.stopped.is_set():
            return INTERRUPTED
        with self._lock:
            failed = len(self._failed)
        if failed < self._run.max_failures:
            return None
        return Reason(
            f"Not attempted, because {failed} accounts have failed. Correct what failed there, and run again, or",
            ({"max_failures": f"more than {self._run.max_failures}"},),
        )

    def _catch_up(self) -> None:
        self._read_again(self._read_too_early())

    def _read_too_early(self) -> list[AccountRun]:
        """Return the accounts that use a key which somebody else has changed since they were read."""
        shared = {key_of(change) for step in self._plan.keys for change in _applied(step)}
        of_one: dict[str | None, set[str]] = {}
        for account_id, each in self._accounts.items():
            for change in _applied(each):
                of_one.setdefault(key_of(change), set()).add(account_id)

        def is_too_early(account_id: str, each: AccountRun) -> bool:
            used = each.after.snapshot.keys.keys() if each.after else set()
            others = any(of_one.get(arn, set()) - {account_id} for arn in used)
            return others or (not each.is_read_again and not shared.isdisjoint(used))

        return [each for account_id, each in self._accounts.items() if is_too_early(account_id, each)]

    def _wait(self) -> None:
        """Wait for the deliveries of what was changed, if they are to be waited for."""
        wait = self._run.task.wait
        waiting = {account_id: each for account_id, each in self._accounts.items() if wait and each.reached}
        if waiting:
            deliveries = [(each.account, each.reached, each.changed_at) for each in waiting.values()]
            # The time of each account runs since its first write: all wait as long as one of them has time.
            wait_for_deliveries(deliveries, max(map(self._paces.__getitem__, waiting), key=Pace.start))

    def _prove(self) -> None:
        """Judge what was changed, after its deliveries where these were waited for."""
        accounts = self._accounts.values()
        self._run.progress.begin("Verified", len(accounts))
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(partial(self._prove_one, waited=self._run.task.wait), accounts))

    def _prove_one(self, each: AccountRun, *, waited: bool) -> None:
        self._contain(each, partial(each.prove, waited=waited))
        self._run.progress.one()


def _applied(subject: Written) -> Iterator[Change]:
    return (change for change in subject.done.changes if change.status == "applied")


def _unseen(key_arn: str, accounts: Iterable[str]) -> Reason:
    return Reason(
        f"The policy of {key_arn} stays as it is: account {', '.join(accounts)} could not be read again, and its "
        "trails may need the present policy. Fix what prevents reading it, and run again.",
        key=key_arn,
    )


INTERRUPTED = "Not attempted, because the run was interrupted. The next run carries on."


class _Saving:
    """Keep what rounds replace, in the part of the backup that belongs to the account."""

    def __init__(self, file: BackupFile, account_id: str, of: str = "") -> None:
        self._file, self._account_id, self._of = file, account_id, of
        self._saved: Backup | None = None

    def __call__(self, changes: Sequence[Change]) -> Backup:
        backup = backup_of(self._account_id, changes, datetime.now(timezone.utc), self._saved)
        if changes or self._saved:
            self._file.save(backup, self._of)
            self._saved = backup
        return backup
