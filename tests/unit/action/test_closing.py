# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of what is shown of a run."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible import constants, context

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._module_call import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._closing import (
    closing_lines,
    next_command,
    outcome,
)
from tests.unit.action.audits import KEY, audit, finding
from tests.unit.action.test_enforce_many import CENTRAL, ONE, THREE, TWO, bare, change, enforced
from tests.unit.action.test_enforcement import refusal


def ended(*changes: dict[str, Any], **fields: Any) -> str:
    is_plan = fields.pop("is_plan", True)
    return outcome(with_after(enforced(*changes, **fields)), is_plan=is_plan)


ALONE: dict[str, Any] = {"hosts": (ONE,)}


@pytest.mark.parametrize(
    ("changes", "fields", "sentence"),
    [
        (["planned"] * 4, ALONE, "Plan: 4 changes in 1 account; it would be compliant. Nothing was changed."),
        ([], {**ALONE, "after": audit(bare(ONE))}, "Plan: 0 changes; it is non_compliant. Nothing was changed."),
        (
            ["not_attempted"],
            {**ALONE, "after": audit(bare(ONE)), "refusals": [refusal("No."), refusal("No, too.")]},
            "Plan: 0 changes, 1 account refused for 2 reasons; it is non_compliant. Nothing was changed.",
        ),
        (["applied"], {**ALONE, "is_plan": False}, "Run: 1 change in 1 account; it is compliant."),
        (
            ["failed"],
            {**ALONE, "is_plan": False, "after": None},
            "Run: 0 changes, 1 failed; the verdict afterwards is not known.",
        ),
    ],
)
def test_an_account_alone(changes: list[str], fields: dict[str, Any], sentence: str) -> None:
    assert ended(*(change(ONE, status) for status in changes), **fields) == sentence


def test_many_accounts_are_counted() -> None:
    changes = [change(CENTRAL, "planned", "PutKeyPolicy"), change(ONE, "planned"), change(ONE, "planned")]
    refused = {"refusals": [refusal("No.", account_id=each) for each in (TWO, TWO, THREE)]}
    assert ended(*changes, **refused) == (
        "Plan: 3 changes in 2 accounts, 2 accounts refused for 3 reasons; 1 of 3 accounts would be compliant. "
        "Nothing was changed."
    )


def excepted(account_id: str) -> dict[str, Any]:
    row = bare(account_id, "compliant")
    row["trails"][0]["findings"] = [finding("key_is_approved", "excepted")]
    return row


def test_what_is_compliant_by_exception_is_told_apart() -> None:
    alone = ended(change(ONE, "planned"), hosts=(ONE,), after=audit(excepted(ONE)))
    assert alone == "Plan: 1 change in 1 account; it would be compliant, 1 exception. Nothing was changed."
    many = ended(change(ONE), is_plan=False, after=audit(bare(ONE, "compliant"), excepted(TWO), bare(THREE)))
    assert many == "Run: 1 change in 1 account; 2 of 3 accounts are compliant (1 by exception)."


def test_accounts_that_are_not_in_use_do_not_count() -> None:
    fields = {"hosts": (ONE, TWO), "before": audit(bare(ONE), bare(TWO, "not_applicable"))}
    assert ended(change(ONE, "planned"), **fields) == (
        "Plan: 1 change in 1 account; it would be compliant. Nothing was changed."
    )


