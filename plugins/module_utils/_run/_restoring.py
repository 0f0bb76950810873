# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore backups: read what their plans need, and make these plans for all accounts at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .._aws import Account, read_key, read_keys
from .._checks import AccountVerdict
from .._model import Snapshot
from .._plan import (
    Plan,
    RestorePlans,
    SharedPolicy,
    best_known,
    keys_of_backup,
    make_restore_plans,
    plan_policy,
    undos_of,
)
from ._planning import with_principals, with_writers
from ._task import Run


class Restoring:
    """Plans the restore of a run's backups; `judged` are the accounts as they were before, by account id."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        judged: Mapping[str, AccountVerdict],
        run: Run,
    ) -> None:
        self._accounts, self._judged = accounts, judged
        self._backups = {backup.account_id: backup for backup in run.task.restore}
        self._undos = undos_of(self._backups, accounts)
        self._settings = {each: run.of(each).settings for each in accounts}
        self._requests = {each: with_writers(accounts[each], run.of(each).request) for each in accounts}

    def plans(self) -> RestorePlans:
        """Return the plans of all accounts, and of the policies that they share. Raises AwsError as reading does."""
        found = self._made(self._judged)
        plans = {each: with_principals(self._accounts[each], plan) for each, plan in found.plans.items()}
        return replace(found, plans=plans)

    def planned_anew(self, account_id: str, judged: AccountVerdict) -> Plan:
        """Return the plan of an account for what it is now."""
        return self._made({**self._judged, account_id: judged}).plans[account_id]

    def policy_planned_anew(self, shared: SharedPolicy, seen: Mapping[str, Snapshot]) -> Plan:
        """Return the plan of a shared policy for what it is now, of accounts that were `seen` since they moved."""
        account = self.opening(shared)
        key = read_key(account, shared.undo.row.arn)
        return with_principals(account, plan_policy(shared.undo, seen, key, self._requests[shared.undo.account_id]))

    def opening(self, shared: SharedPolicy) -> Account:
        """Return the account that opens the key: its owner, or else the one whose backup has the policy."""
        return self._accounts.get(shared.undo.row.arn.split(":")[4]) or self._accounts[shared.undo.account_id]

    def _made(self, judged: Mapping[str, AccountVerdict]) -> RestorePlans:
        readings = [
            read_keys(self._accounts[each], judged[each].snapshot, keys_of_backup(backup))
            for each, backup in self._backups.items()
            if each in self._accounts
        ]
        keys = best_known(readings)
        return make_restore_plans(judged, self._undos, keys, self._requests, self._settings)
