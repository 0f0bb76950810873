# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The screens of few and of many accounts are those in screens/, and what they show in short is all that matters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._short import render_short
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._tables import MOST_IN_FULL, table_of
from tests.unit.action.audits import account, audit, error, finding, trail
from tests.unit.action.screens import FOLDER, NAMES, coloured, plain, screen
from tests.unit.action.test_enforce_many import change

FAILING: tuple[Any, ...] = ("non_compliant", finding("trail_has_kms_key"))


def uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_a_screen_is_the_one_that_is_kept(name: str) -> None:
    kept = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert screen(name, coloured) == kept
    assert screen(name, plain) == uncoloured(kept)


@pytest.mark.parametrize("name", [name for name in NAMES if "-50-" in name])
def test_fifty_accounts_of_which_five_fail_fit_on_one_screen(name: str) -> None:
    assert len(screen(name, plain).splitlines()) <= 60


def test_the_form_fits_the_number_of_accounts_unless_one_is_asked_for() -> None:
    few, many = (audit(*[account("compliant", trail())] * number) for number in (MOST_IN_FULL, MOST_IN_FULL + 1))
    assert shown(few).count("alias/trail") == MOST_IN_FULL
    assert "alias/trail" not in shown(many)
    assert "alias/trail" not in shown(few, "short")
    assert shown(many, "full").count("alias/trail") == MOST_IN_FULL + 1
    assert table_of("none", few, {}) is None


def shown(document: dict[str, Any], form: str | None = None) -> str:
    table = table_of(form, document, {})
    assert table
    return table(width=80, paint=plain)


def lines(document: dict[str, Any]) -> list[str]:
    """What stands between the title and the totals."""
    return render_short(document, width=100, paint=plain).split("\n\n", 1)[1].partition("\n\nAccounts")[0].splitlines()


def test_accounts_that_are_fine_are_counted_and_not_listed() -> None:
    fine = audit(account("compliant", trail()), account("not_applicable", account_id="2" * 12))
    assert render_short(fine, width=100, paint=plain).splitlines()[2:] == [
        "Accounts  1 compliant, 1 not_applicable",
        "Trails    1 compliant",
        "CIS 3.5   1 pass (only asks whether a key is set)",
    ]


ORGANIZATIONS: dict[str, Any] = {
    "arn": "arn:aws:cloudtrail:us-east-1:999999999999:trail/all",
    "organization_trail": True,
}


@pytest.mark.parametrize("owner_is_read", [True, False])
def test_an_inherited_trail_is_told_once_with_its_owner(owner_is_read: bool) -> None:
    inherited = trail("all", *FAILING, ownership="inherited", **ORGANIZATIONS)
    members = [account("non_compliant", inherited, account_id=digit * 12) for digit in "123"]
    owner = account("non_compliant", trail("all", *FAILING, **ORGANIZATIONS), account_id="9" * 12)
    found = lines(audit(*members, *([owner] if owner_is_read else [])))
    place = f"all ({'9' * 12 if owner_is_read else '1' * 12}, us-east-1, inherited by 3 accounts)"
    assert found == [
        *(
            ["ACCOUNT       NAME  OF ITS TRAILS  VERDICT", "999999999999  -     1 of 1         non_compliant"]
            if owner_is_read
            else []
        ),
        "3 accounts non_compliant only by the inherited trail all of account 999999999999",
        "",
        "    FAIL      trail_has_kms_key: What trail_has_kms_key found.",
        f"              {place}",
        "    ->        To do: What fixes trail_has_kms_key.",
    ]


def test_a_member_with_something_wrong_of_its_own_has_a_line() -> None:
    inherited = trail("all", *FAILING, ownership="inherited", **ORGANIZATIONS)
    document = audit(account("unknown", inherited, errors=[error("eu-west-1")], account_name="payments"))
    assert lines(document)[1] == "111111111111  payments  -              unknown"
    document = audit(account("non_compliant", inherited, trail("main", *FAILING)))
    assert lines(document)[1] == "111111111111  -     1 of 1         non_compliant"


def test_findings_that_differ_in_names_alone_are_one_with_words_in_their_place() -> None:
    def failing(number: str) -> dict[str, Any]:
        key = f"arn:aws:kms:eu-west-{number}:{number * 12}:key/x"
        arn = f"arn:aws:cloudtrail:eu-west-{number}:{number * 12}:trail/main"
        text = f"The key {key} in the account {number * 12} and the bucket logs of {arn}: no logs."
        command = f"aws kms enable-key --region eu-west-{number} --key-id {key}"
        found = finding("key_is_usable", message=text, remediation=f"Enable it: {command}", command=command)
        fields = {"arn": arn, "kms_key_arn": key, "home_region": f"eu-west-{number}"}
        return account("non_compliant", trail("main", "non_compliant", found, **fields), account_id=number * 12)

    assert lines(audit(failing("1"), failing("2")))[4:] == [
        "    FAIL      key_is_usable: The key KEY_ARN in the account ACCOUNT_ID and the bucket BUCKET of",
        "              TRAIL_ARN: no logs.",
        "              main (111111111111, eu-west-1), main (222222222222, eu-west-2)",
        "    ->        To do: Enable it:",
        "              aws kms enable-key --region REGION --key-id KEY_ARN",
    ]
    command = "                --key-id arn:aws:kms:eu-west-1:111111111111:key/x"
    assert lines(audit(failing("1")))[-1] == command


