# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that CloudTrail delivers, by name and encryption: ListObjectsV2 and HeadObject. None has a content."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tests.fakeaws import store
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.history import key_of, use_key
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.rules.s3 import open_bucket, region_header
from tests.fakeaws.rules.service_requests import prefix_of, uses_bucket_key
from tests.fakeaws.store import Trail
from tests.fakeaws.wire import Call, HttpReply, s3_xml
from tests.fakeaws.world import Identity, LogFile, World

_LOGS, _DIGESTS = "CloudTrail", "CloudTrail-Digest"
_MOST_KEYS = 1000


def deliver(world: World, trail: Trail, region: str, at: float, *, digest: bool = False) -> None:
    """Put a log or a digest of a Region into the trail's bucket, of an organization trail one for each account.

    It is encrypted as the trail is set up now. The owner's comes last.
    """
    bucket, key = store.find_bucket(trail.bucket_name), key_of(trail)
    if bucket is None:
        return
    organization = world.organization_of(trail.account_id) if trail.is_org_trail else None
    members = [each for each in organization.members if each != trail.account_id] if organization else []
    for account in (*members, trail.account_id):
        name = _name(trail, organization.id if organization else None, account, region, at, digest=digest)
        under_key = trail.kms_key_id if trail.kms_key_id and (world.digests_under_key or not digest) else None
        has_bucket_key = bool(under_key) and uses_bucket_key(bucket)
        put(world, bucket.name, name, LogFile(at=at, key_arn=under_key, bucket_key=has_bucket_key))
        if under_key and key:
            # With an S3 Bucket Key S3 asks for a key of the bucket (S3 guide, "Reducing the cost of SSE-KMS").
            path = "" if uses_bucket_key(bucket) else f"/{name}"
            use_key(world, key, trail, f"arn:{bucket.partition}:s3:::{bucket.name}{path}", at)


def put(world: World, bucket: str, name: str, file: LogFile) -> None:
    """Put a file, whoever does it."""
    world.files.setdefault(bucket, {})[name] = file


def _name(trail: Trail, organization_id: str | None, account: str, region: str, at: float, *, digest: bool) -> str:
    """CloudTrail guide, "CloudTrail log file name format" and "Finding your CloudTrail digest files"."""
    moment = datetime.fromtimestamp(at, tz=timezone.utc)
    kind = _DIGESTS if digest else _LOGS
    of_account = prefix_of(trail, organization_id).removesuffix(f"{trail.account_id}/") + account
    folder, begin = f"{of_account}/{kind}/{region}/{moment:%Y/%m/%d}", f"{account}_{kind}_{region}_"
    if digest:
        return f"{folder}/{begin}{trail.trail_name}_{trail.region_name}_{moment:%Y%m%dT%H%M%SZ}.json.gz"
    unique = hashlib.sha256(f"{trail.arn}{at}".encode()).hexdigest()[:16]
    return f"{folder}/{begin}{moment:%Y%m%dT%H%MZ}_{unique}.json.gz"


def list_objects_v2(world: World, identity: Identity, call: Call) -> HttpReply:
    """In the order of UTF-8, up to 1,000, from StartAfter or a token on (S3 API reference, ListObjectsV2)."""
    bucket = open_bucket(world, identity, call)
    query = call.request.query
    # What others put there lies in moto.
    written = {name: LogFile(at=time.time(), key_arn=None) for name in bucket.keys}
    files = {**written, **world.files.get(bucket.name, {})}
    names = sorted(files, key=str.encode)
    after = query.get("continuation-token") or query.get("start-after", "")
    found = [name for name in names if name.startswith(query.get("prefix", "")) and name.encode() > after.encode()]
    size = min(int(query.get("max-keys", _MOST_KEYS)), _MOST_KEYS)
    page = found[:size]
    content: dict[str, Any] = {
        "Name": bucket.name,
        "KeyCount": len(page),
        "MaxKeys": size,
        "IsTruncated": len(found) > size,
        "Contents": [
            {"Key": name, "LastModified": _moment(files[name].at, "%Y-%m-%dT%H:%M:%S.000Z"), "Size": 1} for name in page
        ],
    }
    following = {"NextContinuationToken": page[-1]} if len(found) > size else {}
    return s3_xml("ListBucketResult", {**content, **following}, region_header(bucket))


def head_object(world: World, identity: Identity, call: Call) -> HttpReply:
    """The encryption stands in the headers (S3 API reference, HeadObject).

    That it needs no kms:Decrypt is likely; without s3:ListBucket a missing object is 403 (same page, Permissions).
    """
    bucket = open_bucket(world, identity, call, key=call.parameters["Key"])
    file = world.files.get(bucket.name, {}).get(call.parameters["Key"])
    size = 0
    # What others put there lies in moto, with its size and time.
    if file is None and (written := bucket.keys.get(call.parameters["Key"])):
        file, size = (
            LogFile(at=written.last_modified.replace(tzinfo=timezone.utc).timestamp(), key_arn=None),
            written.size,
        )
    if file is None:
        raise AwsError("NoSuchKey", "The specified key does not exist.", status=404, headers=region_header(bucket))
    headers = {
        **region_header(bucket),
        "last-modified": _moment(file.at, "%a, %d %b %Y %H:%M:%S GMT"),
        "content-length": str(size),
        "x-amz-server-side-encryption": "aws:kms" if file.key_arn else "AES256",
    }
    if file.key_arn:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = file.key_arn
        headers["x-amz-server-side-encryption-bucket-key-enabled"] = str(file.bucket_key).lower()
    return HttpReply(headers=headers)


def _moment(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, tz=timezone.utc).strftime(form)


OPERATIONS: Mapping[str, Operation] = {
    # The handlers weigh the caller's side and the bucket policy together.
    "s3:ListObjectsV2": Operation(list_objects_v2, None),
    "s3:HeadObject": Operation(head_object, None),
}
