# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail's event history: when something was last changed, and who last used a key.

CloudTrail API reference, LookupEvents: the management events of 90 days of one account and Region, by one attribute, 50
in a page, the most recent first, two calls a second. It needs no trail.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, TypeVar

from .._model import KEY_ARN, KeyUse, LastChange, ReadError
from .._operations import WRITES
from ._access import MALFORMED, Access, failed_read
from ._calls import moment_of
from ._pace import NEVER, Limits
from ._resources import Account, first_answer

Fact = TypeVar("Fact")

KEPT = timedelta(days=90)
# A use of a key that is nearer than this to a request for a trail with a key may be CloudTrail's check of the key.
CHECK = timedelta(minutes=5)
PAGE = 50
# Of one event name: 1,000 events. Of what lies before the oldest of these nothing is said.
MOST_PAGES = 20
# Of one account, so that none holds a sweep up for hours: minutes at two a second. Trails, keys and buckets in 17
# Regions take about 350.
MOST_CALLS = 1_000
# What others do and this collection never does.
_BY_OTHERS: Mapping[str, tuple[str, ...]] = {
    "kms": ("DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial"),
    "s3": ("DeleteBucket", "DeleteBucketPolicy", "PutBucketEncryption", "DeleteBucketEncryption"),
    "cloudtrail": ("DeleteTrail", "StopLogging"),
}
# What changes whether, and under which key, CloudTrail delivers: the events by the service that records them.
CHANGES: Mapping[str, tuple[str, ...]] = {
    service: (*(name for name, row in WRITES.items() if row.service == service and row.changes_delivery), *others)
    for service, others in _BY_OTHERS.items()
}
_GIVE_KEYS = ("CreateTrail", "UpdateTrail")
# By which a trail may cease to deliver somewhere.
LEAVING = ("UpdateTrail", "DeleteTrail")
# By which names UpdateTrail calls what decides where a trail delivers (CloudTrail API reference, UpdateTrail).
_PLACES = ("s3BucketName", "s3KeyPrefix", "isMultiRegionTrail", "isOrganizationTrail")
# By which names the parameters of these requests call what they are about.
_PARAMETERS = ("keyId", "bucketName", "name", "trailName")
# Who encrypts a log, by the example events of the CloudTrail guide, "How AWS CloudTrail uses AWS KMS".
_CLOUDTRAIL = "cloudtrail.amazonaws.com"


@dataclass(frozen=True)
class Thing:
    """What may have been changed: the names by which events call it, its service, and where its events are recorded."""

    service: str
    names: frozenset[str]
    account_id: str
    region: str


@dataclass(frozen=True)
class _Event:
    """What is asked later of an event: its record may have 256 KB, and a history has 1,000 of them.

    `names` are those of its subjects, empty if it names none. `leaves_logs`: a trail, whichever it is, stopped
    delivering somewhere, and its last logs may lie beside those of another. `given` are the ARN of a key and the trail
    that got it, `encrypted` the trail and the object that CloudTrail encrypted.
    """

    name: str
    id: str
    at: datetime
    is_done: bool
    names: frozenset[str]
    leaves_logs: bool
    given: tuple[str, str] | None
    sets_key: bool
    encrypted: tuple[str, str] | None


@dataclass(frozen=True)
class _Found:
    """The events of requests that AWS carried out, the times of all requests, and since when these are all."""

    events: Sequence[_Event]
    times: Sequence[datetime]
    since: datetime


