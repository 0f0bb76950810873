# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person sees of 1, 5, 50 and 500 accounts, 80 and 160 columns wide, as the files of screens/ keep it.

One account in ten is not fine. `make screens` writes the files anew: read in the diff what has changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ansible.utils.color import parsecolor

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import document, judged_again
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._module_call import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import Tone
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import table_of
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._closing import outcome
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._screen import tones
from tests.unit.action.audits import reason
from tests.unit.reports.organization import organization

FOLDER = Path(__file__).parent / "screens"
ACCOUNTS, WIDTHS = (1, 5, 50, 500), (80, 160)
NAMES = [f"{kind}-{accounts}-{width}" for kind in ("audit", "plan") for accounts in ACCOUNTS for width in WIDTHS]


def coloured(text: str, tone: Tone) -> str:
    """The text as Ansible colours it for a terminal."""
    return f"\033[{parsecolor(tones()[tone])}m{text}\033[0m"


def plain(text: str, _tone: Tone) -> str:
    return text


def screen(name: str, paint: Callable[[str, Tone], str]) -> str:
    """What is shown of an audit, or of a plan."""
    kind, accounts, width = name.split("-")
    if kind == "audit":
        table = table_of(None, audited(int(accounts)), {})
        assert table
        return f"{table(width=int(width), paint=paint)}\n"
    enforcement = planned(int(accounts))
    table = table_of(None, None, enforcement)
    assert table
    return f"{table(width=int(width), paint=paint)}\n\n{outcome(enforcement, is_plan=True)}\n"


@cache
def audited(accounts: int) -> dict[str, Any]:
    """An audit of so many accounts."""
    rows = organization(2 * accounts + 40)["accounts"]
    wrong = [row for row in rows if row["verdict"] not in ("compliant", "not_applicable")][: max(1, accounts // 10)]
    fine = [row for row in rows if row["verdict"] == "compliant"][: accounts - len(wrong)]
    return document([*wrong, *fine], "2026-11-23T08:00:00+00:00")


@cache
def planned(accounts: int) -> dict[str, Any]:
    """A plan that gives each trail without a key one; what is wrong otherwise is refused or stays as it is."""
    before = audited(accounts)
    changes, refusals = list[dict[str, Any]](), list[dict[str, Any]]()
    rows = copy.deepcopy(before["accounts"])
    for row in rows:
        for trail in row["trails"]:
            failed = {each["rule"] for each in trail["findings"] if each["status"] == "fail"}
            if "trail_has_kms_key" in failed:
                changes += _new_key(row["account_id"], trail)
            elif "key_is_usable" in failed:
                refusals.append(_refusal(row["account_id"], trail["kms_key_arn"]))
    changed = {change["account_id"] for change in changes}
    after = judged_again(document([row for row in rows if row["account_id"] in changed], before["generated_at"]))
    told = {"before": before, "after": after, "changes": changes, "refusals": refusals, "errors": []}
    return with_after({**told, "earlier_backups": []})


def _new_key(account: str, trail: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes of a trail that gets a key, which is compliant then."""
    key = f"arn:aws:kms:{trail['home_region']}:{account}:key/to-be-created"
    of_key = {"account_id": account, "region": trail["home_region"], "status": "planned", "before": None}
    for finding in trail["findings"]:
        finding.update(status="pass")
    trail.update(kms_key_arn=key, verdict="compliant", cis_3_5="pass")
    return [
        {**of_key, "operation": "CreateKey", "resource": key, "after": {"multi_region": False}},
        {**of_key, "operation": "UpdateTrail", "resource": trail["arn"], "after": {"kms_key_arn": key}},
    ]


def _refusal(account: str, key: str) -> dict[str, Any]:
    return reason(f"The key {key} is Disabled.", account_id=account, options=["allow_enable_key"])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in NAMES:
        (FOLDER / f"{each}.txt").write_text(screen(each, coloured), encoding="utf-8")
