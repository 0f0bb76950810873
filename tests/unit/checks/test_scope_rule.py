# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which grants of a key policy make a key that is not scoped: to strangers, to the service of more than use, to all."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from string import ascii_lowercase, digits
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _scope_rule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import Policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request
from tests.unit.checks.build import ACCOUNT, DECRYPT, DESCRIBE, ENCRYPT, finding, key_policy, snapshot


def to(principal: object, action: str, **conditions: dict[str, str]) -> dict[str, Any]:
    """The key's fields with the recommended policy and one statement more."""
    more = {"Sid": "More", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return key_policy(ENCRYPT, DESCRIBE, DECRYPT, {**more, "Condition": conditions} if conditions else more)


CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
FOREIGN = "a trail of another account can encrypt"
OPEN = [
    *((to("*", action), f"any other account may {action}") for action in _scope_rule.USE + _scope_rule.ADMINISTRATION),
    *((to(CLOUDTRAIL, action), f"CloudTrail may {action}") for action in _scope_rule.ADMINISTRATION),
    *(
        (to(CLOUDTRAIL, "kms:GenerateDataKey*", ArnLike={"aws:SourceArn": pattern}), FOREIGN)
        for pattern in (
            "arn:aws:cloudtrail:*:*:trail/*",
            "arn:aws:cloudtrail:*:*:trail/main",
            "arn:aws:cloudtrail:eu-west-1:*:trail/*",
            "arn:aws:cloudtrail:us-east-10:*:trail/*",
            "arn:aws:cloudtrail:*:2*:trail/*",
            "arn:aws:cloudtrail:*:??????????11:trail/*",
        )
    ),
    *(
        (to(CLOUDTRAIL, "kms:GenerateDataKey*", StringLike={key: pattern}), FOREIGN)
        for key in ("aws:SourceArn", "kms:EncryptionContext:aws:cloudtrail:arn")
        for pattern in (
            "*/main",
            "*:trail/main",
            "arn:aws:cloudtrail:*trail/main",
            "arn:aws:cloudtrail:*",
            "a??:*1:trail/*",
        )
    ),
    (to(CLOUDTRAIL, "kms:GenerateDataKey*", StringLike={"aws:SourceAccount": "2*"}), FOREIGN),
    *(
        (to({"AWS": "*"}, "kms:Decrypt", **condition), "any other account may kms:Decrypt")
        for condition in (
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}},
            {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Audit*"}},
            {"StringLike": {"aws:PrincipalArn": "*:role/Audit"}},
            {"StringLike": {"aws:PrincipalArn": "*Audit"}},
            {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*/Audit"}},
            {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::2*"}},
            {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/Audit*"}},
            # A path may hold whatever ASCII prints.
            {"StringLike": {"aws:PrincipalArn": "*!*"}},
            {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a${*}b*"}},
            {"StringLike": {"aws:PrincipalArn": "*:222222222222:role/*"}},
            {"StringLike": {"kms:CallerAccount": "2*"}},
            {"StringLike": {"aws:PrincipalOrgID": "o-a*"}},
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-*/ou-*/*"}},
            {"StringLike": {"aws:PrincipalAccount": "*2"}},
            {"StringEquals": {"kms:ViaService": "s3.eu-west-3.amazonaws.com"}},
        )
    ),
]


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"StringEquals": {"aws:SourceOrgID": "o-own"}}, "pass"),
        ({"ForAnyValue:StringLike": {"aws:SourceOrgPaths": "o-own/*"}}, "pass"),
        # A foreign trail of an account in no organization carries no such key.
        ({"StringEqualsIfExists": {"aws:SourceOrgID": "o-own"}}, "fail"),
        ({"Null": {"aws:SourceOrgID": "true"}}, "fail"),
        ({"StringNotEquals": {"aws:SourceOrgID": "o-other"}}, "fail"),
    ],
)
def test_a_foreign_trail_is_of_another_organization_or_of_none(condition: dict[str, Any], status: str) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=to(CLOUDTRAIL, "kms:GenerateDataKey*", **condition)))
    assert found.status == status


@pytest.mark.parametrize("pattern", ["arn:aws:iam::*:role/:*", f"*:{ACCOUNT}:*", f"arn:aws*:iam::{ACCOUNT}:role/*"])
def test_a_path_may_hold_the_colons_of_a_pattern(pattern: str) -> None:
    """An asterisk of StringLike stands for colons too."""
    found = finding("key_policy_is_scoped", snapshot(key=to("*", "kms:*", StringLike={"aws:PrincipalArn": pattern})))
    assert (found.status, found.evidence) == ("unknown", {"statements": ['statement "More"']})


@pytest.mark.parametrize("name", ["${aws:username}", "${aws:userid}", "${aws:PrincipalTag/key}"])
def test_a_resource_that_the_caller_fills_keeps_nobody_out(name: str) -> None:
    open_to_all = json.loads(to("*", "kms:*")["policy"])["Statement"][-1]
    some = {**open_to_all, "Resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}"}
    assert finding("key_policy_is_scoped", snapshot(key=key_policy(some))).status == "unknown"


@pytest.mark.parametrize(("fields", "words"), OPEN)
def test_a_key_that_is_open_to_others_is_not_scoped(fields: dict[str, str], words: str) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=fields))
    assert found.status == "fail"
    assert words in found.message
    assert '(statement "More")' in found.message


@pytest.mark.parametrize(
    "fields",
    [
        to(CLOUDTRAIL, "kms:GenerateDataKey*", StringEquals={"aws:SourceAccount": "222222222222"}),
        to(CLOUDTRAIL, "kms:GenerateDataKey*", ArnLike={"aws:SourceArn": "arn:aws:cloudtrail:*:222222222222:trail/*"}),
        to({"AWS": "*"}, "kms:Decrypt", StringEquals={"aws:PrincipalOrgID": "o-abcdefghij"}),
        to(CLOUDTRAIL, "kms:GenerateDataKey*", StringLike={"aws:SourceArn": "*:222222222222:trail/main"}),
        to({"AWS": "*"}, "kms:Decrypt", ArnLike={"aws:PrincipalArn": f"arn:*:iam::{ACCOUNT}:role/*"}),
        to({"AWS": "*"}, "kms:Decrypt", ArnLike={"aws:PrincipalArn": "arn:*:iam::222222222222:role/*"}),
        to({"AWS": "*"}, "kms:Decrypt", **{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abcdefghij/*"}}),
        to({"AWS": "*"}, "kms:Decrypt", StringLike={"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}*"}),
        to({"AWS": "*"}, "kms:Decrypt", StringLike={"kms:CallerAccount": f"{ACCOUNT}*"}),
        to({"AWS": "*"}, "kms:*", ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}),
        to({"AWS": "arn:aws:iam::222222222222:root"}, "kms:Decrypt"),
        to(CLOUDTRAIL, "kms:Decrypt"),
        to("*", "kms:Describe*"),
    ],
)
def test_what_somebody_decided_is_scoped(fields: dict[str, str]) -> None:
    assert finding("key_policy_is_scoped", snapshot(key=fields)).status == "pass"


def test_what_is_open_is_counted_in_the_message_and_listed_in_the_evidence() -> None:
    found = finding("key_policy_is_scoped", snapshot(key=to("*", "kms:*")))
    assert "any other account may kms:Decrypt, kms:ReEncryptFrom, kms:ReEncryptTo and 25 more" in found.message
    allowed = found.evidence["allowed"]
    assert isinstance(allowed, list)
    assert "any other account may kms:DeleteImportedKeyMaterial" in allowed


@pytest.mark.parametrize(("fields", "words"), OPEN[::7])
@pytest.mark.parametrize("sid", ["Use", "Describe", "Readers", "Administrators"])
def test_no_sid_keeps_a_statement_from_being_judged(fields: dict[str, str], words: str, sid: str) -> None:
    named = fields["policy"].replace('"More"', f'"AwsBaselineCloudTrail{sid}"')
    assert words in finding("key_policy_is_scoped", snapshot(key={"policy": named})).message


NOT_THESE = ("000000000000", "999999999999", "888888888888", "000000000001")


# Ways in which a pattern lets strangers in.
PATTERNS: list[tuple[object, dict[str, Any]]] = [
    ({"AWS": "*"}, {"StringLike": {"aws:PrincipalOrgID": "o-a*"}}),
    ({"AWS": "*"}, {"StringLike": {"aws:PrincipalOrgID": "o-abcdefghi?"}}),
    ({"AWS": "*"}, {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-*/r-ab*/*", "o-abcdefghij/*"]}}),
    ({"AWS": "*"}, {"StringLike": {"kms:CallerAccount": ["22222222222?", "333333333333"]}}),
    ({"AWS": "*"}, {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::2222*:role/Audit*"}}),
    (CLOUDTRAIL, {"StringLike": {"aws:SourceOrgID": "o-a*"}}),
    (CLOUDTRAIL, {"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:22222222222?:trail/*"}}),
    ("*", {"StringLike": {"aws:PrincipalServiceName": "s*"}, "Bool": {"aws:PrincipalIsAWSService": "true"}}),
]
# What tells of callers, and so may be planted.
TOLD = (
    *("kms:CallerAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalArn", "aws:SourceOrgID"),
    *("aws:SourceArn", "aws:SourceAccount", "aws:PrincipalServiceName"),
)


def tried(policy: dict[str, str]) -> dict[str, list[str]]:
    """What all strangers of a policy carry, by condition key."""
    found: dict[str, set[str]] = {key: set() for key in TOLD}
    severity = _scope_rule._kind

    def noted(policy: Policy, request: Request) -> Hashable:
        for key in TOLD:
            value = request.context.get(key, ())
            found[key].update([value] if isinstance(value, str) else value)
        return severity(policy, request)

    with patch.object(_scope_rule, "_kind", noted):
        finding("key_policy_is_scoped", snapshot(key=policy))
    return {key: sorted(values) for key, values in found.items() if values}


@given(
    st.sampled_from(PATTERNS),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["StringEquals", "StringNotEquals", "StringLike", "Null"]),
    st.booleans(),
)
@settings(max_examples=15)
def test_no_idle_statement_and_no_sid_hides_a_stranger(
    opening: tuple[object, dict[str, Any]], effect: str, operator: str, in_sid: bool
) -> None:
    """Whoever is tried against a policy may be named in it afterwards, where it changes nothing."""
    principal, conditions = opening
    fields = to(principal, "kms:*", **conditions)
    named = tried(fields)
    statements = json.loads(fields["policy"])["Statement"][1:]
    assert finding("key_policy_is_scoped", snapshot(key=fields)).status == "fail"
    idle = {**denying({"AWS": "*"}, **{operator: named}), "Effect": effect, "Action": "kms:NoSuchAction"}
    statements[-1]["Sid"] = " ".join([each for some in named.values() for each in some]) if in_sid else "More"
    found = finding("key_policy_is_scoped", snapshot(key=key_policy(*statements, idle)))
    assert found.status == "fail"


@pytest.mark.parametrize(
    ("key", "pattern", "letters"),
    [("kms:CallerAccount", "22222222222?", digits), ("aws:PrincipalOrgID", "o-abcdefghi?", ascii_lowercase + digits)],
)
def test_a_pattern_is_not_passed_because_all_that_are_like_it_are_named_elsewhere(
    key: str, pattern: str, letters: str
) -> None:
    fields = to({"AWS": "*"}, "kms:*", StringLike={key: pattern})
    statements = json.loads(fields["policy"])["Statement"][1:]
    named = [pattern.replace("?", letter) for letter in letters]
    idle = {**denying({"AWS": "*"}, StringEquals={key: named}), "Effect": "Allow", "Action": "kms:NoSuchAction"}
    found = finding("key_policy_is_scoped", snapshot(key=key_policy(*statements, idle)))
    assert (found.status, found.evidence) == ("unknown", {"statements": ['statement "More"']})


TRAIL_OF_A_STRANGER = "arn:aws:cloudtrail:us-east-1:999999999999:trail/x"


@pytest.mark.parametrize(
    ("principal", "action", "condition", "words"),
    [
        ({"AWS": "*"}, "kms:TagResource", {"StringLike": {"aws:RequestTag/x": "*"}}, "any other account"),
        ({"AWS": "*"}, "kms:*", {"ForAnyValue:StringLike": {"aws:TagKeys": "*"}}, "any other account"),
        ({"AWS": "*"}, "kms:*", {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "foo"}}, "kms:Encrypt"),
        (
            {"AWS": "*"},
            "kms:*",
            {"StringEquals": {"kms:EncryptionContext:aws:cloudtrail:arn": TRAIL_OF_A_STRANGER}},
            "kms:Encrypt",
        ),
        (CLOUDTRAIL, "kms:CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "true"}}, "CloudTrail may"),
        (CLOUDTRAIL, "kms:TagResource", {"StringLike": {"aws:RequestTag/x": "*"}}, "CloudTrail may"),
    ],
)
def test_what_a_caller_chooses_keeps_nobody_out(
    principal: object, action: str, condition: dict[str, Any], words: str
) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=to(principal, action, **condition)))
    assert found.status == "unknown"
    assert words in found.message


IS_SERVICE = {"Bool": {"aws:PrincipalIsAWSService": "true"}}
NOT_CLOUDTRAIL = {"StringNotEquals": {"aws:PrincipalServiceName": "cloudtrail.amazonaws.com"}}
LANDING_ZONE = ["logs.us-east-1.amazonaws.com", "config.amazonaws.com", "delivery.logs.amazonaws.com"]
USED = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*", "kms:CreateGrant"]


@pytest.mark.parametrize(
    ("principal", "action", "conditions", "words"),
    [
        ("*", "kms:*", {**IS_SERVICE, **NOT_CLOUDTRAIL}, "any other AWS service may kms:Decrypt"),
        ("*", "kms:GenerateDataKey", {**IS_SERVICE, **NOT_CLOUDTRAIL}, "any other AWS service may kms:GenerateDataKey"),
        (
            "*",
            "kms:Decrypt",
            {**IS_SERVICE, "StringLike": {"aws:PrincipalServiceName": "*.amazonaws.com"}},
            "any other AWS service may kms:Decrypt",
        ),
        ({"Service": "lambda.amazonaws.com"}, "kms:*", {}, "lambda.amazonaws.com may kms:PutKeyPolicy"),
        ({"Service": ["s3.amazonaws.com"]}, "kms:Put*", {}, "s3.amazonaws.com may kms:PutKeyPolicy"),
        ({"Service": LANDING_ZONE}, "kms:Decrypt", {}, ""),
        ({"Service": [*LANDING_ZONE, "sns.amazonaws.com", "s3.amazonaws.com"]}, USED, {}, ""),
        ({"Service": "backup.amazonaws.com"}, "kms:*", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, ""),
        ("*", "kms:Decrypt", {**IS_SERVICE, "StringEquals": {"aws:SourceOrgID": "o-abcdefghij"}}, ""),
        ("*", "kms:Decrypt", {**IS_SERVICE, "StringEquals": {"aws:PrincipalServiceName": LANDING_ZONE}}, ""),
    ],
)
def test_services_may_use_a_key_and_not_administer_it(
    principal: object, action: Any, conditions: dict[str, Any], words: str
) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=to(principal, action, **conditions)))
    assert (found.status, words in found.message) == ("fail" if words else "pass", True)


@pytest.mark.parametrize("written", [str, lambda text: text.replace("0000", "\\u0030000")], ids=["plain", "escaped"])
def test_no_list_of_accounts_hides_that_all_others_may(written: Callable[[str], str]) -> None:
    """The stranger is one that the policy does not name, however many it names and however it spells them."""
    fields = to("*", "kms:Decrypt", StringNotEquals={"kms:CallerAccount": "ACCOUNTS"})
    policy = fields["policy"].replace('"ACCOUNTS"', written(json.dumps(NOT_THESE)))
    found = finding("key_policy_is_scoped", snapshot(key={"policy": policy}))
    assert "any other account may kms:Decrypt" in found.message


AUDIT = {"bucket_prefix": "audit", "multi_region": False}


@pytest.mark.parametrize(
    ("below", "bucket_key", "status"),
    [
        ("/audit/AWSLogs/*", False, "fail"),
        ("/audit/AWSLogs/*", True, "fail"),
        ("", False, "fail"),
        ("/other/*", False, "unknown"),
        (f"/AWSLogs/{ACCOUNT}/*", False, "unknown"),
    ],
)
def test_a_stranger_is_after_the_logs_wherever_they_lie(below: str, *, bucket_key: bool, status: str) -> None:
    """By their own encryption context, or by that of a bucket that has had an S3 Bucket Key."""
    fields = to("*", "kms:Decrypt", ArnLike={"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::logs{below}"})
    found = finding("key_policy_is_scoped", snapshot(AUDIT, fields, {"bucket_key_enabled": bucket_key}))
    assert (found.status, "any other account may kms:Decrypt" in found.message) == (status, status == "fail")


def denying(principal: object, **conditions: dict[str, Any]) -> dict[str, Any]:
    """A statement that takes everything away again."""
    return {
        "Sid": "Less",
        "Effect": "Deny",
        "Principal": principal,
        "Action": "kms:*",
        "Resource": "*",
        "Condition": conditions,
    }


ANYBODY = "any other account may kms:Decrypt"
# Beside a grant to all, who is denied: never everybody else. None where all are let in but for the denied.
DODGES: list[tuple[object, dict[str, Any], dict[str, Any], str]] = [
    *(
        ({"AWS": "*"}, allowed, denied, ANYBODY)
        for key in ("kms:CallerAccount", "aws:PrincipalAccount")
        for allowed, denied in (
            ({}, {"StringLike": {key: "0*"}}),
            ({}, {"StringLike": {key: ["0*", "9*", "?8*"]}}),
            ({}, {"StringNotLike": {key: "*7"}}),
            ({"StringLike": {key: "2*"}}, {"StringEquals": {key: "200000000000"}}),
            ({"StringLike": {key: "2*"}}, {"StringLike": {key: "2000*"}}),
            ({"StringLike": {key: "22222222222?"}}, {"StringEquals": {key: [f"22222222222{n}" for n in range(9)]}}),
        )
    ),
    *(
        ({"AWS": "*"}, allowed, {operator: {"aws:PrincipalArn": denied}}, ANYBODY)
        for operator in ("ArnLike", "StringLike")
        for allowed, denied in (
            ({}, "arn:aws:iam::0*"),
            ({}, "arn:aws:iam::0*:*"),
            ({}, "arn:aws:iam::*:role/*"),
            ({}, ["arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"]),
            ({}, ["arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*", "arn:aws:iam::*:root"]),
            ({}, "arn:aws:iam::*:*/stranger"),
            ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/A*"}}, "arn:aws:iam::*:role/Axxx*"),
            ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/A*"}}, "arn:aws:iam::*:role/A?"),
        )
    ),
    ({"AWS": "*"}, {}, {"StringNotEquals": {"aws:PrincipalType": "User"}}, ANYBODY),
    ({"AWS": "*"}, {"StringLike": {"aws:username": "A*"}}, {"StringLike": {"aws:username": ["A?", "Aa*"]}}, ANYBODY),
    (
        {"AWS": "*"},
        {"StringLike": {"aws:username": "A*", "kms:CallerAccount": "2*"}},
        {"StringLike": {"kms:CallerAccount": "20*"}},
        ANYBODY,
    ),
    ({"AWS": "*"}, {}, {"StringLike": {"aws:PrincipalOrgID": "o-*"}}, ANYBODY),
    ({"AWS": "*"}, {}, {"StringLikeIfExists": {"aws:PrincipalOrgID": "o-0*"}}, ANYBODY),
    ({"AWS": "*"}, {}, {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*"}}, ANYBODY),
    ({"AWS": "*"}, {}, {"StringLike": {"kms:ViaService": "s3.*"}}, ANYBODY),
    ({"AWS": "*"}, {}, {"StringLike": {"kms:ViaService": "*"}}, ANYBODY),
    (
        {"AWS": "*"},
        {"StringLike": {"kms:ViaService": "*.amazonaws.com"}},
        {"StringLike": {"kms:ViaService": "*xxx*"}},
        ANYBODY,
    ),
    (
        {"AWS": "*"},
        {},
        {"StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "*"}},
        "any other account may kms:PutKeyPolicy",
    ),
    *(
        (CLOUDTRAIL, {}, denied, FOREIGN)
        for denied in (
            {"StringLike": {"aws:SourceAccount": "0*"}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:*0:trail/*"}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:*:trail/*"}},
            {"StringLike": {"aws:SourceArn": "*/stranger"}},
            {"ArnLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:0*:*"}},
            {"StringLike": {"aws:SourceOrgID": "o-0*"}, "Null": {"aws:SourceAccount": "false"}},
            {"StringNotLike": {"aws:SourceOrgID": "o-7*"}},
            {"StringLike": {"kms:CallerAccount": "0*"}},
        )
    ),
    (CLOUDTRAIL, {}, {"StringLike": {"kms:CallerAccount": "0*"}}, "CloudTrail may kms:PutKeyPolicy"),
    (
        CLOUDTRAIL,
        {"Null": {"kms:EncryptionContext:aws:cloudtrail:arn": "true"}},
        {"StringEquals": {"aws:SourceAccount": "x"}},
        "CloudTrail may kms:PutKeyPolicy",
    ),
]


@pytest.mark.parametrize(("principal", "allowed", "denied", "words"), DODGES)
def test_no_deny_that_names_some_hides_that_all_others_may(
    principal: object, allowed: dict[str, Any], denied: dict[str, Any], words: str
) -> None:
    policy = json.loads(to(principal, "kms:*", **allowed)["policy"])
    policy["Statement"].append(denying(principal, **denied))
    found = finding("key_policy_is_scoped", snapshot(key={"policy": json.dumps(policy)}))
    assert (found.status, words.partition(" may ")[0] in found.message) == ("fail", True)
    allowed_actions = found.evidence["allowed"]
    assert isinstance(allowed_actions, list)
    assert words in allowed_actions


@pytest.mark.parametrize(
    ("principal", "allowed", "denied"),
    [
        ({"AWS": "*"}, {}, {"StringNotEquals": {"kms:CallerAccount": ACCOUNT}}),
        ({"AWS": "*"}, {}, {"StringLike": {"kms:CallerAccount": [f"{digit}*" for digit in range(10)]}}),
        ({"AWS": "*"}, {"StringLike": {"kms:CallerAccount": "2*"}}, {"StringLike": {"kms:CallerAccount": "2*"}}),
        ({"AWS": "*"}, {}, {"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
        ({"AWS": "*"}, {}, {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:*"}}),
        (CLOUDTRAIL, {}, {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}),
    ],
)
def test_a_deny_of_all_others_closes_what_is_open(
    principal: object, allowed: dict[str, Any], denied: dict[str, Any]
) -> None:
    policy = json.loads(to(principal, "kms:*", **allowed)["policy"])
    policy["Statement"].append(denying(principal, **denied))
    found = finding("key_policy_is_scoped", snapshot(key={"policy": json.dumps(policy)}))
    assert ANYBODY.partition(" may ")[0] not in found.message
    assert FOREIGN not in found.message
