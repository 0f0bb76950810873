# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wildcards, policy variables, and the request context that fills them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from ._context_facts import TIME_KEYS

# A text, and whether its wildcards are wildcards (False: they came out of a variable).
Pieces: TypeAlias = tuple[tuple[str, bool], ...]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_BODY = re.compile(r"([^,'\s${}]+)(?:,\s*'([^']*)'\s*)?")
_CUT = re.compile(r"([*?:])")
_SPECIAL = ("*", "?", "$")
# They stand in a name for characters that nobody knows: a digit, and a lower-case letter or digit. No policy should
# hold them (they are of Unicode's private use area), so that what is like them is like all that they stand for.
ANY_DIGIT, ANY_LETTER_OR_DIGIT = "\ue000", "\ue001"
# The same in the name of a file: a digit of its date or time, and a letter of either case or digit of the string that
# makes it unique.
ANY_OF_TIME, ANY_OF_UNIQUE = "\ue002", "\ue003"
_UNKNOWN = re.compile(f"[{ANY_DIGIT}{ANY_LETTER_OR_DIGIT}{ANY_OF_TIME}{ANY_OF_UNIQUE}]")
_OF_FILES = re.compile(f"[{ANY_OF_TIME}{ANY_OF_UNIQUE}]")
# The words for files are those of the CloudTrail user guide, "CloudTrail log file name format".
_READABLE = {
    re.compile(f"o-{ANY_LETTER_OR_DIGIT}+"): "ORGANIZATION_ID",
    re.compile(f"{ANY_DIGIT}+"): "ACCOUNT_ID",
    re.compile("20--/--/--".replace("-", ANY_OF_TIME)): "YYYY/MM/DD",
    re.compile("20------T----Z".replace("-", ANY_OF_TIME)): "YYYYMMDDTHHmmZ",
    re.compile("20------T------Z".replace("-", ANY_OF_TIME)): "YYYYMMDDTHHmmssZ",
    re.compile(f"{ANY_OF_UNIQUE}+"): "UniqueString",
}
ARN_PARTS = 6
_groups = itertools.count()


class UndocumentedError(Exception):
    """AWS does not document the result."""


class UnknownKeyError(Exception):
    """A policy variable names a key whose value in the request is unknown."""


