# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one comparison of policies: by what they say, not by how they are written.

A statement says one thing at each of its places: the set of its actions, of its principals of one kind, of the values
of one condition key. These are the same: a text and a list of only that text; lists in any order; an account and its
root ("AWS JSON policy elements: Principal", AWS account principals); actions in any case ("Action"); condition keys in
any case ("Condition"); no Version and the Version that AWS then assumes ("Version").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeAlias

from ._conditions import are_texts, texts
from ._document import VERSIONS, PolicyError, parse
from ._principals import account_of

# What a statement says, by place: ("Action",), ("Principal", "AWS"), ("Condition", "StringLike", "aws:sourcearn").
Says: TypeAlias = dict[tuple[str, ...], Hashable]


def same_policy(one: str | None, other: str | None) -> bool:
    """Whether two texts say the same, or both are None.

    A text is compared literally if it is no policy, says something twice in one object, or holds half a character,
    because AWS does not document what that means.
    """
    return one == other or policy_meaning(one) == policy_meaning(other)


def policy_meaning(text: str | None) -> Hashable:
    """What `same_policy` compares: two texts say the same if their meanings are equal."""
    try:
        policy = parse(text or "")
    except PolicyError:
        return text
    if policy.repeated or policy.halved or any(statement.repeated for statement in policy.statements):
        return text
    rest = {"Version": VERSIONS[1], **policy.document, "Statement": None}
    counted = Counter(meaning(statement.document) for statement in policy.statements)
    return _plain(rest), frozenset(counted.items())


def adds_nothing(one: str | None, *others: str | None) -> bool:
    """Whether each statement of a policy is in one of the others as well; a text that is no policy counts as one."""
    return _statements(one) <= frozenset[Hashable]().union(*map(_statements, others))


def _statements(text: str | None) -> frozenset[Hashable]:
    try:
        return frozenset(meaning(statement.document) for statement in parse(text or "").statements)
    except PolicyError:
        return frozenset([text])


def meaning(statement: Any) -> Hashable:
    """What one statement says, including its Sid."""
    return frozenset(says(statement).items()) if isinstance(statement, Mapping) else _plain(statement)


def says(statement: Mapping[str, Any]) -> Says:
    """What a statement says at each place: a set of texts, or whatever else is written there."""
    said: Says = {}
    for name, part in statement.items():
        if name in ("Principal", "NotPrincipal"):
            said |= {(name, *place): value for place, value in _principal(part)}
        elif name in ("Action", "NotAction"):
            said[name,] = _texts(part, _action)
        elif name in ("Resource", "NotResource"):
            said[name,] = _texts(part)
        elif name == "Condition":
            said |= {(name, *place): value for place, value in _condition(part)}
        else:
            said[name,] = _plain(part)
    return said


def _principal(written: Any) -> Iterator[tuple[tuple[str, ...], Hashable]]:
    """The principals by kind. A lone asterisk stands for {"AWS": "*"} ("All principals")."""
    kinds = {"AWS": "*"} if written == "*" else written
    if not isinstance(kinds, Mapping) or not kinds:
        yield (), _plain(written)
        return
    for kind, names in kinds.items():
        yield (kind,), _texts(names, lambda name: account_of(name) or name) if kind == "AWS" else _texts(names)


def _action(name: str) -> str:
    """The action in lower case, in ASCII only: no action has any other letter."""
    return name.lower() if name.isascii() else name


def _condition(block: Any) -> Iterator[tuple[tuple[str, ...], Hashable]]:
    """The values by operator and key. If an operator has one key in two spellings, each spelling is kept apart."""
    if not isinstance(block, Mapping):
        yield (), _plain(block)
        return
    for operator, keys in block.items():
        if not isinstance(keys, Mapping) or not keys:
            yield (operator,), _plain(keys)
            continue
        spellings = Counter(key.lower() for key in keys)
        for key, value in keys.items():
            folded = key.lower()
            yield (operator, folded if spellings[folded] == 1 else key), _values(value)


def _values(written: Any) -> Hashable:
    """The values of a condition key, booleans and numbers as text, which is how they are judged."""
    return frozenset(texts(written)) if are_texts(written) else _plain(written)


def _texts(written: Any, fold: Callable[[str], str] = str) -> Hashable:
    listed = written if isinstance(written, list) else [written]
    if not all(isinstance(each, str) for each in listed):
        return _plain(written)
    return frozenset(map(fold, listed))


def _plain(value: Any) -> Hashable:
    """Any JSON as it is written. Nothing in it counts as the same, whatever AWS makes of it."""
    if isinstance(value, Mapping):
        return "object", frozenset((name, _plain(part)) for name, part in value.items())
    if isinstance(value, list):
        return "list", tuple(map(_plain, value))
    return type(value).__name__, value
