# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reports of a sliced job are joined from the bucket that its jobs put them into, and none may be missing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.awx.page import JOIN
from tests.fakeaws.client import FakeAws
from tests.page import typed

BUCKET = "audit-reports"
PREFIX = "cloudtrail-kms/4711"
SLICES = ("111111111111:333333333333:555555555555", "222222222222:444444444444:666666666666")


class Organization:
    """The accounts of a landing zone, seen from the one that audits them, and a bucket for the reports."""

    def __init__(self, aws: FakeAws, folder: Path) -> None:
        self.environment = aws.environment | aws.credentials("5" * 12)
        self.folder = folder
        plugin = {"plugin": "aws_baseline.cloudtrail.aws_accounts", "role_name": "CloudTrailKmsAudit"}
        self.inventory = folder / "production.aws_accounts.yml"
        self.inventory.write_text(yaml.safe_dump({**plugin, "external_id": "audit-2026"}), encoding="utf-8")
        self.aws("s3", "mb", f"s3://{BUCKET}")

    def aws(self, *arguments: str) -> str:
        command = ["aws", *arguments]
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    def play(self, playbook: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        given = json.dumps({"cloudtrail_kms_fail_on": "never", **variables})
        command = ["ansible-playbook", "--check", "--inventory", str(self.inventory), "-e", given]
        command.append(f"aws_baseline.cloudtrail.{playbook}")
        return subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )

    def join(self, prefix: str = PREFIX, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the command of the page, in check mode as AWX does."""
        assert JOIN.count(PREFIX) == 1
        reporting = ("cloudtrail_kms_reports=json", f"cloudtrail_kms_report_dir={self.folder}")
        arguments = [word for given in (*reporting, "cloudtrail_kms_fail_on=never", *more) for word in ("-e", given)]
        return typed(JOIN.replace(PREFIX, prefix), self.folder, self.environment, "--check", *arguments)


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organization]:
    with FakeAws.start("landing-zone") as aws:
        made = Organization(aws, tmp_path_factory.mktemp("join"))
        storing = {
            "cloudtrail_kms_reports": ["html", "json"],
            "cloudtrail_kms_report_bucket": BUCKET,
            "cloudtrail_kms_report_prefix": PREFIX,
        }
        for hosts in SLICES:
            audited = made.play("audit", cloudtrail_kms_hosts=hosts, **storing)
            assert audited.returncode == 0, audited.stdout
        yield made


def test_the_joined_report_holds_every_account(organization: Organization) -> None:
    joined = organization.join()
    assert joined.returncode == 0, joined.stdout
    report = json.loads((organization.folder / "cloudtrail-kms.json").read_text(encoding="utf-8"))
    assert [account["account_id"] for account in report["accounts"]] == [str(digit) * 12 for digit in range(1, 7)]


def test_a_prefix_without_reports_is_named(organization: Organization) -> None:
    joined = organization.join("cloudtrail-kms/471")
    assert joined.returncode == 2
    assert f"No JSON report lies in s3://{BUCKET}/cloudtrail-kms/471/." in joined.stdout


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ("most_bytes", f'The report "s3://{BUCKET}/{PREFIX}/111111111111/cloudtrail-kms.json" is not fetched: it has '),
        ("most_bytes_together", f"The 2 reports in s3://{BUCKET}/{PREFIX}/ are not fetched: together they have "),
    ],
)
def test_reports_that_would_fill_a_disk_are_not_fetched(organization: Organization, bound: str, words: str) -> None:
    joined = organization.join(PREFIX, f"__cloudtrail_kms_{bound}=1000")
    assert joined.returncode == 2
    assert words in " ".join(joined.stdout.replace("\\", "").split())
    assert "bytes, and may have 1000." in " ".join(joined.stdout.split())
    assert "Fetch the reports ***" not in joined.stdout


def test_a_slice_that_left_no_report_turns_the_join_red(organization: Organization) -> None:
    keys = organization.aws("s3", "ls", "--recursive", f"s3://{BUCKET}/").split()
    last = next(key for key in keys if key.endswith("cloudtrail-kms.json") and "/222222222222/" in key)
    organization.aws("s3", "rm", f"s3://{BUCKET}/{last}")
    joined = organization.join()
    assert joined.returncode == 2
    assert "in none of the reports: 222222222222, 444444444444, 666666666666." in " ".join(joined.stdout.split())
