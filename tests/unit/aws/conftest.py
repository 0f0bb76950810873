# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An audit of the fake AWS as the module makes it, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict, assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._further_reads import (
    calls_of_readers,
    keys_needing_second_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller, read_account
from tests.unit.test_arguments import params

SCENARIOS = Path(__file__).parents[2] / "fakeaws" / "scenarios"
MANAGEMENT, PRODUCTION, LOG_ARCHIVE, SECURITY = "111111111111", "222222222222", "444444444444", "555555555555"


class Audit(Protocol):
    """Audit the loaded scenario with the module's options."""

    def __call__(self, **options: Any) -> AccountVerdict:
        """Return the judged account."""


@pytest.fixture
def load(server: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], FakeAws]:
    """Load a scenario; returns the server. The SDK asks again without a wait."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))

    def loaded(scenario: str) -> FakeAws:
        server.reset(scenario)
        return server

    return loaded


Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def changed(server: FakeAws, tmp_path: Path) -> Callable[[Change], FakeAws]:
    """Load the organization with a change made to it."""

    def loaded(change: Change) -> FakeAws:
        scenario = yaml.safe_load((SCENARIOS / "organization.yml").read_text(encoding="utf-8"))
        change(scenario)
        path = tmp_path / "changed.yml"
        path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
        server.reset(str(path))
        return server

    return loaded


@pytest.fixture
def audit(server: FakeAws) -> Audit:
    """Audit what is loaded."""

    def audited(account_id: str | None = None, **options: Any) -> AccountVerdict:
        given = params(**options)
        settings = _audit_arguments.to_settings(given)
        second_policies, of_readers = (
            partial(keys_needing_second_policy, settings),
            partial(calls_of_readers, settings),
        )
        scope = replace(_audit_arguments.to_scope(given), second_policies=second_policies, of_readers=of_readers)
        return assess(read_account(caller(server, account_id), scope), settings)

    return audited


Load = Callable[[str], FakeAws]


def role(account: str, external_id: str | None = "audit-2026", name: str = "CloudTrailKmsAudit") -> dict[str, Any]:
    """An option such as assume_role."""
    return {"role_arn": f"arn:aws:iam::{account}:role/{name}", "external_id": external_id, "session_name": "test"}
