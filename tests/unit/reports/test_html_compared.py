# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report shows what changed since the previous one."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._compared import (
    compare,
    earlier,
    uncompared,
)
from tests.unit.action.audits import EXCEPTION
from tests.unit.reports.history import ONE, on, row, with_status
from tests.unit.reports.pages import page, words


def test_the_changes_stand_before_all_else_that_was_found() -> None:
    excepted = with_status("excepted", "c")
    excepted["findings"][0]["evidence"]["exception"] = {**EXCEPTION, "owner": "<b>ops</b>", "expires": "2026-10-20"}
    now = on(1, row(ONE, with_status("fail", "a"), with_status("unknown", "b"), excepted))
    before = on(0, row(ONE, with_status("fail", "a"), with_status("fail", "b"), with_status("pass", "gone")))
    report = page({**now, "comparison": compare(earlier(before), now)})
    assert words(report.one("h2", id="compared")) == "Since the report of 2026-10-01, 05:00 UTC"
    assert report.all("h2").index(report.one("h2", id="compared")) < report.all("h2").index(
        report.one("h2", id="rules")
    )
    assert words(report.one("p", class_="summary")) == (
        "No new failures, 1 trail gone, 1 still failing (oldest since 2026-10-01), 1 not judged this time, "
        "1 exception expires within 30 days."
    )
    rule = "The key must be enabled and able to encrypt key_is_usable"
    table = report.one("div", aria_labelledby="compared").one("tbody")
    assert [words(line) for line in table.all("tr")] == [
        f"gone us-east-1 {ONE} gone the trail is there no more",
        f"a us-east-1 {ONE} still {rule} fail since 2026-10-01",
        f"b us-east-1 {ONE} not judged {rule} fail since 2026-10-01",
        f"c us-east-1 {ONE} expires {rule} 2026-10-20, excepted by <b>ops</b>: {EXCEPTION['reason']}",
    ]


def test_a_report_that_cannot_be_used_is_named() -> None:
    now = on(1, row(ONE))
    report = page({**now, "comparison": uncompared("The previous report <x> is not used: it is broken.", now)})
    assert words(report.one("h2", id="compared")) == "Since the previous report"
    assert "The previous report <x> is not used: it is broken." in words(report)
    assert "Nothing to compare with, 1 failing." in words(report)


def test_without_a_previous_report_nothing_is_said_of_it() -> None:
    assert page(on(0, row(ONE, with_status("fail")))).all("h2", id="compared") == []
