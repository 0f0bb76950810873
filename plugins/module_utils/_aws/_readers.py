# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask IAM what readers' own policies allow, with credentials of their accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any, TypeAlias

from .._model import ReaderCalls, ReadError, SimulatedCall, Simulation, Snapshot
from ._access import Access, failed_read, malformed
from ._resources import Account, first_answer

# IAM answers 100 results on a page (IAM API reference, SimulatePrincipalPolicy, MaxItems). The trails that CloudTrail
# allows an account have fewer folders than so many calls ask about.
RESOURCES_OF_A_CALL, MOST_CALLS = 100, 10
_OPERATION = "SimulatePrincipalPolicy"
_DECISIONS = ("allowed", "explicitDeny", "implicitDeny")
# Without whose consent nothing is allowed (IAM user guide, "Policy evaluation logic").
_MUST_ALLOW = {
    "PermissionsBoundaryDecisionDetail": "AllowedByPermissionsBoundary",
    "OrganizationsDecisionDetail": "AllowedByOrganizations",
}
# IAM API reference, ContextEntry, ContextKeyType.
_TYPES = {"aws:CurrentTime": "date", "aws:EpochTime": "numeric"}
Answers: TypeAlias = Mapping[str, Simulation]


def with_simulations(
    pool: ThreadPoolExecutor,
    account: Account,
    snapshot: Snapshot,
    of_readers: Callable[[Snapshot], Iterable[ReaderCalls]],
) -> Snapshot:
    """Return the snapshot with IAM's answers on the calls of readers, if there are credentials of their accounts.

    A call is simulated only once.
    """
    requests: list[tuple[ReaderCalls, list[str], Future[Answers | ReadError]]] = []
    simulations = dict(snapshot.simulations)
    for calls in of_readers(snapshot):
        accesses = list(account.owners(calls.source.split(":")[4]))
        new = [
            each for each in calls.resources if SimulatedCall(calls.principal, calls.action, each) not in simulations
        ]
        for resources in _parts(new) if accesses else ():
            sent = replace(calls, resources={each: calls.resources[each] for each in resources})
            requests.append(
                (calls, resources, pool.submit(first_answer, simulate, accesses, account.access.region, sent))
            )
        if accesses:
            region = account.access.region
            why = f"the trails have more than {RESOURCES_OF_A_CALL * MOST_CALLS} folders"
            beyond = failed_read("iam", _OPERATION, region, "TooManyCalls", why)
            for each in new[RESOURCES_OF_A_CALL * MOST_CALLS :]:
                simulations[SimulatedCall(calls.principal, calls.action, each)] = beyond
    for calls, resources, answer in requests:
        for each in resources:
            simulations[SimulatedCall(calls.principal, calls.action, each)] = _answer_on(
                answer.result(), calls, each, account
            )
    return replace(snapshot, simulations=simulations) if simulations != snapshot.simulations else snapshot


def _parts(resources: list[str]) -> Iterator[list[str]]:
    starts = range(0, len(resources), RESOURCES_OF_A_CALL)
    return (resources[start : start + RESOURCES_OF_A_CALL] for start in islice(starts, MOST_CALLS))


def _answer_on(
    answers: Answers | ReadError, calls: ReaderCalls, resource: str, account: Account
) -> Simulation | ReadError:
    if isinstance(answers, ReadError):
        return answers
    why = f"the answer does not speak of {calls.resources[resource]}"
    missing = failed_read("iam", _OPERATION, account.access.region, "NoAnswer", why)
    return answers.get(calls.resources[resource], missing)


def simulate(access: Access, region: str, calls: ReaderCalls) -> Answers | ReadError:
    """Return what IAM says of a reader's own policies, by the ARN of the resource.

    Without a ResourcePolicy, which IAM takes for users only, and without a ResourceOwner: so it speaks of the reader's
    own side alone (IAM API reference, SimulatePrincipalPolicy). An answer that says two things of one resource is none.
    """
    results = access.ask_pages(
        "iam",
        region,
        _OPERATION,
        "EvaluationResults",
        partial(_asked, calls),
        PolicySourceArn=calls.source,
        ActionNames=[calls.action],
        ResourceArns=list(calls.resources.values()),
        ContextEntries=[_entry(key, value) for key, value in calls.context.items()],
    )
    if isinstance(results, ReadError):
        return results
    answers: dict[str, Simulation] = {}
    for resource, simulation in chain.from_iterable(results):
        if answers.setdefault(resource, simulation) != simulation:
            return malformed("iam", _OPERATION, region, f"it says two things of {resource}")
    return answers


def _entry(key: str, value: str | tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, str):
        return {"ContextKeyName": key, "ContextKeyType": "stringList", "ContextKeyValues": list(value)}
    kind = "boolean" if value in ("true", "false") else _TYPES.get(key, "string")
    return {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": [value]}


def _asked(calls: ReaderCalls, result: dict[str, Any]) -> list[tuple[str, Simulation]]:
    """Return what a result says of each resource. Raises ValueError for an action or resource of no request.

    Names of actions have no case (IAM user guide, "IAM JSON policy elements: Action").
    """
    if result["EvalActionName"].lower() != calls.action.lower():
        raise ValueError(f"it speaks of {result['EvalActionName']!r}, not of {calls.action}")
    rows = list(_simulations(result))
    if strange := {resource for resource, _simulation in rows} - {*calls.resources.values()}:
        raise ValueError(f"nobody asked about {min(strange)!r}")
    return rows


def _simulations(result: dict[str, Any]) -> Iterator[tuple[str, Simulation]]:
    """Yield what one result says of each resource.

    IAM gives one result for an action, with the decisions under ResourceSpecificResults; before, it gave one for each
    resource (IAM API reference, EvaluationResult). What stands above the decisions holds for all of them. Raises
    ValueError for a decision that IAM does not give.
    """
    organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations")
    above = {**result, "EvalResourceDecision": result["EvalDecision"]}
    specific = result.get("ResourceSpecificResults", [])
    for each in (above, *({**result, **one} for one in specific)):
        _refuse_contradiction(each)
    if len(specific) == 1 and specific[0]["EvalResourceDecision"] != result["EvalDecision"]:
        raise ValueError("it says two things of one resource")
    for each in specific or [above]:
        boundary = {**result, **each}.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary")
        missing = {*result.get("MissingContextValues", ()), *each.get("MissingContextValues", ())}
        decision = each["EvalResourceDecision"]
        yield each["EvalResourceName"], Simulation(decision, tuple(sorted(missing)), boundary, organization)


def _refuse_contradiction(result: dict[str, Any]) -> None:
    """Raise ValueError for a decision that IAM does not give, such as an `allowed` beside what denies it."""
    decision = result["EvalResourceDecision"]
    if decision not in _DECISIONS:
        raise ValueError(f"{decision!r} is no decision")
    for detail, flag in _MUST_ALLOW.items():
        if decision == "allowed" and result.get(detail, {}).get(flag) is False:
            raise ValueError(f"it allows what {flag} denies")
