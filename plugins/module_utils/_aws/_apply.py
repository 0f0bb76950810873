# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply a plan: one write after the other, each told as applied, failed or not attempted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias, TypeVar

from .._model import Change, Missing, Operation, Prerequisites, ReadError, next_step
from .._next_steps import is_transient, step_for
from .._permissions import DEPENDENT_ACTIONS, iam_action
from ._calls import alias_target, bucket_policy, key_policy, trail_settings
from ._pace import Pace
from ._resources import Account
from ._targets import keys_left_behind
from ._writes import (
    THROTTLING,
    UNSEEN_POLICY,
    access_for,
    code_of,
    has_all,
    is_done,
    is_retryable,
    no_clear_answer,
    send,
    service_of,
)

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

Fact = TypeVar("Fact")
SamePolicy: TypeAlias = Callable[["str | None", "str | None"], bool]


@dataclass(frozen=True)
class Applied:
    """What became of a plan: its changes, with keys that were created under their ARN.

    `errors` say why changes failed, or that the run was interrupted. `stale` says what somebody else changed meanwhile;
    then `changes` are those that were tried before, and `rest` the others, which are to be planned anew.
    """

    changes: tuple[Change, ...]
    errors: tuple[str, ...] = ()
    stale: str | None = None
    rest: tuple[Change, ...] = ()


class _FailedError(Exception):
    """A change that did not come about; the message says why and what to do."""


class _InterruptedError(Exception):
    """The run was interrupted before a change was begun."""


class _StaleError(Exception):
    """What the plan was made from is no longer so; the message says what, `applied` whether the change was done."""

    def __init__(self, message: str, *, applied: bool = False) -> None:
        super().__init__(message)
        self.applied = applied


def apply(
    account: Account,
    changes: Sequence[Change],
    prerequisites: Prerequisites,
    pace: Pace,
    same_policy: SamePolicy,
) -> Applied:
    """Apply the changes in their order, and stop at the first that fails; `prerequisites` is what they stand on.

    `same_policy` tells whether two policies say the same. Only rotation may fail by itself: no log waits for it.
    Where `pace.stopped` is set, no other change is begun.
    """
    return _Run(account, prerequisites, pace, same_policy).apply(changes)


