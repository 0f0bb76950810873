# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two policies are the same if they say the same, and only then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._comparison import (
    adds_nothing,
    same_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request
from tests.unit.policy.golden_tables import OWNER, ROLE
from tests.unit.policy.merging import CONTEXT, DESCRIBE, READERS, ROOT, USE, document
from tests.unit.policy.strategies import documents, requests

ARN = f"arn:aws:iam::{OWNER}:root"
ACCOUNT = {**ROOT, "Principal": {"AWS": OWNER}}
LISTED = {
    "Sid": "Enable IAM User Permissions",
    "Resource": ["*"],
    "Action": ["kms:*"],
    "Principal": {"AWS": [f"arn:aws:iam::{OWNER}:root"]},
    "Effect": "Allow",
}
NUMBER = '{"Statement": [{"Effect": "Allow", "Condition": {"NumericEquals": {"k": %s}}}]}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (document(ROOT), document(LISTED)),
        (document(ROOT), {"Statement": ROOT, "Version": "2012-10-17"}),
        (document(ROOT), document(ACCOUNT)),
        (document(ROOT, USE), document(USE, ROOT)),
        (document({**USE, "Action": ["KMS:decrypt", "kms:generatedatakey*"]}), document(USE)),
        (document({**ROOT, "Principal": "*"}), document({**ROOT, "Principal": {"AWS": ["*"]}})),
        (document({**ROOT, "NotPrincipal": {"AWS": OWNER}}), document({**ROOT, "NotPrincipal": {"AWS": [ARN]}})),
        (document({**ROOT, "Condition": {}}), document(ROOT)),
        (
            document({**READERS, "Condition": {"Null": {CONTEXT.upper(): [False]}}}),
            document({**READERS, "Condition": {"Null": {CONTEXT: "false"}}}),
        ),
        ({"Statement": [ROOT]}, {"Statement": [ROOT], "Version": "2008-10-17"}),
        (NUMBER % "12.50", NUMBER % '["12.50"]'),
        ('{"Statement": [], "Id": "\\u00e9"}', '{"Id": "é", "Statement": []}'),
        (None, None),
        ("no policy", "no policy"),
    ],
)
def test_the_same_is_said_in_many_ways(one: Any, other: Any) -> None:
    assert same_policy(text(one), text(other))
    assert same_policy(text(other), text(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (document(ROOT), document({**ROOT, "Effect": "Deny"})),
        (document(ROOT), document({**ROOT, "Sid": "x"})),
        (document(ROOT), document(ROOT, ROOT)),
        (document(ROOT), document(ROOT, Id="x")),
        (document(ROOT), document(ROOT, Version="2008-10-17")),
        (document(ROOT), document({**ROOT, "Principal": {"AWS": ROLE}})),
        (document(ROOT), document({**ROOT, "Principal": {"Federated": f"arn:aws:iam::{OWNER}:root"}})),
        (document(ROOT), document({name: ROOT[name] for name in ROOT if name != "Resource"})),
        (document(ROOT), document({**ROOT, "NotResource": "*"})),
        (document(READERS), document({**READERS, "Condition": {"Null": {CONTEXT: "true"}}})),
        (document(READERS), document({**READERS, "Principal": {"AWS": ROLE.upper()}})),
        (document({**ROOT, "Resource": "A"}), document({**ROOT, "Resource": "a"})),
        (
            document({**ROOT, "Condition": {"StringEquals": {"k": "v", "K": "w"}}}),
            document({**ROOT, "Condition": {"StringEquals": {"k": "w", "K": "v"}}}),
        ),
        (document({**ROOT, "Action": []}), document({name: ROOT[name] for name in ROOT if name != "Action"})),
        (document({**ROOT, "x": True}), document({**ROOT, "x": 1})),
        (NUMBER % "12345678901234567890.5", NUMBER % "12345678901234567890.6"),
        ('{"Statement": [], "Id": "a", "Id": "b"}', '{"Statement": [], "Id": "b"}'),
        ('{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}', '{"Statement": [{"Effect": "Allow"}]}'),
        # What AWS does not document is compared as it is written, and nothing beside it is forgotten.
        (document("x"), document("y")),
        (document({**ROOT, "Action": [1]}), document({**ROOT, "Action": [2]})),
        (document({**ROOT, "Principal": "x"}), document({**ROOT, "Principal": "y"})),
        (document({**ROOT, "Principal": {"Federated": OWNER}}), document({**ROOT, "Principal": {"Federated": ARN}})),
        (document({**ROOT, "Condition": "x"}), document({**ROOT, "Condition": "y"})),
        (document({**ROOT, "Condition": {"Bool": "x"}}), document({**ROOT, "Condition": {"Bool": "y"}})),
        # No key is tested, which AWS does not document: who wrote it may have meant a condition.
        (document(ROOT), document({**ROOT, "Condition": {"StringEquals": {}}})),
        (document(READERS), document({**READERS, "Condition": {"Null": {CONTEXT: "false"}, "StringEquals": {}}})),
        (
            document({**ROOT, "Condition": {"Bool": {"k": None}}}),
            document({**ROOT, "Condition": {"Bool": {"k": "None"}}}),
        ),
        (
            document({**ROOT, "Condition": {"Bool": {"k": [{}]}}}),
            document({**ROOT, "Condition": {"Bool": {"k": [[]]}}}),
        ),
        (
            document({**ROOT, "Condition": {"Bool": "x", "StringEquals": {"k": "v"}}}),
            document({**ROOT, "Condition": {"Bool": "x", "StringEquals": {"k": "w"}}}),
        ),
        (
            document({**ROOT, "Condition": {"StringEquals": {"K": "w", "k": "v"}}}),
            document({**ROOT, "Condition": {"StringEquals": {"k": "v"}}}),
        ),
        (document(ROOT), None),
        (document(ROOT), "no policy"),
    ],
)
def test_nothing_else_is_the_same(one: Any, other: Any) -> None:
    assert not same_policy(text(one), text(other))
    assert not same_policy(text(other), text(one))


