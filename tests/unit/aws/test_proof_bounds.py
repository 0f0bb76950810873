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

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _history,
    _newest_files,
    _pace,
)
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


def without_end(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Let every page of a list hold an object of this name, whatever its prefix; return the list of their numbers."""
    send, pages = _access.Access.send, list[int]()

    def sent(self: Any, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation != "ListObjectsV2":
            return send(self, service, region, operation, **parameters)
        pages.append(len(pages))
        row = {"Key": parameters["Prefix"] + name, "LastModified": datetime.now(timezone.utc)}
        return {"Contents": [row], "IsTruncated": True, "NextContinuationToken": str(len(pages))}

    monkeypatch.setattr(_access.Access, "send", sent)
    return pages


def test_a_folder_whose_list_never_ends_is_unknown(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | {"log_age": 62}})
    listed = without_end(monkeypatch, "2000/01/01/x")
    found = proving.finding("objects")
    assert found["status"] == "unknown"
    assert "holds more than 5,000 objects since" in found["message"]
    assert "Find out who writes other objects" in found["remediation"]
    assert len(listed) == 2 * _newest_files.MOST_PAGES  # the logs, and the digest files


@pytest.mark.parametrize("name", ["zzz", "2999/01/01/x"])
def test_names_that_sort_behind_the_last_day_are_not_paged_through(
    name: str, proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | {"log_age": 62}})
    listed = without_end(monkeypatch, name)
    assert "objects since" not in proving.finding("objects")["message"]
    assert len(listed) == 3 + 2  # one page for each window: of the logs, and of the digest files


def test_trails_that_deliver_to_the_same_folders_share_what_is_read_of_them(proving: Proving) -> None:
    trail = TRAIL | {"validation": False, "multi_region": True}
    counts = []
    for number in (1, 3):
        proving.load(trails={f"trail-{each}": trail for each in range(number)})
        assert proving.finding("objects", "trail-0")["status"] == "pass"
        counts.append((proving.calls()["s3:ListObjectsV2"], proving.calls()["s3:HeadObject"]))
    assert counts[0] == counts[1]


def test_of_one_account_no_more_is_listed_than_it_may_hold_others_up(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | {"log_age": 62, "multi_region": True}})
    monkeypatch.setattr(_newest_files, "MOST_LISTS", 5)
    found = proving.finding("objects")
    assert proving.calls()["s3:ListObjectsV2"] == 5
    assert found["status"] == "unknown"
    assert "5 calls were made to list the folders of the account's trails" in found["message"]
    assert "Find out who writes other objects" in found["remediation"]


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
    proving.aws.reset("one-trail-17-regions")
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
