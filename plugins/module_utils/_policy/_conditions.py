# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Condition element, as "IAM JSON policy elements: Condition operators" describes it.

A condition holds, does not hold, or is unknown (None): the value of its key in the request is unknown, or AWS does not
document the result and readers may disagree. `Context.get` tells which of the two it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from ._budget import CHARACTERS, STEPS_OF_A_VARIABLE
from ._context_facts import ALTERNATIVES, fits
from ._operators import OPERATORS, Matcher
from ._patterns import (
    Context,
    Pieces,
    UndocumentedError,
    UnknownKeyError,
    any_of,
    has_unknown,
    has_variable,
    perhaps_expression,
    pieces_of,
    resolve,
    searched,
    shortest,
    variables_in,
)

QUANTIFIERS = ("ForAnyValue", "ForAllValues")


@dataclass(frozen=True)
class Number:
    """A JSON number, kept as it was written: Python's own would round it."""

    text: str

    def __str__(self) -> str:
        """The number as it was written."""
        return self.text


class Condition:
    """One operator applied to one key, with the values that the policy lists for it.

    `operator`, `key` and `values` are as the policy spells them (JSON booleans and numbers as text).
    """

    def __init__(
        self, operator: str, key: str, values: tuple[str, ...], *, variables: bool, as_documented: bool = True
    ) -> None:
        """`variables`: the Version of the policy has variables. `as_documented`: AWS documents how it is written."""
        self.operator, self.key, self.values = operator, key, values
        self.folded_key = key.lower()
        self.quantifier, base, self.if_exists = split_operator(operator)
        kind = OPERATORS.get(base)
        self.is_null = operator == "Null"
        wanted = {value.lower() for value in values}
        is_fit = wanted <= {"true", "false"} if self.is_null else kind is not None and fits(base, self.folded_key)
        self.is_documented = as_documented and bool(values) and is_fit
        self._wants_absence, self._wants_presence = "true" in wanted, "false" in wanted
        self.negated = kind is not None and kind.negated
        # Two tests that differ in their negation alone hang on one and the same comparison.
        likeness = base if kind is None or self.quantifier else kind.name
        self.comparison: Hashable = ("matches", self.quantifier, likeness, self.folded_key, values)
        self._make = None if kind is None else kind.make
        filled = variables and kind is not None and kind.variables
        # What has the very characters that stand for unknown ones is like no name that is known.
        known = [value for value in values if not has_unknown(value)]
        self._templates = [value for value in known if filled and has_variable(value)]
        self._plain = plain = [value for value in known if not (filled and has_variable(value))]
        self._is_clear = len(known) == len(values)
        compared = [self._make(pieces_of(value)) for value in plain] if self._make else []
        self._exact = frozenset(each for each in compared if isinstance(each, str))
        self._matchers: list[Matcher] = [each for each in compared if not isinstance(each, str)]
        self._fold = kind is not None and kind.ignores_case
        # What a value of a request costs to compare, and, for each of its characters, a part of a step more.
        self.steps = 1 + len(self._matchers) + STEPS_OF_A_VARIABLE * variables_in(self._templates)
        self.searched = searched(plain) + CHARACTERS * len(self._templates)
        self._has_wildcards = kind is not None and kind.name in ("StringLike", "ArnLike")

    def holds(self, context: Context) -> bool | None:
        """True, False, or None if that is unknown."""
        if not self.is_documented:
            return None
        values = context.get(self.folded_key)
        if values is not None:
            return self._holds_of(values, context)
        perhaps = context.perhaps(self.folded_key)
        if perhaps is None:
            return None
        held = self._holds_of(perhaps, context)
        return held if held == self._holds_of((), context) else None

    def _holds_of(self, values: tuple[str, ...], context: Context) -> bool | None:
        """Whether it holds for a request that carries these values; no values mean that the key is absent."""
        if self.is_null:
            return self._wants_presence if values else self._wants_absence
        if not values or (self.quantifier and not any(values)):
            return self._when_absent()
        matched = [self._matches(value, context) for value in values]
        return self._quantify([each if each is None else each != self.negated for each in matched])

    def holds_under(self, context: Context, assignment: Mapping[Hashable, bool]) -> bool:
        """Whether an unknown condition holds under an assignment, which answers each of its `unknowns`."""
        if self._is_unclear(context):
            return assignment[self._unknown]
        present = assignment["present", self.folded_key]
        perhaps = context.perhaps(self.folded_key)
        if perhaps is not None:
            held = self._holds_of(perhaps if present else (), context)
            return assignment[self._unknown] if held is None else held
        if self.is_null:
            return self._wants_presence if present else self._wants_absence
        if present:
            return assignment[self.comparison] != (self.negated and not self.quantifier)
        absent = self._when_absent()
        return assignment[self._unknown] if absent is None else absent

    def unknowns(self, context: Context) -> tuple[Hashable, ...]:
        """What must be known to tell whether it holds."""
        if self._is_unclear(context):
            return (self._unknown,)
        unknowns: tuple[Hashable, ...] = (("present", self.folded_key),)
        perhaps = context.perhaps(self.folded_key)
        if perhaps is not None:
            is_open = None in (self._holds_of(perhaps, context), self._holds_of((), context))
            return (*unknowns, self._unknown) if is_open else unknowns
        if not self.is_null:
            unknowns += (self.comparison,)
            unknowns += (self._unknown,) if self._when_absent() is None else ()
        return unknowns

    def _is_unclear(self, context: Context) -> bool:
        """Whether it is unknown because of missing documentation or a variable, not because of its own key."""
        return not self.is_documented or context.get(self.folded_key) is not None

    @property
    def _unknown(self) -> Hashable:
        return ("unknown", self.operator, self.folded_key, self.values)

    def _when_absent(self) -> bool | None:
        """The result if the request does not carry the key (same page, "Important"; "multivalued context keys").

        It is unknown where two pages disagree: ForAnyValue with IfExists is false on one page and true on the other; a
        negated ForAllValues is true by the rule and does not match in the table of examples.
        """
        if self.quantifier == "ForAllValues":
            return None if self.negated else True
        if self.quantifier == "ForAnyValue":
            return None if self.if_exists else False
        return self.if_exists or self.negated

    def _quantify(self, results: Sequence[bool | None]) -> bool | None:
        if len(set(results)) == 1:
            return results[0]
        # Several values without a set operator: AWS asks for one and does not say what happens without.
        if not self.quantifier or self.folded_key in ALTERNATIVES:
            return None
        decisive = self.quantifier == "ForAnyValue"
        return decisive if decisive in results else None

    def _matches(self, value: str, context: Context) -> bool | None:
        """Whether a value of the request matches one of the policy's values."""
        if (value.lower() if self._fold else value) in self._exact:
            return True
        unclear = False
        filled: list[Matcher] = [partial(self._template_matches, each, context) for each in self._templates]
        for matches in (*self._matchers, *filled):
            matched = _tried(matches, value)
            if matched:
                return True
            unclear = unclear or matched is None
        return None if unclear or (has_unknown(value) and self._perhaps(value)) else False

    @cached_property
    def _perhaps(self) -> Callable[[str], bool]:
        """Whether a value with unknown characters may match one of the policy's values."""
        if not self._is_clear:
            return lambda _value: True
        return self._like_one(*(pieces_of(value.lower() if self._fold else value) for value in self._plain))

    def _template_matches(self, template: str, context: Context, value: str) -> bool:
        pieces = resolve(template, context)
        # "There is no equal or like value" for a variable without value (IAM policy elements: Variables).
        if pieces is None or self._make is None or shortest(pieces) > len(value.lower()):
            return False
        compared = self._make(pieces)
        folded = value.lower() if self._fold else value
        if compared == folded if isinstance(compared, str) else compared(value):
            return True
        if has_unknown(value) and self._like_one(pieces)(folded):
            raise UndocumentedError
        return False

    def _like_one(self, *texts: Pieces) -> Callable[[str], bool]:
        """Whether a value with unknown characters may match one of these texts."""
        compared = (tuple((text, wild and self._has_wildcards) for text, wild in pieces) for pieces in texts)
        return any_of(map(perhaps_expression, compared), ignores_case=self._fold)


