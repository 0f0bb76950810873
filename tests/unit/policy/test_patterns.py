# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a text has policy variables, however long it is."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import (
    Context,
    UndocumentedError,
    has_variable,
    resolve,
    split_at_variables,
)
from tests.unit.checks import build

# What a variable is, told so that it takes the square of a text's length.
PLAIN = re.compile(r"\$\{([^}]*)\}")
NEVER_CLOSED = "${" * 60_000


@given(st.text("${}a*", max_size=12))
def test_a_variable_reaches_from_its_brace_to_the_next_that_closes(text: str) -> None:
    assert split_at_variables(text) == PLAIN.split(text)
    assert has_variable(text) == (PLAIN.search(text) is not None)


@pytest.mark.parametrize(("template", "character"), [("a${*}", "*"), ("a${?}", "?"), ("a${$}", "$")])
def test_a_variable_of_one_special_character_is_that_character(template: str, character: str) -> None:
    assert resolve(template, Context({}, ())) == (("a", True), (character, False), ("", True))


@pytest.mark.parametrize("template", ["${a${b}", "${${b}}", "${}", "${a${*}}"])
def test_what_a_variable_within_a_variable_means_nothing_says(template: str) -> None:
    with pytest.raises(UndocumentedError):
        resolve(template, Context({"b": "c"}, ()))


@pytest.mark.parametrize(
    "text", [NEVER_CLOSED, "}" + NEVER_CLOSED, NEVER_CLOSED + "}"], ids=["none", "before", "after"]
)
def test_a_text_of_any_length_is_scanned_once(text: str) -> None:
    """With the square of its length one scan takes half a minute."""
    begun = process_time()
    assert len(split_at_variables(text)) == (3 if text.endswith("}") else 1)
    assert has_variable(text) == text.endswith("}")
    assert process_time() - begun < 1


@pytest.mark.parametrize(
    ("key", "value"),
    [("aws:PrincipalArn", "${" * 15_000), ("aws:PrincipalServiceName", "a" * 60_000 + "*")],
    ids=["variables that never close", "a name that is none at its end"],
)
@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17"])
def test_no_value_of_a_policy_takes_the_square_of_its_length(version: str, key: str, value: str) -> None:
    opened = {**build.DECRYPT, "Principal": "*", "Condition": {"StringLike": {key: value}}}
    policy = build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE, build.DECRYPT, opened)
    read = build.snapshot(key={"policy": policy.replace("2012-10-17", version)})
    begun = process_time()
    assess(read, Settings(readers=(build.ROLE_ARN,)))
    assert process_time() - begun < 8
