# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of `cloudtrail_kms_enforce` alone, and the request that they make (EnforceRequest)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from .._request import EnforceRequest, KeyRequest, TrailRequest
from ._common import (
    ACCOUNT_ID,
    AUDIT_ACCOUNT_OPTIONS,
    PRINCIPAL_ARN,
    REGION,
    TRAIL_NAME,
    ArgumentError,
    between,
    check,
    sweep_options,
)

_KEY_ID = re.compile(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)"
    r"|alias/[A-Za-z0-9/_-]+|mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
# KMS API reference, CreateAlias and TagResource; alias/aws/ is AWS's own.
_ALIAS = re.compile(r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}")
_TAG_NAME = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
# S3 user guide, "General purpose bucket naming rules"; a prefix begins no folder of its own without a name.
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?=.{1,200}\Z)[\w!.*'()-]+(/[\w!.*'()-]+)*", re.ASCII)
_ROTATION_PERIODS = range(90, 2561)  # KMS API reference, EnableKeyRotation, RotationPeriodInDays
A_DAY = 86400  # seconds; beyond it no wait is meant
_DEFAULT_FAILURES = 3
MOST_ACCOUNTS = 100_000  # more than an organization has
EITHER = (
    ("key_id", "key"),
    ("key_id", "restore"),
    ("key", "restore"),
    ("create_trail", "restore"),
    ("create_trail", "trails"),
)
# What an enforcement may do beside: an option of that kind is a field of EnforceRequest, and nothing more.
_SWITCHES = {each.name: each.default for each in fields(EnforceRequest) if isinstance(each.default, bool)}
# What may differ between the accounts of an enforcement.
ENFORCE_ACCOUNT_OPTIONS = (*AUDIT_ACCOUNT_OPTIONS, "key", "key_id", "statements", "create_trail", *_SWITCHES)


