# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the options of an audit and of an enforcement have in common: their forms, and how a wrong value is told.

It imports nothing of AWS nor of the rules, so that a control node can check options with neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from .._printable import first_of

Value = TypeVar("Value")

# CloudTrail guide, "Naming requirements for CloudTrail resources, S3 buckets, and KMS keys".
TRAIL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]")
ACCOUNT_ID = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
PRINCIPAL_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root|(user|role|assumed-role|federated-user)/[\w+=,.@/-]+)", re.ASCII
)


# Accounts, or hosts, that one message names.
MOST_NAMED = 3
# What may differ between the accounts of an audit.
AUDIT_ACCOUNT_OPTIONS = ("assume_role", "regions", "trails", "readers", "approved_keys", "rules", "exceptions")
# Those of them that say how its trails are judged.
JUDGING = ("readers", "approved_keys", "rules", "exceptions")
# Of these an account has one: what its entry says takes the place of the other.
_EITHER = (("key", "key_id"), ("create_trail", "trails"))


class ArgumentError(ValueError):
    """Options whose values cannot be meant; the message names them, if there are any, and says why."""

    def __init__(self, why: str, *options: str, where: str = "") -> None:
        super().__init__(f"{of_options(options)}{where}: {why}" if options else why)
        self.why, self.options = why, options

    def within(self, entry: str, account_ids: Sequence[str]) -> ArgumentError:
        """Return the error of the same options in an entry for these accounts."""
        of_accounts = f" ({named(account_ids)})"
        if len(self.options) > 1:
            return ArgumentError(self.why, *self.options, where=f" of {entry}{of_accounts}")
        return ArgumentError(self.why, f"{entry}.{self.options[0]}", where=of_accounts)


def of_options(options: Iterable[str]) -> str:
    """Return how the message about these options begins."""
    names = [*options]
    return f"Option{'s' if len(names) > 1 else ''} {' and '.join(names)}"


def role_spec() -> dict[str, Any]:
    """Return the option of a role to assume."""
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


def audit_spec() -> dict[str, Any]:
    """Return the options that say what is read, with whose credentials, and how it is judged."""
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
            "options": _exception_spec(),
            "required_one_of": [("trail", "account")],
        },
        "stale_after_hours": {"type": "int", "default": 24},
        "expiry_warning_days": {"type": "int", "default": 30},
        "closed_regions": {"type": "str", "choices": ["advise", "unknown"], "default": "advise"},
        "proof": {"type": "str", "choices": ["none", "events", "objects"], "default": "none"},
    }


def _exception_spec() -> dict[str, Any]:
    return {
        "trail": {"type": "str"},
        "account": {"type": "str"},
        "rules": {"type": "list", "elements": "str", "required": True},
        "reason": {"type": "str", "required": True},
        "owner": {"type": "str", "required": True},
        "expires": {"type": "str", "required": True},
    }


def sweep_options(spec: Mapping[str, Any], of_an_account: Iterable[str] = AUDIT_ACCOUNT_OPTIONS) -> dict[str, Any]:
    """Return the options that let a module work on many accounts, which may differ in options of its `spec`.

    An entry of `account_options` has none of their defaults: what it does not say is as the run says.
    """
    role = role_spec()
    role["options"] = {**role["options"], "role_arn": {"type": "str"}, "role_name": {"type": "str"}}
    one_role = {"required_one_of": [("role_arn", "role_name")], "mutually_exclusive": [("role_arn", "role_name")]}
    whole = {**spec, "assume_role": {**role, **one_role}}
    differing = {name: {word: v for word, v in whole[name].items() if word != "default"} for name in of_an_account}
    accounts = {"type": "list", "elements": "str"}
    return {
        "accounts": accounts,
        "assume_role": whole["assume_role"],
        "account_options": {
            "type": "list",
            "elements": "dict",
            "options": {"accounts": {**accounts, "required": True}, **differing},
            "mutually_exclusive": [pair for pair in _EITHER if {*pair} <= {*of_an_account}],
        },
    }


def of_accounts(params: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Value]) -> dict[str, Value]:
    """Return what `make` makes of the options of each account that has some of its own, by account id.

    Raises ArgumentError that names the entry of `account_options` and the accounts it is for.
    """
    made: dict[str, Value] = {}
    for number, entry in enumerate(params.get("account_options") or ()):
        made.update(dict.fromkeys(entry["accounts"], _of_entry(params, number, entry, make)))
    return made


def _of_entry(
    params: Mapping[str, Any], number: int, entry: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Value]
) -> Value:
    try:
        return make(_with_entry(params, entry))
    except ArgumentError as error:
        raise error.within(f"account_options[{number}]", entry["accounts"]) from error


def _with_entry(params: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the run, and in their place those that an entry says; null says nothing."""
    said = {name: value for name, value in entry.items() if name != "accounts" and value is not None}
    given_up = {option: None for pair in _EITHER for option in pair if said.keys() & ({*pair} - {option})}
    return {**params, **given_up, **said}


def named(names: Sequence[str], of: str = "account") -> str:
    """Name accounts, or hosts, of many the first ones."""
    if len(names) == 1:
        return f"{of} {names[0]}"
    return f"{of}s {first_of(names, MOST_NAMED)}"


def check(option: str, value: str, pattern: re.Pattern[str], meaning: str) -> None:
    """Raise ArgumentError where a value has not the form of what it is to be."""
    if not pattern.fullmatch(value):
        raise ArgumentError(f"{value!r} is not {meaning}.", option)


def between(params: Mapping[str, Any], option: str, most: int) -> int:
    """Return an option that counts. Raises ArgumentError where it is less than one or more than `most`."""
    if not 1 <= params[option] <= most:
        raise ArgumentError(f"{params[option]} is not between 1 and {most}.", option)
    return int(params[option])
