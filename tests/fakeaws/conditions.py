# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Condition block of a policy statement, judged against the context of one request.

Source: IAM user guide, "IAM JSON policy elements: Condition operators" and "Creating a condition
with multiple keys or values" (ForAllValues, ForAnyValue, IfExists, Null), "Variables and tags".
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias

Context: TypeAlias = Mapping[str, str | Sequence[str]]
Test: TypeAlias = Callable[[str, str], bool]

_VARIABLE = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}")


def hold(block: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """All operators of the block, and all keys under each, must hold."""
    folded = {key.lower(): _listed(value) for key, value in context.items()}
    return all(
        _holds(operator, key, [_text(value) for value in _listed(wanted)], folded)
        for operator, keys in block.items()
        for key, wanted in keys.items()
    )


def expand(pattern: str, context: Context) -> str | None:
    """Replace policy variables such as `${aws:PrincipalAccount}`; None if one has no value."""
    if "${" not in pattern:
        return pattern
    folded = {key.lower(): _listed(value) for key, value in context.items()}
    missing = False

    def value_of(match: re.Match[str]) -> str:
        nonlocal missing
        name, default = match.group(1), match.group(2)
        if name in ("*", "?", "$"):
            return name
        values = folded.get(name.lower())
        missing = missing or (values is None and default is None)
        return values[0] if values else default or ""

    expanded = _VARIABLE.sub(value_of, pattern)
    return None if missing else expanded


def matches_pattern(pattern: str, value: str, *, fold: bool = False) -> bool:
    """`*` stands for any characters, `?` for one."""
    return _compiled(pattern, fold).fullmatch(value) is not None


def known_operator(operator: str) -> bool:
    """Is this a condition operator that IAM knows (with its qualifiers)?"""
    base = operator.rpartition(":")[2].removesuffix("IfExists")
    qualifier = operator.rpartition(":")[0]
    return base in {*_POSITIVE, *_NEGATIVE, "Null"} and qualifier in {"", "ForAllValues", "ForAnyValue"}


def _holds(operator: str, key: str, wanted: list[str], context: Mapping[str, list[str]]) -> bool:
    qualifier, _colon, base = operator.rpartition(":")
    values = context.get(key.lower())
    if base == "Null":
        return (values is None) is (wanted[0].lower() == "true")
    optional = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    if not values:
        return _without_value(base, qualifier, optional=optional)
    patterns = [expanded for pattern in wanted if (expanded := expand(pattern, context)) is not None]
    negative = base in _NEGATIVE
    test = _NEGATIVE[base] if negative else _POSITIVE[base]
    results = [any(test(pattern, value) for pattern in patterns) is not negative for value in values]
    # A negated operator without a qualifier must hold for every value, a positive one for any.
    return all(results) if qualifier == "ForAllValues" or (negative and not qualifier) else any(results)


def _without_value(base: str, qualifier: str, *, optional: bool) -> bool:
    if qualifier:
        return qualifier == "ForAllValues" or optional
    return optional or base in _NEGATIVE


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | bool | int | float) else list(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=4096)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL | (re.IGNORECASE if fold else 0))


def _arn(pattern: str, value: str) -> bool:
    """Each of the six parts of an ARN is compared by itself; ArnEquals behaves as ArnLike."""
    ours, theirs = pattern.split(":", 5), value.split(":", 5)
    return len(ours) == len(theirs) == 6 and all(matches_pattern(a, b) for a, b in zip(ours, theirs, strict=True))


def _moment(text: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), tz=timezone.utc)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _in_network(pattern: str, value: str) -> bool:
    return ip_address(value) in ip_network(pattern, strict=False)


def _safely(test: Test) -> Test:
    """A value that cannot be read as a number, date or address matches nothing."""

    def tested(pattern: str, value: str) -> bool:
        try:
            return test(pattern, value)
        except ValueError:
            return False

    return tested


_POSITIVE: Mapping[str, Test] = {
    "StringEquals": lambda pattern, value: pattern == value,
    "StringEqualsIgnoreCase": lambda pattern, value: pattern.lower() == value.lower(),
    "StringLike": matches_pattern,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": lambda pattern, value: pattern.lower() == value.lower(),
    "BinaryEquals": _safely(lambda pattern, value: b64decode(pattern) == b64decode(value)),
    "NumericEquals": _safely(lambda pattern, value: float(value) == float(pattern)),
    "NumericLessThan": _safely(lambda pattern, value: float(value) < float(pattern)),
    "NumericLessThanEquals": _safely(lambda pattern, value: float(value) <= float(pattern)),
    "NumericGreaterThan": _safely(lambda pattern, value: float(value) > float(pattern)),
    "NumericGreaterThanEquals": _safely(lambda pattern, value: float(value) >= float(pattern)),
    "DateEquals": _safely(lambda pattern, value: _moment(value) == _moment(pattern)),
    "DateLessThan": _safely(lambda pattern, value: _moment(value) < _moment(pattern)),
    "DateLessThanEquals": _safely(lambda pattern, value: _moment(value) <= _moment(pattern)),
    "DateGreaterThan": _safely(lambda pattern, value: _moment(value) > _moment(pattern)),
    "DateGreaterThanEquals": _safely(lambda pattern, value: _moment(value) >= _moment(pattern)),
    "IpAddress": _safely(_in_network),
}
# Each holds where its positive counterpart does not.
_NEGATIVE: Mapping[str, Test] = {
    "StringNotEquals": _POSITIVE["StringEquals"],
    "StringNotEqualsIgnoreCase": _POSITIVE["StringEqualsIgnoreCase"],
    "StringNotLike": _POSITIVE["StringLike"],
    "ArnNotEquals": _arn,
    "ArnNotLike": _arn,
    "NumericNotEquals": _POSITIVE["NumericEquals"],
    "DateNotEquals": _POSITIVE["DateEquals"],
    "NotIpAddress": _POSITIVE["IpAddress"],
}
