# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fails the hosts whose accounts fail. Its documentation stands in plugins/modules/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._printable import printable
from ..plugin_utils._hosts import SealError, part_of


class ActionModule(ActionBase):
    """Look up what a run has found of a host: no process is started and nothing templated, for thousands of hosts."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"run"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a result that failed with the reason why, or one that did not."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        name, host = self._task.args.get("run"), str(variables.get("inventory_hostname"))
        run = variables.get(name) or {}
        if run.get("skipped"):
            raise AnsibleActionFail(
                printable(
                    f"Nobody has audited the account of the host {host}. One run reads those of all hosts, and it "
                    "was skipped by the `when` of the first host. Put the tasks of cloudtrail_kms_host and "
                    "cloudtrail_kms_run into a file of their own, and let include_tasks have the `when`."
                )
            )
        part = self._part(host, run.get("results"))
        # Ansible shows the message of a task that fails, under no_log as well.
        reason = (
            "The account does not pass. no_log keeps the reason back; the reports hold it."
            if self._task.no_log
            else part["reason"]
        )
        failed = {"failed": True, "msg": reason} if part["reason"] else {}
        of_host = {name: part[name] for name in ("changed", "diff", "verdicts")}
        return {**result, **of_host, **failed}

    def _part(self, host: str, where: Mapping[str, str] | None) -> dict[str, Any]:
        """What the run has found of the host. Raises AnsibleActionFail where that cannot be told: it is no pass."""
        try:
            part = part_of(host, where) if where else None
        except SealError as error:
            raise AnsibleActionFail(
                printable(f"{error} The host {host} does not pass by it. Run the playbook again.")
            ) from None
        if part is None:
            raise AnsibleActionFail(
                printable(
                    f"Nobody has audited the account of the host {host}, so it does not pass. Let a run of "
                    "cloudtrail_kms_run have it among its hosts, and judge by what that registers."
                )
            )
        return part
