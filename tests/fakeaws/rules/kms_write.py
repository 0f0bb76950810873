# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS, the writing side on keys that exist: policy, state, rotation, tags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.core.utils import unix_time

from tests.fakeaws import store
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.key_policies import check_lockout, validate
from tests.fakeaws.rules.kms_create import check_tags, create_alias, create_key, update_alias
from tests.fakeaws.rules.kms_keys import invalid_state, open_key, refuse_pending_deletion
from tests.fakeaws.rules.kms_read import primary_of, refuse_unrotatable
from tests.fakeaws.rules.operation import Operation, any_resource
from tests.fakeaws.store import Key
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World

_DONE: Answer = {}


def put_key_policy(world: World, identity: Identity, call: Call) -> Answer:
    """Replaces the whole policy, in every key state, never across accounts (PutKeyPolicy).

    GetKeyPolicy shows it at once, the services see it after the propagation delay.
    """
    if call.parameters.get("PolicyName", "default") != "default":
        raise AwsError("ValidationException", "The AWS_RAM policy can only be managed by the RAM service.")
    key, text = open_key(world, identity, call), call.parameters["Policy"]
    validate(world, text)
    if not call.parameters.get("BypassPolicyLockoutSafetyCheck"):
        check_lockout(world, identity, call.region, key.arn, text)
    world.write_policy(key.arn, key.policy, text)
    key.policy = text
    return _DONE


def enable_key(world: World, identity: Identity, call: Call) -> Answer:
    """Refused while deletion or import is pending (KMS guide, "Key states of AWS KMS keys")."""
    _set_state(_stateful(world, identity, call), "Enabled")
    return _DONE


def disable_key(world: World, identity: Identity, call: Call) -> Answer:
    """Refused while deletion or import is pending (same table)."""
    _set_state(_stateful(world, identity, call), "Disabled")
    return _DONE


def _stateful(world: World, identity: Identity, call: Call) -> Key:
    key = open_key(world, identity, call)
    refuse_pending_deletion(key)
    if key.key_state == "PendingImport":
        raise invalid_state(key, "pending import")
    return key


def _set_state(key: Key, state: str) -> None:
    key.key_state, key.enabled = state, state == "Enabled"


def schedule_key_deletion(world: World, identity: Identity, call: Call) -> Answer:
    """7 to 30 days, 30 if none are given; refused if it is scheduled already (ScheduleKeyDeletion)."""
    days = call.parameters.get("PendingWindowInDays", 30)
    if not 7 <= days <= 30:
        raise AwsError("ValidationException", f"PendingWindowInDays must be between 7 and 30: {days}")
    key = open_key(world, identity, call)
    refuse_pending_deletion(key)
    _set_state(key, "PendingDeletion")
    key.deletion_date = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(days=days)
    return {
        "KeyId": key.arn,
        "DeletionDate": unix_time(key.deletion_date),
        "KeyState": key.key_state,
        "PendingWindowInDays": days,
    }


def cancel_key_deletion(world: World, identity: Identity, call: Call) -> Answer:
    """The key is Disabled afterwards and must be enabled by itself (CancelKeyDeletion).

    Its rotation, which was only hidden, is what it was before (GetKeyRotationStatus).
    """
    key = open_key(world, identity, call)
    if key.key_state != "PendingDeletion":
        raise invalid_state(key, "not pending deletion")
    _set_state(key, "Disabled")
    key.deletion_date = None
    return {"KeyId": key.arn}


def enable_key_rotation(world: World, identity: Identity, call: Call) -> Answer:
    """Refused on keys that are disabled, pending deletion, asymmetric, imported, or replicas (EnableKeyRotation)."""
    days = call.parameters.get("RotationPeriodInDays", 365)
    if not 90 <= days <= 2560:
        raise AwsError("ValidationException", f"RotationPeriodInDays must be between 90 and 2560: {days}")
    key = open_key(world, identity, call)
    if key.key_state == "Disabled":
        raise AwsError("DisabledException", f"{key.arn} is disabled.")
    refuse_pending_deletion(key)
    refuse_unrotatable(key)
    if primary_of(key) is not key:
        raise AwsError("UnsupportedOperationException", f"{key.arn} is a replica: set rotation on its primary key.")
    key.key_rotation_status = True
    world.rotation_periods[key.arn] = days
    return _DONE


def tag_resource(world: World, identity: Identity, call: Call) -> Answer:
    """Refused while deletion is pending; customer managed keys only (TagResource)."""
    key = open_key(world, identity, call)
    refuse_pending_deletion(key)
    tags: list[dict[str, Any]] = call.parameters["Tags"]
    check_tags(tags)
    store.kms(key.account_id, key.region).tagger.tag_resource(key.id, tags)
    return _DONE


OPERATIONS: Mapping[str, Operation] = {
    "kms:CreateKey": Operation(create_key, any_resource),
    # The handlers weigh the caller's side and the key policy together.
    "kms:CreateAlias": Operation(create_alias, None),
    "kms:UpdateAlias": Operation(update_alias, None),
    "kms:PutKeyPolicy": Operation(put_key_policy, None),
    "kms:EnableKey": Operation(enable_key, None),
    "kms:DisableKey": Operation(disable_key, None),
    "kms:ScheduleKeyDeletion": Operation(schedule_key_deletion, None),
    "kms:CancelKeyDeletion": Operation(cancel_key_deletion, None),
    "kms:EnableKeyRotation": Operation(enable_key_rotation, None),
    "kms:TagResource": Operation(tag_resource, None),
}
