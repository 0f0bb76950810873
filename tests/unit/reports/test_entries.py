# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an account itself every report tells, and the ids that findings keep."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._entries import entries
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._frameworks import title
from tests.unit.action.audits import NARROWED, account, audit, error, finding, trail

KEY_READ = {**error("us-east-1"), "service": "kms", "operation": "ListAliases", "iam_action": "kms:ListAliases"}


@pytest.mark.parametrize(
    ("told", "status", "message"),
    [
        (account("compliant", trail()), "pass", "Trails that were found: 1."),
        (
            account("compliant", trail("a", "compliant", finding("key_is_usable", "excepted")), trail("b")),
            "pass",
            "Trails that were found: 2, 1 of them compliant by exception.",
        ),
        (
            account("compliant", trail(), errors=[error("eu-west-3")]),
            "pass",
            "Trails that were found: 1. cloudtrail:DescribeTrails in eu-west-3: AccessDeniedException: No.",
        ),
        (account("no_trails"), "fail", "No trail was found in the regions that were read."),
        (
            account("compliant", trail(), narrowed_by=NARROWED),
            "pass",
            "Trails that were found: 1. Narrowed: only regions us-east-1; rules off: key_is_usable.",
        ),
        (account("not_applicable"), "not_applicable", "The account is not judged."),
        (
            account("unknown", complete=False, errors=[error("eu-west-1"), error("eu-west-3")]),
            "unknown",
            "Not all trails of the account could be seen. cloudtrail:DescribeTrails in eu-west-1, eu-west-3: "
            "AccessDeniedException: No.",
        ),
        (account("unknown", complete=False), "unknown", "Not all trails of the account could be seen."),
        (
            account("non_compliant", trail(verdict="non_compliant"), complete=False, errors=[error("eu-west-1")]),
            "unknown",
            "Not all trails of the account could be seen. cloudtrail:DescribeTrails in eu-west-1: "
            "AccessDeniedException: No.",
        ),
        # A key that could not be read hides no trail.
        (
            account("unknown", trail(verdict="unknown"), errors=[KEY_READ]),
            "pass",
            "Trails that were found: 1. kms:ListAliases in us-east-1: AccessDeniedException: No.",
        ),
    ],
)
def test_an_account_has_a_finding_of_its_own(told: dict[str, Any], status: str, message: str) -> None:
    own, *_others = entries(audit(told), "3.0")
    assert (own.trail, own.finding["rule"]) == (None, "account_has_trails")
    assert (own.finding["status"], own.message) == (status, message)
    assert own.finding["evidence"]["errors"] == told["errors"]


def test_an_id_is_made_of_account_trail_and_rule_alone() -> None:
    first = audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable"))))
    later = audit(account("compliant", trail("main", "compliant", finding("key_is_usable", "pass", message="Well."))))
    later["generated_at"] = "2027-01-01T00:00:00+00:00"
    ids = [entry.uid for entry in entries(first, "3.0")]
    assert ids == [entry.uid for entry in entries(later, "7.0")]
    assert ids == [
        "111111111111/account/account_has_trails",
        "111111111111/arn:aws:cloudtrail:us-east-1:111111111111:trail/main/key_is_usable",
    ]


def test_two_findings_never_share_an_id(audits: dict[str, dict[str, Any]]) -> None:
    for document in audits.values():
        ids = [entry.uid for entry in entries(document, "3.0")]
        assert len(ids) == len(set(ids))


def test_every_framework_has_a_name() -> None:
    names = {name for rule in RULES.values() for name in rule.frameworks}
    assert [name for name in names if title(name) == name] == []
