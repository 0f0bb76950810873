# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fails a host whose accounts do not comply. The documentation stands in plugins/modules/."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._arguments import ONE_OF, OPTIONS, last_read
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._judgement import FAILING, failure


class ActionModule(ActionBase):
    """Judge a host by the verdicts of its audit, or by how its enforcement went."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a failed result where an enforcement did not succeed, or a verdict fails under `fail_on`."""
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            argument_spec={
                **OPTIONS,
                "fail_on": {"type": "str", "choices": list(FAILING), "default": "unknown"},
            },
            mutually_exclusive=ONE_OF,
            required_one_of=ONE_OF,
        )[1]
        enforcement = arguments["enforcement"] or {"refusals": [], "errors": []}
        reasons = " ".join([*enforcement["refusals"], *enforcement["errors"]])
        message = reasons or failure(last_read(arguments), arguments["fail_on"])
        if not message:
            return {**result, "changed": False}
        return {**result, "changed": False, "failed": True, "msg": message}
