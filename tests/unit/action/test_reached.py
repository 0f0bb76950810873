# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run is about the hosts that Ansible lets reach it, each with its own values, and each of them is judged."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ONE, TWO = "1" * 12, "2" * 12

# The action, with a module that notes the accounts it is asked for. That of TWO fails, whatever is done.
ASKED = """
import json
from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_run
from tests.unit.action.audits import account, audit, reason
class ActionModule(cloudtrail_kms_run.ActionModule):
    def _execute_module(self, module, options, task_vars):
        with open(task_vars["notes"], "a") as file:
            file.write(json.dumps([task_vars["case"], options]) + "\\n")
        if task_vars["case"] == "failing_handlers":
            return {"failed": True, "msg": "Failed."}
        verdicts = {each: "non_compliant" if each[0] == "2" else "compliant" for each in options["accounts"]}
        rows = [account(verdict, account_id=each) for each, verdict in verdicts.items()]
        if module.endswith("facts"):
            return {"changed": False, "ansible_facts": {"cloudtrail_kms": audit(*rows)}}
        failed = [reason("Failed.", account_id=each) for each in options["accounts"] if each[0] == "2"]
        return {"changed": False, "before": audit(*rows), "after": None, "changes": [], "diff": [], "refusals": [],
                "errors": failed, "backup": None, "deliveries": {}}
"""
ROLE = {"name": "under_test"}
ENFORCE = {"cloudtrail_kms_mode": "enforce"}
OWN = {"cloudtrail_kms_key": {"alias": "{{ item }}"}, **ENFORCE}
# Tasks of one's own, which a handler begins more than once.
HANDLERS: list[dict[str, Any]] = [
    {"aws_baseline.cloudtrail.cloudtrail_kms_host": {"variables": "cloudtrail_kms_"}, "register": "h", "listen": "run"},
    {"asked": {"variables": "cloudtrail_kms_", "hosts": "h"}, "register": "r", "listen": "run", "run_once": True},
]
# Each way in which Ansible leaves hosts out, or gives them values, as the keywords of a play.
CASES: dict[str, dict[str, Any]] = {
    "include_role": {"tasks": [{"include_role": ROLE, "when": "wanted", "vars": ENFORCE}]},
    "import_role": {"tasks": [{"import_role": ROLE, "when": "wanted", "vars": ENFORCE}]},
    "first": {"tasks": [{"import_role": ROLE, "when": "not first", "vars": ENFORCE}]},
    "roles": {"roles": [{"role": "under_test", "when": "wanted", **ENFORCE}]},
    "rescue": {
        "tasks": [
            {
                "block": [
                    {"fail": {"msg": "before"}, "when": "not wanted", "ignore_errors": False},
                    {"include_role": ROLE, "vars": ENFORCE},
                ],
                "rescue": [{"debug": {"msg": "rescued"}}],
            }
        ]
    },
    "restore": {
        "tasks": [
            {
                "include_role": {**ROLE, "tasks_from": "restore"},
                "vars": {"cloudtrail_kms_restore": ["/backup.json"]},
                "when": "wanted",
            }
        ]
    },
    "audit": {"tasks": [{"import_role": {**ROLE, "tasks_from": "audit"}, "when": "wanted"}]},
    "loop": {"tasks": [{"include_role": ROLE, "loop": "{{ mine }}", "vars": OWN}]},
    "include_tasks": {"tasks": [{"include_tasks": "one.yml", "loop": "{{ mine }}"}]},
    "run_once": {"tasks": [{"import_role": ROLE, "run_once": True, "vars": ENFORCE}]},
    "twice": {
        "tasks": [
            {"include_role": ROLE, "when": "first", "vars": ENFORCE},
            {"include_role": ROLE, "when": "not first", "vars": ENFORCE},
        ]
    },
    "undefined": {"tasks": [{"include_role": ROLE, "vars": {"cloudtrail_kms_trails": "{{ trails }}"}}]},
    "wrong": {"tasks": [{"include_role": ROLE, "vars": {"cloudtrail_kms_regions": ["{{ region }}"]}}]},
    # By ignore_errors one that could not be marked goes on, and is the first: the others have their run all the same.
    "wrong_first": {
        "order": "reverse_inventory",
        "tasks": [{"import_role": ROLE, "vars": {"cloudtrail_kms_regions": ["{{ region }}"], **ENFORCE}}],
    },
    "failing_handlers": {
        "handlers": [HANDLERS[0], {**HANDLERS[1], "ignore_errors": True}],
        "tasks": [
            {"command": "true", "notify": "run"},
            {"meta": "flush_handlers"},
            {"command": "true", "notify": "run", "when": "first"},
        ],
    },
    "handlers": {
        "handlers": HANDLERS,
        "tasks": [
            {"command": "true", "notify": "run"},
            {"meta": "flush_handlers"},
            {"command": "true", "notify": "run", "when": "first"},
        ],
    },
}
# The accounts of each run of a case.
ABOUT: dict[str, list[list[str]]] = {
    **{case: [[ONE]] for case in ("include_role", "import_role", "roles", "rescue", "restore", "audit")},
    "first": [[TWO]],
    **{case: [[ONE], [TWO]] for case in ("loop", "include_tasks")},
    "run_once": [[ONE, TWO]],
    "twice": [[ONE], [TWO]],
    **{case: [[ONE]] for case in ("undefined", "wrong", "wrong_first")},
    "failing_handlers": [[ONE, TWO], [ONE]],
    "handlers": [[ONE, TWO], [ONE]],
}


