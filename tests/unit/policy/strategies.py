# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies and requests for the properties, drawn from a vocabulary small enough that they meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import Required
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Known, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    reader_request,
    service_request,
)
from tests.unit.policy.golden_tables import KEY, OWNER, PLAIN_KEY

SERVICE = "cloudtrail.amazonaws.com"
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
OTHER = "444455556666"
STRANGER = "999999999999"
LOGS = "arn:aws:s3:::b"
TRAILS = [
    f"arn:aws:cloudtrail:{region}:{account}:trail/{name}"
    for account, region, name in [
        (OWNER, "us-east-1", "main"),
        (OWNER, "eu-west-1", "second"),
        (OTHER, "us-east-1", "main"),
        (STRANGER, "us-east-1", "main"),
    ]
]
READERS = [
    f"arn:aws:iam::{OWNER}:role/reader",
    f"arn:aws:iam::{OWNER}:user/Bob",
    f"arn:aws:iam::{OTHER}:role/reader",
    f"arn:aws:iam::{OTHER}:root",
    f"arn:aws:sts::{OWNER}:assumed-role/reader/alice",
]
ACTIONS = ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:PutKeyPolicy"]


def one_or_many(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """A text or a list of texts."""
    return values | st.lists(values, min_size=1, max_size=3)


PRINCIPALS = st.fixed_dictionaries(
    {},
    optional={
        "AWS": one_or_many(
            st.sampled_from([*READERS, OWNER, f"arn:aws:iam::{OWNER}:root", f"arn:aws:iam::{STRANGER}:root"])
        ),
        "Service": one_or_many(st.sampled_from([SERVICE, "config.amazonaws.com"])),
    },
).filter(bool) | st.sampled_from(["*", {"AWS": "*"}])
ACTION_NAMES = one_or_many(st.sampled_from([*ACTIONS, "kms:GenerateDataKey*", "kms:*", "KMS:decrypt", "kms:De*", "*"]))
RESOURCES = one_or_many(st.sampled_from(["*", "*", KEY, "arn:aws:kms:*:*:key/*", "arn:aws:s3:::bucket"]))
TRAIL_PATTERNS = [f"arn:aws:cloudtrail:*:{account}:trail/*" for account in (OWNER, OTHER, STRANGER)]
OPERATORS = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIfExists",
    "ForAnyValue:StringLike",
]
KEYS = {
    "aws:SourceArn": TRAILS,
    CONTEXT: [*TRAILS, *TRAIL_PATTERNS],
    "aws:SourceAccount": [OWNER, OTHER],
    "kms:CallerAccount": [OWNER, OTHER],
    "aws:PrincipalOrgID": ["o-a", "o-b"],
    "kms:ViaService": ["s3.us-east-1.amazonaws.com"],
    "aws:PrincipalIsAWSService": ["true", "false"],
    "aws:PrincipalTag/team": ["red", "${aws:PrincipalTag/color}"],
    "aws:SourceOrgID": ["o-a", "o-*", "${aws:ResourceOrgID}"],
    "aws:CurrentTime": ["2026-11-23T12:00:00Z", "2026-12-31T00:00:00Z"],
    "kms:KeySpec": ["SYMMETRIC_DEFAULT", "RSA_2048"],
}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """At most two operators with a key each."""
    block: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(sorted(KEYS)), max_size=2)):
        operator = draw(st.sampled_from([*OPERATORS, "Null"]))
        values = st.sampled_from(["true", "false"]) if operator == "Null" else st.sampled_from(KEYS[key])
        block.setdefault(operator, {})[key] = draw(one_or_many(values))
    return block


@st.composite
def statements(draw: st.DrawFn, *, effects: tuple[str, ...] = ("Allow", "Allow", "Allow", "Deny")) -> dict[str, Any]:
    """One statement, now and then with a negated element."""
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(effects))}
    sid = draw(st.sampled_from(["", "a", "AwsBaselineCloudTrailUse"]))
    if sid:
        statement["Sid"] = sid
    spared = statement["Effect"] == "Deny" and draw(st.booleans())
    statement["NotPrincipal" if spared else "Principal"] = draw(PRINCIPALS)
    statement[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(ACTION_NAMES)
    statement[draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))] = draw(RESOURCES)
    block = draw(conditions())
    if block:
        statement["Condition"] = block
    return statement


@st.composite
def documents(draw: st.DrawFn, *, effects: tuple[str, ...] = ("Allow", "Allow", "Allow", "Deny")) -> dict[str, Any]:
    """A policy."""
    version = draw(st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]))
    return {"Version": version, "Statement": draw(st.lists(statements(effects=effects), max_size=5))}


def wanted() -> st.SearchStrategy[Required]:
    """What merging must give: never anything for the stranger."""
    return st.builds(
        Required,
        key_arn=st.just(KEY),
        trail_arns=st.lists(st.sampled_from(TRAILS[:3]), min_size=1, max_size=3, unique=True).map(tuple),
        readers=st.lists(st.sampled_from(READERS), max_size=3, unique=True).map(tuple),
        form=st.sampled_from(["strict", "cis"]),
    )


def services() -> st.SearchStrategy[Request]:
    """Any call of CloudTrail for any trail."""
    return st.builds(
        lambda action, trail: service_request(action, trail_arn=trail, key_arn=KEY),
        st.sampled_from(ACTIONS),
        st.sampled_from(TRAILS),
    )


# What may be read beside a policy, fact by fact.
FACTS: list[dict[str, Any]] = [
    {"at": datetime(2026, 11, 23, 12, tzinfo=timezone.utc)},
    {"key": replace(PLAIN_KEY, multi_region=True)},
    *({"organizations": {OWNER: each}} for each in ("o-a", "o-b", "")),
]


@st.composite
def learning(draw: st.DrawFn) -> tuple[Request, Request]:
    """One call, before and after one more fact was read."""
    facts = draw(st.lists(st.sampled_from(FACTS), min_size=1, max_size=3, unique_by=lambda fact: next(iter(fact))))
    less, more = (
        Known(**{name: value for fact in each for name, value in fact.items()}) for each in (facts[:-1], facts)
    )
    trail = draw(st.sampled_from(TRAILS))
    if draw(st.booleans()):
        action = draw(st.sampled_from(ACTIONS))
        before, after = (service_request(action, trail_arn=trail, key_arn=KEY, known=known) for known in (less, more))
        return before, after
    reader = draw(st.sampled_from(READERS))
    asked: dict[str, Any] = {"trail_arn": trail, "key_arn": KEY, "object_arn": LOGS, "bucket_region": "us-east-1"}
    before, after = (reader_request(reader, **asked, identity_allows=True, known=known) for known in (less, more))
    return before, after


def readers() -> st.SearchStrategy[Request]:
    """Any reader, or a stranger, with or without IAM policies that are known."""
    return st.builds(
        lambda reader, trail, identity: reader_request(
            reader,
            trail_arn=trail,
            key_arn=KEY,
            object_arn=LOGS,
            bucket_region="us-east-1",
            identity_allows=identity,
        ),
        st.sampled_from([*READERS, f"arn:aws:iam::{OWNER}:role/other", f"arn:aws:iam::{STRANGER}:role/stranger"]),
        st.sampled_from(TRAILS),
        st.sampled_from([None, True, False]),
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """CloudTrail's or a reader's call, or a reader's call of something else."""
    request = draw(services() | readers())
    return replace(request, action=draw(st.sampled_from(ACTIONS))) if draw(st.booleans()) else request
