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
        failures = (variables.get(name) or {}).get("host_failures", {})
        if host not in failures:
            raise AnsibleActionFail(
                printable(
                    f"The variable {name} does not say whether the host {host} fails. Register cloudtrail_kms_run "
                    "there, with this host among its hosts."
                )
            )
        failed = {"failed": True, "msg": failures[host]} if failures[host] else {}
        return {**result, "changed": False, **failed}
