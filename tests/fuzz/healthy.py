# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS answers of one healthy trail, and of an organization of one account."""

from __future__ import annotations

from typing import Any

from tests.unit.checks import build

TRAIL = {
    "TrailARN": build.TRAIL_ARN,
    "Name": "main",
    "HomeRegion": "us-east-1",
    "IsMultiRegionTrail": True,
    "IsOrganizationTrail": False,
    "S3BucketName": "logs",
    "KmsKeyId": build.KEY_ARN,
}
KEY = {
    "KeyId": build.KEY_ARN[-36:],
    "Arn": build.KEY_ARN,
    "KeyManager": "CUSTOMER",
    "KeyState": "Enabled",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "Origin": "AWS_KMS",
    "MultiRegion": False,
}
# In the words of the service models, by operation; of the members, those that are read.
ANSWERS: dict[str, dict[str, Any]] = {
    "GetCallerIdentity": {
        "Arn": f"arn:aws:iam::{build.ACCOUNT}:user/auditor",
        "Account": build.ACCOUNT,
        "UserId": "AIDAX",
    },
    "DescribeRegions": {"Regions": [{"RegionName": "us-east-1"}]},
    "DescribeTrails": {"trailList": [TRAIL]},
    "GetTrailStatus": {"IsLogging": True, "LatestDeliveryTime": build.NOW},
    "DescribeKey": {"KeyMetadata": KEY},
    "GetKeyPolicy": {"Policy": build.KEY.policy},
    "ListAliases": {"Aliases": [{"AliasName": "alias/trail"}]},
    "GetKeyRotationStatus": {"KeyRotationEnabled": True},
    "HeadBucket": {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "us-east-1"}}},
    "GetBucketPolicy": {"Policy": build.BUCKET_POLICY},
    "GetBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": [{"BucketKeyEnabled": False}]}},
    "ListDelegatedServicesForAccount": {"DelegatedServices": []},
    "AssumeRole": {
        "Credentials": {"AccessKeyId": "ASIAX", "SecretAccessKey": "x", "SessionToken": "x", "Expiration": build.NOW},
        "AssumedRoleUser": {"AssumedRoleId": "AROAX:x", "Arn": f"arn:aws:sts::{build.ACCOUNT}:assumed-role/Audit/x"},
    },
}
ORGANIZATION_ANSWERS: dict[str, dict[str, Any]] = {
    "ListAccounts": {
        "Accounts": [
            {
                "Id": build.ACCOUNT,
                "Arn": f"arn:aws:organizations::{build.ACCOUNT}:account/o-exampleorg1/{build.ACCOUNT}",
                "Name": "management",
                "Email": "management@example.com",
                "State": "ACTIVE",
            }
        ]
    },
    "ListRoots": {"Roots": [{"Id": "r-root"}]},
    "ListOrganizationalUnitsForParent": {"OrganizationalUnits": []},
    "ListAccountsForParent": {"Accounts": [{"Id": build.ACCOUNT}]},
    "ListParents": {"Parents": [{"Id": "r-root"}]},
    "ListTagsForResource": {"Tags": [{"Key": "team", "Value": "web"}]},
}
