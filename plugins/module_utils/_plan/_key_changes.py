# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one key needs so that it serves its trails: to be created, its alias, its grants, its state, its rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from .._checks import USABLE_STATES, Remedy, Settings
from .._model import Change, Key, Options, ReadError
from .._policy import MergeRefusedError, PolicyError, Required, merge, parse
from .._request import EnforceRequest, KeyRequest, RefusedError
from ._changes import cancel_key_deletion, create_alias, create_key, enable_key, enable_key_rotation, put_key_policy
from ._key_plan import KeyPlan, step_of_owner
from ._new_key import policy_of_new_key
from ._writable import why_not_writable

_LEAVE_OUT = "leave the trail out with the option exceptions or the option trails"
# By the state of a key that stops encryption: the next step.
_WAYS_OUT: Mapping[str, tuple[str, Options]] = {
    "Disabled": (f"If it was disabled on purpose, {_LEAVE_OUT}. If not,", ({"allow_enable_key": True},)),
    "PendingDeletion": (
        f"If it is to be deleted, {_LEAVE_OUT}. To keep it,",
        ({"allow_cancel_deletion": True, "allow_enable_key": True},),
    ),
}


def key_changes(
    plan: KeyPlan, account_id: str, request: EnforceRequest, settings: Settings, warn: Callable[[str], None]
) -> Iterator[Change]:
    """Yield the changes that the key needs, made from this account; `warn` takes what a person must know of them.

    Raises RefusedError for a change that is impossible, or that no option allows.
    """
    owner = plan.key.arn.split(":")[4]
    for change in _needed(plan, account_id, request, settings, warn):
        if owner != account_id and owner not in request.writers:
            raise RefusedError(
                f"The key {plan.key.arn} needs {change.operation}, and belongs to account {owner}:",
                {"key_assume_role": "a role in that account"},
                key=plan.key.arn,
            )
        reason = None if plan.is_new else why_not_writable(plan.key, change.operation, request.writers.get(owner))
        if reason:
            raise RefusedError(f"The key {plan.key.arn} cannot be changed: {reason}", key=plan.key.arn)
        yield change


def _needed(
    plan: KeyPlan, account_id: str, request: EnforceRequest, settings: Settings, warn: Callable[[str], None]
) -> Iterator[Change]:
    if plan.is_new and request.key:
        yield create_key(plan.key, _policy_of_new_key(plan.required(request, settings), request.key), request.key)
    elif plan.granted:
        yield from _grants(plan, account_id, request, settings, warn)
    if plan.needs_alias and request.key:
        yield create_alias(plan.key, request.key.alias)
    if any(each.needs_key or Remedy.REVIVE in each.remedies for each in plan.intents):
        yield from _revival(plan.key, account_id, request, warn)


def _policy_of_new_key(required: Required, request: KeyRequest) -> str:
    try:
        return policy_of_new_key(required, request).to_json()
    except (MergeRefusedError, PolicyError) as error:
        raise RefusedError(f"The policy of the new key would not work. {error}") from error


def _grants(
    plan: KeyPlan, account_id: str, request: EnforceRequest, settings: Settings, warn: Callable[[str], None]
) -> Iterator[Change]:
    """Yield the write of the policy with the missing grants, if any is missing.

    If it is only unknown whether one is missing, and the merge is refused, the policy stays as it is.
    """
    key = plan.key
    if isinstance(key.policy, ReadError):
        step, options = step_of_owner(account_id, key.arn, key.policy, request)
        raise RefusedError(
            f"The policy of {key.arn} cannot be read ({key.policy.code}: {key.policy.message}). {step}".rstrip(),
            *options,
            key=key.arn,
        )
    try:
        present = parse(key.policy)
        merged = merge(present, plan.required(request, settings))
    except PolicyError as error:
        raise RefusedError(
            f"Nothing can be added to the policy of {key.arn}: {error} Fix it, or",
            {"key_id": "another key"},
            key=key.arn,
        ) from error
    except MergeRefusedError as error:
        if any(each.fails for each in plan.granted):
            raise RefusedError(
                f"{error} If it stays, {_LEAVE_OUT}, or",
                _another_key(request),
                key=key.arn,
            ) from error
        warn(str(error))
        return
    if merged is not present:
        yield put_key_policy(key, merged.to_json())


def _revival(key: Key, account_id: str, request: EnforceRequest, warn: Callable[[str], None]) -> Iterator[Change]:
    """Yield the changes that make the key usable again, where the options allow them."""
    if key.state in USABLE_STATES:
        return
    if key.state == "PendingDeletion" and request.allow_cancel_deletion and request.allow_enable_key:
        if rotation(replace(key, state="Enabled"), request.key_account_id or account_id, request):
            warn(_rotation_hidden(key))
        yield cancel_key_deletion(key)
        yield enable_key(key)
    elif key.state == "Disabled" and request.allow_enable_key:
        yield enable_key(key)
    else:
        step, options = _WAYS_OUT.get(key.state, (f"Bring it back to the state Enabled, {_LEAVE_OUT}, or", ()))
        why = f"The key {key.arn} is {key.state}, so CloudTrail cannot use it. {step}"
        unset = [{name: value for name, value in each.items() if not getattr(request, name)} for each in options]
        raise RefusedError(why, *unset, _another_key(request), key=key.arn)


def _another_key(request: EnforceRequest) -> Mapping[str, bool | str]:
    """Return the options that give the trail another key, without those that are set already.

    A run moves all trails that it may write, so it has to name this one.
    """
    named: Mapping[str, bool | str] = {} if request.trails else {"trails": "the trail"}
    moved: Mapping[str, bool | str] = {} if request.replace_compliant_key else {"replace_compliant_key": True}
    return {**named, "key_id": "another key", **moved}


def _rotation_hidden(key: Key) -> str:
    return (
        f"KMS does not show whether {key.arn} rotates while its deletion is scheduled. Once that is cancelled, it "
        "rotates as it did before; if it did not, the run turns rotation on, which check mode cannot predict."
    )


def rotation(key: Key, account_id: str, request: EnforceRequest) -> Change | None:
    """Return the change that turns rotation on, for the key of our alias where KMS can rotate it and does not.

    A replica follows its primary (KMS guide, "Rotating multi-Region keys"), which is not changed from here.
    """
    if request.key is None or not request.key.rotation or key.rotation_enabled is not False:
        return None
    aliases = () if isinstance(key.aliases, ReadError) else key.aliases
    ours = request.key.alias in aliases and key.arn.split(":")[4] == account_id
    if not ours or key.primary_arn or key.state not in USABLE_STATES:
        return None
    return enable_key_rotation(key, request.key)
