# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers as bytes, below the SDK: what a stand-in for AWS, a proxy or a portal may send, read by the real parsers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, connect
from tests.fuzz.healthy import ANSWERS

KEYS = {"aws_access_key_id": "AKIAX", "aws_secret_access_key": "x"}


@dataclass(frozen=True)
class Sent:
    """One response of HTTP."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def _json(operation: str) -> Sent:
    return Sent(json.dumps(ANSWERS[operation], default=datetime.timestamp).encode())


def _xml(name: str, inside: str) -> Sent:
    return Sent(f"<{name}>{inside}</{name}>".encode())


# Services that answer in JSON send what the SDK hands on.
JSON = (
    *("DescribeTrails", "GetTrailStatus", "ListDelegatedServicesForAccount"),
    *("DescribeKey", "GetKeyPolicy", "ListAliases", "GetKeyRotationStatus"),
)
# A healthy account of one trail, by operation.
HEALTHY: Mapping[str, Sent] = {
    **{operation: _json(operation) for operation in JSON},
    "GetCallerIdentity": _xml(
        "GetCallerIdentityResponse",
        f"<GetCallerIdentityResult><Arn>{ANSWERS['GetCallerIdentity']['Arn']}</Arn></GetCallerIdentityResult>",
    ),
    "DescribeRegions": _xml(
        "DescribeRegionsResponse", "<regionInfo><item><regionName>us-east-1</regionName></item></regionInfo>"
    ),
    "HeadBucket": Sent(b"", headers=ANSWERS["HeadBucket"]["ResponseMetadata"]["HTTPHeaders"]),
    "GetBucketPolicy": Sent(ANSWERS["GetBucketPolicy"]["Policy"].encode()),
    "GetBucketEncryption": _xml(
        "ServerSideEncryptionConfiguration", "<Rule><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
    ),
}


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """The body, as the SDK asks for it."""
        yield self._content


class Wire:
    """An access whose requests are answered by `sent`, by operation, and counted; nothing leaves the machine."""

    def __init__(self) -> None:
        self.sent: Mapping[str, Sent] = HEALTHY
        self.asked = 0
        # Sent again is what could not be read, after a while; here it would be the same.
        once = Config(retries={"mode": "standard", "total_max_attempts": 1})
        self.access: Access = connect("us-east-1", "http://127.0.0.1:9", {**KEYS, "aws_config": once}, 4)
        session: Any = self.access.clients._session
        session.register("before-send.*", self._answer)

    def with_answers(self, **sent: Sent | bytes) -> Wire:
        """The same wire, on which some operations are answered otherwise."""
        changed = {
            name: replace(HEALTHY[name], body=each) if isinstance(each, bytes) else each for name, each in sent.items()
        }
        self.sent, self.asked = {**HEALTHY, **changed}, 0
        return self

    def _answer(self, event_name: str, **_rest: Any) -> AWSResponse:
        self.asked += 1
        sent = self.sent[event_name.rpartition(".")[2]]
        headers = HTTPHeaders.from_dict(sent.headers)
        return AWSResponse("http://127.0.0.1:9", sent.status, headers, _Body(sent.body))
