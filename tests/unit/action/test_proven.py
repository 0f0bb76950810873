# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enforcement with proof ends with what proves that the trails it changed deliver under their keys."""

from __future__ import annotations

from typing import Any

import pytest
from ansible import constants

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._closing import closing_lines

_PROVEN = {
    "rule": "encryption_is_proven",
    "status": "pass",
    "level": "advised",
    "message": "The log of 12:05 is encrypted under the key.",
}


def result(trails: int, **finding: str) -> dict[str, Any]:
    """A run that changed so many trails of a compliant account."""
    arns = [f"arn:aws:cloudtrail:us-east-1:111111111111:trail/t{number}" for number in range(trails)]
    rows = [
        {"arn": arn, "name": arn.rpartition("/")[2], "kms_key_arn": "k", "findings": [{**_PROVEN, **finding}]}
        for arn in arns
    ]
    changes = [
        {"operation": "UpdateTrail", "resource": arn, "status": "applied", "account_id": "111111111111"} for arn in arns
    ]
    row = {"account_id": "111111111111", "verdict": "compliant", "trails": rows}
    return {"changes": changes, "refusals": [], "errors": [], "deliveries": {}, "after": {"accounts": [row]}}


def lines(run: dict[str, Any], *, is_plan: bool = False) -> list[str]:
    """Those of the closing lines that are about proof."""
    found = closing_lines(run, {"failing": 0}, (), {"awx_job_id": 1}, is_plan=is_plan)
    return [line for line in found if "12:05" in line or "more" in line]


def test_the_last_lines_say_what_proves_it() -> None:
    assert lines(result(1)) == ["Proven    t0: The log of 12:05 is encrypted under the key."]


def test_a_proof_is_joined_with_what_fails_all_the_same() -> None:
    run = result(1)
    failing = {**_PROVEN, "rule": "key_is_usable", "status": "fail", "level": "required"}
    run["after"]["accounts"][0]["trails"][0]["findings"] += [failing]
    yet = "Yet key_is_usable fails: a delivery shows nothing of later ones."
    assert lines(run) == [f"Proven    t0: The log of 12:05 is encrypted under the key. {yet}"]


def test_many_trails_are_counted() -> None:
    assert lines(result(5))[3:] == ["          and 2 more trails"]


@pytest.mark.parametrize(
    ("deliveries", "line"),
    [
        ({"a": True}, "1 of 1 changed trail has delivered since"),
        ({"a": True, "b": False}, "1 of 2 changed trails have delivered since"),
        ({}, "not waited for: audit again in some minutes (cloudtrail_kms_wait=true waits for it)"),
    ],
)
def test_the_last_lines_say_what_is_known_of_deliveries(deliveries: dict[str, bool], line: str) -> None:
    run = {**result(1), "deliveries": deliveries}
    assert closing_lines(run, {"failing": 0}, (), {"awx_job_id": 1}, is_plan=False)[2] == f"Delivery  {line}"


def test_deliveries_are_not_spoken_of_where_no_trail_was_changed() -> None:
    unchanged = {**result(1), "changes": []}
    rotated = {**result(1), "changes": [{**result(1)["changes"][0], "operation": "EnableKeyRotation"}]}
    for run in (unchanged, rotated):
        assert not any("Delivery" in line for line in closing_lines(run, {"failing": 0}, (), {}, is_plan=False))


def test_the_last_lines_say_how_many_trails_are_not_proven_yet() -> None:
    closing = closing_lines(result(2, status="unknown"), {"failing": 0}, (), {"awx_job_id": 1}, is_plan=False)
    assert closing[-1] == "Proven    0 of 2 changed trails: audit again in 20 minutes"


def test_what_is_not_done_is_not_said() -> None:
    assert lines(result(1, status="not_applicable")) == []
    assert lines(result(1, rule="trail_is_delivering")) == []
    assert lines({**result(1), "changes": []}) == []
    assert lines(result(1), is_plan=True) == []
    assert lines({**result(1), "after": None}) == []


def audited(**evidence: dict[str, Any]) -> dict[str, Any]:
    """An audit of a trail for each status, with the evidence that the finding of that status has."""
    (row,) = result(4)["after"]["accounts"]
    for trail, status in zip(row["trails"], ("pass", "fail", "unknown", "not_applicable"), strict=True):
        trail["findings"] = [{**_PROVEN, "status": status, "evidence": evidence.get(status, {})}]
    return {"ansible_facts": {"cloudtrail_kms": {"accounts": [row]}}}


def ending(told: dict[str, Any], *folders: str, **registered: Any) -> list[str]:
    return closing_lines(told, {"failing": 0, **registered}, folders, {"awx_job_id": 1}, is_plan=False)


