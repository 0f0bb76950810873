# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs targets of the Makefile, two at a time, and says at the end what each took.

Usage: python tools/steps.py TARGET[,TARGET ...] [TARGET ...]
Targets that a comma joins run beside each other; what stands after a space waits for them. All of them run,
whatever fails, and the output of each is printed in one piece when it is done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

AT_A_TIME = 2


@dataclass(frozen=True)
class Step:
    """One target that was run: its output, its exit code, and the seconds it took."""

    target: str
    output: str
    code: int
    seconds: float


def run(target: str) -> Step:
    began = time.monotonic()
    done = subprocess.run(
        ["make", "--no-print-directory", target],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
        check=False,
    )
    return Step(target, done.stdout, done.returncode, time.monotonic() - began)


def run_all(phases: Sequence[str]) -> Iterator[Step]:
    pool = ThreadPoolExecutor(AT_A_TIME)
    try:
        for phase in phases:
            for future in as_completed([pool.submit(run, target) for target in phase.split(",")]):
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C, which ends what runs, starts nothing more


def main() -> int:
    began = time.monotonic()
    steps = []
    for step in run_all(sys.argv[1:]):
        print(f"\n━━ make {step.target} ━━\n{step.output}", end="", flush=True)
        steps.append(step)
    print("\n━━ Summary ━━")
    for step in steps:
        print(f"{'passed' if step.code == 0 else 'FAILED'}  {step.target:<14}{step.seconds:6.0f} s")
    print(f"{time.monotonic() - began:27.0f} s in all")
    return max(step.code for step in steps)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
