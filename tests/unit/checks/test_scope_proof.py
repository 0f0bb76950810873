# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key passes for scoped only where it is shown that nobody gets in whom its policy does not name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _scope_rule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import subject_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, Subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Key
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import Outcome, Request, decide, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    reader_request,
    service_request,
)
from tests.unit.checks.build import ACCOUNT, DECRYPT, DESCRIBE, ENCRYPT, KEY_ARN, finding, key_policy, snapshot
from tests.unit.policy.golden_tables import KEY
from tests.unit.policy.strategies import LOGS, statements

Conditions = dict[str, dict[str, Any]]
ANYBODY, CLOUDTRAIL, LAMBDA = {"AWS": "*"}, {"Service": "cloudtrail.amazonaws.com"}, {"Service": "lambda.amazonaws.com"}
IS_SERVICE: Conditions = {"Bool": {"aws:PrincipalIsAWSService": "true"}}
NO_SERVICE: Conditions = {"Bool": {"aws:PrincipalIsAWSService": "false"}}
NOT_CLOUDTRAIL = {"StringNotEquals": {"aws:PrincipalServiceName": "cloudtrail.amazonaws.com"}}
OWN_ROLES, OWN_TRAILS = f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
REGION = "${aws:RequestedRegion}"


def of_trails(pattern: str, key: str = "aws:SourceArn") -> Conditions:
    return {"StringLike": {key: pattern}}


def of_principals(*patterns: str, operator: str = "StringLike") -> Conditions:
    return {operator: {"aws:PrincipalArn": [*patterns]}}


def of_sources(pattern: str) -> Conditions:
    return {"ArnLike": {"aws:SourceArn": pattern}}


