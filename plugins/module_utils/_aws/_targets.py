# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reads that only an enforcement needs: the requested key in each bucket region, keys left behind, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._model import PLACEHOLDER, Change, Key, KeyLookup, Missing, ReadError, Snapshot, TrailPrerequisites
from .._operations import WRITES
from ._access import Access, failed_read
from ._calls import (
    ListedKeys,
    bucket_belongs_to,
    bucket_tags,
    describe_organization,
    key_metadata,
    list_key_tags,
    listed_keys,
    principal_exists,
    trail_tags,
)
from ._resources import Account, BucketReads, KeyReads, first_answer

# Of more keys than these the tags are not read: KMS tells those of one key at a time, and has up to 100,000 keys in an
# account and Region (KMS guide, "Quotas").
MOST_WITHOUT_ALIAS = 2_000
AT_ONCE = 16


@dataclass(frozen=True)
class RequestedKey:
    """A key that an option names: an id or alias of the account `owner`, or an ARN, which names its own account.

    If the key is missing and `tags` are set, keys that have these tags and no alias are read instead.
    """

    key_id: str
    owner: str
    tags: Mapping[str, str] | None = None


def read_targets(
    account: Account, snapshot: Snapshot, regions: Iterable[str], requested: RequestedKey
) -> dict[str, KeyLookup]:
    """Look up the requested key in each region; an ARN names its own region.

    A key that the snapshot holds is not read again.
    """
    with ThreadPoolExecutor() as pool:
        reads = {region: pool.submit(_look_up_key, account, snapshot, region, requested) for region in regions}
        return {region: read.result() for region, read in reads.items()}


def _look_up_key(account: Account, snapshot: Snapshot, region: str, requested: RequestedKey) -> KeyLookup:
    owner = requested.owner
    if requested.key_id.startswith("arn:"):
        region, owner = requested.key_id.split(":")[3:5]
    # A name without an ARN means a key of the account that asks, so only the owner may ask.
    accesses = account.key_readers(owner) if requested.key_id.startswith("arn:") else account.owners(owner)
    metadata = first_answer(key_metadata, accesses, region, requested.key_id)
    if isinstance(metadata, dict):
        known = snapshot.keys.get(metadata["Arn"])
        return KeyLookup(known if isinstance(known, Key) else read_key(account, metadata["Arn"]))
    if not (isinstance(metadata, Missing) and requested.tags is not None):
        return KeyLookup(metadata)
    listed = first_answer(_listed, account.owners(owner), region, owner)
    if not isinstance(listed, ReadError) and requested.key_id in listed.by_alias:
        return KeyLookup(_listed_key(account, region, listed.by_alias[requested.key_id]))
    return KeyLookup(metadata, _with_tags(account, owner, region, listed, requested.tags))


def _listed_key(account: Account, region: str, key_arn: str) -> Key | ReadError:
    """Read a key whose alias is listed, though DescribeKey did not find it: what is new shows late in some answers."""
    key = read_key(account, key_arn)
    if isinstance(key, Missing):
        return failed_read("kms", "DescribeKey", region, "NotFoundException", f"{key.message}, but ListAliases has it")
    return key


def _listed(access: Access, region: str, _owner: str) -> ListedKeys | ReadError:
    return listed_keys(access, region)


def read_trail_prerequisites(
    account: Account, snapshot: Snapshot, region: str, bucket_name: str, *, organization: bool
) -> TrailPrerequisites:
    """Read what a new trail needs: its bucket, the owner of the bucket and, with `organization`, its organization.

    A bucket that the snapshot holds is not read again.
    """
    with ThreadPoolExecutor() as pool:
        its_organization = pool.submit(describe_organization, account.access, region) if organization else None
        owner = pool.submit(_bucket_owner, account, region, bucket_name)
        known = snapshot.buckets.get(bucket_name)
        bucket = known or BucketReads(pool, account, bucket_name, region, set()).bucket()
        return TrailPrerequisites(bucket, owner.result(), its_organization.result() if its_organization else None)


