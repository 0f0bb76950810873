# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decisions as advice: which statement, which condition, what the request carries, what to do."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request
from tests.unit.policy.asking import ALLOW, DENY, SERVICE, ask, when
from tests.unit.policy.golden_tables import EVERYTHING, KEY, OWNER, ROLE

OTHER = "arn:aws:iam::444455556666:role/reader"
USE = {**ALLOW, "Principal": {"Service": SERVICE}, "Action": "kms:Decrypt"}
ROOT = {**ALLOW, "Sid": "Root", "Principal": {"AWS": OWNER}}
# What IAM's page on data perimeters adds to a Deny that is not meant for services.
EXEMPT = '"Bool": {"aws:PrincipalIsAWSService": "false"}'
SPARED = ", which exempts AWS services and nobody else"
ADD = f'Add a statement that allows kms:Decrypt to {SERVICE} on Resource "*".'


@pytest.mark.parametrize(
    ("statements", "principal", "identity", "reason", "labels"),
    [
        ([ALLOW], SERVICE, None, f'Statement "A" allows kms:Decrypt to {SERVICE}.', ('statement "A"',)),
        (
            [ALLOW, EVERYTHING],
            SERVICE,
            None,
            f'Statement "A" and statement 2 allow kms:Decrypt to {SERVICE}.',
            ('statement "A"', "statement 2"),
        ),
        (
            [EVERYTHING] * 3,
            SERVICE,
            None,
            f"Statement 1, statement 2 and statement 3 allow kms:Decrypt to {SERVICE}.",
            ("statement 1", "statement 2", "statement 3"),
        ),
        (
            [EVERYTHING] * 5,
            SERVICE,
            None,
            f"Statement 1, statement 2, statement 3 and 2 more allow kms:Decrypt to {SERVICE}.",
            tuple(f"statement {number}" for number in range(1, 6)),
        ),
        (
            [ROOT],
            ROLE,
            True,
            f'Statement "Root" allows kms:Decrypt to {ROLE} through its account, and its own IAM policies allow it.',
            ('statement "Root"',),
        ),
        ([ROOT, ALLOW], ROLE, True, f'Statement "A" allows kms:Decrypt to {ROLE}.', ('statement "A"',)),
        (
            [ALLOW],
            OTHER,
            True,
            f'Statement "A" allows kms:Decrypt to {OTHER}, and so does its own account.',
            ('statement "A"',),
        ),
    ],
)
def test_allowed(
    statements: list[dict[str, Any]], principal: str, identity: bool | None, reason: str, labels: tuple[str, ...]
) -> None:
    """Who allows it, and nothing to do."""
    assert ask(statements, principal, identity=identity) == (reason, "", labels)


def test_allowed_by_one_of_two_whatever_the_key_holds() -> None:
    """Neither of them alone is certain."""
    halves = [when(ALLOW, Null={"k": "true"}), when(EVERYTHING, Null={"k": "false"})]
    assert ask(halves, unknown=("k",)) == (
        f'Statement "A" and statement 2 allow kms:Decrypt to {SERVICE}.',
        "",
        ('statement "A"', "statement 2"),
    )


@pytest.mark.parametrize(
    ("statements", "reason", "what"),
    [
        (
            [DENY, ALLOW],
            f'Statement "D" denies kms:Decrypt to {SERVICE}.',
            f'add "Condition": {{{EXEMPT}}}{SPARED}',
        ),
        (
            [when(DENY, StringNotEquals={"k": ["a", "b"]}, Null={"l": "true"}), ALLOW],
            f'Statement "D" denies kms:Decrypt to {SERVICE}: its condition StringNotEquals k = "a" and "b" '
            'holds: the request has "v" and its condition Null l = "true" holds: the request has no such key.',
            f"add {EXEMPT} to its Condition{SPARED}",
        ),
    ],
)
def test_denied(statements: list[dict[str, Any]], reason: str, what: str) -> None:
    """A Deny, its conditions, and how the caller is exempted from it."""
    advice = f'No Allow overrides a Deny: in statement "D", {what}.'
    assert ask(statements, context={"k": "v"}) == (reason, advice, ('statement "D"',))


def test_denied_by_one_of_two_whatever_the_key_holds() -> None:
    """Both are named; of neither is it claimed that its condition holds."""
    halves = [when(DENY, Null={"k": "true"}), when({**DENY, "Sid": "E"}, Null={"k": "false"}), ALLOW]
    assert ask(halves, unknown=("k",)) == (
        f'Statement "D" and statement "E" deny kms:Decrypt to {SERVICE}.',
        f'No Allow overrides a Deny: in statement "D", add {EXEMPT} to its Condition{SPARED} and in statement "E", add '
        f"{EXEMPT} to its Condition{SPARED}.",
        ('statement "D"', 'statement "E"'),
    )


