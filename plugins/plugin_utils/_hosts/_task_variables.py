# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible would give a task on each host of the play, though it runs it once for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._members import MembersError

# The name that the play's action groups and module_defaults know the action by.
_ACTION = "aws_baseline.cloudtrail.cloudtrail_kms_run"


class TaskVariables:
    """The variables of a task on each host, with every level of precedence that Ansible knows.

    `hostvars` alone would leave out those of the play, of the role and of the task.
    """

    def __init__(self, task: Any, variables: Mapping[str, Any]) -> None:
        """`variables` are those that the task was given, on the host that runs it for all."""
        self._task, self._given = task, variables
        hostvars = variables["hostvars"]
        self._manager, self._inventory = hostvars._variable_manager, hostvars._inventory
        own = self._managed(variables["inventory_hostname"])
        # Those of a loop, and hostvars itself: they are none of a host.
        self._beside = {name: value for name, value in variables.items() if name not in own}

    def of(self, host: str) -> dict[str, Any]:
        """Return the variables of the task on a host, their templates as they are written."""
        return {**self._beside, **self._managed(host)}

    def _managed(self, host: str) -> dict[str, Any]:
        found = self._inventory.get_host(host)
        if found is None:
            raise MembersError(f"The inventory has no host {host}. Let hosts name hosts of the play.")
        variables: dict[str, Any] = self._manager.get_vars(
            play=self._task.get_play(),
            host=found,
            task=self._task,
            include_hostvars=False,
            # Without these it would look up the hosts of the play anew for each of them.
            _hosts=self._given.get("ansible_play_batch"),
            _hosts_all=self._given.get("ansible_play_hosts_all"),
        )
        return variables


def environment_of(task: Any) -> Any:
    """Return the environment of a task as it is written, or None where it has none.

    Ansible evaluates the task's own for the host that runs it, but not what the task stands in.
    """
    return _written(task, "environment") or None


def module_defaults_of(task: Any) -> Any:
    """Return those of the `module_defaults` of a task that are for this action, as they are written, or None."""
    groups = task.get_play()._action_groups.get(_ACTION, ())
    named = {_ACTION, *(f"group/{group}" for group in groups)}
    merged = {name: value for each in _written(task, "module_defaults") for name, value in each.items()}
    return {name: value for name, value in merged.items() if name in named} or None


def _written(task: Any, keyword: str) -> list[Any]:
    own = (task.get_ds() or {}).get(keyword) or []
    around = task._get_parent_attribute(keyword, omit=True)
    return [*(around if isinstance(around, list) else ()), *(own if isinstance(own, list) else [own])]