def own_spec() -> dict[str, Any]:
    """Return the options of `cloudtrail_kms_enforce` beside those of an audit and amazon.aws's connection options."""
    return {
        "key_id": {"type": "str"},
        "key": {"type": "dict", "no_log": False, "options": _key_spec()},
        "create_trail": {"type": "dict", "options": _trail_spec()},
        "statements": {"type": "str", "choices": ["strict", "cis"], "default": "strict"},
        **{name: {"type": "bool", "default": default, "no_log": False} for name, default in _SWITCHES.items()},
        "backup_path": {"type": "path"},
        "backup_play": {"type": "str"},
        "restore": {"type": "list", "elements": "path"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
        "max_failures": {"type": "int", "default": _DEFAULT_FAILURES},
    }


def enforce_spec(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `cloudtrail_kms_enforce`: those of an `audit`, its own, and those for many accounts."""
    spec = {**audit, **own_spec()}
    lending = {"lending_accounts": {"type": "list", "elements": "str"}}
    progress = {"progress_path": {"type": "path"}}
    return {**spec, **sweep_options(spec, ENFORCE_ACCOUNT_OPTIONS), **lending, **progress}


def _key_spec() -> dict[str, Any]:
    return {
        "account": {"type": "str"},
        "alias": {"type": "str", "default": KeyRequest.alias},
        "description": {"type": "str", "default": KeyRequest.description},
        "tags": {"type": "dict"},
        "administrators": {"type": "list", "elements": "str"},
        "rotation": {"type": "bool", "default": KeyRequest.rotation},
        "rotation_period_in_days": {"type": "int"},
        "multi_region": {"type": "bool", "default": KeyRequest.multi_region},
    }


def _trail_spec() -> dict[str, Any]:
    return {
        "name": {"type": "str", "required": True},
        "bucket_name": {"type": "str", "required": True},
        "bucket_prefix": {"type": "str"},
        "bucket_region": {"type": "str"},
        "new_bucket": {"type": "bool", "default": TrailRequest.new_bucket},
        "home_region": {"type": "str"},
        "multi_region": {"type": "bool", "default": TrailRequest.multi_region},
        "organization_trail": {"type": "bool", "default": TrailRequest.organization_trail},
        "tags": {"type": "dict"},
    }


def to_request(params: Mapping[str, Any]) -> EnforceRequest:
    """Return what an enforcement may do.

    Raises ArgumentError for a malformed key, alias, tag, ARN or period, and for a restore of less than the account.
    """
    _refuse_half_a_restore(params)
    key_id = params["key_id"]
    if key_id is not None:
        check("key_id", key_id, _KEY_ID, "a key id, key ARN, alias name (alias/...) or alias ARN")
        _refuse_aws_s_own(key_id)
    return EnforceRequest(
        key=None if key_id is not None else _key_request(params["key"] or {}),
        key_id=key_id,
        key_account_id=(params["key"] or {}).get("account"),
        trails=tuple(params["trails"] or ()),
        statements=params["statements"],
        create_trail=_trail_request(params["create_trail"]) if params["create_trail"] else None,
        **{name: params[name] for name in _SWITCHES},
    )


def _refuse_aws_s_own(key_id: str) -> None:
    """To describe an alias of AWS's own could create its key (KMS API reference, DescribeKey), in check mode too."""
    if re.search(r"(^|:)alias/aws/", key_id):
        raise ArgumentError(
            f"{key_id!r} points to a key that AWS manages, so its policy cannot be written. Use a customer managed "
            "key.",
            "key_id",
        )


def _trail_request(options: Mapping[str, Any]) -> TrailRequest:
    fields = {name: value for name, value in options.items() if value is not None}
    # The home region is that of the connection, where none is given.
    requested = TrailRequest(**{"home_region": "", **fields})
    check("create_trail.name", requested.name, TRAIL_NAME, "a trail name")
    check("create_trail.bucket_name", requested.bucket_name, _BUCKET_NAME, "a bucket name")
    if requested.bucket_prefix is not None:
        check("create_trail.bucket_prefix", requested.bucket_prefix, _PREFIX, "a key prefix of at most 200 characters")
    for option in ("bucket_region", "home_region"):
        if fields.get(option):
            check(f"create_trail.{option}", fields[option], REGION, "a region name such as eu-central-1")
    _check_tags("create_trail.tags", requested.tags)
    return replace(requested, tags={name: str(value) for name, value in requested.tags.items()})


def _check_tags(option: str, tags: Mapping[str, Any]) -> None:
    for name, value in tags.items():
        check(option, name, _TAG_NAME, "a tag key: 1 to 128 characters that do not begin with aws:")
        check(option, str(value), _TAG_VALUE, "a tag value: at most 256 characters")


def _refuse_half_a_restore(params: Mapping[str, Any]) -> None:
    """A run that reads some trails alone cannot see that another one needs what a key policy would lose."""
    for option in ("trails", "regions"):
        if params["restore"] and params[option]:
            raise ArgumentError(
                "a restore reads all trails of the account, because any of them may need what a key policy would "
                f"lose. Leave out {option}, and delete what should stay from the backup.",
                "restore",
                option,
            )


def wait_timeout(params: Mapping[str, Any]) -> int:
    """Return how many seconds an account may wait in all. Raises ArgumentError for less than one."""
    return between(params, "wait_timeout", A_DAY)


def max_failures(params: Mapping[str, Any]) -> int:
    """Return after how many failed accounts none is begun any more. Raises ArgumentError for less than one."""
    return between(params, "max_failures", MOST_ACCOUNTS)


def _key_request(options: Mapping[str, Any]) -> KeyRequest:
    fields = {name: value for name, value in options.items() if value is not None and name != "account"}
    if options.get("account") is not None:
        check("key.account", options["account"], ACCOUNT_ID, "an account id of 12 digits, in quotes")
    requested = KeyRequest(**{**fields, "administrators": tuple(fields.get("administrators", ()))})
    check(
        "key.alias",
        requested.alias,
        _ALIAS,
        "an alias name: alias/ with letters, digits, /, _ and - after it, and not alias/aws/, which is AWS's own",
    )
    for administrator in requested.administrators:
        check("key.administrators", administrator, PRINCIPAL_ARN, "the ARN of an IAM role, user or account root")
    _check_tags("key.tags", requested.tags)
    period = requested.rotation_period_in_days
    if period is not None and period not in _ROTATION_PERIODS:
        raise ArgumentError(f"{period} is not between 90 and 2560.", "key.rotation_period_in_days")
    return replace(requested, tags={name: str(value) for name, value in requested.tags.items()})