def test_a_certain_deny_is_named_before_one_that_is_open() -> None:
    """The open one does not matter."""
    assert ask([when(DENY, Null={"k": "true"}), {**DENY, "Sid": "E"}], unknown=("k",)) == (
        f'Statement "E" denies kms:Decrypt to {SERVICE}.',
        f'No Allow overrides a Deny: in statement "E", add "Condition": {{{EXEMPT}}}{SPARED}.',
        ('statement "E"',),
    )


@pytest.mark.parametrize(
    ("statement", "why", "what"),
    [
        (
            {**USE, "Principal": {"Service": "config.amazonaws.com"}},
            f'it does not name {SERVICE} as principal (its Principal is "config.amazonaws.com")',
            f"add {SERVICE} to its Principal",
        ),
        (
            {**USE, "Action": ["kms:Encrypt"]},
            'it does not allow kms:Decrypt (its Action is "kms:Encrypt")',
            "add kms:Decrypt to its Action",
        ),
        (
            {key: value for key, value in USE.items() if key != "Action"},
            "it does not allow kms:Decrypt",
            "add kms:Decrypt to its Action",
        ),
        (
            {key: value for key, value in USE.items() if key != "Principal"},
            "it has no Principal, so it has no effect",
            f"name {SERVICE} as its Principal",
        ),
        (
            {key: value for key, value in USE.items() if key != "Resource"},
            "it has no Resource, so it has no effect",
            'add "Resource": "*"',
        ),
        (
            {**USE, "Resource": "arn:aws:s3:::b"},
            f'its Resource does not cover {KEY}, but "arn:aws:s3:::b"',
            f"add {KEY} to its Resource",
        ),
        (
            when(USE, StringEquals={"k": ["a", "b", "c", "d", "e"]}),
            'its condition StringEquals k = "a", "b", "c" and 2 more fails: the request has "v"',
            'add "v" to the values of k',
        ),
        (
            when(USE, StringLike={"k": "a*"}),
            'its condition StringLike k = "a*" fails: the request has "v"',
            'add "v" to the values of k',
        ),
        (
            when(USE, StringNotLike={"k": "v*"}),
            'its condition StringNotLike k = "v*" fails: the request has "v"',
            'remove "v" from the values of k',
        ),
        (
            when(USE, StringEquals={"x": "a"}),
            'its condition StringEquals x = "a" fails: the request has no such key',
            "remove the condition on x",
        ),
        (
            when(USE, Null={"k": "true"}),
            'its condition Null k = "true" fails: the request has "v"',
            "remove the condition on k",
        ),
        (
            when(USE, NumericLessThan={"n": "5"}),
            'its condition NumericLessThan n = "5" fails: the request has "7"',
            'change the value of n so that "7" matches',
        ),
        (
            when(USE, Bool={"b": "true"}),
            'its condition Bool b = "true" fails: the request has "false"',
            'change the value of b so that "false" matches',
        ),
        (
            when({**USE, "Action": "kms:Encrypt"}, StringEquals={"k": "a"}),
            'it does not allow kms:Decrypt (its Action is "kms:Encrypt"); its condition StringEquals k = "a" '
            'fails: the request has "v"',
            'add kms:Decrypt to its Action; add "v" to the values of k',
        ),
    ],
)
def test_the_nearest_statement_and_what_fails(statement: dict[str, Any], why: str, what: str) -> None:
    """Everything that stands in the way, each with what to do about it."""
    reason, advice, labels = ask([statement, ROOT], context={"k": "v", "n": "7", "b": "false"})
    assert reason == f'No statement allows kms:Decrypt to {SERVICE}. The closest is statement "A": {why}.'
    assert advice == f'In statement "A", {what}.'
    is_mistake = "values of k" in what and "its Action" not in what
    assert labels == (('statement "A"',) if is_mistake else ())


FAR = {**USE, "Sid": "Far", "Principal": {"Service": "config.amazonaws.com"}}
NEAR = {**USE, "Sid": "Near", "Action": "kms:Encrypt"}