def test_an_audit_says_of_how_many_trails_it_has_proof() -> None:
    denied = "an answer to cloudtrail:LookupEvents (AccessDenied)"
    told = audited(fail={"refuted_by": "a log"}, unknown={"missing": [denied, "an answer to s3:ListBucket (X)"]})
    assert ending(told) == [
        "",
        "Proven    1 of 3 trails with a key; 1 trail without a key left out",
        "          1 trail refuted: a log shows another key, or none",
        f"          1 trail lacks {denied} and an answer to s3:ListBucket (X)",
        "          Trail by trail: add -e cloudtrail_kms_reports=html -e cloudtrail_kms_report_dir=reports",
    ]
    (row,) = told["ansible_facts"]["cloudtrail_kms"]["accounts"]
    row["trails"][0]["findings"] += [{**_PROVEN, "rule": "key_is_usable", "status": "fail", "level": "required"}]
    assert "          1 of 1 proven trail must be fixed all the same: see above" in ending(told)
    for trail in row["trails"]:
        trail["findings"] = []
    assert ending(told) == []


@pytest.mark.parametrize(
    ("code", "missing", "mode"),
    [
        ("AccessDeniedException", ["an answer to cloudtrail:LookupEvents (AccessDeniedException)"], "events"),
        ("AccessDenied", ["an answer to a:B (AccessDenied)", "an answer to s3:ListBucket (AccessDenied)"], "objects"),
        ("ThrottlingException", ["an answer to cloudtrail:LookupEvents (ThrottlingException)"], None),
    ],
)
def test_lacking_proof_names_the_policy_that_allows_to_read_it(code: str, missing: list[str], mode: str | None) -> None:
    told = audited(fail={"refuted_by": "a log"}, unknown={"missing": missing})
    (row,) = told["ansible_facts"]["cloudtrail_kms"]["accounts"]
    row["trails"][2]["findings"][0]["unread"] = {"iam_action": "cloudtrail:LookupEvents", "code": code}
    lines = ending(told)[4:-1]
    assert lines == (
        [
            "          Who lacks it: see cloudtrail:LookupEvents above. Allow it by "
            f"docs/permissions/proof-{mode}.json,",
            f"          which the parameter Proof={mode} of the template member-roles.yml attaches",
        ]
        if mode
        else []
    )


def test_a_rule_that_stops_no_delivery_is_named_without_that_reason() -> None:
    run = result(1)
    findings = run["after"]["accounts"][0]["trails"][0]["findings"]
    findings += [{**_PROVEN, "rule": "key_is_customer_managed", "status": "fail", "level": "required"}]
    proof = "Proven    t0: The log of 12:05 is encrypted under the key."
    assert lines(run) == [f"{proof} Yet key_is_customer_managed fails."]
    findings += [{**_PROVEN, "rule": "key_is_usable", "status": "fail", "level": "required"}]
    yet = "Yet key_is_usable fails: a delivery shows nothing of later ones. Besides, key_is_customer_managed fails."
    assert lines(run) == [f"{proof} {yet}"]


def test_trails_that_lack_the_same_are_counted_together_and_the_rarest_reasons_not_named() -> None:
    told = audited()
    (row,) = told["ansible_facts"]["cloudtrail_kms"]["accounts"]
    lacks = [*["a"] * 3, *"bcdefg"]
    row["trails"] = [
        {"arn": f"t{number}", "findings": [{**_PROVEN, "status": "unknown", "evidence": {"missing": [each]}}]}
        for number, each in enumerate(lacks)
    ]
    lines = ending(told)[2:-1]
    assert lines[0] == "          3 trails lack a"
    assert lines[1:] == [*(f"          1 trail lacks {each}" for each in "bcde"), "          and 2 more reasons"]


@pytest.mark.parametrize(
    ("reports", "folders", "named"),
    [
        (["r/cloudtrail-kms.html", "r/cloudtrail-kms.csv"], [], "r/cloudtrail-kms.html"),
        ([f"{constants.DEFAULT_LOCAL_TMP}/x/cloudtrail-kms.json"], ["s3://b/p"], "s3://b/p/"),
        (["r/cloudtrail-kms-junit.xml"], ["s3://b/p"], None),
    ],
)
def test_where_each_proof_stands_is_a_report_that_the_run_has_written(
    reports: list[str], folders: list[str], named: str | None
) -> None:
    lines = ending(audited(fail={"refuted_by": "x"}, unknown={"missing": ["x"]}), *folders, reports=reports)
    add = "add -e cloudtrail_kms_reports=html -e cloudtrail_kms_report_dir=reports"
    assert f"          Trail by trail: {named or add}" in lines
