# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One server process for the whole folder; every test has it loaded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakeaws.client import FakeAws
from tests.unit.fakeaws.lab import LAB, Lab


@pytest.fixture(scope="session")
def server() -> Iterator[FakeAws]:
    with FakeAws.start("no-trails") as aws:
        yield aws


@pytest.fixture(scope="session")
def clients() -> dict[tuple[str, ...], Any]:
    """Making a boto3 client takes far longer than a call."""
    return {}


@pytest.fixture
def load(server: FakeAws, clients: dict[tuple[str, ...], Any]) -> Callable[[str], Lab]:
    """Load a scenario by its name or path."""

    def loaded(scenario: str) -> Lab:
        server.reset(scenario)
        server.set(latency_ms=0)
        return Lab(server, clients)

    return loaded


@pytest.fixture
def write(load: Callable[[str], Lab], tmp_path: Path) -> Callable[[str], Lab]:
    """Load a scenario from its text."""

    def written(text: str) -> Lab:
        path = tmp_path / "scenario.yml"
        path.write_text(text, encoding="utf-8")
        return load(str(path))

    return written


@pytest.fixture
def lab(load: Callable[[str], Lab]) -> Lab:
    """The scenario lab.yml."""
    return load(LAB)
