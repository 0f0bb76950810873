# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed access to moto's backends: the keys, trails and buckets of every account and region."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import copy
from functools import cache

from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.core.base_backend import BackendDict
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.s3.models import FakeBucket, s3_backends

__all__ = ["FakeBucket", "Key", "StoredTrail", "Trail"]


class StoredTrail(Trail):
    """moto's trail, without its checks: ours come before it, and a scenario may hold broken trails."""

    def check_bucket_exists(self) -> None:
        """Judged by rules/cloudtrail_write.py."""

    def check_topic_exists(self) -> None:
        """Topics are no part of the fake AWS."""


def reset() -> None:
    """Forget every resource of every account."""
    BackendDict.reset()
    s3_backends.bucket_accounts.clear()


def kms(account_id: str, region: str) -> KmsBackend:
    """moto's KMS of one account and region."""
    return kms_backends[account_id][region]


def cloudtrail(account_id: str, region: str) -> CloudTrailBackend:
    """moto's CloudTrail of one account and region."""
    return cloudtrail_backends[account_id][region]


def find_key(arn: str) -> Key | None:
    """The key with this ARN, in whatever account and region it names."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("key/"):
        return None
    if parts[4] not in kms_backends or parts[3] not in kms_backends[parts[4]]:
        return None
    return kms(parts[4], parts[3]).keys.get(parts[5].removeprefix("key/"))


def find_alias(account_id: str, region: str, name: str) -> Key | None:
    """The key that an alias points to."""
    return next((key for key in kms(account_id, region).keys.values() if name in key.aliases), None)


def trails_of(account_id: str) -> Iterator[Trail]:
    """The trails that an account owns, in all its regions."""
    if account_id not in cloudtrail_backends:
        return
    for backend in list(cloudtrail_backends[account_id].values()):
        yield from list(backend.trails.values())


def find_bucket(name: str) -> FakeBucket | None:
    """The bucket with this name, whoever owns it."""
    place = s3_backends.bucket_accounts.get(name)
    return s3_backends[place[1]][place[0]].buckets.get(name) if place else None


def add_bucket(name: str, account_id: str, region: str, partition: str) -> FakeBucket:
    """A new, empty bucket."""
    return s3_backends[account_id][partition].create_bucket(name, region)


def add_key(arn: str, spec: str, usage: str, origin: str, *, multi_region: bool = False) -> Key:
    """A new key with this ARN and moto's default policy, which delegates to the account."""
    region, account_id, resource = arn.split(":", 5)[3:]
    key = copy(_prototype(spec, usage))
    key.id, key.arn, key.account_id, key.region, key.origin = (
        resource.removeprefix("key/"),
        arn,
        account_id,
        region,
        origin,
    )
    key.policy, key.creation_date = key.generate_default_policy(), time.time()
    key.aliases, key.grants, key.rotations = {}, {}, []
    key.multi_region = multi_region
    if multi_region:
        primary = {"Arn": arn, "Region": region}
        key.multi_region_configuration = {"MultiRegionKeyType": "PRIMARY", "PrimaryKey": primary, "ReplicaKeys": []}
    kms(account_id, region).keys[key.id] = key
    return key


@cache
def _prototype(spec: str, usage: str) -> Key:
    """moto makes a key pair for every key, which takes a while: make one and copy it.

    A symmetric key has no use for it, and gets the kind that is made quickest.
    """
    quickest = "ECC_NIST_P256" if spec == "SYMMETRIC_DEFAULT" else spec
    key = KmsBackend("us-east-1", "000000000000").create_key(None, usage, quickest, "", None)
    key.key_spec = spec
    return key


def new_trail(
    account_id: str, region: str, name: str, *, bucket: str, prefix: str | None, key_arn: str | None
) -> StoredTrail:
    """A trail that does not log, and that is in no backend yet."""
    return StoredTrail(
        account_id=account_id,
        region_name=region,
        trail_name=name,
        bucket_name=bucket,
        s3_key_prefix=prefix or "",
        sns_topic_name="",
        is_global=True,
        is_multi_region=False,
        log_validation=False,
        is_org_trail=False,
        cw_log_group_arn="",
        cw_role_arn="",
        kms_key_id=key_arn or "",
    )


def find_trail(arn: str) -> Trail | None:
    """The trail with this ARN."""
    return next((trail for trail in trails_of(arn.split(":")[4]) if trail.arn == arn), None)
