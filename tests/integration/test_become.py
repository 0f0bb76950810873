# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules that run as another user than ansible-playbook, who cannot enter the directory of its passing files."""

from __future__ import annotations

import getpass
import json
import subprocess
from pathlib import Path

import yaml

from tests import PATIENCE
from tests.fakeaws.client import FakeAws
from tests.unit.fakeaws.lab import Lab

# Another user needs root, and an interpreter that every user may run. Here the directory of who runs ansible-playbook,
# whoever that is, is closed for as long as a module runs. Root heeds no mode: what lets it pass is taken away.
STRANGER = """
import os, shlex
from ansible import constants
from ansible.plugins.become import BecomeBase

DOCUMENTATION = '''
name: stranger
short_description: A user who cannot enter the directory of who runs ansible-playbook
description: For the tests.
author: Contributors to the aws_baseline.cloudtrail project
options:
  become_user:
    description: Who it is said to be.
    vars: [name: ansible_become_user]
  become_pass:
    description: Not asked for.
'''

class BecomeModule(BecomeBase):
    name = "stranger"

    def build_become_command(self, cmd, shell):
        super().build_become_command(cmd, shell)
        folder = shlex.quote(constants.DEFAULT_LOCAL_TMP)
        without = "" if os.geteuid() else "setpriv --bounding-set=-dac_override,-dac_read_search "
        alone = without + self._build_success_command(cmd, shell)
        return f"chmod a-rwx {folder}; {alone}; code=$?; chmod u+rwx {folder}; exit $code"
"""
AUDIT = "aws_baseline.cloudtrail.audit"
CALLER, *MEMBERS = "555555555555", "111111111111", "444444444444"


def test_another_user_sweeps_accounts_and_puts_the_reports_into_the_bucket(tmp_path: Path) -> None:
    """Neither telling how far it is, nor a report on its way, lies where that user can read or write it."""
    arns = {each: f"arn:aws:iam::{each}:role/CloudTrailKmsAudit" for each in MEMBERS}
    role = {each: {"role_arn": arn, "external_id": "audit-2026"} for each, arn in arns.items()}
    hosts = {each: {"cloudtrail_kms_assume_role": role[each]} for each in MEMBERS}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    (tmp_path / "stranger.py").write_text(STRANGER, encoding="utf-8")
    variables = {
        # As the user who is there: files that change hands are for Ansible's own tests.
        "ansible_user": getpass.getuser(),
        "ansible_become_user": getpass.getuser(),
        "ansible_become": True,
        "ansible_become_method": "stranger",
        "cloudtrail_kms_hosts": "all",
        "cloudtrail_kms_reports": ["json"],
        "cloudtrail_kms_report_bucket": "audit-reports",
        "cloudtrail_kms_report_prefix": "here",
    }
    with FakeAws.start("landing-zone") as aws:
        Lab(aws, {}).client("s3", account=CALLER).create_bucket(
            Bucket="audit-reports", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        played = subprocess.run(
            ["ansible-playbook", "--inventory", str(inventory), AUDIT, "--extra-vars", json.dumps(variables)],
            env=aws.environment
            | aws.credentials(CALLER)
            | {"ANSIBLE_BECOME_PLUGINS": str(tmp_path), "ANSIBLE_BECOME_ALLOW_SAME_USER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert played.returncode == 0, played.stdout
        put = [call["parameters"] for call in aws.calls() if call["action"] == "PutObject"]
    assert [each["Key"] for each in put] == [f"here/{MEMBERS[0]}/cloudtrail-kms.json"]
    assert "2 compliant" in played.stdout
