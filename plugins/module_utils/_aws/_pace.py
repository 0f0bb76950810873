# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One deadline for a whole run, and how long to wait before asking again."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import SystemRandom

LONGEST_WAIT = 20.0
_chance = SystemRandom().random


class Pace:
    """Waits ever longer, with jitter, until the deadline; `clock` and `sleep` speak of seconds."""

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = _chance,
    ) -> None:
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._deadline = clock() + seconds

    def wait(self, attempt: int) -> bool:
        """Wait after the nth attempt (from 0), half of the wait by chance; False, at once, where the time is up."""
        longest = min(2.0**attempt, LONGEST_WAIT)
        seconds = longest * (1 + self._jitter()) / 2
        if self._clock() + seconds > self._deadline:
            return False
        self._sleep(seconds)
        return True
