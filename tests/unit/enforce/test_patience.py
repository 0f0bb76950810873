# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS loses a reply, is slow, or refuses half way: what is sent again, what is waited for, what the next run does."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.parsers import ResponseParserError

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import CREATED_FOR_TAG
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Run, Task
from tests.unit.enforce.lab import Clock, Lab, statuses
from tests.unit.modules import clock_off_by

HOME = "eu-central-1"
ALIAS = "alias/aws-baseline-cloudtrail"


@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateTrail", "EnableKeyRotation"])
def test_the_next_run_carries_on(load: Callable[[str], Lab], operation: str) -> None:
    lab = load("fresh")
    service = "cloudtrail" if operation == "UpdateTrail" else "kms"
    lab.aws.add_fault(action=f"{service}:{operation}", code="AccessDeniedException")
    first = lab.enforce()
    assert dict(statuses(first))[operation] == "failed"
    assert f"Use the role that enforces, or allow the caller whichever of {service}:{operation}" in str(first.errors[0])
    second = lab.enforce()
    assert operation in dict(statuses(second))
    assert "CreateKey" not in dict(statuses(second))
    assert len(lab.keys(HOME)) == 1
    assert lab.enforce().changes == ()


def test_a_create_key_without_reply_is_looked_for_and_not_sent_again(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.add_fault(action="kms:CreateKey", lose_reply=True)
    outcome = lab.enforce()
    assert outcome.errors == ()
    assert lab.writes().count("CreateKey") == 1
    ((arn, key),) = lab.keys(HOME).items()
    assert key["tags"] == {CREATED_FOR_TAG: ALIAS}
    assert outcome.changes[0].resource == arn


@pytest.mark.parametrize("answer", [{}, {"KeyMetadata": {}}, ResponseParserError("no JSON")])
def test_an_answer_that_is_none_is_no_answer(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    lab = load("fresh")
    original = Access.send_once

    def garbled(self: Access, service: str, region: str, operation: str, **rest: Any) -> Any:
        sent = original(self, service, region, operation, **rest)
        if operation != "CreateKey":
            return sent
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Access, "send_once", garbled)
    assert lab.enforce().errors == ()
    assert (lab.writes().count("CreateKey"), len(lab.keys(HOME))) == (1, 1)


def test_a_create_key_that_was_dropped_is_not_sent_again(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.add_fault(action="kms:CreateKey", drop=True)
    outcome = lab.enforce()
    assert statuses(outcome)[0] == ("CreateKey", "failed")
    assert "the next run checks first" in str(outcome.errors[0])
    assert lab.writes() == ["CreateKey"]


@pytest.mark.parametrize("code", ["InsufficientEncryptionPolicyException", "KmsKeyNotFoundException"])
@pytest.mark.parametrize("answers", [0, 3, 6])
def test_slow_propagation_is_waited_for(load: Callable[[str], Lab], code: str, answers: int) -> None:
    lab = load("fresh")
    if answers:
        lab.aws.add_fault(action="cloudtrail:UpdateTrail", code=code, times=answers)
    began = lab.clock.now
    outcome = lab.enforce(seconds=120)
    assert (outcome.errors, lab.writes().count("UpdateTrail")) == ((), answers + 1)
    assert lab.clock.now - began == sum(min(2**attempt, 20) for attempt in range(answers))


def test_what_cannot_pass_is_not_tried_again(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.add_fault(action="cloudtrail:UpdateTrail", code="S3BucketDoesNotExistException", times=-1)
    outcome = lab.enforce()
    assert dict(statuses(outcome)) == {
        "CreateKey": "applied",
        "CreateAlias": "applied",
        "UpdateTrail": "failed",
        "EnableKeyRotation": "not_attempted",
    }
    assert lab.writes().count("UpdateTrail") == 1


def test_rotation_never_stops_the_encryption(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.add_fault(action="kms:EnableKeyRotation", code="AccessDeniedException")
    outcome = lab.enforce()
    assert statuses(outcome)[-2:] == [("UpdateTrail", "applied"), ("EnableKeyRotation", "failed")]
    assert outcome.after is not None
    assert outcome.after.verdict == "compliant"


class Passing(Clock):
    """A clock that goes thirty times as fast as that of the fake AWS."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(seconds / 30)


@pytest.mark.parametrize(("seconds", "proven"), [(60, True), (0, False)])
def test_delivery_is_waited_for_and_no_longer(load: Callable[[str], Lab], seconds: float, proven: bool) -> None:
    lab = Lab(load("fresh").aws, Passing())
    lab.aws.set(delivery_interval=0.001 if proven else 3600)
    outcome = lab.enforce(seconds=seconds, wait=True)
    assert outcome.errors == ()
    assert ["not yet proven" in warning for warning in map(str, outcome.warnings)] == ([] if proven else [True])
    assert [*outcome.deliveries.values()] == [proven]


def test_the_delivery_is_waited_for_in_the_time_that_the_writes_have_left(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.set(delivery_interval=3600)
    lab.aws.add_fault(action="cloudtrail:UpdateTrail", times=4, code="ThrottlingException")
    begun = lab.clock.now
    outcome = lab.run(Run(Task(wait=True)), seconds=20)
    assert [change.status for each in outcome.accounts.values() for change in each.changes] == ["applied"] * 4
    assert 15 < lab.clock.now - begun <= 20


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_delivery_from_before_the_change_proves_nothing_whatever_the_clock_of_this_machine(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    lab = load("fresh")
    # Thirty seconds ago the trail has delivered, and it does not again for a long time.
    lab.aws.set(delivery_interval=0.001)
    lab.client("cloudtrail", HOME).get_trail_status(Name="main")
    lab.aws.set(delivery_interval=(time.time() - 30) / 100_000)
    lab.access.clients.clock = _access.Clock()
    clock_off_by(monkeypatch, timedelta(minutes=minutes))
    done = lab.enforce(wait=True)
    assert any("It is not yet proven" in warning for warning in map(str, done.warnings))
    assert lab.clock.now > 200
