# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts of an organization become hosts, and what is told of each. No AWS here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...module_utils._model import ORGANIZATION_ACCOUNT_ARN, OrganizationAccount

# The variables of a host: one for all that is known of its account, so that no part of it can be set without the rest.
ACCOUNT, ROLE = "cloudtrail_kms_account", "cloudtrail_kms_assume_role"
ACCOUNT_ID = re.compile(r"[0-9]{12}")
# IAM API reference, CreateRole, RoleName and Path; STS API reference, AssumeRole, ExternalId.
_ROLE_NAME = re.compile(r"([\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)

# The inventories that could not be read in this process, and why. Ansible only warns, and plays on the other hosts.
UNREAD: dict[str, str] = {}


class SelectionError(ValueError):
    """An option that cannot be meant, or fits no account; the message names the option and the value."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The options of the inventory that say which accounts are wanted, and with what role they are entered."""

    role_name: str | None = None
    external_id: str | None = None
    ous: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]]
    states: tuple[str, ...] = ()
    include_accounts: tuple[str, ...] = ()
    exclude_accounts: tuple[str, ...] = ()
    management_account: bool = True
    read_tags: bool = True

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Selection:
        """Return the selection; raises SelectionError for ids, roles or tags that cannot be meant."""
        for option in ("include_accounts", "exclude_accounts"):
            for account_id in options[option]:
                if not (isinstance(account_id, str) and ACCOUNT_ID.fullmatch(account_id)):
                    raise SelectionError(
                        f"Option {option}: {account_id!r} is not an account id. Write its 12 digits in quotes."
                    )
        role_name, external_id = options["role_name"], options["external_id"]
        if role_name is not None and not _ROLE_NAME.fullmatch(role_name):
            raise SelectionError(f"Option role_name: {role_name!r} is not the name of a role; give no ARN.")
        if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
            raise SelectionError(f"Option external_id: {external_id!r} is not an external id.")
        if external_id is not None and role_name is None:
            raise SelectionError("Option external_id: it goes with a role; give role_name as well.")
        if options["tags"] and not options["read_tags"]:
            raise SelectionError("Option tags: accounts cannot be selected by tags that read_tags leaves unread.")
        lists = ("ous", "states", "include_accounts", "exclude_accounts")
        tags = {str(name): _values(name, value) for name, value in options["tags"].items()}
        return cls(**{**options, **{name: tuple(options[name]) for name in lists}, "tags": tags})

    def fingerprint(self) -> dict[str, Any]:
        """Return what decides which accounts are read, in JSON types.

        It goes into the cache. How accounts are entered does not: the external id may come from a vault.
        """
        kept: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {name: value for name, value in kept.items() if name not in ("role_name", "external_id")}


def _values(name: object, value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str) for each in values):
        # YAML would read 1.10 and yes as something else than the text in the tag.
        raise SelectionError(f"Option tags: the value of {name} must be a text, in quotes, or a list of texts.")
    return tuple(values)


def kept_accounts(cached: Any, requested: Mapping[str, Any]) -> list[OrganizationAccount] | None:
    """Return the accounts that a cache holds for the requested selection, or None if it holds anything else.

    A cache is a file, perhaps of another version. An id becomes the name of a host, which older Ansible takes for a
    template, and an ARN part of a role's: both must be what the organization would have said.
    """
    try:
        accounts = [OrganizationAccount(**row) for row in cached["accounts"]] if cached["asked"] == requested else None
        fits = all(
            ACCOUNT_ID.fullmatch(each.account_id)
            and ORGANIZATION_ACCOUNT_ARN.fullmatch(each.arn)
            and each.arn.endswith(f"/{each.account_id}")
            for each in accounts or ()
        )
    except (KeyError, TypeError):
        return None
    return accounts if fits else None


def select(accounts: Sequence[OrganizationAccount], selection: Selection) -> list[OrganizationAccount]:
    """Return the accounts that the selection names, whatever their tags.

    Raises SelectionError for an account or OU that the organization does not have: nothing is left out by a slip.
    """
    ids = {account.account_id for account in accounts}
    absent = [account_id for account_id in selection.include_accounts if account_id not in ids]
    if absent:
        raise SelectionError(f"Option include_accounts: the organization has no account {', '.join(absent)}.")
    _refuse_unknown_ous(accounts, selection.ous)
    if selection.states and any(account.state is None for account in accounts):
        raise SelectionError("Option states: this AWS SDK is too old to show the State of accounts. Update boto3.")
    return [account for account in accounts if _wanted(account, selection)]


def _refuse_unknown_ous(accounts: Sequence[OrganizationAccount], wanted: Iterable[str]) -> None:
    known = {place for account in accounts for place in _places(account)}
    for ou in wanted:
        if ou not in known:
            paths = ", ".join(sorted(place for place in known if place.startswith("/")))
            raise SelectionError(f"Option ous: no account is in an OU {ou}. The OUs of the accounts are {paths}.")


def _wanted(account: OrganizationAccount, selection: Selection) -> bool:
    return (
        (not selection.include_accounts or account.account_id in selection.include_accounts)
        and account.account_id not in selection.exclude_accounts
        and (not selection.ous or not _places(account).isdisjoint(selection.ous))
        and (not selection.states or account.state in selection.states)
        and (selection.management_account or not account.management)
    )


def _places(account: OrganizationAccount) -> set[str]:
    """Return the ids and paths of the account's OU and of those above it; every account is below `/`, the root."""
    names = account.ou_names
    return {*account.ou_ids, *(ou_path(names[:depth]) for depth in range(len(names) + 1))}


def ou_path(names: Sequence[str]) -> str:
    """Return the path of an OU from below the root, such as `/Workloads/Production`; `/` is the root."""
    return f"/{'/'.join(names)}"


def select_by_tags(accounts: Iterable[OrganizationAccount], selection: Selection) -> list[OrganizationAccount]:
    """Return the accounts that have every tag of the selection, with one of its values."""
    return [
        account
        for account in accounts
        if all((account.tags or {}).get(name) in values for name, values in selection.tags.items())
    ]


def host_variables(account: OrganizationAccount, selection: Selection) -> dict[str, Any]:
    """Return what the inventory says of an account's host: the account, and the role to assume in it."""
    known: dict[str, Any] = {
        "id": account.account_id,
        "arn": account.arn,
        "name": account.name,
        "email": account.email,
        "management": account.management,
        "ou_ids": list(account.ou_ids),
        "ou_path": ou_path(account.ou_names),
    }
    if account.state is not None:
        known["state"] = account.state
    if account.tags is not None:
        known["tags"] = dict(account.tags)
    variables: dict[str, Any] = {ACCOUNT: known}
    if selection.role_name is not None:
        partition = account.arn.split(":")[1]
        role = {"role_arn": f"arn:{partition}:iam::{account.account_id}:role/{selection.role_name}"}
        external_id = {} if selection.external_id is None else {"external_id": selection.external_id}
        variables[ROLE] = {**role, **external_id}
    return variables
