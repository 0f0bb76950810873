# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups on their way back: what their plans need to know is read here, and they are made for all accounts at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model, _planning, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _resources, _targets
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _plans, _restore


class Restoring:
    """The backups that a run puts back in its accounts; `judged` are these as they were before, by account id."""

    def __init__(
        self,
        accounts: Mapping[str, _resources.Account],
        judged: Mapping[str, _assess.AccountVerdict],
        run: _task.Run,
    ) -> None:
        self._accounts, self._judged = accounts, judged
        self._backups = {backup.account_id: backup for backup in run.task.restore}
        self._settings = {each: run.of(each).settings for each in accounts}
        self._wishes = {each: _planning.with_writers(accounts[each], run.of(each).wish) for each in accounts}

    def plans(self) -> _restore.RestorePlans:
        """Return the plans of all accounts, and of the policies that they share. Raises AwsError as reading does."""
        found = self._made(self._judged)
        plans = {each: _planning.with_principals(self._accounts[each], plan) for each, plan in found.plans.items()}
        return replace(found, plans=plans)

    def planned_anew(self, account_id: str, judged: _assess.AccountVerdict) -> _plans.Plan:
        """Return the plan of an account for what it is now."""
        return self._made({**self._judged, account_id: judged}).plans[account_id]

    def policy_planned_anew(self, shared: _restore.SharedPolicy, seen: Mapping[str, _model.Snapshot]) -> _plans.Plan:
        """Return the plan of a shared policy for what it is now, of accounts that were `seen` since they moved."""
        account = self.opening(shared)
        key = _targets.read_key(account, shared.row.arn)
        wish = self._wishes[shared.account_id]
        return _planning.with_principals(account, _restore.plan_policy(shared.row, shared.account_id, seen, key, wish))

    def opening(self, shared: _restore.SharedPolicy) -> _resources.Account:
        """Return the account that opens the key: its owner, or else the one whose backup has the policy."""
        return self._accounts.get(shared.row.arn.split(":")[4]) or self._accounts[shared.account_id]

    def _made(self, judged: Mapping[str, _assess.AccountVerdict]) -> _restore.RestorePlans:
        readings = [
            _targets.read_keys(self._accounts[each], judged[each].snapshot, _restore.keys_of_backup(backup))
            for each, backup in self._backups.items()
            if each in self._accounts
        ]
        keys = _restore.best_known(readings)
        return _restore.make_restore_plans(judged, self._backups, keys, self._wishes, self._settings)
