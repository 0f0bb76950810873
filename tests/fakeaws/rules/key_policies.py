# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What KMS refuses in a key policy.

Source: PutKeyPolicy and CreateKey (parameter Policy) in the KMS API reference, and the IAM JSON policy
elements reference. The texts for invalid principals and for the lockout are as KMS is known to print
them; the other texts are likely.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakeaws.conditions import known_operator
from tests.fakeaws.errors import AwsError
from tests.fakeaws.policy import Document, Verdict, as_list, evaluate
from tests.fakeaws.rules.identity_context import identity_context
from tests.fakeaws.world import Identity, World

_LIMIT = 32 * 1024  # Resource quotas of AWS KMS: "Key policy document size".
_CHARACTERS = re.compile(r"[\t\n\r\u0020-\u00ff]+")  # PolicyType in the service model
_ELEMENTS = {"Version", "Id", "Statement"}
_STATEMENT_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_PRINCIPAL = re.compile(r"\*|\d{12}|arn:[\w-]+:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/[^*?]+)")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")


def validate(world: World, text: str) -> None:
    """AwsError MalformedPolicyDocumentException, or LimitExceededException for more than 32,768 bytes."""
    if len(text.encode()) > _LIMIT:
        raise AwsError("LimitExceededException", f"The policy is longer than {_LIMIT} bytes.")
    if not _CHARACTERS.fullmatch(text):
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
        )
    document = _parsed(text)
    if set(document) - _ELEMENTS or document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise malformed("Syntax errors in policy.")
    statements = as_list(document.get("Statement"))
    if not statements:
        raise malformed("Policy does not contain any statements.")
    for statement in statements:
        _validate_statement(world, statement)


def _parsed(text: str) -> Document:
    try:
        document = json.loads(text)
    except ValueError:
        raise malformed("This policy contains invalid Json") from None
    if not isinstance(document, dict):
        raise malformed("This policy contains invalid Json")
    return document


def _validate_statement(world: World, statement: Any) -> None:
    """A statement without Action or Resource is stored and has no effect (PutKeyPolicy, parameter Policy)."""
    if not isinstance(statement, dict) or set(statement) - _STATEMENT_ELEMENTS:
        raise malformed("Syntax errors in policy.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise malformed("Syntax errors in policy.")
    if ("Principal" in statement) is ("NotPrincipal" in statement):
        raise malformed("Policy contains a statement with no principal.")
    for action in [*as_list(statement.get("Action")), *as_list(statement.get("NotAction"))]:
        if action != "*" and not str(action).lower().startswith("kms:"):
            raise malformed("Policy contains a statement with one or more invalid actions.")
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(known_operator(operator) for operator in condition):
        raise malformed("Policy contains a statement with an invalid condition operator.")
    _validate_principals(world, statement.get("Principal", statement.get("NotPrincipal")))


def _validate_principals(world: World, principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal or set(principal) - {"AWS", "Service", "Federated"}:
        raise _invalid_principals()
    for name in as_list(principal.get("AWS")):
        # The unique id of a deleted principal (AIDA…, AROA…) is no principal that exists (IAM, "Unique identifiers").
        if not isinstance(name, str) or not _PRINCIPAL.fullmatch(name) or not world.principal_exists(name):
            raise _invalid_principals()
    for name in as_list(principal.get("Service")):
        if not isinstance(name, str) or not _SERVICE.fullmatch(name):
            raise _invalid_principals()


def check_lockout(world: World, identity: Identity, region: str, key_arn: str, text: str) -> None:
    """The caller must be able to call PutKeyPolicy again (same parameter; KMS guide, "Default key policy")."""
    context = {**identity_context(world, identity, region), "kms:CallerAccount": identity.account}
    verdict = evaluate(text, identity.requester, "kms:PutKeyPolicy", key_arn, context)
    if verdict not in (Verdict.ALLOWED, Verdict.ALLOWED_TO_ACCOUNT):
        raise malformed("The new key policy will not allow you to update the key policy in the future.")


def _invalid_principals() -> AwsError:
    return malformed("Policy contains a statement with one or more invalid principals.")


def malformed(message: str) -> AwsError:
    """The error for everything that is wrong inside a policy."""
    return AwsError("MalformedPolicyDocumentException", message)
