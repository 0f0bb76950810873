# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tag and a Sid can be given by anybody: what reaches beyond the account is neither adopted nor restored."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    KeyLookup,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._key_plan import Plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _ours
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from tests.unit.checks import build
from tests.unit.plan.build import BARE, NOTHING, orphan, plan, steps

STRANGER = "arn:aws:iam::999999999999:root"
ANALYST = "arn:aws:iam::222222222222:role/Analyst"
BORN = json.loads(str(orphan(1).policy))["Statement"]
ADMINISTRATION = _ours.administrators_statement([STRANGER])
READERS = _ours.readers_statement([STRANGER])
EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}


def adopting(*statements: Any, settings: Settings | None = None, **key: Any) -> Plan:
    """The plan where a run seems to have left a key with these statements beside those it is born with."""
    left = orphan(1, policy=build.policy(*BORN, *statements))
    found = replace(NOTHING, unaliased=(left,))
    return plan(build.snapshot(trail=BARE), EnforceRequest(key=KeyRequest(**key)), found, settings)


@pytest.mark.parametrize(
    ("statement", "whom"),
    [
        ({**ADMINISTRATION, "Action": "kms:*"}, "999999999999"),
        (ADMINISTRATION, "999999999999"),
        (READERS, "999999999999"),
        ({**READERS, "Principal": "*"}, "everybody"),
        ({**READERS, "Principal": {"AWS": [build.ROLE_ARN, "*"]}}, "everybody"),
        ({**EVERYBODY, "Sid": "AwsBaselineCloudTrailUse2"}, "everybody"),
        ({**EVERYBODY, "Sid": "Theirs"}, "everybody"),
        ({**EVERYBODY, "Sid": "Theirs", "Principal": {"AWS": ANALYST}}, ANALYST),
        ({**EVERYBODY, "Sid": "Theirs", "Principal": {"Federated": "accounts.google.com"}}, "accounts.google.com"),
        ({**EVERYBODY, "Sid": "Theirs", "Principal": {"CanonicalUser": "79a5"}}, "79a5"),
        ({**EVERYBODY, "Sid": "Theirs", "Principal": {"Robot": "r2d2"}}, "r2d2"),
        (
            {**EVERYBODY, "Sid": "Theirs", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "kms:*"},
            "lambda.amazonaws.com",
        ),
    ],
)
def test_a_key_that_reaches_beyond_its_account_is_not_adopted(statement: Any, whom: str) -> None:
    planned = adopting(statement)
    assert planned.changes == () or planned.refusals
    (refused,) = map(str, planned.refusals)
    assert (
        f'its statement "{statement["Sid"]}" reaches beyond its account, to {whom}. If the key is yours, remove that'
        in refused
    )
    assert orphan(1).arn in refused


@pytest.mark.parametrize(
    ("statement", "settings", "key"),
    [
        (_ours.readers_statement([build.ROLE_ARN]), Settings(readers=(ANALYST, build.ROLE_ARN)), {}),
        (_ours.readers_statement([ANALYST]), Settings(readers=(ANALYST,)), {}),
        (_ours.readers_statement(["222222222222"]), Settings(readers=("arn:aws:iam::222222222222:root",)), {}),
        (_ours.administrators_statement([build.ROLE_ARN]), Settings(), {"administrators": (build.ROLE_ARN,)}),
        (_ours.administrators_statement([ANALYST]), Settings(), {"administrators": (ANALYST,)}),
    ],
)
def test_whom_this_run_would_let_in_itself_is_trusted(statement: Any, settings: Settings, key: dict[str, Any]) -> None:
    planned = adopting(statement, settings=settings, **key)
    assert planned.refusals == ()
    assert planned.changes[0].operation == "CreateAlias"


@pytest.mark.parametrize(
    ("statement", "settings", "key"),
    [
        (_ours.readers_statement([build.ROLE_ARN]), Settings(), {}),
        (_ours.readers_statement([ANALYST, build.ROLE_ARN]), Settings(readers=(ANALYST,)), {}),
        (_ours.readers_statement([build.ROLE_ARN]), Settings(), {"administrators": (build.ROLE_ARN,)}),
        (_ours.administrators_statement([build.ROLE_ARN]), Settings(), {}),
        (_ours.administrators_statement([build.ROLE_ARN]), Settings(readers=(build.ROLE_ARN,)), {}),
        (
            {**READERS, "Sid": "AwsBaselineCloudTrailReaders2", "Principal": {"AWS": build.ROLE_ARN}},
            Settings(),
            {},
        ),
    ],
)
def test_a_key_that_names_others_of_its_account_than_this_run_is_not_adopted(
    statement: Any, settings: Settings, key: dict[str, Any]
) -> None:
    """The person who planted the key could otherwise decrypt the logs and administer the key."""
    planned = adopting(statement, settings=settings, **key)
    (refused,) = map(str, planned.refusals)
    assert (
        f'its statement "{statement["Sid"]}" names {build.ROLE_ARN}, whom this run would not name there. If the key is '
        "yours, remove that"
    ) in refused
    assert orphan(1).arn in refused


