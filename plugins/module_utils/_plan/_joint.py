# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans of many accounts joined: what several of them need of one key is one change of that key.

PutKeyPolicy replaces the whole document and knows no condition (KMS API reference), so the policy of a key that several
accounts of a run change is written once, for all of them, before any of their trails moves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any, TypeAlias

from .._checks import TAG, Settings
from .._model import PLACEHOLDER, Change, Key, KeyLookup, Reason, Snapshot, Trail
from .._operations import WRITES
from .._policy import Known
from .._printable import unforeseen
from .._request import MAY_DIFFER, EnforceRequest, RefusedError
from ._changes import sort_changes
from ._key_changes import key_changes, rotation
from ._key_plan import KeyPlan, Plan, choose_key, key_account
from ._make import prove_moves
from ._predict import changed, key_of
from ._warnings import size_warnings, stranger_warnings

# A key by its ARN, and by the alias that it will get where it does not exist yet: until then all have one ARN.
KeyName: TypeAlias = tuple[str, "str | None"]

OF_A_KEY = tuple(operation for operation, write in WRITES.items() if write.is_sent_by_key_owner)
AGREED = tuple(each.name for each in fields(EnforceRequest) if each.name not in MAY_DIFFER)


@dataclass(frozen=True)
class Part:
    """The plan of one account by itself, and what it was made from; `present` is the account as it was read."""

    plan: Plan
    request: EnforceRequest
    settings: Settings
    present: Snapshot

    def refused(self, refusals: tuple[Reason, ...]) -> Part:
        """Return the part with these refusals added to its plan."""
        return replace(self, plan=replace(self.plan, refusals=(*self.plan.refusals, *refusals)))

    def moves_to(self, key_arn: str) -> dict[str, bool]:
        """Return the trails that get the key, each with whether it has one now."""
        return {
            change.resource: bool((change.before or {}).get("kms_key_arn"))
            for change in self.plan.changes
            if change.operation in ("CreateTrail", "UpdateTrail") and change.after["kms_key_arn"] == key_arn
        }


@dataclass(frozen=True)
class SharedKey:
    """A key that several accounts of the run change, with their parts: `plan` is the one change for all of them."""

    name: KeyName
    parts: Mapping[str, Part]
    plan: Plan

    @property
    def owner(self) -> str:
        """The account of the key."""
        return self.name[0].split(":")[4]

    @property
    def region(self) -> str:
        """The region of the key."""
        return self.name[0].split(":")[3]

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that share the key."""
        return tuple(self.parts)

    @property
    def request(self) -> EnforceRequest:
        """What all of them ask for."""
        return next(iter(self.parts.values())).request

    @property
    def is_approved_by_tag(self) -> bool:
        """Whether one of the accounts approves keys by their tags, which have to be read for that."""
        return any(each.startswith(TAG) for part in self.parts.values() for each in part.settings.approved_keys)

    @property
    def needs_alias(self) -> bool:
        """Whether the key still has to get the alias by which it is found."""
        return self.plan.key_plans[self.name[0]].needs_alias


@dataclass(frozen=True)
class Joint:
    """The shared keys, which are changed first, and the rest of each account's plan, by account id."""

    keys: tuple[SharedKey, ...]
    plans: Mapping[str, Plan]


def join(parts: Mapping[str, Part]) -> Joint:
    """Join the plans of accounts, by account id. Pure: the same in, the same out.

    A refusal about a shared key stops every account that needs the key. Any other refusal stops only its own account,
    and the shared key is planned again without that account's trails.
    """
    parts = dict(sorted(parts.items()))
    refused: dict[str, tuple[Reason, ...]] = {}
    while True:
        going = {each: part for each, part in parts.items() if not part.plan.refusals and each not in refused}
        keys = [_shared_key(name, members) for name, members in _sharing(going).items()]
        plans = {each: _own_or_refused(each, part, keys, refused.get(each, ())) for each, part in parts.items()}
        failing = [(account, key.plan.refusals) for key in keys for account in key.accounts if key.plan.refusals]
        failing = failing or [(account, plans[account].refusals) for account in going if plans[account].refusals]
        if not failing:
            return Joint(tuple(keys), plans)
        for account, refusals in failing:
            refused[account] = (*refused.get(account, ()), *refusals)


def _sharing(parts: Mapping[str, Part]) -> dict[KeyName, dict[str, Part]]:
    """Return the keys that more than one account changes, with these accounts."""
    by_key: dict[KeyName, dict[str, Part]] = {}
    for account, part in parts.items():
        for name in keys_changed(part.plan.changes, part.request):
            by_key.setdefault(name, {})[account] = part
    shared = {name: members for name, members in by_key.items() if len(members) > 1}
    return dict(sorted(shared.items(), key=lambda item: (item[0][0], item[0][1] or "")))


