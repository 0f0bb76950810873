# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce: an audit that goes on. Read and judge all accounts, plan them together, apply, read and judge again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import (
    _application,
    _execution,
    _inherited,
    _model,
    _planning,
    _restoring,
    _task,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _pace,
    _resources,
    _sweep,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _joint, _plans, _restore


def enforce(caller: _access.Access, run: _task.Run, new_pace: Callable[[], _pace.Pace]) -> _task.RunOutcome:
    """Bring the accounts to compliance, or in check mode say what that would take.

    `new_pace` gives the time of one account, or of one shared key. Raises AwsError where nothing can be read, and of a
    single account BackupError where its backup cannot be written; then nothing was changed.
    """
    accounts, unread = _read(caller, run)
    plan = _restored(accounts, run) if run.task.restore else _planned(accounts, run)
    done = _execution.foreseen(plan) if run.task.check_mode else _execution.Execution(plan, run, new_pace).run()
    return replace(
        done,
        accounts=dict(sorted({**unread, **_inherited.as_owners_leave_them(done.accounts, run)}.items())),
        warnings=(*plan.warnings, *_unused(accounts), *_not_lent(accounts, run)),
    )


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


def _not_lent(accounts: Mapping[str, _application.Application], run: _task.Run) -> tuple[str, ...]:
    """Warnings of the accounts that were to lend access to their keys and buckets and could not be entered."""
    lending = {each.account_id for each in run.lending}
    closed = {
        account_id: error
        for each in accounts.values()
        if isinstance(each.account.key_accesses, _sweep.Doors)
        for account_id, error in each.account.key_accesses.closed().items()
    }
    return tuple(
        f"Of the keys and buckets of account {each} nothing more could be read: {error}"
        for each, error in closed.items()
        if each in lending
    )


def _planned(accounts: Mapping[str, _application.Application], run: _task.Run) -> _execution.JointPlan:
    """The plan of all accounts, with what the tags of the resources say of who else manages them."""
    part = _guarded_part if run.task.scope.accounts else _part
    with ThreadPoolExecutor(_execution.SIDE_BY_SIDE) as pool:
        parts = dict(zip(accounts, pool.map(part, accounts.values()), strict=True))
        joint = _joint.join(parts)
        keys = list(pool.map(partial(_step, accounts), joint.keys))
    return _execution.JointPlan(
        accounts=accounts,
        plans=_all_warned(accounts, joint.plans),
        planned_anew=lambda each, judged: _planning.planned(accounts[each].account, judged, accounts[each].task),
        keys=keys,
    )


def _step(accounts: Mapping[str, _application.Application], key: _joint.SharedKey) -> _execution.KeyStep:
    """The change of a shared key, by its owner, or by one that uses it and has a role of the owner's."""
    account = (accounts.get(key.owner) or accounts[key.accounts[0]]).account
    return _execution.KeyStep(
        name=key.name,
        accounts=key.accounts,
        account=account,
        plan=_warned(account, key.plan),
        planned_anew=lambda: _planning.key_planned_anew(account, key),
    )


def _restored(accounts: Mapping[str, _application.Application], run: _task.Run) -> _execution.JointPlan:
    """The plan that puts backups back: in each account by itself, and then the policies that accounts share."""
    judged = {each: application.before for each, application in accounts.items()}
    restoring = _restoring.Restoring({each: accounts[each].account for each in accounts}, judged, run)
    found = restoring.plans()

    def seen() -> dict[str, _model.Snapshot]:
        return {each: (one.after or one.before).snapshot for each, one in accounts.items()}

    def step(policy: _restore.SharedPolicy) -> _execution.KeyStep:
        return _execution.KeyStep(
            name=(policy.row.arn, None),
            accounts=policy.accounts,
            account=restoring.opening(policy),
            plan=policy.plan,
            planned_anew=lambda: restoring.policy_planned_anew(policy, seen()),
        )

    return _execution.JointPlan(
        accounts=accounts,
        plans=_all_warned(accounts, _as_foreseen(found) if run.task.check_mode else found.plans),
        planned_anew=restoring.planned_anew,
        policies=[step(policy) for policy in found.policies],
        warnings=found.warnings,
    )


def _as_foreseen(found: _restore.RestorePlans) -> dict[str, _plans.Plan]:
    """The plans of the accounts as these will be once the policies that they share are back as well."""
    return {each: replace(plan, predicted=found.predicted[each]) for each, plan in found.plans.items()}


def _all_warned(
    accounts: Mapping[str, _application.Application], plans: Mapping[str, _plans.Plan]
) -> dict[str, _plans.Plan]:
    with ThreadPoolExecutor(_execution.SIDE_BY_SIDE) as pool:
        warned = pool.map(lambda each: _warned(accounts[each].account, plans[each]), accounts)
        return dict(zip(accounts, warned, strict=True))


def _part(each: _application.Application) -> _joint.Part:
    return _planning.part(each.account, each.before, each.task)


def _guarded_part(each: _application.Application) -> _joint.Part:
    """The account's part in the plan; what stands in its way stops it alone."""

    def refused(*errors: _model.ReadError) -> _joint.Part:
        why = "; ".join(dict.fromkeys(error.message for error in errors))
        plan = _plans.Plan((), (f"No plan could be made: {why}",), (), each.before.snapshot)
        return _joint.Part(plan, each.task.wish, each.task.settings)

    return _sweep.whatever_happens(lambda: _part(each), refused, each.account.access.region)


def _warned(account: _resources.Account, plan: _plans.Plan) -> _plans.Plan:
    return replace(plan, warnings=(*plan.warnings, *_planning.owner_warnings(account, plan.changes)))


def _unused(accounts: Mapping[str, _application.Application]) -> tuple[str, ...]:
    """Warnings of exceptions that match no trail of the accounts they are for."""
    return _assess.unused_exceptions(
        (account_id, each.task.settings, each.before.snapshot.trails) for account_id, each in accounts.items()
    )
