# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our statements as they are written, and what is to be merged into a policy."""

from __future__ import annotations

import copy
from typing import Any, Literal

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import Required, merge
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import validate
from tests.unit.policy.golden_tables import KEY, OWNER, ROLE, TRAIL

SERVICE = {"Service": "cloudtrail.amazonaws.com"}
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
ROOT = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
USE: dict[str, Any] = {
    "Sid": "AwsBaselineCloudTrailUse",
    "Effect": "Allow",
    "Principal": SERVICE,
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
    "Condition": {
        "StringEquals": {"aws:SourceArn": [TRAIL]},
        "StringLike": {CONTEXT: [f"arn:aws:cloudtrail:*:{OWNER}:trail/*"]},
    },
}
CIS_USE = {**USE, "Condition": {"StringLike": {CONTEXT: [f"arn:aws:cloudtrail:*:{OWNER}:trail/*"]}}}
DESCRIBE = {
    "Sid": "AwsBaselineCloudTrailDescribe",
    "Effect": "Allow",
    "Principal": SERVICE,
    "Action": "kms:DescribeKey",
    "Resource": "*",
}
READERS = {
    "Sid": "AwsBaselineCloudTrailReaders",
    "Effect": "Allow",
    "Principal": {"AWS": [ROLE]},
    "Action": "kms:Decrypt",
    "Resource": "*",
    "Condition": {"Null": {CONTEXT: "false"}},
}
SECOND = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/second"


def document(*statements: Any, **elements: Any) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", **elements, "Statement": list(statements)}


def required(
    *trails: str, readers: tuple[str, ...] = (), form: Literal["strict", "cis"] = "strict", key: str = KEY
) -> Required:
    """What the key must allow."""
    return Required(key, trails or (TRAIL,), readers, form)


def merged(policy: dict[str, Any], wanted: Required) -> list[Any]:
    """The statements after merging; the policy that went in must not have changed."""
    before = copy.deepcopy(policy)
    result = merge(parse(policy), wanted)
    assert policy == before
    assert validate(result) == []
    statements: list[Any] = result.document["Statement"]
    return statements
