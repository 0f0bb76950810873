# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events as EventBridge sends them: "AWS service events delivered via AWS CloudTrail" in its user guide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

TRAIL = "arn:aws:cloudtrail:eu-central-1:111111111111:trail/main"
KEY = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS = "arn:aws:kms:eu-central-1:111111111111:alias/cloudtrail"
BUCKET = "arn:aws:s3:::logs-111111111111"
ENFORCER = "arn:aws:iam::111111111111:role/CloudTrailKmsEnforce"

RECORDS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "records.yml").read_text(encoding="utf-8")
)
ALICE = {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/Alice", "accountId": "111111111111"}
OURS = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.13.0 aws_baseline.cloudtrail/0.1.0"


def session(role: str, name: str = "aws-baseline-cloudtrail") -> dict[str, Any]:
    """The identity of somebody who has assumed a role."""
    account = role.split(":")[4]
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role.rpartition('/')[2]}/{name}",
        "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": account}},
    }


def event(action: str, **fields: Any) -> dict[str, Any]:
    """The event of a call; `fields` take the place of those of its record."""
    detail = {
        "eventVersion": "1.11",
        "userIdentity": ALICE,
        "eventTime": "2026-11-25T10:00:00Z",
        "eventName": action,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli/2.31.0",
        "eventID": "995c4653-3c53-4a06-a0f0-f5531997b741",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111111111111",
        **RECORDS.get(action, {}),
        **fields,
    }
    return {
        "version": "0",
        "id": "b2c3d4e5-0000-0000-0000-000000000000",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{str(detail['eventSource']).partition('.')[0]}",
        "account": detail["recipientAccountId"],
        "time": detail["eventTime"],
        "region": detail["awsRegion"],
        "resources": [],
        "detail": detail,
    }