@pytest.mark.parametrize(
    ("statements", "nearest"),
    [
        ([{**NEAR, "Sid": "X", "Resource": "arn:aws:s3:::b"}, NEAR], "Near"),
        ([when({**NEAR, "Sid": "X"}, Bool={"k": "true"}), NEAR], "Near"),
        (
            [
                when({**USE, "Sid": "X"}, Bool={"k": "true", "l": "true"}),
                when({**USE, "Sid": "Near"}, Bool={"k": "true"}),
            ],
            "Near",
        ),
        ([NEAR, when({**USE, "Sid": "X"}, Bool={"k": "true", "l": "true"})], "X"),
        ([FAR, NEAR], "Far"),
        ([{**FAR, "Action": "kms:*"}, NEAR], "Near"),
        ([{**FAR, "Action": "*"}, NEAR], "Near"),
        ([{**NEAR, "Effect": "Deny"}, FAR], "Far"),
        ([{**ROOT, "Sid": "X"}, FAR], "Far"),
    ],
)
def test_which_statement_is_nearest(statements: list[dict[str, Any]], nearest: str) -> None:
    """The one with most in common; a statement that allows everything is never one to add somebody to."""
    assert f'The closest is statement "{nearest}": ' in ask(statements)[0]


@pytest.mark.parametrize(
    "statements",
    [[], [ROOT], [DENY | {"Action": "kms:Encrypt"}], [{**FAR, "Action": "kms:Encrypt"}], [{**FAR, "Action": "*"}]],
)
def test_none_comes_near(statements: list[dict[str, Any]]) -> None:
    """Then a statement of its own is what is missing."""
    assert ask(statements) == (f"No statement allows kms:Decrypt to {SERVICE}.", ADD, ())


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    (
        {**USE, "Action": "kms=Decrypt*"},
        'its Action is "kms=Decrypt*", not "kms:Decrypt*"',
        'correct "kms=Decrypt*" to "kms:Decrypt*"',
    ),
    (
        {**USE, "Principal": {"Service": "cloudtrial.amazonaws.com"}},
        f'its Principal is "cloudtrial.amazonaws.com", not "{SERVICE}"',
        f'correct "cloudtrial.amazonaws.com" to "{SERVICE}"',
    ),
    (
        {**USE, "Principal": {"Service": "cloudtrail.amazonaws.com.cn"}},
        f'its Principal is "cloudtrail.amazonaws.com.cn", not "{SERVICE}"',
        f'correct "cloudtrail.amazonaws.com.cn" to "{SERVICE}"',
    ),
    (
        when(USE, StringEquals={"k": "arn:*"}),
        'its condition StringEquals k = "arn:*" fails: the request has "arn:v", and StringEquals takes * literally',
        "use StringLike instead of StringEquals",
    ),
]


@pytest.mark.parametrize(("statement", "why", "what"), MISTAKES)
def test_a_mistake_is_shown_and_corrected(statement: dict[str, Any], why: str, what: str) -> None:
    """The statement's own value beside what the request has; it is picked before others of the same service."""
    other = {**USE, "Sid": "Other", "Action": "kms:DescribeKey"}
    assert ask([other, statement, FAR], context={"k": "arn:v"}) == (
        f'No statement allows kms:Decrypt to {SERVICE}. The closest is statement "A": {why}.',
        f'In statement "A", {what}.',
        ('statement "A"',),
    )


@pytest.mark.parametrize(
    ("action", "asked", "written", "meant"),
    [
        ("s3:PutObject", "arn:aws:s3:::b/AWSLogs/1/x", "arn:aws:s3:::b", "the bucket, not the objects in it"),
        ("s3:GetBucketAcl", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "the objects in the bucket, not the bucket"),
    ],
)
def test_a_bucket_is_told_from_its_objects(action: str, asked: str, written: str, meant: str) -> None:
    """The commonest mistake in a bucket policy."""
    request = Request(principal=SERVICE, action=action, resource=asked, context={}, account="")
    wrong = {**USE, "Action": action, "Resource": [written]}
    decision = decide(parse({"Version": "2012-10-17", "Statement": [wrong]}), request)
    assert f'The closest is statement "A": its Resource is "{written}", {meant}.' in decision.reason
    right = "arn:aws:s3:::b/*" if asked != "arn:aws:s3:::b" else asked
    assert decision.advice == f'In statement "A", correct "{written}" to "{right}".'


def test_a_statement_on_people_is_never_the_nearest_for_a_service() -> None:
    """And a Deny of the service only where nothing allows it, or anybody, anything of the kind."""
    people = {**USE, "Sid": "OldAdmins", "Principal": {"AWS": ROLE}}
    assert ask([people])[0] == f"No statement allows kms:Decrypt to {SERVICE}."
    shut = when({**USE, "Sid": "Shut", "Effect": "Deny"}, Bool={"k": "true"})
    assert ask([people, shut])[0].endswith('The closest is statement "Shut": its Effect is Deny.')
    assert 'The closest is statement "Near"' in ask([shut, NEAR])[0]


