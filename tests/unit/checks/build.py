# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A healthy trail, key and bucket, and snapshots that differ from health in one thing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess, subject_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Bucket,
    DeliveredFile,
    Finding,
    Key,
    LastChange,
    Level,
    LogFolder,
    Missing,
    ReadError,
    SimulatedCall,
    Simulation,
    Snapshot,
    Trail,
    TrailProof,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._bucket_policy import Delivery
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import Locations

ACCOUNT = "111111111111"
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
TRAIL_ARN = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/Analyst"

ROOT = {
    "Sid": "Administration",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
SCOPE = {
    "StringEquals": {"aws:SourceArn": TRAIL_ARN},
    "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"},
}


def service(sid: str, action: str, **more: Any) -> dict[str, Any]:
    """A statement that lets CloudTrail do something."""
    principal = {"Service": "cloudtrail.amazonaws.com"}
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def reader(*arns: str) -> dict[str, Any]:
    """A statement that lets readers decrypt."""
    return {
        "Sid": "Readers",
        "Effect": "Allow",
        "Principal": {"AWS": list(arns)},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"Null": {"kms:EncryptionContext:aws:cloudtrail:arn": "false"}},
    }


ENCRYPT = service("Encrypt", "kms:GenerateDataKey*", Condition=SCOPE)
DESCRIBE = service("Describe", "kms:DescribeKey")
DECRYPT = service("Decrypt", "kms:Decrypt", Condition=SCOPE)


def policy(*statements: dict[str, Any]) -> str:
    """The text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


ACL = {**service("Acl", "s3:GetBucketAcl"), "Resource": "arn:aws:s3:::logs"}
BUCKET_POLICY = policy(
    {
        "Sid": "Write",
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::logs/AWSLogs/{ACCOUNT}/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": TRAIL_ARN}},
    },
    ACL,
)
TRAIL = Trail(
    arn=TRAIL_ARN,
    name="main",
    home_region="us-east-1",
    multi_region=True,
    organization_trail=False,
    ownership="owned",
    bucket_name="logs",
    bucket_prefix=None,
    kms_key_arn=KEY_ARN,
    status=TrailStatus(is_logging=True, latest_delivery_time=NOW - timedelta(minutes=5)),
)
KEY = Key(
    arn=KEY_ARN,
    manager="CUSTOMER",
    state="Enabled",
    spec="SYMMETRIC_DEFAULT",
    usage="ENCRYPT_DECRYPT",
    origin="AWS_KMS",
    multi_region=False,
    primary_arn=None,
    aliases=("alias/trail",),
    policy=policy(ROOT, ENCRYPT, DESCRIBE, DECRYPT),
    rotation_enabled=True,
)
OWNED = {"owner": ACCOUNT}
BUCKET = Bucket("logs", "us-east-1", BUCKET_POLICY, bucket_key_enabled=False)
_NEVER = LastChange(NOW - timedelta(days=90))
# Nobody changed anything since the event history begins, and nobody used the key.
UNCHANGED = TrailProof(trail=_NEVER, key=_NEVER, bucket=_NEVER, last_use=None)
Fact = dict[str, Any] | Missing | ReadError
ALLOWED = Simulation("allowed")


def denied(service_name: str, operation: str, action: str) -> ReadError:
    """A read that AWS refused."""
    return ReadError(service_name, operation, action, "us-east-1", "AccessDenied", "not authorized")


def snapshot(trail: dict[str, Any] | None = None, key: Fact | None = None, bucket: Fact | None = None) -> Snapshot:
    """A healthy account but for the given fields, or with the given Missing or ReadError in a fact's place."""
    changed = replace(TRAIL, **trail or {})
    keys = {changed.kms_key_arn: key if isinstance(key, (Missing, ReadError)) else replace(KEY, **key or {})}
    buckets = {"logs": bucket if isinstance(bucket, (Missing, ReadError)) else replace(BUCKET, **bucket or {})}
    known = {arn: fact for arn, fact in keys.items() if arn is not None}
    return Snapshot(ACCOUNT, "aws", NOW, (changed,), known, buckets)


def with_answers(
    *readers: str,
    of: Snapshot | None = None,
    get: Simulation | ReadError = ALLOWED,
    decrypt: Simulation | ReadError = ALLOWED,
) -> Snapshot:
    """The snapshot with the answers of IAM's simulator, for readers and every folder of its only trail."""
    read = of or snapshot(bucket=OWNED)
    subject = subject_of(read, read.trails[0], Settings())
    folders = [each.file for place in subject.locations for each in (*place.logs(), *place.digests())]
    answers = {SimulatedCall(reader, "s3:GetObject", folder): get for reader in readers for folder in folders}
    keys = {SimulatedCall(reader, "kms:Decrypt", arn): decrypt for reader in readers for arn in read.keys}
    return replace(read, simulations={**answers, **keys})


def delivered_under(key_arn: str | None) -> Snapshot:
    """A healthy account whose trail has delivered a log under this key, or under none."""
    folder = LogFolder(f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1", f"{ACCOUNT}_CloudTrail_us-east-1_", "us-east-1")
    log = DeliveredFile(folder, f"{folder.path}/log", NOW, "aws:kms" if key_arn else "AES256", key_arn)
    return replace(snapshot(), proofs={TRAIL_ARN: replace(UNCHANGED, files=(log,))})


def finding(rule: str, read: Snapshot, settings: Settings | None = None) -> Finding:
    """What one rule finds on the snapshot's only trail."""
    others: dict[str, Level] = {name: "off" for name in RULES if name != rule}
    settings = settings or Settings()
    (trail,) = assess(read, replace(settings, levels={**others, **settings.levels})).trails
    return next(found for found in trail.findings if found.rule == rule)


def delivery(*regions: str) -> Delivery:
    """What the trail delivers for these regions."""
    locations = Locations(trail_arn=TRAIL_ARN, bucket_name="logs", bucket_prefix=None, regions=regions)
    return Delivery(locations, KEY_ARN)


def key_policy(*statements: dict[str, Any]) -> dict[str, str]:
    """The key's fields with another policy."""
    return {"policy": policy(ROOT, *statements)}
