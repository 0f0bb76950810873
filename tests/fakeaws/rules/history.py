# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail's event history and the last use of a key: what is recorded, and LookupEvents and GetKeyLastUsage."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from tests.fakeaws import store
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.kms_keys import open_key
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.store import Key, Trail
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Event, Identity, KeyUse, World

_KEPT = 90 * 86400.0
_PAGE = 50
_SERVICE = "cloudtrail.amazonaws.com"
# The attributes that LookupEvents can search by (CloudTrail API reference, LookupAttribute).
_ATTRIBUTES = (
    "EventId",
    "EventName",
    "EventSource",
    "ReadOnly",
    "Username",
    "ResourceType",
    "ResourceName",
    "AccessKeyId",
)
# By which names events call what they are about. Records begin their names in lower case.
_ABOUT = ("keyId", "bucketName", "name")


def record_write(
    world: World, identity: Identity, call: Call, error: str | None = None, answer: Answer | None = None
) -> None:
    """Record a write in the history of the caller's account and Region, refused or not.

    CloudTrail guide, "CloudTrail record contents": errorCode is there where the request was refused, and
    responseElements has the answer to a write.
    """
    parameters = {_recorded(name): value for name, value in call.parameters.items() if name != "Body"}
    elements = {_recorded(name): value for name, value in (answer or {}).items()}
    record = {
        "userIdentity": {"type": "AssumedRole", "arn": identity.arn, "accountId": identity.account},
        "requestParameters": parameters,
        **({"responseElements": elements} if call.service == "cloudtrail" and elements else {}),
        **({"errorCode": error} if error else {}),
    }
    names = [parameters[name] for name in _ABOUT if isinstance(parameters.get(name), str)]
    add(world, identity.account, call.region, call.name, record, resources=names)


def _recorded(name: str) -> str:
    return "bucketName" if name == "Bucket" else f"{name[:1].lower()}{name[1:]}"


def add(
    world: World,
    account: str,
    region: str,
    name: str,
    record: Mapping[str, Any],
    *,
    resources: Iterable[str],
    at: float | None = None,
) -> Event:
    """Add an event of `service:Operation` to a history; its record gets what every record has."""
    service, _colon, operation = name.partition(":")
    moment, event_id = time.time() if at is None else at, str(uuid4())
    whole = {
        "eventVersion": "1.11",
        "eventTime": datetime.fromtimestamp(moment, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": operation,
        "awsRegion": region,
        "eventID": event_id,
        "recipientAccountId": account,
        **record,
    }
    event = Event(
        account=account,
        region=region,
        name=operation,
        at=moment,
        resources=tuple(resources),
        record=whole,
        id=event_id,
    )
    world.events.append(event)
    return event


def use_key(world: World, key: Key, trail: Trail, object_arn: str, at: float | None = None) -> None:
    """CloudTrail's GenerateDataKey for a trail (CloudTrail guide, "How AWS CloudTrail uses AWS KMS", the examples)."""
    context = {"aws:cloudtrail:arn": trail.arn, "aws:s3:arn": object_arn}
    identity = {"type": "AWSService", "invokedBy": _SERVICE}
    record_use(world, key, "GenerateDataKey", identity, context, at=at)


def record_use(
    world: World,
    key: Key,
    operation: str,
    identity: Mapping[str, Any],
    context: Mapping[str, str],
    *,
    at: float | None = None,
) -> None:
    """A cryptographic operation: an event, and the last use of the key (KMS API reference, GetKeyLastUsage)."""
    record = {
        "userIdentity": identity,
        "requestParameters": {"keyId": key.arn, "encryptionContext": context},
        "resources": [{"ARN": key.arn, "accountId": key.account_id, "type": "AWS::KMS::Key"}],
    }
    event = add(world, key.account_id, key.region, f"kms:{operation}", record, resources=[key.arn], at=at)
    last = world.last_uses.get(key.arn)
    if last is None or last.at <= event.at:
        world.last_uses[key.arn] = KeyUse(operation=operation, at=event.at, event_id=event.id)


def lookup_events(world: World, identity: Identity, call: Call) -> Answer:
    """One attribute, up to 50 a page, the most recent first, of 90 days (CloudTrail API reference, LookupEvents)."""
    _throttle(world, identity.account, call.region)
    attributes = call.parameters.get("LookupAttributes", [])
    size = call.parameters.get("MaxResults", _PAGE)
    if len(attributes) > 1 or any(each["AttributeKey"] not in _ATTRIBUTES for each in attributes):
        raise AwsError("InvalidLookupAttributesException", "You can only look up one attribute.")
    if not 1 <= size <= _PAGE:
        raise AwsError("InvalidMaxResultsException", f"MaxResults must be between 1 and {_PAGE}.")
    start = call.parameters.get("NextToken", "0")
    if not start.isdigit():
        raise AwsError("InvalidNextTokenException", "The token is invalid.")
    now = time.time()
    seen = [
        _shown(event)
        for event in sorted(world.events, key=lambda event: event.at, reverse=True)
        if (event.account, event.region) == (identity.account, call.region)
        and now - _KEPT <= event.at <= now - world.event_lag
    ]
    found = [event for event in seen if all(_matches(event, each) for each in attributes)]
    page, following = found[int(start) : int(start) + size], int(start) + size
    return {"Events": page, **({"NextToken": str(following)} if following < len(found) else {})}


def _throttle(world: World, account: str, region: str) -> None:
    """Two a second for an account and Region (same page); how a burst counts is not said."""
    now = time.time()
    recent = [each for each in world.lookups.get((account, region), []) if now - each < 1]
    if len(recent) >= world.lookups_per_second:
        raise AwsError("ThrottlingException", "Rate exceeded")
    world.lookups[account, region] = [*recent, now]


def _shown(event: Event) -> Answer:
    """An event as LookupEvents shows it (CloudTrail API reference, Event)."""
    return {
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": "false",
        "EventTime": event.at,
        "EventSource": event.record["eventSource"],
        "Resources": [{"ResourceName": name} for name in event.resources],
        "CloudTrailEvent": json.dumps(event.record),
    }


def _matches(event: Answer, attribute: Mapping[str, str]) -> bool:
    name, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if name == "ResourceName":
        return any(each["ResourceName"] == value for each in event["Resources"])
    return bool(event.get(name) == value)


def get_key_last_usage(world: World, identity: Identity, call: Call) -> Answer:
    """Never across accounts, no aliases; an empty object where the key was not used (GetKeyLastUsage)."""
    key = open_key(world, identity, call)
    use = world.last_uses.get(key.arn)
    shown = {"Operation": use.operation, "Timestamp": use.at, "CloudTrailEventId": use.event_id} if use else {}
    return {
        "KeyId": key.arn,
        "KeyLastUsage": shown,
        "TrackingStartDate": key.creation_date,
        "KeyCreationDate": key.creation_date,
    }


def key_of(trail: Trail) -> Key | None:
    """The key of a trail, if it exists."""
    return store.find_key(trail.kms_key_id) if trail.kms_key_id else None


OPERATIONS: Mapping[str, Operation] = {
    "cloudtrail:LookupEvents": Operation(lookup_events),
    # The handler weighs the caller's side and the key policy together.
    "kms:GetKeyLastUsage": Operation(get_key_last_usage, None),
}
