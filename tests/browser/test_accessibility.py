# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What axe-core finds in the report: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Reports
from tests.unit.action.audits import OLD_KEYS
from tests.unit.reports.organization import organization, with_changes

# Tall, since what is out of sight is not laid out, and so not looked at.
TALL = {"width": 1280, "height": 20000}
NARROW = {"width": 360, "height": 30000}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [TALL, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing(scheme: Any, viewport: Any, reports: Reports) -> None:
    document = with_changes(organization(60))
    document["accounts"][0]["former_keys"] = OLD_KEYS
    page = reports.open(document, color_scheme=scheme, viewport=viewport)
    assert page.get_by_role("heading", name="Keys that old logs need").count() == 1
    page.get_by_role("button", name="Expand all").click()
    found = Axe().run(page).response
    told = [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
    assert told == []
    checked = {one["id"] for one in found["passes"]}
    assert {"color-contrast", "td-headers-attr", "heading-order", "label", "aria-required-children"} <= checked