class History:
    """The event histories that a sweep asks, each name of an event once for an account and Region, at AWS's rate."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits(sleep=NEVER.wait)
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, ...], Future[Any]] = {}
        self._calls: Counter[str] = Counter()

    def anew(self) -> History:
        """Return histories that hold no answer, at the same rate: those of a central bucket are many readings' own."""
        return History(self._limits)

    def last_change(self, account: Account, thing: Thing, events: Sequence[str] = ()) -> LastChange | ReadError:
        """Return the last change of a thing, by these events or by all that change it.

        An event that names nothing may be about anything of its kind.
        """
        latest = LastChange(datetime.min.replace(tzinfo=timezone.utc))
        for name in events or CHANGES[thing.service]:
            found = self._events(account, thing.account_id, thing.region, "EventName", name)
            if isinstance(found, ReadError):
                return found
            about = [each for each in found.events if _may_concern(each, thing)]
            known = [LastChange(each.at, _told(each, thing), each.id) for each in about]
            latest = max([latest, LastChange(found.since), *known], key=lambda each: each.since)
        return latest

    def key_since(self, account: Account, trail: Thing, key_arn: str) -> datetime | None:
        """Return when an UpdateTrail gave a trail the key that it has now; None where the history does not hold that.

        The answer to an UpdateTrail has the key, whether the request did or not.
        """
        found = [self._events(account, trail.account_id, trail.region, "EventName", name) for name in _GIVE_KEYS]
        events = [each for one in found if isinstance(one, _Found) for each in one.events if each.names & trail.names]
        first: _Event | None = None
        for event in sorted(events, key=lambda each: each.at):
            has_key = event.given and event.given[0] == key_arn
            first = (first or event) if has_key else None
        return first.at if first and first.sets_key else None

    def keys_given(self, account: Account, region: str) -> Mapping[str, tuple[str, datetime]] | ReadError:
        """Return the keys that trails of the account were given in a Region, each with the trail and when that was."""
        given: dict[str, tuple[str, datetime]] = {}
        for name in _GIVE_KEYS:
            found = self._events(account, account.account_id, region, "EventName", name)
            if isinstance(found, ReadError):
                return found
            for each in found.events:
                arn, trail = each.given or (None, "")
                if arn and (arn not in given or given[arn][1] < each.at):
                    given[arn] = trail, each.at
        return given

    def last_use(self, account: Account, key_arn: str, trail: Thing) -> KeyUse | ReadError | None:
        """Return the last use of a key, with what its event says; None where KMS knows of none."""
        use = self._once(("use", key_arn), lambda: self._last_use(account, key_arn))
        if isinstance(use, KeyUse) and self._may_be_a_check(account, trail, use.at):
            return replace(use, may_be_check=True)
        return use

    def _may_be_a_check(self, account: Account, trail: Thing, at: datetime) -> bool:
        """Return whether somebody asked for a trail with a key at a time, with success or without."""
        found = [self._events(account, trail.account_id, trail.region, "EventName", name) for name in _GIVE_KEYS]
        return any(
            isinstance(each, ReadError) or each.since > at or any(abs(time - at) < CHECK for time in each.times)
            for each in found
        )

    def _last_use(self, account: Account, key_arn: str) -> KeyUse | ReadError | None:
        region, owner = key_arn.split(":")[3:5]
        access = next(account.owners(owner), None)
        if access is None:
            return _no_access("kms", "GetKeyLastUsage", owner, region)
        use = _key_use(access, region, key_arn)
        if not isinstance(use, KeyUse):
            return use
        found = self._events(account, owner, region, "EventId", use.event_id)
        if isinstance(found, ReadError):
            return KeyUse(use.operation, use.at, use.event_id, unread=found)
        event = next((each for each in found.events if each.id == use.event_id), None)
        return KeyUse(use.operation, use.at, use.event_id, *((event and event.encrypted) or (None, None)))

    def _events(self, account: Account, account_id: str, region: str, attribute: str, value: str) -> _Found | ReadError:
        """Ask one access of the account after the other. Without an access nothing is kept for who has one."""
        accesses = tuple(account.owners(account_id))
        if not accesses:
            return _no_access("cloudtrail", "LookupEvents", account_id, region)
        lookup = partial(self._lookup, account_id, attribute)
        name = account_id, region, attribute, value
        return self._once(name, lambda: first_answer(lookup, accesses, region, value))

    def _lookup(self, account_id: str, attribute: str, access: Access, region: str, value: str) -> _Found | ReadError:
        """Read the events page by page, up to MOST_PAGES of them."""
        request: dict[str, Any] = {"LookupAttributes": [{"AttributeKey": attribute, "AttributeValue": value}]}
        begins, rows, tokens = access.now() - KEPT, list[_Event](), set[str]()
        for _page in range(MOST_PAGES):
            with self._lock:
                self._calls[account_id] += 1
                made = self._calls[account_id]
            if made > MOST_CALLS:
                why = f"{MOST_CALLS} calls were made to read the event histories of account {account_id}"
                return failed_read("cloudtrail", "LookupEvents", region, "TooManyEvents", why)
            self._limits.take("LookupEvents", account_id, region)
            answer = access.ask("cloudtrail", region, "LookupEvents", _events_of, MaxResults=PAGE, **request)
            if isinstance(answer, ReadError):
                return answer
            events, token = answer
            rows += events
            if token is None:
                return _found(rows, begins)
            if token in tokens:
                return _strange(region, "one page after the other with the same NextToken")
            tokens.add(token)
            request["NextToken"] = token
        if not rows or [each.at for each in rows] != sorted((each.at for each in rows), reverse=True):
            return _strange(region, f"{MOST_PAGES} pages that are empty or not in the order of time")
        return _found(rows, rows[-1].at)

    def _once(self, name: tuple[str, ...], read: Callable[[], Fact]) -> Fact:
        """Return what was read under a name, which one of all who ask for it reads."""
        with self._lock:
            mine = name not in self._answers
            answer = self._answers.setdefault(name, Future())
        if mine:
            try:
                answer.set_result(read())
            except BaseException as error:
                answer.set_exception(error)
                raise
        fact: Fact = answer.result()
        return fact