class Context:
    """The condition keys of one request, by lower-case name (condition key names ignore case)."""

    def __init__(
        self,
        known: Mapping[str, str | Sequence[str]],
        unknown: Iterable[str],
        perhaps: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        """See the fields of `Request` with these names."""
        self._known = _folded(known)
        self._perhaps = _folded(perhaps or {})
        self._absent = tuple(key[:-1] for key in self._known if key.endswith("*"))
        names = [name.lower() for name in unknown]
        self._unknown = frozenset(name for name in names if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in names if name.endswith("*"))

    def get(self, folded_key: str) -> tuple[str, ...] | None:
        """The values of the key; empty if the request does not carry it, None if that is unknown."""
        values = self._known.get(folded_key)
        if values is not None:
            return values
        if folded_key in self._unknown or folded_key in self._perhaps:
            return None
        return None if folded_key.startswith(self._prefixes) and not folded_key.startswith(self._absent) else ()

    def perhaps(self, folded_key: str) -> tuple[str, ...] | None:
        """The values of a key if they are known and only its presence is unknown; else None."""
        return None if folded_key in self._known else self._perhaps.get(folded_key)


def _folded(keys: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {key.lower(): (value,) if isinstance(value, str) else tuple(value) for key, value in keys.items()}


def has_variable(text: str) -> bool:
    """Whether the text holds what Version 2012-10-17 calls a policy variable."""
    return 0 <= text.find("${") < text.rfind("}")


def variables_in(templates: Iterable[str]) -> int:
    """How many variables these texts may hold."""
    return sum(each.count("${") for each in templates)


def split_at_variables(text: str) -> list[str]:
    """Cut a text at its variables: the text before the first, its name, the text before the second, and so on.

    The text after the last closing brace is not searched, which would start again at every opening brace there.
    """
    end = text.rfind("}") + 1
    *parts, last = _VARIABLE.split(text[:end])
    return [*parts, last + text[end:]]


def pieces_of(text: str) -> Pieces:
    """A text without variables."""
    return ((text, True),)


def resolve(template: str, context: Context) -> Pieces | None:
    """Fill the variables of a text; None if one of them has no value.

    Raises UnknownKeyError if a value is unknown, UndocumentedError if "IAM policy elements: Variables and tags" does
    not describe how a variable is written or filled.
    """
    pieces: list[tuple[str, bool]] = []
    for index, part in enumerate(split_at_variables(template)):
        if index % 2 == 0:
            pieces.append((part, True))
            continue
        value = part if part in _SPECIAL else _value(part, context)
        if value is None:
            return None
        pieces.append((value, False))
    return tuple(pieces)


def shortest(pieces: Pieces) -> int:
    """The minimal length of a text that matches this one; no shorter value of a request can match."""
    return sum(len(text) - (text.count("*") if wild else 0) for text, wild in pieces)


def searched(texts: Iterable[str]) -> int:
    """How many characters of these patterns are searched for at every place of a name: those after an asterisk."""
    return sum(len(text) - start for text in texts if (start := text.find("*")) >= 0)


def _value(body: str, context: Context) -> str | None:
    written = _BODY.fullmatch(body)
    if written is None:
        raise UndocumentedError
    key, default = written.groups()
    values = context.get(key.lower())
    if values is None or key.lower() in TIME_KEYS:  # how a time is spelt there, no page says
        raise UnknownKeyError
    if len(values) > 1:  # multivalued keys "cannot" be used as variables
        raise UndocumentedError
    value = values[0] if values else default
    if value is not None and ("*" in value or "?" in value):  # wildcard or plain character? nothing says
        raise UndocumentedError
    return value


def glob(pieces: Pieces) -> str | re.Pattern[str]:
    """A text to compare with, or a pattern if it has wildcards: `*` matches any characters, `?` one."""
    return _compiled(pieces, glob_expression)


def arn_glob(pieces: Pieces) -> str | re.Pattern[str]:
    """The same for an ARN. Its six parts are "checked separately": no wildcard matches one of the first five colons."""
    return _compiled(pieces, arn_expression)


def glob_expression(pieces: Pieces) -> str:
    """A text as a regular expression, see `glob`."""
    return _expression(_tokens(pieces), ".")


def arn_expression(pieces: Pieces) -> str:
    """An ARN as a regular expression, see `arn_glob`."""
    parts: list[list[str]] = [[]]
    for part in _tokens(pieces):
        if part == ":" and len(parts) < ARN_PARTS:
            parts.append([])
        else:
            parts[-1].append(part)
    expressions = [_expression(part, "[^:]" if number < ARN_PARTS else ".") for number, part in enumerate(parts, 1)]
    return ":".join(expressions)


def perhaps_expression(pieces: Pieces) -> str:
    """A regular expression for every name that may match the text, whatever its ANY_... characters stand for."""
    tokens = (re.sub("[A-Za-z0-9]", _or_unknown, token) for token in _tokens(pieces))
    return _expression(tokens, ".")


def _or_unknown(character: re.Match[str]) -> str:
    digit = ANY_DIGIT + ANY_OF_TIME if character[0].isdigit() else ""
    letter_or_digit = "" if character[0].isupper() else ANY_LETTER_OR_DIGIT
    return f"[{character[0]}{digit}{letter_or_digit}{ANY_OF_UNIQUE}]"


def has_unknown(name: str) -> bool:
    """Whether the name has ANY_... characters."""
    return not name.isascii() and _UNKNOWN.search(name) is not None


def as_if_named(name: str) -> str:
    """The name of a file of which only ids are unknown."""
    return _OF_FILES.sub("0", name)


def readable(name: str) -> str:
    """The name with words in place of its unknown parts."""
    for pattern, words in _READABLE.items():
        name = pattern.sub(words, name)
    return name


def any_of(expressions: Iterable[str], *, ignores_case: bool) -> Callable[[str], bool]:
    """A function that tells whether a name is like one of these regular expressions."""
    # ASCII alone: else the Kelvin sign would be a k, and the long s of old prints an s.
    flags = re.DOTALL | re.IGNORECASE | re.ASCII if ignores_case else re.DOTALL
    pattern = re.compile("|".join(f"(?:{each})" for each in expressions) or r"(?!)", flags)
    return lambda name: pattern.fullmatch(name) is not None


def is_arn(text: str) -> bool:
    """Whether a text has the six parts of an ARN."""
    return text.count(":") >= ARN_PARTS - 1


def _tokens(pieces: Pieces) -> list[str]:
    """The text cut at colons and wildcards. `*` and `?` that are wildcards stay, everything else is escaped."""
    cut = ((part, wild) for text, wild in pieces for part in _CUT.split(text))
    return [part if wild and part in ("*", "?") else re.escape(part) for part, wild in cut]


def _expression(tokens: Iterable[str], anything: str) -> str:
    """The tokens as a regular expression without backtracking: a policy full of asterisks must not stall an audit."""
    parts: list[list[str]] = [[]]
    for part in tokens:
        if part == "*":
            parts.append([])
        else:
            parts[-1].append(anything if part == "?" else part)
    chunks = ["".join(each) for each in parts]
    if len(chunks) == 1:
        return chunks[0]
    first, *middle, last = chunks
    return first + "".join(_kept(f"{anything}*?{chunk}") for chunk in middle if chunk) + f"{anything}*{last}"


def _kept(expression: str) -> str:
    """An atomic group, as Python 3.10 can write it: the first match is as good as any later one."""
    group = f"g{next(_groups)}"
    return f"(?=(?P<{group}>{expression}))(?P={group})"


def _compiled(pieces: Pieces, expression: Callable[[Pieces], str]) -> str | re.Pattern[str]:
    if any(wild and ("*" in text or "?" in text) for text, wild in pieces):
        return re.compile(expression(pieces), re.DOTALL)
    return "".join(text for text, _wild in pieces)
