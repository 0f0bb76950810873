# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the HTML report says of the rules: their titles by their level, and which of them were not judged."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import closing_lines
from tests.unit.action.audits import EXAMPLE, account, audit, finding, trail
from tests.unit.reports.pages import page, words


def test_every_rule_has_a_title_beside_its_id() -> None:
    assert all(rule.title[0].isupper() and not rule.title.endswith(".") for rule in RULES.values())
    assert all(rule.title.count(" must ") == 1 for rule in RULES.values())
    assert len({rule.title for rule in RULES.values()}) == len(RULES)
    table = page(EXAMPLE).one("table", class_="rules")
    assert "The key must be enabled and able to encrypt key_is_usable" in words(table)


def test_rules_without_findings_are_only_named() -> None:
    report = page(EXAMPLE)
    assert [words(row) for row in report.one("table", class_="rules").one("tbody").all("tr")] == [
        "The key must be enabled and able to encrypt key_is_usable 1 fail",
        "The trail must deliver its logs trail_is_delivering 1 excepted",
        "The key policy should keep outsiders out key_policy_is_scoped 1 advice",
    ]
    assert words(report.all("p", class_="quiet")[0]).startswith("No findings: The trail must have a KMS key trail_has")


def test_rules_that_apply_to_no_trail_are_not_told_as_passed() -> None:
    first = trail("a", "compliant", finding("trail_has_kms_key", "pass"), finding("readers_can_read", "not_applicable"))
    second = trail("b", "compliant", finding("trail_has_kms_key", "not_applicable"))
    assert [words(told) for told in page(audit(account("compliant", first, second))).all("p", class_="quiet")] == [
        "No findings: The trail must have a KMS key trail_has_kms_key.",
        "Not judged, as they apply to no trail: The readers must be allowed to fetch the logs readers_can_read.",
        "Not asked for (option proof): A delivered log should show encryption under the key encryption_is_proven.",
    ]


def told_of_rules(*findings: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The lines of the table of rules, and those below it, for trails of one finding each."""
    trails = [trail(f"t{number}", "compliant", each) for number, each in enumerate(findings)]
    report = page(audit(account("compliant", *trails)))
    tables = report.all("table", class_="rules")
    rows = [words(row) for table in tables for row in table.one("tbody").all("tr")]
    return rows, [words(told) for told in report.all("p", class_="quiet")]


@pytest.mark.parametrize(
    ("levels", "title"),
    [
        (("advised",), "The trail should deliver its logs"),
        (("required",), "The trail must deliver its logs"),
        (("advised", "required"), "The trail must deliver its logs"),
    ],
)
def test_a_rule_must_be_met_only_if_it_is_required_of_some_trail(levels: tuple[str, ...], title: str) -> None:
    for status, place in (("fail", 0), ("pass", 1)):
        told = told_of_rules(*(finding("trail_is_delivering", status, level) for level in levels))
        assert f"{title} trail_is_delivering" in told[place][0]


def test_a_rule_that_found_only_advice_is_told_as_advice_though_it_would_be_required() -> None:
    rule = "key_policy_allows_decrypt"
    rows, _quiet = told_of_rules(finding(rule, "pass"), finding(rule, "fail", "advised"))
    assert rows == [f"The key policy should let CloudTrail decrypt {rule} 1 advice"]


def test_a_rule_that_is_raised_must_be_met() -> None:
    rows, _quiet = told_of_rules(finding("key_rotation_enabled", "fail", "required"))
    assert rows == ["The key must be rotated automatically key_rotation_enabled 1 fail"]


def test_what_is_only_advice_to_one_trail_is_told_as_advice() -> None:
    required, advice = (finding("trail_is_delivering", "fail", level) for level in ("required", "advised"))
    trails = [trail("a", "non_compliant", required), trail("b", "compliant", advice)]
    told = [words(each) for each in page(audit(account("non_compliant", *trails))).all("h4")]
    assert told == [
        "fail The trail must deliver its logs trail_is_delivering high",
        "advice The trail should deliver its logs trail_is_delivering high",
    ]


UNSET = {"readers_can_decrypt": "No readers are set.", "key_is_approved": "No approved keys are set."}


def test_a_rule_whose_option_is_not_set_is_told_with_that_option() -> None:
    findings = [finding(rule, "not_applicable", message=message) for rule, message in UNSET.items()]
    assert told_of_rules(*findings)[1] == [
        "Not asked for (option proof): A delivered log should show encryption under the key encryption_is_proven.",
        "Not asked for (option readers): The readers must be allowed to decrypt the logs readers_can_decrypt.",
        "Not asked for (option approved_keys): The key must be on the list of approved keys key_is_approved.",
    ]
    no_key = (finding(rule, "not_applicable", message="The trail has no KMS key.") for rule in UNSET)
    assert not any("option readers" in told or "approved_keys" in told for told in told_of_rules(*findings, *no_key)[1])


def test_the_head_counts_the_trails_with_proof_as_the_terminal_does() -> None:
    statuses = ("pass", "unknown", "not_applicable")
    trails = [trail(status, "compliant", finding("encryption_is_proven", status, "advised")) for status in statuses]
    document = audit(account("compliant", *trails))
    line = "1 of 2 trails with a key; 1 trail without a key left out"
    assert f"Encryption is proven of {line}." in words(page(document).one("header"))
    assert f"Proven    {line}" in closing_lines(
        {"ansible_facts": {"cloudtrail_kms": document}}, {"failing": 0}, (), {}, is_plan=False
    )
    assert "proven" not in words(page(audit(account("compliant", trail()))).one("header"))


def test_proof_that_was_asked_for_is_not_told_as_not_asked_for() -> None:
    assert not any("Not asked" in told for told in told_of_rules(finding("encryption_is_proven"))[1])
    no_key = finding("encryption_is_proven", "not_applicable", message="The trail has no KMS key.")
    assert not any("Not asked" in told for told in told_of_rules(no_key)[1])
