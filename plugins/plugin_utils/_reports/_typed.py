# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that an audit writes for people to type into a shell; a report may hold no other."""

from __future__ import annotations

import re

from ...module_utils._model import KEY_ARN, TRAIL_ARN

_OF_KEYS = "enable-key|cancel-key-deletion|enable-key-rotation"
_ON_KEY = rf"aws kms (?:{_OF_KEYS}) --region [a-z0-9-]+ --key-id {KEY_ARN.pattern}"
_ON_TRAIL = rf"aws cloudtrail (?:start-logging|update-trail) --region [a-z0-9-]+ --name {TRAIL_ARN.pattern}"
COMMAND = re.compile(f"{_ON_KEY}(?: && {_ON_KEY})?|{_ON_TRAIL}(?: --kms-key-id KEY_ARN)?", re.ASCII)
# A word is plain or quoted, as shlex.quote writes it, and no part of both, which a shell would join to something else.
# It is no option for another endpoint, and no URL, which the CLI would read.
_NEITHER = r"(?!-|\w+://)"
_WORD = rf"""(?:{_NEITHER}[\w@%+=:,./-]+|'{_NEITHER}(?:[^'\x00-\x1f\x7f]|'"'"')+')"""
_OPTIONS = (
    "region|bucket|prefix|max-items|key|object-encryption|profile|account-id|operation|manifest-generator|report|"
    "priority|role-arn"
)
_OPERATIONS = "s3api (?:list-objects-v2|head-object|update-object-encryption|get-object)|s3control create-job"
OLDER_LOGS = re.compile(
    rf"aws (?:{_OPERATIONS})(?: --(?:{_OPTIONS}) {_WORD})+(?: log\.json\.gz| --confirmation-required)?", re.ASCII
)
