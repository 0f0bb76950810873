# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merging adds what is missing, keeps what others wrote, and refuses what it cannot prove."""

from __future__ import annotations

import copy
import json
from typing import Any, Literal

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    MAX_BYTES,
    MergeRefusedError,
    Required,
    merge,
    new_key_policy,
    parse,
    validate,
)
from tests.unit.policy.golden_tables import KEY, OWNER, ROLE, TRAIL

SERVICE = {"Service": "cloudtrail.amazonaws.com"}
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
ROOT = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
USE: dict[str, Any] = {
    "Sid": "AwsBaselineCloudTrailUse",
    "Effect": "Allow",
    "Principal": SERVICE,
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
    "Condition": {
        "StringEquals": {"aws:SourceArn": [TRAIL]},
        "StringLike": {CONTEXT: [f"arn:aws:cloudtrail:*:{OWNER}:trail/*"]},
    },
}
CIS_USE = {**USE, "Condition": {"StringLike": {CONTEXT: [f"arn:aws:cloudtrail:*:{OWNER}:trail/*"]}}}
DESCRIBE = {
    "Sid": "AwsBaselineCloudTrailDescribe",
    "Effect": "Allow",
    "Principal": SERVICE,
    "Action": "kms:DescribeKey",
    "Resource": "*",
}
READERS = {
    "Sid": "AwsBaselineCloudTrailReaders",
    "Effect": "Allow",
    "Principal": {"AWS": [ROLE]},
    "Action": "kms:Decrypt",
    "Resource": "*",
    "Condition": {"Null": {CONTEXT: "false"}},
}
SECOND = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/second"


def document(*statements: Any, **elements: Any) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", **elements, "Statement": list(statements)}


def required(
    *trails: str, readers: tuple[str, ...] = (), form: Literal["strict", "cis"] = "strict", key: str = KEY
) -> Required:
    """What the key must allow."""
    return Required(key, trails or (TRAIL,), readers, form)


def merged(policy: dict[str, Any], wanted: Required) -> list[Any]:
    """The statements after merging; the policy that went in must not have changed."""
    before = copy.deepcopy(policy)
    result = merge(parse(policy), wanted)
    assert policy == before
    assert validate(result) == []
    statements: list[Any] = result.document["Statement"]
    return statements


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
    if "Resource" not in foreign:
        with pytest.raises(MergeRefusedError, match='statement "AwsBaselineCloudTrailUse": it has no Principal'):
            merge(parse(policy), required(SECOND))
        return
    assert merged(policy, required(SECOND)) == [foreign, ROOT, DESCRIBE, expected]


def test_a_sid_that_is_no_text_is_refused_like_all_that_kms_would_not_take() -> None:
    with pytest.raises(MergeRefusedError, match="Sid"):
        merge(parse(document({**ROOT, "Sid": []})), required())


def test_numbers_of_sids_go_on() -> None:
    """The first that is free."""
    taken = [{**ROOT, "Sid": f"AwsBaselineCloudTrailUse{number}"} for number in ("", 2, 3)]
    assert [each["Sid"] for each in merged(document(*taken, DESCRIBE), required())][4:] == ["AwsBaselineCloudTrailUse4"]


def test_a_sid_that_only_begins_like_ours_is_not_ours() -> None:
    """Ours end in a number or not at all."""
    theirs = {**USE, "Sid": "AwsBaselineCloudTrailUseOld"}
    assert merged(document(theirs, DESCRIBE), required(SECOND))[0] == theirs


