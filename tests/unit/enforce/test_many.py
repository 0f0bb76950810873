# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many accounts in one run: a key that they share is changed once for all, and what stops one stops only that one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Stop
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess, _further_reads
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._module import Progress
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._enforce import enforce
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Run
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import AccountScope, NamedRole
from tests.aws_cli import AwsCli
from tests.unit.enforce.lab import Lab, comparable, comparable_changes, lagging, meanwhile
from tests.unit.enforce.many import OF_THE_KEY, REQUEST, TRAILS, operations, run_of, served, troubles, verdicts
from tests.unit.enforce.seen import assert_works
from tests.unit.enforce.test_other_accounts import (
    ALIAS,
    HOME,
    PRODUCTION,
    SANDBOX,
    SECURITY,
    STAGING,
    accounts_of_writes,
    of_security,
)
from tests.unit.modules import replace_everywhere

KEY = f"key of {SECURITY}"
THREE = {account: ["UpdateTrail"] for account in TRAILS}
NOTHING: dict[str, list[str]] = {account: [] for account in TRAILS}
COMPLIANT = dict.fromkeys(TRAILS, "compliant")
OWN = EnforceRequest()


def named(lab: Lab) -> list[str]:
    """The trails that our statement in the one key's policy names."""
    (key,) = of_security(lab).values()
    (use,) = (each for each in key["policy"]["Statement"] if each["Sid"] == "AwsBaselineCloudTrailUse")
    arns = use["Condition"]["StringEquals"]["aws:SourceArn"]
    return sorted([arns] if isinstance(arns, str) else arns)


def stripped(lab: Lab, sid: str = "Enable IAM User Permissions") -> str:
    """Take from the one key's policy all statements but that of the account's root; return the key's ARN."""
    ((arn, key),) = of_security(lab).items()
    policy = {**key["policy"], "Statement": [each for each in key["policy"]["Statement"] if each["Sid"] == sid]}
    lab.of(SECURITY).client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))
    return str(arn)


def test_check_mode_is_the_run_and_a_second_run_writes_nothing(load: Callable[[str], Lab], aws_cli: AwsCli) -> None:
    lab = load("central-key")
    told = served(lab, check_mode=True)
    assert (troubles(told), lab.writes()) == ({}, [])
    done = served(lab)
    assert (troubles(done), operations(told)) == ({}, operations(done))
    assert operations(done) == {KEY: OF_THE_KEY, **THREE}
    assert lab.writes() == [*OF_THE_KEY, *["UpdateTrail"] * 3]
    (arn,) = of_security(lab)
    assert comparable_changes(told.keys[0][1].changes) == comparable_changes(done.keys[0][1].changes)
    for account in TRAILS:
        assert comparable(told.accounts[account]) == comparable(done.accounts[account], born=[arn])
        assert_works(aws_cli, lab.of(account), done.accounts[account])
    assert (verdicts(done), named(lab)) == (COMPLIANT, sorted(TRAILS.values()))

    lab.aws.clear_calls()
    again = served(lab)
    assert (operations(again), troubles(again)) == (NOTHING, {})
    assert (verdicts(again), lab.writes()) == (COMPLIANT, [])


