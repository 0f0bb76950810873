# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every format holds every finding of the audit, and each account, whatever stands in it; twice the same text; and JSON
gives the audit back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import CIS_VERSIONS, FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._joined import joined_reports
from tests.unit.action.audits import EXCEPTION, account, audit, finding, trail

# What a finding is known by: account, trail (or none), rule, and status.
Known: TypeAlias = tuple[str, str | None, str, str]


def of_audit(document: Mapping[str, Any]) -> Iterator[Known]:
    """The findings that a report of the audit has to hold, beside those of the accounts."""
    for one in document["accounts"]:
        for its_trail in one["trails"]:
            for found in its_trail["findings"]:
                yield one["account_id"], printable(its_trail["arn"]), printable(found["rule"]), found["status"]


OF_CSV = ("trail_arn", "rule")


def of_csv(text: str) -> Iterator[Known]:
    for row in csv.DictReader(io.StringIO(text, newline="")):
        arn, rule = (re.sub(r"""(^|;)'(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20])""", r"\1", row[of]) for of in OF_CSV)
        yield row["account_id"], arn or None, rule, row["status"]


def of_junit(text: str) -> Iterator[Known]:
    for suite in JUnitXml.fromstring(text):
        for case in suite:
            status = case.system_out.partition("\n")[0].split()[1]
            account_id = suite.name.split()[0]
            yield account_id, None if case.classname == account_id else case.classname, case.name, status


def of_ocsf(text: str) -> Iterator[Known]:
    for event in json.loads(text):
        (resource,) = event["resources"]
        arn = resource["uid"] if resource["type"] == "AWS::CloudTrail::Trail" else None
        compliance = event["compliance"]
        yield event["cloud"]["account"]["uid"], arn, compliance["control"], compliance["status_code"]


def of_asff(text: str) -> Iterator[Known]:
    for found in json.loads(text):
        (resource,) = found["Resources"]
        arn = resource["Id"] if resource["Type"] == "AwsCloudTrailTrail" else None
        rule = found["GeneratorId"].removeprefix("aws_baseline.cloudtrail/")
        yield found["AwsAccountId"], arn, rule, found["ProductFields"]["aws_baseline.cloudtrail/Status"]


READERS: dict[str, Callable[[str], Iterator[Known]]] = {
    "csv": of_csv,
    "junit": of_junit,
    "ocsf": of_ocsf,
    "asff": of_asff,
}
STATUSES = ("pass", "fail", "unknown", "not_applicable", "excepted")


def assert_holds_all(name: str, document: Mapping[str, Any], version: str = "3.0") -> str:
    """See that a report holds each finding once, and one more for each account; return it."""
    text = FORMATS[name].render(document, cis_version=version)
    held = Counter(READERS[name](text))
    of_accounts = Counter({known: count for known, count in held.items() if known[1] is None})
    assert held - of_accounts == Counter(of_audit(document))
    assert Counter(known[0] for known in of_accounts.elements()) == Counter(
        one["account_id"] for one in document["accounts"]
    )
    return text


@pytest.mark.parametrize("name", READERS)
def test_a_real_audit_is_held_whole_and_twice_the_same(name: str, audits: dict[str, dict[str, Any]]) -> None:
    for document in audits.values():
        text = assert_holds_all(name, document)
        assert text == FORMATS[name].render(json.loads(json.dumps(document, sort_keys=True)), cis_version="3.0")


@pytest.mark.parametrize("name", READERS)
def test_a_hostile_audit_is_held_whole(name: str, hostile: dict[str, Any]) -> None:
    text = assert_holds_all(name, hostile)
    text.encode("utf-8")
    assert not {character for character in text if not character.isprintable()} - {"\r", "\n"}


TEXT = st.text(st.characters(), max_size=30)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Audits with any text wherever AWS, or whoever names things there, has the word."""
    findings = [
        finding(draw(TEXT), status, level, message=draw(TEXT), remediation=draw(TEXT), severity="low")
        for status in STATUSES
        for level in ("required", "advised")
    ]
    for one in findings:
        if one["status"] == "excepted":
            one["evidence"] = {"exception": {**EXCEPTION, "reason": draw(TEXT), "owner": draw(TEXT)}, draw(TEXT): 1}
    name = draw(TEXT)
    trails = [trail(name, "unknown", *findings, bucket_name=draw(TEXT), home_region=draw(TEXT))]
    return audit(account("unknown", *trails, account_name=draw(TEXT)))


@given(document=documents())
def test_any_text_can_stand_anywhere(document: dict[str, Any]) -> None:
    for name in READERS:
        assert_holds_all(name, document)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("version", CIS_VERSIONS)
def test_the_frameworks_are_those_of_the_version(name: str, version: str, audits: dict[str, dict[str, Any]]) -> None:
    text = FORMATS[name].render(audits["fresh"], cis_version=version)
    number = {"1.2": "2.7", "3.0": "3.5", "4.0": "3.5", "5.0": "3.5", "6.0": "4.5", "7.0": "4.5"}.get(version, "3.7")
    assert f"CIS AWS Foundations Benchmark {version} {number}" in text
    assert "HIPAA Security Rule 164.312(a)(2)(iv)" in text
    others = [f"CIS AWS Foundations Benchmark {other}" for other in CIS_VERSIONS if other != version]
    assert not [other for other in others if other in text]


@pytest.mark.parametrize("name", READERS)
def test_an_exception_has_its_reason_owner_and_end(name: str) -> None:
    excepted = finding("key_is_usable", "excepted")
    text = FORMATS[name].render(audit(account("compliant", trail("main", "compliant", excepted))))
    for value in (EXCEPTION["reason"], EXCEPTION["owner"], EXCEPTION["expires"]):
        assert value in text


def test_joining_the_report_of_an_audit_gives_it_back(audits: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """That of every scenario, with all that can be asked for as well."""
    for audited in audits.values():
        path = tmp_path / "cloudtrail-kms.json"
        path.write_text(FORMATS["json"].render(audited), encoding="utf-8")
        again, _enforced = joined_reports([str(path)], datetime.now(timezone.utc))
        assert again == audited
        assert FORMATS["json"].render(again) == path.read_text(encoding="utf-8")