def keys_changed(changes: Iterable[Change], request: EnforceRequest) -> set[KeyName]:
    """Return the names of the keys that the changes are about: the ARN, and the alias of a key to be created."""
    return {key_name(change, request) for change in changes if change.operation in OF_A_KEY}


def key_name(change: Change, request: EnforceRequest) -> KeyName:
    """Return the key that a change of a key is about."""
    arn = key_of(change)
    is_new = arn.endswith(PLACEHOLDER)
    return arn, request.key.alias if is_new and request.key else None


def _shared_key(name: KeyName, parts: Mapping[str, Part]) -> SharedKey:
    first = next(iter(parts.values()))
    why = _difference(name, parts)
    plan = Plan((), (why,) if why else (), (), first.plan.predicted)
    try:
        if not why:
            plan = plan_key(
                _joined_key_plan(name, list(parts.values())), first.request, _joined(parts), first.plan.predicted
            )
    except Exception as error:
        plan = replace(plan, refusals=(not_planned(f"the key {name[0]}", error),))
    return SharedKey(name, parts, plan)


def not_planned(what: str, error: Exception) -> Reason:
    """Return the refusal of what ended its planning with an unforeseen exception."""
    return Reason(f"No plan could be made for {what}: {unforeseen(error)}")


def _joined(parts: Mapping[str, Part], approved_keys: tuple[str, ...] = ()) -> Settings:
    """Return the settings for the key of these accounts: the readers of all."""
    readers = tuple(dict.fromkeys(chain.from_iterable(part.settings.readers for part in parts.values())))
    first = next(iter(parts.values()))
    return replace(first.settings, readers=readers, approved_keys=approved_keys, exceptions=())


def _difference(name: KeyName, members: Mapping[str, Part]) -> Reason | None:
    """Return the refusal of accounts that ask for different things of one key; None where they agree."""
    first, *others = members
    for other in others:
        for option in AGREED:
            if getattr(members[first].request, option) != getattr(members[other].request, option):
                return Reason(
                    f"The accounts {first} and {other} share the key {name[0]}, and ask for different things of "
                    "it. Give each its own key, or",
                    ({option: "the same for both"},),
                    key=name[0],
                )
    return None


def _joined_key_plan(name: KeyName, parts: Sequence[Part]) -> KeyPlan:
    """Return the plans of all accounts for one key, as one."""
    plans = [part.plan.key_plans.get(name[0]) or _of_rotation(name[0], part.plan) for part in parts]
    intents = {intent.trail.arn: intent for plan in plans for intent in plan.intents}
    return replace(
        plans[0],
        needs_alias=any(plan.needs_alias for plan in plans),
        intents=tuple(intents.values()),
        log_contexts={trail: context for plan in plans for trail, context in plan.log_contexts.items()},
        known=_joined_known([plan.known for plan in plans]),
    )


def _of_rotation(arn: str, plan: Plan) -> KeyPlan:
    """Return the plan of a key of which no trail needs anything, so that only its rotation can be turned on."""
    key = plan.predicted.keys[arn]
    if not isinstance(key, Key):
        raise TypeError(f"{arn} is changed, and was not read")
    return KeyPlan(replace(key, rotation_enabled=False))


def _joined_known(known: Sequence[Known]) -> Known:
    """Return what is known of the requests of all accounts: what they have in common, and all their organizations."""
    first = known[0]

    def common(field: str) -> Any:
        return getattr(first, field) if all(getattr(each, field) == getattr(first, field) for each in known) else None

    return replace(
        first,
        organizations={account: organization for each in known for account, organization in each.organizations.items()},
        bucket_owner=common("bucket_owner"),
        bucket_region=common("bucket_region"),
    )


def plan_key(key_plan: KeyPlan, request: EnforceRequest, settings: Settings, seen: Snapshot) -> Plan:
    """Plan what lets a key serve the trails of several accounts; `seen` gives the partition and the time.

    The plan's `predicted` holds the key, and the trails that it will serve.
    """
    owner = key_plan.key.arn.split(":")[4]
    trails = tuple(replace(intent.trail, kms_key_arn=key_plan.key.arn) for intent in key_plan.intents)
    snapshot = Snapshot(owner, seen.partition, seen.read_at, trails=trails, keys={key_plan.key.arn: key_plan.key})
    warnings: list[str | Reason] = []
    try:
        changes = list(key_changes(key_plan, owner, request, settings, warnings.append))
    except RefusedError as error:
        return Plan((), (error.refusal,), (), snapshot)
    key = key_plan.key
    for change in sort_changes(changes):
        key = changed(key, change)
    rotated = rotation(key, key_account(snapshot, request), request)
    changes += [rotated] if rotated else []
    key = changed(key, rotated) if rotated else key
    warnings += size_warnings(changes)
    predicted = replace(snapshot, keys={key.arn: key})
    return Plan(sort_changes(changes), (), tuple(warnings), predicted, {key.arn: key_plan})


