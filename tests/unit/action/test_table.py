# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table that a person reads: whole, as it is printed."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._notes import Tone, account_notes
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._text import columns
from tests.unit.action.audits import KEY, NARROWED, account, audit, error, finding, trail


def plain(text: str, _tone: Tone) -> str:
    return text


def marked(text: str, tone: Tone) -> str:
    return f"<{tone}>{text}</>"


def shown(document: dict[str, Any], width: int = 100) -> str:
    return render(document, width=width, paint=plain) + "\n"


def body(document: dict[str, Any], width: int = 100) -> list[str]:
    """The rows and notes: what stands between the headings and the closing lines."""
    return shown(document, width).split("\n\n", 1)[1].rsplit("\n\n", 1)[0].splitlines()[1:]


EVERYTHING = audit(
    account(
        "non_compliant",
        trail("main", "compliant", finding("key_is_usable", "pass"), finding("key_is_approved", "not_applicable")),
        trail(
            "second",
            "non_compliant",
            finding("key_rotation_enabled", level="advised"),
            finding("key_is_usable", "unknown"),
            finding("trail_has_kms_key"),
            kms_key_arn=None,
            cis_3_5="fail",
            home_region="eu-central-1",
        ),
        trail("third", "compliant", finding("key_in_bucket_region", "excepted")),
        errors=[error("eu-west-1"), error("eu-west-2"), error("sa-east-1", "EndpointConnectionError")],
        account_name="Payments",
    ),
    account("no_trails", account_id="222222222222"),
    account("not_applicable", account_id="333333333333"),
    excepted=1,
)
EVERYTHING_SHOWN = dedent("""\
    CloudTrail KMS audit of 2026-11-23T08:00:00+00:00: 3 accounts, 3 trails

    ACCOUNT       REGION        TRAIL   KEY          VERDICT
    111111111111  us-east-1     main    alias/trail  compliant
     Payments
    111111111111  eu-central-1  second  none         non_compliant
        FAIL      trail_has_kms_key: What trail_has_kms_key found.
        ->        To do: What fixes trail_has_kms_key.
        UNKNOWN   key_is_usable: What key_is_usable found.
        ->        To do: What fixes key_is_usable.
        advice    key_rotation_enabled: What key_rotation_enabled found.
        ->        To do: What fixes key_rotation_enabled.

    111111111111  us-east-1     third   alias/trail  compliant, 1 exception
        excepted  key_in_bucket_region: What key_in_bucket_region found. Excepted until 2027-03-31 by
                  security: The archive moves.

    111111111111  -             -       -            non_compliant
        not read  cloudtrail:DescribeTrails in eu-west-1, eu-west-2: AccessDeniedException: No.
        ->        To do: Allow the caller cloudtrail:DescribeTrails. Or audit other regions only.
        not read  cloudtrail:DescribeTrails in sa-east-1: EndpointConnectionError: No.
        ->        To do: AWS cannot be reached, or its answer cannot be read: check the name of the
                  Region, endpoint_url, network, proxy and aws_ca_bundle.

    222222222222  -             -       -            no_trails
        FAIL      account_has_trails: No trail was found in the regions that were read.
        ->        To do: Run the provision_account playbook, or create a multi-region trail whose logs
                  are encrypted under a customer managed KMS key.

    333333333333  -             -       -            not_applicable

    Accounts  1 non_compliant, 1 no_trails, 1 not_applicable
    Trails    2 compliant, 1 non_compliant
    CIS 3.5   2 pass, 1 fail (only asks whether a key is set)
    Excepted  1 trail
    """)


def test_an_account_with_something_of_everything() -> None:
    assert shown(EVERYTHING) == EVERYTHING_SHOWN


def test_an_audit_of_nothing() -> None:
    assert shown(audit()) == dedent("""\
        CloudTrail KMS audit of 2026-11-23T08:00:00+00:00: 0 accounts, 0 trails

        ACCOUNT  REGION  TRAIL  KEY  VERDICT

        Accounts  none
        Trails    none
        CIS 3.5   none (only asks whether a key is set)
        """)