def test_how_far_it_is_is_told_by_phase(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab, run = load("central-key"), run_of()
    for path, check_mode in ((tmp_path / "plan", True), (tmp_path / "run", False)):
        task = replace(run.task, check_mode=check_mode)
        lab.run(replace(run, task=task, progress=Progress(str(path))))
        phases = ["Read", "Planned", *([] if check_mode else ["Applied the plan in", "Verified"])]
        expected = [f"{phase} {done} of 3 accounts" for phase in phases for done in (1, 2, 3)]
        assert path.read_text(encoding="utf-8").splitlines() == expected


def test_each_is_written_by_its_owner(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab)
    assert accounts_of_writes(lab) == {**{each: {SECURITY} for each in OF_THE_KEY}, "UpdateTrail": set(TRAILS)}


def test_the_owner_of_the_key_may_be_one_of_the_accounts(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    run = run_of(*TRAILS, SECURITY)
    run = replace(run, task=replace(run.task, scope=replace(run.task.scope, key_role=None)))
    done = lab.run(run)
    assert (troubles(done), operations(done)) == ({}, {KEY: OF_THE_KEY, **THREE, SECURITY: []})
    assert accounts_of_writes(lab)["CreateKey"] == {SECURITY}


def test_who_only_lends_is_not_written_to(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    run = run_of()
    run = replace(run, task=replace(run.task, scope=replace(run.task.scope, key_role=None)))
    done = lab.run(run)
    assert [f"belongs to account {SECURITY}: set key_assume_role" in words for (words,) in troubles(done).values()] == [
        True
    ] * 3
    assert lab.writes() == []


def test_who_was_to_lend_and_cannot_be_entered_is_told(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    run = replace(run_of(), lending=(AccountScope(SECURITY, NamedRole("Absent")),))
    run = replace(run, task=replace(run.task, scope=replace(run.task.scope, key_role=None)))
    done = lab.run(run)
    assert all(
        f"in account {SECURITY} (key.account), but there are no credentials" in word
        for (word,) in troubles(done).values()
    )
    assert lab.writes() == []
    (warning,) = map(str, done.warnings)
    assert warning.startswith(f"The other keys and buckets of account {SECURITY} could not be read: Cannot assume")


def test_keys_of_their_own_are_made_side_by_side(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    done = served(lab, request=OWN)
    new = ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]
    assert (troubles(done), operations(done)) == ({}, dict.fromkeys(TRAILS, new))
    assert verdicts(done) == COMPLIANT
    assert {arn.split(":")[4] for account in TRAILS for arn in lab.of(account).keys(HOME)} >= set(TRAILS)


def test_a_key_that_two_share_and_one_of_its_own(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    done = served(lab, requests={SANDBOX: OWN})
    assert troubles(done) == {}
    assert named(lab) == sorted([TRAILS[PRODUCTION], TRAILS[STAGING]])
    assert operations(done)[SANDBOX] == ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]


def test_two_aliases_in_one_account_are_two_keys(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    other = replace(REQUEST, key=KeyRequest(alias="alias/other"))
    four = {PRODUCTION: other, STAGING: other}
    done = served(lab, PRODUCTION, STAGING, SANDBOX, requests=four)
    assert (troubles(done), verdicts(done)) == ({}, COMPLIANT)
    assert len(of_security(lab)) == 2
    keys = {account: next(iter(lab.of(account).trails().values()))["KmsKeyId"] for account in TRAILS}
    assert keys[PRODUCTION] == keys[STAGING] != keys[SANDBOX]


def test_a_policy_that_lacks_accounts_is_written_once_for_all(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The errors that the trails had before are not held against the key as it is now; deliveries are waited for."""
    lab = load("central-key")
    served(lab)
    stripped(lab)
    lagging(monkeypatch, lab.clock, 3600, "GetTrailStatus")
    lab.aws.clear_calls()
    reader = f"arn:aws:iam::{PRODUCTION}:root"
    settings = Settings(readers=(reader,), levels={"readers_can_read": "off"})  # Their bucket is another account's.
    told = served(lab, settings=settings, check_mode=True)
    done = served(lab, settings=settings, wait=True)
    assert operations(told) == operations(done) == {KEY: ["PutKeyPolicy"], **NOTHING}
    assert (troubles(done), verdicts(done), lab.writes()) == ({}, COMPLIANT, ["PutKeyPolicy"])
    assert verdicts(told) == COMPLIANT
    unproven = [warning for outcome in done.accounts.values() for warning in map(str, outcome.warnings)]
    assert ["is not yet proven" in warning for warning in unproven] == [True] * 3
    (key,) = of_security(lab).values()
    assert [each["Sid"] for each in key["policy"]["Statement"]] == [
        "Enable IAM User Permissions",
        "AwsBaselineCloudTrailUse",
        "AwsBaselineCloudTrailDescribe",
        "AwsBaselineCloudTrailReaders",
    ]


def test_a_key_that_the_run_has_just_made_is_waited_for_by_all(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault(action="cloudtrail:UpdateTrail", code="KmsKeyNotFoundException", times=2)
    done = served(lab)
    assert (troubles(done), verdicts(done)) == ({}, COMPLIANT)
    assert "to-be-created" not in str([each.changes for each in done.accounts.values()])


def test_readers_of_all_are_joined(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    run = run_of()
    readers = {account: f"arn:aws:iam::{account}:root" for account in TRAILS}
    ours = {each: Settings(readers=(arn,), levels={"readers_can_read": "off"}) for each, arn in readers.items()}
    tasks = {each: replace(run.task, settings=settings) for each, settings in ours.items()}
    done = lab.run(replace(run, tasks=tasks))
    assert (troubles(done), verdicts(done)) == ({}, COMPLIANT)
    (key,) = of_security(lab).values()
    (statement,) = (each for each in key["policy"]["Statement"] if each["Sid"] == "AwsBaselineCloudTrailReaders")
    assert sorted(statement["Principal"]["AWS"]) == sorted(readers.values())


def test_an_account_that_is_refused_leaves_the_others_to_their_key(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    done = served(lab, requests={STAGING: replace(REQUEST, key=None, key_id="alias/none")})
    assert list(troubles(done)) == [STAGING]
    assert verdicts(done) == {**COMPLIANT, STAGING: "non_compliant"}
    assert TRAILS[STAGING] not in named(lab)


def test_accounts_that_differ_about_their_key_are_refused(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    done = served(lab, requests={STAGING: replace(REQUEST, statements="cis")})
    assert list(troubles(done)) == list(TRAILS)
    for (words,) in troubles(done).values():
        assert "ask for different things of it" in words
        assert "set statements to the same for both" in words
    assert lab.writes() == []


def test_a_key_that_cannot_be_changed_stops_all_that_need_it(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, message="No.")
    done = served(lab, requests={SANDBOX: OWN})
    assert "CreateAlias" in troubles(done)[KEY][0]
    assert operations(done)[SANDBOX] == ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]
    for account in (PRODUCTION, STAGING):
        (why,) = troubles(done)[account]
        assert "could not be changed first" in why
        assert [(each.operation, each.status) for each in done.accounts[account].changes] == [
            ("UpdateTrail", "not_attempted")
        ]
    lab.aws.clear_faults()
    again = served(lab)
    assert (troubles(again), len(of_security(lab))) == ({}, 1)


def test_after_so_many_failures_none_is_begun(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("cloudtrail:UpdateTrail", code="AccessDeniedException", status=400, message="No.", times=-1)
    done = served(lab, max_failures=1)
    assert "AccessDenied" in troubles(done)[PRODUCTION][0]
    for account in (STAGING, SANDBOX):
        assert "Not attempted, because 1 accounts have failed" in troubles(done)[account][0]
    assert lab.writes().count("UpdateTrail") == 1


def test_a_failed_rotation_is_no_failed_account(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:EnableKeyRotation", code="AccessDeniedException", status=400, message="No.", times=-1)
    done = served(lab, request=OWN, max_failures=1)
    assert verdicts(done) == COMPLIANT
    assert ["EnableKeyRotation" in words for (words,) in troubles(done).values()] == [True] * 3
    assert lab.writes().count("UpdateTrail") == 3


def test_one_that_fails_does_not_stop_the_others(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("cloudtrail:UpdateTrail", code="AccessDeniedException", status=400, message="No.")
    done = served(lab)
    assert list(troubles(done)) == [PRODUCTION]
    assert verdicts(done) == {**COMPLIANT, PRODUCTION: "non_compliant"}


def test_an_account_that_cannot_be_entered_is_told_and_left(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    run = run_of()
    swept = [
        replace(each, role=NamedRole("Absent")) if each.account_id == STAGING else each
        for each in run.task.scope.accounts
    ]
    done = lab.run(replace(run, task=replace(run.task, scope=replace(run.task.scope, accounts=tuple(swept)))))
    (why,) = troubles(done)[STAGING]
    assert why.startswith("The account could not be read, so nothing was done there: Cannot assume the role")
    assert verdicts(done) == {**COMPLIANT, STAGING: "unknown"}


def test_what_nobody_foresaw_ends_one_account(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    original = Access.send_once

    def send_once(self: Access, service: str, region: str, operation: str, **parameters: Any) -> Any:
        if parameters.get("Name") == TRAILS[STAGING]:
            raise ZeroDivisionError("nobody foresaw this")
        return original(self, service, region, operation, **parameters)

    monkeypatch.setattr(Access, "send_once", send_once)
    done = served(lab)
    assert list(troubles(done)) == [STAGING]
    assert "ZeroDivisionError: nobody foresaw this" in troubles(done)[STAGING][0]
    assert verdicts(done)[PRODUCTION] == verdicts(done)[SANDBOX] == "compliant"


def test_interrupted_it_begins_nothing_more(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab, stop = load("central-key"), Stop()
    meanwhile(monkeypatch, "UpdateTrail", stop.set)
    done = enforce(lab.access, run_of(), lambda: lab.clock.pace(stopped=stop))
    assert lab.writes() == [*OF_THE_KEY, "UpdateTrail"]
    assert verdicts(done)[PRODUCTION] == "compliant"
    for account in (STAGING, SANDBOX):
        assert "interrupted" in troubles(done)[account][0]


def test_one_file_holds_the_backups_of_all(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    stripped(lab)
    path = tmp_path / "backup.json"
    done = served(lab, backup_path=str(path))
    assert troubles(done) == {}
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document == done.backup
    parts = {part["account_id"]: part for part in document["accounts"]}
    assert list(parts) == [PRODUCTION, STAGING, SECURITY]
    assert parts[PRODUCTION]["trail_keys"][0]["arn"] == TRAILS[PRODUCTION]
    (row,) = parts[SECURITY]["key_policies"]
    assert TRAILS[STAGING] in row["after"]
    assert TRAILS[STAGING] not in row["before"]


def test_the_shared_policy_overwritten_meanwhile_is_left_to_the_next_run(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    meanwhile(monkeypatch, "UpdateTrail", lambda: stripped(lab))
    done = served(lab, PRODUCTION, STAGING)
    told = troubles(done)
    assert any("written once for all of them, before their trails move." in words[0] for words in told.values())
    assert lab.writes().count("PutKeyPolicy") == 2
    again = served(lab)
    assert (troubles(again), verdicts(again)) == ({}, COMPLIANT)


def test_a_key_left_without_alias_is_taken_up(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, message="No.")
    assert troubles(served(lab))
    lab.aws.clear_faults()
    done = served(lab)
    assert (troubles(done), len(of_security(lab))) == ({}, 1)
    assert [name["AliasName"] for name in lab.of(SECURITY).client("kms", HOME).list_aliases()["Aliases"]].count(
        ALIAS
    ) == 1


def test_an_organization_s_trail_is_written_by_its_owner_alone(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    account, delegated = lab.account, SECURITY
    run = run_of(account, delegated, lending=(), request=replace(OWN, replace_compliant_key=True))
    run = replace(run, task=replace(run.task, scope=replace(run.task.scope, key_role=None, bucket_role=None)))
    told = lab.run(replace(run, task=replace(run.task, check_mode=True)))
    moved = {each: [change.resource for change in done.changes] for each, done in told.accounts.items()}
    assert not any(f":{account}:trail/" in arn for arn in moved[delegated])


def test_what_an_owner_of_the_run_tells_leaves_no_question_open(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    audit = NamedRole("CloudTrailKmsAudit", "audit-2026")
    swept = tuple(AccountScope(each, audit) for each in (PRODUCTION, STAGING, SANDBOX))
    task = run_of(request=OWN).task
    told = lab.run(Run(replace(task, scope=replace(task.scope, accounts=swept, key_role=None), check_mode=True)))
    owner, member = (told.accounts[each] for each in (PRODUCTION, STAGING))
    assert [judged.trail.ownership for judged in member.before.trails] == ["inherited"]
    (open_question,) = map(str, owner.warnings)
    assert (f"Account {PRODUCTION} stays unknown" in open_question, member.warnings) == (True, ())


def test_a_trail_that_others_see_has_in_their_rows_the_key_that_its_owner_gives_it(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    owner, other = lab.account, SECURITY
    requests = {owner: replace(REQUEST, replace_compliant_key=True)}
    for check_mode in (True, False):
        done = lab.run(run_of(owner, other, lending=(), request=OWN, requests=requests, check_mode=check_mode))
        assert (troubles(done), operations(done)[other]) == ({}, [])
        rows = {account: each.after.trails for account, each in done.accounts.items() if each.after}
        keys = {account: {each.trail.arn: each.trail.kms_key_arn for each in rows[account]} for account in rows}
        moved = next(change for change in done.accounts[owner].changes if change.operation == "UpdateTrail")
        assert keys[owner][moved.resource] == keys[other][moved.resource] == moved.after["kms_key_arn"]


def test_what_stays_as_it_is_is_judged_once(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab, judged = load("central-key"), []
    original = _assess.assess

    def assess(snapshot: Snapshot, settings: Settings) -> AccountVerdict:
        judged.append(snapshot.account_id)
        return original(snapshot, settings)

    replace_everywhere(monkeypatch, original, assess)
    # Which keys need their second policy read is another question.
    monkeypatch.setattr(_further_reads, "assess", original)
    served(lab, request=OWN)
    # As it was, as the plan would leave it, as it is then, and that without what the trails' status says of before, if
    # it says anything; and for Undo as it is and as a restore would leave it.
    assert set(judged) == set(TRAILS)
    assert max(Counter(judged).values()) <= 6
    judged.clear()
    served(lab, request=OWN)
    assert sorted(judged) == sorted(TRAILS)


def test_two_processes_at_once_lose_nothing(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    meanwhile(monkeypatch, "UpdateTrail", lambda: served(lab, STAGING))
    done = served(lab, PRODUCTION)
    assert (troubles(done), named(lab)) == ({}, sorted(TRAILS.values()))


def test_of_a_sweep_whose_roles_are_all_refused_nothing_is_written(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    run = run_of()
    swept = tuple(AccountScope(each.account_id, NamedRole("Absent")) for each in run.task.scope.accounts)
    done = lab.run(replace(run, task=replace(run.task, scope=replace(run.task.scope, accounts=swept))))
    assert list(troubles(done)) == [STAGING, SANDBOX]  # the caller's own account needs no role
    assert lab.writes().count("UpdateTrail") == 1
