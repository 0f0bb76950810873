# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked for only where a verdict hangs on it, and what else is learnt on the way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Bucket,
    Finding,
    Organization,
    ReadError,
)
from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, SECURITY, Audit, Load, role

SERVICE = {"Service": "cloudtrail.amazonaws.com"}
ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "kms:*", "Resource": "*"}
USE = {"Effect": "Allow", "Principal": SERVICE, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": "*"}
OUTSIDE = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "kms:*",
    "Resource": "*",
    "Condition": {
        "StringNotEqualsIfExists": {"aws:SourceOrgID": "o-exampleorg1"},
        "Null": {"aws:SourceOrgID": "false"},
        "Bool": {"aws:PrincipalIsAWSService": "true"},
    },
}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def one_key(load: Load, tmp_path: Path) -> Any:
    """Load an account with one trail under a key with these fields, and perhaps an organization around it."""

    def loaded(organization: dict[str, Any] | None = None, **key: Any) -> Any:
        path = tmp_path / "one-key.yml"
        scenario = {
            "description": "One trail under one key.",
            "buckets": {"logs": None},
            "keys": {"trail-key": {"alias": "alias/cloudtrail", **key}},
            "trails": {"main": {"bucket": "logs", "key": "trail-key"}},
            **({"organization": organization} if organization else {}),
        }
        path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
        return load(str(path))

    return loaded


def found(account: AccountVerdict, rule: str) -> Finding:
    """What a rule finds on the only trail."""
    (trail,) = account.trails
    return next(each for each in trail.findings if each.rule == rule)


def asked(aws: Any) -> Counter[str]:
    """How often each action was asked for."""
    return Counter(call["action"] for call in aws.calls())


def test_the_policy_that_ram_makes_is_asked_for_where_the_first_does_not_let_cloudtrail_in(
    one_key: Any, audit: Audit
) -> None:
    aws = one_key(policy=policy(ROOT), ram_policy=policy(USE))
    account = audit()
    assert (account.verdict, found(account, "key_policy_allows_encrypt").status) == ("compliant", "pass")
    assert asked(aws)["GetKeyPolicy"] == 2


def test_a_key_that_is_not_shared_has_none(one_key: Any, audit: Audit) -> None:
    aws = one_key(policy=policy(ROOT))
    account = audit()
    assert found(account, "key_policy_allows_encrypt").status == "fail"
    assert asked(aws)["GetKeyPolicy"] == 2


def test_it_is_not_asked_for_where_nothing_hangs_on_it(one_key: Any, audit: Audit) -> None:
    aws = one_key()
    assert audit().verdict == "compliant"
    assert asked(aws)["GetKeyPolicy"] == 1
    audit(rules={"key_policy_is_scoped": "required"})
    assert asked(aws)["GetKeyPolicy"] == 3


def test_a_refusal_leaves_unknown_what_hangs_on_it_alone(one_key: Any, audit: Audit) -> None:
    aws = one_key(policy=policy(ROOT), ram_policy=policy(USE))
    aws.add_fault("kms:GetKeyPolicy", nth=2, code="AccessDeniedException", status=400, message="No.")
    account = audit()
    assert found(account, "key_policy_allows_encrypt").evidence["iam_action"] == "kms:GetKeyPolicy"
    assert {each.rule for each in account.trails[0].findings if each.status == "unknown"} == {
        "key_policy_allows_encrypt",
        "key_policy_allows_describe",
        "key_policy_allows_decrypt",
    }


@pytest.mark.parametrize(
    ("days", "options", "status"), [(20, {}, "fail"), (40, {}, "pass"), (40, {"expiry_warning_days": 60}, "fail")]
)
def test_imported_key_material_that_expires_is_advice(
    days: int, options: dict[str, Any], status: str, one_key: Any, audit: Audit
) -> None:
    one_key(origin="EXTERNAL", expires_in_days=days)
    account = audit(**options)
    usable = found(account, "key_is_usable")
    assert (account.verdict, usable.status) == ("compliant", status)
    if status == "fail":
        assert str(usable.evidence["valid_to"]) in usable.message


@pytest.mark.parametrize(
    ("organization", "status"),
    [
        ({"management": "111111111111"}, "pass"),
        ({"management": "111111111111", "id": "o-another0001"}, "unknown"),
        (None, "pass"),
    ],
)
def test_which_organization_the_account_is_in_is_asked_where_a_policy_names_it(
    organization: dict[str, Any] | None, status: str, one_key: Any, audit: Audit
) -> None:
    aws = one_key(organization, policy=policy(ROOT, USE, OUTSIDE))
    account = audit()
    assert found(account, "key_policy_allows_encrypt").status == status
    assert asked(aws)["DescribeOrganization"] == 1
    is_member = isinstance(account.snapshot.organization, Organization)
    assert is_member is bool(organization)
    assert is_member or isinstance(account.snapshot.organization, ReadError)


def test_it_is_not_asked_where_none_does(one_key: Any, audit: Audit) -> None:
    aws = one_key({"management": "111111111111"})
    audit()
    assert asked(aws)["DescribeOrganization"] == 0


def test_the_owner_of_a_bucket_is_who_was_shown_its_policy(load: Load, audit: Audit) -> None:
    load("organization")
    owners = {"key_assume_role": role(SECURITY), "bucket_assume_role": role(LOG_ARCHIVE)}
    for options, owner in ((owners, LOG_ARCHIVE), ({}, None)):
        account = audit(account_id=SECURITY, assume_role=role(MANAGEMENT), **options)
        (bucket,) = account.snapshot.buckets.values()
        assert isinstance(bucket, Bucket)
        assert bucket.owner == owner
