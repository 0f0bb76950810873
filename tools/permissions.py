# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the IAM policies in docs/permissions/, those of its template too, from the table of the AWS calls.

Usage: python -m tools.permissions. Which actions there are says plugins/module_utils/_permissions.py, and of writes
_operations.py; here stands on which resources and under which conditions each is granted, by the Service Authorization
Reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._operations import WRITES, Write
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import (
    ANSWERED_TO_EVERYBODY,
    AUDIT_ACTIONS,
    DEPENDENT_ACTIONS,
    ENFORCEMENT_ACTIONS,
    EVENT_ACTIONS,
    IAM_ACTIONS,
    INVENTORY_ACTIONS,
    OBJECT_ACTIONS,
    PROVISIONING_ACTIONS,
    READER_ACTIONS,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import CREATED_FOR_TAG

FOLDER = Path(__file__).parents[1] / "docs" / "permissions"
TEMPLATE = "member-roles.yml"
# What the template calls the role for each purpose.
ROLES = {"audit": "Audit", "enforce": "Enforcement", "provision": "Provisioning"}
# What each of these roles is given as well where a parameter of the template asks for it: by the condition there.
BESIDE = {"JudgesReaders": "readers", "ProvesByEvents": "proof-events", "ProvesByObjects": "proof-objects"}
PURPOSES: Mapping[str, Mapping[tuple[str, str], str]] = {
    "audit": AUDIT_ACTIONS,
    "readers": READER_ACTIONS,
    "audit-with-readers": {**AUDIT_ACTIONS, **READER_ACTIONS},
    "enforce": {**AUDIT_ACTIONS, **ENFORCEMENT_ACTIONS},
    "provision": {**AUDIT_ACTIONS, **ENFORCEMENT_ACTIONS, **PROVISIONING_ACTIONS},
    "inventory": INVENTORY_ACTIONS,
    # Beside one of the first three, where the option proof is set.
    "proof-events": EVENT_ACTIONS,
    "proof-objects": {**EVENT_ACTIONS, **OBJECT_ACTIONS},
}
# What amazon.aws.s3_bucket must be allowed where the role makes sure of a bucket: seen in its calls, and named by the
# Service Authorization Reference. community.aws.s3_lifecycle needs the last two.
BUCKET_ACTIONS = (
    "s3:CreateBucket",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:ListBucket",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
)
# What amazon.aws.s3_bucket looks at beside, though the role sets none of it: refused, it warns and goes on.
BUCKET_LOOKS = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketAcl",
    "s3:GetBucketLogging",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketRequestPayment",
    "s3:GetInventoryConfiguration",
)
_SERVICE_ROLES = "arn:{partition}:iam::{account}:role/aws-service-role"

# A write reaches resources of the role's own account only, whatever policies of other accounts would allow (IAM guide,
# "AWS global condition context keys", aws:ResourceAccount).
OWN_ACCOUNT = {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}
# The KMS keys of conditions have the defaults of parameters that are left out (KMS guide, "AWS KMS condition keys").
NO_LOCKOUT = {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}
OUR_TAG = {"Null": {f"aws:RequestTag/{CREATED_FOR_TAG}": "false"}}
NEW_KEY = {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT"}}


@dataclass(frozen=True)
class Grant:
    """How an action is granted: under the name of a statement, on resources, under conditions.

    `{partition}` in a resource becomes the partition, and `{account}` the account of the role where that is known. An
    action without a resource type is granted on `*`.
    """

    sid: str
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] = field(default_factory=dict)


# A trail of the organization, a key and a bucket may be another account's: these are read there too.
TRAILS = ("arn:{partition}:cloudtrail:*:*:trail/*",)
OWN_TRAILS = ("arn:{partition}:cloudtrail:*:{account}:trail/*",)
KEYS = ("arn:{partition}:kms:*:*:key/*",)
OWN_KEYS = ("arn:{partition}:kms:*:{account}:key/*",)
OWN_KEYS_AND_ALIASES = (*OWN_KEYS, "arn:{partition}:kms:*:{account}:alias/*")
BUCKETS = ("arn:{partition}:s3:::*",)
# Where CloudTrail puts its files, below a prefix or not.
LOGS = ("arn:{partition}:s3:::*/AWSLogs/*",)
# Those that a role may make and write to.
OWN_BUCKETS = ("arn:{partition}:s3:::{buckets}",)