@pytest.mark.parametrize(
    ("fields", "cell"),
    [
        ({}, "alias/trail"),
        ({"kms_key_arn": None}, "none"),
        ({"kms_key_arn": "arn:aws:kms:eu-west-1:999999999999:key/mrk-1"}, "mrk-1"),
        ({"kms_key_arn": KEY.replace("11111111-", "99999999-")}, "99999999-2222-3333-4444-555555555555"),
    ],
)
def test_a_key_is_shown_by_its_alias_else_by_its_id(fields: dict[str, Any], cell: str) -> None:
    assert body(audit(account("compliant", trail(**fields)))) == [f"111111111111  us-east-1  main   {cell}  compliant"]


@pytest.mark.parametrize("aliases", [None, []])
def test_aliases_that_are_not_there_or_could_not_be_read(aliases: list[str] | None) -> None:
    document = audit(account("compliant", trail(), kms_keys=[{"arn": KEY, "aliases": aliases}]))
    assert body(document) == ["111111111111  us-east-1  main   11111111-2222-3333-4444-555555555555  compliant"]


def notes(*findings: dict[str, Any], **fields: Any) -> list[str]:
    return body(audit(account("non_compliant", trail("main", "non_compliant", *findings), **fields)))[1:]


def test_a_command_is_shown_so_that_it_can_be_pasted() -> None:
    command = f"aws kms enable-key --region us-east-1 --key-id {KEY}"
    assert notes(finding("a", remediation=f"Enable it: {command}", command=command))[1:] == [
        "    ->        To do: Enable it:",
        "              aws kms enable-key --region us-east-1 \\",
        f"                --key-id {KEY}",
    ]


def test_what_mends_several_findings_is_said_once() -> None:
    assert notes(
        finding("a", remediation="Enable it."),
        finding("b", remediation="Enable it."),
        finding("c"),
        finding("d", remediation=""),
    ) == [
        "    FAIL      a: What a found.",
        "    ->        To do: Enable it.",
        "    FAIL      b: What b found.",
        "    ->        To do: as for a.",
        "    FAIL      c: What c found.",
        "    ->        To do: What fixes c.",
        "    FAIL      d: What d found.",
    ]


def test_rules_that_found_the_same_share_a_note() -> None:
    same = {"message": "The key could not be read.", "remediation": "Allow it."}
    assert notes(
        finding("a", "unknown", **same),
        finding("b", "unknown", message="Another.", remediation="Allow it."),
        finding("c", "unknown", **same),
        finding("d", "unknown", "advised", **same),
    ) == [
        "    UNKNOWN   a, c: The key could not be read.",
        "    ->        To do: Allow it.",
        "    UNKNOWN   b: Another.",
        "    ->        To do: as for a, c.",
        "    advice    d: The key could not be read.",
        "    ->        To do: as for a, c.",
    ]


@pytest.mark.parametrize(
    ("status", "region", "told"),
    [
        ("unknown", "eu-west-1", False),
        ("excepted", "eu-west-1", False),
        ("unknown", "eu-west-2", True),
        ("pass", "eu-west-1", True),
    ],
)
def test_an_error_that_a_finding_tells_is_not_told_twice(status: str, region: str, told: bool) -> None:
    telling = finding("a", status, message="It could not be read.", unread=error(region))
    lines = notes(telling, errors=[error("eu-west-1")])
    assert ("not read" in "\n".join(lines)) is told


@pytest.mark.parametrize(
    ("action", "code", "to_do"),
    [
        ("kms:ListAliases", "AccessDeniedException", ["Allow the caller kms:ListAliases."]),
        ("ec2:DescribeRegions", "UnauthorizedOperation", ["Allow the caller ec2:DescribeRegions."]),
        ("s3:ListBucket", "403", ["Allow the caller s3:ListBucket."]),
        ("kms:ListAliases", "InternalError", ["AWS could not answer: run again later."]),
    ],
)
def test_a_refusal_names_the_action_to_allow(action: str, code: str, to_do: list[str]) -> None:
    refused = {**error("eu-west-1", code), "iam_action": action}
    assert body(audit(account("unknown", errors=[refused]))) == [
        "111111111111  -       -      -    unknown",
        f"    not read  {action} in eu-west-1: {code}: No.",
        *(f"    ->        To do: {text}" for text in to_do),
    ]


