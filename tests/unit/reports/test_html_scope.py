# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report says what was audited and by whom, counts an organization trail once, and names keys by alias."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.action.audits import (
    KEY,
    account,
    audit,
    delivering,
    trail,
)
from tests.unit.reports.pages import page, words
from tests.unit.reports.test_html import facts_of


def test_the_scope_says_what_was_audited_and_by_whom() -> None:
    assert facts_of(page(audit(account("compliant", trail(), account_name="production")))) == {
        "Accounts": "111111111111 production, 1 trail",
        "Regions": "2: eu-central-1, us-east-1",
        "Audited by": "arn:aws:iam::111111111111:role/Auditor",
        "Narrowed": "no: all regions and trails, and no rule off or lowered",
    }


def test_the_scope_of_many_accounts_tells_once_what_is_alike() -> None:
    rows = [
        account(
            "compliant",
            account_id=str(number) * 12,
            audited_by=f"arn:aws:iam::{str(number) * 12}:role/Auditor",
            organization="o-a1b2c3d4e5" if number == 1 else None,
        )
        for number in (1, 2, 3)
    ]
    rows.append(account("unknown", account_id="4" * 12, audited_by=None, regions=["us-east-1"]))
    rows.append(account("not_applicable", account_id="5" * 12, audited_by=None, regions=[]))
    assert facts_of(page(audit(*rows))) == {
        "Accounts": "5 accounts, 1 of them not in use, 0 trails",
        "Organization": "o-a1b2c3d4e5",
        "Regions": "2 in 3 accounts: eu-central-1, us-east-1; 1 in 1 account: us-east-1",
        "Audited by": "arn:aws:iam::ACCOUNT:role/Auditor in 3 accounts",
        "Narrowed": "no: all regions and trails, and no rule off or lowered",
    }


def test_accounts_that_are_not_in_use_are_not_counted() -> None:
    report = page(audit(account("compliant", trail("a")), account("not_applicable", account_id="2" * 12)))
    (card, *_others) = report.all("div", class_="card")
    assert words(card) == "Compliant accounts in use 1 of 1 1 compliant"


def test_of_a_report_from_before_it_was_told_who_audited_is_not_known() -> None:
    old = account("compliant", trail())
    for name in ("audited_by", "organization", "regions"):
        del old[name]
    told = facts_of(page(audit(old)))
    assert (told["Regions"], told["Audited by"]) == ("not known", "not known")


def seen_by(number: int, ownership: str, verdict: str = "compliant") -> dict[str, Any]:
    of_organization = {**delivering("org"), "ownership": ownership, "organization_trail": True, "verdict": verdict}
    return account(verdict, of_organization, account_id=str(number) * 12)


def test_an_organization_trail_is_one_trail() -> None:
    report = page(audit(seen_by(2, "inherited"), seen_by(1, "owned"), seen_by(3, "inherited")))
    assert [words(card) for card in report.all("div", class_="card")] == [
        "Compliant accounts 3 of 3 3 compliant",
        "Compliant trails 1 of 1 1 compliant",
        "CIS 3.5 as written (key set) 1 of 1 1 with a key",
    ]
    (row,) = report.one("table", id="matrix").one("tbody").all("tr")
    assert words(row).startswith("111111111111 +2 org us-east-1 alias/trail logs Compliant")
    assert words(report.one("details", class_="others")).endswith("222222222222, 333333333333")
    assert "The only trail in scope can deliver" in words(report.one("header"))


def test_an_organization_trail_whose_owner_is_not_there_counts_as_the_worst_that_members_see() -> None:
    report = page(audit(seen_by(2, "inherited"), seen_by(3, "inherited", "unknown")))
    assert words(report.all("div", class_="card")[1]) == "Compliant trails 0 of 1 1 unknown"
    rows = report.one("table", id="matrix").one("tbody").all("tr")
    assert [words(row.all("td")[0]) for row in rows] == ["333333333333", "222222222222"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda one: one.update(aliases=[]), KEY.rpartition("/")[2]),
        (lambda one: one.update(aliases=None, multi_region=True, rotation_enabled=None), KEY.rpartition("/")[2]),
        (lambda one: one.update(arn="arn:of:another"), KEY.rpartition("/")[2]),
        (lambda one: one.update(state="Enabled"), "alias/trail"),
    ],
)
def test_a_key_goes_by_its_alias_where_it_has_one(change: Callable[[dict[str, Any]], None], name: str) -> None:
    one = account("compliant", trail("main"))
    change(one["kms_keys"][0])
    assert words(page(audit(one)).one("span", class_="place")) == f"111111111111, us-east-1, {name}"
