# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading is lenient: everything that GetKeyPolicy may return is read, and what is odd is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._conditions import Number
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import (
    PolicyError,
    parse,
    to_json,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import Pieces, shortest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from tests.unit.policy.asking import SERVICE
from tests.unit.policy.golden_tables import KEY, OWNER

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}


def document(*statements: Any, version: str = "2012-10-17") -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": version, "Statement": list(statements)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The policy is not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("{", "The policy is not JSON: "),
        ("[]", "The policy is not a JSON object."),
        ('"*"', "The policy is not a JSON object."),
        ("null", "The policy is not a JSON object."),
        ("{}", "The policy has no Statement."),
        ('{"Version": "2012-10-17"}', "The policy has no Statement."),
        ("[" * 100_000, "The policy is not JSON: "),
    ],
)
def test_what_is_no_policy_is_refused(text: str, message: str) -> None:
    """Nothing else is."""
    with pytest.raises(PolicyError) as raised:
        parse(text)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("policy", "labels"),
    [
        (document(ALLOW), ["statement 1"]),
        (document(), []),
        ({"Statement": ALLOW}, ["statement 1"]),
        (
            document({**ALLOW, "Sid": "Enable IAM User Permissions"}, ALLOW),
            ['statement "Enable IAM User Permissions"', "statement 2"],
        ),
        (document({**ALLOW, "Sid": ""}), ["statement 1"]),
        (document({**ALLOW, "Sid": 5}), ["statement 1"]),
    ],
)
def test_statements_are_named_by_sid_or_number(policy: dict[str, Any], labels: list[str]) -> None:
    """One statement or a list, with or without Sids."""
    parsed = parse(json.dumps(policy, indent=3) + "\n")
    assert [statement.label for statement in parsed.statements] == labels
    assert [str(statement) for statement in parsed.statements] == labels


def test_sids_and_documents_are_kept_as_they_are() -> None:
    """Messages and merging need them."""
    statement = {**ALLOW, "Sid": "A b"}
    odd = {**ALLOW, "Sid": 5}
    parsed = parse(document(statement, ALLOW, odd, "nonsense"))
    assert [each.sid for each in parsed.statements] == ["A b", None, None, None]
    assert [each.document for each in parsed.statements] == [
        statement,
        ALLOW,
        {**odd, "Sid": Number("5")},
        "nonsense",
    ]
    assert parsed.document == document(statement, ALLOW, {**odd, "Sid": Number("5")}, "nonsense")


@pytest.mark.parametrize(
    ("policy", "warnings"),
    [
        (document(ALLOW), []),
        (document(ALLOW, version="2008-10-17"), []),
        ({"Statement": [ALLOW]}, []),
        (document(), ["The policy has no statements: it allows nothing."]),
        (document(ALLOW, version="2020-01-01"), ["The Version 2020-01-01 is not one that AWS documents."]),
        (
            document({**ALLOW, "Sid": "a"}, {**ALLOW, "Sid": "b"}, {**ALLOW, "Sid": "a"}),
            ['The Sid "a" is used by more than one statement.'],
        ),
        (document({**ALLOW, "Sid": ""}, {**ALLOW, "Sid": ""}), []),
        (document("nonsense"), ["statement 1: it is not an object and has no effect."]),
        (
            document({}),
            [
                "statement 1: it has no readable Effect, so it has no effect.",
                "statement 1: it has no readable Principal, so it has no effect.",
                "statement 1: it has no readable Action, so it has no effect.",
                "statement 1: it has no readable Resource, so it has no effect.",
            ],
        ),
        (
            document({**ALLOW, "Effect": "allow"}),
            ["statement 1: it has no readable Effect, so it has no effect."],
        ),
        (
            document({**ALLOW, "Action": ["kms:Decrypt", 1]}),
            ["statement 1: its Action is no text and no list of texts."],
        ),
        (document({**ALLOW, "Comment": "mine"}), ['statement 1: AWS documents no element "Comment".']),
        ({**document(ALLOW), "version": "2012-10-17"}, ['AWS documents no element "version" of a policy.']),
        (document({**ALLOW, "Action": []}), ["statement 1: its Action lists nothing."]),
        (document({**ALLOW, "Principal": {"AWS": []}}), ["statement 1: its Principal lists nothing."]),
        (
            document({**ALLOW, "NotAction": "kms:Encrypt"}),
            ["statement 1: it has an element together with its negation."],
        ),
        (
            document({**ALLOW, "Principal": {"AWS": ["AROAEXAMPLE1234567890", "arn:aws:iam::111122223333:root"]}}),
            ["statement 1: it names AROAEXAMPLE1234567890, a principal that no longer exists."],
        ),
        (
            document({**ALLOW, "Principal": {"Robot": "r2d2", "AWS": [7]}}),
            ["statement 1: AWS documents no principal r2d2.", "statement 1: AWS documents no principal 7."],
        ),
        (
            document({**ALLOW, "Principal": "cloudtrail.amazonaws.com"}),
            ["statement 1: AWS documents no principal cloudtrail.amazonaws.com."],
        ),
        (document({**ALLOW, "Condition": "never"}), ["statement 1: its Condition is not an object."]),
        (
            document({**ALLOW, "Condition": {"StringEquals": "x", "String": {"a": "b"}}}),
            [
                "statement 1: its condition operator StringEquals holds no keys.",
                "statement 1: AWS documents no such condition as its String.",
            ],
        ),
        (
            document({**ALLOW, "Sid": "s", "Condition": {"stringequals": {"a": "b"}, "Bool": {"c": "true"}}}),
            ['statement "s": AWS documents no such condition as its stringequals.'],
        ),
    ],
)
def test_oddities_become_warnings(policy: dict[str, Any], warnings: list[str]) -> None:
    """A wrong guess must not blind an audit, but it should be seen."""
    assert list(parse(json.dumps(policy)).warnings) == warnings


