# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS, the reading side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakeaws import store
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.kms_keys import find_key, metadata, open_key
from tests.fakeaws.rules.operation import Operation, any_resource
from tests.fakeaws.store import Key
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World

_YEAR = 365


def describe_key(world: World, identity: Identity, call: Call) -> Answer:
    """Takes every form of key id, works across accounts and in every key state (KMS API reference, DescribeKey)."""
    return {"KeyMetadata": metadata(world, open_key(world, identity, call, aliases=True, foreign=True))}


def get_key_policy(world: World, identity: Identity, call: Call) -> Answer:
    """Never across accounts, no aliases; the policy is laid out anew (GetKeyPolicy; the examples in the KMS guide).

    A key that is shared through RAM has a second one, AWS_RAM, which PutKeyPolicy cannot change (same page).
    """
    name = call.parameters.get("PolicyName", "default")
    key = open_key(world, identity, call)
    policy = {"default": key.policy, "AWS_RAM": world.ram_policies.get(key.arn)}.get(name)
    if policy is None:
        raise AwsError("NotFoundException", f"No such policy {name}.")
    return {"Policy": json.dumps(json.loads(policy), indent=2), "PolicyName": name}


def get_key_rotation_status(world: World, identity: Identity, call: Call) -> Answer:
    """Works across accounts; asymmetric keys and imported material are not supported (GetKeyRotationStatus)."""
    key = open_key(world, identity, call, foreign=True)
    refuse_unrotatable(key)
    # AWS managed keys are always rotated; while a key is pending deletion its status is false (same page).
    enabled = key.key_manager == "AWS" or (primary_of(key).key_rotation_status and key.key_state != "PendingDeletion")
    answer: dict[str, Any] = {"KeyId": key.arn, "KeyRotationEnabled": enabled}
    if enabled:
        days = world.rotation_periods.get(primary_of(key).arn, _YEAR)
        answer |= {"RotationPeriodInDays": days, "NextRotationDate": key.creation_date + days * 86400}
    return answer


def primary_of(key: Key) -> Key:
    """Rotation is a property that the primary key shares with its replicas (KMS guide, "Multi-Region keys")."""
    if not key.multi_region:
        return key
    return store.find_key(key.multi_region_configuration["PrimaryKey"]["Arn"]) or key


def refuse_unrotatable(key: Key) -> None:
    """UnsupportedOperationException for keys whose material KMS cannot rotate (EnableKeyRotation)."""
    if key.origin != "AWS_KMS":
        message = f"{key.arn} origin is {key.origin} which is not valid for this operation."
        raise AwsError("UnsupportedOperationException", message)
    if key.key_spec != "SYMMETRIC_DEFAULT":
        raise AwsError("UnsupportedOperationException", "The operation is not supported for asymmetric or HMAC keys.")


def list_aliases(world: World, identity: Identity, call: Call) -> Answer:
    """The account's own alone, in this region, AWS's among them; 50 in a page by default (ListAliases)."""
    keys = list(store.kms(identity.account, call.region).keys.values())
    if call.parameters.get("KeyId"):
        keys = [find_key(world, identity, call, call.parameters["KeyId"])]
    shown = [_alias(world, key, name) for key in keys for name in key.aliases if key.account_id == identity.account]
    return _page(call, "Aliases", sorted(shown, key=lambda alias: str(alias["AliasName"])), size=50)


def _alias(world: World, key: Key, name: str) -> Answer:
    arn = key.aliases[name].alias_arn
    created, updated = world.alias_dates.get(arn, (key.creation_date, key.creation_date))
    dates = {"CreationDate": created, "LastUpdatedDate": updated}
    return {"AliasName": name, "AliasArn": arn, "TargetKeyId": key.id, **dates}


def list_keys(_world: World, identity: Identity, call: Call) -> Answer:
    """Id and ARN only; 100 in a page (ListKeys)."""
    keys = store.kms(identity.account, call.region).keys.values()
    return _page(call, "Keys", [{"KeyId": key.id, "KeyArn": key.arn} for key in keys], size=100)


def list_resource_tags(world: World, identity: Identity, call: Call) -> Answer:
    """Never across accounts; 50 in a page (ListResourceTags)."""
    key = open_key(world, identity, call)
    tags = store.kms(key.account_id, key.region).tagger.get_tag_dict_for_resource(key.id)
    return _page(call, "Tags", [{"TagKey": name, "TagValue": value} for name, value in tags.items()], size=50)


def _page(call: Call, name: str, items: Sequence[Answer], *, size: int) -> Answer:
    marker = call.parameters.get("Marker", "0")
    if not marker.isdigit():
        raise AwsError("InvalidMarkerException", "Could not deserialize marker")
    start, size = int(marker), call.parameters.get("Limit", size)
    more = start + size < len(items)
    page: dict[str, Any] = {name: items[start : start + size], "Truncated": more}
    return {**page, "NextMarker": str(start + size)} if more else page


OPERATIONS: Mapping[str, Operation] = {
    # The handlers weigh the caller's side and the key policy together.
    "kms:DescribeKey": Operation(describe_key, None),
    "kms:GetKeyPolicy": Operation(get_key_policy, None),
    "kms:GetKeyRotationStatus": Operation(get_key_rotation_status, None),
    "kms:ListResourceTags": Operation(list_resource_tags, None),
    "kms:ListAliases": Operation(list_aliases, any_resource),
    "kms:ListKeys": Operation(list_keys, any_resource),
}
