# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a policy allows until a moment: certain until then, and told before."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from tests.unit.checks.build import (
    ACL,
    BUCKET_POLICY,
    DECRYPT,
    DESCRIBE,
    ENCRYPT,
    KEY_ARN,
    ROLE_ARN,
    ROOT,
    SCOPE,
    finding,
    key_policy,
    policy,
    service,
    snapshot,
)

# The accounts of the tests are read on 2026-11-23 at 12:00 UTC.
BEFORE, NOON, AFTER = "2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z", "2026-12-31T00:00:00Z"


def encrypt(**times: Any) -> dict[str, str]:
    """A key policy that lets CloudTrail encrypt while conditions on the time hold."""
    return key_policy(service("Encrypt", "kms:GenerateDataKey*", Condition={**SCOPE, **times}), DESCRIBE, DECRYPT)


@pytest.mark.parametrize(
    ("times", "status", "level", "says"),
    [
        ({"DateLessThan": {"aws:CurrentTime": BEFORE}}, "fail", "required", "DateLessThan aws:CurrentTime"),
        ({"DateGreaterThan": {"aws:CurrentTime": AFTER}}, "fail", "required", "DateGreaterThan aws:CurrentTime"),
        ({"DateGreaterThan": {"aws:CurrentTime": BEFORE}}, "pass", "required", "may encrypt"),
        ({"DateLessThan": {"aws:CurrentTime": AFTER}}, "fail", "advised", "at 2026-12-31T00:00:00+00:00. Then: "),
        ({"NumericLessThan": {"aws:EpochTime": "1798675200"}}, "fail", "advised", "at 2026-12-31T00:00:00+00:00"),
        ({"DateLessThan": {"AWS:currenttime": AFTER}}, "fail", "advised", "at 2026-12-31T00:00:00+00:00"),
        (
            {"DateNotEquals": {"aws:CurrentTime": AFTER}},
            "fail",
            "advised",
            "at 2026-12-31T00:00:00+00:00. Then: ",
        ),
        ({"DateLessThan": {"aws:TokenIssueTime": AFTER}}, "fail", "required", "no such key"),
        (
            {"DateLessThanEquals": {"aws:CurrentTime": NOON}},
            "fail",
            "advised",
            "at 2026-11-23T12:00:00+00:00. Then: ",
        ),
        ({"DateLessThan": {"aws:CurrentTime": "soon"}}, "unknown", "required", "is unknown"),
    ],
)
def test_a_window_of_the_key_policy(times: dict[str, Any], status: str, level: str, says: str) -> None:
    found = finding("key_policy_allows_encrypt", snapshot(key=encrypt(**times)))
    assert (found.status, found.level) == (status, level)
    assert says in found.message


@pytest.mark.parametrize(
    ("operator", "key", "forever"),
    [
        ("DateLessThan", "aws:CurrentTime", "9999-12-31"),
        ("DateLessThan", "aws:CurrentTime", "9999-12-31T23:59:59Z"),
        ("DateLessThan", "aws:CurrentTime", "9999-12-31T23:59:59.999Z"),
        ("DateLessThan", "aws:EpochTime", "253402300799"),
        ("NumericLessThan", "aws:EpochTime", "253402300799"),
        ("NumericLessThan", "aws:EpochTime", "253402300800"),
        ("NumericLessThan", "aws:EpochTime", "9" * 400),
        ("NumericGreaterThan", "aws:EpochTime", "-" + "9" * 400),
        ("DateGreaterThan", "aws:EpochTime", "-62135596800"),
        ("DateGreaterThan", "aws:CurrentTime", "0001-01-01T00:00:00Z"),
    ],
)
@pytest.mark.parametrize(
    "rule", ["key_policy_allows_encrypt", "key_policy_is_scoped", "bucket_policy_accepts_key", "readers_can_decrypt"]
)
def test_what_ends_beyond_the_last_moment_or_began_before_the_first_never_changes(
    rule: str, operator: str, key: str, forever: str
) -> None:
    times = {operator: {key: forever}}
    reader = service("R", "kms:Decrypt", Principal={"AWS": ROLE_ARN}, Condition=times)
    closed = {**ACL, "Sid": "Idle", "Action": "s3:Foo", "Condition": times}
    of_key = policy(service("Encrypt", "kms:GenerateDataKey*", Condition={**SCOPE, **times}), DESCRIBE, DECRYPT, reader)
    of_bucket = BUCKET_POLICY[:-2] + ", " + policy(closed).partition("[")[2]
    read = snapshot(key={"policy": of_key}, bucket={"policy": of_bucket})
    assert finding(rule, read, Settings(readers=(ROLE_ARN,))).status == "pass"


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "9" * 400, "-" + "9" * 400]
)
def test_a_moment_that_no_calendar_has_tells_nothing(moment: str) -> None:
    times = {"DateLessThan": {"aws:CurrentTime": moment}}
    assert finding("key_policy_allows_encrypt", snapshot(key=encrypt(**times))).status == "unknown"


