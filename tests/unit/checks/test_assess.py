# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From findings to verdicts: levels, exceptions, roll-up, and who is told to act."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import (
    RULES,
    Settings,
    TrailException,
    assess,
    unused_exceptions,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from tests.unit.checks.build import ACCOUNT, NOW, TRAIL_ARN, denied, finding, snapshot

DISABLED: dict[str, Any] = {"state": "Disabled"}
BLIND = denied("kms", "DescribeKey", "kms:DescribeKey")
REGION_DENIED = denied("cloudtrail", "DescribeTrails", "cloudtrail:DescribeTrails")
NO_KEY = {"kms_key_arn": None}
TODAY = NOW.date()
STRICT = Settings(closed_regions="unknown")


def excepting(*rules: str, expires: date = TODAY, trail: str = TRAIL_ARN) -> Settings:
    """Settings with one exception."""
    return Settings(exceptions=(TrailException(trail, rules, "migration", "ops@example.com", expires),))


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


def test_an_exception_shows_what_it_covers_and_counts_apart() -> None:
    (trail,) = assess(snapshot(key=DISABLED), excepting("key_is_usable")).trails
    found = next(f for f in trail.findings if f.rule == "key_is_usable")
    assert trail.excepted
    assert found.status == "excepted"
    assert found.evidence["exception"] == {
        "status": "fail",
        "reason": "migration",
        "owner": "ops@example.com",
        "expires": "2026-11-23",
    }


def test_an_exception_does_not_touch_what_passes() -> None:
    (trail,) = assess(snapshot(), excepting(*RULES)).trails
    assert not trail.excepted


def test_an_exception_that_names_no_trail_is_told() -> None:
    settings = excepting("key_is_usable", trail=TRAIL_ARN + "x")
    assert unused_exceptions({TRAIL_ARN}, settings) == settings.exceptions
    assert unused_exceptions({TRAIL_ARN}, excepting("key_is_usable")) == ()


def test_every_rule_that_is_not_off_gives_one_finding() -> None:
    (trail,) = assess(snapshot(), Settings(levels={"key_is_approved": "off"})).trails
    assert [f.rule for f in trail.findings] == [rule for rule in RULES if rule != "key_is_approved"]


def test_the_owner_of_an_inherited_trail_is_told_to_act() -> None:
    arn = TRAIL_ARN.replace(ACCOUNT, "999999999999")
    found = finding("trail_has_kms_key", snapshot({**NO_KEY, "arn": arn, "ownership": "inherited"}))
    assert found.remediation.startswith("In account 999999999999, which owns this organization trail: ")


def test_frameworks_name_the_control_in_every_version_of_the_benchmark() -> None:
    frameworks = finding("trail_has_kms_key", snapshot()).frameworks
    assert [frameworks[f"cis_aws_foundations_{v}"] for v in ("1.2", "1.4", "3.0", "6.0")] == [
        ("2.7",),
        ("3.7",),
        ("3.5",),
        ("4.5",),
    ]
    assert frameworks["aws_security_hub"] == ("CloudTrail.2",)
    assert finding("key_rotation_enabled", snapshot()).frameworks["cis_aws_foundations_3.0"] == ("3.6",)
