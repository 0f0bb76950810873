# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How AWS is reached: where the partition has it, under our name; what does not work is named, with the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError, connect
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller, read_account
from tests.unit.aws.conftest import MANAGEMENT, PRODUCTION, Load, role


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-gov-west-1", "amazonaws.com"),
        ("eu-central-1", "amazonaws.com"),
    ],
)
@pytest.mark.parametrize("service", ["cloudtrail", "kms", "sts", "ec2"])
def test_endpoints_are_those_of_the_partition(
    service: str, region: str, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    access = connect(region, None, {"aws_access_key_id": "x", "aws_secret_access_key": "x"}, 1)
    assert access.clients.client(service, region).meta.endpoint_url == f"https://{service}.{region}.{domain}"


def test_an_endpoint_that_is_none_is_named() -> None:
    with pytest.raises(AwsError, match=r"called in us-east-1: Invalid endpoint: foo\. Correct endpoint_url"):
        read_account(connect("us-east-1", "foo", connection(), 4), Scope())


def connection(**more: Any) -> dict[str, Any]:
    """What get_aws_connection_info returns for static credentials."""
    return {"aws_access_key_id": "AKIAUNKNOWN", "aws_secret_access_key": "x", **more}


def test_unknown_credentials_are_named(load: Load) -> None:
    aws = load("healthy")
    with pytest.raises(AwsError, match=r"in us-east-1 answered InvalidClientTokenId .* Correct the access key"):
        read_account(connect("us-east-1", aws.endpoint, connection(), 4), Scope())


def test_expired_credentials_are_named(load: Load) -> None:
    aws = load("organization")
    sts: Any = boto3.client("sts", endpoint_url=aws.endpoint, region_name="us-east-1", **signing_keys(aws))
    given = sts.assume_role(RoleArn=role(PRODUCTION)["role_arn"], RoleSessionName="test", ExternalId="audit-2026")
    keys = given["Credentials"]
    aws.expire_sessions()
    session = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    with pytest.raises(
        AwsError, match=r"No account can be read: GetCallerIdentity in .* answered ExpiredToken .* sign in again"
    ):
        read_account(connect("us-east-1", aws.endpoint, session, 4), Scope())


def signing_keys(aws: FakeAws) -> dict[str, Any]:
    """The administrator's keys as boto3 takes them."""
    return {name.lower(): value for name, value in aws.credentials(MANAGEMENT).items()}


def test_half_of_a_key_is_named(load: Load) -> None:
    half = {"aws_access_key_id": "AKIAUNKNOWN"}
    with pytest.raises(AwsError, match="Partial credentials found in explicit, missing: aws_secret_access_key"):
        read_account(connect("us-east-1", load("healthy").endpoint, half, 4), Scope())


def test_no_credentials_at_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AwsError, match=r"No AWS credentials were found\. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID"):
        read_account(connect("us-east-1", "http://127.0.0.1:9", {}, 4), Scope())


@pytest.mark.parametrize("region", ["us-east-1", None])
@pytest.mark.parametrize("given", [{"profile_name": "nobody"}, {}])
def test_an_unknown_profile_is_named(
    region: str | None, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AwsError, match=r'The AWS profile "nobody" is not configured\. Correct AWS_PROFILE '):
        connect(region, "http://127.0.0.1:9", given, 4)


def test_a_broken_configuration_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text("region = eu-central-1", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    with pytest.raises(AwsError, match=f"Unable to parse config file: {path}. Correct the file"):
        connect(None, None, {}, 4)


def test_an_endpoint_that_cannot_be_reached_is_named() -> None:
    once = connection(aws_config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(AwsError, match=r"127.0.0.1:9.* AWS cannot be reached.* check .*endpoint_url"):
        read_account(connect("us-east-1", "http://127.0.0.1:9", once, 4), Scope())


def test_no_region_is_named() -> None:
    with pytest.raises(AwsError, match="No region: set AWS_REGION"):
        connect(None, None, connection(), 4)


def test_unverified_tls_is_refused() -> None:
    with pytest.raises(AwsError, match=r"validate_certs=false is refused.*aws_ca_bundle"):
        connect("us-east-1", None, connection(verify=False), 4)


def test_a_certificate_bundle_that_is_not_there_is_named(load: Load) -> None:
    endpoint = load("healthy").endpoint.replace("http:", "https:")
    once = connection(verify="/nowhere/ca.pem", aws_config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(AwsError, match=r"AWS cannot be reached.* check .*aws_ca_bundle"):
        read_account(connect("us-east-1", endpoint, once, 4), Scope())


def test_the_user_agent_names_the_collection_and_its_version(load: Load) -> None:
    client = caller(load("healthy")).clients.client("kms", "us-east-1")
    assert f"aws_baseline.cloudtrail/{VERSION}" in client.meta.config.user_agent_extra
