# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A part of the fault sweep: every write of two enforcements. `make test-faults` runs the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.sweep import FAULTS, SUBJECTS, Subject, faults, sweep
from tests.unit.enforce.lab import Lab

WRITES = {"policy-lacking": 1, "pending-deletion": 2}


SOME = [subject for subject in SUBJECTS if subject.scenario in WRITES]


@pytest.mark.parametrize("subject", SOME, ids=lambda subject: subject.scenario)
def test_every_fault_of_a_write_is_survived(load: Callable[[str], Lab], subject: Subject, tmp_path: Path) -> None:
    results = list(sweep(load(subject.scenario), subject, tmp_path, writes_only=True))
    assert len(results) == WRITES[subject.scenario] * len(FAULTS)
    assert [(str(fault), why) for fault, why in results if why] == []


def test_the_sweep_covers_reads_as_well(load: Callable[[str], Lab]) -> None:
    actions = {fault.action for fault in faults(load("fresh"), SUBJECTS[0])}
    assert {"cloudtrail:DescribeTrails", "kms:ListKeys", "kms:CreateKey", "s3:HeadBucket"} <= actions
