# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is open, and what is told and advised of it, where a policy is written in a way that few are."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from tests.unit.checks.build import (
    ACCOUNT,
    BUCKET_POLICY,
    DECRYPT,
    DESCRIBE,
    ENCRYPT,
    KEY_ARN,
    ROLE_ARN,
    finding,
    key_policy,
    snapshot,
)
from tests.unit.checks.test_scope_proof import ANYBODY, CLOUDTRAIL, LAMBDA, allow, status


@pytest.mark.parametrize(
    "more",
    [
        [
            allow(ANYBODY, "kms:Decrypt", {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
            allow(
                "*",
                "kms:Decrypt",
                {"StringNotEquals": {"kms:CallerAccount": ACCOUNT, "aws:PrincipalTag/x": "y"}},
                Effect="Deny",
                Sid="Less",
            ),
        ],
        [allow(ANYBODY, "kms:Decrypt", {"StringEquals": {"aws:PrincipalTag/x": "y"}})],
        [allow(ANYBODY, "kms:PutKeyPolicy", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})],
        [allow(ANYBODY, "kms:PutKeyPolicy", {"Strange": {"aws:SourceIp": "x"}})],
        [allow(LAMBDA, "kms:PutKeyPolicy", {"StringEquals": {"aws:UserAgent": "x"}})],
        [allow(CLOUDTRAIL, "kms:PutKeyPolicy", {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})],
    ],
)
def test_what_cannot_be_told_is_never_to_be_opened(more: list[dict[str, Any]]) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, *more)))
    assert (found.status, "unclear" in found.evidence) == ("unknown", True)
    assert found.remediation.startswith(f'In statement "More" of {KEY_ARN}: ')
    assert "in full" in found.remediation or "allow CloudTrail nothing but" in found.remediation
    assert not any(word in found.remediation for word in ("stranger", "exempt", "replace"))


OWN = {"StringNotEquals": {"kms:CallerAccount": ACCOUNT}}
NO_TEXTS: list[object] = [None, [None], [["x"]], {"a": 1}, []]
# What the grammar of policies does not have, in a Deny that would close a key which is open to all.
UNWRITTEN: list[dict[str, Any]] = [
    {"Condition": {**OWN, "StringEquals": {}}},
    {"Condition": {**OWN, "Bool": "true"}},
    {"Condition": {**OWN, "Bool": {"aws:SecureTransport": []}}},
    *({"Condition": {"StringNotEquals": {"aws:ResourceAccount": each}}} for each in NO_TEXTS),
    {"Condition": []},
    {"Condition": OWN, "condition": {"Bool": {"aws:SecureTransport": "false"}}},
    {"Condition": OWN, "effect": "Allow"},
    {"Condition": OWN, "Comment": "mine"},
    {"Condition": OWN, "Action": "kms:*", "NotAction": "kms:Foo"},
    *({"Condition": OWN, "NotAction": each} for each in ([], "", [""], ["kms:Foo", 1], *NO_TEXTS[1:4])),
    *({"Condition": OWN, "NotResource": each} for each in NO_TEXTS),
    {"NotPrincipal": {}},
    {"NotPrincipal": []},
    *({"NotPrincipal": {"AWS": each}} for each in NO_TEXTS),
    {"NotPrincipal": {"Service": []}},
]


@pytest.mark.parametrize("written", UNWRITTEN)
def test_a_deny_that_is_not_written_as_aws_documents_closes_nothing(written: dict[str, Any]) -> None:
    denial = {**allow("*"), "Sid": "Less", "Effect": "Deny", **written}
    kept = {name: value for name, value in denial.items() if f"Not{name}" not in written or name in written}
    assert status(allow(ANYBODY), kept) == "unknown"


@pytest.mark.parametrize(
    "written",
    [
        {"Principal": {"AWS": ACCOUNT}, "NotPrincipal": {"AWS": ACCOUNT}},
        {"Principal": {"AWS": []}},
        {"Principal": {"AWS": ACCOUNT}, "notprincipal": {"AWS": ACCOUNT}},
        {"Action": "kms:Foo", "NotAction": "kms:Bar"},
        {"Action": ["kms:Foo", 1]},
        {"Action": []},
        {"Resource": "x", "NotResource": "y"},
        {"Condition": {"StringLike": {"kms:CallerAccount": ACCOUNT, "KMS:calleraccount": "*"}}},
        {"Condition": {"StringLike": {"kms:CallerAccount": ACCOUNT}, "stringlike": {"kms:CallerAccount": "*"}}},
        {"Condition": {"StringEquals": {"kms:CallerAccount": []}}},
        {"Condition": {"StringEquals": {"kms:CallerAccount": [ACCOUNT, {}]}}},
    ],
)
def test_an_allow_that_is_not_written_as_aws_documents_may_let_strangers_in(written: dict[str, Any]) -> None:
    assert status({**allow(ANYBODY), **written}) == "unknown"


