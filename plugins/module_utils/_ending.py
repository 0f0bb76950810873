# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module that writes ends: with what came of it, and with failure where it was refused or changes failed."""

from __future__ import annotations

from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _backup, _printable, _shown, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _diff


def end(module: Any, done: _task.Done, **own: Any) -> None:
    """Leave the module; `own` is what it returns beside what all return that write."""
    for warning in dict.fromkeys(done.warnings):
        _shown.warn(warning)
    result = {
        "changed": any(change.status in ("planned", "applied") for change in done.changes),
        "changes": _diff.rows(done.changes),
        "refusals": list(map(_printable.printable, done.refusals)),
        "errors": list(map(_printable.printable, done.errors)),
        "diff": _diff.diff(done.changes),
        "backup": _backup.document([done.backup]) if done.backup else None,
        **own,
    }
    reasons = [*done.refusals, *done.errors]
    if reasons:
        _shown.fail(module, *reasons, **result)
    module.exit_json(**result)