def test_a_role_that_sts_refuses_has_its_next_step_as_what_to_do_once() -> None:
    step = "Check that the role exists and its account is the one you mean, that its trust policy names the caller and "
    step += "the external id, and that the caller is allowed sts:AssumeRole."
    refused = {**error("eu-west-1", "AccessDenied"), "operation": "AssumeRole", "iam_action": "sts:AssumeRole"}
    refused["message"] = f"Cannot assume the role. {step}"
    (note,) = account_notes(account("unknown", errors=[refused]))
    assert (note.text, note.remediation) == ("AccessDenied: Cannot assume the role.", step)


CLOSED = "cloudtrail:DescribeTrails with an explicit deny in a service control policy"


@pytest.mark.parametrize(
    ("complete", "remediation"),
    [(True, ""), (False, "Allow the caller cloudtrail:DescribeTrails. Or audit other regions only.")],
)
def test_a_region_that_a_service_control_policy_closes_says_when_it_counts(complete: bool, remediation: str) -> None:
    closed = {**error("sa-east-1"), "message": f"User x is not authorized to perform: {CLOSED}"}
    note, other = account_notes(account(complete=complete, errors=[closed, error("eu-west-1")]))
    assert (note.subject, note.remediation) == ("cloudtrail:DescribeTrails in sa-east-1", remediation)
    assert note.text == (
        "Closed by a service control policy, which counts only with cloudtrail_kms_closed_regions: unknown."
    )
    assert (other.subject, other.text) == ("cloudtrail:DescribeTrails in eu-west-1", "AccessDeniedException: No.")


def test_a_trail_that_another_account_owns_says_so() -> None:
    document = audit(account("compliant", trail("org", ownership="inherited")))
    assert body(document) == ["111111111111  us-east-1  org (inherited)  alias/trail  compliant"]


def test_long_names_share_the_width_and_wrap_but_the_account_id_never_does() -> None:
    document = audit(
        account(
            "non_compliant",
            trail(
                "StackSet-baseline-trail-1ABCDEFGHIJKLMNOP",
                "non_compliant",
                home_region="ap-southeast-1",
                kms_key_arn="arn:aws:kms:us-east-1:1:key/mrk-0123456789abcdef0123456789abcdef",
            ),
            account_name="Zahlungsverkehrsteam",
        )
    )
    assert body(document, 79) == [
        "111111111111  ap-southeast-1  StackSet-         key/              non_compliant",
        " Zahlungsver                  baseline-trail-",
        " kehrsteam                    1ABCDEFGHIJKLMNO",
        "                              P",
        f"{'mrk-0123456789abcdef0123456789abcdef':>64}",
    ]


@pytest.mark.parametrize(
    "key_id", [KEY.rpartition("/")[2], "mrk-1234abcd1234abcd1234abcd1234abcd"], ids=["plain", "multi-Region"]
)
def test_the_id_of_a_key_stays_whole_on_a_line_of_its_own(key_id: str) -> None:
    key = f"arn:aws:kms:eu-central-1:111111111111:key/{key_id}"
    one = trail("organization-trail-management", home_region="eu-central-1", kms_key_arn=key)
    assert body(audit(account("compliant", one)), 80) == [
        "111111111111  eu-central-1  organization-trail-  key/                  compliant",
        "                            management",
        f"{key_id:>69}",
    ]


def test_a_trail_that_is_named_like_a_key_wraps_as_others_do() -> None:
    name = KEY.rpartition("/")[2]
    one = trail(name, home_region="ap-southeast-1", kms_key_arn=f"arn:aws:kms:ap-southeast-1:1:key/{name}")
    assert body(audit(account("compliant", one)), 80) == [
        "111111111111  ap-southeast-1  11111111-2222-      key/                 compliant",
        "                              3333-4444-",
        "                              555555555555",
        f"{name:>69}",
    ]


