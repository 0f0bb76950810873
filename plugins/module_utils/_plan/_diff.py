# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as it is returned, and as a person wants to read it: in the form of Ansible's diff."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from .._model import Change
from .._policy import parse, to_json
from .._printable import printable


def change_rows(changes: Iterable[Change]) -> list[dict[str, object]]:
    """Return the changes in the shape in which modules return them."""
    return [
        {
            "operation": change.operation,
            "resource": change.resource,
            "region": change.region,
            "before": change.before,
            "after": change.after,
            "status": change.status,
        }
        for change in changes
    ]


def diff(changes: Iterable[Change]) -> list[dict[str, str]]:
    """Return one entry a change that is planned or applied; policies as sorted, indented JSON.

    Each is `{before, after, before_header, after_header}`, and shown as it is: only its line breaks are no escapes.
    """
    return [
        {
            "before": _text(change.before or {}),
            "after": _text(change.after),
            "before_header": (header := printable(f"{change.resource} ({change.operation})")),
            "after_header": header,
        }
        for change in changes
        if change.status in ("planned", "applied")
    ]


def _text(fields: Mapping[str, object]) -> str:
    """Return the fields, one a line; the policy below them."""
    lines = [f"{name}: {_value(value)}" for name, value in fields.items() if name != "policy"]
    policy = fields.get("policy")
    lines += _laid_out(policy) if isinstance(policy, str) else []
    return "\n".join([*map(printable, lines), ""]) if fields else ""


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _laid_out(policy: str) -> list[str]:
    return to_json(parse(policy).document, indent=2, sort_keys=True).split("\n")
