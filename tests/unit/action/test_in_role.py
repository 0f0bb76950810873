# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the role runs, what is to be set is named by its variables."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import with_options
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import PREFIX
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import audit_by_variables
from tests.unit.action.audits import account, audit, error, finding, reason, trail
from tests.unit.action.running import NEVER_ASKED, enforcement, facts_of, run
from tests.unit.action.test_enforce_many import enforce

SETTINGS: list[dict[str, bool | str]] = [
    {"key_assume_role": "a role there"},
    {"key_id": "another key", "replace_compliant_key": True},
]
# What AWS answers may name an option as well.
WHY = "AWS said: key_id. Allow it, or"
ASKS = with_options(WHY, (*SETTINGS,))
ASKED = (
    f"{WHY} set cloudtrail_kms_key_assume_role to a role there, or cloudtrail_kms_key_id to another key and "
    "cloudtrail_kms_replace_compliant_key: true."
)
RED = audit(
    account(
        "non_compliant",
        trail("main", "non_compliant", finding("key_is_usable", remediation=ASKS, settings=SETTINGS)),
    )
)


def test_options_are_set_to_true_or_to_what_the_words_say() -> None:
    assert (
        f"{WHY} set key_assume_role to a role there, or key_id to another key and replace_compliant_key: true." == ASKS
    )


