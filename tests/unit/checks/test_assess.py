# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From findings to verdicts: levels, exceptions, roll-up, and who is told to act."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import (
    TrailVerdict,
    assess,
    unused_exceptions,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES, _cis
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Level, ReadError, Snapshot
from tests.unit.checks.build import ACCOUNT, ENCRYPT, NOW, TRAIL_ARN, denied, finding, key_policy, snapshot

DISABLED: dict[str, Any] = {"state": "Disabled"}
BLIND = denied("kms", "DescribeKey", "kms:DescribeKey")
REGION_DENIED = denied("cloudtrail", "DescribeTrails", "cloudtrail:DescribeTrails")
NO_KEY = {"kms_key_arn": None}
TODAY = NOW.date()


DECISION = {"reason": "migration", "owner": "ops@example.com"}


def excepting(
    *rules: str, expires: date = TODAY, trail: str | None = TRAIL_ARN, account: str | None = None
) -> Settings:
    """Settings with one exception."""
    return Settings(exceptions=(TrailException(trail, rules, "migration", "ops@example.com", expires, account),))


@pytest.mark.parametrize(
    ("read", "settings", "verdict"),
    [
        (snapshot(), Settings(), "compliant"),
        (snapshot(key=DISABLED), Settings(), "non_compliant"),
        (snapshot(key=DISABLED), Settings(levels={"key_is_usable": "advised"}), "compliant"),
        (snapshot(key=DISABLED), Settings(levels={"key_is_usable": "off"}), "compliant"),
        (snapshot(key=BLIND), Settings(), "unknown"),
        (snapshot(NO_KEY, bucket=denied("s3", "HeadBucket", "s3:ListBucket")), Settings(), "non_compliant"),
        (snapshot(key={"rotation_enabled": False}), Settings(), "compliant"),
        (
            snapshot(key={"rotation_enabled": False}),
            Settings(levels={"key_rotation_enabled": "required"}),
            "non_compliant",
        ),
        (snapshot(key=DISABLED), excepting("key_is_usable"), "compliant"),
        (snapshot(key=DISABLED), excepting("key_is_usable", expires=date(2026, 11, 22)), "non_compliant"),
        (snapshot(key=DISABLED), excepting("key_is_approved"), "non_compliant"),
        (snapshot(key=DISABLED), excepting("key_is_usable", trail=TRAIL_ARN + "x"), "non_compliant"),
    ],
)
def test_trail_verdict(read: Snapshot, settings: Settings, verdict: str) -> None:
    account = assess(read, settings)
    assert (account.trails[0].verdict, account.verdict) == (verdict, verdict)


def several(*reads: Snapshot, **fields: Any) -> Snapshot:
    """One account with the trails of all the given snapshots."""
    trails = tuple(
        replace(trail, kms_key_arn=trail.kms_key_arn and f"{trail.kms_key_arn}{number}")
        for number, read in enumerate(reads)
        for trail in read.trails
    )
    keys = {f"{arn}{number}": key for number, read in enumerate(reads) for arn, key in read.keys.items()}
    return replace(snapshot(), trails=trails, keys=keys, **fields)


@pytest.mark.parametrize(
    ("read", "settings", "verdict", "cis_3_5"),
    [
        (several(snapshot(), snapshot(key=BLIND), snapshot(NO_KEY)), Settings(), "non_compliant", "fail"),
        (several(snapshot(), snapshot(key=BLIND)), Settings(), "unknown", "pass"),
        (several(snapshot(), snapshot()), Settings(), "compliant", "pass"),
        (several(), Settings(), "no_trails", "no_trails"),
        (several(errors=(REGION_DENIED,)), Settings(), "unknown", "unknown"),
        (several(errors=(REGION_DENIED,), state="SUSPENDED"), Settings(), "not_applicable", "not_applicable"),
        (several(errors=(REGION_DENIED,), state="NEW_WITH_AWS"), Settings(), "unknown", "unknown"),
        (several(snapshot(), errors=(REGION_DENIED,)), Settings(), "unknown", "unknown"),
        (several(snapshot(NO_KEY), errors=(REGION_DENIED,)), Settings(), "non_compliant", "fail"),
        (several(snapshot(), closed_regions=(REGION_DENIED,)), Settings(), "compliant", "pass"),
        (
            several(snapshot(), closed_regions=(REGION_DENIED,)),
            Settings(closed_regions="unknown"),
            "unknown",
            "unknown",
        ),
        (several(closed_regions=(REGION_DENIED,)), Settings(), "no_trails", "no_trails"),
    ],
)
def test_account_verdict(read: Snapshot, settings: Settings, verdict: str, cis_3_5: str) -> None:
    account = assess(read, settings)
    assert (account.verdict, account.cis_3_5) == (verdict, cis_3_5)


