# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of an audit that was narrowed: always where it was, and nothing where it was not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._coverage import narrowing, narrowings
from tests.unit.action.audits import NARROWED, account, audit

NOTHING: dict[str, list[str]] = {"regions": [], "trails": [], "rules_off": [], "rules_lowered": []}
WORDS = "only regions us-east-1; rules off: key_is_usable"
NOT_KNOWN = "unknown, because an older version wrote the report"


def accounts(verdict: str, *narrowed: Any) -> dict[str, Any]:
    """An audit of accounts, each narrowed by this; by an empty text where its report does not tell."""
    rows = [
        account(verdict, account_id=str(number) * 12, narrowed_by=one) for number, one in enumerate(narrowed, start=1)
    ]
    return audit(*({name: value for name, value in row.items() if value != ""} for row in rows))


@pytest.mark.parametrize(
    ("narrowed", "words"),
    [
        (None, ""),
        (NARROWED, WORDS),
        ({**NOTHING, "regions": ["a", "b"], "trails": ["main"]}, "only regions a, b; only trails main"),
        ({**NOTHING, "trails": ["a\n", "b"]}, r"only trails a\n, b"),
        ({**NOTHING, "rules_off": ["a", "b"]}, "rules off: a, b"),
        ({**NOTHING, "rules_off": ["a"], "rules_lowered": ["b"]}, "rules off: a; rules lowered to advised: b"),
        ("", NOT_KNOWN),
    ],
)
def test_an_account_was_narrowed_by(narrowed: Any, words: str) -> None:
    (row,) = accounts("compliant", narrowed)["accounts"]
    assert narrowing(row) == words
    assert narrowing({**row, "verdict": "not_applicable"}) == ""


@pytest.mark.parametrize(
    ("narrowed", "lines"),
    [
        ([], []),
        ([None, None], []),
        ([NARROWED, NARROWED], [WORDS]),
        ([""], [NOT_KNOWN]),
        (
            [NARROWED, None, ""],
            [f"{WORDS} (1 account: 111111111111)", f"{NOT_KNOWN} (1 account: 333333333333)"],
        ),
        (
            [None, *[NARROWED] * 5],
            [f"{WORDS} (5 accounts: 222222222222, 333333333333, 444444444444 and 2 more)"],
        ),
    ],
)
def test_an_audit_was_narrowed_by(narrowed: list[Any], lines: list[str]) -> None:
    assert narrowings(accounts("compliant", *narrowed)) == lines


def test_accounts_of_which_nothing_was_asked_do_not_count() -> None:
    document = accounts("compliant", NARROWED)
    assert narrowings({**document, "accounts": [*document["accounts"], account("not_applicable")]}) == [WORDS]
    assert narrowings(accounts("not_applicable", NARROWED, "")) == []
