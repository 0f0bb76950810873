# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest digest file of a trail is read as AWS shows it, and decides nothing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _pace
from tests.fakeaws.client import FakeAws
from tests.unit.aws.test_proof import TRAIL, Proving
from tests.unit.enforce.lab import Clock, Lab

BUCKET, FOLDER = "logs-111111111111", "AWSLogs/111111111111/CloudTrail-Digest/eu-central-1"
NAME = "111111111111_CloudTrail-Digest_eu-central-1_{trail}_eu-central-1_{at:%Y%m%dT%H%M%S}Z{end}.json.gz"


@pytest.fixture
def proving(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)
    return Proving(server, tmp_path)


def digests(proving: Proving) -> list[str]:
    """The digest files whose encryption an audit asks for."""
    heads = (call["parameters"]["Key"] for call in proving.aws.calls() if call["action"] == "HeadObject")
    return [name for name in heads if "/CloudTrail-Digest/" in name]


@pytest.mark.parametrize(
    ("trail", "status", "words"),
    [
        ({}, "pass", "is encrypted under the trail's key. That decides nothing"),
        ({"log_key": "none"}, "fail", "is encrypted with AES256, under no KMS key, not under the trail's key. That"),
        ({"log_age": 20000}, "pass", f"No digest file of the last 8 days was found in {FOLDER}."),
    ],
)
def test_it_is_shown_as_it_is(trail: dict[str, Any], status: str, words: str, proving: Proving) -> None:
    proving.load(trails={"main": TRAIL | trail})
    found = proving.finding("objects")
    assert (found["status"], words in found["message"]) == (status, True)
    assert [found["evidence"].get("newest_digest", "").partition(" of ")[0]] == (digests(proving) or [""])


def test_one_that_is_refused_is_a_note(proving: Proving) -> None:
    proving.load(accounts=[{"id": "111111111111", "name": "a", "deny": ["s3:GetObject"]}])
    found = proving.finding("objects")
    assert (found["status"], "newest_digest" in found["evidence"]) == ("pass", False)
    assert "The newest digest file could not be read (s3:GetObject)." in found["message"]


def test_a_trail_without_validation_has_none(proving: Proving) -> None:
    proving.load(trails={"main": TRAIL | {"validation": False}})
    found = proving.finding("objects")
    assert "digest" not in found["message"]
    assert (proving.calls()["s3:ListObjectsV2"], proving.calls()["s3:HeadObject"]) == (1, 1)


def test_that_of_another_trail_is_not_taken(proving: Proving) -> None:
    proving.load(trails={"main": TRAIL | {"log_age": 50}, "other": TRAIL | {"log_age": 2, "key": None}})
    found = proving.finding("objects")
    assert "_eu-central-1_main_eu-central-1_" in found["evidence"]["newest_digest"]
    assert "The newest digest file, of " in found["message"]


@pytest.mark.parametrize(
    ("minutes", "trail", "end", "is_taken"),
    [
        pytest.param(27, "main", "", True, id="half an hour after its hour, as digests come"),
        pytest.param(300, "main", "", False, id="written anew"),
        pytest.param(-60, "main", "", False, id="of the future"),
        pytest.param(27, "main", "_backfill", False, id="backfill"),
        pytest.param(27, "mainly", "", False, id="of another trail"),
    ],
)
def test_which_count(minutes: int, trail: str, end: str, is_taken: bool, proving: Proving) -> None:
    """Beside one that is nine hours old; what is put there is of this moment."""
    proving.load(trails={"main": TRAIL | {"log_age": 540}})
    at = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    name = f"{FOLDER}/{at:%Y/%m/%d}/{NAME.format(trail=trail, at=at, end=end)}"
    Lab(proving.aws, Clock()).client("s3", "eu-central-1").put_object(Bucket=BUCKET, Key=name, Body=b"x")
    proving.finding("objects")
    (newest,) = digests(proving)
    assert (newest == name) is is_taken
