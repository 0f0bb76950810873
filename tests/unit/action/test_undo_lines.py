# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a run about its undoing: the command, what a restore would refuse, and what would stay."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible import context

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._module_call import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._closing import closing_lines
from tests.unit.action.audits import KEY, NARROWED, audit, reason
from tests.unit.action.test_closing import ALONE
from tests.unit.action.test_commands import ENFORCE, GIVEN, KEPT, PLAN, READERS
from tests.unit.action.test_enforce_many import CENTRAL, ONE, TWO, bare, change, enforced

TYPED = {**ENFORCE, **GIVEN, "extra_vars": ("cloudtrail_kms_hosts=all",)}


def test_after_a_run_with_a_backup_comes_what_undoes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", {**ENFORCE, **GIVEN})
    had = {**change(ONE), "before": {"kms_key_arn": KEY}}
    result = {**with_after(enforced(had, **ALONE)), "backup_path": f"{os.getcwd()}/my backup.json"}
    delivery = "Delivery  not waited for: audit again in some minutes (cloudtrail_kms_wait=true waits for it)"
    lines = ["", "Run: 1 change in 1 account; it is compliant.", delivery, "Backup    my backup.json"]
    undo = (
        f"Undo      ansible-playbook aws_baseline.cloudtrail.restore{KEPT}{READERS} "
        """-e '{"cloudtrail_kms_restore": ["my backup.json"]}'"""
    )
    assert closing_lines(result, {}, [], {}, is_plan=False) == [*lines, undo]
    assert closing_lines(result, {}, [], {"awx_job_id": 1}, is_plan=False) == lines


def test_what_goes_on_says_whose_credentials_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setattr(context, "CLIARGS", TYPED)
    line = "          with the AWS credentials of this run, which come from the environment"
    assert _undoing(change(ONE))[1:] == [line]
    monkeypatch.setattr(context, "CLIARGS", PLAN)
    plan = with_after(enforced(change(ONE, "planned"), **ALONE))
    command, *others = closing_lines(plan, {"failing": 0}, [], {}, is_plan=True)[-2:]
    assert (command[:5], others) == ("Next ", [line])


def test_what_undoes_a_run_keeps_by_what_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    inline = '{"cloudtrail_kms_readers": ["arn:aws:iam::111111111111:role/x"], "cloudtrail_kms_key_id": "alias/x"}'
    monkeypatch.setattr(context, "CLIARGS", {**ENFORCE, **GIVEN, "extra_vars": (inline, "cloudtrail_kms_proof=events")})
    (line,) = (each for each in _undoing(change(ONE)) if each.startswith("Undo"))
    assert (
        '-e \'{"cloudtrail_kms_readers": ["arn:aws:iam::111111111111:role/x"]}\' -e cloudtrail_kms_proof=events' in line
    )
    assert "key_id" not in line


def test_an_undo_is_offered_only_where_it_writes_and_says_what_it_refuses_and_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(context, "CLIARGS", TYPED)
    arn = change(ONE)["resource"]
    no_key = "no key was set before the backup, and this collection never removes encryption"
    refusals = [
        refusal(no_key, trails=[arn]),
        refusal(no_key, trails=[f"{arn}2"]),
        refusal("it cannot be read", f"The policy of {KEY}", key=KEY),
        refusal("a restore does not change it", "The policy of arn:aws:s3:::logs"),
    ]
    name, key = arn.rpartition(":")[2], KEY.rpartition(":")[2]
    enabled = {**change(ONE), "operation": "EnableKey", "resource": f"{KEY}2"}
    stays = [
        f"          - {name}, {name}2 stay: {no_key}",
        f"          - {key} stays: it cannot be read",
        "          - a bucket policy stays: a restore does not change it",
        f"          - {key}2 stays: a restore does not undo EnableKey",
    ]
    lines = _undoing(change(ONE), enabled, undo={"resources": ["arn"], "refusals": refusals})
    assert lines[0].startswith("Undo      ansible-playbook ")
    refused = "          The restore is refused: its plan (--check) says which rows to remove from the backup"
    assert lines[1:] == [refused, *stays]
    nothing = "Undo      none of these changes can go back"
    assert _undoing(change(ONE), enabled, undo={"resources": [], "refusals": refusals}) == [nothing, *stays]
    other = refusal("no", trails=[arn.replace(ONE, TWO)])
    assert _undoing(change(ONE), undo={"resources": [], "refusals": [refusals[0], other]}) == [
        nothing,
        f"          - {name} of {ONE} stays: {no_key}",
        f"          - {name} of {TWO} stays: no",
    ]
    foreign = [refusal(f"The backup is of account {CENTRAL}, not of {each}", account_id=each) for each in (ONE, TWO)]
    policy = change(CENTRAL, operation="PutKeyPolicy")
    assert _undoing(policy, undo={"resources": [], "refusals": foreign}) == [
        nothing,
        f"          - The backup is of account {CENTRAL}, not of an account of this run",
        f"          - {key} stays: a restore does not undo PutKeyPolicy",
    ]


