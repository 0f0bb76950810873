# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let an enforcement end in good order when ansible-playbook is interrupted.

On SIGINT and SIGTERM ansible-core from 2.19 on has each worker send the signal to its own session, in which the module
runs, and exit at once (executor/process/worker.py, _term). Before 2.19 Ctrl-C reaches worker and module from the
terminal, and SIGTERM ends ansible-playbook alone: its workers go on, and nobody hears of what they do.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EVERY = 0.5


@contextmanager
def shielded(*, needed: bool = True) -> Iterator[Callable[[], bool]]:
    """Pass an interruption on to the module that is running, and act on it here only when the block ends.

    Yields a function that tells whether there was one: then nothing may be displayed any more, since nobody reads
    Ansible's queue, and a writer that fills it waits forever. Outside of a worker of Ansible's this does nothing.
    """
    if not needed or multiprocessing.parent_process() is None:
        yield lambda: False
        return
    shield = _Shield()
    before = {each: signal.signal(each, shield.take) for each in SIGNALS}
    try:
        with shield.watching():
            yield lambda: shield.taken is not None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if shield.taken is not None:
            os.kill(os.getpid(), shield.taken)


class _Shield:
    """Remembers the signal that came, and passes it on."""

    def __init__(self) -> None:
        self.taken: int | None = None
        self._parent = os.getppid()
        if os.getpgrp() != os.getpid():
            os.setsid()  # as from ansible-core 2.19 on: the terminal's Ctrl-C and our own signal reach no one else

    def take(self, number: int, _frame: object) -> None:
        """Remember the signal, and pass it on; this process is in the group, and gets it once more."""
        if self.taken is None:
            self.taken = number
            os.killpg(os.getpid(), number)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Pass the signal on again and again: a module may only just be starting, or ansible-playbook be gone.

        Python runs a handler in the main thread alone, which hears of a signal late where the system gives it to
        another one: the wake-up descriptor is written to at once (Python library reference, signal.set_wakeup_fd).
        """
        woken, wakes = socket.socketpair()
        with woken, wakes:
            wakes.setblocking(False)
            over = threading.Event()
            thread = threading.Thread(target=self._watch, args=(over, woken), daemon=True)
            before = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
            thread.start()
            try:
                yield
            finally:
                signal.set_wakeup_fd(before)
                over.set()
                wakes.send(b"\0")
                thread.join()

    def _watch(self, over: threading.Event, woken: socket.socket) -> None:
        woken.settimeout(EVERY)
        while not over.is_set():
            with suppress(TimeoutError):
                self._heard(woken.recv(1)[0])
            if self.taken is None and os.getppid() != self._parent:
                self.taken = signal.SIGTERM
            if self.taken is not None:
                os.killpg(os.getpid(), self.taken)
                over.wait(EVERY)  # our own signal wakes as well

    def _heard(self, number: int) -> None:
        if self.taken is None and number in SIGNALS:
            self.taken = number
