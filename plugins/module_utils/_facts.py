# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published shape of the facts: what `cloudtrail_kms_facts` returns, and nothing else writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import AccountVerdict, TrailVerdict
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Bucket,
    Finding,
    Key,
    ReadError,
    Snapshot,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION

Fact = TypeVar("Fact")


def facts(accounts: Sequence[AccountVerdict]) -> dict[str, Any]:
    """Return the document `cloudtrail_kms`: JSON types only, lists in a stable order.

    `summary` counts accounts by verdict, and over all of them `trails` and `excepted` trails.
    """
    verdicts = [account.verdict for account in accounts]
    trails = [trail for account in accounts for trail in account.trails]
    counted = ("compliant", "non_compliant", "unknown", "no_trails")
    return {
        "generated_at": max(account.snapshot.read_at for account in accounts).isoformat(timespec="seconds"),
        "collection_version": VERSION,
        "summary": {
            "accounts": len(accounts),
            "trails": len(trails),
            **{verdict: verdicts.count(verdict) for verdict in counted},
            "excepted": sum(trail.excepted for trail in trails),
        },
        "accounts": [_account(account) for account in accounts],
    }


def _account(account: AccountVerdict) -> dict[str, Any]:
    snapshot = account.snapshot
    keys = {key.arn: key for key in snapshot.keys.values() if isinstance(key, Key)}
    buckets = {bucket.name: bucket for bucket in snapshot.buckets.values() if isinstance(bucket, Bucket)}
    name = {"account_name": snapshot.account_name} if snapshot.account_name else {}
    return {
        "account_id": snapshot.account_id,
        **name,
        "partition": snapshot.partition,
        "verdict": account.verdict,
        "cis_3_5": account.cis_3_5,
        "trails": [_trail(trail) for trail in account.trails],
        "kms_keys": [_key(keys[arn]) for arn in sorted(keys)],
        "buckets": [_bucket(buckets[name]) for name in sorted(buckets)],
        "errors": [asdict(error) for error in _errors(snapshot)],
    }


def _trail(judged: TrailVerdict) -> dict[str, Any]:
    trail = judged.trail
    return {
        "arn": trail.arn,
        "name": trail.name,
        "home_region": trail.home_region,
        "multi_region": trail.multi_region,
        "organization_trail": trail.organization_trail,
        "ownership": trail.ownership,
        "bucket_name": trail.bucket_name,
        "kms_key_arn": trail.kms_key_arn,
        "verdict": judged.verdict,
        "cis_3_5": judged.cis_3_5,
        "findings": [_finding(finding) for finding in judged.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "status": finding.status,
        "level": finding.level,
        "severity": finding.severity,
        "message": finding.message,
        "evidence": dict(finding.evidence),
        "remediation": finding.remediation,
        "frameworks": {name: list(controls) for name, controls in finding.frameworks.items()},
    }


def _key(key: Key) -> dict[str, Any]:
    aliases = _known(key.aliases)
    return {
        "arn": key.arn,
        "aliases": None if aliases is None else list(aliases),
        "manager": key.manager,
        "state": key.state,
        "spec": key.spec,
        "usage": key.usage,
        "multi_region": key.multi_region,
        "rotation_enabled": _known(key.rotation_enabled),
        "policy": _known(key.policy),
    }


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {"name": bucket.name, "region": bucket.region, "bucket_key_enabled": _known(bucket.bucket_key_enabled)}


def _known(fact: Fact | ReadError) -> Fact | None:
    """A fact that could not be read is null; the account's `errors` say why."""
    return None if isinstance(fact, ReadError) else fact


def _errors(snapshot: Snapshot) -> list[ReadError]:
    """Every read that failed, each once, in the order of account, trails, keys, buckets."""
    found: list[object] = [*snapshot.errors, *snapshot.closed_regions, *(trail.status for trail in snapshot.trails)]
    for key in snapshot.keys.values():
        found += [key.aliases, key.policy, key.rotation_enabled, key.tags] if isinstance(key, Key) else [key]
    for bucket in snapshot.buckets.values():
        found += [bucket.policy, bucket.bucket_key_enabled] if isinstance(bucket, Bucket) else [bucket]
    return list(dict.fromkeys(error for error in found if isinstance(error, ReadError)))
