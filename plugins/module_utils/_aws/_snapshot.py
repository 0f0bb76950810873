# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read one account: regions, trails, and the key and the bucket behind every trail, each fact once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError, Role
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Bucket,
    Key,
    Missing,
    Ownership,
    ReadError,
    Snapshot,
    Trail,
    TrailStatus,
    next_step,
)

Fact = TypeVar("Fact")

# How AWS words a denial that comes from a service control policy (IAM guide, "Troubleshoot access denied").
SCP_DENIAL = "explicit deny in a service control policy"


@dataclass(frozen=True)
class Scope:
    """What to read: `regions` and `trails` (names or ARNs), empty for all; the roles that open each owner's door.

    `key_tags`: the tags of keys too.
    """

    regions: tuple[str, ...] = ()
    trails: tuple[str, ...] = ()
    role: Role | None = None
    key_role: Role | None = None
    bucket_role: Role | None = None
    concurrency: int = 64
    key_tags: bool = False


@dataclass(frozen=True)
class Account:
    """The account being read, and the accesses that reach its trails, and keys and buckets of others."""

    account_id: str
    partition: str
    access: Access
    key_accesses: dict[str, Access]
    bucket_accesses: tuple[Access, ...]
    bucket_account: str | None = None
    key_tags: bool = False

    def key_access(self, key_account: str) -> Access:
        """The access of the key's owner where there is one: key policies are never read across accounts."""
        return self.key_accesses.get(key_account, self.access)


def read_account(caller: Access, scope: Scope) -> Snapshot:
    """Read the account of the caller, or of `scope.role`, into a Snapshot; see `open_and_read`."""
    return open_and_read(caller, scope)[1]


def open_and_read(caller: Access, scope: Scope, opened: Account | None = None) -> tuple[Account, Snapshot]:
    """Read the account of the caller, or of `scope.role`; return it with what opens it, for more reads and for writes.

    `opened` reads an account again without assuming its roles again. Reads run in up to `scope.concurrency`
    threads. Raises AwsError where nothing can be said about the account: credentials or roles refused, no region
    readable, a region or trail in `scope` that is not there.
    """
    with ThreadPoolExecutor(max_workers=scope.concurrency) as pool:
        access = opened.access if opened else caller.assume(scope.role) if scope.role else caller
        listed = pool.submit(_calls.enabled_regions, access, access.region)
        for service in ("cloudtrail", "kms", "s3"):
            # The first client of a service loads its model: time that the first answers take anyway.
            pool.submit(access.client, service, access.region)
        account = opened or _open_account(pool, caller, access, scope)
        regions, errors = _regions(listed.result(), scope, access.region, account.account_id)
        seen, failed = _see_trails(pool, account, regions)
        records = _selected(seen, scope.trails, account.account_id, failed)
        foreign, unsaid = _foreign_ownership(account, records)
        statuses = _ask_statuses(pool, account, records)
        keys, buckets = _read_keys_and_buckets(pool, account, [record for _region, record in records])
        trails = _trails(account, records, foreign, statuses)
        return account, Snapshot(
            account_id=account.account_id,
            partition=account.partition,
            read_at=datetime.now(timezone.utc),
            trails=trails,
            keys=keys,
            buckets=buckets,
            errors=errors + tuple(e for e in failed if not _closed_by_scp(e)) + unsaid,
            regions=regions,
            closed_regions=tuple(e for e in failed if _closed_by_scp(e)),
        )


def _open_account(pool: ThreadPoolExecutor, caller: Access, access: Access, scope: Scope) -> Account:
    """Learn whose account this is, and assume the owners' roles at the same time."""
    key = pool.submit(caller.assume, scope.key_role) if scope.key_role else None
    bucket = pool.submit(caller.assume, scope.bucket_role) if scope.bucket_role else None
    arn = scope.role.role_arn if scope.role else _identity(_calls.caller_arn(access, access.region))
    return Account(
        account_id=arn.split(":")[4],
        partition=arn.split(":")[1],
        access=access,
        key_accesses={scope.key_role.account_id: key.result()} if scope.key_role and key else {},
        bucket_accesses=(access, bucket.result()) if bucket else (access,),
        bucket_account=scope.bucket_role.account_id if scope.bucket_role else None,
        key_tags=scope.key_tags,
    )


def _identity(arn: str | ReadError) -> str:
    """Return the caller's ARN, or say why AWS does not know the caller."""
    if isinstance(arn, str):
        return arn
    if arn.code == "NoCredentialsError":
        raise AwsError(
            "No AWS credentials were found. Set access_key and secret_key, profile, or the AWS_* environment."
        )
    raise AwsError(f"No account can be read: {_refusal(arn)} {next_step(arn)}")


