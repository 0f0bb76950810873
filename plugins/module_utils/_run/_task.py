# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be enforced, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .._checks import AccountVerdict, Settings, calls_of_readers, keys_in_doubt
from .._model import Backup, Change, LeftToOwnerError, ReaderCalls, Refusal, Snapshot
from .._plan import EnforceRequest
from .._scope import AccountScope, Scope
from ._progress import Progress


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

    `rotation_errors` are those of `errors` that say why a rotation failed.
    """

    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    errors: tuple[str | Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    backup: Backup | None = None
    rotation_errors: tuple[str, ...] = ()

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
    """What is to be enforced in all accounts of the scope of `task`: in each its own task of `tasks`, or `task`.

    `lending` are accounts that are entered only for keys and buckets of theirs. After `max_failures` accounts have
    failed none is begun any more. The runs of one `backup_play` share the file of the backup. `progress` is told
    of each account that is read, planned, applied and verified.
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

    def in_doubt(self, snapshot: Snapshot) -> Iterable[str]:
        """Return the keys of an account whose second policy could change what is said of it."""
        return keys_in_doubt(self.of(snapshot.account_id).settings, snapshot)

    def of_readers(self, snapshot: Snapshot) -> Iterable[ReaderCalls]:
        """Return the calls of readers that IAM is to simulate for an account."""
        return calls_of_readers(self.of(snapshot.account_id).settings, snapshot)


@dataclass(frozen=True)
class RunOutcome:
    """What came of it: of the shared keys, by the accounts that own them, and of each account, by its id.

    `earlier_backups` are the names that files in the place of the backup have now.
    """

    keys: tuple[tuple[str, Done], ...]
    accounts: Mapping[str, Outcome]
    warnings: tuple[str, ...] = ()
    backup: Mapping[str, object] | None = None
    earlier_backups: tuple[str, ...] = ()


def open_questions(after: AccountVerdict) -> Iterator[str]:
    """Yield a warning that says what leaves the account's verdict unknown; of what its owner tells, nothing is open."""
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
