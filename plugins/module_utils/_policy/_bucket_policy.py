# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let CloudTrail deliver the logs of a trail to a bucket, over TLS only, and remove nothing from the bucket policy.

The statements are those of the CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail", with aws:SourceArn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ._budget import Budget
from ._context_facts import SERVICE
from ._decide import decide
from ._delivery import Call, acl_calls, answer, digest_calls, log_calls, spare_calls
from ._document import Policy, parse
from ._locations import Locations
from ._merge import MergeRefusedError, why_not_written_back
from ._ours import add_statement
from ._request import Outcome
from ._requests import plain_request

ACL = "AwsBaselineCloudTrailAcl"
WRITE = "AwsBaselineCloudTrailWrite"
TLS_ONLY = "AwsBaselineCloudTrailTlsOnly"
# S3 user guide, "Policies and permissions in Amazon S3": 20 KB.
BUCKET_POLICY_BYTES = 20 * 1024
NOTHING = {"Version": "2012-10-17", "Statement": []}


@dataclass(frozen=True)
class Delivery:
    """What a bucket policy must allow: the delivery of one trail's files, with its logs encrypted under its key.

    `spare` includes the folder of an organization trail's own account, for which AWS's page has a statement.
    """

    locations: Locations
    key_arn: str
    spare: bool = True

    def calls(self, policy: Policy) -> Iterator[Call]:
        """Every call of CloudTrail that the policy must allow."""
        yield from acl_calls(policy, self.locations)
        yield from log_calls(self.locations, self.key_arn)
        yield from digest_calls(self.locations, self.key_arn)
        yield from spare_calls(self.locations, self.key_arn) if self.spare else ()


def merge_bucket_policy(
    text: str | None, delivery: Delivery, *, tls_only: bool, budget: Budget | None = None
) -> Policy | None:
    """Return the policy with what it lacks, or None if it lacks nothing.

    With `tls_only`, a statement that denies all requests without TLS belongs to it. If a condition leaves open whether
    a statement allows a call, another statement is added. Raises MergeRefusedError if a Deny stands in the way or S3
    would not take the result, PolicyError if the text is no policy.
    """
    policy = parse(NOTHING if text is None else text)
    additions = [*_additions(policy, delivery, budget or Budget())]
    if tls_only and decide(policy, plain_request(delivery.locations.bucket_arn)).outcome is not Outcome.EXPLICIT_DENY:
        additions.append(_tls_only(delivery.locations.bucket_arn))
    present = [each.document for each in policy.statements]
    documents = list(present)
    for addition in additions:
        add_statement(documents, addition)
    if documents == present:
        return None
    why_not = why_not_written_back(policy, "S3")
    if why_not:
        raise _refusal(delivery, why_not)
    merged = policy.with_statements(documents)
    size = len(merged.to_json().encode())
    if size > BUCKET_POLICY_BYTES:
        raise _refusal(
            delivery,
            f"with the missing statements it would have {size} bytes; S3 accepts {BUCKET_POLICY_BYTES}. Shorten it, "
            "or give the trail another bucket.",
        )
    return merged


def _additions(policy: Policy, delivery: Delivery, budget: Budget) -> Iterator[dict[str, Any]]:
    """Our statements for what no statement allows. An Allow cannot settle what a Deny leaves open."""
    missing = set()
    allows = replace(policy, statements=tuple(each for each in policy.statements if each.effect == "Allow"))
    for call in delivery.calls(policy):
        answers = [answer(policy, request, call.region, budget) for request in call.requests]
        allowed = [answer(allows, request, call.region, budget) for request in call.requests]
        denied = all(each.outcome is Outcome.EXPLICIT_DENY for each in answers)
        if denied or budget.is_exhausted:
            cause = (allowed if budget.is_exhausted else answers)[0].decision
            raise _refusal(delivery, f"{cause.reason} {cause.advice}")
        if not any(each.outcome is Outcome.ALLOWED for each in allowed):
            missing.add(call.requests[0].action)
    locations = delivery.locations
    source = {"aws:SourceArn": [locations.trail_arn]}
    if "s3:GetBucketAcl" in missing:
        yield _allow(ACL, "s3:GetBucketAcl", locations.bucket_arn, source)
    if "s3:PutObject" in missing:
        equal = {"s3:x-amz-acl": "bucket-owner-full-control", **source}
        yield _allow(WRITE, "s3:PutObject", locations.patterns(), equal)


def _tls_only(bucket_arn: str) -> dict[str, Any]:
    return {
        "Sid": TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _allow(sid: str, action: str, resource: Any, equal: Any) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": action,
        "Resource": resource,
        "Condition": {"StringEquals": equal},
    }


def _refusal(delivery: Delivery, why: str) -> MergeRefusedError:
    return MergeRefusedError(f"The policy of the bucket {delivery.locations.bucket_name} is left as it is: {why}")
