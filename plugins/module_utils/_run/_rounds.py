# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply a plan: write the backup first, then each change, and report what became of it.

A plan is made anew where somebody else changes what it was made from, and after the last write: PutKeyPolicy and
PutBucketPolicy know no condition (KMS and S3 API reference), so what one run wrote another may have overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import count

from .._aws import Account, Applied, AwsError, Pace, apply
from .._backup import backup_of
from .._model import PLACEHOLDER, Backup, BackupError, Change, Reason
from .._operations import WRITES
from .._plan import Plan, changed_trails, predicted_prerequisites
from .._policy import adds_nothing, same_policy
from .._printable import first_of, unforeseen
from ._task import Done

MOST_NAMED = 10  # trails in one message
# A whole document in a place that others write as well: a run that read it before may still overwrite it after.
DISPUTED = ("PutKeyPolicy", "PutBucketPolicy")
# Reads in a row that show an older policy until somebody has put it back: half a minute at least. One read may be late,
# also after another has shown ours, and what is written over it would cost a statement that it does not show yet.
PUT_BACK = 6
# What shows late is planned once more, with an ARN or for trails that need not be those of before.
FOUND_LATE = ("CreateKey", "CreateAlias")


class Rounds:
    """A plan being applied to an account or a shared key; `done` tells what became of it, however it ended.

    `planned_anew` makes the plan for what the account is then, and raises AwsError where it cannot be read. Before it,
    the run has applied `earlier` to keys that accounts share. What a plan still asks of these is made a refusal by
    `closed`: nobody writes them again. What `restores` ends at its first error.
    """

    def __init__(
        self,
        account: Account,
        pace: Pace,
        save: Callable[[Sequence[Change]], Backup],
        planned_anew: Callable[[], Plan],
        *,
        earlier: Sequence[Change] = (),
        closed: Callable[[Plan], Plan] = lambda plan: plan,
        restores: bool = False,
    ) -> None:
        self._account, self._pace, self._save, self._planned_anew = account, pace, save, planned_anew
        self._earlier, self._closed, self._restores = earlier, closed, restores
        self.plan: Plan | None = None
        self.changes: list[Change] = []
        self.errors: list[str | Reason] = []
        self._rotation_errors: list[str] = []
        self._warnings: list[str | Reason] = []
        self._rest: Sequence[Change] = ()

    def run(self, plan: Plan, of: str) -> None:
        """Apply the plan, whose backup is written before anything is changed; `of` names what that is."""
        self._warnings += plan.warnings
        self._rest = not_attempted(plan.changes)
        try:
            self._save(plan.changes)
            self._apply_plan(plan)
        except AwsError as error:
            self.errors.append(f"{of} could not be read again. {error}")
        except BackupError as error:
            self.errors.append(str(error))

    def done(self) -> Done:
        """Return what became of the plan; report what was not reached as not attempted."""
        self.changes += self._rest
        self._rest = ()
        backup = self._saved_at_the_end()
        return Done(
            changes=tuple(self.changes),
            errors=(*self.errors, *self._rotation_errors),
            rotation_errors=tuple(self._rotation_errors),
            warnings=tuple(self._warnings),
            backup=backup,
        )

    def _apply_plan(self, plan: Plan) -> None:
        """Apply the plan, and what is to do after it, until nothing is. Raises AwsError where planning anew fails.

        After an error only what keeps the trails served that this run has reached is still done; of a restore nothing,
        since the policies that it puts back take statements away.
        """
        for attempt in count():
            prerequisites = predicted_prerequisites(plan.predicted)
            again = DISPUTED if self._restores else ()  # another run may have given a trail the key meanwhile
            applied = apply(self._account, plan.changes, prerequisites, self._pace, same_policy, planned_again=again)
            self.changes += applied.changes
            self._rest = applied.rest
            self.errors += applied.errors
            self._rotation_errors += applied.rotation_errors
            if self.errors and (self._restores or not self._reached()):
                return
            is_disputed = any(each.operation in DISPUTED and each.status == "applied" for each in applied.changes)
            in_time = self._pace.wait(attempt) if attempt or applied.stale or is_disputed else True
            plan = self._plan_anew(applied)
            self._rest = not_attempted(plan.changes)
            if plan.changes and not in_time:
                plan = replace(plan, refusals=(*plan.refusals, self._given_up(plan)))
            if plan.refusals or not plan.changes:
                break
        self.errors += plan.refusals

    def _plan_anew(self, applied: Applied) -> Plan:
        """Make the plan for what the account is now, and write its backup; refuse it where that fails."""
        try:
            plan = self._plan_of_what_shows()
        except Exception:
            self.errors += [applied.stale] if applied.stale else []
            raise
        if applied.stale:
            self._warnings.append(f"{applied.stale} The rest was planned again.")
        elif plan.changes and not applied.rest:
            self._warnings.append(f"After the last write, {_in_words(plan)} was still to do.")
        if not plan.changes:
            return plan
        self._warn_anew(plan)
        if plan.refusals:
            return plan
        try:
            self._save([*self.changes, *plan.changes])
        except BackupError as error:
            return replace(plan, refusals=(Reason(f"{error}{not_served(plan)}"),))
        return plan

    def _warn_anew(self, plan: Plan) -> None:
        """Add the warnings of a plan made anew, each once: the first plan may have named a new key by no ARN yet."""
        known = set(map(self._as_planned, self._warnings))
        self._warnings += [each for each in plan.warnings if self._as_planned(each) not in known]

    def _as_planned(self, warning: str | Reason) -> str:
        # A warning is known by its words alone, and these may name several keys.
        text = str(warning)
        for arn in {each.resource for each in (*self._earlier, *self.changes) if each.operation == "CreateKey"}:
            text = text.replace(arn, f"{arn.rpartition(':')[0]}:{PLACEHOLDER}")
        return text

    def _plan_of_what_shows(self) -> Plan:
        """Return a plan for the account as it is now, once reads show what was done; refused if they do not in time.

        Until it does, the plan is to do the same again, or to create a second key.
        """
        reads: dict[tuple[str, str], int] = {}
        for attempt in count():
            self.plan = self._planned_anew()
            plan = self._still_to_do(self.plan)
            reads = {_identity(change): reads.get(_identity(change), 0) + 1 for change in plan.changes}
            late = [change for change in plan.changes if self._may_show_late(change, reads[_identity(change)])]
            if not late:
                break
            if not self._pace.wait(attempt):
                plan = self._without_late(plan, late)
                break
        return self._closed(self._without_failed(plan) if self.errors else self._with_unserved(plan))

    def _with_unserved(self, plan: Plan) -> Plan:
        """Return the plan; where it is refused, with what that leaves undone for trails that this run has reached."""
        undone = replace(plan, changes=tuple(each for each in plan.changes if self._serves(each, plan)))
        left = (_left_undone(undone),) if plan.refusals and undone.changes else ()
        return replace(plan, refusals=(*plan.refusals, *left))

    def _without_late(self, plan: Plan, late: Sequence[Change]) -> Plan:
        """Return the plan without what never showed, refused for it; a rotation stops nothing."""
        optional = [change for change in late if WRITES[change.operation].is_optional]
        self._rotation_errors += [str(self._not_shown(change, plan)) for change in optional]
        refusals = (self._not_shown(change, plan) for change in late if change not in optional)
        rest = tuple(change for change in plan.changes if change not in late)
        return replace(plan, changes=rest, refusals=(*plan.refusals, *refusals))

    def _still_to_do(self, plan: Plan) -> Plan:
        """Return the plan without rotations that have failed; after an error with nothing but what `_apply_plan` says.

        A call that was refused is not repeated, so what stopped the run stays as it is. Nothing is written that the
        plan refuses.
        """
        failed = self._failed()

        def is_to_do(change: Change) -> bool:
            if not self.errors:
                return not WRITES[change.operation].is_optional or _identity(change) not in failed
            return self._serves(change, plan)

        return replace(plan, changes=tuple(filter(is_to_do, plan.changes)))

    def _serves(self, change: Change, plan: Plan) -> bool:
        """Tell whether a change is of a policy that this run has written, or that serves a trail which it has moved."""
        served = {change.resource, *changed_trails(plan.predicted, (change,))}
        return change.operation in DISPUTED and not self._reached().isdisjoint(served)

    def _without_failed(self, plan: Plan) -> Plan:
        """Return the plan, refused where it asks again for what has failed."""
        changes = tuple(change for change in plan.changes if _identity(change) not in self._failed())
        refusals = (*plan.refusals, _left_undone(plan)) if changes != plan.changes else plan.refusals
        return replace(plan, changes=changes, refusals=refusals)

    def _reached(self) -> set[str]:
        """Return the ARNs of what was changed."""
        return {each.resource for each in (*self._earlier, *self.changes) if each.status == "applied"}

    def _failed(self) -> set[tuple[str, str]]:
        return {_identity(each) for each in self.changes if each.status == "failed"}

    def _may_show_late(self, change: Change, reads: int) -> bool:
        """Tell whether this was done before and may not show yet, after so many reads in a row that lack it."""
        if change.operation in DISPUTED and reads > PUT_BACK:
            return False
        is_done = _is_overwritten if change.operation in DISPUTED else _is_done
        applied = (done for done in self.changes if done.status == "applied")
        return any(is_done(done, change) for done in applied) or any(_is_alike(done, change) for done in self._earlier)

    def _at_an_end(self, before: str, after: str) -> Reason:
        """Return why no more is tried: the run was interrupted, or its time is up, of which it may get more."""
        if self._pace.stopped.is_set():
            return Reason(f"{before}, and the run was interrupted{after}.")
        return Reason(f"{before}, and the time is up{after}, or", ({"wait_timeout": "more seconds"},))

    def _given_up(self, plan: Plan) -> Reason:
        """Return what is left undone, and which trails are not served for it."""
        return self._at_an_end(
            "Somebody else keeps changing the same resources",
            f" with {_in_words(plan)} to do.{not_served(plan)} Make sure that only one run at a time writes there, "
            "and run again",
        )

    def _not_shown(self, change: Change, plan: Plan) -> Reason:
        return self._at_an_end(
            f"{change.operation} of {change.resource} in {change.region} was done, but AWS shows the old state",
            f".{not_served(plan)} Find out who else changes it, and run again",
        )

    def _saved_at_the_end(self) -> Backup:
        """Return the backup with the ARNs of the keys that were created, of what was done and what may have been."""
        tried = [change for change in self.changes if change.status != "not_attempted"]
        try:
            return self._save(tried)
        except Exception as error:
            message = str(error) if isinstance(error, BackupError) else unforeseen(error)
            self._warnings.append(f"{message} What it held before the first write is still there.")
            return backup_of(self._account.account_id, tried, datetime.now(timezone.utc))


