# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statement that was perhaps meant to allow a request, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from .._printable import in_quotes
from ._conditions import Condition
from ._document import Policy, Statement
from ._patterns import as_if_named, readable
from ._principals import Covers, Principals
from ._request import Request
from ._words import carried, quoted, written

# From this likeness on (difflib's ratio) a name is taken for a misspelling of another one, as "kms=Decrypt" for
# "kms:Decrypt". By how many characters the two may differ in length keeps the comparison cheap.
_LIKE = 0.85
_SLIP = 3
# Actions that there are, and that are like one that is asked for.
_OTHER_ACTIONS = frozenset(("kms:encrypt", "kms:disablekey", "s3:getobject", "s3:putbucketacl"))
# What an element counts that covers the request, and one that would but for a misspelling.
_COVERS, _MISSPELT = 2, 1


@dataclass(frozen=True)
class Failure:
    """What keeps a statement from allowing a request, what to do, and whether that only corrects a mistake."""

    why: str
    advice: str
    is_mistake: bool = False


def nearest(policy: Policy, request: Request) -> Statement | None:
    """The statement that a person would pick: one about the same service or action, else one of the same effect."""
    candidates = [(closeness, each) for each in policy.statements if (closeness := _closeness(each, request))]
    return max(candidates, key=lambda pair: pair[0])[1] if candidates else None


def failures(statement: Statement, request: Request) -> list[Failure]:
    """Everything that keeps the statement from allowing the request."""
    if statement.effect != "Allow":
        return [Failure("its Effect is Deny", "say what it denies, and allow the call in a separate statement")]
    action = _of_action(statement, request)
    # The resource of another action is none of ours.
    resource = None if action and not action.is_mistake else _of_resource(statement, request)
    failing = [_of_principal(statement, request), action, resource]
    failed = (condition for condition in statement.conditions if condition.holds(request.keys) is False)
    return [*(each for each in failing if each), *(_of_condition(condition, request) for condition in failed)]


def like_instead(condition: Condition, request: Request) -> str | None:
    """The operator that reads the wildcards of a condition as wildcards, if the condition then holds."""
    is_wild = any("*" in value or "?" in value for value in condition.values)
    if "String" not in condition.operator or "Equals" not in condition.operator or not is_wild:
        return None
    operator = condition.operator.replace("EqualsIgnoreCase", "Like").replace("Equals", "Like")
    instead = Condition(operator, condition.key, condition.values, variables=True)
    return operator if instead.holds(request.keys) is not condition.holds(request.keys) else None


def _closeness(statement: Statement, request: Request) -> tuple[bool, int, bool, float] | None:
    """How close a statement comes to allowing the request; None if it is about something else."""
    principals, actions, resources = statement.principals, statement.actions, statement.resources
    named = _how_named(principals, request)
    acts = 0
    if actions is not None and (principals is None or named or _is_of_kind(principals, request)):
        acts = (
            _COVERS if actions.cover(request.action, request.keys) else _MISSPELT * bool(_misspelt(statement, request))
        )
        # To add somebody to a statement that allows everything is never good advice.
        if not named and {"*", request.action.partition(":")[0] + ":*"} & set(actions.values):
            acts = 0
    is_allow = statement.effect == "Allow"
    if not (named or acts) or not (is_allow or (named and _names_alone(principals, request))):
        return None
    failing = sum(condition.holds(request.keys) is False for condition in statement.conditions)
    covered = resources is not None and resources.cover(request.resource, request.keys) is not False
    return is_allow, named + acts, covered, -float(failing)


def _how_named(principals: Principals | None, request: Request) -> int:
    if principals is None:
        return 0
    if principals.cover(request.caller) is not Covers.NO:
        return _COVERS
    return _MISSPELT * bool(_misspelt_service(principals, request))


def _names_alone(principals: Principals | None, request: Request) -> bool:
    return principals is not None and not principals.negated and request.caller.name in principals.names


def _is_of_kind(principals: Principals, request: Request) -> bool:
    """Whether an element names services for a call of a service, and other principals for a call of one of these."""
    return bool(principals.services if request.caller.is_service else principals.names - principals.services)


def _misspelt_service(principals: Principals, request: Request) -> str | None:
    """A service in a Principal element whose own name, such as "cloudtrail", misspells that of the caller."""
    if not request.caller.is_service or principals.negated:
        return None
    own = request.caller.name.partition(".")[0]
    return next((name for name in sorted(principals.services) if _is_like(name.lower().partition(".")[0], own)), None)


