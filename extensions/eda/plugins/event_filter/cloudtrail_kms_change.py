# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Says of an event from CloudTrail what it changed, in words that a condition can compare. Standard library only."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

DOCUMENTATION = r"""
short_description: Say which trail, key or bucket an event from CloudTrail is about, and who made the call
description:
  - Takes an event of the detail type C(AWS API Call via CloudTrail) that EventBridge has sent, as the source
    C(amazon.aws.aws_sqs_queue) hands it on, and puts C(cloudtrail_kms) in the place of its body. Other events are
    handed on as they are, and never have C(cloudtrail_kms).
  - C(account), C(region) and C(action) are those of the call.
  - C(resource) is the ARN of the trail, key or bucket, in whatever form the request named it. Where an alias was
    deleted, C(alias) is its ARN, and C(resource) the key that it stood for.
  - C(principal) is the ARN of the role or user that made the call; of a session it is the role's. It is missing where a
    service of AWS made the call.
  - C(by_collection) is true where the user agent names this collection and there is a C(principal). Anybody can write a
    user agent, so it says nothing without the C(principal).
  - C(succeeded) is false where the call was refused, and so has changed nothing.
  - Ansible takes what a rulebook hands to a playbook for templates, and a queue may hold what is not from CloudTrail.
    So each text is handed on only where it has the form that AWS gives it, which no template has, and else left out
    with a line in the log. Without an account, a region and an action there is no C(cloudtrail_kms) at all. Of C(meta)
    the id of the message is kept.
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
SAID = "cloudtrail_kms"

_REGION = r"[a-z]{2,}(-[a-z]+)+-\d+"
_PLACE = rf"{_REGION}:\d{{12}}"
# CloudTrail guide, "Naming requirements for CloudTrail resources, S3 buckets, and KMS keys"; KMS API reference,
# KeyMetadata and AliasListEntry; S3 guide, "General purpose bucket naming rules", with those of before March 2018. An
# IAM path may hold what a template is written with (IAM API reference, Role): no principal with one is handed on.
_FORMS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(form, re.ASCII)
    for name, form in {
        "account": r"\d{12}",
        "region": _REGION,
        "action": r"[A-Za-z][A-Za-z0-9]*",
        "principal": r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/[\w+=,.@/-]+)",
        "resource": (
            rf"arn:aws[a-z-]*:(cloudtrail:{_PLACE}:trail/[\w.-]{{3,128}}|kms:{_PLACE}:key/[A-Za-z0-9-]+"
            r"|s3:::[\w.-]{3,255})"
        ),
        "alias": rf"arn:aws[a-z-]*:kms:{_PLACE}:alias/[\w/-]+",
    }.items()
}
# botocore's partitions.json: the Regions of a partition begin alike.
_PARTITIONS: Mapping[str, str] = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}
_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
_LONGEST = 2048  # IAM API reference, arnType; the other names are shorter
_log = logging.getLogger("aws_baseline.cloudtrail.cloudtrail_kms_change")


def main(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the event says in `cloudtrail_kms`, where it is one of CloudTrail's; whatever comes, raise nothing.

    Its shape: EventBridge user guide, "AWS service events delivered via AWS CloudTrail", and CloudTrail user guide,
    "CloudTrail record contents for management, data, and network activity events".
    """
    body = event.get("body")
    if not isinstance(body, Mapping) or body.get("detail-type") != DETAIL_TYPE:
        return {name: value for name, value in event.items() if name != SAID}
    record = _mapping(body.get("detail"))
    given = {**_call(record), **_changed(record)}
    said = {name: value for name, value in given.items() if _has_form(name, value)}
    message_id = _message_id(event)
    if left_out := [name for name in given if name not in said]:
        _log.warning(
            "The event %s is handed on without %s, not of the form that AWS gives it. If CloudTrail has not sent it, "
            "see who may send to the queue.",
            message_id or "without an id",
            ", ".join(left_out),
        )
    meta = {"MessageId": message_id, "event": {"uuid": message_id}} if message_id else {}
    if not {"account", "region", "action"} <= said.keys():
        return {"meta": meta}
    by_collection = "principal" in said and USER_AGENT in _text(record.get("userAgent"))
    return {"meta": meta, SAID: {**said, "by_collection": by_collection, "succeeded": not record.get("errorCode")}}


def _mapping(value: object) -> Mapping[str, Any]:
    """What should be an object, and is empty where it is something else."""
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    """What should be a text, and is empty where it is something else: junk may be too deep to be written as one."""
    return value if isinstance(value, str) else ""


def _has_form(name: str, value: object) -> bool:
    return len(_text(value)) <= _LONGEST and bool(_FORMS[name].fullmatch(_text(value)))


def _message_id(event: Mapping[str, Any]) -> str | None:
    """The id that SQS gave the message, as the source hands it on."""
    given = _text(_mapping(event.get("meta")).get("MessageId"))
    return given if _MESSAGE_ID.fullmatch(given) else None


def _call(record: Mapping[str, Any]) -> dict[str, object]:
    """Where the call was made, which one, and by whom, as the record has it."""
    identity = _mapping(record.get("userIdentity"))
    issuer = _mapping(_mapping(identity.get("sessionContext")).get("sessionIssuer"))
    principal = issuer.get("arn") or identity.get("arn")
    return {
        "account": record.get("recipientAccountId"),
        "region": record.get("awsRegion"),
        "action": record.get("eventName"),
        **({"principal": principal} if principal else {}),
    }


def _changed(record: Mapping[str, Any]) -> dict[str, object]:
    """The resource, and the alias, as the request named them or as the record lists them."""
    asked = _mapping(record.get("requestParameters"))
    source = _text(record.get("eventSource")).partition(".")[0]
    found: dict[str, object] = {}
    if source == "cloudtrail" and (name := asked.get("name")):
        found["resource"] = _arn(record, "cloudtrail", "trail/", name)
    if source == "s3" and (name := asked.get("bucketName")):
        found["resource"] = f"arn:{_partition(record)}:s3:::{name}" if isinstance(name, str) else name
    if source == "kms":
        if key := _listed_key(record) or asked.get("keyId"):
            found["resource"] = _arn(record, "kms", "key/", key)
        if name := asked.get("aliasName"):
            found["alias"] = _arn(record, "kms", "", name)
    return found


def _listed_key(record: Mapping[str, Any]) -> str | None:
    """The ARN of the key among the resources that the record lists, an alias beside it perhaps."""
    listed = record.get("resources")
    arns = (_text(_mapping(each).get("ARN")) for each in (listed if isinstance(listed, list) else ()))
    return next((arn for arn in arns if ":key/" in arn), None)


def _arn(record: Mapping[str, Any], service: str, kind: str, given: object) -> object:
    """A request may name a resource by its ARN, or by its name in the account and region of the call."""
    if not isinstance(given, str) or given.startswith("arn:"):
        return given
    place = f"{_text(record.get('awsRegion'))}:{_text(record.get('recipientAccountId'))}"
    return f"arn:{_partition(record)}:{service}:{place}:{kind}{given}"


def _partition(record: Mapping[str, Any]) -> str:
    """The partition of the call's Region, by how its name begins."""
    region = _text(record.get("awsRegion"))
    return next((partition for begin, partition in _PARTITIONS.items() if region.startswith(begin)), "aws")
