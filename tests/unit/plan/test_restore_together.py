# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that share a key are restored together: trails in any order, and the key's policy when no trail needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    Change,
    Key,
    Replaced,
    Snapshot,
    Trail,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _restore, _undo
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._restore import RestorePlans
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._comparison import same_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import Required, merge
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.checks import build

SECURITY, A, B, C = "555555555555", "111111111111", "222222222222", "333333333333"
MEMBERS = (A, B, C)
SHARED = build.KEY_ARN.replace(build.ACCOUNT, SECURITY)
Form = Literal["strict", "cis"]


def of(account: str, text: str) -> str:
    """What build has of its account, of another one."""
    return text.replace(build.ACCOUNT, account)


def own_key(account: str) -> Key:
    """The key that an account's trail had before the enforcement."""
    return replace(build.KEY, arn=of(account, f"{build.KEY_ARN}0"), policy=of(account, str(build.KEY.policy)))


def trail_arn(account: str, name: str = "main") -> str:
    """A trail of an account."""
    return of(account, build.TRAIL_ARN).replace("trail/main", f"trail/{name}")


def grown(policy: str, trails: Iterable[str], form: Form = "strict") -> str:
    """The policy of the shared key as an enforcement leaves it that gave the key to these trails."""
    return merge(parse(policy), Required(SHARED, tuple(trails), form=form)).to_json()


BEFORE = of(SECURITY, build.policy(build.ROOT))
AFTER = grown(BEFORE, map(trail_arn, MEMBERS))


def shared_key(policy: str = AFTER) -> Key:
    """The key that the accounts share."""
    return replace(build.KEY, arn=SHARED, policy=policy)


def account(account_id: str, key: Key | None = None, **trail: Any) -> Snapshot:
    """An account with one trail, on the shared key if on no other; the key's account has none."""
    key = key or shared_key()
    mine = replace(build.TRAIL, arn=trail_arn(account_id), kms_key_arn=key.arn, **trail)
    bucket = replace(build.BUCKET, policy=of(account_id, build.BUCKET_POLICY))
    whole = replace(build.snapshot(), account_id=account_id, keys={key.arn: key}, buckets={"logs": bucket})
    return replace(whole, trails=(mine,)) if account_id != SECURITY else replace(whole, trails=(), keys={})


def moved(account_id: str, **more: Any) -> Backup:
    """The backup of an account whose trail the enforcement moved to the shared key."""
    rows = (Replaced(trail_arn(account_id), own_key(account_id).arn, SHARED),)
    return Backup(account_id, "", trail_keys=rows, **more)


def of_policy(account_id: str = SECURITY, before: str = BEFORE, after: str = AFTER, taken_at: str = "") -> Backup:
    """The backup of an account that holds the policy of the shared key."""
    return Backup(account_id, taken_at, key_policies=(Replaced(SHARED, before, after),))


WORLD = {each: account(each) for each in (SECURITY, *MEMBERS)}
BACKUPS = {SECURITY: of_policy(), **{each: moved(each) for each in MEMBERS}}
KEYS: dict[str, Any] = {SHARED: shared_key(), **{key.arn: key for key in map(own_key, MEMBERS)}}


def restoring(
    seen: Mapping[str, Snapshot] = WORLD, backups: Mapping[str, Backup] = BACKUPS, keys: Mapping[str, Any] = KEYS
) -> RestorePlans:
    """The plans that put the backups back."""
    judged = {each: assess(snapshot, Settings()) for each, snapshot in seen.items()}
    requests = dict.fromkeys(seen, EnforceRequest(key=None))
    return _restore.make_restore_plans(
        judged, _undo.undos_of(backups, seen), keys, requests, dict.fromkeys(seen, Settings())
    )


def steps(planned: RestorePlans) -> dict[str, list[tuple[str, str]]]:
    """The changes of each account, as pairs of operation and resource."""
    return {
        each: [(change.operation, change.resource) for change in plan.changes]
        for each, plan in planned.plans.items()
        if plan.changes and not plan.refusals
    }


def policy_refusal(planned: RestorePlans) -> str:
    """Why the one shared policy stays."""
    (policy,) = planned.policies
    assert policy.plan.refusals, "it goes back"
    return " ".join(map(str, policy.plan.refusals))


