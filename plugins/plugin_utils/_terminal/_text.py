# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text for a terminal: what a character shows, how wide it is, and where a line breaks."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping

# A long name breaks after a slash, or else one of these, where it can: ARNs and generated names are read in parts.
_SEPARATORS = ":-_.,"
# Where a command may break.
_PART = re.compile(r" (?=--|&& )")
# How a statement to paste begins, and its members: each ends with a comma that is in no string.
_STATEMENT = ' {"Sid":'
_MEMBER = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+,?')
_JSON = json.JSONDecoder()


def columns(text: str) -> int:
    """Return how many columns of a terminal the (printable) text takes: wide characters take two, accents none.

    Source: Unicode Standard Annex 11, East Asian Width.
    """
    # Nearly all text is of this kind, and a table measures it again and again.
    return len(text) if text.isascii() else sum(map(_character_columns, text))


def _character_columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """Return the text filled up with spaces to `width` columns."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int) -> list[str]:
    """Return the text as lines of at most `width` columns, at least one; nothing but space is lost.

    Lines break at spaces. A word that is too long for a line of its own starts on a new one
    and is broken after a separator, or where it must be.
    """
    lines = [""]
    for word in text.split():
        *full, rest = _pieces(word, width)
        joined = f"{lines[-1]} {rest}".lstrip()
        if full:
            lines += [*full, rest]
        elif columns(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(rest)
    return [line for line in lines if line] or [""]


def wrap_further_in(text: str, width: int) -> list[str]:
    """Return the text as `wrap` does, with what does not fit on the first line one column further in."""
    first, *others = wrap(text, width)
    rest = " ".join(text.split())[len(first) :]
    return [first, *(f" {line}" for line in wrap(rest, width - 1))] if others else [first]


def wrap_hanging(text: str, width: int, indent: int) -> list[str]:
    """Return the text as lines that break at spaces alone, all but the first indented: a longer word stays whole."""
    return textwrap.wrap(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def wrap_remediation(text: str, command: str, width: int) -> list[str]:
    """Return what to do as `wrap` does, and then a command; that, and policy statements, are to copy as they are.

    Each starts a line. A command breaks before its options, and its lines go on after a backslash; a statement breaks
    after its members. An argument or a string stays whole: where it is wider than the line, the terminal breaks it, and
    copies it as one.
    """
    if not command:
        return _prose_and_statements(text, width)
    first, *parts = _PART.split(command)
    lines = [first]
    for part in parts:
        joined = f"{lines[-1]} {part}"
        if columns(joined) <= width - len(" \\"):
            lines[-1] = joined
        else:
            lines.append(f"  {part}")
    return [*_prose_and_statements(f"{text}:", width), *(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _prose_and_statements(text: str, width: int) -> list[str]:
    lines = []
    for prose, statement in _with_statements(text):
        lines += wrap(prose, width) if prose.strip() else []
        lines += _members(statement, width)
    return lines or [""]


def _members(statement: str, width: int) -> list[str]:
    lines: list[str] = []
    for member in _MEMBER.findall(statement):
        if lines and columns(lines[-1] + member) <= width:
            lines[-1] += member
        else:
            lines.append(member)
    return lines


def _with_statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text in parts: prose, and the policy statement that follows it, if any."""
    while (start := text.find(_STATEMENT)) >= 0:
        try:
            _document, end = _JSON.raw_decode(text, start + 1)
        except (ValueError, RecursionError):
            break
        yield text[:start], text[start + 1 : end]
        text = text[end:]
    yield text, ""


def _pieces(word: str, width: int) -> list[str]:
    """Break a word that is wider than `width` after separators where it can be; it is gone through once."""
    pieces, start = [], 0
    while (end := _fitting_end(word, start, width)) < len(word):
        least = start + (end - start) // 3
        separator = word.rfind("/", least, end)
        if separator < 0:
            separator = max(word.rfind(mark, least, end) for mark in _SEPARATORS)
        end = end if separator < 0 else separator + 1
        if word.startswith("::", end) and end > start + 1:
            end -= 1  # where it begins a line, a CI system may obey it
        pieces.append(word[start:end])
        start = end
    return [*pieces, word[start:]]


def _fitting_end(word: str, start: int, width: int) -> int:
    """Return where the longest piece ends that starts there and fits; one character is the least."""
    if word.isascii():
        return min(start + max(width, 1), len(word))
    taken = 0
    for end in range(start, len(word)):
        taken += _character_columns(word[end])
        if taken > width and end > start:
            return end
    return len(word)


def in_general(text: str, words: Mapping[str | None, str]) -> str:
    """Return the text with words in the place of these names, of which the longest counts.

    Findings are grouped by this, and not by rule, outcome and error code: equal in these, they may still differ in the
    statement that denies, or in AWS's words.
    """
    names = "|".join(re.escape(name) for name in sorted(filter(None, words), key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{names})(?![\w-])", lambda found: words[found[0]], text)
