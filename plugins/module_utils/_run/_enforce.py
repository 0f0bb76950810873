# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce: an audit that goes on. Read and judge all accounts, plan them together, apply, read and judge again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from .._aws import Access, Account, AccountSessions, Pace, contain_failures, read_account_again, sweep
from .._checks import AccountVerdict, assess, unused_exceptions
from .._model import ReadError, Snapshot
from .._plan import Part, Plan, RestorePlans, SharedKey, SharedPolicy, join
from ._application import Application
from ._execution import SIDE_BY_SIDE, Execution, JointPlan, KeyStep, foreseen
from ._inherited import as_owners_leave_them
from ._planning import key_planned_anew, owner_warnings, plan_part, planned
from ._restoring import Restoring
from ._task import Outcome, Run, RunOutcome


def enforce(caller: Access, run: Run, new_pace: Callable[[], Pace]) -> RunOutcome:
    """Bring the accounts to compliance, or in check mode say what that would take.

    `new_pace` gives the time of one account, or of one shared key. Raises AwsError where nothing can be read, and of a
    single account BackupError where its backup cannot be written; then nothing was changed.
    """
    accounts, unread = _read(caller, run)
    plan = _restored(accounts, run) if run.task.restore else _planned(accounts, run)
    done = foreseen(plan) if run.task.check_mode else Execution(plan, run, new_pace).run()
    return replace(
        done,
        accounts=dict(sorted({**unread, **as_owners_leave_them(done, run)}.items())),
        warnings=(*plan.warnings, *_unused(accounts), *_not_lent(accounts, run)),
    )


def _read(caller: Access, run: Run) -> tuple[dict[str, Application], dict[str, Outcome]]:
    """The accounts that could be read, and what is to be said of the others."""
    scope = replace(run.task.scope, in_doubt=run.in_doubt)
    accounts, unread = {}, {}
    for reading in sweep(caller, scope, run.lending):
        account_id = reading.snapshot.account_id
        task = run.of(account_id)
        before = assess(reading.snapshot, task.settings)
        if reading.account is None:
            unread[account_id] = _untouched(before)
        else:
            read_again = partial(read_account_again, reading, scope)
            accounts[account_id] = Application(reading.account, task, before, read_again)
    return dict(sorted(accounts.items())), unread


def _untouched(before: AccountVerdict) -> Outcome:
    """What is said of an account that could not be read; one that is closed or suspended need not comply."""
    why = "; ".join(dict.fromkeys(error.message for error in before.snapshot.errors))
    unread = (f"The account could not be read, so that nothing was done there: {why}",)
    errors = () if before.verdict == "not_applicable" else unread
    return Outcome(before=before, after=before, errors=errors)


def _not_lent(accounts: Mapping[str, Application], run: Run) -> tuple[str, ...]:
    """Warnings of the accounts that were to lend access to their keys and buckets and could not be entered."""
    lending = {each.account_id for each in run.lending}
    closed = {
        account_id: error
        for each in accounts.values()
        if isinstance(each.account.key_accesses, AccountSessions)
        for account_id, error in each.account.key_accesses.closed().items()
    }
    return tuple(
        f"Of the keys and buckets of account {each} nothing more could be read: {error}"
        for each, error in closed.items()
        if each in lending
    )


def _planned(accounts: Mapping[str, Application], run: Run) -> JointPlan:
    """The plan of all accounts, with what the tags of the resources say of who else manages them."""
    part = _guarded_part if run.task.scope.accounts else _part
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        parts = dict(zip(accounts, pool.map(part, accounts.values()), strict=True))
        joint = join(parts)
        keys = list(pool.map(partial(_step, accounts), joint.keys))
    return JointPlan(
        accounts=accounts,
        plans=_all_warned(accounts, joint.plans),
        planned_anew=lambda each, judged: planned(accounts[each].account, judged, accounts[each].task),
        keys=keys,
    )


def _step(accounts: Mapping[str, Application], key: SharedKey) -> KeyStep:
    """The change of a shared key, by its owner, or by one that uses it and has a role of the owner's."""
    account = (accounts.get(key.owner) or accounts[key.accounts[0]]).account
    return KeyStep(
        name=key.name,
        accounts=key.accounts,
        account=account,
        plan=_warned(account, key.plan),
        planned_anew=lambda: key_planned_anew(account, key),
    )


def _restored(accounts: Mapping[str, Application], run: Run) -> JointPlan:
    """The plan that puts backups back: in each account by itself, and then the policies that accounts share."""
    judged = {each: application.before for each, application in accounts.items()}
    restoring = Restoring({each: accounts[each].account for each in accounts}, judged, run)
    found = restoring.plans()

    def seen() -> dict[str, Snapshot]:
        return {each: (one.after or one.before).snapshot for each, one in accounts.items()}

    def step(policy: SharedPolicy) -> KeyStep:
        return KeyStep(
            name=(policy.undo.row.arn, None),
            accounts=policy.accounts,
            account=restoring.opening(policy),
            plan=policy.plan,
            planned_anew=lambda: restoring.policy_planned_anew(policy, seen()),
        )

    return JointPlan(
        accounts=accounts,
        plans=_all_warned(accounts, _as_foreseen(found) if run.task.check_mode else found.plans),
        planned_anew=restoring.planned_anew,
        policies=[step(policy) for policy in found.policies],
        warnings=found.warnings,
    )


def _as_foreseen(found: RestorePlans) -> dict[str, Plan]:
    """The plans of the accounts as these will be once the policies that they share are back as well."""
    return {each: replace(plan, predicted=found.predicted[each]) for each, plan in found.plans.items()}


def _all_warned(accounts: Mapping[str, Application], plans: Mapping[str, Plan]) -> dict[str, Plan]:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        warned = pool.map(lambda each: _warned(accounts[each].account, plans[each]), accounts)
        return dict(zip(accounts, warned, strict=True))


def _part(each: Application) -> Part:
    return plan_part(each.account, each.before, each.task)


def _guarded_part(each: Application) -> Part:
    """The account's part in the plan; what stands in its way stops it alone."""

    def refused(*errors: ReadError) -> Part:
        why = "; ".join(dict.fromkeys(error.message for error in errors))
        plan = Plan((), (f"No plan could be made: {why}",), (), each.before.snapshot)
        return Part(plan, each.task.wish, each.task.settings)

    return contain_failures(lambda: _part(each), refused, each.account.access.region)


def _warned(account: Account, plan: Plan) -> Plan:
    return replace(plan, warnings=(*plan.warnings, *owner_warnings(account, plan.changes)))


def _unused(accounts: Mapping[str, Application]) -> tuple[str, ...]:
    """Warnings of exceptions that match no trail of the accounts they are for."""
    return unused_exceptions(
        (account_id, each.task.settings, each.before.snapshot.trails) for account_id, each in accounts.items()
    )
