# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce: an audit that goes on. Read and judge all accounts, plan them together, apply, read and judge again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import (
    _application,
    _backup,
    _backup_file,
    _model,
    _planning,
    _rounds,
    _task,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _delivery,
    _pace,
    _sweep,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _joint, _plans

SIDE_BY_SIDE = 16  # accounts that are written at once, after one has been written alone


def enforce(caller: _access.Access, run: _task.Run, new_pace: Callable[[], _pace.Pace]) -> _task.RunOutcome:
    """Bring the accounts to compliance, or in check mode say what that would take.

    `new_pace` gives the time of one account, or of one shared key. Raises AwsError where nothing can be read, and of a
    single account BackupError where its backup cannot be written; then nothing was changed.
    """
    accounts, unread = _read(caller, run)
    joint = _planned(accounts, run)
    if not run.task.check_mode:
        done = _Execution(accounts, joint, run, new_pace).run()
    else:
        keys = tuple((key.owner, _told(key.plan)) for key in joint.keys)
        done = _task.RunOutcome(keys, {each: _foreseen(accounts[each], joint.plans[each]) for each in accounts})
    return replace(done, accounts=dict(sorted({**unread, **done.accounts}.items())), warnings=_unused(accounts))


def _read(
    caller: _access.Access, run: _task.Run
) -> tuple[dict[str, _application.Application], dict[str, _task.Outcome]]:
    """The accounts that could be read, and what is to be said of the others."""
    scope = replace(run.task.scope, in_doubt=run.in_doubt)
    accounts, unread = {}, {}
    for reading in _sweep.sweep(caller, scope, run.lending):
        account_id = reading.snapshot.account_id
        task = run.of(account_id)
        before = _assess.assess(reading.snapshot, task.settings)
        if reading.account is None:
            unread[account_id] = _untouched(before)
        else:
            read_again = partial(_sweep.read_again, reading, scope)
            accounts[account_id] = _application.Application(reading.account, task, before, read_again)
    return dict(sorted(accounts.items())), unread


def _untouched(before: _assess.AccountVerdict) -> _task.Outcome:
    """What is said of an account that could not be read; one that is closed or suspended need not comply."""
    why = "; ".join(dict.fromkeys(error.message for error in before.snapshot.errors))
    unread = (f"The account could not be read, so that nothing was done there: {why}",)
    errors = () if before.verdict == "not_applicable" else unread
    return _task.Outcome(before=before, after=before, errors=errors)


def _planned(accounts: Mapping[str, _application.Application], run: _task.Run) -> _joint.Joint:
    """The plan of all accounts, with what the tags of the resources say of who else manages them."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        part = _guarded_part if run.task.scope.accounts else _part
        parts = dict(zip(accounts, pool.map(part, accounts.values()), strict=True))
        joint = _joint.join(parts)
        keys = pool.map(lambda key: _warned(_vehicle(accounts, key), key.plan), joint.keys)
        plans = pool.map(lambda each: _warned(accounts[each], joint.plans[each]), accounts)
        return replace(
            joint,
            keys=tuple(replace(key, plan=plan) for key, plan in zip(joint.keys, keys, strict=True)),
            plans=dict(zip(accounts, plans, strict=True)),
        )


def _part(each: _application.Application) -> _joint.Part:
    return _planning.part(each.account, each.before, each.task)


def _guarded_part(each: _application.Application) -> _joint.Part:
    """The account's part in the plan; what stands in its way stops it alone."""

    def refused(*errors: _model.ReadError) -> _joint.Part:
        why = "; ".join(dict.fromkeys(error.message for error in errors))
        plan = _plans.Plan((), (f"No plan could be made: {why}",), (), each.before.snapshot)
        return _joint.Part(plan, each.task.wish, each.task.settings)

    return _sweep.whatever_happens(lambda: _part(each), refused, each.account.access.region)


def _vehicle(accounts: Mapping[str, _application.Application], key: _joint.SharedKey) -> _application.Application:
    """The account that opens a shared key: its owner, or one that uses it and has a role of the owner's."""
    return accounts.get(key.owner) or accounts[key.accounts[0]]


def _warned(each: _application.Application, plan: _plans.Plan) -> _plans.Plan:
    return replace(plan, warnings=(*plan.warnings, *_planning.owner_warnings(each.account, plan.changes)))


def _unused(accounts: Mapping[str, _application.Application]) -> tuple[str, ...]:
    """Warnings of exceptions that match no trail of the accounts they are for."""
    return _assess.unused_exceptions(
        (account_id, each.task.settings, each.before.snapshot.trails) for account_id, each in accounts.items()
    )


def _told(plan: _plans.Plan) -> _task.Done:
    return _task.Done(changes=plan.changes, refusals=plan.refusals, warnings=plan.warnings)


def _foreseen(each: _application.Application, plan: _plans.Plan) -> _task.Outcome:
    """What a plan comes to that is not applied: refused, in check mode, or without anything to do."""
    if plan.refusals:
        left = replace(plan, changes=_not_attempted(plan.changes))
        return _task.Outcome(before=each.before, after=each.before, **vars(_told(left)))
    after = _assess.assess(plan.predicted, each.task.settings)
    done = replace(_told(plan), warnings=(*plan.warnings, *_task.open_questions(after)))
    return _task.Outcome(before=each.before, after=after, **vars(done))


def _not_attempted(changes: Iterable[_model.Change]) -> tuple[_model.Change, ...]:
    return tuple(replace(change, status="not_attempted") for change in changes)


