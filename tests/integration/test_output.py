# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table is shown where people read the output of ansible-playbook, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from tests.unit.checks.build import snapshot


def play(folder: Path, *tasks: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
    """Join a report, which asks nothing of AWS, by each of the tasks."""
    report = folder / "report.json"
    report.write_text(json.dumps(facts([assess(snapshot(), Settings())])), encoding="utf-8")
    join = {"aws_baseline.cloudtrail.cloudtrail_kms_run": {"mode": "join", "audits": [str(report)]}}
    playbook = folder / "play.yml"
    played = [{"hosts": "localhost", "gather_facts": False, "tasks": [{**join, **task} for task in tasks]}]
    playbook.write_text(yaml.safe_dump(played), encoding="utf-8")
    return subprocess.run(
        ["ansible-playbook", str(playbook)],
        env=os.environ | {"ANSIBLE_INVENTORY": os.devnull} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_a_program_reads_json_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    printed = play(tmp_path, {}, ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", ANSIBLE_LOG_PATH=str(log)).stdout
    (task,) = json.loads(printed)["plays"][0]["tasks"]
    assert task["hosts"]["localhost"]["summary"]["accounts"] == 1


def test_no_log_keeps_the_table_out_of_output_and_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    printed = play(tmp_path, {}, {"no_log": True}, ANSIBLE_LOG_PATH=str(log)).stdout
    assert printed.count("CloudTrail KMS audit of") == 1
    assert log.read_text(encoding="utf-8").count("CloudTrail KMS audit of") == 1