def test_accounts_that_refuse_a_role_of_the_same_name_are_one_with_a_word_for_their_ids() -> None:
    def refusing(number: str) -> dict[str, Any]:
        message = f"Cannot assume the role arn:aws:iam::{number * 12}:role/Audit."
        return account("unknown", errors=[{**error("eu-west-1"), "message": message}], account_id=number * 12)

    told = [
        "    not read  cloudtrail:DescribeTrails in eu-west-1: AccessDeniedException: Cannot assume the role",
        "              arn:aws:iam::ACCOUNT_ID:role/Audit.",
        "              account 111111111111, account 222222222222",
    ]
    assert lines(audit(refusing("1"), refusing("2")))[-4:-1] == told


def test_advice_is_counted_and_a_long_message_ends_with_a_sentence() -> None:
    found = finding("key_is_usable", message="It is long. " * 40), finding("key_rotation_enabled", level="advised")
    text = render_short(audit(account("non_compliant", trail("main", "non_compliant", *found))), width=100, paint=plain)
    assert text.endswith("\nAdvice    1 trail\nIn full   -e cloudtrail_kms_table=full adds advice and longer texts")
    assert " ".join(text.split()).count("It is long.") == 20
    assert "..." not in text


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"One sentence, {'long, ' * 40}is whole. Another one is not.", f"One sentence, {'long, ' * 40}is whole."),
        (f"Endless {'word ' * 100}", f"Endless {'word ' * 78}..."),
    ],
)
def test_the_first_sentence_is_whole_unless_it_is_endless(message: str, shown: str) -> None:
    document = audit(
        account("non_compliant", trail("main", "non_compliant", finding("key_is_usable", message=message)))
    )
    told = " ".join(" ".join(lines(document)).split())
    assert f"key_is_usable: {shown} main" in told


def test_of_many_trails_the_first_are_named() -> None:
    many = [trail(f"t{number}", *FAILING, arn=f"arn:aws:cloudtrail:r:1:trail/t{number}") for number in range(12)]
    assert "t9 (111111111111, us-east-1) and 2 more" in " ".join(
        " ".join(lines(audit(account("non_compliant", *many)))).split()
    )


def test_a_plan_in_short_says_how_all_of_it_is_seen() -> None:
    fine = audit(*[account("compliant", trail())] * (MOST_IN_FULL + 1))
    planned = {"before": fine, "after": fine, "changed_accounts": [], "refusals": [], "errors": []}
    in_full = "In full   -e cloudtrail_kms_table=full --diff adds changes, policies and advice"
    for changes in ([], [change("1" * 12, "planned")]):
        table = table_of(None, None, {**planned, "changes": changes})
        assert table
        assert (in_full in table(width=80, paint=plain)) is bool(changes)


def test_what_failed_counts_as_failed_in_the_title_and_the_totals() -> None:
    rows = [account("non_compliant", trail(), account_id=number * 12) for number in "123"] + [account("compliant")] * 50
    several = {"before": audit(*rows), "after": audit(*rows), "changed_accounts": ["1" * 12, "2" * 12]}
    failed = [change("1" * 12, "failed", "EnableKey"), change("2" * 12, "failed"), change("2" * 12, "not_attempted")]
    for done, number, counted in (([], 0, ""), ([change("3" * 12)], 1, "1 UpdateTrail; ")):
        table = table_of(None, None, {**several, "changes": [*done, *failed], "refusals": [], "errors": []})
        assert table
        text = table(width=120, paint=plain)
        assert f", after these changes: 53 accounts, {number} changed, " in text.splitlines()[0]
        assert f"\nChanges   {counted}failed: 1 EnableKey, 1 UpdateTrail\n" in text


def test_an_action_that_is_denied_is_shown_once_with_all_accounts_that_lack_it() -> None:
    """Advice, which the short form does not show, hides no read that failed."""
    denied = {**error("us-east-1"), "operation": "LookupEvents", "iam_action": "cloudtrail:LookupEvents"}
    advice = finding("encryption_is_proven", "unknown", "advised", unread=denied)
    accounts = [
        account("compliant", trail("main", "compliant", *found), account_id=digit * 12, errors=[denied])
        for digit, found in (("1", [advice]), ("2", [advice]), ("3", []))
    ]
    assert [each.strip() for each in lines(audit(*accounts)) if each] == [
        "not read  cloudtrail:LookupEvents in us-east-1: AccessDeniedException: No.",
        "account 111111111111, account 222222222222, account 333333333333",
        "->        To do: Allow the caller cloudtrail:LookupEvents.",
    ]
