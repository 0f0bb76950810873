# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of what is shown of a run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._of_module import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import outcome
from tests.unit.action.audits import audit
from tests.unit.action.test_enforce_many import CENTRAL, ONE, THREE, TWO, bare, change, enforced
from tests.unit.action.test_enforcement import refusal


def ended(*changes: dict[str, Any], **fields: Any) -> str:
    is_plan = fields.pop("is_plan", True)
    return outcome(with_after(enforced(*changes, **fields)), is_plan=is_plan)


ALONE: dict[str, Any] = {"hosts": (ONE,)}


@pytest.mark.parametrize(
    ("changes", "fields", "sentence"),
    [
        (["planned"] * 4, ALONE, "Plan: 4 changes in 1 account; it would be compliant. Nothing was changed."),
        ([], {**ALONE, "after": audit(bare(ONE))}, "Plan: 0 changes; it is non_compliant. Nothing was changed."),
        (
            ["not_attempted"],
            {**ALONE, "after": audit(bare(ONE)), "refusals": [refusal("No."), refusal("No, too.")]},
            "Plan: 0 changes, 1 refused; it is non_compliant. Nothing was changed.",
        ),
        (["applied"], {**ALONE, "is_plan": False}, "Run: 1 change in 1 account; it is compliant."),
        (
            ["failed"],
            {**ALONE, "is_plan": False, "after": None},
            "Run: 0 changes, 1 failed; the verdict afterwards is not known.",
        ),
    ],
)
def test_an_account_alone(changes: list[str], fields: dict[str, Any], sentence: str) -> None:
    assert ended(*(change(ONE, status) for status in changes), **fields) == sentence


def test_many_accounts_are_counted() -> None:
    changes = [change(CENTRAL, "planned", "PutKeyPolicy"), change(ONE, "planned"), change(ONE, "planned")]
    refused = {"refusals": [refusal("No.", account_id=each) for each in (TWO, TWO, THREE)]}
    assert ended(*changes, **refused) == (
        "Plan: 3 changes in 2 accounts, 2 refused; 1 of 3 accounts would be compliant. Nothing was changed."
    )


def test_accounts_that_are_not_in_use_do_not_count() -> None:
    fields = {"hosts": (ONE, TWO), "before": audit(bare(ONE), bare(TWO, "not_applicable"))}
    assert ended(change(ONE, "planned"), **fields) == (
        "Plan: 1 change in 1 account; it would be compliant. Nothing was changed."
    )