def test_denied_where_only_iam_policies_are_missing() -> None:
    """The key policy is not the place to look."""
    assert ask([ROOT], ROLE, identity=False) == (
        f'Statement "Root" leaves kms:Decrypt to {ROLE} to its own IAM policies, and they do not allow it.',
        f"Allow kms:Decrypt on {KEY} in an IAM policy of {ROLE}.",
        (),
    )


def test_allowed_only_where_denied() -> None:
    """The two hang on one key."""
    assert ask([when(ALLOW, Bool={"k": "true"}), when(DENY, Bool={"k": "true"})], unknown=("k",)) == (
        f'Statement "A" allows kms:Decrypt to {SERVICE} only when statement "D" denies it.',
        f'No Allow overrides a Deny: in statement "D", add "aws:PrincipalIsAWSService": "false" to the Bool of its '
        f"Condition{SPARED}.",
        (),
    )


def test_conditions_that_never_hold_together() -> None:
    """No world has a key and has it not."""
    assert ask([when(ALLOW, Bool={"k": "true"}, Null={"k": "true"})], unknown=("k",)) == (
        'The conditions of statement "A" can never hold together.',
        'Remove one of the conditions of statement "A".',
        (),
    )


@pytest.mark.parametrize(
    ("statements", "context", "reason", "advice"),
    [
        (
            [when(ALLOW, StringEquals={"k": "a"})],
            {},
            f'Whether statement "A" allows kms:Decrypt to {SERVICE} depends on its condition StringEquals k = '
            '"a", and it is unknown whether the request has that key, and with what value.',
            'In statement "A", replace the condition on k by one on a key that the request is known to have.',
        ),
        (
            [ALLOW, when(EVERYTHING, Bool={"k": "true"}), when(DENY, StringEquals={"k": "a"})],
            {},
            f'Whether statement "D" denies kms:Decrypt to {SERVICE} depends on its condition StringEquals k = '
            '"a", and it is unknown whether the request has that key, and with what value.',
            f'In statement "D", add {EXEMPT} to its Condition{SPARED}.',
        ),
        (
            [when(ALLOW, stringequals={"m": "a"})],
            {},
            f'Whether statement "A" allows kms:Decrypt to {SERVICE} depends on its condition stringequals m = '
            '"a", and AWS documents no such condition.',
            'In statement "A", replace the condition on m by one on a key that the request is known to have.',
        ),
        (
            [when(ALLOW, StringEquals={"m": []})],
            {"m": "a"},
            f'Whether statement "A" allows kms:Decrypt to {SERVICE} depends on its condition StringEquals m = '
            "nothing, and AWS documents no such condition.",
            'In statement "A", replace the condition on m by one on a key that the request is known to have.',
        ),
        (
            [when(ALLOW, StringEquals={"m": "a"})],
            {"m": ["a", "b"]},
            f'Whether statement "A" allows kms:Decrypt to {SERVICE} depends on its condition StringEquals m = '
            '"a", and AWS does not document how that compares with "a" and "b".',
            'In statement "A", replace the condition on m by one on a key that the request is known to have.',
        ),
        (
            [{**ALLOW, "Resource": "arn:aws:kms:*"}],
            {},
            f'Whether statement "A" allows kms:Decrypt to {SERVICE} is unknown: AWS does not document how its '
            "Principal or its Resource applies to this request.",
            f'In statement "A", name {SERVICE} exactly, and Resource "*".',
        ),
    ],
)
def test_open(statements: list[dict[str, Any]], context: dict[str, Any], reason: str, advice: str) -> None:
    """On what it hangs."""
    label = 'statement "D"' if '"D"' in reason else 'statement "A"'
    assert ask(statements, context=context, unknown=("k",)) == (reason, advice, (label,))


@pytest.mark.parametrize(
    ("statement", "principal", "reason", "advice"),
    [
        (
            ROOT,
            ROLE,
            f'Statement "Root" leaves kms:Decrypt to IAM in account {OWNER}, and the IAM policies of {ROLE} are not '
            "read.",
            f"Name {ROLE} in the key policy to be sure.",
        ),
        (
            ALLOW,
            OTHER,
            f'Statement "A" allows kms:Decrypt to {OTHER}, a principal of account 444455556666, which must allow '
            "it too; whether it does is not known.",
            f"Allow kms:Decrypt on {KEY} in an IAM policy of {OTHER}.",
        ),
    ],
)
def test_open_for_want_of_the_principals_own_policies(
    statement: dict[str, Any], principal: str, reason: str, advice: str
) -> None:
    """That is said before any condition, since it must be settled in any case."""
    open_deny = when(DENY, StringEquals={"k": "a"})
    assert ask([statement, open_deny], principal, unknown=("k",)) == (
        reason,
        advice,
        (f'statement "{statement["Sid"]}"',),
    )