def test_all_trails_go_back_and_then_the_policy() -> None:
    planned = restoring()
    assert steps(planned) == {each: [("UpdateTrail", trail_arn(each))] for each in MEMBERS}
    (policy,) = planned.policies
    assert (policy.undo.account_id, policy.accounts) == (SECURITY, (*MEMBERS, SECURITY))
    assert policy.plan.refusals == ()
    ((operation, arn, after),) = [(each.operation, each.resource, each.after) for each in policy.plan.changes]
    assert (operation, arn, same_policy(str(after["policy"]), BEFORE)) == ("PutKeyPolicy", SHARED, True)
    assert {
        each: snapshot.trails[0].kms_key_arn for each, snapshot in planned.predicted.items() if each in MEMBERS
    } == {each: own_key(each).arn for each in MEMBERS}
    assert planned.warnings == ()


def test_what_is_back_is_left() -> None:
    seen = {SECURITY: WORLD[SECURITY], **{each: account(each, own_key(each)) for each in MEMBERS}}
    planned = restoring(seen, keys={**KEYS, SHARED: shared_key(BEFORE)})
    assert (steps(planned), planned.policies) == ({}, ())
    assert [plan.refusals for plan in planned.plans.values()] == [()] * 4


def test_the_policy_stays_for_a_trail_that_stays() -> None:
    """One account is refused, the others go on; what is told names the trail and the row."""
    planned = restoring(keys={**KEYS, own_key(B).arn: replace(own_key(B), state="Disabled")})
    assert sorted(steps(planned)) == [A, C]
    assert "would fail key_is_usable" in str(planned.plans[B].refusals[0])
    refused = policy_refusal(planned)
    assert f"The policy of {SHARED}, in the backup of account {SECURITY}: the trail {trail_arn(B)} still has" in refused
    assert "would fail key_policy_allows_encrypt with the earlier policy" in refused
    assert "To restore the rest, delete the entry of the key from key_policies in the backup file." in refused
    assert trail_arn(A) not in refused


def test_an_account_that_the_backup_does_not_name_has_nothing_to_do() -> None:
    """And its trail needs the key as before."""
    backups = {each: backup for each, backup in BACKUPS.items() if each != C}
    planned = restoring(backups=backups)
    assert sorted(steps(planned)) == [A, B]
    plan = planned.plans[C]
    assert (plan.changes, plan.refusals, plan.warnings, plan.predicted) == ((), (), (), WORLD[C])
    assert f"the trail {trail_arn(C)} still has the key" in policy_refusal(planned)


@pytest.mark.parametrize("absent", [C, SECURITY])
def test_of_accounts_that_are_not_in_the_run_is_told(absent: str) -> None:
    seen = {each: snapshot for each, snapshot in WORLD.items() if each != absent}
    backups = {**BACKUPS, SECURITY: Backup(SECURITY, ""), A: replace(moved(A), key_policies=of_policy().key_policies)}
    planned = restoring(seen, backups)
    assert planned.warnings == (
        f"The backup also holds account {absent}: this run does not read it, and puts nothing back there.",
    )
    assert sorted(steps(planned)) == [each for each in MEMBERS if each != absent]
    refused = policy_refusal(planned)
    assert f"account {absent} also uses the key, and its trails, which this run does not read," in refused
    assert "Restore together with the accounts that use the key" in refused


def test_a_backup_of_none_of_the_accounts_is_refused_in_all() -> None:
    planned = restoring({A: WORLD[A], B: WORLD[B]}, {C: moved(C)})
    assert [str(refusal) for plan in planned.plans.values() for refusal in plan.refusals] == [
        f"The backup is of account {C}, not of {each}. Enter {C}: name its host by -i and cloudtrail_kms_hosts, or set "
        "assume_role to a role there."
        for each in (A, B)
    ]
    assert planned.warnings == ()


def test_the_policy_stays_where_a_region_of_an_account_is_not_seen() -> None:
    blind = replace(WORLD[B], errors=(build.denied("cloudtrail", "DescribeTrails", "cloudtrail:DescribeTrails"),))
    assert "the trails in us-east-1 cannot be read" in policy_refusal(restoring({**WORLD, B: blind}))


def test_a_trail_that_is_new_among_those_of_an_account_is_thought_of() -> None:
    """The key served the account before, and serves more of it now."""
    before = grown(BEFORE, [trail_arn(B, "other")])
    after = grown(before, [trail_arn(A), trail_arn(B)])
    seen = {each: account(each, shared_key(after)) for each in (SECURITY, A)}
    backups = {A: moved(A), SECURITY: of_policy(before=before, after=after)}
    planned = restoring(seen, backups, {**KEYS, SHARED: shared_key(after)})
    assert f"account {B} also uses the key" in policy_refusal(planned)


