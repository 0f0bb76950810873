# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments in which the actions of the role take an audit and an enforcement."""

from __future__ import annotations

from typing import Any

# The shape of ansible_facts.cloudtrail_kms: what is handed in by mistake is refused by name, not by a traceback.
AUDIT_ARGUMENT: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "generated_at": {"type": "str", "required": True},
        "collection_version": {"type": "str", "required": True},
        "summary": {"type": "dict", "required": True},
        "accounts": {"type": "list", "elements": "dict", "required": True},
    },
}

# A result of cloudtrail_kms_enforce, less what only Ansible needs.
ENFORCEMENT_ARGUMENT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "before": AUDIT_ARGUMENT,
        "after": {**AUDIT_ARGUMENT, "required": False},
        "changes": {"type": "list", "elements": "dict", "required": True},
        "refusals": {"type": "list", "elements": "str", "required": True},
        "errors": {"type": "list", "elements": "str", "required": True},
    },
}
