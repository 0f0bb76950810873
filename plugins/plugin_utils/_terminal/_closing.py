# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How what is shown of a run ends: its outcome in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils._printable import count


def outcome(enforcement: Mapping[str, Any], *, is_plan: bool) -> str:
    """Return the sentence that an enforcement ends with.

    Such as `Plan: 4 changes in 1 account; it would be compliant. Nothing was changed.`
    """
    changes = [each for each in enforcement["changes"] if each["status"] == ("planned" if is_plan else "applied")]
    accounts = len({each["account_id"] for each in changes})
    where = f" in {count(accounts, 'account')}" if changes else ""
    parts = [f"{count(len(changes), 'change')}{where}"]
    failed = sum(each["status"] == "failed" for each in enforcement["changes"])
    refused = len({each["account_id"] for each in enforcement["refusals"]})
    parts += [f"{number} {word}" for number, word in ((failed, "failed"), (refused, "refused")) if number]
    verdict = _verdict(enforcement, would=is_plan and bool(changes))
    return f"{'Plan' if is_plan else 'Run'}: {', '.join(parts)}; {verdict}.{' Nothing was changed.' if is_plan else ''}"


def _verdict(enforcement: Mapping[str, Any], *, would: bool) -> str:
    """What the accounts come to by it."""
    if not enforcement["after"]:
        return "the verdict afterwards is not known"
    verdicts = [row["verdict"] for row in enforcement["after"]["accounts"] if row["verdict"] != "not_applicable"]
    if len(verdicts) == 1:
        return f"it {'would be' if would else 'is'} {verdicts[0]}"
    good = verdicts.count("compliant")
    return f"{good} of {count(len(verdicts), 'account')} {'would be' if would else 'are'} compliant"
