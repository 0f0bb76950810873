# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that are not in use, as the inventory tells: nothing is asked of them, and reports hold them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts, join
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._members import Member


def with_unused(told: Mapping[str, Any], unused: Sequence[Member]) -> dict[str, Any]:
    """Return a module's answer with the accounts that were not asked, each `not_applicable`.

    Without facts, the answer of an enforcement that had nobody to ask, it becomes the audit of these accounts alone.
    """
    now = datetime.now(timezone.utc)
    missing = facts(
        [
            assess(
                Snapshot(str(each.account_id), each.partition, now, state=each.state, account_name=each.name),
                Settings(),
            )
            for each in unused
        ]
    )
    found = told.get("ansible_facts", {}).get("cloudtrail_kms")
    return {**told, "ansible_facts": {"cloudtrail_kms": join([found, missing]) if found else missing}}
