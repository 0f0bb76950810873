# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What IAM is asked about readers, of whom, and how often; and what its answers come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._readers import simulate, with_simulations
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._resources import Account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Finding,
    ReaderCalls,
    ReadError,
    SimulatedCall,
    Simulation,
    Snapshot,
)
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.conftest import Audit
from tests.unit.checks.build import snapshot

ACCOUNT = "111111111111"
PASS, UNSETTLED = "pass, required", "unknown, advised"


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def session(name: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/ann"


def judged(audit: Audit, *readers: str, **options: Any) -> dict[str, Finding]:
    """The two findings about readers."""
    (trail,) = audit(readers=list(readers), **options).trails
    return {each.rule: each for each in trail.findings if each.rule.startswith("readers_")}


@pytest.fixture
def loaded(load: Callable[[str], FakeAws]) -> FakeAws:
    return load("readers")


@pytest.mark.parametrize(
    ("reader", "decrypt", "read", "words"),
    [
        (role("Free"), PASS, PASS, "can differ from a live call"),
        (session("Free"), PASS, PASS, "can differ from a live call"),
        (f"arn:aws:iam::{ACCOUNT}:user/administrator", PASS, PASS, "can differ from a live call"),
        (role("ClosedByBucket"), PASS, "fail, required", 'Statement "KeepOut" denies s3:GetObject'),
        (role("ClosedByKey"), "fail, required", PASS, "can differ from a live call"),
        (role("ClosedByBoundary"), PASS, "fail, required", "Its permissions boundary does not allow s3:GetObject"),
        (role("ClosedByScp"), PASS, "fail, advised", "A service control policy of its organization denies"),
        (role("ClosedByItself"), PASS, "fail, required", "No IAM policy of its own allows s3:GetObject"),
        (role("OfOneNetwork"), PASS, UNSETTLED, "aws:SourceIp"),
        (role("Gone"), "unknown, required", UNSETTLED, f"{role('Gone')} does not exist"),
        (f"arn:aws:iam::{ACCOUNT}:root", PASS, UNSETTLED, "AWS simulates no such principal"),
        ("arn:aws:iam::999999999999:role/Other", "fail, required", "fail, required", "No statement allows"),
    ],
)
@pytest.mark.usefixtures("loaded")
def test_a_reader_is_closed_by_one_policy_or_by_none(
    audit: Audit, reader: str, decrypt: str, read: str, words: str
) -> None:
    found = judged(audit, reader)
    assert {rule: f"{each.status}, {each.level}" for rule, each in found.items()} == {
        "readers_can_decrypt": decrypt,
        "readers_can_read": read,
    }
    assert words in found["readers_can_read"].message


def test_a_role_that_may_simulate_nothing_leaves_all_as_it_was(load: Callable[[str], FakeAws], audit: Audit) -> None:
    load("readers")
    option = {"role_arn": role("Auditor"), "external_id": None, "session_name": "test"}
    found = judged(audit, role("Free"), assume_role=option)
    assert [each.status for each in found.values()] == ["unknown", "unknown"]
    read = found["readers_can_read"]
    assert (read.level, read.unread and read.unread.iam_action) == ("advised", "iam:SimulatePrincipalPolicy")
    assert "iam:SimulatePrincipalPolicy" in read.remediation


def test_iam_is_asked_two_things_of_each_reader_and_without_readers_nothing(
    load: Callable[[str], FakeAws], audit: Audit
) -> None:
    aws = load("readers")
    judged(audit)
    without = [call["action"] for call in aws.calls()]
    aws.clear_calls()
    judged(audit, role("Free"), role("ClosedByBucket"))
    asked = [call["action"] for call in aws.calls()]
    assert "SimulatePrincipalPolicy" not in without
    assert sorted(asked) == sorted([*without, *["SimulatePrincipalPolicy"] * 4])
    aws.clear_calls()
    judged(audit, role("Free"), rules={"readers_can_read": "off", "readers_can_decrypt": "off"})
    assert "SimulatePrincipalPolicy" not in [call["action"] for call in aws.calls()]


def test_a_reader_of_an_account_without_credentials_is_not_asked_for(
    load: Callable[[str], FakeAws], audit: Audit
) -> None:
    aws = load("readers")
    found = judged(audit, "arn:aws:iam::999999999999:role/Other")
    assert "SimulatePrincipalPolicy" not in [call["action"] for call in aws.calls()]
    evidence: Any = found["readers_can_read"].evidence
    assert evidence["arn:aws:iam::999999999999:role/Other"]["own_policies"] == "not_asked"


FIRST, SECOND = "arn:aws:s3:::logs/1", "arn:aws:s3:::logs/2"
GET = "s3:GetObject"
OF_TWO = ReaderCalls(role("Free"), role("Free"), GET, {"first": FIRST, "second": SECOND}, {})


def on(resource: str, decision: str, action: str = GET) -> dict[str, Any]:
    """A result of the form that IAM gave before: one for each resource."""
    return {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision}


def of_resource(resource: str, decision: str) -> dict[str, Any]:
    """What a result says now of one resource."""
    return {"EvalResourceName": resource, "EvalResourceDecision": decision}


BOUND = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
OF_MEMBER = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}


