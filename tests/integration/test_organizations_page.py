# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/organizations.md shows is run from top to bottom, and was printed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakeaws.client import FakeAws

PAGE = (Path(__file__).parents[2] / "docs" / "organizations.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.M)
FILES = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", PAGE, re.M | re.S)
SHOWN = re.findall(r"^```text\n(.*?)^```$", PAGE, re.M | re.S)


class Typed(NamedTuple):
    """All commands of the page, typed one after the other: their exit codes, what they printed, and who changed a trail."""

    codes: list[int]
    printed: str
    folder: Path
    updated: dict[str, set[str]]


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    folder = tmp_path_factory.mktemp("page")
    for name, content in FILES:
        (folder / name).write_text(content, encoding="utf-8")
    codes: list[int] = []
    printed = ""
    updated: dict[str, set[str]] = {}
    with FakeAws.start("landing-zone") as aws:
        environment = aws.environment | aws.credentials("5" * 12)
        for command in COMMANDS:
            aws.clear_calls()
            done = subprocess.run(
                ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            codes.append(done.returncode)
            printed += done.stdout
            updated[command] = {call["account"] for call in aws.calls() if call["action"] == "UpdateTrail"}
    return Typed(codes, printed, folder, updated)


def timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "TIME", text)


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.partition("\n")[0][:40])
def test_what_the_page_shows_was_printed(shown: str, typed: Typed) -> None:
    assert timeless(shown) in timeless(typed.printed)


def test_the_commands_end_as_the_page_says(typed: Typed) -> None:
    """The first audit and the joined one fail by the account that does not comply, and nothing else does."""
    failed = [command for command, code in zip(COMMANDS, typed.codes, strict=True) if code]
    assert failed == [command for command in COMMANDS if "cloudtrail_kms_reports=json,html" in command], typed.printed
    assert set(typed.codes) == {0, 2}


def test_the_slices_come_to_a_report_on_all(typed: Typed) -> None:
    report = json.loads((typed.folder / "reports" / "cloudtrail-kms.json").read_text(encoding="utf-8"))
    assert report["summary"]["accounts"] == 6
    assert report["summary"]["compliant"] == 4


def test_the_enforcement_changes_what_failed(typed: Typed) -> None:
    *others, last = COMMANDS
    assert (typed.updated[last], [typed.updated[command] for command in others]) == (
        {"3" * 12},
        [set()] * len(others),
    )
