# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When an audit fails its host, and what the last line that a user reads then says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._judgement import (
    failures,
    joined,
    without_organization_trail,
)
from tests.unit.action.audits import account, audit, error, finding, trail


@pytest.mark.parametrize(
    ("verdict", "failing"),
    [
        ("compliant", []),
        ("not_applicable", []),
        ("unknown", ["unknown"]),
        ("non_compliant", ["unknown", "non_compliant"]),
        ("no_trails", ["unknown", "non_compliant"]),
    ],
)
def test_which_verdicts_fail_a_host(verdict: str, failing: list[str]) -> None:
    document = audit(account(), account(verdict))
    assert [on for on in ("unknown", "non_compliant", "never") if failures(document, on)] == failing


@pytest.mark.parametrize(
    ("judged", "message"),
    [
        (
            account(
                "non_compliant",
                trail("main", "non_compliant", finding("key_is_usable"), finding("key_is_approved")),
                trail("other", "non_compliant", finding("trail_has_kms_key"), finding("x", "unknown")),
                trail("third", "unknown", finding("key_is_usable", "unknown")),
                trail("fourth", "compliant", finding("key_rotation_enabled", level="advised")),
            ),
            "Account 111111111111 is non_compliant: 2 of 4 trails fail "
            "(trail main in us-east-1: key_is_usable, key_is_approved; trail other in us-east-1: trail_has_kms_key).",
        ),
        (
            account("unknown", trail("main", "unknown", finding("key_is_usable", "unknown")), errors=[error("r")]),
            "Account 111111111111 is unknown: 1 of 1 trails could not be judged "
            "(trail main in us-east-1: key_is_usable; cloudtrail:DescribeTrails: AccessDeniedException).",
        ),
        (
            account("unknown", trail(), errors=[error("r"), error("s")]),
            "Account 111111111111 is unknown: not all of it could be read "
            "(cloudtrail:DescribeTrails: AccessDeniedException).",
        ),
        (account("no_trails"), "Account 111111111111 is no_trails: no trail was found in the regions that were read."),
        (
            account("non_compliant", trail("a\nb\x1b[2J", "non_compliant", finding("key_is_usable"))),
            "Account 111111111111 is non_compliant: 1 of 1 trails fail "
            r"(trail a\nb\x1b[2J in us-east-1: key_is_usable).",
        ),
    ],
    ids=["non_compliant", "unknown", "nothing_read", "no_trails", "hostile_name"],
)
def test_the_message_names_account_trails_and_rules(judged: dict[str, Any], message: str) -> None:
    assert failures(audit(judged), "unknown") == {"1" * 12: message}


def test_an_accounts_own_trails_are_counted_apart_from_those_it_inherits() -> None:
    bad = finding("trail_has_kms_key")
    own, seen = (trail("main", "non_compliant", bad), trail("org", "non_compliant", bad, ownership="inherited"))
    for trails, counted in (
        ([own, trail("org", ownership="inherited")], "1 of 1 trails fail ("),
        ([own, seen], "1 of 1 trails and 1 of 1 inherited trails fail ("),
        ([trail(), seen], ": 1 of 1 inherited trails fail ("),
    ):
        (message,) = failures(audit(account("non_compliant", *trails)), "unknown").values()
        assert counted in message


def test_several_accounts_are_named_and_those_that_pass_are_not() -> None:
    document = audit(account("no_trails"), account(account_id="2" * 12), account("no_trails", account_id="3" * 12))
    assert failures(document, "non_compliant") == {
        id_: f"Account {id_} is no_trails: no trail was found in the regions that were read."
        for id_ in ("1" * 12, "3" * 12)
    }


def test_many_trails_are_counted_beyond_the_tenth() -> None:
    trails = [trail(f"t{number}", "non_compliant", finding("key_is_usable")) for number in range(12)]
    message = failures(audit(account("non_compliant", *trails)), "unknown")["1" * 12]
    assert "12 of 12 trails fail" in message
    assert "trail t9 in us-east-1: key_is_usable; and 2 more)." in message
    assert "trail t10" not in message


@pytest.mark.parametrize(
    ("seen", "covered"),
    [
        ({}, True),
        ({"organization_trail": False}, False),
        ({"multi_region": False}, False),
        ({"findings": [{**finding("trail_is_delivering"), "evidence": {"is_logging": False}}]}, False),
        ({"findings": [finding("trail_is_delivering", "unknown")]}, True),
    ],
)
def test_what_covers_an_account(seen: dict[str, Any], *, covered: bool) -> None:
    organizations = {**trail("main", "compliant"), "organization_trail": True, "multi_region": True, **seen}
    found = without_organization_trail(audit(account("compliant", organizations)))
    assert list(found) == ([] if covered else ["111111111111"])


def test_accounts_without_any_trail_are_not_covered_and_closed_ones_are_not_asked() -> None:
    (told,) = without_organization_trail(audit(account("no_trails"), account("not_applicable"))).values()
    assert told.startswith("Account 111111111111 has no multi-Region trail of its organization that logs.")


def test_messages_of_one_account_are_one_text() -> None:
    assert joined({"1": "a", "2": "b"}, {"2": "c", "3": "d"}) == {"1": "a", "2": "b c", "3": "d"}
