# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read one account: regions, trails, and the key and the bucket of every trail, each fact once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from .._model import (
    Bucket,
    Key,
    LeftToOwnerError,
    Organization,
    Ownership,
    ReaderCalls,
    ReadError,
    Snapshot,
    Trail,
    TrailStatus,
    closes_region,
    next_step,
)
from .._permissions import iam_action
from .._scope import Role, Scope
from ._access import Access, AwsError, failed_read
from ._calls import (
    Regions,
    administers_cloudtrail,
    caller_arn,
    describe_organization,
    enabled_regions,
    ram_policy,
    trail_status,
    trails_seen_in,
)
from ._history import History
from ._proofs import with_proofs
from ._readers import with_simulations
from ._resources import Account, BucketFact, Credential, KeyFact, Shared, first_answer, read_keys_and_buckets

# IAM user guide, "AWS global condition context keys"; their case does not matter.
_ORGANIZATION_KEY = re.compile(r"aws:(principal|resource|source)org(id|paths)", re.IGNORECASE)


@dataclass(frozen=True)
class Seen:
    """What the regions of an account show: the trails as DescribeTrails returns them, each with a region to ask in.

    `others` are the trails that were not requested.
    """

    account: Account
    regions: tuple[str, ...]
    left_out: tuple[str, ...] | ReadError
    disabled_regions: tuple[ReadError, ...]
    records: tuple[tuple[str, dict[str, Any]], ...]
    others: tuple[dict[str, Any], ...]
    foreign: Ownership
    errors: tuple[ReadError, ...]
    closed_regions: tuple[ReadError, ...]

    def arns(self, *, owned: bool) -> frozenset[str]:
        """Return the ARNs of the trails that the account owns, or of those that it only sees."""
        arns = {record["TrailARN"] for _region, record in self.records}
        return frozenset(arn for arn in arns if (arn.split(":")[4] == self.account.account_id) is owned)


def open_and_read(caller: Access, scope: Scope) -> tuple[Account, Snapshot]:
    """Read the account of the caller, or of `scope.role`; return it with its access, for more reads and for writes.

    Reads run in up to `scope.concurrency` threads. Raises AwsError where nothing of the account can be read:
    credentials or roles refused, no region readable, a region or trail in `scope` that does not exist.
    """
    with ThreadPoolExecutor(max_workers=scope.concurrency) as pool:
        access = caller.assume(scope.role) if scope.role else caller
        listed = pool.submit(enabled_regions, access, access.region)
        prepare(pool, access)
        account = _open_account(pool, caller, access, scope)
        seen = see(pool, account, scope, listed)
        return account, with_further_reads(pool, account, read(pool, seen, Shared()), scope, History())


def prepare(pool: ThreadPoolExecutor, access: Access) -> None:
    """Make the first client of each service, which loads its model, while the first answers are on their way."""
    for service in ("cloudtrail", "kms", "s3"):
        pool.submit(access.prepare, service)


def _open_account(pool: ThreadPoolExecutor, caller: Access, access: Access, scope: Scope) -> Account:
    """Read whose account this is, and assume the owners' roles at the same time."""
    owners = OwnerRoles(pool, caller, scope)
    arn = scope.role.role_arn if scope.role else caller_identity(access)
    return Account(
        account_id=arn.split(":")[4],
        partition=arn.split(":")[1],
        access=access,
        key_accesses=owners.of_keys(),
        key_role=owners.key_role(),
        bucket_role=owners.bucket_role(),
        caller=Credential(caller) if scope.role else None,
        key_tags=scope.key_tags,
        writers={arn.split(":")[4]: arn, **scope.key_writers},
    )


class OwnerRoles:
    """The roles of `scope` in accounts that own keys and buckets, being assumed."""

    def __init__(self, pool: ThreadPoolExecutor, caller: Access, scope: Scope) -> None:
        self._key = _being_assumed(pool, caller, scope.key_role)
        self._bucket = _being_assumed(pool, caller, scope.bucket_role)

    def key_role(self) -> Credential | None:
        """Return the role of the keys' owner. Raises AwsError where STS refuses it."""
        return self._key.result() if self._key else None

    def bucket_role(self) -> Credential | None:
        """Return the role of the buckets' owner. Raises AwsError where STS refuses it."""
        return self._bucket.result() if self._bucket else None

    def of_keys(self) -> dict[str, Access]:
        """Return the access of the keys' owner, by its account id. Raises AwsError where STS refuses."""
        role = self.key_role()
        return {role.account_id: role.access} if role else {}


