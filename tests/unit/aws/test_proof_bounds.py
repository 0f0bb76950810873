# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories and folders without end, clocks that differ, and an audit that asks for no proof."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _history, _pace, _proofs
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.test_proof import CHANGED, LAST_USE, TRAIL, Proving
from tests.unit.modules import clock_off_by
from tests.unit.test_arguments import params

MANY = 10_000


@pytest.fixture
def proving(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)
    return Proving(server, tmp_path)


def history_of(name: str, resource: str | None, begins: datetime) -> list[dict[str, Any]]:
    """So many events of a name, one a minute, the most recent first; they name a resource, or nothing."""
    record = json.dumps({"requestParameters": {"bucketName": resource} if resource else None})
    return [
        {
            "EventId": f"e-{number}",
            "EventName": name,
            "EventTime": begins - timedelta(minutes=number),
            "CloudTrailEvent": record,
        }
        for number in range(MANY)
    ]


@pytest.mark.parametrize(
    ("resource", "ages", "found"),
    [
        pytest.param("others", (0, 5), ("pass", "since when no change of"), id="of another"),
        pytest.param("others", (0, 1100), ("unknown", "No log is known"), id="of another, and an older log"),
        pytest.param("logs-111111111111", (60, 5), ("pass", "PutBucketPolicy at"), id="of this, an hour ago"),
        pytest.param("logs-111111111111", (0, 5), ("unknown", "PutBucketPolicy at"), id="of this, until now"),
        pytest.param(None, (0, 5), ("unknown", "PutBucketPolicy at"), id="of nothing that is named"),
    ],
)
def test_of_ten_thousand_events_a_thousand_are_read(
    resource: str | None,
    ages: tuple[int, int],
    found: tuple[str, str],
    proving: Proving,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of what lies before the oldest that was read nothing is said: a log from then proves nothing."""
    (begins, age), (status, words) = ages, found
    proving.load(trails={"main": TRAIL | {"log_age": age}})
    events = history_of("PutBucketPolicy", resource, datetime.now(timezone.utc) - timedelta(minutes=begins))
    send, pages = _access.Access.send, list[int]()

    def sent(self: Any, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation != "LookupEvents" or "PutBucketPolicy" not in str(parameters):
            return send(self, service, region, operation, **parameters)
        pages.append(int(parameters.get("NextToken", 0)))
        after = pages[-1] + _history.PAGE
        return {"Events": events[pages[-1] : after], **({"NextToken": str(after)} if after < MANY else {})}

    monkeypatch.setattr(_access.Access, "send", sent)
    told = proving.finding("events")
    assert told["status"] == status
    assert words in told["message"]
    assert pages == [number * _history.PAGE for number in range(_history.MOST_PAGES)]


def test_a_folder_whose_list_never_ends_is_unknown(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | {"log_age": 62}})
    send, listed = _access.Access.send, [0]

    def sent(self: Any, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation != "ListObjectsV2":
            return send(self, service, region, operation, **parameters)
        listed[0] += 1
        return {"Contents": [], "IsTruncated": True, "NextContinuationToken": str(listed[0])}

    monkeypatch.setattr(_access.Access, "send", sent)
    found = proving.finding("objects")
    assert found["status"] == "unknown"
    assert "holds more than 5,000 objects since" in found["message"]
    assert listed[0] == 2 * _proofs.MOST_PAGES  # the logs, and the digest files


@pytest.mark.parametrize("minutes", [-14, -4, 4, 14])
@pytest.mark.parametrize(
    ("expected", "scenario"),
    [
        (("events", "pass"), {}),
        (("objects", "pass"), {}),
        (("events", "unknown"), {"events": [CHANGED | {"minutes_ago": 3}]}),
        (("events", "pass"), {"events": [CHANGED, LAST_USE], "trails": {"main": TRAIL | {"log_age": 62}}}),
        (("objects", "fail"), {"events": [CHANGED], "trails": {"main": TRAIL | {"log_key": "old-key"}}}),
    ],
)
def test_the_clock_of_this_machine_changes_nothing(
    minutes: int, expected: tuple[str, str], scenario: dict[str, Any], proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof, status = expected
    proving.load(**scenario)
    caller(proving.aws).clients.clock = _access.Clock()
    clock_off_by(monkeypatch, timedelta(minutes=minutes))
    assert proving.finding(proof)["status"] == status


def test_without_proof_an_audit_makes_the_calls_that_docs_count(proving: Proving) -> None:
    """docs/scale.md, "What it costs": ten calls and one for each of 17 regions, here by the caller's own role."""
    proving.load()
    proving.audit(params())
    once = (
        "sts:GetCallerIdentity",
        "ec2:DescribeRegions",
        "cloudtrail:GetTrailStatus",
        "kms:DescribeKey",
        "kms:ListAliases",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "s3:HeadBucket",
        "s3:GetBucketPolicy",
        "s3:GetBucketEncryption",
    )
    assert proving.calls() == Counter(dict.fromkeys(once, 1) | {"cloudtrail:DescribeTrails": 17})