def split_operator(operator: str) -> tuple[str, str, bool]:
    """`ForAnyValue:StringLikeIfExists` as ("ForAnyValue", "StringLike", True)."""
    quantifier, colon, base = operator.rpartition(":")
    if colon and quantifier not in QUANTIFIERS:
        quantifier, base = "", operator
    bare = base[: -len("IfExists")] if base.endswith("IfExists") else base
    return quantifier, bare, bare != base


def parse_conditions(block: Any, *, variables: bool) -> tuple[tuple[Condition, ...], list[str]]:
    """The conditions of one statement, and what is odd about them."""
    if not isinstance(block, Mapping):
        return (unreadable("Condition"),), ["its Condition is not an object"]
    conditions: list[Condition] = []
    oddities: list[str] = []
    spellings = Counter((operator.lower(), key.lower()) for operator, keys in block.items() for key in _keys(keys))
    for operator, keys in block.items():
        if not _keys(keys):
            conditions.append(unreadable(operator))
            oddities.append(f"its condition operator {operator} holds no keys")
            continue
        found = [
            Condition(
                operator,
                key,
                texts(value),
                variables=variables,
                # Condition keys ignore case. AWS does not document which one counts if a key appears twice.
                as_documented=spellings[operator.lower(), key.lower()] == 1 and are_texts(value),
            )
            for key, value in keys.items()
        ]
        conditions.extend(found)
        if not all(condition.is_documented for condition in found):
            oddities.append(f"AWS documents no such condition as its {operator}")
    return tuple(conditions), oddities


def _keys(written: Any) -> Mapping[str, Any]:
    """The keys of an operator, with their values; none if the operator holds anything else."""
    return written if isinstance(written, Mapping) else {}


def unreadable(what: str) -> Condition:
    """A condition whose result is unknown, because no operator has this name."""
    return Condition("?", what, (), variables=False)


def _tried(matches: Matcher, value: str) -> bool | None:
    try:
        return matches(value)
    except (UndocumentedError, UnknownKeyError):
        return None


def texts(value: Any) -> tuple[str, ...]:
    """The values of one key: a single value or a list. AWS's own pages write booleans without quotes."""
    listed = value if isinstance(value, list) else [value]
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in listed)


def are_texts(value: Any) -> bool:
    """Whether the grammar of policies allows these values: texts, booleans and numbers."""
    listed = value if isinstance(value, list) else [value]
    return all(isinstance(each, (str, bool, Number)) for each in listed)
