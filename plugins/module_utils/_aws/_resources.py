# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read keys and buckets, each once for all accounts, with the credentials of its owner where there are any."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from .._model import ACCOUNT_IN_NAME, Bucket, Key, Missing, ReadError
from ._access import Access, failed_read
from ._calls import (
    bucket_key_enabled,
    bucket_policy,
    bucket_region,
    caller_arn,
    key_aliases,
    key_metadata,
    key_policy,
    key_rotation,
    list_key_tags,
)

Fact = TypeVar("Fact")
Subject = TypeVar("Subject")
KeyFact: TypeAlias = Key | Missing | ReadError
BucketFact: TypeAlias = Bucket | Missing | ReadError


class Credential:
    """A principal's way to AWS and the id of its account, which AWS is asked for once where it was not given."""

    def __init__(self, access: Access, account_id: str | None = None) -> None:
        self.access = access
        self._account_id = account_id
        self._lock = threading.Lock()

    @property
    def account_id(self) -> str:
        """Return the account of the principal; empty where AWS does not say."""
        with self._lock:
            if self._account_id is None:
                arn = caller_arn(self.access, self.access.region)
                self._account_id = "" if isinstance(arn, ReadError) else arn.split(":")[4]
            return self._account_id


@dataclass(frozen=True)
class Account:
    """The account being read, and all credentials at hand for keys and buckets that belong to other accounts.

    `key_accesses` holds the owners of keys by account id; they sign the writes to keys. `key_role`, `bucket_role` and
    `caller` only read. The caller reads what belongs to accounts other than this one, because this one has a role.
    `writers` are the ARNs that sign writes, by the account that is written to. `bucket_owners` are the accounts that
    were found to own buckets; they are asked first.
    """

    account_id: str
    partition: str
    access: Access
    key_accesses: Mapping[str, Access] = field(default_factory=dict)
    key_role: Credential | None = None
    bucket_role: Credential | None = None
    caller: Credential | None = None
    key_tags: bool = False
    writers: Mapping[str, str] = field(default_factory=dict)
    bucket_owners: Mapping[str, str] = field(default_factory=dict)

    def key_access(self, key_account: str) -> Access:
        """Return the access of the key's owner, or else this account's: key policies are never read across accounts."""
        return self.key_accesses.get(key_account) or self.access

    def roles_of(self, owner: str) -> Iterator[Access]:
        """Yield the accesses of an account that are asked first for its keys, if there are any."""
        access = self.key_accesses.get(owner)
        if access:
            yield access
        if owner == self.account_id:
            yield self.access
        if self.bucket_role and self.bucket_role.account_id == owner:
            yield self.bucket_role.access

    def owners(self, owner: str) -> Iterator[Access]:
        """Yield the accesses of an account, in the order in which they are asked."""
        yield from self.roles_of(owner)
        if owner != self.account_id and self.caller and self.caller.account_id == owner:
            yield self.caller.access

    def key_readers(self, owner: str) -> Iterator[Access]:
        """Yield the accesses to ask for a key: its owner's, and this account's, which the key policy may allow."""
        yield from self.owners(owner)
        yield self.access

    def bucket_readers(self, bucket: str, key_arns: set[str]) -> Iterator[Access]:
        """Yield the accesses to ask for a bucket, the likeliest owner first: AWS does not say who owns a bucket.

        The guesses are the owner that was found before, the accounts in the bucket's name, and the owners of the keys
        that encrypt the logs in it.
        """
        yield from (access for access in [self.key_accesses.get(self.bucket_owners.get(bucket, ""))] if access)
        yield self.access
        yield from ([self.bucket_role.access] if self.bucket_role else [])
        yield from (access for _account, access in self._guesses(bucket, key_arns))
        yield from (credential.access for credential in self.others())

    def account_of(self, reader: Access, bucket: str, key_arns: set[str]) -> str | None:
        """Return the account of one of the bucket's readers; None where AWS does not say."""
        if reader is self.access:
            return self.account_id
        guessed = (account for account, access in self._guesses(bucket, key_arns) if access is reader)
        others = (each.account_id for each in self.others() if each.access is reader)
        return next(chain(guessed, others), None) or None

    def _guesses(self, bucket: str, key_arns: set[str]) -> Iterator[tuple[str, Access]]:
        found = (self.bucket_owners[bucket],) if bucket in self.bucket_owners else ()
        owners = sorted(arn.split(":")[4] for arn in key_arns)
        for guess in dict.fromkeys([*found, *ACCOUNT_IN_NAME.findall(bucket), *owners]):
            access = self.key_accesses.get(guess)
            if access:
                yield guess, access

    def others(self) -> Iterator[Credential]:
        """Yield the credentials of other accounts; each is asked where those before it were refused."""
        yield from (role for role in (self.bucket_role, self.key_role) if role)
        if self.caller and self.caller.account_id not in ("", self.account_id):
            yield self.caller