def _bucket_owner(account: Account, region: str, bucket_name: str) -> str | None:
    """Return the owner of the bucket if S3 confirms one of the accounts with credentials at hand; else None."""
    if bucket_belongs_to(account.access, region, bucket_name, account.account_id):
        return account.account_id
    for other in account.others():
        if bucket_belongs_to(other.access, region, bucket_name, other.account_id):
            return other.account_id
    return None


def read_keys(account: Account, snapshot: Snapshot, arns: Iterable[str]) -> dict[str, Key | Missing | ReadError]:
    """Read the keys of these ARNs; a key that the snapshot holds is not read again."""
    with ThreadPoolExecutor() as pool:
        reads = {arn: pool.submit(read_key, account, arn) for arn in arns if arn not in snapshot.keys}
        return {arn: reads[arn].result() if arn in reads else snapshot.keys[arn] for arn in arns}


def read_key(account: Account, key_arn: str) -> Key | Missing | ReadError:
    with ThreadPoolExecutor(max_workers=4) as pool:
        return KeyReads(pool, account, key_arn).key()


def keys_left_behind(account: Account, owner: str, region: str, tags: Mapping[str, str]) -> tuple[Key, ...] | ReadError:
    """Read the keys of the account `owner`, in any state, that carry these tags and no alias, or return the error."""
    return _with_tags(account, owner, region, first_answer(_listed, account.owners(owner), region, owner), tags)


def _with_tags(
    account: Account, owner: str, region: str, listed: ListedKeys | ReadError, tags: Mapping[str, str]
) -> tuple[Key, ...] | ReadError:
    if isinstance(listed, ReadError):
        return listed
    arns = listed.without_alias
    if len(arns) > MOST_WITHOUT_ALIAS:
        why = f"{len(arns)} keys have no alias, and of at most {MOST_WITHOUT_ALIAS} the tags are read"
        return failed_read("kms", "ListResourceTags", region, "TooManyKeys", why)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        tags_of = [*pool.map(lambda arn: first_answer(list_key_tags, account.owners(owner), region, arn), arns)]
    found: list[Key] = []
    for arn, carried in zip(arns, tags_of, strict=True):
        if isinstance(carried, ReadError):
            return carried
        if tags.items() <= carried.items():
            key = read_key(account, arn)
            if isinstance(key, ReadError):
                return key
            found += [key] if isinstance(key, Key) else []
    return tuple(found)


def read_tags(account: Account, changes: Iterable[Change]) -> dict[str, dict[str, str] | ReadError]:
    """Read the tags of every trail, key and bucket that is to be changed, by ARN; what does not exist yet has none."""
    changes = list(changes)
    created = {change.resource for change in changes if change.before is None}
    with ThreadPoolExecutor() as pool:
        reads = {
            change.resource: pool.submit(_tags, account, change)
            for change in changes
            if WRITES[change.operation].resource in ("trail", "key", "bucket")
            and change.resource not in created
            and not change.resource.endswith(PLACEHOLDER)
        }
        return {arn: read.result() for arn, read in reads.items()}


def _tags(account: Account, change: Change) -> dict[str, str] | ReadError:
    kind = WRITES[change.operation].resource
    if kind == "trail":
        return trail_tags(account.access, change.region, change.resource)
    if kind == "bucket":
        return bucket_tags(account.access, change.region, change.resource.rpartition(":")[2])
    return list_key_tags(account.key_access(change.resource.split(":")[4]), change.region, change.resource)


def missing_principals(account: Account, arns: Iterable[str]) -> list[str]:
    """Return those of the roles and users (IAM ARNs) that do not exist, as far as a credential at hand may ask."""

    def is_missing(arn: str) -> bool:
        answers = (principal_exists(access, access.region, arn) for access in account.owners(arn.split(":")[4]))
        return next((answer is False for answer in answers if isinstance(answer, bool)), False)

    with ThreadPoolExecutor() as pool:
        listed = list(arns)
        return [arn for arn, missing in zip(listed, pool.map(is_missing, listed), strict=True) if missing]
