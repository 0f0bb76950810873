# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that docs/permissions.md gives make the roles that it says, and a new account is provisioned by one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.aws_cli import AwsCli
from tests.fakeaws.client import FakeAws
from tests.page import ROOT, blocks
from tools.permissions import BUCKET_ACTIONS, BUCKET_LOOKS

STACK_SET, ONE_ACCOUNT = blocks("console", "docs/permissions.md")


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


@pytest.fixture(scope="module")
def ask(fake_aws: FakeAws) -> Iterator[Callable[..., dict[str, Any]]]:
    """What the AWS CLI answers in the scenario's region."""
    with AwsCli() as cli:
        yield partial(cli, fake_aws, fake_aws.scenario["account"], fake_aws.scenario["region"])


def typed(block: str, aws: FakeAws, folder: Path) -> None:
    """Let a shell run what a block shows after its prompts."""
    (folder / "docs").symlink_to(ROOT / "docs")
    commands = block.removeprefix("$ ").replace("\n$ ", "\n")
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=folder, env=aws.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_role_of_one_account(fake_aws: FakeAws, tmp_path: Path, ask: Callable[..., dict[str, Any]]) -> None:
    typed(ONE_ACCOUNT, fake_aws, tmp_path)
    role = ("--role-name", "CloudTrailKmsAudit")
    granted = ask("iam", "get-role-policy", *role, "--policy-name", "CloudTrailKmsAudit")["PolicyDocument"]
    assert granted == json.loads((ROOT / "docs" / "permissions" / "audit.json").read_text(encoding="utf-8"))


def test_stack_set(fake_aws: FakeAws, tmp_path: Path, ask: Callable[..., dict[str, Any]]) -> None:
    # The stack set alone: its instances need the organization's units, which moto lacks.
    typed(STACK_SET.partition("\n$ ")[0], fake_aws, tmp_path)
    name = ("--stack-set-name", "cloudtrail-kms-roles")
    made = ask("cloudformation", "describe-stack-set", *name)["StackSet"]
    assert {row["ParameterKey"]: row["ParameterValue"] for row in made["Parameters"]} == {
        "TrustedPrincipal": "arn:aws:iam::555555555555:role/Automation",
        "ExternalId": "audit-2026",
    }


def test_new_account_is_provisioned_under_the_policy(fake_aws: FakeAws, tmp_path: Path) -> None:
    """With the bucket, which amazon.aws's module makes and looks at."""
    policy = json.loads((ROOT / "docs" / "permissions" / "provision.json").read_text(encoding="utf-8"))
    spec = yaml.safe_load((ROOT / "tests" / "fakeaws" / "scenarios" / "no-trails.yml").read_text(encoding="utf-8"))
    spec["roles"] = {"Vending": {"external_id": "vending-2026", "policy": policy}}
    scenario = tmp_path / "no-trails.yml"
    scenario.write_text(yaml.safe_dump(spec), encoding="utf-8")
    fake_aws.reset(str(scenario))
    variables = {
        "cloudtrail_kms_assume_role": {
            "role_arn": "arn:aws:iam::111111111111:role/Vending",
            "external_id": "vending-2026",
        },
        "cloudtrail_kms_create_trail": {"name": "main", "bucket_name": "logs-111111111111", "tags": {"team": "a"}},
        "cloudtrail_kms_bucket": {"tags": {"team": "a"}, "object_lock": {"mode": "GOVERNANCE", "days": 1}},
    }
    command = ["ansible-playbook", "aws_baseline.cloudtrail.provision_account", "--extra-vars", json.dumps(variables)]
    done = subprocess.run(command, env=fake_aws.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    calls = [call for call in fake_aws.calls() if call["service"] == "s3"]
    denied = {call["iam_action"] for call in calls if "Denied" in call["result"]}
    of_amazon_aws_11 = {"s3:GetBucketLogging"}
    assert denied | of_amazon_aws_11 == {*BUCKET_LOOKS}
    # What is left is for a bucket without Object Lock, which versions it, and for one with a lifecycle.
    rest = {"s3:PutBucketVersioning", "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"}
    assert {*BUCKET_ACTIONS} - {call["iam_action"] for call in calls} == rest
