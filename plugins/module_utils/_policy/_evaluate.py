# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which statements apply to a request, and what can come of it in every world that the unknown keys leave open."""

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

# Beyond this many open questions no proof is tried that they cannot matter: 2 to the 10th worlds take long enough.
_QUESTIONS = 10
_DENIALS = {Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY}


@dataclass(frozen=True)
class Application:
    """A statement that applies to a request, or would if its open conditions hold and its doubt falls its way."""

    statement: Statement
    covers: Covers
    open: tuple[Condition, ...]
    doubt: Hashable | None

    @property
    def certain(self) -> bool:
        """Whether it applies whatever the unknown keys hold."""
        return not self.open and self.doubt is None

    @property
    def steps(self) -> int:
        """What one world costs; a question is known by all the values of its condition."""
        return 1 + sum(1 + len(condition.values) // 20 for condition in self.open)

    def in_world(self, context: Context, world: Mapping[Hashable, bool]) -> bool:
        """Whether it applies in a world where every open question has an answer."""
        return (self.doubt is None or world[self.doubt]) and all(c.holds_in(context, world) for c in self.open)


def apply(statement: Statement, request: Request) -> Application | None:
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
    clear = covers is not Covers.UNCLEAR and resource and not statement.doubted
    return Application(statement, covers, tuple(undecided), None if clear else ("statement", id(statement)))


def settle(applied: Sequence[Application], request: Request, budget: Budget) -> Outcome:
    """What comes of the request; INDETERMINATE only if what is unknown could change it from denied to allowed or back.

    Of very many open questions nothing is proven: INDETERMINATE then, too. So it is where the proof would take more
    steps than are left in the budget.
    """
    certain = [each for each in applied if each.certain]
    at_least = outcome_of(certain, request)
    # What is certain settles most requests: an explicit deny beats all, an allow all but a deny, and no deny allows.
    relevant = [each for each in applied if not each.certain and not (_allows(each) and at_least is Outcome.ALLOWED)]
    may_allow = at_least is not Outcome.IMPLICIT_DENY or any(map(_allows, relevant))
    if not relevant or at_least is Outcome.EXPLICIT_DENY or not may_allow:
        return at_least
    found: set[Outcome] = set()
    for world in _worlds(relevant, request.keys, budget):
        found.add(outcome_of([*certain, *(e for e in relevant if e.in_world(request.keys, world))], request))
        if len(found) > 1 and not found <= _DENIALS:
            break
    if found == _DENIALS:
        return Outcome.IMPLICIT_DENY
    return found.pop() if len(found) == 1 else Outcome.INDETERMINATE


def _worlds(undecided: Sequence[Application], context: Context, budget: Budget) -> Iterator[Mapping[Hashable, bool]]:
    questions: dict[Hashable, None] = {}
    for each in undecided:
        questions.update(dict.fromkeys(() if each.doubt is None else (each.doubt,)))
        questions.update(dict.fromkeys(question for c in each.open for question in c.questions(context)))
    steps = sum(each.steps for each in undecided)
    if len(questions) <= _QUESTIONS and budget.spend(steps << len(questions)):
        for answers in product((False, True), repeat=len(questions)):
            yield dict(zip(questions, answers, strict=True))


def _allows(applied: Application) -> bool:
    return applied.statement.effect == "Allow"


def outcome_of(applying: Sequence[Application], request: Request) -> Outcome:
    """What comes of the request if just these statements apply."""
    if not all(_allows(each) for each in applying):
        return Outcome.EXPLICIT_DENY
    if not applying:
        return Outcome.IMPLICIT_DENY
    caller = request.caller
    at_home = caller.is_service or caller.account == request.account
    # A doubtful cover that falls the statement's way names the caller itself.
    if at_home and any(each.covers is not Covers.ACCOUNT for each in applying):
        return Outcome.ALLOWED
    # The root user has every permission of its account ("Policy evaluation logic").
    identity = caller.kind == "root" if request.identity_allows is None else request.identity_allows
    if identity:
        return Outcome.ALLOWED
    unknown = request.identity_allows is None
    return Outcome.INDETERMINATE if unknown else Outcome.IMPLICIT_DENY
