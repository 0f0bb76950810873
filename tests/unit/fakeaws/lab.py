# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests speak to the fake AWS with: boto3 clients of any account, region and role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.fakeaws import scenario
from tests.fakeaws.client import FakeAws

LAB = str(Path(__file__).with_name("lab.yml"))
PRODUCTION, PARTNER, CLOSED = "111111111111", "222222222222", "333333333333"
HOME = "eu-central-1"

_SPEC = scenario.read(LAB)
_SESSION: Any = boto3.session.Session()
_ONCE = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


def key_arn(label: str) -> str:
    """The ARN of a key of lab.yml."""
    return _SPEC.key_arn(label)


def key_id(label: str) -> str:
    """The id of a key of lab.yml."""
    return key_arn(label).rpartition("/")[2]


def trail_arn(label: str) -> str:
    """The ARN of a trail of lab.yml."""
    return _SPEC.trail_arn(label)


def bucket_name(label: str) -> str:
    """The name of a bucket of lab.yml."""
    return _SPEC.bucket_name(label)


class Lab:
    """The fake AWS, freshly loaded, with clients that do not retry."""

    def __init__(self, server: FakeAws, clients: dict[tuple[str, ...], Any]) -> None:
        self.server = server
        self._clients = clients

    def client(
        self, service: str, region: str = HOME, *, account: str | None = None, keys: Mapping[str, str] | None = None
    ) -> Any:
        """A client of the account's administrator, or with other credentials (as AssumeRole gives them)."""
        if keys is None:
            variables = self.server.credentials(account or self.server.scenario["account"])
            keys = {
                "AccessKeyId": variables["AWS_ACCESS_KEY_ID"],
                "SecretAccessKey": variables["AWS_SECRET_ACCESS_KEY"],
            }
        place = (service, region, keys["AccessKeyId"], keys.get("SessionToken", ""))
        if place not in self._clients:
            self._clients[place] = _SESSION.client(
                service,
                region_name=region,
                endpoint_url=self.server.endpoint,
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys.get("SessionToken"),
                config=_ONCE,
            )
        return self._clients[place]

    def role(
        self, name: str, *, account: str = PRODUCTION, by: str = PRODUCTION, external_id: str | None = None
    ) -> Any:
        """Credentials of a role, assumed by the administrator of account `by`."""
        extra = {"ExternalId": external_id} if external_id else {}
        arn = f"arn:aws:iam::{account}:role/{name}"
        answer = self.client("sts", account=by).assume_role(RoleArn=arn, RoleSessionName="test", **extra)
        return answer["Credentials"]


@contextmanager
def refused(code: str, message: str = "", *, status: int | None = None) -> Iterator[None]:
    """The call in the block must be refused with this code, words of the message, and HTTP status."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response
    assert error["Error"]["Code"] == code
    assert re.search(re.escape(message), error["Error"].get("Message", ""))
    if status is not None:
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status
