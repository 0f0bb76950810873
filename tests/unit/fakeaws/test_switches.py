# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Latency, faults, the call log, and the control endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.fakeaws.client import FakeAws
from tests.unit.fakeaws.lab import HOME, PRODUCTION, Lab, key_arn, key_id, refused


def describe(lab: Lab) -> None:
    lab.client("kms").describe_key(KeyId=key_arn("trail-key"))


def test_call_log_has_account_region_action_kind_parameters_and_result(lab: Lab) -> None:
    describe(lab)
    with refused("KMSInvalidStateException"):
        lab.client("kms").enable_key(KeyId=key_id("pending-key"))
    caller = {"account": PRODUCTION, "principal": f"arn:aws:iam::{PRODUCTION}:user/administrator", "region": HOME}
    assert lab.server.calls() == [
        {
            **caller,
            "service": "kms",
            "action": "DescribeKey",
            "iam_action": "kms:DescribeKey",
            "kind": "read",
            "parameters": {"KeyId": key_arn("trail-key")},
            "result": "ok",
        },
        {
            **caller,
            "service": "kms",
            "action": "EnableKey",
            "iam_action": "kms:EnableKey",
            "kind": "write",
            "parameters": {"KeyId": key_id("pending-key")},
            "result": "KMSInvalidStateException",
        },
    ]
    lab.server.clear_calls()
    assert lab.server.calls() == []


def test_call_log_of_s3_and_sts_calls(lab: Lab) -> None:
    lab.client("s3").get_bucket_encryption(Bucket="logs-111111111111")
    lab.client("sts").get_caller_identity()
    lab.client("s3").delete_bucket_policy(Bucket="logs-111111111111")
    assert [(call["service"], call["action"], call["kind"], call["iam_action"]) for call in lab.server.calls()] == [
        ("s3", "GetBucketEncryption", "read", "s3:GetEncryptionConfiguration"),
        ("sts", "GetCallerIdentity", "read", "sts:GetCallerIdentity"),
        ("s3", "DeleteBucketPolicy", "write", "s3:DeleteBucketPolicy"),
    ]


def test_fault_on_the_nth_call(lab: Lab) -> None:
    lab.server.add_fault("kms:DescribeKey", nth=2, code="ThrottlingException", message="Rate exceeded", status=400)
    describe(lab)
    with refused("ThrottlingException", "Rate exceeded", status=400):
        describe(lab)
    describe(lab)


def test_fault_repeated_and_for_ever(lab: Lab) -> None:
    lab.server.add_fault("kms:DescribeKey", times=2, code="KMSInternalException", status=500)
    for _call in range(2):
        with refused("KMSInternalException", status=500):
            describe(lab)
    describe(lab)
    lab.server.add_fault("kms:*", times=-1, code="KMSInternalException", status=500)
    for _call in range(5):
        with refused("KMSInternalException"):
            describe(lab)
    lab.client("cloudtrail").describe_trails()


def test_fault_in_one_region_or_account_only(lab: Lab) -> None:
    lab.server.add_fault("kms:ListKeys", region="eu-west-1", times=-1, code="KMSInternalException", status=500)
    lab.client("kms").list_keys()
    with refused("KMSInternalException"):
        lab.client("kms", "eu-west-1").list_keys()
    lab.server.add_fault("kms:ListKeys", account="222222222222", times=-1, code="KMSInternalException", status=500)
    lab.client("kms").list_keys()
    with refused("KMSInternalException"):
        lab.client("kms", account="222222222222").list_keys()


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [("s3", "get_bucket_policy", "SlowDown"), ("s3", "head_bucket", "503"), ("ec2", "describe_regions", "SlowDown")],
)
def test_fault_has_the_form_of_its_service(lab: Lab, service: str, call: str, code: str) -> None:
    lab.server.add_fault(f"{service}:*", code="SlowDown", status=503)
    parameters = {"Bucket": "logs-111111111111"} if service == "s3" else {}
    with refused(code, status=503):
        getattr(lab.client(service), call)(**parameters)


def test_dropped_connection_happens_before_the_work(lab: Lab) -> None:
    lab.server.add_fault("kms:DisableKey", drop=True)
    with pytest.raises(ConnectionClosedError):
        lab.client("kms").disable_key(KeyId=key_id("trail-key"))
    assert lab.client("kms").describe_key(KeyId=key_id("trail-key"))["KeyMetadata"]["KeyState"] == "Enabled"
    assert lab.server.calls()[0]["result"] == "ConnectionDropped"


def test_lost_reply_happens_after_the_work(lab: Lab) -> None:
    lab.server.add_fault("kms:CreateKey", lose_reply=True)
    before = len(lab.client("kms").list_keys()["Keys"])
    with pytest.raises(ConnectionClosedError):
        lab.client("kms").create_key()
    assert len(lab.client("kms").list_keys()["Keys"]) == before + 1
    assert lab.server.calls()[1]["result"] == "ReplyLost"


def test_reset_empties_log_and_faults(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    lab.server.add_fault("cloudtrail:*", times=-1, code="ConflictException")
    with refused("ConflictException"):
        lab.client("cloudtrail").describe_trails()
    lab = load("no-trails")
    assert lab.server.calls() == []
    assert lab.client("cloudtrail").describe_trails()["trailList"] == []


def test_environment_leads_to_the_fake_aws_alone(server: FakeAws, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    load("healthy")
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "https://example.com")
    environment = server.environment
    assert {name for name in environment if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
    }
    assert environment["AWS_ENDPOINT_URL"] == server.endpoint


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (lambda aws: aws.reset("no-such-scenario"), "no scenario 'no-such-scenario'; there are: "),
        (lambda aws: aws.set(speed=1), "no switch 'speed'"),
        (lambda aws: aws.add_fault("kms:*", often=True), "often"),
    ],
)
def test_control_names_what_is_wrong(server: FakeAws, request_: Callable[[FakeAws], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        request_(server)


def test_log_file_has_a_line_for_every_call(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    with FakeAws.start("healthy", "--log", str(log), latency_ms=1) as aws:
        Lab(aws, {}).client("sts").get_caller_identity()
        entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        assert entries == aws.calls()
        assert entries[0]["action"] == "GetCallerIdentity"
