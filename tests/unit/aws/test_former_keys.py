# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that no trail uses any more, and that the logs of the past need: read with proof, told of the account."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _pace, _proofs
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._notes import account_notes
from tests.fakeaws.client import FakeAws
from tests.unit.aws.test_proof import TRAIL, Proving
from tests.unit.test_arguments import params

HAD = {"event": "cloudtrail:UpdateTrail", "on": "main", "key": "old-key", "minutes_ago": 600}
DAY = timedelta(days=1)


@pytest.fixture
def proving(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)
    return Proving(server, tmp_path)


def former(proving: Proving, state: str, proof: str = "events", **scenario: Any) -> tuple[dict[str, Any], ...]:
    """The old keys that an audit tells of, where the trail had one that is in this state now."""
    proving.load(**{"events": [HAD], "keys": {"trail-key": {}, "old-key": {"state": state}}, **scenario})
    (row,) = proving.audit(params(proof=proof))["accounts"]
    assert row["verdict"] == "compliant"
    return tuple(row.get("former_keys", ()))


@pytest.mark.parametrize(("state", "commands"), [("Disabled", 1), ("PendingDeletion", 2)])
def test_a_key_that_old_logs_need_is_told_with_its_date(state: str, commands: int, proving: Proving) -> None:
    (key,) = former(proving, state)
    assert (key["state"], key["trail"]) == (state, "main")
    now = datetime.now(timezone.utc)
    assert abs(now - timedelta(minutes=600) - datetime.fromisoformat(key["since"])) < timedelta(minutes=1)
    if state == "PendingDeletion":
        assert now < datetime.fromisoformat(key["deletion_date"]) < now + 31 * DAY
    (note,) = account_notes({"verdict": "compliant", "former_keys": [key], "errors": [], "trails": []})
    assert (note.mark, note.subject, note.command.count("aws kms ")) == ("advice", "keys_of_old_logs", commands)
    assert note.to_do.endswith(f": {note.command}")
    assert key["arn"] in note.text
    assert (key["deletion_date"] or "is Disabled") in note.text


def test_a_key_in_use_or_in_order_is_not_told(proving: Proving) -> None:
    assert former(proving, "Enabled") == ()
    other = TRAIL | {"key": "old-key", "logging": False}
    proving.load(
        events=[HAD], keys={"trail-key": {}, "old-key": {"state": "Disabled"}}, trails={"main": TRAIL, "other": other}
    )
    rows = proving.audit(params(proof="events", trails=["main"]))["accounts"]
    assert [row.get("former_keys") for row in rows] == [None]


def test_without_proof_nothing_is_asked(proving: Proving) -> None:
    assert former(proving, "Disabled", "none") == ()
    asked = [call["parameters"]["KeyId"] for call in proving.aws.calls() if call["action"] == "DescribeKey"]
    assert len(asked) == 1


def test_a_key_that_may_not_be_described_is_an_error_of_the_account(proving: Proving) -> None:
    accounts = [{"id": "111111111111", "name": "a"}, {"id": "222222222222", "name": "b"}]
    keys = {"trail-key": {}, "old-key": {"account": "b", "state": "Disabled", "policy": "lacking"}}
    proving.load(events=[HAD], keys=keys, accounts=accounts)
    (row,) = proving.audit(params(proof="events"))["accounts"]
    (error,) = row["errors"]
    assert (row["verdict"], "former_keys" in row) == ("compliant", False)
    assert (error["operation"], error["iam_action"]) == ("DescribeKey", "kms:DescribeKey")


def test_the_former_key_of_a_trail_without_one_is_told(proving: Proving) -> None:
    proving.load(events=[HAD], keys={"old-key": {"state": "Disabled"}}, trails={"main": TRAIL | {"key": None}})
    (row,) = proving.audit(params(proof="events"))["accounts"]
    assert [key["state"] for key in row["former_keys"]] == ["Disabled"]


def test_of_many_keys_the_latest_are_read(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_proofs, "MOST_FORMER_KEYS", 1)
    keys = {name: {"state": "Disabled"} for name in ("first", "second", "third")} | {"trail-key": {}}
    events = [HAD | {"key": name, "minutes_ago": age} for name, age in (("first", 9), ("second", 5), ("third", 7))]
    (key,) = former(proving, "", events=events, keys=keys)
    assert key["arn"] == f"arn:aws:kms:eu-central-1:111111111111:key/{key['arn'].rpartition('/')[2]}"
    assert datetime.now(timezone.utc) - datetime.fromisoformat(key["since"]) < timedelta(minutes=6)


@pytest.mark.parametrize("named", ["not-an-arn", "", 7, None, "arn:aws:kms:eu-central-1:111111111111:key/x y"])
def test_what_names_no_key_is_passed_over(named: object, proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    proving.load()
    send = _access.Access.send
    record = {"requestParameters": {"name": "main", "kmsKeyId": named}, "responseElements": {"kmsKeyId": named}}
    event = {
        "EventId": "e",
        "EventName": "UpdateTrail",
        "EventTime": datetime.now(timezone.utc) - DAY,
        "CloudTrailEvent": json.dumps(record),
    }

    def sent(self: Any, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        is_asked = operation == "LookupEvents" and "UpdateTrail" in str(parameters)
        return {"Events": [event]} if is_asked else send(self, service, region, operation, **parameters)

    monkeypatch.setattr(_access.Access, "send", sent)
    (row,) = proving.audit(params(proof="events"))["accounts"]
    assert ("former_keys" in row, row["errors"]) == (False, [])
