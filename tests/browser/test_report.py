# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report in a browser: finding, ordering and opening what is on it, by mouse and by keyboard, and in print."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES
from tests.browser.conftest import Reports
from tests.unit.action.audits import account, audit, finding, trail
from tests.unit.reports.organization import organization, with_changes

NARROW = {"width": 360, "height": 700}
HOSTILE = ('<script>alert("x")</script>', "n" * 128, "اسم المسار", "a\u202egpj.exe")


def named(*names: str) -> dict[str, Any]:
    trails = [trail(name, "non_compliant", finding("key_is_usable", message=f"{name} fails.")) for name in names]
    return audit(account("non_compliant", *trails, account_name="production"))


def rows(page: Page) -> Locator:
    return page.locator("#matrix tbody tr:visible")


def verdicts(page: Page) -> set[str]:
    return {text for row in rows(page).all() if (text := row.get_attribute("data-verdict"))}


def numbers(lines: Locator, attribute: str) -> list[str]:
    return [(line.get_attribute(attribute) or "").removeprefix("e") for line in lines.all()]


def the_list_follows(page: Page) -> bool:
    """Whether the details are those of the lines of the matrix, in the same order."""
    return numbers(rows(page), "data-entry") == numbers(page.locator("#entries > details:visible"), "id")


def test_a_verdict_or_several_narrow_both_lists(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members)
    page.get_by_role("button", name="Unknown").click()
    assert verdicts(page) == {"unknown"}
    expect(page.get_by_role("status")).to_have_text(f"{rows(page).count()} of 100 shown")
    page.get_by_role("button", name="Non-compliant").click()
    assert verdicts(page) == {"unknown", "non_compliant"}
    expect(page.get_by_role("button", name="Unknown")).to_have_attribute("aria-pressed", "true")
    assert the_list_follows(page)
    page.get_by_role("button", name="Unknown").click()
    assert verdicts(page) == {"non_compliant"}
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("status")).to_have_text("100 of 100 shown")
    expect(page.get_by_role("button", name="Non-compliant")).to_have_attribute("aria-pressed", "false")


def test_a_rule_leaves_the_trails_it_finds_something_on(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members)
    choice = page.get_by_label("Problem with")
    for option in choice.locator("option[value]").all()[1:]:
        rule, number = (option.text_content() or "").rstrip(")").split(" (")
        choice.select_option(value=option.get_attribute("value"))
        expect(page.get_by_role("status")).to_have_text(f"{number} of 100 shown")
        assert page.locator(".problems h4:visible", has_text=rule).count() or not page.locator("[open]").count()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("payments", ["payments", "payments-archive"]),
        ("PAYMENTS  archive", ["payments-archive"]),
        ("production", ["billing", "payments", "payments-archive"]),
        ("111111111111 billing", ["billing"]),
        ("billing fails", ["billing"]),
        ("nowhere", []),
        ("   ", ["billing", "payments", "payments-archive"]),
    ],
)
def test_the_search_takes_every_word(asked: str, found: list[str], reports: Reports) -> None:
    page = reports.open(named("billing", "payments", "payments-archive"))
    page.get_by_role("searchbox").fill(asked)
    assert [name.split()[-2] for name in rows(page).get_by_role("rowheader").all_text_contents()] == found
    expect(page.get_by_role("status")).to_have_text(f"{len(found)} of 3 shown")
    assert the_list_follows(page)


def test_all_filters_hold_together(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members)
    page.get_by_role("button", name="Non-compliant").click()
    page.get_by_label("Problem with").select_option(label=page.locator("option", has_text="be enabled").inner_text())
    page.get_by_role("searchbox").fill("disabled")
    assert rows(page).count() == 2
    assert verdicts(page) == {"non_compliant"}


def test_each_column_sorts_both_ways_and_the_details_follow(reports: Reports) -> None:
    page = reports.open(organization(30))
    heads = page.locator("#matrix").get_by_role("columnheader")
    page_order = numbers(rows(page), "data-entry")
    for place in (0, 1, 2, 3, 6):
        head = heads.nth(place)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        up = rows(page).locator(f":nth-child({place + 1})").all_text_contents()
        assert the_list_follows(page)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        down = rows(page).locator(f":nth-child({place + 1})").all_text_contents()
        assert the_list_follows(page)
        assert down == up[::-1] or sorted(down) == sorted(up)
        assert page.locator("[aria-sort]").count() == 1
    heads.nth(3).get_by_role("button").click()
    assert numbers(rows(page), "data-entry") == page_order


