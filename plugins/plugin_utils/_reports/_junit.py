# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit as JUnit XML, for CI: a suite for each account, a case for each trail and rule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ._entries import Entry, entries, read_at
from ._frameworks import requirements

# What a case says by the status of its finding; none where it passes.
_OUTCOMES = {"fail": "failure", "unknown": "error", "not_applicable": "skipped", "excepted": "skipped"}


def render(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return the document. Entries hold no character that XML does not allow."""
    # The schemas of JUnit want the time without its zone; it is UTC.
    timestamp = read_at(audit).replace(tzinfo=None).isoformat(timespec="seconds")
    root = Element("testsuites", name="cloudtrail_kms")
    for _id, of_account in groupby(entries(audit, cis_version), key=lambda entry: id(entry.account)):
        _add_suite(root, timestamp, list(of_account))
    _count(root, root.iter("testcase"))
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_suite(root: Element, timestamp: str, of_account: list[Entry]) -> None:
    account = of_account[0].account
    name = f"{account['account_id']} {account.get('account_name', '')}".strip()
    suite = SubElement(root, "testsuite", name=name, timestamp=timestamp)
    if narrowed_by := of_account[0].narrowed_by:
        SubElement(SubElement(suite, "properties"), "property", name="narrowed_by", value=narrowed_by)
    for entry in of_account:
        _add_case(suite, entry)
    _count(suite, suite.iter("testcase"))


def _count(element: Element, cases: Iterable[Element]) -> None:
    """Set the numbers of cases by outcome, in the order that programs expect."""
    listed = list(cases)
    element.set("tests", str(len(listed)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in listed)))
    element.set("time", "0")


def _add_case(suite: Element, entry: Entry) -> None:
    finding = entry.finding
    of = entry.trail["arn"] if entry.trail else entry.account["account_id"]
    case = SubElement(suite, "testcase", classname=of, name=finding["rule"], time="0")
    outcome, message = _OUTCOMES.get(finding["status"]), entry.message
    if outcome in ("failure", "error") and finding["level"] != "required":
        # The verdict does not hang on it, so neither does the pipeline: it is shown, and fails nothing.
        outcome, message = "skipped", f"advice: {message}"
    if outcome == "skipped":
        SubElement(case, outcome, message=message)
    elif outcome:
        problem = SubElement(case, outcome, type=finding["severity"], message=message)
        problem.text = finding["remediation"]
    SubElement(case, "system-out").text = "\n".join(_details(entry))


def _details(entry: Entry) -> list[str]:
    """Return the lines with everything about the finding, whatever its outcome."""
    finding = entry.finding
    lines = {
        "status": f"{finding['status']} ({finding['level']}, {finding['severity']})",
        "message": entry.message,
        "remediation": finding["remediation"],
        "frameworks": "; ".join(requirements(finding["frameworks"])),
        "evidence": json.dumps(finding["evidence"], sort_keys=True),
    }
    return [f"{name}: {text}" for name, text in lines.items() if text]