def _refusal(error: ReadError) -> str:
    return f"{error.operation} in {error.region} answered {error.code} ({error.message})."


def _regions(
    enabled: tuple[str, ...] | ReadError, scope: Scope, fallback: str, account_id: str
) -> tuple[tuple[str, ...], tuple[ReadError, ...]]:
    """Return the regions to read, and the error where they are not all that the account has."""
    if isinstance(enabled, ReadError):
        # With the regions given there is nothing to miss; without them one region is all we know of.
        return (scope.regions, ()) if scope.regions else ((fallback,), (enabled,))
    unknown = [region for region in scope.regions if region not in enabled]
    if unknown:
        raise AwsError(
            f"Account {account_id} has no enabled region {', '.join(unknown)}; enabled are: {', '.join(enabled)}. "
            "Correct the option regions, or enable the region in the account."
        )
    return scope.regions or enabled, ()


def _see_trails(
    pool: ThreadPoolExecutor, account: Account, regions: tuple[str, ...]
) -> tuple[dict[str, tuple[str, dict[str, Any]]], list[ReadError]]:
    """Return each trail once, by ARN, with a region where it is seen; and the regions that could not be read.

    A trail's own view in its home region wins over its shadows elsewhere.
    """
    seen: dict[str, tuple[str, dict[str, Any]]] = {}
    failed: list[ReadError] = []
    views = pool.map(lambda region: _calls.trails_seen_in(account.access, region), regions)
    for region, view in zip(regions, views, strict=True):
        if isinstance(view, ReadError):
            failed.append(view)
            continue
        for record in view:
            if record["TrailARN"] not in seen or record["HomeRegion"] == region:
                seen[record["TrailARN"]] = (region, record)
    if len(failed) == len(regions):
        raise AwsError(
            f"No region of account {account.account_id} could be read: {_refusal(failed[0])} {next_step(failed[0])}"
        )
    return seen, failed


