# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""STS, EC2 and Organizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakeaws.world import DEFAULT_REGIONS
from tests.unit.fakeaws.lab import CLOSED, PARTNER, PRODUCTION, Lab, refused

AUDITOR = f"arn:aws:iam::{PRODUCTION}:role/Auditor"
MANAGEMENT, MEMBER, SECURITY = "111111111111", "222222222222", "555555555555"


def test_caller_identity_of_an_administrator(lab: Lab) -> None:
    answer = lab.client("sts", account=PARTNER).get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (PARTNER, f"arn:aws:iam::{PARTNER}:user/administrator")


def test_caller_identity_of_a_session(lab: Lab) -> None:
    client = lab.client("sts", keys=lab.role("Auditor", by=PARTNER, external_id="audit-2026"))
    answer = client.get_caller_identity()
    assert answer["Account"] == PRODUCTION
    assert answer["Arn"] == f"arn:aws:sts::{PRODUCTION}:assumed-role/Auditor/test"
    assert answer["UserId"].startswith("AROA")


@pytest.mark.parametrize(
    ("role", "by", "external_id"),
    [
        pytest.param(AUDITOR, PARTNER, "wrong", id="wrong external id"),
        pytest.param(AUDITOR, PARTNER, None, id="no external id"),
        pytest.param(AUDITOR, PRODUCTION, "audit-2026", id="untrusted caller"),
        pytest.param(f"arn:aws:iam::{PRODUCTION}:role/Nobody", PRODUCTION, None, id="unknown role"),
        pytest.param(f"arn:aws:iam::{CLOSED}:role/Sleeper", PRODUCTION, None, id="suspended account"),
    ],
)
def test_assume_role_refuses_alike(lab: Lab, role: str, by: str, external_id: str | None) -> None:
    extra: dict[str, Any] = {"ExternalId": external_id} if external_id else {}
    message = (
        f"User: arn:aws:iam::{by}:user/administrator is not authorized to perform: sts:AssumeRole on resource: {role}"
    )
    with refused("AccessDenied", message, status=403):
        lab.client("sts", account=by).assume_role(RoleArn=role, RoleSessionName="test", **extra)


def test_assume_role_needs_permission_of_the_caller(lab: Lab) -> None:
    client = lab.client("sts", keys=lab.role("Auditor", by=PARTNER, external_id="audit-2026"))
    with refused("AccessDenied", "no identity-based policy allows the sts:AssumeRole action"):
        client.assume_role(RoleArn=f"arn:aws:iam::{PRODUCTION}:role/Operator", RoleSessionName="test")


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"RoleArn": "not-an-arn-of-a-role", "RoleSessionName": "test"}, id="role"),
        pytest.param({"RoleArn": AUDITOR, "RoleSessionName": "no spaces"}, id="session name"),
        pytest.param({"RoleArn": AUDITOR, "RoleSessionName": "test", "DurationSeconds": 60}, id="duration"),
    ],
)
def test_assume_role_validates_its_parameters(lab: Lab, parameters: dict[str, Any]) -> None:
    with refused("ValidationError"):
        lab.client("sts").assume_role(**parameters)


def test_describe_regions_lists_the_enabled_ones(lab: Lab) -> None:
    regions = lab.client("ec2").describe_regions()["Regions"]
    assert {region["RegionName"] for region in regions} == set(DEFAULT_REGIONS)
    assert {region["OptInStatus"] for region in regions} == {"opt-in-not-required"}


def test_describe_all_regions_shows_those_to_opt_in(lab: Lab) -> None:
    regions = lab.client("ec2").describe_regions(AllRegions=True)["Regions"]
    assert {
        "RegionName": "af-south-1",
        "OptInStatus": "not-opted-in",
        "Endpoint": "ec2.af-south-1.amazonaws.com",
    } in regions


def test_describe_regions_knows_unknown_names(lab: Lab) -> None:
    client = lab.client("ec2")
    assert len(client.describe_regions(RegionNames=["eu-west-1"])["Regions"]) == 1
    with refused("InvalidParameterValue", "mars-1"):
        client.describe_regions(RegionNames=["mars-1"])


def test_account_without_an_organization(lab: Lab) -> None:
    for call in ("describe_organization", "list_accounts"):
        with refused("AWSOrganizationsNotInUseException"):
            getattr(lab.client("organizations", "us-east-1"), call)()


def test_list_accounts_shows_state_and_not_the_retired_status(load: Callable[[str], Lab]) -> None:
    accounts = load("organization").client("organizations", "us-east-1").list_accounts()["Accounts"]
    assert [(account["Id"], account["State"], "Status" in account) for account in accounts] == [
        (f"{digit}" * 12, "ACTIVE", False) for digit in range(1, 6)
    ]


