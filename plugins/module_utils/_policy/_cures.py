# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to change a Deny that hits a call it should not, so that it still keeps everybody else out.

Sources: IAM user guide, "Establish permissions guardrails using data perimeters", and "AWS global condition context
keys", aws:PrincipalIsAWSService.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .._printable import in_quotes
from ._conditions import Condition
from ._document import Statement
from ._near_miss import like_instead
from ._patterns import has_unknown
from ._request import Request
from ._words import listing, quoted

_KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_OF_SERVICES = frozenset(("aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist"))
# What tells one trail, or one encryption, from another: a Deny that lists them lacks this one.
_TELLING = frozenset(
    (
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "kms:encryptioncontext:aws:cloudtrail:arn",
        "s3:x-amz-server-side-encryption",
        _KEY_ID,
    )
)


def cure(denying: Sequence[Statement], request: Request) -> str:
    """What to do in each of the statements that deny a request."""
    return f"No Allow overrides a Deny: {listing([_of(statement, request) for statement in denying])}."


def exemption(statement: Statement, request: Request) -> str:
    """How to exempt the caller from a statement that may deny. If it targets the caller, its author decides."""
    if _is_aimed(statement, request):
        return f"{statement.label} targets {request.principal}, and its author decides whether that is intended"
    return f"in {statement.label}, {_exempted(statement, request)}"


def settling(statement: Statement, condition: Condition, request: Request) -> str:
    """The exemption from a statement that depends on a condition.

    If the list of the condition already has the value that the request may carry, the condition denies the request only
    because the key is absent. Then the exemption is to require the key ("Null"), as in AWS's example against the
    confused deputy.
    """
    perhaps = request.keys.perhaps(condition.folded_key) or ()
    if condition.negated and condition.if_exists and set(perhaps) & set(condition.values):
        return (
            f"in {statement.label}, {_added(statement, 'Null', condition.key, 'false')}, as it lists {quoted(perhaps)}"
        )
    return exemption(statement, request)


def _of(statement: Statement, request: Request) -> str:
    correction = next((each for c in statement.conditions if (each := _corrected(c, request))), None)
    if correction and _is_aimed(statement, request):
        return f"{exemption(statement, request)}; to let this call pass, {correction}"
    return f"in {statement.label}, {correction}" if correction else exemption(statement, request)


def _is_aimed(statement: Statement, request: Request) -> bool:
    """Whether the statement deliberately names the caller, AWS services, or exactly what the request carries."""
    principals = statement.principals
    if principals and not principals.negated and request.caller.name in principals.names:
        return True
    keys = {condition.folded_key for condition in statement.conditions if not condition.is_null}
    listed = (c for c in statement.conditions if c.folded_key in _TELLING and not c.negated and not c.is_null)
    return (request.caller.is_service and bool(keys & _OF_SERVICES)) or any(listed)


def _corrected(condition: Condition, request: Request) -> str | None:
    """How to add this request to a list of what is not denied; None if there is no such list."""
    values = request.keys.get(condition.folded_key)
    if condition.folded_key not in _TELLING or not condition.negated or not values or any(map(has_unknown, values)):
        return None
    instead = like_instead(condition, request)
    if instead:
        return f"use {instead} instead of {condition.operator}, which takes * literally"
    others = [value for value in condition.values if not value.startswith("arn:") or ":alias/" in value]
    if condition.folded_key == _KEY_ID and others:
        # S3 user guide, "Using server-side encryption with AWS KMS keys": the key's ARN.
        return f"use {quoted(values)} instead of {quoted(others)}: S3 compares the ARN of the key"
    return f"add {quoted(values)} to the values of {condition.key}"


def _exempted(statement: Statement, request: Request) -> str:
    """The exemption of all AWS services, or of one user or role, in addition to what the statement says."""
    caller = request.caller
    if caller.is_service:
        # What comes without credentials lacks the key, and is not to be exempted; KMS takes nothing of the kind.
        operator = "Bool" if request.action.startswith("kms:") else "BoolIfExists"
        return (
            f"{_added(statement, operator, 'aws:PrincipalIsAWSService', 'false')}, which exempts AWS services and "
            "nobody else"
        )
    if caller.kind in ("user", "role"):
        # IAM user guide, "AWS JSON policy elements: NotPrincipal": rather this than an element NotPrincipal.
        return _added(statement, "ArnNotEquals", "aws:PrincipalArn", caller.name)
    return f"exempt {request.principal}"


def _added(statement: Statement, operator: str, key: str, value: str) -> str:
    """How to add a condition to a statement: JSON allows each name only once."""
    present = statement.document.get("Condition")
    if not isinstance(present, Mapping):
        return f"add {_member('Condition', {operator: {key: value}})}"
    tests = present.get(operator)
    if not isinstance(tests, Mapping):
        return f"add {_member(operator, {key: value})} to its Condition"
    if key.lower() in map(str.lower, tests):
        return f"add {in_quotes(value)} to the values of {key} in its {operator}"
    return f"add {_member(key, value)} to the {operator} of its Condition"


def _member(name: str, value: object) -> str:
    return json.dumps({name: value}, ensure_ascii=False)[1:-1]
