# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever nobody foresaw of one account or one shared key ends that alone, and after a write there is a result."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _apply, _calls, _snapshot, _sweep
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _joint, _old_errors, _undo
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run import _inherited
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._execution import Execution
from tests.unit.enforce.lab import Lab, meanwhile, statuses
from tests.unit.enforce.many import OF_THE_KEY, TRAILS, operations, served, troubles, verdicts
from tests.unit.enforce.test_many import COMPLIANT, KEY, OWN, stripped
from tests.unit.enforce.test_other_accounts import (
    ALIAS,
    HOME,
    PRODUCTION,
    SANDBOX,
    SECURITY,
    STAGING,
    central,
    of_security,
)
from tests.unit.modules import replace_everywhere

UNFORESEEN = "ZeroDivisionError: nobody foresaw this"
TWO = (PRODUCTION, STAGING)


def failing_send(monkeypatch: pytest.MonkeyPatch, operation: str, **wanted: str) -> None:
    """Let a write of this kind, with these parameters, end with an exception that nobody foresaw."""
    original = Access.send_once

    def send_once(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        if called == operation and wanted.items() <= parameters.items():
            raise ZeroDivisionError("nobody foresaw this")
        return original(self, service, region, called, **parameters)

    monkeypatch.setattr(Access, "send_once", send_once)


def failing(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], concerns: Callable[..., bool]) -> None:
    """Let a function of ours end so where its arguments are of concern."""

    def other(*given: Any, **named: Any) -> Any:
        if concerns(*given):
            raise ZeroDivisionError("nobody foresaw this")
        return function(*given, **named)

    other.__name__ = function.__name__
    replace_everywhere(monkeypatch, function, other)


@pytest.mark.parametrize("earlier", ["CreateKey", "CreateAlias"])
def test_a_shared_key_that_is_refused_when_it_is_planned_anew_stops_its_sharers(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, earlier: str
) -> None:
    lab = load("central-key")
    kms = lab.of(SECURITY).client("kms", HOME)
    other = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    lab.aws.clear_calls()
    meanwhile(monkeypatch, earlier, lambda: kms.create_alias(AliasName=ALIAS, TargetKeyId=other))
    done = served(lab, requests={SANDBOX: OWN})
    assert "RSA_2048" in troubles(done)[KEY][0]
    assert list(troubles(done)) == [*TWO, KEY]
    assert verdicts(done)[SANDBOX] == "compliant"
    assert statuses(done.keys[0][1])[0] == ("CreateKey", "applied")


