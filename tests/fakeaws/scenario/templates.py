# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies that scenarios name: those of AWS's own pages, and the ways in which they go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Statement: TypeAlias = dict[str, Any]

_SERVICE = {"Service": "cloudtrail.amazonaws.com"}
_ENCRYPTION_CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"


@dataclass(frozen=True, kw_only=True)
class KeyPlace:
    """What a key policy is written for: the key's account, the trails that use it, those who read the logs."""

    partition: str
    account: str
    region: str
    trail_arns: Sequence[str]
    readers: Sequence[str]

    @property
    def trail_accounts(self) -> list[str]:
        """The accounts of the trails, or the key's own while no trail uses it."""
        return sorted({arn.split(":")[4] for arn in self.trail_arns}) or [self.account]

    @property
    def any_trail(self) -> list[str]:
        """The patterns that AWS recommends for the encryption context."""
        return [f"arn:{self.partition}:cloudtrail:*:{account}:trail/*" for account in self.trail_accounts]


def key_policy(name: str, place: KeyPlace) -> dict[str, Any]:
    """The key policy of this name; ValueError if there is none."""
    if name not in _KEY_POLICIES:
        raise ValueError(f"no key policy {name!r}; there are: {', '.join(_KEY_POLICIES)}")
    statements = _KEY_POLICIES[name](place)
    return {"Version": "2012-10-17", "Id": f"{name} key policy", "Statement": statements}


def _administration(place: KeyPlace) -> Statement:
    root = {"AWS": f"arn:{place.partition}:iam::{place.account}:root"}
    return _allow("Enable IAM User Permissions", root, "kms:*")


def _cloudtrail(place: KeyPlace) -> list[Statement]:
    """User guide, "Configure AWS KMS key policies for CloudTrail": encrypt, describe, decrypt, and readers."""
    scope = {"StringEquals": {"aws:SourceArn": list(place.trail_arns)}} if place.trail_arns else {}
    context = {**scope, "StringLike": {_ENCRYPTION_CONTEXT: place.any_trail}}
    return [
        _administration(place),
        _allow("Allow CloudTrail to encrypt logs", _SERVICE, "kms:GenerateDataKey*", context),
        _allow("Allow CloudTrail to describe key", _SERVICE, "kms:DescribeKey", scope),
        _allow("Allow CloudTrail to decrypt", _SERVICE, "kms:Decrypt", context),
        *_readers(place),
    ]


def _console(place: KeyPlace) -> list[Statement]:
    """User guide, "Default KMS key policy created in CloudTrail console": no Decrypt for the service."""
    scope = {"StringEquals": {"aws:SourceArn": list(place.trail_arns)}} if place.trail_arns else {}
    inside = {
        "StringEquals": {"kms:CallerAccount": place.account},
        "StringLike": {_ENCRYPTION_CONTEXT: place.any_trail},
    }
    return [
        _administration(place),
        _allow(
            "Allow CloudTrail to encrypt logs",
            _SERVICE,
            "kms:GenerateDataKey*",
            {**scope, "StringLike": {_ENCRYPTION_CONTEXT: place.any_trail}},
        ),
        _allow("Allow CloudTrail to describe key", _SERVICE, "kms:DescribeKey"),
        _allow(
            "Allow principals in the account to decrypt log files",
            {"AWS": "*"},
            ["kms:Decrypt", "kms:ReEncryptFrom"],
            inside,
        ),
        *_readers(place),
    ]


def _cis(place: KeyPlace) -> list[Statement]:
    """CIS AWS Foundations 3.5: encrypt by encryption context alone, describe, decrypt for the account."""
    root = {"AWS": f"arn:{place.partition}:iam::{place.account}:root"}
    return [
        _administration(place),
        _allow("Allow CloudTrail access", _SERVICE, "kms:DescribeKey"),
        _allow(
            "Allow CloudTrail to encrypt logs",
            _SERVICE,
            "kms:GenerateDataKey*",
            {"StringLike": {_ENCRYPTION_CONTEXT: place.any_trail}},
        ),
        _allow(
            "Enable CloudTrail log decrypt permissions", root, "kms:Decrypt", {"Null": {_ENCRYPTION_CONTEXT: "false"}}
        ),
        *_readers(place),
    ]