def _may_concern(event: _Event, thing: Thing) -> bool:
    return not event.names or bool(event.names & thing.names) or event.leaves_logs


def _told(event: _Event, thing: Thing) -> str:
    """Return the name of an event, and whether another trail was its subject."""
    is_of_another = event.names and not event.names & thing.names
    return f"{event.name} of another trail" if is_of_another else event.name


def _found(events: Sequence[_Event], since: datetime) -> _Found:
    return _Found([each for each in events if each.is_done], [each.at for each in events], since)


def _events_of(answer: dict[str, Any]) -> tuple[list[_Event], str | None]:
    """Return the events of one page, and the token of the next."""
    return [_event(row) for row in answer["Events"]], answer.get("NextToken") or None


def _event(row: Mapping[str, Any]) -> _Event:
    """Return one event. Raises KeyError where it has no name, id or time (CloudTrail API reference, Event).

    Of a request that AWS refused (CloudTrail guide, "Record contents", errorCode) only the time is kept.
    """
    detail = _record(row.get("CloudTrailEvent"))
    name, is_done = row["EventName"], not detail.get("errorCode")
    parameters = _mapping(detail.get("requestParameters"))
    moves = name == "UpdateTrail" and any(parameters.get(place) is not None for place in _PLACES)
    return _Event(
        name=name,
        id=row["EventId"],
        at=moment_of(row["EventTime"]),
        is_done=is_done,
        names=frozenset(_names(row, detail) if is_done else ()),
        leaves_logs=moves or name == "DeleteTrail",
        given=_given(parameters, _mapping(detail.get("responseElements"))) if name in _GIVE_KEYS else None,
        sets_key=name == "UpdateTrail" and "kmsKeyId" in parameters,
        encrypted=_encrypted(parameters, _mapping(detail.get("userIdentity"))) if name == "GenerateDataKey" else None,
    )


def _given(parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the ARN of the key that a trail was given (CloudTrail API reference, UpdateTrail), and the trail's name.

    The answer has the ARN.
    """
    arns = (each.get("kmsKeyId") for each in (answer, parameters))
    arn = next((each for each in arns if isinstance(each, str) and KEY_ARN.fullmatch(each)), None)
    trail = parameters.get("name")
    return (arn, trail) if arn and isinstance(trail, str) else None


def _names(row: Mapping[str, Any], detail: Mapping[str, Any]) -> Iterable[str]:
    """Yield the names of the subjects of an event, wherever they stand."""
    parameters = _mapping(detail.get("requestParameters"))
    listed = detail.get("resources")
    names = [each.get("ResourceName") for each in row.get("Resources", ())]
    names += [parameters.get(name) for name in _PARAMETERS]
    names += [_mapping(each).get("ARN") for each in (listed if isinstance(listed, list) else ())]
    return (each for each in names if isinstance(each, str) and each)


def _record(text: str | None) -> Mapping[str, Any]:
    """Return the record of an event; empty if it cannot be understood, so that it may be about anything."""
    try:
        return _mapping(json.loads(text or "{}"))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _key_use(access: Access, region: str, key_arn: str) -> KeyUse | ReadError | None:
    """Return the key's last use; None where it was not used since KMS keeps count (KMS API reference)."""
    if not access.knows("kms", region, "GetKeyLastUsage"):
        why = "the installed boto3 is older than this call; it is there from botocore 1.43 on"
        return failed_read("kms", "GetKeyLastUsage", region, "UnknownClientMethodError", why)
    return access.ask("kms", region, "GetKeyLastUsage", _use_of, KeyId=key_arn)


def _use_of(answer: dict[str, Any]) -> KeyUse | None:
    use = answer.get("KeyLastUsage") or {}
    if "Timestamp" not in use:
        return None
    return KeyUse(use["Operation"], moment_of(use["Timestamp"]), use["CloudTrailEventId"])


def _encrypted(parameters: Mapping[str, Any], caller: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the trail and the object that CloudTrail encrypted by a GenerateDataKey; None where another called.

    Source: CloudTrail guide, "How AWS CloudTrail uses AWS KMS". Anybody may send such an encryption context, but not
    under the service's name.
    """
    context = _mapping(parameters.get("encryptionContext"))
    trail, log = context.get("aws:cloudtrail:arn"), context.get("aws:s3:arn")
    if (caller.get("type"), caller.get("invokedBy")) != ("AWSService", _CLOUDTRAIL):
        return None
    return (trail, log) if isinstance(trail, str) and isinstance(log, str) else None


def _no_access(service: str, operation: str, account_id: str, region: str) -> ReadError:
    why = f"the run has no credentials of account {account_id}, which alone may be asked for it"
    return failed_read(service, operation, region, "NotAsked", why)


def _strange(region: str, why: str) -> ReadError:
    return failed_read("cloudtrail", "LookupEvents", region, MALFORMED, f"the answer is not one that AWS gives ({why})")
