# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply a plan: one write after the other, each reported as applied, failed or not attempted; wait for deliveries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

from .._model import Change, Key, Prerequisites, ReadError, Trail, TrailStatus
from .._next_steps import asks_to_run_again, is_denied, is_transient, next_step
from .._operations import THROTTLING, UNSEEN_POLICY, WRITES
from .._permissions import DEPENDENT_ACTIONS
from .._printable import unforeseen
from ._access import failed_read
from ._calls import trail_status
from ._pace import Pace
from ._resources import Account
from ._sweep import contain_failures
from ._targets import keys_left_behind
from ._writes import FailedError, Present, SamePolicy, StaleError, code_of, is_done, is_retryable, no_clear_answer, send

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

AT_ONCE = 16
# AWS's time is known to a second, and its services need not agree on it to the last moment.
_CLOCKS = timedelta(seconds=2)
Delivery: TypeAlias = tuple[Account, Iterable[Trail], datetime]


@dataclass(frozen=True)
class Applied:
    """The outcome of a plan: its changes, in which created keys have their ARN.

    `errors` say why changes failed, or that the run was interrupted. `rotation_errors` are those of rotations, for
    which no trail waits. `stale` says what somebody else changed meanwhile. Then, and before what is planned again in
    any case, `changes` are those that were tried, and `rest` are the others.
    """

    changes: tuple[Change, ...]
    errors: tuple[str, ...] = ()
    rotation_errors: tuple[str, ...] = ()
    stale: str | None = None
    rest: tuple[Change, ...] = ()


class _InterruptedError(Exception):
    """The run was interrupted before a change was begun."""


def apply(
    account: Account,
    changes: Sequence[Change],
    prerequisites: Prerequisites,
    pace: Pace,
    same_policy: SamePolicy,
    *,
    planned_again: Collection[str] = (),
) -> Applied:
    """Apply the changes in their order, and stop at the first that fails; `prerequisites` are what they need in place.

    `same_policy` returns whether two policies mean the same. The plan goes on after an optional change that fails. It
    ends before an operation that is `planned_again` after others. No change is begun once `pace.stopped` is set.
    """
    return _Run(account, changes, prerequisites, pace, same_policy).apply(planned_again)


