# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of an audit, and their way into the words of reading (Scope) and judging (Settings).

An enforcement has them as well. What is wrong in an option is said here, before anything is asked of AWS.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

from .._checks import RULES, TAG, Settings, TrailException
from .._model import KEY_ARN, TRAIL_ARN
from .._scope import AccountScope, NamedRole, Role, Scope
from ._common import (
    ACCOUNT_ID,
    JUDGING,
    PRINCIPAL_ARN,
    REGION,
    TRAIL_NAME,
    ArgumentError,
    audit_spec,
    between,
    check,
    named,
    of_accounts,
    sweep_options,
)

LEVELS = ("required", "advised", "off")

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
# With its path, as it stands in the ARN (IAM guide, "IAM identifiers").
_ROLE_NAME = re.compile(r"[\w+=,.@-][\w+=,.@/-]*", re.ASCII)
# STS API reference, AssumeRole, RoleSessionName and ExternalId.
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# KMS API reference, CreateAlias and TagResource.
_APPROVED_KEY = re.compile(
    rf"{KEY_ARN.pattern}|(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{{12}}:)?alias/[A-Za-z0-9/_-]{{1,250}}"
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

# What gives the credentials, by the variables of the environment that amazon.aws takes in place of the option.
CREDENTIALS: Mapping[str, Sequence[str]] = {
    "profile": ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
    "access_key": ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"),
    "secret_key": ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"),
    "session_token": ("AWS_SESSION_TOKEN",),
}


def facts_spec() -> dict[str, Any]:
    """Return the options of `cloudtrail_kms_facts`: those of an audit, and what lets it sweep many accounts."""
    spec = audit_spec()
    return {**spec, **sweep_options(spec), "progress_path": {"type": "path"}}


def to_scope(params: Mapping[str, Any]) -> Scope:
    """Return what is to be read.

    Raises ArgumentError for a malformed region, trail, account or role, for a role that does not fit `accounts`, for
    a list that would limit the run, but is empty, for an entry of `account_options` that does not fit `accounts`, and
    for a profile beside access keys, of which amazon.aws only says that it does not take both.
    """
    _check_credentials(params)
    of_run = _account_scope(params)
    _check_accounts(params)
    _check_run_role(params)
    return Scope(
        regions=of_run.regions,
        trails=of_run.trails,
        accounts=_account_scopes(params, "accounts"),
        role=None if isinstance(of_run.role, NamedRole) else of_run.role,
        key_role=_role(params, "key_assume_role"),
        bucket_role=_role(params, "bucket_assume_role"),
        concurrency=between(params, "concurrency", MOST_READS),
        key_tags=of_run.key_tags,
        proof=params["proof"],
    )


def _check_credentials(params: Mapping[str, Any]) -> None:
    profile, *keys = (_source(option, params.get(option)) for option in CREDENTIALS)
    if profile and any(keys):
        raise ArgumentError(
            f"Both {profile} and access keys are set; only one of the two can be used. Unset {profile}, or all of "
            f"{', '.join(filter(None, keys))}."
        )


def _source(option: str, value: str | None) -> str:
    """Return what has set an option, or nothing if it is not set; Ansible fills in what the environment says."""
    names = (name for name in CREDENTIALS[option] if value and os.environ.get(name) == value)
    return next(names, value and f"the module's option {option}") or ""


def _account_scope(params: Mapping[str, Any]) -> AccountScope:
    """Return what the options say of one account, whichever it is."""
    for option in ("trails", "regions", "approved_keys"):
        if params[option] == []:  # such as a template that has found none
            raise ArgumentError("the list is empty. For no limit, leave it out.", option)
    for trail in params["trails"] or ():
        check("trails", trail, TRAIL_ARN if trail.startswith("arn:") else TRAIL_NAME, "a trail name or trail ARN")
    for region in params["regions"] or ():
        check("regions", region, REGION, "a region name such as eu-central-1")
    return AccountScope(
        account_id="",
        role=_named_role(params["assume_role"] or {}) or _role(params, "assume_role"),
        regions=tuple(dict.fromkeys(params["regions"] or ())),
        trails=tuple(params["trails"] or ()),
        key_tags=any(key.startswith(TAG) for key in params["approved_keys"] or ()),
    )


def lending(params: Mapping[str, Any]) -> tuple[AccountScope, ...]:
    """Return the accounts of `lending_accounts`, of which only keys and buckets are read. Raises ArgumentError."""
    if params["lending_accounts"] and params["accounts"] is None:
        raise ArgumentError("it needs accounts. Set accounts too, or leave it out.", "lending_accounts")
    return _account_scopes(params, "lending_accounts")


def settings_of_owners(params: Mapping[str, Any]) -> dict[str, Settings]:
    """Return the settings of accounts that are not among `accounts`, by which the trails that these inherit are judged.

    Raises ArgumentError.
    """
    others = {*(params.get("lending_accounts") or ())}
    others |= {each for entry in params.get("account_options") or () for each in entry["accounts"]}
    by_account, of_run = of_accounts(params, to_settings), to_settings(params)
    return {each: by_account.get(each, of_run) for each in sorted(others - {*(params.get("accounts") or ())})}


def _account_scopes(params: Mapping[str, Any], option: str) -> tuple[AccountScope, ...]:
    """Return the accounts of an option, each with what its entry or else the run says."""
    by_account, of_run = of_accounts(params, _account_scope), _account_scope(params)
    # By the tags of a key others may approve it whose trail an account inherits.
    read = {*(params.get("accounts") or ())}
    owners_tags = any(scope.key_tags for each, scope in by_account.items() if each not in read)
    scopes = [
        replace(scope, account_id=each, key_tags=scope.key_tags or owners_tags)
        for each in params.get(option) or ()
        for scope in (by_account.get(each, of_run),)
    ]
    roleless = [each.account_id for each in scopes if each.role is None]
    if roleless:
        raise ArgumentError(
            f"no role is set for {named(roleless)}. Set assume_role.role_name, the role to assume in each of them, "
            "or an assume_role for each in account_options.",
            option,
        )
    return tuple(scopes)


def to_settings(params: Mapping[str, Any], of_owners: Mapping[str, Settings] = MappingProxyType({})) -> Settings:
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
        proof=params["proof"],
        of_owners=of_owners,
    )


