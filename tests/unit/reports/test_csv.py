# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table: its cells are data to every spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._csv import COLUMNS
from tests.unit.action.audits import KEY, NARROWED, account, audit, finding, trail


def rows(document: dict[str, Any]) -> list[dict[str, str]]:
    text = FORMATS["csv"].render(document)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"])
def test_no_cell_is_a_formula(name: str) -> None:
    cell = rows(audit(account("compliant", trail(name, "compliant", finding("key_is_usable")))))[1]["trail_name"]
    assert cell == f"'{name}"


@pytest.mark.parametrize(("name", "shown"), [("\t=1", r"\t=1"), ("\r=1", r"\r=1"), ("\n=1", r"\n=1")])
def test_what_would_start_a_cell_or_a_line_anew_is_an_escape(name: str, shown: str) -> None:
    cell = rows(audit(account("compliant", trail(name, "compliant", finding("key_is_usable")))))[1]["trail_name"]
    assert cell == shown


def test_a_hostile_audit_has_no_formula_and_one_line_for_each_row(hostile: dict[str, Any]) -> None:
    found = rows(hostile)
    assert len(found) == FORMATS["csv"].render(hostile).count("\n") - 1
    for row in found:
        assert list(row) == list(COLUMNS)
        assert not [cell for cell in row.values() if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}]


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_no_cell_is_a_formula_whatever_the_spreadsheet_takes_for_the_delimiter(
    hostile: dict[str, Any], delimiter: str
) -> None:
    """A separator of the locale splits what stands in quotes after a comma, and an empty pair of quotes is lost."""
    names = ("a;=1", "a; =1", 'a;"=1', 'a; "";@x', "a;;+1", "a;\uff1d1", "a\t-1", "a;'=1")
    own = audit(*(account("compliant", account_name=name) for name in names))
    for document in (hostile, own):
        read = csv.reader(io.StringIO(FORMATS["csv"].render(document), newline=""), delimiter=delimiter)
        cells = [cell for row in read for cell in row]
        assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))]


@pytest.mark.parametrize("name", ["a; b", "a;b=1", "a-1;b", "x=1;'y"])
def test_what_is_no_formula_stays_as_it_is(name: str) -> None:
    assert rows(audit(account("compliant", account_name=name)))[0]["account_name"] == name


# Of an excepted finding, with the frameworks that the test gives it.
ROW = {
    "generated_at": "2026-11-23T08:00:00+00:00",
    "account_id": "111111111111",
    "account_name": "logs",
    "account_verdict": "compliant",
    "trail_arn": "arn:aws:cloudtrail:us-east-1:111111111111:trail/main",
    "trail_name": "main",
    "home_region": "us-east-1",
    "ownership": "owned",
    "bucket_name": "logs",
    "kms_key_arn": KEY,
    "trail_verdict": "compliant",
    "cis_3_5": "pass",
    "rule": "key_is_usable",
    "status": "excepted",
    "level": "required",
    "severity": "high",
    "message": "What key_is_usable found.",
    "remediation": "What fixes key_is_usable.",
    "exception_reason": "The archive moves.",
    "exception_owner": "security",
    "exception_expires": "2027-03-31",
    "frameworks": "SOC 2 CC6.1; SOC 2 CC6.2; HIPAA Security Rule 1",
    "evidence": '{"exception": {"expires": "2027-03-31", "owner": "security", "reason": "The archive moves.", '
    '"status": "fail"}}',
    "narrowed_by": "",
    "account_exceptions": "1",
    "trail_exceptions": "1",
}


def test_a_row_has_all_of_a_finding() -> None:
    found = finding("key_is_usable", "excepted", frameworks={"hipaa": ["1"], "soc_2": ["CC6.1", "CC6.2"]})
    own, row = rows(audit(account("compliant", trail("main", "compliant", found), account_name="logs")))
    assert row == ROW
    assert {column: own[column] for column in ("rule", "status", "trail_arn", "kms_key_arn", "exception_owner")} == {
        "rule": "account_has_trails",
        "status": "pass",
        "trail_arn": "",
        "kms_key_arn": "",
        "exception_owner": "",
    }


def test_every_row_of_a_narrowed_account_says_so() -> None:
    told = rows(audit(account("compliant", trail("main", "compliant", finding("key_is_usable")), narrowed_by=NARROWED)))
    assert [row["narrowed_by"] for row in told] == ["only regions us-east-1; rules off: key_is_usable"] * 2
