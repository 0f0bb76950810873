# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read many accounts at once: their reads side by side in one pool, each account by itself.

An account is seen first (its regions and trails), then read (the keys and buckets of the trails). A trail of another
account of the sweep is left to its owner, so an account that sees such a trail is read when the owner has been seen.
No account waits for anything else.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from .._model import Bucket, ReadError, Snapshot, next_step
from .._printable import unforeseen
from .._scope import AccountScope, NamedRole, Role, Scope
from ._access import Access, AwsError, failed_read
from ._calls import (
    NO_ADMINISTRATOR,
    OrganizationMember,
    bucket_key_enabled,
    bucket_policy,
    describe_account,
    enabled_regions,
)
from ._history import History
from ._proofs import with_proofs
from ._resources import Account, Credential, Shared
from ._snapshot import OwnerRoles, Seen, caller_identity, open_and_read, prepare, read, see, with_further_reads

# The most central buckets whose owner is searched for in all accounts of the sweep, the busiest first. An organization
# has few; the bound is for one whose roles may read none.
MOST_SEARCHED = 10
Result = TypeVar("Result")


def contain_failures(work: Callable[[], Result], instead: Callable[..., Result], region: str) -> Result:
    """Return the result of work on one account of many; if it raises, that of `instead` with the errors.

    Only here an unforeseen exception ends one account and not all. The error names its type and where it was raised.
    """
    try:
        return work()
    except AwsError as error:
        return instead(*(error.errors or (_unexpected(error, region),)))
    except Exception as error:
        return instead(_unexpected(error, region))


def _unexpected(error: Exception, region: str) -> ReadError:
    return failed_read("cloudtrail", "DescribeTrails", region, "UnexpectedError", unforeseen(error))


@dataclass(frozen=True)
class Reading:
    """An account of a sweep as it was read, with its access for more reads and for writes.

    `account` is None where it could not be entered or seen. `read_by_owner` are the trails of other accounts of the
    sweep, which are read there, and `history` is what the sweep asked of event histories.
    """

    snapshot: Snapshot
    account: Account | None = None
    read_by_owner: frozenset[str] = frozenset()
    history: History = field(default_factory=History)


def sweep(caller: Access, scope: Scope, lending: Sequence[AccountScope] = ()) -> Iterator[Reading]:
    """Read every account of `scope.accounts`, or else the one that is open, and yield each once, as it is done.

    An account that cannot be entered or read, or that is gone, is a Snapshot that holds only its errors. The caller's
    own account is read with the caller's own credentials. The accounts that are `lending` are not read: their
    sessions are opened where a trail uses a key or a bucket of theirs. Raises AwsError where AWS does not know the
    caller, or refuses the roles of the keys' and buckets' owners, and where nothing of a single account can be read.
    """
    if not scope.accounts:
        account, snapshot = open_and_read(caller, scope)
        yield Reading(snapshot, _with_bucket_owners(account, snapshot))
        return
    with ThreadPoolExecutor(scope.concurrency) as pool, ThreadPoolExecutor(scope.concurrency) as accounts:
        prepare(pool, caller)
        owners = OwnerRoles(pool, caller, scope)
        roles = {each.account_id: each.role for each in (*scope.accounts, *lending)}
        sessions = AccountSessions(caller, caller_identity(caller), roles, owners.of_keys())
        yield from _Sweep(pool, accounts, sessions, scope, owners).run()


def read_account_again(reading: Reading, scope: Scope) -> Snapshot:
    """Read an account of a sweep as it is now; trails of other accounts are left to these.

    An account that could not be entered or seen stays as it was. Raises AwsError if nothing of it can be read.
    """
    account = reading.account
    if account is None:
        return reading.snapshot
    with ThreadPoolExecutor(scope.concurrency) as pool:
        listed = pool.submit(enabled_regions, account.access, account.access.region)
        seen = see(pool, account, scope.of(account.account_id), listed)
        snapshot = read(pool, seen, Shared(), reading.read_by_owner)
        return with_further_reads(pool, account, snapshot, scope, reading.history.anew())


