# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fake AWS for the folder, and an audit of it as the module makes it, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import Access, connect, read_account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import AccountVerdict, assess
from tests.fakeaws.client import FakeAws
from tests.unit.test_arguments import params


class Audit(Protocol):
    """Audit the loaded scenario with the module's options."""

    def __call__(self, **options: Any) -> AccountVerdict:
        """Return the judged account."""


@pytest.fixture(scope="session")
def server() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


@pytest.fixture
def load(server: FakeAws) -> Callable[[str], FakeAws]:
    """Load a scenario; returns the server."""

    def loaded(scenario: str) -> FakeAws:
        server.reset(scenario)
        return server

    return loaded


def caller(aws: FakeAws, account_id: str | None = None) -> Access:
    """The access of an account's administrator, by default of the scenario's first account."""
    keys = aws.credentials(account_id or aws.scenario["account"])
    connection = {
        "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
    }
    return connect(aws.scenario["region"], aws.endpoint, connection, 16)


@pytest.fixture
def audit(server: FakeAws) -> Audit:
    """Audit what is loaded."""

    def audited(account_id: str | None = None, **options: Any) -> AccountVerdict:
        given = params(**options)
        snapshot = read_account(caller(server, account_id), _arguments.scope(given))
        return assess(snapshot, _arguments.settings(given))

    return audited
