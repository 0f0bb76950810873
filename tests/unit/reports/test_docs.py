# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/reports.md shows was really written, and its commands import it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from tests.unit.action.audits import NARROWED, account, audit, error, trail

PAGE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")
SECTIONS = {section.partition("\n")[0]: section for section in PAGE.split("\n## ")[1:]}
# The jq of the page, for machines that have its library only.
JQ = f"""#!{sys.executable}
import sys, jq
words = sys.argv[1:]
assert words.pop(0) == "-c"
arguments = {{}}
while words[0] == "--arg":
    arguments[words[1]], words = words[2], words[3:]
program, path = words
for one in jq.compile(program, args=arguments).input_text(open(path, encoding="utf-8").read()).text().splitlines():
    print(one)
"""


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[section], re.M | re.S)


def test_there_is_a_section_and_a_row_for_each_format() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(#\1\) \| `([\w.-]+)` \|", PAGE, re.M)
    assert rows == [(name, one.file_name) for name, one in FORMATS.items()]
    assert list(SECTIONS) == list(FORMATS)


@pytest.mark.parametrize(
    ("name", "language"), [("json", "json"), ("csv", "text"), ("junit", "xml"), ("ocsf", "json"), ("asff", "json")]
)
def test_the_excerpt_was_written(name: str, language: str, audits: dict[str, dict[str, Any]]) -> None:
    (excerpt,) = blocks(name, language)
    assert excerpt in FORMATS[name].render(audits["fresh"]).replace("\r\n", "\n")


def test_the_table_ends_as_the_page_says() -> None:
    (line,) = re.findall(r"^```text\n(Narrowed .*)\n```$", PAGE, re.M)
    narrowed = {**NARROWED, "regions": ["eu-central-1"], "rules_lowered": ["key_is_approved"]}
    document = audit(account("compliant", trail(), narrowed_by=narrowed))
    assert render(document, width=120, paint=lambda text, _tone: text).splitlines()[-1] == line


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of the page's commands: the tools it names, and a Security Hub in this process."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jq").write_text(JQ, encoding="utf-8")
    (tmp_path / "bin" / "jq").chmod(0o755)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "PATH": os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


def run(section: str, folder: Path, environment: dict[str, str]) -> str:
    (console,) = blocks(section, "console")
    script = "\n".join(line.removeprefix("$ ") for line in console.splitlines())
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_events_come_one_a_line(tmp_path: Path, shell: dict[str, str], audits: dict[str, dict[str, Any]]) -> None:
    text = FORMATS["ocsf"].render(audits["mixed"])
    (tmp_path / FORMATS["ocsf"].file_name).write_text(text, encoding="utf-8")
    run("ocsf", tmp_path, shell)
    lines = (tmp_path / "cloudtrail-kms-ocsf.ndjson").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(text)


def imported(
    folder: Path, environment: dict[str, str], document: dict[str, Any], *, status: str = "FAILED"
) -> list[dict[str, Any]]:
    """Let the script of the page import the reports of an audit; return what Security Hub has then."""
    hub = boto3.client(
        "securityhub", "eu-central-1", endpoint_url=environment["AWS_ENDPOINT_URL"], aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )  # fmt: skip
    for name in ("asff", "json"):
        text = FORMATS[name].render(document).replace('"FAILED"', f'"{status}"')
        (folder / FORMATS[name].file_name).write_text(text, encoding="utf-8")
    (script,) = blocks("asff", "python")
    (folder / "import_findings.py").write_text(script, encoding="utf-8")
    run("asff", folder, environment)
    return [one for page in hub.get_paginator("get_findings").paginate() for one in page["Findings"]]


def copied(document: dict[str, Any], copies: int) -> dict[str, Any]:
    """The audit with each trail of its account so often, and with another account."""
    (account,) = document["accounts"]
    trails = [
        {**trail, "arn": f"{trail['arn']}-{copy}", "name": f"{trail['name']}-{copy}"}
        for trail in account["trails"]
        for copy in range(copies)
    ]
    return {**document, "accounts": [{**account, "trails": trails}, {**account, "account_id": "2" * 12}]}


def test_a_second_import_updates_the_findings_of_the_first(
    tmp_path: Path, shell: dict[str, str], audits: dict[str, dict[str, Any]]
) -> None:
    """More than two batches of trails, one whole account, of which every finding passes the second time."""
    first = copied(audits["mixed"], 3)
    for status in ("FAILED", "PASSED"):
        found = imported(tmp_path, shell, first, status=status)
        findings = json.loads(FORMATS["asff"].render(first))
        wanted = [one["Id"] for one in findings if one["AwsAccountId"] == "1" * 12]
        assert len(wanted) > 200
        assert sorted(one["Id"] for one in found) == sorted(wanted)
        assert {one["ProductArn"].split(":")[3] for one in found} == {"eu-central-1"}
        assert (status in {one["Compliance"]["Status"] for one in found}) is True
    assert "FAILED" not in {one["Compliance"]["Status"] for one in found}


def test_what_is_gone_is_archived_where_all_was_read(
    tmp_path: Path, shell: dict[str, str], audits: dict[str, dict[str, Any]]
) -> None:
    before, after = copied(audits["mixed"], 2), copied(audits["mixed"], 1)
    row = after["accounts"][0]
    states = {one["Id"]: one["RecordState"] for one in imported(tmp_path, shell, before)}
    gone = {name for name in states if "-1/" in name}
    assert {states[name] for name in gone} == {"ACTIVE", "ARCHIVED"}  # what does not apply is archived from the start
    unread = ({"narrowed_by": {"regions": ["us-east-1"]}}, {"complete": False}, {"errors": [error("us-east-1")]})
    for fields in unread:
        narrowed = {**after, "accounts": [{**row, **fields}]}
        assert {one["Id"]: one["RecordState"] for one in imported(tmp_path, shell, narrowed)} == states
    later = {**after, "generated_at": "2999-01-01T00:00:00+00:00"}
    found = {one["Id"]: one for one in imported(tmp_path, shell, later)}
    assert found.keys() == states.keys()
    assert {found[name]["RecordState"] for name in gone} == {"ARCHIVED"}
    assert {found[name]["UpdatedAt"] for name in gone if states[name] == "ACTIVE"} == {"2999-01-01T00:00:00Z"}
    assert all(found[name]["RecordState"] == states[name] for name in found.keys() - gone)
