# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of several days on the same few accounts, each compared with the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._compared import compare, earlier
from tests.unit.action.audits import account, audit, finding, trail

ONE, TWO = "1" * 12, "2" * 12
FIRST = date(2026, 10, 1)
STATUSES = ("pass", "fail", "unknown", "not_applicable", "excepted")
FINE = ("pass", "not_applicable", "excepted")
SOME_RULES = tuple(RULES)[:2]
NAMES = ("main", "audit")
REGIONS = ("eu-central-1", "us-east-1")


def arn(name: str, account_id: str = ONE, region: str = "us-east-1") -> str:
    return f"arn:aws:cloudtrail:{region}:{account_id}:trail/{name}"


def on(day: int, *accounts: dict[str, Any]) -> dict[str, Any]:
    """An audit of that day of the history."""
    return {**audit(*accounts), "generated_at": f"{FIRST + timedelta(days=day)}T05:00:00+00:00"}


def row(account_id: str = ONE, *trails: dict[str, Any], **fields: Any) -> dict[str, Any]:
    verdict = fields.pop("verdict", "compliant" if trails else "no_trails")
    return account(verdict, *trails, account_id=account_id, **fields)


def with_status(status: str, name: str = "main", *, level: str = "required", rule: str = "key_is_usable") -> Any:
    """A trail of the first account with one finding."""
    return trail(name, "compliant", finding(rule, status, level), arn=arn(name))


def in_a_row(*audits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reports of these audits: each but the first has its comparison with the one before."""
    reports: list[dict[str, Any]] = [dict(audits[0])]
    for each in audits[1:]:
        reports.append({**each, "comparison": compare(earlier(reports[-1]), each)})
    return reports


def findings_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str, str]]:
    """Every finding that was judged: account, trail, rule, status. Advice that is not followed is none."""
    for one in report["accounts"]:
        for each in one["trails"]:
            for found in each["findings"]:
                if found["level"] == "required" or found["status"] in FINE:
                    yield one["account_id"], each["arn"], found["rule"], found["status"]


def told(comparison: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, str | None, str | None]]:
    return [(each["account_id"], each["trail"], each["rule"]) for name in names for each in comparison[name]]


# Each account is drawn as a whole: how it was read, and of each finding the status, "" for one that is not there.
_READ: Sequence[dict[str, Any]] = (
    {},
    {},
    {"complete": False},
    {"regions": ["us-east-1"]},
    {"narrowed_by": {"trails": ["main"]}},
    {"verdict": "not_applicable", "regions": []},
)
_STATUSES = st.lists(st.sampled_from(("", *STATUSES, "advice")), min_size=8, max_size=8)


@st.composite
def audits(draw: st.DrawFn, day: int = 0) -> dict[str, Any]:
    """An audit of some accounts, which may not be whole: regions, trails and rules are left out, accounts not read."""
    rows = []
    for account_id in draw(st.sampled_from([(ONE,), (TWO,), (ONE, TWO)])):
        how, statuses = draw(st.sampled_from(_READ)), iter(draw(_STATUSES))
        trails = [
            _trail(name, account_id, region, [next(statuses), next(statuses)]) for name in NAMES for region in REGIONS
        ]
        seen = [each for each in trails if each["findings"] and each["home_region"] in how.get("regions", REGIONS)]
        rows.append(row(account_id, *([] if "verdict" in how else seen), **how))
    return on(day, *rows)


def _trail(name: str, account_id: str, region: str, statuses: Sequence[str]) -> dict[str, Any]:
    found = [
        finding(rule, "fail", "advised") if status == "advice" else finding(rule, status)
        for rule, status in zip(SOME_RULES, statuses, strict=True)
        if status
    ]
    return trail(name, "compliant", *found, arn=arn(name, account_id, region), home_region=region)