def first_answer(
    read: Callable[[Access, str, Subject], Fact],
    accesses: Iterable[Access],
    region: str,
    subject: Subject,
    preferred: Access | None = None,
) -> Fact:
    """Ask one access after the other until AWS answers one.

    Where all are refused, return the refusal of `preferred`, which is one of them, or else the first refusal.
    """
    refusals: dict[Access, Fact] = {}
    for access in accesses:
        if access in refusals:
            continue
        answer = read(access, region, subject)
        if not isinstance(answer, ReadError):
            return answer
        refusals[access] = answer
    return refusals[preferred or next(iter(refusals))]


class KeyReads:
    """The reads of one key under way."""

    def __init__(self, pool: ThreadPoolExecutor, account: Account, arn: str) -> None:
        region, owner = arn.split(":")[3:5]

        def ask(read: Callable[[Access, str, str], Any]) -> Future[Any]:
            return pool.submit(first_answer, read, account.key_readers(owner), region, arn)

        self._reads: tuple[Future[Any], ...] = (
            pool.submit(_described, account, region, arn),
            ask(key_aliases),
            ask(key_policy),
            *([ask(list_key_tags)] if account.key_tags else ()),
        )
        self._key: KeyFact | None = None

    def key(self) -> KeyFact:
        """Wait for the reads, join them, and release what is no longer needed."""
        reads = self._reads
        if self._key is None:
            self._key = _joined(*(read.result() for read in reads))
            self._reads = ()
        return self._key


def _joined(
    described: tuple[dict[str, Any] | Missing | ReadError, bool | ReadError | None],
    aliases: tuple[str, ...] | ReadError,
    policy: str | ReadError,
    tags: Mapping[str, str] | ReadError | None = None,
) -> KeyFact:
    metadata, rotation = described
    if not isinstance(metadata, dict):
        return metadata
    return Key(
        arn=metadata["Arn"],
        manager=metadata["KeyManager"],
        state=metadata["KeyState"],
        spec=metadata["KeySpec"],
        usage=metadata["KeyUsage"],
        origin=metadata["Origin"],
        multi_region=metadata["MultiRegion"],
        primary_arn=_primary_arn(metadata),
        aliases=aliases,
        policy=policy,
        rotation_enabled=rotation,
        deletion_date=metadata.get("DeletionDate"),
        valid_to=metadata.get("ValidTo"),
        tags=tags or {},
        related_keys=_related_keys(metadata),
        created_at=metadata.get("CreationDate"),
    )


