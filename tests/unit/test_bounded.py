# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work grows with what there is to do and no faster: thousands of trails, policies of any size, words without end.

Nothing is timed here: what is counted are the calls of functions, which are the same on every machine.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import (
    AccountVerdict,
    assess,
    budget_of,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._bucket_policy import merge_bucket_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import CHARACTERS, Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import PolicyError, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
    new_key_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import service_request
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._notes import account_notes
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._text import wrap
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


STRANGER = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
NAMES = [f"arn:aws:iam::*:role/x{number}*" for number in range(170)]
SERVICES = [f"s{number}.*.amazonaws.com" for number in range(170)]
# Of the accounts that lead to the same place, the first in the order in which they are tried.
FIRST_TO_BE_TRIED = [f"{str(number)[::-1]:0<12}" for number in range(1_000)]
LONG_NAME = "arn:aws:iam::*:role/" + "a" * 1_900


def open_questions(**fields: Any) -> list[dict[str, Any]]:
    """Statements that hang on ten keys of which nothing is known: a thousand worlds to go through."""
    return [
        {**fields, "Effect": effect, "Condition": {"StringEquals": {f"aws:x{number}": "a"}}}
        for number in range(5)
        for effect in ("Allow", "Deny")
    ]


# Lists that multiply each other: names of strangers and services, statements, values, variables, open questions.
PRODUCTS: dict[str, list[dict[str, Any]]] = {
    "names and services": [
        {**STRANGER, "Condition": {"StringLike": {"aws:PrincipalArn": NAMES, "kms:ViaService": SERVICES}}}
    ],
    "names and statements": [
        {
            **STRANGER,
            "Condition": {"StringEquals": {"aws:PrincipalTag/o": "o"}, "StringLike": {"aws:PrincipalArn": name}},
        }
        for name in NAMES * 2
    ],
    "accounts and places in them": [
        {**STRANGER, "Condition": {"StringLike": {"kms:CallerAccount": [f"*{n}*{n + 1}*" for n in range(9)]}}},
        {
            **STRANGER,
            "Effect": "Deny",
            "Condition": {"StringLike": {"kms:CallerAccount": [f"*{n}?{n + 1}*" for n in range(9)]}},
        },
    ],
    "names and variables": [
        {
            **STRANGER,
            "Resource": [f"${{aws:PrincipalArn}}{number}" for number in range(300)],
            "Condition": {"StringLike": {"aws:PrincipalArn": NAMES}},
        }
    ],
    "organizations and services": [
        {**STRANGER, "Condition": {"StringLike": {key: f"*{letter}*"}, "StringEquals": {"aws:PrincipalTag/q": "1"}}}
        for letter in "abcdefg"
        for key in ("aws:PrincipalOrgPaths", "kms:ViaService")
    ],
    "beginnings and the accounts that are named": [
        {
            **build.ENCRYPT,
            "Condition": {
                "StringLike": {"aws:SourceArn": [f"arn:aws:cloudtrail:*{letter}*:*:trail/zzz" for letter in "abcdefgh"]}
            },
        },
        {**STRANGER, "Condition": {"StringEquals": {"kms:CallerAccount": FIRST_TO_BE_TRIED}}},
    ],
    "long names and patterns": [
        {
            **STRANGER,
            "Condition": {
                "StringLike": {"aws:PrincipalArn": [f"{LONG_NAME}{number}" for number in range(20)]},
                "StringNotLike": {"aws:PrincipalArn": [f"*{'a' * 900}{number}b" for number in range(60)]},
            },
        }
    ],
}


def judged(**snapshot: Any) -> Callable[[], object]:
    """The work of judging a snapshot."""
    read = build.snapshot(**snapshot)
    return lambda: assess(read, Settings(readers=(build.ROLE_ARN,)))


@pytest.mark.parametrize("element", HOSTILE)
def test_a_policy_as_long_as_any_is_judged_in_steps_that_do_not_multiply(element: str) -> None:
    text = build.policy(build.ROOT, {**build.ENCRYPT, **HOSTILE[element]}, build.DESCRIBE, build.DECRYPT)
    assert calls(judged(key={"policy": text})) < 2_000_000


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> int:
    """A smaller budget, so that it is used up sooner."""
    monkeypatch.setattr(_budget, "STEPS", 50_000)
    monkeypatch.setattr(_budget, "STEPS_OF_A_CHARACTER", 1)
    return 50_000


@pytest.mark.parametrize("lists", PRODUCTS)
def test_lists_that_multiply_each_other_are_judged_within_a_budget(lists: str, steps: int) -> None:
    policy = {"policy": build.policy(build.ROOT, build.ENCRYPT, *PRODUCTS[lists], build.DESCRIBE, build.DECRYPT)}
    found = build.finding("key_policy_is_scoped", build.snapshot(key=policy))
    # Read once before, so that what is counted is the judging.
    assert calls(judged(key=policy)) < 11 * steps
    assert found.status == "unknown"
    assert "takes more than the 1,000,000 steps that a finding may take" in found.message
    assert found.remediation.startswith("Simplify the policy")


def of_many(policies: list[str]) -> Snapshot:
    """An account with a trail for each of these policies, under a key that has it."""
    keys = {f"{build.KEY_ARN[:-6]}{number:06}": text for number, text in enumerate(policies)}
    trails = [
        replace(build.TRAIL, arn=f"{build.TRAIL_ARN}{number}", name=f"main{number}", kms_key_arn=arn)
        for number, arn in enumerate(keys)
    ]
    read = {arn: replace(build.KEY, arn=arn, policy=text) for arn, text in keys.items()}
    return replace(build.snapshot(), trails=tuple(trails), keys=read)


OF_ACCOUNT = "more than the 20,000,000 steps that all findings of an account may take together"


def audited(read: Snapshot) -> AccountVerdict:
    """What an audit says of an account."""
    return assess(read, Settings(), budget_of(read, Settings()))


def test_many_trails_of_an_account_are_judged_within_one_sum(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first trail gets all that a finding may take, another the rest, and the last nothing."""
    monkeypatch.setattr(_budget, "FINDINGS_OF_AN_ACCOUNT", 4)
    text = build.policy(build.ROOT, build.ENCRYPT, *PRODUCTS["names and services"], build.DESCRIBE, build.DECRYPT)
    read = of_many([text] * 10)
    trails = audited(read).trails
    assert calls(lambda: audited(read)) < 10 * 4 * steps
    found = [each for trail in trails for each in trail.findings if each.rule == "key_policy_is_scoped"]
    assert {each.status for each in found} == {"unknown"}
    assert "1,000,000 steps that a finding may take" in found[0].message
    assert any(each.message.startswith("It is unknown whether ") and OF_ACCOUNT in each.message for each in found)
    assert found[-1].message.endswith(f"{OF_ACCOUNT}.")
    assert found[-1].remediation.startswith("Shorten these policies")


def test_policies_that_take_more_than_the_sum_to_read_are_not_read() -> None:
    wild = {**STRANGER, "Condition": {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "*a" * 15_000}}}
    read = of_many([build.policy(build.ROOT, build.ENCRYPT, {**wild, "Sid": f"s{number}"}) for number in range(40)])
    assert calls(lambda: audited(read)) < 1_000_000
    (found,) = (each for each in audited(read).trails[0].findings if each.rule == "key_policy_allows_encrypt")
    assert (found.status, OF_ACCOUNT in found.message) == ("unknown", True)


def test_an_account_with_all_trails_that_aws_allows_is_far_from_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """One trail in each of 34 Regions, under a key of its own; AWS allows five (CloudTrail guide, "Quotas")."""
    monkeypatch.setattr(_budget, "FINDINGS_OF_AN_ACCOUNT", _budget.FINDINGS_OF_AN_ACCOUNT // 10)
    texts = [new_key_policy(Required(build.KEY_ARN, (f"{build.TRAIL_ARN}{n}",))).to_json() for n in range(34)]
    found = [each for trail in audited(of_many(texts)).trails for each in trail.findings]
    assert {each.status for each in found if each.rule.startswith("key_policy_")} == {"pass"}


def test_what_decides_on_a_write_has_the_steps_of_each_finding() -> None:
    """Else a restore would not see what it takes from a trail, for the policies of others."""
    long = [f"arn:aws:iam::{build.ACCOUNT}:role/{'a' * 1_000}{number}" for number in range(28)]
    filler = {**build.service("Filler", "kms:DescribeKey"), "Condition": {"StringEquals": {"aws:PrincipalArn": long}}}
    texts = [build.policy(build.ROOT, build.DESCRIBE, {**filler, "Sid": f"s{number}"}) for number in range(40)]
    read = of_many(texts)
    statuses = [
        {each.status for trail in verdict.trails for each in trail.findings if each.rule == "key_policy_allows_encrypt"}
        for verdict in (audited(read), assess(read, Settings()))
    ]
    assert statuses == [{"unknown"}, {"fail"}]


def test_a_rule_that_asks_no_policy_is_not_judged_at_the_moments_of_one() -> None:
    """Its key material expires some day, but no policy says so."""
    times = {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}
    policy = build.key_policy(build.ENCRYPT, {**build.DESCRIBE, "Condition": times})
    key = {**policy, "origin": "EXTERNAL", "valid_to": datetime(2028, 1, 1, tzinfo=timezone.utc)}
    found = build.finding("key_is_usable", build.snapshot(key=key))
    assert (found.status, "A policy changes this" in found.message) == ("pass", False)


def test_all_moments_of_a_policy_are_judged_within_one_budget(steps: int) -> None:
    times = {"DateGreaterThan": {"aws:CurrentTime": [f"2026-12-{day:02}T00:00:00Z" for day in range(1, 21)]}}
    condition = {"StringLike": {"aws:PrincipalArn": NAMES, "kms:ViaService": SERVICES}, **times}
    policy = build.key_policy(build.ENCRYPT, {**STRANGER, "Condition": condition}, build.DESCRIBE, build.DECRYPT)
    found = build.finding("key_policy_is_scoped", build.snapshot(key=policy))
    assert calls(judged(key=policy)) < 10 * steps
    assert (found.status, found.level) == ("unknown", "advised")
    assert found.message.startswith("The key policy admits CloudTrail for the trails it names, and no stranger. ")
    assert "After 2026-12-" in found.message
    assert "takes more than the 1,000,000 steps that a finding may take" in found.message
    assert found.remediation.startswith("Simplify the policy")


def test_moments_of_a_bucket_are_judged_for_readers_within_one_budget(steps: int) -> None:
    """Where the logs of an organization lie that nobody told, the folders are made anew for each moment."""
    times = {"DateLessThan": {"aws:CurrentTime": [f"{year}-01-01" for year in range(2027, 2127)]}}
    dated = {**build.ACL, "Action": "s3:Foo", "Condition": times}
    reader = build.service("Reader", "kms:Decrypt", Principal={"AWS": build.ROLE_ARN})
    read = replace(
        build.snapshot(
            trail={"organization_trail": True},
            key=build.key_policy(build.ENCRYPT, build.DESCRIBE, build.DECRYPT, reader),
            bucket={"policy": build.policy(build.ACL, dated), "bucket_key_enabled": False},
        ),
        regions=tuple(f"eu-west-{number}" for number in range(30)),
    )
    asked = Settings(readers=(build.ROLE_ARN,))
    found = build.finding("readers_can_decrypt", read, asked)
    assert calls(lambda: build.finding("readers_can_decrypt", read, asked)) < 10 * steps
    assert (found.status, found.level) == ("unknown", "advised")


def test_questions_that_stay_open_for_every_folder_are_judged_within_a_budget(steps: int) -> None:
    statements = open_questions(Principal="*", Action="s3:PutObject", Resource="*")
    trail = {"organization_trail": True, "multi_region": True}
    read = build.snapshot(bucket={"policy": build.policy(*statements)}, trail=trail)
    read = replace(read, regions=tuple(f"us-east-{number}" for number in range(1, 31)))
    assert calls(lambda: assess(read, Settings())) < 10 * steps
    found = build.finding("bucket_policy_accepts_key", read)
    assert found.status == "unknown"
    assert "takes more than the 1,000,000 steps" in found.message


@pytest.mark.parametrize("statement", [build.ENCRYPT, {**build.ENCRYPT, "Effect": "Deny"}])
def test_what_a_budget_does_not_reach_for_is_not_known(statement: dict[str, Any]) -> None:
    policy = parse(build.policy(build.ROOT, statement))
    call = service_request("kms:GenerateDataKey", trail_arn=build.TRAIL_ARN, key_arn=build.KEY_ARN)
    cost = policy.weight[0] + policy.weight[1] * call.longest // CHARACTERS
    budget = Budget(cost)
    assert decide(policy, call, budget).outcome is not Outcome.INDETERMINATE
    decision = decide(policy, call, budget)
    assert (decision.outcome, decision.statements) == (Outcome.INDETERMINATE, ())
    assert budget.is_exhausted
    assert not Budget(cost - 1).spend(cost)


def test_a_policy_as_long_as_kms_takes_is_far_from_its_budget() -> None:
    trails = tuple(f"arn:aws:cloudtrail:us-east-1:{number}:trail/main" for number in range(10**11, 10**11 + 500))
    policy = new_key_policy(Required(build.KEY_ARN, trails, form="cis"))
    assert len(policy.to_json()) > 20_000
    number, searched = policy.weight
    assert number + searched < _budget.STEPS / 50


def test_a_merge_refuses_what_a_budget_does_not_reach_for(steps: int) -> None:
    statements = open_questions(Principal="*", Action="kms:*", Resource=[f"${{aws:SourceArn}}{n}" for n in range(120)])
    policy = parse(build.policy(build.ROOT, *statements))
    readers = tuple(f"arn:aws:iam::111111111111:role/reader{number}" for number in range(2))

    def merging() -> None:
        with pytest.raises(MergeRefusedError, match="takes more than the 1,000,000 steps"):
            merge(policy, Required(build.KEY_ARN, (build.TRAIL_ARN,), readers))

    assert calls(merging) < 20 * steps


@pytest.mark.usefixtures("steps")
def test_a_bucket_policy_is_not_added_to_where_a_budget_does_not_reach() -> None:
    statements = open_questions(Principal="*", Action="s3:*", Resource=[f"${{aws:SourceArn}}{n}" for n in range(120)])
    delivery = build.delivery("us-east-1", "eu-central-1")
    with pytest.raises(MergeRefusedError, match=r"bucket logs is left as it is: .* more than the 1,000,000 steps"):
        merge_bucket_policy(build.policy(*statements), delivery, tls_only=False)


def test_strangers_are_tried_one_after_the_other_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = [0, 0]
    prepare = Request.__post_init__

    def counted(request: Request) -> None:
        prepare(request)
        alive[0] += 1
        alive[1] = max(alive)
        weakref.finalize(request, lambda: alive.__setitem__(0, alive[0] - 1))

    monkeypatch.setattr(Request, "__post_init__", counted)
    statement = {**STRANGER, "Condition": {"StringLike": {"aws:PrincipalArn": NAMES[:40]}}}
    found = build.finding("key_policy_is_scoped", build.snapshot(key=build.key_policy(statement)))
    assert found.status == "fail"
    assert alive[1] < 40


def test_a_policy_that_is_longer_than_any_is_not_read() -> None:
    with pytest.raises(PolicyError, match="has 131,073 characters; AWS returns at most 131,072"):
        parse(" " * 131_073)