def _being_assumed(pool: ThreadPoolExecutor, caller: Access, role: Role | None) -> Future[Credential] | None:
    return pool.submit(lambda role: Credential(caller.assume(role), role.account_id), role) if role else None


def see(pool: ThreadPoolExecutor, account: Account, scope: Scope, listed: Future[Regions | ReadError]) -> Seen:
    """Find the trails that the account has in its regions, which `listed` yields. Raises AwsError."""
    known = listed.result()
    regions, errors = _regions(known, scope, account)
    found, failed = _see_trails(pool, account, regions)
    records = _selected(found, scope.trails, account, failed)
    foreign, unsaid = _foreign_ownership(pool, account, records)
    return Seen(
        account=account,
        regions=regions,
        left_out=known
        if isinstance(known, ReadError)
        else tuple(each for each in known.enabled if each not in regions),
        disabled_regions=_disabled(known, scope, account.account_id),
        records=records,
        others=tuple(row[1] for row in found.values() if row not in records),
        foreign=foreign,
        errors=errors + tuple(each for each in failed if not closes_region(each)) + unsaid,
        closed_regions=tuple(filter(closes_region, failed)),
    )


def read(pool: ThreadPoolExecutor, seen: Seen, shared: Shared, read_by_owner: frozenset[str] = frozenset()) -> Snapshot:
    """Read the keys, buckets and statuses of the trails that were seen.

    `read_by_owner` are trails whose owner is read in the same sweep; their keys and buckets are read there.
    """
    account = seen.account
    read_here = [(region, record) for region, record in seen.records if record["TrailARN"] not in read_by_owner]
    statuses = _ask_statuses(pool, account, read_here)
    is_organizations = any(record["IsOrganizationTrail"] for _region, record in read_here)
    organization = _ask_organization(pool, account) if is_organizations else None
    keys, buckets = read_keys_and_buckets(pool, account, [record for _region, record in read_here], shared)
    if organization is None and _name_organizations(keys.values(), buckets.values()):
        organization = _ask_organization(pool, account)
    left = [record for _region, record in seen.records if record["TrailARN"] in read_by_owner]
    return Snapshot(
        account_id=account.account_id,
        partition=account.partition,
        read_at=account.access.now(),
        trails=tuple(_trail(account, row, seen.foreign, statuses.get(row["TrailARN"])) for _at, row in seen.records),
        trails_left_out=tuple(_trail(account, record, seen.foreign, None) for record in seen.others),
        keys={**{r["KmsKeyId"]: left_to_owner("kms", "DescribeKey", r) for r in left if r.get("KmsKeyId")}, **keys},
        buckets={**{r["S3BucketName"]: left_to_owner("s3", "HeadBucket", r) for r in left}, **buckets},
        errors=seen.errors,
        regions=seen.regions,
        regions_left_out=seen.left_out,
        disabled_regions=seen.disabled_regions,
        closed_regions=seen.closed_regions,
        organization=organization.result() if organization else None,
        audited_by=account.writers.get(account.account_id),
    )


def _ask_statuses(
    pool: ThreadPoolExecutor, account: Account, records: Iterable[tuple[str, dict[str, Any]]]
) -> dict[str, Future[TrailStatus | ReadError]]:
    """Ask for the status of each trail, by ARN. Keys and buckets are read while these answers are on their way."""
    return {
        record["TrailARN"]: pool.submit(trail_status, account.access, region, record["TrailARN"])
        for region, record in records
    }


def with_further_reads(
    pool: ThreadPoolExecutor, account: Account, snapshot: Snapshot, scope: Scope, history: History
) -> Snapshot:
    """Return the snapshot with what else a verdict may depend on: second policies of keys, readers, and proofs."""
    snapshot = with_ram_policies(pool, account, snapshot, scope.second_policies)
    snapshot = with_simulations(pool, account, snapshot, scope.of_readers)
    return with_proofs(pool, account, snapshot, scope, history)