def test_accounts_sort_by_their_names_and_rules_by_the_worst(reports: Reports) -> None:
    page = reports.open(organization(30))
    page.get_by_role("button", name="Account").click()
    names = rows(page).locator("td:first-child bdi").all_inner_texts()
    assert names == sorted(names)
    page.get_by_role("button", name="key is usable").click()
    kinds = [row.get_attribute("class") or "" for row in rows(page).locator("td:nth-child(7)").all()]
    order = ["fail", "unknown", "excepted", "advice", "pass", "not_applicable", ""]
    assert kinds == sorted(kinds, key=order.index)
    assert {"fail", "unknown", "pass"} <= set(kinds)


def test_a_line_of_the_matrix_opens_its_details(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members)
    link = rows(page).last.get_by_role("link")
    entry = page.locator(link.get_attribute("href") or "")
    expect(entry).not_to_have_attribute("open", "")
    link.click()
    expect(entry).to_have_attribute("open", "")
    expect(entry.locator("summary")).to_be_in_viewport()
    expect(entry.locator(".facts")).to_be_visible()


def test_an_address_with_an_entry_opens_it(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members, "#e70")
    expect(page.locator("#e70 .facts")).to_be_in_viewport()


def test_all_details_open_and_close_at_once_but_not_those_that_are_filtered_out(
    reports: Reports, members: dict[str, Any]
) -> None:
    page = reports.open(members)
    page.get_by_role("button", name="Unknown").click()
    page.get_by_role("button", name="Expand all").click()
    assert page.locator("#entries > [open]").count() == rows(page).count()
    page.get_by_role("button", name="Collapse all").click()
    assert page.locator("#entries > [open]").count() == 0
    expect(page.get_by_role("button", name="Expand all")).to_be_visible()


def focused(page: Page) -> str:
    """What has the focus, which must be seen to have it."""
    name, outline = page.evaluate(
        """() => {
            const one = document.activeElement, style = getComputedStyle(one);
            return [one.id || one.innerText || one.tagName, style.outlineStyle];
        }"""
    )
    assert outline != "none", f"{name} does not show its focus"
    return str(name).strip()


def test_the_keyboard_finds(reports: Reports) -> None:
    page = reports.open(named("alpha", "beta"))
    press = page.keyboard.press
    press("Tab")
    assert focused(page) == "Skip to the trails"
    press("Tab")
    assert focused(page) == "search"
    page.keyboard.type("beta")
    expect(page.get_by_role("status")).to_have_text("1 of 2 shown")
    press("Tab")
    assert focused(page) == "rule"
    press("t")
    expect(page.get_by_role("status")).to_have_text("1 of 2 shown")
    press("Tab")
    press("Space")
    assert focused(page).startswith("Non-compliant")
    expect(page.get_by_role("button", name="Non-compliant")).to_have_attribute("aria-pressed", "true")
    press("Tab")
    assert focused(page) == "Clear"
    press("Enter")
    expect(page.get_by_role("status")).to_have_text("2 of 2 shown")
    press("Tab")
    assert page.evaluate("document.activeElement.className") == "scroll"


def test_the_keyboard_orders_and_opens(reports: Reports) -> None:
    page = reports.open(named("alpha", "beta"))
    press = page.keyboard.press
    page.locator(".scroll", has=page.locator("#matrix")).focus()
    press("Tab")
    press("Tab")
    assert focused(page) == "Trail"
    press("Enter")
    press("Enter")
    expect(page.locator("#matrix th", has_text="Trail")).to_have_attribute("aria-sort", "descending")
    assert [text.split()[0] for text in rows(page).get_by_role("rowheader").all_text_contents()] == ["beta", "alpha"]
    press("Tab")
    press("Tab")
    press("Tab")
    press("Tab")
    assert focused(page) == "beta"
    page.locator("details").first.evaluate("one => one.open = false")
    press("Enter")
    expect(page.locator("details").first).to_have_attribute("open", "")
    press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    press("Enter")
    expect(page.locator("details").first).not_to_have_attribute("open", "")


