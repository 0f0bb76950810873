# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/second-day.md shows is run from top to bottom, and was printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.fakeaws.client import FakeAws
from tests.page import blocks
from tests.pages.typed import Page, Typed, opening, timeless, typed

PAGE = Page("second-day.md")


class Days(NamedTuple):
    """What the commands of the page printed, and the last report."""

    first: Typed
    second: Typed
    third: Typed
    reports: list[str]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    folder = tmp_path_factory.mktemp("days")
    PAGE.copy(folder)
    report = folder / "reports" / "cloudtrail-kms.json"
    with FakeAws.start("mixed") as aws:
        reports, runs = [], []
        for command in PAGE.commands:
            runs.append(typed(aws, command, folder))
            reports.append(report.read_text(encoding="utf-8"))
        yield Days(runs[0], runs[3], runs[4], reports)
        assert "Since the report of" in (Path(folder) / "reports" / "cloudtrail-kms.html").read_text(encoding="utf-8")


def dateless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", "DAY", timeless(text))


@pytest.mark.parametrize("shown", PAGE.shown, ids=opening)
def test_what_the_page_shows_was_printed(shown: str, days: Days) -> None:
    assert dateless(shown) in dateless(days.second.printed + days.third.printed)


def test_only_the_day_on_which_something_is_new_is_red(days: Days) -> None:
    assert [day.code for day in (days.first, days.second, days.third)] == [2, 2, 0]
    assert "There is no previous report yet:" in days.first.printed
    assert "trail company-audit in eu-central-1: key_is_usable (fail)" in days.second.printed


def test_the_comparison_costs_no_call(days: Days) -> None:
    calls = [sorted(call["action"] for call in day.calls) for day in (days.second, days.third)]
    assert calls[0] == calls[1]
    assert not {call for call in calls[0] if "Object" in call}


def test_the_artifact_that_the_page_shows_is_that_of_the_second_day(days: Days) -> None:
    (shown,) = (block for block in blocks("yaml", "docs/second-day.md") if block.startswith("sentence:"))
    comparison = json.loads(days.reports[3])["comparison"]
    artifact = {name: len(told) if isinstance(told, list) else told for name, told in comparison.items()}
    artifact |= {"previous": comparison["previous"]["generated_at"], "why": ""}
    assert yaml.safe_load(dateless(shown)) == yaml.safe_load(dateless(json.dumps(artifact)))
