# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published JSON Schema: real audits keep to it, and it refuses what is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._evidence import Evidence
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts, narrowed_by
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._operations import WRITES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._compared import (
    LISTS,
    compare,
    earlier,
    uncompared,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._report_shape import (
    ShapeError,
    check_earlier,
    check_report,
)
from tests.unit.action.audits import EXCEPTION, change, reason
from tests.unit.checks.build import KEY_ARN, delivered_under, denied, snapshot
from tests.unit.reports.history import ONE, on, row, with_status

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "cloudtrail-kms.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_object_of_the_schema_is_closed() -> None:
    def objects(schema: Any) -> list[dict[str, Any]]:
        if isinstance(schema, list):
            return [found for one in schema for found in objects(one)]
        if not isinstance(schema, dict):
            return []
        own = [schema] if schema.get("type") == "object" else []
        return own + [found for one in schema.values() for found in objects(one)]

    assert [one for one in objects(SCHEMA) if "propertyNames" not in one and one["additionalProperties"]] == []


def test_the_schema_has_every_fact_that_a_finding_may_hold() -> None:
    """The type checker holds the rules to these, and the check of a report is made of them."""
    evidence = SCHEMA["$defs"]["finding"]["properties"]["evidence"]
    assert set(evidence["properties"]) == Evidence.__optional_keys__


def test_the_audit_of_every_scenario_keeps_to_it(audits: dict[str, dict[str, Any]]) -> None:
    for name, audit in audits.items():
        written = json.loads(FORMATS["json"].render(audit))
        assert [f"{name}: {error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(written)] == []


def test_the_scenarios_show_every_rule_in_every_status_that_it_knows(audits: dict[str, dict[str, Any]]) -> None:
    """So that no evidence escapes the test above."""
    seen = {
        (finding["rule"], finding["status"])
        for audit in audits.values()
        for account in audit["accounts"]
        for trail in account["trails"]
        for finding in trail["findings"]
    }
    never = {(rule, status) for rule in RULES for status in ("pass", "fail")} - seen
    # The second round of audits excepts what these find.
    assert never <= {(rule, "fail") for rule in list(RULES)[::2]} | {
        ("key_is_approved", "pass"),
        *(("encryption_is_proven", status) for status in ("pass", "fail")),
    }


@pytest.mark.parametrize(("key_arn", "status"), [(KEY_ARN, "pass"), (None, "fail")])
def test_an_audit_with_proof_keeps_to_it(key_arn: str | None, status: str) -> None:
    audit = facts([assess(delivered_under(key_arn), Settings(proof="objects"))])
    (trail,) = audit["accounts"][0]["trails"]
    (found,) = (each for each in trail["findings"] if each["rule"] == "encryption_is_proven")
    assert found["status"] == status
    VALIDATOR.validate(json.loads(FORMATS["json"].render(audit)))


@pytest.mark.parametrize(
    "read",
    [
        replace(snapshot(), trails=(), keys={}, buckets={}, state="SUSPENDED", account_name="old"),
        replace(snapshot(), trails=(), keys={}, buckets={}, errors=(denied("sts", "AssumeRole", "sts:AssumeRole"),)),
        snapshot(key=denied("kms", "DescribeKey", "kms:DescribeKey")),
    ],
)
def test_the_audit_of_an_account_that_cannot_be_read_keeps_to_it(read: Snapshot) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(facts([assess(read, Settings())]))] == []


@pytest.mark.parametrize(
    "narrowed", [(["eu-west-1"], (), ()), ((), ["main"], ()), ((), (), RULES), ((), (), (), RULES)]
)
def test_a_narrowed_audit_keeps_to_it(narrowed: tuple[Iterable[str], ...]) -> None:
    document = facts([assess(snapshot(), Settings())], narrowed_by(*narrowed))
    assert document["accounts"][0]["narrowed_by"]
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_the_report_of_an_enforcement_keeps_to_it() -> None:
    changed_key = change("PutKeyPolicy", {"policy": "{}"}, before={"policy": "{}"}, status="applied")
    refused = reason("The key is disabled.", options=["allow_enable_key"])
    failed = reason("No.")
    told = {
        "changes": [changed_key, *map(made, WRITES)],
        "refusals": [refused],
        "errors": [failed],
        "warnings": ["Beware."],
    }
    document = {**facts([assess(snapshot(), Settings())]), "enforcement": told}
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    earlier = {name: value for name, value in told.items() if name != "warnings"}
    assert VALIDATOR.is_valid({**document, "enforcement": earlier})
    for broken in (*({**told, name: [{}]} for name in told), {**told, "changes": [{**changed_key, "status": "done"}]}):
        assert not VALIDATOR.is_valid({**document, "enforcement": broken})


@pytest.mark.parametrize(
    ("to_add", "is_held"),
    [
        ([{"tool": "Terraform", "form": "hcl", "text": "x"}], True),
        ([{"tool": "Terraform", "form": "toml", "text": "x"}], False),
        ([{"tool": "Terraform", "form": "hcl"}], False),
        ("x", False),
    ],
)
def test_what_to_add_to_other_tools_keeps_to_it(to_add: Any, is_held: bool) -> None:
    changed_key = change("PutKeyPolicy", {"policy": "{}"}, before={"policy": "{}"}, to_add=to_add)
    refused = reason("It is managed.", options=["change_managed"], to_add=to_add)
    for told in ({"changes": [changed_key], "refusals": []}, {"changes": [], "refusals": [refused]}):
        document = {**facts([assess(snapshot(), Settings())]), "enforcement": {**told, "errors": []}}
        assert VALIDATOR.is_valid(document) is is_held


def made(operation: str) -> dict[str, Any]:
    return change(operation, {"tags": {"team": "logs"}})


def test_so_does_one_from_before_reports_told_it() -> None:
    assert VALIDATOR.is_valid(changed(lambda audit: audit["accounts"][0].pop("narrowed_by")))


NOTHING: dict[str, list[str]] = {"regions": [], "trails": [], "rules_off": [], "rules_lowered": []}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = deepcopy(facts([assess(snapshot(), Settings())]))
    change(document)
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda audit: audit.pop("summary"),
        lambda audit: audit.update(more=1),
        lambda audit: audit.update(generated_at="yesterday"),
        lambda audit: audit["summary"].update(trails=-1),
        lambda audit: audit["accounts"][0].update(account_id="11111111111"),
        lambda audit: audit["accounts"][0].update(verdict="green"),
        lambda audit: audit["accounts"][0].update(narrowed_by=NOTHING),
        lambda audit: audit["accounts"][0].update(narrowed_by={"regions": ["eu-west-1"]}),
        lambda audit: audit["accounts"][0].update(narrowed_by="eu-west-1"),
        lambda audit: audit["accounts"][0]["trails"][0].pop("kms_key_arn"),
        lambda audit: audit["accounts"][0]["trails"][0]["findings"][0].update(status="excepted"),
        lambda audit: audit["accounts"][0]["trails"][0]["findings"][0]["evidence"].update(more=1),
        lambda audit: audit["accounts"][0]["trails"][0]["findings"][0]["evidence"].update(exception={}),
        lambda audit: audit["accounts"][0]["trails"][0]["findings"][0]["frameworks"].update(iso_9001=["1"]),
        lambda audit: audit["accounts"][0]["kms_keys"][0].update(policy={}),
    ],
)
def test_it_refuses_what_is_no_audit(change: Callable[[dict[str, Any]], object]) -> None:
    assert VALIDATOR.is_valid(changed(lambda _audit: None))
    assert not VALIDATOR.is_valid(changed(change))


