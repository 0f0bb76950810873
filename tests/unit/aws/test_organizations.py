# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts of an organization, read from the fake AWS."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._organizations import (
    open_organization,
    read_organization,
    with_tags,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import INVENTORY_ACTIONS
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role
from tests.fakeaws.client import FakeAws
from tools.permissions import FOLDER

MANAGEMENT, MEMBER, SECURITY = "111111111111", "222222222222", "555555555555"


def organization(aws: FakeAws, account_id: str = MANAGEMENT, region: str | None = "eu-central-1") -> Access:
    """The access of an account's administrator to Organizations."""
    keys = aws.credentials(account_id)
    connection = {
        "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
    }
    return open_organization(region, aws.endpoint, connection)


def many(folder: Path, count: int) -> str:
    """The path of a scenario with an organization of as many accounts, in three OUs."""
    rows = "".join(
        f'  - {{id: "{100000000000 + number}", name: account-{number}, ou: Part-{number % 3}, '
        f'tags: {{n: "{number}"}}}}\n'
        for number in range(count)
    )
    path = folder / "many.yml"
    path.write_text(f"description: Many.\naccounts:\n{rows}organization: {{management: account-0}}\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("account_id", "region"), [(MANAGEMENT, None), (SECURITY, "eu-central-1")])
def test_every_account_with_its_place_and_tags(
    load: Callable[[str], FakeAws], account_id: str, region: str | None
) -> None:
    access = organization(load("organization"), account_id, region)
    accounts = with_tags(access, read_organization(access))
    assert [account.account_id for account in accounts] == [f"{digit}" * 12 for digit in range(1, 6)]
    assert [account.ou_names for account in accounts] == [
        (),
        ("Workloads", "Production"),
        ("Workloads", "Staging"),
        ("Security",),
        ("Security",),
    ]
    assert [len(account.ou_ids) for account in accounts] == [0, 2, 2, 1, 1]
    assert [account.management for account in accounts] == [True, False, False, False, False]
    production = accounts[1]
    assert (production.name, production.email, production.state) == ("production", "production@example.com", "ACTIVE")
    assert [account.tags for account in accounts[:2]] == [{}, {"environment": "production", "team": "web"}]


def test_the_calls_are_few_and_their_permissions_declared(load: Callable[[str], FakeAws], tmp_path: Path) -> None:
    aws = load(many(tmp_path, 45))
    access = organization(aws, "100000000000")
    assert len({account.account_id for account in with_tags(access, read_organization(access))}) == 45
    calls = aws.calls()
    assert Counter(call["action"] for call in calls) == {
        "ListAccounts": 4,  # three pages of twenty, and an empty one
        "ListRoots": 1,
        "ListOrganizationalUnitsForParent": 4,
        "ListAccountsForParent": 4,
        "ListTagsForResource": 45,
    }
    assert {call["iam_action"] for call in calls} < set(INVENTORY_ACTIONS.values())


def test_the_shipped_policy_is_enough(load: Callable[[str], FakeAws], tmp_path: Path) -> None:
    policy = (FOLDER / "inventory.json").read_text(encoding="utf-8")
    path = tmp_path / "limited.yml"
    path.write_text(
        'description: A role.\naccounts: [{id: "111111111111", name: a}, {id: "222222222222", name: b, ou: Part}]\n'
        f"organization: {{management: a}}\nroles: {{Reader: {{policy: {policy}}}}}\n",
        encoding="utf-8",
    )
    access = organization(load(str(path))).assume(Role("arn:aws:iam::111111111111:role/Reader"))
    assert [account.tags for account in with_tags(access, read_organization(moving(access, Meanwhile)))] == [{}, {}]


class Impatient(threading.Condition):
    """A condition that is waited for a hundredth of the time."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(timeout and timeout / 100)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock by which the SDK sends no faster than AWS lets it is a hundred times as fast as any other."""
    monkeypatch.setattr("botocore.retries.bucket.time", SimpleNamespace(time=lambda: time.time() * 100))
    monkeypatch.setattr("botocore.retries.bucket.threading", SimpleNamespace(Condition=Impatient, Lock=threading.Lock))


@pytest.mark.usefixtures("quick")
def test_throttled_calls_are_asked_again(load: Callable[[str], FakeAws], tmp_path: Path) -> None:
    aws = load(many(tmp_path, 25))
    for nth in (2, 5, 9):
        aws.add_fault("organizations:*", nth=nth, code="TooManyRequestsException", status=400, message="Slow down.")
    access = organization(aws, "100000000000")
    tagged = with_tags(access, read_organization(access))
    assert {account.account_id: dict(account.tags or {}) for account in tagged} == {
        str(100000000000 + number): {"n": str(number)} for number in range(25)
    }
    assert sum(call["result"] == "TooManyRequestsException" for call in aws.calls()) == 3


class Meanwhile(Access):
    """The access in whose sight an account leaves its OU after its new one was listed."""

    unseen = MEMBER

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        answer = super().send(service, region, operation, **parameters)
        if operation == "ListAccountsForParent":
            answer["Accounts"] = [row for row in answer["Accounts"] if row["Id"] != self.unseen]
        return answer


class Twice(Access):
    """The access in whose sight an account comes into each OU right before that is listed."""

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        answer = super().send(service, region, operation, **parameters)
        if operation == "ListAccountsForParent":
            answer["Accounts"] = [*(row for row in answer["Accounts"] if row["Id"] != MEMBER), {"Id": MEMBER}]
        return answer


def moving(access: Access, seen: type[Access]) -> Access:
    access.__class__ = seen
    return access


@pytest.mark.parametrize("seen", [Meanwhile, Twice])
def test_an_account_that_is_moved_meanwhile_is_not_lost(load: Callable[[str], FakeAws], seen: type[Access]) -> None:
    aws = load("organization")
    accounts = read_organization(moving(organization(aws), seen))
    assert {account.account_id: account.ou_names for account in accounts}[MEMBER] == ("Workloads", "Production")
    assert [call["action"] for call in aws.calls()].count("ListParents") == 1


@pytest.mark.parametrize(
    ("scenario", "caller", "message"),
    [
        pytest.param(
            "healthy", MANAGEMENT, "is in no organization: ListAccounts answered AWSOrg", id="no organization"
        ),
        pytest.param("organization", MEMBER, "Only the management account and delegated admin", id="member"),
    ],
)
def test_who_may_not_list_is_told_who_may(
    load: Callable[[str], FakeAws], scenario: str, caller: str, message: str
) -> None:
    with pytest.raises(AwsError, match=message):
        read_organization(organization(load(scenario), caller))


@pytest.mark.parametrize(
    "operation",
    ["ListAccounts", "ListRoots", "ListOrganizationalUnitsForParent", "ListAccountsForParent", "ListTagsForResource"],
)
def test_what_iam_denies_is_named(load: Callable[[str], FakeAws], operation: str) -> None:
    aws = load("organization")
    message = f"User: x is not authorized to perform: organizations:{operation}"
    aws.add_fault(f"organizations:{operation}", code="AccessDeniedException", status=400, message=message)
    access = organization(aws)
    with pytest.raises(AwsError, match=f"{operation} answered.*Allow the caller organizations:{operation}"):
        with_tags(access, read_organization(access))


ACCOUNT = {
    "Id": MEMBER,
    "Arn": f"arn:aws:organizations::{MANAGEMENT}:account/o-exampleorg1/{MEMBER}",
    "Name": "{{ x }}",
    "State": "ACTIVE",
}
OTHER_ARN = f"arn:aws:organizations::{MANAGEMENT}:account/o-exampleorg2/{SECURITY}"
UNIT = {"Id": "ou-root-11111111", "Name": "Circle"}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"ListAccounts": {"Accounts": [{**ACCOUNT, "Id": "localhost"}]}}, "'localhost' with the ARN"),
        ({"ListAccounts": {"Accounts": [{**ACCOUNT, "Arn": "nonsense"}]}}, "'nonsense' is not an account"),
        ({"ListAccounts": {"Accounts": [{**ACCOUNT, "Id": SECURITY}]}}, f"'{SECURITY}' with the ARN"),
        ({"ListAccounts": {"Accounts": [{**ACCOUNT, "State": "active\n"}]}}, r"'active\\n' is not the State"),
        (
            {"ListAccounts": {"Accounts": [ACCOUNT, ACCOUNT, {**ACCOUNT, "State": "SUSPENDED"}]}},
            f"lists account {MEMBER} 2 times, each time otherwise. Run again",
        ),
        (
            {"ListAccounts": {"Accounts": [ACCOUNT, {**ACCOUNT, "Id": SECURITY, "Arn": OTHER_ARN}]}},
            "accounts of .*/o-exampleorg1 and .*/o-exampleorg2, which AWS never returns",
        ),
        ({"ListAccounts": {"Accounts": [ACCOUNT]}}, "account '111111111111' is in an OU and not in the answer"),
        ({"ListAccounts": {"Accounts": [], "NextToken": "again"}}, "one page after the other with the same NextToken"),
        (
            {
                "ListOrganizationalUnitsForParent": {"OrganizationalUnits": [UNIT]},
                "ListAccountsForParent": {"Accounts": []},
            },
            "OU ou-root-11111111 is below itself",
        ),
    ],
)
def test_what_no_organization_answers_is_refused_and_ends(
    load: Callable[[str], FakeAws],
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, Any],
    words: str,
) -> None:
    access = organization(load("organization"))
    send = access.send

    def garbled(service: str, region: str, asked: str, **parameters: Any) -> dict[str, Any]:
        return answers[asked] if asked in answers else send(service, region, asked, **parameters)

    monkeypatch.setattr(access, "send", garbled)
    with pytest.raises(AwsError, match=words):
        read_organization(access)


def test_an_account_that_is_listed_twice_alike_is_one_and_a_tag_of_two_values_is_none(
    load: Callable[[str], FakeAws], monkeypatch: pytest.MonkeyPatch
) -> None:
    access = organization(load("organization"))
    send = access.send

    def doubled(service: str, region: str, asked: str, **parameters: Any) -> dict[str, Any]:
        answer = send(service, region, asked, **parameters)
        is_doubled = asked in {"ListAccounts", "ListAccountsForParent", "ListTagsForResource"}
        return {name: rows * 2 if is_doubled and isinstance(rows, list) else rows for name, rows in answer.items()}

    before = read_organization(access)
    monkeypatch.setattr(access, "send", doubled)
    assert read_organization(access) == before
    assert all(account.tags is not None for account in with_tags(access, before))
    tags = {"Tags": [{"Key": "team", "Value": "web"}, {"Key": "team", "Value": "ops"}]}
    monkeypatch.setattr(access, "send", lambda *_asked, **_parameters: tags)
    with pytest.raises(AwsError, match=r"The tags of account .* cannot be read: one has two values"):
        with_tags(access, before)
