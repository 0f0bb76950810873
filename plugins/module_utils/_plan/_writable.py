# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a key policy can be written, known before anything is: who may write it, and whom it would name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._model import Change, Key, Reason, Snapshot
from .._operations import Operation
from .._permissions import iam_action
from .._policy import Outcome, Policy, PolicyError, Request, Statement, decide, parse, write_request
from .._request import EnforceRequest

_ROLE_OR_USER = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/[\w+=,.@/-]+", re.ASCII)


def why_not_writable(key: Key, operation: Operation, principal: str | None) -> Reason | None:
    """Return why the key's policy refuses a write to the principal (an IAM or STS ARN), and who may; else None.

    None as well where the policy leaves it to IAM, or where it or the principal is not known. No grant allows these
    writes (KMS API reference, CreateGrant, Operations).
    """
    if principal is None or not isinstance(key.policy, str):
        return None
    try:
        policy = parse(key.policy)
    except PolicyError:
        return None
    action = iam_action("kms", operation)
    request = write_request(principal, action, key_arn=key.arn)
    decision = decide(policy, request)
    if decision.outcome not in (Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY):
        return None
    named = ", ".join(dict.fromkeys(_who_may(policy, request)))
    others = f"Its policy names {named}: run with one of these." if named else "Its policy names nobody who may."
    return Reason(f"its policy does not let {principal} call {action}.", more=f"{decision.reason} {others}")


def _who_may(policy: Policy, request: Request) -> Iterator[str]:
    """Yield the principals of the statements that allow the action, some of them perhaps under conditions."""
    for statement in policy.statements:
        actions = statement.actions if statement.effect == "Allow" else None
        if actions and actions.cover(request.action, request.keys) is not False:
            yield from _named(statement)


def _named(statement: Statement) -> Iterator[str]:
    principal = statement.document.get("Principal")
    listed: Any = principal.get("AWS", []) if isinstance(principal, Mapping) else principal or []
    yield from (str(name) for name in (listed if isinstance(listed, list) else [listed]))


def of_another_partition(request: EnforceRequest, readers: Iterable[str], snapshot: Snapshot) -> Iterator[Reason]:
    """Yield a refusal for each reader and administrator that no policy of the account's partition can name."""
    account_id, partition = snapshot.account_id, snapshot.partition
    named = {**dict.fromkeys(request.key.administrators if request.key else (), "key.administrators")}
    named.update(dict.fromkeys(readers, "readers"))
    for arn, option in sorted(named.items()):
        if arn.startswith("arn:") and arn.split(":")[1] != partition:
            yield Reason(
                f"{arn} is of the partition {arn.split(':')[1]}, and account {account_id} of {partition}, where no key "
                f"policy can name it. Remove it from {option}."
            )


def new_principals(change: Change) -> set[str]:
    """Return the ARNs of the roles and users that a change of a key policy names and that its policy did not name."""
    if change.operation not in ("CreateKey", "PutKeyPolicy"):
        return set()
    before, after = ({*_roles_and_users(side)} for side in (change.before, change.after))
    return after - before


def _roles_and_users(side: Mapping[str, object] | None) -> Iterator[str]:
    text = (side or {}).get("policy")
    if isinstance(text, str):
        for statement in parse(text).statements:
            yield from (name for name in _named(statement) if _ROLE_OR_USER.fullmatch(name))
