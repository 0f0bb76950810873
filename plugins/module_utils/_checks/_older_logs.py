# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logs from before a trail got its key: since when it has that, and the commands of docs/older-logs.md for them."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from functools import partial
from typing import cast

from .._model import Bucket, Key, Trail
from ._evidence import Evidence
from ._subject import Result, Subject


def with_older_logs(subject: Subject, result: Result) -> Result:
    """The result, with what is to be said of logs from before the trail got its key; as it is where nobody knows when.

    By the event history, which holds 90 days. The commands are left out where S3 refuses them, as it does for a key of
    another account than the bucket's (S3 API reference, UpdateObjectEncryption), where a name is not known, or where
    another trail delivers to the same folders.
    """
    since = subject.proof.key_since if subject.proof else None
    if since is None:
        return result
    when = since.isoformat(timespec="seconds")
    evidence: Evidence = {**cast("Evidence", result.evidence), "encrypted_since": when}
    commands = _commands_of(subject, when)
    if commands:
        evidence["older_logs"] = commands
    note = f"By the event history an UpdateTrail set this key at {when}. Older logs may be encrypted otherwise."
    return replace(result, message=f"{result.message} {note}", evidence=evidence)


def _commands_of(subject: Subject, since: str) -> list[str]:
    bucket, key = subject.bucket, subject.key
    if not isinstance(bucket, Bucket) or not isinstance(key, Key) or len(subject.locations) != 1:
        return []
    where = subject.locations[0]
    folder = where.patterns()[-1].removeprefix(f"{where.bucket_arn}/").removesuffix("*")
    is_shared = any(map(partial(_is_beside, subject.trail), subject.others))
    if bucket.owner != key.arn.split(":")[4] or not is_plain(bucket.name, folder) or is_shared:
        return []
    return commands_for(bucket.name, bucket.region, folder, key.arn, since)


def is_plain(*names: str) -> bool:
    """Return whether the AWS CLI takes the names of a bucket and a folder as they are.

    What begins with a dash is an option for it, and it reads a URL, or a file, that a value names.
    """
    return all(name.isprintable() and not name.startswith("-") and "://" not in name for name in names)


def _is_beside(trail: Trail, other: Trail) -> bool:
    """Return whether another trail delivers to the same folders, so that the commands would change its logs as well."""
    return (other.bucket_name, other.bucket_prefix or "") == (trail.bucket_name, trail.bucket_prefix or "")


def commands_for(bucket: str, region: str, folder: str, key_arn: str, since: str) -> list[str]:
    """The commands for the logs below a folder from before a moment: list, look, change one, read it, change them all.

    FILE, READER and ROLE_ARN are for a person to fill in.
    """
    _arn, partition, _service, _region, owner, _key = key_arn.split(":")
    encryption = {"SSEKMS": {"KMSKeyArn": key_arn}}
    chosen = {
        "CreatedBefore": since,
        "KeyNameConstraint": {"MatchAnyPrefix": [folder]},
        "MatchAnyObjectEncryption": [{"SSES3": {}}, {"SSEKMS": {}}],
    }
    generator = {"SourceBucket": f"arn:{partition}:s3:::{bucket}", "EnableManifestOutput": False}
    job = {"S3UpdateObjectEncryption": {"ObjectEncryption": encryption}}
    manifest = {"S3JobManifestGenerator": {**generator, "Filter": chosen}}
    of_one = f"--region {region} --bucket {shlex.quote(bucket)}"
    return [
        f"aws s3api list-objects-v2 {of_one} --prefix {shlex.quote(folder)} --max-items 10",
        f"aws s3api head-object {of_one} --key FILE",
        f"aws s3api update-object-encryption {of_one} --key FILE --object-encryption {_quoted(encryption)}",
        f"aws s3api get-object {of_one} --key FILE --profile READER log.json.gz",
        f"aws s3control create-job --region {region} --account-id {owner} --operation {_quoted(job)} "
        f"--manifest-generator {_quoted(manifest)} --report {_quoted({'Enabled': False})} --priority 1 "
        "--role-arn ROLE_ARN --confirmation-required",
    ]


def _quoted(value: object) -> str:
    return shlex.quote(json.dumps(value, separators=(",", ":")))
