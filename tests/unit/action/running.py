# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the action as Ansible calls it, with a module that answers what a test says."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ansible_collections.aws_baseline.cloudtrail.plugins.action import (
    cloudtrail_kms_host,
    cloudtrail_kms_join,
    cloudtrail_kms_run,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._judgement import part_of
from tests.unit.action.audits import KEY, account, audit, finding, reason, trail

RED = audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable"))))
GREEN = audit(account("compliant", trail()))


def enforcement(*statuses: str, **fields: Any) -> dict[str, Any]:
    """An enforcement of RED that leads to GREEN by changes of these statuses."""
    changes = [
        {
            "account_id": "1" * 12,
            "operation": "UpdateTrail",
            "resource": RED["accounts"][0]["trails"][0]["arn"],
            "region": "us-east-1",
            "before": {"kms_key_arn": None},
            "after": {"kms_key_arn": KEY},
            "status": status,
        }
        for status in statuses
    ]
    diff = [{"before": "a", "after": "b"} for status in statuses if status in ("planned", "applied")]
    lists: dict[str, Any] = {"changes": changes, "diff": diff, "refusals": [], "errors": []}
    lists |= {"earlier_backups": [], "deliveries": {}}
    told = {"before": RED, "after": GREEN, **lists, **fields}
    # In short: what was refused or failed in the account.
    for name in ("refusals", "errors"):
        told[name] = [reason(each) if isinstance(each, str) else each for each in told[name]]
    return told


class HostVars(dict[str, Any]):
    """The variables of all hosts, as Ansible hands them to an action, with what gives them to a task on each host."""

    def __init__(self, hosts: dict[str, Any] | None = None) -> None:
        super().__init__(hosts or {})
        self._inventory = self._variable_manager = self
        self._subset: list[str] | None = None

    def get_host(self, host: str) -> str | None:
        return host if host in self else None

    def get_hosts(self, _pattern: str, **_others: Any) -> list[Any]:
        return [SimpleNamespace(name=host, vars=self[host]) for host in self]

    def get_vars(self, host: str, **_others: Any) -> dict[str, Any]:
        return {"inventory_hostname": host, **self[host]}


# A module's answer that no test could work with.
NEVER_ASKED: dict[str, Any] = {}


def facts_of(document: dict[str, Any]) -> dict[str, Any]:
    """What cloudtrail_kms_facts answers."""
    return {"changed": False, "ansible_facts": {"cloudtrail_kms": deepcopy(document)}, "invocation": {}}


def run(told: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """Run the action with a module that answers `told`, and with the little of a task that it looks at."""
    return run_and_ask(told, **arguments)[0]


def part(result: dict[str, Any], host: str = "localhost") -> dict[str, Any]:
    """What cloudtrail_kms_judge is told of a host by what the action has registered."""
    found = part_of(host, result["results"])
    assert found is not None
    return found


def run_and_ask(told: dict[str, Any], **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """Run the action; return its result, and what it asked the module.

    Beside the arguments of the task: its `no_log`, `run_once` and `environment`, its `play` and the `strategy` of that,
    `task_vars`, the connection's `transport`, the `templar`, and what happens `meanwhile` the module runs with its
    options. `hosts` are names: each is marked first, as cloudtrail_kms_host does it.
    """
    task_vars = {"inventory_hostname": "localhost", **arguments.pop("task_vars", {})}
    task_vars = {"ansible_play_batch": arguments.get("hosts") or [task_vars["inventory_hostname"]], **task_vars}
    meanwhile: Callable[[dict[str, Any]], None] = arguments.pop("meanwhile", lambda _options: None)
    asked: list[Any] = []

    class Action(cloudtrail_kms_run.ActionModule):
        def _execute_module(self, module: str, options: dict[str, Any], **_others: Any) -> dict[str, Any]:
            asked.append((module, options))
            meanwhile(options)
            return deepcopy(told)

    if isinstance(arguments.get("hosts"), list):
        names, arguments["hosts"] = arguments["hosts"], "marked"
        here = task_vars["hostvars"][task_vars["inventory_hostname"]]
        of_play = {name: value for name, value in task_vars.items() if here.get(name) is not value}
        for host in names:
            of_host = {**of_play, **task_vars["hostvars"][host], "inventory_hostname": host}
            marking = {name: value for name, value in arguments.items() if name not in ("hosts", "templar")}
            task_vars["marked"] = _action(cloudtrail_kms_host.ActionModule, of_host, **marking).run(task_vars=of_host)
    if "names" in arguments:  # which asks for options alone
        return _action(cloudtrail_kms_host.ActionModule, task_vars, **arguments).run(task_vars=task_vars), asked
    if arguments.get("mode") == "join":  # which has an action of its own
        joining = {name: value for name, value in arguments.items() if name != "mode"}
        return _action(cloudtrail_kms_join.ActionModule, task_vars, **joining).run(task_vars=task_vars), asked
    result: dict[str, Any] = _action(Action, task_vars, **arguments).run(task_vars=task_vars)
    return result, asked


def _action(
    kind: type[ActionBase],
    task_vars: dict[str, Any],
    *,
    check_mode: bool = False,
    diff: bool = False,
    no_log: bool = False,
    run_once: bool = True,
    environment: Any = None,
    play: str = "play-1",
    strategy: str = "linear",
    transport: str = "ssh",
    templar: Any = None,
    **arguments: Any,
) -> ActionBase:
    """An action with the little of a task that it looks at."""
    of_play = SimpleNamespace(strategy=strategy, _uuid=play, hosts="all", vars={}, serial=[])
    return kind(
        task=SimpleNamespace(
            args=arguments,
            async_val=0,
            become=False,
            become_user=None,
            check_mode=check_mode,
            diff=diff,
            environment=environment,
            get_play=lambda: of_play,
            no_log=no_log,
            remote_user=None,
            run_once=run_once,
            until=[],
            action=kind.__module__.rpartition(".")[2],
            delegate_to=None,
            _uuid=f"task-of-{play}",
        ),
        connection=SimpleNamespace(
            _shell=SimpleNamespace(tmpdir=""), transport=transport, become=None, _load_name="local"
        ),
        play_context=None,
        loader=None,
        templar=templar or Templar(DataLoader(), task_vars),
        shared_loader_obj=None,
    )
