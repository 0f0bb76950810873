# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What merging refuses: what it could not prove or write back, or KMS would not take; with the next step."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
    new_key_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import MAX_BYTES
from tests.unit.policy.golden_tables import KEY, ROLE
from tests.unit.policy.merging import DESCRIBE, ROOT, USE, document, required

DENY = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("before", "wanted", "why"),
    [
        (
            [ROOT, DENY],
            required(),
            'Statement "No" denies kms:GenerateDataKey to cloudtrail.amazonaws.com. No Allow overrides a Deny: in '
            'statement "No", add "Condition": {"Bool": {"aws:PrincipalIsAWSService": "false"}}, which exempts AWS '
            "services and nobody else.",
        ),
        (
            [ROOT, {**DENY, "Action": "kms:Decrypt", "Principal": {"AWS": ROLE}}],
            required(readers=(ROLE,)),
            f'Statement "No" denies kms:Decrypt to {ROLE}. No Allow overrides a Deny: statement "No" targets '
            f"{ROLE}, and its author decides whether that is intended.",
        ),
        (
            [ROOT, {**DENY, "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-a"}}}],
            required(),
            'Whether statement "No" denies kms:GenerateDataKey to cloudtrail.amazonaws.com depends on its '
            'condition StringNotEquals aws:SourceVpc = "vpc-a", and it is unknown whether the request has that '
            'key, and with what value. In statement "No", add "Bool": '
            '{"aws:PrincipalIsAWSService": "false"} to its Condition, which exempts AWS services and nobody '
            "else.",
        ),
        (
            [ROOT, {**ROOT, "Sid": "Old", "Principal": {"AWS": ["AIDACKCEVSQ6C2EXAMPLE", "AROACKCEVSQ6C2EXAMPLE"]}}],
            required(),
            'statement "Old" names AIDACKCEVSQ6C2EXAMPLE, AROACKCEVSQ6C2EXAMPLE, the id of a user or role that '
            'was deleted, and KMS accepts no policy with such a principal. Remove it from statement "Old", or '
            "name the new user or role.",
        ),
    ],
)
def test_refusals_name_the_statement(before: list[Any], wanted: Required, why: str) -> None:
    """And the next step."""
    with pytest.raises(MergeRefusedError) as raised:
        merge(parse(document(*before)), wanted)
    assert str(raised.value) == f"The policy of {KEY} is left as it is: {why}"


TWICE = [
    ('"Effect":"Allow"', '"Effect":"Deny","Effect":"Allow"', 'statement "Enable IAM User Permissions"', "Effect"),
    ('{"AWS":', '{"AWS":"111122223333","AWS":', 'statement "Enable IAM User Permissions"', "AWS"),
    ('"Statement":', '"Statement":[],"Statement":', "the policy", "Statement"),
    ('"kms:*"', '["kms:*",{"x":1,"x":2}]', 'statement "Enable IAM User Permissions"', '"x"'),
]


@pytest.mark.parametrize(("written", "repeated", "owner", "element"), TWICE)
def test_what_stands_twice_is_not_written_back(written: str, repeated: str, owner: str, element: str) -> None:
    """Only the last was read, and the others would be lost."""
    text = parse(document(ROOT)).to_json().replace(written, repeated)
    with pytest.raises(MergeRefusedError) as raised:
        merge(parse(text), required())
    assert str(raised.value) == (
        f"The policy of {KEY} is left as it is: in {owner} the element {element} appears twice, and only the last "
        f"one could be written back. Keep one in {owner}, with everything it needs."
    )


@pytest.mark.parametrize(("written", "repeated"), [each[:2] for each in TWICE[:2]])
def test_where_nothing_is_missing_whatever_stands_twice_says_there_is_nothing_to_write(
    written: str, repeated: str
) -> None:
    complete = parse(parse(document(ROOT, USE, DESCRIBE)).to_json().replace(written, repeated, 1))
    assert merge(complete, required()) is complete


def test_a_policy_that_grows_too_long_is_refused_in_full_sentences() -> None:
    """The longest statement is named."""
    root = {**ROOT, "Sid": "x" * (MAX_BYTES - 300)}
    with pytest.raises(MergeRefusedError) as raised:
        merge(parse(document(root)), required())
    size, longest = (len(json.dumps(each, separators=(",", ":"))) for each in (document(root, USE, DESCRIBE), root))
    assert str(raised.value).endswith(
        f": The policy has {size} bytes; KMS accepts 32768. {parse(document(root)).statements[0]}: it alone has "
        f"{longest} bytes. Fix these statements, or give some of the trails another key."
    )


def test_a_policy_that_grows_longer_than_any_that_is_read_is_refused() -> None:
    with pytest.raises(MergeRefusedError, match=r"is left as it is: The policy has .* characters; AWS returns at most"):
        new_key_policy(required(*trails(3000)))


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
