# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How modules warn and fail: Ansible shows both as they are, and they quote what others have written."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.warnings import warn as _warn

from .._printable import printable


def warn(text: str) -> None:
    """Warn in one line."""
    _warn(printable(text))


def fail(module: Any, *reasons: str, **result: Any) -> None:
    """Leave the module, which has failed; each reason is a line."""
    module.fail_json(msg="\n".join(map(printable, reasons)), **result)
