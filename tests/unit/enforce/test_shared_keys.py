# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that accounts share: planned anew it is held to what each of them asks for, and its failure is theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._application import AccountRun
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import RunOutcome
from tests import fakeaws
from tests.unit.enforce.lab import Lab, meanwhile, new_key, statuses
from tests.unit.enforce.many import REQUEST, TRAILS, operations, run_of, served, troubles, verdicts
from tests.unit.enforce.test_many import COMPLIANT, KEY, OWN, stripped
from tests.unit.enforce.test_other_accounts import ALIAS, HOME, PRODUCTION, SANDBOX, SECURITY, STAGING

SCENARIOS = Path(fakeaws.__file__).parent / "scenarios"
STRANGER = "arn:aws:iam::999999999999:root"
TAGGED = replace(REQUEST, key=KeyRequest(tags={"team": "x"}))
DENIED = {"code": "AccessDeniedException", "status": 400, "message": "No."}


def planted(lab: Lab, principal: str = STRANGER) -> str:
    """A key of the security account, with all rights for a stranger."""
    own, rights = {"AWS": f"arn:aws:iam::{SECURITY}:root"}, {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    statements = [
        {"Sid": "root", "Principal": own, **rights},
        {"Sid": "open", "Principal": {"AWS": principal}, **rights},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    arn = lab.of(SECURITY).client("kms", HOME).create_key(Policy=policy)["KeyMetadata"]["Arn"]
    lab.aws.clear_calls()
    return str(arn)


def with_alias(lab: Lab, monkeypatch: pytest.MonkeyPatch, arn: str) -> None:
    """Somebody gives our alias to the key just before the run does."""
    kms = lab.of(SECURITY).client("kms", HOME)
    meanwhile(monkeypatch, "CreateAlias", lambda: kms.create_alias(AliasName=ALIAS, TargetKeyId=arn))


def warnings(done: RunOutcome) -> list[str]:
    """All warnings of a run, as they are told."""
    told = [*(each for _owner, each in done.keys), *done.accounts.values()]
    return list(dict.fromkeys(warning for each in told for warning in map(str, each.warnings)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(approved_keys=("tag:team=x",)), "it is not on the list of approved keys"),
        (Settings(levels={"key_policy_is_scoped": "required"}), "reaches further than this trail"),
    ],
)
def test_a_key_that_comes_instead_of_the_planned_one_is_held_to_what_each_account_asks(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, settings: Settings, words: str
) -> None:
    lab = load("central-key")
    with_alias(lab, monkeypatch, planted(lab, "*"))
    run = run_of(request=TAGGED)
    run = replace(run, tasks={STAGING: replace(run.task, settings=settings)})
    done = lab.run(run)
    assert words in troubles(done)[KEY][0]
    assert list(troubles(done)) == [*TRAILS, KEY]
    assert "UpdateTrail" not in lab.writes()
    assert "PutKeyPolicy" not in lab.writes()


def test_a_key_that_is_approved_no_longer_is_not_given_to_those_who_ask_for_that(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX, request=TAGGED)
    kms = lab.of(SECURITY).client("kms", HOME)
    arn = stripped(lab)
    lab.aws.clear_calls()

    def meddle() -> None:
        kms.untag_resource(KeyId=arn, TagKeys=["team"])
        policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
        policy["Statement"][0]["Sid"] = "other"
        kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))

    meanwhile(monkeypatch, "PutKeyPolicy", meddle)
    run = run_of(PRODUCTION, STAGING, request=TAGGED, settings=Settings(approved_keys=("tag:team=x",)))
    swept = tuple(replace(each, key_tags=True) for each in run.task.scope.accounts)
    done = lab.run(replace(run, task=replace(run.task, scope=replace(run.task.scope, accounts=swept))))
    assert "it is not on the list of approved keys" in troubles(done)[KEY][0]
    assert "UpdateTrail" not in lab.writes()


@pytest.mark.parametrize("accounts", [(SANDBOX,), tuple(TRAILS)])
def test_what_a_plan_made_anew_warns_of_is_told_once(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, accounts: tuple[str, ...]
) -> None:
    lab = load("central-key")
    arn = planted(lab)
    lab.of(SECURITY).client("kms", HOME).tag_resource(KeyId=arn, Tags=[{"TagKey": "terraform", "TagValue": "true"}])
    lab.aws.clear_calls()
    with_alias(lab, monkeypatch, arn)
    done = served(lab, *accounts, request=replace(REQUEST, change_managed=True))
    told = warnings(done)
    assert troubles(done) == {}
    assert [each for each in told if "reaches beyond its account, to 999999999999" in each] == [
        each
        for each in told
        if f"Trails that have not used the key {arn}, to which {ALIAS} points, will now use it" in each
    ]
    assert sum("reaches beyond its account" in each for each in told) == 1
    assert sum(f"{arn} carries the tags of Terraform" in each for each in told) == 1


@pytest.mark.parametrize("stripping", [False, True])
def test_a_rotation_that_fails_leaves_nobody_unencrypted(load: Callable[[str], Lab], *, stripping: bool) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:EnableKeyRotation", times=-1, **DENIED)
    if stripping:
        served(lab, SANDBOX)
        stripped(lab)
    done = served(lab)
    assert list(troubles(done)) == [KEY]
    assert "EnableKeyRotation" in troubles(done)[KEY][0]
    assert statuses(done.keys[0][1])[-1] == ("EnableKeyRotation", "failed")
    assert verdicts(done) == COMPLIANT
    assert lab.clock.now < 30