_LOOK = Grant("LookAround")
_READS = {
    "cloudtrail": Grant("ReadTrails", TRAILS),
    "kms": Grant("ReadKeys", KEYS),
    "s3": Grant("ReadBuckets", BUCKETS),
}
_PRINCIPALS = Grant(
    "LookUpPrincipals", ("arn:{partition}:iam::{account}:role/*", "arn:{partition}:iam::{account}:user/*")
)


def _write_grant(write: Write) -> Grant:
    """Return how a write is granted: on what it writes to, in the role's own account.

    Not by the tag of a key: it may take minutes until KMS decides by a new tag (KMS guide, "ABAC for AWS KMS"). Not a
    trail by its account: a delegated administrator updates those of the management account.
    """
    trails = TRAILS if write.purpose == "enforce" else OWN_TRAILS
    resources = {"key": OWN_KEYS, "alias": OWN_KEYS_AND_ALIASES, "bucket": OWN_BUCKETS, "trail": trails}[write.resource]
    return Grant(write.statement, resources, {} if write.resource == "trail" else OWN_ACCOUNT)


GRANTS: Mapping[str, Grant] = {
    **{action: _READS.get(service, _LOOK) for (service, _operation), action in IAM_ACTIONS.items()},
    **{f"{write.service}:{operation}": _write_grant(write) for operation, write in WRITES.items()},
    # A bucket that is not there yet is nobody's.
    **{name: Grant("MakeSureOfTheBucket", OWN_BUCKETS, OWN_ACCOUNT) for name in BUCKET_ACTIONS},
    **dict.fromkeys(("s3:CreateBucket", "s3:ListBucket"), Grant("CreateTheBucket", OWN_BUCKETS)),
    **dict.fromkeys(BUCKET_LOOKS, Grant("LookAtTheBucket", OWN_BUCKETS, OWN_ACCOUNT)),
    "cloudtrail:AddTags": Grant("CreateTheTrail", OWN_TRAILS),
    **dict.fromkeys(INVENTORY_ACTIONS.values(), Grant("ReadTheOrganization")),
    "s3:GetObject": Grant("ReadEncryptionOfLogs", LOGS),
    "cloudtrail:LookupEvents": Grant("ReadEventHistory"),
    "cloudtrail:DescribeTrails": _LOOK,
    "kms:ListAliases": _LOOK,
    "kms:ListKeys": _LOOK,
    "kms:CreateKey": Grant("CreateKeys", condition={**NEW_KEY, **NO_LOCKOUT, **OUR_TAG}),
    "kms:TagResource": Grant("TagNewKeys", OWN_KEYS, OUR_TAG),
    "kms:PutKeyPolicy": Grant("AddToKeyPolicies", OWN_KEYS, {**OWN_ACCOUNT, **NO_LOCKOUT}),
    "organizations:ListAWSServiceAccessForOrganization": Grant("OrganizationTrails"),
    # GetRole is asked for CloudTrail's own role as well, behind the writes of organization trails.
    "iam:GetRole": _PRINCIPALS,
    "iam:GetUser": _PRINCIPALS,
    "iam:SimulatePrincipalPolicy": replace(_PRINCIPALS, sid="SimulateReaders"),
    "iam:CreateServiceLinkedRole": Grant(
        "MultiRegionKeys",
        (f"{_SERVICE_ROLES}/mrk.kms.amazonaws.com/AWSServiceRoleForKeyManagementServiceMultiRegionKeys",),
        {"StringEquals": {"iam:AWSServiceName": "mrk.kms.amazonaws.com"}},
    ),
}
# The same action as provisioning needs, for other buckets, and for the names of CloudTrail's files alone.
GRANTS_OF_PROOF: Mapping[str, Grant] = {
    **GRANTS,
    "s3:ListBucket": Grant("ReadNamesOfLogs", BUCKETS, {"StringLike": {"s3:prefix": ["AWSLogs/*", "*/AWSLogs/*"]}}),
}
# Of the principal that starts the run, not of the roles that it assumes: it is granted there, on the roles by name; and
# what an organization says of accounts that a sweep cannot enter, where the principal may know.
OF_THE_CALLER = frozenset({("sts", "AssumeRole"), ("organizations", "DescribeAccount")})


