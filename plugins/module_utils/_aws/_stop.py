# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stop a run in good order: start nothing new, and finish the writes in hand."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue


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
        """Tell whether the run is to stop."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until the run is to stop, but not longer than that; tell whether it is."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)
            self._wake.put(None)  # for whoever else waits
        return self._is_set


NEVER = Stop()
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """Stop on SIGINT and SIGTERM meanwhile, where this is the main thread: Python lets no other handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda _number, _frame: stop.set()) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
