# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of an enforcement: the changes and the verdicts before and after, as they are printed."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._module_call import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._notes import Tone
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._enforcement import render_enforcement
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._text import columns
from tests.unit.action.audits import KEY, NARROWED, account, audit, error, finding, reason, trail

TRAIL = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"
NEW_KEY = "arn:aws:kms:us-east-1:111111111111:key/to-be-created"
RED = audit(account("non_compliant", trail("main", "non_compliant", kms_key_arn=None)))
GREEN = audit(account("compliant", trail()))


def plain(text: str, _tone: Tone) -> str:
    return text


def marked(text: str, tone: Tone) -> str:
    return f"<{tone}>{text}</>"


def policy(*statements: str | dict[str, Any]) -> str:
    """A policy of statements: a name stands for one that has no other contents."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Sid": each, "Effect": "Allow"} if isinstance(each, str) else each for each in statements],
        }
    )


def change(
    operation: str,
    resource: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    status: str = "planned",
    *,
    region: str = "us-east-1",
) -> dict[str, Any]:
    return {
        "account_id": "1" * 12,
        "operation": operation,
        "resource": resource,
        "region": region,
        "before": before,
        "after": after,
        "status": status,
    }


def update_trail(status: str = "planned") -> dict[str, Any]:
    return change("UpdateTrail", TRAIL, {"kms_key_arn": None}, {"kms_key_arn": KEY}, status)


def refusal(message: str, *options: str, account_id: str = "1" * 12) -> dict[str, Any]:
    return reason(message, account_id=account_id, options=list(options))


def failure(message: str, account_id: str = "1" * 12) -> dict[str, Any]:
    return reason(message, account_id=account_id)


def enforcement(*changes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    told = {"before": RED, "after": GREEN, "changes": list(changes), "refusals": [], "errors": []}
    return with_after({**told, "earlier_backups": [], "deliveries": {}, **fields})


def parts(document: dict[str, Any], width: int = 100) -> list[str]:
    """The tables: before, changes, and after where there is one."""
    return render_enforcement(document, width=width, paint=plain).split("\n\n\n")


def details(*changes: dict[str, Any]) -> list[str]:
    return [line.strip() for line in parts(enforcement(*changes))[1].splitlines()[3:] if line.startswith(" ")]


BEFORE = dedent("""\
    CloudTrail KMS audit of 2026-11-23T08:00:00+00:00: 1 account, 1 trail

    ACCOUNT       REGION     TRAIL  KEY   VERDICT
    111111111111  us-east-1  main   none  non_compliant

    Accounts  1 non_compliant
    Trails    1 non_compliant
    CIS 3.5   1 pass (only asks whether a key is set)""")
PLANNED = dedent("""\
    Changes to account 111111111111: 4 planned

    OPERATION          REGION     RESOURCE           STATUS
    CreateKey          us-east-1  key/to-be-created  planned
        description: Logs
        multi_region: false
        tags: {"a": "2", "b": "1"}
        policy: statement "Root"
    CreateAlias        us-east-1  alias/trail        planned
        key_arn: arn:aws:kms:us-east-1:111111111111:key/to-be-created
    UpdateTrail        us-east-1  trail/main         planned
        kms_key_arn: none -> arn:aws:kms:us-east-1:111111111111:key/to-be-created
    EnableKeyRotation  us-east-1  key/to-be-created  planned
        rotation_enabled: false -> true""")
PREDICTED = dedent("""\
    CloudTrail KMS audit as these changes will leave it: 1 trail

    REGION     TRAIL  KEY          BEFORE         AFTER
    us-east-1  main   alias/trail  non_compliant  compliant

    Accounts  1 compliant
    Trails    1 compliant
    CIS 3.5   1 pass (only asks whether a key is set)""")


def test_a_plan_from_before_to_after() -> None:
    before, changes, after = parts(
        enforcement(
            change(
                "CreateKey",
                NEW_KEY,
                None,
                {"description": "Logs", "multi_region": False, "tags": {"b": "1", "a": "2"}, "policy": policy("Root")},
            ),
            change("CreateAlias", "arn:aws:kms:us-east-1:111111111111:alias/trail", None, {"key_arn": NEW_KEY}),
            change("UpdateTrail", TRAIL, {"kms_key_arn": None}, {"kms_key_arn": NEW_KEY}),
            change("EnableKeyRotation", NEW_KEY, {"rotation_enabled": False}, {"rotation_enabled": True}),
        )
    )
    assert (before, changes, after) == (BEFORE, PLANNED, PREDICTED)


FAILED_HALF_WAY = dedent("""\
    Changes to account 111111111111: 1 applied, 1 failed, 1 not_attempted

    OPERATION          REGION     RESOURCE                                  STATUS
    EnableKey          us-east-1  key/11111111-2222-3333-4444-555555555555  applied
        state: Disabled -> Enabled
    UpdateTrail        us-east-1  trail/main                                failed
        kms_key_arn: none ->
          arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555
    EnableKeyRotation  us-east-1  key/11111111-2222-3333-4444-555555555555  not_attempted
        rotation_enabled: false -> true

        FAILED    UpdateTrail was refused: Throttling.""")
AFTER_FAILURE = dedent("""\
    CloudTrail KMS audit of 2026-11-23T08:00:00+00:00, after these changes: 1 trail

    REGION     TRAIL  KEY   BEFORE         AFTER
    us-east-1  main   none  non_compliant  non_compliant
        FAIL      trail_has_kms_key: What trail_has_kms_key found.
        ->        To do: What fixes trail_has_kms_key.

    -          -      -     non_compliant  unknown
        not read  cloudtrail:DescribeTrails in eu-west-1: AccessDeniedException: No.
        ->        To do: Allow the caller cloudtrail:DescribeTrails. Or audit other regions only.""")


def test_a_run_that_failed_half_way_says_what_was_done_and_why_not_the_rest() -> None:
    document = enforcement(
        change("EnableKey", KEY, {"state": "Disabled"}, {"state": "Enabled"}, "applied"),
        update_trail("failed"),
        change("EnableKeyRotation", KEY, {"rotation_enabled": False}, {"rotation_enabled": True}, "not_attempted"),
        errors=[failure("UpdateTrail was refused: Throttling.")],
        after=audit(
            account(
                "unknown",
                trail("main", "non_compliant", finding("trail_has_kms_key"), kms_key_arn=None),
                errors=[error("eu-west-1")],
            )
        ),
    )
    _before, changes, after = parts(document)
    assert changes == FAILED_HALF_WAY
    assert after.split("\n\nAccounts")[0] == AFTER_FAILURE


def test_what_to_add_to_another_tool_stands_below_its_change_to_copy() -> None:
    to_add = [{"tool": "Terraform", "form": "hcl", "text": 'resource "x" "y" {\n  kms_key_id = "\x1b[0m"\n}'}]
    (_before, changes) = parts(enforcement({**update_trail("not_attempted"), "to_add": to_add}))
    assert changes.splitlines()[-4:] == [
        "    add to Terraform:",
        '      resource "x" "y" {',
        r'        kms_key_id = "\x1b[0m"',
        "      }",
    ]


def test_refusals_are_told_without_an_after() -> None:
    refusals = [refusal("The key is Disabled."), refusal("Somebody denies it.")]
    document = enforcement(update_trail("not_attempted"), refusals=refusals)
    (_before, changes) = parts(document)
    assert changes.splitlines()[-3:] == [
        "",
        "    REFUSED   The key is Disabled.",
        "    REFUSED   Somebody denies it.",
    ]


@pytest.mark.parametrize(
    "fields", [{}, {"changes": [update_trail("failed")], "after": None}], ids=["nothing to do", "not read again"]
)
def test_nothing_is_said_of_after_where_there_is_nothing_to_say(fields: dict[str, Any]) -> None:
    assert len(parts(enforcement(**fields))) == 2


def test_an_account_that_needs_nothing() -> None:
    assert parts(enforcement())[1] == "Changes to account 111111111111: none"


def test_a_key_of_another_account_goes_by_its_arn() -> None:
    central = KEY.replace("111111111111", "555555555555")
    row = parts(enforcement(change("EnableKey", central, {"state": "x"}, {"state": "y"})), 120)[1].splitlines()[3]
    assert row == f"EnableKey  us-east-1  {central}  planned"


USE = {"Sid": "Use", "Effect": "Allow", "Condition": {"StringEquals": {"aws:SourceArn": ["a"]}}}
USE_MORE = {**USE, "Condition": {"StringEquals": {"aws:SourceArn": ["a", "b"]}}}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (policy("Root"), policy("Root", "Use", "Read"), 'adds statement "Use", statement "Read"'),
        (policy("Root", USE), policy("Root", USE_MORE), 'changes statement "Use"'),
        (policy("Root", USE), policy("Root"), 'removes statement "Use"'),
        (
            policy("Root", USE),
            policy(USE_MORE, "New"),
            'adds statement "New"; changes statement "Use"; removes statement "Root"',
        ),
        (policy({"Effect": "Allow"}), policy({"Effect": "Allow"}, {"Effect": "Deny"}), "adds statement 2"),
        ('{"Statement": {"Sid": "One"}}', policy({"Sid": "One"}, "Two"), 'adds statement "Two"'),
    ],
)
def test_a_policy_is_told_by_its_statements(before: str, after: str, words: str) -> None:
    assert details(change("PutKeyPolicy", KEY, {"policy": before}, {"policy": after})) == [f"policy: {words}"]


@pytest.mark.parametrize(
    ("status", "tone"),
    [("planned", "unknown"), ("applied", "good"), ("failed", "bad"), ("not_attempted", "quiet")],
)
def test_each_status_has_its_colour(status: str, tone: str) -> None:
    assert f"<{tone}>{status}</>" in render_enforcement(enforcement(update_trail(status)), width=100, paint=marked)


EVIL = "x\n\nAccounts  1 compliant\x1b[2J\u202e"
HOSTILE = enforcement(
    change("CreateKey", NEW_KEY, None, {"description": EVIL, "tags": {EVIL: EVIL}, "policy": policy(EVIL)}),
    change("PutKeyPolicy", KEY, {"policy": policy(EVIL)}, {"policy": policy(EVIL + EVIL)}),
    change("UpdateTrail", f"{TRAIL}{EVIL}", {"kms_key_arn": EVIL}, {"kms_key_arn": EVIL}, region=EVIL),
    refusals=[refusal(EVIL, EVIL)],
    errors=[failure(EVIL)],
    before=audit(account("non_compliant", trail(EVIL, "non_compliant", home_region=EVIL))),
    after=audit(account("compliant", trail(EVIL, home_region=EVIL))),
)


def test_a_name_or_message_cannot_forge_a_line_or_steer_the_terminal() -> None:
    lines = render_enforcement(HOSTILE, width=100, paint=plain).splitlines()
    assert [line for line in lines if line.startswith("Accounts")] == [
        "Accounts  1 non_compliant",
        "Accounts  1 compliant",
    ]
    assert all(line.isprintable() for line in lines)


names = st.text(min_size=1, max_size=140)


@given(name=names, value=names, region=st.sampled_from(["us-east-1", "ap-southeast-1"]), width=st.integers(60, 130))
def test_no_line_is_wider_than_asked(name: str, value: str, region: str, width: int) -> None:
    document = enforcement(
        change("EnableKeyRotation", f"{TRAIL}{name}", {name: value}, {name: value}, "not_attempted", region=region),
        update_trail(),
        before=audit(account("non_compliant", trail(name, "non_compliant", home_region=region))),
        after=audit(account("non_compliant", trail(name, "non_compliant", home_region=region))),
        refusals=[refusal(value)],
    )
    lines = render_enforcement(document, width=width, paint=plain).splitlines()
    assert max(columns(line) for line in lines) <= max(79, min(width, 120))


def test_a_command_that_ends_a_refusal_is_to_copy() -> None:
    command = f'aws cloudtrail update-trail --region us-east-1 --name {TRAIL} --kms-key-id ""'
    text = f"No key was set before. To remove the encryption all the same: {command}"
    (_before, changes) = parts(enforcement(refusals=[refusal(text)]), width=80)
    shown = [line.strip() for line in changes.splitlines()[-4:]]
    assert shown[0].endswith("all the same:")
    assert " ".join(line.removesuffix(" \\") for line in shown[1:]) == command


def test_what_stood_before_the_changes_is_not_said_in_full_again() -> None:
    old, new, advice = finding("key_is_usable"), finding("readers_can_read"), finding("is_advice", level="advised")
    red = ("main", "non_compliant")
    before, after = (audit(account("non_compliant", trail(*red, old, advice, *more))) for more in ((), (new,)))
    told = parts(enforcement(update_trail(), before=before, after=after))[-1]
    assert told.split("\n\n")[1].splitlines()[2:] == [
        "    FAIL      readers_can_read: What readers_can_read found.",
        "    ->        To do: What fixes readers_can_read.",
        "    FAIL      as before: key_is_usable",
        "    advice    as before: is_advice",
    ]


def test_verdicts_before_and_after_are_told_apart_by_their_exceptions() -> None:
    excepted = finding("key_is_approved", "excepted")
    before, after = (
        audit(account(verdict, trail("main", verdict, excepted))) for verdict in ("non_compliant", "compliant")
    )
    told = parts(enforcement(update_trail(), before=before, after=after))[-1]
    assert "alias/trail  non_compliant  compliant, 1 exception\n" in told


def test_both_tables_of_a_narrowed_enforcement_say_so() -> None:
    before, after = ({**each, "accounts": [{**each["accounts"][0], "narrowed_by": NARROWED}]} for each in (RED, GREEN))
    told = parts(enforcement(update_trail(), before=before, after=after))
    line = "Narrowed  only regions us-east-1; rules off: key_is_usable"
    assert [part.splitlines()[-1] == line for part in told] == [True, False, True]
