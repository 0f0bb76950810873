# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What S3 refuses in a bucket policy (MalformedPolicy; S3 user guide, "Bucket policies", IAM JSON policy elements)."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakeaws.conditions import known_operator
from tests.fakeaws.errors import AwsError
from tests.fakeaws.policy import Document, as_list
from tests.fakeaws.store import FakeBucket
from tests.fakeaws.world import World

_LIMIT = 20 * 1024  # S3 user guide, "Policies and permissions in Amazon S3": 20 KB.
_PRINCIPAL = re.compile(r"\*|\d{12}|arn:[\w-]+:(iam|sts)::\d{12}:(root|(user|role|assumed-role)/.+)")


def validate(world: World, bucket: FakeBucket, text: str) -> None:
    """AwsError MalformedPolicy for what S3 would not store; the messages are likely, not documented."""
    try:
        document = json.loads(text)
    except ValueError:
        raise _malformed("Policies must be valid JSON and the first byte must be '{'") from None
    if not isinstance(document, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    # What counts is the text without white space (as reported for PutBucketPolicy).
    if len(json.dumps(document, separators=(",", ":")).encode()) > _LIMIT:
        raise _malformed("Policies must be less than 20 KB")
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise _malformed("The policy must contain a valid version string")
    if not as_list(document.get("Statement")):
        raise _malformed("Missing required field Statement")
    for statement in as_list(document["Statement"]):
        _validate_statement(world, bucket, statement)


def _validate_statement(world: World, bucket: FakeBucket, statement: Any) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Invalid effect")
    for element in ("Principal", "Action", "Resource"):
        if element not in statement and f"Not{element}" not in statement:
            raise _malformed(f"Missing required field {element}")
    arn = f"arn:{bucket.partition}:s3:::{bucket.name}"
    for resource in [*as_list(statement.get("Resource")), *as_list(statement.get("NotResource"))]:
        if resource != arn and not resource.startswith(f"{arn}/"):
            raise _malformed("Policy has invalid resource")
    for action in [*as_list(statement.get("Action")), *as_list(statement.get("NotAction"))]:
        if action != "*" and not action.lower().startswith("s3:"):
            raise _malformed("Policy has invalid action")
    if not all(known_operator(operator) for operator in statement.get("Condition", {})):
        raise _malformed("Policy has an invalid condition operator")
    _validate_principals(world, statement)


def _validate_principals(world: World, statement: Document) -> None:
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if principal == "*":
        return
    if not isinstance(principal, dict) or not set(principal) <= {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise _malformed("Invalid principal in policy")
    for name in as_list(principal.get("AWS")):
        if not _PRINCIPAL.fullmatch(name) or not world.principal_exists(name):
            raise _malformed("Invalid principal in policy")


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)
