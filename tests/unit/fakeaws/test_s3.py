# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3: regions, owners, policies and default encryption of buckets."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import PATIENCE
from tests.unit.fakeaws.lab import HOME, PARTNER, Lab, bucket_name, key_arn, refused

AES256 = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}


def first_answer(lab: Lab, method: str, target: str) -> tuple[int, str | None, str]:
    """Status, region header and text of what S3 says before a client follows a redirection."""
    place = urlsplit(lab.server.endpoint)
    access_key = lab.server.credentials(lab.server.scenario["account"])["AWS_ACCESS_KEY_ID"]
    connection = HTTPConnection(place.hostname or "", place.port)
    scope = f"AWS4-HMAC-SHA256 Credential={access_key}/20261123/{HOME}/s3/aws4_request"
    connection.request(method, target, headers={"Authorization": scope})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, reply.getheader("x-amz-bucket-region"), text


def headers(error: Any) -> dict[str, str]:
    found: dict[str, str] = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    return found


def test_head_bucket_tells_the_region(lab: Lab) -> None:
    assert lab.client("s3").head_bucket(Bucket=bucket_name("logs"))["BucketRegion"] == HOME


def test_head_bucket_tells_the_region_even_when_it_refuses(lab: Lab) -> None:
    client = lab.client("s3")
    with pytest.raises(client.exceptions.ClientError) as error:
        client.head_bucket(Bucket=bucket_name("partner-logs"))
    assert error.value.response["Error"] == {"Code": "403", "Message": "Forbidden"}
    assert headers(error)["x-amz-bucket-region"] == HOME


def test_bucket_that_does_not_exist(lab: Lab) -> None:
    with refused("404", status=404):
        lab.client("s3").head_bucket(Bucket="nowhere")
    with refused("NoSuchBucket", "The specified bucket does not exist", status=404):
        lab.client("s3").get_bucket_policy(Bucket="nowhere")


def test_other_region_is_redirected(lab: Lab) -> None:
    bucket = bucket_name("west-logs")
    status, region, text = first_answer(lab, "GET", f"/{bucket}?policy")
    assert (status, region) == (301, "eu-west-1")
    assert "<Code>PermanentRedirect</Code>" in text
    assert first_answer(lab, "HEAD", f"/{bucket}") == (301, "eu-west-1", "")


def test_client_that_follows_the_redirection_gets_there(lab: Lab) -> None:
    assert lab.client("s3").head_bucket(Bucket=bucket_name("west-logs"))["BucketRegion"] == "eu-west-1"
    assert [(call["region"], call["result"]) for call in lab.server.calls()] == [
        (HOME, "PermanentRedirect"),
        ("eu-west-1", "ok"),
    ]


def test_bucket_policy_is_what_was_written(lab: Lab) -> None:
    policy = json.loads(lab.client("s3").get_bucket_policy(Bucket=bucket_name("logs"))["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == [
        "AWSCloudTrailAclCheck20150319",
        "AWSCloudTrailWrite20150319",
    ]


def test_bucket_without_a_policy(lab: Lab) -> None:
    with refused("NoSuchBucketPolicy", "The bucket policy does not exist", status=404):
        lab.client("s3").get_bucket_policy(Bucket=bucket_name("bare-logs"))


@pytest.mark.parametrize("call", ["get_bucket_policy", "get_bucket_encryption"])
def test_another_account_is_refused(lab: Lab, call: str) -> None:
    with refused("AccessDenied", "because no resource-based policy allows", status=403):
        getattr(lab.client("s3"), call)(Bucket=bucket_name("partner-logs"))


def test_policy_is_for_the_owner_even_where_the_bucket_policy_allows(lab: Lab) -> None:
    with refused("MethodNotAllowed", "The specified method is not allowed against this resource.", status=405):
        lab.client("s3").get_bucket_policy(Bucket=bucket_name("shared-logs"))
    assert lab.client("s3").head_bucket(Bucket=bucket_name("shared-logs"))["BucketRegion"] == HOME
    encryption = lab.client("s3").get_bucket_encryption(Bucket=bucket_name("shared-logs"))
    assert encryption["ServerSideEncryptionConfiguration"]["Rules"] == [AES256]


def test_expected_owner_is_checked(lab: Lab) -> None:
    with refused("AccessDenied", status=403):
        lab.client("s3").get_bucket_policy(Bucket=bucket_name("logs"), ExpectedBucketOwner=PARTNER)


def test_bucket_policy_that_denies_the_owner(write: Any) -> None:
    lab = write("""
description: a bucket that denies reading its encryption
buckets:
  b:
    name: denying-bucket
    policy:
      Statement:
        - {Effect: Deny, Principal: "*", Action: "s3:GetEncryptionConfiguration", Resource: "{bucket:b}"}
""")
    with refused("AccessDenied", "with an explicit deny in a resource-based policy"):
        lab.client("s3").get_bucket_encryption(Bucket="denying-bucket")


def test_new_buckets_are_encrypted_with_sse_s3(lab: Lab) -> None:
    answer = lab.client("s3").get_bucket_encryption(Bucket=bucket_name("logs"))
    assert answer["ServerSideEncryptionConfiguration"]["Rules"] == [AES256]


def test_bucket_key_is_shown(lab: Lab) -> None:
    answer = lab.client("s3").get_bucket_encryption(Bucket=bucket_name("keyed-logs"))
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"] is True


def test_default_encryption_can_be_set(lab: Lab) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn("trail-key")}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    client, bucket = lab.client("s3"), bucket_name("logs")
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    answer = client.get_bucket_encryption(Bucket=bucket)
    assert answer["ServerSideEncryptionConfiguration"]["Rules"] == [rule]


