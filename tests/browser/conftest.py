# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._html import render
from tests.browser.chromium import chromium
from tests.unit.reports.organization import organization

WIDE = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Reports:
    """Opens reports, and notes what they ask for and complain of."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def write(self, document: Mapping[str, Any]) -> str:
        """Write the report of an audit; return its address."""
        path = self._folder / "cloudtrail-kms.html"
        path.write_text(render(document, cis_version="3.0"), encoding="utf-8")
        return path.as_uri()

    def blank(self, **options: Any) -> Page:
        """Open a window of its own, watched from the start."""
        page = self._browser.new_context(**{"viewport": WIDE, **options}).new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def open(self, document: Mapping[str, Any], anchor: str = "", **options: Any) -> Page:
        """Open the report of an audit."""
        page = self.blank(**options)
        page.goto(f"{self.write(document)}{anchor}")
        return page


@pytest.fixture
def reports(browser: Browser, tmp_path: Path) -> Iterator[Reports]:
    """Reports that must have asked for nothing but themselves, and complained of nothing, when the test ends."""
    reports = Reports(browser, tmp_path)
    yield reports
    for context in browser.contexts:
        context.close()
    assert reports.complaints == []
    assert [url for url in reports.requests if not url.startswith(tmp_path.as_uri())] == []
    assert reports.requests


@pytest.fixture(scope="session")
def members() -> dict[str, Any]:
    """An organization of a hundred accounts, with every kind of trouble."""
    return organization(100)
