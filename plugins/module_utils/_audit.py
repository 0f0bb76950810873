# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audit: read and judge one account or many, each as soon as it is read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import Scope, read_account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._sweep import sweep, whatever_happens
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import (
    AccountVerdict,
    assess,
    unused_exceptions,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._second_policy import keys_in_doubt
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import (
    account_row,
    document,
    facts,
    moment,
    narrowed_by,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError, Snapshot, Trail


def audit(
    caller: Access, scope: Scope, settings: Settings, tell: Callable[[int], None]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the document `cloudtrail_kms` of the accounts in scope, and warnings; `tell` is told how many are done.

    Raises AwsError where the caller has no way to AWS, and of a single account where nothing can be said about it.
    """
    narrowed = narrowed_by(scope.regions, scope.trails, settings.rules_off)
    scope = replace(scope, in_doubt=partial(keys_in_doubt, settings))
    if not scope.accounts:
        snapshot = read_account(caller, scope)
        unused = unused_exceptions(snapshot.trails, [snapshot.account_id], settings)
        return facts([assess(snapshot, settings)], narrowed), unused
    rows: list[dict[str, Any]] = []
    trails: list[Trail] = []
    read_at = ""
    for snapshot in sweep(caller, scope):
        # What was read of keys and buckets is let go here: the row is all that is kept of it.
        rows.append(account_row(_judged(snapshot, settings, caller.region), narrowed))
        trails += snapshot.trails if settings.exceptions else ()
        read_at = max(read_at, moment(snapshot.read_at))
        tell(len(rows))
    return document(rows, read_at), unused_exceptions(trails, scope.accounts, settings)


def _judged(snapshot: Snapshot, settings: Settings, region: str) -> AccountVerdict:
    """The account's verdict; whatever stands in its way, the others get theirs."""

    def unread(*errors: ReadError) -> AccountVerdict:
        return assess(Snapshot(snapshot.account_id, snapshot.partition, snapshot.read_at, errors=errors), settings)

    return whatever_happens(lambda: assess(snapshot, settings), unread, region)


class Progress:
    """Appends a line to a file for every finished tenth of the accounts.

    It never fails what it tells of: an action that becomes another user has a file that this user cannot write to.
    """

    def __init__(self, path: str | None, total: int) -> None:
        self._path, self._total, self._tenths = Path(path) if path else None, total, 0
        self._write("")

    def __call__(self, done: int) -> None:
        """Tell that so many accounts are done."""
        tenths = done * 10 // self._total
        if tenths > self._tenths:
            self._tenths = tenths
            self._write(f"Audited {done} of {self._total} accounts\n")

    def _write(self, text: str) -> None:
        if self._path:
            with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
                file.write(text)
