# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a restore: trails get their keys back, and keys the policies that nobody else has changed since.

The accounts of a run are restored together. Each gets its trails' keys back, in any order of accounts; the policy of a
key that serves several of them comes last, when no trail needs what goes with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .._checks import AccountVerdict, Settings
from .._model import PLACEHOLDER, Backup, Bucket, Change, Key, Missing, ReadError, Reason, Replaced, Snapshot, Trail
from .._policy import listing, parse, same_policy
from .._request import EnforceRequest
from ._changes import put_key_policy, update_trail
from ._joint import not_planned
from ._key_plan import Plan
from ._new_key import has_policy_of_a_new_key
from ._policy_back import KeyFact, Seen, concerned, is_back, key_to_restore, trails_of, who_needs_it, would_go_blind
from ._predict import changed, predict
from ._undo import Undo, Undos
from ._unseen import blind_moves
from ._warnings import plan_warnings

_ROW = "its entry from trail_keys"


@dataclass(frozen=True)
class SharedPolicy:
    """The policy of a key that serves more than the one account whose backup has it. It goes back after all trails.

    `accounts` are those whose trails may need what goes with it. Its plan is as the plans of the accounts leave them;
    `plan_policy` makes it for what they are by then.
    """

    undo: Undo
    accounts: tuple[str, ...]
    plan: Plan


@dataclass(frozen=True)
class RestorePlans:
    """What puts backups back: the plans of the accounts, and then the shared policies.

    `predicted` are the accounts once all is applied.
    """

    plans: Mapping[str, Plan]
    policies: tuple[SharedPolicy, ...]
    predicted: Mapping[str, Snapshot]
    warnings: tuple[str | Reason, ...] = ()


def keys_of_backup(backup: Backup) -> tuple[str, ...]:
    """Return the ARNs of the keys that a restore may touch."""
    arns = {row.before for row in backup.trail_keys if row.before} | {row.arn for row in backup.key_policies}
    return tuple(sorted(arns))


def best_known(readings: Iterable[Mapping[str, KeyFact]]) -> dict[str, KeyFact]:
    """Return what several accounts have read of keys, of each the most that one of them was shown."""
    best: dict[str, KeyFact] = {}
    for arn, key in (item for reading in readings for item in reading.items()):
        if arn not in best or _shown(key) > _shown(best[arn]):
            best[arn] = key
    return best


def _shown(key: KeyFact) -> int:
    """Return how much of a key a reading shows: nothing, the key without its policy, or all."""
    return isinstance(key, Key) + (isinstance(key, Key) and isinstance(key.policy, str))


def make_restore_plans(
    judged: Mapping[str, AccountVerdict],
    undos: Undos,
    keys: Mapping[str, KeyFact],
    requests: Mapping[str, EnforceRequest],
    settings: Mapping[str, Settings],
) -> RestorePlans:
    """Plan what puts backups back, all by account id; `keys` has an entry for each of `keys_of_backup`.

    In the plan of an account trails come before policies: a key is needed until the last trail has left it. A refusal
    stops only its own account, or its own shared policy; with a single account it stops everything. Every refusal is
    listed. Pure: the same in, the same out.
    """
    return _Restore(judged, undos, keys, requests, settings).plans()


