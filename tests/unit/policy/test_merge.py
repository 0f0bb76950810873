# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merging adds what is missing and keeps what others wrote."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    Required,
    merge,
    new_key_policy,
)
from tests.unit.policy.golden_tables import KEY, OWNER, ROLE, TRAIL
from tests.unit.policy.merging import (
    CIS_USE,
    CONTEXT,
    DESCRIBE,
    READERS,
    ROOT,
    SECOND,
    SERVICE,
    USE,
    document,
    merged,
    required,
)


def test_the_policy_of_a_new_key() -> None:
    """The account as administrator, CloudTrail for this trail, the readers."""
    policy = new_key_policy(required(readers=(ROLE,)))
    assert policy.document == document(ROOT, USE, DESCRIBE, READERS)
    assert policy.warnings == ()


def test_the_policy_of_a_new_key_in_cis_form_in_another_partition() -> None:
    """The trail decides the partition of its ARNs, the key that of its administrator and readers."""
    trail = TRAIL.replace("arn:aws:", "arn:aws-us-gov:")
    wanted = required(trail, readers=("444455556666",), form="cis", key=KEY.replace("arn:aws:", "arn:aws-us-gov:"))
    assert new_key_policy(wanted).document == document(
        {**ROOT, "Principal": {"AWS": f"arn:aws-us-gov:iam::{OWNER}:root"}},
        {**USE, "Condition": {"StringLike": {CONTEXT: [f"arn:aws-us-gov:cloudtrail:*:{OWNER}:trail/*"]}}},
        DESCRIBE,
        {**READERS, "Principal": {"AWS": ["arn:aws-us-gov:iam::444455556666:root"]}},
    )


FOREIGN_ENCRYPT = {**USE, "Sid": "theirs", "Action": "kms:GenerateDataKey*"}
FOREIGN_DECRYPT = {"Effect": "Allow", "Principal": SERVICE, "Action": "kms:Decrypt", "Resource": "*"}
CALLERS = {"StringEquals": {"kms:CallerAccount": OWNER}}


@pytest.mark.parametrize(
    ("before", "wanted", "added"),
    [
        ([ROOT], required(), [USE, DESCRIBE]),
        ([ROOT], required(form="cis"), [CIS_USE, DESCRIBE]),
        ([ROOT, DESCRIBE], required(), [USE]),
        ([ROOT, USE], required(), [DESCRIBE]),
        ([ROOT, FOREIGN_ENCRYPT, FOREIGN_DECRYPT], required(), [DESCRIBE]),
        ([ROOT, FOREIGN_ENCRYPT, DESCRIBE], required(), [USE]),
        # A reader that only the root statement covers is named; one that is named already is not named again.
        ([ROOT, USE, DESCRIBE], required(readers=(ROLE,)), [READERS]),
        (
            [ROOT, USE, DESCRIBE, {**READERS, "Sid": "theirs", "Principal": {"AWS": ROLE}}],
            required(readers=(ROLE, "arn:aws:iam::444455556666:role/b")),
            [{**READERS, "Principal": {"AWS": ["arn:aws:iam::444455556666:role/b"]}}],
        ),
        # The key policy gives a reader of another account its half, whatever the account's id stands in.
        (
            [ROOT, USE, DESCRIBE],
            required(readers=(f"arn:aws:iam::444455556666:role/{OWNER}",)),
            [{**READERS, "Principal": {"AWS": [f"arn:aws:iam::444455556666:role/{OWNER}"]}}],
        ),
        # What somebody else's statement gives is not given again.
        ([ROOT, {**DESCRIBE, "Sid": "theirs"}], required(), [USE]),
        # Its logs are in the key's region, and so is the S3 that it reads them through.
        (
            [
                ROOT,
                USE,
                DESCRIBE,
                {
                    **READERS,
                    "Sid": "theirs",
                    "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
                },
            ],
            required(readers=(ROLE,)),
            [],
        ),
        # The root user is covered by the root statement.
        ([ROOT, USE, DESCRIBE], required(readers=(OWNER,)), []),
        # The console's form leaves it open whether the service may Decrypt.
        (
            [ROOT, FOREIGN_ENCRYPT, DESCRIBE, {**FOREIGN_DECRYPT, "Principal": {"AWS": "*"}, "Condition": CALLERS}],
            required(),
            [USE],
        ),
        # Two trails of one account share the pattern of their account.
        (
            [ROOT, DESCRIBE],
            required(TRAIL, f"{TRAIL}-2", TRAIL),
            [
                {
                    **USE,
                    "Condition": {
                        "StringEquals": {"aws:SourceArn": [TRAIL, f"{TRAIL}-2"]},
                        "StringLike": {CONTEXT: [f"arn:aws:cloudtrail:*:{OWNER}:trail/*"]},
                    },
                }
            ],
        ),
        # Only the trail that misses something is added.
        (
            [ROOT, DESCRIBE, {**USE, "Sid": "theirs"}],
            required(TRAIL, SECOND),
            [
                {
                    **USE,
                    "Condition": {
                        "StringEquals": {"aws:SourceArn": [SECOND]},
                        "StringLike": {CONTEXT: ["arn:aws:cloudtrail:*:444455556666:trail/*"]},
                    },
                }
            ],
        ),
    ],
)
def test_only_what_is_missing_is_added(before: list[Any], wanted: Required, added: list[Any]) -> None:
    """At the end; everything else stays, in its order."""
    policy = document(*before, Id="theirs")
    assert merged(policy, wanted) == before + added
    assert list(merge(parse(policy), wanted).document) == ["Version", "Id", "Statement"]


def test_nothing_missing_gives_back_the_very_same_policy() -> None:
    """So that no write follows."""
    policy = parse(document(ROOT, USE, DESCRIBE, READERS))
    assert merge(policy, required(readers=(ROLE,))) is policy
    assert merge(policy, Required(KEY, ())) is policy


