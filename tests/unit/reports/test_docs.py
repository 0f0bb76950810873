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
from tests.unit.action.audits import NARROWED, account, audit, trail

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


def test_a_second_import_updates_the_findings_of_the_first(
    tmp_path: Path, shell: dict[str, str], audits: dict[str, dict[str, Any]]
) -> None:
    """Two batches of trails, one whole account, of which every finding passes the second time."""
    hub = boto3.client(
        "securityhub", "eu-central-1", endpoint_url=shell["AWS_ENDPOINT_URL"], aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )  # fmt: skip
    (account,) = audits["mixed"]["accounts"]
    copies = [
        {**trail, "arn": f"{trail['arn']}-{copy}", "name": f"{trail['name']}-{copy}"}
        for trail in account["trails"]
        for copy in range(3)
    ]
    first = {**audits["mixed"], "accounts": [{**account, "trails": copies}, {**account, "account_id": "2" * 12}]}
    text = FORMATS["asff"].render(first)
    for status in ("FAILED", "PASSED"):
        (tmp_path / FORMATS["asff"].file_name).write_text(text.replace('"FAILED"', f'"{status}"'), encoding="utf-8")
        told = run("asff", tmp_path, shell)
        assert told.count('"FailedCount": 0') == 3
        found = [one for page in hub.get_paginator("get_findings").paginate() for one in page["Findings"]]
        wanted = [one["Id"] for one in json.loads(text) if one["AwsAccountId"] == account["account_id"]]
        assert len(wanted) > 200
        assert sorted(one["Id"] for one in found) == sorted(wanted)
        assert {one["ProductArn"].split(":")[3] for one in found} == {"eu-central-1"}
        assert (status in {one["Compliance"]["Status"] for one in found}) is True
    assert "FAILED" not in {one["Compliance"]["Status"] for one in found}
