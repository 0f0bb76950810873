# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What KMS would refuse, statement by statement."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import MAX_BYTES, validate
from tests.unit.policy.golden_tables import EVERYTHING

ALLOW = {**EVERYTHING, "Sid": "A", "Principal": {"AWS": "111122223333"}}


def document(*statements: Any, **elements: Any) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", **elements, "Statement": list(statements)}


@pytest.mark.parametrize(
    "policy",
    [
        document(ALLOW),
        document(ALLOW, Id="mine", Version="2008-10-17"),
        {"Version": "2012-10-17", "Statement": ALLOW},
        document({**ALLOW, "Sid": "With spaces, and ümlauts"}),
        document({**ALLOW, "Principal": "*"}),
        document({**ALLOW, "Principal": {"AWS": "*"}}),
        document(
            {**ALLOW, "Principal": {"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/a/b"]}}
        ),
        document({**ALLOW, "Principal": {"AWS": "arn:aws-us-gov:iam::111122223333:user/Bob"}}),
        document({**ALLOW, "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/reader/alice@example.com"}}),
        document({**ALLOW, "Principal": {"AWS": "arn:aws:sts::111122223333:federated-user/Bob"}}),
        document({**ALLOW, "Principal": {"Service": ["cloudtrail.amazonaws.com", "logs.us-east-1.amazonaws.com"]}}),
        document({**ALLOW, "Principal": {"Federated": "cognito-identity.amazonaws.com", "CanonicalUser": "79a5"}}),
        document({"Effect": "Deny", "NotPrincipal": {"AWS": "111122223333"}, "NotAction": "kms:*", "NotResource": "*"}),
        # Without effect, which is a warning of parse, but KMS takes it.
        document({key: value for key, value in ALLOW.items() if key != "Resource"}),
        document({**ALLOW, "Condition": {}}),
        document({**ALLOW, "Condition": {"ForAnyValue:StringLikeIfExists": {"k": ["a", "b"]}, "Null": {"l": True}}}),
        document({**ALLOW, "Condition": {"NumericLessThan": {"k": 1.5}}}),
        document({**ALLOW, "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "a"}}}),
        document({**ALLOW, "Condition": {"StringEquals": {"kms:EncryptionContext:a": "b"}}}),
        document({**ALLOW, "Sid": "tab\tline\nreturn\r"}),
    ],
)
def test_good_policies(policy: dict[str, Any]) -> None:
    """Nothing is found, whatever form the policy comes in."""
    assert validate(policy) == []
    assert validate(json.dumps(policy)) == []
    assert validate(parse(policy)) == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"Comment": "mine"}, "the element Comment is unknown"),
        ({"Sid": 5}, "its Sid is not text"),
        ({"Effect": "allow"}, "its Effect must be Allow or Deny"),
        ({"Effect": None}, "its Effect must be Allow or Deny"),
        ({"NotAction": "kms:*"}, "it has both Action and NotAction"),
        ({"NotResource": "*"}, "it has both Resource and NotResource"),
        ({"Principal": None}, "it has no Principal"),
        ({"Action": None}, "it has no Action"),
        ({"Action": []}, "its Action must be text or a list of texts"),
        ({"Action": ""}, "its Action must be text or a list of texts"),
        ({"Action": ["kms:*", 1]}, "its Action must be text or a list of texts"),
        ({"Resource": {}}, "its Resource must be text or a list of texts"),
        ({"Resource": 5}, "its Resource must be text or a list of texts"),
        ({"Action": None, "NotAction": ""}, "its NotAction must be text or a list of texts"),
        ({"Resource": None, "NotResource": [5]}, "its NotResource must be text or a list of texts"),
        (
            {"Principal": "cloudtrail.amazonaws.com"},
            'the principal "cloudtrail.amazonaws.com" must be an asterisk or listed under AWS, Service, '
            "Federated, CanonicalUser",
        ),
        (
            {"Principal": {}},
            "the principal {} must be an asterisk or listed under AWS, Service, Federated, CanonicalUser",
        ),
        ({"Principal": {"Robot": "r2d2"}}, "the kind of principal Robot is unknown"),
        ({"Principal": {"AWS": 7}}, "the principal 7 is not text"),
        (
            {"Principal": {"AWS": "cloudtrail.amazonaws.com"}},
            "the principal cloudtrail.amazonaws.com is a service: list it under Service",
        ),
        ({"Principal": {"AWS": "Bob"}}, "the principal Bob is not an account, user or role"),
        ({"Principal": {"AWS": "1111"}}, "the principal 1111 is not an account, user or role"),
        (
            {"Principal": {"AWS": "arn:aws:iam::111122223333:group/admins"}},
            "the principal arn:aws:iam::111122223333:group/admins is not an account, user or role",
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::111122223333:role/read*"}},
            "the principal arn:aws:iam::111122223333:role/read* has a wildcard in a part of its name",
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::111122223333:role/rea?"}},
            "the principal arn:aws:iam::111122223333:role/rea? has a wildcard in a part of its name",
        ),
        (
            {"Principal": {"Service": "*.amazonaws.com"}},
            "the principal *.amazonaws.com has a wildcard in a part of its name",
        ),
        ({"Principal": {"Service": "*"}}, "the principal * is not a service name"),
        ({"Principal": {"Service": "cloudtrail"}}, "the principal cloudtrail is not a service name"),
        (
            {"Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}},
            "the principal AIDACKCEVSQ6C2EXAMPLE is the unique id of a deleted user or role",
        ),
        (
            {"Principal": {"AWS": ["111122223333", "AROACKCEVSQ6C2EXAMPLE"]}},
            "the principal AROACKCEVSQ6C2EXAMPLE is the unique id of a deleted user or role",
        ),
        ({"Condition": "never"}, "its Condition is not an object"),
        ({"Condition": {"StringEquals": "a"}}, "the condition operator StringEquals holds no keys"),
        ({"Condition": {"StringEqual": {"k": "a"}}}, "the condition operator StringEqual is unknown"),
        (
            {"Condition": {"stringlike": {"k": "a"}}},
            "the condition operator stringlike is spelt StringLike",
        ),
        ({"Condition": {"NULL": {"k": "true"}}}, "the condition operator NULL is spelt Null"),
        (
            {"Condition": {"forallvalues:arnlikeifexists": {"k": "a"}}},
            "the condition operator forallvalues:arnlikeifexists is spelt ForAllValues:ArnLikeIfExists",
        ),
        ({"Condition": {"NullIfExists": {"k": "true"}}}, "the condition operator NullIfExists is unknown"),
        ({"Condition": {"ForAnyValue:Null": {"k": "true"}}}, "the condition operator ForAnyValue:Null is unknown"),
        (
            {"Condition": {"ForSomeValues:StringLike": {"k": "a"}}},
            "the condition operator ForSomeValues:StringLike is unknown",
        ),
        (
            {"Condition": {"ForAllValues:StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "a"}}},
            "ForAllValues:StringLike on kms:EncryptionContext:aws:cloudtrail:arn also matches requests without it; KMS "
            "refuses that: remove ForAllValues",
        ),
        (
            {"Condition": {"ForAllValues:StringLike": {"AWS:RequestTag/team": "a"}}},
            "ForAllValues:StringLike on AWS:RequestTag/team also matches requests without it; KMS refuses that: remove "
            "ForAllValues",
        ),
        ({"Condition": {"StringEquals": {"k": {"a": "b"}}}}, "the values of k must be texts"),
        ({"Condition": {"StringEquals": {"k": ["a", None]}}}, "the values of k must be texts"),
    ],
)
def test_bad_statements(changed: dict[str, Any], problem: str) -> None:
    """The statement is named, and what is wrong with it."""
    statement = {key: value for key, value in {**ALLOW, **changed}.items() if value is not None}
    assert validate(document(ALLOW, statement)) == [
        f"{parse(document(ALLOW, statement)).statements[1].label}: {problem}."
    ]


def test_not_principal_with_allow() -> None:
    """It would let in everybody else; the same names are well placed in a Deny."""
    statement = {**ALLOW, "NotPrincipal": ALLOW["Principal"]}
    del statement["Principal"]
    assert validate(document(statement)) == ['statement "A": NotPrincipal with Allow would let in everybody else.']
    assert validate(document({**statement, "NotPrincipal": {"AWS": "Bob"}, "Effect": "Deny"})) == [
        'statement "A": the principal Bob is not an account, user or role.'
    ]


@pytest.mark.parametrize(
    ("policy", "problems"),
    [
        ("", ["The policy is not JSON: Expecting value: line 1 column 1 (char 0)."]),
        ("{}", ["The policy has no Statement."]),
        (document(), ["The policy has no statements."]),
        (document(ALLOW, Comment="x"), ["The policy has an unknown element Comment."]),
        (document(ALLOW, Version="2020-01-01"), ["The Version must be one of 2012-10-17 and 2008-10-17."]),
        ({"Statement": [ALLOW]}, ["The Version must be one of 2012-10-17 and 2008-10-17."]),
        (document(ALLOW, "x"), ["statement 2: it is not an object."]),
        (
            json.dumps(document(ALLOW, Id="a")).replace('"Id":', '"Id": "b", "Id":'),
            ["The element Id appears twice in the policy."],
        ),
        (
            json.dumps(document(ALLOW)).replace('"Sid":', '"Sid": "b", "Sid":'),
            ['statement "A": Sid appears twice in it.'],
        ),
        (document(ALLOW, Id="Ω"), ["The policy holds the character 'Ω'; KMS accepts only Latin-1."]),
        (document(ALLOW, Id="a\u0080b"), ["The policy holds the character '\\x80'; KMS accepts only Latin-1."]),
    ],
)
def test_bad_policies(policy: dict[str, Any] | str, problems: list[str]) -> None:
    """What is wrong with the policy as a whole."""
    assert validate(policy) == problems


def test_the_size_is_counted_in_bytes_as_sent() -> None:
    """32,768 bytes of compact JSON; an umlaut has two."""
    frame = len(json.dumps(document(ALLOW, Id=""), separators=(",", ":")))
    room = MAX_BYTES - frame
    assert validate(document(ALLOW, Id="x" * room)) == []
    assert validate(document(ALLOW, Id="x" * (room + 1))) == [
        "The policy has 32769 bytes; KMS accepts 32768.",
        'statement "A": it alone has 91 bytes.',
    ]
    assert validate(document(ALLOW, Id="x" * (room - 1) + "ü")) == [
        "The policy has 32769 bytes; KMS accepts 32768.",
        'statement "A": it alone has 91 bytes.',
    ]


def test_too_long_without_statements() -> None:
    """None can be named then."""
    assert validate(document(Id="x" * MAX_BYTES)) == [
        "The policy has no statements.",
        "The policy has 32815 bytes; KMS accepts 32768.",
    ]


def test_every_problem_is_named() -> None:
    """Not only the first."""
    statement = {
        **ALLOW,
        "Effect": "x",
        "Principal": {"Robot": "r2d2", "AWS": "Bob"},
        "Condition": {"Equals": "y", "Like": {"k": "a"}},
    }
    assert validate(document(statement, Version=None)) == [
        "The Version must be one of 2012-10-17 and 2008-10-17.",
        'statement "A": its Effect must be Allow or Deny.',
        'statement "A": the kind of principal Robot is unknown.',
        'statement "A": the principal Bob is not an account, user or role.',
        'statement "A": the condition operator Equals is unknown.',
        'statement "A": the condition operator Equals holds no keys.',
        'statement "A": the condition operator Like is unknown.',
    ]
