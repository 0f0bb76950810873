# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce: an audit that goes on. Read and judge all accounts, plan them together, apply, read and judge again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

from .._audit import folders_of, members_of, verdict_of
from .._aws import Access, AccountSessions, Pace, contain_failures, read_account_again, sweep
from .._backup import backup_of, by_account
from .._checks import AccountVerdict, unused_exceptions
from .._model import Backup, Key, Missing, ReadError, Reason, Snapshot
from .._plan import (
    KeyFact,
    Part,
    Plan,
    RestorePlans,
    SharedKey,
    SharedPolicy,
    best_known,
    join,
    keys_of_backup,
    make_restore_plans,
    undos_of,
)
from ._application import AccountRun
from ._execution import SIDE_BY_SIDE, Execution, JointPlan, KeyStep, foreseen
from ._inherited import as_owners_leave_them
from ._planning import Restoring, contained, heeding_owners, key_planned_anew, planned, with_writers
from ._task import Outcome, Run, RunOutcome


def enforce(caller: Access, run: Run, new_pace: Callable[[], Pace]) -> RunOutcome:
    """Bring the accounts to compliance, or in check mode say what that would take.

    `new_pace` gives the time of one account, or of one shared key. Raises AwsError where nothing can be read; then
    nothing was changed.
    """
    accounts, unread = _read(caller, run)
    plan = _restored(accounts, run) if run.task.restore else _planned(accounts, run)
    warnings = (*plan.warnings, *_unused(accounts))
    done = foreseen(plan) if run.task.check_mode else Execution(plan, run, new_pace).run()
    region = run.task.scope.first_region or ""
    left = contain_failures(partial(as_owners_leave_them, done, run), partial(_with_errors, done), region)
    warnings += _not_lent(accounts, run)
    ended = replace(done, accounts=dict(sorted({**unread, **left}.items())), warnings=warnings)
    if run.task.restore:
        return ended
    return contain_failures(
        lambda: replace(ended, undo=_undo(done, accounts, run)), partial(_without_undo, ended), region
    )


def _without_undo(ended: RunOutcome, *errors: ReadError) -> RunOutcome:
    """Return the outcome of a run of which nobody can tell what a restore would do."""
    why = "; ".join(error.message for error in errors)
    return replace(ended, warnings=(*ended.warnings, Reason(f"What a restore would do is not known: {why}")))


def _undo(done: RunOutcome, accounts: Mapping[str, AccountRun], run: Run) -> RestorePlans | None:
    """Return the plans that a restore of this run's backup would make by what the run has read, and nothing more.

    Of a plan it is the backup that the run would keep, and what the plan predicts stands for what was read.
    """
    kept = _to_be_kept(done) if run.task.check_mode else _kept(done)
    backups = {each.account_id: each for each in by_account(kept)}
    keys = _keys_at_last(done, {row.arn for backup in backups.values() for row in backup.key_policies})
    if not backups or not all(_is_read(keys.get(arn)) for each in backups.values() for arn in keys_of_backup(each)):
        return None
    judged = {each: one.after or one.before for each, one in done.accounts.items()}
    if any(verdict.snapshot.regions_left_out for verdict in judged.values()):
        return None  # the restore reads these too
    requests = {each: with_writers(accounts[each].account, run.of(each).request) for each in judged}
    settings = {each: run.of(each).settings for each in judged}
    return make_restore_plans(judged, undos_of(backups, judged), keys, requests, settings)


def _kept(done: RunOutcome) -> list[Backup]:
    """Return what the run has kept of what it replaced, as far as that was saved."""
    saved = {row["account_id"] for row in done.backup["accounts"]} if done.backup else ()
    results = [*done.accounts.values(), *(result for _owner, result in done.keys)]
    return [one.backup for one in results if one.backup and one.backup.account_id in saved]


def _to_be_kept(done: RunOutcome) -> Iterator[Backup]:
    """Yield what a run would keep of what its plan replaces."""
    now = datetime.now(timezone.utc)
    for account_id, one in (*done.accounts.items(), *done.keys):
        if planned := [change for change in one.changes if change.status == "planned"]:
            yield backup_of(account_id, planned, now)


