# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How messages name a call, a condition, and what a request carries."""

from __future__ import annotations

from collections.abc import Sequence

from .._printable import in_quotes
from ._conditions import Condition
from ._patterns import readable
from ._request import Request

_SHOWN = 3


def call(request: Request) -> str:
    """`kms:Decrypt to cloudtrail.amazonaws.com`."""
    return f"{request.action} to {request.principal}"


def written(condition: Condition) -> str:
    """The condition as it is written in the policy."""
    return f"{condition.operator} {condition.key} = {quoted(condition.values)}"


def carried(condition: Condition, request: Request) -> str:
    """The value of the condition key in the request."""
    values, perhaps = request.keys.get(condition.folded_key), request.keys.perhaps(condition.folded_key)
    if perhaps:
        return f"{quoted(perhaps)} or no such key"
    return readable(quoted(values)) if values else "no such key"


def quoted(values: Sequence[str]) -> str:
    """`"a", "b" and "c"`, and how many more there are."""
    return listing([*map(in_quotes, values)]) if values else "nothing"


def listing(texts: Sequence[str]) -> str:
    """`a, b and c`, and how many more there are."""
    shown = [*texts[:_SHOWN], *([f"{len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else [])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
