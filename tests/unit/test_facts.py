# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published shape: exactly these fields, JSON types, null for what could not be read, each error once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from yaml import safe_load

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import Narrowing, facts, join, narrowed_by
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Level, Missing
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION
from tests.unit.action.audits import account, audit, finding, trail
from tests.unit.checks.build import KEY_ARN, NOW, denied, snapshot

ROOT = Path(__file__).parents[2]


def test_shape() -> None:
    document = facts([assess(snapshot(), Settings())])
    assert json.loads(json.dumps(document)) == document
    assert list(document) == ["generated_at", "collection_version", "summary", "accounts"]
    (account,) = document["accounts"]
    assert list(account) == [
        "account_id", "partition", "verdict", "cis_3_5", "complete", "audited_by", "organization", "regions",
        "narrowed_by", "trails", "kms_keys", "buckets", "errors",
    ]  # fmt: skip
    (trail,) = account["trails"]
    assert list(trail) == [
        "arn", "name", "home_region", "multi_region", "organization_trail", "ownership", "bucket_name",
        "kms_key_arn", "verdict", "cis_3_5", "findings",
    ]  # fmt: skip
    assert list(trail["findings"][0]) == [
        "rule", "status", "level", "severity", "message", "evidence", "remediation", "frameworks",
    ]  # fmt: skip
    assert list(account["kms_keys"][0]) == [
        "arn", "aliases", "manager", "state", "spec", "usage", "multi_region", "rotation_enabled", "policy",
    ]  # fmt: skip
    assert account["buckets"] == [{"name": "logs", "region": "us-east-1", "bucket_key_enabled": False}]
    assert account["errors"] == []


def test_summary_counts_accounts_by_verdict_and_each_trail_once() -> None:
    """The same trail is seen twice here, as an organization's trail is by its members."""
    later = replace(snapshot(), read_at=NOW + timedelta(minutes=1))
    accounts = [
        assess(read, Settings()) for read in (snapshot(), snapshot({"kms_key_arn": None}), replace(later, trails=()))
    ]
    document = facts(accounts)
    assert document["generated_at"] == "2026-11-23T12:01:00+00:00"
    assert document["summary"] == {
        "accounts": 3,
        "trails": 1,
        "compliant": 1,
        "non_compliant": 1,
        "unknown": 0,
        "no_trails": 1,
        "not_applicable": 0,
        "excepted": 0,
    }


def test_what_could_not_be_read_is_null_and_among_the_errors_once() -> None:
    policy, aliases = denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy"), denied("kms", "ListAliases", "kms:ListAliases")
    head = denied("s3", "HeadBucket", "s3:ListBucket")
    read = snapshot(key={"policy": policy, "aliases": aliases}, bucket=head)
    (account,) = facts([assess(read, Settings())])["accounts"]
    assert (account["kms_keys"][0]["policy"], account["kms_keys"][0]["aliases"]) == (None, None)
    assert account["buckets"] == []
    assert [error["iam_action"] for error in account["errors"]] == [
        "kms:ListAliases",
        "kms:GetKeyPolicy",
        "s3:ListBucket",
    ]


def test_a_missing_key_is_no_error() -> None:
    (account,) = facts([assess(snapshot(key=Missing("gone")), Settings())])["accounts"]
    assert (account["kms_keys"], account["errors"]) == ([], [])
    assert account["trails"][0]["kms_key_arn"] == KEY_ARN


def test_the_account_name_stands_where_it_is_known() -> None:
    (account,) = facts([assess(replace(snapshot(), account_name="logs"), Settings())])["accounts"]
    assert account["account_name"] == "logs"


NOTHING: dict[str, list[str]] = {"regions": [], "trails": [], "rules_off": [], "rules_lowered": []}
LEVELS: tuple[Level, ...] = ("off", "advised")


@pytest.mark.parametrize(
    ("regions", "trails", "levels", "narrowed"),
    [
        ((), (), {}, None),
        (("us-east-1", "eu-west-1"), (), {}, {**NOTHING, "regions": ["eu-west-1", "us-east-1"]}),
        ((), ("main", "main"), {}, {**NOTHING, "trails": ["main"]}),
        (
            (),
            (),
            {"key_is_usable": "off", "key_is_approved": "off", "trail_has_kms_key": "required"},
            {**NOTHING, "rules_off": ["key_is_approved", "key_is_usable"]},
        ),
        # What is advised by itself is not lowered by saying so.
        ((), (), {"key_rotation_enabled": "advised"}, None),
        ((), (), {"key_is_usable": "advised"}, {**NOTHING, "rules_lowered": ["key_is_usable"]}),
    ],
)
def test_an_audit_is_narrowed_by_what_it_leaves_out(
    regions: tuple[str, ...], trails: tuple[str, ...], levels: dict[str, Level], narrowed: Narrowing
) -> None:
    off, advised = (Settings(levels=levels).rules_set_to(level, ()) for level in LEVELS)
    assert narrowed_by(regions, trails, off, advised) == narrowed


def test_of_an_account_that_is_not_in_use_nothing_is_left_out() -> None:
    narrowed = narrowed_by(["us-east-1"], (), ())
    read = [snapshot(), replace(snapshot(), trails=(), state="SUSPENDED", account_id="2" * 12)]
    accounts = facts([assess(each, Settings()) for each in read], narrowed)["accounts"]
    assert [account["narrowed_by"] for account in accounts] == [narrowed, None]


OWNER, MEMBER = "1" * 12, "2" * 12
NO_KEY_RULE = {**NOTHING, "rules_off": ["key_is_usable"]}
ADVISED = {**NOTHING, "rules_lowered": ["trail_has_kms_key"]}
ONE_REGION = {**NOTHING, "regions": ["us-east-1"], "rules_off": ["key_is_approved"]}
UNTOLD = "not told"


@pytest.mark.parametrize(
    ("owner", "member", "joined"),
    [
        (None, None, None),
        (None, ONE_REGION, ONE_REGION),
        (NO_KEY_RULE, None, NO_KEY_RULE),
        # The member's trail has the owner's findings: what was not judged there is not judged here.
        (NO_KEY_RULE, ONE_REGION, {**ONE_REGION, "rules_off": ["key_is_approved", "key_is_usable"]}),
        (ADVISED, ONE_REGION, {**ONE_REGION, "rules_lowered": ["trail_has_kms_key"]}),
        # Regions and trails of the owner's are its own.
        ({**NO_KEY_RULE, "regions": ["eu-west-1"], "trails": ["main"]}, None, NO_KEY_RULE),
        (UNTOLD, None, UNTOLD),
        (UNTOLD, ONE_REGION, UNTOLD),
        (None, UNTOLD, UNTOLD),
        (UNTOLD, UNTOLD, UNTOLD),
    ],
)
def test_joined_audits_keep_what_each_was_narrowed_by(owner: Any, member: Any, joined: Any) -> None:
    def told(account_id: str, narrowed: Any, ownership: str) -> dict[str, Any]:
        fields = {"account_id": account_id, "narrowed_by": narrowed}
        row = account("compliant", trail("main", "compliant", finding("trail_has_kms_key", "pass")), **fields)
        row["trails"][0]["ownership"] = ownership
        return audit({name: value for name, value in row.items() if value != UNTOLD})

    rows = join([told(MEMBER, member, "inherited"), told(OWNER, owner, "owned")])["accounts"]
    assert [row.get("narrowed_by", UNTOLD) for row in rows] == [owner, joined]


def test_version_is_that_of_the_collection() -> None:
    assert safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == VERSION
