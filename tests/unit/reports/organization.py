# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An audit of an organization of any size, judged by the rules: most accounts are well, the others have one trouble."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot, TrailStatus
from tests.unit.action.audits import reason
from tests.unit.checks.build import (
    ACCOUNT,
    BUCKET_POLICY,
    DECRYPT,
    DESCRIBE,
    ENCRYPT,
    NOW,
    ROOT,
    TRAIL_ARN,
    denied,
    policy,
    snapshot,
)

DENY = {**ENCRYPT, "Sid": "Freeze", "Effect": "Deny"}
EXCEPTION = TrailException(
    trail=TRAIL_ARN,
    rules=("key_is_usable", "trail_is_delivering"),
    reason="The archive moves to its new account.",
    owner="security@example.com",
    expires=date(2027, 3, 31),
)
HEALTHY = snapshot(bucket={"policy": BUCKET_POLICY})
EMPTY = replace(HEALTHY, trails=(), keys={}, buckets={})
UNSEEN = replace(EMPTY, errors=(denied("cloudtrail", "DescribeTrails", "cloudtrail:DescribeTrails"),))
FAILED_STATUS = TrailStatus(
    is_logging=True, latest_delivery_time=NOW, latest_delivery_error="KMS.DisabledException", region="us-east-1"
)
# Of each kind of account what was read, and how often it occurs among a hundred.
KINDS: Sequence[tuple[Snapshot, int]] = (
    (HEALTHY, 84),
    (snapshot({"kms_key_arn": None}), 3),
    (snapshot({"status": FAILED_STATUS}, {"state": "Disabled"}), 2),
    (snapshot(key={"policy": policy(ROOT, ENCRYPT, DENY, DESCRIBE, DECRYPT)}), 2),
    (snapshot(key={"policy": policy(ROOT)}, bucket={"bucket_key_enabled": True}), 2),
    (snapshot(key=denied("kms", "DescribeKey", "kms:DescribeKey")), 2),
    (snapshot(key={"manager": "AWS"}), 2),
    (EMPTY, 2),
    (UNSEEN, 1),
)
SETTINGS = Settings()


def organization(accounts: int) -> dict[str, Any]:
    """Return an audit of so many accounts, the same at every call."""
    excepted = replace(SETTINGS, exceptions=(EXCEPTION,))
    judged = [(assess(read, SETTINGS), share) for read, share in KINDS]
    judged.append((assess(KINDS[2][0], excepted), 1))
    document = facts([account for account, _share in judged])
    texts = [
        json.dumps(account)
        for account, (_judged, share) in zip(document["accounts"], judged, strict=True)
        for _each in range(share)
    ]
    document["accounts"] = [_member(texts[37 * number % len(texts)], number) for number in range(accounts)]
    return document


def with_changes(document: dict[str, Any]) -> dict[str, Any]:
    """Return the audit as that of an enforcement that plans, in every account that fails, a new policy of its key."""
    failing = [each for each in document["accounts"] if each["verdict"] == "non_compliant"]
    changes = [
        {
            "account_id": each["account_id"],
            "operation": operation,
            "resource": key["arn"],
            "region": "us-east-1",
            "before": before,
            "after": {"policy": policy(ROOT, ENCRYPT, DESCRIBE, DECRYPT), "multi_region": False},
            "status": status,
        }
        for each in failing or document["accounts"]
        for key in each["kms_keys"]
        for operation, before, status in (
            ("CreateKey", None, "planned"),
            ("PutKeyPolicy", {"policy": policy(ROOT, DENY), "multi_region": True}, "applied"),
        )
    ]
    refused = reason("The key is disabled.", account_id=ACCOUNT, options=["allow_enable_key"])
    return {**document, "enforcement": {"changes": changes, "refusals": [refused], "errors": []}}


def _member(text: str, number: int) -> dict[str, Any]:
    """The account under an id, a name and a key of its own."""
    account: dict[str, Any] = json.loads(text.replace(ACCOUNT, f"{100000000000 + number * 48611}"))
    return {**account, "account_name": f"workload-{number:04}"}
