# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An unforeseen error while a sweep reads buckets fails one account, and no other account waits for it forever."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _resources, _sweep
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import open_and_read
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.conftest import MANAGEMENT, PRODUCTION, Change, Load
from tests.unit.aws.sweeping import STAGING, row, swept


def common_bucket(scenario: dict[str, Any]) -> None:
    """Two accounts deliver to one bucket, whose name does not tell its owner."""
    scenario["buckets"]["common"] = {"account": "log-archive", "name": "common-logs"}
    scenario["keys"]["common"] = {"account": "production"}
    scenario["trails"] = {
        name: {"account": name, "bucket": "common", "key": "common"} for name in ("production", "staging")
    }


def test_an_account_whose_central_bucket_is_read_anew_ends_alone(
    changed: Callable[[Change], FakeAws], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = _sweep.with_proofs

    def with_proofs(pool: Any, account: Any, *given: Any) -> Any:
        if account.account_id == PRODUCTION:
            raise ZeroDivisionError("nobody foresaw this")
        return original(pool, account, *given)

    monkeypatch.setattr(_sweep, "with_proofs", with_proofs)
    document = swept(changed(common_bucket))
    assert [row(document, each)["verdict"] for each in (PRODUCTION, STAGING)] == ["unknown", "compliant"]
    (error,) = row(document, PRODUCTION)["errors"]
    assert error["message"].startswith("ZeroDivisionError: nobody foresaw this")


def test_the_search_for_the_owner_of_a_central_bucket_goes_on(
    changed: Callable[[Change], FakeAws], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = _sweep._Sweep._seen_by

    def seen_by(self: Any, owner: str, bucket: Any) -> Any:
        if owner == MANAGEMENT:
            raise ZeroDivisionError("nobody foresaw this")
        return original(self, owner, bucket)

    monkeypatch.setattr(_sweep._Sweep, "_seen_by", seen_by)
    document = swept(changed(common_bucket))
    assert [row(document, each)["verdict"] for each in (PRODUCTION, STAGING)] == ["compliant", "compliant"]


def test_a_bucket_whose_reads_cannot_be_started_is_given_up(load: Load) -> None:
    account, _snapshot = open_and_read(caller(load("healthy")), Scope())
    closed, shared = ThreadPoolExecutor(1), _resources.Shared()
    closed.shutdown()
    record = {"S3BucketName": "logs", "HomeRegion": "eu-central-1"}
    with pytest.raises(RuntimeError):
        _resources.read_keys_and_buckets(closed, account, [record], shared)
    fact, mine = shared.claim("logs")
    assert (mine, fact.done(), isinstance(fact.result(timeout=0), ReadError)) == (False, True, True)
