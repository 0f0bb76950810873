# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that represent all texts of a form: one for each way in which the conditions of a policy distinguish them.

All patterns are followed at once, character by character. If two beginnings have reached the same places in all
patterns, one is kept: no pattern can distinguish how they continue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TypeAlias

from ._budget import CHARACTERS, Budget
from ._conditions import Condition, split_operator
from ._operators import OPERATORS
from ._patterns import ARN_PARTS, is_arn, split_at_variables

DIGITS = "0123456789"
ACCOUNT_LENGTH = 12
_STARS = re.compile(r"\*+")
_WILD = ("StringLike", "ArnLike")
_TEXTS = (*_WILD, "StringEquals", "StringEqualsIgnoreCase")
# What these variables stand for is no wildcard; no policy has the characters that stand for them here.
_SPECIAL = {"*": "\0", "?": "\1", "$": "\2"}
_PLAIN = {mark: character for character, mark in _SPECIAL.items()}
# So many answers, or characters of a pattern to prepare, are a step.
_ANSWERS = 10
_PREPARED = 4


@dataclass(frozen=True)
class Free:
    """A part of a text that anyone may choose: the characters it may have, and how many."""

    alphabet: str
    least: int
    most: int


Form: TypeAlias = Sequence["str | Free"]
# Whether a value of a condition is of some kind.
Which: TypeAlias = Callable[[Condition, str], bool]


def none(_condition: Condition, _value: str) -> bool:
    """No value."""
    return False


class Patterns:
    """The patterns that conditions compare one text with.

    A state is a number with one bit for each place in each pattern that the characters so far may have reached.
    """

    def __init__(
        self, conditions: Iterable[Condition], filling: Mapping[str, str], left_out: Which = none, decided: Which = none
    ) -> None:
        """`filling` are variables and their values; any other variable may be anything. Some values are left out.

        A text that matches a `decided` value is deliberately named, see `is_decided`.
        """
        self.start = self._size = self._stars = self._decided = 0
        self._moves: dict[str, int] = {}
        # By whether they pass a colon: the places of question marks, and those of asterisks.
        self._ones, self._loops = [0, 0], [0, 0]
        # Of each condition, where texts end that are like a value, and that may be.
        self._ends: list[tuple[int, int]] = []
        known = {**filling, **_SPECIAL}
        for condition in conditions:
            kind = OPERATORS.get(split_operator(condition.operator)[1])
            if kind is not None and kind.name in _TEXTS:
                ends = [0, 0]
                for value in condition.values:
                    if not left_out(condition, value):
                        end = self._add(kind.name, value, known)
                        ends[self._is_unclear(kind.name, value, known)] |= end
                        self._decided |= end if decided(condition, value) else 0
                self._ends.append((ends[0], ends[1]))
        self.start = self._closed(self.start)

    def _add(self, kind: str, value: str, filling: Mapping[str, str]) -> int:
        """Append the places of one pattern. Return the bit of its end."""
        parts = split_at_variables(value)
        parts[1::2] = [filling.get(name.lower(), "*") for name in parts[1::2]]
        text = "".join(parts)
        is_wild = kind in _WILD or text != value
        # The parts of an ARN are "checked separately": see `arn_glob`.
        colons = 0 if kind == "ArnLike" and is_arn(value) else ARN_PARTS
        self.start |= 1 << self._size
        for character in _STARS.sub("*", text) if is_wild else text:
            bit, passes = 1 << self._size, colons >= ARN_PARTS - 1
            if is_wild and character == "*":
                self._stars |= bit
                self._loops[passes] |= bit
            elif is_wild and character == "?":
                self._ones[passes] |= bit
            else:
                plain = _PLAIN.get(character, character)
                for each in {plain, plain.lower(), plain.upper()} if "Case" in kind else {plain}:
                    self._moves[each] = self._moves.get(each, 0) | bit
            colons += character == ":"
            self._size += 1
        self._size += 1
        return 1 << (self._size - 1)

    def _is_unclear(self, kind: str, value: str, filling: Mapping[str, str]) -> bool:
        """Whether a value has an unknown variable, or fewer parts than an ARN."""
        is_open = any(name.lower() not in filling for name in split_at_variables(value)[1::2])
        return is_open or (kind == "ArnLike" and not is_arn(value))

    def _closed(self, state: int) -> int:
        """The state with the places after asterisks, which may match nothing."""
        return state | (state & self._stars) << 1

    def after(self, state: int, text: str) -> int:
        """The state after some more characters."""
        for character in text:
            stopped = character == ":"
            moves = self._moves.get(character, 0) | self._ones[True] | (0 if stopped else self._ones[False])
            loops = self._loops[True] | (0 if stopped else self._loops[False])
            state = self._closed((state & moves) << 1 | (state & loops))
        return state

    @property
    def steps(self) -> int:
        return 1 + self._size // CHARACTERS

    @property
    def steps_of_answers(self) -> int:
        """The steps for the answers to one text."""
        return 1 + len(self._ends) // _ANSWERS

    @property
    def steps_of_preparing(self) -> int:
        """The steps for making this object once more."""
        return 1 + self._size // _PREPARED

    def letters(self, alphabet: str) -> str:
        """The characters that patterns distinguish, after one that represents all others."""
        others = [each for each in alphabet if each not in self._moves]
        return "".join([*others[:1], *(each for each in alphabet if each in self._moves)])

    def answers(self, state: int) -> tuple[bool | None, ...]:
        """For each condition, whether the text matches one of its values; None if that is unknown."""
        return tuple(bool(state & sure) or (None if state & unclear else False) for sure, unclear in self._ends)

    def is_decided(self, state: int) -> bool:
        """Whether the text matches a `decided` value."""
        return bool(state & self._decided)


