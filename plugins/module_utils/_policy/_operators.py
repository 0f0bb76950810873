# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each condition operator compares, from "IAM JSON policy elements: Condition operators".

A maker turns a value of the policy into the text that a request's value must equal, or into a function that tells
whether a request's value matches.
"""

from __future__ import annotations

import base64
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Any, TypeAlias

from ._patterns import Pieces, UndocumentedError, arn_glob, glob, is_arn

Matcher: TypeAlias = Callable[[str], bool]
Maker: TypeAlias = Callable[[Pieces], "str | Matcher"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
# The W3C profile of ISO 8601 that AWS names (NOTE-datetime): a date, or a date with time and zone.
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(?:Z|([+-])(\d\d):(\d\d)))?)?)?",
    re.ASCII,
)
_YEAR = re.compile(r"\d{4}", re.ASCII)


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
    return _matcher(glob(pieces))


def _arn(pieces: Pieces) -> str | Matcher:
    text = _text(pieces)
    if not is_arn(text):
        # Fewer than six parts: nothing says whether the rest is anything or nothing.
        loose = glob(pieces)
        return lambda value: _unclear_if(loose == value if isinstance(loose, str) else loose.fullmatch(value))
    return _matcher(arn_glob(pieces))


def _matcher(pattern: str | re.Pattern[str]) -> str | Matcher:
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


def _compared(parse: Callable[[str], Any], compare: Callable[[Any, Any], bool], pieces: Pieces) -> Matcher:
    """A comparison with a value of the policy. AWS documents no result for a text that `parse` cannot read."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise UndocumentedError from error

    try:
        bound = parsed(_text(pieces))
    except UndocumentedError:
        return _never_clear
    return lambda value: compare(parsed(value), bound)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise UndocumentedError
    return float(text)


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime:
    """A point in time, from a date or from epoch seconds. Four digits may be a year or such seconds."""
    date = _DATE.fullmatch(text)
    if _YEAR.fullmatch(text):
        raise UndocumentedError
    try:
        return _of_date(*date.groups()) if date else datetime.fromtimestamp(_number(text), timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise UndocumentedError from error


def moment_of(text: str) -> datetime | None:
    """The same; None if the text names no point in time."""
    try:
        return _moment(text)
    except UndocumentedError:
        return None


def _of_date(*groups: str | None) -> datetime:
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = (each or "" for each in groups)
    clock = (int(hour or 0), int(minute or 0), int(second or 0), int(fraction.ljust(6, "0")))
    moment = datetime(int(year), int(month or 1), int(day or 1), *clock, timezone.utc)
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return moment + ahead if sign == "-" else moment - ahead


def _inside(address: ipaddress.IPv4Network | ipaddress.IPv6Network, network: Any) -> bool:
    return address.version == network.version and address.subnet_of(network)


_EXACT = Operator("StringEquals", _text, variables=True)
_FOLDED = Operator("StringEqualsIgnoreCase", _folded, variables=True, ignores_case=True)
_LIKE = Operator("StringLike", _like, variables=True)
_ARN = Operator("ArnLike", _arn, variables=True)
_NUMERIC = Operator("NumericEquals", partial(_compared, _number, operator.eq))
_DATED = Operator("DateEquals", partial(_compared, _moment, operator.eq))
_ADDRESS = Operator("IpAddress", partial(_compared, partial(ipaddress.ip_network, strict=False), _inside))

OPERATORS: dict[str, Operator] = {
    "StringEquals": _EXACT,
    "StringNotEquals": replace(_EXACT, negated=True),
    "StringEqualsIgnoreCase": _FOLDED,
    "StringNotEqualsIgnoreCase": replace(_FOLDED, negated=True),
    "StringLike": _LIKE,
    "StringNotLike": replace(_LIKE, negated=True),
    # ArnEquals and ArnLike "behave identically", and so do their negations.
    "ArnLike": _ARN,
    "ArnEquals": _ARN,
    "ArnNotLike": replace(_ARN, negated=True),
    "ArnNotEquals": replace(_ARN, negated=True),
    # One page lets Bool have policy variables, another does not: such a value is never clear.
    "Bool": Operator("Bool", _bool, ignores_case=True),
    "NumericEquals": _NUMERIC,
    "NumericNotEquals": replace(_NUMERIC, negated=True),
    "NumericLessThan": Operator("NumericLessThan", partial(_compared, _number, operator.lt)),
    "NumericLessThanEquals": Operator("NumericLessThanEquals", partial(_compared, _number, operator.le)),
    "NumericGreaterThan": Operator("NumericGreaterThan", partial(_compared, _number, operator.gt)),
    "NumericGreaterThanEquals": Operator("NumericGreaterThanEquals", partial(_compared, _number, operator.ge)),
    "DateEquals": _DATED,
    "DateNotEquals": replace(_DATED, negated=True),
    "DateLessThan": Operator("DateLessThan", partial(_compared, _moment, operator.lt)),
    "DateLessThanEquals": Operator("DateLessThanEquals", partial(_compared, _moment, operator.le)),
    "DateGreaterThan": Operator("DateGreaterThan", partial(_compared, _moment, operator.gt)),
    "DateGreaterThanEquals": Operator("DateGreaterThanEquals", partial(_compared, _moment, operator.ge)),
    "BinaryEquals": Operator("BinaryEquals", partial(_compared, partial(base64.b64decode, validate=True), operator.eq)),
    "IpAddress": _ADDRESS,
    "NotIpAddress": replace(_ADDRESS, negated=True),
}
