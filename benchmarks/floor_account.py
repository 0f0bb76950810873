# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor: the evidence of one account read by plain boto3, threads and shared clients, nothing judged.

It asks what the audit asks (regions, trails, their status, keys with policy, rotation and aliases, buckets
with policy and encryption) and prints how much it read. What is slower than this, the audit adds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SESSION: Any = boto3.session.Session()  # its client is typed by service name, ours is any
LOCK = threading.Lock()
CONFIG = Config(max_pool_connections=32)


@cache
def _client(service: str, region: str) -> Any:
    return SESSION.client(service, region_name=region, config=CONFIG)


def client(service: str, region: str) -> Any:
    """A client made once for each service and region, one at a time: making them is not thread-safe."""
    with LOCK:
        return _client(service, region)


def trails(region: str) -> list[dict[str, Any]]:
    """The trails at home in a region."""
    seen = client("cloudtrail", region).describe_trails(includeShadowTrails=True)["trailList"]
    return [trail for trail in seen if trail["HomeRegion"] == region]


def key(ask: str, arn: str) -> Any:
    """One read of a key."""
    more = {"PolicyName": "default"} if ask == "get_key_policy" else {}
    return getattr(client("kms", arn.split(":")[3]), ask)(KeyId=arn, **more)


def bucket(name: str, region: str) -> list[Any]:
    """The reads of a bucket, in its own region."""
    head = client("s3", region).head_bucket(Bucket=name)
    home = client("s3", head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])
    return [head, answer(home.get_bucket_policy, name), answer(home.get_bucket_encryption, name)]


def answer(ask: Callable[..., Any], name: str) -> Any:
    """What S3 says, be it that there is nothing."""
    try:
        return ask(Bucket=name)
    except ClientError as error:
        return error.response


def main() -> None:
    """Read everything, wait for it, count it."""
    home = SESSION.region_name or "us-east-1"
    key_reads = ("describe_key", "get_key_policy", "list_aliases", "get_key_rotation_status")
    with ThreadPoolExecutor(32) as pool:
        identity = pool.submit(client("sts", home).get_caller_identity)
        regions = [row["RegionName"] for row in client("ec2", home).describe_regions()["Regions"]]
        found = [trail for rows in pool.map(trails, regions) for trail in rows]
        jobs = [
            pool.submit(client("cloudtrail", trail["HomeRegion"]).get_trail_status, Name=trail["TrailARN"])
            for trail in found
        ]
        arns = {trail["KmsKeyId"] for trail in found if "KmsKeyId" in trail}
        jobs += [pool.submit(partial(key, ask, arn)) for arn in arns for ask in key_reads]
        homes = {trail["S3BucketName"]: trail["HomeRegion"] for trail in found}
        buckets = [pool.submit(bucket, name, region) for name, region in homes.items()]
        answers = [identity.result(), *(job.result() for job in jobs), *(job.result() for job in buckets)]
    print(json.dumps({"trails": len(found), "keys": len(arns), "buckets": len(homes), "answers": len(answers)}))


if __name__ == "__main__":
    main()
