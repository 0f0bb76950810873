# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each host of one run has the options that Ansible would give this task on that host, whatever level sets them."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any, NamedTuple

import pytest
import yaml

ONE, TWO = "1" * 12, "2" * 12

# The action, with a module that notes what it is asked under the name of the play.
ASKED = """
import json
from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_run
class ActionModule(cloudtrail_kms_run.ActionModule):
    def _execute_module(self, module, options, task_vars):
        with open(task_vars["notes"], "a") as file:
            file.write(json.dumps([task_vars["level"], options]) + "\\n")
        return {"failed": True, "msg": "noted"}
"""
MARKING: dict[str, Any] = {
    "aws_baseline.cloudtrail.cloudtrail_kms_host": {"variables": "cloudtrail_kms_"},
    "register": "marked",
}
ASKING: dict[str, Any] = {
    "asked": {"variables": "cloudtrail_kms_", "hosts": "marked"},
    "run_once": True,
    "ignore_errors": True,
}
TASKS = [MARKING, ASKING]


def wanted(level: str) -> dict[str, Any]:
    """A variable of the role that says something else on each host, and at which level it was set."""
    return {"cloudtrail_kms_trails": [f"{level}-{{{{ mine }}}}"]}


def each(**keywords: Any) -> list[dict[str, Any]]:
    """Both tasks with keywords of their own."""
    return [{**task, **keywords} for task in TASKS]


def include(tasks: str = "main", **keywords: Any) -> dict[str, Any]:
    return {"ansible.builtin.include_role": {"name": "asking", "tasks_from": tasks}, **keywords}


# Each level that sets the variable, as the keywords of a play.
LEVELS: dict[str, dict[str, Any]] = {
    "group": {"tasks": TASKS},
    "play": {"vars": wanted("play"), "tasks": TASKS},
    "vars_files": {"vars_files": ["vars_files.yml"], "tasks": TASKS},
    "role_vars": {"roles": [{"role": "with_vars"}]},
    "role_params": {"roles": [{"role": "with_vars", **wanted("role_params")}]},
    "block": {"tasks": [{"block": TASKS, "vars": wanted("block")}]},
    "task": {"tasks": [{"block": each(vars=wanted("task")), "vars": wanted("block")}]},
    "import_role": {"tasks": [{"ansible.builtin.import_role": {"name": "asking"}, "vars": wanted("import_role")}]},
    "include_role": {"tasks": [include(vars=wanted("include_role"))]},
    "include_tasks": {"tasks": [{"ansible.builtin.include_tasks": "asking.yml", "vars": wanted("include_tasks")}]},
    "loop": {"tasks": [include(vars=wanted("{{ item }}"), loop=["loop"])]},
    "include_vars": {"tasks": [{"ansible.builtin.include_vars": "{{ mine }}.yml"}, *TASKS]},
    "set_fact": {"tasks": [{"ansible.builtin.set_fact": wanted("set_fact")}, *TASKS]},
}
PROFILE = {"AWS_PROFILE": "{{ mine }}"}
DEFAULTS = {"group/aws_baseline.cloudtrail.cloudtrail": {"profile": "{{ mine }}"}}
# What belongs to the run, and says something else on each host.
REFUSED: dict[str, dict[str, Any]] = {
    "environment of the play": {"environment": PROFILE, "tasks": TASKS},
    "environment of the task": {"tasks": each(environment=PROFILE)},
    "profile of the block": {"tasks": [{"block": TASKS, "module_defaults": DEFAULTS}]},
    "profile of the task": {"tasks": each(module_defaults=DEFAULTS)},
    "cloudtrail_kms_report_prefix": {"vars": {"cloudtrail_kms_report_prefix": "{{ mine }}"}, "tasks": TASKS},
    "check_mode of the block": {"tasks": [{"block": TASKS, "check_mode": "{{ mine == 'two' }}"}]},
    "no_log": {"tasks": [{"block": TASKS, "no_log": "{{ mine == 'two' }}"}]},
    "become": {"tasks": [{"block": TASKS, "become": "{{ mine == 'two' }}", "become_user": "nobody"}]},
    "delegate_to": {"tasks": [{"block": TASKS, "delegate_to": "{{ 'localhost' if mine == 'one' else 'elsewhere' }}"}]},
}
# What the run has and the task before it has not: of other hosts nobody has asked what it comes to.
APART: dict[str, dict[str, Any]] = {
    "environment": {"tasks": [MARKING, {**ASKING, "environment": PROFILE}]},
    "profile": {"tasks": [MARKING, {**ASKING, "module_defaults": {"asked": {"profile": "{{ mine }}"}}}]},
    "readers": {"tasks": [MARKING, {**ASKING, "vars": {"cloudtrail_kms_readers": ["{{ mine }}"]}}]},
    "check_mode": {"tasks": [{**MARKING, "check_mode": True}, ASKING]},
}


