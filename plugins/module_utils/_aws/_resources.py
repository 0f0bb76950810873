# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read keys and buckets, each with the credentials of its owner where there are any, and then once for everybody."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Bucket, Key, Missing, ReadError

Fact = TypeVar("Fact")
KeyFact: TypeAlias = Key | Missing | ReadError
BucketFact: TypeAlias = Bucket | Missing | ReadError

# Names of central buckets often hold the id of the account that they are in: aws-controltower-logs-444444444444-….
_ACCOUNT_ID = re.compile(r"(?<!\d)\d{12}(?!\d)")


@dataclass(frozen=True)
class Account:
    """The account being read, and the accesses that reach its trails, and keys and buckets of others.

    `key_accesses` holds other owners of keys, and `bucket_accesses` those who may own buckets, the account itself among
    them, in the order in which they are asked; both by account id.
    """

    account_id: str
    partition: str
    access: Access
    key_accesses: Mapping[str, Access]
    bucket_accesses: Mapping[str, Access]
    key_tags: bool = False

    def key_access(self, key_account: str) -> Access:
        """The access of the key's owner where there is one: key policies are never read across accounts."""
        return self.key_accesses.get(key_account) or self.access

    def speaks_for(self, owner: str) -> bool:
        """Whether `key_access` is that of the key's owner."""
        return owner == self.account_id or self.key_accesses.get(owner) is not None

    def bucket_owners(self, bucket: str, key_arns: set[str]) -> tuple[Access, ...]:
        """Accesses that may be the bucket's owner's, should its trail's account and role not be.

        They are those of the accounts in its name, and of the keys under which logs go there.
        """
        guesses = dict.fromkeys([*_ACCOUNT_ID.findall(bucket), *sorted(arn.split(":")[4] for arn in key_arns)])
        found = (self.key_accesses.get(guess) for guess in guesses if guess not in self.bucket_accesses)
        return tuple(access for access in found if access)


class KeyReads:
    """The reads of one key under way."""

    def __init__(self, pool: ThreadPoolExecutor, account: Account, arn: str) -> None:
        region, owner = arn.split(":")[3:5]
        access = account.key_access(owner)
        self._reads: tuple[Future[Any], ...] = (
            pool.submit(_described, access, region, arn),
            pool.submit(_calls.key_aliases, access, region, arn),
            pool.submit(_calls.key_policy, access, region, arn),
            *([pool.submit(_calls.key_tags, access, region, arn)] if account.key_tags else ()),
        )
        self._key: KeyFact | None = None

    def key(self) -> KeyFact:
        """Wait for the reads and join them; what is no longer needed for that is let go."""
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
        tags=tags or {},
    )


def _described(
    access: Access, region: str, arn: str
) -> tuple[dict[str, Any] | Missing | ReadError, bool | ReadError | None]:
    """The metadata of a key, and its rotation where KMS can rotate it; of a replica, that of its primary.

    KMS rotates symmetric keys of its own material (KMS guide, "Rotate AWS KMS keys"), and a replica
    follows its primary (KMS guide, "Rotating multi-Region keys").
    """
    metadata = _calls.key_metadata(access, region, arn)
    if not isinstance(metadata, dict) or metadata["KeyManager"] != "CUSTOMER":
        return metadata, None
    if metadata["Origin"] != "AWS_KMS" or metadata["KeySpec"] != "SYMMETRIC_DEFAULT":
        return metadata, None
    rotating = _primary_arn(metadata) or metadata["Arn"]
    return metadata, _calls.key_rotation(access, rotating.split(":")[3], rotating)


def _primary_arn(metadata: dict[str, Any]) -> str | None:
    """The ARN of a replica's primary key; None for every other key (KMS shape MultiRegionConfiguration)."""
    configuration = metadata.get("MultiRegionConfiguration", {})
    return configuration["PrimaryKey"]["Arn"] if configuration.get("MultiRegionKeyType") == "REPLICA" else None


