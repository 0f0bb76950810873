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
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import _screen
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._closing import (
    closing_lines,
    outcome,
    restored,
)
from tests.unit.action.audits import KEY, NARROWED, audit, finding, reason
from tests.unit.action.test_commands import AUDIT, PLAN
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
            "Plan: 0 changes, 1 not attempted, 1 account refused for 2 reasons; it is non_compliant. "
            "Nothing was changed.",
        ),
        (["applied"], {**ALONE, "is_plan": False}, "Run: 1 change in 1 account; it is compliant."),
        (
            ["failed"],
            {**ALONE, "is_plan": False, "after": None},
            "Run: 0 changes, 1 change failed; the verdict afterwards is not known.",
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


def test_changes_that_failed_are_told_from_accounts_that_failed() -> None:
    changes = [change(ONE, "failed"), change(ONE, "failed", "EnableKey"), change(TWO, "failed")]
    failed = {"errors": [refusal("No.", account_id=each) for each in (ONE, TWO)], "is_plan": False}
    assert ended(*changes, change(THREE, "not_attempted"), **failed).startswith(
        "Run: 0 changes, 3 changes failed, 1 not attempted, 2 accounts failed; "
    )


def test_every_account_that_failed_is_counted() -> None:
    failed = {"errors": [refusal("No.", account_id=each) for each in (TWO, ONE)], "is_plan": False}
    assert ended(change(ONE), **failed).startswith("Run: 1 change in 1 account, 2 accounts failed; ")


def excepted(account_id: str) -> dict[str, Any]:
    row = bare(account_id, "compliant")
    row["trails"][0]["findings"] = [finding("key_is_approved", "excepted")]
    return row


def test_what_is_compliant_by_exception_is_told_apart() -> None:
    alone = ended(change(ONE, "planned"), hosts=(ONE,), after=audit(excepted(ONE)))
    assert alone == "Plan: 1 change in 1 account; it would be compliant, 1 exception. Nothing was changed."
    many = ended(change(ONE), is_plan=False, after=audit(bare(ONE, "compliant"), excepted(TWO), bare(THREE)))
    assert many == "Run: 1 change in 1 account; 2 of 3 accounts are compliant (1 by exception)."


def test_accounts_are_told_from_those_in_use() -> None:
    fields = {"after": audit(bare(ONE, "compliant"), bare(TWO), bare(THREE, "not_applicable"))}
    assert ended(change(ONE), is_plan=False, **fields) == (
        "Run: 1 change in 1 account; 1 of 2 accounts in use are compliant."
    )


def test_accounts_that_are_not_in_use_do_not_count() -> None:
    fields = {"hosts": (ONE, TWO), "before": audit(bare(ONE), bare(TWO, "not_applicable"))}
    assert ended(change(ONE, "planned"), **fields) == (
        "Plan: 1 change in 1 account; it would be compliant. Nothing was changed."
    )


@pytest.mark.parametrize("asked", [{"trails": ["main"]}, {"regions": ["us-east-1"]}])
def test_a_run_that_is_narrowed_speaks_of_its_trails_only(asked: dict[str, Any]) -> None:
    row = {**bare(ONE, "compliant"), "narrowed_by": {**NARROWED, "regions": [], "trails": [], **asked}}
    words = "judged by the trails of this run alone"
    assert ended(change(ONE), **ALONE, is_plan=False, after=audit(row)) == (
        f"Run: 1 change in 1 account; it is compliant, {words}."
    )
    assert ended(change(ONE), is_plan=False, hosts=(ONE, TWO), after=audit(row, bare(TWO))) == (
        f"Run: 1 change in 1 account; 1 of 2 accounts are compliant, {words}."
    )
    failing = audit({**row, "verdict": "non_compliant"})
    assert ended(change(ONE), **ALONE, is_plan=False, after=failing) == (
        "Run: 1 change in 1 account; it is non_compliant."
    )


def judged(account_id: str, *findings: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An account whose only trail has these findings."""
    row = bare(account_id)
    row["trails"][0] |= {"findings": list(findings), **fields}
    return row


READING, DELIVERING, LACKING = map(finding, ("readers_can_read", "trail_is_delivering", "key_policy_allows_encrypt"))


def test_an_enforcement_with_nothing_to_change_says_who_has_to_act() -> None:
    stuck = {**ALONE, "after": audit(judged(ONE, READING, DELIVERING))}
    why = "No enforcement fixes what fails: act on what To do says, or pass it on to the owner."
    assert ended(**stuck) == f"Plan: 0 changes; it is non_compliant. {why} Nothing was changed."
    assert ended(**stuck, is_plan=False) == f"Run: 0 changes; it is non_compliant. {why}"
    assert why not in ended(change(ONE), **stuck, is_plan=False)
    assert why not in ended(**stuck, refusals=[refusal("No.")])
    assert why not in ended(**{**stuck, "after": audit(judged(ONE, READING, LACKING))})


@pytest.mark.parametrize(
    ("before", "after", "ending"),
    [
        ("non_compliant", "compliant", "; it is compliant."),
        (
            "non_compliant",
            "non_compliant",
            ". The account was non_compliant before and still is; that does not fail a restore.",
        ),
        (
            "compliant",
            "non_compliant",
            ". The account was compliant before and is non_compliant now; that does not fail a restore.",
        ),
    ],
)
def test_a_restore_says_what_it_did_and_how_the_account_was_before(before: str, after: str, ending: str) -> None:
    run = enforced(change(ONE), before=audit(bare(ONE, before)), after=audit(bare(ONE, after)))
    assert restored(run) == f"Restored: 1 change in 1 account{ending}"
    assert closing_lines(run, {"failing": 0}, [], {"awx_job_id": 1}, is_plan=False, is_restore=True)[1] == restored(run)
    assert closing_lines(run, {"failing": 1}, [], {"awx_job_id": 1}, is_plan=False, is_restore=True)[1] == (
        f"Run: 1 change in 1 account; it is {after}."
    )


@pytest.mark.parametrize(
    ("serial", "where"),
    [
        *(([1], " in this batch"), ([1, "100%"], " in this batch"), (["50%"], " in this batch")),
        *(([], ""), ([3], ""), (["100%"], ""), ([0], "")),
    ],
)
def test_a_run_in_batches_says_that_it_speaks_of_one(serial: list[Any], where: str) -> None:
    """Where hosts of earlier batches have failed, the last one looks like the whole play."""
    there = {"awx_job_id": 1, "ansible_play_batch": ["c"], "ansible_play_hosts": ["c"]}
    there["ansible_play_hosts_all"] = ["a", "b", "c"]
    run = with_after(enforced(change(ONE), **ALONE))
    for is_restore, start in ((False, "Run"), (True, "Restored")):
        kind: dict[str, Any] = {"is_plan": False, "is_restore": is_restore, "serial": serial}
        lines = closing_lines(run, {"failing": 0}, [], there, **kind)
        assert lines[1] == f"{start}{where}: 1 change in 1 account; it is compliant."


def test_a_restore_of_many_accounts_counts_them() -> None:
    after = audit(bare(ONE), bare(TWO, "compliant"))
    run = enforced(change(ONE), before=audit(bare(ONE, "compliant"), bare(TWO, "compliant")), after=after)
    assert restored(run) == (
        "Restored: 1 change in 1 account. 2 of 2 accounts were compliant before, 1 of 2 accounts are compliant now; "
        "that does not fail a restore."
    )


@pytest.mark.parametrize("fields", [{"after": None}, {"refusals": [refusal("No.")]}])
def test_a_restore_that_is_not_whole_is_not_told_as_one(fields: dict[str, Any]) -> None:
    run = with_after(enforced(change(ONE, "failed"), **{**ALONE, "errors": [refusal("No.")], **fields}))
    assert restored(run) == outcome(run, is_plan=False)


@pytest.mark.parametrize(("inventory", "is_said"), [((), False), (("/elsewhere/accounts.yml",), True)])
def test_an_audit_of_an_inventory_says_that_its_roles_may_only_audit(
    inventory: tuple[str, ...], is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {**AUDIT, "inventory": inventory})
    told = {"ansible_facts": {"cloudtrail_kms": {**audit(bare(ONE)), "summary": {"non_compliant": 1}}}}
    *_lines, before, _next = closing_lines(told, {"failing": 1}, [], {}, is_plan=False)
    assert is_said is (
        before
        == "Decide    whether /elsewhere/accounts.yml enters by a role that may write: if it only audits, name the "
        "inventory of the role that enforces below"
    )


def test_what_is_to_be_decided_stands_before_the_command_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", AUDIT)
    row = bare(ONE)
    evidence = {"state": "Disabled", "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT"}
    row["trails"][0] |= {"kms_key_arn": KEY, "findings": [finding("key_is_usable", evidence=evidence)]}
    told = {"ansible_facts": {"cloudtrail_kms": {**audit(row), "summary": {"non_compliant": 1}}}}
    lines = closing_lines(told, {"failing": 1}, [], {}, is_plan=False)
    assert lines[-2].startswith("Decide    whether to enable the key alias/trail, now disabled: the command below")
    option = "-e cloudtrail_kms_allow_enable_key=true"
    assert lines[-1] == f"Next      ansible-playbook aws_baseline.cloudtrail.enforce {option} --check --diff"


@pytest.mark.parametrize(
    ("variables", "option"),
    [({}, " -e cloudtrail_kms_backup_path=backup.json"), ({"cloudtrail_kms_backup_path": "/srv/b.json"}, "")],
)
def test_the_run_after_a_plan_keeps_what_undoes_it(
    variables: dict[str, Any], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", PLAN)
    run = with_after(enforced(change(ONE, "planned", "PutKeyPolicy"), **ALONE))
    last = closing_lines(run, {"failing": 0}, [], variables, is_plan=True)[-1]
    assert last == f"Next      ansible-playbook aws_baseline.cloudtrail.enforce{option}"


@pytest.mark.parametrize(
    ("typed", "fail_on", "is_added"),
    [(["@more.yml"], "never", True), (["@more.yml"], "new", False), (["cloudtrail_kms_fail_on=never"], "never", False)],
)
def test_a_file_of_variables_does_not_keep_the_run_after_a_plan_green(
    typed: list[str], fail_on: str, is_added: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"cloudtrail_kms_fail_on": fail_on}
    run = with_after(enforced(change(ONE, "planned"), **ALONE))
    for playbook in ("enforce", "provision_account", "restore"):
        arguments = {**PLAN, "args": (f"aws_baseline.cloudtrail.{playbook}",), "extra_vars": typed}
        monkeypatch.setattr(context, "CLIARGS", arguments)
        last = closing_lines(run, {"failing": 0}, [], variables, is_plan=True)[-1]
        assert ("-e cloudtrail_kms_fail_on=unknown" in last) is (is_added and playbook != "restore")
        assert "never" not in last


@pytest.mark.parametrize(("playbook", "check"), [("enforce", True), ("restore", True), ("restore", False)])
def test_after_a_refusal_comes_no_command_that_is_refused_again(
    playbook: str, check: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (f"cloudtrail_kms_restore={playbook}.json",)
    arguments = {"args": (f"aws_baseline.cloudtrail.{playbook}",), "check": check, "extra_vars": given}
    monkeypatch.setattr(context, "CLIARGS", arguments)
    fields = {**ALONE, "after": audit(bare(ONE)), "refusals": [refusal("No.")]}
    lines = closing_lines(
        with_after(enforced(change(ONE, "not_attempted"), **fields)), {"failing": 1}, [], {}, is_plan=check
    )
    assert (
        lines[-1]
        == "Decide    what to do about each REFUSED above, and run the same command again: until then it is refused"
    )
    fields["refusals"][0]["settings"] = [{"allow_enable_key": True}]
    assert closing_lines(with_after(enforced(**fields)), {"failing": 1}, [], {}, is_plan=check)[-1] == (
        "Decide    what to do about each REFUSED above, and run the same command again, with -e for each variable that "
        "you decide to set: until then it is refused"
    )
    monkeypatch.setattr(context, "CLIARGS", {**arguments, "args": ("site.yml",)})
    lines = closing_lines(with_after(enforced(**fields)), {"failing": 1}, [], {}, is_plan=check)
    assert not any(line.startswith("Next") for line in lines)


def closing_of_plan(*changes: dict[str, Any], is_restore: bool = False, **fields: Any) -> list[str]:
    run = with_after(enforced(*changes, **fields))
    return closing_lines(run, {"failing": 1}, [], {}, is_plan=True, is_restore=is_restore)


def test_a_plan_says_what_its_next_command_leaves_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", PLAN)
    refused: dict[str, Any] = {"refusals": [refusal("No.", account_id=each) for each in (TWO, TWO, THREE)]}
    failed: dict[str, Any] = {"errors": [refusal("No.", account_id=each) for each in (THREE, CENTRAL)]}
    ending = "above: until then the command below leaves"
    ends: tuple[tuple[dict[str, Any], str], ...] = (
        (refused, f"the 2 accounts REFUSED {ending} them as they are"),
        (failed, f"the 2 accounts FAILED {ending} them as they are"),
        ({**refused, **failed}, f"the 3 accounts REFUSED or FAILED {ending} them as they are"),
        ({"errors": [refusal("No.")]}, f"the 1 account FAILED {ending} it as it is"),
    )
    for fields, line in ends:
        *_lines, before, after = closing_of_plan(change(ONE, "planned"), **fields)
        assert (before, after[:5]) == (f"Decide    what to do about {line}", "Next ")
    assert not any(line.startswith("Decide") for line in closing_of_plan(change(ONE, "planned")))


@pytest.mark.parametrize(
    ("inventory", "setting", "is_said"),
    [("/x/audit.yml", "assume_role", True), ("/x/audit.yml", "key_assume_role", False), ("", "assume_role", False)],
)
def test_a_plan_that_doubts_its_role_says_so_before_the_run(
    inventory: str, setting: str, is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {**PLAN, "inventory": (inventory,) if inventory else ()})
    doubt = {**refusal("No.", account_id=TWO), "settings": [{setting: "it"}, {"key_id": "a key that exists"}]}
    *_lines, before, _next = closing_of_plan(change(ONE, "planned"), refusals=[doubt])
    assert is_said is (
        before
        == f"Decide    whether {inventory} enters by a role that may write: if it only audits, name the inventory of "
        "the role that enforces below"
    )


def test_a_plan_says_what_a_restore_can_take_back_and_why_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", PLAN)
    changes = [change(ONE, "planned"), change(ONE, "planned", "EnableKey")]
    refused = {**reason("No.", trails=[changes[0]["resource"]]), "subject": "", "reason": "no key was set"}
    name, key = (each["resource"].rpartition(":")[2] for each in changes)
    nothing = "Undo      none of these changes can go back"
    stays = [f"          - {name} stays: no key was set", f"          - {key} stays: a restore does not undo EnableKey"]
    some = f"Undo      a restore could put back {name}"
    unknown = (
        "Undo      a restore puts back keys and key policies that worked, not those that failed before; a trail that "
        "had no key keeps its new one"
    )
    for undo, lines in (
        ({"resources": [], "refusals": [refused]}, [nothing, *stays]),
        ({"resources": [changes[0]["resource"]], "refusals": []}, [some, stays[1]]),
        (None, [unknown]),
    ):
        _first, _plan, *others, following = closing_of_plan(*changes, undo=undo, **ALONE)
        assert others == lines
        assert following.endswith(" -e cloudtrail_kms_backup_path=backup.json")  # the run may find more to do
    assert not any(each.startswith("Undo") for each in closing_of_plan(changes[0], is_restore=True))
    assert not any(each.startswith("Undo") for each in closing_of_plan(change(ONE)))


def test_where_nothing_is_for_an_enforcement_the_audit_says_who_has_to_act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", AUDIT)
    owners = "Next      An enforcement would change nothing here: act on what To do says, or pass it on to the owner"
    for row, is_said in (
        (judged(ONE, READING), True),
        (judged(ONE, READING, LACKING), False),
        (judged(ONE, READING, finding("readers_can_decrypt", "unknown")), False),
        (judged(ONE, LACKING, ownership="inherited"), True),
        (judged(ONE, finding("readers_can_read", level="advised")), False),
    ):
        told = {"ansible_facts": {"cloudtrail_kms": {**audit(row), "summary": {"non_compliant": 1}}}}
        assert (closing_lines(told, {"failing": 0}, [], {}, is_plan=False)[-1] == owners) is is_said


LEFT_OUT: dict[str, Any] = {"groups": {"all": [ONE, TWO, "localhost"]}}


@pytest.mark.parametrize(
    ("variables", "playbook", "hosts"),
    [
        (LEFT_OUT, "aws_baseline.cloudtrail.audit", "all"),
        ({"groups": {"all": [ONE, TWO], "aws_accounts": []}}, "aws_baseline.cloudtrail.audit", "all"),
        (
            {"groups": {"all": [ONE, TWO, "server"], "aws_accounts": [ONE, TWO]}},
            "aws_baseline.cloudtrail.audit",
            "aws_accounts",
        ),
        ({**LEFT_OUT, "cloudtrail_kms_hosts": "all"}, "aws_baseline.cloudtrail.audit", ""),
        (LEFT_OUT, "site.yml", ""),
        (LEFT_OUT, "aws_baseline.cloudtrail.join", ""),
        (LEFT_OUT, "aws_baseline.cloudtrail.join.yml", ""),
        ({"groups": {"all": ["localhost", "server"]}}, "aws_baseline.cloudtrail.audit", ""),
    ],
)
def test_who_forgets_to_name_hosts_is_told(
    variables: dict[str, Any], playbook: str, hosts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"ansible_facts": {"cloudtrail_kms": {**audit(bare(ONE)), "summary": {"non_compliant": 0}}}}
    said = f"Left out  2 accounts of the inventory: take them in with -e cloudtrail_kms_hosts={hosts}"
    for limit in (None, "localhost"):  # under a limit, naming hosts would take in nobody else
        monkeypatch.setattr(context, "CLIARGS", {"args": (playbook,), "subset": limit})
        _first, outcome, *others = closing_lines(told, {"failing": 1}, [], variables, is_plan=False)
        assert outcome.startswith("Failing   1 of 1 account; ")
        assert [line for line in others if line.startswith("Left out")] == ([said] if hosts and not limit else [])


def test_of_joined_reports_nothing_is_to_be_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report may hold what no audit writes: a Deny in the policy of a key that there is not."""
    denied = finding("key_policy_allows_encrypt", evidence={"outcome": "explicit_deny"})
    rows = [judged(account, denied, kms_key_arn=None) for account in (ONE, "2" * 12)]
    told = {"ansible_facts": {"cloudtrail_kms": {**audit(*rows), "summary": {"non_compliant": 2}}}}
    monkeypatch.setattr(context, "CLIARGS", {"args": ("aws_baseline.cloudtrail.join",)})
    assert not any(line.startswith("Decide") for line in closing_lines(told, {"failing": 2}, [], {}, is_plan=False))


def test_an_audit_says_how_many_accounts_fail_and_where_the_reports_are() -> None:
    told = {"ansible_facts": {"cloudtrail_kms": audit(bare(ONE), bare(TWO))}}
    passing = f"{constants.DEFAULT_LOCAL_TMP}/x/cloudtrail-kms.json"
    registered = {"failing": 1, "reports": [f"{os.getcwd()}/reports/a.html", "/srv/b.json", passing]}
    assert closing_lines(told, registered, ["s3://evidence/today/localhost"], {}, is_plan=False) == [
        "",
        "Failing   1 of 2 accounts; with -e cloudtrail_kms_fail_on=never the run ends green all the same",
        "Reports   reports/a.html, /srv/b.json, s3://evidence/today/localhost/",
    ]
    assert closing_lines(told, {"failing": 0}, [], {}, is_plan=False) == []


def test_the_last_lines_are_as_wide_as_a_table_but_for_what_is_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_screen, "WIDTH", 80)
    long = " ".join(["word"] * 30)
    whole = ["", "Run: 1 change.", *(f"{label} {long}" for label in ("Reports  ", "Backup   "))]
    whole += [f"{label}      ansible-playbook -e {long}" for label in ("Undo", "Next")]
    whole += [
        f"Next      {before} ansible-playbook -e {long}"
        for before in ("AWS_PROFILE='a b' AWS_REGION=x", "ANSIBLE_INVENTORY=x")
    ]
    _screen.Screen(no_log=False).end([*whole, f"Decide    {long}", f"Plan: {long}"])
    full, margin = " ".join(["word"] * 14), " " * 10
    assert capsys.readouterr().out.splitlines() == [
        *whole,
        *(f"Decide    {full}", f"{margin}{full}", f"{margin}word word"),
        *(f"Plan: {full} word", f"{margin}{full}", f"{margin}word"),
    ]
