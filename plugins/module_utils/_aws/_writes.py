# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes: how each is sent, which errors pass by themselves, and how to see whether it is done.

The row of an operation in `_operations` has everything else about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias, TypeVar

from .._model import Change, Missing, Prerequisites, ReadError, TrailStatus, next_step
from .._next_steps import is_transient
from .._operations import ALREADY_THERE, TRANSIENT, UNSEEN_POLICY, WRITES, Operation
from ._access import Access
from ._calls import alias_target, bucket_policy, key_metadata, key_policy, key_rotation, trail_settings, trail_status
from ._pace import Pace
from ._resources import Account, first_answer

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.parsers import ResponseParserError

Fact = TypeVar("Fact")
SamePolicy: TypeAlias = Callable[["str | None", "str | None"], bool]

SERVER_ERROR = 500  # and above: the HTTP status of a service that fails itself


def access_for(account: Account, change: Change) -> Access:
    """Return the credentials of the key's owner for a key, of the trail's account for a trail and its bucket."""
    owner = change.resource.split(":")[4]
    return account.key_access(owner) if WRITES[change.operation].is_sent_by_key_owner else account.access


def send(account: Account, change: Change) -> dict[str, Any] | Exception:
    """Send a change once; return AWS's answer, or botocore's error."""
    access = access_for(account, change)
    try:
        return access.send_once(WRITES[change.operation].service, change.region, change.operation, **change.parameters)
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        return error


def code_of(error: Exception) -> str:
    """Return AWS's error code, or the name of the SDK's exception where no answer came."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def no_clear_answer(error: Exception) -> bool:
    """Return whether AWS may have done it all the same: the connection broke, or the service itself failed."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= SERVER_ERROR
    return isinstance(error, (HTTPClientError, ResponseParserError))


def is_retryable(error: Exception, operation: Operation, *, is_there: bool, is_allowed: bool) -> bool:
    """Return whether the same request may succeed later.

    `is_there`: this run wrote what the request needs, or read it as present and usable, so AWS does not see it yet.
    `is_allowed`: the same for the policy that the request needs.
    """
    code = code_of(error)
    if code in WRITES[operation].unseen:
        return is_allowed if code in UNSEEN_POLICY else is_there
    return code in TRANSIENT | ALREADY_THERE or no_clear_answer(error)


class FailedError(Exception):
    """A change that failed; the message says why and what to do."""


class StaleError(Exception):
    """Somebody else changed what the plan rests on; the message says what, `applied` whether the change was done."""

    def __init__(self, message: str, *, applied: bool = False) -> None:
        super().__init__(message)
        self.applied = applied


@dataclass(frozen=True)
class Present:
    """What AWS shows now. It is read until AWS answers, or refuses, or the time is up.

    `same_policy` compares two policies, which AWS lays out anew. `planned` is what the changes stand on.
    """

    account: Account
    pace: Pace
    same_policy: SamePolicy
    planned: Prerequisites

    def read(self, what: str, ask: Callable[[], Fact | ReadError]) -> Fact:
        """Return the fact. Raises FailedError where it cannot be read: nothing is overwritten unseen."""
        for attempt in count():
            fact = ask()
            if not isinstance(fact, ReadError):
                return fact
            if not is_transient(fact.code) or not self.pace.wait(attempt):
                raise FailedError(
                    f"{what} could not be read while it was being written: {fact.code}: {fact.message}. "
                    f"{next_step(fact)} The next run carries on."
                )
        raise AssertionError  # count() has no end

    def policy(self, arn: str, region: str) -> str | None:
        """Return the policy of a key or a bucket; a bucket may have none, and its ARN has no region."""
        _arn, _partition, service, key_region, owner, name = arn.split(":", 5)

        def ask() -> str | ReadError | None:
            if service == "s3":
                readers = self.account.bucket_readers(name, set())
                return first_answer(bucket_policy, readers, self.planned.bucket_regions.get(arn, region), name)
            return key_policy(self.account.key_access(owner), key_region, arn)

        return self.read(f"The policy of {arn}", ask)

    def planned_policies(self, *arns: str) -> dict[str, str | None]:
        """Return the policies that the plan counts on, of these keys and buckets, as far as they were read."""
        return {arn: self.planned.policies[arn] for arn in arns if arn in self.planned.policies}

    def check_policies(self, policies: Mapping[str, str | None], region: str) -> None:
        """Raise StaleError where a key or bucket has another policy than this."""
        with ThreadPoolExecutor(max(1, len(policies))) as pool:
            shown = pool.map(lambda arn: self.policy(arn, region), policies)
        for (arn, policy), now in zip(policies.items(), shown, strict=True):
            if not self.has_policy(now, policy):
                raise changed_by_somebody(arn)

    def has_policy(self, present: object, policy: object) -> bool:
        """Return whether two policies say the same; a bucket may have none."""
        one, other = (None if each is None else str(each) for each in (present, policy))
        return self.same_policy(one, other)

    def trail(self, change: Change) -> dict[str, Any] | None:
        """Return the trail as its home region shows it; None where it is not there."""
        access = access_for(self.account, change)
        return self.read(change.resource, lambda: trail_settings(access, change.region, change.resource))


def is_done(present: Present, change: Change) -> bool:
    """Return whether AWS shows the result of the change.

    Raises StaleError if AWS shows neither this result nor the state that the plan found. A change that replaces nothing
    counts as not done if AWS does not answer: it may be sent unseen.
    """
    return IS_DONE[change.operation](present, change)


