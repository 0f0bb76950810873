# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply the plan of an account, and prove what came of it: read and judge again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .._aws import Account, AwsError, Pace
from .._checks import AccountVerdict, assess
from .._model import Backup, Change, Reason, Snapshot, Trail, TrailStatus
from .._operations import WRITES
from .._plan import KeyName, Plan, changed_trails, delivered_since, keys_changed, without, without_old_errors
from ._rounds import Rounds, Written, not_served
from ._task import Done, Task


@dataclass(frozen=True)
class Shared:
    """The keys that accounts of the run share, and what was changed of them before: nobody writes them again.

    `for_account` has the changes of those keys that the account is one to share.
    """

    names: frozenset[KeyName] = frozenset()
    changes: tuple[Change, ...] = ()
    for_account: tuple[Change, ...] = ()


class AccountRun(Written):
    """The plan of one account being applied, and the account judged anew afterwards.

    `read_again` reads the account as it is then, and raises AwsError where it cannot be read.
    """

    def __init__(
        self, account: Account, task: Task, before: AccountVerdict, read_again: Callable[[], Snapshot]
    ) -> None:
        self.account, self.task, self.before = account, task, before
        self._read_again = read_again
        self._read_at = before.snapshot.read_at
        self._read: AccountVerdict | None = None
        self._shared = Shared()
        self.done = Done()
        self.after: AccountVerdict | None = None

    def apply(
        self,
        plan: Plan,
        pace: Pace,
        save: Callable[[Sequence[Change]], Backup],
        shared: Shared,
        planned: Callable[[AccountVerdict], Plan],
    ) -> None:
        """Apply the plan, and read the account again; `planned` makes the plan for the account as it is then."""

        def closed(plan: Plan) -> Plan:
            return _without_shared(plan, shared, self.task)

        rounds = Rounds(
            self.account,
            pace,
            save,
            lambda: planned(self._judged()),
            earlier=shared.changes,
            closed=closed,
            restores=bool(self.task.restore),
        )
        self._read_at, self._shared = self.account.access.now(), shared
        self.write(rounds, plan, "The account")
        if self._read is None and plan.changes and not self.is_touched:
            self.after = self.before
        else:
            self.after = self._read if self._read and self.done.is_enough else self._judged_at_last()

    def leave(self, done: Done, after: AccountVerdict | None) -> None:
        """Note that nothing is done to the account, why, and how it stands."""
        self.done, self.after = done, after

    def fail(self, reason: str) -> None:
        """Note that something nobody foresaw has ended what was done to the account; how it is now is not known."""
        super().fail(reason)
        self.after = None

    @property
    def is_touched(self) -> bool:
        """Whether something of its own was changed, or tried."""
        return any(change.status != "not_attempted" for change in self.done.changes)

    @property
    def is_read_again(self) -> bool:
        """Whether the account was read since the run began."""
        return self._read is not None

    def _judged(self) -> AccountVerdict:
        """Return the account, read again. Its organization stays: AWS is asked only where a policy names one."""
        self._read = None
        self._read_at = self.account.access.now()
        snapshot = self._read_again()
        known = snapshot.organization or self.before.snapshot.organization
        self._read = assess(replace(snapshot, organization=known), self.task.settings)
        return self._read

    def _judged_at_last(self) -> AccountVerdict | None:
        """Return the account, read once more after something failed; None where it cannot be."""
        try:
            return self._judged()
        except AwsError as error:
            message = f"The account could not be read again. {error}"
            if message not in self.done.errors:
                self.done = replace(self.done, errors=(*self.done.errors, message))
            return None

    def read_once_more(self) -> None:
        """Judge the account as it is now, after a change that was none of its own."""
        self.after = self._judged_at_last()

    @property
    def reached(self) -> list[Trail]:
        """The trails whose encryption the applied changes have reached, as they were read after these."""
        snapshot = self.after.snapshot if self.after else None
        touched = changed_trails(snapshot, self._applied) if snapshot else ()
        return [trail for trail in snapshot.trails if trail.arn in touched] if snapshot else []

    @property
    def changed_at(self) -> datetime:
        """When the account was read after its last change, by AWS's clock: what is delivered later is under it."""
        return self._read_at

    @property
    def _applied(self) -> list[Change]:
        """What was done to the account, and for it to keys that it shares."""
        return [change for change in (*self._shared.for_account, *self.done.changes) if change.status == "applied"]

    def prove(self, *, waited: bool) -> None:
        """Judge what was read last; where deliveries were waited for, read once more and say which have not come."""
        if self.after is None:
            return
        changed_at, waits = self._read_at, waited and bool(self.reached)
        if waits:
            self.after = self._judged_at_last()
        if self.after is None:
            return
        shown = {trail.arn: _shown_error(trail) for trail in self.after.snapshot.trails}
        snapshot = without_old_errors(self.before.snapshot, self.after.snapshot, self._applied, changed_at)
        if snapshot != self.after.snapshot:
            self.after = assess(snapshot, self.task.settings)
        if waits:
            unproven = {trail.arn: self._unproven(trail, changed_at) for trail in self.reached}
            warnings = (f"{words}{shown[arn]}" for arn, words in unproven.items() if words)
            delivered = {trail.arn: _has_delivered(trail, changed_at) for trail in self.reached}
            self.done = replace(self.done, warnings=(*self.done.warnings, *warnings), deliveries=delivered)

    def _unproven(self, trail: Trail, since: datetime) -> str:
        """Return what is still open of the deliveries of a trail; empty where it has delivered, as far as was asked."""
        rows = self.after.trails if self.after else ()
        findings = (each for row in rows if row.trail.arn == trail.arn for each in row.findings)
        proof = next((each for each in findings if each.rule == "encryption_is_proven"), None)
        if proof is None:
            return "" if _has_delivered(trail, since) else _undelivered(trail)
        missing = f"It is not yet proven of {trail.arn}: its finding encryption_is_proven says what is missing."
        return "" if proof.status == "pass" else missing


def _without_shared(plan: Plan, shared: Shared, task: Task) -> Plan:
    """Return the plan, refused where it still needs something of a key that nobody writes again in this run."""
    needed = (change for change in plan.changes if not WRITES[change.operation].is_optional)
    unready = sorted(keys_changed(needed, task.request) & shared.names)
    refusals = (*plan.refusals, *(_not_ready(arn, plan) for arn, _alias in unready))
    return replace(plan, changes=tuple(without(plan.changes, shared.names, task.request)), refusals=refusals)


def _not_ready(key_arn: str, plan: Plan) -> Reason:
    return Reason(
        f"The key {key_arn}, which accounts of this run share, still lacks what the account needs: its policy is "
        f"written once for all of them, before their trails move.{not_served(plan)} Run again.",
        key=key_arn,
    )


def _has_delivered(trail: Trail, since: datetime) -> bool:
    status = trail.status
    return isinstance(status, TrailStatus) and not status.latest_delivery_error and delivered_since(status, since)


def _undelivered(trail: Trail) -> str:
    return (
        f"It is not yet proven that {trail.arn} delivers under its key: it shows no delivery without error since the "
        "change. Audit again in some minutes; CloudTrail delivers when there is something to log."
    )


def _shown_error(trail: Trail) -> str:
    """Return what is to be said of a delivery error that AWS shows; empty where it shows none."""
    error = trail.status.latest_delivery_error if isinstance(trail.status, TrailStatus) else None
    return f" GetTrailStatus shows the error {error}, and does not say when it came." if error else ""