def with_ram_policies(
    pool: ThreadPoolExecutor, account: Account, snapshot: Snapshot, second_policies: Callable[[Snapshot], Iterable[str]]
) -> Snapshot:
    """Return the snapshot with the RAM policy of each key whose verdict may depend on it."""

    def ask(arn: str) -> Future[str | ReadError | None]:
        region, owner = arn.split(":")[3:5]
        return pool.submit(first_answer, ram_policy, account.key_readers(owner), region, arn)

    keys = [key for arn in second_policies(snapshot) if isinstance(key := snapshot.keys[arn], Key)]
    reads = {key.arn: ask(key.arn) for key in keys}
    keys_read = {key.arn: replace(key, ram_policy=reads[key.arn].result()) for key in keys}
    return replace(snapshot, keys={**snapshot.keys, **keys_read}) if keys_read else snapshot


def left_to_owner(service: str, operation: str, record: Mapping[str, Any]) -> LeftToOwnerError:
    """Return what stands for a fact that is read in the account of the trail's owner."""
    owner = record["TrailARN"].split(":")[4]
    message = f"account {owner} owns the trail; see its row"
    action = iam_action(service, operation)
    return LeftToOwnerError(service, operation, action, record["HomeRegion"], "ToldByOwner", message)


def caller_identity(access: Access) -> str:
    """Return the caller's ARN. Raises AwsError that says why AWS does not know the caller."""
    arn = caller_arn(access, access.region)
    if isinstance(arn, str):
        return arn
    if arn.code == "NoCredentialsError":
        raise AwsError(f"No AWS credentials were found. {next_step(arn)}")
    raise AwsError(f"No account can be read: {arn}. {next_step(arn)}", arn)


def _regions(
    known: Regions | ReadError, scope: Scope, account: Account
) -> tuple[tuple[str, ...], tuple[ReadError, ...]]:
    """Return the regions to read, and the error where the account may have more.

    In a sweep an account is read in the regions that it has enabled. Raises AwsError for a region that does not exist,
    or that an account read by itself has not enabled: somebody named it for this account.
    """
    if isinstance(known, ReadError):
        # Named regions are all that is to be read; without them only one region is known.
        return (scope.regions, ()) if scope.regions else ((account.access.region,), (known,))
    chosen = tuple(region for region in scope.regions if region in known.enabled)
    passed_over = known.disabled if scope.accounts and chosen else ()
    absent = [region for region in scope.regions if region not in (*known.enabled, *passed_over)]
    if absent:
        why = (
            f"Account {account.account_id} has no enabled region {', '.join(absent)}; enabled are: "
            f"{', '.join(known.enabled)}."
        )
        not_enabled = _noticed("ec2", "DescribeRegions", absent[0], "RegionNotEnabled", why)
        raise AwsError(not_enabled.message, not_enabled)
    return chosen or known.enabled, ()


def _disabled(known: Regions | ReadError, scope: Scope, account_id: str) -> tuple[ReadError, ...]:
    """Return an entry for each region of `scope` that the account has not enabled, and so has nothing in."""
    disabled = () if isinstance(known, ReadError) else known.disabled
    message = f"account {account_id} has not enabled this region, so nothing there was read."
    return tuple(
        _noticed("ec2", "DescribeRegions", region, "RegionNotEnabled", message)
        for region in scope.regions
        if region in disabled
    )


def _noticed(service: str, operation: str, region: str, code: str, why: str) -> ReadError:
    """Return what was noticed without AWS as an error, whose message says what to do, in the role by its variables."""
    error = failed_read(service, operation, region, code, why)
    return replace(error, message=f"{why} {next_step(error)}")


def _see_trails(
    pool: ThreadPoolExecutor, account: Account, regions: tuple[str, ...]
) -> tuple[dict[str, tuple[str, dict[str, Any]]], list[ReadError]]:
    """Return each trail once, by ARN, with a region where it is seen; and the regions that could not be read.

    A trail's own view in its home region wins over its shadows elsewhere.
    """
    seen: dict[str, tuple[str, dict[str, Any]]] = {}
    failed: list[ReadError] = []
    views = pool.map(lambda region: trails_seen_in(account.access, region), regions)
    for region, view in zip(regions, views, strict=True):
        if isinstance(view, ReadError):
            failed.append(view)
            continue
        for record in view:
            if record["TrailARN"] not in seen or record["HomeRegion"] == region:
                seen[record["TrailARN"]] = (region, record)
    if len(failed) == len(regions):
        why = f"No region of account {account.account_id} could be read: {failed[0]}. {next_step(failed[0])}"
        raise AwsError(why, *failed)
    return seen, failed


