# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be enforced, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess, _second_policy, _subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _wish


@dataclass(frozen=True)
class Task:
    """What is to be enforced, and how far to go. `wait` is for a delivery under the new key."""

    scope: _snapshot.Scope = field(default_factory=_snapshot.Scope)
    settings: _subject.Settings = field(default_factory=_subject.Settings)
    wish: _wish.Wish = field(default_factory=_wish.Wish)
    check_mode: bool = False
    wait: bool = False
    backup_path: str | None = None
    restore: _model.Backup | None = None

    @property
    def reading(self) -> _snapshot.Scope:
        """What is read, with what the verdicts hang on."""
        return replace(self.scope, in_doubt=partial(_second_policy.keys_in_doubt, self.settings))


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a plan: its changes in order with their status, why nothing was done, and why changes failed."""

    changes: tuple[_model.Change, ...] = ()
    refusals: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    backup: _model.Backup | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome(Done):
    """What came of it. `after` is predicted in check mode, and None where the account could not be read again.

    With `shared_keys` nothing was done, since these have to be changed first, for all accounts that use them.
    """

    before: _assess.AccountVerdict
    after: _assess.AccountVerdict | None
    shared_keys: tuple[_wish.SharedKey, ...] = ()


def open_questions(after: _assess.AccountVerdict) -> Iterator[str]:
    """Yield a warning that says what leaves the account's verdict unknown."""
    if after.verdict != "unknown":
        return
    unknown = sorted(
        f"{found.rule} of {trail.trail.arn}"
        for trail in after.trails
        for found in trail.findings
        if found.status == "unknown" and found.level == "required"
    )
    unread = sorted(f"{error.iam_action} in {error.region}" for error in after.snapshot.errors)
    yield f"Account {after.snapshot.account_id} stays unknown: {', '.join([*unknown, *unread])}."