def test_wide_characters_take_their_two_columns() -> None:
    document = audit(account("compliant", trail("決済"), trail("main")))
    assert body(document) == [
        "111111111111  us-east-1  決済   alias/trail  compliant",
        "111111111111  us-east-1  main   alias/trail  compliant",
    ]


def test_a_name_or_message_cannot_forge_a_line_or_steer_the_terminal() -> None:
    evil = "x\n\nAccounts  1 compliant\x1b[2J\u202e"
    document = audit(
        account(
            "non_compliant",
            trail(evil, "non_compliant", finding("key_is_usable", message=evil, remediation=evil), home_region=evil),
            errors=[error(evil, evil)],
            account_name=evil,
            kms_keys=[{"arn": KEY, "aliases": [evil]}],
        )
    )
    lines = shown(document).splitlines()
    assert [line for line in lines if line.startswith("Accounts")] == ["Accounts  1 non_compliant"]
    assert all(line.isprintable() for line in lines)


def test_colour_is_painted_on_what_is_laid_out_already() -> None:
    document = audit(
        account("unknown", trail("main", "unknown", finding("key_is_usable", "unknown"), finding("x", level="advised")))
    )
    assert render(document, width=100, paint=marked).splitlines()[2:7] == [
        "<strong>ACCOUNT       REGION     TRAIL  KEY          VERDICT</>",
        "111111111111  us-east-1  main   alias/trail  <unknown>unknown</>",
        "    <unknown>UNKNOWN </>  key_is_usable: What key_is_usable found.",
        "    ->        To do: What fixes key_is_usable.",
        "    <quiet>advice  </>  x: What x found.",
    ]


def test_the_last_line_says_what_the_audit_was_narrowed_by() -> None:
    trails = [f"arn:aws:cloudtrail:us-east-1:111111111111:trail/{name}" for name in ("main", "second")]
    document = audit(account("compliant", trail(), narrowed_by={**NARROWED, "trails": trails}))
    assert shown(document).splitlines()[-3:] == [
        "CIS 3.5   1 pass (only asks whether a key is set)",
        "Narrowed  only regions us-east-1; only trails arn:aws:cloudtrail:us-east-1:111111111111:trail/main,",
        "          arn:aws:cloudtrail:us-east-1:111111111111:trail/second; rules off: key_is_usable",
    ]


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [
        ("compliant", "good"),
        ("non_compliant", "bad"),
        ("no_trails", "bad"),
        ("unknown", "unknown"),
        ("not_applicable", "quiet"),
    ],
)
def test_each_verdict_has_its_colour(verdict: str, tone: str) -> None:
    assert f"<{tone}>{verdict}</>" in render(audit(account(verdict)), width=100, paint=marked)


@pytest.mark.parametrize(("asked", "given"), [(0, 79), (79, 79), (100, 100), (500, 120)])
def test_lines_use_the_width_between_the_bounds_of_legibility(asked: int, given: int) -> None:
    document = audit(account("non_compliant", trail("main", "non_compliant", finding("r", message="word " * 100))))
    assert given - 5 < max(columns(line) for line in shown(document, asked).splitlines()) <= given


names = st.text(min_size=1, max_size=140)


@given(
    name=names,
    alias=names,
    region=st.sampled_from(["us-east-1", "ap-southeast-1"]),
    message=names,
    width=st.integers(60, 130),
)
def test_no_line_is_wider_than_asked(name: str, alias: str, region: str, message: str, width: int) -> None:
    document = audit(
        account(
            "non_compliant",
            trail(name, "non_compliant", finding("r", message=message, remediation=message), home_region=region),
            errors=[error(region, name)],
            account_name=name,
            kms_keys=[{"arn": KEY, "aliases": [alias]}],
            narrowed_by={**NARROWED, "trails": [name, message]},
        )
    )
    lines = shown(document, width).splitlines()
    assert max(columns(line) for line in lines) <= max(79, min(width, 120))