def test_the_skip_link_leads_to_the_trails(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_screen_reader_finds_a_table_with_heads_and_words(reports: Reports) -> None:
    page = reports.open(named("alpha"))
    table = page.get_by_role("table").nth(1)
    expect(table.get_by_role("columnheader")).to_have_text(
        ["Account", "Trail", "Key and bucket", "Verdict", "key is usable"]
    )
    row = table.get_by_role("row").nth(1)
    expect(row.get_by_role("rowheader", name="alpha")).to_be_visible()
    expect(row.get_by_role("cell", name="fail", exact=True)).to_be_visible()
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "polite")
    assert [text.split("\n")[0] for text in page.get_by_role("heading").all_inner_texts()] == [
        *("CloudTrail encryption", "Compliant accounts", "Compliant trails", "CIS 3.5 as written (key set)"),
        *("What the rules find", "Trails and rules", "Trail by trail", "alpha"),
        "fail The key must be enabled and able to encrypt key_is_usable high",
    ]


def test_a_statement_is_copied_as_it_stands(reports: Reports) -> None:
    statement = '{\n  "Sid": "AwsBaselineCloudTrailUse"\n}'
    lacking = finding("key_policy_allows_encrypt", evidence={"statements_to_add": [statement]})
    document = audit(account("non_compliant", trail("main", "non_compliant", lacking)))
    page = reports.open(document, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").rstrip("\n") == statement


def test_a_command_is_copied_as_it_stands(reports: Reports) -> None:
    found = finding("key_is_usable", remediation="Enable it: aws kms enable-key --x", command="aws kms enable-key --x")
    document = audit(account("non_compliant", trail("main", "non_compliant", found)))
    page = reports.open(document, permissions=["clipboard-read", "clipboard-write"])
    problem = page.locator(".problems > li").first
    expect(problem.locator(".todo")).to_have_text("To do Enable it:")
    expect(problem.locator("pre")).to_have_text("aws kms enable-key --x")
    problem.get_by_role("button", name="Copy").click()
    expect(problem.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "aws kms enable-key --x"


def test_where_nothing_can_be_copied_the_statement_is_selected(reports: Reports) -> None:
    lacking = finding("key_policy_allows_encrypt", evidence={"statements_to_add": ["{}"]})
    page = reports.open(audit(account("non_compliant", trail("main", "non_compliant", lacking))))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("getSelection().toString()").strip() == "{}"


def test_the_search_finds_an_organization_trail_by_any_account_that_it_records(reports: Reports) -> None:
    seen = {**trail("organization"), "organization_trail": True, "ownership": "inherited"}
    members = [account("compliant", seen, account_id=str(number) * 12) for number in (2, 3)]
    page = reports.open(audit(account("compliant", trail("own")), *members))
    page.get_by_role("searchbox").fill("333333333333")
    assert [text.split()[0] for text in rows(page).get_by_role("rowheader").all_text_contents()] == ["organization"]


def test_print_has_the_diff_of_each_change(reports: Reports) -> None:
    page = reports.open(with_changes(organization(1)))
    page.locator(".change").first.evaluate("one => one.open = false")
    page.emulate_media(media="print")
    for diff in page.locator(".change .diff").all():
        assert diff.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})")


def test_without_a_script_all_is_there_to_read(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members, java_script_enabled=False)
    expect(page.locator(".tools")).to_be_hidden()
    assert rows(page).count() == 100
    details = page.locator("details").first
    details.locator("summary").click()
    expect(details.locator(".problems")).to_be_visible()


def test_print_has_every_problem_and_no_controls(reports: Reports, members: dict[str, Any]) -> None:
    page = reports.open(members)
    page.get_by_role("searchbox").fill("disabled")
    page.emulate_media(media="print")
    expect(page.locator(".tools")).to_be_hidden()
    problems = page.locator("details:not(.pass):visible .problems")
    assert problems.count()
    for problem in problems.all():
        assert problem.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})")
    assert not page.locator("details.pass:visible .fine").first.evaluate(
        "one => one.checkVisibility({contentVisibilityAuto: true})"
    )
    sizes = page.locator(".scroll").evaluate_all("all => all.map((one) => one.scrollHeight - one.clientHeight)")
    assert max(sizes) <= 1