@pytest.mark.parametrize("reader", [ANALYST, build.ROLE_ARN])
def test_a_shared_key_may_name_the_readers_of_all_accounts_of_the_run(reader: str) -> None:
    left = orphan(1, policy=build.policy(*BORN, _ours.readers_statement([reader])))
    request = EnforceRequest(readers=frozenset((reader,)))
    assert steps(plan(build.snapshot(trail=BARE), request, replace(NOTHING, unaliased=(left,))))[0][0] == "CreateAlias"


# What a key says twice, the last of which is harmless.
TWICE = [
    (
        '"Principal": {"AWS": ["a',
        '"Principal": "*", "Principal": {"AWS": ["a',
        "Principal appears twice in it",
    ),
    ('"AWS": ["arn', '"AWS": "*", "AWS": ["arn', "AWS appears twice in it"),
    ('"Action": "kms:Decrypt"', '"Action": "kms:*", "Action": "kms:Decrypt"', "Action appears twice in it"),
    ('"Condition": {"Null"', '"Condition": {}, "Condition": {"Null"', "Condition appears twice in it"),
    ('"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"', "Effect appears twice in it"),
    ('"Statement": [', '"Statement": [{}], "Statement": [', "Statement appears twice in it"),
]


@pytest.mark.parametrize(("once", "twice", "says"), TWICE)
def test_a_key_that_says_something_twice_is_neither_adopted_nor_taken_without_a_word(
    once: str, twice: str, says: str
) -> None:
    begin, _once, end = build.policy(*BORN, _ours.readers_statement([build.ROLE_ARN])).rpartition(once)
    left = replace(NOTHING, unaliased=(orphan(1, policy=begin + twice + end),))
    planned = plan(build.snapshot(trail=BARE), EnforceRequest(key=KeyRequest()), left)
    assert says in str(planned.refusals)
    assert "nobody can tell whom its " in str(planned.refusals)
    aliased = replace(orphan(1, policy=begin + twice + end), aliases=(KeyRequest().alias,))
    moved = plan(build.snapshot(trail=BARE), EnforceRequest(), KeyLookup(aliased))
    assert says in str(moved.warnings)


def test_a_deny_that_says_something_twice_lets_nobody_in_and_is_not_ours() -> None:
    text = build.policy(*BORN, {**EVERYBODY, "Effect": "Deny"})
    begin, once, end = text.rpartition('"Action"')
    left = replace(NOTHING, unaliased=(orphan(1, policy=f'{begin}"Action": "x", {once}{end}'),))
    assert plan(build.snapshot(trail=BARE), EnforceRequest(key=KeyRequest()), left).changes[0].operation == "CreateKey"


def test_of_many_strangers_the_message_names_some() -> None:
    many = [f"arn:aws:iam::{number:012}:root" for number in range(500)]
    (refused,) = map(str, adopting(_ours.readers_statement(many)).refusals)
    assert re.search(r"beyond its account, to 000000000000, .* and \d+ more\.", refused)
    assert len(refused) < 1000


def test_a_reader_is_no_administrator() -> None:
    (refused,) = map(
        str, adopting(_ours.administrators_statement([ANALYST]), settings=Settings(readers=(ANALYST,))).refusals
    )
    assert "reaches beyond its account" in refused


@pytest.mark.parametrize(
    "statement",
    [
        {**EVERYBODY, "Condition": {"StringEquals": {"kms:CallerAccount": build.ACCOUNT}}},
        {**EVERYBODY, "Principal": {"Service": "logs.amazonaws.com"}},
        {
            **EVERYBODY,
            "Principal": {"Service": "backup.amazonaws.com"},
            "Action": "kms:*",
            "Condition": {"StringEquals": {"aws:SourceAccount": build.ACCOUNT}},
        },
        {**EVERYBODY, "Sid": "AwsBaselineCloudTrailReaders", "Principal": {"AWS": build.ROLE_ARN}},
        {**EVERYBODY, "Effect": "Deny"},
        {**_ours.use_statement([build.TRAIL_ARN], "strict"), "Action": "kms:*"},
    ],
)
def test_a_key_with_statements_of_others_is_kept_and_not_used(statement: Any) -> None:
    assert [change.operation for change in adopting(statement).changes][:1] == ["CreateKey"]


