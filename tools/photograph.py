# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Photographs an HTML report, from its top to the end of the matrix.

Usage: python -m tools.venvs browser python -m tools.photograph REPORT PICTURE
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser.chromium import chromium

WIDTH, MARGIN = 1180, 24


def main(report: str, picture: str) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 2400})
        page.goto(Path(report).as_uri())
        bottom = page.locator("#matrix").evaluate("one => one.getBoundingClientRect().bottom")
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": WIDTH, "height": bottom + MARGIN})


if __name__ == "__main__":
    main(*sys.argv[1:])
