# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of an audit, and their way into the words of reading (Scope) and judging (Settings).

An enforcement has them as well. What is wrong in an option is said here, before anything is asked of AWS.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._arguments import (
    PRINCIPAL_ARN,
    REGION,
    TRAIL_NAME,
    ArgumentError,
    audit_options,
    between,
    check,
    role_spec,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import MemberRole, Role
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import Scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._approval import TAG
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import KEY_ARN, TRAIL_ARN

LEVELS = ("required", "advised", "off")

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
# With its path, as it stands in the ARN (IAM guide, "IAM identifiers").
_ROLE_NAME = re.compile(r"[\w+=,.@-][\w+=,.@/-]*", re.ASCII)
_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
# STS API reference, AssumeRole, RoleSessionName and ExternalId.
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# KMS API reference, CreateAlias and TagResource.
_APPROVED_KEY = re.compile(
    rf"{KEY_ARN.pattern}|(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:)?alias/[A-Za-z0-9/_-]{{1,250}}"
    rf"|{TAG}[^=]{{1,128}}=.{{0,256}}"
)
# Names, ARNs and account ids in which * and ? stand for any characters and for one.
_TRAIL_PATTERN = re.compile(
    r"[A-Za-z0-9._*?-]{1,128}|arn:aws[a-z*?-]*:cloudtrail:[a-z0-9*?-]+:[0-9*?]{1,12}:trail/[A-Za-z0-9._*?-]{1,128}"
)
_ACCOUNT_PATTERN = re.compile(r"\d{12}|(?=.*[*?])[0-9*?]{1,12}", re.ASCII)

# More reads at once than a machine can hold, hours in a year: beyond these nothing is meant.
MOST_READS, A_YEAR = 256, 8784
# In days.
A_DECADE = 3660


def audit_spec() -> dict[str, Any]:
    """The options that say what is read, with whose credentials, and how it is judged."""
    return audit_options(list(RULES))


def facts_spec() -> dict[str, Any]:
    """The options of `cloudtrail_kms_facts`: those of an audit, and what lets it sweep many accounts."""
    role = role_spec()
    role["options"] = {**role["options"], "role_arn": {"type": "str"}, "role_name": {"type": "str"}}
    one_role = {"required_one_of": [("role_arn", "role_name")], "mutually_exclusive": [("role_arn", "role_name")]}
    return {
        **audit_spec(),
        "accounts": {"type": "list", "elements": "str"},
        "assume_role": {**role, **one_role},
        "progress_path": {"type": "path"},
    }


def scope(params: Mapping[str, Any]) -> Scope:
    """Return what is to be read.

    Raises ArgumentError for a malformed region, trail, account or role, for a role that does not fit `accounts`, and
    for a list that would limit the run, but is empty.
    """
    for option in ("trails", "regions", "approved_keys"):
        if params[option] == []:  # such as a template that has found none
            raise ArgumentError(f"Option {option}: the list is empty, which would be no limit. Leave it out for that.")
    for trail in params["trails"] or ():
        check("trails", trail, TRAIL_ARN if trail.startswith("arn:") else TRAIL_NAME, "a trail name or trail ARN")
    for region in params["regions"] or ():
        check("regions", region, REGION, "a region name such as eu-central-1")
    accounts = params.get("accounts")
    if accounts is not None:
        _check_accounts(accounts)
    return Scope(
        regions=tuple(dict.fromkeys(params["regions"] or ())),
        trails=tuple(params["trails"] or ()),
        accounts=tuple(accounts or ()),
        member_role=_member_role(params["assume_role"] or {}, sweeps=accounts is not None),
        role=_role(params, "assume_role"),
        key_role=_role(params, "key_assume_role"),
        bucket_role=_role(params, "bucket_assume_role"),
        concurrency=between(params, "concurrency", MOST_READS),
        key_tags=any(key.startswith(TAG) for key in params["approved_keys"] or ()),
    )


def settings(params: Mapping[str, Any]) -> Settings:
    """Return what the rules are told. Raises ArgumentError for unknown rules or levels, malformed ARNs or dates."""
    for reader in params["readers"] or ():
        check("readers", reader, PRINCIPAL_ARN, "the ARN of an IAM role, user or account root")
    for key in params["approved_keys"] or ():
        check("approved_keys", key, _APPROVED_KEY, "a key ARN, an alias (alias/...), an alias ARN, or tag:NAME=VALUE")
    return Settings(
        levels=_levels(params["rules"] or {}),
        readers=tuple(params["readers"] or ()),
        approved_keys=tuple(params["approved_keys"] or ()),
        exceptions=tuple(_exception(row) for row in params["exceptions"] or ()),
        stale_after_hours=between(params, "stale_after_hours", A_YEAR),
        expiry_warning_days=between(params, "expiry_warning_days", A_DECADE),
        closed_regions=params["closed_regions"],
    )


def _check_accounts(accounts: Sequence[str]) -> None:
    if not accounts:
        raise ArgumentError("Option accounts: the list is empty. Leave it out to read the account of the credentials.")
    for account_id in accounts:
        # YAML reads 012345678901 as a number.
        check("accounts", account_id, _ACCOUNT_ID, "an account id of 12 digits; in YAML it stands in quotes")
    twice = [account_id for account_id, times in Counter(accounts).items() if times > 1]
    if twice:
        raise ArgumentError(f"Option accounts: more than once in the list: {', '.join(twice)}.")


def _member_role(given: Mapping[str, Any], *, sweeps: bool) -> MemberRole | None:
    """The role that each account of a sweep has. Raises ArgumentError where the role does not fit the accounts."""
    name = given.get("role_name")
    if sweeps and given.get("role_arn"):
        raise ArgumentError("Option assume_role.role_arn: it opens one account; for accounts give role_name.")
    if sweeps and not name:
        raise ArgumentError("Option accounts: give assume_role.role_name, the role to assume in each of them.")
    if name and not sweeps:
        raise ArgumentError("Option assume_role.role_name: it is for accounts; for one account give role_arn.")
    if not name:
        return None
    check("assume_role.role_name", name, _ROLE_NAME, "a role name")
    _check_session("assume_role", given)
    return MemberRole(name, given["external_id"], given["session_name"])


def _role(params: Mapping[str, Any], option: str) -> Role | None:
    given = params[option]
    if not given or given.get("role_name"):
        return None
    check(f"{option}.role_arn", given["role_arn"], _ROLE_ARN, "a role ARN")
    _check_session(option, given)
    return Role(given["role_arn"], given["external_id"], given["session_name"])


def _check_session(option: str, given: Mapping[str, Any]) -> None:
    check(f"{option}.session_name", given["session_name"], _SESSION_NAME, "a session name")
    if given["external_id"] is not None:
        check(f"{option}.external_id", given["external_id"], _EXTERNAL_ID, "an external id")


def _levels(rules: Mapping[str, Any]) -> dict[str, Any]:
    for rule, level in rules.items():
        if rule not in RULES:
            raise ArgumentError(f"Option rules: there is no rule {rule!r}; the rules are {', '.join(RULES)}.")
        if _level(level) not in LEVELS:
            raise ArgumentError(f"Option rules: {level!r} is no level for {rule}; it is one of {', '.join(LEVELS)}.")
    return {rule: _level(level) for rule, level in rules.items()}


def _level(value: object) -> object:
    # YAML 1.1 reads a bare `off` as false.
    return "off" if value is False else value


def _exception(row: Mapping[str, Any]) -> TrailException:
    if row["trail"] is not None:
        check("exceptions.trail", row["trail"], _TRAIL_PATTERN, "a trail name or trail ARN, with or without * and ?")
    if row["account"] is not None:
        check("exceptions.account", row["account"], _ACCOUNT_PATTERN, "an account id of 12 digits, or with * and ?")
    for name in ("reason", "owner"):
        check(f"exceptions.{name}", row[name], re.compile(r"(?s).*\S.*"), "a text")
    check("exceptions.expires", row["expires"], _DAY, "a date YYYY-MM-DD")
    try:
        expires = date.fromisoformat(row["expires"])
    except ValueError as error:
        raise ArgumentError(f"Option exceptions.expires: {row['expires']!r} is not a date YYYY-MM-DD.") from error
    return TrailException(row["trail"], tuple(row["rules"]), row["reason"], row["owner"], expires, row["account"])
