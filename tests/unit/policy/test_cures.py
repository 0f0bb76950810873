# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a Deny is cured: what to add to it, so that the caller passes and nobody else does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.policy.asking import ALLOW, DENY, SERVICE, ask, when
from tests.unit.policy.golden_tables import KEY, OWNER, ROLE

ENCRYPTION = "s3:x-amz-server-side-encryption"
TRAIL_CONTEXT = {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/t"}


@pytest.mark.parametrize(
    ("condition", "context", "cure"),
    [
        (
            {"Bool": {"aws:SecureTransport": "true"}},
            {"aws:SecureTransport": "true"},
            'in statement "D", add "aws:PrincipalIsAWSService": "false" to the Bool of its Condition',
        ),
        (
            {"StringNotEquals": {ENCRYPTION: "AES256"}},
            {ENCRYPTION: "aws:kms"},
            f'in statement "D", add "aws:kms" to the values of {ENCRYPTION}.',
        ),
        (
            {"StringNotEqualsIfExists": {f"{ENCRYPTION}-aws-kms-key-id": ["alias/trail"]}},
            {f"{ENCRYPTION}-aws-kms-key-id": KEY},
            f'in statement "D", use "{KEY}" instead of "alias/trail": S3 compares the ARN of the key.',
        ),
        (
            {"StringNotEquals": {f"{ENCRYPTION}-aws-kms-key-id": [f"{KEY}0"]}},
            {f"{ENCRYPTION}-aws-kms-key-id": KEY},
            f'in statement "D", add "{KEY}" to the values of {ENCRYPTION}-aws-kms-key-id.',
        ),
        (
            {"StringNotEquals": {"aws:SourceArn": "arn:aws:cloudtrail:*:111122223333:trail/*"}},
            TRAIL_CONTEXT,
            'in statement "D", use StringNotLike instead of StringNotEquals, which takes * literally.',
        ),
        (
            {"StringNotEquals": {"aws:SourceAccount": "1"}, "Bool": {"aws:PrincipalIsAWSService": "true"}},
            {"aws:SourceAccount": "2", "aws:PrincipalIsAWSService": "true"},
            f'statement "D" targets {SERVICE}, and its author decides whether that is intended; to let this call '
            'pass, add "2" to the values of aws:SourceAccount.',
        ),
        (
            {"StringEquals": TRAIL_CONTEXT},
            TRAIL_CONTEXT,
            f'statement "D" targets {SERVICE}, and its author decides whether that is intended.',
        ),
    ],
)
def test_a_deny_is_cured_and_never_removed(condition: dict[str, Any], context: dict[str, Any], cure: str) -> None:
    """By the value that it lacks, by the exemption that AWS documents, or by whoever aimed it at the service."""
    _reason, advice, labels = ask([when(DENY, **condition), ALLOW], context=context)
    assert advice.startswith(f"No Allow overrides a Deny: {cure}")
    assert labels == ('statement "D"',)
    assert "remove" not in advice


PERIMETERS: list[dict[str, Any]] = [
    {},
    {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}},
    {"Bool": {"aws:SecureTransport": "true"}},
]


@pytest.mark.parametrize("condition", PERIMETERS)
@pytest.mark.parametrize("principal", [SERVICE, ROLE])
def test_the_json_to_add_lets_the_caller_pass_and_nobody_else(principal: str, condition: dict[str, Any]) -> None:
    """Added as it is shown, it leaves the Deny in the way of everybody else."""
    known = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": str(principal == SERVICE).lower()}
    context = known if principal == SERVICE else {**known, "aws:PrincipalArn": principal}
    deny = {**DENY, **({"Condition": condition} if condition else {})}
    advice = ask([deny, ALLOW], principal, context)[1]
    found = re.search(r'add ("[^ ]+": .+?)(?: to (its Condition|the Bool)|, which|\.$)', advice)
    assert found
    added, place = json.loads(f"{{{found[1]}}}"), found[2]
    if place is None:
        condition = added["Condition"]
    elif place == "its Condition":
        condition = {**condition, **added}
    else:
        condition = {**condition, "Bool": {**condition["Bool"], **added}}
    cured: list[dict[str, Any]] = [{**DENY, "Condition": condition}, ALLOW]
    assert ask(cured, principal, context)[0].endswith(f"allows kms:Decrypt to {principal}.")
    stranger = {**context, "aws:PrincipalIsAWSService": "false", "aws:PrincipalArn": f"{ROLE}2"}
    assert 'Statement "D" denies' in ask(cured, f"{ROLE}2", stranger)[0]


def test_a_deny_of_a_reader_exempts_that_reader() -> None:
    """By aws:PrincipalArn; a Deny that names it is its author's to decide."""
    advice = ask([when(DENY, ArnNotEquals={"aws:PrincipalArn": f"{ROLE}2"}), ALLOW], ROLE, {"aws:PrincipalArn": ROLE})[
        1
    ]
    assert advice.endswith(f'in statement "D", add "{ROLE}" to the values of aws:PrincipalArn in its ArnNotEquals.')
    user = f"arn:aws:iam::{OWNER}:user/Bob"
    assert f'add "Condition": {{"ArnNotEquals": {{"aws:PrincipalArn": "{user}"}}}}' in ask([DENY, ALLOW], user)[1]
    named = {**DENY, "Principal": {"AWS": ROLE}}
    assert f'statement "D" targets {ROLE}' in ask([named, ALLOW], ROLE)[1]
