# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Marks a host for a run, with the options that Ansible gives it. Its documentation stands in plugins/modules/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleTemplateError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils._printable import printable
from ..plugin_utils._hosts import (
    PREFIX,
    SPEC,
    HostsError,
    VariablesError,
    from_variables,
    mark,
    options,
    read_request,
    refuse_extra,
    refuse_strategy,
    refuse_unknown,
    refuse_unseen,
    refuse_wrong_values,
)
from ..plugin_utils._reports import to_fetch

# The others of a run may come by module_defaults of their group.
_OPTIONS = {
    "variables": {"type": "str", "choices": [PREFIX], "required": True},
    "mode": {"type": "str", "choices": ["audit", "enforce", "restore"]},
    "names": {"type": "list", "elements": "str", "choices": sorted(SPEC.keys() - {"mode"}), "default": []},
}


class ActionModule(ActionBase):
    """Leave the request of a host: no process is started, for thousands of hosts."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the pass in which the host is marked, or the options that are asked for by their names."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            play = self._task.get_play()
            refuse_extra(context.CLIARGS, self._loader)
            refuse_unseen(play, variables, self._templar)
            names = _checked(self._task.args)["names"]
            if names:
                refuse_unknown(variables)
                values = options(variables, self._templar, names)
                fetching = to_fetch(values, variables, self._task._uuid)
                return {**result, "changed": False, "options": values, "check_mode": self._task.check_mode, **fetching}
            if len(variables["ansible_play_batch"]) > 1:
                refuse_strategy(play.strategy)
            arguments = from_variables(self._task.args, variables, self._templar)
            request = read_request(self, arguments, variables, self._templar)
            host = str(variables["inventory_hostname"])
            request.host_account(host)  # which refuses what contradicts itself
            refuse_wrong_values(request, arguments["mode"])
        except (AnsibleTemplateError, HostsError, VariablesError) as error:
            raise AnsibleActionFail(printable(str(error))) from None  # Ansible would say it twice
        mark(self._task._uuid, host, request)
        fetching = to_fetch(arguments, variables, self._task._uuid)
        return {**result, "changed": False, "pass": self._task._uuid, **fetching}


def _checked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    options_given = {name: value for name, value in arguments.items() if name in _OPTIONS}
    checked = ArgumentSpecValidator(_OPTIONS).validate(options_given)
    if checked.error_messages:
        raise VariablesError(" ".join(checked.error_messages))
    validated: dict[str, Any] = checked.validated_parameters
    return validated
