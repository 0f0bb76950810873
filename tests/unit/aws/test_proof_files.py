# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files count as logs that a trail delivered, and which events leave logs beside them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _history, _pace
from tests.fakeaws.client import FakeAws
from tests.unit.aws.test_proof import CHANGED, TRAIL, Proving
from tests.unit.enforce.lab import Clock, Lab
from tests.unit.test_arguments import params


@pytest.fixture
def proving(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)
    return Proving(server, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "2099/01/01/zz.json.gz",
        "{now:%Y/%m/%d}/111111111111_CloudTrail_eu-central-1_20991399T9999Z_AbCdEfGhIjKlMnOp.json.gz",
        "2099/01/01/111111111111_CloudTrail_eu-central-1_20990101T0000Z_AbCdEfGhIjKlMnOp.json.gz",
        "{old:%Y/%m/%d}/111111111111_CloudTrail_eu-central-1_{old:%Y%m%dT%H%M}Z_AbCdEfGhIjKlMnOp.json.gz",
    ],
)
def test_files_that_do_not_lie_there_since_the_time_in_their_names_do_not_count(name: str, proving: Proving) -> None:
    """The last is an old log that was encrypted anew in its place, a moment ago."""
    assert put(proving, name) not in asked(proving)


def test_a_file_of_this_minute_counts(proving: Proving) -> None:
    name = "{now:%Y/%m/%d}/111111111111_CloudTrail_eu-central-1_{now:%Y%m%dT%H%M}Z_AbCdEfGhIjKlMnOp.json.gz"
    assert put(proving, name) in asked(proving)


def asked(proving: Proving) -> list[str]:
    """The files whose encryption an audit asks for."""
    proving.finding("objects")
    return [call["parameters"]["Key"] for call in proving.aws.calls() if call["action"] == "HeadObject"]


def put(proving: Proving, name: str) -> str:
    """Put a file beside a log of two minutes ago and return its name; `now` and `old` in it are moments."""
    proving.load(trails={"main": TRAIL | {"log_age": 2}})
    now = datetime.now(timezone.utc)
    key = f"AWSLogs/111111111111/CloudTrail/eu-central-1/{name.format(now=now, old=now - timedelta(hours=3))}"
    s3 = Lab(proving.aws, Clock()).client("s3", "eu-central-1")
    s3.put_object(Bucket="logs-111111111111", Key=key, Body=b"x")
    return key


def test_a_trail_that_was_not_requested_may_deliver_there_too(proving: Proving) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | {"log_age": 300}, "other": TRAIL | {"log_age": 5}})
    (row,) = proving.audit(params(proof="objects", trails=["main"]))["accounts"]
    (trail,) = row["trails"]
    found = {each["rule"]: each["status"] for each in trail["findings"]}
    assert (trail["name"], found["encryption_is_proven"]) == ("main", "unknown")


@pytest.mark.parametrize(
    ("parameters", "concerns"),
    [({"name": "other", "s3BucketName": "else"}, True), ({"name": "other", "kmsKeyId": "k"}, False)],
)
def test_where_another_trail_delivered_until_now_its_logs_may_lie(parameters: dict[str, str], concerns: bool) -> None:
    row = {
        "EventName": "UpdateTrail",
        "EventId": "e",
        "EventTime": datetime.now(timezone.utc),
        "CloudTrailEvent": json.dumps({"requestParameters": parameters}),
    }
    (event,), _token = _history._events_of({"Events": [row]})
    thing = _history.Thing("cloudtrail", frozenset({"main"}), "111111111111", "eu-central-1")
    assert _history._may_concern(event, thing) is concerns
