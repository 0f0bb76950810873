# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fails the hosts whose accounts fail. Its documentation stands in plugins/modules/."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable


class ActionModule(ActionBase):
    """Look up what a run has found of a host: no process is started and nothing templated, for thousands of hosts."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"run"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a result that failed with the reason why, or one that did not."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        name, host = self._task.args.get("run"), variables.get("inventory_hostname")
        found = variables.get(name) or {}
        failures = found.get("host_failures", {})
        if found.get("skipped"):
            raise AnsibleActionFail(
                printable(
                    f"Nobody has looked at the account of the host {host}. One run reads those of all hosts, and it "
                    "was skipped by the `when` of the play's first host. Choose hosts by cloudtrail_kms_hosts, --limit "
                    "or the hosts of the play instead."
                )
            )
        if host not in failures:
            raise AnsibleActionFail(
                printable(
                    f"Nobody has looked at the account of the host {host}, so it does not pass. Let a run of "
                    "cloudtrail_kms_run have it among its hosts, and judge by what that registers."
                )
            )
        # Ansible shows the message of a task that fails, under no_log as well.
        reason = (
            "The account does not pass. no_log keeps the reason back; the reports hold it."
            if self._task.no_log
            else failures[host]
        )
        failed = {"failed": True, "msg": reason} if failures[host] else {}
        return {**result, "changed": False, **failed}
