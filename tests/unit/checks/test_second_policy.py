# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key's second policy, which RAM makes: when it is asked for, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._further_reads import (
    keys_needing_second_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from tests.unit.checks.build import (
    DECRYPT,
    DESCRIBE,
    ENCRYPT,
    KEY_ARN,
    ROLE_ARN,
    ROOT,
    denied,
    finding,
    key_policy,
    policy,
    snapshot,
)

READERS = Settings(readers=(ROLE_ARN,))
SCOPED = Settings(levels={"key_policy_is_scoped": "required"})
DENIED = denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
DENY = {**ENCRYPT, "Effect": "Deny"}
READER = {**ENCRYPT, "Principal": {"AWS": ROLE_ARN}, "Action": "kms:Decrypt", "Condition": {}}
NO_READER = policy({**ROOT, "Principal": {"AWS": "arn:aws:iam::111111111111:role/Admin"}}, ENCRYPT, DESCRIBE, DECRYPT)


@pytest.mark.parametrize(
    ("key", "settings", "is_asked"),
    [
        ({}, Settings(), False),
        ({}, SCOPED, True),
        ({"multi_region": True, "related_keys": (KEY_ARN.replace("us-east-1", "eu-west-1"),)}, SCOPED, True),
        (key_policy({**ENCRYPT, "Condition": {}}), SCOPED, False),
        (key_policy(DESCRIBE), Settings(), True),
        (key_policy(DESCRIBE), Settings(levels={"key_policy_allows_encrypt": "off"}), False),
        (key_policy(ENCRYPT, DENY), Settings(), False),
        (key_policy(ENCRYPT, DECRYPT), Settings(), False),
        (key_policy(ENCRYPT, DECRYPT), Settings(levels={"key_policy_allows_describe": "required"}), True),
        (key_policy(ENCRYPT, DESCRIBE), Settings(), False),
        ({}, READERS, False),
        ({"policy": NO_READER}, READERS, True),
        ({"policy": NO_READER}, Settings(), False),
        ({"policy": DENIED}, Settings(), False),
        ({**key_policy(DESCRIBE), "manager": "AWS"}, Settings(), False),
    ],
)
def test_it_is_asked_for_where_a_verdict_hangs_on_it(key: dict[str, Any], settings: Settings, is_asked: bool) -> None:
    assert keys_needing_second_policy(settings, snapshot(key=key)) == ({KEY_ARN} if is_asked else set())


def test_no_key_needs_its_second_policy_where_there_is_none() -> None:
    assert keys_needing_second_policy(SCOPED, snapshot(trail={"kms_key_arn": None})) == set()
    assert keys_needing_second_policy(SCOPED, snapshot(key=DENIED)) == set()


@pytest.mark.parametrize(
    ("rule", "key", "settings"),
    [
        ("key_policy_allows_encrypt", {**key_policy(DESCRIBE), "ram_policy": policy(ENCRYPT)}, None),
        ("key_policy_allows_decrypt", {**key_policy(ENCRYPT), "ram_policy": policy(DECRYPT)}, None),
        ("readers_can_decrypt", {"policy": NO_READER, "ram_policy": policy(READER)}, READERS),
    ],
)
def test_what_it_allows_passes(rule: str, key: dict[str, Any], settings: Settings | None) -> None:
    assert finding(rule, snapshot(key=key), settings).status == "pass"


def test_the_statement_that_decided_is_named_with_its_policy() -> None:
    key = {**key_policy(ENCRYPT), "ram_policy": policy(DENY)}
    found = finding("key_policy_allows_encrypt", snapshot(key=key))
    assert (found.status, found.evidence["statements"]) == ("fail", ['statement "Encrypt" of AWS_RAM'])


@pytest.mark.parametrize(
    ("rule", "key", "settings"),
    [
        ("key_policy_allows_encrypt", key_policy(DESCRIBE), None),
        ("readers_can_decrypt", {"policy": NO_READER}, READERS),
        ("key_policy_is_scoped", {}, SCOPED),
    ],
)
def test_what_could_not_be_read_leaves_the_rule_unknown(
    rule: str, key: dict[str, Any], settings: Settings | None
) -> None:
    found = finding(rule, snapshot(key={**key, "ram_policy": DENIED}), settings)
    assert (found.status, found.evidence["iam_action"]) == ("unknown", "kms:GetKeyPolicy")
    assert "AWS_RAM" in found.message


def test_no_second_policy_overrules_a_deny_of_the_first() -> None:
    read = snapshot(key={**key_policy(ENCRYPT, DENY), "ram_policy": DENIED})
    assert finding("key_policy_allows_encrypt", read).status == "fail"


def test_whom_it_lets_in_is_judged_as_well() -> None:
    stranger = {**READER, "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "kms:*"}
    everybody = {**stranger, "Principal": "*"}
    assert finding("key_policy_is_scoped", snapshot(key={"ram_policy": policy(everybody)}), SCOPED).status == "fail"


def test_one_that_is_no_policy_is_unknown() -> None:
    found = finding("key_policy_allows_encrypt", snapshot(key={**key_policy(DESCRIBE), "ram_policy": "{}"}))
    assert found.status == "unknown"


@pytest.mark.parametrize(
    ("rule", "key", "settings"),
    [
        ("key_policy_allows_encrypt", key_policy(DESCRIBE), None),
        ("readers_can_decrypt", {"policy": NO_READER}, READERS),
    ],
)
def test_a_refusal_says_that_grants_are_not_read(rule: str, key: dict[str, Any], settings: Settings | None) -> None:
    found = finding(rule, snapshot(key=key), settings)
    assert found.status == "fail"
    assert "Grants on the key, which could also allow it, are not read." in found.message
