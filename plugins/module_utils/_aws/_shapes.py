# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Whether an answer has the types that AWS's service model gives its members.

The SDK takes JSON as it comes: where the model has a text, a stand-in for AWS may have sent a list. What is missing in
an answer is for its reader to say. JSON can also hold half a character (a lone surrogate, as the escape `\ud800`),
which no file, hash or terminal takes: such text becomes its escape here, before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

# The types of the Smithy specification, "Simple types", as the SDK's parsers give them.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime,),
    "blob": (bytes,),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
}


def check(shape: Any, value: Any, where: str = "") -> None:
    """Raise TypeError, naming the member, where a value has not the type that its shape (botocore's) asks for.

    Raises UnicodeEncodeError for a text with half a character.
    """
    if not _fits(shape.type_name, value):
        raise TypeError(f"{where or 'the whole'} is {type(value).__name__}, not {shape.type_name}")
    if isinstance(value, str):
        value.encode()
    elif shape.type_name == "structure":
        for name in shape.members.keys() & value.keys():
            check(shape.members[name], value[name], f"{where}.{name}".lstrip("."))
    elif shape.type_name == "map":
        for each in value.values():
            check(shape.value, each, f"{where}.*")
    elif shape.type_name == "list":
        for each in value:
            check(shape.member, each, f"{where}[]")


def whole(value: Any) -> Any:
    r"""The value with halves of characters as escapes: `\ud800` of six characters."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, list):
        return [whole(each) for each in value]
    return {name: whole(each) for name, each in value.items()} if isinstance(value, dict) else value


def _fits(type_name: str, value: object) -> bool:
    """Whether the value is of the type; Python takes true for a number, AWS does not."""
    expected = _TYPES.get(type_name)
    return expected is None or (isinstance(value, expected) and isinstance(value, bool) is (bool in expected))