class _Execution:
    """A joint plan being applied: shared keys, one account alone, the others side by side, and the proof of all."""

    def __init__(
        self,
        accounts: Mapping[str, _application.Application],
        joint: _joint.Joint,
        run: _task.Run,
        new_pace: Callable[[], _pace.Pace],
    ) -> None:
        self._accounts, self._joint, self._run, self._new_pace = accounts, joint, run, new_pace
        self._file = _backup_file.BackupFile(run.backup_path, run.backup_play)
        self._keys = [_ChangedKey(key) for key in joint.keys]
        self._lock = threading.Lock()
        self._failed = 0
        self._is_proven = False

    def run(self) -> _task.RunOutcome:
        """Apply it all, and return what came of it."""
        with self._file:
            return self._applied()

    def _applied(self) -> _task.RunOutcome:
        for key in self._keys:
            self._change(key)
        begun = [each for each in self._accounts if self._is_to_do(each)]
        waiting = list(begun)
        while waiting and not self._is_proven:
            self._apply(waiting.pop(0))
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(self._apply, waiting))
            self._wait_for_deliveries(begun)
            list(pool.map(lambda each: self._accounts[each].prove(waited=self._run.task.wait), begun))
        outcomes = {each: self._outcome(each, begun) for each in self._accounts}
        keys = tuple((key.key.owner, key.done) for key in self._keys)
        return _task.RunOutcome(keys, outcomes, backup=self._file.document())

    def _is_to_do(self, account_id: str) -> bool:
        """Whether something is done to the account, by itself or through a key that it shares."""
        plan = self._joint.plans[account_id]
        shares = any(account_id in key.accounts for key in self._joint.keys)
        return not plan.refusals and bool(plan.changes or shares)

    def _change(self, changed: _ChangedKey) -> None:
        """Change a shared key for all that need it."""
        key = changed.key
        account = _vehicle(self._accounts, key).account
        save = _Saving(self._file, key.owner, str(key.name))
        rounds = _rounds.Rounds(account, self._new_pace(), save, lambda: _planning.key_planned_anew(account, key))
        try:
            changed.done = rounds.run(key.plan, key.plan.warnings, "The key")
        except _model.BackupError as error:
            changed.done = _task.Done(changes=_not_attempted(key.plan.changes), errors=(str(error),))
        changed.arn = next(iter((rounds.plan or key.plan).predicted.keys))

    def _apply(self, account_id: str) -> None:
        """Apply what is left to the account, unless it is not to be begun."""
        each, plan = self._accounts[account_id], self._joint.plans[account_id]
        keys = [changed for changed in self._keys if account_id in changed.key.accounts]
        pace = self._new_pace()
        reason = self._why_not_begun(keys, pace)
        if reason:
            each.leave(_not_attempted(plan.changes), reason)
            return
        created = {changed.key.name[0]: changed.arn for changed in keys if changed.key.name[1]}
        frozen = {(changed.arn, None) for changed in self._keys} | {changed.key.name for changed in self._keys}
        earlier = [change for changed in self._keys for change in changed.done.changes]
        save = _Saving(self._file, account_id)

        def apply() -> None:
            try:
                each.apply(_joint.with_created(plan, created), pace, save, earlier, frozen)
            except _model.BackupError as error:
                if not self._run.task.scope.accounts:
                    raise
                each.leave(_not_attempted(plan.changes), str(error))

        def failed(*errors: _model.ReadError) -> None:
            each.fail(plan, "; ".join(error.message for error in errors))

        if self._run.task.scope.accounts:
            _sweep.whatever_happens(apply, failed, each.account.access.region)
        else:
            apply()
        self._note(each)

    def _why_not_begun(self, keys: Sequence[_ChangedKey], pace: _pace.Pace) -> str | None:
        if pace.stopped.is_set():
            return "Not attempted, since the run was interrupted. The next run carries on."
        for changed in keys:
            if changed.done.errors:
                return f"Nothing was done here, since the key {changed.arn} could not be changed for it."
        with self._lock:
            if self._failed >= self._run.max_failures:
                return (
                    f"Not attempted, since {self._failed} accounts have failed, and max_failures is "
                    f"{self._run.max_failures}. Correct what failed there, and run again."
                )
        return None

    def _note(self, each: _application.Application) -> None:
        with self._lock:
            self._failed += bool(each.done.errors)
            self._is_proven = self._is_proven or not each.done.errors

    def _wait_for_deliveries(self, begun: Iterable[str]) -> None:
        if self._run.task.wait:
            changed = [each for each in map(self._accounts.__getitem__, begun) if each.reached]
            deliveries = [(each.account, each.reached, each.changed_at) for each in changed]
            _delivery.wait_for_deliveries(deliveries, self._new_pace())

    def _outcome(self, account_id: str, begun: Iterable[str]) -> _task.Outcome:
        each, plan = self._accounts[account_id], self._joint.plans[account_id]
        if account_id not in begun:
            return _foreseen(each, plan)
        return _task.Outcome(before=each.before, after=each.after, **vars(each.done))


@dataclass
class _ChangedKey:
    """A shared key, its ARN once it has one, and what came of its change."""

    key: _joint.SharedKey
    done: _task.Done = field(default_factory=_task.Done)
    arn: str = ""


class _Saving:
    """Keeps what rounds replace, in the file's part of the account that they are told under."""

    def __init__(self, file: _backup_file.BackupFile, account_id: str, of: str = "") -> None:
        self._file, self._account_id, self._of = file, account_id, of
        self._is_begun = False

    def __call__(self, changes: Sequence[_model.Change]) -> _model.Backup:
        backup = _backup.backup_of(self._account_id, changes, datetime.now(timezone.utc))
        if changes or self._is_begun:
            self._file.save(backup, self._of)
            self._is_begun = True
        return backup
