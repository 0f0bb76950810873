# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine against the golden tables, written from AWS's documentation."""

from __future__ import annotations

import json

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from tests.unit.policy.golden_tables import Golden, golden_cases

CASES = golden_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Golden) -> None:
    """The outcome is AWS's, and the answer names what it must."""
    decision = decide(parse(json.dumps(case.policy)), case.request())
    assert decision.outcome is case.outcome, decision.reason
    assert case.says in decision.reason
    assert case.advises in decision.advice
    if case.decided_by is not None:
        assert tuple(statement.label for statement in decision.statements) == case.decided_by


def test_every_case_cites_its_page_and_stands_for_itself() -> None:
    """A table without a source would be an opinion."""
    assert all(case.page for case in CASES)
    assert len({case.name for case in CASES}) == len(CASES) >= 150
