# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names in a policy whose meaning AWS does not document: unlisted ones, empty ones, any that occur twice.

Everything that depends on them is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._printable import in_quotes
from ._principals import KINDS

ELEMENTS = frozenset(
    ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)
# What says which part of a statement, by its name in lower case; all else is, or may be, of a condition.
PARTS = {
    **{name.lower(): name.removeprefix("Not") for name in ELEMENTS},
    **{kind.lower(): "Principal" for kind in KINDS},
}
_LISTS = [name for name in ELEMENTS if name.removeprefix("Not") in ("Principal", "Action", "Resource")]
OF_POLICIES = ("Version", "Id", "Statement")
# In lower case those on which hangs what its statements say.
_OF_STATEMENTS = ("statement", "version")
_TWICE = "appears twice in it, and AWS does not document which counts"


class Object(dict[str, Any]):
    """A JSON object that remembers which of its names occurred more than once. It holds their last values."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        """`pairs` are the names and values in the order of the text."""
        super().__init__(pairs)
        times = Counter(name for name, _value in pairs)
        self.repeated = [name for name in times if times[name] > 1]


def named(name: str) -> str:
    """A name for messages: one that AWS does not list is any text that somebody wrote."""
    return name if name in (*ELEMENTS, *KINDS, *OF_POLICIES) else in_quotes(name)


def repeated_in(value: Any) -> Iterator[str]:
    """The names that occurred more than once in one of the objects of a value."""
    if isinstance(value, Object):
        yield from value.repeated
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from repeated_in(part)


def undocumented_in_policy(document: Object) -> Iterator[str]:
    """Why AWS does not document which statements a policy has, or in which Version."""
    for name in document:
        if name.lower() in _OF_STATEMENTS and (name in document.repeated or name not in OF_POLICIES):
            yield f"{name} {_TWICE}" if name in document.repeated else f"AWS documents no element {named(name)}"


def undocumented_in_statement(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names in a statement whose meaning AWS does not document, each with the reason."""
    for name in document:
        if name not in ELEMENTS:
            yield name, f"AWS documents no element {named(name)}"
        elif f"Not{name}" in document:
            yield name, "it has an element together with its negation"
        elif name in _LISTS and _lists_nothing(document[name]):
            yield name, f"its {name} lists nothing"
        elif name in _LISTS and "Principal" not in name and not _is_text(document[name]):
            yield name, f"its {name} is no text and no list of texts"
    yield from ((name, f"{named(name)} {_TWICE}") for name in repeated_in(document))


def _lists_nothing(value: Any) -> bool:
    """Whether a list, or that of one kind of principals, is empty or has an item without a name."""
    if isinstance(value, Mapping):
        return not value or any(map(_lists_nothing, value.values()))
    return not value or (isinstance(value, list) and not all(value))


def _is_text(value: Any) -> bool:
    return all(isinstance(each, str) for each in (value if isinstance(value, list) else [value]))