def test_on_a_phone_each_verdict_and_the_choice_of_a_rule_are_in_sight(reports: Reports) -> None:
    page = reports.open(named("alpha"), viewport={"width": 390, "height": 800})
    edge = "one => one.getBoundingClientRect().right"
    assert page.locator("select").evaluate(edge) <= page.locator(".tools").evaluate(edge)
    verdict = page.locator("#matrix tbody tr").first.locator(".badge")
    assert verdict.evaluate(edge) <= page.locator(".scroll").first.evaluate(edge)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, NARROW], ids=["wide", "narrow"])
def test_no_name_breaks_the_page(viewport: dict[str, int], reports: Reports) -> None:
    page = reports.open(named(*HOSTILE), viewport=viewport)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("searchbox").fill("<script>")
    expect(page.get_by_role("status")).to_have_text("1 of 4 shown")


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, NARROW], ids=["wide", "narrow"])
def test_what_proves_the_encryption_is_shown_found_and_fits(viewport: dict[str, int], reports: Reports) -> None:
    evidence = {
        "proven_by": "object",
        "proof": HOSTILE[0] + "o" * 900,
        "proven_at": "2026-11-23T11:55:00+00:00",
        "older_logs": [f"aws s3api head-object --key {'o' * 900}"],
    }
    proven = finding("encryption_is_proven", "pass", "advised", evidence=evidence)
    trails = (trail("proven", "non_compliant", finding("key_is_usable"), proven), trail("plain", "non_compliant"))
    page = reports.open(audit(account("non_compliant", *trails)), viewport=viewport)
    expect(page.get_by_text("Proven by the log <script>").first).to_be_visible()
    page.get_by_text("Commands for logs from before").click()
    expect(page.get_by_text("aws s3api head-object")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("searchbox").fill("Proven by the log")
    expect(page.get_by_role("status")).to_have_text("1 of 2 shown")


@pytest.mark.parametrize(("media", "width"), [("screen", 1180), ("print", 703)])
def test_a_matrix_of_eighteen_rules_fits(media: Any, width: int, reports: Reports) -> None:
    """Fit the window of the picture in docs/, and A4 without its margins (186 mm), with more rules than there are."""
    found = [finding(rule) for rule in (*RULES, *(f"a_rule_that_comes_later_{number}" for number in range(18)))][:18]
    document = audit(account("non_compliant", trail("a-trail-of-the-organization", "non_compliant", *found)))
    page = reports.open(document, viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    boxes = [box for head in page.locator("#matrix th.rule span").all() if (box := head.bounding_box())]
    assert len(boxes) == 18
    assert all(one["x"] + one["width"] <= other["x"] for one, other in pairwise(boxes)), boxes
    scroll = page.locator(".scroll:has(#matrix)")
    assert scroll.evaluate("one => [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight]") == [0, 0]
    last, matrix = page.locator("#matrix tbody td").last.bounding_box(), scroll.bounding_box()
    assert last
    assert matrix
    assert last["x"] + last["width"] <= matrix["x"] + matrix["width"]


def test_only_our_own_script_may_run_and_nothing_be_loaded(reports: Reports) -> None:
    page = reports.open(named("alpha"))
    # The second complaint may come after the script that gives rise to it.
    with page.expect_console_message(lambda _message: len(reports.complaints) == 2):
        page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "document.title = 'taken'";
                document.body.append(script);
                const image = document.createElement("img");
                image.src = "http://127.0.0.1:9/x.png";
                document.body.append(image);
            }"""
        )
    assert page.title().startswith("CloudTrail encryption")
    refused = [complaint for complaint in reports.complaints if "Content Security Policy" in complaint]
    assert len(refused) == len(reports.complaints) == 2
    # It never left: the policy refused it.
    reports.requests.remove("http://127.0.0.1:9/x.png")
    reports.complaints.clear()
