# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When to write, when to wait, and when to stop: the deadline of an account, AWS's request rates, an interruption.

The deadline runs from the account's first write, or from the first wait if that comes before. All waiting counts
against it while a plan is applied, with this back-off:

- a write that is throttled, in conflict, not answered, or denied by a service that does not see yet what it stands on
  (`_apply`: `_write`, `_send_unless_throttled`);
- a read of what a write replaces that fails for a while (`Present.read`);
- a key whose CreateKey was not answered (`_look_for_key`), and a policy that was written and does not show
  (`_verify_policy`);
- another writer of the same policy, a reading that does not show yet what was done, and each round in which the plan is
  made anew (`_rounds`);
- the delivery (`wait_for_deliveries`).

No count of attempts ends any of these, but an interruption does. Waiting for other accounts of the run, so that all
together stay within AWS's request rates (`Limits`), puts the deadline off by as long as it takes: an account must not
fail for the number of accounts that are enforced with it. It ends all the same, since each request waits once, in turn.
One read, in an audit as well, is tried as long as the SDK does and `_access` adds (PATIENCE).
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from random import SystemRandom

from .._operations import WRITES

LONGEST_WAIT = 20.0
_chance = SystemRandom().random
# Two a second for an account and Region (CloudTrail API reference, LookupEvents).
RATES: Mapping[str, int] = {
    **{operation: write.per_second for operation, write in WRITES.items() if write.per_second},
    "LookupEvents": 2,
}
SECOND = 1.0


class Stop:
    """An event that a signal handler may set: `SimpleQueue.put` is reentrant, `threading.Event.set` may deadlock.

    See the Python library reference, "queue", SimpleQueue.put.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Stop the run, and end every wait."""
        self._is_set = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Return whether the run is to stop."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until the run is to stop, or the time is over; return whether it is to stop."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)
            self._wake.put(None)  # for others that wait
        return self._is_set


NEVER = Stop()
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """Stop on SIGINT and SIGTERM while this is open, in the main thread: Python lets no other handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda _number, _frame: stop.set()) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class Limits:
    """The requests of the last second, by operation, account and Region; all accounts of a run share one object.

    As many as AWS takes in a second are sent at once, so that a single account never waits without need.
    KMS charges a request to the account of its caller: the key's owner, since each key is written by its owner's role
    (KMS guide, "Request quotas", "Cross-account requests").
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = NEVER.wait
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._sent: dict[tuple[str, str, str], deque[float]] = {}

    def take(self, operation: str, account_id: str, region: str) -> None:
        """Wait until one more request may be sent; those that wait are served in order."""
        if operation in RATES:
            seconds = self._turn(operation, account_id, region) - self._clock()
            if seconds > 0:
                self._sleep(seconds)

    def _turn(self, operation: str, account_id: str, region: str) -> float:
        """Return when the request may be sent: a second after the request that lies one second's rate before it."""
        with self._lock:
            sent = self._sent.setdefault((operation, account_id, region), deque(maxlen=RATES[operation]))
            turn = self._clock()
            if len(sent) == sent.maxlen:
                turn = max(turn, sent[0] + SECOND)
            sent.append(turn)
            return turn


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

    @classmethod
    def for_each(cls, seconds: float, stopped: Stop) -> Callable[[], Pace]:
        """Return what makes the pace of each account of a run; together they keep within AWS's request rates."""
        limits = Limits(sleep=stopped.wait)
        return lambda: cls(seconds, limits=limits, stopped=stopped)

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
        longest = min(2.0 ** min(attempt, LONGEST_WAIT), LONGEST_WAIT)
        seconds = longest * (1 + self._jitter()) / 2
        if self.stopped.is_set() or self._clock() + seconds > self.start():
            return False
        self._sleep(seconds)
        return not self.stopped.is_set()