class PagedAccess(Access):
    """An access to an IAM that answers these pages of results."""

    def __init__(self, pages: list[list[dict[str, Any]]]) -> None:
        self.pages = pages

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer the page that the marker names."""
        assert (service, region, operation) == ("iam", "us-east-1", "SimulatePrincipalPolicy")
        number = int(parameters.get("Marker", 0))
        is_last = number + 1 == len(self.pages)
        more = {"IsTruncated": False} if is_last else {"IsTruncated": True, "Marker": str(number + 1)}
        return {"EvaluationResults": self.pages[number], **more}


def answer_of(pages: list[list[dict[str, Any]]]) -> Mapping[str, Simulation] | ReadError:
    """What is read of these pages."""
    return simulate(PagedAccess(pages), "us-east-1", OF_TWO)


@pytest.mark.parametrize(
    ("results", "simulated"),
    [
        (
            [
                {
                    "EvalActionName": "s3:getobject",
                    "EvalDecision": "implicitDeny",
                    "EvalResourceName": "arn:${Partition}:s3:::${BucketName}/${KeyName}",
                    "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
                    "ResourceSpecificResults": [
                        {**of_resource(FIRST, "allowed"), "MissingContextValues": ["a:B"]},
                        {**of_resource(SECOND, "implicitDeny"), **BOUND},
                    ],
                }
            ],
            {
                FIRST: Simulation("allowed", ("a:B",), None, allowed_by_organization=True),
                SECOND: Simulation("implicitDeny", (), allowed_by_boundary=False, allowed_by_organization=True),
            },
        ),
        (
            [
                {**on(FIRST, "allowed"), "MissingContextValues": ["a:B"]},
                on(SECOND, "explicitDeny"),
            ],
            {FIRST: Simulation("allowed", ("a:B",)), SECOND: Simulation("explicitDeny")},
        ),
    ],
    ids=["now", "before"],
)
def test_both_forms_of_the_answer_are_read(results: list[dict[str, Any]], simulated: dict[str, Simulation]) -> None:
    """IAM API reference, EvaluationResult: one result for an action; before, one for each resource."""
    assert answer_of([results]) == simulated


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([[on(FIRST, "perhaps")]], "'perhaps' is no decision"),
        ([[on(FIRST, "allowed", "s3:ListBucket")]], f"it speaks of 's3:ListBucket', not of {GET}"),
        ([[on(FIRST, "allowed"), on("arn:aws:s3:::logs/3", "allowed")]], "nobody asked about 'arn:aws:s3:::logs/3'"),
        ([[on(FIRST, "explicitDeny"), on(FIRST, "allowed")]], f"it says two things of {FIRST}"),
        ([[on(FIRST, "explicitDeny")], [on(SECOND, "allowed"), on(FIRST, "allowed")]], f"two things of {FIRST}"),
        ([[{**on(FIRST, "allowed"), **BOUND}]], "it allows what AllowedByPermissionsBoundary denies"),
        ([[{**on(FIRST, "allowed"), **OF_MEMBER}]], "it allows what AllowedByOrganizations denies"),
        (
            [[{**on("*", "implicitDeny"), "ResourceSpecificResults": [{**of_resource(FIRST, "allowed"), **BOUND}]}]],
            "it allows what AllowedByPermissionsBoundary denies",
        ),
        (
            [[{**on("*", "implicitDeny"), **BOUND, "ResourceSpecificResults": [of_resource(FIRST, "allowed")]}]],
            "it allows what AllowedByPermissionsBoundary denies",
        ),
        (
            [[{**on("*", "explicitDeny"), "ResourceSpecificResults": [of_resource(FIRST, "allowed")]}]],
            "it says two things of one resource",
        ),
        (
            [[on(FIRST, "allowed"), {**on(FIRST, "allowed"), "MissingContextValues": ["a:B"]}]],
            f"it says two things of {FIRST}",
        ),
    ],
)
def test_what_iam_would_not_say_is_no_answer(pages: list[list[dict[str, Any]]], why: str) -> None:
    found = answer_of(pages)
    assert isinstance(found, ReadError)
    assert found.code == "MalformedAnswerError"
    assert why in found.message


def test_what_is_said_twice_alike_is_an_answer() -> None:
    assert answer_of([[on(FIRST, "allowed")], [on(FIRST, "allowed")]]) == {FIRST: Simulation("allowed")}


def test_many_folders_are_asked_for_in_few_calls_and_never_without_end(server: FakeAws) -> None:
    server.reset("readers")
    access, server_calls = caller(server), server.calls
    account = Account(account_id=ACCOUNT, partition="aws", access=access)
    names = {f"file-{number}": f"arn:aws:s3:::logs/{number}" for number in range(1_050)}
    calls = ReaderCalls(role("ClosedByBucket"), role("Nobody"), "s3:GetObject", names, {})
    known = {SimulatedCall(calls.principal, calls.action, "file-0"): Simulation("allowed")}

    def ask(read: Snapshot) -> Snapshot:
        with ThreadPoolExecutor(2) as pool:
            return with_simulations(pool, account, read, lambda _snapshot: [calls])

    read = ask(replace(snapshot(), simulations=known))
    assert len(server_calls()) == 10
    facts = [read.simulations[SimulatedCall(calls.principal, calls.action, name)] for name in names]
    assert facts[0] == Simulation("allowed")
    codes = [getattr(fact, "code", "") for fact in facts]
    assert (codes.count("NoSuchEntity"), codes.count("TooManyCalls")) == (1_000, 49)
    assert ask(read) == read
    assert len(server_calls()) == 10