def _lacking(place: KeyPlace) -> list[Statement]:
    """The default policy of a new key: CloudTrail is not in it (KMS guide, "Default key policy")."""
    return [_administration(place)]


def _denying(place: KeyPlace) -> list[Statement]:
    """Everything is allowed, and then encrypting is denied."""
    deny = {
        "Sid": "Deny data keys",
        "Effect": "Deny",
        "Principal": _SERVICE,
        "Action": "kms:GenerateDataKey*",
        "Resource": "*",
    }
    return [*_cloudtrail(place), deny]


def _unscoped(place: KeyPlace) -> list[Statement]:
    """CloudTrail may use the key for every trail of every account: the confused deputy."""
    actions = ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"]
    return [_administration(place), _allow("Allow CloudTrail", _SERVICE, actions)]


def _aws_managed(place: KeyPlace) -> list[Statement]:
    """The policy of the key aws/s3: for principals of the account, through S3."""
    through_s3 = {"kms:ViaService": f"s3.{place.region}.amazonaws.com", "kms:CallerAccount": place.account}
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    root = {"AWS": f"arn:{place.partition}:iam::{place.account}:root"}
    look = ["kms:Describe*", "kms:Get*", "kms:List*"]
    return [
        _allow("Allow access through S3", {"AWS": "*"}, use, {"StringEquals": through_s3}),
        _allow("Allow direct access to key metadata to the account", root, look),
    ]


def _readers(place: KeyPlace) -> list[Statement]:
    if not place.readers:
        return []
    encrypted = {"Null": {_ENCRYPTION_CONTEXT: "false"}}
    return [_allow("Allow readers to decrypt logs", {"AWS": list(place.readers)}, "kms:Decrypt", encrypted)]


def _allow(sid: str, principal: object, action: object, condition: Mapping[str, Any] | None = None) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return {**statement, "Condition": dict(condition)} if condition else statement


_KEY_POLICIES: Mapping[str, Callable[[KeyPlace], list[Statement]]] = {
    "cloudtrail": _cloudtrail,
    "console": _console,
    "cis": _cis,
    "lacking": _lacking,
    "denying": _denying,
    "unscoped": _unscoped,
    "aws-managed": _aws_managed,
}


@dataclass(frozen=True, kw_only=True)
class BucketPlace:
    """What a bucket policy is written for: `folders` maps a trail's ARN to the prefixes that it writes under."""

    partition: str
    name: str
    folders: Mapping[str, Sequence[str]]


def bucket_policy(name: str, place: BucketPlace) -> dict[str, Any] | None:
    """The bucket policy of this name, None for `none`; ValueError if there is no such policy."""
    if name == "none":
        return None
    if name not in ("cloudtrail", "deny-unless-aes256"):
        raise ValueError(f"no bucket policy {name!r}; there are: cloudtrail, deny-unless-aes256, none")
    statements = _cloudtrail_bucket(place)
    if name == "deny-unless-aes256":
        statements.append(_only_aes256(place))
    return {"Version": "2012-10-17", "Statement": statements}


def _cloudtrail_bucket(place: BucketPlace) -> list[Statement]:
    """User guide, "Amazon S3 bucket policy for CloudTrail", with aws:SourceArn."""
    arn, trails = f"arn:{place.partition}:s3:::{place.name}", list(place.folders)
    folders = sorted({f"{arn}/{folder}/*" for prefixes in place.folders.values() for folder in prefixes})
    source = {"aws:SourceArn": trails}
    write = {"s3:x-amz-acl": "bucket-owner-full-control", **source}
    if not trails:
        return [{**_allow("DenyInsecureTransport", "*", "s3:*"), "Effect": "Deny", "Resource": [arn, f"{arn}/*"],
                 "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]  # fmt: skip
    acl = _allow("AWSCloudTrailAclCheck20150319", _SERVICE, "s3:GetBucketAcl", {"StringEquals": source})
    put = _allow("AWSCloudTrailWrite20150319", _SERVICE, "s3:PutObject", {"StringEquals": write})
    return [{**acl, "Resource": arn}, {**put, "Resource": folders}]


def _only_aes256(place: BucketPlace) -> Statement:
    return {
        "Sid": "DenyUnlessAES256",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:{place.partition}:s3:::{place.name}/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
    }
