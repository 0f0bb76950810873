# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fails a host whose accounts do not comply. The documentation stands in plugins/modules/."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._arguments import AUDIT_ARGUMENT
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._judgement import FAILING, failure


class ActionModule(ActionBase):
    """Judge a host by the verdicts of its audit."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a failed result where something failed on the way, or an account's verdict does under `fail_on`."""
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            argument_spec={
                "audit": AUDIT_ARGUMENT,
                "failures": {"type": "list", "elements": "str", "default": []},
                "fail_on": {"type": "str", "choices": list(FAILING), "default": "unknown"},
            }
        )[1]
        message = " ".join(arguments["failures"]) or failure(arguments["audit"], arguments["fail_on"])
        if message is None:
            return {**result, "changed": False}
        return {**result, "changed": False, "failed": True, "msg": message}
