# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sessions of assumed roles: renewed before they end, or when they are over; no account suffers from others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import CredentialRetrievalError
from botocore.retries.quota import RetryQuota

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _credentials
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._credentials import RoleCredentials, Session
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role
from tests.unit.access import caller
from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, PRODUCTION, SECURITY, Load
from tests.unit.aws.sweeping import EVERYBODY, STAGING, row, swept, verdicts


def test_a_session_that_is_over_is_renewed(load: Load) -> None:
    aws = load("organization")
    session = caller(aws, SECURITY).assume(Role(f"arn:aws:iam::{PRODUCTION}:role/CloudTrailKmsAudit", "audit-2026"))
    aws.expire_sessions()
    answer = session.ask("cloudtrail", "eu-central-1", "DescribeTrails", lambda answer: len(answer["trailList"]))
    assert answer == 1
    assert [call["result"] for call in aws.calls()] == ["ok", "ExpiredTokenException", "ok", "ok"]


def test_sessions_that_are_over_in_the_middle_of_a_sweep_harm_no_account(load: Load) -> None:
    aws = load("organization")
    aws.add_fault("cloudtrail:GetTrailStatus", code="ExpiredTokenException", account=MANAGEMENT)
    for account_id in (MANAGEMENT, PRODUCTION, STAGING, LOG_ARCHIVE):
        aws.add_fault("cloudtrail:DescribeTrails", code="ExpiredTokenException", account=account_id)
    assert verdicts(swept(aws)) == {**dict.fromkeys(EVERYBODY, "compliant"), STAGING: "non_compliant"}


def test_a_session_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(_credentials, "time", SimpleNamespace(time=lambda: now))
    refused = ReadError("sts", "AssumeRole", "sts:AssumeRole", "us-east-1", "AccessDenied", "not any more")
    answers: list[Session | ReadError] = [Session("second", 8000.0, 4400.0), refused, refused]
    credentials = RoleCredentials(Session("first", 4600.0, 1000.0), lambda: answers.pop(0))
    now = 4299.0
    assert credentials.frozen() == "first"
    now = 4301.0
    assert (credentials.frozen(), credentials.frozen()) == ("second", "second")
    now = 7999.0  # refused, but it lasts for another second
    assert credentials.frozen() == "second"
    now = 8000.0
    with pytest.raises(CredentialRetrievalError, match="AccessDenied: not any more"):
        credentials.frozen()


def test_a_refused_renewal_is_an_error_of_what_was_asked(load: Load) -> None:
    aws = load("organization")
    session = caller(aws, SECURITY).assume(Role(f"arn:aws:iam::{PRODUCTION}:role/CloudTrailKmsAudit", "audit-2026"))
    aws.expire_sessions()
    aws.add_fault("sts:AssumeRole", code="AccessDenied", status=403)
    error = session.ask("cloudtrail", "eu-central-1", "DescribeTrails", dict)
    assert isinstance(error, ReadError)
    assert (error.code, error.iam_action) == ("ExpiredTokenException", "cloudtrail:DescribeTrails")


def test_others_throttling_does_not_take_the_retries_of_an_account(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = load("organization")
    monkeypatch.setattr(RetryQuota, "acquire", lambda _quota, _amount: False)  # as if all were used up
    for account_id in (MANAGEMENT, PRODUCTION):
        aws.add_fault("cloudtrail:DescribeTrails", code="ThrottlingException", account=account_id)
    assert verdicts(
        swept(aws, regions=["eu-central-1"], accounts=[MANAGEMENT, PRODUCTION, LOG_ARCHIVE, SECURITY])
    ) == dict.fromkeys((MANAGEMENT, PRODUCTION, LOG_ARCHIVE, SECURITY), "compliant")


def test_the_session_of_another_account_judges_nothing(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Access.send

    def swapped(self: Access, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "AssumeRole":
            parameters["RoleArn"] = parameters["RoleArn"].replace(STAGING, PRODUCTION)
        return send(self, service, region, operation, **parameters)

    monkeypatch.setattr(Access, "send", swapped)
    account = row(swept(load("organization"), [PRODUCTION, STAGING]), STAGING)
    assert (account["verdict"], account["trails"]) == ("unknown", [])
    assert f"it opens arn:aws:sts::{PRODUCTION}:assumed-role/" in account["errors"][0]["message"]
