# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enforcement replaced goes back, as a plan like any other; what would leave a trail blind does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup, Replaced
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._ours import readers_statement
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Run, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.lab import Lab, comparable, statuses

HOME = "eu-central-1"
READER = Task(settings=Settings(readers=("arn:aws:iam::111111111111:role/LogAuditor",)))
REPLACE = Task(request=EnforceRequest(replace_compliant_key=True))
RESTORE = Task(request=EnforceRequest(key=None))


def restored(lab: Lab, done: Outcome) -> Outcome:
    """Restore what an enforcement replaced, first in check mode, which must tell the same."""
    assert done.backup is not None
    told = lab.enforce(RESTORE, restore=done.backup, check_mode=True)
    outcome = lab.enforce(RESTORE, restore=done.backup)
    assert told.refusals == outcome.refusals
    assert comparable(told) == comparable(outcome)
    return outcome


def test_a_trail_gets_its_key_back(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    before = lab.trails()
    outcome = restored(lab, lab.enforce(REPLACE))
    assert [(change.operation, change.status) for change in outcome.changes] == [("UpdateTrail", "applied")]
    assert lab.trails() == before
    assert any(warning.startswith("Keep the key ") for warning in map(str, outcome.warnings))
    lab.aws.clear_calls()
    assert outcome.backup is not None
    assert lab.enforce(RESTORE, restore=outcome.backup).after is not None
    assert lab.writes() == ["UpdateTrail"]


def test_a_policy_goes_back(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    before = lab.keys(HOME)
    done = lab.enforce(READER)
    assert lab.keys(HOME) != before
    outcome = restored(lab, done)
    assert [(change.operation, change.status) for change in outcome.changes] == [("PutKeyPolicy", "applied")]
    assert lab.keys(HOME) == before
    assert done.backup is not None
    assert lab.enforce(RESTORE, restore=done.backup).changes == ()


@pytest.mark.parametrize(("regions", "is_planned"), [((), True), ((HOME,), False)])
def test_undo_is_planned_where_the_run_read_what_the_restore_reads(
    load: Callable[[str], Lab], regions: tuple[str, ...], *, is_planned: bool
) -> None:
    done = load("reader-missing").run(Run(replace(READER, scope=Scope(regions=regions))))
    (account,) = done.accounts.values()
    assert statuses(account) == [("PutKeyPolicy", "applied")]
    assert (done.undo is not None) is is_planned


def test_a_policy_goes_back_however_kms_gives_it_out(load: Callable[[str], Lab]) -> None:
    """Lists of one as their item, actions in another order: nobody has changed anything."""
    lab = load("reader-missing")
    before = lab.keys(HOME)
    done = lab.enforce(READER)
    (arn, key) = next(iter(lab.keys(HOME).items()))
    for statement in key["policy"]["Statement"]:
        for name in ("Action", "Resource"):
            listed = statement[name] if isinstance(statement[name], list) else [statement[name]]
            statement[name] = listed[::-1] if len(listed) > 1 else listed[0]
        principal = statement["Principal"]
        for kind, names in principal.items() if isinstance(principal, dict) else ():
            principal[kind] = names[0] if isinstance(names, list) and len(names) == 1 else names
    text = json.dumps({**key["policy"], "Statement": key["policy"]["Statement"][::-1]}, indent=3)
    lab.client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=text)
    assert [(change.operation, change.status) for change in restored(lab, done).changes] == [
        ("PutKeyPolicy", "applied")
    ]
    assert lab.keys(HOME) == before


def test_a_doctored_backup_writes_nothing(load: Callable[[str], Lab]) -> None:
    """A file that anybody could write gives nobody the key."""
    lab = load("reader-missing")
    done = lab.enforce(READER)
    assert done.backup is not None
    (row,) = done.backup.key_policies
    before = json.loads(str(row.before))
    everybody = {**readers_statement([]), "Principal": "*"}
    doctored = replace(row, before=json.dumps({**before, "Statement": [*before["Statement"], everybody]}))
    lab.aws.clear_calls()
    (refused,) = map(str, lab.enforce(RESTORE, restore=replace(done.backup, key_policies=(doctored,))).refusals)
    assert 'what no enforcement writes (statement "AwsBaselineCloudTrailReaders")' in refused
    assert (
        "If a restore wrote the file, run the enforcement instead; otherwise use the file as it was written"
    ) in refused
    assert lab.writes() == []


def test_a_policy_that_somebody_else_has_changed_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    done = lab.enforce(READER)
    (arn, key) = next(iter(lab.keys(HOME).items()))
    key["policy"]["Statement"].append({**key["policy"]["Statement"][0], "Sid": "New"})
    lab.client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(key["policy"]))
    outcome = restored(lab, done)
    assert outcome.changes == ()
    assert (*map(str, outcome.refusals),) == (
        f"The policy of {arn}: somebody else has changed it since the backup, so it is left as it is. To restore "
        "the rest, delete its entry from key_policies in the backup file. To put it back all the same, set it by hand.",
    )


