# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of many accounts, each entered by its role of one name, with a key of the security account for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Run, RunOutcome, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import AccountScope, NamedRole, Scope
from tests.unit.enforce.lab import Lab
from tests.unit.enforce.test_other_accounts import LOG_ARCHIVE, PRODUCTION, SANDBOX, SECURITY, STAGING, role

TRAILS = {
    PRODUCTION: f"arn:aws:cloudtrail:eu-central-1:{PRODUCTION}:trail/production-trail",
    STAGING: f"arn:aws:cloudtrail:eu-central-1:{STAGING}:trail/staging-trail",
    SANDBOX: f"arn:aws:cloudtrail:us-east-1:{SANDBOX}:trail/sandbox-trail",
}
ENTER = NamedRole("CloudTrailKmsEnforce", "audit-2026")
REQUEST = EnforceRequest(key_account_id=SECURITY)
OF_THE_KEY = ["CreateKey", "CreateAlias", "EnableKeyRotation"]


def run_of(
    *accounts: str,
    requests: Mapping[str, EnforceRequest] | None = None,
    lending: tuple[str, ...] = (SECURITY,),
    **fields: Any,
) -> Run:
    """A run of accounts, by default the three that have trails; `fields` are those of the task and of the run."""
    swept = tuple(AccountScope(account, ENTER) for account in accounts or TRAILS)
    scope = Scope(accounts=swept, key_role=role(SECURITY), bucket_role=role(LOG_ARCHIVE, "audit"))
    of_run = {name: fields.pop(name) for name in ("max_failures", "backup_path", "backup_play") if name in fields}
    ids = frozenset(each.account_id for each in swept)
    task = Task(**{"scope": scope, "request": REQUEST, **fields})
    task = replace(task, request=replace(task.request, accounts=ids))
    tasks = {
        account: replace(task, request=replace(request, accounts=ids)) for account, request in (requests or {}).items()
    }
    return Run(task, tasks, tuple(AccountScope(each, ENTER) for each in lending if each not in ids), **of_run)


def served(lab: Lab, *accounts: str, seconds: float = 300, **fields: Any) -> RunOutcome:
    """Enforce in accounts that share the key of the security account."""
    return lab.run(run_of(*accounts, **fields), seconds)


def operations(outcome: RunOutcome) -> dict[str, list[str]]:
    """What was done in each account, and to the shared keys, by the accounts that own them."""
    told = [*((f"key of {owner}", done) for owner, done in outcome.keys), *outcome.accounts.items()]
    return {of: [str(change.operation) for change in done.changes] for of, done in told}


def troubles(outcome: RunOutcome) -> dict[str, tuple[str, ...]]:
    """Refusals and errors of each account, and of the keys."""
    told = [*outcome.accounts.items(), *((f"key of {owner}", done) for owner, done in outcome.keys)]
    return {
        account: (*map(str, (*done.refusals, *done.errors)),) for account, done in told if done.refusals or done.errors
    }


def verdicts(outcome: RunOutcome) -> dict[str, str | None]:
    """The verdict of each account after the run."""
    return {account: done.after.verdict if done.after else None for account, done in outcome.accounts.items()}
