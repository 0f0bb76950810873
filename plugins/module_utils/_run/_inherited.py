# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account of a run says of things that another account of it changes: trails that it inherits, and keys.

A run reads accounts again whose keys others have changed. Check mode predicts these keys, and of a trail that an
account inherits both take what its owner's row says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from .._aws import contain_failures, left_to_owner
from .._checks import assess
from .._model import Change, Key, ReadError, Snapshot, Trail
from .._plan import without_old_errors
from ._task import Outcome, Run, RunOutcome, Task, open_questions


def as_owners_leave_them(done: RunOutcome, run: Run) -> dict[str, Outcome]:
    """Return what came of the accounts, or will, with what is then left open in each."""
    outcomes = done.accounts
    owned = {
        trail.arn: trail.kms_key_arn
        for account_id, outcome in outcomes.items()
        for trail in (outcome.after.snapshot.trails if outcome.after else ())
        if trail.arn.split(":")[4] == account_id
    }
    results = (*(each for _owner, each in done.keys), *outcomes.values())
    changes = [change for each in results for change in each.changes if change.status in ("planned", "applied")]
    changed = {arn: key for outcome in outcomes.values() for arn, key in _changed_keys(outcome, changes)}

    def left(account_id: str) -> Outcome:
        outcome = outcomes[account_id]

        def failed(*errors: ReadError) -> Outcome:
            return replace(outcome, after=None, errors=(*outcome.errors, *(error.message for error in errors)))

        work = partial(_with_keys, outcome, owned, changed, run.of(account_id), changes)
        return contain_failures(work, failed, run.task.scope.first_region or "")

    return {each: left(each) for each in outcomes}


def _changed_keys(outcome: Outcome, changes: Iterable[Change]) -> Iterator[tuple[str, Key]]:
    """Yield the keys that were otherwise before, as the account has found them since; it may have had none of them."""
    for arn, key in outcome.after.snapshot.keys.items() if outcome.after else ():
        before = outcome.before.snapshot.keys.get(arn)
        if isinstance(key, Key) and (key != before if isinstance(before, Key) else _is_new(key, changes)):
            yield arn, key


def _is_new(key: Key, changes: Iterable[Change]) -> bool:
    """Return whether the key shows what the changes have made of it, and no longer what was before any of them."""
    before = [change.before for change in changes if change.resource == key.arn and change.before]
    return bool(before) and not any(each.items() <= vars(key).items() for each in before)


def _with_keys(
    outcome: Outcome,
    owned: Mapping[str, str | None],
    changed: Mapping[str, Key],
    task: Task,
    changes: Collection[Change],
) -> Outcome:
    if outcome.after is None:
        return outcome
    seen = outcome.after.snapshot
    moved = [trail for trail in seen.trails if owned.get(trail.arn, trail.kms_key_arn) != trail.kms_key_arn]
    known = _moved(seen, moved, owned)
    before = outcome.before.snapshot
    late = {arn: changed[arn] for arn, key in known.keys.items() if arn in changed and key == before.keys.get(arn)}
    known = replace(known, keys={**known.keys, **late})
    # Its own changes were heeded before, by the time of the last one.
    known = replace(known, trails=without_old_errors(before, known, changes, before.read_at).trails)
    after = outcome.after if known == seen else assess(known, task.settings)
    questions = () if outcome.refusals else open_questions(after)
    return replace(outcome, after=after, warnings=(*outcome.warnings, *questions))


def _moved(seen: Snapshot, moved: list[Trail], keys: Mapping[str, str | None]) -> Snapshot:
    """Return the account with these trails on their new keys, which the row of their owner describes."""
    trails = tuple(replace(trail, kms_key_arn=keys[trail.arn]) if trail in moved else trail for trail in seen.trails)
    of_others = [trail for trail in trails if trail.arn in keys and trail.arn.split(":")[4] != seen.account_id]
    read = {trail.kms_key_arn for trail in trails if trail not in of_others}
    owners = {
        trail.kms_key_arn: left_to_owner("kms", "DescribeKey", {"TrailARN": trail.arn, "HomeRegion": trail.home_region})
        for trail in of_others
        if trail.kms_key_arn and trail.kms_key_arn not in read
    }
    kept = {arn: key for arn, key in seen.keys.items() if arn in read}
    return replace(seen, trails=trails, keys={**owners, **kept})