def test_the_first_of_several_moments_is_told_and_what_to_do_before() -> None:
    deny = {
        **ENCRYPT,
        "Sid": "Later",
        "Effect": "Deny",
        "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}},
    }
    both = key_policy(
        ENCRYPT, {**deny, "Sid": "Last", "Condition": {"DateGreaterThan": {"aws:CurrentTime": AFTER}}}, deny
    )
    found = finding("key_policy_allows_encrypt", snapshot(key=both))
    assert found.remediation.startswith("Before 2026-12-01T00:00:00+00:00: No Allow overrides a Deny: ")


def test_one_window_after_the_other_is_no_end() -> None:
    first, second = (
        service(name, "kms:GenerateDataKey*", Condition={**SCOPE, operator: {"aws:CurrentTime": AFTER}})
        for name, operator in (("A", "DateLessThanEquals"), ("B", "DateGreaterThan"))
    )
    assert finding("key_policy_allows_encrypt", snapshot(key=key_policy(first, second))).status == "pass"


def test_a_window_of_a_reader() -> None:
    until = {"DateLessThan": {"aws:CurrentTime": AFTER}}
    reader = {**ENCRYPT, "Sid": "R", "Principal": {"AWS": ROLE_ARN}, "Action": "kms:Decrypt", "Condition": until}
    read = snapshot(key={"policy": policy(ENCRYPT, DESCRIBE, DECRYPT, reader)})
    found = finding("readers_can_decrypt", read, Settings(readers=(ROLE_ARN,)))
    assert (found.status, found.level) == ("fail", "advised")
    assert f"{ROLE_ARN} may not decrypt" in found.message


def test_a_window_of_the_bucket_policy() -> None:
    ended = {
        **ACL,
        "Sid": "Closed",
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": {"DateGreaterThan": {"aws:CurrentTime": AFTER}},
    }
    closed = BUCKET_POLICY[:-2] + ", " + policy(ended).partition("[")[2]
    found = finding("bucket_policy_accepts_key", snapshot(bucket={"policy": closed}))
    assert (found.status, found.level) == ("fail", "advised")
    assert "at 2026-12-31T00:00:00+00:00" in found.message


LATER = {"DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}
LOST = {"Sid": "Lost", "Effect": "Deny", "Principal": "*", "Resource": "*", "Condition": LATER}
OPENED = {**LOST, "Sid": "Opened", "Effect": "Allow", "Action": "kms:*"}


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        ("key_policy_is_scoped", OPENED),
        ("key_policy_allows_encrypt", {**LOST, "Action": "kms:GenerateDataKey"}),
        ("key_policy_allows_decrypt", {**LOST, "Action": "kms:Decrypt"}),
        ("bucket_policy_accepts_key", {**LOST, "Action": "s3:PutObject"}),
    ],
)
@pytest.mark.parametrize(("decoys", "status"), [(21, "fail"), (1_000, "unknown")])
def test_no_number_of_moments_hides_what_comes_after_them(
    rule: str, statement: dict[str, Any], decoys: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "STEPS", 100_000)
    moments = [f"2026-12-01T{n // 60:02}:{n % 60:02}:00Z" for n in range(decoys)]
    idle = {**LOST, "Sid": "Idle", "Action": "kms:Foo", "Condition": {"DateLessThan": {"aws:CurrentTime": moments}}}
    of_key = policy(ROOT, ENCRYPT, DESCRIBE, DECRYPT, idle, statement)
    of_bucket = BUCKET_POLICY[:-2] + ", " + policy(idle, statement).partition("[")[2]
    read = snapshot(key={"policy": of_key}, bucket={"policy": of_bucket, "bucket_key_enabled": True})
    found = finding(rule, read)
    assert (found.status, found.level) == (status, "advised")
    assert ("at 2027-01-01T00:00:00+00:00" if status == "fail" else "depends on the time") in found.message
    assert finding("trail_has_kms_key", read).status == "pass"


