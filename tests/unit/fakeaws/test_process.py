# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process: how it starts, lists its scenarios, and ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.fakeaws import scenario
from tests.fakeaws.client import FakeAws

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "tests.fakeaws"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def listening(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_prints_where_it_listens(process: subprocess.Popen[str]) -> None:
    line = listening(process)
    prefix, _colon, port = line.rpartition(":")
    assert prefix == "listening on http://127.0.0.1"
    assert 1024 < int(port) < 65536


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_when_told_to(process: subprocess.Popen[str], number: signal.Signals) -> None:
    listening(process)
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE) == 0


def test_ends_when_its_parent_closes_the_pipe(process: subprocess.Popen[str]) -> None:
    listening(process)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=PATIENCE) == 0


def test_list_prints_every_scenario_with_its_description() -> None:
    done = subprocess.run([*COMMAND, "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == scenario.names()
    assert lines[0].endswith(scenario.read(scenario.names()[0]).description)


def test_unknown_scenario_is_a_message_not_a_traceback() -> None:
    done = subprocess.run([*COMMAND, "--scenario", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("no scenario 'nothing'; there are: ")
    assert "Traceback" not in done.stderr


def test_client_says_why_the_server_did_not_start() -> None:
    with pytest.raises(RuntimeError, match="the fake AWS did not start: no scenario 'nothing'"):
        FakeAws.start("nothing")


def test_stopped_server_is_gone() -> None:
    aws = FakeAws.start("no-trails")
    aws.stop()
    with pytest.raises(ConnectionRefusedError):
        aws.calls()
