# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How calls wait and how scenarios are loaded, in this process: counted, since no clock says it of a busy machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from moto.kms.models import KmsBackend

from tests import PATIENCE
from tests.fakeaws import scenario
from tests.fakeaws.client import FakeAws
from tests.fakeaws.engine import Engine
from tests.fakeaws.server import FakeAwsServer
from tests.fakeaws.switches import Switches
from tests.unit.fakeaws.lab import LAB, Lab


@pytest.fixture
def near() -> Iterator[Lab]:
    """The lab, served by a thread of this process."""
    server = FakeAwsServer(0, Engine(LAB, Switches()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Lab(FakeAws(server.endpoint), {})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_delay_of_one_call_and_latency_of_all(near: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tests.fakeaws.engine.time", SimpleNamespace(sleep=slept.append))
    near.server.add_fault("kms:ListKeys", delay_ms=200)
    near.client("kms").list_keys()
    near.client("kms").list_keys()
    near.server.set(latency_ms=150)
    near.client("kms").list_keys()
    near.client("kms").list_keys()
    assert slept == [0.2, 0, 0.15, 0.15]


def test_calls_wait_side_by_side(near: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [near.client("kms", region) for region in ("eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1")]
    # Each is let go as soon as all are waiting, which calls one after the other never are.
    all_wait = threading.Barrier(len(clients))
    monkeypatch.setattr("tests.fakeaws.engine.time", SimpleNamespace(sleep=lambda _seconds: all_wait.wait(PATIENCE)))
    with ThreadPoolExecutor(len(clients)) as pool:
        assert len(list(pool.map(lambda client: client.list_keys(), clients))) == len(clients)


def test_a_reset_makes_no_key_pair_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto makes one for every key, which takes longer than all else in a scenario."""
    made: list[object] = []
    scenario.load(LAB)
    monkeypatch.setattr(KmsBackend, "create_key", lambda *arguments: made.append(arguments))
    assert scenario.load(LAB).accounts
    assert made == []