AUDIT = {"args": ("aws_baseline.cloudtrail.audit",)}
PLAN = {"args": ("aws_baseline.cloudtrail.enforce",), "check": True}
GIVEN = {
    "inventory": ("/elsewhere/accounts.yml",),
    "subset": "dev",
    "extra_vars": (
        "cloudtrail_kms_hosts=all",
        "@more.yml",
        '{"cloudtrail_kms_readers": ["a b"]}',
        "password=secret",
        '{"cloudtrail_kms_wait": true, "token": "secret"}',
        "cloudtrail_kms_wait=true token='secret",
    ),
}
KEPT = " -i /elsewhere/accounts.yml --limit dev -e cloudtrail_kms_hosts=all -e @more.yml"
READERS = """ -e '{"cloudtrail_kms_readers": ["a b"]}'"""


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (AUDIT, "ansible-playbook aws_baseline.cloudtrail.enforce --check --diff"),
        ({**AUDIT, **GIVEN}, f"ansible-playbook aws_baseline.cloudtrail.enforce{KEPT}{READERS} --check --diff"),
        ({"args": ("site.yml",)}, ""),
        ({"args": ("aws_baseline.cloudtrail.audit", "site.yml")}, ""),
        ({}, ""),
    ],
)
def test_after_an_audit_that_fails_comes_the_plan(arguments: dict[str, Any], command: str) -> None:
    assert next_command(arguments, {"summary": {"non_compliant": 1}}, {}) == command
    assert next_command(arguments, {"summary": {"non_compliant": 0}}, {}) == ""


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (PLAN, "ansible-playbook aws_baseline.cloudtrail.enforce"),
        ({**PLAN, **GIVEN}, f"ansible-playbook aws_baseline.cloudtrail.enforce{KEPT}{READERS}"),
        ({**PLAN, "check": False}, ""),
        (
            {"args": ("aws_baseline.cloudtrail.restore",), "check": True},
            "ansible-playbook aws_baseline.cloudtrail.restore",
        ),
    ],
)
def test_after_a_plan_comes_the_run(arguments: dict[str, Any], command: str) -> None:
    assert next_command(arguments, None, enforced(change(ONE, "planned"))) == command
    assert next_command(arguments, None, enforced(change(ONE, "applied"))) == ""


@pytest.mark.parametrize(("inventory", "is_said"), [((), False), (("/elsewhere/accounts.yml",), True)])
def test_an_audit_of_an_inventory_says_that_its_roles_may_only_audit(
    inventory: tuple[str, ...], is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {**AUDIT, "inventory": inventory})
    told = {"ansible_facts": {"cloudtrail_kms": {**audit(bare(ONE)), "summary": {"non_compliant": 1}}}}
    *_lines, last = closing_lines(told, {"failing": 1}, [], {}, is_plan=False)
    assert is_said is (
        last == "          If /elsewhere/accounts.yml enters by a role that only audits, replace it with an inventory "
        "of the role that enforces"
    )


def test_what_is_to_be_decided_stands_before_the_command_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", AUDIT)
    row = bare(ONE)
    evidence = {"state": "Disabled", "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT"}
    row["trails"][0] |= {"kms_key_arn": KEY, "findings": [finding("key_is_usable", evidence=evidence)]}
    told = {"ansible_facts": {"cloudtrail_kms": {**audit(row), "summary": {"non_compliant": 1}}}}
    lines = closing_lines(told, {"failing": 1}, [], {}, is_plan=False)
    assert lines[-2].startswith("Decide    whether to enable the key alias/trail (disabled): the command below")
    option = "-e cloudtrail_kms_allow_enable_key=true"
    assert lines[-1] == f"Next      ansible-playbook aws_baseline.cloudtrail.enforce {option} --check --diff"


def test_after_a_run_with_a_backup_comes_what_undoes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", GIVEN)
    result = {**with_after(enforced(change(ONE), **ALONE)), "backup_path": f"{os.getcwd()}/my backup.json"}
    lines = ["", "Run: 1 change in 1 account; it is compliant.", "Backup    my backup.json"]
    undo = (
        f"Undo      ansible-playbook aws_baseline.cloudtrail.restore{KEPT} -e 'cloudtrail_kms_restore=my backup.json'"
    )
    assert closing_lines(result, {}, [], {}, is_plan=False) == [*lines, undo]
    assert closing_lines(result, {}, [], {"awx_job_id": 1}, is_plan=False) == lines


def test_an_audit_says_how_many_accounts_fail_and_where_the_reports_are() -> None:
    told = {"ansible_facts": {"cloudtrail_kms": audit(bare(ONE), bare(TWO))}}
    passing = f"{constants.DEFAULT_LOCAL_TMP}/x/cloudtrail-kms.json"
    registered = {"failing": 1, "reports": [f"{os.getcwd()}/reports/a.html", "/srv/b.json", passing]}
    assert closing_lines(told, registered, ["s3://evidence/today/localhost"], {}, is_plan=False) == [
        "",
        "Failing   1 of 2 accounts; cloudtrail_kms_fail_on=never would only report",
        "Reports   reports/a.html, /srv/b.json, s3://evidence/today/localhost/",
    ]
    assert closing_lines(told, {"failing": 0}, [], {}, is_plan=False) == []
