# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person must know before a plan is applied, though nothing forbids it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from .._checks import (
    USABLE_STATES,
    AccountVerdict,
    Settings,
    bucket_policy_accepts_key,
    closed_spare_folder,
    may_read,
    subject_of,
)
from .._model import Change, Consequence, Key, KeyLookup, ReadError, Reason, Snapshot, Trail
from .._policy import MAX_BYTES, Budget, Policy, is_arn
from .._request import EnforceRequest, KeyRequest
from ._new_key import policy_of, why_not_trusted
from ._remedies import excepted_changes, may_write
from ._unseen import in_all_regions

NEARLY_FULL = 0.8  # of a policy's largest size: room for some fifty more trails


def plan_warnings(
    account: AccountVerdict, predicted: Snapshot, changes: Iterable[Change], request: EnforceRequest
) -> list[str | Reason]:
    """Return warnings: trails left to others, keys that must outlive their logs, what readers and buckets refuse."""
    changes = tuple(changes)
    moved = {change.resource for change in changes if change.operation in ("CreateTrail", "UpdateTrail")}
    warnings: list[str | Reason] = [
        *_left_to_others(account, request),
        *_excepted_warnings(account, request, moved),
        *size_warnings(changes),
    ]
    before = {trail.arn: trail for trail in account.snapshot.trails}
    for change in changes:
        if change.operation in ("CreateTrail", "UpdateTrail"):
            warnings += (Consequence(text, resource=change.resource) for text in _of_bucket(predicted, change))
        if change.operation == "UpdateTrail" and before[change.resource].kms_key_arn not in _kept(change):
            lost = _of_replacement(account.snapshot, predicted, before[change.resource], change)
            warnings += (Consequence(text, resource=change.resource) for text in lost)
    return warnings


def old_key_warnings(snapshot: Snapshot, lookups: Iterable[KeyLookup]) -> Iterator[str]:
    """Yield a warning for each key of ours that no trail of the account has, and that is not usable any more.

    Only keys that were read because the requested alias does not exist are known here; AWS is not asked for more.
    """
    used = {trail.kms_key_arn for trail in snapshot.trails}
    for key in (key for lookup in lookups if not isinstance(lookup.unaliased, ReadError) for key in lookup.unaliased):
        if key.arn not in used and key.state not in USABLE_STATES:
            when = (
                f", and KMS deletes it at {key.deletion_date.isoformat(timespec='seconds')}"
                if key.deletion_date
                else ""
            )
            yield (
                f"The key {key.arn} has our tag and no alias, and is {key.state}{when}. Logs that are encrypted under "
                "it cannot be read without it: keep it, enabled, as long as they are kept."
            )


def _of_bucket(predicted: Snapshot, change: Change) -> Iterator[str]:
    """Yield what the bucket's policy may have against the call, or against digest files that come under a first key."""
    (trail,) = (trail for trail in predicted.trails if trail.arn == change.resource)
    subject = subject_of(in_all_regions(predicted), trail, Settings())
    closed = closed_spare_folder(subject)
    if closed:
        folder, does_not = closed
        yield (
            f"{change.operation} may refuse the trail {trail.arn}, though its logs would arrive: the policy of the "
            f"bucket {trail.bucket_name} {does_not} let CloudTrail upload below {folder}/. In that case allow it, as "
            "AWS's bucket policy for organization trails does."
        )
    result = bucket_policy_accepts_key(subject)
    if result.advice and not (change.before or {}).get("kms_key_arn"):
        yield f"The trail {trail.arn} once it has its first key: {result.message} {result.remediation}"


def _kept(change: Change) -> tuple[object, ...]:
    """Return the keys that are no loss: none, and the one that the trail has after the change as well."""
    return (None, change.after["kms_key_arn"])


def size_warnings(changes: Iterable[Change]) -> Iterator[Reason]:
    """Yield a warning for each policy that is nearly full: a merge that finds no room is refused, which is too late."""
    for change in changes:
        size = len(str(change.parameters.get("Policy", "")).encode())
        if change.operation in ("CreateKey", "PutKeyPolicy") and size > NEARLY_FULL * MAX_BYTES:
            yield Reason(
                f"The policy of {change.resource} will have {size} bytes; KMS accepts {MAX_BYTES}. Before it is "
                "full, give further accounts another key, or",
                ({"statements": "cis, which allows whole accounts"},),
            )


