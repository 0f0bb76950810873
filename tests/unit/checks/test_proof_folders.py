# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a log is: in folders of several trails, beyond the trail's own delivery, and where histories are not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import subject_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._proof import log_folders
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._proof_rule import encryption_is_proven
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Result
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    LogFolder,
    Organization,
    TrailProof,
    TrailStatus,
)
from tests.unit.checks.build import ACCOUNT, TRAIL_ARN, snapshot
from tests.unit.checks.test_proof_rule import (
    HISTORY_DENIED,
    HOME,
    HOUR,
    LOG,
    OBJECTS,
    OLD,
    OTHER_KEY,
    PROOF,
    WEST,
    ago,
)

FRESH = TrailStatus(is_logging=True, latest_delivery_time=ago(5), region="us-east-1")
WESTERN = (replace(LOG, folder=WEST),)
FOREIGN = (replace(LOG, key_arn=OTHER_KEY),)


def judged(proof: TrailProof, other: dict[str, Any] | None = None, **trail: Any) -> Result:
    """What the rule says of a trail that changed an hour ago, beside another one unless that is None."""
    read = snapshot({"status": FRESH, **trail})
    (main,) = read.trails
    others = () if other is None else (replace(main, **{"arn": f"{TRAIL_ARN}-too", "name": "main-too", **other}),)
    read = replace(read, trails=(main, *others), organization=Organization("o-exampleorg1", ACCOUNT))
    read = replace(read, proofs={TRAIL_ARN: proof})
    return encryption_is_proven(subject_of(read, main, OBJECTS))


HOUR_OLD = replace(PROOF, trail=HOUR)


@pytest.mark.parametrize(
    ("other", "by"),
    [
        pytest.param(None, "object", id="alone"),
        pytest.param({}, "delivery", id="beside one that delivers there"),
        pytest.param({"bucket_name": "others"}, "object", id="another bucket"),
        pytest.param({"bucket_prefix": "x"}, "object", id="another prefix"),
        pytest.param({"bucket_prefix": ""}, "delivery", id="no prefix, said otherwise"),
        pytest.param({"multi_region": False}, "object", id="of another Region"),
        pytest.param({"multi_region": False, "home_region": "us-west-2"}, "delivery", id="of this Region"),
        pytest.param({"organization_trail": True}, "object", id="of the organization, in its folders"),
        pytest.param({"arn": TRAIL_ARN.replace(ACCOUNT, "222222222222")}, "object", id="of another account"),
    ],
)
def test_a_log_proves_where_no_trail_of_another_key_delivers(other: Any, by: str) -> None:
    beside = None if other is None else {"kms_key_arn": OTHER_KEY, **other}
    found = judged(replace(HOUR_OLD, files=WESTERN), beside)
    assert (found.status, found.evidence["proven_by"]) == ("pass", by)


@pytest.mark.parametrize(
    ("other", "trail", "by"),
    [
        pytest.param({}, {}, "object", id="all under the key, and both deliver"),
        pytest.param({"kms_key_arn": OTHER_KEY}, {}, "delivery", id="one under another key"),
        pytest.param({"kms_key_arn": None}, {}, "delivery", id="one without a key"),
        pytest.param({}, {"status": replace(FRESH, latest_delivery_error="AccessDenied")}, None, id="error"),
        pytest.param({}, {"status": replace(FRESH, is_of_key=False)}, None, id="of another key"),
        pytest.param({}, {"status": replace(FRESH, is_logging=False)}, "delivery", id="stopped since"),
        pytest.param({}, {"status": HISTORY_DENIED}, None, id="status denied"),
        pytest.param({}, OLD, None, id="delivered before the change"),
        pytest.param(None, OLD, None, id="alone: a trail that is gone may have written it"),
        pytest.param(None, {**OLD, "organization_trail": True}, None, id="of the organization"),
    ],
)
def test_a_log_proves_only_with_the_trails_own_delivery(other: Any, trail: Any, by: Any) -> None:
    assert judged(replace(HOUR_OLD, files=(LOG,)), other, **trail).evidence.get("proven_by") == by


def test_beside_other_trails_no_log_refutes() -> None:
    proof = replace(HOUR_OLD, files=FOREIGN)
    assert judged(proof).status == "fail"
    assert judged(proof, {"kms_key_arn": OTHER_KEY}).status == "pass"
    found = judged(proof, {"kms_key_arn": OTHER_KEY}, **OLD)
    assert found.status == "unknown"
    assert "Logs do not tell whose they are: main-too may deliver to the same folders." in found.message


@pytest.mark.parametrize("delivered", [None, ago(21)])
def test_a_log_that_is_newer_than_the_trails_own_delivery_is_not_its(delivered: Any) -> None:
    status = {"status": replace(FRESH, latest_delivery_time=delivered)}
    for files in ((LOG,), FOREIGN):
        found = judged(replace(PROOF, trail=replace(HOUR, since=ago(40)), files=files), None, **status)
        assert found.evidence.get("proof") != LOG.name
        assert found.status == ("unknown" if delivered is None else "pass")
    assert (
        judged(replace(PROOF, files=(LOG,)), None, status=replace(FRESH, latest_delivery_time=ago(20))).evidence[
            "proof"
        ]
        == LOG.name
    )


def test_of_an_organization_trail_no_log_refutes() -> None:
    path = HOME.path.replace("AWSLogs/", "AWSLogs/o-exampleorg1/")
    for changed in (PROOF.trail, HOUR):
        log = replace(LOG, folder=replace(HOME, path=path), key_arn=OTHER_KEY)
        found = judged(replace(PROOF, trail=changed, files=(log,)), organization_trail=True)
        assert found.status == "unknown"
        assert "What a delegated administrator changes is recorded in its own account" in found.message


