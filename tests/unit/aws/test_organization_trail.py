# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket policy of an organization trail is judged by the organization that AWS tells, not by the one it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, PRODUCTION, SECURITY, Audit, Load, role

SCENARIO = Path(__file__).parents[2] / "fakeaws" / "scenarios" / "organization.yml"
OWNERS = {"key_assume_role": role(SECURITY), "bucket_assume_role": role(LOG_ARCHIVE)}


def delivery(account: Any) -> Any:
    """What is found of the bucket policy of the only trail."""
    (judged,) = account.trails
    return next(finding for finding in judged.findings if finding.rule == "bucket_policy_accepts_key")


@pytest.mark.parametrize("account", [MANAGEMENT, PRODUCTION])
def test_its_own_organization_passes_and_is_asked_for_once(account: str, load: Load, audit: Audit) -> None:
    aws = load("organization")
    assert delivery(audit(account_id=SECURITY, assume_role=role(account), **OWNERS)).status == "pass"
    asked = [call["account"] for call in aws.calls() if call["action"] == "DescribeOrganization"]
    assert asked == [account]


def test_another_organization_fails(load: Load, audit: Audit, tmp_path: Path) -> None:
    path = tmp_path / "stranger.yml"
    text = SCENARIO.read_text(encoding="utf-8").replace("AWSLogs/o-exampleorg1", "AWSLogs/o-stranger00")
    path.write_text(text, encoding="utf-8")
    load(str(path))
    found = delivery(audit(account_id=SECURITY, assume_role=role(MANAGEMENT), **OWNERS))
    assert found.status == "fail"
    assert "AWSLogs/o-exampleorg1/" in found.message


def test_what_cannot_be_told_is_unknown(load: Load, audit: Audit) -> None:
    load("organization").add_fault(
        "organizations:DescribeOrganization", code="AccessDeniedException", status=400, message="No."
    )
    found = delivery(audit(account_id=SECURITY, assume_role=role(MANAGEMENT), **OWNERS))
    assert (found.status, found.evidence["iam_action"]) == ("unknown", "organizations:DescribeOrganization")
    assert "Allow the caller organizations:DescribeOrganization" in found.remediation