def _misspelt(statement: Statement, request: Request) -> str | None:
    """An action that misspells that of the request."""
    if statement.actions is None or "Action" not in statement.document:
        return None
    wanted = request.action.lower()
    names = ((value, value.lower().rstrip("*")) for value in statement.actions.values)
    others = ((value, name) for value, name in names if name not in _OTHER_ACTIONS and not name.startswith(wanted))
    return next((value for value, name in others if _is_like(name, wanted)), None)


def _is_like(one: str, other: str) -> bool:
    is_near = abs(len(one) - len(other)) <= _SLIP
    return is_near and SequenceMatcher(None, one, other).ratio() >= _LIKE


def _of_principal(statement: Statement, request: Request) -> Failure | None:
    principals, name = statement.principals, request.principal
    if principals is None:
        return Failure("it has no Principal, so it has no effect", f"name {name} as its Principal")
    if principals.cover(request.caller) is not Covers.NO:
        return None
    misspelt = _misspelt_service(principals, request)
    if misspelt:
        return _mistake("Principal", misspelt, f'not "{name}"', name)
    names = sorted(principals.names)
    if principals.negated:
        return _left_out("NotPrincipal", name, names)
    why = f"it does not name {name} as principal (its Principal is {quoted(names)})"
    return Failure(why, f"add {name} to its Principal")


def _left_out(element: str, what: str, values: Sequence[str]) -> Failure:
    """What an element excludes on purpose: to take it out there would allow more than this call."""
    advice = f"leave its {element} as it is, and allow the call in a separate statement"
    return Failure(f"its {element} ({quoted(values)}) leaves out {what}", advice)


def _mistake(element: str, wrong: str, meant: str, right: str) -> Failure:
    why = f"its {element} is {in_quotes(wrong)}, {meant}"
    return Failure(why, f"correct {in_quotes(wrong)} to {in_quotes(right)}", True)


def _of_action(statement: Statement, request: Request) -> Failure | None:
    action, actions = request.action, statement.actions
    if actions is not None and actions.cover(action, request.keys):
        return None
    misspelt = _misspelt(statement, request)
    if misspelt:
        right = action + "*" * misspelt.endswith("*")
        return _mistake("Action", misspelt, f'not "{right}"', right)
    if actions is not None and "NotAction" in statement.document:
        return _left_out("NotAction", action, actions.values)
    listed = f" (its Action is {quoted(actions.values)})" if actions and actions.values else ""
    return Failure(f"it does not allow {action}{listed}", f"add {action} to its Action")


def _of_resource(statement: Statement, request: Request) -> Failure | None:
    resources, resource = statement.resources, readable(request.resource)
    if resources is None:
        return Failure("it has no Resource, so it has no effect", 'add "Resource": "*"')
    if resources.cover(request.resource, request.keys) is not False:
        return None
    bucket, objects, _key = request.resource.partition("/")
    swapped = bucket if objects else f"{bucket}/*"
    if bucket.split(":")[2] == "s3" and swapped in resources.values and "Resource" in statement.document:
        right = f"{bucket}/*" if objects else bucket
        meant = "the bucket, not the objects in it" if objects else "the objects in the bucket, not the bucket"
        return _mistake("Resource", swapped, meant, right)
    if "NotResource" in statement.document:
        return _left_out("NotResource", resource, resources.values)
    why = f"its Resource does not cover {resource}, but {quoted(resources.values)}"
    return Failure(why, f"add {_to_add(request.resource)} to its Resource")


def _to_add(resource: str) -> str:
    """What a Resource should name: all files of the folder if it is any file of one."""
    is_any_file = as_if_named(resource) != resource
    return readable(f"{resource.rpartition('/20')[0]}/*" if is_any_file else resource)


def _of_condition(condition: Condition, request: Request) -> Failure:
    value = carried(condition, request)
    why = f"its condition {written(condition)} fails: the request has {value}"
    if condition.is_null or not request.keys.get(condition.folded_key):
        return Failure(why, f"remove the condition on {condition.key}")
    operator = like_instead(condition, request)
    if operator:
        why = f"{why}, and {condition.operator} takes * literally"
        return Failure(why, f"use {operator} instead of {condition.operator}", True)
    if condition.negated:
        return Failure(why, f"remove {value} from the values of {condition.key}", True)
    if any(word in condition.operator for word in ("Than", "Bool")):
        return Failure(why, f"change the value of {condition.key} so that {value} matches")
    return Failure(why, f"add {value} to the values of {condition.key}", True)