def test_whose_statements_a_policy_has_is_open_where_their_name_is_spelt_in_two_ways() -> None:
    text = key_policy(ENCRYPT, DESCRIBE, DECRYPT)["policy"]
    for name in ('"statement": [], ', '"version": "2008-10-17", '):
        read = snapshot(key={"policy": text.replace('"Statement"', f'{name}"Statement"')})
        found = [finding(rule, read).status for rule in ("key_policy_is_scoped", "key_policy_allows_encrypt")]
        assert found == ["unknown", "unknown"]


@pytest.mark.parametrize(
    "written",
    [
        {"Condition": {"StringNotEquals": {"aws:SourceArn": []}}},
        {"Condition": {"StringNotEquals": {"aws:SourceArn": None}}},
        {"Condition": {"StringNotEquals": {"aws:SourceArn": [["x"]]}}},
        {"Condition": {"StringEquals": {}}},
        {"Condition": {"StringLike": {"aws:SourceArn": "*", "AWS:SourceArn": "*"}}},
        {"Comment": "mine"},
        {"NotAction": []},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_statement_that_is_not_written_as_aws_documents_settles_no_call(effect: str, written: dict[str, Any]) -> None:
    statement = {**ENCRYPT, "Effect": effect, **written}
    others = [ENCRYPT] if effect == "Deny" else []
    found = finding("key_policy_allows_encrypt", snapshot(key=key_policy(statement, *others)))
    assert found.status == "unknown"


MISFITS: list[dict[str, Any]] = [
    *(
        {operator: {"aws:ResourceAccount": value}}
        for operator, value in (
            ("BinaryEquals", "eHg="),
            ("Bool", "true"),
            ("NumericLessThan", "5"),
            ("DateLessThan", "2020-01-01"),
            ("ArnLike", "arn:aws:iam::222222222222:root"),
            ("IpAddress", "10.0.0.0/8"),
            ("ForAnyValue:NumericEqualsIfExists", "5"),
        )
    ),
    {"ArnLike": {"kms:KeySpec": "a:b:c:d:e:f"}},
    {"Bool": {"KMS:keyspec": "true"}},
    {"Bool": {"aws:SourceArn": "true"}},
    {"DateLessThan": {"aws:SecureTransport": "2020-01-01"}},
]
NEGATED_MISFITS: list[dict[str, Any]] = [
    {"NumericNotEquals": {"aws:ResourceAccount": "1"}},
    {"NumericNotEquals": {"kms:CallerAccount": ACCOUNT}},
    {"NumericGreaterThanEquals": {"kms:CallerAccount": "0.5"}},
    {"DateNotEquals": {"aws:ResourceAccount": "2020-01-01"}},
    {"ArnNotLike": {"aws:ResourceAccount": "a:b:c:d:e:f"}},
    {"NotIpAddress": {"aws:ResourceAccount": "10.0.0.0/8"}},
]


@pytest.mark.parametrize("misfit", MISFITS)
def test_an_operator_that_is_none_for_a_key_never_closes_a_statement(misfit: dict[str, Any]) -> None:
    assert status(allow(ANYBODY, "kms:*", misfit)) == "unknown"


@pytest.mark.parametrize("misfit", NEGATED_MISFITS)
def test_an_operator_that_is_none_for_a_key_denies_nothing_surely(misfit: dict[str, Any]) -> None:
    assert status(allow(ANYBODY), allow("*", "kms:*", misfit, Effect="Deny", Sid="Less")) == "unknown"
    found = finding("key_policy_allows_encrypt", snapshot(key=key_policy({**ENCRYPT, "Condition": misfit}, DESCRIBE)))
    assert (found.status, "AWS documents no such condition" in found.message) == ("unknown", True)


ALLOWED, DENIED = allow(ANYBODY), {**allow(ANYBODY), "Effect": "Deny"}
FOR_OWN = {"StringEquals": {"kms:CallerAccount": ACCOUNT}}
# Of an element that stands twice the last is read, and nobody says what AWS makes of the others.
TWICE = [
    (
        "key_policy_is_scoped",
        allow(ANYBODY, "kms:Foo"),
        '"Action": "kms:Foo"',
        '"Action": "kms:*", "Action": "kms:Foo"',
    ),
    (
        "key_policy_is_scoped",
        allow(ANYBODY, "kms:Foo"),
        '"Action": "kms:Foo"',
        '"Action": "kms:*", "NotAction": 1, "NotAction": 2',
    ),
    ("key_policy_is_scoped", allow({"AWS": ACCOUNT}), '"Principal"', '"Principal": "*", "Principal"'),
    ("key_policy_is_scoped", allow({"AWS": ACCOUNT}), '"AWS"', '"AWS": "*", "AWS"'),
    ("key_policy_is_scoped", DENIED, '"Effect": "Deny"', '"Effect": "Allow", "Effect": "Deny"'),
    ("key_policy_is_scoped", DENIED, '"Effect": "Deny"', '"Effect": "Allow", "Effect": "deny"'),
    ("key_policy_is_scoped", allow(ANYBODY, conditions=FOR_OWN), '"Condition"', '"Condition": {}, "Condition"'),
    ("key_policy_is_scoped", allow(ANYBODY, conditions=FOR_OWN), '"kms:C', '"kms:CallerAccount": "*", "kms:C'),
    ("key_policy_is_scoped", allow(ANYBODY, Resource="x"), '"Resource": "x"', '"Resource": "*", "Resource": "x"'),
    ("key_policy_is_scoped", allow({"AWS": ACCOUNT}), '"Statement"', '"Statement": [], "Statement"'),
    ("key_policy_is_scoped", allow({"AWS": ACCOUNT}), '"Version"', '"Version": "2008-10-17", "Version"'),
    ("key_policy_allows_encrypt", ALLOWED, '"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'),
    (
        "key_policy_allows_encrypt",
        {**DENIED, "Action": "kms:Foo"},
        '"Action": "kms:Foo"',
        '"Action": "*", "Action": "kms:Foo"',
    ),
    (
        "key_policy_allows_encrypt",
        {**DENIED, "Principal": LAMBDA},
        '"Service": "lambda',
        '"Service": "cloudtrail.amazonaws.com", "Service": "lambda',
    ),
    ("key_policy_allows_encrypt", {**DENIED, "Resource": "x"}, '"Resource": "x"', '"Resource": "*", "Resource": "x"'),
    (
        "key_policy_allows_encrypt",
        {**DENIED, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        '"Bool"',
        '"Bool": {}, "Bool"',
    ),
    ("key_policy_allows_decrypt", ALLOWED, '"Statement"', '"Statement": [], "Statement"'),
    ("readers_can_decrypt", allow({"AWS": ROLE_ARN}), '"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'),
]


@pytest.mark.parametrize(("rule", "more", "once", "twice"), TWICE)
def test_whatever_stands_twice_may_say_either(rule: str, more: dict[str, Any], once: str, twice: str) -> None:
    text = key_policy(ENCRYPT, DESCRIBE, DECRYPT, more)["policy"]
    begin, _once, end = text.rpartition(once)
    found = finding(rule, snapshot(key={"policy": begin + twice + end}), Settings(readers=(ROLE_ARN,)))
    assert found.status == "unknown"
    if rule.startswith("key_policy_allows"):
        assert "twice in it" in found.message
        assert "once" in found.remediation


@pytest.mark.parametrize(
    ("more", "once", "twice"),
    [
        (allow({"AWS": ACCOUNT}), '"Sid": "More"', '"Sid": "Less", "Sid": "More"'),
        (allow({"AWS": ACCOUNT}), '"Action": "kms:*"', '"Action": "kms:Foo", "Action": "kms:*"'),
        (allow({"AWS": ACCOUNT}), '"Statement"', '"Id": "1", "Id": "2", "Statement"'),
        ({**DENIED, "Action": "kms:Foo"}, '"Principal"', '"Principal": 1, "Principal"'),
    ],
)
def test_what_stands_twice_matters_only_where_it_could_change_something(
    more: dict[str, Any], once: str, twice: str
) -> None:
    text = key_policy(ENCRYPT, DESCRIBE, DECRYPT, more)["policy"]
    begin, _once, end = text.rpartition(once)
    read = snapshot(key={"policy": begin + twice + end})
    found = [finding(rule, read).status for rule in ("key_policy_is_scoped", "key_policy_allows_encrypt")]
    assert found == ["pass", "pass"]


@pytest.mark.parametrize(
    ("once", "twice"),
    [
        ('"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'),
        ('"Action": "s3:PutObject"', '"Action": "s3:Foo", "Action": "s3:PutObject"'),
        ('"Statement"', '"Statement": [], "Statement"'),
    ],
)
def test_what_stands_twice_in_a_bucket_policy_may_say_either(once: str, twice: str) -> None:
    assert once in BUCKET_POLICY
    begin, _once, end = BUCKET_POLICY.rpartition(once)
    found = finding("bucket_policy_accepts_key", snapshot(bucket={"policy": begin + twice + end}))
    assert (found.status, "twice in it" in found.message) == ("unknown", True)


def test_what_stands_twice_in_the_second_policy_of_a_key_may_say_either() -> None:
    both = {**key_policy(ENCRYPT, DESCRIBE, DECRYPT), "ram_policy": '{"Statement": [{}], "Statement": []}'}
    assert finding("key_policy_is_scoped", snapshot(key=both)).status == "unknown"


ITSELF = "${aws:PrincipalAccount}"


@pytest.mark.parametrize("by", ["StringEquals", "StringLike", "ForAnyValue:StringEqualsIgnoreCase"])
@pytest.mark.parametrize(
    ("who", "owned", "key", "loose"),
    [
        (ANYBODY, "aws:ResourceAccount", "aws:PrincipalAccount", ACCOUNT),
        (ANYBODY, "aws:ResourceAccount", "kms:CallerAccount", "${aws:ResourceAccount}"),
        (ANYBODY, "aws:ResourceOrgID", "AWS:PrincipalOrgId", "${aws:ResourceOrgID}"),
        (LAMBDA, "aws:ResourceAccount", "aws:SourceAccount", "${aws:SourceArn}"),
        (LAMBDA, "aws:ResourceOrgID", "aws:SourceOrgID", "${aws:SourceOrgID,'o-abcdefghij'}"),
    ],
)
def test_the_owner_compared_with_the_caller_closes_and_with_anything_else_does_not(
    who: object, by: str, owned: str, key: str, loose: str
) -> None:
    caller = f"${{{key}}}"
    assert status(allow(who, "kms:*", {by: {owned: caller}})) == "pass"
    assert status(allow(who, "kms:*", {by: {owned: [caller, loose]}})) in ("fail", "unknown")


@pytest.mark.parametrize(
    ("conditions", "closes"),
    [
        ({"StringEqualsIfExists": {"aws:ResourceAccount": ITSELF}}, True),
        ({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount,'" + ACCOUNT + "'}"}}, False),
        ({"StringEquals": {"aws:ResourceOrgID": ITSELF}}, False),
        ({"StringLike": {"aws:ResourceAccount": f"{ITSELF}*"}}, False),
        ({"StringNotEquals": {"aws:ResourceAccount": ITSELF}}, False),
        ({"StringEqualsIfExists": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}, False),
        ({"ForAllValues:StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}, False),
        ({"StringEquals": {"aws:ResourceOrgPaths": "${aws:PrincipalOrgPaths}"}}, False),
    ],
)
def test_the_owner_compared_with_the_caller_closes_only_where_both_are_sure_to_be_compared(
    conditions: dict[str, Any], *, closes: bool
) -> None:
    assert (status(allow(ANYBODY, "kms:*", conditions)) == "pass") is closes


@pytest.mark.parametrize(
    ("values", "closes"), [(ITSELF, True), ([ITSELF, "${kms:CallerAccount}"], True), ([ITSELF, ACCOUNT], False)]
)
def test_a_deny_of_all_whose_account_is_not_the_owners_closes(values: object, *, closes: bool) -> None:
    by = {"StringNotEquals": {"aws:ResourceAccount": values}}
    less = {**DENIED, "Sid": "Less", "Principal": "*", "Condition": by}
    read = snapshot(key=key_policy(DESCRIBE, allow(ANYBODY, "kms:Decrypt"), less))
    assert (finding("key_policy_is_scoped", read).status == "pass") is closes


@pytest.mark.parametrize(
    ("partition", "region"), [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-eusc", "eusc-de-east-1")]
)
def test_a_key_is_open_through_a_service_in_every_partition(partition: str, region: str) -> None:
    condition = {"StringEquals": {"kms:ViaService": f"ec2.{region}.amazonaws.com"}}
    there = {"arn": KEY_ARN.replace("aws:kms:us-east-1", f"{partition}:kms:{region}")}
    key = key_policy(ENCRYPT, {**DESCRIBE, "Principal": "*", "Action": "kms:Encrypt", "Condition": condition})
    found = finding("key_policy_is_scoped", snapshot({"kms_key_arn": there["arn"]}, {**key, **there}))
    assert (found.status, "any other account may kms:Encrypt" in found.message) == ("fail", True)