# Whom an Allow lets in, to do what, by conditions that name nobody in full, and their harmless twins that do.
PAIRS: list[tuple[object, str, Conditions, Conditions]] = [
    # Variables.
    (ANYBODY, "kms:*", of_principals("*:${aws:ResourceAccount}:*"), of_principals(f"arn:aws:iam::{ACCOUNT}:*")),
    (
        ANYBODY,
        "kms:*",
        of_principals("arn:aws:iam::*:role/${kms:KeySpec}"),
        of_principals("arn:aws:iam::${aws:ResourceAccount}:role/${kms:KeySpec}"),
    ),
    (ANYBODY, "kms:*", of_principals(f"arn:aws:iam::*:role/ops-{REGION}-*"), of_principals(OWN_ROLES)),
    (ANYBODY, "kms:*", of_principals("arn:aws:iam::*:role/${aws:SourceArn,'ops'}"), of_principals(OWN_ROLES)),
    (
        ANYBODY,
        "kms:*",
        {"StringEquals": {"aws:username": f"ops-{REGION}"}},
        {"StringEquals": {"aws:username": f"ops-{REGION}", "aws:PrincipalAccount": ACCOUNT}},
    ),
    (
        ANYBODY,
        "kms:*",
        {"StringEquals": {"kms:CallerAccount": "${aws:PrincipalAccount}"}},
        {"StringEquals": {"kms:CallerAccount": "${aws:ResourceAccount}"}},
    ),
    (
        ANYBODY,
        "kms:*",
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalOrgID}"}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}},
    ),
    *(
        (
            CLOUDTRAIL,
            "kms:GenerateDataKey*",
            of_trails(f"arn:aws:cloudtrail:*:*:trail/{name}", key),
            of_trails(own, key),
        )
        for name in (f"log-{REGION}", "${aws:ResourceAccount}-*")
        for key, own in (("aws:SourceArn", OWN_TRAILS), (CONTEXT, f"*:{ACCOUNT}:trail/log-{REGION}"))
    ),
    # Services.
    *(
        ("*", "kms:*", {**of_sources(arn), **NOT_CLOUDTRAIL}, {**of_sources(own), **NOT_CLOUDTRAIL})
        for arn, own in (
            ("arn:aws:s3:::*", f"arn:aws:s3::{ACCOUNT}:*"),
            ("arn:aws:lambda:*:*:function:*", f"arn:aws:lambda:*:{ACCOUNT}:function:*"),
            ("arn:aws:events:us-east-1:*:rule/*", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/*"),
        )
    ),
    (
        "*",
        "kms:Decrypt",
        {**IS_SERVICE, "StringLike": {"aws:SourceArn": f"*:{ACCOUNT}:*"}},
        {**IS_SERVICE, **of_sources(f"arn:aws:logs:*:{ACCOUNT}:*")},
    ),
    *(
        ("*", "kms:*", {**IS_SERVICE, **NOT_CLOUDTRAIL, **by}, {**IS_SERVICE, **NOT_CLOUDTRAIL, **own})
        for by, own in (
            ({"Null": {"aws:SourceArn": "true"}}, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
            ({"StringLike": {"aws:SourceAccount": "2*"}}, {"StringLike": {"aws:SourceAccount": ACCOUNT}}),
            ({"StringLike": {"aws:SourceOrgID": "o-*"}}, {"StringLike": {"aws:SourceOrgID": "o-abcdefghij"}}),
        )
    ),
    *(
        (LAMBDA, "kms:*", by, own)
        for by, own in (
            (of_sources("arn:aws:lambda:*:*:function:*"), of_sources(f"arn:aws:lambda:*:{ACCOUNT}:function:*")),
            ({"StringLike": {"aws:SourceAccount": "2*"}}, {"StringLike": {"aws:SourceAccount": "222222222222"}}),
            ({"Null": {"aws:SourceOrgID": "false"}}, {"StringEquals": {"aws:SourceOrgID": "o-abcdefghij"}}),
            (
                {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}},
                {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
            (
                {"ForAllValues:StringEquals": {"aws:SourceAccount": ACCOUNT}},
                {"ForAnyValue:StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
        )
    ),
    (
        "*",
        "kms:*",
        {**IS_SERVICE, "StringLike": {"aws:PrincipalServiceName": "*.amazonaws.com.cn"}},
        {"StringLike": {"aws:PrincipalServiceName": "*.amazonaws.com.cn", "kms:CallerAccount": ACCOUNT}},
    ),
    (
        "*",
        "kms:*",
        {**IS_SERVICE, "StringEquals": {"aws:PrincipalServiceName": "lambda.amazonaws.com"}},
        {
            **NOT_CLOUDTRAIL,
            "StringEquals": {"aws:PrincipalServiceName": "lambda.amazonaws.com", "aws:SourceAccount": ACCOUNT},
        },
    ),
    (
        "*",
        "kms:Decrypt",
        {"ForAnyValue:StringLike": {"aws:PrincipalServiceNamesList": "*.logs.amazonaws.com"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalServiceNamesList": "delivery.logs.amazonaws.com"}},
    ),
    (
        CLOUDTRAIL,
        "kms:GenerateDataKey*",
        of_sources("arn:aws:cloudtrail:*:*:eventdatastore/*"),
        of_sources(f"arn:aws:cloudtrail:*:{ACCOUNT}:eventdatastore/*"),
    ),
    ({"Service": "CloudTrail.amazonaws.com"}, "kms:GenerateDataKey*", {}, of_sources(OWN_TRAILS)),
    # Ids of roots and organizational units are unique in their organization only.
    *(
        (principal, action, {"ForAnyValue:StringLike": {key: by}}, {"ForAnyValue:StringLike": {key: "o-abcdefghij/*"}})
        for by in ("*/r-ab12/*", "o-*/r-ab12/*", "*/ou-ab12-11111111/*", "o-abcdefghi?/*", ["o-abcdefghij/*", "*/r-a*"])
        for principal, action, key in (
            (ANYBODY, "kms:*", "aws:PrincipalOrgPaths"),
            (CLOUDTRAIL, "kms:GenerateDataKey*", "aws:SourceOrgPaths"),
        )
    ),
    # Users: name, path and colons together, and wildcards that reach over colons.
    (
        ANYBODY,
        "kms:*",
        {"StringLike": {"aws:username": "adm*", "aws:PrincipalArn": "arn:aws:iam::*:user/team/*"}},
        {"StringLike": {"aws:username": "adm*", "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/team/*"}},
    ),
    (
        ANYBODY,
        "kms:*",
        {"StringEquals": {"aws:username": "admin"}, "StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/admin"}},
        {"StringEquals": {"aws:username": "admin"}, **of_principals("arn:aws:iam::222222222222:user/*")},
    ),
    *(
        (
            ANYBODY,
            "kms:*",
            {**by, **of_principals(f"*:{ACCOUNT}:*")},
            {**by, **of_principals(f"arn:*:iam::{ACCOUNT}:*", operator="ArnLike")},
        )
        for by in ({"StringEquals": {"aws:PrincipalType": "User"}}, {"StringNotEquals": {"aws:username": "x"}})
    ),
    (
        ANYBODY,
        "kms:*",
        of_principals(f"arn:aws:iam:{'?' * 19}:{ACCOUNT}*"),
        of_principals(f"arn:aws:iam::{ACCOUNT}*"),
    ),
    # Lists, quantifiers, and names of more than one.
    (
        ANYBODY,
        "kms:*",
        {"StringLike": {"kms:CallerAccount": [ACCOUNT, "2222222222??"]}},
        {
            "StringLikeIfExists": {"KMS:calleraccount": [ACCOUNT, "2" * 12]},
            **NO_SERVICE,
        },
    ),
    (
        ANYBODY,
        "kms:*",
        {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-a"}},
    ),
    ({"AWS": "arn:aws:iam::*:root"}, "kms:*", {}, {"StringEquals": {"kms:CallerAccount": ACCOUNT}}),
]


def allow(
    principal: object, action: object = "kms:*", conditions: Conditions | None = None, **more: Any
) -> dict[str, Any]:
    statement = {"Sid": "More", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return {**statement, **({"Condition": conditions} if conditions else {}), **more}


def status(*more: dict[str, Any]) -> str:
    return finding("key_policy_is_scoped", snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, *more))).status


