# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes: how each is sent, which errors pass by themselves, and how to see whether it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .._model import Change, Operation, TrailStatus
from ._access import Access
from ._calls import key_metadata, key_rotation, trail_status
from ._resources import Account

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.parsers import ResponseParserError

SERVER_ERROR = 500  # and above: the HTTP status of a service that fails itself
# The request was refused and nothing was done (SDK reference, "Retry behavior"; KMS guide, "Throttling requests").
THROTTLING = frozenset(("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"))
# It may pass, and the request may be sent again: CloudTrail says "wait a few minutes" (ConflictException).
PASSING = THROTTLING | frozenset(
    ("ConflictException", "DependencyTimeoutException", "KMSInternalException", "InternalFailure")
)
# It shows only late what is there: the look right before each of these writes saw nothing.
ALREADY_THERE = frozenset(("AlreadyExistsException", "TrailAlreadyExistsException"))
# What UpdateTrail and CreateTrail say of a key that is not there, or does not work (CloudTrail API reference,
# UpdateTrail); KmsException stands for every other trouble with the key.
_UNSEEN_KEY = ("KmsKeyNotFoundException", "KmsKeyDisabledException", "KmsException")
# What they say of a policy that does not allow them what they need (same page).
UNSEEN_POLICY = frozenset(("InsufficientEncryptionPolicyException", "InsufficientS3BucketPolicyException"))
# What a service answers while it does not see yet what was just written, by this run or by somebody else (KMS guide,
# "Eventual consistency"; S3 guide, "Amazon S3 data consistency model": configurations of buckets).
PROPAGATION: Mapping[Operation, frozenset[str]] = {
    "CreateAlias": frozenset(("NotFoundException",)),
    "PutKeyPolicy": frozenset(("NotFoundException",)),
    "CancelKeyDeletion": frozenset(("NotFoundException", "KMSInvalidStateException")),
    "EnableKey": frozenset(("NotFoundException", "KMSInvalidStateException")),
    "EnableKeyRotation": frozenset(("NotFoundException", "DisabledException", "KMSInvalidStateException")),
    "PutBucketPolicy": frozenset(("NoSuchBucket",)),
    "CreateTrail": frozenset((*_UNSEEN_KEY, *UNSEEN_POLICY, "S3BucketDoesNotExistException")),
    "UpdateTrail": frozenset((*_UNSEEN_KEY, "InsufficientEncryptionPolicyException", "TrailNotFoundException")),
    "StartLogging": frozenset(("TrailNotFoundException",)),
}
_SERVICES: Mapping[Operation, str] = {
    "CreateTrail": "cloudtrail",
    "UpdateTrail": "cloudtrail",
    "StartLogging": "cloudtrail",
    "PutBucketPolicy": "s3",
}


def service_of(change: Change) -> str:
    """The AWS service that a change is sent to."""
    return _SERVICES.get(change.operation, "kms")


def access_for(account: Account, change: Change) -> Access:
    """The credentials of the key's owner for a key, those of the trail's account for a trail and its bucket."""
    owner = change.resource.split(":")[4]
    return account.access if change.operation in _SERVICES else account.key_access(owner)


def send(account: Account, change: Change) -> dict[str, Any] | Exception:
    """Send a change once; return AWS's answer, or botocore's error."""
    access = access_for(account, change)
    try:
        return access.send_once(service_of(change), change.region, change.operation, **change.parameters)
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        return error


def code_of(error: Exception) -> str:
    """AWS's error code, or the name of the SDK's exception where no answer came."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def no_clear_answer(error: Exception) -> bool:
    """Whether it is open if the request was carried out: the connection broke, or the service itself failed."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= SERVER_ERROR
    return isinstance(error, (HTTPClientError, ResponseParserError))


def is_retryable(error: Exception, operation: Operation, *, is_there: bool, is_allowed: bool) -> bool:
    """Whether the same request may succeed later.

    `is_there`: what the request stands on was written by this run, or read as there and fit for use, so that AWS does
    not see it yet; `is_allowed`: the policy that it needs was, too.
    """
    code = code_of(error)
    if code in PROPAGATION.get(operation, ()):
        return is_allowed if code in UNSEEN_POLICY else is_there
    return code in PASSING | ALREADY_THERE or no_clear_answer(error)


def is_done(account: Account, change: Change) -> bool:
    """Whether AWS shows what the change was to bring about; False too where that cannot be read."""
    return _LOOKS[change.operation](access_for(account, change), change)


def _is_kept(access: Access, change: Change) -> bool:
    metadata = key_metadata(access, change.region, change.resource)
    return isinstance(metadata, dict) and metadata["KeyState"] != "PendingDeletion"


def _is_enabled(access: Access, change: Change) -> bool:
    metadata = key_metadata(access, change.region, change.resource)
    return isinstance(metadata, dict) and bool(metadata["KeyState"] == change.after["state"])


def has_all(trail: Mapping[str, Any], change: Change) -> bool:
    """Whether a trail, as DescribeTrails shows it, has all that the change sends."""
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


def _trail_logs(access: Access, change: Change) -> bool:
    status = trail_status(access, change.region, change.resource)
    return isinstance(status, TrailStatus) and status.is_logging


def _rotates(access: Access, change: Change) -> bool:
    return key_rotation(access, change.region, change.resource) is True


_LOOKS: Mapping[Operation, Callable[[Access, Change], bool]] = {
    "CancelKeyDeletion": _is_kept,
    "EnableKey": _is_enabled,
    "StartLogging": _trail_logs,
    "EnableKeyRotation": _rotates,
}