def texts(form: Form, patterns: Patterns, begun: Mapping[int, str], budget: Budget) -> dict[int, str]:
    """One text of the form for each state that can be reached, from beginnings by their state.

    Some are missing if the budget does not suffice; it is then exhausted.
    """
    for part in form:
        if isinstance(part, str):
            reached: dict[int, str] = {}
            enough = budget.spend(patterns.steps * len(part) * len(begun))
            for state, text in begun.items() if enough else ():
                reached.setdefault(patterns.after(state, part), text + part)
        else:
            reached = _free(part, patterns, begun, budget)
        begun = reached
    return dict(begun)


def _free(part: Free, patterns: Patterns, begun: Mapping[int, str], budget: Budget) -> dict[int, str]:
    letters = patterns.letters(part.alphabet)
    kept: list[Mapping[int, str]] = []
    layer, seen = dict(begun), set()
    for length in range(part.most + 1):
        if length >= part.least:
            kept.append(layer)
        following: dict[int, str] = {}
        enough = budget.spend(patterns.steps * len(letters) * len(layer))
        for state, text in layer.items() if enough else ():
            for letter in letters:
                then = patterns.after(state, letter)
                place = then, min(length + 1, part.least)
                if place not in seen:
                    seen.add(place)
                    following[then] = text + letter
        if not following:
            break
        layer = following
    # The longest first, and of a state the shortest text.
    return {state: text for layer in reversed(kept) for state, text in layer.items()}


def distinct(found: Mapping[int, str], patterns: Patterns, budget: Budget) -> list[str]:
    """For each set of answers one of the texts by their state, the last."""
    if not budget.spend(patterns.steps_of_answers * len(found)):
        return []
    return list({patterns.answers(state): text for state, text in found.items()}.values())


_State: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Accounts:
    """Account ids, one for each way in which conditions distinguish them, by themselves or as part of an ARN.

    Values that name one account are left out, and so are the `named` accounts.
    """

    conditions: Sequence[Condition]
    named: frozenset[str]
    left_out: Which
    budget: Budget

    @cached_property
    def _own(self) -> Patterns:
        return Patterns(self.conditions, {}, self.left_out)

    def of(self, arns: Patterns, begun: int) -> Iterator[str]:
        """One account of each kind, in an ARN whose beginning has this state."""
        own, layers = self._own, self._layers(arns, begun)
        steps = own.steps_of_answers + arns.steps
        kinds: dict[object, str] = {}
        for state in layers[-1] if self.budget.spend(steps * len(layers[-1])) else ():
            kind = own.answers(state[0]), arns.after(state[1], ":")
            if kind not in kinds and (other := self._first(layers, state)):
                kinds[kind] = other
        yield from kinds.values()

    def _layers(self, arns: Patterns, begun: int) -> list[dict[_State, list[tuple[_State, str]]]]:
        """After each digit the states that accounts lead to, with those before and the digit; none past the budget."""
        own = self._own
        layers: list[dict[_State, list[tuple[_State, str]]]] = [{(own.start, begun): []}]
        for _place in range(ACCOUNT_LENGTH):
            layers.append({})
            steps = len(DIGITS) * len(layers[-2]) * (own.steps + arns.steps)
            for state in layers[-2] if self.budget.spend(steps) else ():
                for digit in DIGITS:
                    then = own.after(state[0], digit), arns.after(state[1], digit)
                    layers[-1].setdefault(then, []).append((state, digit))
        return layers

    def _first(self, layers: Sequence[Mapping[_State, Sequence[tuple[_State, str]]]], state: _State) -> str | None:
        """The first account that leads to a state and is not named."""
        tried = takewhile(lambda _each: self.budget.spend(1), _members(layers, state))
        return next((each for each in tried if each not in self.named), None)


def _members(layers: Sequence[Mapping[_State, Sequence[tuple[_State, str]]]], state: _State) -> Iterator[str]:
    """All texts that lead to a state of the last layer."""
    if len(layers) == 1:
        yield ""
    for before, digit in layers[-1][state]:
        for begin in _members(layers[:-1], before):
            yield begin + digit
