# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a trail delivers, judged from the state of its bucket and its key at the time of asking.

That delivery fails with a disabled key or a wrong policy is documented ("CloudTrail cannot deliver
logs", user guide, "Configure AWS KMS key policies for CloudTrail"). The error codes are those that
S3 has for SSE-KMS trouble (S3 API reference, Error responses); that GetTrailStatus shows them is likely.
"""

from __future__ import annotations

import time

from tests.fakeaws import store
from tests.fakeaws.rules.objects import deliver
from tests.fakeaws.rules.service_requests import (
    may_put,
    may_read_acl,
    may_use_key,
    uses_bucket_key,
)
from tests.fakeaws.store import FakeBucket, Key, Trail
from tests.fakeaws.world import Delivery, Files, World

_STATES = {"Disabled": "KMS.DisabledException"}


def refresh(world: World, trail: Trail) -> tuple[Delivery, str | None]:
    """Bring the trail's delivery up to now; also the S3 error code of what is in the way of its logs."""
    delivery, problem, now = world.deliveries[trail.arn], obstacle(world, trail), time.time()
    delivery.digest_problem = digest_obstacle(world, trail) if trail.log_validation else None
    for files, obstructed in ((delivery.logs, problem), (delivery.digests, delivery.digest_problem)):
        before = files.last_delivery
        _advance(world, files, now, flows=obstructed is None and trail.status.is_logging)
        is_digest = files is delivery.digests
        if files.last_delivery and files.last_delivery != before and (trail.log_validation or not is_digest):
            deliver(world, trail, trail.region_name, files.last_delivery, digest=is_digest)
    return delivery, problem


def _advance(world: World, files: Files, now: float, *, flows: bool) -> None:
    """Deliver what has come up since these files can be delivered."""
    if not flows:
        files.healthy_since = None
        return
    if files.healthy_since is None:
        files.healthy_since = now
    tick = now - now % world.delivery_interval
    if tick >= files.healthy_since:
        files.last_delivery = tick


def settle(world: World) -> None:
    """After a write: note for every trail whether it still, or again, can deliver."""
    for account_id in world.accounts:
        for trail in store.trails_of(account_id):
            refresh(world, trail)


def obstacle(world: World, trail: Trail) -> str | None:
    """The S3 error code that delivery meets, or None."""
    bucket = store.find_bucket(trail.bucket_name)
    if bucket is None:
        return "NoSuchBucket"
    if not (may_read_acl(trail, bucket) and may_put(world, trail, bucket, trail.kms_key_id or None)):
        return "AccessDenied"
    return _key_obstacle(world, trail, bucket) if trail.kms_key_id else None


def digest_obstacle(world: World, trail: Trail) -> str | None:
    """The same for digest files, of which AWS's pages disagree how they are encrypted: a switch chooses.

    Under the trail's key: API reference, UpdateTrail, KmsKeyId. By SSE-S3: user guide, "Security best practices".
    """
    bucket = store.find_bucket(trail.bucket_name)
    key_arn = trail.kms_key_id if trail.kms_key_id and world.digests_under_key else None
    if bucket and not (may_read_acl(trail, bucket) and may_put(world, trail, bucket, key_arn, "CloudTrail-Digest")):
        return "AccessDenied"
    return _key_obstacle(world, trail, bucket) if bucket and key_arn else None if bucket else "NoSuchBucket"


def _key_obstacle(world: World, trail: Trail, bucket: FakeBucket) -> str | None:
    key = store.find_key(trail.kms_key_id)
    if key is None or key.region != bucket.region_name:
        return "KMS.NotFoundException"
    if key.key_state not in ("Enabled", "Updating"):
        return _STATES.get(key.key_state, "KMS.KMSInvalidStateException")
    return None if _may_encrypt(world, trail, key, bucket) else "AccessDenied"


def _may_encrypt(world: World, trail: Trail, key: Key, bucket: FakeBucket) -> bool:
    actions = ["kms:GenerateDataKey", *(["kms:Decrypt"] if uses_bucket_key(bucket) else [])]
    return all(may_use_key(world, trail, key, action) for action in actions)
