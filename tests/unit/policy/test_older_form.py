# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bucket policies that name CloudTrail's account of a region: asked as that account, less is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._delivery import acl_calls, answer
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import Locations
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import upload_request
from tests.unit.policy.asking import SERVICE, when
from tests.unit.policy.golden_tables import KEY, TRAIL

US_EAST_1 = "086441151436"
FOR_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": US_EAST_1}, "Action": "s3:PutObject", "Resource": "*"}
FOR_SERVICE = {**FOR_ACCOUNT, "Principal": {"Service": SERVICE}}
PLACE = Locations(trail_arn=TRAIL, bucket_name="logs", bucket_prefix=None, regions=("us-east-1",))
NO_TLS = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("statements", "outcome", "by_account"),
    [
        ([FOR_ACCOUNT], Outcome.ALLOWED, True),
        # The service comes first, and nobody asks further where it gets in.
        ([FOR_ACCOUNT, FOR_SERVICE], Outcome.ALLOWED, False),
        ([FOR_ACCOUNT, {**FOR_SERVICE, "Action": "s3:GetBucketAcl"}], Outcome.ALLOWED, True),
        # Where neither gets in, it is about the one that the policy lets do anything at all.
        ([{**FOR_ACCOUNT, "Action": "s3:GetBucketAcl"}], Outcome.IMPLICIT_DENY, True),
        ([{**each, "Action": "s3:GetBucketAcl"} for each in (FOR_ACCOUNT, FOR_SERVICE)], Outcome.IMPLICIT_DENY, False),
        # How the upload is sent is known of the account's too, and neither for which trail nor as whom.
        ([when(FOR_ACCOUNT, StringEquals={"s3:x-amz-acl": "bucket-owner-full-control"})], Outcome.ALLOWED, True),
        ([when(FOR_ACCOUNT, StringEquals={"s3:x-amz-acl": "private"})], Outcome.IMPLICIT_DENY, True),
        ([when(FOR_ACCOUNT, **NO_TLS)], Outcome.IMPLICIT_DENY, True),
        ([when(FOR_ACCOUNT, StringEquals={"aws:SourceArn": TRAIL})], Outcome.INDETERMINATE, True),
        ([when(FOR_ACCOUNT, StringEquals={"aws:PrincipalTag/team": "logs"})], Outcome.INDETERMINATE, True),
    ],
)
def test_as_whom_cloudtrail_is_answered(statements: list[dict[str, Any]], outcome: Outcome, by_account: bool) -> None:
    (folder,) = PLACE.logs()
    policy = parse({"Version": "2012-10-17", "Statement": statements})
    found = answer(policy, upload_request(PLACE, KEY).at(folder.file), "us-east-1", Budget())
    assert (found.outcome, found.by_account) == (outcome, by_account)
    who = f"arn:aws:iam::{US_EAST_1}:root" if by_account else SERVICE
    assert f"s3:PutObject to {who}" in found.decision.reason


def test_the_acl_is_read_as_each_account_that_the_policy_may_name() -> None:
    """And once for all regions where it names the service."""
    place = replace(PLACE, regions=("us-east-1", "eu-west-1"))
    older, newer = (parse({"Version": "2012-10-17", "Statement": each}) for each in (FOR_ACCOUNT, FOR_SERVICE))
    assert [call.region for call in acl_calls(older, place)] == ["us-east-1", "eu-west-1"]
    assert [call.region for call in acl_calls(newer, place)] == ["us-east-1"]


def test_both_answers_are_paid_from_one_budget() -> None:
    (folder,) = PLACE.logs()
    policy = parse({"Version": "2012-10-17", "Statement": FOR_ACCOUNT})
    request = upload_request(PLACE, KEY).at(folder.file)
    steps, _searched = policy.weight
    assert answer(policy, request, "us-east-1", Budget(2 * steps)).outcome is Outcome.ALLOWED
    assert answer(policy, request, "us-east-1", Budget(2 * steps - 1)).outcome is Outcome.INDETERMINATE