def test_elements_that_stand_twice_are_named() -> None:
    """JSON leaves open which of them counts; the last is read, as most readers do."""
    text = (
        '{"Id": "x", "Id": "y", "Statement": [{"Effect": "Deny", "Sid": "a", "Effect": "Allow", "Principal": "*", '
        '"Action": "kms:*", "Resource": "*", "Condition": {"Bool": {"k": "true"}, "Bool": {"l": "true", "l": "a"}}}]}'
    )
    policy = parse(text)
    assert policy.warnings == (
        "The element Id appears twice in the policy, and AWS does not document which counts.",
        'statement "a": Effect appears twice in it, and AWS does not document which counts.',
        'statement "a": "Bool" appears twice in it, and AWS does not document which counts.',
        'statement "a": "l" appears twice in it, and AWS does not document which counts.',
    )
    assert (policy.statements[0].effect, [each.key for each in policy.statements[0].conditions]) == ("Allow", ["l"])
    assert (policy.repeated, policy.statements[0].repeated) == (("Id",), ("Effect", "Bool", "l"))


def test_compact_json_keeps_characters_and_order() -> None:
    """KMS counts bytes of what is sent."""
    text = '{"Version": "2012-10-17", "Id": "Schlüssel", "Statement": []}'
    assert parse(text).to_json() == '{"Version":"2012-10-17","Id":"Schlüssel","Statement":[]}'


@pytest.mark.parametrize(
    ("pieces", "length"),
    [((("a*b*", True),), 2), ((("a*b", False),), 3), ((("a*", True), ("*", False)), 2), ((), 0)],
)
def test_how_long_a_text_is_at_least_that_is_like_another(pieces: Pieces, length: int) -> None:
    assert shortest(pieces) == length


def test_a_policy_is_as_long_as_aws_gives_out_and_no_longer() -> None:
    text = '{"Statement": []}'
    assert parse(text + " " * (131_072 - len(text))).statements == ()
    with pytest.raises(PolicyError, match=r"^The policy has 131,073 characters; AWS returns at most 131,072\.$"):
        parse(text + " " * (131_073 - len(text)))


def test_numbers_are_shown_to_people_as_they_were_written() -> None:
    """In quotes where a reader of JSON would make another number of it."""
    written = ["5", "1.5", "12345678901234567890.5", "1E400", "-0", "1.50"]
    shown = '[5,1.5,"12345678901234567890.5","1E400","-0","1.50"]'
    assert to_json([Number(text) for text in written]) == shown
    assert to_json([Number("1" * 5000)]) == f'["{"1" * 5000}"]'


def test_json_is_compact_for_aws_and_laid_out_for_people() -> None:
    """No character is escaped: KMS counts bytes, and people read."""
    assert to_json({"b": ["é"], "a": True}) == '{"b":["é"],"a":true}'
    assert to_json({"b": ["é"], "a": True}, indent=1, sort_keys=True) == '{\n "a": true,\n "b": [\n  "é"\n ]\n}'


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ('"Statement": [], "Statement"', "Statement appears twice in it, and AWS does not document which counts"),
        ('"version": "2012-10-17", "Statement"', 'AWS documents no element "version"'),
        ('"Version": "2008-10-17", "Version": "2012-10-17", "Statement"', "Version appears twice in it, and AWS does"),
        ('"Comment": "mine", "Id": "a", "Id": "b", "Statement"', None),
    ],
)
def test_which_statements_a_policy_has_is_certain_or_nothing_is(elements: str, why: str | None) -> None:
    """Elements that say nothing of them do not count."""
    request = Request(principal=SERVICE, action="kms:Decrypt", resource=KEY, context={}, account=OWNER)
    decision = decide(parse(f"{{{elements}: [{json.dumps(ALLOW)}]}}"), request)
    assert decision.outcome is (Outcome.INDETERMINATE if why else Outcome.ALLOWED)
    assert f"allows kms:Decrypt to {SERVICE}{f' is unknown: {why}' if why else ''}" in decision.reason