def test_a_single_statement_becomes_a_list() -> None:
    """AWS accepts both."""
    assert merged({"Version": "2012-10-17", "Statement": ROOT}, required()) == [ROOT, USE, DESCRIBE]


BOTH = {
    "StringEquals": {"aws:SourceArn": [TRAIL, SECOND]},
    "StringLike": {CONTEXT: [f"arn:aws:cloudtrail:*:{OWNER}:trail/*", "arn:aws:cloudtrail:*:444455556666:trail/*"]},
}


@pytest.mark.parametrize(
    ("ours", "wanted", "extended"),
    [
        (USE, required(SECOND), {**USE, "Condition": BOTH}),
        (
            {**USE, "Sid": "AwsBaselineCloudTrailUse2"},
            required(SECOND),
            {**USE, "Sid": "AwsBaselineCloudTrailUse2", "Condition": BOTH},
        ),
        # As KMS may give it back: single values without their list, lists in another order.
        (
            {
                **USE,
                "Principal": {"Service": ["cloudtrail.amazonaws.com"]},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": ["*"],
                "Condition": {
                    "StringLike": {CONTEXT: f"arn:aws:cloudtrail:*:{OWNER}:trail/*"},
                    "StringEquals": {"aws:SourceArn": TRAIL},
                },
            },
            required(SECOND),
            {
                **USE,
                "Principal": {"Service": ["cloudtrail.amazonaws.com"]},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": ["*"],
                "Condition": BOTH,
            },
        ),
        # What is in a list already is not put there again, and what lacks nothing stays as it is written.
        (
            {
                **USE,
                "Condition": {**USE["Condition"], "StringLike": {CONTEXT: f"arn:aws:cloudtrail:*:{OWNER}:trail/*"}},
            },
            required(f"{TRAIL}-2"),
            {
                **USE,
                "Condition": {
                    "StringEquals": {"aws:SourceArn": [TRAIL, f"{TRAIL}-2"]},
                    "StringLike": {CONTEXT: f"arn:aws:cloudtrail:*:{OWNER}:trail/*"},
                },
            },
        ),
        (
            CIS_USE,
            required(SECOND, form="cis"),
            {**CIS_USE, "Condition": {"StringLike": BOTH["StringLike"]}},
        ),
        (
            READERS,
            required(SECOND, readers=(ROLE, "111122223333", "arn:aws:iam::111122223333:user/Bob")),
            {**READERS, "Principal": {"AWS": [ROLE, "arn:aws:iam::111122223333:user/Bob"]}},
        ),
    ],
)
def test_our_own_statement_is_extended(ours: Any, wanted: Required, extended: Any) -> None:
    """Known by Sid and shape; its place and Sid stay."""
    others = [statement for statement in (USE, DESCRIBE) if statement["Sid"] != ours["Sid"]]
    if ours is READERS:
        others = [{**USE, "Condition": BOTH}, DESCRIBE]
    elif ours["Sid"] != "AwsBaselineCloudTrailReaders":
        others = [DESCRIBE]
    policy = document(ROOT, ours, *others)
    assert merged(policy, wanted) == [ROOT, extended, *others]


@pytest.mark.parametrize(
    "foreign",
    [
        {**USE, "Effect": "Deny", "Principal": {"Service": "config.amazonaws.com"}},
        {**USE, "Action": "kms:GenerateDataKey*"},
        {**USE, "Principal": {"Service": ["cloudtrail.amazonaws.com", "config.amazonaws.com"]}},
        {**USE, "Resource": KEY.replace("1234", "0000")},
        {**USE, "Condition": {**USE["Condition"], "Bool": {"aws:SecureTransport": "true"}}},
        CIS_USE,
        {"Sid": "AwsBaselineCloudTrailUse", "Effect": "Deny"},
        {
            **USE,
            "Condition": {**USE["Condition"], "StringEquals": {"aws:SourceArn": ["arn:aws:cloudtrail:*:*:trail/*"]}},
        },
        {**USE, "Condition": {**USE["Condition"], "StringEquals": {"aws:SourceArn": [TRAIL, "arn:aws:s3:::logs"]}}},
        {**USE, "Condition": {**USE["Condition"], "StringLike": {CONTEXT: ["arn:aws:cloudtrail:*:*:trail/*"]}}},
    ],
)
def test_a_foreign_statement_with_our_sid_is_kept(foreign: dict[str, Any]) -> None:
    """Ours then gets a number; nothing of theirs is touched."""
    expected = {
        **USE,
        "Sid": "AwsBaselineCloudTrailUse2",
        "Condition": {
            "StringEquals": {"aws:SourceArn": [SECOND]},
            "StringLike": {CONTEXT: ["arn:aws:cloudtrail:*:444455556666:trail/*"]},
        },
    }
    policy = document(foreign, ROOT, DESCRIBE)
    assert merge(parse(policy), required(SECOND)).document["Statement"] == [foreign, ROOT, DESCRIBE, expected]


def test_numbers_of_sids_go_on() -> None:
    """The first that is free."""
    taken = [{**ROOT, "Sid": f"AwsBaselineCloudTrailUse{number}"} for number in ("", 2, 3)]
    assert [each["Sid"] for each in merged(document(*taken, DESCRIBE), required())][4:] == ["AwsBaselineCloudTrailUse4"]


def test_a_sid_that_only_begins_like_ours_is_not_ours() -> None:
    """Ours end in a number or not at all."""
    theirs = {**USE, "Sid": "AwsBaselineCloudTrailUseOld"}
    assert merged(document(theirs, DESCRIBE), required(SECOND))[0] == theirs
