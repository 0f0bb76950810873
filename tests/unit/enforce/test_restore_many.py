# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore of many accounts in one run: their trails first, and the policies that they share last."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Replaced
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._execution import Execution
from tests.unit.enforce.lab import Lab, meanwhile
from tests.unit.enforce.many import REQUEST, TRAILS, operations, run_of, served, troubles, verdicts
from tests.unit.enforce.test_many import COMPLIANT, KEY, OWN
from tests.unit.enforce.test_other_accounts import HOME, PRODUCTION, SANDBOX, SECURITY, STAGING, of_security


def shown(lab: Lab) -> tuple[Any, ...]:
    """The key of each account's trail, and the policy of each key of the security account."""
    trails = {arn: trail.get("KmsKeyId") for each in TRAILS for arn, trail in lab.of(each).trails().items()}
    return trails, {arn: key["policy"] for arn, key in of_security(lab).items()}


def everywhere(**fields: Any) -> Any:
    """A run of the accounts and of the one that owns their key."""
    run = run_of(*TRAILS, SECURITY, **fields)
    return replace(run, task=replace(run.task, scope=replace(run.task.scope, key_role=None)))


def test_what_a_run_of_many_has_replaced_goes_back(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("central-key")
    assert troubles(lab.run(everywhere(request=OWN))) == {}
    before = shown(lab)
    path = str(tmp_path / "backup.json")
    moving = replace(REQUEST, replace_compliant_key=True)
    assert troubles(lab.run(everywhere(request=moving, backup_path=path))) == {}
    assert shown(lab) != before
    lab.aws.clear_calls()
    backups = read_backups([path])
    told = lab.run(everywhere(restore=backups, check_mode=True))
    assert (troubles(told), lab.writes()) == ({}, [])
    done = lab.run(everywhere(restore=backups))
    assert (troubles(done), operations(done)) == ({}, operations(told))
    assert lab.writes() == ["UpdateTrail"] * 3
    assert shown(lab)[0] == before[0]
    assert verdicts(done) == {**COMPLIANT, SECURITY: "no_trails"}


def test_a_shared_policy_goes_back_after_all_trails_that_need_it(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    served(lab, PRODUCTION, STAGING, request=OWN)
    before = shown(lab)
    path = str(tmp_path / "backup.json")
    assert troubles(lab.run(everywhere(request=replace(REQUEST, replace_compliant_key=True), backup_path=path))) == {}
    lab.aws.clear_calls()
    done = lab.run(everywhere(restore=read_backups([path])))
    assert (troubles(done), shown(lab)) == ({}, before)
    assert lab.writes() == ["UpdateTrail", "UpdateTrail", "PutKeyPolicy"]
    assert verdicts(done) == {**COMPLIANT, SECURITY: "no_trails"}


def test_a_shared_policy_stays_where_a_trail_did_not_move(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    served(lab, PRODUCTION, STAGING, request=OWN)
    path = str(tmp_path / "backup.json")
    assert troubles(lab.run(everywhere(request=replace(REQUEST, replace_compliant_key=True), backup_path=path))) == {}
    lab.aws.add_fault("cloudtrail:UpdateTrail", code="AccessDeniedException", status=400, message="No.")
    lab.aws.clear_calls()
    done = lab.run(everywhere(restore=read_backups([path])))
    assert list(troubles(done)) == [PRODUCTION, KEY]
    assert TRAILS[PRODUCTION] in troubles(done)[KEY][0]
    assert "PutKeyPolicy" not in lab.writes()
    assert verdicts(done)[PRODUCTION] == "compliant"


def test_what_another_account_wrote_between_two_of_one_goes_back(load: Callable[[str], Lab], tmp_path: Path) -> None:
    """As the batches and loops of one play write a key that the account of none of them owns."""
    lab, path = load("central-key"), str(tmp_path / "backup.json")
    served(lab, SANDBOX)
    served(lab, PRODUCTION, STAGING, request=OWN)
    before = shown(lab)
    moving = replace(REQUEST, replace_compliant_key=True)
    reading = Settings(readers=(f"arn:aws:iam::{PRODUCTION}:root",))
    for account, settings in ((PRODUCTION, Settings()), (STAGING, Settings()), (PRODUCTION, reading)):
        run = run_of(account, request=moving, settings=settings, backup_path=path, backup_play="play")
        assert troubles(lab.run(run)) == {}
    assert len(json.loads(Path(path).read_text(encoding="utf-8"))["accounts"]) == 3
    assert shown(lab) != before
    done = lab.run(everywhere(restore=read_backups([path])))
    assert (troubles(done), shown(lab)) == ({}, before)


def backups_that_move_one_back(lab: Lab, tmp_path: Path) -> tuple[Any, ...]:
    """Two backups: of the key's policy without the two trails that it got, and of one of these trails on that key."""
    served(lab, SANDBOX)
    served(lab, PRODUCTION, STAGING, request=OWN)
    paths = [tmp_path / "policy.json", tmp_path / "trail.json"]
    moved = lab.run(everywhere(request=replace(REQUEST, replace_compliant_key=True), backup_path=str(paths[0])))
    away = replace(OWN, replace_compliant_key=True)
    back = lab.run(run_of(PRODUCTION, STAGING, request=away, backup_path=str(paths[1])))
    assert (troubles(moved), troubles(back)) == ({}, {})
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for part in rows[0]["accounts"]:
        part["trail_keys"] = []
    rows[1]["accounts"] = [part for part in rows[1]["accounts"] if part["account_id"] == STAGING]
    for path, document in zip(paths, rows, strict=True):
        path.write_text(json.dumps(document), encoding="utf-8")
    lab.aws.clear_calls()
    return read_backups([str(path) for path in paths])


def test_a_shared_policy_stays_where_an_account_cannot_be_read_again(
    load: Callable[[str], Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    backups = backups_that_move_one_back(lab, tmp_path)
    denied = {"code": "AccessDeniedException", "status": 400, "message": "No.", "account": STAGING}
    meanwhile(monkeypatch, "UpdateTrail", lambda: lab.aws.add_fault("cloudtrail:DescribeTrails", times=-1, **denied))
    done = lab.run(everywhere(restore=backups))
    assert lab.writes() == ["UpdateTrail"]
    assert list(troubles(done)) == [STAGING, KEY]
    assert f"account {STAGING} could not be read again" in troubles(done)[KEY][0]


def test_a_refused_account_is_read_once_more_before_the_policy_goes_back(
    load: Callable[[str], Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    backups = backups_that_move_one_back(lab, tmp_path)
    (arn,) = of_security(lab)
    refused = (Replaced(TRAILS[PRODUCTION], arn, arn),)
    backups = tuple(replace(each, trail_keys=refused if each.account_id == PRODUCTION else ()) for each in backups)
    cloudtrail, original = lab.of(PRODUCTION).client("cloudtrail", HOME), Execution._put_back

    def put_back(*given: Any) -> None:
        cloudtrail.update_trail(Name=TRAILS[PRODUCTION], KmsKeyId=arn)
        original(*given)

    monkeypatch.setattr(Execution, "_put_back", put_back)
    done = lab.run(everywhere(restore=backups))
    assert "somebody else set its key to" in troubles(done)[PRODUCTION][0]
    assert TRAILS[PRODUCTION] in " ".join(troubles(done)[KEY])
    assert "PutKeyPolicy" not in lab.writes()


def test_a_trail_goes_back_to_a_key_whose_policy_another_account_has_put_back(
    load: Callable[[str], Lab], tmp_path: Path
) -> None:
    """One account owns the key and gave it a reader, the other's trail has left it."""
    lab = load("central-key")

    def both(**fields: Any) -> Any:
        run = run_of(PRODUCTION, STAGING, lending=(), **fields)
        return replace(run, task=replace(run.task, scope=replace(run.task.scope, key_role=None)))

    path, of_one = str(tmp_path / "backup.json"), EnforceRequest(key_account_id=PRODUCTION)
    assert troubles(lab.run(both(request=of_one))) == {}
    run = both(request=of_one, backup_path=path)
    reader = Settings(readers=(f"arn:aws:iam::{STAGING}:role/CloudTrailKmsEnforce",))
    away = replace(OWN, replace_compliant_key=True, accounts=run.task.request.accounts)
    tasks = {PRODUCTION: replace(run.task, settings=reader), STAGING: replace(run.task, request=away)}
    assert troubles(lab.run(replace(run, tasks=tasks))) == {}
    told = lab.run(both(restore=read_backups([path]), check_mode=True))
    done = lab.run(both(restore=read_backups([path])))
    assert (troubles(done), operations(done)) == ({}, operations(told))
