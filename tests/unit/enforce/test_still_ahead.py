# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change comes before the policy that it stands on is written: what that write replaces is nobody else's doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import by_account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.lab import HOME, Lab, given, meanwhile, new_key, statuses
from tests.unit.enforce.many import operations, served, troubles
from tests.unit.enforce.test_other_accounts import PRODUCTION, SECURITY, STAGING, of_security
from tests.unit.enforce.test_reverts import DENIED, two_trails

MAIN = "arn:aws:cloudtrail:eu-central-1:111111111111:trail/main"
READER = Settings(readers=("arn:aws:iam::111111111111:role/LogAuditor",))
RESTORE = Task(request=EnforceRequest(key=None))
FIRST = Task(scope=Scope(trails=("main",)), request=EnforceRequest(trails=("main",), replace_compliant_key=True))
WITH_READER = replace(FIRST, settings=READER)


@pytest.mark.parametrize(
    ("scenario", "then"), [("fresh", Task()), ("reader-missing", WITH_READER)], ids=["trail", "reader"]
)
def test_a_key_left_behind_is_taken_though_its_policy_lacks_something(
    load: Callable[[str], Lab], scenario: str, then: Task
) -> None:
    lab = load(scenario)
    two_trails(lab, with_key=False)
    lab.aws.add_fault("kms:CreateAlias", **DENIED)
    lab.enforce(FIRST)
    lab.aws.clear_faults()
    keys = len(lab.keys(HOME))
    told = lab.enforce(then, check_mode=True)
    done = lab.enforce(then)
    assert (done.refusals, done.errors, done.warnings) == ((), (), told.warnings)
    assert [each.operation for each in done.changes] == [each.operation for each in told.changes]
    assert [each.operation for each in done.changes][:2] == ["CreateAlias", "PutKeyPolicy"]
    assert len(lab.keys(HOME)) == keys


def test_a_key_left_behind_is_taken_for_more_accounts_than_before(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateAlias", **DENIED)
    served(lab, PRODUCTION, STAGING)
    lab.aws.clear_faults()
    done = served(lab)
    assert troubles(done) == {}
    assert operations(done)[f"key of {SECURITY}"][:2] == ["CreateAlias", "PutKeyPolicy"]
    assert len(of_security(lab)) == 1


def test_a_trail_goes_back_to_a_key_whose_policy_goes_back_too(load: Callable[[str], Lab]) -> None:
    """One run gives the key a reader, the next moves the trail off it; both backups are restored together."""
    lab = load("reader-missing")
    before = lab.trails(), lab.keys(HOME)
    reader = Task(settings=READER)
    first = lab.enforce(reader)
    second = lab.enforce(replace(reader, request=EnforceRequest(replace_compliant_key=True)))
    (backup,) = by_account([each.backup for each in (first, second) if each.backup])
    done = lab.enforce(RESTORE, restore=backup)
    assert (done.refusals, done.errors) == ((), ())
    assert statuses(done) == [("UpdateTrail", "applied"), ("PutKeyPolicy", "applied")]
    assert lab.trails() == before[0]
    assert lab.keys(HOME).items() >= before[1].items()


def moving(key: str, trail: str, **fields: Any) -> Task:
    """One trail to a key."""
    return replace(given(key, replace_compliant_key=True, trails=(trail,), **fields), scope=Scope(trails=(trail,)))


def swapped(lab: Lab) -> list[Backup]:
    """Let two trails change their keys, and return the backups, the newest last."""
    two_trails(lab, with_key=False)
    old, new = lab.trails()[MAIN]["KmsKeyId"], new_key(lab)
    lab.enforce(moving(new, "second"))
    runs = [lab.enforce(moving(*each)) for each in ((old, "second"), (new, "main"))]
    return [each.backup for each in runs if each.backup]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("denied", [False, True])
def test_after_an_error_a_restore_takes_no_policy_away(load: Callable[[str], Lab], order: int, denied: bool) -> None:
    lab = load("healthy")
    (backup,) = by_account(swapped(lab)[::order])
    if denied:
        lab.aws.add_fault("cloudtrail:UpdateTrail", **DENIED, nth=2)
    lab.aws.clear_calls()
    done = lab.enforce(RESTORE, restore=backup)
    assert bool(done.errors) == denied
    assert ("PutKeyPolicy" in lab.writes()) != denied
    assert {trail["LatestDeliveryError"] for trail in lab.trails().values()} == {None}


def test_a_policy_stays_for_a_trail_that_gets_the_key_while_it_is_restored(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("healthy")
    two_trails(lab, with_key=False)
    key = new_key(lab)
    backup = lab.enforce(moving(key, "main", statements="cis")).backup
    meanwhile(monkeypatch, "UpdateTrail", lambda: lab.enforce(moving(key, "second", statements="cis")))
    done = lab.enforce(RESTORE, restore=backup)
    assert statuses(done) == [("UpdateTrail", "applied"), ("PutKeyPolicy", "not_attempted")]
    assert "trail/second: after the restore it would fail key_policy_allows_encrypt" in str(done.errors[0])
    assert {trail["LatestDeliveryError"] for trail in lab.trails().values()} == {None}
