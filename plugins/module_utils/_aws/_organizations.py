# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the accounts of an organization: who they are, where they stand, how they are tagged."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .._model import ORGANIZATION_ACCOUNT_ARN, ORGANIZATIONS_NOT_IN_USE, OrganizationAccount, ReadError, next_step
from ._access import Access, AwsError, connect

with suppress(ImportError):  # The inventory plugin names the missing library before any of this is used.
    import botocore.config

Row = TypeVar("Row")

# Every account of the organization shares the rates of these operations (Organizations guide, "Quotas and service
# limits", throttling limits): more at once would only be turned away.
READS_AT_ONCE = 4
# Five times what an organization may have (same page, "Maximum and minimum values": 2,000 OUs).
MOST_UNITS = 10_000
# The region that reaches the one endpoint of Organizations where no other is given (General Reference, "AWS
# Organizations endpoints"); in another partition one of its regions has to be set.
DEFAULT_REGION = "us-east-1"
# Shapes AccountId and AccountArn of the Organizations service model, in every partition.
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# The words of AccountState have this form; AWS may add to them.
_STATE = re.compile(r"[A-Z_]+")


@dataclass(frozen=True)
class _Unit:
    """The root, which has no ids here, or an OU with the ids and names from below the root down to itself."""

    parent_id: str
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def open_organization(region: str | None, endpoint_url: str | None, connection: Mapping[str, Any]) -> Access:
    """Return the access to Organizations; the arguments are those of `connect`, and so are the errors.

    Adaptive retries send no faster than AWS lets them (SDK reference, "Retry behavior"): one process reads thousands
    of tags here, at rates that the whole organization shares.
    """
    patient = botocore.config.Config(retries={"mode": "adaptive", "total_max_attempts": 10})
    settings = connection.get("aws_config")
    config = patient.merge(settings) if settings else patient
    return connect(region or DEFAULT_REGION, endpoint_url, {**connection, "aws_config": config}, READS_AT_ONCE)


def read_organization(access: Access) -> tuple[OrganizationAccount, ...]:
    """Return every account of the caller's organization, without tags, in the order of their ids.

    ListAccounts says which accounts there are; the walk down the tree says where they stand, at two calls an OU rather
    than one an account. Raises AwsError where the organization cannot be read as a whole, or contradicts itself.
    """
    accounts = list(dict.fromkeys(_list(access, "ListAccounts", "Accounts", _account)))
    _refuse_contradictions(accounts)
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        units, places = _walk(pool, access)
    _refuse_unlisted(places.keys() - {account.account_id for account in accounts})
    units_of = ((each, _unit_of(access, each, places[each.account_id], units)) for each in accounts)
    placed = [replace(account, ou_ids=unit.ids, ou_names=unit.names) for account, unit in units_of]
    return tuple(sorted(placed, key=lambda account: account.account_id))


def with_tags(access: Access, accounts: Iterable[OrganizationAccount]) -> tuple[OrganizationAccount, ...]:
    """Return the accounts with their tags, which costs a call each; raises AwsError where one cannot be read."""
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        return tuple(pool.map(lambda account: replace(account, tags=_tags(access, account.account_id)), accounts))


def _account(row: dict[str, Any]) -> OrganizationAccount:
    """Return an account as ListAccounts shows it. Its name may be withheld; an SDK before 2025-09 knows no `State`.

    Its id becomes the name of a host, and its ARN part of a role's. A row is refused if one of them is invalid, or if
    they are of two accounts (shape Account).
    """
    is_account = _ACCOUNT_ID.fullmatch(row["Id"]) and ORGANIZATION_ACCOUNT_ARN.fullmatch(row["Arn"])
    if not (is_account and row["Arn"].endswith(f"/{row['Id']}")):
        raise ValueError(f"{row['Id']!r} with the ARN {row['Arn']!r} is not an account")
    if not _STATE.fullmatch(row.get("State", "ACTIVE")):
        raise ValueError(f"{row['State']!r} is not the State of an account")
    return OrganizationAccount(
        account_id=row["Id"],
        arn=row["Arn"],
        name=row.get("Name", ""),
        email=row.get("Email", ""),
        state=row.get("State"),
        ou_ids=(),
        ou_names=(),
    )


def _refuse_contradictions(accounts: Sequence[OrganizationAccount]) -> None:
    """Raise AwsError for a list of two organizations, or with two rows on an account, of which either may be true.

    An account that is closed between two pages can be listed so; the next run then reads it once.
    """
    ((twice, times),) = Counter(account.account_id for account in accounts).most_common(1) or [("", 0)]
    if times > 1:
        raise AwsError(
            f"The organization cannot be read: ListAccounts lists account {twice} {times} times, each time otherwise. "
            "Run again; if it stays so, check that the endpoint is AWS's."
        )
    organizations = sorted({account.arn.rpartition("/")[0] for account in accounts})
    if len(organizations) > 1:
        raise AwsError(
            f"The organization cannot be read: ListAccounts lists accounts of {' and '.join(organizations[:2])}, which "
            "AWS never returns. Check that the endpoint is AWS's, and run again."
        )