class Played(NamedTuple):
    """What a run of ansible-playbook printed, and what the module was asked in each of its plays."""

    printed: str
    asked: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All levels in one run of ansible-playbook."""
    folder = tmp_path_factory.mktemp("precedence")
    hosts = {
        account: {
            "mine": name,
            "cloudtrail_kms_account": {"id": account},
            "cloudtrail_kms_assume_role": {"role_arn": f"arn:aws:iam::{account}:role/Audit"},
            **others,
        }
        for account, name, others in ((ONE, "one", {}), (TWO, "two", {"cloudtrail_kms_regions": ["eu-west-1"]}))
    }
    common = {"notes": str(folder / "notes"), "ansible_connection": "local", **wanted("group")}
    files = {
        "hosts.yml": {"aws_accounts": {"hosts": hosts, "vars": common}},
        "vars_files.yml": wanted("vars_files"),
        "asking.yml": TASKS,
        "one.yml": wanted("include_vars"),
        "two.yml": wanted("include_vars"),
        "roles/asking/tasks/main.yml": TASKS,
        "roles/with_vars/tasks/main.yml": TASKS,
        "roles/with_vars/vars/main.yml": wanted("role_vars"),
        "roles/asking/defaults/main.yml": {"cloudtrail_kms_approved_keys": ["alias/{{ mine }}"]},
        "play.yml": [
            {
                "hosts": "all",
                "gather_facts": False,
                "name": level,
                **keywords,
                "vars": {"level": level, **keywords.get("vars", {})},
            }
            for level, keywords in {**LEVELS, **REFUSED, **APART}.items()
        ],
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins" / "asked.py").write_text(ASKED, encoding="utf-8")
    command = ["ansible-playbook", "-i", "hosts.yml", "play.yml", "-e", "cloudtrail_kms_rules={'key_is_usable':'off'}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (folder / "notes").exists(), done.stdout + done.stderr
    notes = [json.loads(line) for line in (folder / "notes").read_text(encoding="utf-8").splitlines()]
    assert [level for level, _options in notes] == list(LEVELS), done.stdout + done.stderr
    return Played(done.stdout, dict(notes))


@pytest.mark.parametrize("level", LEVELS)
def test_each_host_has_what_its_level_gives_it(played: Played, level: str) -> None:
    found = played.asked[level]
    assert found["accounts"] == [ONE, TWO]
    assert found["trails"] == [f"{level}-one"]
    assert found["rules"] == {"key_is_usable": "off"}
    (own,) = found["account_options"]
    assert (own["accounts"], own["trails"], own["regions"]) == ([TWO], [f"{level}-two"], ["eu-west-1"])
    if level in ("import_role", "include_role", "loop"):
        assert (found["approved_keys"], own["approved_keys"]) == (["alias/one"], ["alias/two"])


def test_what_belongs_to_the_run_is_refused_by_name(played: Played) -> None:
    refused = re.findall(r"and (\w+) belongs to the run, but it differs between the hosts 1+ and 2+", played.printed)
    assert refused[::2] == [name.split()[0] for name in REFUSED]


def test_so_is_what_the_run_has_and_the_hosts_have_not(played: Played) -> None:
    refused = re.findall(r"The host 1+ has another (\w+) in the task of cloudtrail_kms_run than", played.printed)
    assert refused[::2] == [name.split()[0] for name in APART]
