# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organizations: the accounts and the tree of OUs they stand in, their tags, and who administers which service."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.operation import Operation, any_resource
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, Organization, World

_NOT_IN_USE = "Your account is not a member of an organization."
_NOT_PERMITTED = "You don't have permissions to access this resource."
_PAGE = 20
_ROOT = "r-exam"


def describe_organization(world: World, identity: Identity, _call: Call) -> Answer:
    """Answered to every account of the organization (Organizations API reference, DescribeOrganization)."""
    organization = _organization(world, identity)
    management = world.accounts[organization.management]
    return {
        "Organization": {
            "Id": organization.id,
            "Arn": management.arn("organizations", f"organization/{organization.id}"),
            "FeatureSet": "ALL",
            "MasterAccountId": management.id,
            "MasterAccountArn": management.arn("organizations", f"account/{organization.id}/{management.id}"),
            "MasterAccountEmail": f"{management.name}@example.com",
        }
    }


def list_accounts(world: World, identity: Identity, call: Call) -> Answer:
    """For the management account and delegated administrators only (API reference, ListAccounts), in pages.

    `Status` is left out: AWS retires it on 2026-09-09 in favour of `State` (same page).
    """
    organization = _privileged(world, identity)
    return _page(call, "Accounts", [_account(world, organization, account_id) for account_id in organization.accounts])


def list_roots(world: World, identity: Identity, call: Call) -> Answer:
    """An organization has one root (Organizations guide, "Quotas")."""
    organization = _privileged(world, identity)
    return _page(call, "Roots", [{"Id": _ROOT, "Arn": _arn(world, organization, "root", _ROOT), "Name": "Root"}])


def list_organizational_units(world: World, identity: Identity, call: Call) -> Answer:
    """The OUs right below a root or an OU (API reference, ListOrganizationalUnitsForParent)."""
    organization = _privileged(world, identity)
    parent = _parent(world, organization, call)
    below = sorted(path for path in _units(world, organization) if path and path[:-1] == parent)
    rows = [
        {"Id": unit_id(path), "Arn": _arn(world, organization, "ou", unit_id(path)), "Name": path[-1]} for path in below
    ]
    return _page(call, "OrganizationalUnits", rows)


def list_accounts_for_parent(world: World, identity: Identity, call: Call) -> Answer:
    """The accounts right in a root or an OU (API reference, ListAccountsForParent)."""
    organization = _privileged(world, identity)
    parent = _parent(world, organization, call)
    inside = [account_id for account_id in organization.accounts if world.accounts[account_id].ou == parent]
    return _page(call, "Accounts", [_account(world, organization, account_id) for account_id in inside])


def list_parents(world: World, identity: Identity, call: Call) -> Answer:
    """A child has one parent (API reference, ListParents)."""
    organization = _privileged(world, identity)
    account_id = call.parameters["ChildId"]
    if account_id not in organization.accounts:
        raise AwsError("ChildNotFoundException", "You specified a child that doesn't exist.")
    path = world.accounts[account_id].ou
    return _page(call, "Parents", [{"Id": unit_id(path), "Type": "ORGANIZATIONAL_UNIT" if path else "ROOT"}])


def list_tags(world: World, identity: Identity, call: Call) -> Answer:
    """The tags of an account (API reference, ListTagsForResource)."""
    organization = _privileged(world, identity)
    account_id = call.parameters["ResourceId"]
    if account_id not in organization.accounts:
        raise AwsError("TargetNotFoundException", "You specified a target that doesn't exist.")
    return _page(call, "Tags", [{"Key": key, "Value": value} for key, value in world.accounts[account_id].tags.items()])


def unit_id(path: tuple[str, ...]) -> str:
    """The id of the OU with these names from the root down, the same in every run; of none, the root's."""
    return f"ou-exam-{uuid5(NAMESPACE_URL, '/'.join(path)).hex[:8]}" if path else _ROOT


def _units(world: World, organization: Organization) -> set[tuple[str, ...]]:
    """Every OU as its names from the root down, the root as none of them."""
    paths = [world.accounts[account_id].ou for account_id in organization.accounts]
    return {path[:depth] for path in paths for depth in range(len(path) + 1)} | {()}


