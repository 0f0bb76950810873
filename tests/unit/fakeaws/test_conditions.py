# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Condition operators of the fake AWS's own policy evaluator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakeaws.conditions import Context, expand, hold, known_operator

CONTEXT: Context = {
    "aws:SourceArn": "arn:aws:cloudtrail:eu-central-1:111111111111:trail/main",
    "aws:PrincipalAccount": "111111111111",
    "aws:SecureTransport": "true",
    "aws:SourceIp": "192.0.2.10",
    "aws:CurrentTime": "2026-11-23T12:00:00Z",
    "s3:max-keys": "10",
    "kms:EncryptionContextKeys": ["aws:cloudtrail:arn", "aws:s3:arn"],
    "binary": "QUJD",
}


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "expected"),
    [
        ("StringEquals", "aws:PrincipalAccount", "111111111111", True),
        ("StringEquals", "aws:PrincipalAccount", ["222222222222", "111111111111"], True),
        ("StringEquals", "AWS:principalACCOUNT", "111111111111", True),
        ("StringEquals", "aws:PrincipalAccount", "1111*", False),
        ("StringEquals", "absent", "x", False),
        ("StringEqualsIfExists", "absent", "x", True),
        ("StringEqualsIfExists", "aws:PrincipalAccount", "x", False),
        ("StringNotEquals", "aws:PrincipalAccount", "222222222222", True),
        ("StringNotEquals", "aws:PrincipalAccount", ["222222222222", "111111111111"], False),
        ("StringNotEquals", "absent", "x", True),
        ("StringEqualsIgnoreCase", "aws:SecureTransport", "TRUE", True),
        ("StringNotEqualsIgnoreCase", "aws:SecureTransport", "TRUE", False),
        ("StringLike", "aws:SourceArn", "arn:aws:cloudtrail:*:111111111111:trail/*", True),
        ("StringLike", "aws:SourceArn", "arn:aws:cloudtrail:*:22222222222?:trail/*", False),
        ("StringNotLike", "aws:SourceArn", "arn:aws:s3:*", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:cloudtrail:*:111111111111:trail/m?in", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:cloudtrail:*:trail/main", False),
        ("ArnEquals", "aws:SourceArn", "arn:aws:cloudtrail:*:111111111111:trail/*", True),
        ("ArnNotLike", "aws:SourceArn", "arn:aws:s3:::x*", True),
        ("ArnNotEquals", "aws:SourceArn", "arn:aws:cloudtrail:*:111111111111:trail/*", False),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("Null", "absent", "true", True),
        ("Null", "absent", "false", False),
        ("Null", "aws:SourceArn", "false", True),
        ("NumericEquals", "s3:max-keys", 10, True),
        ("NumericNotEquals", "s3:max-keys", 10, False),
        ("NumericLessThan", "s3:max-keys", "10", False),
        ("NumericLessThanEquals", "s3:max-keys", "10", True),
        ("NumericGreaterThan", "s3:max-keys", "9.5", True),
        ("NumericGreaterThanEquals", "s3:max-keys", "11", False),
        ("NumericEquals", "aws:SourceArn", "10", False),
        ("DateEquals", "aws:CurrentTime", "2026-11-23T12:00:00Z", True),
        ("DateNotEquals", "aws:CurrentTime", "2026-11-23T12:00:00Z", False),
        ("DateLessThan", "aws:CurrentTime", "2026-11-24", True),
        ("DateLessThanEquals", "aws:CurrentTime", "2026-11-22", False),
        ("DateGreaterThan", "aws:CurrentTime", "1700000000", True),
        ("DateGreaterThanEquals", "aws:CurrentTime", "2026-11-23T12:00:00Z", True),
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24", True),
        ("NotIpAddress", "aws:SourceIp", "192.0.2.0/24", False),
        ("BinaryEquals", "binary", "QUJD", True),
        ("ForAllValues:StringEquals", "kms:EncryptionContextKeys", ["aws:cloudtrail:arn", "aws:s3:arn"], True),
        ("ForAllValues:StringEquals", "kms:EncryptionContextKeys", "aws:s3:arn", False),
        ("ForAllValues:StringEquals", "absent", "x", True),
        ("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "aws:s3:arn", True),
        ("ForAnyValue:StringEquals", "absent", "x", False),
        ("ForAnyValue:StringNotEquals", "kms:EncryptionContextKeys", "aws:s3:arn", True),
        ("ForAllValues:StringNotEquals", "kms:EncryptionContextKeys", "aws:s3:arn", False),
    ],
)
def test_operators(operator: str, key: str, wanted: Any, expected: bool) -> None:
    assert hold({operator: {key: wanted}}, CONTEXT) is expected


def test_all_operators_and_all_keys_must_hold() -> None:
    true, false = {"aws:SecureTransport": "true"}, {"aws:PrincipalAccount": "2"}
    assert hold({"Bool": true, "StringNotEquals": false}, CONTEXT) is True
    assert hold({"Bool": true, "StringEquals": false}, CONTEXT) is False
    assert hold({"StringEquals": {"aws:PrincipalAccount": "111111111111", "absent": "x"}}, CONTEXT) is False
    assert hold({}, CONTEXT) is True


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("plain", "plain"),
        ("a/${aws:PrincipalAccount}/b", "a/111111111111/b"),
        ("a/${aws:principalaccount}", "a/111111111111"),
        ("${absent}", None),
        ("${absent, 'instead'}", "instead"),
        ("${*}", "*"),
    ],
)
def test_policy_variables(pattern: str, expected: str | None) -> None:
    assert expand(pattern, CONTEXT) == expected


@pytest.mark.parametrize(
    ("operator", "known"),
    [
        ("StringLike", True),
        ("StringLikeIfExists", True),
        ("ForAnyValue:ArnLike", True),
        ("Null", True),
        ("StringLikes", False),
        ("ForSomeValue:StringLike", False),
    ],
)
def test_known_operators(operator: str, known: bool) -> None:
    assert known_operator(operator) is known
