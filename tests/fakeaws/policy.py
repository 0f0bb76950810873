# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small evaluator of policies: what a key policy, a bucket policy or an IAM policy says of one request.

It is written for the fake AWS alone, on purpose apart from the engine that the collection ships, so
that the two can disagree. Source: IAM user guide, "Policy evaluation logic", "IAM JSON policy
elements: Principal", "... Condition operators", "... Variables and tags".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from tests.fakeaws import conditions
from tests.fakeaws.conditions import Context, matches_pattern

Document: TypeAlias = Mapping[str, Any]


class Verdict(Enum):
    """What one policy says: nothing, allowed to the whole account, allowed to this principal, or denied."""

    NONE = "none"
    ALLOWED_TO_ACCOUNT = "allowed to the account"
    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, kw_only=True)
class Requester:
    """Who asks: an AWS service by its name, or an identity by its ARNs (a session has its role's too)."""

    service: str | None = None
    account: str | None = None
    arns: frozenset[str] = frozenset()


def evaluate(policy: str | Document, requester: Requester, action: str, resource: str, context: Context) -> Verdict:
    """Judge one request against one policy. A matching Deny wins over every Allow."""
    document: Document = json.loads(policy) if isinstance(policy, str) else policy
    found = Verdict.NONE
    for statement in as_list(document.get("Statement")):
        verdict = _judge(statement, requester, action, resource, context)
        if verdict is Verdict.DENIED:
            return verdict
        if verdict is Verdict.ALLOWED or found is Verdict.NONE:
            found = verdict if verdict is not Verdict.NONE else found
    return found


def evaluate_identity(policy: Document, action: str, resource: str, context: Context) -> Verdict:
    """Judge one request against an identity-based policy, which names no principal: it is that of the one who asks."""
    found = {
        statement.get("Effect")
        for statement in as_list(policy.get("Statement"))
        if _applies(statement, action, resource, context)
    }
    if "Deny" in found:
        return Verdict.DENIED
    return Verdict.ALLOWED if found else Verdict.NONE


def as_list(value: Any) -> list[Any]:
    """A policy element may stand alone or in a list: return the list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _judge(statement: Document, requester: Requester, action: str, resource: str, context: Context) -> Verdict:
    reached = _principal(statement, requester)
    if reached is Verdict.NONE or not _applies(statement, action, resource, context):
        return Verdict.NONE
    return Verdict.DENIED if statement.get("Effect") == "Deny" else reached


def _applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    """Whether action, resource and conditions of the statement are those of the request."""
    return (
        _covers(statement, "Action", [action], fold=True)
        and _covers(statement, "Resource", [resource], fold=False, context=context)
        and conditions.hold(statement.get("Condition", {}), context)
    )


def _principal(statement: Document, requester: Requester) -> Verdict:
    """A statement without any principal reaches nobody (a key policy statement needs one)."""
    if "NotPrincipal" in statement:
        named = _named(statement["NotPrincipal"], requester)
        return Verdict.ALLOWED if named is Verdict.NONE else Verdict.NONE
    return _named(statement.get("Principal"), requester)


def _named(principal: Any, requester: Requester) -> Verdict:
    # "*" and {"AWS": "*"} are the same: everyone, the services of AWS among them.
    if principal == "*":
        return Verdict.ALLOWED
    if not isinstance(principal, Mapping):
        return Verdict.NONE
    if requester.service in as_list(principal.get("Service")) and requester.service:
        return Verdict.ALLOWED
    return _named_aws(as_list(principal.get("AWS")), requester)


def _named_aws(names: Iterable[str], requester: Requester) -> Verdict:
    found = Verdict.NONE
    for name in names:
        if name == "*" or name in requester.arns:
            return Verdict.ALLOWED
        # The account's id or root stands for the account: it may delegate by its IAM policies.
        if requester.account and (name == requester.account or name.endswith(f":iam::{requester.account}:root")):
            found = Verdict.ALLOWED_TO_ACCOUNT
    return found


def _covers(
    statement: Document, element: str, values: Sequence[str], *, fold: bool, context: Context | None = None
) -> bool:
    """Does Action/Resource (or its Not form) cover the value? A missing element makes the statement void."""
    inverted = f"Not{element}" in statement
    patterns = as_list(statement.get(f"Not{element}" if inverted else element))
    if not patterns:
        return False
    expanded = [conditions.expand(str(pattern), context or {}) for pattern in patterns]
    hit = any(
        pattern is not None and matches_pattern(pattern, value, fold=fold) for pattern in expanded for value in values
    )
    return hit is not inverted
