# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no trail tells of a file decides nothing: the date, the time and the unique string of its name, its kind."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Finding
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._context_facts import (
    OBJECT_KEY,
    TRAIL_KEY,
)
from tests.unit.checks.build import (
    ACCOUNT,
    ACL,
    DECRYPT,
    DESCRIBE,
    ENCRYPT,
    ROLE_ARN,
    TRAIL_ARN,
    finding,
    key_policy,
    policy,
    service,
    snapshot,
)

BUCKET = "arn:aws:s3:::logs"
OWN = f"{BUCKET}/AWSLogs/{ACCOUNT}"
# Patterns that some files of a folder are like and others are not, and such that all or none are like.
SINGLING_OUT = [
    "*0123456789abcdef.json.gz",
    "*/2026/01/01/*",
    f"{OWN}/CloudTrail/*/2026/12/*",
    "*/2026/11/*",
    "*_20270101T*",
    "*Z_a*.json.gz",
    "*Z_Q*",
    "*_20??????T0000Z_*",
]
OF_ALL = [f"{BUCKET}/*", f"{OWN}/*", "*.json.gz", "*/CloudTrail/*", "*_CloudTrail_*", "*/20??/??/??/*", "*Z_*", "*"]
OF_NONE = [f"{BUCKET}/other/*", "*.csv", "*/CloudTrail/eu-*", "*Z_????.json.gz", "*/19??/*", "*-_*"]
KINDS = [
    *((pattern, "unknown") for pattern in SINGLING_OUT),
    *((pattern, "pass") for pattern in OF_ALL),
    *((pattern, "fail") for pattern in OF_NONE),
]


def on_key(effect: str, principal: object, condition: dict[str, Any], action: str = "kms:Decrypt") -> dict[str, Any]:
    return {
        "Sid": "More" if effect == "Allow" else "Less",
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
    }


def like(*patterns: str, operator: str = "StringLike", key: str = OBJECT_KEY) -> dict[str, Any]:
    return {operator: {key: [*patterns]}}


def scoped(*more: dict[str, Any], **trail: Any) -> Finding:
    read = snapshot(trail, key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, *more))
    return finding("key_policy_is_scoped", read)


ANYBODY = {"AWS": "*"}
OPEN = on_key("Allow", ANYBODY, {})


@pytest.mark.parametrize(("pattern", "of_reader"), KINDS)
def test_strangers_get_in_for_whatever_files_a_statement_singles_out(pattern: str, of_reader: str) -> None:
    expected = {"pass": "fail", "unknown": "unknown", "fail": "unknown"}[of_reader]
    found = scoped(on_key("Allow", ANYBODY, like(pattern)))
    assert (found.status, 'statement "More"' in found.message) == (expected, True)


@pytest.mark.parametrize("pattern", SINGLING_OUT)
def test_a_deny_of_some_files_closes_no_key(pattern: str) -> None:
    assert scoped(OPEN, on_key("Deny", "*", like(pattern, BUCKET))).status in ("unknown", "fail")
    assert scoped(on_key("Allow", ANYBODY, like(pattern, BUCKET, operator="StringNotLike"))).status == "unknown"


@pytest.mark.parametrize(
    "condition",
    [
        like(f"{OWN}/CloudTrail-Digest/*"),
        like(f"{OWN}/CloudTrail-Insight/*"),
        like("arn:aws:s3:::other"),
        like(f"{BUCKET}/old/AWSLogs/*"),
        like("*/trail/old*", key=TRAIL_KEY),
        like(TRAIL_ARN, key=TRAIL_KEY, operator="StringNotEquals"),
        {"Null": {TRAIL_KEY: "true"}},
    ],
)
@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:ReEncryptFrom"])
def test_whatever_is_under_the_key_is_not_for_strangers(condition: dict[str, Any], action: str) -> None:
    found = scoped(on_key("Allow", ANYBODY, condition, action))
    assert (found.status, 'statement "More"' in found.message) == ("unknown", True)
    own = {**condition, "StringEquals": {"kms:CallerAccount": ACCOUNT}}
    assert scoped(on_key("Allow", ANYBODY, own, action)).status == "pass"


def test_digest_files_are_not_for_strangers_where_the_trail_has_them() -> None:
    found = scoped(on_key("Allow", ANYBODY, like(f"{OWN}/CloudTrail-Digest/*")), log_file_validation=True)
    assert found.status == "fail"


def test_a_deny_on_logs_alone_leaves_open_what_else_is_under_the_key() -> None:
    found = scoped(OPEN, on_key("Deny", "*", like(f"{BUCKET}/*", BUCKET)))
    assert (found.status, 'statement "More"' in found.message) == ("unknown", True)


@pytest.mark.parametrize(("pattern", "expected"), KINDS)
def test_readers_read_every_file_or_it_is_not_said(pattern: str, expected: str) -> None:
    statement = on_key("Allow", {"AWS": ROLE_ARN}, like(pattern))
    # Without the account's own statement, which leaves the rest to IAM.
    read = snapshot(key={"policy": policy(ENCRYPT, statement)})
    found = finding("readers_can_decrypt", read, Settings(readers=(ROLE_ARN,)))
    assert found.status == expected
    words = "depends on its condition StringLike", "which dates, times and unique strings are in"
    assert all(each in found.message for each in words) is (expected == "unknown")
    denied = snapshot(
        key={"policy": policy(ENCRYPT, on_key("Allow", {"AWS": ROLE_ARN}, {}), {**statement, "Effect": "Deny"})}
    )
    opposite = {"pass": "fail", "fail": "pass"}.get(expected, expected)
    assert finding("readers_can_decrypt", denied, Settings(readers=(ROLE_ARN,))).status == opposite


@pytest.mark.parametrize(("pattern", "expected"), KINDS)
def test_the_bucket_takes_every_file_or_it_is_not_said(pattern: str, expected: str) -> None:
    resource = f"{BUCKET}/{pattern}" if pattern.startswith("*") else pattern
    statement = {**service("Write", "s3:PutObject"), "Resource": resource}
    everything = {**service("All", "s3:PutObject"), "Resource": f"{BUCKET}/*"}
    found = finding("bucket_policy_accepts_key", snapshot(bucket={"policy": policy(statement, ACL)}))
    assert found.status == expected
    words = 'statement "Write" allows', "depends on which dates, times and unique strings are in", "/YYYY/MM/DD/"
    assert all(each in found.message for each in words) is (expected == "unknown")
    opposite = {"pass": "fail", "fail": "pass"}.get(expected, expected)
    for named in ({"Resource": resource}, {"NotResource": resource}):
        others = {name: value for name, value in statement.items() if name != "Resource"}
        texts = policy(everything, {**others, "Effect": "Deny", **named}, ACL)
        found = finding("bucket_policy_accepts_key", snapshot(bucket={"policy": texts}))
        assert found.status == (opposite if "Resource" in named else expected)
