# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organizations as ansible-inventory shows them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.aws_baseline.cloudtrail.plugins.inventory import aws_accounts
from tests.fakeaws.client import FakeAws

WHOLE, PART = aws_accounts.EXAMPLES.split("---\n")
MEMBER = "222222222222"


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("organization") as aws:
        yield aws


def listed(
    aws: FakeAws, folder: Path, configuration: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ansible-inventory on a configuration file; all that cannot be read is an error."""
    path = folder / "organization.aws_accounts.yml"
    path.write_text(configuration.replace("/var/cache", str(folder)), encoding="utf-8")
    return subprocess.run(
        ["ansible-inventory", "--inventory", str(path), "--list", "--export"],
        env=aws.environment | {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"} | dict(more or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def inventory(aws: FakeAws, folder: Path, configuration: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    shown = listed(aws, folder, configuration, more)
    assert shown.returncode == 0, shown.stderr
    content: dict[str, Any] = json.loads(shown.stdout)
    return content


def test_the_first_example_lists_all_accounts(fake_aws: FakeAws, tmp_path: Path) -> None:
    shown = inventory(fake_aws, tmp_path, WHOLE)
    # The management account comes last.
    assert shown["aws_accounts"]["hosts"] == [digit * 12 for digit in "23451"]
    assert shown["_meta"]["hostvars"][MEMBER]["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"


def test_the_second_example_selects_groups_and_caches(fake_aws: FakeAws, tmp_path: Path) -> None:
    first = inventory(fake_aws, tmp_path, PART)
    assert [first[group]["hosts"] for group in ("aws_accounts", "environment_production", "web")] == [[MEMBER]] * 3
    fake_aws.clear_calls()
    assert inventory(fake_aws, tmp_path, PART) == first
    assert fake_aws.calls() == []


def test_a_secret_from_a_vault_reaches_the_hosts_and_no_cache(fake_aws: FakeAws, tmp_path: Path) -> None:
    locked = VaultLib([("default", VaultSecret(b"sesame"))]).encrypt("audit-2026").decode()
    (tmp_path / "password").write_text("sesame", encoding="utf-8")
    secret = "external_id: !vault |\n" + "".join(f"  {line}\n" for line in locked.splitlines())
    # Since ansible-core 2.22 a secret is masked in all output, so its digest tells that it is there.
    digest = "compose:\n  digest: cloudtrail_kms_assume_role.external_id | hash('sha256')\n"
    configuration = PART.replace("external_id: audit-2026\n", secret).replace("compose:\n", digest)
    opened = {"ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "password")}
    variables = inventory(fake_aws, tmp_path, configuration, opened)["_meta"]["hostvars"][MEMBER]
    assert hashlib.sha256(b"audit-2026").hexdigest() in json.dumps(variables["digest"])
    (kept,) = (tmp_path / "aws_accounts").iterdir()
    assert MEMBER in kept.read_text(encoding="utf-8")
    assert "audit-2026" not in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("scenario", "option", "message"),
    [
        ("healthy", "", "is in no organization: ListAccounts answered AWSOrganizationsNotInUseException"),
        ("organization", "states: [DORMANT]", "DORMANT"),
        ("organization", "ou: [/Workloads]", "unknown option ou; did you mean ous"),
    ],
)
def test_what_goes_wrong_is_told(scenario: str, option: str, message: str, fake_aws: FakeAws, tmp_path: Path) -> None:
    fake_aws.reset(scenario)
    shown = listed(fake_aws, tmp_path, f"plugin: {aws_accounts.InventoryModule.NAME}\n{option}\n")
    assert shown.returncode != 0
    assert message in " ".join(shown.stderr.split())