class AccountSessions(Mapping[str, Access]):
    """Account sessions by account id, opened on first use.

    The mapping holds the accounts whose roles can be assumed, the owner of keys that has a role of its own, and the
    caller's account, with a role or without.
    """

    def __init__(
        self,
        caller: Access,
        identity: str,
        roles: Mapping[str, Role | NamedRole | None],
        key_accesses: Mapping[str, Access],
    ) -> None:
        self._caller, self._identity, self._key_accesses = caller, identity, key_accesses
        self.partition, self._own_id = identity.split(":")[1], identity.split(":")[4]
        self.caller = Credential(caller, self._own_id)
        self._roles = roles
        self._opened: dict[str, Access | AwsError] = {}
        self._locks = {account_id: threading.Lock() for account_id in roles}
        self._refusals: list[ReadError] = []

    def open(self, account_id: str) -> Access:
        """Return the access to an account. Raises AwsError where its role cannot be assumed."""
        with self._locks[account_id]:
            if account_id not in self._opened:
                self._opened[account_id] = self._try(account_id)
            opened = self._opened[account_id]
        if isinstance(opened, AwsError):
            raise opened
        return opened

    def _try(self, account_id: str) -> Access | AwsError:
        role = self._role(account_id)
        if role is None:
            return self._caller
        try:
            if role.partition == self.partition:
                return self._caller.assume(role)
        except AwsError as error:
            return error
        why = f"The role {role.role_arn} is of another partition than the credentials, which are of {self.partition}."
        refused = failed_read("sts", "AssumeRole", self._caller.region, "OtherPartition", why)
        return AwsError(f"{why} {next_step(refused)}", refused)

    def refused(self) -> dict[str, AwsError]:
        """Return the accounts whose role could not be assumed, with the reason."""
        return {each: opened for each, opened in sorted(self._opened.items()) if isinstance(opened, AwsError)}

    def _role(self, account_id: str) -> Role | None:
        """Return the role to assume in an account; None for that of the caller."""
        role = self._roles[account_id]
        if account_id == self._own_id:
            return None
        if role is None:
            raise ValueError(f"no role is set for account {account_id}")
        return role.of(self.partition, account_id) if isinstance(role, NamedRole) else role

    def writer(self, account_id: str) -> str:
        """Return the ARN of the principal that works in an account: its role, or the caller."""
        role = self._role(account_id)
        return role.role_arn if role else self._identity

    def describe(self, account_id: str) -> OrganizationMember | ReadError:
        """Return the account as the organization knows it, which is not asked again once it refuses the caller."""
        if self._refusals:
            return self._refusals[0]
        answer = describe_account(self._caller, self._caller.region, account_id)
        if isinstance(answer, ReadError) and answer.code in NO_ADMINISTRATOR:
            self._refusals.append(answer)
        return answer

    def __getitem__(self, account_id: str) -> Access:
        if account_id in self._key_accesses:
            return self._key_accesses[account_id]
        if account_id == self._own_id:
            return self.caller.access
        if account_id not in self._locks:
            raise KeyError(account_id)
        try:
            return self.open(account_id)
        except AwsError as error:
            raise KeyError(account_id) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._locks)

    def __len__(self) -> int:
        return len(self._locks)


