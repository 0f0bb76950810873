# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/organizations.md shows is run from top to bottom, with docs/slices.md after the audit, and was printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakeaws.client import FakeAws
from tests.pages.typed import Page, Typed, opening, timeless, typed

PAGE, SLICES = Page("organizations.md"), Page("slices.md")
AUDITED = next(number for number, command in enumerate(PAGE.commands, 1) if "cloudtrail.audit" in command)
COMMANDS = [*PAGE.commands[:AUDITED], *SLICES.commands, *PAGE.commands[AUDITED:]]


class Read(NamedTuple):
    """The page, typed from top to bottom in a folder."""

    runs: list[Typed]
    folder: Path


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("page")
    PAGE.copy(folder)
    SLICES.copy(folder)
    with FakeAws.start("landing-zone") as aws:
        security = aws.credentials("5" * 12)
        return Read([typed(aws, command, folder, **security) for command in COMMANDS], folder)


@pytest.mark.parametrize("shown", PAGE.shown, ids=opening)
def test_what_the_page_shows_was_printed(shown: str, read: Read) -> None:
    assert timeless(shown) in timeless("".join(run.printed for run in read.runs))


def test_the_commands_end_as_the_page_says(read: Read) -> None:
    """The first audit and the joined one fail by the account that does not comply, and nothing else does."""
    failed = [run.command for run in read.runs if run.code]
    assert failed == [command for command in COMMANDS if "cloudtrail_kms_reports=json,html" in command]
    assert {run.code for run in read.runs} == {0, 2}


def test_the_slices_come_to_a_report_on_all(read: Read) -> None:
    report = json.loads((read.folder / "reports" / "cloudtrail-kms.json").read_text(encoding="utf-8"))
    assert report["summary"]["accounts"] == 6
    assert report["summary"]["compliant"] == 4


def test_the_enforcement_changes_what_failed(read: Read) -> None:
    *others, last = (run.did("UpdateTrail") for run in read.runs)
    assert (last, others) == ({"3" * 12}, [set()] * len(others))
