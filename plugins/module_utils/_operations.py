# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes of this collection: one row for each AWS operation, in the order in which they are applied.

Whether a write is done is asked in `_aws/_writes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

Operation: TypeAlias = Literal[
    "CreateBucket",
    "CreateKey",
    "CreateAlias",
    "PutKeyPolicy",
    "CancelKeyDeletion",
    "EnableKey",
    "PutBucketPolicy",
    "CreateTrail",
    "UpdateTrail",
    "StartLogging",
    "EnableKeyRotation",
]
Resource: TypeAlias = Literal["key", "alias", "bucket", "trail"]
_SERVICES: Mapping[Resource, str] = {"key": "kms", "alias": "kms", "bucket": "s3", "trail": "cloudtrail"}

# AWS refused the request and did nothing (SDK reference, "Retry behavior"; KMS guide, "Throttling requests").
THROTTLING = frozenset(("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"))
# The request may be sent again: CloudTrail says "wait a few minutes" (ConflictException).
TRANSIENT = THROTTLING | frozenset(
    ("ConflictException", "DependencyTimeoutException", "KMSInternalException", "InternalFailure")
)
# AWS shows the resource only late: the read right before each of these writes did not see it.
ALREADY_THERE = frozenset(("AlreadyExistsException", "TrailAlreadyExistsException"))
# What CreateTrail and UpdateTrail answer where a policy does not allow them what they need (CloudTrail API reference,
# UpdateTrail).
UNSEEN_POLICY = frozenset(("InsufficientEncryptionPolicyException", "InsufficientS3BucketPolicyException"))
# What they answer where the key does not exist or does not work (same page); KmsException stands for every other
# trouble with the key.
_UNSEEN_KEY = ("KmsKeyNotFoundException", "KmsKeyDisabledException", "KmsException")

_ORGANIZATION = "CloudTrail guide, Prepare for creating a trail for your organization"
_FOR_ORGANIZATION_TRAILS = {
    "organizations:DescribeOrganization": _ORGANIZATION,
    "organizations:ListAWSServiceAccessForOrganization": _ORGANIZATION,
    "iam:GetRole": _ORGANIZATION,
}


@dataclass(frozen=True)
class Write:
    """One write operation.

    `resource` is what it writes to. The owner of a key sends the writes to the key and its aliases, the account of a
    trail those to the trail and its bucket. `purpose` is the IAM policy of docs/permissions/ that grants the operation,
    and `statement` the Sid in there. `unseen` are the errors of a service that does not see yet what was just written,
    by this run or by somebody else (KMS guide, "Eventual consistency"; S3 guide, "Amazon S3 data consistency model").
    `per_second` is AWS's limit for each account and Region. `dependent_actions` are IAM actions that the call needs
    beside its own, each with the page that says so. A failure ends the plan of the account unless `is_optional`. What
    `is_sent_by_role`, through amazon.aws, is sent between the plan and the run, and never from here. What
    `changes_delivery` may change whether, or under which key, CloudTrail delivers; the event history is asked for it.
    """

    resource: Resource
    purpose: Literal["enforce", "provision"]
    statement: str
    unseen: tuple[str, ...] = ()
    per_second: int | None = None
    dependent_actions: Mapping[str, str] = field(default_factory=dict)
    is_optional: bool = False
    is_sent_by_role: bool = False
    changes_delivery: bool = True

    @property
    def service(self) -> str:
        """Return the AWS service that the request is sent to."""
        return _SERVICES[self.resource]

    @property
    def is_sent_by_key_owner(self) -> bool:
        """Return whether the key's owner signs the request, and not the trail's account."""
        return self.resource in ("key", "alias")


# The order: a policy comes before the trail that needs it; rotation comes last, since nothing waits for it.
# The rates: KMS guide, "Request quotas"; CloudTrail guide, "Quotas in AWS CloudTrail", all other APIs. CloudTrail's
# cannot be raised.
WRITES: Mapping[Operation, Write] = MappingProxyType(
    {
        "CreateBucket": Write("bucket", "provision", "CreateTheBucket", is_sent_by_role=True),
        "CreateKey": Write(
            "key",
            "enforce",
            "CreateKeys",
            per_second=5,
            dependent_actions={
                "kms:TagResource": "KMS API reference, CreateKey, Tags",
                # For multi-Region keys only.
                "iam:CreateServiceLinkedRole": "KMS guide, Authorizing AWS KMS to synchronize multi-Region keys",
            },
            changes_delivery=False,
        ),
        "CreateAlias": Write("alias", "enforce", "NameKeys", ("NotFoundException",), changes_delivery=False),
        "PutKeyPolicy": Write("key", "enforce", "AddToKeyPolicies", ("NotFoundException",), per_second=15),
        "CancelKeyDeletion": Write(
            "key", "enforce", "ReviveKeysIfYouAllowIt", ("NotFoundException", "KMSInvalidStateException")
        ),
        "EnableKey": Write(
            "key", "enforce", "ReviveKeysIfYouAllowIt", ("NotFoundException", "KMSInvalidStateException")
        ),
        "PutBucketPolicy": Write("bucket", "provision", "MakeSureOfTheBucket", ("NoSuchBucket",)),
        "CreateTrail": Write(
            "trail",
            "provision",
            "CreateTheTrail",
            (*_UNSEEN_KEY, *UNSEEN_POLICY, "S3BucketDoesNotExistException"),
            dependent_actions={
                "cloudtrail:AddTags": "CloudTrail API reference, CreateTrail, TagsList",
                **_FOR_ORGANIZATION_TRAILS,
            },
        ),
        "UpdateTrail": Write(
            "trail",
            "enforce",
            "SetTheKeyOfTrails",
            (*_UNSEEN_KEY, "InsufficientEncryptionPolicyException", "TrailNotFoundException"),
            per_second=1,
            dependent_actions=_FOR_ORGANIZATION_TRAILS,
        ),
        "StartLogging": Write("trail", "provision", "CreateTheTrail", ("TrailNotFoundException",)),
        "EnableKeyRotation": Write(
            "key",
            "enforce",
            "WriteKeys",
            ("NotFoundException", "DisabledException", "KMSInvalidStateException"),
            is_optional=True,
            changes_delivery=False,
        ),
    }
)
