# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each condition operator compares, from "IAM JSON policy elements: Condition operators".

A maker takes a value of the policy and gives either the text that a request's value must equal,
or a function that tells whether a request's value matches.
"""

from __future__ import annotations

import base64
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import (
    Pieces,
    UndocumentedError,
    arn_glob,
    glob,
    is_arn,
)

Matcher: TypeAlias = Callable[[str], bool]
Maker: TypeAlias = Callable[[Pieces], "str | Matcher"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
# The W3C profile of ISO 8601 that AWS names (NOTE-datetime): a date, or a date with time and zone.
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(?:Z|([+-])(\d\d):(\d\d)))?)?)?"
)
_LEAST = (0, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Operator:
    """`name` is the operator without its negation; `variables` whether its values may hold policy variables."""

    name: str
    make: Maker
    negated: bool = False
    variables: bool = False
    ignores_case: bool = False


def _text(pieces: Pieces) -> str:
    return "".join(text for text, _wild in pieces)


def _folded(pieces: Pieces) -> str:
    return _text(pieces).lower()


def _like(pieces: Pieces) -> str | Matcher:
    pattern = glob(pieces)
    return pattern if isinstance(pattern, str) else lambda value: pattern.fullmatch(value) is not None


def _arn(pieces: Pieces) -> str | Matcher:
    text = _text(pieces)
    if not is_arn(text):
        # Fewer than six parts: nothing says whether the rest is anything or nothing.
        loose = glob(pieces)
        return lambda value: _unclear_if(loose == value if isinstance(loose, str) else loose.fullmatch(value))
    pattern = arn_glob(pieces)
    return pattern if isinstance(pattern, str) else lambda value: pattern.fullmatch(value) is not None


def _unclear_if(matched: object) -> bool:
    if matched:
        raise UndocumentedError
    return False


def _bool(pieces: Pieces) -> str | Matcher:
    wanted = _folded(pieces)
    if wanted in ("true", "false"):
        return wanted
    return _never_clear


def _never_clear(_value: str) -> bool:
    raise UndocumentedError


def _compared(parse: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Maker:
    def make(pieces: Pieces) -> Matcher:
        try:
            bound = parse(_text(pieces))
        except UndocumentedError:
            return _never_clear
        return lambda value: compare(parse(value), bound)

    return make


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise UndocumentedError
    return float(text)


def _moment(text: str) -> datetime:
    """A point in time, from epoch seconds or from a date."""
    try:
        if _NUMBER.fullmatch(text) and not _DATE.fullmatch(text):
            return datetime.fromtimestamp(float(text), timezone.utc)
        return _iso_8601(text)
    except (ValueError, OverflowError, OSError) as error:
        raise UndocumentedError from error


def _iso_8601(text: str) -> datetime:
    found = _DATE.fullmatch(text)
    if found is None:
        raise UndocumentedError
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (int(part or least) for part, least in zip(parts, _LEAST, strict=True))
    moment = datetime(year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")), timezone.utc)
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return moment + ahead if sign == "-" else moment - ahead


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise UndocumentedError from error


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise UndocumentedError from error


def _inside(address: ipaddress.IPv4Network | ipaddress.IPv6Network, network: Any) -> bool:
    return address.version == network.version and address.subnet_of(network)


def _family(make: Maker, *names: str, variables: bool = False, ignores_case: bool = False) -> dict[str, Operator]:
    """The operators that share one comparison, the first of which names it; the others are its negations."""
    return {
        name: Operator(names[0], make, negated="Not" in name, variables=variables, ignores_case=ignores_case)
        for name in names
    }


def _ordered(kind: str, parse: Callable[[str], Any]) -> dict[str, Operator]:
    """The six comparisons that numbers and dates share."""
    return {
        **_family(_compared(parse, operator.eq), f"{kind}Equals", f"{kind}NotEquals"),
        **_family(_compared(parse, operator.lt), f"{kind}LessThan"),
        **_family(_compared(parse, operator.le), f"{kind}LessThanEquals"),
        **_family(_compared(parse, operator.gt), f"{kind}GreaterThan"),
        **_family(_compared(parse, operator.ge), f"{kind}GreaterThanEquals"),
    }


OPERATORS: dict[str, Operator] = {
    **_family(_text, "StringEquals", "StringNotEquals", variables=True),
    **_family(_folded, "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", variables=True, ignores_case=True),
    **_family(_like, "StringLike", "StringNotLike", variables=True),
    # ArnEquals and ArnLike "behave identically", and so do their negations.
    **_family(_arn, "ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals", variables=True),
    # One page lets Bool have policy variables, another does not: such a value is never clear.
    **_family(_bool, "Bool", ignores_case=True),
    **_ordered("Numeric", _number),
    **_ordered("Date", _moment),
    **_family(_compared(_binary, operator.eq), "BinaryEquals"),
    **_family(_compared(_network, _inside), "IpAddress", "NotIpAddress"),
}
