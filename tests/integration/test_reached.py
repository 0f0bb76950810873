# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that Ansible leaves out of an enforcement are not written; tests/unit/action has each way to leave them out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests import PATIENCE
from tests.fakeaws.client import FakeAws

PRODUCTION, STAGING, SANDBOX, ARCHIVE = (digit * 12 for digit in "1234")
INCLUDE = {"include_role": {"name": "aws_baseline.cloudtrail.cloudtrail_kms"}}
# In turn: one of three hosts, the first of them left out; two, one of them rescued; each with a key of its own.
PLAYS: list[dict[str, Any]] = [
    {"tasks": [{"import_role": INCLUDE["include_role"], "when": "last"}]},
    {
        "tasks": [
            {
                "block": [{"fail": {"msg": "before"}, "when": "mine != ['alias/1']"}, INCLUDE],
                "rescue": [{"debug": {"msg": "rescued"}}],
            }
        ]
    },
    {"tasks": [{**INCLUDE, "loop": "{{ mine }}", "vars": {"cloudtrail_kms_key": {"alias": "{{ item }}"}}}]},
]


def role(account: str, name: str) -> dict[str, str]:
    return {"role_arn": f"arn:aws:iam::{account}:role/CloudTrailKms{name}", "external_id": "audit-2026"}


def test_only_the_hosts_that_reach_an_enforcement_are_written(tmp_path: Path) -> None:
    hosts = {
        account: {
            "cloudtrail_kms_assume_role": role(account, "Enforce"),
            "mine": [f"alias/{account[0]}"],
            "last": account == SANDBOX,
        }
        for account in (PRODUCTION, STAGING, SANDBOX)
    }
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cloudtrail_kms_mode": "enforce",
        "cloudtrail_kms_bucket_assume_role": role(ARCHIVE, "Audit"),
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    plays = [{"hosts": "all", "gather_facts": False, **play} for play in PLAYS]
    (tmp_path / "play.yml").write_text(json.dumps(plays), encoding="utf-8")
    with FakeAws.start("central-key") as aws:
        played = subprocess.run(
            ["ansible-playbook", "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")],
            env=aws.environment | aws.credentials("5" * 12),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        calls = aws.calls()
    made = [(call["account"], call["parameters"]["AliasName"]) for call in calls if call["action"] == "CreateAlias"]
    default = "alias/aws-baseline-cloudtrail"
    assert made == [(SANDBOX, default), (PRODUCTION, default), (STAGING, "alias/2")], played.stdout
    assert played.returncode == 0, played.stdout
