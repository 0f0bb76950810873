# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audits in the shape that cloudtrail_kms_facts returns, written down for the tests of what shows and judges them."""

from __future__ import annotations

from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES

KEY = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555"

EXCEPTION = {"status": "fail", "reason": "The archive moves.", "owner": "security", "expires": "2027-03-31"}

NARROWED = {"regions": ["us-east-1"], "trails": [], "rules_off": ["key_is_usable"], "rules_lowered": []}
OLD_KEYS = [
    {
        "arn": "arn:aws:kms:eu-west-1:111111111111:key/00000000-2222-3333-4444-555555555555",
        "trail": "main",
        "since": "2026-10-01T08:00:00+00:00",
        "state": "PendingDeletion",
        "deletion_date": "2026-12-24T08:00:00+00:00",
    }
]
LOWERED = {"regions": [], "trails": [], "rules_off": [], "rules_lowered": ["trail_has_kms_key"]}


def finding(rule: str, status: str = "fail", level: str = "required", **fields: Any) -> dict[str, Any]:
    return {
        "rule": rule,
        "status": status,
        "level": level,
        "severity": "high",
        "message": f"What {rule} found.",
        "evidence": {"exception": EXCEPTION} if status == "excepted" else {},
        "remediation": f"What fixes {rule}.",
        "frameworks": {},
        **fields,
    }


def trail(name: str = "main", verdict: str = "compliant", *findings: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "arn": f"arn:aws:cloudtrail:us-east-1:111111111111:trail/{name}",
        "name": name,
        "home_region": "us-east-1",
        "multi_region": True,
        "organization_trail": False,
        "ownership": "owned",
        "bucket_name": "logs",
        "kms_key_arn": KEY,
        "verdict": verdict,
        "cis_3_5": "pass",
        "findings": list(findings),
        **fields,
    }


def delivering(name: str = "main", **instead: str) -> dict[str, Any]:
    """A compliant trail that passes every rule on delivery, but for the rules that have another status instead."""
    rules = [rule.name for rule in RULES.values() if rule.delivers]
    return trail(name, "compliant", *(finding(rule, instead.get(rule, "pass")) for rule in rules))


def error(region: str, code: str = "AccessDeniedException") -> dict[str, Any]:
    return {
        "service": "cloudtrail",
        "operation": "DescribeTrails",
        "iam_action": "cloudtrail:DescribeTrails",
        "region": region,
        "code": code,
        "message": "No.",
    }


def reason(message: str, **fields: Any) -> dict[str, Any]:
    """Why something is refused or has failed."""
    bare: dict[str, Any] = {"trails": [], "key": None, "options": [], "settings": []}
    return {"account_id": "1" * 12, "message": message, **bare, **fields}


def account(verdict: str = "compliant", *trails: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "account_id": "111111111111",
        "partition": "aws",
        "verdict": verdict,
        "cis_3_5": "pass",
        "complete": True,
        "audited_by": "arn:aws:iam::111111111111:role/Auditor",
        "organization": None,
        "regions": ["eu-central-1", "us-east-1"],
        "narrowed_by": None,
        "trails": list(trails),
        "kms_keys": [
            {
                "arn": KEY,
                "aliases": ["alias/trail"],
                "manager": "CUSTOMER",
                "state": "Enabled",
                "spec": "SYMMETRIC_DEFAULT",
                "usage": "ENCRYPT_DECRYPT",
                "multi_region": False,
                "rotation_enabled": True,
                "policy": None,
            }
        ],
        "buckets": [],
        "errors": [],
        **fields,
    }


def audit(*accounts: dict[str, Any], excepted: int = 0) -> dict[str, Any]:
    return {
        "generated_at": "2026-11-23T08:00:00+00:00",
        "collection_version": "0.1.0",
        "summary": {
            "accounts": len(accounts),
            "trails": sum(len(one["trails"]) for one in accounts),
            "excepted": excepted,
        },
        "accounts": list(accounts),
    }


def change(operation: str, after: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "account_id": "111111111111",
        "operation": operation,
        "resource": KEY,
        "region": "us-east-1",
        "before": None,
        "after": after,
        "status": "planned",
        **fields,
    }


EXAMPLE = audit(
    account(
        "non_compliant",
        trail(
            "main",
            "non_compliant",
            finding("key_is_usable", evidence={"state": "Disabled"}),
            finding("trail_is_delivering", "excepted"),
            finding("key_policy_is_scoped", level="advised"),
            finding("trail_has_kms_key", "pass", evidence={"kms_key": KEY}),
        ),
        account_name="production",
        errors=[error("us-west-1")],
        buckets=[{"name": "logs", "region": "us-east-1", "bucket_key_enabled": None}],
    ),
    account("no_trails"),
)
