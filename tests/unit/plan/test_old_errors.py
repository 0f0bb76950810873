# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which delivery errors a plan sets aside: those that its changes explain away, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    KeyLookup,
    Missing,
    ReadError,
    Snapshot,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import without_old_errors
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.checks import build
from tests.unit.plan.build import BARE, GIVEN, NOTHING, OTHER_ARN, plan, target

EARLIER, LATER = build.NOW - timedelta(hours=3), build.NOW + timedelta(minutes=6)
FAILING = TrailStatus(is_logging=True, latest_delivery_time=EARLIER, latest_delivery_error="AccessDenied")
FAILED: dict[str, Any] = {"status": FAILING}
LACKING = build.key_policy(build.DESCRIBE, build.DECRYPT)
READERS = Settings(readers=(build.ROLE_ARN,))
DENY_PUT = {
    "Sid": "No",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:PutObject",
    "Resource": "arn:aws:s3:::logs/*",
}
ENCRYPTION = "s3:x-amz-server-side-encryption"


def bucket_with(statement: dict[str, Any]) -> dict[str, Any]:
    """The bucket with one more statement in its policy."""
    return {"policy": build.policy(*json.loads(build.BUCKET_POLICY)["Statement"], statement)}


ONLY_KMS = bucket_with({**DENY_PUT, "Condition": {"StringNotEquals": {ENCRYPTION: "aws:kms"}}})
UNREAD = {"policy": build.denied("s3", "GetBucketPolicy", "s3:GetBucketPolicy")}
CLOSED = bucket_with(DENY_PUT)
REVIVE = EnforceRequest(allow_enable_key=True)


OPENED = replace(
    plan(build.snapshot(FAILED, LACKING)).changes[0], operation="PutBucketPolicy", resource="arn:aws:s3:::logs"
)


def errors(read: Snapshot) -> dict[str, str | None]:
    """The delivery errors by the names of the trails."""
    return {
        each.name: each.status.latest_delivery_error for each in read.trails if isinstance(each.status, TrailStatus)
    }


@pytest.mark.parametrize(
    ("snapshot", "request_", "lookup", "settings", "error"),
    [
        pytest.param(build.snapshot(FAILED, LACKING), None, NOTHING, None, None, id="key policy"),
        pytest.param(build.snapshot(FAILED, {"state": "Disabled"}), REVIVE, NOTHING, None, None, id="disabled"),
        pytest.param(build.snapshot(FAILED, Missing("gone")), None, NOTHING, None, None, id="missing key"),
        pytest.param(
            build.snapshot(FAILED),
            GIVEN,
            target(),
            Settings(approved_keys=(OTHER_ARN,)),
            None,
            id="another key",
        ),
        pytest.param(build.snapshot({**FAILED, **BARE}, bucket=ONLY_KMS), None, NOTHING, None, None, id="only kms"),
        pytest.param(build.snapshot({**FAILED, **BARE}), None, NOTHING, None, "AccessDenied", id="first key"),
        pytest.param(
            build.snapshot({**FAILED, **BARE}, bucket=UNREAD), None, NOTHING, None, "AccessDenied", id="unread"
        ),
        pytest.param(build.snapshot(FAILED), None, NOTHING, READERS, "AccessDenied", id="reader"),
        pytest.param(
            build.snapshot(FAILED, build.key_policy(build.ENCRYPT, build.DECRYPT)),
            None,
            NOTHING,
            Settings(levels={"key_policy_allows_describe": "required"}),
            "AccessDenied",
            id="describe",
        ),
        pytest.param(
            build.snapshot(FAILED, LACKING, CLOSED),
            None,
            NOTHING,
            Settings(levels={"bucket_policy_accepts_key": "off"}),
            "AccessDenied",
            id="closed bucket",
        ),
    ],
)
def test_an_error_goes_with_what_explained_it(
    snapshot: Snapshot, request_: EnforceRequest | None, lookup: KeyLookup, settings: Settings | None, error: str | None
) -> None:
    planned = plan(snapshot, request_, lookup, settings)
    assert planned.changes
    assert planned.refusals == ()
    assert errors(planned.predicted) == {"main": error}


def two(second: dict[str, Any], key: dict[str, Any] | None = None) -> Snapshot:
    """The failing trail, and another one that delivers."""
    arn = build.TRAIL_ARN.replace("main", "second")
    read = build.snapshot(FAILED, key)
    policy = build.BUCKET_POLICY.replace(f'"{build.TRAIL_ARN}"', json.dumps([build.TRAIL_ARN, arn]))
    bucket = replace(build.BUCKET, policy=policy)
    trail = replace(build.TRAIL, arn=arn, name="second", **second)
    return replace(read, trails=(*read.trails, trail), buckets={"logs": bucket})


@pytest.mark.parametrize("second", [{}, BARE], ids=["on it", "joining"])
def test_what_is_done_for_another_trail_of_the_key_explains_nothing(second: dict[str, Any]) -> None:
    request = EnforceRequest(key=None, key_id=build.KEY_ARN)
    planned = plan(two(second), request, KeyLookup(build.KEY))
    assert (planned.changes[0].operation, planned.changes[0].resource) == ("PutKeyPolicy", build.KEY_ARN)
    assert errors(planned.predicted) == {"main": "AccessDenied", "second": None}


