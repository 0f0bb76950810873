# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs an audit or an enforcement, shows it, reports it, judges it. Its documentation stands in plugins/modules/."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleTemplateError
from ansible.plugins.action import ActionBase

from ..module_utils._facts import with_enforcement
from ..module_utils._printable import printable
from ..plugin_utils._hosts import (
    MODULES,
    HostAccount,
    HostsError,
    SealError,
    VariablesError,
    accounts_of_run,
    audit_of_unused,
    beyond_narrowing,
    by_use,
    complete,
    from_variables,
    judge,
    last_read,
    module_options,
    options_of_module,
    options_of_run,
    refuse_slice,
    reported_on,
    turn,
    warnings_of_restore,
    with_made,
)
from ..plugin_utils._reports import ReservedError, folders, places, previous_of, publish, refuse_one_place, reserved
from ..plugin_utils._terminal import Screen, closing_lines, progress, result_by_variables, shielded, table_of

_REFUSED = (AnsibleActionFail, AnsibleTemplateError, HostsError, ReservedError, SealError, VariablesError)


class ActionModule(ActionBase):
    """Read the hosts, run one module for all of them, show and report its result, and leave each host its part.

    The audit of many accounts is large. It stays in this action, and each host's part lies in a file: registered, or
    handed to another task, it would be copied and templated for each host of the play.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return whether anything changed, the counts, the reports, and where the part of each host lies."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return {**result, **self._run(task_vars or {})}
        except _REFUSED as error:
            raise AnsibleActionFail(printable(str(error))) from None  # Ansible would say it twice

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = from_variables(self._task.args, variables, self._templar)
        run_options = options_of_run(arguments)
        options = module_options(arguments, run_options["mode"], new_bucket=run_options["new_bucket"])
        refuse_one_place(run_options, options)
        hosts = accounts_of_run(self, run_options, arguments, variables)
        writes = run_options["mode"] == "enforce"
        if writes:
            refuse_slice(options, hosts, variables)
        with ExitStack() as stack:
            stack.enter_context(turn(needed=writes and not self._task.check_mode))
            interrupted = stack.enter_context(shielded(needed=writes and self._connection.transport == "local"))
            screen = Screen(no_log=self._task.no_log, is_closed=interrupted)
            screen.warn(warnings_of_restore(arguments if writes else {}))
            accounts = reported_on(hosts, options, self._task.environment, variables)
            keep = stack.enter_context(reserved(places(run_options, variables), accounts, self._play))
            result = self._outcome(run_options, hosts, options, variables, screen)
            if result.get("reports"):
                keep()
        return result

    @property
    def _play(self) -> str:
        return str(self._task.get_play()._uuid)

    def _outcome(
        self,
        run_options: Mapping[str, Any],
        hosts: list[HostAccount],
        options: dict[str, Any],
        variables: dict[str, Any],
        screen: Screen,
    ) -> dict[str, Any]:
        """Run the module, show and report its result, and return what is registered; of a module that failed, all.

        Where a report cannot be written, the changes and their backup are returned all the same.
        """
        result = with_made(self._run_module(run_options, hosts, options, variables, screen), run_options["made"])
        if run_options["variables"]:
            result = result_by_variables(result, variables)
        audit = result.get("ansible_facts", {}).get("cloudtrail_kms")
        if audit is None and "before" not in result:
            return result
        screen.warn([*beyond_narrowing(run_options["ignored"], result), *result.get("warnings", ())])
        if result.get("backup") and options.get("backup_path"):
            result["backup_path"] = options["backup_path"]
        previous = previous_of(run_options, self._play)
        is_diff_shown = self._task.diff and bool(result.get("diff")) and screen.diff(result["diff"])
        present = audit or last_read(result)
        compared = previous.comparison(present) if previous else None
        is_shown = screen.show(table_of(run_options["table"], audit, result, compared))
        registered: dict[str, Any] = {name: result[name] for name in ("changed", "backup_path") if name in result}
        shown: dict[str, Any] = {"is_shown": is_shown, "is_diff_shown": is_diff_shown, "previous": previous}
        alone = HostAccount(host=str(variables.get("inventory_hostname")))  # a run without hosts is all its own
        registered |= judge(run_options, hosts or [alone], present, result, **shown)
        more: dict[str, Any] = {"play": self._play, "backup": result.get("backup_path"), "previous": previous}
        reported, more["failed"] = audit or with_enforcement(present, result), registered.get("msg", "")
        registered |= publish(run_options, reported, variables, self._connection, **more)
        kind: dict[str, Any] = {"is_plan": self._task.check_mode, "is_restore": bool(options.get("restore"))}
        kind["serial"] = self._task.get_play().serial
        screen.end(closing_lines(result, registered, folders(run_options, variables)[1:], variables, **kind))
        return registered

    def _run_module(
        self,
        run_options: Mapping[str, Any],
        hosts: list[HostAccount],
        options: dict[str, Any],
        variables: dict[str, Any],
        screen: Screen,
    ) -> dict[str, Any]:
        """Return the module's result for all accounts; of those that are not in use nothing is asked."""
        active, unused = by_use(hosts)
        if hosts and not active:
            return audit_of_unused(hosts, unused)
        arguments = options_of_module(self, run_options["mode"], hosts, options, variables)
        # Ansible looks for what the module imports: collecting garbage meanwhile would go through all that this
        # process has inherited from ansible-playbook, which takes as long as a quarter of the search.
        gc.freeze()
        with ExitStack() as stack:
            if "accounts" in arguments and self._connection.transport == "local":
                arguments |= stack.enter_context(progress(screen.say, unused=len(unused)))
            module = f"aws_baseline.cloudtrail.{MODULES[run_options['mode']]}"
            return complete(self._execute_module(module, arguments, task_vars=variables), hosts, unused)
