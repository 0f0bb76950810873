# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a policy allows a request, as "Policy evaluation logic" and the KMS guide's "Key policies" describe it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from ._budget import CHARACTERS, Budget
from ._context_facts import TIME_KEYS
from ._document import Policy, Statement
from ._evaluate import match, settle
from ._explain import Explanation, explain, explain_exhaustion
from ._patterns import Context, has_unknown, has_variable
from ._principals import Covers
from ._request import Outcome, Request


@dataclass(frozen=True)
class Decision:
    """The outcome, the statements that decided it, why, and what to do about it.

    `statements` are those that allow, deny, or leave the outcome open; an implicit deny has none. `reason` says which
    statement and condition decided, what was expected and what the request carries; `named` are the labels of the
    statements in it; `advice` is the next step, empty if the request is allowed. The words are made when they are first
    read: a rule that asks for many strangers needs them only for those who get in.
    """

    outcome: Outcome
    _explain: Callable[[], Explanation] = field(repr=False, compare=False)

    @cached_property
    def _explanation(self) -> Explanation:
        return self._explain()

    @property
    def statements(self) -> tuple[Statement, ...]:
        return self._explanation[0]

    @property
    def reason(self) -> str:
        return self._explanation[1]

    @property
    def advice(self) -> str:
        return self._explanation[2]

    @property
    def named(self) -> tuple[str, ...]:
        """The labels of the statements that the reason names."""
        return tuple(statement.label for statement in self._explanation[3])


def decide(policy: Policy, request: Request, budget: Budget | None = None) -> Decision:
    """Judge a request: an explicit deny first, then an allow, else the implicit deny.

    The outcome is INDETERMINATE if the policy alone does not decide: it delegates to the principal's own IAM policies,
    about which the request says nothing; or the outcome depends on an unknown key or on something that AWS does not
    document; or deciding would take more steps than are left in the budget, which calls may share.
    IAM principals are judged by the rules of key policies: IAM policies cannot allow what the key policy does not (KMS
    developer guide, "Key policies"). Grants, service control policies, permissions boundaries, session policies and
    endpoint policies are not modelled.
    """
    budget = budget or Budget()
    steps, searched = policy.weight
    if not budget.spend(steps + searched * request.longest // CHARACTERS):
        return _exhausted(request, budget)
    matched = [each for statement in policy.readings if (each := match(statement, request)) is not None]
    outcome = settle(matched, request, budget)
    if outcome is Outcome.INDETERMINATE and budget.is_exhausted:
        return _exhausted(request, budget)
    return Decision(outcome, partial(explain, outcome, matched, policy, request))


def _exhausted(request: Request, budget: Budget) -> Decision:
    explaining = partial(explain_exhaustion, request, is_of_account=budget.is_of_account)
    return Decision(Outcome.INDETERMINATE, explaining)


# What AWS does not document of CloudTrail's calls, and what is the same in all that it makes for a trail.
_ALIKE = frozenset(
    (
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principaltype",
        "aws:userid",
        "aws:sourceorgid",
        "kms:viaservice",
        "kms:calleraccount",
        "kms:encryptionalgorithm",
    )
)


def is_open_alike(policy: Policy, decision: Decision, request: Request) -> bool:
    """Whether a call that AWS carried out settles what the decision leaves open for all calls like it.

    It does not if the policy depends on the time, or if the outcome depends on what may differ between two calls: the
    name of a file, the network, tags.
    """
    conditions = [condition for each in policy.statements for condition in each.conditions]
    if decision.outcome is not Outcome.INDETERMINATE or any(each.folded_key in TIME_KEYS for each in conditions):
        return False
    return bool(decision.statements) and all(_is_open_alike(each, request) for each in decision.statements)


def _is_open_alike(statement: Statement, request: Request) -> bool:
    values = [value for condition in statement.conditions for value in condition.values]
    resources = statement.resources
    if any(map(has_variable, values)) or (resources and resources.cover(request.resource, request.keys) is None):
        return False
    known = (request.keys.get(each.folded_key) for each in statement.conditions if each.folded_key not in _ALIKE)
    return all(each is not None and not any(map(has_unknown, each)) for each in known)


def concerning(policy: Policy, request: Request) -> Policy:
    """The policy without the statements whose principal is certainly not that of the request.

    For this principal it decides every request like the whole policy. It is faster if there are many requests.
    """
    kept = (
        each for each in policy.readings if each.principals and each.principals.cover(request.caller) is not Covers.NO
    )
    return replace(policy, statements=tuple(kept))


def told_apart(policy: Policy, key: str, values: Sequence[str], budget: Budget) -> list[list[str]]:
    """Group the values of a condition key: the policy decides all values of a group alike.

    If the budget does not suffice, all values stay in one group, and decisions about them are open.
    """
    conditions = [condition for statement in policy.statements for condition in statement.conditions]
    texts = [text for each in policy.statements if each.resources for text in each.resources.values]
    texts += [text for condition in conditions for text in condition.values]
    if any(map(has_variable, texts)):  # of which the key may be one
        return [[value] for value in values]
    of_key = [condition for condition in conditions if condition.folded_key == key.lower()]
    steps = 1 + sum(each.steps + each.searched * max(map(len, values)) // CHARACTERS for each in of_key)
    if not of_key or not budget.spend(steps * len(values)):
        return [list(values)]
    groups: dict[Hashable, list[str]] = {}
    for value in values:
        answers = tuple(each.holds(Context({key: value}, ())) for each in of_key)
        groups.setdefault(answers, []).append(value)
    return list(groups.values())
