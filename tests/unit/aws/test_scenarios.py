# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit of each scenario gives the verdict, and the findings, that the scenario's name promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict
from tests import fakeaws
from tests.fakeaws.client import FakeAws
from tests.unit.aws.conftest import Audit

SCENARIOS = {path.stem for path in (Path(fakeaws.__file__).parent / "scenarios").glob("*.yml")}
READERS = {"readers": [f"arn:aws:iam::111111111111:role/{name}" for name in ("LogReader", "LogAuditor")]}

# scenario: verdict, literal CIS 3.5, and all that is neither pass nor not applicable, as (rule, status, level)
EXPECTED: dict[str, tuple[str, str, set[tuple[str, str, str]]]] = {
    "healthy": ("compliant", "pass", set()),
    # The form of the CIS text lets CloudTrail encrypt and describe, but not decrypt.
    "several": ("compliant", "pass", {("key_policy_allows_decrypt", "fail", "advised")}),
    "one-trail-17-regions": ("compliant", "pass", set()),
    "no-trails": ("no_trails", "no_trails", set()),
    "closed-region": ("compliant", "pass", set()),
    "denied-region": ("unknown", "unknown", set()),
    "fresh": ("non_compliant", "fail", {("trail_has_kms_key", "fail", "required")}),
    "aws-managed-key": (
        "non_compliant",
        "pass",
        {
            ("key_is_customer_managed", "fail", "required"),
            ("key_policy_allows_encrypt", "unknown", "required"),
            ("key_policy_allows_describe", "unknown", "advised"),
            ("key_policy_allows_decrypt", "unknown", "advised"),
            ("trail_is_delivering", "fail", "required"),
        },
    ),
    "disabled-key": (
        "non_compliant",
        "pass",
        {("key_is_usable", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "disabled-key-silent": (
        "non_compliant",
        "pass",
        {("key_is_usable", "fail", "required"), ("trail_is_delivering", "fail", "advised")},
    ),
    "pending-deletion": (
        "non_compliant",
        "pass",
        {
            ("key_is_usable", "fail", "required"),
            ("trail_is_delivering", "fail", "required"),
            ("key_rotation_enabled", "fail", "advised"),
        },
    ),
    "deleted-key": (
        "non_compliant",
        "pass",
        {("key_is_usable", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "wrong-region": (
        "non_compliant",
        "pass",
        {("key_in_bucket_region", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "policy-lacking": (
        "non_compliant",
        "pass",
        {
            ("key_policy_allows_encrypt", "fail", "required"),
            ("key_policy_allows_describe", "fail", "advised"),
            ("key_policy_allows_decrypt", "fail", "advised"),
            ("trail_is_delivering", "fail", "required"),
        },
    ),
    "policy-denying": (
        "non_compliant",
        "pass",
        {("key_policy_allows_encrypt", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "policy-unscoped": ("compliant", "pass", {("key_policy_is_scoped", "fail", "advised")}),
    "unreadable-key": (
        "unknown",
        "pass",
        {
            ("key_is_customer_managed", "unknown", "required"),
            ("key_is_usable", "unknown", "required"),
            ("key_policy_allows_encrypt", "unknown", "required"),
            ("key_policy_allows_describe", "unknown", "advised"),
            ("key_policy_allows_decrypt", "unknown", "advised"),
            ("key_policy_is_scoped", "unknown", "advised"),
            ("key_rotation_enabled", "unknown", "advised"),
        },
    ),
    "bucket-denies-kms": (
        "non_compliant",
        "pass",
        {("bucket_policy_accepts_key", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "bucket-key-without-decrypt": (
        "non_compliant",
        "pass",
        {("key_policy_allows_decrypt", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "central-key": ("non_compliant", "fail", {("trail_has_kms_key", "fail", "required")}),
    "china": ("non_compliant", "fail", {("trail_has_kms_key", "fail", "required")}),
    "govcloud": ("non_compliant", "fail", {("trail_has_kms_key", "fail", "required")}),
    "delivery-error": (
        "non_compliant",
        "pass",
        {("bucket_policy_accepts_key", "fail", "required"), ("trail_is_delivering", "fail", "required")},
    ),
    "reader-missing": (
        "non_compliant",
        "pass",
        {("readers_can_decrypt", "fail", "required")},
    ),
    "reader-closed-by-bucket": ("non_compliant", "pass", {("readers_can_read", "fail", "required")}),
}
# Policies as landing zones, modules and the console write them, by scenario and trail: all of these deliver, so none is
# red or open, and this is what is advised.
FORMS: dict[str, dict[str, set[str]]] = {
    "forms-of-organizations": {
        "tower-before": {"key_policy_allows_describe: fail"},
        "tower": {"key_policy_allows_describe: fail"},
        "accelerator": {"key_policy_is_scoped: fail"},
        "folder": set(),
        "perimeter": {"key_policy_allows_describe: fail"},
    },
    "forms-of-accounts": {
        "module": set(),
        "benchmark": {"key_policy_allows_decrypt: fail"},
        "console": {"key_policy_allows_decrypt: unknown"},
        "insisting": set(),
        "of-2013": set(),
        "siem": {"key_policy_allows_decrypt: fail"},
    },
}
# Scenarios with several trails or accounts, with none that may be read, or with none yet, have tests of their own.
ELSEWHERE = {"landing-zone", "mixed", "organization", "no-permissions", "new-bucket", "readers", "vending", *FORMS}


def noted(account: AccountVerdict) -> set[tuple[str, str, str]]:
    """All findings that a reader has to look at."""
    findings = (finding for trail in account.trails for finding in trail.findings)
    return {(f.rule, f.status, f.level) for f in findings if f.status not in ("pass", "not_applicable")}


@pytest.mark.parametrize("scenario", sorted(EXPECTED))
def test_scenario(scenario: str, load: Callable[[str], FakeAws], audit: Audit) -> None:
    aws = load(scenario)
    options: dict[str, Any] = READERS if scenario.startswith("reader") else {}
    account = audit(**options)
    assert (account.verdict, account.cis_3_5, noted(account)) == EXPECTED[scenario]
    assert {call["kind"] for call in aws.calls()} == {"read"}


def test_every_scenario_is_audited() -> None:
    assert set(EXPECTED) | ELSEWHERE == SCENARIOS


def test_mixed(load: Callable[[str], FakeAws], audit: Audit) -> None:
    load("mixed")
    account = audit()
    failing = {
        trail.trail.name: {f.rule for f in trail.findings if (f.status, f.level) == ("fail", "required")}
        for trail in account.trails
    }
    assert (account.verdict, account.cis_3_5) == ("non_compliant", "fail")
    assert failing == {
        "company-audit": set(),
        "archive": set(),
        "first-steps": {"trail_has_kms_key"},
        "payments": {"key_is_usable", "trail_is_delivering"},
        "data-team": {"key_policy_allows_encrypt"},
        "web-team": {"key_is_customer_managed"},
    }


@pytest.mark.parametrize("scenario", sorted(FORMS))
def test_what_is_widespread_and_delivers_is_not_red(
    scenario: str, load: Callable[[str], FakeAws], audit: Audit
) -> None:
    load(scenario)
    account = audit()
    assert (account.verdict, account.cis_3_5) == ("compliant", "pass")
    assert {
        verdict.trail.name: {f"{f.rule}: {f.status}" for f in verdict.findings if f.status in ("fail", "unknown")}
        for verdict in account.trails
    } == FORMS[scenario]


def test_no_permissions_at_all_is_said_not_judged(load: Callable[[str], FakeAws], audit: Audit) -> None:
    load("no-permissions")
    message = "No region of account 111111111111 could be read.*Allow the caller cloudtrail:DescribeTrails"
    with pytest.raises(AwsError, match=message):
        audit()
