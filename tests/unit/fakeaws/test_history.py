# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LookupEvents and GetKeyLastUsage, and the objects that trails deliver, as AWS's pages have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, PARTNER, Lab, bucket_name, key_arn, refused


def look_up(lab: Lab, name: str, **more: Any) -> dict[str, Any]:
    wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
    answer: dict[str, Any] = lab.client("cloudtrail", **more).lookup_events(LookupAttributes=wanted)
    return answer


def policy_of(lab: Lab, label: str) -> str:
    return str(lab.client("kms").get_key_policy(KeyId=key_arn(label))["Policy"])


def test_a_write_is_recorded_where_it_was_made(lab: Lab) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=2)
    lab.client("kms").put_key_policy(KeyId=key_arn("trail-key"), Policy=policy_of(lab, "trail-key"))
    (event,) = look_up(lab, "PutKeyPolicy")["Events"]
    assert event["EventTime"] >= before
    assert event["EventSource"] == "kms.amazonaws.com"
    assert event["Resources"] == [{"ResourceName": key_arn("trail-key")}]
    assert json.loads(event["CloudTrailEvent"])["requestParameters"]["keyId"] == key_arn("trail-key")
    assert look_up(lab, "PutKeyPolicy", region="eu-west-1")["Events"] == []
    assert look_up(lab, "PutKeyPolicy", account=PARTNER)["Events"] == []


def test_a_refused_write_is_recorded_with_its_error(lab: Lab) -> None:
    with refused("MalformedPolicyDocumentException"):
        lab.client("kms").put_key_policy(KeyId=key_arn("trail-key"), Policy="{")
    (event,) = look_up(lab, "PutKeyPolicy")["Events"]
    assert json.loads(event["CloudTrailEvent"])["errorCode"] == "MalformedPolicyDocumentException"


def test_an_event_shows_late(lab: Lab) -> None:
    lab.server.set(event_lag=900)
    lab.client("kms").put_key_policy(KeyId=key_arn("trail-key"), Policy=policy_of(lab, "trail-key"))
    assert look_up(lab, "PutKeyPolicy")["Events"] == []


def test_events_come_in_pages_the_newest_first(lab: Lab) -> None:
    for _number in range(3):
        lab.client("kms").put_key_policy(KeyId=key_arn("trail-key"), Policy=policy_of(lab, "trail-key"))
    client = lab.client("cloudtrail")
    wanted = [{"AttributeKey": "ResourceName", "AttributeValue": key_arn("trail-key")}]
    events: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        page = client.lookup_events(LookupAttributes=wanted, MaxResults=2, **token)
        events += page["Events"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [each["EventName"] for each in events].count("PutKeyPolicy") == 3
    times = [each["EventTime"] for each in events]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}] * 2}, "InvalidLookupAttributes"),
        ({"LookupAttributes": [{"AttributeKey": "Colour", "AttributeValue": "x"}]}, "InvalidLookupAttributes"),
        ({"MaxResults": 51}, "InvalidMaxResults"),
        ({"NextToken": "x"}, "InvalidNextToken"),
    ],
)
def test_a_request_that_lookup_events_refuses(lab: Lab, request_: dict[str, Any], code: str) -> None:
    with refused(f"{code}Exception"):
        lab.client("cloudtrail").lookup_events(**request_)


def test_the_last_use_is_that_of_cloudtrail_for_a_log(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    arn = lab.client("cloudtrail").describe_trails()["trailList"][0]["KmsKeyId"]
    answer = lab.client("kms").get_key_last_usage(KeyId=arn)
    use = answer["KeyLastUsage"]
    assert (answer["KeyId"], use["Operation"]) == (arn, "GenerateDataKey")
    wanted = [{"AttributeKey": "EventId", "AttributeValue": use["CloudTrailEventId"]}]
    (event,) = lab.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["userIdentity"] == {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}
    assert record["requestParameters"]["encryptionContext"]["aws:s3:arn"].endswith(".json.gz")


def test_a_key_that_was_not_used_has_an_empty_use(lab: Lab) -> None:
    arn = lab.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert lab.client("kms").get_key_last_usage(KeyId=arn)["KeyLastUsage"] == {}
    with refused("InvalidArnException"):
        lab.client("kms").get_key_last_usage(KeyId=f"arn:aws:kms:{HOME}:111111111111:alias/main")
    with refused("AccessDeniedException"):
        lab.client("kms", account=PARTNER).get_key_last_usage(KeyId=key_arn("trail-key"))


def test_logs_and_digests_lie_in_the_folders_of_the_trail_and_show_its_key(lab: Lab) -> None:
    client = lab.client("s3")
    for kind in ("CloudTrail", "CloudTrail-Digest"):
        prefix = f"audit/AWSLogs/111111111111/{kind}/{HOME}/"
        found = client.list_objects_v2(Bucket=bucket_name("logs"), Prefix=prefix)["Contents"]
        names = [each["Key"] for each in found]
        for name in names:
            head = client.head_object(Bucket=bucket_name("logs"), Key=name)
            assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key_arn("trail-key"))
        later = client.list_objects_v2(Bucket=bucket_name("logs"), Prefix=prefix, StartAfter=max(names))
        assert later["KeyCount"] == 0


def test_an_object_that_is_not_there(lab: Lab) -> None:
    with refused("404"):
        lab.client("s3").head_object(Bucket=bucket_name("logs"), Key="x")


def test_names_come_in_pages(lab: Lab) -> None:
    client, found, token = lab.client("s3"), list[str](), dict[str, Any]()
    while True:
        page = client.list_objects_v2(Bucket=bucket_name("logs"), MaxKeys=3, **token)
        found += [each["Key"] for each in page["Contents"]]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == sorted(set(found))
    assert len(found) > 3
