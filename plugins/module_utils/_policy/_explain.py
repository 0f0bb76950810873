# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a request was decided as it was, and what to do: the statement, its condition, what the request carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import STEPS
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._conditions import Condition
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import Policy, Statement
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._evaluate import Application, outcome_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import has_unknown, readable
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._principals import Covers
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request

# A sentence that says why, and one that says what to do (empty where nothing is to be done).
Words: TypeAlias = tuple[str, str]
Deciding: TypeAlias = tuple[list[Application], Words]
# The statements that decided, the reason, and the advice.
Explanation: TypeAlias = tuple[tuple[Statement, ...], str, str]
_SHOWN = 3


def explain(outcome: Outcome, applied: Sequence[Application], policy: Policy, request: Request) -> Explanation:
    """The statements that decided, the reason, and the advice."""
    if outcome is Outcome.IMPLICIT_DENY:
        return ((), *_not_allowed(applied, policy, request))
    decided = {Outcome.ALLOWED: _allowing, Outcome.EXPLICIT_DENY: _denying, Outcome.INDETERMINATE: _leaving_open}
    deciding, words = decided[outcome](applied, request)
    return (tuple(each.statement for each in deciding), *words)


def explain_exhaustion(request: Request) -> Explanation:
    """The same where the budget was used up: no statement decided."""
    return (
        (),
        f"Whether the policy allows {_call(request)} takes more than the {STEPS:,} steps that are given to a finding: "
        "the conditions, values and wildcards of its statements multiply each other.",
        "Shorten the policy: fewer conditions, values and wildcards that hang on each other.",
    )


def _of(effect: str, applied: Sequence[Application], *, certain: bool) -> list[Application]:
    return [each for each in applied if each.statement.effect == effect and each.certain is certain]


def _allowing(applied: Sequence[Application], request: Request) -> Deciding:
    """Those that name the caller, before those that name its account, before those of which one must apply."""
    certain = _of("Allow", applied, certain=True)
    direct = [each for each in certain if each.covers is Covers.YES]
    deciding = direct or certain or _of("Allow", applied, certain=False)
    allowed = f"{_subject(deciding, 'allows')} {_call(request)}"
    if request.caller.account not in (None, request.account):
        return deciding, (f"{allowed}, and so does its own account.", "")
    if certain and not direct:
        return deciding, (f"{allowed} through its account, and its own IAM policies allow it.", "")
    return deciding, (f"{allowed}.", "")


def _denying(applied: Sequence[Application], request: Request) -> Deciding:
    certain = _of("Deny", applied, certain=True)
    deciding = certain or _of("Deny", applied, certain=False)
    conditions = certain[0].statement.conditions if certain else ()
    held = [f"its condition {_written(c)} holds, the request carries {_carried(c, request)}" for c in conditions]
    because = f": {' and '.join(held)}" if held else ""
    return deciding, (
        f"{_subject(deciding, 'denies')} {_call(request)}{because}.",
        f"No Allow overrides a Deny: exempt {request.principal} from {_labels(deciding)}, or remove it.",
    )


def _leaving_open(applied: Sequence[Application], request: Request) -> Deciding:
    certain = _of("Allow", applied, certain=True)
    so_far = outcome_of(certain, request)
    if so_far is Outcome.INDETERMINATE:
        return certain, _identity_open(certain, request)
    allows = [] if so_far is Outcome.ALLOWED else _of("Allow", applied, certain=False)
    deciding = allows + _of("Deny", applied, certain=False)
    return deciding, _open(deciding[0], request)


def _open(first: Application, request: Request) -> Words:
    verb = "denies" if first.statement.effect == "Deny" else "allows"
    whether = f"Whether {first.statement.label} {verb} {_call(request)}"
    if first.open:
        condition = first.open[0]
        return (
            f"{whether} hangs on its condition {_written(condition)}, and {_ignorance(condition, request)}.",
            f"In {first.statement.label}, replace the condition on {condition.key} by one on a key that the request is "
            f"known to carry.",
        )
    if has_unknown(request.resource) and first.covers is not Covers.UNCLEAR and not first.statement.malformed:
        return (
            f"{whether} hangs on which ids stand in {readable(request.resource)}, and that is not known.",
            f"In {first.statement.label}, {_without_ids(first.statement, request)}.",
        )
    return (
        f"{whether} cannot be told: AWS does not document how its Principal or its Resource applies to this request.",
        f'In {first.statement.label}, name {request.principal} exactly, and Resource "*".',
    )


def _without_ids(statement: Statement, request: Request) -> str:
    """How a statement is made to say the same of every id: the one way that takes nothing from CloudTrail."""
    if statement.effect == "Deny":
        return f"exempt {request.principal}"
    is_negated = "NotResource" in statement.document
    return "take the ids out of its NotResource" if is_negated else "replace the ids in its Resource by *"


def _identity_open(applied: Sequence[Application], request: Request) -> Words:
    if request.caller.account != request.account:
        return (
            f"{_subject(applied, 'allows')} {_call(request)}, a principal of account {request.caller.account}, which "
            f"must allow it too; of that nothing is known.",
            f"Allow {request.action} on {request.resource} in an IAM policy of {request.principal}.",
        )
    return (
        f"{_subject(applied, 'delegates')} {request.action} to account {request.account}: the IAM policies of "
        f"{request.principal} itself decide, and of these nothing is known.",
        f"Name {request.principal} in the key policy to be sure.",
    )


