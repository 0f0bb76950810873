# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Says of an event from CloudTrail what it changed, in words that a condition can compare. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCUMENTATION = r"""
short_description: Say which trail, key or bucket an event from CloudTrail is about, and who made the call
description:
  - Takes an event of the detail type C(AWS API Call via CloudTrail) that EventBridge has sent, as the source
    C(amazon.aws.aws_sqs_queue) hands it on, and puts C(cloudtrail_kms) beside its body. Other events get nothing.
  - C(account), C(region) and C(action) are those of the call.
  - C(resource) is the ARN of the trail, key or bucket, in whatever form the request named it. Where an alias was
    deleted, C(alias) is its ARN, and C(resource) the key that it stood for.
  - C(principal) is the ARN of the role or user that made the call; of a session it is the role's.
  - C(by_collection) is true where the user agent names this collection. Anybody can write that, so it says nothing
    without the C(principal).
  - C(succeeded) is false where the call was refused, and so has changed nothing.
"""

EXAMPLES = r"""
- amazon.aws.aws_sqs_queue:
    name: cloudtrail-kms-drift
    region: eu-central-1
  filters:
    - aws_baseline.cloudtrail.cloudtrail_kms_change:
"""

USER_AGENT = "aws_baseline.cloudtrail/"  # as module_utils/_aws/_access.py sets it
DETAIL_TYPE = "AWS API Call via CloudTrail"


def main(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event, with `cloudtrail_kms` where it is one of CloudTrail's.

    Its shape: EventBridge user guide, "AWS service events delivered via AWS CloudTrail", and CloudTrail user guide,
    "CloudTrail record contents for management, data, and network activity events".
    """
    body = event.get("body")
    if not isinstance(body, Mapping) or body.get("detail-type") != DETAIL_TYPE:
        return event
    record: Mapping[str, Any] = body.get("detail") or {}
    identity: Mapping[str, Any] = record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    return {
        **event,
        "cloudtrail_kms": {
            "account": str(record.get("recipientAccountId")),
            "region": str(record.get("awsRegion")),
            "action": str(record.get("eventName")),
            "principal": str(issuer.get("arn") or identity.get("arn")),
            "by_collection": USER_AGENT in str(record.get("userAgent")),
            "succeeded": not record.get("errorCode"),
            **_changed(record),
        },
    }


def _changed(record: Mapping[str, Any]) -> dict[str, str]:
    """The resource, and the alias, as the request named them or as the record lists them."""
    asked: Mapping[str, Any] = record.get("requestParameters") or {}
    source = str(record.get("eventSource")).partition(".")[0]
    found = {}
    if source == "cloudtrail" and asked.get("name"):
        found["resource"] = _arn(record, "cloudtrail", f"trail/{asked['name']}", asked["name"])
    if source == "s3" and asked.get("bucketName"):
        found["resource"] = f"arn:{_partition(record)}:s3:::{asked['bucketName']}"
    if source == "kms":
        listed = [str(resource.get("ARN")) for resource in record.get("resources") or ()]
        keys = [arn for arn in listed if ":key/" in arn]
        if keys or asked.get("keyId"):
            found["resource"] = keys[0] if keys else _arn(record, "kms", f"key/{asked['keyId']}", asked["keyId"])
        if asked.get("aliasName"):
            found["alias"] = _arn(record, "kms", asked["aliasName"], asked["aliasName"])
    return found


def _arn(record: Mapping[str, Any], service: str, resource: str, given: object) -> str:
    """A request may name a resource by its ARN, or by its name in the account and region of the call."""
    if str(given).startswith("arn:"):
        return str(given)
    return f"arn:{_partition(record)}:{service}:{record.get('awsRegion')}:{record.get('recipientAccountId')}:{resource}"


def _partition(record: Mapping[str, Any]) -> str:
    """botocore's partitions.json: the regions of a partition begin alike."""
    region = str(record.get("awsRegion"))
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