@pytest.mark.parametrize("form", ["full", "short"])
def test_the_tables_name_variables_where_the_role_runs(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    why = [reason(ASKS, settings=SETTINGS)]
    for told in (facts_of(RED), enforcement("not_attempted", before=RED, after=RED, refusals=why, errors=why)):
        mode = "enforce" if "before" in told else "audit"
        for role, words in (({"variables": PREFIX}, ASKED), ({}, ASKS)):
            run(told, mode=mode, table=form, **role)
            printed = " ".join(capsys.readouterr().out.split())
            in_short = words[:100] if form == "short" else words
            assert printed.count(in_short) == (1 if mode == "audit" else 3)


def test_of_many_accounts_what_would_change_the_trails_of_others_is_set_for_one_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    two = audit(account(), account(account_id="2" * 12))
    told = enforcement("not_attempted", before=two, after=two, refusals=[reason(ASKS, settings=SETTINGS)])
    alone = "for this account alone, in its host_vars or with --limit ACCOUNT, "
    for role, words in ({"variables": PREFIX}, ASKED.replace("or cloud", f"or {alone}cloud")), ({}, ASKS):
        run(told, mode="enforce", table="full", **role)
        assert words in " ".join(capsys.readouterr().out.split())


def test_reports_name_variables_where_the_role_runs(tmp_path: Path) -> None:
    for place, told, role in (
        ("audit", facts_of(RED), {"mode": "audit"}),
        ("plan", enforcement("not_attempted", before=RED, after=RED), {"mode": "enforce"}),
    ):
        run(told, reports=["json", "html"], report_dir=str(tmp_path / place), variables=PREFIX, **role)
        report, page = ((tmp_path / place / f"cloudtrail-kms.{form}").read_text("utf-8") for form in ("json", "html"))
        (row,) = json.loads(report)["accounts"]
        assert row["trails"][0]["findings"][0]["remediation"] == ASKED
        assert ASKED.partition(" set ")[2] in page


def test_ansible_may_add_a_fact_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """It adds the interpreter that it has discovered to the result of the first module on a host."""
    discovered = {"discovered_interpreter_python": "/usr/bin/python3"}
    found, written = facts_of(RED), enforcement("applied", before=RED, after=RED)
    for told, mode in (
        ({**found, "ansible_facts": {**discovered, **found["ansible_facts"]}}, "audit"),
        ({**written, "ansible_facts": discovered}, "enforce"),
    ):
        run(told, mode=mode, variables=PREFIX)
        assert ASKED in " ".join(capsys.readouterr().out.split())


def test_a_joined_report_may_name_variables_already() -> None:
    once = audit_by_variables(RED)
    assert once["accounts"][0]["trails"][0]["findings"][0]["remediation"] == ASKED
    assert audit_by_variables(once) == once


def test_warnings_and_their_reports_name_variables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # Only what the module names as its options is one: the rest may be words of AWS.
    warnings = [ASKS, "AWS said: set key_id to x, or statements=cis, with the option readers."]
    told = enforcement("applied", warnings=warnings, run_warnings=warnings, warning_settings={ASKS: SETTINGS})
    run(told, mode="enforce", reports=["json"], report_dir=str(tmp_path), variables=PREFIX)
    (report,) = tmp_path.glob("*.json")
    by_variables = [ASKED, "AWS said: set key_id to x, or statements=cis, with cloudtrail_kms_readers."]
    assert json.loads(report.read_text(encoding="utf-8"))["enforcement"]["warnings"] == by_variables
    assert " ".join(by_variables) in " ".join(capsys.readouterr().err.replace("[WARNING]: ", "").split())


def test_a_host_whose_options_exclude_each_other_is_told_its_variables() -> None:
    both = {"key": {"alias": "alias/a"}, "key_id": "alias/b"}
    with pytest.raises(AnsibleActionFail, match=r"mutually exclusive: cloudtrail_kms_key_id\|cloudtrail_kms_key"):
        enforce(NEVER_ASKED, variables=both)


def test_a_trail_that_no_account_has_is_told_by_its_variable_once(capsys: pytest.CaptureFixture[str]) -> None:
    absent = {**error("us-east-1", "TrailNotFoundException"), "message": "No trail x. Correct the option trails."}
    for form in ("full", "short"):
        for role, words in (({"variables": PREFIX}, "cloudtrail_kms_trails"), ({}, "the option trails")):
            run(facts_of(audit(account("unknown", errors=[absent]))), mode="audit", table=form, **role)
            printed = " ".join(capsys.readouterr().out.split())
            assert f"-> To do: Correct {words}." in printed
            assert printed.count("Correct") == 1


def not_read(service: str, action: str) -> dict[str, Any]:
    """A finding whose fact the caller may not read."""
    unread = {**error("us-east-1"), "service": service, "operation": action, "iam_action": f"{service}:{action}"}
    remediation = f"Allow the caller {service}:{action}."
    return finding("bucket_policy_accepts_key", "unknown", remediation=remediation, unread=unread)


BUCKET, KEYS = not_read("s3", "GetBucketPolicy"), not_read("kms", "GetKeyPolicy")
OWNER = "1" * 12
CLOSED: dict[str, Any] = {
    **account("unknown"),
    "errors": [
        {
            **error("us-east-1", "AccessDenied"),
            "operation": "AssumeRole",
            "iam_action": "sts:AssumeRole",
            "message": f"Cannot assume the role arn:aws:iam::{OWNER}:role/path/Audits (AccessDenied: No.). Check it.",
        }
    ],
}


def to_do(found: dict[str, Any], *others: dict[str, Any], left_out: Collection[str] = (), **fields: str) -> str:
    inheriting = {**account("unknown", trail("main", "unknown", found, **fields)), "account_id": "2" * 12}
    (told, *_rest) = audit_by_variables(audit(inheriting, *others), left_out=left_out)["accounts"]
    return str(told["trails"][0]["findings"][0]["remediation"])


def test_what_was_not_read_says_first_who_was_not_entered() -> None:
    asks = "see sts:AssumeRole first. Otherwise allow the caller"
    assert to_do(BUCKET, CLOSED) == (
        f"An account that may own the bucket could not be entered: {asks} s3:GetBucketPolicy."
    )
    assert to_do(KEYS, CLOSED) == f"Account {OWNER} could not be entered: {asks} kms:GetKeyPolicy."
    assert to_do({**KEYS, "remediation": "Other."}, CLOSED) == "Other."
    assert to_do(BUCKET) == BUCKET["remediation"]
    assert to_do(KEYS, {**CLOSED, "account_id": "3" * 12}) == KEYS["remediation"]


def test_a_bucket_may_be_of_an_account_that_a_limit_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    leaving = "An account that --limit leaves out may own the bucket: add it to the limit. Otherwise allow the caller "
    assert to_do(BUCKET, left_out=[OWNER]).startswith(leaving)
    assert to_do(KEYS, left_out=[OWNER]) == KEYS["remediation"]
    named = to_do(BUCKET, left_out=["3" * 12, "4" * 12], bucket_name=f"logs-{'4' * 12}")
    assert named.startswith(
        f"Account {'4' * 12}, which --limit leaves out, may own the bucket: add it to the limit. Oth"
    )
    told = facts_of(audit(account("unknown", trail("main", "unknown", BUCKET))))
    both = {"groups": {"all": ["localhost", OWNER, "2" * 12]}}
    for limit, hosts, is_said in (
        (OWNER, [OWNER], True),
        (None, [OWNER], False),
        ("all", [OWNER, "2" * 12], False),  # which leaves out a host that is no account
    ):
        task_vars = {**both, "ansible_limit": limit, "ansible_play_hosts_all": hosts}
        run(told, variables=PREFIX, task_vars=task_vars)
        assert (leaving in " ".join(capsys.readouterr().out.split())) is is_said


def test_who_was_not_entered_comes_first_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    other = {**account("unknown", trail("main", "unknown", BUCKET)), "account_id": "2" * 12}
    run(facts_of(audit(other, CLOSED)), variables=PREFIX, table="short")
    printed = capsys.readouterr().out
    assert printed.index("not read  sts:AssumeRole") < printed.index("UNKNOWN   bucket_policy")
    assert "\nNo entry  1 of 2 accounts, by the role path/Audits\n" in printed


def test_a_module_that_fails_names_variables_too() -> None:
    failed = {"failed": True, "msg": "Option key_id: no key_id.", "options": ["key_id"]}
    assert run(failed, variables=PREFIX)["msg"] == "Option cloudtrail_kms_key_id: no key_id."
    assert run(failed)["msg"] == "Option key_id: no key_id."
    told = run({"failed": True, "msg": "There is no trail x. Correct the option trails."}, variables=PREFIX)
    assert told["msg"] == "There is no trail x. Correct cloudtrail_kms_trails."


def test_the_error_that_newer_ansible_shows_has_the_words_of_the_message() -> None:
    """From ansible-core 2.19 on the exception that a module hands on is shown, where there is one."""
    why = "There is no trail x. Correct the option trails."
    failed = {"failed": True, "msg": why, "exception": object()}
    assert "exception" not in run(failed, variables=PREFIX)
    assert run({**failed, "exception": "Traceback"}, variables=PREFIX)["exception"] == "Traceback"
    assert "exception" in run(failed)