class _Run:
    """One plan being applied."""

    def __init__(
        self,
        account: Account,
        changes: Sequence[Change],
        prerequisites: Prerequisites,
        pace: Pace,
        same_policy: SamePolicy,
    ) -> None:
        self._account, self._changes, self._pace = account, changes, pace
        # As they are at each moment: what a change of the plan replaces is in place until it is that one's turn.
        self._policies = dict(prerequisites.policies) | _replaced(changes)
        self._present = Present(account, pace, same_policy, replace(prerequisites, policies=self._policies))
        self._created: dict[str, str] = {}
        self._of_created: dict[str, str | None] = {}
        self._usable = set(prerequisites.usable)

    def apply(self, planned_again: Collection[str]) -> Applied:
        changes = self._changes
        done: list[Change] = []
        unrotated: list[str] = []
        for number, planned in enumerate(changes):
            change = planned.with_arns(self._created)
            rest = changes[number + 1 :]
            if change.operation in planned_again and any(each.operation not in planned_again for each in done):
                return Applied(tuple(done), (), tuple(unrotated), rest=tuple(self._not_attempted(changes[number:])))
            try:
                self._do_or_fail(change)
            except _InterruptedError:
                return self._ended(done, unrotated, changes[number:], _interrupted(change))
            except StaleError as stale:
                tried = replace(change, status="applied" if stale.applied else "failed")
                (done, left) = ([*done, tried], []) if stale.applied else (done, [tried])
                left += self._not_attempted(rest)
                return Applied(tuple(done), (), tuple(unrotated), str(stale), tuple(left))
            except FailedError as error:
                message = f"{error} The run was interrupted." if self._pace.stopped.is_set() else str(error)
                done.append(replace(change, status="failed"))
                if not WRITES[change.operation].is_optional:
                    return self._ended(done, unrotated, rest, message)
                unrotated.append(message)
                continue
            done.append(replace(change.with_arns(self._created), status="applied"))
        return self._ended(done, unrotated, ())

    def _ended(self, done: Sequence[Change], unrotated: Sequence[str], rest: Sequence[Change], *errors: str) -> Applied:
        return Applied((*done, *self._not_attempted(rest)), errors, tuple(unrotated))

    def _not_attempted(self, rest: Sequence[Change]) -> list[Change]:
        return [replace(change.with_arns(self._created), status="not_attempted") for change in rest]

    def _do_or_fail(self, change: Change) -> None:
        """Apply one change. An unforeseen exception fails this change alone: those before it are still reported."""
        try:
            if change.operation == "CreateKey":
                created = self._created[change.resource] = self._create_key(change)
                self._of_created[created] = change.parameters["Policy"]
            elif self._write(change) and "policy" in change.after:
                self._verify_policy(change)
            if change.operation != "CreateKey" and "policy" in change.after:
                self._policies[change.resource] = change.policies[1]
        except (_InterruptedError, StaleError, FailedError):
            raise
        except Exception as error:
            what = f"{change.operation} of {change.resource} in {change.region}"
            raise FailedError(f"{what} failed: {unforeseen(error)}") from error
        self._usable.add(self._created.get(change.resource, change.resource))

    def _write(self, change: Change) -> bool:
        """Send the change until it is done, cannot be done, or the time is up; return whether AWS took it now.

        It is sent only while what it replaces is still as planned.
        """
        for attempt in count():
            self._take_turn(change)
            if is_done(self._present, change):
                break
            self._heed_stop(attempt)
            answer = send(self._account, change)
            if not isinstance(answer, Exception):
                return True
            if not self._may_pass(change, answer) or not self._pace.wait(attempt):
                if not is_done(self._present, change):
                    raise _failed(change, answer)
                break
            if code_of(answer) in UNSEEN_POLICY:
                known = self._policies | self._of_created
                needed = {arn: known[arn] for arn in _needed_arns(change) & known.keys()}
                self._present.check_policies(needed, change.region)
        return False

    def _take_turn(self, change: Change) -> None:
        """Wait until AWS takes one more such write. What it replaces is read after that, right before the write."""
        self._pace.take(change.operation, change.resource.split(":")[4], change.region)

    def _heed_stop(self, attempt: int) -> None:
        """Raise _InterruptedError before the first attempt if the run must stop; a write in hand is finished."""
        if attempt == 0 and self._pace.stopped.is_set():
            raise _InterruptedError

    def _may_pass(self, change: Change, error: Exception) -> bool:
        needed = _needed_arns(change)
        return is_retryable(
            error,
            change.operation,
            is_there=bool(needed & self._usable),
            is_allowed=bool(needed & (self._policies | self._of_created).keys()),
        )

    def _create_key(self, change: Change) -> str:
        """Create the key, and never twice: where the answer is lost, look for the key before anything else."""
        since = self._account.access.now()
        answer = self._send_unless_throttled(change)
        if isinstance(answer, dict) and "Arn" in answer.get("KeyMetadata", {}):
            return str(answer["KeyMetadata"]["Arn"])
        error = answer if isinstance(answer, Exception) else ResponseParserError("the answer holds no key")
        created = self._look_for_key(change, since) if no_clear_answer(error) else None
        if created is None:
            raise _failed(change, error)
        return created

    def _send_unless_throttled(self, change: Change) -> dict[str, Any] | Exception:
        """Send the change again while AWS throttles it and there is time."""
        for attempt in count():
            self._take_turn(change)
            self._heed_stop(attempt)
            answer = send(self._account, change)
            throttled = isinstance(answer, Exception) and code_of(answer) in THROTTLING
            if not throttled or not self._pace.wait(attempt):
                return answer
        raise AssertionError  # count() has no end

    def _look_for_key(self, change: Change, since: datetime) -> str | None:
        """Return the one key that the change can have created since then. KMS may list a new key late."""
        tags = {tag["TagKey"]: tag["TagValue"] for tag in change.parameters["Tags"]}
        for attempt in count():
            found = keys_left_behind(self._account, change.resource.split(":")[4], change.region, tags)
            if isinstance(found, ReadError) and not is_transient(found.code):
                return None
            keys = () if isinstance(found, ReadError) else found
            ours = [key.arn for key in keys if self._is_created_by(change, since, key)]
            if ours or not self._pace.wait(attempt):
                return ours[0] if len(ours) == 1 else None
        return None

    def _is_created_by(self, change: Change, since: datetime, key: Key) -> bool:
        """Return whether a key with the requested tags is as the change creates it, and no older."""
        return (
            key.state == "Enabled"
            and key.has_material_of_a_new_key(multi_region=change.parameters["MultiRegion"])
            and key.created_at is not None
            and key.created_at >= since - _CLOCKS
            and self._present.has_policy(key.policy, change.parameters["Policy"])
        )

    def _verify_policy(self, change: Change) -> None:
        """Read the policy that was written until it shows, or raise FailedError when the time is up."""
        for attempt in count():
            try:
                if is_done(self._present, change):
                    return
            except StaleError as stale:
                raise StaleError(str(stale), applied=True) from stale
            if not self._pace.wait(attempt):
                raise FailedError(
                    f"The policy of {change.resource} was written, but until the time was up AWS showed another: it "
                    "shows late, or somebody else writes it. Give the run more time by the option wait_timeout, or "
                    "find out who that is, and run again."
                )