class _Run:
    """One plan being applied."""

    def __init__(self, account: Account, prerequisites: Prerequisites, pace: Pace, same_policy: SamePolicy) -> None:
        self._account, self._pace, self._same_policy = account, pace, same_policy
        self._created: dict[str, str] = {}
        self._usable, self._policies = set(prerequisites.usable), dict(prerequisites.policies)
        self._stands: Mapping[Operation, Callable[[Change], bool]] = {
            "CreateAlias": self._alias_stands,
            "PutKeyPolicy": self._policy_stands,
            "PutBucketPolicy": self._policy_stands,
            "CreateTrail": self._trail_stands,
            "UpdateTrail": self._key_stands,
        }

    def apply(self, changes: Sequence[Change]) -> Applied:
        done: list[Change] = []
        errors: list[str] = []
        for number, planned in enumerate(changes):
            change = planned.with_arns(self._created)
            try:
                self._do(change)
            except _InterruptedError:
                return self._ended(done, [*errors, _interrupted(change)], changes[number:])
            except _StaleError as stale:
                if stale.applied:
                    done.append(replace(change, status="applied"))
                rest = [] if stale.applied else [replace(change, status="failed")]
                rest += self._not_attempted(changes[number + 1 :])
                return Applied(tuple(done), tuple(errors), str(stale), tuple(rest))
            except _FailedError as error:
                errors.append(f"{error} The run was interrupted." if self._pace.stopped.is_set() else str(error))
                done.append(replace(change, status="failed"))
                if change.operation != "EnableKeyRotation":
                    return self._ended(done, errors, changes[number + 1 :])
                continue
            done.append(replace(change.with_arns(self._created), status="applied"))
        return self._ended(done, errors, ())

    def _ended(self, done: Sequence[Change], errors: Sequence[str], rest: Sequence[Change]) -> Applied:
        changes = (*done, *self._not_attempted(rest))
        return Applied(changes, tuple(errors))

    def _not_attempted(self, rest: Sequence[Change]) -> list[Change]:
        return [replace(change.with_arns(self._created), status="not_attempted") for change in rest]

    def _do(self, change: Change) -> None:
        if change.operation == "CreateKey":
            created = self._created[change.resource] = self._create_key(change)
            self._policies[created] = change.parameters["Policy"]
        elif self._write(change, self._stands.get(change.operation, self._is_done)) and "policy" in change.after:
            self._verify_policy(change)
        self._usable.add(self._created.get(change.resource, change.resource))

    def _write(self, change: Change, stands: Callable[[Change], bool]) -> bool:
        """Send the change until it is done, cannot be done, or the time is up; return whether AWS took it now.

        Each time it is sent only if what it replaces is still as planned: `stands` tells whether what is wished is
        there already, and raises _StaleError where something else is.
        """
        for attempt in count():
            self._take_turn(change)
            if stands(change):
                break
            self._heed_stop(attempt)
            answer = send(self._account, change)
            if not isinstance(answer, Exception):
                return True
            if not self._may_pass(change, answer) or not self._pace.wait(attempt):
                if not stands(change):
                    raise _failed(change, answer)
                break
            if code_of(answer) in UNSEEN_POLICY:
                self._look_at_policies(change)
        return False

    def _take_turn(self, change: Change) -> None:
        """Wait until AWS takes one more such write; the look at what it replaces comes after, right before it."""
        self._pace.take(change.operation, change.resource.split(":")[4], change.region)

    def _heed_stop(self, attempt: int) -> None:
        """Raise _InterruptedError where the run is to stop before the first attempt; what was begun is finished."""
        if attempt == 0 and self._pace.stopped.is_set():
            raise _InterruptedError

    def _may_pass(self, change: Change, error: Exception) -> bool:
        stands_on = _stands_on(change)
        return is_retryable(
            error,
            change.operation,
            is_there=bool(stands_on & self._usable),
            is_allowed=bool(stands_on & self._policies.keys()),
        )

    def _look_at_policies(self, change: Change) -> None:
        """Raise _StaleError where a policy that the change stands on is no longer what the plan counts on."""
        for arn in _stands_on(change) & self._policies.keys():
            if not self._has_policy(self._policy(arn, change.region), self._policies[arn]):
                raise _overwritten(arn)

    def _is_done(self, change: Change) -> bool:
        """Whether AWS shows what the change was to bring about; it replaces nothing, so that it may be sent unseen."""
        return is_done(self._account, change)

    def _alias_stands(self, change: Change) -> bool:
        """Whether the alias leads to our key; raises _StaleError where another run was faster.

        Two at once end with one key in use.
        """
        alias, key_arn = change.parameters["AliasName"], change.parameters["TargetKeyId"]
        access = access_for(self._account, change)
        target = self._read(alias, lambda: alias_target(access, change.region, alias))
        if target == key_arn or isinstance(target, Missing):
            return bool(target == key_arn)
        raise _StaleError(
            f"{alias} in {change.region} was given to {target} while this run was under way, so that key is used. "
            f"The key {key_arn} is not in use: if no other run has taken it, schedule its deletion."
        )

    def _read(self, what: str, look: Callable[[], Fact | ReadError]) -> Fact:
        """Look until there is an answer, there will be none, or the time is up."""
        for attempt in count():
            found = look()
            if not isinstance(found, ReadError):
                return found
            if not is_transient(found.code) or not self._pace.wait(attempt):
                raise _unseen(what, found)
        raise AssertionError  # count() has no end

    def _create_key(self, change: Change) -> str:
        """Create the key, and never twice: where the answer is lost, look for the key before anything else."""
        answer = self._send_unless_throttled(change)
        if isinstance(answer, dict) and "Arn" in answer.get("KeyMetadata", {}):
            return str(answer["KeyMetadata"]["Arn"])
        error = answer if isinstance(answer, Exception) else ResponseParserError("the answer holds no key")
        found = self._look_for_key(change) if no_clear_answer(error) else None
        if found is None:
            raise _failed(change, error)
        return found

    def _send_unless_throttled(self, change: Change) -> dict[str, Any] | Exception:
        """Send the change again while it is refused for being too fast, and there is time."""
        for attempt in count():
            self._take_turn(change)
            self._heed_stop(attempt)
            answer = send(self._account, change)
            throttled = isinstance(answer, Exception) and code_of(answer) in THROTTLING
            if not throttled or not self._pace.wait(attempt):
                return answer
        raise AssertionError  # count() has no end

    def _look_for_key(self, change: Change) -> str | None:
        """The one key with the tags and the policy that were asked for; the list of keys may lag behind."""
        tags = {tag["TagKey"]: tag["TagValue"] for tag in change.parameters["Tags"]}
        for attempt in count():
            found = keys_left_behind(self._account, change.resource.split(":")[4], change.region, tags)
            if isinstance(found, ReadError) and not is_transient(found.code):
                return None
            keys = () if isinstance(found, ReadError) else found
            ours = [key.arn for key in keys if self._has_policy(key.policy, change.parameters["Policy"])]
            if ours or not self._pace.wait(attempt):
                return ours[0] if len(ours) == 1 else None
        return None

    def _has_policy(self, present: object, policy: object) -> bool:
        """Whether what was read says what a policy says; a bucket may have none."""
        one, other = (None if each is None else str(each) for each in (present, policy))
        return self._same_policy(one, other)

    def _verify_policy(self, change: Change) -> None:
        """Look until the policy that was written shows, or raise _FailedError when the time is up."""
        for attempt in count():
            if self._policy_stands(change, applied=True):
                return
            if not self._pace.wait(attempt):
                raise _FailedError(
                    f"The policy of {change.resource} was written, but does not show what was written. "
                    "Look who else writes it, and run again."
                )

    def _policy_stands(self, change: Change, *, applied: bool = False) -> bool:
        """Whether the policy is the planned one; raises _StaleError where it is neither that nor the one before."""
        present = self._policy(change.resource, change.region)
        if self._has_policy(present, change.after["policy"]):
            return True
        if not self._has_policy(present, (change.before or {})["policy"]):
            raise _overwritten(change.resource, applied=applied)
        return False

    def _policy(self, arn: str, region: str) -> str | None:
        """The policy of a key or a bucket as it is now; a bucket may have none, and its ARN has no region."""
        _arn, _partition, service, key_region, owner, name = arn.split(":", 5)

        def look() -> str | ReadError | None:
            if service == "s3":
                return bucket_policy(self._account.access, region, name)
            return key_policy(self._account.key_access(owner), key_region, arn)

        return self._read(f"The policy of {arn}", look)

    def _trail_stands(self, change: Change) -> bool:
        """Whether the trail is there as planned; raises _StaleError where another of that name is.

        A trail is looked for before each CreateTrail, also the first: its answer may have been lost.
        """
        present = self._trail(change)
        prefix = change.parameters.get("S3KeyPrefix")
        if present is not None and not (has_all(present, change) and present.get("S3KeyPrefix") == prefix):
            raise _StaleError(f"Somebody else has created {change.resource}.")
        return present is not None

    def _trail(self, change: Change) -> dict[str, Any] | None:
        """The trail as it is now; None where it is not there."""
        access = access_for(self._account, change)
        return self._read(change.resource, lambda: trail_settings(access, change.region, change.resource))

    def _key_stands(self, change: Change) -> bool:
        """Whether the trail is as planned; raises _StaleError where it has neither the planned key nor the one before.

        UpdateTrail knows no condition either (CloudTrail API reference). A trail that does not show is left to it.
        """
        found = self._trail(change)
        if found is None or has_all(found, change):
            return found is not None
        present = found.get("KmsKeyId")
        if present == change.after["kms_key_arn"]:
            return False
        if (present or None) != (change.before or {})["kms_key_arn"]:
            raise _StaleError(f"Somebody else has changed the key of {change.resource} to {present or 'none'}.")
        return False


