# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A policy as KMS or S3 returns it, read once so that many requests can be judged against it.

Reading is lenient: AWS accepted what GetKeyPolicy returns. So whatever looks odd becomes a warning, and is judged as
far as AWS documents it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from typing import Any

from .._printable import in_quotes
from ._budget import CHARACTERS, STEPS_OF_A_REQUEST, STEPS_OF_A_VARIABLE
from ._conditions import Condition, Number, parse_conditions, unreadable
from ._patterns import (
    Context,
    Pieces,
    UndocumentedError,
    UnknownKeyError,
    any_of,
    arn_expression,
    glob_expression,
    has_unknown,
    has_variable,
    perhaps_expression,
    pieces_of,
    resolve,
    searched,
    shortest,
    variables_in,
)
from ._principals import Principals
from ._undocumented import (
    OF_POLICIES,
    PARTS,
    Object,
    named,
    repeated_in,
    undocumented_in_policy,
    undocumented_in_statement,
)

# The first of them brought policy variables.
VERSIONS = ("2012-10-17", "2008-10-17")
# The longest that GetKeyPolicy gives out (KMS shape PolicyType); a bucket policy has 20 KB at most (S3 guide).
MAX_CHARACTERS = 131_072
# The grammar of policies ends at the values of a condition key, seven deep (IAM user guide, "Grammar of the IAM JSON
# policy language"); what is nested deeper than this is not followed.
MAX_DEPTH = 50
_ALL = pieces_of("*")
# The escapes of a JSON text (RFC 8259, section 7); the group holds half a pair of surrogates without the other.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


class PolicyError(ValueError):
    """The text is no policy at all."""


_DECODER = json.JSONDecoder(object_pairs_hook=Object, parse_float=Number, parse_int=Number, parse_constant=Number)
# A text in quotes, or the layout between two of them.
_LAYOUT = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')


class Names:
    """The list in an Action or Resource element, or in its negation.

    Actions ignore case, resources do not (IAM JSON policy elements: Action, Resource).
    """

    def __init__(self, values: Sequence[str], *, negated: bool, actions: bool, variables: bool) -> None:
        """`variables`: the values may hold policy variables."""
        self.values, self._negated = tuple(values), negated
        self._templates = [value for value in values if variables and has_variable(value)]
        self._is_private = any(map(has_unknown, values))
        plain = tuple(pieces_of(value) for value in values if not (variables and has_variable(value)))
        self._covers = any_of(map(glob_expression, plain), ignores_case=True) if actions else _resources_like(plain)
        # Patterns without variables are compared many at once.
        self.steps = len(plain) // 50 + STEPS_OF_A_VARIABLE * variables_in(self._templates)
        self.searched = searched(values) + CHARACTERS * len(self._templates)

    def cover(self, name: str, context: Context) -> bool | None:
        """Whether the element covers the action or resource of a request; None if that is unknown."""
        if self._is_private:
            return None
        answers = [self._covers(name), *(self._filled_covers(name, context) if self._templates else ())]
        listed = True if True in answers else None if None in answers else False
        return None if listed is None else listed != self._negated

    def _filled_covers(self, name: str, context: Context) -> Iterator[bool | None]:
        """Whether the values with variables cover the name; None for each variable that cannot be filled."""
        filled = []
        for template in self._templates:
            try:
                pieces = resolve(template, context)
            except (UnknownKeyError, UndocumentedError):
                yield None
                continue
            # A variable without value "will not match any resource".
            if pieces is not None and shortest(pieces) <= len(name):
                filled.append(pieces)
        yield _filled_like(tuple(filled))(name)