def is_excepted(trail: TrailVerdict) -> bool:
    return any(finding.status == "excepted" for finding in trail.findings)


def test_an_exception_shows_what_it_covers_and_counts_apart() -> None:
    (trail,) = assess(snapshot(key=DISABLED), excepting("key_is_usable")).trails
    found = next(f for f in trail.findings if f.rule == "key_is_usable")
    assert found.status == "excepted"
    assert found.evidence["exception"] == {"status": "fail", **DECISION, "expires": "2026-11-23"}


@pytest.mark.parametrize(
    ("trail", "account", "covers"),
    [
        (TRAIL_ARN, None, True),
        (TRAIL_ARN, ACCOUNT, True),
        (TRAIL_ARN, "222222222222", False),
        ("main", None, True),
        ("mai", None, False),
        ("Main", None, False),
        ("ma*", None, True),
        ("m??n", None, True),
        ("m?n", None, False),
        ("arn:aws*:cloudtrail:*:1111*:trail/m*", None, True),
        ("arn:aws:cloudtrail:eu-*:*:trail/main", None, False),
        (None, ACCOUNT, True),
        (None, "1*", True),
        (None, "2*", False),
        ("*", "*", True),
    ],
)
def test_an_exception_covers_trails_by_name_arn_or_account(
    trail: str | None, account: str | None, covers: bool
) -> None:
    (judged,) = assess(snapshot(key=DISABLED), excepting("key_is_usable", trail=trail, account=account)).trails
    assert is_excepted(judged) is covers


def test_an_exception_of_an_account_is_of_the_trails_it_owns() -> None:
    arn = TRAIL_ARN.replace(ACCOUNT, "999999999999")
    inherited = snapshot({"arn": arn, "ownership": "inherited"}, key=DISABLED)
    of_member, of_owner = (excepting("key_is_usable", trail=None, account=each) for each in (ACCOUNT, "9" * 12))
    assert not is_excepted(assess(inherited, of_member).trails[0])
    assert is_excepted(assess(inherited, of_owner).trails[0])


def test_an_expired_exception_is_told_with_the_failure_it_hid() -> None:
    before = date(2026, 11, 22)
    found = finding("key_is_usable", snapshot(key=DISABLED), excepting("key_is_usable", expires=before))
    assert found.status == "fail"
    assert found.message.endswith(" It was excepted until 2026-11-22 by ops@example.com: migration")
    assert found.evidence["expired_exception"] == {**DECISION, "expires": "2026-11-22"}


def test_of_several_exceptions_one_that_holds_counts_and_else_the_last_that_did() -> None:
    days = (date(2026, 11, 20), TODAY, date(2026, 11, 22))
    each = [excepting("key_is_usable", expires=day).exceptions[0] for day in days]
    held = finding("key_is_usable", snapshot(key=DISABLED), Settings(exceptions=tuple(each)))
    assert held.evidence["exception"] == {"status": "fail", **DECISION, "expires": "2026-11-23"}
    over = finding("key_is_usable", snapshot(key=DISABLED), Settings(exceptions=(each[0], each[2])))
    assert over.evidence["expired_exception"] == {**DECISION, "expires": "2026-11-22"}


def test_an_exception_does_not_touch_what_passes() -> None:
    (trail,) = assess(snapshot(), excepting(*RULES)).trails
    assert not is_excepted(trail)


@pytest.mark.parametrize(
    ("trail", "account", "told"),
    [
        (TRAIL_ARN, None, None),
        (TRAIL_ARN + "x", None, f"trail {TRAIL_ARN}x"),
        ("sandbox-*", None, "trail sandbox-*"),
        ("sandbox-*", ACCOUNT, f"trail sandbox-* of account {ACCOUNT}"),
        ("sandbox-*", "222222222222", None),
        (TRAIL_ARN.replace(ACCOUNT, "222222222222"), None, None),
        ("arn:aws:cloudtrail:*:*:trail/other", None, "trail arn:aws:cloudtrail:*:*:trail/other"),
    ],
)
def test_an_exception_that_matches_no_trail_is_told_where_it_should(
    trail: str, account: str | None, told: str | None
) -> None:
    found = unused_exceptions([(ACCOUNT, excepting("key_is_usable", trail=trail, account=account), snapshot().trails)])
    words = f"The exception for {told} matches no trail that was read in account {ACCOUNT}. "
    assert found == ((words + "Correct it, or name the account it is for.",) if told else ())


