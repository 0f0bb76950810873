# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-playbook prints and refuses before, or without, anything is asked of AWS."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from tests import PATIENCE
from tests.unit.checks.build import snapshot

JOIN, ROLE = "aws_baseline.cloudtrail.cloudtrail_kms_join", "aws_baseline.cloudtrail.cloudtrail_kms"


def report(folder: Path) -> str:
    """Write a report to join, which asks nothing of AWS; return its path."""
    path = folder / "report.json"
    path.write_text(json.dumps(facts([assess(snapshot(), Settings())])), encoding="utf-8")
    return str(path)


def run(folder: Path, *plays: dict[str, Any], inventory: str = os.devnull, **environment: str) -> str:
    """Run plays; return what they print."""
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"gather_facts": False, **each} for each in plays]), encoding="utf-8")
    return subprocess.run(
        ["ansible-playbook", "--inventory", inventory, str(playbook)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout


def join(folder: Path, **task: Any) -> dict[str, Any]:
    return {JOIN: {"audits": [report(folder)]}, **task}


# As small as the callbacks whose output programs read can be, since none comes with ansible-core.
CALLBACK = """
import json
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "jsonl"

    def v2_runner_on_ok(self, result):
        print(json.dumps({result._host.get_name(): result._result["summary"]}))
"""


def test_a_program_reads_json_alone(tmp_path: Path) -> None:
    (tmp_path / "jsonl.py").write_text(CALLBACK, encoding="utf-8")
    play = {"hosts": "localhost", "tasks": [join(tmp_path)]}
    environment = {"ANSIBLE_STDOUT_CALLBACK": "jsonl", "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path)}
    assert json.loads(run(tmp_path, play, **environment))["localhost"]["accounts"] == 1


def test_no_log_keeps_the_table_out_of_output_and_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    play = {"hosts": "localhost", "tasks": [join(tmp_path), join(tmp_path, no_log=True)]}
    printed = run(tmp_path, play, ANSIBLE_LOG_PATH=str(log))
    assert printed.count("CloudTrail KMS audit of") == 1
    assert log.read_text(encoding="utf-8").count("CloudTrail KMS audit of") == 1


def test_hosts_are_told_what_a_run_for_all_of_them_needs(tmp_path: Path) -> None:
    """Run once and delegated it is judged once; started by each host it is refused."""
    audit = {"import_role": {"name": ROLE, "tasks_from": "audit"}, "ignore_errors": True}
    role = {"role_arn": "arn:aws:iam::{{ inventory_hostname[-12:] }}:role/Audit"}
    hosts = {f"account-{digit * 12}": {"cloudtrail_kms_assume_role": role} for digit in "12"}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    once = {
        "import_role": {"name": ROLE, "tasks_from": "join"},
        "vars": {"cloudtrail_kms_audits": [report(tmp_path)]},
        "run_once": True,
        "delegate_to": "localhost",
    }
    printed = run(
        tmp_path,
        {"hosts": "all", "tasks": [once]},
        {"hosts": "all", "tasks": [audit], "strategy": "free"},
        inventory=str(inventory),
    )
    assert "msg" not in printed.partition("PLAY [all]")[2].partition("PLAY [all]")[0]
    assert printed.count("but the strategy free of the play starts it once for each. Take the strategy out") >= 2


def enforce(*extra_vars: str) -> str:
    """What the playbook prints that enforces, which fails before it asks anything of AWS."""
    played = subprocess.run(
        ["ansible-playbook", "aws_baseline.cloudtrail.enforce", *(f"--extra-vars={each}" for each in extra_vars)],
        env=os.environ | {"ANSIBLE_INVENTORY": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert played.returncode
    return " ".join(played.stdout.split())


def test_a_variable_that_nobody_knows_is_refused_and_one_that_is_null_is_not_set() -> None:
    """As of a survey that was not answered, and of somebody who wrote the role by its ARN."""
    unanswered = ("hosts", "serial", "max_fail_percentage", "wait", "trails", "fail_on", "mode")
    nothing = json.dumps({f"cloudtrail_kms_{name}": None for name in unanswered})
    printed = enforce(nothing, "cloudtrail_kms_assume_role_arn=arn:aws:iam::222222222222:role/Enforce")
    assert "Unknown variable cloudtrail_kms_assume_role_arn; did you mean cloudtrail_kms_assume_role or" in printed


@pytest.mark.parametrize("batches", ["ten", []])
def test_batches_of_another_form_are_refused_by_their_variable(batches: object) -> None:
    given = json.dumps({"cloudtrail_kms_serial": batches})
    assert "cloudtrail_kms_serial is a number of hosts, a percentage of them, or" in enforce(given)