def _interrupted(change: Change) -> str:
    """That the run was interrupted before this change."""
    return (
        f"The run was interrupted before {change.operation} of {change.resource} in {change.region}. "
        "Nothing was begun after that; the next run carries on."
    )


def _stands_on(change: Change) -> set[str]:
    """The ARNs of what a request is about or names."""
    sent = change.parameters
    bucket_arn = f"arn:{change.resource.split(':')[1]}:s3:::{sent.get('S3BucketName')}"
    return {change.resource, str(sent.get("KmsKeyId")), str(sent.get("TargetKeyId")), bucket_arn}


def _overwritten(arn: str, *, applied: bool = False) -> _StaleError:
    return _StaleError(f"The policy of {arn} was changed by somebody else.", applied=applied)


def _unseen(what: str, error: ReadError) -> _FailedError:
    """The failure to look at what would be replaced: it is not overwritten unseen."""
    return _FailedError(
        f"{what} could not be read while it was being written: {error.code}: {error.message}. "
        f"{next_step(error)} The next run carries on."
    )


def _failed(change: Change, error: Exception) -> _FailedError:
    """The failure in words: what was asked of AWS, its answer, and the next step."""
    lost = " Whether it was done is not known: the next run looks first." if no_clear_answer(error) else ""
    what = f"{change.operation} of {change.resource} in {change.region}"
    return _FailedError(f"{what} failed: {_words(error)}.{lost} {_step(change, code_of(error))}")


def _step(change: Change, code: str) -> str:
    """What to do before the next run, by the code of AWS's answer."""
    operation = (service_of(change), change.operation)
    action = iam_action(*operation)
    if "Denied" in code:
        actions = ", ".join([action, *DEPENDENT_ACTIONS.get(operation, ())])
        return f"Allow what is missing of {actions} to the caller, and run again."
    step = step_for(code, operation=change.operation, iam_action=action, region=change.region)
    return step if "run again" in step else f"{step} Then run again."


def _words(error: Exception) -> str:
    """AWS's code and message, without the SDK's frame."""
    if isinstance(error, ClientError):
        return f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}".rstrip(": .")
    return str(error).rstrip(".")