def text(policy: Any) -> str | None:
    """A policy as text."""
    return policy if policy is None or isinstance(policy, str) else json.dumps(policy)


def relaid(value: Any, random: Any, element: str = "") -> Any:
    """The value as somebody else would write it: names and lists in another order, texts as lists of one."""
    if isinstance(value, dict):
        names = list(value)
        random.shuffle(names)
        return {name: relaid(value[name], random, name) for name in names}
    if element in ("Sid", "Effect", "Version", "Principal", "NotPrincipal"):
        return value
    listed = [relaid(each, random, "Sid") if isinstance(each, str) else relaid(each, random) for each in as_list(value)]
    random.shuffle(listed)
    return listed[0] if len(listed) == 1 and random.random() < 1 / 2 else listed


def as_list(value: Any) -> list[Any]:
    """A list."""
    return value if isinstance(value, list) else [value]


@given(documents(), st.randoms(use_true_random=False))
def test_the_layout_says_nothing(policy: dict[str, Any], random: Any) -> None:
    """Whatever stands where: the same, both ways, and to itself."""
    other = json.dumps(relaid(policy, random), indent=random.choice([None, 1]))
    assert same_policy(json.dumps(policy), other)
    assert same_policy(other, json.dumps(policy))
    assert same_policy(other, other)


@st.composite
def changed(draw: st.DrawFn, policy: dict[str, Any]) -> dict[str, Any]:
    """The policy with another part of another policy in the place of one of its own, or without it."""
    other = draw(documents())
    statements = [dict(each) for each in policy["Statement"]]
    if not statements or not other["Statement"] or draw(st.booleans()):
        return {**policy, "Statement": [*statements[1:], *other["Statement"][:1]]}
    statement = draw(st.sampled_from(statements))
    for name in draw(st.lists(st.sampled_from([*statement, "Condition"]), min_size=1, max_size=2)):
        statement.pop(name, None)
        if name in other["Statement"][0]:
            statement[name] = other["Statement"][0][name]
    return {**policy, "Statement": statements}


@given(documents(), st.data(), requests())
def test_what_is_the_same_is_decided_the_same(policy: dict[str, Any], data: st.DataObject, request: Request) -> None:
    """Nothing that changes a decision goes unseen."""
    other = data.draw(changed(policy))
    same = same_policy(json.dumps(policy), json.dumps(other))
    assert same is same_policy(json.dumps(other), json.dumps(policy))
    assert not same or decide(parse(policy), request).outcome is decide(parse(other), request).outcome


def test_our_statements_differ_from_each_other() -> None:
    texts = [json.dumps(document(each)) for each in (ROOT, USE, DESCRIBE, READERS)]
    assert [[same_policy(one, other) for other in texts] for one in texts] == [
        [one is other for other in texts] for one in texts
    ]


@pytest.mark.parametrize(
    ("one", "others", "nothing"),
    [
        (document(ROOT), (document(ROOT, USE),), True),
        (document(LISTED, USE), (document(ROOT), document(USE)), True),
        (document(ROOT, USE), (document(ROOT), document(DESCRIBE)), False),
        (None, (document(ROOT), None), True),
        (None, (document(ROOT),), False),
        (document(ROOT), (None,), False),
    ],
)
def test_a_policy_adds_nothing_to_others_that_have_all_its_statements(one: Any, others: Any, nothing: bool) -> None:
    def text(policy: Any) -> str | None:
        return policy if policy is None else json.dumps(policy)

    assert adds_nothing(text(one), *map(text, others)) is nothing
