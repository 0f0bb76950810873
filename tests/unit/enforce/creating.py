# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of a trail that is requested share: the request, its bucket, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore import xform_name

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, TrailRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from tests.unit.enforce.lab import Lab

HOME = "eu-central-1"
ACCOUNT, PRODUCTION, LOG_ARCHIVE = "111111111111", "222222222222", "444444444444"
BUCKET = "logs-111111111111"
TRAIL = TrailRequest("main", BUCKET, HOME)
TRAIL_ARN = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/main"
ALL = ["CreateKey", "CreateAlias", "PutBucketPolicy", "CreateTrail", "StartLogging", "EnableKeyRotation"]
FOREIGN = {
    "Sid": "Somebody else's",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
}


def create(lab: Lab, trail: TrailRequest = TRAIL, **fields: Any) -> Outcome:
    """One run that makes sure of the trail."""
    return lab.enforce(fields.pop("task", Task()), request=EnforceRequest(create_trail=trail), **fields)


def with_bucket(lab: Lab, *statements: Mapping[str, Any], region: str = HOME, name: str = BUCKET) -> Lab:
    """The lab with a bucket, whose policy has the statements if there are any; nothing of it stands in the call log."""
    s3 = lab.client("s3", region)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    if statements:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    lab.aws.clear_calls()
    return lab


def bucket_statements(lab: Lab, name: str = BUCKET) -> list[Any]:
    """The statements of the bucket's policy, in their order."""
    found: list[Any] = json.loads(lab.client("s3", HOME).get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    return found


def refusal(lab: Lab, trail: TrailRequest = TRAIL, **fields: Any) -> str:
    """The one refusal, in check mode the same; it names trail and account, and nothing is written."""
    refusals = [create(lab, trail, check_mode=check_mode, **fields).refusals for check_mode in (True, False)]
    assert refusals[0] == refusals[1]
    assert lab.writes() == []
    (refused,) = map(str, refusals[0])
    assert f":{ACCOUNT}:trail/{trail.name}" in refused
    return refused


def boto_of(lab: Lab, account_id: str) -> Callable[..., Any]:
    """Send S3 calls as another account of the scenario, not as this collection does."""
    keys = lab.aws.credentials(account_id)
    client = boto3.client(
        "s3",
        region_name=HOME,
        endpoint_url=lab.aws.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    return lambda operation, **parameters: getattr(client, xform_name(operation))(**parameters)
