# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit as a table for spreadsheets: a row for each finding, and one for each account."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ._entries import Entry, entries, read_at
from ._frameworks import requirements
from ._verdicts import exceptions

COLUMNS = (
    "generated_at",
    "account_id",
    "account_name",
    "account_verdict",
    "trail_arn",
    "trail_name",
    "home_region",
    "ownership",
    "bucket_name",
    "kms_key_arn",
    "trail_verdict",
    "cis_3_5",
    "rule",
    "status",
    "level",
    "severity",
    "message",
    "remediation",
    "exception_reason",
    "exception_owner",
    "exception_expires",
    "frameworks",
    "evidence",
    "narrowed_by",
    "account_exceptions",
    "trail_exceptions",
)
# Where a cell begins with what a spreadsheet takes for a formula (OWASP, "CSV Injection"), some in their wide form too,
# and some after blanks. Where the list separator of the locale is a semicolon, a cell begins after each, and a pair of
# quotes before the formula is lost. A tab never stands in a cell: entries have an escape for it.
_BEFORE_FORMULA = re.compile(r"""(^|;)(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20])""")


def render(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return the table as RFC 4180 describes it, with a heading and every cell quoted.

    An apostrophe is put before a cell that a spreadsheet would take for a formula, and before such a text after a
    semicolon.
    """
    generated_at = read_at(audit).isoformat(timespec="seconds")
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    excepted = {account["account_id"]: exceptions(account["trails"]) for account in audit["accounts"]}
    for entry in entries(audit, cis_version):
        of_account = {"account_exceptions": excepted[entry.account["account_id"]]}
        row = {"generated_at": generated_at, **_row(entry), **of_account}
        writer.writerow({column: _cell(row.get(column)) for column in COLUMNS})
    return text.getvalue()


def _row(entry: Entry) -> dict[str, Any]:
    """Return the values by column; None for what is missing, such as the trail in the row of an account."""
    account, trail, finding = entry.account, entry.trail or {}, entry.finding
    return {
        "account_id": account["account_id"],
        "account_name": account.get("account_name"),
        "account_verdict": account["verdict"],
        "trail_arn": trail.get("arn"),
        "trail_name": trail.get("name"),
        **{name: trail.get(name) for name in ("home_region", "ownership", "bucket_name", "kms_key_arn")},
        "trail_verdict": trail.get("verdict"),
        "cis_3_5": trail.get("cis_3_5", account["cis_3_5"]),
        **{name: finding[name] for name in ("rule", "status", "level", "severity", "message", "remediation")},
        **{f"exception_{name}": value for name, value in (entry.exception or {}).items()},
        "frameworks": "; ".join(requirements(finding["frameworks"])),
        "evidence": json.dumps(finding["evidence"], sort_keys=True),
        "narrowed_by": entry.narrowed_by,
        "trail_exceptions": exceptions([entry.trail]) if entry.trail else None,
    }


def _cell(value: object) -> str:
    return _BEFORE_FORMULA.sub(r"\1'", "" if value is None else str(value))
