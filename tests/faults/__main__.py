# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the whole sweep and print how many faults were survived: python -m tests.faults [SUBJECT ...].

Before it, with a clock that does wait, an enforcement for each of some delays after which AWS sees what was written;
after it two enforcements at once, twenty times, and runs that are told to stop.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from tests.fakeaws.client import FakeAws
from tests.faults.subjects import SUBJECTS
from tests.faults.sweep import sweep
from tests.faults.trials import trials
from tests.unit.enforce.lab import Clock, Lab, alone, no_waiting

DELAYS = (0, 5, 30)  # seconds


def enforced_with(aws: FakeAws, delay: float) -> bool:
    """Whether a fresh account is brought to compliance although AWS sees every write to a key only after a delay."""
    aws.reset("fresh")
    aws.set(propagation_delay=delay)
    began = time.monotonic()
    outcome = alone(Lab(aws, Clock()).access, Task(), Pace(120))
    compliant = outcome.after is not None and outcome.after.verdict == "compliant" and not outcome.errors
    done = "done" if compliant else "NOT DONE"
    print(f"propagation of {delay:2} s: {done} after {time.monotonic() - began:.0f} s", flush=True)
    return compliant


def failed_trials() -> int:
    """How many of the trials fail; they wait by the real clock."""
    failed: list[str] = []
    with FakeAws.start("healthy") as aws, tempfile.TemporaryDirectory() as folder:
        results = list(trials(Lab(aws, Clock()), Path(folder)))
    failed += [f"    {name}: {why}" for name, why in results if why]
    print(f"{'trials':<18}{len(results):5} made, {len(results) - len(failed):16} stood", *failed, sep="\n", flush=True)
    return len(failed)


def main(wanted: list[str]) -> int:
    """Sweep every subject, or those named; the exit code is 1 where a fault was not survived."""
    injected, failed, began = 0, 0, time.monotonic()
    clock = Clock()
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        no_waiting(patched, clock)
        with FakeAws.start("healthy") as aws:
            if not wanted:
                failed += sum(not enforced_with(aws, delay) for delay in DELAYS)
            for subject in (each for each in SUBJECTS if not wanted or each.name in wanted):
                results = list(sweep(Lab(aws, clock), subject, Path(folder)))
                lost = [(fault, why) for fault, why in results if why]
                injected, failed = injected + len(results), failed + len(lost)
                print(
                    f"{subject.name:<18}{len(results):5} faults injected, {len(results) - len(lost):5} survived",
                    flush=True,
                )
                for fault, why in lost:
                    print(f"    {fault}: {why}")
    print(f"{'in all':<18}{injected:5} faults injected, {injected - failed:5} survived")
    print(f"{time.monotonic() - began:.0f} s; seconds that the runs would have waited: {clock.now:.0f}")
    failed += 0 if wanted else failed_trials()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