class _Restore:
    """Plans the restore of backups."""

    def __init__(
        self,
        judged: Mapping[str, AccountVerdict],
        undos: Undos,
        keys: Mapping[str, KeyFact],
        requests: Mapping[str, EnforceRequest],
        settings: Mapping[str, Settings],
    ) -> None:
        self._judged, self._undos, self._keys, self._requests, self._settings = judged, undos, keys, requests, settings
        self._backups = backups = undos.backups
        self._seen = {account: verdict.snapshot for account, verdict in judged.items()}
        self._asked = {account: backup for account, backup in sorted(backups.items()) if account in judged}
        self._created = {arn for backup in backups.values() for arn in backup.created_keys}

    def plans(self) -> RestorePlans:
        """Return the plans of all accounts, and of the policies that they share."""
        trails: dict[str, list[Undo]] = {account: [] for account in self._judged}
        for undo in self._undos.trail_keys:
            owner = undo.row.arn.split(":")[4]
            trails[owner if owner in self._judged else undo.account_id].append(undo)
        undos: dict[str, list[Undo]] = {account: [] for account in self._judged}
        shared = []
        for undo in self._undos.key_policies:
            if concerned(undo.row, self._seen) == {undo.account_id}:
                undos[undo.account_id].append(undo)
            elif not is_back(undo.row, self._keys[undo.row.arn]):
                shared.append(undo)
        plans = {account: self._own_or_refused(account, trails[account], undos[account]) for account in self._judged}
        return self._with_shared(plans, shared)

    def _own_or_refused(self, account: str, trails: Iterable[Undo], policies: Iterable[Undo]) -> Plan:
        try:
            return self._own(account, trails, policies)
        except Exception as error:
            return Plan((), (not_planned(f"account {account}", error),), (), self._seen[account])

    def _own(self, account: str, trails: Iterable[Undo], policies: Iterable[Undo]) -> Plan:
        """Plan what is restored in one account by itself."""
        verdict, request, refusals = self._judged[account], self._requests[account], list[Reason]()
        snapshot = verdict.snapshot
        changes: list[Change] = []
        if not self._asked:
            refusals.append(self._of_others(account))
        for undo in trails:
            changes += _trail_goes_back(snapshot, undo, self._created, self._keys, refusals)
        moved = {change.resource for change in changes}
        for undo in policies:
            changes += _policy_goes_back(undo, self._keys[undo.row.arn], {account: snapshot}, request, refusals)
        if account not in self._asked and not changes:
            return Plan((), tuple(refusals), (), snapshot)
        refusals += self._left_out(account)
        known = {arn: key for arn, key in self._keys.items() if isinstance(key, Key)}
        predicted = predict(snapshot, changes, known)
        blind = blind_moves(snapshot, predicted, changes, request)
        refusals += (move.why for move in blind if move.is_refused)
        refusals += would_go_blind(snapshot, predicted, moved, self._settings[account])
        warnings = plan_warnings(verdict, predicted, changes, request)
        return Plan(tuple(changes), tuple(refusals), tuple(warnings), predicted)

    def _of_others(self, account: str) -> Reason:
        """Say why nothing is restored where a backup holds none of the accounts that are read."""
        others = sorted(self._backups)
        which = others[0] if len(others) == 1 else "one of them"
        return Reason(
            f"The backup is of account {listing(others)}, not of {account}.",
            ({"assume_role": "a role there"},),
            more=f"Enter {which}: name its host by -i and cloudtrail_kms_hosts, or",
        )

    def _left_out(self, account: str) -> Iterator[Reason]:
        """Yield what of a backup no restore changes, where nobody else has restored it either."""
        snapshot = self._seen[account]
        for undo in self._undos.bucket_policies:
            bucket = snapshot.buckets.get(undo.row.arn.rpartition(":")[2])
            if undo.account_id == account and not _has_policy(bucket, undo.row.before):
                yield Reason(
                    "a restore does not change it, because new logs may need it.",
                    subject=f"The policy of {undo.row.arn}",
                    row="its entry from bucket_policies",
                    more="To put it back all the same, set it by hand.",
                )
        present = {trail.arn for trail in snapshot.trails}
        for arn in self._asked[account].created_trails if account in self._asked else ():
            if arn in present:
                yield Reason(
                    "a restore deletes nothing.",
                    trails=(arn,),
                    row="its entry from created_trails",
                    more="To remove it all the same, delete it by hand.",
                )

    def _with_shared(self, plans: Mapping[str, Plan], shared: Iterable[Undo]) -> RestorePlans:
        """Return the plans with those of the shared policies, which find the accounts as their own plans leave them."""
        predicted = {each: self._seen[each] if plan.refusals else plan.predicted for each, plan in plans.items()}
        policies = []
        for undo in shared:
            accounts = tuple(sorted(concerned(undo.row, self._seen)))
            plan = self._of_shared(undo, predicted)
            policies.append(SharedPolicy(undo, accounts, plan))
        if len(plans) == 1:
            ((account, plan),) = plans.items()
            refusals = (refusal for policy in policies for refusal in policy.plan.refusals)
            return RestorePlans(
                {account: replace(plan, refusals=(*plan.refusals, *refusals))}, (), predicted, self._warnings()
            )
        for policy in policies:
            predicted = {each: _with_policy(snapshot, policy.plan) for each, snapshot in predicted.items()}
        return RestorePlans(plans, tuple(policies), predicted, self._warnings())

    def _of_shared(self, undo: Undo, seen: Seen) -> Plan:
        try:
            return plan_policy(undo, seen, self._keys[undo.row.arn], self._requests[undo.account_id])
        except Exception as error:
            why = not_planned(f"the policy of {undo.row.arn}", error)
            return Plan((), (why,), (), next(iter(seen.values())))

    def _warnings(self) -> tuple[str, ...]:
        """Name the accounts of the backups that this run does not read."""
        left = sorted(self._backups.keys() - self._judged.keys()) if self._asked else []
        if not left:
            return ()
        return (
            f"The backup also holds account {listing(left)}: this run does not read it, and puts nothing back there.",
        )


