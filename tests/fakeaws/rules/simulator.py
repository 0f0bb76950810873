# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM's policy simulator: what the own policies of a role or user say of calls, without making them.

Source: IAM API reference, SimulatePrincipalPolicy, EvaluationResult and ResourceSpecificResult; the IAM user guide,
"Policy evaluation logic", on how a boundary and service control policies count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakeaws.conditions import matches_pattern
from tests.fakeaws.errors import AwsError
from tests.fakeaws.policy import Verdict, as_list, evaluate_identity
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, Role, Rule, World

Document = Mapping[str, Any]
_ENTITY = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):(role|user)/(?:.*/)?([^/]+)")
_RANK = ("allowed", "implicitDeny", "explicitDeny")
# An organization's policy that is attached where no other is (Organizations user guide, "Service control policies").
_FULL_ACCESS: Document = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
_ADMINISTRATOR: Document = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


@dataclass(frozen=True)
class _Entity:
    """Whose policies decide: its own, its boundary, and the service control policy of its account if that has any."""

    policy: Document
    boundary: Document | None
    scp: Document | None
    is_member: bool


def simulate_principal_policy(world: World, identity: Identity, call: Call) -> Answer:
    """One result for each action, with the decision on each resource; without a ResourcePolicy."""
    entity = _entity(world, identity, call.parameters["PolicySourceArn"])
    context = dict(_entries(call.parameters))
    actions, resources = _members(call.parameters, "ActionNames"), _members(call.parameters, "ResourceArns") or ["*"]
    results = [_result(entity, action, resources, context) for action in actions]
    return {"EvaluationResults": _sent(results), "IsTruncated": False}


def _sent(value: Any) -> Any:
    """A list is sent as an element that holds its members."""
    if isinstance(value, list):
        return {"member": [_sent(each) for each in value]}
    return {name: _sent(each) for name, each in value.items()} if isinstance(value, dict) else value


def _entity(world: World, identity: Identity, arn: str) -> _Entity:
    """A role or user of the caller's account; InvalidInput for whom IAM has no policies, NoSuchEntity for nobody."""
    found = _ENTITY.fullmatch(arn)
    if found is None:
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    account, kind, name = found.groups()
    role, is_user = world.roles.get(arn), kind == "user" and name == "administrator"
    if account != identity.account or (role is None and not is_user):
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", status=404)
    organization = world.organization_of(account)
    # Service control policies do not bind the management account (Organizations user guide, the same page).
    is_bound = organization is not None and organization.management != account
    scp = world.accounts[account].scp or _FULL_ACCESS
    own = _ADMINISTRATOR if role is None else role.policy or _listed(role)
    return _Entity(own, role.boundary if role else None, scp if is_bound else None, organization is not None)


def _listed(role: Role) -> Document:
    """The lists of actions of a role, as the policy that they stand for."""
    lists: Mapping[str, Sequence[Rule]] = {"Allow": role.allow, "Deny": role.deny}
    return {
        "Statement": [
            {"Effect": effect, "Action": rule.action, "Resource": "*", **_in_regions(rule)}
            for effect, rules in lists.items()
            for rule in rules
        ]
    }


def _in_regions(rule: Rule) -> Document:
    return {"Condition": {"StringEquals": {"aws:RequestedRegion": list(rule.regions)}}} if rule.regions else {}


def _result(entity: _Entity, action: str, resources: Sequence[str], context: Mapping[str, list[str]]) -> Answer:
    """What stands above is the most restrictive decision, and all condition keys that are missing."""
    specific = [_on(entity, action, resource, context) for resource in resources]
    result = {
        "EvalActionName": action,
        "EvalResourceName": "*",
        "EvalDecision": max((each["EvalResourceDecision"] for each in specific), key=_RANK.index),
        "MissingContextValues": sorted({key for each in specific for key in each["MissingContextValues"]}),
        "ResourceSpecificResults": specific,
    }
    if not entity.is_member:
        return result
    allowed = all(_scp(entity, action, each, context) is Verdict.ALLOWED for each in resources)
    return {**result, "OrganizationsDecisionDetail": {"AllowedByOrganizations": allowed}}


def _scp(entity: _Entity, action: str, resource: str, context: Mapping[str, list[str]]) -> Verdict:
    return Verdict.ALLOWED if entity.scp is None else evaluate_identity(entity.scp, action, resource, context)


def _on(entity: _Entity, action: str, resource: str, context: Mapping[str, list[str]]) -> dict[str, Any]:
    """A service control policy that denies ends the simulation; of its condition keys none is named as missing."""
    answer: dict[str, Any] = {"EvalResourceName": resource, "MissingContextValues": []}
    scp = _scp(entity, action, resource, context)
    if scp is not Verdict.ALLOWED:
        return {**answer, "EvalResourceDecision": "explicitDeny" if scp is Verdict.DENIED else "implicitDeny"}
    own = evaluate_identity(entity.policy, action, resource, context)
    bound = evaluate_identity(entity.boundary, action, resource, context) if entity.boundary else Verdict.ALLOWED
    decision = "explicitDeny" if Verdict.DENIED in (own, bound) else "implicitDeny"
    if (own, bound) == (Verdict.ALLOWED, Verdict.ALLOWED):
        decision = "allowed"
    answer |= {"EvalResourceDecision": decision, "MissingContextValues": _missing(entity, action, context)}
    if entity.boundary:
        answer["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": bound is Verdict.ALLOWED}
    return answer


def _missing(entity: _Entity, action: str, context: Mapping[str, list[str]]) -> list[str]:
    """The condition keys of the statements on an action that the request did not bring."""
    told = {key.lower() for key in context}
    keys = {
        key
        for document in (entity.policy, entity.boundary or {})
        for statement in as_list(document.get("Statement"))
        if any(matches_pattern(str(each), action, fold=True) for each in as_list(statement.get("Action")))
        for block in statement.get("Condition", {}).values()
        for key in block
    }
    return sorted(key for key in keys if key.lower() not in told)


def _members(parameters: Mapping[str, Any], name: str) -> list[str]:
    """A list of the query protocol: `NAME.member.1` and so on."""
    found = ((key.removeprefix(f"{name}.member."), value) for key, value in parameters.items())
    return [value for number, value in sorted((int(n), value) for n, value in found if n.isdigit())]


def _entries(parameters: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    start = "ContextEntries.member."
    for number in sorted({key.removeprefix(start).split(".")[0] for key in parameters if key.startswith(start)}):
        entry = f"{start}{number}"
        yield parameters[f"{entry}.ContextKeyName"], _members(parameters, f"{entry}.ContextKeyValues")


def _source(_world: World, _identity: Identity, call: Call) -> str:
    return str(call.parameters["PolicySourceArn"])


OPERATIONS: Mapping[str, Operation] = {"iam:SimulatePrincipalPolicy": Operation(simulate_principal_policy, _source)}
