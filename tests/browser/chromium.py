# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Chromium on PATH, headless; it never reaches out of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium itself asks for updates and the like at its start; a page's own requests are what the tests look at.
QUIET = (
    *("--disable-background-networking", "--disable-component-update", "--disable-quic", "--disable-sync"),
    *("--disable-gpu", "--no-first-run"),
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed at the end."""
    # Chromium refuses to run as root inside its sandbox; the pages are our own.
    sandbox = () if os.geteuid() else ("--no-sandbox",)
    found = next(filter(None, map(shutil.which, NAMES)), NAMES[0])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET, *sandbox])
        try:
            yield browser
        finally:
            browser.close()