class Played:
    """What a run of ansible-playbook printed, and what the module was asked, by case."""

    def __init__(self, printed: str, notes: list[tuple[str, dict[str, Any]]]) -> None:
        self.notes = notes
        self.printed = dict(re.findall(r"^PLAY \[(\w+)\](.*?)(?=^PLAY )", printed, re.M | re.S))

    def asked(self, case: str) -> list[dict[str, Any]]:
        return [options for of_case, options in self.notes if of_case == case]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All cases in one run of ansible-playbook, by the tasks of the role, with the action above in place of its own."""
    folder = tmp_path_factory.mktemp("reached")
    role = folder / "roles" / "under_test"
    shutil.copytree(ROOT / "roles" / "cloudtrail_kms" / "tasks", role / "tasks")
    for path in role.glob("tasks/*.yml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("aws_baseline.cloudtrail.cloudtrail_kms_run:", "asked:"), encoding="utf-8")
    hosts: dict[str, dict[str, Any]] = {
        account: {
            "mine": [f"alias/{account[0]}"],
            "first": account == ONE,
            "wanted": account != TWO,
            "region": "nowhere!" if account == TWO else "eu-central-1",
            "cloudtrail_kms_account": {"id": account},
            "cloudtrail_kms_assume_role": {"role_arn": f"arn:aws:iam::{account}:role/Enforce"},
            **({} if account == TWO else {"trails": ["main"]}),
        }
        for account in (ONE, TWO)
    }
    common = {"notes": str(folder / "notes"), "ansible_connection": "local"}
    files = {
        "hosts.yml": {"all": {"hosts": hosts, "vars": common}},
        "one.yml": [{"import_role": ROLE, "vars": OWN}],
        "play.yml": [
            {"hosts": "all", "gather_facts": False, "ignore_errors": True, "name": case, **play, "vars": {"case": case}}
            for case, play in CASES.items()
        ],
    }
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins" / "asked.py").write_text(ASKED, encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", "hosts.yml", "play.yml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (folder / "notes").exists(), done.stdout
    notes = [tuple(json.loads(line)) for line in (folder / "notes").read_text(encoding="utf-8").splitlines()]
    return Played(done.stdout, notes)


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_about_the_hosts_that_reach_it(played: Played, case: str) -> None:
    # Which item of a loop is included first, Ansible decides by the host that is done first.
    asked = sorted(options["accounts"] for options in played.asked(case))
    assert asked == sorted(ABOUT[case]), played.printed.get(case)


@pytest.mark.parametrize("case", ["loop", "include_tasks"])
def test_each_host_has_its_own_item(played: Played, case: str) -> None:
    keys = {options["accounts"][0]: options["key"] for options in played.asked(case)}
    assert keys == {account: {"alias": f"alias/{account[0]}"} for account in (ONE, TWO)}


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"handlers", "failing_handlers"}))
def test_each_of_them_is_judged(played: Played, case: str) -> None:
    """What fails in an account that a run is about is red, and of one that it is not about nothing is told."""
    judged = re.findall(r"^TASK \[[^\n]*Judge\](.*?)^(?=TASK|PLAY|\Z)", played.printed[case], re.M | re.S)
    results = {host: how for how, host in re.findall(r"^(ok|fatal|skipping): \[(\d+)\]", "".join(judged), re.M)}
    about = {account for accounts in ABOUT[case] for account in accounts}
    expected = {account: "fatal" if account == TWO else "ok" for account in about}
    if case in ("undefined", "wrong", "wrong_first"):
        expected[TWO] = "fatal"
    assert {host: how for host, how in results.items() if how != "skipping"} == expected
