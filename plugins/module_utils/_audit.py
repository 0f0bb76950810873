# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audit: read and judge one account or many, each as soon as it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from ._aws import Access, Reading, contain_failures, sweep
from ._checks import (
    AccountVerdict,
    Settings,
    assess,
    budget_of,
    calls_of_readers,
    digest_folders,
    keys_needing_second_policy,
    log_folders,
    subject_of,
    unused_exceptions,
)
from ._facts import Narrowing, account_row, document, moment, narrowed_by
from ._model import Level, LogFolder, ReadError, Snapshot, Trail
from ._scope import Scope

# Each folder costs two to four calls, and what goes for one member of an organization is likely to go for all.
MOST_MEMBERS = 10
_NARROWING: tuple[Level, ...] = ("off", "advised")


def audit(
    caller: Access,
    scope: Scope,
    settings: Settings,
    tell: Callable[[int], None],
    settings_of: Mapping[str, Settings] = MappingProxyType({}),
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the document `cloudtrail_kms` of the accounts in scope, and warnings; `tell` is told how many are done.

    `settings_of` has the settings of accounts that have others than the run. Raises AwsError where the caller has no
    way to AWS, and of a single account where nothing can be said about it.
    """

    def of(account_id: str) -> Settings:
        return settings_of.get(account_id, settings)

    scope = replace(
        scope,
        second_policies=lambda snapshot: keys_needing_second_policy(of(snapshot.account_id), snapshot),
        of_readers=lambda snapshot: calls_of_readers(of(snapshot.account_id), snapshot),
        folders=partial(folders_of, members=members_of(scope)),
    )
    rows: list[dict[str, Any]] = []
    judged_here: dict[str, list[Trail]] = {}
    read_at = ""
    for reading in sweep(caller, scope):
        # What was read of keys and buckets is let go here: the row is all that is kept of it.
        rows.append(_row(reading, scope, of(reading.snapshot.account_id), caller.region))
        judged_here[reading.snapshot.account_id] = _judged_here(reading) if settings.exceptions or settings_of else []
        read_at = max(read_at, moment(reading.snapshot.read_at))
        tell(len(rows))
    unused = unused_exceptions((each, of(each), judged_here[each]) for each in sorted(judged_here))
    return document(rows, read_at), unused


def members_of(scope: Scope) -> tuple[str, ...]:
    """Return the accounts of a sweep, of many only some, in whose folders logs of an organization trail are read."""
    accounts = sorted(each.account_id for each in scope.accounts)
    return tuple(accounts[:: -(-len(accounts) // MOST_MEMBERS)]) if accounts else ()


def folders_of(snapshot: Snapshot, trail: Trail, members: Sequence[str] = ()) -> tuple[LogFolder, ...]:
    """Return the folders of a trail whose newest files are read as proof."""
    subject = subject_of(snapshot, trail, Settings())
    return (*log_folders(subject, members), *digest_folders(subject))


def _judged_here(reading: Reading) -> list[Trail]:
    """Return the trails of an account that are judged by its settings, and not by those of their owner."""
    return [trail for trail in reading.snapshot.trails if trail.arn not in reading.read_by_owner]


def _row(reading: Reading, scope: Scope, settings: Settings, region: str) -> dict[str, Any]:
    narrowed = narrowing(reading.snapshot, scope, settings)
    return account_row(verdict_of(reading.snapshot, settings, region, is_bounded=True), narrowed)


def narrowing(snapshot: Snapshot, scope: Scope, settings: Settings) -> Narrowing:
    """Return what the audit of an account is narrowed by, in a run with this scope."""
    account = scope.of(snapshot.account_id)
    off, advised = (settings.rules_set_to(level, snapshot.trails) for level in _NARROWING)
    return narrowed_by(account.regions, account.trails, off, advised)


def verdict_of(snapshot: Snapshot, settings: Settings, region: str, *, is_bounded: bool = False) -> AccountVerdict:
    """Return the account's verdict. If judging it fails, the account is unknown, and the others are not affected.

    An audit is bounded: all findings of an account share one budget.
    """

    def judge() -> AccountVerdict:
        return assess(snapshot, settings, budget_of(snapshot, settings) if is_bounded else None)

    def unread(*errors: ReadError) -> AccountVerdict:
        return assess(Snapshot(snapshot.account_id, snapshot.partition, snapshot.read_at, errors=errors), settings)

    return contain_failures(judge, unread, region)