def plan_key_anew(shared: SharedKey, lookup: KeyLookup, snapshot: Snapshot) -> Plan:
    """Plan a shared key for what it is now: `lookup` is what was found, `snapshot` is that of an account of the run.

    Every account's settings must accept the key for the trails that move to it.
    """
    planned_as = shared.name[0]
    try:
        chosen = _choose_for_all(shared, lookup, snapshot)
    except RefusedError as error:
        return Plan((), (error.refusal,), (), snapshot)
    settings = _joined(shared.parts)
    key = chosen.key
    planned = shared.plan.key_plans[planned_as]
    key_plan = replace(planned, key=key, is_new=chosen.is_new, needs_alias=chosen.needs_alias)
    plan = plan_key(key_plan, shared.request, settings, snapshot)
    refusals, warnings = list(plan.refusals), list(plan.warnings)
    for part in shared.parts.values():
        moved = part.moves_to(planned_as)
        then = with_created(part.plan, {planned_as: key.arn}).predicted
        then = replace(then, keys={**then.keys, **plan.predicted.keys})
        proof = prove_moves(part.present, then, part.settings, moved)
        refusals += proof.refusals
        warnings += proof.warnings
        if moved and not chosen.is_new:
            warnings += stranger_warnings(key, shared.request, settings.readers)
    return replace(plan, refusals=tuple(refusals), warnings=tuple(dict.fromkeys(warnings)))


def _choose_for_all(shared: SharedKey, lookup: KeyLookup, snapshot: Snapshot) -> KeyPlan:
    """Return the key for the trails of all accounts. Raises RefusedError where it may not serve those of one."""
    key = lookup.key
    if not shared.needs_alias and not isinstance(key, Key):
        raise RefusedError(
            f"The key {shared.name[0]} can no longer be read ({key.message}). Run again.", key=shared.name[0]
        )
    movers = [part for part in shared.parts.values() if part.moves_to(shared.name[0])]
    if isinstance(key, Key) and not movers:
        return KeyPlan(key)
    approved = dict.fromkeys(part.settings.approved_keys for part in movers)
    chosen = [
        choose_key(snapshot, shared.region, lookup, shared.request, _joined(shared.parts, each)) for each in approved
    ]
    return chosen[0]


def _own_or_refused(account: str, part: Part, keys: Sequence[SharedKey], refusals: tuple[Reason, ...]) -> Plan:
    try:
        return _own(account, part, keys, refusals)
    except Exception as error:
        why = refusals or (not_planned(f"account {account}", error),)
        return Plan((), (*part.plan.refusals, *why), (), part.plan.predicted)


def _own(account: str, part: Part, keys: Sequence[SharedKey], refusals: tuple[Reason, ...]) -> Plan:
    """Return the account's plan without the changes of shared keys, which it finds as their own plans leave them."""
    mine = {key.name: key for key in keys if account in key.accounts}
    left = [each for each in part.plan.changes if each.operation in OF_A_KEY and key_name(each, part.request) in mine]
    aside = set(size_warnings(left))
    shared = {arn: key for each in mine.values() for arn, key in each.plan.predicted.keys.items()}
    predicted = part.plan.predicted
    return replace(
        part.plan,
        changes=tuple(change for change in part.plan.changes if change not in left),
        refusals=(*part.plan.refusals, *refusals),
        warnings=tuple(each for each in part.plan.warnings if each not in aside),
        predicted=replace(predicted, keys={arn: shared.get(arn, key) for arn, key in predicted.keys.items()}),
    )


def with_created(plan: Plan, created: Mapping[str, str]) -> Plan:
    """Return the plan with the ARNs of created keys in place of their placeholders; `created` maps one to the other."""
    if not created:
        return plan
    predicted = plan.predicted
    return replace(
        plan,
        changes=tuple(change.with_arns(created) for change in plan.changes),
        predicted=replace(
            predicted,
            trails=tuple(_moved(trail, created) for trail in predicted.trails),
            keys={created.get(arn, arn): _renamed(key, created.get(arn, arn)) for arn, key in predicted.keys.items()},
        ),
    )


def _moved(trail: Trail, created: Mapping[str, str]) -> Trail:
    arn = trail.kms_key_arn
    return replace(trail, kms_key_arn=created.get(arn, arn)) if arn else trail


def _renamed(key: Any, arn: str) -> Any:
    return replace(key, arn=arn) if isinstance(key, Key) else key


def without(changes: Iterable[Change], names: Collection[KeyName], request: EnforceRequest) -> Iterator[Change]:
    """Yield the changes that are not about one of these keys."""
    return (each for each in changes if each.operation not in OF_A_KEY or key_name(each, request) not in names)
