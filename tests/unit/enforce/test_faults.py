# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A part of the fault sweep: every write of two enforcements, one of a run of many. `make test-faults` has it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.subjects import SUBJECTS, Subject
from tests.faults.sweep import FAULTS, KILLED, Fault, faults, points, sweep
from tests.unit.enforce.lab import Lab
from tests.unit.enforce.test_other_accounts import LOG_ARCHIVE, SANDBOX, SECURITY, STAGING

WRITES = {"policy-lacking": 1, "pending-deletion": 2}


SOME = [subject for subject in SUBJECTS if subject.name in WRITES]


@pytest.mark.parametrize("subject", SOME, ids=lambda subject: subject.name)
def test_every_fault_of_a_write_is_survived(load: Callable[[str], Lab], subject: Subject, tmp_path: Path) -> None:
    results = list(sweep(load(subject.scenario), subject, tmp_path, writes_only=True))
    assert len(results) == WRITES[subject.name] * len(FAULTS)
    assert [(str(fault), why) for fault, why in results if why] == []


def test_the_sweep_covers_reads_as_well(load: Callable[[str], Lab]) -> None:
    actions = {fault.point.action for fault in faults(load("fresh"), SUBJECTS[0])}
    assert {"cloudtrail:DescribeTrails", "kms:ListKeys", "kms:CreateKey", "s3:HeadBucket"} <= actions


MANY = next(subject for subject in SUBJECTS if subject.name == "many-one-key")


def test_of_many_the_calls_of_one_account_are_disturbed_and_those_of_the_owners(load: Callable[[str], Lab]) -> None:
    found = points(load(MANY.scenario), MANY)
    read = {point.account for point in found if not point.is_write and not point.action.startswith("sts:")}
    assert read == {STAGING, LOG_ARCHIVE, SECURITY}
    assert {point.account for point in found if point.is_write} == {*MANY.accounts, SECURITY}
    entered = {point.role.split(":")[4] for point in found if point.role}
    assert entered == {STAGING, SANDBOX, LOG_ARCHIVE, SECURITY}


@pytest.mark.parametrize("kind", ["reply lost", KILLED])
def test_of_many_one_that_fails_leaves_the_others_as_they_would_be(
    load: Callable[[str], Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lab = load(MANY.scenario)
    written = next(each for each in points(lab, MANY) if each.is_write and each.account == STAGING)
    monkeypatch.setattr("tests.faults.sweep.faults", lambda *_given, **_how: [Fault(kind, written)])
    assert [(str(fault), why) for fault, why in sweep(lab, MANY, tmp_path)] == [(str(Fault(kind, written)), "")]