class Written:
    """An account or a shared key that a run writes to: `account` opens it, `done` is what came of it."""

    account: Account
    done: Done

    def write(self, rounds: Rounds, plan: Plan, of: str) -> None:
        """Apply the plan. However that ends, what was done until then is known."""
        try:
            rounds.run(plan, of)
        finally:
            self.done = rounds.done()

    def fail(self, reason: str) -> None:
        """Note that something nobody foresaw has ended what was done to it."""
        self.done = replace(self.done, errors=(*self.done.errors, reason))


def not_attempted(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes as those that nobody has begun."""
    return tuple(replace(change, status="not_attempted") for change in changes)


def _in_words(plan: Plan) -> str:
    return ", ".join(f"{change.operation} of {change.resource}" for change in plan.changes)


def _identity(change: Change) -> tuple[str, str]:
    return change.operation, change.resource


def _is_alike(done: Change, change: Change) -> bool:
    """Tell whether both do the same to the same resource; a key that was created has its ARN since, and its tags."""

    def subject(of: Change) -> object:
        place, _colon, name = of.resource.rpartition(":")
        return (place, of.after["tags"]) if of.operation == "CreateKey" else (place, name)

    same = (done.operation, done.region, done.before) == (change.operation, change.region, change.before)
    return same and subject(done) == subject(change)


def _is_done(done: Change, change: Change) -> bool:
    return _is_alike(done, change) and (done.operation in FOUND_LATE or done.after == change.after)


def _is_overwritten(done: Change, change: Change) -> bool:
    """Tell whether a policy shows that is older than what was written: all that it says was read or written then."""
    if _identity(done) != _identity(change):
        return False
    shown, written = change.policies[0], done.policies[1]
    return adds_nothing(shown, *done.policies) and not same_policy(shown, written)


def _left_undone(plan: Plan) -> Reason:
    """Return that what failed is left undone, and which trails are not served for it."""
    return Reason(f"{_in_words(plan)} is still to do.{not_served(plan)} Correct what failed, and run again.")


def not_served(plan: Plan) -> str:
    """Return a sentence, which a blank begins, on the trails that may lack what the plan has left to do."""
    unserved = _unserved(plan)
    return f" These trails may not be served: {first_of(unserved, MOST_NAMED)}." if unserved else ""


def _unserved(plan: Plan) -> list[str]:
    """Return the trails that wait for the plan: of those that a key serves the ones that its policy does not name."""
    reached = changed_trails(plan.predicted, plan.changes)
    present = " ".join(str(change.policies[0]) for change in plan.changes)
    return sorted(arn for arn in reached if f'"{arn}"' not in present) or sorted(reached)