def test_statements_that_a_trail_needs_stay(load: Callable[[str], Lab]) -> None:
    lab = load("policy-lacking")
    outcome = restored(lab, lab.enforce())
    assert "would fail key_policy_allows_encrypt" in str(outcome.refusals[0])
    assert lab.enforce().changes == ()


def test_a_key_that_no_longer_works_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    (old,) = lab.keys(HOME)
    done = lab.enforce(REPLACE)
    lab.client("kms", HOME).disable_key(KeyId=old)
    assert "would fail key_is_usable" in str(restored(lab, done).refusals[0])


def test_a_key_that_is_gone_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("deleted-key")
    assert "cannot be found" in str(restored(lab, lab.enforce()).refusals[0])


def test_encryption_is_never_removed(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    outcome = restored(lab, lab.enforce())
    assert "aws cloudtrail update-trail --region eu-central-1" in str(outcome.refusals[0])
    assert next(iter(lab.trails().values()))["KmsKeyId"]


def test_a_trail_that_was_changed_since_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    trail = next(iter(lab.trails().values()))
    other = Replaced(trail["TrailARN"], trail["KmsKeyId"].replace("key/", "key/0"), trail["KmsKeyId"] + "0")
    outcome = lab.enforce(RESTORE, restore=Backup("111111111111", "", trail_keys=(other,)))
    assert "somebody else set its key to" in str(outcome.refusals[0])


def test_a_backup_of_another_account_or_trail_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    assert (*map(str, lab.enforce(RESTORE, restore=Backup("222222222222", "")).refusals),) == (
        "The backup is of account 222222222222, not of 111111111111. Enter 222222222222: name its host by -i "
        "and cloudtrail_kms_hosts, or set assume_role to a role there.",
    )
    absent = Replaced("arn:aws:cloudtrail:eu-central-1:111111111111:trail/absent", None, "x")
    (refused,) = map(str, lab.enforce(RESTORE, restore=Backup("111111111111", "", trail_keys=(absent,))).refusals)
    assert "trail/absent: it does not exist" in refused


TRAIL = "arn:aws:cloudtrail:eu-central-1:111111111111:trail/main"
KEY = "arn:aws:kms:eu-central-1:111111111111:key/11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("settled", ["advised", "excepted"])
def test_no_setting_lets_a_trail_go_back_to_a_dead_key(load: Callable[[str], Lab], settled: str) -> None:
    lab = load("healthy")
    (old,) = lab.keys(HOME)
    done = lab.enforce(REPLACE)
    lab.client("kms", HOME).disable_key(KeyId=old)
    exception = TrailException(TRAIL, ("key_is_usable",), "why", "who", date(2100, 1, 1))
    settings = {
        "advised": Settings(levels={"key_is_usable": "advised"}),
        "excepted": Settings(exceptions=(exception,)),
    }[settled]
    (refused,) = map(str, lab.enforce(replace(RESTORE, settings=settings), restore=done.backup).refusals)
    assert "would fail key_is_usable" in refused


def test_a_dead_key_is_no_better_for_the_other_being_dead(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    done = lab.enforce(REPLACE)
    for arn in lab.keys(HOME):
        lab.client("kms", HOME).disable_key(KeyId=arn)
    (refused,) = map(str, lab.enforce(RESTORE, restore=done.backup).refusals)
    assert "would fail key_is_usable" in refused


def test_a_key_whose_policy_cannot_be_read_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    done = lab.enforce(REPLACE)
    lab.aws.clear_calls()
    lab.aws.add_fault(action="kms:GetKeyPolicy", code="AccessDeniedException", nth=2, times=-1)
    refusals = lab.enforce(RESTORE, restore=done.backup).refusals
    assert "might fail key_policy_allows_encrypt" in str(refusals[0])
    assert lab.writes() == []


def test_a_policy_stays_where_not_every_trail_can_be_seen(load: Callable[[str], Lab]) -> None:
    lab = load("denied-region")
    (arn, key) = next(iter(lab.keys(HOME).items()))
    present = json.dumps(key["policy"])
    row = Replaced(arn, present.replace("2012-10-17", "2008-10-17"), present)
    lab.aws.clear_calls()
    (refused,) = map(str, lab.enforce(RESTORE, restore=Backup("111111111111", "", key_policies=(row,))).refusals)
    assert f"The policy of {arn}: the trails in eu-west-3 cannot be read" in refused
    assert lab.writes() == []


@pytest.mark.parametrize("slip", ["less", "more", "one that sounds like ours", "another version"])
def test_a_backup_that_differs_in_what_no_enforcement_writes_is_refused(load: Callable[[str], Lab], slip: str) -> None:
    """Cut down too far, or mended by hand: statements of others would go, or come."""
    lab = load("healthy")
    (arn, key) = next(iter(lab.keys(HOME).items()))
    others = {**key["policy"]["Statement"][0], "Sid": "Readers", "Action": "kms:Decrypt"}
    ours = readers_statement(["arn:aws:iam::111111111111:root"])
    present = {**key["policy"], "Statement": [*key["policy"]["Statement"], others, ours]}
    lab.client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(present))
    before = {
        "less": {**present, "Statement": key["policy"]["Statement"]},
        "more": {**present, "Statement": [*present["Statement"][:-1], {**others, "Sid": "More"}]},
        "one that sounds like ours": {
            **present,
            "Statement": [*present["Statement"][:-1], {**ours, "Sid": "AwsBaselineCloudTrailReadersOld"}],
        },
        "another version": {**present, "Version": "2008-10-17", "Statement": present["Statement"][:-1]},
    }[slip]
    row = Replaced(arn, json.dumps(before), json.dumps(present))
    lab.aws.clear_calls()
    (refused,) = map(str, lab.enforce(RESTORE, restore=Backup("111111111111", "", key_policies=(row,))).refusals)
    assert f"The policy of {arn}: before and after in the backup differ in what no enforcement writes" in refused
    assert lab.writes() == []
    right = replace(row, before=json.dumps({**present, "Statement": present["Statement"][:-1]}))
    assert lab.enforce(RESTORE, restore=Backup("111111111111", "", key_policies=(right,))).refusals == ()
    assert lab.writes() == ["PutKeyPolicy"]


def test_a_policy_that_kms_would_not_take_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    (arn, key) = next(iter(lab.keys(HOME).items()))
    gone = {**key["policy"]["Statement"][0], "Sid": "Gone", "Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}}
    before = json.dumps({**key["policy"], "Statement": [*key["policy"]["Statement"], gone]})
    row = Replaced(arn, before, json.dumps(key["policy"]))
    (refused,) = map(str, lab.enforce(RESTORE, restore=Backup("111111111111", "", key_policies=(row,))).refusals)
    assert f"The policy of {arn}: KMS would not accept the earlier policy" in refused


@pytest.mark.parametrize(("by_whom", "refused"), [("us", 0), ("noted", 0), ("somebody else", 1)])
def test_a_key_of_an_ended_run_is_known_again(load: Callable[[str], Lab], by_whom: str, refused: int) -> None:
    lab = load("healthy")
    (old,) = lab.keys(HOME)
    row = Replaced(TRAIL, old, f"arn:aws:kms:{HOME}:111111111111:key/to-be-created")
    backup = Backup("111111111111", "", trail_keys=(row,))
    if by_whom == "us":
        lab.enforce(REPLACE)
    else:
        policy = json.dumps(lab.keys(HOME)[old]["policy"])
        new = lab.client("kms", HOME).create_key(Policy=policy)["KeyMetadata"]["Arn"]
        lab.client("cloudtrail", HOME).update_trail(Name=TRAIL, KmsKeyId=new)
        backup = replace(backup, created_keys=(new,) if by_whom == "noted" else ())
    outcome = lab.enforce(RESTORE, restore=backup)
    assert ["somebody else set its key to" in refusal for refusal in map(str, outcome.refusals)] == [True] * refused
    assert (lab.trails()[TRAIL]["KmsKeyId"] == old) is not bool(refused)
