# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments in which the actions of the role take an audit or an enforcement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

# The shape of ansible_facts.cloudtrail_kms: what is handed in by mistake is refused by name, not by a traceback.
_AUDIT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "generated_at": {"type": "str", "required": True},
        "collection_version": {"type": "str", "required": True},
        "summary": {"type": "dict", "required": True},
        "accounts": {"type": "list", "elements": "dict", "required": True},
    },
}
# A result of cloudtrail_kms_enforce, less what only Ansible needs.
_ENFORCEMENT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "before": {**_AUDIT, "required": True},
        "after": _AUDIT,
        "changes": {"type": "list", "elements": "dict", "required": True},
        "refusals": {"type": "list", "elements": "str", "required": True},
        "errors": {"type": "list", "elements": "str", "required": True},
    },
}
OPTIONS: dict[str, Any] = {"audit": _AUDIT, "enforcement": _ENFORCEMENT}
ONE_OF = [("audit", "enforcement")]


def last_read(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the audit that says how things are, of arguments that hold an audit or an enforcement.

    A plan only predicts what comes after: it must not turn a failing account green. Nor is there anything to say of
    after where the account could not be read again.
    """
    enforcement = arguments["enforcement"]
    if not enforcement:
        return cast("Mapping[str, Any]", arguments["audit"])
    planned = any(change["status"] == "planned" for change in enforcement["changes"])
    told = enforcement["before"] if planned or not enforcement["after"] else enforcement["after"]
    return cast("Mapping[str, Any]", told)