def _not_allowed(applied: Sequence[Application], policy: Policy, request: Request) -> Words:
    delegating = _of("Allow", applied, certain=True)
    if delegating:
        return (
            f"{_subject(delegating, 'leaves')} {_call(request)} to its own IAM policies, and they do not allow it.",
            f"Allow {request.action} on {request.resource} in an IAM policy of {request.principal}.",
        )
    allows, denies = _of("Allow", applied, certain=False), _of("Deny", applied, certain=False)
    if allows and denies:
        return (
            f"{_subject(allows, 'allows')} {_call(request)} at most when {_labels(denies)} denies it.",
            f"Exempt {request.principal} from {_labels(denies)}.",
        )
    if allows:
        return (
            f"The conditions of {_labels(allows)} can never hold together.",
            f"Remove one of the conditions of {_labels(allows)}.",
        )
    return _nothing_allows(policy, request)


def _nothing_allows(policy: Policy, request: Request) -> Words:
    nearest = max(policy.statements, key=lambda statement: _nearness(statement, request), default=None)
    if nearest is None or _nearness(nearest, request)[0] == 0:
        return (
            f"No statement allows {_call(request)}, and none comes near.",
            f'Add a statement that allows {request.action} to {request.principal} on Resource "*".',
        )
    failures = _failures(nearest, request)
    return (
        f"No statement allows {_call(request)}. The nearest is {nearest.label}, but "
        f"{'; '.join(why for why, _advice in failures)}.",
        f"In {nearest.label}, {'; '.join(advice for _why, advice in failures)}.",
    )


def _nearness(statement: Statement, request: Request) -> tuple[int, bool, float]:
    """How close a statement comes to allowing the request; zero for one that speaks of something else."""
    principals, actions, resources = statement.principals, statement.actions, statement.resources
    named = principals is not None and principals.cover(request.caller) is not Covers.NO
    acts = actions is not None and actions.cover(request.action, request.keys) is True
    # To add somebody to a statement that allows everything is never good advice.
    broad = actions is not None and {"*", request.action.partition(":")[0] + ":*"} & set(actions.values)
    if statement.effect != "Allow" or not (named or (acts and not broad)):
        return 0, False, 0.0
    failing = sum(condition.holds(request.keys) is False for condition in statement.conditions)
    covered = resources is not None and resources.cover(request.resource, request.keys) is not False
    return named + acts, covered, -float(failing)


def _failures(statement: Statement, request: Request) -> list[Words]:
    """Everything that keeps a statement from allowing the request, each with what to do about it."""
    principals, actions, resources = statement.principals, statement.actions, statement.resources
    failures = []
    if principals is None or principals.cover(request.caller) is Covers.NO:
        failures.append(("its Principal does not cover the caller", f"add {request.principal} to its Principal"))
    if actions is None or not actions.cover(request.action, request.keys):
        failures.append(("its Action does not cover the action", f"add {request.action} to its Action"))
    if resources is None:
        failures.append(("it has no Resource and so no effect", 'add "Resource": "*"'))
    elif resources.cover(request.resource, request.keys) is False:
        resource = readable(request.resource)
        failures.append((f"its Resource does not cover {resource}", f"add {resource} to its Resource"))
    failed = (condition for condition in statement.conditions if condition.holds(request.keys) is False)
    return failures + [_failure(condition, request) for condition in failed]


def _failure(condition: Condition, request: Request) -> Words:
    carried = _carried(condition, request)
    why = f"its condition {_written(condition)} fails, the request carries {carried}"
    if condition.is_null or not request.keys.get(condition.folded_key):
        return why, f"remove the condition on {condition.key}"
    if condition.negated:
        return why, f"take {carried} out of the values of {condition.key}"
    if any(word in condition.operator for word in ("Than", "Bool")):
        return why, f"change the value of {condition.key} so that {carried} fits"
    return why, f"add {carried} to the values of {condition.key}"


def _ignorance(condition: Condition, request: Request) -> str:
    if not condition.is_documented:
        return "AWS documents no such condition"
    perhaps = request.keys.perhaps(condition.folded_key)
    if perhaps is not None:
        return f"nothing tells whether the request carries that key; its value is {_quoted(perhaps)} if it does"
    if request.keys.get(condition.folded_key) is None:
        return "nothing tells whether the request carries that key, and with what value"
    if any(map(has_unknown, request.keys.get(condition.folded_key) or ())):
        return f"which ids stand in {_carried(condition, request)} is not known"
    return f"AWS does not document how that compares with {_carried(condition, request)}"


def _call(request: Request) -> str:
    return f"{request.action} to {request.principal}"


def _subject(applied: Sequence[Application], verb: str) -> str:
    """`Statement "A" and statement 2 allow`."""
    many = verb.replace("denies", "deny").removesuffix("s")
    text = f"{_labels(applied)} {verb if len(applied) == 1 else many}"
    return text[0].upper() + text[1:]


def _labels(applied: Sequence[Application]) -> str:
    return listing([each.statement.label for each in applied])


def _written(condition: Condition) -> str:
    return f"{condition.operator} {condition.key} = {_quoted(condition.values)}"


def _carried(condition: Condition, request: Request) -> str:
    values, perhaps = request.keys.get(condition.folded_key), request.keys.perhaps(condition.folded_key)
    if perhaps:
        return f"{_quoted(perhaps)} or no such key"
    return readable(_quoted(values)) if values else "no such key"


def _quoted(values: Sequence[str]) -> str:
    return listing([f'"{value}"' for value in values]) if values else "nothing"


def listing(texts: Sequence[str]) -> str:
    """The texts as one list; of many the first, and how many more there are."""
    shown = [*texts[:_SHOWN], *([f"{len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else [])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
