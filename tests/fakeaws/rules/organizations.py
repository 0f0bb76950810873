# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organizations: the accounts, and who administers which service."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.operation import Operation, any_resource
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, Organization, World

_NOT_IN_USE = "Your account is not a member of an organization."
_NOT_PERMITTED = "You don't have permissions to access this resource."
_PAGE = 20


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
    start = int(call.parameters.get("NextToken", 0))
    size = int(call.parameters.get("MaxResults", _PAGE))
    page = organization.accounts[start : start + size]
    answer: dict[str, object] = {"Accounts": [_account(world, organization, account_id) for account_id in page]}
    if start + size < len(organization.accounts):
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
        "Arn": world.accounts[organization.management].arn("organizations", f"account/{organization.id}/{account_id}"),
        "Name": account.name,
        "Email": f"{account.name}@example.com",
        "State": account.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": time.time() - 30 * 86400,
    }


OPERATIONS: Mapping[str, Operation] = {
    "organizations:DescribeOrganization": Operation(describe_organization, any_resource),
    "organizations:DescribeAccount": Operation(describe_account, any_resource),
    "organizations:ListAccounts": Operation(list_accounts, any_resource),
    "organizations:ListDelegatedServicesForAccount": Operation(list_delegated_services, any_resource),
}