def test_the_comparison_of_a_report_keeps_to_it() -> None:
    """Its lists are closed to anything else, and the check of an earlier report refuses the same."""
    excepted = with_status("excepted")
    excepted["findings"][0]["evidence"]["exception"] = {**EXCEPTION, "expires": "2026-10-20"}
    statuses = ("fail", "pass", "unknown", "fail", "fail")
    before = [with_status(status, f"trail-{number}") for number, status in enumerate(statuses)]
    after = [
        with_status(status, f"trail-{number}") for number, status in enumerate(("fail", "fail", "pass", "unknown"))
    ]
    told = compare(earlier(on(0, row(ONE, *before))), on(1, row(ONE, *after, with_status("fail", "made"), excepted)))
    assert all(told[name] for name in (*LISTS, "expiring"))
    document = facts([assess(snapshot(), Settings())])
    for comparison in (told, uncompared("It is broken.", document)):
        written = {**document, "comparison": comparison}
        assert [error.message for error in VALIDATOR.iter_errors(written)] == []
        check_report(json.loads(FORMATS["json"].render(written)))
    for name in (*LISTS, "expiring"):
        for broken in ({**told, name: [{}]}, {**told, name: [{**told[name][0], "more": 1}]}):
            written = {**document, "comparison": broken}
            assert not VALIDATOR.is_valid(written)
            for check in (check_report, check_earlier):
                with pytest.raises(ShapeError):
                    check(json.loads(json.dumps(written)))
