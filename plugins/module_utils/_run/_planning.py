# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan for judged accounts, by requests or from backups: read what that needs beyond the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from .._aws import (
    Account,
    RequestedKey,
    contain_failures,
    missing_principals,
    read_key,
    read_keys,
    read_tags,
    read_targets,
    read_trail_prerequisites,
)
from .._checks import AccountVerdict, assess
from .._model import Change, Key, KeyLookup, Missing, ReadError, Reason, Snapshot
from .._plan import (
    KeyFact,
    Plan,
    RestorePlans,
    SharedKey,
    SharedPolicy,
    best_known,
    create_bucket,
    keys_of_backup,
    left_to_owners,
    make_plan,
    make_restore_plans,
    new_bucket_region,
    new_principals,
    of_another_partition,
    plan_key_anew,
    plan_policy,
    regions_in_need,
    requested_trail,
    undos_of,
    with_requested_trail,
)
from .._request import CREATED_FOR_TAG, EnforceRequest, Targets, TrailRequest
from ._task import Run, Task


def planned(account: Account, judged: AccountVerdict, task: Task) -> Plan:
    """Return the plan of the account by itself; raises AwsError as reading does."""
    task = replace(task, request=with_writers(account, task.request))
    refusals = (*of_another_partition(task.request, task.settings.readers, judged.snapshot),)
    refusals += (*_without_way_to_the_key(account, task.request),)
    if refusals:
        return Plan((), refusals, (), judged.snapshot)
    return with_principals(account, _enforcing(account, judged, task))


def key_planned_anew(account: Account, key: SharedKey) -> Plan:
    """Return the plan of a shared key for what it is now; `account` opens the key's account."""
    account = replace(account, key_tags=account.key_tags or key.is_approved_by_tag)
    snapshot = Snapshot(key.owner, account.partition, account.access.now())
    return with_principals(account, plan_key_anew(key, _lookup(account, key, snapshot), snapshot))


def _lookup(account: Account, key: SharedKey, snapshot: Snapshot) -> KeyLookup:
    """Return the shared key as it is now: looked for by its alias where that was still to be given, else by its ARN."""
    if not key.needs_alias:
        return KeyLookup(read_key(account, key.name[0]))
    requested = replace(requested_key(account, key.request), owner=key.owner)
    return read_targets(account, snapshot, [key.region], requested)[key.region]


def _enforcing(account: Account, judged: AccountVerdict, task: Task) -> Plan:
    request = task.request
    if request.create_trail:
        return _provisioning(account, judged, request.create_trail, task)
    return make_plan(judged, _targets_of(account, judged, request), request, task.settings)


def _provisioning(account: Account, judged: AccountVerdict, trail: TrailRequest, task: Task) -> Plan:
    """Return the plan for one trail, which is judged as if it were there already."""
    home = trail.home_region or account.access.region
    trail = replace(trail, home_region=home)
    snapshot = judged.snapshot
    prerequisites = read_trail_prerequisites(
        account, snapshot, home, trail.bucket_name, organization=trail.organization_trail
    )
    request = replace(task.request, create_trail=trail)
    requested, refusals = requested_trail(snapshot, prerequisites, trail, check_mode=task.check_mode)
    if requested is None:
        return Plan((), refusals, (), snapshot)
    judged = assess(with_requested_trail(snapshot, prerequisites, requested), task.settings)
    plan = make_plan(judged, _targets_of(account, judged, request), request, task.settings, requested)
    if isinstance(prerequisites.bucket, Missing):
        created = create_bucket(trail.bucket_name, snapshot.partition, new_bucket_region(trail))
        plan = replace(plan, changes=(created, *plan.changes))
    return plan


def _targets_of(account: Account, judged: AccountVerdict, request: EnforceRequest) -> Targets:
    """Look the requested key up in each bucket region that needs one."""
    return read_targets(account, judged.snapshot, regions_in_need(judged, request), requested_key(account, request))


def _without_way_to_the_key(account: Account, request: EnforceRequest) -> Iterator[Reason]:
    """Refuse a key in an account without credentials: it could be neither found nor created."""
    owner = request.key_account_id
    if owner and next(account.owners(owner), None) is None:
        yield Reason(
            f"The key of account {account.account_id} is to be in account {owner} (key.account), but there are no "
            "credentials for it. Add it to accounts, or",
            ({"key_assume_role": "a role there"},),
        )


def with_principals(account: Account, plan: Plan) -> Plan:
    """Return the plan with a refusal for each principal that a key policy would name and that does not exist."""
    return replace(plan, refusals=(*plan.refusals, *_absent_principals(account, plan.changes)))


