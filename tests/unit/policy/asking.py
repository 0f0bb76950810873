# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A policy of a few statements, and what is decided of kms:Decrypt under it."""

from __future__ import annotations

from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request
from tests.unit.policy.golden_tables import EVERYTHING, KEY, OWNER

SERVICE = "cloudtrail.amazonaws.com"
ALLOW = {**EVERYTHING, "Sid": "A"}
DENY = {**EVERYTHING, "Sid": "D", "Effect": "Deny"}


def when(statement: dict[str, Any], **conditions: Any) -> dict[str, Any]:
    """The statement under a condition."""
    return {**statement, "Condition": conditions}


def ask(
    statements: list[dict[str, Any]],
    principal: str = SERVICE,
    context: dict[str, Any] | None = None,
    unknown: tuple[str, ...] = (),
    identity: bool | None = None,
) -> tuple[str, str, tuple[str, ...]]:
    """Reason, advice, and the deciding statements of kms:Decrypt."""
    request = Request(
        principal=principal,
        action="kms:Decrypt",
        resource=KEY,
        context=context or {},
        account=OWNER,
        unknown_keys=frozenset(unknown),
        identity_allows=identity,
    )
    decision = decide(parse({"Version": "2012-10-17", "Statement": statements}), request)
    return decision.reason, decision.advice, tuple(statement.label for statement in decision.statements)