DENY = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("before", "wanted", "why"),
    [
        (
            [ROOT, DENY],
            required(),
            'Statement "No" denies kms:GenerateDataKey to cloudtrail.amazonaws.com. No Allow overrides a Deny: exempt '
            'cloudtrail.amazonaws.com from statement "No", or remove it.',
        ),
        (
            [ROOT, {**DENY, "Action": "kms:Decrypt", "Principal": {"AWS": ROLE}}],
            required(readers=(ROLE,)),
            f'Statement "No" denies kms:Decrypt to {ROLE}. No Allow overrides a Deny: exempt {ROLE} from statement '
            '"No", or remove it.',
        ),
        (
            [ROOT, {**DENY, "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}}}],
            required(),
            'Whether statement "No" denies kms:GenerateDataKey to cloudtrail.amazonaws.com hangs on its condition '
            'StringNotEquals aws:PrincipalOrgID = "o-a", and nothing tells whether the request carries that key, and '
            'with what value. In statement "No", replace the condition on aws:PrincipalOrgID by one on a key that the '
            "request is known to carry.",
        ),
        (
            [ROOT, {**ROOT, "Sid": "Old", "Principal": {"AWS": ["AIDACKCEVSQ6C2EXAMPLE", "AROACKCEVSQ6C2EXAMPLE"]}}],
            required(),
            'statement "Old" names AIDACKCEVSQ6C2EXAMPLE, AROACKCEVSQ6C2EXAMPLE, the id of a user or role that was '
            'deleted, and KMS takes no policy with such a principal. Remove it from statement "Old", or name the new '
            "user or role.",
        ),
        (
            [ROOT, {**ROOT, "Sid": "Odd", "Condition": {"stringequals": {"a": "b"}}}],
            required(),
            'with what is missing the policy would not be taken by KMS: statement "Odd": the condition operator '
            "stringequals is spelt StringEquals. Repair these statements, or give some of the trails another key.",
        ),
    ],
)
def test_refusals_name_the_statement(before: list[Any], wanted: Required, why: str) -> None:
    """And the next step."""
    with pytest.raises(MergeRefusedError) as raised:
        merge(parse(document(*before)), wanted)
    assert str(raised.value) == f"The policy of {KEY} is left as it is: {why}"


@pytest.mark.parametrize(
    ("written", "repeated", "owner", "element"),
    [
        ('"Effect":"Allow"', '"Effect":"Deny","Effect":"Allow"', 'statement "Enable IAM User Permissions"', "Effect"),
        ('{"AWS":', '{"AWS":"111122223333","AWS":', 'statement "Enable IAM User Permissions"', "AWS"),
        ('"Statement":', '"Statement":[],"Statement":', "the policy", "Statement"),
    ],
)
def test_what_stands_twice_is_not_written_back(written: str, repeated: str, owner: str, element: str) -> None:
    """Only the last was read, and the others would be lost; while nothing is missing there is nothing to write."""
    text = parse(document(ROOT)).to_json().replace(written, repeated)
    with pytest.raises(MergeRefusedError) as raised:
        merge(parse(text), required())
    assert str(raised.value) == (
        f"The policy of {KEY} is left as it is: in {owner} the element {element} stands twice, and only the last of "
        f"them could be written back. Write it once in {owner}, with all that it is to hold."
    )
    complete = parse(parse(document(ROOT, USE, DESCRIBE)).to_json().replace(written, repeated, 1))
    assert merge(complete, required()) is complete


def test_a_policy_that_grows_too_long_is_refused_in_full_sentences() -> None:
    """The longest statement is named."""
    root = {**ROOT, "Sid": "x" * (MAX_BYTES - 300)}
    with pytest.raises(MergeRefusedError) as raised:
        merge(parse(document(root)), required())
    size, longest = (len(json.dumps(each, separators=(",", ":"))) for each in (document(root, USE, DESCRIBE), root))
    assert str(raised.value).endswith(
        f": The policy has {size} bytes, more than the 32768 that KMS takes. {parse(document(root)).statements[0]}: it "
        f"alone has {longest} bytes. Repair these statements, or give some of the trails another key."
    )


def test_what_cannot_be_written_back_does_not_matter_while_nothing_is_missing() -> None:
    """There is nothing to write."""
    old = {**ROOT, "Sid": "Old", "Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}}
    policy = parse(document(old, USE, DESCRIBE))
    assert merge(policy, required()) is policy


def trails(count: int) -> tuple[str, ...]:
    """One trail each of as many accounts, named as the examples of AWS are."""
    return tuple(f"arn:aws:cloudtrail:us-east-1:{100_000_000_000 + n}:trail/management-events" for n in range(count))


@pytest.mark.parametrize(("form", "capacity"), [("strict", 287), ("cis", 731)])
def test_how_many_accounts_share_a_key(form: Literal["strict", "cis"], capacity: int) -> None:
    """The numbers in docs/key-policy-engine.md; one more is refused and nothing is lost."""
    full = new_key_policy(required(*trails(capacity), form=form))
    assert MAX_BYTES - 120 < len(full.to_json()) <= MAX_BYTES
    with pytest.raises(MergeRefusedError, match='statement "AwsBaselineCloudTrailUse": it alone has 3'):
        merge(full, required(*trails(capacity + 1), form=form))