def test_what_stays_is_named_once_with_all_its_reasons_and_the_first_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", TYPED)
    arn = change(ONE)["resource"]
    refusals = [refusal(f"no {number}", trails=[arn]) for number in (1, 2)]
    _nothing, stays = _undoing(change(ONE), undo={"resources": [], "refusals": refusals})
    assert stays == "          - trail/main stays: no 1; no 2"
    refusals = [refusal(f"no {number}", trails=[f"{arn}{number}"]) for number in range(7)]
    *_lines, last = _undoing(undo={"resources": [], "refusals": refusals})
    assert (len(_lines), last) == (6, "          - and so on, for 2 more reasons")


def test_the_backup_of_a_run_in_batches_may_undo_what_this_one_did_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", TYPED)
    nothing = {"resources": [], "refusals": [refusal("no", trails=[change(ONE)["resource"]])]}
    result = {**with_after(enforced(change(ONE), **ALONE)), "backup_path": "/srv/b.json", "undo": nothing}
    there = {"ansible_play_hosts_all": [ONE, TWO]}
    for serial, start in (([1], "ansible-playbook "), ([2], "none of these changes can go back")):
        lines = closing_lines(result, {}, [], there, is_plan=False, serial=serial)
        assert [line for line in lines if line.startswith(f"Undo      {start}")]


