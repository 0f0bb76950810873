# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes one audit of the reports of several runs. Its documentation stands in plugins/modules/."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleTemplateError
from ansible.plugins.action import ActionBase

from ..module_utils._printable import printable
from ..plugin_utils._hosts import (
    JOIN,
    HostAccount,
    VariablesError,
    failing_accounts,
    from_variables,
    leave,
    options_of_run,
    parts_of_hosts,
)
from ..plugin_utils._reports import (
    JoinError,
    ReservedError,
    age,
    fail_without,
    folders,
    joined_reports,
    left_out,
    places,
    previous_of,
    publish,
    refuse_one_place,
    reserved,
    unchecked,
)
from ..plugin_utils._terminal import Screen, audit_by_variables, closing_lines, display, table_of

_REFUSED = (AnsibleActionFail, AnsibleTemplateError, JoinError, ReservedError, VariablesError)


class ActionModule(ActionBase):
    """Read the reports, and tell of what they come to as a run does: nothing is asked of AWS."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the counts, the reports, and where what was found lies for each host."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return {**result, "changed": False, **self._join(task_vars or {})}
        except _REFUSED as error:
            raise AnsibleActionFail(printable(str(error))) from None  # Ansible would say it twice

    def _join(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        arguments = from_variables({**self._task.args, "mode": JOIN}, variables, self._templar)
        run_options = options_of_run(arguments, [JOIN])
        refuse_one_place(run_options, {})
        with reserved(places(run_options, variables), [], str(self._task.get_play()._uuid)) as keep:
            audit, enforced = joined_reports(run_options["audits"], now := datetime.now(timezone.utc))
            for warning in filter(None, (age(audit, now), unchecked(variables), left_out(enforced))):
                display.warning(warning)
            result = self._tell(run_options, audit, variables)
            if result.get("reports"):
                keep()
        return result

    def _tell(
        self, run_options: Mapping[str, Any], audit: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Show the audit, judge it, and write its reports. It is no host's own: each host is told of all of it."""
        screen = Screen(no_log=self._task.no_log)
        previous = previous_of(run_options)
        audit = audit_by_variables(audit) if run_options["variables"] else audit
        compared = previous.comparison(audit) if previous else None
        screen.show(table_of(run_options["table"], audit, {}, compared))
        failing = failing_accounts(run_options, audit, previous=previous)
        hosts = variables["ansible_play_batch"]
        parts = {host: parts_of_hosts([HostAccount(host=host)], audit, failing, {})[host] for host in hosts}
        fail_without(parts.values(), audit, variables)
        result = {"summary": audit["summary"], "failing": len(failing), **leave(parts)}
        more: dict[str, Any] = {"previous": previous, "failed": result.get("msg", "")}
        result |= publish(run_options, audit, variables, self._connection, **more)
        whole = {"ansible_facts": {"cloudtrail_kms": audit}}
        screen.end(closing_lines(whole, result, folders(run_options, variables)[1:], variables, is_plan=False))
        return result