def _selected(
    seen: dict[str, tuple[str, dict[str, Any]]], wanted: tuple[str, ...], account: Account, failed: list[ReadError]
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the requested trails, sorted by ARN. Raises AwsError for a trail that does not exist."""
    present = {name for _region, record in seen.values() for name in (record["TrailARN"], record["Name"])}
    absent = [trail for trail in wanted if trail not in present]
    if absent:
        blind = f" Not readable: {', '.join(e.region for e in failed)}." if failed else ""
        why = (
            f"Account {account.account_id} has no trail {', '.join(absent)} in the regions read; "
            f"it has: {', '.join(sorted(seen)) or 'none'}.{blind}"
        )
        no_trail = _noticed("cloudtrail", "DescribeTrails", account.access.region, "TrailNotFoundException", why)
        raise AwsError(no_trail.message, *failed, no_trail)
    rows = (seen[arn] for arn in sorted(seen))
    return tuple(row for row in rows if not wanted or row[1]["TrailARN"] in wanted or row[1]["Name"] in wanted)


def _foreign_ownership(
    pool: ThreadPoolExecutor, account: Account, records: tuple[tuple[str, dict[str, Any]], ...]
) -> tuple[Ownership, tuple[ReadError, ...]]:
    """Return how the account relates to trails of others, and the error where AWS did not say."""
    if all(record["TrailARN"].split(":")[4] == account.account_id for _region, record in records):
        return "inherited", ()
    region = account.access.region
    administers = pool.submit(administers_cloudtrail, account.access, region, account.account_id).result()
    if isinstance(administers, ReadError):
        return "inherited", (administers,)
    return ("delegated" if administers else "inherited"), ()


def _ask_organization(pool: ThreadPoolExecutor, account: Account) -> Future[Organization | ReadError]:
    """Ask which organization the account is in; every account of one may ask."""
    return pool.submit(describe_organization, account.access, account.access.region)


def as_if_read_now(
    account: Account, snapshot: Snapshot, of_readers: Callable[[Snapshot], Iterable[ReaderCalls]]
) -> Snapshot:
    """Return the predicted snapshot with what another read would add: its organization, and its readers."""
    if snapshot.organization is None and _name_organizations(snapshot.keys.values(), snapshot.buckets.values()):
        snapshot = replace(snapshot, organization=describe_organization(account.access, account.access.region))
    with ThreadPoolExecutor() as pool:
        return with_simulations(pool, account, snapshot, of_readers)


def _name_organizations(keys: Iterable[KeyFact], buckets: Iterable[BucketFact]) -> bool:
    """Return whether one of their policies has a condition on the organization of an account."""
    read = (fact.policy for fact in (*keys, *buckets) if isinstance(fact, (Key, Bucket)))
    return any(isinstance(policy, str) and _ORGANIZATION_KEY.search(policy) for policy in read)


def _trail(
    account: Account, record: dict[str, Any], foreign: Ownership, status: Future[TrailStatus | ReadError] | None
) -> Trail:
    """Join a trail with its status and with who may change it."""
    return Trail(
        arn=record["TrailARN"],
        name=record["Name"],
        home_region=record["HomeRegion"],
        multi_region=record["IsMultiRegionTrail"],
        organization_trail=record["IsOrganizationTrail"],
        ownership="owned" if record["TrailARN"].split(":")[4] == account.account_id else foreign,
        bucket_name=record["S3BucketName"],
        bucket_prefix=record.get("S3KeyPrefix"),
        kms_key_arn=record.get("KmsKeyId") or None,
        status=status.result() if status else left_to_owner("cloudtrail", "GetTrailStatus", record),
        log_file_validation=record.get("LogFileValidationEnabled", False),
    )
