# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenario files: those that are shipped keep their promise, and mistakes in one are named."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakeaws import scenario
from tests.page import ROOT, blocks
from tests.unit.fakeaws.lab import Lab

SHIPPED = {
    "fresh", "healthy", "aws-managed-key", "disabled-key", "disabled-key-silent", "pending-deletion", "deleted-key",
    "wrong-region", "policy-lacking", "policy-denying", "policy-unscoped", "several", "one-trail-17-regions",
    "no-trails", "organization", "unreadable-key", "bucket-denies-kms", "delivery-error", "reader-missing",
    "reader-closed-by-bucket", "readers",
    "bucket-key-without-decrypt", "closed-region", "denied-region", "no-permissions", "mixed", "central-key",
    "china", "govcloud",
    "landing-zone", "vending", "new-bucket", "forms-of-organizations", "forms-of-accounts",
}  # fmt: skip
# Where the one trail of a scenario can deliver; all others but these have no trail, several, or cannot be read.
DELIVERING = {
    "fresh": True, "healthy": True, "policy-unscoped": True, "reader-missing": True, "closed-region": True,
    "reader-closed-by-bucket": True, "readers": True,
    "denied-region": True, "unreadable-key": True, "one-trail-17-regions": True,
    "aws-managed-key": False, "disabled-key": False, "disabled-key-silent": False, "pending-deletion": False,
    "deleted-key": False, "wrong-region": False, "policy-lacking": False, "policy-denying": False,
    "bucket-denies-kms": False, "delivery-error": False, "bucket-key-without-decrypt": False,
}  # fmt: skip


def test_all_scenarios_are_shipped() -> None:
    assert set(scenario.names()) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_description_is_one_line_that_fits_a_terminal(name: str) -> None:
    description = scenario.read(name).description
    assert "\n" not in description
    assert len(description) <= 120


@pytest.mark.parametrize(("name", "delivers"), DELIVERING.items(), ids=list(DELIVERING))
def test_scenario_keeps_its_promise_of_delivery(load: Callable[[str], Lab], name: str, delivers: bool) -> None:
    status = load(name).client("cloudtrail").get_trail_status(Name="main")
    age = time.time() - status["LatestDeliveryTime"].timestamp()
    assert (age < 86400) is delivers


def trails(lab: Lab, region: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.client("cloudtrail", region).describe_trails(includeShadowTrails=False)[
        "trailList"
    ]
    return found


def test_several_has_20_delivering_trails_in_four_regions(load: Callable[[str], Lab]) -> None:
    lab = load("several")
    found = {region: trails(lab, region) for region in ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")}
    assert [len(region) for region in found.values()] == [5, 5, 5, 5]
    for region, there in found.items():
        assert len({trail["KmsKeyId"] for trail in there}) == 2
        for trail in there:
            status = lab.client("cloudtrail", region).get_trail_status(Name=trail["TrailARN"])
            assert "LatestDeliveryError" not in status


def test_mixed_has_trails_of_every_kind(load: Callable[[str], Lab]) -> None:
    lab = load("mixed")
    keys = {
        trail["Name"]: trail.get("KmsKeyId")
        for region in ("eu-central-1", "eu-west-1", "us-east-1", "ap-southeast-2")
        for trail in trails(lab, region)
    }
    assert len(keys) == 6
    states: dict[str, Any] = {}
    for name, arn in keys.items():
        if arn:
            metadata = lab.client("kms", arn.split(":")[3]).describe_key(KeyId=arn)["KeyMetadata"]
            states[name] = (metadata["KeyManager"], metadata["KeyState"])
    assert keys["first-steps"] is None
    assert states["company-audit"] == ("CUSTOMER", "Enabled")
    assert states["payments"] == ("CUSTOMER", "Disabled")
    assert states["web-team"] == ("AWS", "Enabled")


def test_organization_roles_need_the_external_id(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    for digit in "12345":
        keys = lab.role("CloudTrailKmsAudit", account=digit * 12, by="111111111111", external_id="audit-2026")
        assert lab.client("cloudtrail", keys=keys).describe_trails()["trailList"]


def test_reader_missing_lets_one_role_decrypt(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    trail = lab.client("cloudtrail").describe_trails()["trailList"][0]
    policy = lab.client("kms").get_key_policy(KeyId=trail["KmsKeyId"])["Policy"]
    assert ("role/LogReader" in policy, "role/LogAuditor" in policy) == (True, False)


def test_same_scenario_has_the_same_arns_every_time(load: Callable[[str], Lab]) -> None:
    first = load("healthy").client("kms").list_keys()["Keys"]
    assert load("healthy").client("kms").list_keys()["Keys"] == first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: x\ntrial: {}\n", "unknown: trial"),
        ("description: x\ntrails: {main: {bucket: logs}}\n", "no bucket 'logs'"),
        ("description: x\nbuckets: {b: }\ntrails: {main: {bucket: b, key: k}}\n", "no key 'k'"),
        ("description: x\nkeys: {k: {regoin: eu-west-1}}\n", "key k: unknown: regoin"),
        ("description: x\nkeys: {k: {policy: nonsense}}\n", "no key policy 'nonsense'"),
        ("description: x\nbuckets: {b: {policy: nonsense}}\n", "no bucket policy 'nonsense'"),
        ("description: x\nkeys: {k: {account: nobody}}\n", "no account 'nobody'"),
        (
            "description: x\nbuckets: {b: }\ntrails: {t1: {bucket: b}}\n",
            "scenario scenario: trail t1: Trail name too short",
        ),
        ("description: x\ntrails: {main: {}}\n", "trail main: missing: bucket"),
        ("buckets: {b: }\n", "missing: description"),
    ],
)
def test_mistake_in_a_scenario_is_named(write: Callable[[str], Lab], text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(text)


def test_the_page_makes_fifty_accounts(load: Callable[[str], Lab], tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (code,) = (block for block in blocks("python", "tests/fakeaws/README.md") if block.startswith("# fifty.py"))
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    load(str(tmp_path / "fifty.yml"))
    assert len(scenario.read(str(tmp_path / "fifty.yml")).accounts) == 56
