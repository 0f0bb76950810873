# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed from one report to the next: by table, and by properties of reports in a row."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._compared import (
    LISTS,
    compare,
    contradictions,
    earlier,
    is_related,
    uncompared,
)
from tests.unit.action.audits import EXCEPTION, error, finding, trail
from tests.unit.reports.history import (
    FINE,
    ONE,
    SOME_RULES,
    TWO,
    arn,
    audits,
    findings_of,
    in_a_row,
    on,
    row,
    told,
    with_status,
)

CHANGES = ("new", "worse", "better", "gone", "not_judged")


def since_yesterday(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What changed where one account was so and is so."""
    return compare(earlier(on(0, before)), on(1, now))


def lists_of(comparison: dict[str, Any]) -> dict[str, int]:
    return {name: len(comparison[name]) for name in LISTS if comparison[name]}


@pytest.mark.parametrize(
    ("before", "after", "expected", "since"),
    [
        ("pass", "pass", None, None),
        ("pass", "fail", "worse", "2026-10-02"),
        ("pass", "unknown", "worse", None),
        ("excepted", "fail", "worse", "2026-10-02"),
        ("unknown", "fail", "worse", "2026-10-02"),
        ("fail", "pass", "better", None),
        ("fail", "excepted", "better", None),
        ("unknown", "pass", "better", None),
        ("fail", "not_applicable", "gone", None),
        ("fail", "fail", "still", "2026-10-01"),
        ("unknown", "unknown", "still", None),
        ("fail", "unknown", "not_judged", "2026-10-01"),
        ("pass", "excepted", None, None),
    ],
)
def test_a_finding_of_both_is_told_in_one_list(before: str, after: str, expected: str | None, since: str) -> None:
    comparison = since_yesterday(row(ONE, with_status(before)), row(ONE, with_status(after)))
    assert lists_of(comparison) == ({expected: 1} if expected else {})
    for entry in comparison[expected] if expected else ():
        assert entry == {
            "account_id": ONE,
            "trail": arn("main"),
            "rule": "key_is_usable",
            "before": before,
            "after": after,
            "since": since,
        }


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([], {"not_judged": 1}),
        ([row(ONE, verdict="not_applicable", regions=[])], {"not_judged": 1}),
        ([row(ONE, with_status("pass", rule="trail_has_kms_key"))], {"not_judged": 1}),
        ([row(ONE, with_status("fail", level="advised"))], {"not_judged": 1}),
        ([row(ONE, with_status("pass", "audit"), narrowed_by={"trails": ["audit"]})], {"not_judged": 1}),
        ([row(ONE, with_status("pass", "audit"), regions=["eu-central-1"])], {"not_judged": 1}),
        ([row(ONE, with_status("pass", "audit"), errors=[error("us-east-1")])], {"not_judged": 1}),
        ([row(ONE, with_status("pass", "audit"), complete=False)], {"worse": 1, "not_judged": 1}),
        ([row(ONE, with_status("pass", "audit"))], {"gone": 1}),
        ([row(ONE, with_status("pass", "audit"), regions=["us-east-1"])], {"gone": 1}),
    ],
    ids=[
        "account not there",
        "account closed",
        "rule off",
        "rule lowered",
        "other trails",
        "other regions",
        "region denied",
        "regions not known",
        "trail deleted",
        "trail deleted, of its region",
    ],
)
def test_only_what_was_looked_at_can_be_gone_or_better(now: list[dict[str, Any]], expected: dict[str, int]) -> None:
    comparison = compare(earlier(on(0, row(ONE, with_status("fail")))), on(1, *now))
    assert lists_of(comparison) == expected
    for entry in comparison["not_judged"]:
        assert (entry["trail"], entry["since"]) == (arn("main"), "2026-10-01")


def test_a_trail_that_is_gone_is_told_once_whether_it_passed_or_not() -> None:
    findings = [finding(rule, status) for rule, status in zip(SOME_RULES, ("pass", "fail"), strict=True)]
    comparison = since_yesterday(
        row(ONE, trail("main", "non_compliant", *findings)), row(ONE, with_status("pass", "b"))
    )
    assert lists_of(comparison) == {"gone": 1}
    assert (comparison["gone"][0]["trail"], comparison["gone"][0]["rule"]) == (arn("main"), None)
    assert comparison["sentence"] == "No new failures, 1 trail gone"


def test_an_account_that_loses_its_last_trail_fails_anew() -> None:
    comparison = since_yesterday(row(ONE, with_status("pass")), row(ONE))
    assert lists_of(comparison) == {"worse": 1, "gone": 1}
    assert comparison["worse"][0]["rule"] == "account_has_trails"
    assert comparison["worse"][0]["trail"] is None


@pytest.mark.parametrize("status", ["fail", "unknown"])
def test_a_trail_that_is_new_is_told_where_it_does_not_pass(status: str) -> None:
    comparison = since_yesterday(row(ONE, with_status("pass")), row(ONE, with_status("pass"), with_status(status, "b")))
    assert lists_of(comparison) == {"new": 1}


def test_the_sentence_counts_what_a_person_would() -> None:
    """A trail of the organization is one trail, whoever sees it; what is excepted now is not fixed."""
    before = [with_status("fail", name) for name in "abc"] + [with_status("pass", name) for name in "de"]
    after = [
        with_status(status, name)
        for name, status in zip("abcde", ("fail", "pass", "excepted", "fail", "unknown"), strict=True)
    ]
    first = on(0, row(ONE, *before), row(TWO, *before))
    second = on(1, row(ONE, *after), row(TWO, *after))
    third = on(2, row(ONE, *after), row(TWO, *after))
    reports = in_a_row(first, second, third)
    assert reports[1]["comparison"]["sentence"] == (
        "1 new failure, 1 newly unknown, 1 fixed, 1 newly excepted, 1 still failing (oldest since 2026-10-01)"
    )
    assert reports[2]["comparison"]["sentence"] == (
        "No new failures, 2 still failing (oldest since 2026-10-01), 1 still unknown"
    )


@pytest.mark.parametrize(("expires", "is_soon"), [("2026-10-01", True), ("2026-10-31", True), ("2026-11-01", False)])
def test_exceptions_that_end_within_30_days_are_told(expires: str, is_soon: bool) -> None:
    """The last day counts, as it does for the exception. With and without an earlier report."""
    excepted = with_status("excepted")
    excepted["findings"][0]["evidence"] = {"exception": {**EXCEPTION, "expires": expires}}
    now = on(0, row(ONE, excepted))
    for comparison in (compare(earlier(now), now), uncompared("No.", now)):
        assert [each["expires"] for each in comparison["expiring"]] == ([expires] if is_soon else [])
        assert ("1 exception expires within 30 days" in comparison["sentence"]) == is_soon


def test_without_an_earlier_report_nothing_is_new() -> None:
    comparison = uncompared("It is broken.", on(0, row(ONE, with_status("fail"))))
    assert lists_of(comparison) == {}
    assert (comparison["previous"], comparison["why"]) == (None, "It is broken.")
    assert comparison["sentence"] == "Nothing to compare with, 1 failing"


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((ONE, None), (ONE, None), True),
        ((ONE, None), (TWO, None), False),
        ((ONE, "o-one"), (TWO, "o-one"), True),
        ((ONE, "o-one"), (ONE, "o-two"), False),
        ((ONE, "o-one"), (ONE, None), True),
    ],
    ids=["same", "another account", "same organization", "another organization", "organization not known"],
)
def test_a_report_of_others_is_no_earlier_one(before: Any, now: Any, expected: bool) -> None:
    reports = [on(0, row(account_id, organization=of)) for account_id, of in (before, now)]
    assert is_related(earlier(reports[0]), reports[1]) == expected


@pytest.mark.parametrize(("status", "expected"), [("pass", {"worse": 1}), ("unknown", {"still": 1})])
def test_what_a_report_judged_counts_before_what_it_carries(status: str, expected: dict[str, int]) -> None:
    """Only what is unknown there may have failed before."""
    before = on(0, row(ONE, with_status("fail")))
    report = on(1, row(ONE, with_status(status)))
    carrying = {**report, "comparison": compare(earlier(before), on(1, row(ONE, with_status("unknown"))))}
    assert lists_of(compare(earlier(carrying), on(2, row(ONE, with_status("fail"))))) == expected
    assert [found[0] for found in contradictions(carrying)] == (["not_judged"] if status == "pass" else [])


@given(days=st.lists(audits(), min_size=2, max_size=6))
def test_no_report_contradicts_itself(days: list[dict[str, Any]]) -> None:
    for report in in_a_row(*(on(day, *each["accounts"]) for day, each in enumerate(days))):
        assert [*contradictions(report)] == []


@given(audit=audits())
def test_an_audit_compared_with_itself_says_nothing(audit: dict[str, Any]) -> None:
    comparison = compare(earlier(audit), audit)
    assert told(comparison, CHANGES) == []


@given(audit=audits(), later=audits(1))
def test_every_finding_of_both_is_told_once(audit: dict[str, Any], later: dict[str, Any]) -> None:
    comparison = compare(earlier(audit), later)
    entries = told(comparison, LISTS)
    assert len(entries) == len(set(entries))
    gone = {(account_id, trail_arn) for account_id, trail_arn, rule in entries if rule is None}
    for report, judged in ((audit, ("fail", "unknown")), (later, ("fail", "unknown"))):
        for account_id, trail_arn, rule, status in findings_of(report):
            is_read = any(one["account_id"] == account_id and one["trails"] for one in report["accounts"])
            if is_read and status in judged:
                assert (account_id, trail_arn) in gone or (account_id, trail_arn, rule) in entries


@given(first=audits(0), second=audits(1), third=audits(2))
def test_reports_in_a_row_add_up(first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]) -> None:
    """What fails is as old as the day from which on nobody has seen it in order: told by the findings of each day."""
    reports = in_a_row(first, second, third)
    opened: dict[tuple[str, str | None, str], str] = {}
    for report in reports:
        entries = [each for name in LISTS for each in report.get("comparison", {}).get(name, ())]
        gone = {(each["account_id"], each["trail"]) for each in entries if each["rule"] is None}
        opened = {key: day for key, day in opened.items() if key[:2] not in gone}
        for account_id, trail_arn, rule, status in findings_of(report):
            if status in FINE:
                opened.pop((account_id, trail_arn, rule), None)
            elif status == "fail":
                opened.setdefault((account_id, trail_arn, rule), report["generated_at"][:10])
        if "comparison" in report:
            assert {_key(each): each["since"] for each in entries if each["since"] and each["trail"]} == opened


@given(days=st.lists(audits(), min_size=2, max_size=6))
def test_the_day_since_which_something_fails_never_gets_later(days: list[dict[str, Any]]) -> None:
    reports = in_a_row(*(on(day, *each["accounts"]) for day, each in enumerate(days)))
    for before, now in pairwise(reports[1:]):
        dated = {_key(each): each["since"] for name in LISTS for each in before["comparison"][name] if each["since"]}
        for name in ("still", "not_judged"):
            for each in now["comparison"][name]:
                assert each["since"] == dated.get(_key(each))


def _key(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["account_id"], entry["trail"], entry["rule"]
