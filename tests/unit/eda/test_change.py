# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter of events says what a call has changed, however the request named it."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import botocore
import pytest
from hypothesis import example, given, settings

from ansible_collections.aws_baseline.cloudtrail.extensions.eda.plugins.event_filter import cloudtrail_kms_change
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access
from tests.fuzz.strategies import EVENTS
from tests.fuzz.targets import events
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


def regions_of_aws() -> list[tuple[str, str]]:
    """Each Region that botocore knows, with its partition."""
    path = Path(botocore.__file__).parent / "data" / "partitions.json"
    partitions = json.loads(path.read_text(encoding="utf-8"))["partitions"]
    named = [(region, each["id"]) for each in partitions for region in each["regions"]]
    return [(region, partition) for region, partition in named if not region.endswith("-global")]


@pytest.mark.parametrize(("region", "partition"), regions_of_aws())
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


def test_a_service_of_aws_is_no_principal_and_never_this_collection() -> None:
    service = {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}
    said = told("DisableKey", userIdentity=service, userAgent=OURS)
    assert "principal" not in said
    assert said["by_collection"] is False


@pytest.mark.parametrize(
    "body",
    [None, "text", {}, {"detail-type": "AWS Console Sign In via CloudTrail", "detail": {}}],
)
def test_what_is_no_call_is_handed_on_as_it_is_and_says_nothing(body: Any) -> None:
    forged = {"action": "DisableKey", "account": "{{ 7 * 191 }}"}
    assert cloudtrail_kms_change.main({"body": body, "cloudtrail_kms": forged}) == {"body": body}


@pytest.mark.parametrize(
    "fields",
    [
        {"requestParameters": None, "resources": None},
        {"userIdentity": None},
        {"eventSource": None},
        {"resources": [{}]},
        {"userIdentity": {"sessionContext": None}},
    ],
)
def test_a_record_that_lacks_fields_stops_nothing(fields: dict[str, Any]) -> None:
    assert told("DisableKey", **fields)["action"] == "DisableKey"


class TestWhatIsNotFromCloudTrail:
    """Somebody else may send to the queue, and Ansible takes what a rulebook hands on for templates."""

    TEMPLATE = "{{ lookup('ansible.builtin.pipe', 'id') }}"
    FIELDS = (
        ("account", "DisableKey", {"recipientAccountId": TEMPLATE}),
        ("region", "DisableKey", {"awsRegion": TEMPLATE}),
        ("action", "DisableKey", {"eventName": TEMPLATE}),
        ("principal", "DisableKey", {"userIdentity": {"arn": f"arn:aws:iam::111111111111:role/{TEMPLATE}/Audit"}}),
        ("principal", "DisableKey", {"userIdentity": session(ENFORCER.replace("role/", f"role/{TEMPLATE}/"))}),
        ("resource", "StopLogging", {"requestParameters": {"name": TEMPLATE}}),
        ("resource", "StopLogging", {"requestParameters": {"name": f"arn:{TEMPLATE}"}}),
        ("resource", "PutBucketPolicy", {"requestParameters": {"bucketName": TEMPLATE}}),
        ("resource", "DisableKey", {"resources": [{"ARN": f"{KEY}:key/{TEMPLATE}"}]}),
        ("resource", "DisableKey", {"resources": None, "requestParameters": {"keyId": TEMPLATE}}),
        ("alias", "DeleteAlias", {"requestParameters": {"aliasName": f"alias/{TEMPLATE}"}}),
    )

    @pytest.mark.parametrize(("name", "action", "fields"), FIELDS)
    def test_is_left_out_with_one_line_in_the_log_that_does_not_quote_it(
        self, name: str, action: str, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        sent = {"body": event(action, **fields), "meta": {"MessageId": "19dd0b57-b21e", "more": self.TEMPLATE}}
        handed_on = cloudtrail_kms_change.main(sent)
        assert name not in handed_on.get("cloudtrail_kms", {})
        assert ("cloudtrail_kms" in handed_on) is (name not in {"account", "region", "action"})
        assert "lookup" not in json.dumps(handed_on)
        ((_logger, level, line),) = caplog.record_tuples
        assert level == logging.WARNING
        assert re.search(rf"^The event 19dd0b57-b21e is handed on without .*\b{name}\b.* who may send to", line)
        assert "lookup" not in line

    def test_takes_the_place_of_the_body_and_of_all_but_the_id_of_the_message(self) -> None:
        sent = {"body": event("DisableKey"), "meta": {"MessageId": "19dd0b57-b21e", "hosts": "all"}, "more": "x"}
        handed_on = cloudtrail_kms_change.main(sent)
        assert handed_on.keys() == {"cloudtrail_kms", "meta"}
        assert handed_on["meta"] == {"MessageId": "19dd0b57-b21e", "event": {"uuid": "19dd0b57-b21e"}}

    @pytest.mark.parametrize(
        "fields",
        [
            {"resources": ["text"]},
            {"resources": "text"},
            {"resources": [[], {"ARN": {"x": 1}}]},
            {"resources": {"ARN": KEY}},
            {"userIdentity": "text"},
            {"userIdentity": ["text"]},
            {"userIdentity": {"arn": ["text"], "sessionContext": "text"}},
            {"userIdentity": {"sessionContext": {"sessionIssuer": "text"}}},
            {"requestParameters": "text"},
            {"requestParameters": ["text"]},
            {"requestParameters": {"keyId": ["text"]}, "resources": None},
            {"userAgent": ["text"], "errorCode": {}},
        ],
        ids=str,
    )
    def test_may_have_any_shape(self, fields: dict[str, Any]) -> None:
        assert told("DisableKey", **fields)["account"] == "111111111111"

    @pytest.mark.parametrize("detail", [None, [], "text", ["text"], {}, 1, {"recipientAccountId": {"a": []}}], ids=str)
    def test_says_nothing_where_it_is_no_record(self, detail: Any) -> None:
        sent = {"body": {"detail-type": "AWS API Call via CloudTrail", "detail": detail}}
        assert cloudtrail_kms_change.main(sent) == {"meta": {}}

    def test_may_be_as_deep_as_json_can_be(self) -> None:
        deep = json.loads("[" * 900 + "]" * 900)
        events({"body": event("StopLogging", **dict.fromkeys(("awsRegion", "userAgent", "requestParameters"), deep))})

    @settings(max_examples=40)
    @given(EVENTS)
    @example({"body": event("DisableKey", awsRegion="\ud800", eventName="x" * 2**20), "meta": ["\ud800"]})
    def test_raises_nothing_and_hands_on_no_template(self, sent: dict[str, Any]) -> None:
        events(sent)
