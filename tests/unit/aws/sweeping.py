# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sweeps of the organization in the fake AWS, started by its delegated administrator."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _common as _arguments
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, PRODUCTION, SECURITY
from tests.unit.test_arguments import sweep_params

STAGING = "333333333333"
EVERYBODY = [MANAGEMENT, PRODUCTION, STAGING, LOG_ARCHIVE, SECURITY]
MEMBER_ROLE = {"role_name": "CloudTrailKmsAudit", "role_arn": None, "external_id": "audit-2026", "session_name": "test"}


def swept(aws: FakeAws, accounts: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """The audit of accounts, started by the delegated administrator of the organization."""
    return warned(aws, accounts, **options)[0]


def warned(aws: FakeAws, accounts: list[str] | None = None, **options: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    # Where the trails and buckets are; of all regions one test is enough.
    given = {"accounts": accounts or EVERYBODY, "assume_role": MEMBER_ROLE, "regions": ["eu-central-1", "eu-west-1"]}
    given = sweep_params(**{**given, **options})
    scope, of_owners = _audit_arguments.to_scope(given), _audit_arguments.settings_of_owners(given)
    judging = partial(_audit_arguments.to_settings, of_owners=of_owners)
    settings, own = judging(given), _arguments.of_accounts(given, judging)
    return audit(caller(aws, SECURITY), scope, settings, lambda _done: None, own)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {account["account_id"]: account["verdict"] for account in document["accounts"]}


def row(document: dict[str, Any], account_id: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (account for account in document["accounts"] if account["account_id"] == account_id)
    return found
