# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which statements match a request, and the possible outcomes under every assignment of the unknowns."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ._budget import Budget
from ._conditions import Condition
from ._document import Statement
from ._patterns import Context
from ._principals import Covers
from ._request import Outcome, Request

# Beyond this many unknowns no proof is tried that they cannot matter: 2 to the 10th assignments take long enough.
_UNKNOWNS = 10
_DENIALS = {Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY}


@dataclass(frozen=True)
class MatchedStatement:
    """A statement that applies to a request, or that applies if its open conditions hold and its unknown is true."""

    statement: Statement
    covers: Covers
    open: tuple[Condition, ...]
    unknown: Hashable | None

    @property
    def certain(self) -> bool:
        """Whether it applies whatever values the unknown keys have."""
        return not self.open and self.unknown is None

    @property
    def steps(self) -> int:
        """The steps for one assignment. All values of a condition count, because they tell unknowns apart."""
        return 1 + sum(1 + len(condition.values) // 20 for condition in self.open)

    def applies_under(self, context: Context, assignment: Mapping[Hashable, bool]) -> bool:
        """Whether it applies under an assignment, which answers every unknown."""
        return (self.unknown is None or assignment[self.unknown]) and all(
            c.holds_under(context, assignment) for c in self.open
        )


def match(statement: Statement, request: Request) -> MatchedStatement | None:
    """How a statement applies to a request, or None when it does not."""
    principals, actions, resources = statement.principals, statement.actions, statement.resources
    # A statement without Resource "has no effect" (KMS developer guide, "Creating a key policy").
    if statement.effect is None or principals is None or actions is None or resources is None:
        return None
    covers = principals.cover(request.caller)
    if covers is Covers.NO or actions.cover(request.action, request.keys) is False:
        return None
    resource = resources.cover(request.resource, request.keys)
    if resource is False:
        return None
    undecided = []
    for condition in statement.conditions:
        holds = condition.holds(request.keys)
        if holds is False:
            return None
        if holds is None:
            undecided.append(condition)
    clear = covers is not Covers.UNCLEAR and resource and not statement.why_unclear
    return MatchedStatement(statement, covers, tuple(undecided), None if clear else ("statement", id(statement)))


def settle(matched: Sequence[MatchedStatement], request: Request, budget: Budget) -> Outcome:
    """The outcome of the request; INDETERMINATE only if the unknowns could change it between denied and allowed.

    It is also INDETERMINATE if there are very many unknowns, or if the proof would take more steps than the budget has
    left.
    """
    certain = [each for each in matched if each.certain]
    at_least = outcome_of(certain, request)
    # What is certain settles most requests: an explicit deny beats all, an allow all but a deny, and no deny allows.
    relevant = [each for each in matched if not each.certain and not (_allows(each) and at_least is Outcome.ALLOWED)]
    may_allow = at_least is not Outcome.IMPLICIT_DENY or any(map(_allows, relevant))
    if not relevant or at_least is Outcome.EXPLICIT_DENY or not may_allow:
        return at_least
    outcomes: set[Outcome] = set()
    for assignment in _assignments(relevant, request.keys, budget):
        applying = (each for each in relevant if each.applies_under(request.keys, assignment))
        outcomes.add(outcome_of([*certain, *applying], request))
        if len(outcomes) > 1 and not outcomes <= _DENIALS:
            break
    if outcomes == _DENIALS:
        return Outcome.IMPLICIT_DENY
    return outcomes.pop() if len(outcomes) == 1 else Outcome.INDETERMINATE


def _assignments(
    undecided: Sequence[MatchedStatement], context: Context, budget: Budget
) -> Iterator[Mapping[Hashable, bool]]:
    unknowns: dict[Hashable, None] = {}
    for each in undecided:
        unknowns.update(dict.fromkeys(() if each.unknown is None else (each.unknown,)))
        unknowns.update(dict.fromkeys(unknown for c in each.open for unknown in c.unknowns(context)))
    steps = sum(each.steps for each in undecided)
    if len(unknowns) <= _UNKNOWNS and budget.spend(steps << len(unknowns)):
        for answers in product((False, True), repeat=len(unknowns)):
            yield dict(zip(unknowns, answers, strict=True))


def _allows(matched: MatchedStatement) -> bool:
    return matched.statement.effect == "Allow"


def outcome_of(applying: Sequence[MatchedStatement], request: Request) -> Outcome:
    """The outcome of the request if exactly these statements apply."""
    if not all(_allows(each) for each in applying):
        return Outcome.EXPLICIT_DENY
    if not applying:
        return Outcome.IMPLICIT_DENY
    caller = request.caller
    at_home = caller.is_service or caller.account == request.account
    # An unclear cover that falls the statement's way names the caller itself.
    if at_home and any(each.covers is not Covers.ACCOUNT for each in applying):
        return Outcome.ALLOWED
    # The root user has every permission of its account ("Policy evaluation logic").
    identity = caller.kind == "root" if request.identity_allows is None else request.identity_allows
    if identity:
        return Outcome.ALLOWED
    unknown = request.identity_allows is None
    return Outcome.INDETERMINATE if unknown else Outcome.IMPLICIT_DENY