def plan_policy(undo: Undo, seen: Seen, key: KeyFact, request: EnforceRequest) -> Plan:
    """Plan what puts the policy of a shared key back.

    `seen` are the accounts after their trails have moved, `request` knows who would write. `predicted` of the plan
    holds the key, and the trails that stay on it.
    """
    row = undo.row
    where = f"The policy of {row.arn}, in the backup of account {undo.account_id}"
    trails = tuple(trail for _account, trail in trails_of(seen) if trail.kms_key_arn == row.arn)
    ground = replace(
        next(iter(seen.values())), account_id=row.arn.split(":")[4], trails=trails, keys={row.arn: key}, buckets={}
    )
    if is_back(row, key):
        return Plan((), (), (), ground)
    found = undo.reason or key_to_restore(row, key, seen, request.writers.get(row.arn.split(":")[4]))
    if isinstance(found, Reason):
        return Plan((), (replace(found, subject=where, key=row.arn),), (), ground)
    refusals = tuple(
        Reason(
            f"the trail {trail.arn} still has the key, and {'would' if finding.status == 'fail' else 'might'} fail "
            f"{finding.rule} with the earlier policy: {finding.message}",
            key=row.arn,
            subject=where,
            row="the entry of the key from key_policies",
            more="To restore it all the same, give the trail another key first.",
        )
        for trail, finding in who_needs_it(row, found, seen)
    )
    change = _policy_change(row, found)
    predicted = replace(ground, keys={row.arn: changed(found, change)})
    return Plan((change,), refusals, (), predicted)


def _with_policy(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """Return the account with a shared policy put back, where it has the key."""
    if plan.refusals or not plan.changes:
        return snapshot
    (change,) = plan.changes
    key = snapshot.keys.get(change.resource)
    if not isinstance(key, Key):
        return snapshot
    return replace(snapshot, keys={**snapshot.keys, key.arn: changed(key, change)})


def _trail_goes_back(
    snapshot: Snapshot, undo: Undo, created: Collection[str], keys: Mapping[str, KeyFact], refusals: list[Reason]
) -> Iterator[Change]:
    """Yield the change that gives the trail its former key, or note a refusal. The backup names the trail."""
    row = undo.row
    writable = (trail for trail in snapshot.trails if trail.ownership != "inherited")
    trail = next((trail for trail in writable if trail.arn == row.arn), None)
    if trail is None:
        gone = Reason("it does not exist, or cannot be changed from here.", row=_ROW)
        refusals.append(replace(gone, trails=(row.arn,)))
    elif trail.kms_key_arn != row.before:
        ours = _is_still_ours(trail, row, created, snapshot)
        reason = undo.reason or (_why_it_stays(trail, row, keys) if ours else _somebody_elses(trail))
        if reason:
            refusals.append(replace(reason, trails=(row.arn,)))
        else:
            yield update_trail(trail, str(row.before))


def _is_still_ours(trail: Trail, row: Replaced, created: Collection[str], snapshot: Snapshot) -> bool:
    """Return whether the trail has the key that the enforcement gave it.

    A run that was ended could not note the ARN of the key that it created: such a key is known by its policy.
    """
    if trail.kms_key_arn == row.after:
        return True
    if trail.kms_key_arn is None or not row.after.endswith(PLACEHOLDER):
        return False
    key = snapshot.keys[trail.kms_key_arn]
    is_where_it_was_to_be = trail.kms_key_arn.startswith(row.after.removesuffix(PLACEHOLDER))
    return trail.kms_key_arn in created or (
        is_where_it_was_to_be and isinstance(key, Key) and has_policy_of_a_new_key(key)
    )


def _somebody_elses(trail: Trail) -> Reason:
    return Reason(
        f"somebody else set its key to {trail.kms_key_arn} after the backup.",
        row=_ROW,
        more="To put it back all the same, set its key by hand.",
    )


def _why_it_stays(trail: Trail, row: Replaced, keys: Mapping[str, KeyFact]) -> Reason | None:
    if row.before is None:
        return Reason(
            "no key was set before the backup, and this collection never removes encryption.",
            row=_ROW,
            more=f"To remove the encryption all the same: aws cloudtrail update-trail --region {trail.home_region} "
            f"--name {trail.arn} "
            '--kms-key-id ""',
        )
    key = keys[row.before]
    if isinstance(key, Key):
        return None
    why = key.message if isinstance(key, Missing) else f"{key.operation} answered {key.code}: {key.message}"
    return Reason(f"its key {row.before} cannot be found ({why}).", row=_ROW)


def _policy_goes_back(
    undo: Undo, key: KeyFact, seen: Seen, request: EnforceRequest, refusals: list[Reason]
) -> Iterator[Change]:
    """Yield the policy as it was, where it still is what the enforcement made of it; or a refusal."""
    row = undo.row
    if is_back(row, key):
        return
    found = undo.reason or key_to_restore(row, key, seen, request.writers.get(row.arn.split(":")[4]))
    if isinstance(found, Reason):
        refusals.append(replace(found, subject=f"The policy of {row.arn}", key=row.arn))
    else:
        yield _policy_change(row, found)


def _policy_change(row: Replaced, key: Key) -> Change:
    return put_key_policy(key, parse(str(row.before)).to_json())


def _has_policy(bucket: Bucket | Missing | ReadError | None, before: str | None) -> bool:
    if not isinstance(bucket, Bucket) or isinstance(bucket.policy, ReadError):
        return False
    return same_policy(bucket.policy, before)
