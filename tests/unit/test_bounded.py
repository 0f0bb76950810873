# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work grows with what there is to do and no faster: thousands of trails, policies of any size, words without end.

Nothing is timed here: what is counted are the calls of functions, which are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import PolicyError, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._notes import account_notes
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._table import render
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._text import wrap
from tests.unit.checks import build

FEW, TRAILS = 20, 2_000
# Of twice as much there may be twice the work, and a little for what grows with the digits of the numbers.
TWICE = 2.1


def account(trails: int, kind: str) -> Snapshot:
    """An account with so many trails, each with a key and a bucket of its own: `failing`, or the keys `denied`."""
    arns = [f"{build.TRAIL_ARN}-{number:06}" for number in range(trails)]
    keys: dict[str, Any] = {f"{build.KEY_ARN[:-6]}{number:06}": build.KEY for number in range(trails)}
    for arn in keys:
        refused = replace(build.denied("kms", "DescribeKey", "kms:DescribeKey"), message=f"not authorized on {arn}")
        keys[arn] = refused if kind == "denied" else replace(build.KEY, arn=arn)
    buckets = {f"logs-{number:06}": build.BUCKET for number in range(trails)}
    rows = [
        replace(build.TRAIL, arn=arn, name=arn.rpartition("/")[2], kms_key_arn=key, bucket_name=bucket)
        for arn, key, bucket in zip(arns, keys, buckets, strict=True)
    ]
    named = {name: replace(bucket, name=name) for name, bucket in buckets.items()}
    return replace(build.snapshot(), trails=tuple(rows), keys=keys, buckets=named)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, and generators resumed, for some work."""
    number = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return number


def table(audit: Mapping[str, Any]) -> str:
    """The table of an audit."""
    return render(audit, width=120, paint=lambda text, _tone: text)


def shown(form: Callable[[Mapping[str, Any]], object], kind: str) -> Callable[[int], Callable[[], object]]:
    """Put an account of so many trails into a form."""

    def work(trails: int) -> Callable[[], object]:
        audit = facts([assess(account(trails, kind), Settings())])
        return lambda: form(audit)

    return work


WORKS: dict[str, Callable[[int], Callable[[], object]]] = {
    "judge": lambda trails: lambda: assess(account(trails, "failing"), Settings()),
    "judge denied": lambda trails: lambda: assess(account(trails, "denied"), Settings()),
    "facts": lambda trails: lambda: facts([assess(account(trails, "denied"), Settings())]),
    "notes": shown(lambda audit: list(account_notes(audit["accounts"][0])), "denied"),
    "table failing": shown(table, "failing"),
    "table denied": shown(table, "denied"),
    **{name: shown(each.render, "denied") for name, each in FORMATS.items()},
    "a word of a line": lambda size: lambda: wrap("a" * 200 * size, 80),
    "a wide word": lambda size: lambda: wrap("決" * 50 * size, 80),
}


@pytest.mark.parametrize("work", WORKS)
def test_twice_as_much_is_twice_the_work(work: str) -> None:
    WORKS[work](1)()  # What is made once and kept is made before it is counted.
    once, twice = (calls(WORKS[work](number)) for number in (FEW, 2 * FEW))
    assert twice < TWICE * once, f"{once} calls, then {twice}"


def test_the_table_has_a_row_for_each_of_thousands_of_trails() -> None:
    audit = facts([assess(account(TRAILS, "denied"), Settings())])
    rows = [line for line in table(audit).splitlines() if line.startswith(build.ACCOUNT)]
    assert len(rows) == len({row.split()[2] for row in rows}) == TRAILS


HOSTILE: dict[str, dict[str, Any]] = {
    "sid": {"Sid": "s" * 120_000},
    "actions": {"Action": [f"kms:x{number}*" for number in range(2_000)]},
    "wildcards": {"Action": "*a" * 2_000},
    "wildcard values": {"Condition": {"StringLike": {"aws:SourceArn": "*a" * 2_000}}},
    # Each stands for a text of the request, which has the pattern's own length where a stranger is made to fit it.
    "variables": {"Condition": {"StringLike": {"aws:SourceArn": "${aws:SourceArn}" * 1_000}}},
    "resources": {"Resource": ["${aws:SourceArn}" * 10] * 500},
}


@pytest.mark.parametrize("element", HOSTILE)
def test_a_policy_as_long_as_any_is_judged_in_steps_that_do_not_multiply(element: str) -> None:
    text = build.policy(build.ROOT, {**build.ENCRYPT, **HOSTILE[element]}, build.DESCRIBE, build.DECRYPT)
    assert calls(lambda: assess(build.snapshot(key={"policy": text}), Settings())) < 2_000_000


def test_a_policy_that_is_longer_than_any_is_not_read() -> None:
    with pytest.raises(PolicyError, match="has 131,073 characters; AWS gives out 131,072 at most"):
        parse(" " * 131_073)