def test_list_accounts_comes_in_pages(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("organizations", "us-east-1")
    first = client.list_accounts(MaxResults=3)
    rest = client.list_accounts(MaxResults=3, NextToken=first["NextToken"])
    assert [len(first["Accounts"]), len(rest["Accounts"]), "NextToken" in rest] == [3, 2, False]


def test_members_may_not_list_accounts(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("organizations", "us-east-1", account=MEMBER)
    assert client.describe_organization()["Organization"]["MasterAccountId"] == MANAGEMENT
    with refused("AccessDeniedException", "You don't have permissions to access this resource."):
        client.list_accounts()


def test_delegated_administrators_may_list_accounts(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("organizations", "us-east-1", account=SECURITY)
    assert len(client.list_accounts()["Accounts"]) == 5


@pytest.mark.parametrize("caller", [MANAGEMENT, SECURITY])
def test_delegated_services(load: Callable[[str], Lab], caller: str) -> None:
    client = load("organization").client("organizations", "us-east-1", account=caller)
    services = client.list_delegated_services_for_account(AccountId=SECURITY)["DelegatedServices"]
    assert [service["ServicePrincipal"] for service in services] == ["cloudtrail.amazonaws.com"]
    with refused("AccountNotRegisteredException"):
        client.list_delegated_services_for_account(AccountId=MEMBER)
    with refused("AccountNotFoundException"):
        client.list_delegated_services_for_account(AccountId="999999999999")


def test_members_may_not_ask_for_delegated_services(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("organizations", "us-east-1", account=MEMBER)
    with refused("AccessDeniedException"):
        client.list_delegated_services_for_account(AccountId=MEMBER)


def names(rows: list[dict[str, Any]], field: str = "Name") -> list[str]:
    return [row[field] for row in rows]


def test_the_tree_of_an_organization(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("organizations", "us-east-1")
    (root,) = client.list_roots()["Roots"]
    units = client.list_organizational_units_for_parent(ParentId=root["Id"])["OrganizationalUnits"]
    below = client.list_organizational_units_for_parent(ParentId=units[1]["Id"])["OrganizationalUnits"]
    assert (root["Name"], names(units), names(below)) == ("Root", ["Security", "Workloads"], ["Production", "Staging"])
    assert names(client.list_accounts_for_parent(ParentId=root["Id"])["Accounts"]) == ["management"]
    assert names(client.list_accounts_for_parent(ParentId=below[0]["Id"])["Accounts"]) == ["production"]
    assert client.list_accounts_for_parent(ParentId=units[1]["Id"])["Accounts"] == []
    assert client.list_parents(ChildId=MEMBER)["Parents"] == [{"Id": below[0]["Id"], "Type": "ORGANIZATIONAL_UNIT"}]
    assert client.list_parents(ChildId=MANAGEMENT)["Parents"] == [{"Id": root["Id"], "Type": "ROOT"}]


def test_tags_of_an_account(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("organizations", "us-east-1")
    tags = {row["Key"]: row["Value"] for row in client.list_tags_for_resource(ResourceId=MEMBER)["Tags"]}
    assert tags == {"environment": "production", "team": "web"}
    assert client.list_tags_for_resource(ResourceId=MANAGEMENT)["Tags"] == []


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("list_organizational_units_for_parent", {"ParentId": "ou-exam-00000000"}, "ParentNotFoundException"),
        ("list_accounts_for_parent", {"ParentId": "ou-exam-00000000"}, "ParentNotFoundException"),
        ("list_parents", {"ChildId": "999999999999"}, "ChildNotFoundException"),
        ("list_tags_for_resource", {"ResourceId": "999999999999"}, "TargetNotFoundException"),
    ],
)
def test_what_is_not_in_the_organization(
    load: Callable[[str], Lab], operation: str, parameters: dict[str, str], code: str
) -> None:
    loaded = load("organization")
    with refused(code):
        getattr(loaded.client("organizations", "us-east-1"), operation)(**parameters)
    with refused("AccessDeniedException", "You don't have permissions"):
        getattr(loaded.client("organizations", "us-east-1", account=MEMBER), operation)(**parameters)


def test_a_page_may_be_empty_while_more_are_to_come(write: Callable[[str], Lab]) -> None:
    accounts = "".join(f'  - {{id: "{number:012}", name: account-{number}}}\n' for number in range(1, 42))
    loaded = write(f"description: Many.\naccounts:\n{accounts}organization: {{management: account-1}}\n")
    client = loaded.client("organizations", "us-east-1", account="000000000001")
    pages: list[int] = []
    token: dict[str, str] = {}
    while len(pages) < 9:
        page = client.list_accounts(**token)
        pages.append(len(page["Accounts"]))
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == [0, 20, 20, 1]