def _check_accounts(params: Mapping[str, Any]) -> None:
    accounts, lent = params.get("accounts"), params.get("lending_accounts") or ()
    entries = params.get("account_options") or ()
    if accounts == []:
        raise ArgumentError("the list is empty. Leave it out to read the account of the credentials.", "accounts")
    if entries and accounts is None:
        raise ArgumentError("it needs accounts. For one account, set the options themselves.", "account_options")
    _check_ids("accounts", accounts or ())
    _check_ids("lending_accounts", lent)
    both = sorted({*lent} & {*(accounts or ())})
    if both:
        raise ArgumentError(f"in accounts too: {', '.join(both)}. Leave them out here.", "lending_accounts")
    placed: dict[str, int] = {}
    for number, entry in enumerate(entries):
        _check_entry(number, entry, {*(accounts or ()), *lent}, placed)
        placed.update(dict.fromkeys(entry["accounts"], number))


def _check_ids(option: str, account_ids: Sequence[str]) -> None:
    for account_id in account_ids:
        # YAML reads 012345678901 as a number.
        check(option, account_id, ACCOUNT_ID, "an account id of 12 digits; put it in quotes in YAML")
    twice = [account_id for account_id, times in Counter(account_ids).items() if times > 1]
    if twice:
        raise ArgumentError(f"more than once in the list: {', '.join(twice)}.", option)


