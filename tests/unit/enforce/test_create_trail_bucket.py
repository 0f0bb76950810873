# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket of a trail that is requested: whose and where it is, and what its policy gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.enforce.creating import (
    ALL,
    BUCKET,
    FOREIGN,
    HOME,
    PRODUCTION,
    TRAIL,
    TRAIL_ARN,
    boto_of,
    bucket_statements,
    create,
    refusal,
    with_bucket,
)
from tests.unit.enforce.lab import Lab
from tests.unit.modules import replace_everywhere


def test_a_bucket_that_is_not_there_is_refused(load: Callable[[str], Lab]) -> None:
    assert f"its bucket {BUCKET} does not exist. Create it first" in refusal(load("no-trails"))


def test_a_bucket_that_is_not_there_is_taken_for_granted_in_check_mode_alone(load: Callable[[str], Lab]) -> None:
    lab = load("no-trails")
    assert "does not exist" in str(create(lab, replace(TRAIL, new_bucket=True)).refusals[0])
    assert lab.writes() == []


def test_a_bucket_in_another_region_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"), region="eu-west-1")
    assert "is in eu-west-1, not in eu-central-1" in refusal(lab, replace(TRAIL, bucket_region=HOME))


def test_the_key_follows_the_bucket(load: Callable[[str], Lab]) -> None:
    lab = load("no-trails")
    elsewhere = replace(TRAIL, new_bucket=True, bucket_region="eu-west-1")
    assert create(lab, elsewhere, check_mode=True).changes[0].region == "eu-west-1"
    assert create(with_bucket(lab, region="eu-west-1"), elsewhere).changes[0].region == "eu-west-1"
    arn = lab.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    given = EnforceRequest(key=None, key_id=arn, create_trail=replace(TRAIL, name="other"))
    assert "Set key_id to a key in eu-west-1" in str(lab.enforce(request=given).refusals[0])


def test_a_strangers_bucket_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    s3 = boto_of(lab, PRODUCTION)
    s3("CreateBucket", Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": HOME})
    open_to_all = {
        **FOREIGN,
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", FOREIGN["Resource"]],
    }
    s3("PutBucketPolicy", Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [open_to_all]}))
    lab.aws.clear_calls()
    assert "cannot be shown to belong to account 111111111111: if it belongs to a stranger" in refusal(lab)


def test_a_bucket_that_cannot_be_read_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    lab.aws.add_fault("s3:HeadBucket", code="InternalError", status=500, times=-1)
    assert "HeadBucket answered" in refusal(lab)


def test_statements_of_others_stay_as_they_are(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"), FOREIGN)
    done = create(lab)
    statements = bucket_statements(lab)
    assert (statements[0], len(statements)) == (FOREIGN, 4)
    assert done.backup is not None
    (row,) = done.backup.bucket_policies
    assert json.loads(row.before or "")["Statement"] == [FOREIGN]
    assert done.backup.created_trails == (TRAIL_ARN,)


def test_a_policy_that_has_all_is_not_written(load: Callable[[str], Lab]) -> None:
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    place = f"arn:aws:s3:::{BUCKET}"
    lab = with_bucket(
        load("no-trails"),
        {**service, "Sid": "Acl", "Action": "s3:GetBucketAcl", "Resource": place},
        {**service, "Sid": "Write", "Action": "s3:PutObject", "Resource": f"{place}/AWSLogs/*"},
        {
            "Sid": "TLS",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [place, f"{place}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
    create(lab)
    assert lab.writes() == [operation for operation in ALL if operation != "PutBucketPolicy"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            {
                "Sid": "Only AES256",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
            },
            'in statement "Only AES256", add "aws:kms" to the values of s3:x-amz-server-side-encryption.',
        ),
        ({"Sid": "Long", "Condition": {"StringEquals": {"aws:userid": ["x" * 1000] * 20}}}, "S3 accepts 20480"),
    ],
    ids=["denies encrypted uploads", "too long"],
)
def test_a_bucket_policy_in_the_way_is_refused(
    load: Callable[[str], Lab], statement: dict[str, Any], words: str
) -> None:
    lab = with_bucket(load("no-trails"), {**FOREIGN, **statement})
    refused = refusal(lab)
    assert f"The trail {TRAIL_ARN}: The policy of the bucket {BUCKET} is left as it is: " in refused
    assert words in refused


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("no JSON", "cannot be understood: The policy is not JSON"),
        (
            json.dumps({"Statement": [{**FOREIGN, "Sid": "Left", "Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}}]}),
            'statement "Left" names AIDACKCEVSQ6C2EXAMPLE',
        ),
    ],
)
def test_a_bucket_policy_that_cannot_be_written_back_is_refused(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, policy: str, words: str
) -> None:
    lab = with_bucket(load("no-trails"))
    replace_everywhere(monkeypatch, _calls.bucket_policy, lambda *_called: policy)
    assert words in refusal(lab)


def test_a_bucket_policy_that_cannot_be_read_is_refused(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    lab.aws.add_fault("s3:GetBucketPolicy", code="AccessDenied", status=403, times=-1)
    assert "Allow the caller s3:GetBucketPolicy" in refusal(lab)
