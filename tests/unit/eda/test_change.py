# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter of events says what a call has changed, however the request named it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.extensions.eda.plugins.event_filter import cloudtrail_kms_change
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access
from tests.unit.eda.events import ALIAS, BUCKET, ENFORCER, KEY, OURS, RECORDS, TRAIL, event, session


def told(action: str, **fields: Any) -> dict[str, Any]:
    """What the filter says of a call."""
    said: dict[str, Any] = cloudtrail_kms_change.main({"body": event(action, **fields), "meta": {}})["cloudtrail_kms"]
    return said


RESOURCES = {
    **dict.fromkeys(("UpdateTrail", "StopLogging", "DeleteTrail"), TRAIL),
    **dict.fromkeys(
        ("DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial", "PutKeyPolicy", "DeleteAlias"), KEY
    ),
    **dict.fromkeys(("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketEncryption", "DeleteBucketEncryption"), BUCKET),
    "DeleteBucket": BUCKET,
}


@pytest.mark.parametrize("action", RECORDS)
def test_each_recorded_call_names_its_resource(action: str) -> None:
    said = told(action)
    assert said["resource"] == RESOURCES[action]
    assert (said["account"], said["region"], said["action"]) == ("111111111111", "eu-central-1", action)


def test_a_deleted_alias_is_named_beside_the_key_it_stood_for() -> None:
    assert told("DeleteAlias")["alias"] == ALIAS
    assert "resource" not in told("DeleteAlias", resources=[])
    assert "alias" not in told("DisableKey")


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_names_become_arns_of_the_partition(region: str, partition: str) -> None:
    assert (
        told("StopLogging", awsRegion=region)["resource"]
        == f"arn:{partition}:cloudtrail:{region}:111111111111:trail/main"
    )
    assert told("PutBucketPolicy", awsRegion=region)["resource"] == f"arn:{partition}:s3:::logs-111111111111"


def test_a_key_without_a_listed_resource_is_taken_from_the_request() -> None:
    assert told("DisableKey", resources=None)["resource"] == KEY
    assert told("ScheduleKeyDeletion", resources=None)["resource"] == KEY


def test_the_principal_of_a_session_is_its_role() -> None:
    assert told("DisableKey", userIdentity=session(ENFORCER))["principal"] == ENFORCER
    assert told("DisableKey")["principal"] == "arn:aws:iam::111111111111:user/Alice"


def test_the_collection_is_known_by_the_user_agent_that_its_clients_send() -> None:
    sent = vars(_access._client_config(None, 1))["user_agent_extra"]
    assert told("DisableKey", userAgent=f"Boto3/1.44.5 {sent}")["by_collection"] is True
    assert told("DisableKey", userAgent=OURS)["by_collection"] is True
    assert told("DisableKey", userAgent=None)["by_collection"] is False


def test_a_refused_call_has_not_succeeded() -> None:
    assert told("DisableKey")["succeeded"] is True
    assert told("DisableKey", errorCode="AccessDenied")["succeeded"] is False


@pytest.mark.parametrize(
    "body",
    [None, "text", {}, {"detail-type": "AWS Console Sign In via CloudTrail", "detail": {}}],
)
def test_what_is_no_call_is_handed_on_as_it_is(body: Any) -> None:
    assert cloudtrail_kms_change.main({"body": body}) == {"body": body}


@pytest.mark.parametrize(
    "fields",
    [
        {"requestParameters": None, "resources": None},
        {"userIdentity": None},
        {"eventSource": None, "awsRegion": None},
        {"resources": [{}]},
        {"userIdentity": {"sessionContext": None}},
    ],
)
def test_a_record_that_lacks_fields_stops_nothing(fields: dict[str, Any]) -> None:
    body = event("DisableKey")
    body["detail"] |= fields
    assert cloudtrail_kms_change.main({"body": body})["cloudtrail_kms"]["action"] == "DisableKey"