class _Sweep:
    """A sweep under way: the accounts that are still to be seen, to be read, or waiting for an owner."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        accounts: ThreadPoolExecutor,
        sessions: AccountSessions,
        scope: Scope,
        owners: OwnerRoles,
    ) -> None:
        self._pool, self._accounts, self._sessions, self._scope = pool, accounts, sessions, scope
        self._region = sessions.caller.access.region
        self._key_role, self._bucket_role = owners.key_role(), owners.bucket_role()
        self._shared, self._history = Shared(), History()
        swept = [each.account_id for each in scope.accounts]
        self._writers = {**{account_id: sessions.writer(account_id) for account_id in swept}, **scope.key_writers}
        self._requested = frozenset(swept)
        self._unseen, self._ready = deque(swept), deque[Seen]()
        self._done: SimpleQueue[tuple[str, Future[Seen | Reading]]] = SimpleQueue()
        self._under_way = 0
        self._owned: dict[str, frozenset[str]] = {}
        self._waiting: dict[str, list[Seen]] = {}
        self._deliveries: Counter[str] = Counter()
        self._held: list[Reading] = []

    def run(self) -> Iterator[Reading]:
        """Yield each account when it is done; those with an unread central bucket come last."""
        while self._unseen or self._ready or self._under_way:
            self._fill()
            account_id, job = self._done.get()
            self._under_way -= 1
            result = job.result()
            if isinstance(result, Seen):
                self._take(result)
                continue
            if account_id not in self._owned:
                self._release(account_id, frozenset())
            if _refused(result.snapshot):
                self._held.append(result)
            else:
                yield result
        yield from self._with_central_buckets()

    def _fill(self) -> None:
        """Start as many accounts as there are threads; finish accounts that were begun before beginning more."""
        while self._under_way < self._scope.concurrency and (self._ready or self._unseen):
            if self._ready:
                seen = self._ready.popleft()
                self._start(seen.account.account_id, self._read, seen)
            else:
                account_id = self._unseen.popleft()
                self._start(account_id, self._see, account_id)

    def _start(self, account_id: str, job: Callable[..., Seen | Reading], argument: str | Seen) -> None:
        self._under_way += 1
        guarded = self._accounts.submit(self._guarded, account_id, partial(job, argument))
        guarded.add_done_callback(lambda done: self._done.put((account_id, done)))

    def _guarded(self, account_id: str, job: Callable[[], Result | Reading]) -> Result | Reading:
        """Return the job's result; an account that ends the job with an unforeseen exception is unknown."""
        return contain_failures(job, lambda *errors: self._unread(account_id, errors), self._region)

    def _see(self, account_id: str) -> Seen | Reading:
        try:
            access = self._pool.submit(self._sessions.open, account_id).result()
        except AwsError as error:
            return self._not_entered(account_id, error)
        account = self._account(account_id, access)
        listed = self._pool.submit(enabled_regions, access, access.region)
        try:
            return see(self._pool, account, self._scope.of(account_id), listed)
        except AwsError as error:
            return self._unread(account_id, error.errors)

    def _account(self, account_id: str, access: Access) -> Account:
        return Account(
            account_id=account_id,
            partition=self._sessions.partition,
            access=access,
            key_accesses=self._sessions,
            key_role=self._key_role,
            bucket_role=self._bucket_role,
            caller=self._sessions.caller,
            key_tags=self._scope.of(account_id).key_tags,
            writers=self._writers,
        )

    def _not_entered(self, account_id: str, error: AwsError) -> Reading:
        """Return a reading without facts: a closed or suspended account need not comply, any other is unknown."""
        member = self._pool.submit(self._sessions.describe, account_id).result()
        if isinstance(member, ReadError):
            return self._unread(account_id, (*error.errors, member))
        unread = self._unread(account_id, error.errors).snapshot
        return Reading(replace(unread, state=member.state, account_name=member.name))

    def _unread(self, account_id: str, errors: tuple[ReadError, ...]) -> Reading:
        return Reading(
            Snapshot(account_id, self._sessions.partition, self._sessions.caller.access.now(), errors=errors)
        )

    def _take(self, seen: Seen) -> None:
        """Note what an account owns, release the accounts that wait for it, and queue the account itself."""
        for _region, record in seen.records:
            if record["TrailARN"] in seen.arns(owned=True):
                # An organization trail delivers for many.
                self._deliveries[record["S3BucketName"]] += 2 if record["IsOrganizationTrail"] else 1
        self._release(seen.account.account_id, seen.arns(owned=True))
        self._queue(seen)

    def _release(self, owner: str, owned: frozenset[str]) -> None:
        self._owned[owner] = owned
        for seen in self._waiting.pop(owner, ()):
            self._queue(seen)

    def _queue(self, seen: Seen) -> None:
        unknown = (owner for owner in _owners(seen) if owner in self._requested and owner not in self._owned)
        owner = next(unknown, None)
        if owner is None:
            self._ready.append(seen)
        else:
            self._waiting.setdefault(owner, []).append(seen)

    def _read(self, seen: Seen) -> Reading:
        read_by_owner = frozenset(
            arn for arn in seen.arns(owned=False) if arn in self._owned.get(arn.split(":")[4], ())
        )
        snapshot = read(self._pool, seen, self._shared, read_by_owner)
        snapshot = with_further_reads(self._pool, seen.account, snapshot, self._scope, self._history)
        return Reading(snapshot, _with_bucket_owners(seen.account, snapshot), read_by_owner, self._history)

    def _with_central_buckets(self) -> Iterator[Reading]:
        """Yield the accounts that were held back, with the buckets whose owner was found in the sweep."""
        refused = {name: bucket for held in self._held for name, bucket in _refused(held.snapshot)}
        central = [name for name in refused if self._deliveries[name] > 1]
        central.sort(key=lambda name: (-self._deliveries[name], name))
        owned = {name: self._search(refused[name]) for name in central[:MOST_SEARCHED]}
        for held in self._held:
            yield self._guarded(held.snapshot.account_id, partial(self._with_buckets, held, owned))

    def _with_buckets(self, held: Reading, owned: Mapping[str, Bucket]) -> Reading:
        """Return the account with these buckets, as their owners see them."""
        better = {name: owned[name] for name, _bucket in _refused(held.snapshot) if name in owned}
        snapshot = replace(held.snapshot, buckets={**held.snapshot.buckets, **better})
        if better and held.account:
            snapshot = with_proofs(self._pool, held.account, snapshot, self._scope, self._history)
        return replace(held, snapshot=snapshot, account=held.account and _with_bucket_owners(held.account, snapshot))

    def _search(self, bucket: Bucket) -> Bucket:
        """Ask every account for the policy until the owner answers, as many at once as there are threads."""
        owners = list(self._sessions)
        for start in range(0, len(owners), self._scope.concurrency):
            batch = owners[start : start + self._scope.concurrency]
            for answer in self._pool.map(lambda owner: self._as_owner(owner, bucket), batch):
                if answer is not None:
                    return answer
        return bucket

    def _as_owner(self, owner: str, bucket: Bucket) -> Bucket | None:
        """Return the bucket as its owner sees it; None where the account is not the owner, or cannot tell."""
        return contain_failures(lambda: self._seen_by(owner, bucket), lambda *_errors: None, self._region)

    def _seen_by(self, owner: str, bucket: Bucket) -> Bucket | None:
        access = self._sessions.get(owner)
        policy = bucket_policy(access, bucket.region, bucket.name) if access else bucket.policy
        if access is None or isinstance(policy, ReadError):
            return None
        enabled = bucket_key_enabled(access, bucket.region, bucket.name)
        return replace(bucket, policy=policy, bucket_key_enabled=enabled, owner=owner)


def _with_bucket_owners(account: Account, snapshot: Snapshot) -> Account:
    """Return the account with the owners of its buckets, which are asked first from now on."""
    buckets = [bucket for bucket in snapshot.buckets.values() if isinstance(bucket, Bucket)]
    return replace(account, bucket_owners={bucket.name: bucket.owner for bucket in buckets if bucket.owner})


def _owners(seen: Seen) -> Iterator[str]:
    """Yield the accounts that own the trails which this account only sees."""
    return (arn.split(":")[4] for arn in sorted(seen.arns(owned=False)))


def _refused(snapshot: Snapshot) -> list[tuple[str, Bucket]]:
    """Return the buckets whose policy no account could read."""
    buckets = [(name, bucket) for name, bucket in snapshot.buckets.items() if isinstance(bucket, Bucket)]
    return [(name, bucket) for name, bucket in buckets if isinstance(bucket.policy, ReadError)]