def _parent(world: World, organization: Organization, call: Call) -> tuple[str, ...]:
    found = [path for path in _units(world, organization) if unit_id(path) == call.parameters["ParentId"]]
    if not found:
        raise AwsError("ParentNotFoundException", "You specified a parent that doesn't exist.")
    return found[0]


def _page(call: Call, member: str, rows: Sequence[Any]) -> Answer:
    """One page of a list, 20 rows at most.

    Any page may be empty while more are to come (API reference, the note on every List operation): here the first
    page of a list that needs several is, unless the caller sizes its pages.
    """
    size = int(call.parameters.get("MaxResults", _PAGE))
    token = call.parameters.get("NextToken")
    if token is None and "MaxResults" not in call.parameters and len(rows) > size:
        return {member: [], "NextToken": "0"}
    start = int(token or 0)
    answer: dict[str, object] = {member: rows[start : start + size]}
    if start + size < len(rows):
        answer["NextToken"] = str(start + size)
    return answer


def describe_account(world: World, identity: Identity, call: Call) -> Answer:
    """For the same callers (Organizations API reference, DescribeAccount)."""
    organization = _privileged(world, identity)
    if call.parameters["AccountId"] not in organization.accounts:
        raise AwsError("AccountNotFoundException", "You specified an account that doesn't exist.")
    return {"Account": _account(world, organization, call.parameters["AccountId"])}


def list_delegated_services(world: World, identity: Identity, call: Call) -> Answer:
    """Same callers; an account that administers nothing is not registered (ListDelegatedServicesForAccount)."""
    organization = _privileged(world, identity)
    account_id = call.parameters["AccountId"]
    if account_id not in organization.accounts:
        raise AwsError("AccountNotFoundException", "You specified an account that doesn't exist.")
    services = organization.delegated.get(account_id, ())
    if not services:
        message = "The provided account is not a registered delegated administrator for your organization."
        raise AwsError("AccountNotRegisteredException", message)
    since = time.time() - 86400
    return {"DelegatedServices": [{"ServicePrincipal": name, "DelegationEnabledDate": since} for name in services]}


def _organization(world: World, identity: Identity) -> Organization:
    organization = world.organization_of(identity.account)
    if organization is None:
        raise AwsError("AWSOrganizationsNotInUseException", _NOT_IN_USE)
    return organization


def _privileged(world: World, identity: Identity) -> Organization:
    organization = _organization(world, identity)
    if identity.account != organization.management and identity.account not in organization.delegated:
        raise AwsError("AccessDeniedException", _NOT_PERMITTED)
    return organization


def _account(world: World, organization: Organization, account_id: str) -> Answer:
    account = world.accounts[account_id]
    return {
        "Id": account_id,
        "Arn": _arn(world, organization, "account", account_id),
        "Name": account.name,
        "Email": f"{account.name}@example.com",
        "State": account.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": time.time() - 30 * 86400,
    }


def _arn(world: World, organization: Organization, kind: str, name: str) -> str:
    """Every ARN of an organization names its management account (Service Authorization Reference, Organizations)."""
    return world.accounts[organization.management].arn("organizations", f"{kind}/{organization.id}/{name}")


OPERATIONS: Mapping[str, Operation] = {
    "organizations:DescribeOrganization": Operation(describe_organization, any_resource),
    "organizations:DescribeAccount": Operation(describe_account, any_resource),
    "organizations:ListAccounts": Operation(list_accounts, any_resource),
    "organizations:ListAccountsForParent": Operation(list_accounts_for_parent, any_resource),
    "organizations:ListDelegatedServicesForAccount": Operation(list_delegated_services, any_resource),
    "organizations:ListOrganizationalUnitsForParent": Operation(list_organizational_units, any_resource),
    "organizations:ListParents": Operation(list_parents, any_resource),
    "organizations:ListRoots": Operation(list_roots, any_resource),
    "organizations:ListTagsForResource": Operation(list_tags, any_resource),
}
