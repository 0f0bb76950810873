# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""encryption_is_proven: what proves it, what refutes it, and what leaves it open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess, subject_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._proof import log_folders
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    DeliveredFile,
    Finding,
    KeyUse,
    LastChange,
    LeftToOwnerError,
    LogFolder,
    Organization,
    ReadError,
    Snapshot,
    TrailProof,
    TrailStatus,
)
from tests.unit.checks.build import ACCOUNT, KEY_ARN, NOW, TRAIL_ARN, UNCHANGED, denied, finding, snapshot

EVENTS, OBJECTS = Settings(proof="events"), Settings(proof="objects")
HOME = LogFolder(f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1", f"{ACCOUNT}_CloudTrail_us-east-1_", "us-east-1")
WEST = LogFolder(f"AWSLogs/{ACCOUNT}/CloudTrail/us-west-2", f"{ACCOUNT}_CloudTrail_us-west-2_", "us-west-2")
OTHER_KEY = KEY_ARN.replace("1111-2222", "9999-2222")
HISTORY_DENIED = denied("cloudtrail", "LookupEvents", "cloudtrail:LookupEvents")
OLDER = ReadError(
    "kms", "GetKeyLastUsage", "kms:GetKeyLastUsage", "us-east-1", "UnknownClientMethodError", "boto3 is older"
)


def ago(minutes: float) -> datetime:
    """A moment before the account was read."""
    return NOW - timedelta(minutes=minutes)


LOG = DeliveredFile(HOME, f"{HOME.path}/2026/11/23/log.json.gz", ago(5), "aws:kms", KEY_ARN)
OF_SOMEBODY = KeyUse("Decrypt", ago(1), "e-1")
OF_THE_LOG = KeyUse("GenerateDataKey", ago(4), "e-2", TRAIL_ARN, f"arn:aws:s3:::logs/{HOME.path}/2026/{HOME.name}x")
OF_THE_CHECK = replace(OF_THE_LOG, object_arn=f"arn:aws:s3:::logs/AWSLogs/{ACCOUNT}/")
OF_ANOTHER = replace(OF_THE_LOG, trail_arn=f"{TRAIL_ARN}-too")
PROOF = replace(UNCHANGED, last_use=OF_SOMEBODY)
OLD = {"status": TrailStatus(is_logging=True, latest_delivery_time=ago(60), region="us-east-1")}
HOUR = LastChange(ago(60), "UpdateTrail", "e-0")


def proven(proof: TrailProof | None, settings: Settings = EVENTS, trail: Mapping[str, Any] | None = None) -> Finding:
    """What the rule finds on a trail with this proof; it has delivered five minutes ago."""
    status = TrailStatus(is_logging=True, latest_delivery_time=ago(5), region="us-east-1")
    read = snapshot({"status": status, **(trail or {})})
    return finding("encryption_is_proven", replace(read, proofs={TRAIL_ARN: proof} if proof else {}), settings)


NOT_STATUS = denied("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus")
NOT_OBJECT = denied("s3", "HeadObject", "s3:GetObject")
LEFT = LeftToOwnerError("cloudtrail", "GetTrailStatus", "x", "us-east-1", "ToldByOwner", "m")
UNDER_OTHER = (replace(LOG, key_arn=OTHER_KEY),)
UNTOLD = replace(OF_SOMEBODY, unread=HISTORY_DENIED)
SINCE = "trail, key or bucket (UpdateTrail at 2026-11-23T11:00:00+00:00)"
CASES: Mapping[str, tuple[str, str, Finding]] = {
    "by its delivery": (
        "pass",
        "delivered a log in us-east-1 at 2026-11-23T11:55:00+00:00, after 2026-08-25T12:00:00+00:00, since when no "
        "change of trail, key or bucket is known (the event history that was read begins there; AWS keeps 90 days). "
        "That says nothing of other Regions.",
        proven(PROOF),
    ),
    "by a log": ("pass", "The log of 2026-11-23T11:55:00", proven(replace(PROOF, files=(LOG,)), OBJECTS)),
    "by a log though the history is denied": (
        "pass",
        "could not be read (cloudtrail:LookupEvents)",
        proven(TrailProof(HISTORY_DENIED, HISTORY_DENIED, HISTORY_DENIED, None, (LOG,)), OBJECTS),
    ),
    "by the use of the key": ("pass", "event e-2", proven(replace(PROOF, last_use=OF_THE_LOG), EVENTS, OLD)),
    "of an organization trail, by events": (
        "unknown",
        "Events alone do not prove it",
        proven(replace(PROOF, last_use=OF_THE_LOG), EVENTS, {"organization_trail": True}),
    ),
    "key changed an hour ago, nothing delivered since": (
        "unknown",
        f"No log is known that was delivered more than 15 minutes after the last change of {SINCE}.",
        proven(replace(PROOF, trail=HOUR), EVENTS, OLD),
    ),
    "delivered within the margin": (
        "unknown",
        "PutKeyPolicy at 2026-11-23T11:50:00",
        proven(replace(PROOF, key=LastChange(ago(10), "PutKeyPolicy"))),
    ),
    "under the old key, long after the change": (
        "fail",
        f"under {OTHER_KEY}, not under the trail's key {KEY_ARN}. It was delivered more than 15 minutes after the last "
        "change of the trail (UpdateTrail at 2026-11-23T11:00:00+00:00).",
        proven(replace(PROOF, trail=HOUR, files=UNDER_OTHER), OBJECTS),
    ),
    "under no key": (
        "fail",
        "with AES256, under no KMS key",
        proven(replace(PROOF, files=(replace(LOG, encryption="AES256", key_arn=None),)), OBJECTS),
    ),
    "under the old key, before the change": (
        "unknown",
        "No log is known",
        proven(replace(PROOF, trail=LastChange(ago(2), "UpdateTrail"), files=UNDER_OTHER), OBJECTS),
    ),
    "under the old key, and nobody says since when": (
        "unknown",
        "cloudtrail:LookupEvents",
        proven(replace(PROOF, trail=HISTORY_DENIED, files=UNDER_OTHER), OBJECTS),
    ),
    "used by somebody else": ("unknown", "not by CloudTrail", proven(replace(PROOF, trail=HOUR), EVENTS, OLD)),
    "used by the check of UpdateTrail": (
        "unknown",
        "GenerateDataKey, for arn:aws:s3:::logs/AWSLogs/111111111111/ of",
        proven(replace(PROOF, trail=LastChange(ago(4.5), "UpdateTrail"), last_use=OF_THE_CHECK), EVENTS, OLD),
    ),
    "used for another trail": (
        "unknown",
        "trail/main-too",
        proven(replace(PROOF, trail=HOUR, last_use=OF_ANOTHER), EVENTS, OLD),
    ),
    "history denied": ("unknown", "cloudtrail:LookupEvents", proven(replace(PROOF, bucket=HISTORY_DENIED))),
    "older boto3": ("unknown", "boto3 is older", proven(replace(PROOF, trail=HOUR, last_use=OLDER), EVENTS, OLD)),
    "event of the last use denied": (
        "unknown",
        "event of the key's last use could not be read",
        proven(replace(PROOF, trail=HOUR, last_use=UNTOLD), EVENTS, OLD),
    ),
    "key never used": (
        "unknown",
        "KMS knows of no use",
        proven(replace(PROOF, trail=HOUR, last_use=None), EVENTS, OLD),
    ),
    "policy changed after the last log": (
        "unknown",
        "PutBucketPolicy at 2026-11-23T11:58:00",
        proven(replace(PROOF, bucket=LastChange(ago(2), "PutBucketPolicy"), files=(LOG,)), OBJECTS),
    ),
    "two folders of which one has stopped": (
        "pass",
        f"No log since the last change was found in {WEST.path}.",
        proven(replace(PROOF, trail=HOUR, files=(LOG, replace(LOG, folder=WEST, at=ago(3000)))), OBJECTS),
    ),
    "folders with nothing in them": (
        "unknown",
        "No log is known",
        proven(replace(PROOF, trail=HOUR, files=(DeliveredFile(HOME),)), OBJECTS, OLD),
    ),
    "objects denied": (
        "unknown",
        "s3:GetObject",
        proven(replace(PROOF, trail=HOUR, files=(NOT_OBJECT,)), OBJECTS, OLD),
    ),
    "one folder denied": (
        "pass",
        "Some newest files could not be read (s3:GetObject)",
        proven(replace(PROOF, files=(LOG, NOT_OBJECT)), OBJECTS),
    ),
    "a delivery that failed": (
        "unknown",
        "No log is known",
        proven(PROOF, EVENTS, {"status": replace(OLD["status"], latest_delivery_error="AccessDenied")}),
    ),
    "a delivery of another key": (
        "unknown",
        "No log is known",
        proven(PROOF, EVENTS, {"status": replace(OLD["status"], is_of_key=False)}),
    ),
    "status denied": (
        "unknown",
        "cloudtrail:GetTrailStatus",
        proven(PROOF, EVENTS, {"status": NOT_STATUS}),
    ),
    "a key since this run": ("unknown", "since the trail got this key", proven(None)),
    "left to the owner": (
        "unknown",
        "could not be read",
        proven(None, EVENTS, {"status": LEFT}),
    ),
    "no key": ("not_applicable", "no KMS key", proven(None, EVENTS, {"kms_key_arn": None})),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    status, words, found = CASES[case]
    assert (found.status, found.level) == (status, "advised")
    assert words in f"{found.message} {found.remediation}"


def test_evidence_says_by_what_and_for_which_folders() -> None:
    found = proven(replace(PROOF, files=(LOG, replace(LOG, folder=WEST, name="west", at=ago(9)))), OBJECTS)
    assert found.evidence == {
        "kms_key": KEY_ARN,
        "last_changes": [f"{of}: none since 2026-08-25T12:00:00+00:00" for of in ("trail", "key", "bucket")],
        "key_last_used": "Decrypt at 2026-11-23T11:59:00+00:00, event e-1",
        "proven_by": "object",
        "proven_at": "2026-11-23T11:55:00+00:00",
        "proof": LOG.name,
        "folders": [HOME.path, WEST.path],
    }
    assert "So are the newest logs of 1 other folder." in found.message


@pytest.mark.parametrize(
    ("case", "missing"),
    [
        (
            "key changed an hour ago, nothing delivered since",
            "a log that was delivered more than 15 minutes after the last change",
        ),
        ("of an organization trail, by events", "the newest logs, which proof: objects reads"),
        ("history denied", "an answer to cloudtrail:LookupEvents (AccessDenied)"),
        ("objects denied", "an answer to s3:GetObject (AccessDenied)"),
        ("a key since this run", "a log that was delivered since the trail got this key"),
        ("left to the owner", "an answer to x (ToldByOwner)"),
    ],
)
def test_evidence_says_what_is_missing(case: str, missing: str) -> None:
    assert CASES[case][2].evidence["missing"] == [missing]


def test_what_could_not_be_read_is_missing_once_each() -> None:
    found = proven(TrailProof(HISTORY_DENIED, HISTORY_DENIED, HISTORY_DENIED, None, (NOT_OBJECT, NOT_OBJECT)), OBJECTS)
    asked = ("cloudtrail:LookupEvents", "s3:GetObject")
    assert found.evidence["missing"] == [f"an answer to {action} (AccessDenied)" for action in asked]


def test_every_case_says_one_of_proven_refuted_and_missing() -> None:
    names = {"pass": "proven_by", "fail": "refuted_by", "unknown": "missing"}
    for status, _words, found in CASES.values():
        told = [name for name in names.values() if name in found.evidence]
        assert told == ([names[status]] if status in names else [])
    assert CASES["under no key"][2].evidence["refuted_by"] == LOG.name


def test_many_open_folders_are_counted() -> None:
    others = [replace(WEST, path=f"{WEST.path}{number}") for number in range(5)]
    old = tuple(replace(LOG, folder=each, at=ago(3000)) for each in others)
    assert "and 2 others." in proven(replace(PROOF, trail=HOUR, files=(LOG, *old)), OBJECTS).message


def test_without_the_option_there_is_no_finding() -> None:
    read = replace(snapshot(), proofs={TRAIL_ARN: PROOF})
    (trail,) = assess(read, Settings()).trails
    assert "encryption_is_proven" not in {each.rule for each in trail.findings}


def test_folders_are_those_of_logs_in_regions_whose_trails_were_seen() -> None:
    read = replace(snapshot({"log_file_validation": True}), regions=("us-east-1", "us-west-2"))
    assert log_folders(subject_of(read, read.trails[0], EVENTS)) == (HOME, WEST)
    refused = replace(denied("cloudtrail", "DescribeTrails", "x"), region="us-west-2")
    for unseen in (replace(read, errors=(refused,)), replace(read, closed_regions=(refused,))):
        assert log_folders(subject_of(unseen, unseen.trails[0], EVENTS)) == (HOME,)


def test_folders_of_an_organization_trail_are_known_with_its_organization() -> None:
    read = snapshot({"organization_trail": True})
    assert log_folders(subject_of(read, read.trails[0], EVENTS)) == ()
    known: Snapshot = replace(read, organization=Organization("o-exampleorg1", ACCOUNT))
    (folder,) = log_folders(subject_of(known, known.trails[0], EVENTS))
    assert folder.path == f"AWSLogs/o-exampleorg1/{ACCOUNT}/CloudTrail/us-east-1"
