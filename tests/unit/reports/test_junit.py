# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test report: what fails a pipeline, and what is only shown."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from tests.unit.action.audits import NARROWED, account, audit, error, finding, trail


def read(document: dict[str, Any]) -> JUnitXml:
    return JUnitXml.fromstring(FORMATS["junit"].render(document))


@pytest.mark.parametrize(
    ("status", "level", "outcome", "message"),
    [
        ("pass", "required", None, None),
        ("fail", "required", Failure, "What key_is_usable found."),
        ("unknown", "required", Error, "What key_is_usable found."),
        ("fail", "advised", Skipped, "advice: What key_is_usable found."),
        ("unknown", "advised", Skipped, "advice: What key_is_usable found."),
        ("not_applicable", "required", Skipped, "What key_is_usable found."),
        (
            "excepted",
            "required",
            Skipped,
            "What key_is_usable found. Excepted until 2027-03-31 by security: The archive moves.",
        ),
    ],
)
def test_a_case_ends_as_its_finding_does(status: str, level: str, outcome: type | None, message: str | None) -> None:
    found = finding("key_is_usable", status, level)
    ((_own, case),) = read(audit(account("compliant", trail("main", "compliant", found))))
    assert (case.classname, case.name) == ("arn:aws:cloudtrail:us-east-1:111111111111:trail/main", "key_is_usable")
    assert [(type(result), result.message) for result in case.result] == ([(outcome, message)] if outcome else [])
    assert f"status: {status} ({level}, high)\n" in case.system_out


def test_failures_and_errors_say_what_to_do() -> None:
    found = [finding("key_is_usable"), finding("trail_is_delivering", "unknown")]
    ((_own, *cases),) = read(audit(account("non_compliant", trail("main", "non_compliant", *found))))
    assert [(case.result[0].type, case.result[0].text) for case in cases] == [
        ("high", "What fixes key_is_usable."),
        ("high", "What fixes trail_is_delivering."),
    ]


def test_accounts_without_trails_or_unread_are_cases_too() -> None:
    suites = read(
        audit(
            account("no_trails"), account("unknown", complete=False, errors=[error("us-east-1")], account_name="logs")
        )
    )
    assert [suite.name for suite in suites] == ["111111111111", "111111111111 logs"]
    assert [(case.name, type(case.result[0])) for suite in suites for case in suite] == [
        ("account_has_trails", Failure),
        ("account_has_trails", Error),
    ]


def test_the_numbers_are_those_of_the_cases(audits: dict[str, dict[str, Any]], hostile: dict[str, Any]) -> None:
    for document in (*audits.values(), hostile):
        report = read(document)
        counted = [Counter(type(result) for case in suite for result in case.result) for suite in report]
        told = [{Failure: suite.failures, Error: suite.errors, Skipped: suite.skipped} for suite in report]
        assert [+Counter(one) for one in told] == counted
        assert [suite.tests for suite in report] == [len(list(suite)) for suite in report]
        assert (report.tests, report.failures, report.errors, report.skipped) == (
            sum(suite.tests for suite in report),
            sum(suite.failures for suite in report),
            sum(suite.errors for suite in report),
            sum(suite.skipped for suite in report),
        )


def test_the_time_is_that_of_the_audit_in_utc() -> None:
    document = {**audit(account("no_trails")), "generated_at": "2026-11-23T09:00:00+01:00"}
    (suite,) = read(document)
    assert suite.timestamp == "2026-11-23T08:00:00"


def test_the_suite_of_a_narrowed_account_has_a_property_and_no_other_has_any() -> None:
    document = audit(account("compliant"), account("compliant", narrowed_by=NARROWED))
    whole, narrowed, _end = FORMATS["junit"].render(document).split("</testsuite>")
    assert "propert" not in whole
    assert (
        "    <properties>\n"
        '      <property name="narrowed_by" value="only regions us-east-1; rules off: key_is_usable" />\n'
        "    </properties>\n"
        "    <testcase "
    ) in narrowed
