# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run commands in turn, A B A B, and keep what the operating system says of each run."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Timed:
    """One command and its finished runs: wall and CPU seconds, and the peak memory of its largest process in MB."""

    name: str
    command: Sequence[str]
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median wall seconds."""
        return statistics.median(self.seconds)

    @property
    def cpu(self) -> float:
        """Median CPU seconds, of the process and those it waited for."""
        return statistics.median(self.cpu_seconds)

    @property
    def memory(self) -> float:
        """Median peak memory in MB."""
        return statistics.median(self.megabytes)

    def clear(self) -> None:
        """Forget the runs that were made."""
        for figures in (self.seconds, self.cpu_seconds, self.megabytes):
            figures.clear()

    def run(self, environment: Mapping[str, str]) -> bytes:
        """Run once, add the figures, and return what was printed. Raises RuntimeError where the command fails."""
        start = time.perf_counter()
        with subprocess.Popen(
            self.command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            output = process.stdout.read() if process.stdout else b""
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise RuntimeError(f"{self.name} failed with {process.returncode}:\n{output.decode(errors='replace')}")
        self.seconds.append(seconds)
        self.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
        self.megabytes.append(usage.ru_maxrss / 1024)
        return output


def in_turn(commands: Sequence[Timed], environment: Mapping[str, str], runs: int) -> None:
    """Run every command once unmeasured, then all of them `runs` times in turn, so that drift hits all alike."""
    for number in range(runs + 1):
        for command in commands:
            command.run(environment)
            if number == 0:
                command.clear()


def paired(upper: Timed, lower: Timed) -> float:
    """Median of the ratios upper/lower, run by run."""
    return statistics.median(a / b for a, b in zip(upper.seconds, lower.seconds, strict=True))