def test_a_trail_is_asked_of_whoever_knows_it_best() -> None:
    """To a member the organization's trail seems to stay on the key, whose policy it cannot even read."""
    inherited = replace(WORLD[A].trails[0], ownership="inherited")
    denied = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
    member = replace(account(B), trails=(*WORLD[B].trails, inherited), keys={SHARED: denied})
    assert restoring({**WORLD, B: member}).policies[0].plan.refusals == ()


def test_a_trail_is_put_back_by_its_owner() -> None:
    """Though a delegated administrator changed it, whose account is in the run as well."""
    delegated = replace(WORLD[A].trails[0], ownership="delegated")
    seen = {**WORLD, B: replace(WORLD[B], trails=(*WORLD[B].trails, delegated))}
    backups = {
        SECURITY: of_policy(),
        C: moved(C),
        B: replace(moved(B), trail_keys=(*moved(A).trail_keys, *moved(B).trail_keys)),
    }
    planned = restoring(seen, backups)
    assert steps(planned) == {each: [("UpdateTrail", trail_arn(each))] for each in MEMBERS}
    alone = {each: snapshot for each, snapshot in seen.items() if each != A}
    assert steps(restoring(alone, backups))[B] == [("UpdateTrail", trail_arn(each)) for each in (A, B)]


def test_a_trail_needs_a_key_that_only_others_can_read() -> None:
    denied = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
    seen = {**WORLD, C: replace(WORLD[C], keys={SHARED: denied})}
    backups = {each: backup for each, backup in BACKUPS.items() if each != C}
    assert f"the trail {trail_arn(C)} still has the key" in policy_refusal(restoring(seen, backups))


def wrote(account_id: str, before: str, after: str, at: int) -> Backup:
    """The backup of an account that has changed the policy of the shared key."""
    return Backup(account_id, str(at), key_policies=(Replaced(SHARED, before, after, str(at)),))


@pytest.mark.parametrize("swapped", [False, True])
def test_what_two_accounts_wrote_to_a_key_is_undone_at_once(swapped: bool) -> None:
    """Each in a run of its own: the later one is undone first, whichever account that was."""
    first, second = (B, A) if swapped else (A, B)
    half = grown(BEFORE, [trail_arn(first)])
    full = grown(half, [trail_arn(second)])
    backups = {
        SECURITY: Backup(SECURITY, ""),
        first: replace(wrote(first, BEFORE, half, 1), trail_keys=moved(first).trail_keys),
        second: replace(wrote(second, half, full, 2), trail_keys=moved(second).trail_keys),
    }
    seen = {each: account(each, shared_key(full)) for each in (SECURITY, A, B)}
    planned = restoring(seen, backups, {**KEYS, SHARED: shared_key(full)})
    (policy,) = planned.policies
    assert policy.plan.refusals == ()
    assert policy.undo == _undo.Undo(second, Replaced(SHARED, BEFORE, full, "2"))


def test_a_policy_that_somebody_else_changed_in_between_stays_and_the_rest_goes_back() -> None:
    """Also where the file is one, and whichever accounts are to be restored with it."""
    half, full = grown(BEFORE, [trail_arn(A)]), grown(BEFORE, [trail_arn(A), trail_arn(B)])
    backups = {
        SECURITY: Backup(SECURITY, ""),
        A: replace(wrote(A, BEFORE, half, 1), trail_keys=moved(A).trail_keys),
        B: replace(wrote(B, grown(half, [trail_arn(C)]), full, 2), trail_keys=moved(B).trail_keys),
    }
    seen = {each: account(each, shared_key(full)) for each in (SECURITY, A, B)}
    planned = restoring(seen, backups, {**KEYS, SHARED: shared_key(full)})
    assert steps(planned) == {each: [("UpdateTrail", trail_arn(each))] for each in (A, B)}
    assert policy_refusal(planned) == (
        f"The policy of {SHARED}, in the backup of account {B}: somebody else changed it between what was replaced in "
        f"account {A} at 1 and what was replaced in account {B} at 2, so the backup does not lead back. Delete its "
        "rows up to the first of these from key_policies to undo what came later, or all of its rows to leave it as it "
        "is."
    )


