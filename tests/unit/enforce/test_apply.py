# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several accounts of a run share: keys that were created before, an interruption, the wait for deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _calls,
    _resources,
    _snapshot,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._apply import (
    Applied,
    apply,
    wait_for_deliveries,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import NEVER, Stop
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Change,
    Prerequisites,
    ReadError,
    Snapshot,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import predicted_prerequisites
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._comparison import same_policy
from tests.unit.enforce.lab import Lab
from tests.unit.modules import replace_everywhere

HOME = "eu-central-1"


def planned(lab: Lab) -> tuple[Change, ...]:
    """The plan for the account, as check mode shows it."""
    return lab.enforce(check_mode=True).changes


def account_of(lab: Lab) -> tuple[_resources.Account, Snapshot]:
    """The account with its key's owner, and what is read of it."""
    return _snapshot.open_and_read(lab.access, _scope.Scope())


def applied(lab: Lab, changes: Sequence[Change], stop: Stop = NEVER) -> Applied:
    """The changes applied, with nothing to stand on but the keys that are created."""
    policies = {change.resource: change.parameters["Policy"] for change in changes if change.operation == "CreateKey"}
    account, snapshot = account_of(lab)
    trails = predicted_prerequisites(snapshot).trails
    prerequisites = Prerequisites(usable=frozenset(policies), policies=policies, trails=trails)
    return apply(account, changes, prerequisites, lab.clock.pace(stopped=stop), same_policy)


def test_nothing_is_begun_after_a_stop(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab, stop = load("fresh"), Stop()
    changes = planned(lab)
    original = Access.send_once

    def interrupted(self: Access, service: str, region: str, operation: str, **rest: Any) -> Any:
        if operation == "CreateAlias":
            stop.set()
        return original(self, service, region, operation, **rest)

    monkeypatch.setattr(Access, "send_once", interrupted)
    done = applied(lab, changes, stop)
    statuses = [(change.operation, change.status) for change in done.changes]
    assert statuses[:2] == [("CreateKey", "applied"), ("CreateAlias", "applied")]
    assert {status for _operation, status in statuses[2:]} == {"not_attempted"}
    assert lab.writes() == ["CreateKey", "CreateAlias"]
    (error,) = done.errors
    assert "The run was interrupted before " in error
    assert "the next run carries on" in error
    assert lab.enforce().errors == ()


def test_what_fails_after_a_stop_is_not_tried_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, stop = load("fresh"), Stop()
    changes = planned(lab)
    lab.aws.add_fault(action="kms:CreateKey", code="ThrottlingException")
    monkeypatch.setattr(lab.clock, "sleep", lambda _seconds: stop.set())
    done = applied(lab, changes, stop)
    assert lab.writes() == ["CreateKey"]
    assert done.changes[0].status == "failed"
    assert done.errors[0].endswith("The run was interrupted.")


def test_the_trails_of_all_accounts_are_polled_together(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    account, snapshot = account_of(lab := load("fresh"))
    since = datetime.now(timezone.utc)
    delivered = TrailStatus(is_logging=True, latest_delivery_time=since + timedelta(minutes=1))
    of = ("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus", HOME)
    denied = ReadError(*of, code="AccessDeniedException", message="no")
    busy = ReadError(*of, code="ThrottlingException", message="slower")
    late = replace(delivered, latest_delivery_time=since)
    answers: dict[str, list[TrailStatus | ReadError]] = {
        "early": [delivered],
        "later": [late, late, delivered],
        "denied": [denied],
        "busy": [busy] * 99,
        "failing": [replace(delivered, latest_delivery_error="AccessDenied")] * 99,
        "off": [],
    }
    asked: Counter[str] = Counter()

    def status(_access: Access, _region: str, arn: str) -> TrailStatus | ReadError:
        asked[arn] += 1
        return answers[arn][asked[arn] - 1]

    replace_everywhere(monkeypatch, _calls.trail_status, status)
    logging = {name: replace(snapshot.trails[0], arn=name, status=delivered) for name in answers}
    logging["off"] = replace(logging["off"], status=replace(delivered, is_logging=False))
    deliveries = [(account, [trail], since) for trail in logging.values()]
    wait_for_deliveries(deliveries, lab.clock.pace(30))
    assert asked == {"early": 1, "later": 3, "denied": 1, "busy": 5, "failing": 5}
    assert lab.clock.now == 1 + 2 + 4 + 8
