# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let CloudTrail deliver a trail's logs to a bucket, over TLS alone, and take nothing from the bucket's policy.

The statements are those of the CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail", with aws:SourceArn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    _budget,
    _context_facts,
    _decide,
    _delivery,
    _document,
    _locations,
    _merge,
    _ours,
    _request,
    _requests,
)

ACL = "AwsBaselineCloudTrailAcl"
WRITE = "AwsBaselineCloudTrailWrite"
TLS_ONLY = "AwsBaselineCloudTrailTlsOnly"
# S3 user guide, "Policies and permissions in Amazon S3": 20 KB.
BUCKET_POLICY_BYTES = 20 * 1024
NOTHING = {"Version": "2012-10-17", "Statement": []}


@dataclass(frozen=True)
class Delivery:
    """What a bucket's policy must allow: one trail's files, its logs encrypted under its key.

    `spare`: of an organization trail the folder of its own account as well, for which AWS's page has a statement.
    """

    locations: _locations.Locations
    key_arn: str
    spare: bool = True

    def calls(self, policy: _document.Policy) -> Iterator[_delivery.Call]:
        """Every call of CloudTrail that the policy must allow."""
        yield from _delivery.acl_calls(policy, self.locations)
        yield from _delivery.log_calls(self.locations, self.key_arn)
        yield from _delivery.digest_calls(self.locations, self.key_arn)
        yield from _delivery.spare_calls(self.locations, self.key_arn) if self.spare else ()


def merge_bucket_policy(text: str | None, delivery: Delivery, *, tls_only: bool) -> _document.Policy | None:
    """The policy with what is missing in it, with `tls_only` the denial of all requests without TLS; None: nothing is.

    What a condition leaves open is granted beside it. Raises MergeRefusedError where a Deny stands in the way, or
    S3 would not take the result, PolicyError where the text is no policy.
    """
    policy = _document.parse(NOTHING if text is None else text)
    additions = [*_additions(policy, delivery)]
    if (
        tls_only
        and _decide.decide(policy, _requests.plain_request(delivery.locations.bucket_arn)).outcome
        is not _request.Outcome.EXPLICIT_DENY
    ):
        additions.append(_tls_only(delivery.locations.bucket_arn))
    present = [each.document for each in policy.statements]
    documents = list(present)
    for addition in additions:
        _ours.add_statement(documents, addition)
    if documents == present:
        return None
    lossy = _merge.why_not_written_back(policy)
    if lossy:
        raise _refusal(delivery, lossy)
    merged = policy.with_statements(documents)
    _refuse_what_s3_would(merged, delivery)
    return merged


def _additions(policy: _document.Policy, delivery: Delivery) -> Iterator[dict[str, Any]]:
    """Our statements for what no statement allows. What a Deny leaves open no Allow can settle."""
    missing = set()
    allows = replace(policy, statements=tuple(each for each in policy.statements if each.effect == "Allow"))
    budget = _budget.Budget()
    for call in delivery.calls(policy):
        answers = [_delivery.answer(policy, request, call.region, budget) for request in call.requests]
        allowed = [_delivery.answer(allows, request, call.region, budget) for request in call.requests]
        denied = all(each.outcome is _request.Outcome.EXPLICIT_DENY for each in answers)
        if denied or budget.is_exhausted:
            cause = (allowed if budget.is_exhausted else answers)[0].decision
            raise _refusal(delivery, f"{cause.reason} {cause.advice}")
        if not any(each.outcome is _request.Outcome.ALLOWED for each in allowed):
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
        "Principal": {"Service": _context_facts.SERVICE},
        "Action": action,
        "Resource": resource,
        "Condition": {"StringEquals": equal},
    }


def _refuse_what_s3_would(merged: _document.Policy, delivery: Delivery) -> None:
    for label, names in _merge.orphans(merged):
        raise _refusal(
            delivery,
            f"{label} names {names}, the id of a user or role that was deleted, and S3 takes no policy with such a "
            f"principal. Remove it from {label}, or name the new user or role.",
        )
    size = len(merged.to_json().encode())
    if size > BUCKET_POLICY_BYTES:
        raise _refusal(
            delivery,
            f"with what is missing it would have {size} bytes, more than the {BUCKET_POLICY_BYTES} that S3 takes. "
            "Shorten it, or give the trail another bucket.",
        )


def _refusal(delivery: Delivery, why: str) -> _merge.MergeRefusedError:
    return _merge.MergeRefusedError(
        f"The policy of the bucket {delivery.locations.bucket_name} is left as it is: {why}"
    )
