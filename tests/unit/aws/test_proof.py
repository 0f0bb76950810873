# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS did is read as AWS shows it, once, within its rates and within bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit as audit_run
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _history,
    _newest_files,
    _pace,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.test_arguments import params, sweep_params

# Nothing is delivered while a test runs.
STILL = {"delivery_interval": 1e9}
TRAIL: dict[str, Any] = {"bucket": "logs", "key": "trail-key", "multi_region": False}
SCENARIO: dict[str, Any] = {
    "description": "A trail, and what happened to it.",
    "buckets": {"logs": {}},
    "keys": {"trail-key": {}, "old-key": {}},
    "trails": {"main": TRAIL},
    **STILL,
}
CHANGED = {"event": "cloudtrail:UpdateTrail", "on": "main", "minutes_ago": 60}
AN_HOUR = {"log_age": 62}
LAST_USE = {"event": "kms:GenerateDataKey", "on": "trail-key", "minutes_ago": 5, "by": "main"}


class Proving:
    """The audit of a scenario with proof."""

    def __init__(self, server: FakeAws, folder: Path) -> None:
        self.aws, self._folder = server, folder

    def load(self, **scenario: Any) -> None:
        """Load the scenario with some of its words changed."""
        path = self._folder / "proof.yml"
        path.write_text(yaml.safe_dump({**SCENARIO, **scenario}), encoding="utf-8")
        self.aws.reset(str(path))

    def finding(self, proof: str, trail: str = "main") -> Any:
        """What is found of the trail's encryption, as a row of the facts."""
        document = self.audit(params(proof=proof))
        trails = [each for row in document["accounts"] for each in row["trails"] if each["name"] == trail]
        return next(each for each in trails[0]["findings"] if each["rule"] == "encryption_is_proven")

    def audit(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The facts."""
        scope, settings = _audit_arguments.to_scope(options), _audit_arguments.to_settings(options)
        return audit_run(caller(self.aws), scope, settings, lambda _done: None)[0]

    def calls(self) -> Counter[str]:
        """How often each operation was called."""
        return Counter(f"{call['service']}:{call['action']}" for call in self.aws.calls())


@pytest.fixture
def proving(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)
    return Proving(server, tmp_path)


TRAIL_CASES: Mapping[str, tuple[str, dict[str, Any], str, str]] = {
    "proven by delivery": ("events", {}, "pass", "CloudTrail delivered a log in eu-central-1 at"),
    "proven by a log": (
        "objects",
        {},
        "pass",
        "is encrypted under the trail's key: AWSLogs/111111111111/CloudTrail/eu-c",
    ),
    "key changed an hour ago": (
        "events",
        {"events": [CHANGED], "trails": {"main": TRAIL | AN_HOUR}},
        "unknown",
        "after the last change of trail, key or bucket (UpdateTrail at",
    ),
    "the change was refused": (
        "events",
        {"events": [CHANGED | {"error": "AccessDenied"}], "trails": {"main": TRAIL | AN_HOUR}},
        "pass",
        "since when no change of trail, key or bucket is known",
    ),
    "a change that names nothing": (
        "events",
        {"events": [{"event": "kms:PutKeyPolicy", "minutes_ago": 3}]},
        "unknown",
        "PutKeyPolicy at",
    ),
    "another key was changed": (
        "events",
        {"events": [{"event": "kms:PutKeyPolicy", "on": "old-key", "minutes_ago": 3}]},
        "pass",
        "since when no change of trail, key or bucket is known",
    ),
    "delivered under the old key": (
        "objects",
        {"events": [CHANGED], "trails": {"main": TRAIL | {"log_key": "old-key"}}},
        "fail",
        "not under the trail's key",
    ),
    "delivered under no key": ("objects", {"trails": {"main": TRAIL | {"log_key": "none"}}}, "fail", "with AES256"),
    "policy changed after the last log": (
        "objects",
        {
            "events": [{"event": "s3:PutBucketPolicy", "on": "logs", "minutes_ago": 3}],
            "trails": {"main": TRAIL | {"log_age": 9}},
        },
        "unknown",
        "PutBucketPolicy at",
    ),
    "used by somebody else": (
        "events",
        {
            "events": [CHANGED, LAST_USE | {"event": "kms:Decrypt", "by": "somebody"}],
            "trails": {"main": TRAIL | AN_HOUR},
        },
        "unknown",
        "(Decrypt, not by CloudTrail)",
    ),
    "used by the check of UpdateTrail": (
        "events",
        {"events": [CHANGED, LAST_USE | {"log": False}], "trails": {"main": TRAIL | AN_HOUR}},
        "unknown",
        "for arn:aws:s3:::logs-111111111111/AWSLogs/111111111111/ of",
    ),
    "used for a log": (
        "events",
        {"events": [CHANGED, LAST_USE], "trails": {"main": TRAIL | AN_HOUR}},
        "pass",
        "CloudTrail encrypted a log of this trail under its key at",
    ),
    "used while an UpdateTrail was refused, whose check may show a file": (
        "events",
        {
            "events": [CHANGED, LAST_USE, CHANGED | {"minutes_ago": 6, "error": "InvalidSnsTopicNameException"}],
            "trails": {"main": TRAIL | AN_HOUR},
        },
        "unknown",
        "; it may be the check of a key that an UpdateTrail or CreateTrail asked for)",
    ),
    "a shared key used for another trail": (
        "events",
        {
            "events": [CHANGED, LAST_USE | {"by": "other"}],
            "trails": {"main": TRAIL | AN_HOUR, "other": TRAIL | AN_HOUR},
        },
        "unknown",
        "trail/other",
    ),
    "two folders of which one has stopped": (
        "objects",
        {
            "events": [CHANGED],
            "trails": {"main": TRAIL | {"multi_region": True, "log_age": 5, "log_ages": {"eu-west-1": 300}}},
        },
        "pass",
        "No log since the last change was found in AWSLogs/111111111111/CloudTrail/eu-west-1.",
    ),
    "a bucket with an S3 Bucket Key": (
        "events",
        {"events": [CHANGED], "buckets": {"logs": {"bucket_key": True}}, "trails": {"main": TRAIL | {"log_age": 50}}},
        "unknown",
        "for arn:aws:s3:::logs-111111111111 of",
    ),
    "history denied": (
        "events",
        {"accounts": [{"id": "111111111111", "name": "a", "deny": ["cloudtrail:LookupEvents"]}]},
        "unknown",
        "Allow the caller cloudtrail:LookupEvents.",
    ),
    "names denied": (
        "objects",
        {
            "accounts": [{"id": "111111111111", "name": "a", "deny": ["s3:ListBucket"]}],
            "events": [CHANGED],
            "trails": {"main": TRAIL | AN_HOUR},
        },
        "unknown",
        "Allow the caller s3:ListBucket.",
    ),
    "encryption denied": (
        "objects",
        {
            "accounts": [{"id": "111111111111", "name": "a", "deny": ["s3:GetObject"]}],
            "events": [CHANGED],
            "trails": {"main": TRAIL | AN_HOUR},
        },
        "unknown",
        "Allow the caller s3:GetObject.",
    ),
    "last use denied": (
        "events",
        {
            "accounts": [{"id": "111111111111", "name": "a", "deny": ["kms:GetKeyLastUsage"]}],
            "events": [CHANGED],
            "trails": {"main": TRAIL | AN_HOUR},
        },
        "unknown",
        "The last use of the key could not be read",
    ),
    "nothing for days": (
        "objects",
        {"events": [CHANGED], "trails": {"main": TRAIL | {"log_age": 20000}}},
        "unknown",
        "No log is known",
    ),
    "another trail delivers there under another key": (
        "objects",
        {"trails": {"main": TRAIL | {"log_age": 6}, "other": TRAIL | {"key": "old-key", "log_age": 5}}},
        "pass",
        "CloudTrail delivered a log in eu-central-1",
    ),
    "another trail delivers there, this one not": (
        "objects",
        {"events": [CHANGED], "trails": {"main": TRAIL | {"log_age": 300}, "other": TRAIL | {"log_age": 5}}},
        "unknown",
        "Logs do not tell whose they are: other may deliver to the same folders.",
    ),
    "another trail delivers there, this one does not log": (
        "objects",
        {"trails": {"main": TRAIL | {"log_age": 5, "logging": False}, "other": TRAIL | {"log_age": 5}}},
        "pass",
        "CloudTrail delivered a log in eu-central-1",
    ),
    "created anew a moment ago": (
        "objects",
        {
            "events": [CHANGED | {"event": "cloudtrail:CreateTrail", "minutes_ago": 3}],
            "trails": {"main": TRAIL | {"log_age": 30, "log_key": "old-key"}},
        },
        "unknown",
        "CreateTrail at",
    ),
    "another trail deleted, whose log it may be": (
        "objects",
        {
            "events": [CHANGED | {"event": "cloudtrail:DeleteTrail", "on": "other", "minutes_ago": 3}],
            "trails": {"main": TRAIL | {"log_key": "old-key"}, "other": TRAIL | {"bucket": "others"}},
            "buckets": {"logs": {}, "others": {}},
        },
        "unknown",
        "DeleteTrail of another trail at",
    ),
    "another trail deleted in its own home Region": (
        "objects",
        {
            "events": [CHANGED | {"event": "cloudtrail:DeleteTrail", "on": "other", "minutes_ago": 3}],
            "trails": {
                "main": TRAIL | {"log_key": "old-key"},
                "other": TRAIL | {"bucket": "others", "region": "eu-west-1"},
            },
            "buckets": {"logs": {}, "others": {"region": "eu-west-1"}},
            "keys": {"trail-key": {"multi_region": True}, "old-key": {}},
        },
        "unknown",
        "DeleteTrail of another trail at",
    ),
    "a trail may be gone from a Region that nobody may ask": (
        "objects",
        {
            "accounts": [{"id": "111111111111", "name": "a", "closed_regions": ["eu-west-1"]}],
            "events": [CHANGED],
            "trails": {"main": TRAIL | {"log_key": "old-key"}},
        },
        "unknown",
        "and of others that may have left logs, whose newest log AWSLogs/111111111111/CloudTrail/eu-central-1/",
    ),
    "a bucket created anew": (
        "objects",
        {
            "events": [{"event": "s3:CreateBucket", "on": "logs", "minutes_ago": 3}],
            "trails": {"main": TRAIL | {"log_age": 9}},
        },
        "unknown",
        "CreateBucket at",
    ),
}


@pytest.mark.parametrize("case", TRAIL_CASES)
def test_scenario(case: str, proving: Proving) -> None:
    proof, scenario, status, words = TRAIL_CASES[case]
    proving.load(**scenario)
    found = proving.finding(proof)
    assert (found["status"], found["level"]) == (status, "advised")
    assert words in f"{found['message']} {found['remediation']}"


def test_without_the_option_not_one_call_more_is_made(proving: Proving) -> None:
    proving.load()
    proving.audit(params())
    before = proving.calls()
    for proof in ("events", "objects"):
        proving.load()
        proving.audit(params(proof=proof))
        more = proving.calls() - before
        assert more["cloudtrail:LookupEvents"] == 18  # 17 names of events, and the event of the key's last use
        assert more["kms:GetKeyLastUsage"] == 1
        assert (more["s3:ListObjectsV2"], more["s3:HeadObject"]) == ((2, 2) if proof == "objects" else (0, 0))
        assert more.total() == (23 if proof == "objects" else 19)
    assert not {"LookupEvents", "GetKeyLastUsage", "ListObjectsV2", "HeadObject"} & {
        each.partition(":")[2] for each in before
    }


def test_a_sweep_asks_the_history_of_an_account_and_region_once(proving: Proving) -> None:
    accounts = [{"id": str(number) * 12, "name": f"account-{number}"} for number in (1, 2, 3)]
    trails = {f"main-{number}": TRAIL | {"account": f"account-{number}"} for number in (1, 2, 3)}
    roles = {"Audit": {"accounts": [each["name"] for each in accounts]}}
    proving.load(accounts=accounts, trails=trails, roles=roles, keys={"trail-key": {}})
    options = sweep_params(
        proof="events",
        accounts=[each["id"] for each in accounts],
        assume_role={"role_name": "Audit", "session_name": "audit", "external_id": None},
    )
    document = proving.audit(options)
    assert {row["verdict"] for row in document["accounts"]} == {"compliant"}
    asked = Counter(
        (call["account"], call["parameters"]["LookupAttributes"][0]["AttributeValue"])
        for call in proving.aws.calls()
        if call["action"] == "LookupEvents"
    )
    assert set(asked.values()) == {1}
    assert len([name for account, name in asked if account == "222222222222"]) == 5  # of its trail alone


def test_calls_stay_within_the_rate_of_aws(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def limits(**_words: Any) -> _pace.Limits:
        return _pace.Limits(clock=lambda: clock[0], sleep=sleep)

    monkeypatch.setattr(_history, "Limits", limits)
    proving = Proving(server, tmp_path)
    proving.load()
    ask = _access.Access.ask

    def asked(self: Any, service: str, region: str, operation: str, *rest: Any, **more: Any) -> Any:
        times.extend([clock[0]] if operation == "LookupEvents" else [])
        return ask(self, service, region, operation, *rest, **more)

    monkeypatch.setattr(_access.Access, "ask", asked)
    assert proving.finding("events")["status"] == "pass"
    assert len(times) == 18
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[2:], strict=False))
    assert clock[0] == pytest.approx(8)


def test_the_fake_refuses_what_is_faster(proving: Proving) -> None:
    proving.load()
    proving.aws.set(lookups_per_second=2)
    ask = caller(proving.aws).send_once
    wanted = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "UpdateTrail"}]}
    for _number in range(2):
        ask("cloudtrail", "eu-central-1", "LookupEvents", **wanted)
    with pytest.raises(Exception, match="Rate exceeded"):
        ask("cloudtrail", "eu-central-1", "LookupEvents", **wanted)


def test_of_one_account_no_more_is_read_than_it_may_hold_others_up(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving.load()
    monkeypatch.setattr(_history, "MOST_CALLS", 10)
    found = proving.finding("events")
    assert proving.calls()["cloudtrail:LookupEvents"] == 10
    assert (found["status"], "Audit fewer Regions at a time" in found["remediation"]) == ("unknown", True)
    assert "10 calls were made to read the event histories of account 111111111111" in found["message"]


Answer = Callable[[int], dict[str, Any]]


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        (lambda _page: {"Events": [], "NextToken": "same"}, "the same NextToken"),
        (lambda page: {"Events": [], "NextToken": str(page)}, "20 pages that are empty"),
        (lambda _page: {"Events": [{"EventId": "x"}]}, "KeyError"),
        (lambda _page: {"NextToken": "x"}, "KeyError"),
    ],
)
def test_strange_histories_are_unknown(
    pages: Answer, words: str, proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving.load()
    send, asked = _access.Access.send, [0]

    def sent(self: Any, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation != "LookupEvents":
            return send(self, service, region, operation, **parameters)
        asked[0] += 1
        return pages(asked[0])

    monkeypatch.setattr(_access.Access, "send", sent)
    found = proving.finding("events")
    assert found["status"] == "unknown"
    assert words in found["message"]


def test_an_older_sdk_is_told(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | AN_HOUR})
    monkeypatch.setattr(_access.Access, "knows", lambda *_names: False)
    found = proving.finding("events")
    assert found["status"] == "unknown"
    assert "the installed boto3 is older than this call" in found["message"]
    assert proving.calls()["kms:GetKeyLastUsage"] == 0


def test_a_folder_with_too_many_files_is_unknown(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    proving.load(events=[CHANGED], trails={"main": TRAIL | AN_HOUR})
    monkeypatch.setattr(_newest_files, "MOST_PAGES", 0)
    assert "holds more than 0 objects since" in proving.finding("objects")["message"]


def test_the_owner_of_the_bucket_must_be_known(proving: Proving) -> None:
    accounts = [{"id": "111111111111", "name": "a"}, {"id": "222222222222", "name": "archive"}]
    proving.load(accounts=accounts, buckets={"logs": {"account": "archive"}})
    found = proving.finding("events")
    assert found["status"] == "unknown"
    assert "The last change of the bucket" in found["message"]