def test_an_exception_of_an_account_without_trails_is_told() -> None:
    (found,) = unused_exceptions([(ACCOUNT, excepting("key_is_usable", trail=None, account=ACCOUNT), several().trails)])
    assert found.startswith(f"The exception for every trail of account {ACCOUNT} matches no trail ")


def test_every_rule_that_is_not_off_gives_one_finding() -> None:
    (trail,) = assess(snapshot(), Settings(levels={"key_is_approved": "off"}, proof="events")).trails
    assert [f.rule for f in trail.findings] == [rule for rule in RULES if rule != "key_is_approved"]


def test_the_owner_of_an_inherited_trail_is_told_to_act() -> None:
    arn = TRAIL_ARN.replace(ACCOUNT, "999999999999")
    found = finding("trail_has_kms_key", snapshot({**NO_KEY, "arn": arn, "ownership": "inherited"}))
    assert found.remediation.startswith("In account 999999999999, which owns this organization trail: ")


def test_who_may_not_read_is_told_to_act_whoever_owns_the_trail() -> None:
    """The bucket of an organization's trail is mostly a third account's, and the reads are those of the audit."""
    arn = TRAIL_ARN.replace(ACCOUNT, "999999999999")
    unread = ReadError("s3", "GetBucketPolicy", "s3:GetBucketPolicy", "us-east-1", "AccessDenied", "No.")
    trail = {"arn": arn, "ownership": "inherited"}
    found = finding("bucket_policy_accepts_key", snapshot(trail, bucket={"policy": unread}))
    assert found.to_do == (
        "Allow the caller s3:GetBucketPolicy, or, if the bucket belongs to another account, set "
        "bucket_assume_role to a role there."
    )


def test_frameworks_name_the_control_in_every_version_of_the_benchmark() -> None:
    frameworks = RULES["trail_has_kms_key"].frameworks
    assert [frameworks[f"cis_aws_foundations_{v}"] for v in ("1.2", "1.4", "3.0", "6.0")] == [
        ("2.7",),
        ("3.7",),
        ("3.5",),
        ("4.5",),
    ]
    assert frameworks["aws_security_hub"] == ("CloudTrail.2",)
    assert RULES["key_rotation_enabled"].frameworks["cis_aws_foundations_3.0"] == ("3.6",)


def test_versions_of_a_benchmark_may_share_a_number() -> None:
    numbers = _cis("2.2", "3.2", "3.2", "4.2")
    assert len(numbers) == len(_cis("1", "2", "3", "4"))
    assert (numbers["cis_aws_foundations_1.3"], numbers["cis_aws_foundations_3.0"]) == (("3.2",), ("3.2",))


@pytest.mark.parametrize(
    ("rule", "read", "levels", "words"),
    [
        ("key_policy_allows_describe", snapshot(key=key_policy()), {}, "adds it"),
        ("key_policy_allows_describe", snapshot(key=key_policy(ENCRYPT)), {}, "does not add it, as it is advice"),
        (
            "key_policy_allows_describe",
            snapshot(key=key_policy(ENCRYPT), bucket={"bucket_key_enabled": True}),
            {},
            "adds it",
        ),
        (
            "key_policy_allows_describe",
            snapshot(key=key_policy()),
            {"key_policy_allows_encrypt": "advised"},
            "does not add it, as it is advice",
        ),
        (
            "key_policy_allows_encrypt",
            snapshot(key=key_policy(), bucket={"region": "eu-west-1"}),
            {},
            "adds it, unless only advice asks for it",
        ),
    ],
)
def test_whether_an_enforcement_adds_a_statement_hangs_on_what_else_the_trail_lacks(
    rule: str, read: Snapshot, levels: dict[str, Level], words: str
) -> None:
    (trail,) = assess(read, Settings(levels=levels)).trails
    (found,) = (each for each in trail.findings if each.rule == rule)
    assert found.remediation.endswith(f" (the enforce playbook {words}).")
