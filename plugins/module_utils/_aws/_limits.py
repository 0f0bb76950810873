# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the writes of all accounts of a run within AWS's request rates."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from .._operations import WRITES
from ._stop import NEVER

RATES: Mapping[str, int] = {operation: write.per_second for operation, write in WRITES.items() if write.per_second}
SECOND = 1.0


class Limits:
    """The requests of the last second, by operation, account and Region; all accounts of a run share one object.

    As many as AWS takes in a second are sent at once, so that one account alone waits for nothing that AWS would take.
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
        """Wait until one more request may be sent; those who wait are served in the order in which they asked."""
        if operation in RATES:
            seconds = self._turn(operation, account_id, region) - self._clock()
            if seconds > 0:
                self._sleep(seconds)

    def _turn(self, operation: str, account_id: str, region: str) -> float:
        """When the request may be sent: a second after the one that is as many before it as AWS takes in a second."""
        with self._lock:
            sent = self._sent.setdefault((operation, account_id, region), deque(maxlen=RATES[operation]))
            turn = self._clock()
            if len(sent) == sent.maxlen:
                turn = max(turn, sent[0] + SECOND)
            sent.append(turn)
            return turn
