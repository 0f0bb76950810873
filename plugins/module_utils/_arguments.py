# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the options of an audit and of an enforcement have in common: their forms, and how a wrong value is told.

It imports nothing of AWS nor of the rules, so that a control node can check options with neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# CloudTrail guide, "Naming requirements for CloudTrail resources, S3 buckets, and KMS keys".
TRAIL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
PRINCIPAL_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/[\w+=,.@/-]+)"
)


class ArgumentError(ValueError):
    """An option whose value cannot be meant; the message names the option and the value."""


def role_spec() -> dict[str, Any]:
    """The option of a role to assume."""
    # An external id is no secret (IAM guide, "Access to AWS accounts owned by third parties").
    return {
        "type": "dict",
        "no_log": False,
        "options": {
            "role_arn": {"type": "str", "required": True},
            "external_id": {"type": "str", "no_log": False},
            "session_name": {"type": "str", "default": "aws-baseline-cloudtrail"},
        },
    }


def audit_options(rules: Sequence[str] | None = None) -> dict[str, Any]:
    """The options that say what is read, with whose credentials, and how it is judged.

    Without the names of the `rules` that may be excepted, any name is one.
    """
    return {
        "regions": {"type": "list", "elements": "str"},
        "trails": {"type": "list", "elements": "str"},
        "assume_role": role_spec(),
        "key_assume_role": role_spec(),
        "bucket_assume_role": role_spec(),
        "concurrency": {"type": "int", "default": 64},
        "readers": {"type": "list", "elements": "str"},
        "approved_keys": {"type": "list", "elements": "str", "no_log": False},
        "rules": {"type": "dict"},
        "exceptions": {
            "type": "list",
            "elements": "dict",
            "options": _exception_spec(rules),
            "required_one_of": [("trail", "account")],
        },
        "stale_after_hours": {"type": "int", "default": 24},
        "expiry_warning_days": {"type": "int", "default": 30},
        "closed_regions": {"type": "str", "choices": ["advise", "unknown"], "default": "advise"},
    }


def _exception_spec(rules: Sequence[str] | None) -> dict[str, Any]:
    return {
        "trail": {"type": "str"},
        "account": {"type": "str"},
        "rules": {"type": "list", "elements": "str", "choices": rules, "required": True},
        "reason": {"type": "str", "required": True},
        "owner": {"type": "str", "required": True},
        "expires": {"type": "str", "required": True},
    }


def check(option: str, value: str, pattern: re.Pattern[str], meaning: str) -> None:
    """Raise ArgumentError where a value has not the form of what it is to be."""
    if not pattern.fullmatch(value):
        raise ArgumentError(f"Option {option}: {value!r} is not {meaning}.")


def between(params: Mapping[str, Any], option: str, most: int) -> int:
    """Return an option that counts. Raises ArgumentError where it is less than one or more than `most`."""
    if not 1 <= params[option] <= most:
        raise ArgumentError(f"Option {option}: {params[option]} is not between 1 and {most}.")
    return int(params[option])