def read_after(**status: Any) -> TrailStatus:
    """What is said of the trail when it is read after its key policy was repaired, its status having these fields."""
    before = build.snapshot(FAILED, LACKING)
    planned = plan(before)
    after = replace(planned.predicted, trails=(replace(before.trails[0], status=replace(FAILING, **status)),))
    (trail,) = without_old_errors(before, after, planned.changes, build.NOW).trails
    assert isinstance(trail.status, TrailStatus)
    return trail.status


def test_an_error_that_may_be_of_an_earlier_attempt_is_set_aside() -> None:
    assert read_after().latest_delivery_error is None
    assert not read_after().is_of_key


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"latest_delivery_time": LATER}, id="after a delivery since"),
        pytest.param({"latest_delivery_error": "KMS.NotFoundException"}, id="another error than before"),
    ],
)
def test_an_error_of_an_attempt_since_stays(status: dict[str, Any]) -> None:
    said = read_after(**status)
    assert said.latest_delivery_error == {"latest_delivery_error": "AccessDenied", **status}["latest_delivery_error"]


@pytest.mark.parametrize("delivered", [None, EARLIER, LATER])
def test_an_error_of_digests_is_new_where_it_was_not_there_before(delivered: Any) -> None:
    said = read_after(latest_digest_delivery_error="AccessDenied", latest_digest_delivery_time=delivered)
    assert (said.latest_delivery_error, said.latest_digest_delivery_error) == (None, "AccessDenied")


@pytest.mark.parametrize(
    ("logs", "digests", "expected"),
    [
        (EARLIER, EARLIER, (None, None)),
        (LATER, EARLIER, ("AccessDenied", None)),
        (EARLIER, LATER, (None, "AccessDenied")),
    ],
)
def test_logs_and_digests_are_told_apart(logs: Any, digests: Any, expected: tuple[str | None, str | None]) -> None:
    failing = replace(FAILING, latest_digest_delivery_error="AccessDenied", latest_digest_delivery_time=EARLIER)
    before = build.snapshot({"status": failing, "log_file_validation": True}, LACKING)
    planned = plan(before)
    status = replace(failing, latest_delivery_time=logs, latest_digest_delivery_time=digests)
    after = replace(planned.predicted, trails=(replace(before.trails[0], status=status),))
    (trail,) = without_old_errors(before, after, planned.changes, build.NOW).trails
    assert isinstance(trail.status, TrailStatus)
    assert (trail.status.latest_delivery_error, trail.status.latest_digest_delivery_error) == expected


def test_an_error_that_the_first_key_brings_stays() -> None:
    """Before its first key the trail delivered; what is wrong with the key no policy shows."""
    before = build.snapshot(BARE)
    planned = plan(before)
    moved = replace(planned.predicted.trails[0], status=FAILING)
    after = without_old_errors(before, replace(planned.predicted, trails=(moved,)), planned.changes, build.NOW)
    assert errors(after) == {"main": "AccessDenied"}
    assert assess(after, Settings()).verdict == "non_compliant"


def test_a_policy_of_the_bucket_that_was_opened_explains_an_error() -> None:
    closed, opened = build.snapshot(FAILED, bucket=CLOSED), build.snapshot(FAILED)
    assert errors(without_old_errors(closed, opened, [OPENED], build.NOW)) == {"main": None}
    assert errors(without_old_errors(closed, closed, [OPENED], build.NOW)) == {"main": "AccessDenied"}


def test_a_policy_that_could_not_be_read_before_explains_nothing() -> None:
    after = without_old_errors(build.snapshot(FAILED, bucket=UNREAD), build.snapshot(FAILED), [OPENED], build.NOW)
    assert errors(after) == {"main": "AccessDenied"}


def test_a_folder_of_digests_that_was_opened_explains_an_error() -> None:
    """Before its first key no rule judges the bucket of a trail."""
    failing = replace(FAILING, latest_delivery_error=None, latest_digest_delivery_error="AccessDenied")
    before = build.snapshot(
        {**BARE, "status": failing, "log_file_validation": True},
        bucket={"policy": build.BUCKET_POLICY.replace("/*", "/CloudTrail/*")},
    )
    planned = plan(build.snapshot(BARE))
    trails = (replace(before.trails[0], kms_key_arn=planned.predicted.trails[0].kms_key_arn),)
    after = without_old_errors(before, replace(planned.predicted, trails=trails), planned.changes, build.NOW)
    assert assess(after, Settings()).verdict == "compliant"


def test_a_status_that_was_not_read_before_explains_nothing() -> None:
    unread: ReadError = build.denied("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus")
    before = build.snapshot({"status": unread}, LACKING)
    planned = plan(before)
    after = replace(planned.predicted, trails=(replace(before.trails[0], status=FAILING),))
    assert errors(without_old_errors(before, after, planned.changes, build.NOW)) == {"main": "AccessDenied"}
