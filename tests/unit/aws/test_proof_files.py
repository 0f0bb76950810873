# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files count as logs that a trail delivered, and which events leave logs beside them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _history, _pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._resources import Account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import LastChange
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.test_proof import CHANGED, TRAIL, Proving
from tests.unit.enforce.lab import Clock, Lab
from tests.unit.test_arguments import params, sweep_params


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
    """The last is an old log that was encrypted anew in its place, a moment ago: of the hour that is listed."""
    put_there = put(proving, name)
    (newest,) = (name for name in asked(proving) if "/CloudTrail/" in name)
    assert newest != put_there


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
    key = f"AWSLogs/111111111111/CloudTrail/eu-central-1/{name.format(now=now, old=now - timedelta(minutes=50))}"
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


HOUR, NOW_KEY = timedelta(hours=1), "arn:aws:kms:eu-central-1:111111111111:key/k"


def update(hours: int, request: dict[str, str], key: str | None, name: str = "UpdateTrail") -> dict[str, object]:
    """An event of the trail, so many hours ago, whose answer has this key."""
    answer = {"name": "main", **({"kmsKeyId": key} if key else {})}
    record = {"requestParameters": {"name": "main", **request}, "responseElements": answer}
    at = datetime(2026, 11, 29, tzinfo=timezone.utc) - hours * HOUR
    return {"EventName": name, "EventId": f"e-{hours}", "EventTime": at, "CloudTrailEvent": json.dumps(record)}


def test_that_one_account_may_not_ask_keeps_no_other_from_asking(proving: Proving) -> None:
    proving.load()
    access, history = caller(proving.aws), _history.History()
    thing = _history.Thing("cloudtrail", frozenset({"main"}), "111111111111", "eu-central-1")
    refused = history.last_change(Account("222222222222", "aws", access), thing)
    assert getattr(refused, "code", None) == "NotAsked"
    assert isinstance(history.last_change(Account("111111111111", "aws", access), thing), LastChange)


OTHER_KEY, SET = NOW_KEY + "2", {"kmsKeyId": "alias/x"}


@pytest.mark.parametrize(
    ("events", "hours"),
    [
        ([update(3, SET, NOW_KEY)], 3),
        ([update(9, {}, None), update(3, SET, NOW_KEY), update(2, {}, NOW_KEY)], 3),
        ([update(9, SET, NOW_KEY), update(7, SET, OTHER_KEY), update(3, SET, NOW_KEY)], 3),
        ([update(9, {}, NOW_KEY), update(3, SET, NOW_KEY)], None),
        ([update(9, SET, NOW_KEY, "CreateTrail"), update(3, SET, NOW_KEY)], None),
        ([update(3, SET, NOW_KEY), update(2, SET, OTHER_KEY)], None),
        ([], None),
    ],
)
def test_since_when_a_trail_has_its_key(
    events: list[dict[str, object]], hours: int | None, proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a trail that had the key before, or has another by now, nobody knows."""
    proving.load()
    access = caller(proving.aws)

    def send(_self: object, _service: str, _region: str, _operation: str, **parameters: Any) -> dict[str, Any]:
        name = parameters["LookupAttributes"][0]["AttributeValue"]
        return {"Events": [each for each in events if each["EventName"] == name]}

    monkeypatch.setattr(_access.Access, "send", send)
    thing = _history.Thing("cloudtrail", frozenset({"main"}), "111111111111", "eu-central-1")
    account = Account("111111111111", "aws", access)
    since = _history.History().key_since(account, thing, NOW_KEY)
    assert since == (None if hours is None else datetime(2026, 11, 29, tzinfo=timezone.utc) - hours * HOUR)


def test_the_finding_names_the_moment_of_the_event(proving: Proving) -> None:
    given = {"event": "cloudtrail:UpdateTrail", "on": "main", "key": "trail-key", "minutes_ago": 600}
    proving.load(events=[given])
    found = proving.finding("events")
    assert (found["status"], "Older logs may" in found["message"]) == ("pass", True)
    assert len(found["evidence"]["older_logs"]) == 5


def organization(members: int) -> dict[str, Any]:
    """A scenario of an organization trail, and as many members."""
    ids = ["111111111111", *(f"{number:012d}" for number in range(1, members + 1))]
    accounts = [{"id": each, "name": f"a{each}", "regions": ["eu-central-1"]} for each in ids]
    return {
        "accounts": accounts,
        "organization": {"management": accounts[0]["name"]},
        "roles": {"Audit": {"accounts": [each["name"] for each in accounts]}},
        "trails": {"main": TRAIL | {"organization": True}},
    }


@pytest.mark.parametrize(("members", "folders"), [(3, 4), (25, 10)])
def test_of_an_organization_trail_some_members_are_asked(members: int, folders: int, proving: Proving) -> None:
    scenario = organization(members)
    proving.load(**scenario)
    options = sweep_params(
        proof="objects",
        accounts=[each["id"] for each in scenario["accounts"]],
        assume_role={"role_name": "Audit", "session_name": "audit", "external_id": None},
    )
    rows = proving.audit(options)["accounts"]
    owner = next(row for row in rows if row["account_id"] == "111111111111")
    found = next(each for each in owner["trails"][0]["findings"] if each["rule"] == "encryption_is_proven")
    assert (found["status"], len(found["evidence"]["folders"])) == ("pass", folders)
    assert proving.calls()["s3:HeadObject"] == folders + 1  # and the digest file of the owner


def test_of_an_organization_trail_alone_no_member_is_asked(proving: Proving) -> None:
    proving.load(**organization(3))
    found = proving.finding("objects")
    (folder,) = found["evidence"]["folders"]
    assert folder.endswith("/111111111111/CloudTrail/eu-central-1")