def test_a_shared_key_that_cannot_be_read_again_stops_its_sharers(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    denied = {"code": "AccessDeniedException", "status": 400, "message": "No."}
    meanwhile(monkeypatch, "PutKeyPolicy", lambda: lab.aws.add_fault("kms:DescribeKey", times=-1, **denied))
    done = served(lab, *TWO)
    assert "can no longer be read" in troubles(done)[KEY][0]
    assert statuses(done.keys[0][1]) == [("PutKeyPolicy", "applied")]
    assert all("could not be changed first" in troubles(done)[each][0] for each in TWO)


def test_a_write_of_a_shared_key_stops_its_sharers(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    failing_send(monkeypatch, "CreateAlias")
    done = served(lab, *TWO)
    assert UNFORESEEN in troubles(done)[KEY][0]
    assert statuses(done.keys[0][1]) == [
        ("CreateKey", "applied"),
        ("CreateAlias", "failed"),
        ("EnableKeyRotation", "not_attempted"),
    ]
    assert all("could not be changed first" in troubles(done)[each][0] for each in TWO)
    (key,) = of_security(lab)
    assert done.backup is not None
    assert key in str(done.backup)


def test_a_write_of_the_only_account_leaves_a_result(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    failing_send(monkeypatch, "UpdateTrail")
    done = lab.enforce(central())
    assert UNFORESEEN in str(done.errors[0])
    assert statuses(done)[:3] == [("CreateKey", "applied"), ("CreateAlias", "applied"), ("UpdateTrail", "failed")]
    assert done.after is not None
    assert done.after.verdict == "non_compliant"


def _by_all_rules(arn: str, _snapshot: Any, trail: Any, settings: Any, *_given: Any) -> bool:
    """Whether this trail is judged, and not only by what more has to be read."""
    return trail.arn == arn and not settings.levels


@pytest.mark.parametrize("check_mode", [False, True])
def test_judging_an_account_ends_that_one(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, *, check_mode: bool
) -> None:
    lab = load("central-key")
    failing(monkeypatch, _assess._findings, partial(_by_all_rules, TRAILS[STAGING]))
    done = served(lab, check_mode=check_mode)
    assert list(troubles(done)) == [STAGING]
    assert "could not be judged, so nothing was done there: " in troubles(done)[STAGING][0]
    assert UNFORESEEN in troubles(done)[STAGING][0]
    assert verdicts(done) == {**COMPLIANT, STAGING: "unknown"}
    assert operations(done)[STAGING] == []


def test_judging_the_only_account_leaves_a_result(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    failing(monkeypatch, _assess._findings, partial(_by_all_rules, TRAILS[PRODUCTION]))
    done = lab.enforce(central())
    assert UNFORESEEN in str(done.errors[0])
    assert lab.writes() == []


def test_predicting_an_account_ends_that_one(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    failing(monkeypatch, _snapshot.as_if_read_now, lambda account, *_given: account.account_id == STAGING)
    done = served(lab, check_mode=True)
    assert list(troubles(done)) == [STAGING]
    assert UNFORESEEN in troubles(done)[STAGING][0]
    assert verdicts(done) == {**COMPLIANT, STAGING: None}
    assert operations(done)[STAGING] == ["UpdateTrail"]


@pytest.mark.parametrize("wait", [False, True])
def test_reading_an_account_again_ends_that_one(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, *, wait: bool
) -> None:
    lab, times = load("central-key"), []

    def concerned(reading: Any, _scope: Any) -> bool:
        times.extend([1] if reading.snapshot.account_id == STAGING else [])
        return reading.snapshot.account_id == STAGING and len(times) > wait

    failing(monkeypatch, _sweep.read_account_again, concerned)
    done = served(lab, wait=wait)
    assert list(troubles(done)) == [STAGING]
    assert UNFORESEEN in troubles(done)[STAGING][0]
    assert verdicts(done) == {**COMPLIANT, STAGING: None}
    assert operations(done)[STAGING] == ["UpdateTrail"]


def test_undo_takes_a_key_as_it_was_read_last(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    served(lab)
    arn = stripped(lab)
    failing(monkeypatch, _sweep.read_account_again, lambda reading, *_given: reading.snapshot.account_id == SANDBOX)
    done = served(lab, *TRAILS, SECURITY, lending=())
    assert done.accounts[SANDBOX].after is None
    assert done.undo is not None
    (policy,) = done.undo.policies
    assert [change.resource for change in policy.plan.changes] == [arn]


def test_undo_is_not_planned_by_a_key_that_could_not_be_read(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab)
    stripped(lab)
    throttled = {"code": "ThrottlingException", "status": 400, "message": "Rate exceeded"}
    meanwhile(monkeypatch, "PutKeyPolicy", lambda: lab.aws.add_fault("kms:DescribeKey", times=-1, **throttled))
    done = served(lab, *TWO)
    assert done.backup is not None
    assert done.undo is None


def test_planning_what_undoes_a_run_leaves_a_result(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    failing(monkeypatch, _undo.undos_of, lambda *_given: True)
    done = served(lab)
    assert (troubles(done), verdicts(done), done.undo) == ({}, COMPLIANT, None)
    assert UNFORESEEN in str(done.warnings[-1])


def test_what_owners_tell_at_last_leaves_a_result(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    failing(monkeypatch, _inherited._changed_keys, lambda *_given: True)
    done = lab.enforce(central())
    assert UNFORESEEN in str(done.errors[0])
    assert ("UpdateTrail", "applied") in statuses(done)


def test_reading_the_only_account_again_leaves_a_result(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    failing(monkeypatch, _sweep.read_account_again, lambda *_given: True)
    done = lab.enforce(central())
    assert UNFORESEEN in str(done.errors[0])
    assert {status for _operation, status in statuses(done)} == {"applied"}
    assert done.after is None


def test_a_status_that_is_waited_for_ends_nothing(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")

    def trail_status(*_given: Any) -> Any:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(_apply, "trail_status", trail_status)
    done = served(lab, wait=True)
    assert (troubles(done), verdicts(done)) == ({}, COMPLIANT)


@pytest.mark.parametrize("method", ["_read_too_early", "_management_accounts"])
def test_work_on_all_accounts_leaves_a_result(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    lab = load("central-key")
    monkeypatch.setattr(Execution, method, lambda _self: 1 // 0)
    done = served(lab)
    assert list(troubles(done)) == list(TRAILS)
    assert all("ZeroDivisionError" in words[0] for words in troubles(done).values())
    assert operations(done)[KEY] == OF_THE_KEY


def test_waiting_for_deliveries_leaves_a_result(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    failing(monkeypatch, _apply.wait_for_deliveries, lambda *_given: True)
    done = served(lab, wait=True)
    assert list(troubles(done)) == list(TRAILS)
    assert (verdicts(done), operations(done)[STAGING]) == (COMPLIANT, ["UpdateTrail"])


def test_proving_an_account_ends_that_one(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("central-key")
    failing(
        monkeypatch,
        _old_errors.without_old_errors,
        lambda before, _after, changes, _since: (
            before.account_id == STAGING and any(c.status == "applied" for c in changes)
        ),
    )
    done = served(lab)
    assert list(troubles(done)) == [STAGING]
    assert UNFORESEEN in troubles(done)[STAGING][0]
    assert operations(done)[STAGING] == ["UpdateTrail"]


def test_the_tags_of_a_trail_end_the_planning_of_its_account(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    failing(monkeypatch, _calls.trail_tags, lambda _access, _region, arn: arn == TRAILS[STAGING])
    done = served(lab)
    assert list(troubles(done)) == [STAGING]
    assert UNFORESEEN in troubles(done)[STAGING][0]
    (key,) = of_security(lab).values()
    assert TRAILS[STAGING] not in str(key["policy"])
    assert verdicts(done) == {**COMPLIANT, STAGING: "non_compliant"}


def test_the_tags_of_a_shared_key_end_the_planning_of_its_sharers(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, *TWO)
    arn = stripped(lab)
    lab.aws.clear_calls()
    failing(monkeypatch, _calls.list_key_tags, lambda _access, _region, key: key == arn)
    done = served(lab, requests={SANDBOX: OWN})
    assert list(troubles(done)) == list(TWO)
    assert all(UNFORESEEN in troubles(done)[each][0] for each in TWO)
    assert "PutKeyPolicy" not in lab.writes()
    assert verdicts(done)[SANDBOX] == "compliant"


def test_the_joint_plan_of_a_shared_key_ends_the_planning_of_its_sharers(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    failing(monkeypatch, _joint.plan_key, lambda *_given: True)
    done = served(lab, requests={SANDBOX: OWN})
    assert list(troubles(done)) == list(TWO)
    assert all(UNFORESEEN in troubles(done)[each][0] for each in TWO)
    assert lab.writes() == ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]


def test_what_is_left_of_a_joint_plan_to_one_account_ends_that_one(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    failing(monkeypatch, _joint._own, lambda account, *_given: account == STAGING)
    done = served(lab)
    assert list(troubles(done)) == [STAGING]
    assert operations(done)[KEY] == OF_THE_KEY