def test_that_time_passes_makes_no_trail_stale() -> None:
    """What hangs on the clock alone, and on no policy, is judged now."""
    read = snapshot(key=encrypt(DateLessThan={"aws:CurrentTime": AFTER}))
    assert finding("trail_is_delivering", read).status == "pass"
    assert finding("key_is_usable", read).status == "pass"


T = "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ({"DateEquals": {"aws:CurrentTime": T}}, "fail"),
        ({"NumericEquals": {"aws:EpochTime": "1800000000"}}, "fail"),
        (
            {
                "DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00.1Z"},
                "DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:01Z"},
            },
            "fail",
        ),
        (
            {
                "NumericGreaterThanEquals": {"aws:EpochTime": "1800000000"},
                "NumericLessThan": {"aws:EpochTime": "1800000001"},
            },
            "fail",
        ),
        (
            {
                "NumericGreaterThan": {"aws:EpochTime": "1800000000"},
                "NumericLessThanEquals": {"aws:EpochTime": "1800000001"},
            },
            "fail",
        ),
        ({"DateGreaterThan": {"aws:CurrentTime": T}, "DateLessThan": {"aws:CurrentTime": T}}, "pass"),
        ({"StringLike": {"aws:CurrentTime": "2027-*"}}, "unknown"),
        ({"StringNotLike": {"aws:CurrentTime": "2026-*"}}, "unknown"),
        ({"StringLike": {"aws:EpochTime": "18*"}}, "unknown"),
        ({"StringEquals": {"aws:CurrentTime": T}}, "unknown"),
        ({"BinaryEquals": {"aws:EpochTime": "eHg="}}, "unknown"),
        ({"ForAnyValue:StringLikeIfExists": {"AWS:EpochTime": "18*"}}, "unknown"),
        ({"StringNotEquals": {"aws:ResourceAccount": "${aws:EpochTime}"}}, "unknown"),
        ({"StringEquals": {"aws:ResourceAccount": "${AWS:CURRENTTIME}"}}, "unknown"),
    ],
)
def test_a_key_that_opens_at_any_time_is_found_or_unknown(times: dict[str, Any], status: str) -> None:
    opened = {**OPENED, "Condition": times}
    read = snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, opened))
    assert finding("key_policy_is_scoped", read).status == status


def test_a_date_in_a_policy_hides_no_related_key_and_is_told_with_it() -> None:
    replica = KEY_ARN.replace("us-east-1", "eu-west-1")
    replicated = {"multi_region": True, "related_keys": (replica,)}
    later = {**OPENED, "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}}
    key = {**replicated, **key_policy(ENCRYPT, DESCRIBE, DECRYPT, later)}
    asked = Settings(levels={"key_policy_is_scoped": "required"})
    found = finding("key_policy_is_scoped", snapshot(key=key), asked)
    assert (found.status, found.level) == ("unknown", "required")
    assert "A policy changes this at 2027-01-01" in found.message
    assert replica in found.message


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_time_that_is_compared_as_text_tells_nothing(effect: str) -> None:
    by = {"StringLike": {"aws:CurrentTime": "2026*" if effect == "Allow" else "2027*"}}
    other = {**ENCRYPT, "Sid": "Timed", "Effect": effect, "Condition": {**SCOPE, **by}}
    others = [ENCRYPT, other] if effect == "Deny" else [other]
    assert finding("key_policy_allows_encrypt", snapshot(key=key_policy(*others, DESCRIBE))).status == "unknown"


def test_a_deny_by_the_time_as_text_closes_nothing_and_shuts_nothing_for_sure() -> None:
    closed = {**LOST, "Action": ["kms:*"], "Condition": {"StringLike": {"aws:CurrentTime": "2026-*"}}}
    always = {name: value for name, value in OPENED.items() if name != "Condition"}
    read = snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, always, closed))
    assert finding("key_policy_is_scoped", read).status == "unknown"
    ended = {**LOST, "Action": "s3:PutObject", "Condition": {"StringNotLike": {"aws:CurrentTime": "2026*"}}}
    of_bucket = BUCKET_POLICY[:-2] + ", " + policy(ended).partition("[")[2]
    assert finding("bucket_policy_accepts_key", snapshot(bucket={"policy": of_bucket})).status == "unknown"


@pytest.mark.parametrize("milliseconds", [0, 200, 999])
def test_a_window_that_ends_within_the_second_of_reading(milliseconds: int) -> None:
    until = f"2026-11-23T12:00:00.{milliseconds:03}Z"
    read = snapshot(key=encrypt(DateLessThanEquals={"aws:CurrentTime": until}))
    assert finding("key_policy_allows_encrypt", read).status == "fail"