def _described(
    account: Account, region: str, arn: str
) -> tuple[dict[str, Any] | Missing | ReadError, bool | ReadError | None]:
    """Read the metadata of a key, and its rotation where KMS can rotate it; for a replica, that of its primary.

    KMS rotates symmetric keys of its own material (KMS guide, "Rotate AWS KMS keys"), and a replica
    follows its primary (KMS guide, "Rotating multi-Region keys").
    """
    owner = arn.split(":")[4]
    metadata = first_answer(key_metadata, account.key_readers(owner), region, arn)
    if not isinstance(metadata, dict) or metadata["KeyManager"] != "CUSTOMER":
        return metadata, None
    if metadata["Origin"] != "AWS_KMS" or metadata["KeySpec"] != "SYMMETRIC_DEFAULT":
        return metadata, None
    rotating = _primary_arn(metadata) or metadata["Arn"]
    place = rotating.split(":")[3]
    return metadata, first_answer(key_rotation, account.key_readers(owner), place, rotating)


def _primary_arn(metadata: dict[str, Any]) -> str | None:
    """Return the ARN of a replica's primary key; None for every other key (KMS shape MultiRegionConfiguration)."""
    configuration = metadata.get("MultiRegionConfiguration", {})
    return configuration["PrimaryKey"]["Arn"] if configuration.get("MultiRegionKeyType") == "REPLICA" else None


def _related_keys(metadata: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the other keys with the same key material; None where KMS does not say (the same shape).

    The shape names the key itself as well, as the primary or among the replicas.
    """
    if not metadata["MultiRegion"]:
        return ()
    configuration = metadata.get("MultiRegionConfiguration", {})
    if "ReplicaKeys" not in configuration:
        return None
    arns = (each["Arn"] for each in (configuration["PrimaryKey"], *configuration["ReplicaKeys"]))
    return tuple(arn for arn in arns if arn != metadata["Arn"])


@dataclass(frozen=True)
class _Shown:
    """The policy of a bucket, and who read it: only the owner may (S3 API reference, GetBucketPolicy)."""

    policy: str | None
    to: Access


def _shown_policy(access: Access, region: str, bucket: str) -> _Shown | ReadError:
    policy = bucket_policy(access, region, bucket)
    return policy if isinstance(policy, ReadError) else _Shown(policy, access)


class BucketReads:
    """The reads of one bucket under way; `home` is where to ask for its region.

    `alone` asks only the account itself: the credentials that all accounts share were refused before.
    """

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        account: Account,
        name: str,
        home: str,
        key_arns: set[str],
        *,
        alone: bool = False,
    ) -> None:
        self._pool, self._account, self._name, self._key_arns, self._alone = pool, account, name, key_arns, alone
        self._region = pool.submit(bucket_region, account.access, home, name)
        self._parts: tuple[Future[_Shown | ReadError], Future[bool | ReadError]] | None = None

    def start_parts(self) -> None:
        """Wait for the region, and start the other reads there."""
        region = self._region.result()
        if isinstance(region, str):
            self._parts = (
                self._pool.submit(self._answer, _shown_policy, region),
                self._pool.submit(self._answer, bucket_key_enabled, region),
            )

    def bucket(self) -> BucketFact:
        """Wait for the reads and join them."""
        region = self._region.result()
        if not isinstance(region, str):
            return region
        if self._parts is None:
            self.start_parts()
            return self.bucket()
        shown, enabled = self._parts[0].result(), self._parts[1].result()
        if isinstance(shown, ReadError):
            return Bucket(self._name, region, shown, enabled)
        owner = self._account.account_of(shown.to, self._name, self._key_arns)
        return Bucket(self._name, region, shown.policy, enabled, owner)

    def _answer(self, read: Callable[[Access, str, str], Fact], region: str) -> Fact:
        """Ask each possible owner; return the refusal of the bucket's role, or else of the trail's account."""
        account = self._account
        if self._alone:
            return read(account.access, region, self._name)
        preferred = account.bucket_role.access if account.bucket_role else account.access
        return first_answer(
            read, account.bucket_readers(self._name, self._key_arns), region, self._name, preferred=preferred
        )


def is_read(bucket: BucketFact) -> bool:
    """Return whether all of the bucket was read."""
    if isinstance(bucket, Bucket):
        return not isinstance(bucket.policy, ReadError) and not isinstance(bucket.bucket_key_enabled, ReadError)
    return isinstance(bucket, Missing)


class Shared:
    """The keys and buckets of a sweep: what was read for one account serves the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, bool], KeyReads] = {}
        self._buckets: dict[str, Future[BucketFact]] = {}

    def key_reads(self, pool: ThreadPoolExecutor, account: Account, arn: str) -> KeyReads:
        """Return the reads of a key: the answers to its owner serve all accounts, others only their own.

        Reads with the tags and reads without them are kept apart.
        """
        if not any(account.roles_of(arn.split(":")[4])):
            return KeyReads(pool, account, arn)
        name = (arn, account.key_tags)
        with self._lock:
            if name not in self._keys:
                self._keys[name] = KeyReads(pool, account, arn)
            return self._keys[name]

    def claim(self, name: str) -> tuple[Future[BucketFact], bool]:
        """Return the fact of a bucket, and whether the caller has to read it for all."""
        with self._lock:
            mine = name not in self._buckets
            if mine:
                self._buckets[name] = Future()
            return self._buckets[name], mine