def test_the_root_statement_is_known_by_all_that_it_says() -> None:
    root, *others = BORN
    for odd in ({**root, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, {**root, "Resource": "arn:x"}):
        left = orphan(1, policy=build.policy(odd, *others))
        planned = plan(build.snapshot(trail=BARE), target=replace(NOTHING, unaliased=(left,)))
        assert planned.changes[0].operation == "CreateKey"


RELATED = orphan(1).arn.replace("us-east-1", "eu-west-1")
# What an attacker can have made with our tag and our policy: the material, or a key that shares it, is in other hands.
MATERIAL = [
    {"origin": "EXTERNAL"},
    {"origin": "EXTERNAL", "valid_to": build.NOW + timedelta(hours=2)},
    {"origin": "EXTERNAL_KEY_STORE"},
    {"origin": "AWS_CLOUDHSM"},
    {"multi_region": True},
    {"spec": "RSA_2048"},
    {"usage": "GENERATE_VERIFY_MAC"},
]
# The same where a multi-Region key is requested.
RELATIVES = [
    {"multi_region": False},
    {"multi_region": True, "primary_arn": RELATED, "related_keys": (RELATED,)},
    {"multi_region": True, "related_keys": (RELATED,)},
    {"multi_region": True, "related_keys": None},
]


@pytest.mark.parametrize(
    ("fields", "is_multi_region"), [(each, False) for each in MATERIAL] + [(each, True) for each in RELATIVES]
)
def test_a_key_of_other_material_than_a_run_creates_is_not_adopted(
    fields: dict[str, Any], is_multi_region: bool
) -> None:
    left = replace(NOTHING, unaliased=(orphan(1, **fields),))
    request = EnforceRequest(key=KeyRequest(multi_region=is_multi_region))
    assert plan(build.snapshot(trail=BARE), request, left).changes[0].operation == "CreateKey"


@pytest.mark.parametrize("is_multi_region", [False, True])
def test_a_key_that_a_run_left_behind_is_adopted(is_multi_region: bool) -> None:
    left = replace(NOTHING, unaliased=(orphan(1, multi_region=is_multi_region),))
    request = EnforceRequest(key=KeyRequest(multi_region=is_multi_region))
    assert plan(build.snapshot(trail=BARE), request, left).changes[0].operation == "CreateAlias"


# What has our alias


def moving_to(
    *statements: Any, request: EnforceRequest | None = None, settings: Settings | None = None, **fields: Any
) -> Plan:
    """The plan that gives a trail the key that has our alias, with these statements."""
    policy = build.policy(build.ROOT, *statements)
    aliased = replace(build.KEY, aliases=(KeyRequest().alias,), policy=policy, **fields)
    return plan(build.snapshot(trail=BARE), request or EnforceRequest(), KeyLookup(aliased), settings)


@pytest.mark.parametrize(
    ("statement", "whom"),
    [
        (EVERYBODY, "everybody"),
        (ADMINISTRATION, "999999999999"),
        ({**EVERYBODY, "Principal": {"AWS": ANALYST}}, ANALYST),
    ],
)
def test_a_trail_is_not_moved_to_a_key_that_lets_strangers_in_without_a_word(statement: Any, whom: str) -> None:
    """Whoever may create keys may give one our alias."""
    planned = moving_to(statement)
    (told,) = (each for each in map(str, planned.warnings) if "reaches beyond its account" in each)
    assert f"the key {build.KEY_ARN}, to which {KeyRequest().alias} points, will now use it" in told
    assert f"reaches beyond its account, to {whom}. If nobody" in told


MULTI_REGION = EnforceRequest(key=KeyRequest(multi_region=True))
GIVEN = EnforceRequest(key=None, key_id=build.KEY_ARN)


@pytest.mark.parametrize(
    ("fields", "request_", "says"),
    [
        ({"origin": "EXTERNAL"}, EnforceRequest(), ["its key material is not KMS's own (origin EXTERNAL)"]),
        ({"origin": "EXTERNAL_KEY_STORE"}, MULTI_REGION, ["(origin EXTERNAL_KEY_STORE)"]),
        (
            {"multi_region": True},
            EnforceRequest(),
            ["it is a multi-Region key, though key does not request one"],
        ),
        ({"multi_region": True, "origin": "EXTERNAL"}, EnforceRequest(), ["(origin EXTERNAL)", "multi-Region"]),
        ({}, EnforceRequest(), []),
        ({"multi_region": True}, MULTI_REGION, []),
        ({"multi_region": True, "origin": "EXTERNAL"}, GIVEN, []),
    ],
)
def test_a_trail_is_not_moved_to_a_key_whose_material_others_may_have_without_a_word(
    fields: dict[str, Any], request_: EnforceRequest, says: list[str]
) -> None:
    planned = moving_to(build.ENCRYPT, request=request_, **fields)
    assert planned.changes[-1].operation == "UpdateTrail"
    told = [each for each in map(str, planned.warnings) if "If nobody intended that" in each]
    assert len(told) == len(says)
    assert all(words in warning for words, warning in zip(says, told, strict=True))


@pytest.mark.parametrize(
    ("requested", "statement", "readers"),
    [
        (EnforceRequest(), build.ENCRYPT, ()),
        (EnforceRequest(), READERS, (STRANGER,)),
        (EnforceRequest(key=KeyRequest(administrators=(STRANGER,))), ADMINISTRATION, ()),
        (EnforceRequest(key=None, key_id=build.KEY_ARN), EVERYBODY, ()),
    ],
)
def test_of_whom_the_user_decided_nothing_is_said(
    requested: EnforceRequest, statement: Any, readers: tuple[str, ...]
) -> None:
    planned = moving_to(statement, request=requested, settings=Settings(readers=readers))
    assert [change.operation for change in planned.changes][-1] == "UpdateTrail"
    assert not [each for each in map(str, planned.warnings) if "reaches beyond" in each]