@pytest.mark.parametrize(("principal", "action", "loose", "tight"), PAIRS)
def test_only_conditions_that_name_whom_they_mean_in_full_close_a_statement(
    principal: object, action: str, loose: Conditions, tight: Conditions
) -> None:
    assert status(allow(principal, action, loose)) in ("fail", "unknown")
    assert status(allow(principal, action, tight)) == "pass"


ROLE = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"}
USES = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
OF_ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}
# What pages of AWS have in key policies.
RECOMMENDED: dict[str, list[dict[str, Any]]] = {
    "CloudTrail guide, Configure AWS KMS key policies: decrypt, and from other accounts": [
        allow(
            ANYBODY,
            ["kms:Decrypt", "kms:ReEncryptFrom"],
            {"StringEquals": {"kms:CallerAccount": account}, "StringLike": {CONTEXT: OWN_TRAILS}},
        )
        for account in (ACCOUNT, "222222222222")
    ],
    "the same: alias creation during setup": [
        allow(
            ANYBODY,
            "kms:CreateAlias",
            {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "ec2.us-east-1.amazonaws.com"}},
        )
    ],
    "the same: an organization trail, by its ARN alone": [
        allow(
            CLOUDTRAIL,
            "kms:GenerateDataKey*",
            {
                "StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:222222222222:trail/all"},
                "StringLike": {CONTEXT: "arn:aws:cloudtrail:*:*:trail/*"},
            },
        )
    ],
    "CloudTrail guide, event data stores": [
        allow(
            CLOUDTRAIL,
            ["kms:GenerateDataKey", "kms:Decrypt"],
            of_sources(f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/*"),
        )
    ],
    "KMS guide, AWS managed keys": [
        allow(
            ANYBODY,
            [*USES, "kms:CreateGrant"],
            {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "ebs.us-east-1.amazonaws.com"}},
        )
    ],
    "KMS guide, grants for AWS resources": [
        allow(ROLE, USES),
        allow(ROLE, "kms:CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    ],
    "CloudWatch Logs guide": [
        allow(
            {"Service": "logs.us-east-1.amazonaws.com"},
            USES,
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:*"}},
        )
    ],
    "Control Tower guide": [
        allow({"Service": ["config.amazonaws.com"]}, ["kms:Decrypt", "kms:GenerateDataKey"]),
        allow(CLOUDTRAIL, ["kms:GenerateDataKey*", "kms:Decrypt"], of_trails(OWN_TRAILS)),
    ],
    "IAM guide, aws:PrincipalOrgID, for use and for all": [
        allow("*", [*USES, "kms:CreateGrant"], OF_ORGANIZATION),
        allow(ANYBODY, "kms:*", OF_ORGANIZATION),
    ],
    "data perimeters": [
        allow(ANYBODY, "kms:*", {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}}),
        allow("*", "kms:Decrypt", {**IS_SERVICE, "StringEquals": {"aws:SourceOrgID": "${aws:ResourceOrgID}"}}),
        {
            **allow(
                "*",
                "kms:*",
                {
                    "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-abcdefghij"},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                },
            ),
            "Effect": "Deny",
        },
    ],
}


@pytest.mark.parametrize("page", RECOMMENDED)
def test_what_aws_recommends_is_never_a_finding(page: str) -> None:
    assert status(*RECOMMENDED[page]) == "pass"


OPEN = allow(ANYBODY)
FOREIGN = {"StringNotEquals": {"kms:CallerAccount": ACCOUNT}}
# What a Deny takes from a key that is open to all, and whether nothing is left to strangers.
DENIALS: list[tuple[dict[str, Any], bool]] = [
    ({"Condition": FOREIGN}, True),
    ({"Condition": {"StringNotEqualsIfExists": {"kms:CallerAccount": ACCOUNT}}}, True),
    ({"Condition": {**FOREIGN, "Bool": {"aws:SecureTransport": "true"}}}, True),
    ({"Condition": {"StringNotEquals": {"kms:CallerAccount": ACCOUNT, "aws:PrincipalOrgID": "o-abcdefghij"}}}, True),
    ({"Condition": FOREIGN, "NotAction": "kms:Describe*"}, True),
    ({"Condition": FOREIGN, "Resource": KEY_ARN}, True),
    ({"Condition": FOREIGN, "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, True),
    ({"NotPrincipal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", "222222222222"]}}, True),
    ({"Condition": {"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}}, False),
    ({"Condition": {"ForAllValues:StringNotLike": {"aws:PrincipalOrgPaths": "o-abcdefghij/*"}}}, False),
    ({"Condition": {"StringNotLike": {"kms:CallerAccount": [ACCOUNT, "2*"]}}}, False),
    ({"Condition": {"StringNotEquals": {"kms:CallerAccount": []}}}, False),
    ({"Condition": {"Null": {"aws:PrincipalOrgID": "true"}}}, False),
    ({"Condition": {**FOREIGN, "Bool": {"aws:MultiFactorAuthPresent": "false"}}}, False),
    ({"Condition": {**FOREIGN, "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}}, False),
    ({"Condition": {"StringEquals": {"kms:CallerAccount": ACCOUNT}}}, False),
    ({"Condition": {"StringNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::*:role/ops-{REGION}-*", OWN_ROLES]}}}, False),
    ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:stranger"}}}, False),
    ({"Condition": {"Null": {"aws:SourceOrgID": "true"}}}, False),
    ({"Condition": FOREIGN, "NotAction": "kms:Decrypt"}, False),
    ({"Condition": FOREIGN, "Action": ["kms:Decrypt", "kms:Put*"]}, False),
    ({"Condition": FOREIGN, "NotResource": KEY_ARN}, False),
    ({"Condition": FOREIGN, "Principal": CLOUDTRAIL}, False),
    ({"Condition": FOREIGN, "NotPrincipal": {"AWS": "*"}}, False),
    ({"Condition": FOREIGN, "NotPrincipal": CLOUDTRAIL}, False),
    ({"NotPrincipal": {"AWS": "arn:aws:iam::*:role/x"}}, False),
]


@pytest.mark.parametrize(("written", "closes"), DENIALS)
def test_a_deny_closes_what_it_surely_takes_from_all_whom_it_does_not_name(
    written: dict[str, Any], *, closes: bool
) -> None:
    denial = {**allow("*"), "Sid": "Less", "Effect": "Deny", **written}
    kept = {name: value for name, value in denial.items() if f"Not{name}" not in written}
    assert (status(OPEN, kept) == "pass") is closes


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        ([allow(ANYBODY, "kms:Decrypt", of_principals("*:${aws:ResourceAccount}:*"))], "in kms:CallerAccount"),
        ([allow(LAMBDA, "kms:*", {"StringLike": {"aws:SourceAccount": "2*"}})], "in full, without *, ?, IfExists"),
        (
            [allow(CLOUDTRAIL, "kms:GenerateDataKey", of_sources("arn:aws:cloudtrail:*:*:eventdatastore/*"))],
            "the trails",
        ),
        (
            [allow(CLOUDTRAIL, "kms:*", of_sources(f"arn:aws:cloudtrail:*:{ACCOUNT}:eventdatastore/*"))],
            "allow CloudTrail nothing but kms:GenerateDataKey*",
        ),
    ],
)
def test_what_is_not_shown_is_named_with_how_it_can_be(more: list[dict[str, Any]], remedy: str) -> None:
    found = finding("key_policy_is_scoped", snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, *more)))
    assert (found.status, found.evidence) == ("unknown", {"statements": ['statement "More"']})
    assert 'through statement "More" of the key policy' in found.message
    assert found.remediation.startswith(f'In statement "More" of {KEY_ARN}: ')
    assert remedy in found.remediation


# Nobody names it, nor its organization, nor its services' resources.
OUTSIDER, FOREIGN_ORGANIZATION = "555555555555", "o-5555555555"
CALLERS = ["role/x", "role/a:111111111111:b/x", "user/team/admin", "root"]
SOURCES = ["arn:aws:s3:::b", f"arn:aws:lambda:us-east-1:{OUTSIDER}:function:{ACCOUNT}", None]
LOOSE = [pair[2] for pair in PAIRS if pair[2]]


@st.composite
def outsiders(draw: st.DrawFn, subject: Subject) -> Request:
    """A call from outside: of a principal, a service, or CloudTrail for somebody else's trail."""
    action = draw(st.sampled_from([*_scope_rule.USE, *_scope_rule.ADMINISTRATION]))
    organization = draw(st.sampled_from([FOREIGN_ORGANIZATION, ()]))
    paths = f"{organization}/r-ab12/ou-ab12-11111111/" if organization else ()
    trail = f"arn:aws:cloudtrail:us-east-1:{OUTSIDER}:trail/log-us-east-1"
    if draw(st.booleans()):
        name = f"arn:aws:iam::{OUTSIDER}:{draw(st.sampled_from(CALLERS))}"
        asked = {"trail_arn": subject.trail.arn, "key_arn": KEY, "object_arn": LOGS, "bucket_region": "us-east-1"}
        call = reader_request(name, **asked, identity_allows=True, known=subject.known)
        carried = {"aws:PrincipalOrgID": organization, "aws:PrincipalOrgPaths": paths}
        carried["aws:PrincipalTag/team"] = "red"
    else:
        name = draw(st.sampled_from(["cloudtrail.amazonaws.com", "lambda.amazonaws.com", "s3.amazonaws.com.cn"]))
        call = service_request("kms:GenerateDataKey", trail_arn=trail, key_arn=KEY, known=subject.known)
        source = trail if name.startswith("cloudtrail") else draw(st.sampled_from(SOURCES))
        names = {"aws:PrincipalServiceName": name, "aws:PrincipalServiceNamesList": (name,)}
        sources = {"aws:SourceArn": source or (), "aws:SourceAccount": OUTSIDER if source else ()}
        whose = {"kms:CallerAccount": OUTSIDER, "aws:PrincipalAccount": OUTSIDER}
        carried = {"aws:SourceOrgID": organization, "aws:SourceOrgPaths": paths, **names, **sources, **whose}
        action = "kms:GenerateDataKey" if source == trail else action
        call = replace(call, principal=name)
    unknown = call.unknown_keys - carried.keys() - {"aws:PrincipalTag/*"}
    carried["kms:ViaService"] = draw(st.sampled_from(["s3.us-east-1.amazonaws.com", ()]))
    return replace(call, action=action, context={**call.context, **carried}, unknown_keys=unknown)


@given(
    st.lists(
        statements()
        | st.builds(
            lambda by, deny: {**OPEN, "Condition": by, "Effect": deny},
            st.sampled_from(LOOSE),
            st.sampled_from(["Allow", "Deny"]),
        ),
        max_size=4,
    ),
    st.data(),
)
@settings(max_examples=20)
def test_no_outsider_gets_into_a_key_that_passes(found: list[dict[str, Any]], data: st.DataObject) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": found})
    read = snapshot({"kms_key_arn": KEY}, {"arn": KEY, "policy": text})
    subject = subject_of(read, read.trails[0], Settings())
    assert isinstance(subject.key, Key)
    proven = not _scope_rule._unproven(subject, subject.key, parse(text))
    request = data.draw(outsiders(subject))
    assert not (proven and decide(parse(text), request).outcome is Outcome.ALLOWED)
