# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Join what backups hold of one resource: the writes of all accounts and runs in their order, undone at once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, groupby

from .._model import Backup, Reason, Replaced
from .._policy import listing, policy_meaning

# How two values of one resource are compared, by the rows that hold them: KMS lays out a policy anew.
_FORMS: Mapping[str, Callable[[str | None], Hashable]] = {
    "trail_keys": lambda arn: arn,
    "key_policies": policy_meaning,
    "bucket_policies": policy_meaning,
}


@dataclass(frozen=True)
class Undo:
    """What undoes all that backups hold of one resource, or the `reason` why that must stay as it is.

    `account_id` is the last account of the run that has written it.
    """

    account_id: str
    row: Replaced
    reason: Reason | None = None


@dataclass(frozen=True)
class _Write:
    """A row of a backup: what an account found and left, in a form that can be compared."""

    account_id: str
    row: Replaced
    before: Hashable
    after: Hashable


@dataclass(frozen=True)
class Undos:
    """All that a run undoes of the `backups`, each by its account."""

    backups: Mapping[str, Backup]
    trail_keys: tuple[Undo, ...]
    key_policies: tuple[Undo, ...]
    bucket_policies: tuple[Undo, ...]


def undos_of(backups: Mapping[str, Backup], accounts: Collection[str]) -> Undos:
    """Return what a run that reads these accounts undoes: one for each resource that one of them has written."""
    return Undos(backups, **{rows: tuple(_undos(backups, accounts, rows)) for rows in _FORMS})


def _undos(backups: Mapping[str, Backup], accounts: Collection[str], rows: str) -> Iterator[Undo]:
    by_resource: dict[str, list[tuple[str, Replaced]]] = {}
    for account_id, backup in sorted(backups.items()):
        for row in getattr(backup, rows):
            by_resource.setdefault(row.arn, []).append((account_id, row))
    form = _FORMS[rows]
    for each in by_resource.values():
        if len(each) == 1:  # the rule, which takes no comparison
            yield from (Undo(account_id, row) for account_id, row in each if account_id in accounts)
            continue
        writes = [_Write(account_id, row, form(row.before), form(row.after)) for account_id, row in each]
        # What others wrote before the first of these accounts did is not to be undone.
        begun = list(dropwhile(lambda write: write.account_id not in accounts, _in_order(writes)))
        if begun:
            yield _undo(begun, accounts, rows)


def _in_order(writes: Iterable[_Write]) -> Iterator[_Write]:
    """Yield the writes in time. Backups of before rows had a time of their own know only the second of their run."""
    end: Hashable = None
    for _time, at_once in groupby(sorted(writes, key=_taken_at), key=_taken_at):
        for write in _one_after_the_other(list(at_once), end):
            yield write
            end = write.after


def _taken_at(write: _Write) -> str:
    return write.row.taken_at


def _one_after_the_other(writes: Sequence[_Write], end: Hashable) -> Iterator[_Write]:
    """Order the writes of one time: each follows the one that left what it found; `end` was left before all of them."""
    left_by_others = {write.after for write in writes}
    rest = deque(sorted(range(len(writes)), key=lambda index: writes[index].before in left_by_others))
    by_before: dict[Hashable, deque[int]] = {}
    for index in rest:
        by_before.setdefault(writes[index].before, deque()).append(index)
    done: set[int] = set()
    while len(done) < len(writes):
        index = (by_before.get(end) or rest).popleft()
        if index not in done:
            done.add(index)
            yield writes[index]
            end = writes[index].after


def _undo(writes: Sequence[_Write], accounts: Collection[str], rows: str) -> Undo:
    """Return what undoes the writes; those that somebody else has undone before the next one count no more."""
    states, path = [writes[0].before], list[_Write]()
    known = Counter(states)
    reason: Reason | None = None
    for write in writes:
        if not known[write.before]:
            reason = _why_broken(path[-1], write, rows)
            break
        while states[-1] != write.before:
            known[states.pop()] -= 1
            path.pop()
        states.append(write.after)
        known[write.after] += 1
        path.append(write)
    writers = [write.account_id for write in writes if write.account_id in accounts]
    row = replace(writes[-1].row, before=writes[0].row.before)
    return Undo(writers[-1], row, reason or _why_incomplete(path, accounts, rows))


def _why_broken(earlier: _Write, later: _Write, rows: str) -> Reason:
    return Reason(
        f"somebody else changed it between what was replaced {_when(earlier)} and what was replaced {_when(later)}, so "
        "the backup does not lead back.",
        more=f"Delete its rows up to the first of these from {rows} to undo what came later, or all of its rows to "
        "leave it as it is.",
    )


def _when(write: _Write) -> str:
    return f"in account {write.account_id} at {write.row.taken_at}"


def _why_incomplete(path: Iterable[_Write], accounts: Collection[str], rows: str) -> Reason | None:
    absent = sorted({write.account_id for write in path} - {*accounts})
    if not absent:
        return None
    return Reason(
        f"the backup has a later change of account {listing(absent)}, which this run does not read.",
        row=f"its entries from {rows}",
        more="Restore together with that account.",
    )