def actions(purpose: str) -> list[str]:
    """Return the IAM actions of one of PURPOSES, sorted; those of an enforcement include those of an audit."""
    calls = PURPOSES[purpose]
    granted = {action for call, action in calls.items() if call not in ANSWERED_TO_EVERYBODY | OF_THE_CALLER}
    dependent = {action for call, needed in DEPENDENT_ACTIONS.items() if call in calls for action in needed}
    return sorted(granted | dependent | ({*BUCKET_ACTIONS} if purpose == "provision" else set()))


def policy(
    names: Iterable[str],
    partition: str,
    account: str = "*",
    buckets: str = "*",
    grants: Mapping[str, Grant] = GRANTS,
) -> dict[str, Any]:
    """Return the IAM policy that grants these actions. Raises KeyError for an action without a grant.

    `account` is that of the role, `buckets` the pattern of those that it may make; both narrow the resources.
    """
    filled = {"partition": partition, "account": account, "buckets": buckets}
    statements: dict[str, dict[str, Any]] = {}
    for name in names:
        grant = grants[name]
        statement = statements.setdefault(grant.sid, {"Sid": grant.sid, "Effect": "Allow", "Action": []})
        statement["Action"].append(name)
        resources = [resource.format_map(filled) for resource in grant.resources]
        statement["Resource"] = resources[0] if len(resources) == 1 else resources
        if grant.condition:
            statement["Condition"] = dict(grant.condition)
    return {"Version": "2012-10-17", "Statement": list(statements.values())}


def template() -> dict[str, Any]:
    """Return the CloudFormation template of the roles, as it lies in docs/permissions, with their policies anew."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / TEMPLATE).read_text(encoding="utf-8"))
    for purpose, resource in ROLES.items():
        role = found["Resources"][resource]
        (inline,) = role["Properties"]["Policies"]
        inline["PolicyDocument"] = _document(purpose)
        for condition, beside in BESIDE.items():
            both = f"{resource}{condition}" if "Condition" in role else condition
            if "Condition" in role:
                found["Conditions"][both] = {"Fn::And": [{"Condition": role["Condition"]}, {"Condition": condition}]}
            properties = {"PolicyName": beside, "PolicyDocument": _document(beside), "Roles": [{"Ref": resource}]}
            added = {"Type": "AWS::IAM::Policy", "Condition": both, "Properties": properties}
            found["Resources"][f"{resource}{condition}Policy"] = added
    return found


def _document(purpose: str) -> dict[str, Any]:
    """Return what a role of the template is granted for a purpose."""
    grants = GRANTS_OF_PROOF if purpose == "proof-objects" else GRANTS
    return {**_filled_in(policy(actions(purpose), "${AWS::Partition}", "${AWS::AccountId}", "${Buckets}", grants))}


def _filled_in(value: Any) -> Any:
    """Return the value with Fn::Sub where CloudFormation is to fill something in; IAM's own variables stay."""
    if isinstance(value, dict):
        return {name: _filled_in(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled_in(part) for part in value]
    is_template = isinstance(value, str) and ("${AWS::" in value or "${Buckets}" in value)
    return {"Fn::Sub": value} if is_template else value


def files() -> dict[str, str]:
    """Return the text of every generated file, by its name."""
    policies = {f"{purpose}.json": policy(actions(purpose), "aws") for purpose in PURPOSES if purpose != "readers"}
    policies["proof-objects.json"] = policy(actions("proof-objects"), "aws", grants=GRANTS_OF_PROOF)
    policies["provision-quiet.json"] = policy(BUCKET_LOOKS, "aws")
    note = "# `make permissions` writes the policies in it anew, and keeps the rest, but no comment.\n"
    note += "# yamllint disable rule:indentation rule:line-length\n---\n"
    # A copy without the anchors that parts which are one object would get, since CloudFormation takes none.
    copied = json.loads(json.dumps(template()))
    return {
        **{name: json.dumps(document, indent=2) + "\n" for name, document in policies.items()},
        TEMPLATE: note + yaml.safe_dump(copied, sort_keys=False, width=120),
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
