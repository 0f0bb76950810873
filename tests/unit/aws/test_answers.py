# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes back from AWS, or from somebody in its place: facts, errors with a next step, never a guess."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.parsers import ResponseParserError

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls, _resources
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Key, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import IAM_ACTIONS

MANAGEMENT, SECURITY = "111111111111", "555555555555"
REPLICA = f"arn:aws:kms:us-east-1:{MANAGEMENT}:key/mrk-11111111222233334444555555555555"
PRIMARY = REPLICA.replace("us-east-1", "eu-west-1")
TRAIL = f"arn:aws:cloudtrail:eu-central-1:{MANAGEMENT}:trail/main"


class GarbledAccess(Access):
    """An access whose every answer is somebody else's."""

    def __init__(self, answer: Any) -> None:
        self.region = "us-east-1"
        self._answer = answer

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer as a proxy might; an exception is raised."""
        assert IAM_ACTIONS[service, operation]
        assert region == parameters.get("region", "us-east-1")
        if isinstance(self._answer, Exception):
            raise self._answer
        answer: dict[str, Any] = self._answer
        return answer


READS: list[Callable[[Access], Any]] = [
    lambda access: _calls.caller_arn(access, "us-east-1"),
    lambda access: _calls.enabled_regions(access, "us-east-1"),
    lambda access: _calls.trails_seen_in(access, "us-east-1"),
    lambda access: _calls.trail_status(access, "us-east-1", TRAIL),
    lambda access: _calls.administers_cloudtrail(access, "us-east-1", MANAGEMENT),
    lambda access: _calls.describe_account(access, "us-east-1", MANAGEMENT),
    lambda access: _calls.key_metadata(access, "us-east-1", REPLICA),
    lambda access: _calls.key_policy(access, "us-east-1", REPLICA),
    lambda access: _calls.key_aliases(access, "us-east-1", REPLICA),
    lambda access: _calls.list_key_tags(access, "us-east-1", REPLICA),
    lambda access: _calls.listed_keys(access, "us-east-1"),
    lambda access: _calls.key_rotation(access, "us-east-1", REPLICA),
    lambda access: _calls.bucket_region(access, "us-east-1", "logs"),
    lambda access: _calls.bucket_policy(access, "us-east-1", "logs"),
    lambda access: _calls.bucket_key_enabled(access, "us-east-1", "logs"),
]
GARBAGE = [
    {},
    {
        "trailList": [{}],
        "KeyMetadata": {},
        "Arn": "me",
        "Regions": None,
        "Aliases": [None],
        "Tags": [{}],
        "Keys": [{}],
        "ResponseMetadata": {},
    },
    {"trailList": [{"TrailARN": "main"}], "KeyMetadata": {"Arn": "a:b:c:d:e:"}, "Regions": [{}]},
    ResponseParserError("unable to parse response"),
    RecursionError("maximum recursion depth exceeded"),
]


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("read", READS, ids=range(len(READS)))
def test_an_answer_that_is_not_awss_is_no_fact(read: Callable[[Access], Any], answer: Any) -> None:
    error = read(GarbledAccess(answer))
    assert isinstance(error, ReadError)
    assert (error.code, error.iam_action) == ("MalformedAnswerError", IAM_ACTIONS[error.service, error.operation])


class PagedAccess(GarbledAccess):
    """An access to an organization whose second page names CloudTrail."""

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer a page."""
        page = super().send(service, region, operation, **parameters)
        more = {} if "NextToken" in parameters else {"NextToken": "2"}
        name = "cloudtrail" if "NextToken" in parameters else "config"
        return {**page, "DelegatedServices": [{"ServicePrincipal": f"{name}.amazonaws.com"}], **more}


def test_a_delegate_for_many_services_is_found_on_any_page() -> None:
    assert _calls.administers_cloudtrail(PagedAccess({}), "us-east-1", SECURITY) is True


class ReplicaAccess(Access):
    """An access that knows one replica key, and where its rotation was asked."""

    def __init__(self, *replicas: str) -> None:
        self.rotation_asked: list[tuple[str, str]] = []
        self.replicas = {"ReplicaKeys": [{"Arn": arn} for arn in replicas]} if replicas else {}

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer as KMS does for a replica."""
        assert service == "kms"
        if operation == "GetKeyRotationStatus":
            self.rotation_asked.append((region, parameters["KeyId"]))
        configuration = {
            "MultiRegionKeyType": "REPLICA",
            "PrimaryKey": {"Arn": PRIMARY, "Region": "eu-west-1"},
            **self.replicas,
        }
        metadata = {
            "Arn": REPLICA,
            "KeyManager": "CUSTOMER",
            "KeyState": "Enabled",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "Origin": "AWS_KMS",
            "MultiRegion": True,
            "MultiRegionConfiguration": configuration,
        }
        return {"KeyMetadata": metadata, "Policy": "{}", "Aliases": [], "KeyRotationEnabled": True}


class ListingAccess(GarbledAccess):
    """An access to a key with more aliases than one answer holds."""

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer a page."""
        page = super().send(service, region, operation, **parameters)
        more = {"Truncated": False} if "Marker" in parameters else {"Truncated": True, "NextMarker": "2"}
        return {**page, "Aliases": [{"AliasName": "alias/a" if "Marker" in parameters else "alias/b"}], **more}


def test_the_aliases_of_a_key_are_those_of_every_page() -> None:
    assert _calls.key_aliases(ListingAccess({}), "us-east-1", REPLICA) == ("alias/a", "alias/b")


def test_the_rotation_of_a_replica_is_asked_at_its_primary() -> None:
    access = ReplicaAccess()
    account = _resources.Account(MANAGEMENT, "aws", access)
    with ThreadPoolExecutor(1) as pool:
        key = _resources.KeyReads(pool, account, REPLICA).key()
    assert isinstance(key, Key)
    assert (key.primary_arn, key.rotation_enabled) == (PRIMARY, True)
    assert access.rotation_asked == [("eu-west-1", PRIMARY)]


def test_the_related_keys_of_a_replica_are_its_primary_and_the_other_replicas() -> None:
    other = REPLICA.replace("us-east-1", "us-west-2")
    account = _resources.Account(MANAGEMENT, "aws", ReplicaAccess(REPLICA, other))
    with ThreadPoolExecutor(1) as pool:
        key = _resources.KeyReads(pool, account, REPLICA).key()
        silent = _resources.KeyReads(pool, replace(account, access=ReplicaAccess()), REPLICA).key()
    assert isinstance(key, Key)
    assert isinstance(silent, Key)
    assert (key.related_keys, silent.related_keys) == ((PRIMARY, other), None)


@pytest.mark.parametrize("name", ["*", "o-exampleorg1/*", "", "o-evilorg9999"])
def test_an_organization_whose_id_is_none_or_anothers_is_no_answer(name: str) -> None:
    """The id goes into the policies of buckets."""
    arn = f"arn:aws:organizations::{MANAGEMENT}:organization/o-exampleorg1"
    answer = {"Organization": {"Id": name, "Arn": arn, "MasterAccountId": MANAGEMENT}}
    found = _calls.describe_organization(GarbledAccess(answer), "us-east-1")
    assert isinstance(found, ReadError)
    assert "is not the ARN of the organization" in found.message