def stranger_warnings(key: Key, request: EnforceRequest, readers: Collection[str]) -> Iterator[Reason]:
    """Yield what a key found by its alias opens to others: anyone who may create keys could have given it the alias."""
    if request.key is None:
        return
    reasons = (why_not_trusted(key, readers, request.key.administrators), *_of_material(key, request.key))
    for reason in filter(None, reasons):
        yield Reason(
            f"Trails that have not used the key {key.arn}, to which {request.key.alias} points, will now use it, and "
            f"{reason}. If nobody intended that, find out who created the key, and",
            ({"key_id": "another"},),
        )


def _of_material(key: Key, request: KeyRequest) -> Iterator[str]:
    """Yield why others may have the key's material (KMS guide, "Key stores" and "Multi-Region keys in AWS KMS")."""
    if key.origin != "AWS_KMS":
        yield f"its key material is not KMS's own (origin {key.origin}): its maker may hold a copy, or take it away"
    if key.multi_region and not request.multi_region:
        yield (
            "it is a multi-Region key, though key does not request one: replicas in other Regions have the same "
            "key material, and key policies of their own"
        )


def _left_to_others(account: AccountVerdict, request: EnforceRequest) -> Iterator[Reason]:
    for verdict in account.trails:
        trail = verdict.trail
        if trail.ownership != "owned" and not may_write(trail, request) and verdict.verdict == "non_compliant":
            is_delegated = trail.ownership == "delegated"
            yield Reason(
                f"The trail {trail.arn} is {trail.ownership} and left as it is. Bring it to compliance in account "
                f"{trail.account_id}, which owns it{', or' if is_delegated else '.'}",
                ({"trails": "its ARN"},) if is_delegated else (),
            )


def _excepted_warnings(account: AccountVerdict, request: EnforceRequest, moved: Collection[str]) -> Iterator[str]:
    """Yield a warning for each change that an exception prevents."""
    for change in excepted_changes(account, request):
        if change.trail.arn not in moved:
            yield f"Not changed, because of an exception: {change}"


def _of_replacement(snapshot: Snapshot, predicted: Snapshot, trail: Trail, change: Change) -> Iterator[str]:
    """Yield what the change of an encrypted trail's key means for its old logs and their readers."""
    old = snapshot.keys[trail.kms_key_arn or ""]
    if not isinstance(old, Key):
        return
    if old.manager == "CUSTOMER":  # nobody can delete one that AWS manages
        yield (
            f"Keep the key {old.arn}: the logs that {trail.arn} has delivered so far are encrypted under it, and "
            "cannot be read once it is gone."
        )
    budget = Budget()
    lost = _readers_lost(snapshot, trail, old, predicted.keys[str(change.after["kms_key_arn"])], budget)
    if budget.is_exhausted:
        yield (
            f"The policy of {old.arn} is too long to try everybody whom it names: some may decrypt the logs of "
            f"{trail.arn} now, but not new ones. List those who should under the option readers."
        )
    if lost:
        yield (
            f"{', '.join(lost)} may decrypt the logs of {trail.arn} now, but not new ones. List them under the option "
            "readers if they should."
        )


def _readers_lost(snapshot: Snapshot, trail: Trail, old: Key, new: object, budget: Budget) -> list[str]:
    """Return the principals that may read the trail's logs by the old key's policy and not by the new one's."""
    now = policy_of(old)
    then = policy_of(new) if isinstance(new, Key) else None
    if now is None or then is None or not isinstance(new, Key):
        return []
    lost = []
    subject = subject_of(snapshot, trail, Settings())
    for name in _named_principals(now):
        before, after = (may_read(subject, key, policy, name, budget) for policy, key in ((now, old), (then, new)))
        if budget.is_exhausted:
            break
        if before and not after:
            lost.append(name)
    return lost


def _named_principals(policy: Policy) -> list[str]:
    """Return the users, roles and accounts that statements of the policy allow something, each once."""
    names: dict[str, None] = {}
    for statement in policy.statements:
        principal: Any = statement.document.get("Principal") if statement.effect == "Allow" else None
        listed = principal.get("AWS", []) if isinstance(principal, Mapping) else []
        for name in listed if isinstance(listed, list) else [listed]:
            if isinstance(name, str) and (is_arn(name) or name.isdigit()):
                names[name] = None
    return list(names)
