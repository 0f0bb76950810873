# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of the statement that comes closest: only what is wrong with it, and only what would help."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request
from tests.unit.policy.asking import ALLOW, SERVICE, ask, when
from tests.unit.policy.golden_tables import KEY, OWNER, ROLE

USE = {**ALLOW, "Principal": {"Service": SERVICE}, "Action": "kms:Decrypt"}
REFUSED = f"No statement allows kms:Decrypt to {SERVICE}."
CLOSEST = f'{REFUSED} The closest is statement "A": '


def but(statement: dict[str, Any], left_out: str, **elements: Any) -> dict[str, Any]:
    """The statement without an element, and with others."""
    return {name: value for name, value in statement.items() if name != left_out} | elements


@pytest.mark.parametrize(
    ("operator", "value", "instead"),
    [
        ("StringEquals", "arn:*", "StringLike"),
        ("StringEquals", "arn:?", "StringLike"),
        ("StringEquals", "arn:${aws:PrincipalAccount}*", "StringLike"),
        ("StringEqualsIgnoreCase", "arn:*", "StringLike"),
        ("ForAnyValue:StringEqualsIgnoreCase", "arn:*", "ForAnyValue:StringLike"),
        # It would not help: the value has no wildcard, or is not like the request's even so.
        ("StringEquals", "arn", None),
        ("StringEquals", "arn:w*", None),
        ("StringLike", "arn:w*", None),
        ("ArnEquals", "arn:w*", None),
    ],
)
def test_another_operator_is_advised_where_it_would_read_the_wildcards(
    operator: str, value: str, instead: str | None
) -> None:
    statement = when(USE, **{operator: {"k": value}})
    _reason, advice, _labels = ask([statement], context={"k": "arn:1", "aws:PrincipalAccount": "1"})
    wanted = f"use {instead} instead of {operator}" if instead else 'add "arn:1" to the values of k'
    assert advice == f'In statement "A", {wanted}.'


@pytest.mark.parametrize(
    ("statement", "why", "what"),
    [
        (
            {**USE, "Effect": "Deny", "Action": "kms:Decrypt*", "Condition": {"Bool": {"b": "true"}}},
            "its Effect is Deny",
            "say what it denies, and allow the call in a separate statement",
        ),
        # The Resource of another action is none of ours, that of a misspelt one is.
        (
            {**USE, "Action": "kms:CreateGrant", "Resource": "arn:aws:s3:::b"},
            'it does not allow kms:Decrypt (its Action is "kms:CreateGrant")',
            "add kms:Decrypt to its Action",
        ),
        (
            {**USE, "Action": "kms=Decrypt", "Resource": "arn:aws:s3:::b"},
            f'its Action is "kms=Decrypt", not "kms:Decrypt"; its Resource does not cover {KEY}, but "arn:aws:s3:::b"',
            f'correct "kms=Decrypt" to "kms:Decrypt"; add {KEY} to its Resource',
        ),
        # An action that there is misspells no other.
        (
            {**USE, "Action": "kms:Encrypt*"},
            'it does not allow kms:Decrypt (its Action is "kms:Encrypt*")',
            "add kms:Decrypt to its Action",
        ),
    ],
)
def test_what_fails_and_what_to_do(statement: dict[str, Any], why: str, what: str) -> None:
    reason, advice, _labels = ask([statement], context={"b": "false"})
    assert (reason, advice) == (f"{CLOSEST}{why}.", f'In statement "A", {what}.')


@pytest.mark.parametrize(
    ("left_out", "why"),
    [
        # What stands in them is meant to be left out, however like it is to what was requested.
        ({"NotAction": "kms:*crypt"}, 'its NotAction ("kms:*crypt") leaves out kms:Decrypt'),
        ({"NotResource": "*"}, f'its NotResource ("*") leaves out {KEY}'),
        (
            {"NotPrincipal": {"Service": SERVICE}, "NotResource": "*"},
            f'its NotPrincipal ("{SERVICE}") leaves out {SERVICE}; its NotResource ("*") leaves out {KEY}',
        ),
    ],
)
def test_what_a_statement_leaves_out_is_no_misspelling_and_stays_left_out(left_out: dict[str, Any], why: str) -> None:
    statement = {name: value for name, value in USE.items() if f"Not{name}" not in left_out} | left_out
    advice = (f"leave its {each} as it is, and allow the call in a separate statement" for each in left_out)
    assert ask([statement])[:2] == (f"{CLOSEST}{why}.", f'In statement "A", {"; ".join(advice)}.')


def test_a_shortened_action_is_a_misspelling() -> None:
    asked = "arn:aws:s3:::b/x"
    request = Request(principal=SERVICE, action="s3:PutObject", resource=asked, context={}, account="")
    policy = {"Version": "2012-10-17", "Statement": [{**USE, "Action": "s3:PutObj"}]}
    assert decide(parse(policy), request).advice == 'In statement "A", correct "s3:PutObj" to "s3:PutObject".'


def test_a_statement_without_principal_on_another_action_is_not_close() -> None:
    assert ask([but({**USE, "Action": "kms:Encrypt"}, "Principal")])[0] == REFUSED


def test_a_statement_on_services_is_never_the_nearest_for_a_person() -> None:
    refused = f"No statement allows kms:Decrypt to {ROLE}."
    assert ask([USE], ROLE)[0] == refused
    other = {**USE, "Principal": {"AWS": f"arn:aws:iam::{OWNER}:role/other"}}
    assert ask([other], ROLE)[0].startswith(f'{refused} The closest is statement "A": it does not name {ROLE}')
