# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hundreds of accounts in a bad hour: calls are throttled and denied, and every account is there exactly once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import connect
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import AccountScope, NamedRole, Scope
from tests.fakeaws.client import ReplayedAws

CALLER, MODEL = "111111111111", "222222222222"
ACCOUNTS = tuple(str(200_000_000_000 + number) for number in range(60))
ORGANIZATION = {
    "description": "A member account, the model of many.",
    "accounts": [
        {"id": CALLER, "name": "management", "regions": ["eu-central-1"]},
        {"id": MODEL, "name": "member", "regions": ["eu-central-1"]},
    ],
    "organization": {"management": "management"},
    "roles": {"CloudTrailKmsAudit": {"accounts": ["member"]}},
    "buckets": {"logs": {"account": "member"}},
    "keys": {"trail-key": {"account": "member"}},
    "trails": {"main": {"account": "member", "bucket": "logs", "key": "trail-key"}},
}


@contextmanager
def replayed(folder: Path, *options: str) -> Iterator[ReplayedAws]:
    path = folder / "organization.yml"
    path.write_text(yaml.safe_dump(ORGANIZATION), encoding="utf-8")
    with ReplayedAws(str(path), *options) as aws:
        yield aws


def swept(aws: ReplayedAws) -> tuple[dict[str, Any], list[int]]:
    """The audit of all accounts, and what was told of its progress."""
    keys = {"aws_access_key_id": f"AKIA{CALLER}ADMN", "aws_secret_access_key": "not-checked-here"}
    scope = Scope(accounts=tuple(AccountScope(each, NamedRole("CloudTrailKmsAudit")) for each in ACCOUNTS))
    told: list[int] = []
    document, _warnings = audit(connect("eu-central-1", aws.endpoint, keys, 64), scope, Settings(), told.append)
    return document, told


def test_each_account_is_read_with_twelve_calls_and_told_of_as_it_is_done(tmp_path: Path) -> None:
    with replayed(tmp_path) as aws:
        document, told = swept(aws)
        counts = aws.counts()
    assert document["summary"]["compliant"] == len(ACCOUNTS)
    assert told == list(range(1, len(ACCOUNTS) + 1))
    assert {counts.pop("sts:GetCallerIdentity"), *counts.values()} == {1, len(ACCOUNTS)}
    assert len(counts) == 11


def test_in_a_bad_hour_every_account_is_there_exactly_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: time.sleep(0.01)))
    with replayed(tmp_path, "--throttled", "0.05", "--denied", "0.01") as aws:
        document, _told = swept(aws)
        counts = Counter(aws.counts())
    assert [account["account_id"] for account in document["accounts"]] == list(ACCOUNTS)
    assert any(name.startswith("throttled ") for name in counts)
    denied = sum(number for name, number in counts.items() if name.startswith("denied "))
    assert denied > 0
    # Throttling is waited out: what is not compliant was denied.
    unlike = [account for account in document["accounts"] if account["verdict"] != "compliant"]
    assert {account["verdict"] for account in unlike} == {"unknown"}
    assert len(unlike) <= denied
    assert all("hrottl" not in error["code"] for account in document["accounts"] for error in account["errors"])
