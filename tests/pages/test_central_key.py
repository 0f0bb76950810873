# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many accounts, one key: the playbook over an inventory of accounts writes its policy once, before any trail moves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakeaws.client import FakeAws
from tests.pages.typed import Page, typed

PAGE = Page("landing-zones.md", "One central key")
HOME = "eu-central-1"
LOG_ARCHIVE, SECURITY = "444444444444", "555555555555"
TWENTY = [f"{100_000_000_000 + number}" for number in range(20)]


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("central-key") as aws:
        yield aws


def scenario() -> dict[str, Any]:
    """Twenty accounts with a trail each and no key, their logs in one bucket."""
    names = {account: f"account-{number}" for number, account in enumerate(TWENTY)}
    accounts = [{"id": account, "name": name, "regions": [HOME]} for account, name in names.items()]
    return {
        "description": "Twenty accounts without keys.",
        "accounts": [*accounts, {"id": LOG_ARCHIVE, "name": "log-archive"}, {"id": SECURITY, "name": "security"}],
        "roles": {
            "CloudTrailKmsEnforce": {"accounts": [*names.values(), "security"], "external_id": "audit-2026"},
            "CloudTrailKmsAudit": {"accounts": ["log-archive"], "external_id": "audit-2026"},
        },
        "buckets": {"central-logs": {"account": "log-archive"}},
        "trails": {f"{name}-trail": {"account": name, "bucket": "central-logs"} for name in names.values()},
    }


def inventory(accounts: list[str], folder: Path) -> str:
    """The inventory of the page on landing zones, of these accounts and with backups; returns its path."""
    content = yaml.safe_load(PAGE.files["accounts.yml"])
    content["all"]["hosts"] = dict.fromkeys(accounts)
    content["all"]["vars"]["cloudtrail_kms_backup_path"] = str(folder / "backup.json")
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def enforce(aws: FakeAws, hosts: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook over all hosts of an inventory; returns what came of it."""
    command = ["ansible-playbook", "aws_baseline.cloudtrail.enforce", "-i", hosts, "-e", "cloudtrail_kms_hosts=all"]
    environment = {**aws.environment, "ANSIBLE_FORKS": "20"}
    return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)


def writes(aws: FakeAws) -> list[str]:
    """The writes that were done since the log was emptied, in order."""
    return [call["action"] for call in aws.calls() if call["kind"] == "write" and call["result"] == "ok"]


def test_twenty_accounts_at_once_on_one_key(fake_aws: FakeAws, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yml"
    path.write_text(yaml.safe_dump(scenario()), encoding="utf-8")
    fake_aws.reset(str(path))
    hosts = inventory(TWENTY, tmp_path)
    done = enforce(fake_aws, hosts)
    assert done.returncode == 0, done.stdout + done.stderr
    assert writes(fake_aws) == ["CreateKey", "CreateAlias", "EnableKeyRotation", *["UpdateTrail"] * 20]
    assert "Changes to 20 accounts: 23 applied" in done.stdout
    (born,) = (json.loads(call["parameters"]["Policy"]) for call in fake_aws.calls() if call["action"] == "CreateKey")
    use = next(each for each in born["Statement"] if each["Sid"] == "AwsBaselineCloudTrailUse")
    assert [len(arns) for condition in use["Condition"].values() for arns in condition.values()] == [20, 20]
    (backup,) = tmp_path.glob("backup.json*")
    held = [part["account_id"] for part in json.loads(backup.read_text(encoding="utf-8"))["accounts"]]
    assert sorted(held) == [*TWENTY, SECURITY]

    fake_aws.clear_calls()
    again = enforce(fake_aws, hosts, "--limit", ",".join(TWENTY[:2]))
    assert (again.returncode, writes(fake_aws)) == (0, []), again.stdout


def test_where_the_key_cannot_be_changed_no_account_goes_on(fake_aws: FakeAws, tmp_path: Path) -> None:
    fake_aws.reset("central-key")
    fake_aws.add_fault("kms:CreateKey", code="AccessDeniedException", status=400, message="No.")
    hosts = inventory(["111111111111", "222222222222", "333333333333"], tmp_path)
    failed = enforce(fake_aws, hosts)
    assert (failed.returncode, writes(fake_aws)) == (2, []), failed.stdout
    printed = " ".join(failed.stdout.split())
    assert "CreateKey of arn:aws:kms:eu-central-1:555555555555:key/to-be-created in eu-central-1 failed" in printed

    planned = enforce(fake_aws, hosts, "--check")
    assert (planned.returncode, writes(fake_aws)) == (0, [])
    (shown,) = PAGE.shown
    assert shown in planned.stdout


def test_the_page_on_provisioning_plans_for_many_accounts(fake_aws: FakeAws, tmp_path: Path) -> None:
    fake_aws.reset("central-key")
    page = Page("provision.md", "Many accounts")
    page.copy(tmp_path)
    (command,) = page.commands
    planned = typed(fake_aws, f"{command} --check -e cloudtrail_kms_fail_on=never", tmp_path)
    assert planned.code == 0, planned.printed
    assert planned.printed.count("7 planned") == 2