class BucketReads:
    """The reads of one bucket under way; `home` is where to ask for its region."""

    def __init__(self, pool: ThreadPoolExecutor, account: Account, name: str, home: str, key_arns: set[str]) -> None:
        self._pool, self._account, self._name, self._key_arns = pool, account, name, key_arns
        self._region = pool.submit(_calls.bucket_region, account.access, home, name)
        self._parts: tuple[Future[str | ReadError | None], Future[bool | ReadError]] | None = None

    def go_on(self) -> None:
        """Wait for the region, and ask there for the rest."""
        region = self._region.result()
        if isinstance(region, str):
            self._parts = (
                self._pool.submit(self._answer, _calls.bucket_policy, region),
                self._pool.submit(self._answer, _calls.bucket_key_enabled, region),
            )

    def bucket(self) -> BucketFact:
        """Wait for the reads and join them."""
        region = self._region.result()
        if not isinstance(region, str):
            return region
        if self._parts is None:
            self.go_on()
            return self.bucket()
        policy, bucket_key = self._parts
        return Bucket(self._name, region, policy.result(), bucket_key.result())

    def _answer(self, read: Callable[[Access, str, str], Fact | ReadError], region: str) -> Fact | ReadError:
        """Ask the trail's account, the bucket's role, and last whoever may own the bucket: its name does not tell.

        Where none is answered, the refusal is that of the role, or else of the trail's account.
        """
        refusals: list[Fact | ReadError] = []
        for access in dict.fromkeys((self._account.access, *self._account.bucket_accesses.values())):
            answer = read(access, region, self._name)
            if not isinstance(answer, ReadError):
                return answer
            refusals.append(answer)
        owners = self._account.bucket_owners(self._name, self._key_arns)
        guesses = (read(access, region, self._name) for access in owners)
        return next((guess for guess in guesses if not isinstance(guess, ReadError)), refusals[-1])


def is_read(bucket: BucketFact) -> bool:
    """Whether nothing of the bucket was refused."""
    if isinstance(bucket, Bucket):
        return not isinstance(bucket.policy, ReadError) and not isinstance(bucket.bucket_key_enabled, ReadError)
    return isinstance(bucket, Missing)


class Shared:
    """The keys and buckets that were read for one account of a sweep, for the others to take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, KeyReads] = {}
        self._buckets: dict[str, Future[BucketFact]] = {}

    def key_reads(self, pool: ThreadPoolExecutor, account: Account, arn: str) -> KeyReads:
        """The reads of a key: what its owner was answered serves everybody, what another was told only him."""
        if not account.speaks_for(arn.split(":")[4]):
            return KeyReads(pool, account, arn)
        with self._lock:
            if arn not in self._keys:
                self._keys[arn] = KeyReads(pool, account, arn)
            return self._keys[arn]

    def claim(self, name: str) -> tuple[Future[BucketFact], bool]:
        """The fact of a bucket, and whether the one who asks has to read it for all."""
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
    keys = {arn: shared.key_reads(pool, account, arn) for arn in key_arns}
    found = buckets.read()
    return {arn: reads.key() for arn, reads in keys.items()}, found


class _Buckets:
    """The buckets of an account's trails: those that it reads for all, and those that another is reading."""

    def __init__(
        self, pool: ThreadPoolExecutor, account: Account, records: list[dict[str, Any]], shared: Shared
    ) -> None:
        homes = {record["S3BucketName"]: record["HomeRegion"] for record in records}
        keys: dict[str, set[str]] = {name: set() for name in homes}
        for record in records:
            keys[record["S3BucketName"]] |= {record["KmsKeyId"]} if record.get("KmsKeyId") else set()

        def start(name: str) -> BucketReads:
            return BucketReads(pool, account, name, homes[name], keys[name])

        self._start = start
        self._claims = {name: shared.claim(name) for name in sorted(homes)}
        self._mine = {name: start(name) for name, (_fact, mine) in self._claims.items() if mine}

    def read(self) -> dict[str, BucketFact]:
        """Read its own, then take what the others read; what they were refused may be granted to this account.

        In this order, so that nobody waits for somebody who waits for him.
        """
        found: dict[str, BucketFact] = {}
        for reads in self._mine.values():
            reads.go_on()
        for name, reads in self._mine.items():
            found[name] = reads.bucket()
            self._claims[name][0].set_result(found[name])
        for name, (fact, mine) in self._claims.items():
            if not mine:
                found[name] = fact.result() if is_read(fact.result()) else self._start(name).bucket()
        return {name: found[name] for name in self._claims}
