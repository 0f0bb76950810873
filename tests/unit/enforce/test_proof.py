# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enforcement with proof: what it predicts, what it waits for, and what it ends with."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Finding, Proof
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.lab import Lab


def proving(proof: Proof, *, check_mode: bool = False, wait: bool = False) -> Task:
    """An enforcement that reads what AWS did."""
    return Task(scope=Scope(proof=proof), settings=Settings(proof=proof), check_mode=check_mode, wait=wait)


def found(account: AccountVerdict | None) -> Finding:
    """What is said of the trail's encryption."""
    assert account is not None
    (trail,) = account.trails
    return next(each for each in trail.findings if each.rule == "encryption_is_proven")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)


@pytest.mark.parametrize("proof", ["events", "objects"])
def test_a_plan_and_its_run_wait_for_a_log_under_the_new_key(load: Callable[[str], Lab], proof: Proof) -> None:
    lab = load("fresh")
    planned = lab.enforce(proving(proof, check_mode=True))
    assert found(planned.before).status == "not_applicable"
    assert found(planned.after).status == "unknown"
    lab.aws.set(delivery_interval=1e9)
    done = lab.enforce(proving(proof))
    assert (done.errors, found(done.after).status) == ((), "unknown")
    again = lab.enforce(proving(proof))
    assert again.changes == ()


def test_our_own_change_counts_though_the_history_shows_it_late(load: Callable[[str], Lab]) -> None:
    """The key policy was written a moment ago: the delivery before that proves nothing, whatever the history says."""
    lab = load("policy-lacking")
    lab.aws.set(event_lag=900, delivery_interval=1e9)
    done = lab.enforce(proving("events"))
    message = found(done.after).message
    assert found(done.after).status == "unknown"
    assert "PutKeyPolicy at" in message


def test_our_own_change_counts_though_the_history_is_denied(load: Callable[[str], Lab]) -> None:
    lab = load("policy-lacking")
    lab.aws.add_fault("cloudtrail:LookupEvents", code="AccessDeniedException", status=400, message="no", times=-1)
    lab.aws.set(delivery_interval=1e9)
    done = lab.enforce(proving("objects"))
    assert [change.operation for change in done.changes] == ["PutKeyPolicy"]
    assert found(done.after).status == "unknown"


def test_wait_ends_with_the_log_or_with_what_is_open(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    lab.aws.set(delivery_interval=1)
    passing = lab.clock.sleep

    def sleep(seconds: float) -> None:
        """Let the fake deliver meanwhile: on whole seconds, in which S3 tells times."""
        passing(seconds)
        time.sleep(0.5)

    monkeypatch.setattr(lab.clock, "sleep", sleep)
    done = lab.enforce(proving("objects", wait=True))
    assert (done.errors, done.warnings, found(done.after).status) == ((), (), "pass")
    assert found(done.after).message.startswith("The log of ")
    assert found(done.after).message.endswith("Older logs may be encrypted otherwise.")
    lab = load("fresh")
    lab.aws.set(delivery_interval=1e9)
    late = lab.enforce(proving("objects", wait=True), seconds=5)
    (warning,) = map(str, late.warnings)
    assert warning.startswith("It is not yet proven of arn:aws:cloudtrail:")
    assert len(warning) < 200
    missing = "delivered more than 15 minutes after the last change of trail, key or bucket (UpdateTrail at"
    assert missing in found(late.after).message