def _absent_principals(account: Account, changes: Sequence[Change]) -> Iterator[Reason]:
    """Yield a refusal for each principal that a key policy would newly name and that does not exist.

    KMS accepts only principals that exist (KMS guide, "Key policy format"), and refuses the write after all others.
    """
    named = {arn: change.resource for change in changes for arn in new_principals(change)}
    for arn in missing_principals(account, sorted(named)):
        yield Reason(
            f"{arn}, which key policies would name, does not exist; KMS accepts only principals that exist. Correct or "
            "remove it under the option readers or the option key.",
            key=named[arn],
        )


def contained(run: Run, account: Account, instead: Plan, plan: Callable[[], Plan]) -> Plan:
    """Return the plan of one of many accounts, or of a shared key; where planning fails, `instead` with the refusal."""

    def refused(*errors: ReadError) -> Plan:
        why = "; ".join(dict.fromkeys(error.message for error in errors))
        return replace(instead, refusals=(*instead.refusals, Reason(f"No plan could be made: {why}")))

    return contain_failures(plan, refused, account.access.region) if run.task.scope.accounts else plan()


def with_writers(account: Account, request: EnforceRequest) -> EnforceRequest:
    """Return the request with the principals that would write, so that a plan can tell whether they may."""
    return replace(request, writers=account.writers)


def requested_key(account: Account, request: EnforceRequest) -> RequestedKey:
    """Return what the requested key is looked for by, in its own account where that is another one."""
    tags = {CREATED_FOR_TAG: request.key.alias} if request.key else None
    name = request.key_id or (request.key.alias if request.key else "")
    return RequestedKey(name, request.key_account_id or account.account_id, tags)


def heeding_owners(account: Account, request: EnforceRequest | None, plan: Plan) -> Plan:
    """Return the plan with the resources left to other tools that own them, as their tags say.

    Without a request they are only warned of: a restore undoes what a run did.
    """
    return left_to_owners(plan, read_tags(account, plan.changes), request)


class Restoring:
    """Plans the restore of a run's backups; `judged` are the accounts as they were before, by account id."""

    def __init__(self, accounts: Mapping[str, Account], judged: Mapping[str, AccountVerdict], run: Run) -> None:
        self._accounts, self._judged, self._run = accounts, judged, run
        self._backups = {backup.account_id: backup for backup in run.task.restore}
        self._undos = undos_of(self._backups, accounts)
        self._settings = {each: run.of(each).settings for each in accounts}
        self._requests = {each: with_writers(accounts[each], run.of(each).request) for each in accounts}

    def plans(self) -> RestorePlans:
        """Return the plans of all accounts, and of the policies that they share. Raises AwsError as reading does."""
        made = self._made(self._judged, self._keys)
        return replace(made, plans={each: self._with_principals(each, plan) for each, plan in made.plans.items()})

    def _with_principals(self, account_id: str, plan: Plan) -> Plan:
        account = self._accounts[account_id]
        return contained(self._run, account, plan, partial(with_principals, account, plan))

    def planned_anew(self, account_id: str, judged: AccountVerdict) -> Plan:
        """Return the plan of an account for what it is now."""
        shown = {} if account_id not in self._backups else self._keys_of(account_id, judged.snapshot)
        keys = self._keys | {arn: key for arn, key in shown.items() if isinstance(key, Key)}
        return self._made({**self._judged, account_id: judged}, keys).plans[account_id]

    def policy_planned_anew(self, shared: SharedPolicy, seen: Mapping[str, Snapshot]) -> Plan:
        """Return the plan of a shared policy for what it is now, of accounts that were `seen` since they moved."""
        account = self.opening(shared)
        key = read_key(account, shared.undo.row.arn)
        return with_principals(account, plan_policy(shared.undo, seen, key, self._requests[shared.undo.account_id]))

    def opening(self, shared: SharedPolicy) -> Account:
        """Return the account that opens the key: its owner, or else the one whose backup has the policy."""
        return self._accounts.get(shared.undo.row.arn.split(":")[4]) or self._accounts[shared.undo.account_id]

    @cached_property
    def _keys(self) -> dict[str, KeyFact]:
        """The keys of all backups as they were before."""
        read = (each for each in self._backups if each in self._accounts)
        return best_known([self._keys_of(each, self._judged[each].snapshot) for each in read])

    def _made(self, judged: Mapping[str, AccountVerdict], keys: Mapping[str, KeyFact]) -> RestorePlans:
        return make_restore_plans(judged, self._undos, keys, self._requests, self._settings)

    def _keys_of(self, account_id: str, snapshot: Snapshot) -> dict[str, KeyFact]:
        """Read the keys of an account's backup; where that fails, each is unknown."""
        account, arns = self._accounts[account_id], keys_of_backup(self._backups[account_id])
        return contain_failures(
            lambda: read_keys(account, snapshot, arns),
            lambda *errors: dict.fromkeys(arns, errors[0]),
            account.access.region,
        )
