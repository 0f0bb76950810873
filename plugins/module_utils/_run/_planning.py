# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a judged account to its plan: what that needs to know beyond the audit is read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from .._aws import (
    Account,
    missing_principals,
    read_key,
    read_tags,
    read_targets,
    read_trail_prerequisites,
)
from .._checks import AccountVerdict, assess
from .._model import Change, KeyLookup, Missing, RequestedKey, Snapshot
from .._plan import (
    CREATED_FOR_TAG,
    EnforceRequest,
    Plan,
    SharedKey,
    Targets,
    TrailRequest,
    make_plan,
    new_bucket_region,
    new_principals,
    of_another_partition,
    owner_warning,
    plan_key_anew,
    regions_in_need,
    requested_trail,
    with_requested_trail,
)
from ._task import Task


def planned(account: Account, judged: AccountVerdict, task: Task) -> Plan:
    """Return the plan of the account by itself; raises AwsError as reading does."""
    task = replace(task, request=with_writers(account, task.request))
    refusals = (*of_another_partition(task.request, task.settings.readers, judged.snapshot),)
    refusals += tuple(_without_way_to_the_key(account, task.request))
    if refusals:
        return Plan((), refusals, (), judged.snapshot)
    return with_principals(account, _enforcing(account, judged, task))


def key_planned_anew(account: Account, key: SharedKey) -> Plan:
    """Return the plan of a shared key for what it is now; `account` opens the key's account."""
    account = replace(account, key_tags=account.key_tags or key.is_approved_by_tag)
    snapshot = Snapshot(key.owner, account.partition, datetime.now(timezone.utc))
    return with_principals(account, plan_key_anew(key, _lookup(account, key, snapshot), snapshot))


def _lookup(account: Account, key: SharedKey, snapshot: Snapshot) -> KeyLookup:
    """The shared key as it is now: looked for by its alias where that was still to be given, else by its ARN."""
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
    """The plan for one trail, which is judged as if it were there already."""
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
        plan = replace(plan, warnings=(_to_be_made(trail), *plan.warnings))
    return plan


def _to_be_made(trail: TrailRequest) -> str:
    return (
        f"The bucket {trail.bucket_name} does not exist yet; the plan takes it to be in "
        f"{new_bucket_region(trail)}, without a policy."
    )


def _targets_of(account: Account, judged: AccountVerdict, request: EnforceRequest) -> Targets:
    """What stands behind the requested key in each bucket region that needs one."""
    return read_targets(account, judged.snapshot, regions_in_need(judged, request), requested_key(account, request))


def _without_way_to_the_key(account: Account, request: EnforceRequest) -> Iterator[str]:
    """A key in an account of which there are no credentials could be neither found nor created."""
    owner = request.key_account_id
    if owner and next(account.owners(owner), None) is None:
        yield (
            f"The key of account {account.account_id} is to be in account {owner} (key.account), of which there are no "
            "credentials. Give a role of it by key_assume_role, or have it among accounts."
        )


def with_principals(account: Account, plan: Plan) -> Plan:
    """Return the plan with a refusal for each principal that a key policy would name and that does not exist."""
    return replace(plan, refusals=(*plan.refusals, *_absent_principals(account, plan.changes)))


def _absent_principals(account: Account, changes: Sequence[Change]) -> Iterator[str]:
    """Yield a refusal for each principal that a key policy would newly name and that does not exist.

    KMS accepts only principals that exist (KMS guide, "Key policy format"), and refuses the write after all others.
    """
    named = {arn: change.resource for change in changes for arn in new_principals(change)}
    for arn in missing_principals(account, sorted(named)):
        yield (
            f"The policy of {named[arn]} would name {arn}, which does not exist; KMS accepts only principals that "
            "exist. Correct or remove it under readers or key.administrators."
        )


def with_writers(account: Account, request: EnforceRequest) -> EnforceRequest:
    """Return the request with the principals that would write, so that a plan can tell whether they may."""
    return replace(request, writers=account.writers)


def requested_key(account: Account, request: EnforceRequest) -> RequestedKey:
    """Return what the requested key is looked for by, in its own account where that is another one."""
    tags = {CREATED_FOR_TAG: request.key.alias} if request.key else None
    name = request.key_id or (request.key.alias if request.key else "")
    return RequestedKey(name, request.key_account_id or account.account_id, tags)


def owner_warnings(account: Account, changes: Sequence[Change]) -> list[str]:
    """Return what the tags of the resources that are to change say of who else manages them."""
    found = (owner_warning(arn, tags) for arn, tags in sorted(read_tags(account, changes).items()))
    return [warning for warning in found if warning]
