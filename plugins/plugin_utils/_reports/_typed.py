# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that an audit writes for people to type into a shell; a report may hold no other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._checks import commands_for, is_plain
from ...module_utils._model import KEY_ARN, TRAIL_ARN

_REGION = "[a-z0-9-]+"
_ON_KEY = (
    rf"aws kms (?:enable-key|cancel-key-deletion|enable-key-rotation) --region {_REGION} --key-id ({KEY_ARN.pattern})"
)
_ON_TRAIL = rf"aws cloudtrail (?:start-logging|update-trail) --region {_REGION} --name ({TRAIL_ARN.pattern})"
_COMMAND = re.compile(f"{_ON_KEY}(?: && {_ON_KEY})?|{_ON_TRAIL}(?: --kms-key-id KEY_ARN)?", re.ASCII)


def is_command(command: str, trail: Mapping[str, Any]) -> bool:
    """Return whether an audit writes this command for a trail of a report, or for its key."""
    written = _COMMAND.fullmatch(command)
    if written is None:
        return False
    *keys, name = written.groups()
    own = _anywhere(trail["kms_key_arn"] or "")
    return name in (None, trail["arn"]) and all(_anywhere(key) == own for key in keys if key)


def _anywhere(key_arn: str) -> str:
    """Return the ARN of a key without its Region: rotation is turned on at the primary of a replica."""
    parts = key_arn.split(":")
    return ":".join([*parts[:3], *parts[4:]])


def are_for_older_logs(commands: Sequence[str], since: str, trail: Mapping[str, Any]) -> bool:
    """Return whether an audit writes these commands for logs of the trail from before a moment.

    The Region of the bucket and the folder are those that the first command names; the folder is that of the trail's
    account, and for an organization trail that of an organization (CloudTrail guide, "Finding your CloudTrail log
    files").
    """
    first = re.fullmatch(
        rf"aws s3api list-objects-v2 --region ({_REGION}) .* --prefix (.*) --max-items 10", commands[0]
    )
    if first is None or not trail["kms_key_arn"]:
        return False
    try:
        folder = " ".join(shlex.split(first[2]))
    except ValueError:
        return False
    owner = "o-[a-z0-9]{10,32}" if trail["organization_trail"] else trail["arn"].split(":")[4]
    if not re.fullmatch(rf"(?:.*/)?AWSLogs/{owner}/", folder, re.ASCII):
        return False
    expected = commands_for(trail["bucket_name"], first[1], folder, trail["kms_key_arn"], since)
    return is_plain(trail["bucket_name"], folder) and commands == expected
