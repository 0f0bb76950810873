# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that old logs need is advice of its account, wherever the account is told of, and turns no verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import FormerKey
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._entries import entries
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._report_shape import (
    ShapeError,
    check_report,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._short import render_short
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from tests.unit.action.audits import OLD_KEYS, account, audit, finding, trail
from tests.unit.action.screens import plain
from tests.unit.checks.build import denied, snapshot
from tests.unit.reports.pages import page, words

(KEY,) = OLD_KEYS
OLD, GONE = KEY["arn"], KEY["deletion_date"]
COMMAND = f"aws kms cancel-key-deletion --region eu-west-1 --key-id {OLD} && aws kms enable-key"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "cloudtrail-kms.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
NOW = datetime(2026, 11, 29, tzinfo=timezone.utc)


def former(state: str, deletion_date: datetime | None = None) -> FormerKey:
    return FormerKey(OLD, "main", NOW - timedelta(days=9), state, deletion_date)


def test_the_html_report_has_a_section_of_them() -> None:
    report = page(audit(account("compliant", trail("main"), former_keys=OLD_KEYS)))
    (row,) = report.one("div", aria_labelledby="old-keys").one("tbody").all("tr")
    assert f"{OLD} is PendingDeletion, and KMS deletes it at {GONE}." in words(row)
    assert COMMAND in words(row)
    assert not page(audit(account("compliant", trail("main")))).all("div", aria_labelledby="old-keys")


def test_the_table_and_every_list_of_findings_tell_of_them() -> None:
    told = audit(account("compliant", trail("main"), former_keys=OLD_KEYS))
    full = " ".join(render(told, width=100, paint=plain).split())
    assert "advice keys_of_old_logs: The key" in full
    assert GONE in full
    own, *_trails = entries(told, "3.0")
    assert (own.finding["status"], "keys_of_old_logs: The key" in own.message) == ("pass", True)
    assert COMMAND in own.finding["remediation"]


def test_in_short_they_are_counted() -> None:
    advised = trail("main", "compliant", finding("key_rotation_enabled", level="advised"))
    text = render_short(audit(account("compliant", advised, former_keys=OLD_KEYS)), width=100, paint=plain)
    assert text.endswith(
        "\nAdvice    1 trail, 1 old key\nIn full   -e cloudtrail_kms_table=full adds advice and longer texts"
    )
    alone = render_short(audit(account("compliant", trail("main"), former_keys=OLD_KEYS)), width=100, paint=plain)
    assert "\nAdvice    1 old key\nIn full " in alone


@pytest.mark.parametrize("key", [former("Disabled"), former("PendingDeletion", NOW), former("Unavailable")])
def test_reports_with_them_keep_to_the_schema(key: FormerKey) -> None:
    document = facts([assess(replace(snapshot(), former_keys=(key,)), Settings())])
    (row,) = document["accounts"]
    assert row["verdict"] == "compliant"
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    check_report(document)
    broken: Mapping[str, object] = {**row["former_keys"][0], "deletion_date": "soon"}
    with pytest.raises(ShapeError, match="deletion_date: 'soon' is not"):
        check_report({**document, "accounts": [{**row, "former_keys": [broken]}]})


@pytest.mark.parametrize("state", ["Enabled", "Updating"])
def test_a_key_that_can_be_used_is_left_out(state: str) -> None:
    (row,) = facts([assess(replace(snapshot(), former_keys=(former(state),)), Settings())])["accounts"]
    assert "former_keys" not in row


def test_one_that_could_not_be_read_is_an_error_of_the_account() -> None:
    refused = denied("kms", "DescribeKey", "kms:DescribeKey")
    (row,) = facts([assess(replace(snapshot(), former_keys=(refused,)), Settings())])["accounts"]
    assert (row["verdict"], [each["iam_action"] for each in row["errors"]]) == ("compliant", ["kms:DescribeKey"])