def test_who_shares_a_key_that_fails_has_failed(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateKey", times=-1, **DENIED)
    other = replace(REQUEST, key=KeyRequest(alias="alias/other"))
    requests = {SANDBOX: OWN, STAGING: other, PRODUCTION: other}
    done = served(lab, max_failures=2, requests=requests)
    assert lab.writes() == ["CreateKey"]
    assert "Not attempted, because 2 accounts have failed" in troubles(done)[SANDBOX][0]


def with_trails(tmp_path: Path, **accounts: str) -> str:
    """The scenario with more trails, by name, in these accounts."""
    scenario = yaml.safe_load((SCENARIOS / "central-key.yml").read_text(encoding="utf-8"))
    scenario["trails"] |= {name: {"account": account, "bucket": "central-logs"} for name, account in accounts.items()}
    path = tmp_path / "more-trails.yml"
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return str(path)


def test_after_so_many_failures_no_shared_key_is_begun(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load(with_trails(tmp_path, security_trail="security"))
    lab.aws.add_fault("kms:CreateKey", times=-1, **DENIED)
    other = replace(REQUEST, key=KeyRequest(alias="alias/other"))
    done = served(lab, *TRAILS, SECURITY, lending=(), requests={SANDBOX: other, SECURITY: other}, max_failures=1)
    assert lab.writes() == ["CreateKey"]
    first, second = (each for _owner, each in done.keys)
    assert "CreateKey" in str(first.errors[0])
    assert "Not attempted, because 2 accounts have failed" in str(second.errors[0])
    assert list(troubles(done)) == [*TRAILS, SECURITY, KEY]


def test_undo_knows_that_the_backup_is_of_an_account_that_the_run_does_not_read(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab)
    stripped(lab)
    undo = served(lab).undo
    assert undo is not None
    assert {
        account: [str(refusal).partition(" Enter")[0] for refusal in plan.refusals]
        for account, plan in undo.plans.items()
    } == {account: [f"The backup is of account {SECURITY}, not of {account}."] for account in TRAILS}


def test_who_writes_nothing_of_its_own_does_not_prove_the_way(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab, PRODUCTION)
    stripped(lab)
    lab.aws.clear_calls()
    lab.aws.add_fault("cloudtrail:UpdateTrail", times=-1, **DENIED)
    done = served(lab, max_failures=1)
    assert lab.writes() == ["PutKeyPolicy", "UpdateTrail"]
    assert list(troubles(done)) == [STAGING, SANDBOX]
    assert "Not attempted, because 1 accounts have failed" in troubles(done)[SANDBOX][0]
    assert verdicts(done)[PRODUCTION] == "compliant"


@pytest.mark.parametrize(
    ("requested", "operations_there"),
    [
        (OWN, ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]),
        (OWN, []),
        (replace(REQUEST, key=None, key_id="alias/none"), []),
    ],
    ids=["with changes of its own", "without any", "refused"],
)
def test_what_others_change_of_a_key_is_told_of_all_who_use_it(
    load: Callable[[str], Lab], tmp_path: Path, requested: EnforceRequest, operations_there: list[str]
) -> None:
    lab = load(with_trails(tmp_path, sandbox_two="sandbox"))
    served(lab, SANDBOX, request=replace(REQUEST, key=KeyRequest(rotation=False)))
    if operations_there:
        lab.of(SANDBOX).client("cloudtrail", HOME).update_trail(Name="sandbox_two", KmsKeyId="")
    levels: dict[str, Any] = {"key_rotation_enabled": "required"}
    verdict: dict[bool, Any] = {}
    for check_mode in (True, False):
        run = run_of(requests={SANDBOX: requested}, check_mode=check_mode)
        task = replace(run.tasks[SANDBOX], settings=Settings(levels=levels))
        done = lab.run(replace(run, tasks={SANDBOX: task}))
        assert operations(done)[SANDBOX] == operations_there
        assert operations(done)[KEY] == ["PutKeyPolicy", "EnableKeyRotation"]
        after = done.accounts[SANDBOX].after
        assert after is not None
        verdict[check_mode] = {
            each.trail.name: (each.verdict, {found.rule: found.status for found in each.findings})
            for each in after.trails
        }
    assert verdict[True] == verdict[False]
    assert verdict[False]["sandbox-trail"][1]["key_rotation_enabled"] == "pass"


def test_a_key_of_its_own_is_created_though_others_got_theirs_before(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    kms = lab.of(STAGING).client("kms", HOME)
    arn = new_key(lab.of(STAGING))
    kms.create_alias(AliasName=ALIAS, TargetKeyId=arn)
    original = AccountRun.apply

    def apply(self: AccountRun, *args: Any) -> None:
        if self.account.account_id == STAGING:  # after the plan, before its first write
            kms.delete_alias(AliasName=ALIAS)
            policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
            policy["Statement"][0]["Sid"] = "Theirs"
            kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))
        original(self, *args)

    monkeypatch.setattr(AccountRun, "apply", apply)
    done = served(lab, requests={STAGING: OWN})
    assert (troubles(done), lab.clock.now < 10) == ({}, True)
    assert operations(done)[STAGING] == ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]
