# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A statement is ours if we would have written it so; its Sid alone says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _ours
from tests.unit.policy.golden_tables import OWNER, ROLE, TRAIL
from tests.unit.policy.merging import CIS_USE, CONTEXT, DESCRIBE, READERS, ROOT, SECOND, USE

ADMINISTRATORS = _ours.administrators_statement([ROLE])
STRING = {"StringLike": USE["Condition"]["StringLike"]}


def sourced(*arns: str) -> dict[str, Any]:
    """The statement for these sources."""
    return {**USE, "Condition": {**STRING, "StringEquals": {"aws:SourceArn": list(arns)}}}


def with_empty_operator(statement: dict[str, Any]) -> dict[str, Any]:
    """The statement with one more operator, which has no key."""
    return {**statement, "Condition": {**statement.get("Condition", {}), "Bool": {}}}


@pytest.mark.parametrize(
    "statement",
    [
        USE,
        CIS_USE,
        DESCRIBE,
        READERS,
        sourced(TRAIL, SECOND),
        {**USE, "Sid": "AwsBaselineCloudTrailUse2"},
        {**USE, "Action": ["kms:decrypt", "kms:GenerateDataKey*"], "Resource": ["*"]},
        {**DESCRIBE, "Condition": {}},
        {**READERS, "Principal": {"AWS": [OWNER, "arn:aws:sts::444455556666:assumed-role/a/b"]}},
    ],
)
def test_what_we_write_is_ours(statement: dict[str, Any]) -> None:
    assert _ours.is_ours(statement)


@pytest.mark.parametrize(
    "statement",
    [
        *({**each, "Effect": "Deny"} for each in (USE, DESCRIBE, READERS)),
        *({**each, "Action": "kms:*"} for each in (USE, DESCRIBE, READERS)),
        *({**each, "Principal": "*"} for each in (USE, DESCRIBE, READERS)),
        *({**each, "Principal": {"AWS": "arn:aws:iam::*:root"}} for each in (USE, DESCRIBE, READERS)),
        *({**each, "Condition": {"Bool": {"aws:SecureTransport": "true"}}} for each in (USE, DESCRIBE, READERS)),
        *({**each, "Sid": f"{each['Sid']}Old"} for each in (USE, DESCRIBE, READERS)),
        *({**each, "Sid": f"x{each['Sid']}"} for each in (USE, DESCRIBE, READERS)),
        *({name: part for name, part in each.items() if name != "Sid"} for each in (USE, DESCRIBE, READERS)),
        {**USE, "Action": ["kms:GenerateDataKey*", "kms:Decrypt", "kms:CreateGrant"]},
        *map(with_empty_operator, (USE, DESCRIBE, READERS)),
        {**USE, "Sid": "AwsBaselineCloudTrailDescribe"},
        sourced(),
        sourced("arn:aws:cloudtrail:*:*:trail/*"),
        sourced(TRAIL, "arn:aws:cloudtrail:us-east-1:111122223333:trail/*"),
        sourced("arn:aws:s3:::logs"),
        {**USE, "Condition": {"StringLike": {CONTEXT: "arn:aws:cloudtrail:*:*:trail/*"}}},
        {**USE, "Condition": {"StringNotLike": STRING["StringLike"]}},
        {**READERS, "Principal": {"AWS": [ROLE, "*"]}},
        {**READERS, "Principal": {"AWS": []}},
        {**READERS, "Principal": {"AWS": ROLE, "Federated": "accounts.google.com"}},
        {**READERS, "Principal": {"Federated": ROLE}},
        {**{name: part for name, part in READERS.items() if name != "Principal"}, "NotPrincipal": READERS["Principal"]},
        {**READERS, "Condition": {"Null": {CONTEXT: "true"}}},
        ADMINISTRATORS,
        ROOT,
        {},
        "AwsBaselineCloudTrailUse",
        None,
    ],
)
def test_whatever_else_bears_our_sid_is_foreign(statement: Any) -> None:
    assert not _ours.is_ours(statement)


def test_administrators_are_known_by_what_they_may_do() -> None:
    assert _ours.is_administrators(ADMINISTRATORS)
    assert _ours.is_administrators({**ADMINISTRATORS, "Principal": {"AWS": OWNER}})
    assert not _ours.is_administrators({**ADMINISTRATORS, "Action": "kms:*"})
    assert not _ours.is_administrators({**ADMINISTRATORS, "Principal": "*"})


def test_readers_are_known_by_what_they_may_do() -> None:
    """Whoever else may use a key is told from them before it is kept for a new trail."""
    assert _ours.is_readers(READERS)
    assert _ours.is_readers({**READERS, "Sid": "AwsBaselineCloudTrailReaders2", "Principal": {"AWS": [OWNER, ROLE]}})
    assert not _ours.is_readers({**READERS, "Principal": "*"})
    assert not _ours.is_readers({**READERS, "Condition": {}})
    assert not any(map(_ours.is_readers, (USE, ADMINISTRATORS, ROOT)))


@pytest.mark.parametrize(
    ("statement", "others", "beyond"),
    [
        (USE, [ROOT, USE], set()),
        (USE, [sourced(TRAIL, SECOND)], set()),
        (USE, [CIS_USE], {"cloudtrail.amazonaws.com", "kms:decrypt", "kms:generatedatakey*", "*", TRAIL}),
        (sourced(TRAIL, SECOND), [USE, READERS], {SECOND}),
        (READERS, [{**READERS, "Principal": {"AWS": OWNER}}, READERS], set()),
        (DESCRIBE, [USE, {**DESCRIBE, "Sid": "theirs"}], {"cloudtrail.amazonaws.com", "kms:describekey", "*"}),
    ],
)
def test_what_a_statement_reaches_beyond_others(statement: Any, others: list[Any], beyond: set[str]) -> None:
    assert beyond <= _ours.beyond(statement, others)
    assert bool(beyond) is bool(_ours.beyond(statement, others))


def test_the_most_similar_statement_counts() -> None:
    three = [f"{TRAIL}-{number}" for number in range(3)]
    assert _ours.beyond(sourced(*three), [sourced(three[0]), sourced(*three[1:])]) == {three[0]}


def test_a_statement_in_another_spelling_is_extended_in_it() -> None:
    spelt = {
        **USE,
        "Action": ["KMS:decrypt", "kms:GenerateDataKey*"],
        "Condition": {
            "StringEquals": {"AWS:SourceArn": TRAIL},
            "StringLike": {CONTEXT.upper(): STRING["StringLike"][CONTEXT]},
        },
    }
    documents: list[Any] = [spelt]
    _ours.add_statement(documents, _ours.use_statement([SECOND], "strict"))
    (extended,) = documents
    assert extended["Action"] == spelt["Action"]
    assert extended["Condition"]["StringEquals"] == {"AWS:SourceArn": [TRAIL, SECOND]}
    assert len(extended["Condition"]["StringLike"][CONTEXT.upper()]) == 2
