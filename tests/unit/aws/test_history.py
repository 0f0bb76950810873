# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of an event is kept what it is about, whatever its record holds."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _history


@pytest.mark.parametrize("record", [None, "", "{", "[]", '{"requestParameters": [], "resources": {}}', "[" * 100_000])
def test_an_event_whose_record_is_strange_may_be_about_anything(record: str | None) -> None:
    row = {
        "EventName": "PutKeyPolicy",
        "EventId": "e",
        "EventTime": datetime.now(timezone.utc),
        "CloudTrailEvent": record,
    }
    (event,), token = _history._events_of({"Events": [row]})
    assert (event.names, token) == (frozenset(), None)


def test_of_a_record_is_kept_what_is_asked_later_and_no_more() -> None:
    """S3 takes policies of 20 KB and CloudTrail records each: a sweep may read thousands, and keeps what it reads."""
    policy = {"Action": [f"s3:Get{number}" for number in range(2_000)]}
    for outcome in ({}, {"errorCode": "AccessDenied"}):
        record = {"requestParameters": {"bucketName": "logs", "bucketPolicy": policy}, **outcome}
        row = {"EventName": "PutBucketPolicy", "EventId": "1", "EventTime": datetime(2026, 11, 1, tzinfo=timezone.utc)}
        assert len(pickle.dumps(_history._event({**row, "CloudTrailEvent": json.dumps(record)}))) < 1_000


@pytest.mark.parametrize(
    ("parameters", "leaves"),
    [
        ({"s3BucketName": "logs"}, True),
        ({"s3KeyPrefix": ""}, True),
        ({"isMultiRegionTrail": False}, True),
        ({"isOrganizationTrail": True}, True),
        ({"kmsKeyId": "alias/trail", "s3KeyPrefix": None}, False),
    ],
)
def test_what_decides_where_a_trail_delivers_may_leave_logs(parameters: dict[str, Any], leaves: bool) -> None:
    record = json.dumps({"requestParameters": {"name": "other", **parameters}})
    row = {"EventName": "UpdateTrail", "EventId": "1", "EventTime": datetime(2026, 11, 1, tzinfo=timezone.utc)}
    assert _history._event({**row, "CloudTrailEvent": record}).leaves_logs == leaves


@pytest.mark.parametrize("year", [1, 9999])
def test_no_event_has_a_time_that_no_arithmetic_survives(year: int) -> None:
    at = datetime(year, 12, 31, tzinfo=timezone.utc)
    with pytest.raises(ValueError, match=f"{year:04}-12-31"):
        _history._event({"EventName": "UpdateTrail", "EventId": "1", "EventTime": at})
    with pytest.raises(ValueError, match=f"{year:04}-12-31"):
        _history._use_of({"KeyLastUsage": {"Operation": "Decrypt", "Timestamp": at, "CloudTrailEventId": "1"}})