def changed_by_somebody(arn: str) -> StaleError:
    """Return the error that stops the plan where a policy is not the one that was read."""
    return StaleError(f"The policy of {arn} was changed by somebody else.")


def _is_alias_of_key(present: Present, change: Change) -> bool:
    """Raise StaleError if another run gave the alias to a key first: two runs at once end with one key in use.

    Raise it too if the key has another policy than was read, because with the alias the next run takes it for ours.
    """
    alias, key_arn = change.parameters["AliasName"], change.parameters["TargetKeyId"]
    access = access_for(present.account, change)
    target = present.read(alias, lambda: alias_target(access, change.region, alias))
    if target == key_arn:
        return True
    if isinstance(target, Missing):
        present.check_policies(present.planned_policies(key_arn), change.region)
        return False
    raise StaleError(
        f"{alias} in {change.region} was given to {target} while this run was under way, so that key is used. "
        f"The key {key_arn} is not in use: if no other run has taken it, schedule its deletion."
    )


def _has_planned_policy(present: Present, change: Change) -> bool:
    policy = present.policy(change.resource, change.region)
    if present.has_policy(policy, change.after["policy"]):
        return True
    if not present.has_policy(policy, (change.before or {})["policy"]):
        raise changed_by_somebody(change.resource)
    return False


def _is_created_trail(present: Present, change: Change) -> bool:
    """Raise StaleError if another trail has the name, read before the first CreateTrail too, which may be the second.

    The answer to an earlier CreateTrail may have been lost. Raise it too if bucket or key have another policy than
    planned.
    """
    trail = present.trail(change)
    if trail is None:
        present.check_policies(_policies_of(present, change, change.parameters), change.region)
        return False
    if not (_has_all(trail, change) and trail.get("S3KeyPrefix") == change.parameters.get("S3KeyPrefix")):
        raise StaleError(f"Somebody else has created {change.resource}.")
    return True


def _policies_of(present: Present, change: Change, trail: Mapping[str, object]) -> dict[str, str | None]:
    """Return the planned policies of the key that a change gives to a trail, and of the trail's bucket."""
    bucket_arn = f"arn:{change.resource.split(':')[1]}:s3:::{trail['S3BucketName']}"
    return present.planned_policies(str(change.after["kms_key_arn"]), bucket_arn)


def _is_updated_trail(present: Present, change: Change) -> bool:
    """Raise StaleError where the trail is not the one that the plan judged, or its bucket or key has another policy.

    UpdateTrail knows no condition (CloudTrail API reference), and AWS checks neither bucket nor readers there.
    """
    planned = present.planned.trails[change.resource]
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(present.check_policies, _policies_of(present, change, planned), change.region)
        trail = present.trail(change)
    if trail is None:
        raise StaleError(f"{change.resource} is not there any more.")
    if _has_all(trail, change):
        return True
    key_arn = trail.get("KmsKeyId") or None
    if key_arn not in (change.after["kms_key_arn"], (change.before or {})["kms_key_arn"]):
        raise StaleError(f"Somebody else has changed the key of {change.resource} to {key_arn or 'none'}.")
    for name, value in planned.items():
        if name not in change.parameters and (trail.get(name) or None) != (value or None):
            raise StaleError(f"Somebody else has changed {name} of {change.resource}.")
    checked.result()
    return False


def _has_all(trail: Mapping[str, Any], change: Change) -> bool:
    """Return whether a trail, as DescribeTrails shows it, has everything that the change sends."""
    return all(trail.get(_SHOWN.get(name, name)) == sent for name, sent in change.parameters.items() if name in _SEEN)


# What DescribeTrails shows of what is sent, where it has another name there (CloudTrail API reference, Trail).
_SHOWN = {"EnableLogFileValidation": "LogFileValidationEnabled"}
_SEEN = frozenset(
    (
        "S3BucketName",
        "S3KeyPrefix",
        "IsMultiRegionTrail",
        "IsOrganizationTrail",
        "IncludeGlobalServiceEvents",
        "EnableLogFileValidation",
        "KmsKeyId",
    )
)


def _is_kept(present: Present, change: Change) -> bool:
    metadata = key_metadata(access_for(present.account, change), change.region, change.resource)
    return isinstance(metadata, dict) and metadata["KeyState"] != "PendingDeletion"


def _is_enabled(present: Present, change: Change) -> bool:
    metadata = key_metadata(access_for(present.account, change), change.region, change.resource)
    return isinstance(metadata, dict) and bool(metadata["KeyState"] == change.after["state"])


def _is_logging(present: Present, change: Change) -> bool:
    status = trail_status(access_for(present.account, change), change.region, change.resource)
    return isinstance(status, TrailStatus) and status.is_logging


def _is_rotating(present: Present, change: Change) -> bool:
    return key_rotation(access_for(present.account, change), change.region, change.resource) is True


# CreateKey is missing: AWS knows no name for a new key, so `_apply` looks for its tags and policy.
IS_DONE: Mapping[Operation, Callable[[Present, Change], bool]] = {
    "CreateAlias": _is_alias_of_key,
    "PutKeyPolicy": _has_planned_policy,
    "CancelKeyDeletion": _is_kept,
    "EnableKey": _is_enabled,
    "PutBucketPolicy": _has_planned_policy,
    "CreateTrail": _is_created_trail,
    "UpdateTrail": _is_updated_trail,
    "StartLogging": _is_logging,
    "EnableKeyRotation": _is_rotating,
}