def _resources_like(texts: tuple[Pieces, ...]) -> Callable[[str], bool | None]:
    """Return a function that tells whether a resource matches one of these texts.

    Wildcards match "within any ARN segment". The result is unknown for a wildcard that would have to match several
    segments.
    """
    surely = any_of(
        (glob_expression(each) if each == _ALL else arn_expression(each) for each in texts), ignores_case=False
    )

    @cache
    def perhaps(expression: Callable[[Pieces], str]) -> Callable[[str], bool]:
        return any_of(map(expression, texts), ignores_case=False)

    def like(name: str) -> bool | None:
        if surely(name):
            return True
        return None if perhaps(perhaps_expression if has_unknown(name) else glob_expression)(name) else False

    return like


# A trail delivers to many folders, for each of which the variables come to the same.
_filled_like = lru_cache(maxsize=128)(_resources_like)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement. An element that is missing is None; `document` is the statement as it was read.

    `label` is its name in messages: its Sid, or its number, counted from 1. `repeated` are the names that occur more
    than once in one of its objects, so that `document` does not hold everything that was read. `undocumented` maps each
    name whose meaning AWS does not document to the reason. `why_unclear` has these reasons in a reading that therefore
    allows or denies anything.
    """

    label: str
    sid: str | None
    effect: str | None
    principals: Principals | None
    actions: Names | None
    resources: Names | None
    conditions: tuple[Condition, ...]
    document: Any
    repeated: tuple[str, ...] = ()
    undocumented: Mapping[str, str] = field(default_factory=dict)
    why_unclear: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.label

    @cached_property
    def weight(self) -> tuple[int, int]:
        """The steps to compare it with a request, and the characters to search in its texts."""
        parts = [each for each in (self.principals, self.actions, self.resources, *self.conditions) if each]
        return 1 + sum(each.steps for each in parts), sum(each.searched for each in parts)

    @cached_property
    def readings(self) -> tuple[Statement, ...]:
        """The statement; if AWS does not document something in it, all statements that it may stand for."""
        parts = {PARTS.get(name.lower(), "Condition") for name in self.undocumented} - {"Sid"}
        if not parts:
            return (self,)
        anything = Names(("*",), negated=False, actions=True, variables=False)
        reading = replace(
            self,
            principals=Principals("?", negated=False) if "Principal" in parts else self.principals,
            actions=anything if "Action" in parts else self.actions,
            resources=anything if "Resource" in parts else self.resources,
            conditions=(unreadable("Condition"),) if "Condition" in parts else self.conditions,
            undocumented={},
            why_unclear=tuple(self.undocumented.values()),
        )
        effects = ("Allow", "Deny") if "Effect" in parts else (self.effect,)
        return tuple(replace(reading, effect=effect) for effect in effects)


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy. `document` is the JSON object as it was read and must not be changed, `text` what it was read from.

    `repeated` are the names that occur more than once in that object itself. `undocumented` are the reasons why AWS
    does not document what its statements mean. `halved` is the first half of a character in its texts; `document` and
    everything else hold its escape as text instead.
    """

    statements: tuple[Statement, ...]
    warnings: tuple[str, ...]
    document: Mapping[str, Any]
    text: str
    repeated: tuple[str, ...] = ()
    undocumented: tuple[str, ...] = ()
    halved: str | None = None

    @cached_property
    def weight(self) -> tuple[int, int]:
        """The same for all statements together, and for preparing the request."""
        weights = [each.weight for each in self.statements]
        return STEPS_OF_A_REQUEST + sum(weight[0] for weight in weights), sum(weight[1] for weight in weights)

    @cached_property
    def readings(self) -> tuple[Statement, ...]:
        """The statements to judge. If the statements or the Version are not certain, one that may say anything."""
        if self.undocumented:
            names = dict.fromkeys(("Effect", "Principal", "Action", "Resource"), "")
            anything = Statement("the policy", None, None, None, None, None, (), {}, undocumented=names)
            return tuple(replace(each, why_unclear=self.undocumented) for each in anything.readings)
        return tuple(reading for each in self.statements for reading in each.readings)

    def to_json(self) -> str:
        """The policy as it is sent: without layout, otherwise as it was written, including digits and escapes."""
        return _LAYOUT.sub(r"\1", self.text)

    def written_statements(self) -> list[str]:
        """The text of each statement, as it is sent."""
        text = self.to_json()
        begin, end = _place_of_statements(text)
        return list(_items(text, begin)) if text[begin] == "[" else [text[begin:end]]

    def with_statements(self, documents: Sequence[Any]) -> Policy:
        """The policy with other statements. Its own statements keep their text and their place."""
        own = [each.document for each in self.statements]
        written = self.written_statements()
        texts = [
            written[index] if index < len(own) and document is own[index] else to_json(document)
            for index, document in enumerate(documents)
        ]
        text = self.to_json()
        begin, end = _place_of_statements(text)
        return parse(f"{text[:begin]}[{','.join(texts)}]{text[end:]}")


