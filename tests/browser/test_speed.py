# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of 2,000 accounts is usable within a second, and so is what is done on it.

What counts is the time that the page's own thread works, as the browser measures it: a machine that is busy with
something else makes nobody's page slower.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import CDPSession, Page

from tests.browser.conftest import Reports
from tests.unit.reports.organization import organization, with_changes

SECOND = 1.0
# The best of these counts: what is asked is whether the page can, not whether the machine always does.
TRIES = 3
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def worked(session: CDPSession) -> float:
    """The seconds of work of the page's thread so far (DevTools protocol, Performance.getMetrics, TaskDuration)."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def spent(page: Page, session: CDPSession, act: Callable[[], object]) -> float:
    """The seconds of work until the page shows what the act has done."""
    before = worked(session)
    act()
    page.evaluate(NEXT_FRAME)
    return worked(session) - before


def measure(reports: Reports, file: str) -> dict[str, float]:
    page = reports.blank()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    search, trail = page.get_by_role("searchbox"), page.locator("#matrix thead button").nth(1)
    acts: dict[str, Callable[[], object]] = {
        "open": lambda: page.goto(file),
        "verdict": lambda: page.evaluate("document.querySelector('[data-verdict=non_compliant]').click()"),
        "every verdict": lambda: page.evaluate("document.querySelector('[data-verdict=non_compliant]').click()"),
        "search": lambda: search.fill("disabled"),
        "clear": lambda: search.fill(""),
        "sort": trail.click,
        "expand": lambda: page.evaluate("document.getElementById('expand').click()"),
    }
    times = {name: spent(page, session, act) for name, act in acts.items()}
    assert page.locator("#count").inner_text() == "2000 of 2000 shown"
    page.context.close()
    return times


def test_a_report_of_2000_accounts_is_usable_within_a_second(reports: Reports) -> None:
    file = reports.write(with_changes(organization(2000)))
    tries = [measure(reports, file) for _try in range(TRIES)]
    best = {name: min(one[name] for one in tries) for name in tries[0]}
    print("\nSeconds of work with 2,000 accounts:", {name: round(seconds, 2) for name, seconds in best.items()})
    assert {name: seconds for name, seconds in best.items() if seconds >= SECOND} == {}


def test_the_clock_of_the_measurement_runs(reports: Reports) -> None:
    page = reports.blank()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(reports.write(organization(1)))
    busy = "() => { let sum = 0; for (let turn = 0; turn < 3e8; turn += 1) sum = (sum + turn) % 7; return sum; }"
    assert spent(page, session, lambda: page.evaluate(busy)) > 0.1