def _check_entry(number: int, entry: Mapping[str, Any], accounts: Collection[str], placed: Mapping[str, int]) -> None:
    """Raise ArgumentError for an entry whose accounts are not those of the run, or not its alone."""
    option, account_ids = f"account_options[{number}].accounts", entry["accounts"]
    if not account_ids:
        raise ArgumentError("the list is empty. Name the accounts that the entry is for.", option)
    _check_ids(option, account_ids)
    said = {name for name, value in entry.items() if name != "accounts" and value is not None}
    # An account that is not read may own a trail that others inherit.
    judges_alone = bool(said) and said <= {*JUDGING}
    for account_id in account_ids:
        if account_id not in accounts and not judges_alone:
            raise ArgumentError(f"{account_id!r} is not in accounts. Add it there, or leave it out.", option)
        if account_id in placed:
            other = f"account_options[{placed[account_id]}]"
            raise ArgumentError(f"{account_id!r} is in {other} too. Put all of it in one entry.", option)
    arn = (entry["assume_role"] or {}).get("role_arn")
    if arn and _ROLE_ARN.fullmatch(arn) and [arn.split(":")[4]] != account_ids:
        raise ArgumentError(
            f"{arn!r} is a role in account {arn.split(':')[4]} only. Set a role in the account, or role_name for "
            "several.",
            f"account_options[{number}].assume_role.role_arn",
            where=f" ({named(account_ids)})",
        )


def _check_run_role(params: Mapping[str, Any]) -> None:
    """Raise ArgumentError where the role of the run does not fit the accounts."""
    role, sweeps = params["assume_role"] or {}, params.get("accounts") is not None
    if sweeps and role.get("role_arn"):
        raise ArgumentError(
            "it is for one account; for accounts, set role_name, or the role of each in account_options.",
            "assume_role.role_arn",
        )
    if role.get("role_name") and not sweeps:
        raise ArgumentError("it is for accounts; for one account, set role_arn.", "assume_role.role_name")


def _named_role(role: Mapping[str, Any]) -> NamedRole | None:
    """Return the role of a name that accounts of a sweep have."""
    if not role.get("role_name"):
        return None
    check("assume_role.role_name", role["role_name"], _ROLE_NAME, "a role name")
    _check_session("assume_role", role)
    return NamedRole(role["role_name"], role["external_id"], role["session_name"])


def _role(params: Mapping[str, Any], option: str) -> Role | None:
    role = params[option]
    if not role or role.get("role_name"):
        return None
    check(f"{option}.role_arn", role["role_arn"], _ROLE_ARN, "a role ARN")
    _check_session(option, role)
    named_by = "" if option == "assume_role" else option
    return Role(role["role_arn"], role["external_id"], role["session_name"], named_by)


def _check_session(option: str, role: Mapping[str, Any]) -> None:
    check(f"{option}.session_name", role["session_name"], _SESSION_NAME, "a session name")
    if role["external_id"] is not None:
        check(f"{option}.external_id", role["external_id"], _EXTERNAL_ID, "an external id")


def _levels(rules: Mapping[str, Any]) -> dict[str, Any]:
    _check_rules("rules", rules)
    # YAML 1.1 reads a bare `off` as false.
    levels = {rule: "off" if level is False else level for rule, level in rules.items()}
    for rule, level in levels.items():
        if level not in LEVELS:
            raise ArgumentError(f"{level!r} is no level for {rule}; it is one of {', '.join(LEVELS)}.", "rules")
    return levels


def _check_rules(option: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in RULES:
            raise ArgumentError(f"there is no rule {name!r}; the rules are {', '.join(RULES)}.", option)


def _exception(row: Mapping[str, Any]) -> TrailException:
    if row["trail"] is not None:
        check("exceptions.trail", row["trail"], _TRAIL_PATTERN, "a trail name or trail ARN, with or without * and ?")
    if row["account"] is not None:
        check("exceptions.account", row["account"], _ACCOUNT_PATTERN, "an account id of 12 digits, or with * and ?")
    _check_rules("exceptions.rules", row["rules"])
    for name in ("reason", "owner"):
        check(f"exceptions.{name}", row[name], re.compile(r"(?s).*\S.*"), "a text")
    check("exceptions.expires", row["expires"], _DAY, "a date YYYY-MM-DD")
    try:
        expires = date.fromisoformat(row["expires"])
    except ValueError as error:
        raise ArgumentError(f"{row['expires']!r} is not a date YYYY-MM-DD.", "exceptions.expires") from error
    return TrailException(row["trail"], tuple(row["rules"]), row["reason"], row["owner"], expires, row["account"])
