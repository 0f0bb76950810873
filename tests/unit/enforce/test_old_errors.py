# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A delivery error that lasts: no policy shows its cause, a resource control policy for example."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.enforce.lab import HOME, Lab
from tests.unit.enforce.many import served
from tests.unit.enforce.test_other_accounts import STAGING

WAYS: list[dict[str, Any]] = [{"check_mode": True}, {}, {"wait": True}]
READERS = Settings(readers=("arn:aws:iam::111111111111:role/LogAuditor",))


def refuse(monkeypatch: pytest.MonkeyPatch, name: str = "main", *, begin: Callable[[], bool] = lambda: True) -> None:
    """Let GetTrailStatus show for a trail that every delivery is refused, and was hours ago, once that has begun."""
    original, old = Access.send, datetime.now(timezone.utc) - timedelta(hours=3)

    def send(self: Access, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        answer = original(self, service, region, operation, **parameters)
        if operation == "GetTrailStatus" and str(parameters["Name"]).endswith(f"/{name}") and begin():
            return {**answer, "LatestDeliveryError": "AccessDenied", "LatestDeliveryTime": old}
        return answer

    monkeypatch.setattr(Access, "send", send)


def delivering(account: AccountVerdict | None) -> dict[str, str]:
    """Whether the trails deliver, by name."""
    assert account is not None
    return {
        trail.trail.name: each.status
        for trail in account.trails
        for each in trail.findings
        if each.rule == "trail_is_delivering"
    }


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_reader_that_is_added_ends_no_error(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]
) -> None:
    lab = load("reader-missing")
    refuse(monkeypatch)
    done = lab.enforce(settings=READERS, **way)
    assert [each.operation for each in done.changes] == ["PutKeyPolicy"]
    assert (delivering(done.before), delivering(done.after)) == ({"main": "fail"},) * 2
    assert done.after is not None
    assert done.after.verdict == "non_compliant"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_trail_that_joins_the_key_ends_no_error_of_another(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]
) -> None:
    lab = load("healthy")
    ((arn, trail),) = lab.trails().items()
    s3, bucket = lab.client("s3", HOME), trail["S3BucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"].replace(arn, f"{arn.rpartition('/')[0]}/*")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy.replace("StringEquals", "StringLike"))
    lab.client("cloudtrail", HOME).create_trail(Name="second", S3BucketName=bucket)
    lab.client("cloudtrail", HOME).start_logging(Name="second")
    refuse(monkeypatch)
    done = lab.enforce(request=EnforceRequest(key=None, key_id=trail["KmsKeyId"]), **way)
    assert [each.operation for each in done.changes] == ["PutKeyPolicy", "UpdateTrail"]
    assert delivering(done.after) == {"main": "fail", "second": "pass"}
    assert done.after is not None
    assert done.after.verdict == "non_compliant"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_key_policy_that_is_repaired_explains_the_error(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]
) -> None:
    """AWS does not say when it failed: after a wait, what is known is said."""
    lab = load("policy-lacking")
    refuse(monkeypatch)
    done = lab.enforce(**way)
    assert (delivering(done.before), delivering(done.after)) == ({"main": "fail"}, {"main": "pass"})
    warnings = [each for each in map(str, done.warnings) if "not yet proven" in each]
    assert len(warnings) == (way == {"wait": True})
    assert all(
        "GetTrailStatus shows the error AccessDenied, and does not say when it came." in each for each in warnings
    )


@pytest.mark.parametrize("wait", [False, True])
def test_an_error_that_comes_with_the_first_key_is_none_from_before(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, *, wait: bool
) -> None:
    lab = load("fresh")
    refuse(monkeypatch, begin=lambda: "UpdateTrail" in lab.writes())
    done = lab.enforce(wait=wait)
    assert (delivering(done.before), delivering(done.after)) == ({"main": "pass"}, {"main": "fail"})


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_a_reader_on_a_shared_key_ends_no_error_of_any_account(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]
) -> None:
    lab = load("central-key")
    served(lab)
    refuse(monkeypatch, "staging-trail")
    reader = Settings(readers=(f"arn:aws:iam::{STAGING}:role/CloudTrailKmsEnforce",))
    done = served(lab, settings=reader, **way)
    assert [change.operation for _owner, key in done.keys for change in key.changes] == ["PutKeyPolicy"]
    told = {name: status for each in done.accounts.values() for name, status in delivering(each.after).items()}
    assert told == {"production-trail": "pass", "staging-trail": "fail", "sandbox-trail": "pass"}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_policy_that_goes_back_ends_no_error(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]
) -> None:
    lab = load("reader-missing")
    backup = lab.enforce(settings=READERS).backup
    refuse(monkeypatch)
    done = lab.enforce(request=EnforceRequest(key=None), restore=backup, **way)
    assert [each.operation for each in done.changes] == ["PutKeyPolicy"]
    assert delivering(done.after) == {"main": "fail"}
