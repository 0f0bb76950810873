# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fake AWS as a laboratory, under a clock that never waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.aws_cli import AwsCli
from tests.fakeaws.client import FakeAws
from tests.unit.enforce.lab import Clock, Lab, no_waiting


@pytest.fixture(scope="session")
def aws_cli() -> Iterator[AwsCli]:
    with AwsCli() as cli:
        yield cli


@pytest.fixture
def load(server: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Lab]:
    """Load a scenario."""
    clock = Clock()
    no_waiting(monkeypatch, clock)

    def loaded(scenario: str) -> Lab:
        server.reset(scenario)
        return Lab(server, clock)

    return loaded