@pytest.mark.parametrize(
    ("default", "code"),
    [
        ({"SSEAlgorithm": "rot13"}, "MalformedXML"),
        ({"SSEAlgorithm": "AES256", "KMSMasterKeyID": "x"}, "InvalidArgument"),
    ],
)
def test_default_encryption_that_s3_refuses(lab: Lab, default: dict[str, str], code: str) -> None:
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    with refused(code):
        lab.client("s3").put_bucket_encryption(Bucket=bucket_name("logs"), ServerSideEncryptionConfiguration=rules)


def statement(**elements: Any) -> dict[str, Any]:
    arn = f"arn:aws:s3:::{bucket_name('logs')}"
    plain = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"}
    return {**plain, **elements}


def document(*statements: Any, version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def test_bucket_policy_can_be_replaced(lab: Lab) -> None:
    text = document(statement(Principal={"AWS": f"arn:aws:iam::{PARTNER}:root"}))
    lab.client("s3").put_bucket_policy(Bucket=bucket_name("logs"), Policy=text)
    assert json.loads(lab.client("s3").get_bucket_policy(Bucket=bucket_name("logs"))["Policy"]) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param(document(), id="no statement"),
        pytest.param(document(statement(), version="2020-01-01"), id="version"),
        pytest.param(document(statement(Effect="Perhaps")), id="effect"),
        pytest.param(document({"Effect": "Allow", "Principal": "*", "Action": "s3:*"}), id="no resource"),
        pytest.param(document(statement(Action="kms:Decrypt")), id="action"),
        pytest.param(document(statement(Resource="arn:aws:s3:::another/*")), id="resource of another bucket"),
        pytest.param(document(statement(Condition={"StringLikes": {}})), id="operator"),
        pytest.param(document(statement(Principal="me")), id="principal"),
        pytest.param(document(statement(Principal={"Aws": "*"})), id="kind of principal"),
        pytest.param(document(statement(Principal={"AWS": "AROAIOSFODNN7EXAMPLE"})), id="deleted principal"),
        pytest.param(document(statement(Sid="x" * 20480)), id="length"),
    ],
)
def test_bucket_policy_that_s3_refuses(lab: Lab, text: str) -> None:
    with refused("MalformedPolicy", status=400):
        lab.client("s3").put_bucket_policy(Bucket=bucket_name("logs"), Policy=text)


def test_length_of_a_bucket_policy_is_counted_without_white_space(lab: Lab) -> None:
    text = document(statement()) + " " * 30000
    lab.client("s3").put_bucket_policy(Bucket=bucket_name("logs"), Policy=text)


def test_client_that_expects_to_be_told_to_continue_does_not_wait(lab: Lab) -> None:
    lab.client("s3").list_objects_v2(Bucket=bucket_name("logs"))
    lab.client("s3").put_object(Bucket=bucket_name("logs"), Key="AWSLogs/log.json.gz", Body=b"log")
    address = urlsplit(lab.server.endpoint)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=PATIENCE) as connection:
        connection.sendall(b"PUT /b/k HTTP/1.1\r\nHost: s3\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 100 ")
    listed = lab.client("s3").list_objects_v2(Bucket=bucket_name("logs"))["Contents"]
    assert "AWSLogs/log.json.gz" in {each["Key"] for each in listed}


def test_object_lock_that_is_off_is_an_error(lab: Lab) -> None:
    with refused("ObjectLockConfigurationNotFoundError"):
        lab.client("s3").get_object_lock_configuration(Bucket=bucket_name("logs"))


def test_object_lock_has_the_period_it_was_given(lab: Lab) -> None:
    client = lab.client("s3")
    place = {"LocationConstraint": HOME}
    client.create_bucket(Bucket="locked-logs", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
    asked: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    assert client.get_object_lock_configuration(Bucket="locked-logs")["ObjectLockConfiguration"] == asked
    asked |= {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}}
    client.put_object_lock_configuration(Bucket="locked-logs", ObjectLockConfiguration=asked)
    assert client.get_object_lock_configuration(Bucket="locked-logs")["ObjectLockConfiguration"] == asked