def _selected(
    seen: dict[str, tuple[str, dict[str, Any]]], wanted: tuple[str, ...], account_id: str, failed: list[ReadError]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the trails asked for, sorted by ARN; a trail that is not there is the caller's mistake."""
    present = {name for _region, record in seen.values() for name in (record["TrailARN"], record["Name"])}
    absent = [trail for trail in wanted if trail not in present]
    if absent:
        blind = f" Not readable: {', '.join(e.region for e in failed)}." if failed else ""
        raise AwsError(
            f"Account {account_id} has no trail {', '.join(absent)} in the regions read; "
            f"it has: {', '.join(sorted(seen)) or 'none'}.{blind} Correct the option trails."
        )
    rows = [seen[arn] for arn in sorted(seen)]
    return [row for row in rows if not wanted or row[1]["TrailARN"] in wanted or row[1]["Name"] in wanted]


def _foreign_ownership(
    account: Account, records: list[tuple[str, dict[str, Any]]]
) -> tuple[Ownership, tuple[ReadError, ...]]:
    """What the account is to trails of others, and the error where that could not be told."""
    if all(record["TrailARN"].split(":")[4] == account.account_id for _region, record in records):
        return "inherited", ()
    administers = _calls.administers_cloudtrail(account.access, account.access.region, account.account_id)
    if isinstance(administers, ReadError):
        return "inherited", (administers,)
    return ("delegated" if administers else "inherited"), ()


def _ask_statuses(
    pool: ThreadPoolExecutor, account: Account, records: list[tuple[str, dict[str, Any]]]
) -> list[Future[TrailStatus | ReadError]]:
    """Ask for the status of every trail; keys and buckets are asked for while the answers are on their way."""
    return [pool.submit(_calls.trail_status, account.access, region, r["TrailARN"]) for region, r in records]


def _trails(
    account: Account,
    records: list[tuple[str, dict[str, Any]]],
    foreign: Ownership,
    statuses: list[Future[TrailStatus | ReadError]],
) -> tuple[Trail, ...]:
    """Join each trail with its status and with who may change it."""
    return tuple(
        Trail(
            arn=record["TrailARN"],
            name=record["Name"],
            home_region=record["HomeRegion"],
            multi_region=record["IsMultiRegionTrail"],
            organization_trail=record["IsOrganizationTrail"],
            ownership="owned" if record["TrailARN"].split(":")[4] == account.account_id else foreign,
            bucket_name=record["S3BucketName"],
            bucket_prefix=record.get("S3KeyPrefix"),
            kms_key_arn=record.get("KmsKeyId") or None,
            status=status.result(),
            log_file_validation=record.get("LogFileValidationEnabled", False),
        )
        for (_region, record), status in zip(records, statuses, strict=True)
    )


def _read_keys_and_buckets(
    pool: ThreadPoolExecutor, account: Account, records: list[dict[str, Any]]
) -> tuple[dict[str, Key | Missing | ReadError], dict[str, Bucket | Missing | ReadError]]:
    """Read every key and every bucket of the trails once, side by side."""
    key_arns = sorted({record["KmsKeyId"] for record in records if record.get("KmsKeyId")})
    homes = {record["S3BucketName"]: record["HomeRegion"] for record in records}
    regions = {
        name: pool.submit(_calls.bucket_region, account.access, region, name) for name, region in sorted(homes.items())
    }
    keys = {arn: KeyReads(pool, account, arn) for arn in key_arns}
    buckets = {name: read_bucket(pool, account, name, region.result()) for name, region in regions.items()}
    for reads in keys.values():
        reads.ask_rotation(pool)
    return {arn: reads.key() for arn, reads in keys.items()}, {name: bucket() for name, bucket in buckets.items()}


class KeyReads:
    """The reads of one key under way."""

    def __init__(self, pool: ThreadPoolExecutor, account: Account, arn: str) -> None:
        region, owner = arn.split(":")[3:5]
        self._access = account.key_access(owner)
        self._metadata = pool.submit(_calls.key_metadata, self._access, region, arn)
        self._aliases = pool.submit(_calls.key_aliases, self._access, region, arn)
        self._policy: Future[str | ReadError] = pool.submit(_calls.key_policy, self._access, region, arn)
        self._tags = pool.submit(_calls.key_tags, self._access, region, arn) if account.key_tags else None
        self._rotation: Future[bool | ReadError] | None = None

    def ask_rotation(self, pool: ThreadPoolExecutor) -> None:
        """Ask for the rotation of a key that KMS can rotate; of a replica, at its primary.

        KMS rotates symmetric keys of its own material (KMS guide, "Rotate AWS KMS keys"), and a replica
        follows its primary (KMS guide, "Rotating multi-Region keys").
        """
        metadata = self._metadata.result()
        if not isinstance(metadata, dict) or metadata["KeyManager"] != "CUSTOMER":
            return
        if metadata["Origin"] == "AWS_KMS" and metadata["KeySpec"] == "SYMMETRIC_DEFAULT":
            arn = _primary_arn(metadata) or metadata["Arn"]
            self._rotation = pool.submit(_calls.key_rotation, self._access, arn.split(":")[3], arn)

    def key(self) -> Key | Missing | ReadError:
        """Wait for the reads and join them."""
        metadata = self._metadata.result()
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
            aliases=self._aliases.result(),
            policy=self._policy.result(),
            rotation_enabled=self._rotation.result() if self._rotation else None,
            deletion_date=metadata.get("DeletionDate"),
            tags=self._tags.result() if self._tags else {},
        )


def _primary_arn(metadata: dict[str, Any]) -> str | None:
    """The ARN of a replica's primary key; None for every other key (KMS shape MultiRegionConfiguration)."""
    configuration = metadata.get("MultiRegionConfiguration", {})
    return configuration["PrimaryKey"]["Arn"] if configuration.get("MultiRegionKeyType") == "REPLICA" else None


def read_bucket(
    pool: ThreadPoolExecutor, account: Account, name: str, region: str | Missing | ReadError
) -> Callable[[], Bucket | Missing | ReadError]:
    """Start the reads of one bucket; the function returned waits for them and joins them."""
    if not isinstance(region, str):
        return lambda: region
    policy = pool.submit(_first_answer, account.bucket_accesses, _calls.bucket_policy, region, name)
    bucket_key = pool.submit(_first_answer, account.bucket_accesses, _calls.bucket_key_enabled, region, name)
    return lambda: Bucket(name, region, policy.result(), bucket_key.result())


def _first_answer(
    accesses: tuple[Access, ...], read: Callable[[Access, str, str], Fact | ReadError], region: str, name: str
) -> Fact | ReadError:
    """Ask each access in turn until one is answered: a bucket's name does not tell its owner."""
    answer = read(accesses[0], region, name)
    for access in accesses[1:]:
        if isinstance(answer, ReadError):
            answer = read(access, region, name)
    return answer


def _closed_by_scp(error: ReadError) -> bool:
    return SCP_DENIAL in error.message
