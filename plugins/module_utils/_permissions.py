# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IAM action that every AWS call of this collection needs, looked up by service and operation.

One table serves the `unknown` findings (which name the action that was missing) and the IAM
policies that are shipped. Its source is the Service Authorization Reference: the pages "Actions,
resources, and condition keys for AWS CloudTrail", "... AWS KMS", "... Amazon S3", "... AWS STS",
"... Amazon EC2" and "... AWS Organizations".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ._operations import WRITES


def _write_actions(purpose: str) -> dict[tuple[str, str], str]:
    """Return the IAM actions of the writes for a purpose: each bears the name of its operation."""
    return {
        (write.service, operation): f"{write.service}:{operation}"
        for operation, write in WRITES.items()
        if write.purpose == purpose and not write.is_sent_by_role
    }


# Most operations share the name of their action; two of S3 do not.
AUDIT_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("sts", "GetCallerIdentity"): "sts:GetCallerIdentity",
        ("sts", "AssumeRole"): "sts:AssumeRole",
        ("ec2", "DescribeRegions"): "ec2:DescribeRegions",
        ("cloudtrail", "DescribeTrails"): "cloudtrail:DescribeTrails",
        ("cloudtrail", "GetTrailStatus"): "cloudtrail:GetTrailStatus",
        ("organizations", "ListDelegatedServicesForAccount"): "organizations:ListDelegatedServicesForAccount",
        # For organization trails only.
        ("organizations", "DescribeOrganization"): "organizations:DescribeOrganization",
        # By the caller of a sweep, for accounts that it cannot enter.
        ("organizations", "DescribeAccount"): "organizations:DescribeAccount",
        ("kms", "DescribeKey"): "kms:DescribeKey",
        ("kms", "GetKeyPolicy"): "kms:GetKeyPolicy",
        ("kms", "GetKeyRotationStatus"): "kms:GetKeyRotationStatus",
        ("kms", "ListAliases"): "kms:ListAliases",
        # For keys that are approved by their tags; an enforcement reads all tags.
        ("kms", "ListResourceTags"): "kms:ListResourceTags",
        ("s3", "HeadBucket"): "s3:ListBucket",
        ("s3", "GetBucketPolicy"): "s3:GetBucketPolicy",
        ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    }
)
# What an audit needs beside that with the option proof, `events` and `objects`; no other rule reads an object.
EVENT_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("cloudtrail", "LookupEvents"): "cloudtrail:LookupEvents", ("kms", "GetKeyLastUsage"): "kms:GetKeyLastUsage"}
)
OBJECT_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("s3", "ListObjectsV2"): "s3:ListBucket", ("s3", "HeadObject"): "s3:GetObject"}
)
# What an audit needs beside that where readers are given, in their accounts. Where it is refused they are unknown.
READER_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("iam", "SimulatePrincipalPolicy"): "iam:SimulatePrincipalPolicy"}
)
# What an enforcement needs beside that.
ENFORCEMENT_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("kms", "ListKeys"): "kms:ListKeys",
        # For readers and administrators that a key policy is about to name; the run goes on where this is refused.
        ("iam", "GetRole"): "iam:GetRole",
        ("iam", "GetUser"): "iam:GetUser",
        ("cloudtrail", "ListTags"): "cloudtrail:ListTags",
        **_write_actions("enforce"),
    }
)
# What the inventory of an organization's accounts needs, in the management account or a delegated administrator.
INVENTORY_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("organizations", "ListAccounts"): "organizations:ListAccounts",
        ("organizations", "ListRoots"): "organizations:ListRoots",
        ("organizations", "ListOrganizationalUnitsForParent"): "organizations:ListOrganizationalUnitsForParent",
        ("organizations", "ListAccountsForParent"): "organizations:ListAccountsForParent",
        ("organizations", "ListParents"): "organizations:ListParents",
        ("organizations", "ListTagsForResource"): "organizations:ListTagsForResource",
    }
)
# What the creation of a trail needs beside that.
PROVISIONING_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("s3", "GetBucketTagging"): "s3:GetBucketTagging", **_write_actions("provision")}
)
IAM_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        **AUDIT_ACTIONS,
        **EVENT_ACTIONS,
        **OBJECT_ACTIONS,
        **READER_ACTIONS,
        **ENFORCEMENT_ACTIONS,
        **PROVISIONING_ACTIONS,
        **INVENTORY_ACTIONS,
    }
)
# Answered whatever the caller is granted: an identity by STS (STS API reference, GetCallerIdentity), and a bucket's
# region, all that we ask, in the header of a refusal as well (S3 API reference, HeadBucket). No policy needs them, and
# s3:ListBucket would open the names of all objects.
ANSWERED_TO_EVERYBODY = frozenset({("sts", "GetCallerIdentity"), ("s3", "HeadBucket")})
# Actions that a call needs beside its own, with the page that says so: this collection sends no call of that name.
DEPENDENT_ACTIONS: Mapping[tuple[str, str], Mapping[str, str]] = MappingProxyType(
    {
        (write.service, operation): write.dependent_actions
        for operation, write in WRITES.items()
        if write.dependent_actions
    }
)


def iam_action(service: str, operation: str) -> str:
    """Return the IAM action, such as `s3:GetEncryptionConfiguration`, that an operation needs.

    Raises KeyError for an operation that the table does not hold: no call is made without a declared permission.
    """
    return IAM_ACTIONS[service, operation]
