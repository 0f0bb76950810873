# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One deadline for the writes of an account, and how long to wait before asking again.

It runs from the account's first write, or from the first wait if that comes before. Everything that is waited for while
a plan is applied counts against it, with this back-off:

- a write that is throttled, in conflict, not answered, or denied by a service that does not see yet what it stands on
  (`_apply`: `_write`, `_send_unless_throttled`);
- a look at what a write replaces that fails for a while (`_read`);
- a key whose CreateKey was not answered (`_look_for_key`), and a policy that was written and does not show
  (`_verify_policy`);
- another writer of the same policy, a reading that does not show yet what was done, and each round in which the plan is
  made anew (`_rounds`);
- the delivery (`_delivery`).

No count of attempts ends any of these, but an interruption does. Waiting for other accounts of the run, so that all
together stay within AWS's request rates (`_limits`), puts the deadline off by as long as it takes: an account must not
fail for the number of accounts that are enforced with it. It ends all the same, since each request waits once, in turn.
One read, in an audit as well, is tried as long as the SDK does and `_access` adds (PATIENCE).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import SystemRandom

from ._limits import Limits
from ._stop import NEVER, Stop

LONGEST_WAIT = 20.0
_chance = SystemRandom().random


class Pace:
    """Waits ever longer, with jitter, until the deadline; `clock` and `sleep` speak of seconds.

    All accounts of a run share `limits`, and `stopped`, which ends every wait.
    """

    def __init__(
        self,
        seconds: float,
        *,
        limits: Limits | None = None,
        stopped: Stop = NEVER,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = _chance,
    ) -> None:
        self.stopped = stopped
        self._seconds, self._limits = seconds, limits
        self._clock, self._sleep, self._jitter = clock, sleep or stopped.wait, jitter
        self._deadline: float | None = None

    def start(self) -> float:
        """Start the time if it does not run yet, and return the deadline."""
        if self._deadline is None:
            self._deadline = self._clock() + self._seconds
        return self._deadline

    def take(self, operation: str, account_id: str, region: str) -> None:
        """Wait until AWS takes one more write of this kind from the run; the time is put off by as long."""
        deadline, asked_at = self.start(), self._clock()
        if self._limits is not None:
            self._limits.take(operation, account_id, region)
            self._deadline = deadline + self._clock() - asked_at

    def wait(self, attempt: int) -> bool:
        """Wait after the nth attempt (from 0), half of the wait by chance.

        Return False, at once, where the time is up or the run is interrupted.
        """
        longest = min(2.0**attempt, LONGEST_WAIT)
        seconds = longest * (1 + self._jitter()) / 2
        if self.stopped.is_set() or self._clock() + seconds > self.start():
            return False
        self._sleep(seconds)
        return not self.stopped.is_set()
