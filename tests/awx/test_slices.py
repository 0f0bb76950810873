# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two slices of 200 accounts each come to the report of a single run over all 400."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.fakeaws.client import FakeAws
from tests.slices import Slices

ACCOUNTS = 400
FIRST = 100_000_000_000


def organization() -> dict[str, Any]:
    """A trail of the organization that covers all; every fourth account has a bad one of its own as well."""
    names = [f"account-{number}" for number in range(ACCOUNTS)]
    own = names[3::4]
    return {
        "description": "Many.",
        "accounts": [
            {"id": str(FIRST + number), "name": name, "ou": f"Part-{number % 7}", "regions": ["eu-central-1"]}
            for number, name in enumerate(names)
        ],
        "organization": {"management": names[0]},
        "roles": {"Audit": {"accounts": names}},
        "buckets": {"logs": {}, **{f"logs-{name}": {"account": name} for name in own}},
        "keys": {"key": {}, **{f"key-{name}": {"account": name, "policy": "lacking"} for name in own[::2]}},
        "trails": {
            "organization-trail": {"bucket": "logs", "key": "key", "organization": True},
            **{f"trail-{name}": {"account": name, "bucket": f"logs-{name}"} for name in own[1::2]},
            **{f"trail-{name}": {"account": name, "bucket": f"logs-{name}", "key": f"key-{name}"} for name in own[::2]},
        },
    }


def test_two_slices_of_200_accounts_come_to_the_report_of_one_run(tmp_path: Path) -> None:
    scenario, inventory = tmp_path / "many.yml", tmp_path / "organization.aws_accounts.yml"
    scenario.write_text(yaml.safe_dump(organization()), encoding="utf-8")
    plugin = {"plugin": "aws_baseline.cloudtrail.aws_accounts", "role_name": "Audit", "read_tags": False}
    inventory.write_text(yaml.safe_dump(plugin), encoding="utf-8")
    with FakeAws.start(str(scenario)) as aws:
        slices = Slices(tmp_path, inventory, aws.environment, {})
        single = slices.audited_at_once()
        reports = slices.audited_in(2)
        joined = slices.joined(reports)
    assert single["summary"]["accounts"] == ACCOUNTS
    assert single["summary"]["non_compliant"] == ACCOUNTS // 4
    assert joined == single
