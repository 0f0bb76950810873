# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor: the evidence of many accounts read by plain boto3, threads and shared clients, nothing judged.

It asks what the sweep asks, of the accounts in its arguments: a role in each, its regions, trails, their status, keys
with policy, rotation and aliases, buckets with policy and encryption. As the boto3 guide has it, one session serves
all and clients are made one at a time; they go when their account is done. As many accounts are read at once as there
are threads.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "CloudTrailKmsAudit"
THREADS = 64
SESSION: Any = boto3.session.Session()  # its client is typed by service name, ours is any
CONFIG = Config(max_pool_connections=THREADS, retries={"mode": "standard", "total_max_attempts": 5})
KEY_READS = ("describe_key", "get_key_policy", "list_aliases", "get_key_rotation_status")


class Account:
    """One account, and its clients."""

    def __init__(self, sts: Any, account_id: str, lock: threading.Lock) -> None:
        arn = f"arn:aws:iam::{account_id}:role/{ROLE}"
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="floor")["Credentials"]
        self._keys = {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }
        self._lock = lock
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """A client made once for each service and region."""
        with self._lock:
            if (service, region) not in self._clients:
                made = SESSION.client(service, region_name=region, config=CONFIG, **self._keys)
                self._clients[service, region] = made
            return self._clients[service, region]

    def regions(self, home: str) -> list[str]:
        """The regions that are enabled."""
        return [row["RegionName"] for row in self.client("ec2", home).describe_regions()["Regions"]]

    def trails(self, region: str) -> list[dict[str, Any]]:
        """The trails at home in a region."""
        seen = self.client("cloudtrail", region).describe_trails(includeShadowTrails=True)["trailList"]
        return [trail for trail in seen if trail["HomeRegion"] == region]

    def status(self, trail: dict[str, Any]) -> Any:
        """The status of a trail."""
        return self.client("cloudtrail", trail["HomeRegion"]).get_trail_status(Name=trail["TrailARN"])

    def key(self, ask: str, arn: str) -> Any:
        """One read of a key."""
        more = {"PolicyName": "default"} if ask == "get_key_policy" else {}
        return getattr(self.client("kms", arn.split(":")[3]), ask)(KeyId=arn, **more)

    def bucket(self, name: str, region: str) -> list[Any]:
        """The reads of a bucket, in its own region."""
        head = self.client("s3", region).head_bucket(Bucket=name)
        home = self.client("s3", head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])
        return [head, _answer(home.get_bucket_policy, name), _answer(home.get_bucket_encryption, name)]


def _answer(ask: Callable[..., Any], name: str) -> Any:
    """What S3 says, be it that there is nothing."""
    try:
        return ask(Bucket=name)
    except ClientError as error:
        return error.response


def read(sts: Any, home: str, lock: threading.Lock, account_id: str) -> tuple[int, int]:
    """All evidence of one account; its clients are dropped with it. Returns how many trails and answers there are."""
    account = Account(sts, account_id, lock)
    trails = [trail for region in account.regions(home) for trail in account.trails(region)]
    keys = {trail["KmsKeyId"] for trail in trails if "KmsKeyId" in trail}
    homes = {trail["S3BucketName"]: trail["HomeRegion"] for trail in trails}
    answers = [account.status(trail) for trail in trails]
    answers += [account.key(ask, arn) for arn in keys for ask in KEY_READS]
    answers += [account.bucket(name, region) for name, region in homes.items()]
    return len(trails), len(answers)


def main(account_ids: list[str]) -> None:
    """Read everything, as many accounts at once as there are threads, and count it."""
    home, lock = SESSION.region_name or "us-east-1", threading.Lock()
    sts = SESSION.client("sts", config=CONFIG)
    sts.get_caller_identity()
    with ThreadPoolExecutor(THREADS) as pool:
        trails, answers = zip(*pool.map(lambda account_id: read(sts, home, lock, account_id), account_ids), strict=True)
    print(json.dumps({"trails": sum(trails), "answers": sum(answers)}))


if __name__ == "__main__":
    main(sys.argv[1:])