def test_a_trail_that_somebody_else_changed_in_between_stops_its_account_alone() -> None:
    (row,) = moved(A).trail_keys
    later = Replaced(row.arn, SHARED.replace("1111", "0000"), SHARED, "2")
    backups = {**BACKUPS, A: replace(moved(A), trail_keys=(row, later))}
    planned = restoring(backups=backups)
    assert steps(planned) == {each: [("UpdateTrail", trail_arn(each))] for each in (B, C)}
    (refused,) = map(str, planned.plans[A].refusals)
    assert f"The trail {trail_arn(A)}: somebody else changed it between what was replaced in account {A} at " in refused
    assert "from trail_keys" in refused


def test_what_an_account_of_another_run_wrote_later_is_not_undone_without_it() -> None:
    half = grown(BEFORE, [trail_arn(A)])
    full = merge(parse(half), Required(SHARED, (trail_arn(A),), readers=(f"arn:aws:iam::{C}:root",))).to_json()
    backups = {SECURITY: Backup(SECURITY, ""), A: wrote(A, BEFORE, half, 1), C: wrote(C, half, full, 2)}
    seen = {each: account(each, shared_key(full)) for each in (SECURITY, A)}
    keys = {**KEYS, SHARED: shared_key(full)}
    assert f"the backup has a later change of account {C}, which this run does not read" in policy_refusal(
        restoring(seen, backups, keys)
    )
    with_c = {**seen, C: account(C, own_key(C))}
    assert "later change" not in policy_refusal(restoring(with_c, backups, keys))
    alone = restoring({SECURITY: seen[SECURITY], C: with_c[C]}, backups, keys).policies[0]
    assert alone.undo.row.before == half


def test_once_the_trails_have_moved_the_policy_is_planned_for_what_they_are() -> None:
    back = {SECURITY: WORLD[SECURITY], **{each: account(each, own_key(each)) for each in MEMBERS}}
    (policy,) = restoring().policies

    def planned(seen: Mapping[str, Snapshot], key: Key) -> Any:
        return _restore.plan_policy(policy.undo, seen, key, EnforceRequest(key=None))

    assert [change.operation for change in planned(back, shared_key()).changes] == ["PutKeyPolicy"]
    assert planned(back, shared_key(BEFORE)).changes == ()
    assert "still has the key" in str(planned({**back, B: WORLD[B]}, shared_key()).refusals[0])
    other = shared_key(grown(AFTER, [trail_arn("999999999999")]))
    assert "somebody else has changed it since the backup" in str(planned(back, other).refusals[0])


def test_a_key_is_known_by_whoever_is_shown_most_of_it() -> None:
    denied = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
    known: list[dict[str, Any]] = [
        {SHARED: denied},
        {SHARED: replace(shared_key(), policy=denied)},
        {SHARED: shared_key()},
    ]
    for order in (known, known[::-1], known[1:] + known[:1]):
        assert _restore.best_known(order) == {SHARED: shared_key()}
    assert _restore.best_known([{SHARED: denied}, {own_key(A).arn: own_key(A)}]) == {
        SHARED: denied,
        own_key(A).arn: own_key(A),
    }


class World:
    """Accounts as they are while plans are applied to them, one change at a time."""

    def __init__(self, seen: Mapping[str, Snapshot], keys: Mapping[str, Key]) -> None:
        self.seen, self.keys = dict(seen), dict(keys)

    def apply(self, change: Change) -> None:
        """Do what AWS would, after which every trail must be allowed by its key."""
        if change.operation == "PutKeyPolicy":
            self.keys[change.resource] = replace(self.keys[change.resource], policy=str(change.after["policy"]))
        self.seen = {each: self._changed(snapshot, change) for each, snapshot in self.seen.items()}
        for snapshot in self.seen.values():
            for verdict in assess(snapshot, Settings()).trails:
                failed = {finding.rule for finding in verdict.findings if finding.status == "fail"}
                assert "key_policy_allows_encrypt" not in failed, (
                    f"{verdict.trail.arn} went blind by {change.operation}"
                )

    def _changed(self, snapshot: Snapshot, change: Change) -> Snapshot:
        trails = tuple(self._moved(trail, change) for trail in snapshot.trails)
        arns = {trail.kms_key_arn for trail in trails if trail.kms_key_arn}
        return replace(snapshot, trails=trails, keys={arn: self.keys[arn] for arn in arns})

    def _moved(self, trail: Trail, change: Change) -> Trail:
        is_it = change.operation == "UpdateTrail" and trail.arn == change.resource
        return replace(trail, kms_key_arn=str(change.after["kms_key_arn"])) if is_it else trail