@pytest.mark.parametrize("lost", [("trail", "key", "bucket"), ("key", "bucket"), ("bucket",)])
def test_where_a_history_is_not_known_a_log_of_the_last_day_proves_and_no_older_one(lost: tuple[str, ...]) -> None:
    unread: Any = dict.fromkeys(lost, HISTORY_DENIED)
    hours = {2: "pass", 23: "pass", 25: "unknown", 190: "unknown"}
    for age, status in hours.items():
        found = judged(replace(PROOF, **unread, files=(replace(LOG, at=ago(60 * age)),)))
        assert found.status == status
        assert status == "pass" or "LookupEvents" in found.message


ORGANIZATION = Organization("o-exampleorg1", ACCOUNT)
MEMBER = LogFolder(
    "AWSLogs/o-exampleorg1/222222222222/CloudTrail/us-east-1", "222222222222_CloudTrail_us-east-1_", "us-east-1"
)
OWN = replace(HOME, path=HOME.path.replace("AWSLogs/", "AWSLogs/o-exampleorg1/"))


def test_members_are_asked_in_the_home_region() -> None:
    read = replace(
        snapshot({"organization_trail": True}), organization=ORGANIZATION, regions=("us-east-1", "us-west-2")
    )
    folders = log_folders(subject_of(read, read.trails[0], OBJECTS), [ACCOUNT, "222222222222"])
    assert folders == (OWN, replace(WEST, path=WEST.path.replace("AWSLogs/", "AWSLogs/o-exampleorg1/")), MEMBER)
    alone = replace(snapshot(), organization=ORGANIZATION)
    assert log_folders(subject_of(alone, alone.trails[0], OBJECTS), ["222222222222"]) == (HOME,)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({}, "So are the newest logs of 1 other folder."),
        ({"at": ago(300)}, f"No log since the last change was found in {MEMBER.path}."),
        ({"at": ago(300), "key_arn": OTHER_KEY}, f"No log since the last change was found in {MEMBER.path}."),
    ],
)
def test_a_log_of_a_member_proves_its_folder_or_leaves_it_open(member: dict[str, Any], words: str) -> None:
    logs = (replace(LOG, folder=OWN), replace(LOG, **{"folder": MEMBER, **member}))
    found = judged(replace(HOUR_OLD, files=logs), organization_trail=True)
    assert (found.status, words in found.message) == ("pass", True)


@pytest.mark.parametrize(
    ("other", "how"),
    [
        ({"key_arn": OTHER_KEY}, f"under {OTHER_KEY}"),
        ({"key_arn": None, "encryption": "AES256"}, "with AES256, under no KMS key"),
    ],
)
def test_a_log_of_a_member_under_another_key_leaves_all_open(other: dict[str, Any], how: str) -> None:
    logs = (replace(LOG, folder=OWN), replace(LOG, **{"folder": MEMBER, **other}))
    found = judged(replace(HOUR_OLD, files=logs), organization_trail=True)
    assert found.status == "unknown"
    assert found.message.startswith("The newest logs do not agree. ")
    assert f"The newest log shows another key, or none, in {MEMBER.path} (encrypted {how})." in found.message
    assert "What a delegated administrator changes is recorded in its own account." in found.message
    assert found.evidence["missing"] == [f"a newest log under the trail's key in {MEMBER.path}"]
    assert found.remediation.startswith("Find out who wrote this log, ")


def test_of_many_folders_under_another_key_some_are_named() -> None:
    members = [replace(MEMBER, path=MEMBER.path.replace("222222222222", str(number) * 12)) for number in range(3, 8)]
    logs = tuple(replace(LOG, folder=each, key_arn=OTHER_KEY) for each in members)
    found = judged(replace(HOUR_OLD, files=logs), organization_trail=True)
    three, (named,) = [each.path for each in members[:3]], found.evidence["missing"]
    assert all(each in found.message and each in named for each in three)
    assert members[3].path not in found.message
    assert "and 2 others" in found.message
    assert found.remediation.startswith("Find out who wrote these logs, ")


@pytest.mark.parametrize("status", [HISTORY_DENIED, FRESH])
def test_beside_a_failed_read_the_folder_is_named_too(status: Any) -> None:
    logs = (replace(LOG, folder=MEMBER, key_arn=OTHER_KEY), HISTORY_DENIED)
    found = judged(replace(HOUR_OLD, files=logs), organization_trail=True, status=status)
    assert (found.status, MEMBER.path in found.message) == ("unknown", True)


@pytest.mark.parametrize(
    ("fields", "minutes", "status"),
    [
        pytest.param({"unasked": HISTORY_DENIED}, 5, "unknown", id="another Region, fresh log"),
        pytest.param({"trail": HISTORY_DENIED}, 5, "unknown", id="its own Region, fresh log"),
        pytest.param({"trail": HISTORY_DENIED}, 2_000, "pass", id="its own Region, log of the day before"),
        pytest.param({"trail": HOUR, "unasked": HISTORY_DENIED}, 70, "pass", id="another Region, before the change"),
        pytest.param({}, 5, "fail", id="all could be asked"),
    ],
)
def test_where_a_log_shows_another_key_no_other_folder_proves(
    fields: dict[str, Any], minutes: int, status: str
) -> None:
    """Nobody could ask whether a trail that is gone left it: then it refutes nothing, and nothing passes beside it."""
    western = replace(LOG, folder=WEST, key_arn=OTHER_KEY, at=ago(minutes))
    found = judged(replace(PROOF, files=(LOG, western), **fields))
    assert found.status == status
    assert ("is encrypted under arn:aws:kms:us-east-1" in found.message) == (status != "pass")