def _place_of_statements(text: str) -> tuple[int, int]:
    """Where the value of Statement begins and ends in a policy without layout. The last one counts."""
    at, place = 1, (0, 0)
    while text[at] != "}":
        name, colon = _DECODER.raw_decode(text, at)
        _value, end = _DECODER.raw_decode(text, colon + 1)
        place = (colon + 1, end) if name == "Statement" else place
        at = end + (text[end] == ",")
    return place


def _items(text: str, begin: int) -> Iterator[str]:
    """The texts of the items of a list without layout."""
    at = begin + 1
    while text[at] != "]":
        _value, end = _DECODER.raw_decode(text, at)
        yield text[at:end]
        at = end + (text[end] == ",")


def to_json(document: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """JSON, compact or laid out for people. Characters outside ASCII are not escaped, because KMS counts bytes."""
    separators = (",", ":") if indent is None else None
    return json.dumps(
        document, separators=separators, indent=indent, sort_keys=sort_keys, ensure_ascii=False, default=_plain_number
    )


def _plain_number(number: Number) -> object:
    """A number for people to read, in quotes if Python would show a different number or none."""
    try:
        value = json.loads(number.text)
    except ValueError:
        return number.text
    return value if json.dumps(value) == number.text else number.text


def parse(text: str | Mapping[str, Any]) -> Policy:
    """Read a policy from its JSON text, or from the object that such a text holds.

    Raises PolicyError if it is no policy at all: no JSON, no object, no Statement, or longer than any policy in AWS, so
    that judging it would have no limit.
    """
    text = _encodable(text if isinstance(text, str) else to_json(text))
    if len(text) > MAX_CHARACTERS:
        raise PolicyError(f"The policy has {len(text):,} characters; AWS returns at most {MAX_CHARACTERS:,}.")
    document, halved = _load(text)
    if not isinstance(document, Object):
        raise PolicyError("The policy is not a JSON object.")
    if "Statement" not in document:
        raise PolicyError("The policy has no Statement.")
    listed = document["Statement"]
    variables = document.get("Version") == VERSIONS[0]
    statements: list[Statement] = []
    repeated = tuple(document.repeated)
    warnings = [
        f"The element {named(name)} appears twice in the policy, and AWS does not document which counts."
        for name in repeated
    ]
    for number, each in enumerate(listed if isinstance(listed, list) else [listed], start=1):
        statement, oddities = _statement(each, number, variables=variables)
        statements.append(statement)
        warnings.extend(f"{statement.label}: {oddity}." for oddity in oddities)
    if halved:
        warnings.append(f"A string in the policy has {halved}, half a character.")
    undocumented = tuple(undocumented_in_policy(document))
    return Policy(
        tuple(statements), (*_oddities(document, statements), *warnings), document, text, repeated, undocumented, halved
    )


def _encodable(text: str) -> str:
    """JSON with halves of characters (lone surrogates) as escapes, so that it can be sent and stored."""
    return text.encode(errors="backslashreplace").decode()


def _whole(text: str) -> tuple[str, str | None]:
    r"""JSON with halves of characters replaced by their escapes as text, and the first of these halves.

    JSON may hold `"\ud800"`, and no file, hash or terminal takes that character.
    """
    halves = (f"\\u{found[1]}" for found in _ESCAPE.finditer(text) if found[1])
    first = next(halves, None) if "\\ud" in text or "\\uD" in text else None
    written_out = text if first is None else _ESCAPE.sub(lambda found: "\\" * bool(found[1]) + found[0], text)
    return written_out, first


def _load(text: str) -> tuple[Any, str | None]:
    text, halved = _whole(text)
    try:
        document = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"The policy is not JSON: {error}.") from error
    if _is_deeper(document, MAX_DEPTH):
        raise PolicyError(f"The policy is nested more than {MAX_DEPTH} levels deep, which no real policy is.")
    return document, halved


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether a value nests lists and objects deeper than this."""
    if not isinstance(value, (dict, list)):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(part, depth - 1) for part in parts)


def _oddities(document: Mapping[str, Any], statements: Sequence[Statement]) -> list[str]:
    oddities = [] if statements else ["The policy has no statements: it allows nothing."]
    sids = Counter(statement.sid for statement in statements if statement.sid)
    oddities.extend(f"The Sid {in_quotes(sid)} is used by more than one statement." for sid in sids if sids[sid] > 1)
    unknown = sorted(document.keys() - OF_POLICIES)
    oddities.extend(f"AWS documents no element {named(name)} of a policy." for name in unknown)
    if document.get("Version") not in (*VERSIONS, None):
        oddities.append(f"The Version {document.get('Version')} is not one that AWS documents.")
    return oddities


def _statement(document: Any, number: int, *, variables: bool) -> tuple[Statement, list[str]]:
    if not isinstance(document, Mapping):
        empty = Statement(f"statement {number}", None, None, None, None, None, (), document)
        return empty, ["it is not an object and has no effect"]
    sid = document.get("Sid")
    conditions, oddities = parse_conditions(document.get("Condition", {}), variables=variables)
    statement = Statement(
        label=f"statement {in_quotes(sid)}" if sid and isinstance(sid, str) else f"statement {number}",
        sid=sid if isinstance(sid, str) else None,
        effect=document.get("Effect") if document.get("Effect") in ("Allow", "Deny") else None,
        principals=_principals(document),
        actions=_names(document, "Action", variables=False),
        resources=_names(document, "Resource", variables=variables),
        conditions=conditions,
        document=document,
        repeated=tuple(repeated_in(document)),
        undocumented=dict(undocumented_in_statement(document)),
    )
    return statement, oddities + _statement_oddities(statement)


def _statement_oddities(statement: Statement) -> list[str]:
    found = list(dict.fromkeys(statement.undocumented.values()))
    parts = {
        "Effect": statement.effect,
        "Principal": statement.principals,
        "Action": statement.actions,
        "Resource": statement.resources,
    }
    none = [name for name, part in parts.items() if part is None and not statement.undocumented]
    found += [f"it has no readable {name}, so it has no effect" for name in none]
    if statement.principals:
        found += [f"it names {name}, a principal that no longer exists" for name in statement.principals.orphans]
        found += [f"AWS documents no principal {name}" for name in statement.principals.unreadable]
    return found


def _principals(document: Mapping[str, Any]) -> Principals | None:
    negated = "Principal" not in document
    written = document.get("NotPrincipal" if negated else "Principal")
    return None if written is None else Principals(written, negated=negated)


def _names(document: Mapping[str, Any], element: str, *, variables: bool) -> Names | None:
    negated = element not in document
    written = document.get(f"Not{element}" if negated else element)
    values = written if isinstance(written, list) else [written]
    readable = [value for value in values if isinstance(value, str)]
    if len(readable) < len(values):
        return None
    return Names(readable, negated=negated, actions=element == "Action", variables=variables)
