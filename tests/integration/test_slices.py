# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slices of a small organization, whose trail is owned in one and seen in both; tests/awx has a large one."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.fakeaws.client import FakeAws
from tests.slices import Slices


def test_two_slices_come_to_the_report_of_one_run(tmp_path: Path) -> None:
    inventory = tmp_path / "organization.aws_accounts.yml"
    plugin = {"plugin": "aws_baseline.cloudtrail.aws_accounts", "role_name": "CloudTrailKmsAudit"}
    inventory.write_text(yaml.safe_dump({**plugin, "external_id": "audit-2026"}), encoding="utf-8")
    # The bucket of the trail is in an account that is in one slice only.
    owner = {"role_arn": f"arn:aws:iam::{'4' * 12}:role/CloudTrailKmsAudit", "external_id": "audit-2026"}
    with FakeAws.start("landing-zone") as aws:
        slices = Slices(
            tmp_path,
            inventory,
            aws.environment | aws.credentials("5" * 12),
            {"cloudtrail_kms_bucket_assume_role": owner},
        )
        single = slices.audited_at_once()
        joined = slices.joined(slices.audited_in(2))
    assert single["summary"]["accounts"] == 6
    assert joined == single