def _keys_at_last(done: RunOutcome, written: Collection[str]) -> dict[str, KeyFact]:
    """Return the keys as the run read them last; what was read before a policy was written says nothing of that key."""
    later = best_known(one.after.snapshot.keys for one in done.accounts.values() if one.after)
    earlier = best_known(one.before.snapshot.keys for one in done.accounts.values() if one.before)
    return best_known((later, {arn: key for arn, key in earlier.items() if arn not in written}))


def _is_read(key: KeyFact | None) -> bool:
    return isinstance(key, Missing) or (isinstance(key, Key) and not isinstance(key.policy, ReadError))


def _with_errors(done: RunOutcome, *errors: ReadError) -> dict[str, Outcome]:
    """Return the outcomes with these errors, where nothing more can be said of the accounts."""
    messages = tuple(error.message for error in errors)
    return {each: replace(outcome, errors=(*outcome.errors, *messages)) for each, outcome in done.accounts.items()}


def _read(caller: Access, run: Run) -> tuple[dict[str, AccountRun], dict[str, Outcome]]:
    """Return the accounts that could be read and judged, and what is to be said of the others."""
    folders = partial(folders_of, members=members_of(run.task.scope))
    scope = replace(run.task.scope, second_policies=run.second_policies, of_readers=run.of_readers, folders=folders)
    accounts, unread = {}, {}
    run.progress.begin("Read", len(scope.accounts))
    for reading in sweep(caller, scope, run.lending):
        account_id = reading.snapshot.account_id
        task = run.of(account_id)
        before = verdict_of(reading.snapshot, task.settings, caller.region)
        if before.snapshot is not reading.snapshot:
            unread[account_id] = _untouched(before, "judged")
        elif reading.account is None:
            unread[account_id] = _untouched(before, "read")
        else:
            read_again = partial(read_account_again, reading, scope)
            accounts[account_id] = AccountRun(reading.account, task, before, read_again)
        run.progress.one()
    return dict(sorted(accounts.items())), unread


def _untouched(before: AccountVerdict, done: str) -> Outcome:
    """Return the outcome of an account that could not be `done`; a closed or suspended one need not comply."""
    why = "; ".join(dict.fromkeys(error.message for error in before.snapshot.errors))
    unread = (f"The account could not be {done}, so nothing was done there: {why}",)
    errors = () if before.verdict == "not_applicable" else unread
    return Outcome(before=before, after=before, errors=errors)


def _not_lent(accounts: Mapping[str, AccountRun], run: Run) -> tuple[str, ...]:
    """Return warnings of the accounts that were to lend access to their keys and buckets and could not be entered."""
    lending = {each.account_id for each in run.lending}
    closed = {
        account_id: error
        for each in accounts.values()
        if isinstance(each.account.key_accesses, AccountSessions)
        for account_id, error in each.account.key_accesses.refused().items()
    }
    return tuple(
        f"The other keys and buckets of account {each} could not be read: {error}"
        for each, error in closed.items()
        if each in lending
    )


def _planned(accounts: Mapping[str, AccountRun], run: Run) -> JointPlan:
    """Plan all accounts together, and leave to other tools what the tags of the resources say is theirs.

    A refusal of an account's plan stops that account alone; one of a shared key's plan stops the accounts that share
    it.
    """
    run.progress.begin("Planned", len(accounts))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        parts = dict(zip(accounts, pool.map(partial(_part, run), accounts.values()), strict=True))
        refused: Mapping[str, tuple[Reason, ...]] = {}
        while True:
            joint = join({each: part.refused(refused.get(each, ())) for each, part in parts.items()})
            keys = list(pool.map(partial(_step, accounts, run), joint.keys))
            plans = _all_heeding(accounts, joint.plans, run)
            failed = {each: plan.refusals for each, plan in plans.items() if not joint.plans[each].refusals}
            failed |= {each: step.plan.refusals for step in keys for each in step.accounts if step.plan.refusals}
            failed = {each: refusals for each, refusals in failed.items() if refusals}
            if not failed:
                break
            refused = {**refused, **failed}
    return JointPlan(accounts=accounts, plans=plans, planned_anew=partial(_planned_anew, accounts), keys=keys)


