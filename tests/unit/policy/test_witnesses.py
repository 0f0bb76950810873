# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that stand for all others, compared with all others: no way to tell them apart is missed."""

from __future__ import annotations

from itertools import product
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _witnesses
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._conditions import Condition
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import Context
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._witnesses import (
    Accounts,
    Free,
    Patterns,
    distinct,
    none,
    texts,
)

# Accounts of three digits, of which there are three.
LENGTH, DIGITS = 3, "012"
ALL = ["".join(each) for each in product(DIGITS, repeat=LENGTH)]
PATTERNS = st.text("0129*?", min_size=1, max_size=4)
TEXT_OPERATORS = st.sampled_from(["StringLike", "StringNotLike", "StringEquals", "ForAnyValue:StringLike", "ArnLike"])


def conditions(operators: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Condition]:
    """Conditions on one key."""
    lists = st.lists(values, min_size=1, max_size=3).map(tuple)
    return st.builds(lambda operator, each: Condition(operator, "k", each, variables=True), operators, lists)


def answers(found: list[Condition], text: str) -> tuple[bool | None, ...]:
    """What the engine says of each condition."""
    return tuple(each.holds(Context({"k": text}, ())) for each in found)


@given(
    st.lists(conditions(TEXT_OPERATORS, PATTERNS), max_size=4),
    st.frozensets(st.sampled_from(ALL), max_size=6),
)
def test_there_is_an_account_for_each_way_in_which_conditions_tell_accounts_apart(
    found: list[Condition], named: frozenset[str]
) -> None:
    nobody = Patterns((), {})
    with patch.multiple(_witnesses, ACCOUNT_LENGTH=LENGTH, DIGITS=DIGITS):
        tried = set(Accounts(found, named, none, Budget()).of(nobody, nobody.start))
    assert tried <= set(ALL) - named
    assert {answers(found, each) for each in tried} == {answers(found, each) for each in set(ALL) - named}


ARNS = st.tuples(*[st.text("a1*?:", max_size=3)] * 3).map(":".join) | st.sampled_from(
    ["*", "a:a:*:a:1:*", "a:a:a:a:*1*:*aa", "a:*:a", "?:a:a:a:1*:a*", "*:1a:*", "a:a:a:a:${k}:a", "A:a:a:A:1:?"]
)
ARN_OPERATORS = st.sampled_from(
    ["ArnLike", "ArnNotEquals", "StringLike", "StringNotEquals", "StringNotEqualsIgnoreCase"]
)


@given(st.lists(conditions(ARN_OPERATORS, ARNS), max_size=3))
def test_there_is_an_arn_for_each_way_in_which_conditions_tell_arns_apart(found: list[Condition]) -> None:
    form = ("a:a:a:a:", Free("1a", 1, 2), ":", Free("ab", 0, 2), "a")
    patterns = Patterns(found, {})
    tried = distinct(texts(form, patterns, {patterns.start: ""}, Budget()), patterns, Budget())
    every = [
        f"a:a:a:a:{account}:{name}a"
        for account in ("1", "a", "11", "1a", "a1", "aa")
        for name in ("", "a", "b", "aa", "ab", "ba", "bb")
    ]
    assert set(tried) <= set(every)
    assert {answers(found, each) for each in tried} == {answers(found, each) for each in every}
    assert len(tried) <= 3 ** len(found)


@pytest.mark.parametrize(
    ("operator", "value", "like", "unlike"),
    [
        ("StringLike", "a**b?", ["abc", "axxbc"], ["ab", "bc"]),
        ("StringEquals", "a**", ["a**"], ["a*", "ab"]),
        ("StringEqualsIgnoreCase", "aB", ["aB", "AB", "ab", "Ab"], ["a"]),
        ("StringEquals", "aB", ["aB"], ["AB", "ab"]),
        # An asterisk stays in its part of an ARN, but for the last part, which has colons of its own.
        ("ArnLike", "arn:aws:*:d:*:f*", ["arn:aws:c:d:e:f:g"], ["arn:aws:c:c:d:e:f", "arn:aws:c:d:e:e:f"]),
        ("ArnLike", "arn:aws:a?b:d:e:f?", ["arn:aws:axb:d:e:f:"], ["arn:aws:a:b:d:e:fx"]),
        ("StringLike", "a*", ["a:"], [":", ":a"]),
        ("StringLike", "a:b:*:d:e:f", ["a:b:c:d:e:f", "a:b:c:c:d:e:f"], ["a:b:d:e:f"]),
        # A variable stands for its value, and one without a value for anything.
        ("StringEquals", "${aws:SourceAccount}-${aws:SourceAccount}", ["1-1"], ["1-2", "2-1"]),
        ("StringLike", "${aws:SourceAccount}*", ["1", "1a"], ["2"]),
        ("StringEquals", "x${*}", ["x*"], ["xa"]),
    ],
)
def test_a_text_is_like_a_value_where_the_condition_holds(
    operator: str, value: str, like: list[str], unlike: list[str]
) -> None:
    condition = Condition(operator, "k", (value,), variables=True)
    patterns = Patterns((condition,), {"aws:sourceaccount": "1"})
    for text in (*like, *unlike):
        assert patterns.answers(patterns.after(patterns.start, text)) == (text in like,)
        assert condition.holds(Context({"k": text, "aws:SourceAccount": "1"}, ())) is (text in like)


@pytest.mark.parametrize("value", ["${aws:username}x", "${aws:SourceAccount}${aws:username}x"])
def test_a_variable_without_a_value_leaves_open_what_it_may_be_like(value: str) -> None:
    patterns = Patterns((Condition("StringEquals", "k", (value,), variables=True),), {"aws:sourceaccount": "1"})
    answers = [patterns.answers(patterns.after(patterns.start, text)) for text in ("1x", "1ax", "1a")]
    assert answers == [(None,), (None,), (False,)]


def test_no_text_is_shorter_or_longer_than_its_form() -> None:
    lengths = tuple(Condition("StringLike", "k", ("?" * length,), variables=True) for length in range(1, 6))
    patterns = Patterns(lengths, {})
    found = texts(("0", Free("ab", 1, 3)), patterns, {patterns.start: ""}, Budget())
    assert sorted(map(len, found.values())) == [2, 3, 4]


def test_what_a_budget_does_not_reach_is_not_all_and_says_so() -> None:
    hard = Condition("StringLike", "k", tuple(f"*{n}?{n}*" for n in range(10)), variables=True)
    budget = Budget(2_000)
    patterns = Patterns((hard,), {})
    assert not list(Accounts((hard,), frozenset(), none, budget).of(patterns, patterns.start))
    assert budget.is_exhausted
    assert texts(("ab",), patterns, {patterns.start: ""}, Budget(0)) == {}
    budget = Budget(50)
    assert texts(("0", Free("0123456789", 3, 9)), patterns, {patterns.start: ""}, budget) == {}
    assert budget.is_exhausted
