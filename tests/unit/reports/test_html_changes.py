# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report shows what an enforcement changed or would change, and the statements to add."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.action.audits import (
    EXAMPLE,
    KEY,
    account,
    audit,
    change,
    finding,
    reason,
    trail,
)
from tests.unit.reports.pages import page, words

BEFORE = '{"Version": "2012-10-17", "Statement": [{"Sid": "One", "Effect": "Allow", "Action": "kms:*"}]}'
AFTER = '{"Version": "2012-10-17", "Statement": [{"Sid": "One", "Effect": "Allow", "Action": "kms:List*"}]}'


def enforced(*changes: dict[str, Any], **messages: Any) -> dict[str, Any]:
    told = {"changes": list(changes), "refusals": [], "errors": [], **messages}
    return {**audit(account("compliant", trail(), account_name="production")), "enforcement": told}


def test_a_change_has_its_fields_and_the_diff_of_its_policy() -> None:
    keyed = {"before": {"kms_key_arn": None}, "resource": trail()["arn"], "status": "applied"}
    policy_changed = change("PutKeyPolicy", {"policy": AFTER}, before={"policy": BEFORE}, status="applied")
    report = page(enforced(policy_changed, change("UpdateTrail", {"kms_key_arn": KEY}, **keyed)))
    assert words(report.one("p", class_="summary")) == "2 changes applied in 1 account."
    put, update = report.all("details", class_="entry change")
    assert words(put.one("summary")) == (f"PutKeyPolicy production 111111111111, us-east-1 {KEY} applied")
    assert put.one("pre").text().splitlines()[3:7] == [
        '      "Action": "kms:*",'.replace("      ", "-       ", 1),
        '+       "Action": "kms:List*",',
        '        "Effect": "Allow",',
        '        "Sid": "One"',
    ]
    assert words(update.one("dl")) == f"kms key arn none → {KEY}"


def test_what_to_add_to_another_tool_stands_below_its_change() -> None:
    to_add = [{"tool": "Terraform", "form": "hcl", "text": 'data "x" "y" {\n  sid = "<b>"\n}'}]
    report = page(enforced(change("PutKeyPolicy", {"policy": AFTER}, to_add=to_add)))
    body = report.one("details", class_="entry change")
    assert words(body.one("p")) == "Add to Terraform:"
    assert body.all("pre")[-1].text().rstrip() == to_add[0]["text"]


def test_a_new_key_shows_its_whole_policy_as_added() -> None:
    report = page(enforced(change("CreateKey", {"policy": AFTER, "tags": {"a": "b"}, "multi_region": False})))
    assert "1 change planned in 1 account. Nothing was changed: this page shows the accounts as they are." in words(
        report
    )
    made = report.one("details", class_="entry change")
    assert all(line.startswith("+ ") for line in made.one("pre").text().splitlines())
    assert words(made.one("dl")) == 'multi region false tags {"a": "b"}'


def test_of_a_plan_and_a_run_that_are_joined_nothing_is_said_of_all() -> None:
    report = page(enforced(change("CreateAlias", {}), change("CreateAlias", {}, status="applied")))
    assert words(report.one("h2", id="changes")) == "Changes"
    assert words(report.one("p", class_="summary")) == "2 changes in 1 account: 1 planned, 1 applied."


def test_lines_far_from_what_changes_are_left_out() -> None:
    def long(action: str) -> str:
        others = [{"Sid": f"Other{number}", "Effect": "Allow", "Action": "kms:Get*"} for number in range(9)]
        return json.dumps({"Statement": [*others, {"Sid": "Last", "Effect": "Allow", "Action": action}]})

    changed = change("PutKeyPolicy", {"policy": long("kms:List*")}, before={"policy": long("kms:*")})
    lines = page(enforced(changed)).one("pre").text().splitlines()
    assert lines[0].strip() == "…"
    assert len(lines) == 9


def test_what_was_refused_and_what_failed_is_said() -> None:
    refused = reason("The key is disabled.", options=["allow_enable_key"])
    report = page(enforced(refusals=[refused], errors=[reason("No.", account_id="222222222222")]))
    assert [words(one) for one in report.all("p", class_="message")] == [
        "Refused 111111111111 The key is disabled.",
        "Failed 222222222222 No.",
    ]
    assert "Nothing was changed. 1 refusal." in words(report)


def test_what_the_run_warned_of_is_said() -> None:
    told = ["Keep the key K: logs encrypted under it cannot be read once it is gone.", "<b>&"]
    assert [words(one) for one in page(enforced(warnings=told)).all("p", class_="message")] == [
        f"Warning {text}" for text in told
    ]


def test_the_report_of_an_audit_has_no_section_of_changes() -> None:
    assert not page(EXAMPLE).all("h2", id="changes")


def test_the_statement_to_add_stands_as_json_to_copy() -> None:
    statement = '{\n  "Sid": "AwsBaselineCloudTrailUse"\n}'
    lacking = finding("key_policy_allows_encrypt", evidence={"statements_to_add": [statement]})
    reader = {"arn:aws:iam::1:role/A": {"outcome": "implicit_deny", "reason": "No.", "statements_to_add": ["{}"]}}
    readers = finding("readers_can_decrypt", evidence=reader)
    report = page(audit(account("non_compliant", trail("main", "non_compliant", lacking, readers))))
    assert [one.text().rstrip("\n") for one in report.all("pre")] == [statement, "{}"]
    assert [one.attributes.get("hidden") for one in report.all("button", class_="copy")] == ["", ""]
    assert "statements to add" not in words(report)
    assert "Add to the key policy;" in words(report)