def _planned_anew(accounts: Mapping[str, AccountRun], account_id: str, judged: AccountVerdict) -> Plan:
    each = accounts[account_id]
    plan = planned(each.account, judged, each.task)
    return heeding_owners(each.account, each.task.request, plan)


def _step(accounts: Mapping[str, AccountRun], run: Run, key: SharedKey) -> KeyStep:
    """Return the change of a shared key, made by its owner, or by a user of the key that has a role of the owner's."""
    account = (accounts.get(key.owner) or accounts[key.accounts[0]]).account
    heed = partial(heeding_owners, account, key.request)
    return KeyStep(
        name=key.name,
        accounts=key.accounts,
        account=account,
        plan=contained(run, account, key.plan, partial(heed, key.plan)),
        planned_anew=lambda: heed(key_planned_anew(account, key)),
    )


def _restored(accounts: Mapping[str, AccountRun], run: Run) -> JointPlan:
    """Return the plan that puts backups back: in each account by itself, and then the policies that accounts share."""
    judged = {each: application.before for each, application in accounts.items()}
    restoring = Restoring({each: accounts[each].account for each in accounts}, judged, run)
    restore = restoring.plans()

    def seen() -> dict[str, Snapshot]:
        return {each: one.after.snapshot for each, one in accounts.items() if one.after}

    def step(policy: SharedPolicy) -> KeyStep:
        return KeyStep(
            name=(policy.undo.row.arn, None),
            accounts=tuple(sorted({*policy.accounts, *_moving_to(policy.undo.row.arn, restore.plans)})),
            account=restoring.opening(policy),
            plan=policy.plan,
            planned_anew=lambda: restoring.policy_planned_anew(policy, seen()),
        )

    return JointPlan(
        accounts=accounts,
        plans=_all_heeding(accounts, _as_foreseen(restore) if run.task.check_mode else restore.plans, run),
        planned_anew=lambda each, judged: heeding_owners(
            accounts[each].account, None, restoring.planned_anew(each, judged)
        ),
        policies=[step(policy) for policy in restore.policies],
        warnings=restore.warnings,
    )


def _moving_to(key_arn: str, plans: Mapping[str, Plan]) -> Iterator[str]:
    """Yield the accounts that will have a trail on the key."""
    return (each for each, plan in plans.items() if key_arn in {trail.kms_key_arn for trail in plan.predicted.trails})


def _as_foreseen(restore: RestorePlans) -> dict[str, Plan]:
    """Return the plans with the accounts predicted as they are once the shared policies are back as well."""
    return {each: replace(plan, predicted=restore.predicted[each]) for each, plan in restore.plans.items()}


def _all_heeding(accounts: Mapping[str, AccountRun], plans: Mapping[str, Plan], run: Run) -> dict[str, Plan]:
    """Return the plans with what other tools own left to them, unless they are those of a restore."""

    def heeding(account_id: str) -> Plan:
        each, plan = accounts[account_id], plans[account_id]
        request = None if run.task.restore else each.task.request
        return contained(run, each.account, plan, partial(heeding_owners, each.account, request, plan))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return dict(zip(accounts, pool.map(heeding, accounts), strict=True))


def _part(run: Run, each: AccountRun) -> Part:
    """Return the account's part in the plan."""
    nothing = Plan((), (), (), each.before.snapshot)
    plan = contained(run, each.account, nothing, lambda: planned(each.account, each.before, each.task))
    run.progress.one()
    return Part(plan, with_writers(each.account, each.task.request), each.task.settings, each.before.snapshot)


def _unused(accounts: Mapping[str, AccountRun]) -> tuple[str, ...]:
    """Return warnings of exceptions that match no trail of the accounts they are for."""
    return unused_exceptions(
        (account_id, each.task.settings, each.before.snapshot.trails) for account_id, each in accounts.items()
    )
