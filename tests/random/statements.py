# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements that people write into key policies and bucket policies beside those of CloudTrail.

Most are from AWS's pages (KMS guide, "Key policies" and "Condition keys"; S3 guide, "Bucket policy examples";
CloudTrail guide, "Configure AWS KMS key policies for CloudTrail"), some are what comes of editing these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

Statement: TypeAlias = dict[str, Any]

CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
_ANY_TRAIL = "arn:aws:cloudtrail:*:111111111111:trail/*"
_ROLE = {"AWS": "arn:aws:iam::111111111111:role/LogAuditor"}
_NO_KEY = "arn:aws:kms:us-east-1:000000000000:key/none"  # a condition has at least one value
OURS = "AwsBaselineCloudTrail"
_USE = ["kms:GenerateDataKey*", "kms:Decrypt"]
_LATER, _EARLIER = "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


def _statement(effect: str, principal: Any, action: Any, condition: Any = None, **other: Any) -> Statement:
    made = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **other}
    return {**made, "Condition": condition} if condition else made


def for_keys(trails: Sequence[str]) -> list[Statement]:
    """Statements for a key policy of the account 111111111111, some of them about these trails (ARNs)."""
    some = list(trails[:1])
    return [
        _statement("Allow", "*", "kms:DescribeKey", {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}),
        _statement("Allow", _ROLE, ["kms:Decrypt"], {"Null": {CONTEXT: ["false"]}}),
        _statement("Allow", {"AWS": ["111111111111"]}, ["kms:Decrypt", "kms:ReEncryptFrom"]),
        _statement("Allow", CLOUDTRAIL, "kms:GenerateDataKey*", {"StringLike": {CONTEXT: _ANY_TRAIL}}),
        _statement("Allow", CLOUDTRAIL, "kms:GenerateDataKey*", {"StringEquals": {"aws:SourceArn": some}}),
        _statement("Allow", CLOUDTRAIL, ["kms:*"], {"StringEquals": {"aws:SourceAccount": "111111111111"}}),
        _statement("Allow", CLOUDTRAIL, "kms:DescribeKey"),
        _statement("Allow", {"Service": "logs.eu-central-1.amazonaws.com"}, ["kms:Encrypt*", "kms:Decrypt*"]),
        _statement("Allow", _ROLE, "kms:CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        _statement("Deny", "*", "kms:Decrypt", {"Bool": {"aws:SecureTransport": "false"}}),
        _statement("Deny", "*", ["kms:ScheduleKeyDeletion", "kms:DisableKey"]),
        _statement("Deny", "*", "kms:Encrypt", {"DateGreaterThan": {"aws:CurrentTime": _LATER}}),
        _statement("Deny", CLOUDTRAIL, "kms:Encrypt", {"DateLessThan": {"aws:CurrentTime": _EARLIER}}),
        _statement("Deny", _ROLE, "kms:Decrypt", {"StringNotLike": {CONTEXT: _ANY_TRAIL}}),
        _statement("Deny", CLOUDTRAIL, "kms:GenerateDataKey*", {"StringNotEquals": {"aws:SourceArn": some}}),
        _statement("Deny", CLOUDTRAIL, "kms:GenerateDataKey*", {"ArnNotLike": {"aws:SourceArn": _ANY_TRAIL}}),
        _statement("Deny", CLOUDTRAIL, "kms:Decrypt"),
        _statement(
            "Deny",
            "*",
            ["kms:GenerateDataKey*", "kms:Decrypt"],
            {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
        _statement("Deny", "*", "kms:Decrypt", {"StringNotEquals": {"aws:SourceAccount": ["111111111111"]}}),
        # What an enforcement wrote for another trail, and the same after somebody has edited it.
        _statement("Allow", CLOUDTRAIL, _USE, _scope(some), Sid=f"{OURS}Use"),
        _statement("Allow", CLOUDTRAIL, _USE, _scope(some, "aws:SourceAccount"), Sid=f"{OURS}Use2"),
        _statement(
            "Allow", CLOUDTRAIL, "kms:DescribeKey", {"StringEquals": {"aws:SourceArn": some}}, Sid=f"{OURS}Describe"
        ),
        _statement("Allow", _ROLE, "kms:Decrypt", {"Null": {CONTEXT: "false"}}, Sid=f"{OURS}Readers"),
    ]


def _scope(trails: Sequence[str], *more: str) -> dict[str, Any]:
    exact = {"aws:SourceArn": list(trails), **dict.fromkeys(more, "111111111111")}
    return {"StringEquals": exact, "StringLike": {CONTEXT: [_ANY_TRAIL]}}


def is_ours(statement: Mapping[str, Any]) -> bool:
    """Whether it is one that an enforcement writes, and that a later one may add to."""
    conditions = statement.get("Condition", {}).values()
    keys = {key for each in conditions for key in each}
    written = statement["Effect"] == "Allow" and keys <= {"aws:SourceArn", CONTEXT}
    return written and str(statement.get("Sid")).startswith(OURS)


def for_buckets(bucket_arn: str, trails: Sequence[str], keys: Sequence[str]) -> list[Statement]:
    """Statements for a bucket policy, some of them about these trails and keys (ARNs)."""
    objects, sse = f"{bucket_arn}/*", "s3:x-amz-server-side-encryption"
    everywhere = {"Resource": [bucket_arn, objects]}
    puts = {"Resource": objects}
    return [
        _statement("Deny", "*", "s3:*", {"Bool": {"aws:SecureTransport": "false"}}, **everywhere),
        _statement("Deny", "*", "s3:DeleteObject", None, **puts),
        _statement("Deny", "*", ["s3:PutObject"], {"NumericLessThan": {"s3:TlsVersion": "1.2"}}, **puts),
        _statement("Deny", "*", "s3:PutObject", {"StringEquals": {sse: "AES256"}}, **puts),
        _statement("Deny", "*", "s3:PutObject", {"StringNotEquals": {sse: "AES256"}}, **puts),
        _statement("Deny", "*", "s3:PutObject", {"StringNotEqualsIfExists": {sse: ["aws:kms", "AES256"]}}, **puts),
        _statement(
            "Deny",
            "*",
            "s3:PutObject",
            {"StringNotEqualsIfExists": {f"{sse}-aws-kms-key-id": list(keys[:1]) or [_NO_KEY]}},
            **puts,
        ),
        _statement("Deny", CLOUDTRAIL, "s3:PutObject", {"StringNotEquals": {"aws:SourceArn": list(trails)}}, **puts),
        _statement("Allow", _ROLE, ["s3:GetObject", "s3:ListBucket"], None, **everywhere),
    ]


def with_sids(statements: Sequence[Statement], random: Random) -> list[Statement]:
    """The statements, of which some have a Sid."""
    return [
        {"Sid": f"Statement {index}"} | each if random.random() < 0.6 else dict(each)
        for index, each in enumerate(statements)
    ]


def laid_out_anew(policy: Mapping[str, Any], random: Random) -> dict[str, Any]:
    """A policy that means the same: statements and lists in another order, and an item where a list held but that."""
    statements = [{name: _reworded(part, random) for name, part in each.items()} for each in policy["Statement"]]
    random.shuffle(statements)
    return {**policy, "Statement": statements}


def _reworded(part: Any, random: Random) -> Any:
    if isinstance(part, Mapping):
        names = list(part)
        random.shuffle(names)
        return {name: _reworded(part[name], random) for name in names}
    if isinstance(part, list):
        shuffled = random.sample(part, len(part))
        return shuffled[0] if len(shuffled) == 1 and random.random() < 0.5 else shuffled
    return part
