# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be enforced, how far that is, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._checks import AccountVerdict, Settings, calls_of_readers, keys_needing_second_policy
from .._model import Backup, Change, LeftToOwnerError, ReaderCalls, Reason, Snapshot
from .._module import Progress
from .._plan import RestorePlans
from .._request import EnforceRequest
from .._scope import AccountScope, Scope


@dataclass(frozen=True)
class Task:
    """What is to be enforced in an account, and how far to go. `wait` is for a delivery under the new key.

    `restore` has the backups, each of one account, that are put back in place of that.
    """

    scope: Scope = field(default_factory=Scope)
    settings: Settings = field(default_factory=Settings)
    request: EnforceRequest = field(default_factory=EnforceRequest)
    check_mode: bool = False
    wait: bool = False
    restore: tuple[Backup, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a plan: its changes in order with their status, why nothing was done, and why changes failed.

    `rotation_errors` are those of `errors` that say why a rotation failed. `deliveries` has the trails whose deliveries
    were waited for, by ARN: whether each has delivered since.
    """

    changes: tuple[Change, ...] = ()
    refusals: tuple[Reason, ...] = ()
    errors: tuple[str | Reason, ...] = ()
    warnings: tuple[str | Reason, ...] = ()
    backup: Backup | None = None
    rotation_errors: tuple[str, ...] = ()
    deliveries: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_enough(self) -> bool:
        """Whether what trails need was done: no log waits for the rotation of a key."""
        return not self.refusals and all(error in self.rotation_errors for error in self.errors)


@dataclass(frozen=True, kw_only=True)
class Outcome(Done):
    """What came of it. `after` is predicted in check mode, and None where the account could not be read again."""

    before: AccountVerdict
    after: AccountVerdict | None


@dataclass(frozen=True)
class Run:
    """What to enforce in the accounts of `task`'s scope: in each its own task of `tasks`, or else `task`.

    `lending` are accounts that are entered only for their keys and buckets. After `max_failures` accounts have failed,
    none is begun any more. The runs of one `backup_play` share the file of the backup. `progress` counts the accounts
    that are read, planned, applied and verified.
    """

    task: Task
    tasks: Mapping[str, Task] = field(default_factory=dict)
    lending: tuple[AccountScope, ...] = ()
    max_failures: int = 3
    backup_path: str | None = None
    backup_play: str | None = None
    progress: Progress = field(default_factory=Progress)

    def of(self, account_id: str) -> Task:
        """Return the task of an account."""
        return self.tasks.get(account_id, self.task)

    def second_policies(self, snapshot: Snapshot) -> Iterable[str]:
        """Return the keys of an account whose second policy could change what is said of it."""
        return keys_needing_second_policy(self.of(snapshot.account_id).settings, snapshot)

    def of_readers(self, snapshot: Snapshot) -> Iterable[ReaderCalls]:
        """Return the calls of readers that IAM is to simulate for an account."""
        return calls_of_readers(self.of(snapshot.account_id).settings, snapshot)


@dataclass(frozen=True)
class RunOutcome:
    """What came of it: of the shared keys, by the accounts that own them, and of each account, by its id.

    `earlier_backups` are the names that files in the place of the backup have now. `undo` is what a restore of the
    backup, or of the one that the run after a plan would keep, would do; None where that is nothing, or not known.
    """

    keys: tuple[tuple[str, Done], ...]
    accounts: Mapping[str, Outcome]
    warnings: tuple[str | Reason, ...] = ()
    backup: Mapping[str, Any] | None = None
    earlier_backups: tuple[str, ...] = ()
    undo: RestorePlans | None = None


def open_questions(after: AccountVerdict) -> Iterator[str]:
    """Yield a warning that says why the account's verdict is unknown, without facts that a trail's owner reports."""
    if after.verdict != "unknown":
        return
    unknown = sorted(
        f"{finding.rule} of {trail.trail.arn}"
        for trail in after.trails
        for finding in trail.findings
        if finding.status == "unknown"
        and finding.level == "required"
        and not isinstance(finding.unread, LeftToOwnerError)
    )
    unread = sorted(f"{error.iam_action} in {error.region}" for error in after.snapshot.errors)
    if unknown or unread:
        yield f"Account {after.snapshot.account_id} stays unknown: {', '.join([*unknown, *unread])}."
