# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an answer has the types that AWS's service model gives its members.

The SDK takes JSON as it comes: where the model has a text, a stand-in for AWS may have sent a list. What is missing in
an answer is for its reader to say.
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
    """Raise TypeError, naming the member, where a value has not the type that its shape (botocore's) asks for."""
    if not _fits(shape.type_name, value):
        raise TypeError(f"{where or 'the whole'} is {type(value).__name__}, not {shape.type_name}")
    if shape.type_name == "structure":
        for name in shape.members.keys() & value.keys():
            check(shape.members[name], value[name], f"{where}.{name}".lstrip("."))
    elif shape.type_name == "map":
        for each in value.values():
            check(shape.value, each, f"{where}.*")
    elif shape.type_name == "list":
        for each in value:
            check(shape.member, each, f"{where}[]")


def _fits(type_name: str, value: object) -> bool:
    """Whether the value is of the type; Python takes true for a number, AWS does not."""
    expected = _TYPES.get(type_name)
    return expected is None or (isinstance(value, expected) and isinstance(value, bool) is (bool in expected))
