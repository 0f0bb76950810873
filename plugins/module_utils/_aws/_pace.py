# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One deadline for a whole run, and how long to wait before asking again.

Everything that a run waits for while it applies its plan counts against this deadline, with this back-off:

- a write that is throttled, in conflict, not answered, or denied by a service that does not see yet what it stands on
  (`_apply`: `_write`, `_send_unless_throttled`);
- a look at what a write replaces that fails for a while (`_read`);
- a key whose CreateKey was not answered (`_look_for_key`), and a policy that was written and does not show
  (`_verify_policy`);
- another writer of the same policy, a reading that does not show yet what was done, and each round in which the plan is
  made anew (`_rounds`);
- the delivery (`_delivery`).

No count of attempts ends any of these. One read, in an audit as well, is tried as long as the SDK does and `_access`
adds (PATIENCE).
"""

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
