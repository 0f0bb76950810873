# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A worker of Ansible's that is interrupted: its module hears of it, and the worker ends only when it is done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable
from multiprocessing.connection import Connection

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._shield import shielded

ENDED_BY_ANSIBLE = 7


def worker(told: Connection, *, is_orphan: bool) -> None:
    """What a worker does: it runs a module, here one that only waits, and tells what became of it."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(ENDED_BY_ANSIBLE))
    with shielded() as interrupted, subprocess.Popen(["sleep", "60"]) as module:
        if is_orphan:
            os.getppid = lambda: 1
        told.send(interrupted())
        told.send((module.wait(), interrupted()))


def interrupt(pid: int) -> None:
    """What ansible-core does to its workers, twice: on the signal, and when it cleans up."""
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize(("is_orphan", "happens"), [(False, interrupt), (True, lambda _pid: None)])
def test_the_module_hears_of_an_interruption_and_the_worker_ends_after_it(
    is_orphan: bool, happens: Callable[[int], None]
) -> None:
    spawning = multiprocessing.get_context("spawn")
    told, tell = spawning.Pipe()
    process = spawning.Process(target=worker, args=(tell,), kwargs={"is_orphan": is_orphan})
    process.start()
    assert process.pid is not None
    assert told.recv() is False
    happens(process.pid)
    assert told.recv() == (-signal.SIGTERM, True)
    process.join()
    assert process.exitcode == ENDED_BY_ANSIBLE


def test_nothing_is_held_back_elsewhere() -> None:
    before = signal.getsignal(signal.SIGTERM)
    for needed in (True, False):
        with shielded(needed=needed) as interrupted:
            assert signal.getsignal(signal.SIGTERM) is before
            assert not interrupted()