def _refuse_unlisted(unlisted: Iterable[str]) -> None:
    """Raise AwsError for accounts in an OU that are not in the list: they would be left out without a word."""
    for account_id in sorted(unlisted)[:1]:
        raise AwsError(
            f"The organization cannot be read: account {account_id!r} is in an OU and not in the answer of "
            "ListAccounts. It may have been created meanwhile. Run again; if it stays so, check that the endpoint is "
            "AWS's."
        )


def _walk(pool: ThreadPoolExecutor, access: Access) -> tuple[dict[str, _Unit], dict[str, list[_Unit]]]:
    """Return every OU by its id, the root among them, and the OUs of every account, by the account's id.

    One that is moved meanwhile may be seen in two OUs, as it may be seen in none.
    """
    units: dict[str, _Unit] = {}
    places: dict[str, list[_Unit]] = defaultdict(list)
    level = [_Unit(root_id) for root_id in _list(access, "ListRoots", "Roots", lambda row: str(row["Id"]))]
    while level:
        _refuse_what_has_no_end(units, level)
        units.update({unit.parent_id: unit for unit in level})
        below = pool.map(lambda unit: _units_below(access, unit), level)
        for unit, inside in zip(level, pool.map(lambda unit: _accounts_in(access, unit), level), strict=True):
            for account_id in dict.fromkeys(inside):
                places[account_id].append(unit)
        level = [unit for found in below for unit in found]
    return units, places


def _refuse_what_has_no_end(units: Mapping[str, _Unit], level: Sequence[_Unit]) -> None:
    """Raise AwsError for a tree with a circle or without a bottom, which would be read forever."""
    if len(units) > MOST_UNITS:
        raise AwsError(
            f"The organization cannot be read: it has more than {MOST_UNITS:,} OUs, which AWS never returns. Check "
            "that the endpoint is AWS's, and run again."
        )
    for unit in level:
        if unit.parent_id in units:
            raise AwsError(
                f"The organization cannot be read: OU {unit.parent_id} is below itself, which AWS never returns. "
                "Check that the endpoint is AWS's, and run again."
            )


def _units_below(access: Access, unit: _Unit) -> list[_Unit]:
    def child(row: dict[str, Any]) -> _Unit:
        return _Unit(row["Id"], (*unit.ids, row["Id"]), (*unit.names, row["Name"]))

    return _list(access, "ListOrganizationalUnitsForParent", "OrganizationalUnits", child, ParentId=unit.parent_id)


def _accounts_in(access: Access, unit: _Unit) -> list[str]:
    return _list(access, "ListAccountsForParent", "Accounts", lambda row: str(row["Id"]), ParentId=unit.parent_id)


def _unit_of(
    access: Access, account: OrganizationAccount, seen_in: Sequence[_Unit], units: Mapping[str, _Unit]
) -> _Unit:
    """Return the OU of an account; where it was moved while the tree was read, as it is now."""
    if len(seen_in) == 1:
        return seen_in[0]
    parents = _list(access, "ListParents", "Parents", lambda row: str(row["Id"]), ChildId=account.account_id)
    if len(parents) != 1 or parents[0] not in units:
        raise AwsError(
            f"Account {account.account_id} ({account.name}) was moved while the organization was being read. Run again."
        )
    return units[parents[0]]


def _tags(access: Access, account_id: str) -> dict[str, str]:
    def pair(row: dict[str, Any]) -> tuple[str, str]:
        return row["Key"], row["Value"]

    pairs = _list(access, "ListTagsForResource", "Tags", pair, ResourceId=account_id)
    tags = dict(pairs)
    if len(tags) < len(set(pairs)):
        raise AwsError(
            f"The tags of account {account_id} cannot be read: one has two values, which AWS never returns. Check that "
            "the endpoint is AWS's, and run again."
        )
    return tags


def _list(
    access: Access, operation: str, member: str, take: Callable[[dict[str, Any]], Row], **parameters: Any
) -> list[Row]:
    """Return all rows of a List operation; raises AwsError where a page is refused."""
    rows = access.ask_pages("organizations", access.region, operation, member, take, **parameters)
    if isinstance(rows, ReadError):
        raise AwsError(_refusal(rows))
    return rows


def _refusal(error: ReadError) -> str:
    answered = f"{error.operation} answered {error.code} ({error.message})."
    if error.code == ORGANIZATIONS_NOT_IN_USE:
        return (
            f"The account of these credentials is in no organization: {answered} Use credentials of the organization's "
            "management account or of a delegated administrator, or write the accounts into an inventory file yourself."
        )
    if error.code == "AccessDeniedException" and error.iam_action not in error.message:
        # What IAM denies it says with the action's name.
        return (
            f"The account of these credentials may not list the accounts of its organization: {answered} Only the "
            "management account and delegated administrators may. Use credentials of one of them, or let "
            "assume_role_arn name a role there."
        )
    return f"The accounts of the organization cannot be read: {answered} {next_step(error)}"
