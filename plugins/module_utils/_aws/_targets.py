# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reads that only an enforcement needs: the wished key in each bucket region, keys left behind, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _calls, _resources


@dataclass(frozen=True)
class SoughtKey:
    """The key to look for: an id or alias of the account `owner`, or an ARN, which says whose it is.

    With `tags`, where the key is missing, those that carry these tags and no alias are looked for.
    """

    key_id: str
    owner: str
    tags: Mapping[str, str] | None = None


def read_targets(
    account: _resources.Account, snapshot: _model.Snapshot, regions: Iterable[str], sought: SoughtKey
) -> dict[str, _model.Candidate]:
    """What stands behind the key in each region; an ARN is looked up where it says.

    A key that the snapshot holds is not read again.
    """
    with ThreadPoolExecutor() as pool:
        reads = {region: pool.submit(_candidate, account, snapshot, region, sought) for region in regions}
        return {region: read.result() for region, read in reads.items()}


def _candidate(
    account: _resources.Account, snapshot: _model.Snapshot, region: str, sought: SoughtKey
) -> _model.Candidate:
    owner = sought.owner
    if sought.key_id.startswith("arn:"):
        region, owner = sought.key_id.split(":")[3:5]
    # A name without an ARN leads to a key of the account that asks, so that nobody else may.
    asked = account.key_readers(owner) if sought.key_id.startswith("arn:") else account.owners(owner)
    metadata = _resources.first_answer(_calls.key_metadata, asked, region, sought.key_id)
    if isinstance(metadata, dict):
        known = snapshot.keys.get(metadata["Arn"])
        return _model.Candidate(known if isinstance(known, _model.Key) else read_key(account, metadata["Arn"]))
    if isinstance(metadata, _model.Missing) and sought.tags is not None:
        return _model.Candidate(metadata, keys_left_behind(account, owner, region, sought.tags))
    return _model.Candidate(metadata)


def read_ground(
    account: _resources.Account, snapshot: _model.Snapshot, region: str, bucket_name: str, *, organization: bool
) -> _model.TrailGround:
    """What a trail in a region would stand on: its bucket and who owns that; the organization, where it is one's trail.

    A bucket that the snapshot holds is not read again.
    """
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(_calls.organization, account.access, region) if organization else None
        owner = pool.submit(_bucket_owner, account, region, bucket_name)
        known = snapshot.buckets.get(bucket_name)
        bucket = known or _resources.BucketReads(pool, account, bucket_name, region, set()).bucket()
        return _model.TrailGround(bucket, owner.result(), asked.result() if asked else None)


def _bucket_owner(account: _resources.Account, region: str, bucket_name: str) -> str | None:
    """The account, or one of the other credentials', where S3 confirms it as the bucket's owner."""
    if _calls.bucket_belongs_to(account.access, region, bucket_name, account.account_id):
        return account.account_id
    for other in account.others():
        if _calls.bucket_belongs_to(other.access, region, bucket_name, other.account_id):
            return other.account_id
    return None


def read_keys(
    account: _resources.Account, snapshot: _model.Snapshot, arns: Iterable[str]
) -> dict[str, _model.Key | _model.Missing | _model.ReadError]:
    """The keys of these ARNs; one that the snapshot holds is not read again."""
    with ThreadPoolExecutor() as pool:
        reads = {arn: pool.submit(read_key, account, arn) for arn in arns if arn not in snapshot.keys}
        return {arn: reads[arn].result() if arn in reads else snapshot.keys[arn] for arn in arns}


def read_key(account: _resources.Account, key_arn: str) -> _model.Key | _model.Missing | _model.ReadError:
    """All that is to be known of one key."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return _resources.KeyReads(pool, account, key_arn).key()


def keys_left_behind(
    account: _resources.Account, owner: str, region: str, tags: Mapping[str, str]
) -> tuple[_model.Key, ...] | _model.ReadError:
    """The enabled keys of the account `owner` that carry these tags and no alias; an error where that is not told."""

    def listed(access: _access.Access, region: str, _owner: str) -> tuple[str, ...] | _model.ReadError:
        return _calls.keys_without_alias(access, region)

    arns = _resources.first_answer(listed, account.owners(owner), region, owner)
    if isinstance(arns, _model.ReadError):
        return arns
    found: list[_model.Key] = []
    for arn in arns:
        carried = _resources.first_answer(_calls.key_tags, account.owners(owner), region, arn)
        if isinstance(carried, _model.ReadError):
            return carried
        if tags.items() <= carried.items():
            key = read_key(account, arn)
            if isinstance(key, _model.ReadError):
                return key
            found += [key] if isinstance(key, _model.Key) and key.state == "Enabled" else []
    return tuple(found)


def read_tags(
    account: _resources.Account, changes: Iterable[_model.Change]
) -> dict[str, dict[str, str] | _model.ReadError]:
    """The tags of every trail and key that is to be changed, by ARN; not of what does not exist yet."""
    aside = ("CreateAlias", "PutBucketPolicy")
    resources = {change.resource: change for change in changes if change.operation not in aside}
    born = {change.resource for change in changes if change.before is None}
    present = {
        arn: change for arn, change in resources.items() if arn not in born and not arn.endswith(_model.PLACEHOLDER)
    }
    with ThreadPoolExecutor() as pool:
        reads = {
            arn: pool.submit(_calls.trail_tags, account.access, change.region, arn)
            if change.operation in ("UpdateTrail", "StartLogging")
            else pool.submit(_calls.key_tags, account.key_access(arn.split(":")[4]), change.region, arn)
            for arn, change in present.items()
        }
        return {arn: read.result() for arn, read in reads.items()}


def missing_principals(account: _resources.Account, arns: Iterable[str]) -> list[str]:
    """Return those of the roles and users (IAM ARNs) that do not exist, so far as a credential at hand may ask."""

    def is_missing(arn: str) -> bool:
        asked = (_calls.principal_exists(access, access.region, arn) for access in account.owners(arn.split(":")[4]))
        return next((answer is False for answer in asked if isinstance(answer, bool)), False)

    with ThreadPoolExecutor() as pool:
        listed = list(arns)
        return [arn for arn, missing in zip(listed, pool.map(is_missing, listed), strict=True) if missing]