def test_what_a_restore_leaves_is_named_by_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy of a key of an account that is not in the run stays, although a restore puts policies back."""
    monkeypatch.setattr(context, "CLIARGS", TYPED)
    trail, policy = change(ONE), change(CENTRAL, operation="PutKeyPolicy")
    key = policy["resource"].rpartition(":")[2]
    enabled = [change(each, operation="EnableKey") for each in (CENTRAL, ONE)]
    back = {"resources": [trail["resource"]], "refusals": []}
    stay = f"          - {key} of {ONE} stays: a restore does not undo EnableKey"
    assert _undoing(trail, policy, *enabled, undo=back)[1:] == [
        f"          - {key} of {CENTRAL} stays: a restore does not undo PutKeyPolicy, EnableKey",
        stay,
    ]
    back["resources"].append(policy["resource"])
    assert _undoing(trail, policy, change(ONE, "failed", "EnableKey"), undo=back)[1:] == []
    refused = refusal("no", f"The policy of {policy['resource']}", key=policy["resource"])
    of_its_trail = refusal("no", trails=[trail["resource"]], key=policy["resource"])
    assert _undoing(policy, undo={"resources": ["arn"], "refusals": [of_its_trail]})[2:] == [
        f"          - trail/main of {ONE} stays: no"
    ]
    lines = _undoing(trail, policy, undo={"resources": [trail["resource"]], "refusals": [refused]})
    assert lines[2:] == [f"          - {key} of {CENTRAL} stays: no"]
    assert _undoing(trail, policy, enabled[1])[1:] == [stay]
    new = [change(ONE, operation=each) for each in ("CreateKey", "EnableKeyRotation")]
    assert _undoing(*new, undo=back)[1:] == [f"          - {key} stays: a restore deletes nothing"]


def test_of_a_narrowed_run_it_is_said_that_the_restore_reads_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", TYPED)
    before = audit({**bare(ONE), "narrowed_by": {**NARROWED, "trails": ["main"]}})
    back = {"resources": [change(ONE)["resource"]], "refusals": []}
    assert _undoing(change(ONE), undo=back, before=before)[1:] == [
        "          The restore reads all trails of each account, and may refuse for one that this run left out"
    ]
    assert len(_undoing(change(ONE), undo={**back, "resources": []}, before=before)) == 2


def refusal(why: str, subject: str = "", **fields: Any) -> dict[str, Any]:
    """Why a restore is refused, whose sentences nobody takes apart."""
    return {**reason("No. Or: no.", **fields), "subject": subject, "reason": why}


def _undoing(*changes: dict[str, Any], **more: Any) -> list[str]:
    result = {**with_after(enforced(*changes, **ALONE)), "backup_path": f"{os.getcwd()}/backup.json", **more}
    lines = closing_lines(result, {}, [], {}, is_plan=False)
    return lines[next(at for at, each in enumerate(lines) if each.startswith("Undo")) :]


@pytest.mark.parametrize(
    ("undo", "is_said"),
    [(None, True), ({"resources": ["arn"], "refusals": []}, True), ({"resources": [], "refusals": []}, False)],
)
def test_a_run_that_kept_no_backup_says_so_where_something_could_go_back(
    undo: dict[str, Any] | None, is_said: bool
) -> None:
    result = {**with_after(enforced(change(ONE), **ALONE)), "backup": {"accounts": []}, "undo": undo}
    none = "Undo      none, as no backup was kept: "
    ours = f"{none}set cloudtrail_kms_backup_path before a run that you may want to undo"
    assert (ours in closing_lines(result, {}, [], {"awx_job_id": 1}, is_plan=False)) is is_said
    back = closing_lines(result, {"failing": 0}, [], {"awx_job_id": 1}, is_plan=False, is_restore=True)
    assert (
        f"{none}to go forward again, run the enforcement: it fixes what it can, perhaps by other keys" in back
    ) is is_said
    assert ours not in back


def test_a_run_that_replaced_nothing_says_that_it_wrote_no_backup() -> None:
    cases: tuple[tuple[dict[str, Any], dict[str, Any], bool, bool], ...]
    kept = {"cloudtrail_kms_backup_path": "b.json", "awx_job_id": 1}
    none, written = with_after(enforced()), with_after(enforced(backup={"accounts": []}))
    line = "Backup    none written: nothing was replaced"
    cases = (
        (none, kept, False, True),
        (none, kept, True, False),
        (none, {"awx_job_id": 1}, False, False),
        (written, kept, False, False),
        ({"ansible_facts": {"cloudtrail_kms": audit(bare(ONE))}}, kept, False, False),
    )
    for result, variables, is_plan, is_said in cases:
        assert (line in closing_lines(result, {"failing": 0}, [], variables, is_plan=is_plan)) is is_said


@pytest.mark.parametrize("is_plan", [True, False])
def test_a_restore_that_is_refused_all_of_its_backup_says_so_once(
    monkeypatch: pytest.MonkeyPatch, *, is_plan: bool
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {**PLAN, "args": ("aws_baseline.cloudtrail.restore",)})
    left, other = (change(each, "not_attempted") for each in (ONE, TWO))
    refused = reason("No.", trails=[left["resource"]])
    line, decide = (
        "Restore   nothing of this backup can go back as things are",
        "Decide    what to do about each REFUSED",
    )
    for changes, why, is_said in (
        ([], refused, True),
        ([left], refused, True),
        ([left, other], refused, False),
        ([left], {**refused, "settings": [{"assume_role": "a role"}]}, False),
    ):
        plan = with_after(enforced(*changes, **ALONE, refusals=[why]))
        lines = closing_lines(plan, {"failing": 1}, [], {}, is_plan=is_plan, is_restore=True)
        assert (line in lines, any(each.startswith(decide) for each in lines)) == (is_said, not is_said)


def test_a_fault_in_the_last_lines_costs_neither_the_result_nor_the_other_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {**ENFORCE, "extra_vars": ("[1]",)})
    run = {**with_after(enforced(change(ONE), **ALONE)), "backup_path": "/srv/b.json"}
    kept = ["Reports   /srv/r.json", "Backup    /srv/b.json"]
    first, outcome, _delivery, *others, fault = closing_lines(run, {"reports": ["/srv/r.json"]}, [], {}, is_plan=False)
    assert (first, outcome, others) == ("", "Run: 1 change in 1 account; it is compliant.", kept)
    assert fault.startswith("A line cannot be shown: AttributeError: ")
    run["changes"] = None
    first, fault, *others, _undo, _next = closing_lines(run, {"reports": ["/srv/r.json"]}, [], {}, is_plan=False)
    assert (first, others) == ("", kept)
    assert fault.startswith("A line cannot be shown: TypeError: ")