def read_keys_and_buckets(
    pool: ThreadPoolExecutor, account: Account, records: list[dict[str, Any]], shared: Shared
) -> tuple[dict[str, KeyFact], dict[str, BucketFact]]:
    """Read every key and every bucket of the trails once, side by side."""
    key_arns = sorted({record["KmsKeyId"] for record in records if record.get("KmsKeyId")})
    buckets = _Buckets(pool, account, records, shared)
    try:
        buckets.begin()
        keys = {arn: shared.key_reads(pool, account, arn) for arn in key_arns}
        bucket_facts = buckets.read()
        return {arn: reads.key() for arn, reads in keys.items()}, bucket_facts
    finally:
        buckets.give_up()


class _Buckets:
    """The buckets of an account's trails: some it reads for all accounts, some another account is reading."""

    def __init__(
        self, pool: ThreadPoolExecutor, account: Account, records: list[dict[str, Any]], shared: Shared
    ) -> None:
        homes = {record["S3BucketName"]: record["HomeRegion"] for record in records}
        self._homes = homes
        keys: dict[str, set[str]] = {name: set() for name in homes}
        for record in records:
            keys[record["S3BucketName"]] |= {record["KmsKeyId"]} if record.get("KmsKeyId") else set()

        def start(name: str, *, alone: bool = False) -> BucketReads:
            return BucketReads(pool, account, name, homes[name], keys[name], alone=alone)

        self._start, self._shared = start, shared
        self._claims: dict[str, tuple[Future[BucketFact], bool]] = {}
        self._mine: dict[str, BucketReads] = {}

    def begin(self) -> None:
        """Claim the buckets that no other account reads yet, and start to read them."""
        self._claims = {name: self._shared.claim(name) for name in sorted(self._homes)}
        self._mine = {name: self._start(name) for name, (_fact, mine) in self._claims.items() if mine}

    def read(self) -> dict[str, BucketFact]:
        """Read the account's own buckets, then take what the others read; what they were refused may be allowed here.

        The order prevents accounts from waiting for each other.
        """
        found: dict[str, BucketFact] = {}
        for reads in self._mine.values():
            reads.start_parts()
        for name, reads in self._mine.items():
            found[name] = reads.bucket()
            self._claims[name][0].set_result(found[name])
        for name, (fact, mine) in self._claims.items():
            if not mine:
                found[name] = fact.result() if is_read(fact.result()) else self._start(name, alone=True).bucket()
        return {name: found[name] for name in self._claims}

    def give_up(self) -> None:
        """Let the accounts that wait for a bucket read it themselves, because it was not read."""
        for name, (fact, mine) in self._claims.items():
            if mine and not fact.done():
                why = "the account that was to read the bucket could not be read"
                fact.set_result(failed_read("s3", "HeadBucket", self._homes[name], "NotRead", why))
