# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts become hosts, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import OrganizationAccount
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._selection import (
    Selection,
    SelectionError,
    host_variables,
    select,
    select_by_tags,
)

DEFAULTS: dict[str, Any] = {
    "role_name": None,
    "external_id": None,
    "ous": [],
    "tags": {},
    "states": [],
    "include_accounts": [],
    "exclude_accounts": [],
    "management_account": True,
    "read_tags": True,
}


def selection(**options: Any) -> Selection:
    return Selection.from_options({**DEFAULTS, **options})


def account(digit: int, *ous: str, state: str | None = "ACTIVE", **tags: str) -> OrganizationAccount:
    """Account 111111111111 is the management account."""
    account_id = f"{digit}" * 12
    return OrganizationAccount(
        account_id=account_id,
        arn=f"arn:aws:organizations::111111111111:account/o-exampleorg1/{account_id}",
        name=f"name-{digit}",
        email=f"{digit}@example.com",
        state=state,
        ou_ids=tuple(f"ou-exam-{ou.lower()}" for ou in ous),
        ou_names=ous,
        tags=tags,
    )


ACCOUNTS = [
    account(1),
    account(2, "Workloads", "Production", env="production", team="web"),
    account(3, "Workloads", "Staging", env="staging", team="web"),
    account(4, "Security", env="production"),
    account(5, "Workloads", state="SUSPENDED"),
]


def chosen(**options: Any) -> str:
    """The digits of the accounts that the options choose."""
    wanted = selection(**options)
    return "".join(each.account_id[0] for each in select_by_tags(select(ACCOUNTS, wanted), wanted))


@pytest.mark.parametrize(
    ("options", "digits"),
    [
        ({}, "12345"),
        ({"ous": ["/Workloads"]}, "235"),
        ({"ous": ["/Workloads/Production", "/Security"]}, "24"),
        ({"ous": ["ou-exam-staging"]}, "3"),
        ({"ous": ["/"]}, "12345"),
        ({"tags": {"env": "production"}}, "24"),
        ({"tags": {"env": ["production", "staging"], "team": "web"}}, "23"),
        ({"tags": {"env": "nowhere"}}, ""),
        ({"states": ["ACTIVE"]}, "1234"),
        ({"states": ["SUSPENDED", "CLOSED"]}, "5"),
        ({"include_accounts": ["222222222222", "444444444444"]}, "24"),
        ({"exclude_accounts": ["222222222222", "999999999999"]}, "1345"),
        ({"include_accounts": ["222222222222"], "exclude_accounts": ["222222222222"]}, ""),
        ({"management_account": False}, "2345"),
        ({"ous": ["/Workloads"], "states": ["ACTIVE"], "tags": {"env": "staging"}}, "3"),
    ],
)
def test_selection(options: dict[str, Any], digits: str) -> None:
    assert chosen(**options) == digits


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_accounts": ["99999"]}, "Option include_accounts: '99999' is not an account id"),
        ({"include_accounts": [222222222222]}, "Option include_accounts: 222222222222 is not an account id"),
        ({"exclude_accounts": [None]}, "Option exclude_accounts: None is not an account id"),
        ({"exclude_accounts": ["production"]}, "Option exclude_accounts: 'production' is not"),
        ({"include_accounts": ["999999999999"]}, "the organization has no account 999999999999"),
        (
            {"ous": ["/Workload"]},
            "no account is in an OU /Workload. The OUs of the accounts are /, /Security, /Workloads, ",
        ),
        ({"role_name": "arn:aws:iam::111111111111:role/X"}, "Option role_name: .* give no ARN"),
        ({"role_name": "X", "external_id": "a b"}, "Option external_id: 'a b' is not"),
        ({"external_id": "audit-2026"}, "give role_name as well"),
        ({"tags": {"env": "x"}, "read_tags": False}, "read_tags leaves unread"),
        ({"tags": {"version": 1.1}}, "the value of version must be a text"),
        ({"tags": {"version": []}}, "the value of version must be a text"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        chosen(**options)


def test_states_need_an_sdk_that_knows_them() -> None:
    accounts = [account(1, state=None)]
    with pytest.raises(SelectionError, match="Update boto3"):
        select(accounts, selection(states=["ACTIVE"]))
    assert select(accounts, selection()) == accounts
    assert "state" not in host_variables(accounts[0], selection())["cloudtrail_kms_account"]


def test_variables_of_a_host() -> None:
    assert host_variables(ACCOUNTS[1], selection(role_name="audit/CloudTrailKmsAudit", external_id="audit-2026")) == {
        "cloudtrail_kms_account": {
            "id": "222222222222",
            "arn": ACCOUNTS[1].arn,
            "name": "name-2",
            "email": "2@example.com",
            "state": "ACTIVE",
            "management": False,
            "ou_ids": ["ou-exam-workloads", "ou-exam-production"],
            "ou_path": "/Workloads/Production",
            "tags": {"env": "production", "team": "web"},
        },
        "cloudtrail_kms_assume_role": {
            "role_arn": "arn:aws:iam::222222222222:role/audit/CloudTrailKmsAudit",
            "external_id": "audit-2026",
        },
    }


def test_variables_of_a_host_without_a_role() -> None:
    variables = host_variables(ACCOUNTS[0], selection())
    assert "cloudtrail_kms_assume_role" not in variables
    account = variables["cloudtrail_kms_account"]
    assert (account["ou_path"], account["management"]) == ("/", True)


def test_a_role_without_external_id() -> None:
    role = host_variables(ACCOUNTS[0], selection(role_name="X"))["cloudtrail_kms_assume_role"]
    assert role == {"role_arn": "arn:aws:iam::111111111111:role/X"}