@settings(max_examples=15, deadline=None)
@given(
    run=st.sets(st.sampled_from((SECURITY, *MEMBERS)), min_size=1),
    named=st.sets(st.sampled_from((SECURITY, *MEMBERS)), min_size=1),
    dead=st.sets(st.sampled_from(MEMBERS), max_size=1),
    failing=st.sets(st.sampled_from(MEMBERS), max_size=1),
    form=st.sampled_from(("strict", "cis")),
    order=st.permutations(MEMBERS),
)
def test_in_every_order_of_accounts_what_was_there_comes_back_and_no_trail_goes_blind(
    *, run: set[str], named: set[str], dead: set[str], failing: set[str], form: Form, order: list[str]
) -> None:
    """Whoever is in the run and in the backup, has a dead key, or fails when it is written."""
    after = grown(BEFORE, map(trail_arn, MEMBERS), form)
    whole = {each: account(each, shared_key(after)) for each in WORLD}
    keys = {SHARED: shared_key(after), **{key.arn: key for key in map(own_key, MEMBERS)}}
    keys.update({own_key(each).arn: replace(own_key(each), state="Disabled") for each in dead})
    backups = {**BACKUPS, SECURITY: of_policy(after=after)}
    planned = restoring(
        {each: whole[each] for each in sorted(run)}, {each: backups[each] for each in sorted(named)}, keys
    )
    world = World(whole, keys)
    for each in order:
        plan = planned.plans.get(each)
        if plan and not plan.refusals and each not in failing:
            for change in plan.changes:
                world.apply(change)
    for policy in planned.policies:
        seen = {each: world.seen[each] for each in run}
        plan = _restore.plan_policy(policy.undo, seen, world.keys[SHARED], EnforceRequest(key=None))
        assert failing & run or plan.changes == policy.plan.changes
        for change in () if plan.refusals else plan.changes:
            world.apply(change)
    if run == named == {SECURITY, *MEMBERS} and not dead and not failing:
        assert {each.trails[0].kms_key_arn for each in world.seen.values() if each.trails} == {
            own_key(each).arn for each in MEMBERS
        }
        assert same_policy(str(world.keys[SHARED].policy), BEFORE)
    left = [trail.arn for snapshot in world.seen.values() for trail in snapshot.trails if trail.kms_key_arn == SHARED]
    assert not left or same_policy(str(world.keys[SHARED].policy), after)


States = st.lists(st.tuples(st.sampled_from(MEMBERS), st.integers(0, 5), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(writes=States, seed=st.randoms(use_true_random=False))
def test_what_accounts_wrote_to_one_key_in_any_order_goes_back_to_what_was_first(writes: Any, seed: Any) -> None:
    """Each finds what the one before it left, or what somebody put back without a backup; rows lie in any order."""
    policies = [build.policy(build.ROOT, {**build.ROOT, "Sid": str(number)}) for number in range(6)]
    chain, rows = [policies[0]], dict[str, list[Replaced]]()
    for at, (account_id, to, is_put_back) in enumerate(writes):
        chain = chain[: seed.randint(1, len(chain))] if is_put_back else chain
        rows.setdefault(account_id, []).append(Replaced(SHARED, chain[-1], policies[to], f"{at:02}"))
        chain.append(policies[to])
    for each in rows.values():
        seed.shuffle(each)
    backups = {each: Backup(each, "", key_policies=tuple(found)) for each, found in rows.items()}
    (undo,) = _undo.undos_of(backups, MEMBERS).key_policies
    assert (undo.reason, undo.row.before, undo.row.after) == (None, policies[0], chain[-1])


@settings(max_examples=60, deadline=None)
@given(accounts=st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=8), seed=st.randoms(use_true_random=False))
def test_what_was_written_in_one_second_is_put_in_order_by_what_each_found(accounts: list[str], seed: Any) -> None:
    """As of backups that know only the second of their run."""
    states = [build.policy(build.ROOT, {**build.ROOT, "Sid": str(number)}) for number in range(len(accounts) + 1)]
    rows = [(each, Replaced(SHARED, states[at], states[at + 1], "1")) for at, each in enumerate(accounts)]
    seed.shuffle(rows)
    backups = {each: Backup(each, "1", key_policies=tuple(row for of, row in rows if of == each)) for each in MEMBERS}
    (undo,) = _undo.undos_of(backups, MEMBERS).key_policies
    assert (undo.reason, undo.row.before, undo.row.after) == (None, states[0], states[-1])
    assert undo.account_id == accounts[-1]
