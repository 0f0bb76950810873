# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be told of a policy: how it is said, and what is to be done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks.build import ACCOUNT, DECRYPT, DESCRIBE, ENCRYPT, KEY_ARN, finding, key_policy, snapshot
from tests.unit.checks.test_scope_proof import ANYBODY, CLOUDTRAIL, LAMBDA, allow


@pytest.mark.parametrize(
    "more",
    [
        [
            allow(ANYBODY, "kms:Decrypt", {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
            allow(
                "*",
                "kms:Decrypt",
                {"StringNotEquals": {"kms:CallerAccount": ACCOUNT, "aws:PrincipalTag/x": "y"}},
                Effect="Deny",
                Sid="Less",
            ),
        ],
        [allow(ANYBODY, "kms:Decrypt", {"StringEquals": {"aws:PrincipalTag/x": "y"}})],
        [allow(ANYBODY, "kms:PutKeyPolicy", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})],
        [allow(ANYBODY, "kms:PutKeyPolicy", {"Strange": {"aws:SourceIp": "x"}})],
        [allow(LAMBDA, "kms:PutKeyPolicy", {"StringEquals": {"aws:UserAgent": "x"}})],
        [allow(CLOUDTRAIL, "kms:PutKeyPolicy", {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})],
    ],
)
def test_what_cannot_be_told_is_never_to_be_opened(more: list[dict[str, Any]]) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, *more)))
    assert (found.status, "unclear" in found.evidence) == ("unknown", True)
    assert found.remediation.startswith(f'In statement "More" of {KEY_ARN}: ')
    assert "in full" in found.remediation or "allow CloudTrail nothing but" in found.remediation
    assert not any(word in found.remediation for word in ("stranger", "exempt", "replace"))


def test_whatever_a_name_stands_for_twice_closes_nothing() -> None:
    """Of an element that stands twice the last is read here, and nobody says what AWS makes of the others."""
    text = key_policy(allow(ANYBODY, "kms:Foo", {"StringEquals": {"kms:CallerAccount": ACCOUNT}}))["policy"]
    twice = text.replace('"Action": "kms:Foo"', '"Action": "kms:*", "Condition": {}')
    assert finding("key_policy_is_scoped", snapshot(key={"policy": twice})).status == "unknown"
