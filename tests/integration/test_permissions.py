# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that docs/permissions.md gives make the roles that it says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakeaws.client import FakeAws
from tests.integration.test_aws_cli import cli
from tests.integration.test_examples import ROOT, blocks

STACK_SET, ONE_ACCOUNT, _TESTS = blocks("console", "docs/permissions.md")


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


def typed(block: str, aws: FakeAws, folder: Path) -> None:
    """Let a shell run what a block shows after its prompts."""
    (folder / "docs").symlink_to(ROOT / "docs")
    commands = block.removeprefix("$ ").replace("\n$ ", "\n")
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=folder, env=aws.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_role_of_one_account(fake_aws: FakeAws, tmp_path: Path) -> None:
    typed(ONE_ACCOUNT, fake_aws, tmp_path)
    role = ("--role-name", "CloudTrailKmsAudit")
    granted = cli(fake_aws, "iam", "get-role-policy", *role, "--policy-name", "CloudTrailKmsAudit")["PolicyDocument"]
    assert granted == json.loads((ROOT / "docs" / "permissions" / "audit.json").read_text(encoding="utf-8"))


def test_stack_set(fake_aws: FakeAws, tmp_path: Path) -> None:
    # The stack set alone: its instances need the organization's units, which moto lacks.
    typed(STACK_SET.partition("\n$ ")[0], fake_aws, tmp_path)
    name = ("--stack-set-name", "cloudtrail-kms-roles")
    made = cli(fake_aws, "cloudformation", "describe-stack-set", *name)["StackSet"]
    assert {row["ParameterKey"]: row["ParameterValue"] for row in made["Parameters"]} == {
        "TrustedPrincipal": "arn:aws:iam::555555555555:role/Automation",
        "ExternalId": "audit-2026",
    }
