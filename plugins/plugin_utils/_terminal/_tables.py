# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which table a run is shown as."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ._enforcement import render_enforcement
from ._in_role import audit_by_variables
from ._screen import Table
from ._short import render_short
from ._short_enforcement import render_short_enforcement
from ._table import render

# Of more accounts a run is shown in short, unless it is asked to be shown in full.
MOST_IN_FULL = 20


def table_of(
    form: str | None, audit: Mapping[str, Any] | None, enforcement: Mapping[str, Any], *, in_role: bool = False
) -> Table | None:
    """Return the table of an audit, or else of an enforcement, in the requested form or in the one that fits its size.

    With `in_role`, for a run of the role, messages name its variables in place of the options of a module.
    """
    accounts = (audit or enforcement["before"])["accounts"]
    form = form or ("full" if len(accounts) <= MOST_IN_FULL else "short")
    if form == "none":
        return None
    if in_role:
        audit = audit and audit_by_variables(audit)
        parts = {name: enforcement.get(name) for name in ("before", "after")}
        enforcement = {**enforcement, **{name: part and audit_by_variables(part) for name, part in parts.items()}}
    if audit:
        return partial(render if form == "full" else render_short, audit)
    return partial(render_enforcement if form == "full" else render_short_enforcement, enforcement)