def _replaced(changes: Iterable[Change]) -> dict[str, str | None]:
    """Return the policies that changes replace, by the ARN of the key or bucket; a bucket may have none."""
    return {each.resource: each.policies[0] for each in changes if each.before and "policy" in each.before}


def _interrupted(change: Change) -> str:
    """Return the message that the run was interrupted before this change."""
    return (
        f"The run was interrupted before {change.operation} of {change.resource} in {change.region}. "
        "Nothing was begun after that; the next run carries on."
    )


def _needed_arns(change: Change) -> set[str]:
    """Return the ARNs of what a request is about or names."""
    sent = change.parameters
    bucket_arn = f"arn:{change.resource.split(':')[1]}:s3:::{sent.get('S3BucketName')}"
    return {change.resource, str(sent.get("KmsKeyId")), str(sent.get("TargetKeyId")), bucket_arn}


def _failed(change: Change, error: Exception) -> FailedError:
    """Return the failure in words: the request, AWS's answer, and the next step."""
    lost = " It is unknown whether it was done; the next run checks first." if no_clear_answer(error) else ""
    what = f"{change.operation} of {change.resource} in {change.region}"
    return FailedError(f"{what} failed: {_words(error)}.{lost} {_step(change, code_of(error))}")


def _step(change: Change, code: str) -> str:
    """Return what to do before the next run, by the code of AWS's answer."""
    error = failed_read(WRITES[change.operation].service, change.operation, change.region, code, "")
    if is_denied(code):
        actions = ", ".join([error.iam_action, *DEPENDENT_ACTIONS.get((error.service, error.operation), ())])
        return f"Use the role that enforces, or allow the caller whichever of {actions} is missing, and run again."
    return next_step(error) if asks_to_run_again(code) else f"{next_step(error)} Then run again."


def _words(error: Exception) -> str:
    """Return AWS's code and message, without the SDK's frame."""
    if isinstance(error, ClientError):
        return f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}".rstrip(": .")
    return str(error).rstrip(".")


def wait_for_deliveries(deliveries: Iterable[Delivery], pace: Pace) -> None:
    """Wait until every trail has delivered without error later than its account's time, or until the time is up.

    The trails of all accounts are polled side by side. The wait leaves out trails that do not log, and trails whose
    status AWS refuses. CloudTrail delivers on average five minutes after an API call
    (CloudTrail guide, "How CloudTrail works").
    """
    waiting = [
        (account, trail, since)
        for account, trails, since in deliveries
        for trail in trails
        if isinstance(trail.status, TrailStatus) and trail.status.is_logging
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for attempt in count():
            late = pool.map(lambda each: _is_awaited(*each), waiting)
            waiting = [each for each, is_late in zip(waiting, late, strict=True) if is_late]
            if not waiting or not pace.wait(attempt):
                return


def _is_awaited(account: Account, trail: Trail, since: datetime) -> bool:
    region = trail.home_region
    # Every account is read again afterwards, which tells what stands in the way.
    status = contain_failures(lambda: trail_status(account.access, region, trail.arn), lambda error: error, region)
    if isinstance(status, ReadError):
        return is_transient(status.code)
    if status.latest_delivery_time is None:
        return True
    return status.latest_delivery_time <= since or status.latest_delivery_error is not None
