# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that are not in use, as the inventory tells: nothing is asked of them, and reports hold them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ...module_utils._checks import Settings, assess
from ...module_utils._facts import facts, join
from ...module_utils._model import Snapshot
from ._members import Member


def not_in_use(unused: Sequence[Member]) -> dict[str, Any]:
    """Return the audit of accounts that were not asked, each `not_applicable`."""
    now = datetime.now(timezone.utc)
    return facts(
        [
            assess(
                Snapshot(str(each.account_id), each.partition, now, state=each.state, account_name=each.name),
                Settings(),
            )
            for each in unused
        ]
    )


def with_unused(audit: Mapping[str, Any] | None, unused: Sequence[Member]) -> dict[str, Any]:
    """Return an audit with the accounts that were not asked, or that of these alone where nobody was."""
    missing = not_in_use(unused)
    return join([audit, missing]) if audit else missing
