# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS, the writing side: key states, rotation, tags, aliases, new keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, PRODUCTION, Lab, key_arn, key_id, refused

STATES = ("trail-key", "disabled-key", "pending-key", "imported-key")


def state(lab: Lab, label: str) -> str:
    return str(lab.client("kms").describe_key(KeyId=key_arn(label))["KeyMetadata"]["KeyState"])


# The table "Key states of AWS KMS keys": which call succeeds (None) or fails in which state.
@pytest.mark.parametrize(
    ("call", "parameters", "codes"),
    [
        ("enable_key", {}, (None, None, "KMSInvalidStateException", "KMSInvalidStateException")),
        ("disable_key", {}, (None, None, "KMSInvalidStateException", "KMSInvalidStateException")),
        ("schedule_key_deletion", {}, (None, None, "KMSInvalidStateException", None)),
        (
            "cancel_key_deletion",
            {},
            ("KMSInvalidStateException", "KMSInvalidStateException", None, "KMSInvalidStateException"),
        ),
        (
            "enable_key_rotation",
            {},
            (None, "DisabledException", "KMSInvalidStateException", "UnsupportedOperationException"),
        ),
        ("tag_resource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}, (None, None, "KMSInvalidStateException", None)),
    ],
)
@pytest.mark.parametrize("by_arn", [True, False], ids=["by ARN", "by id"])
def test_calls_by_key_state(
    lab: Lab, call: str, parameters: dict[str, Any], codes: tuple[str | None, ...], by_arn: bool
) -> None:
    for label, code in zip(STATES, codes, strict=True):
        key = key_arn(label) if by_arn else key_id(label)
        if code is None:
            getattr(lab.client("kms"), call)(KeyId=key, **parameters)
        else:
            with refused(code):
                getattr(lab.client("kms"), call)(KeyId=key, **parameters)


def test_disabling_and_enabling_a_key(lab: Lab) -> None:
    lab.client("kms").disable_key(KeyId=key_arn("trail-key"))
    assert state(lab, "trail-key") == "Disabled"
    lab.client("kms").enable_key(KeyId=key_arn("trail-key"))
    assert state(lab, "trail-key") == "Enabled"


def test_scheduling_deletion_answers_arn_date_and_window(lab: Lab) -> None:
    answer = lab.client("kms").schedule_key_deletion(KeyId=key_id("trail-key"), PendingWindowInDays=7)
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (
        key_arn("trail-key"),
        "PendingDeletion",
        7,
    )
    shown = lab.client("kms").describe_key(KeyId=key_arn("trail-key"))["KeyMetadata"]["DeletionDate"]
    assert shown == answer["DeletionDate"]


@pytest.mark.parametrize("days", [6, 31])
def test_deletion_window_is_7_to_30_days(lab: Lab, days: int) -> None:
    with refused("ValidationException"):
        lab.client("kms").schedule_key_deletion(KeyId=key_id("trail-key"), PendingWindowInDays=days)


def test_cancelled_deletion_leaves_the_key_disabled(lab: Lab) -> None:
    assert lab.client("kms").cancel_key_deletion(KeyId=key_id("pending-key"))["KeyId"] == key_arn("pending-key")
    assert state(lab, "pending-key") == "Disabled"
    # The rotation status that it had before comes back (GetKeyRotationStatus).
    assert lab.client("kms").get_key_rotation_status(KeyId=key_id("pending-key"))["KeyRotationEnabled"] is True


def test_rotation_period(lab: Lab) -> None:
    client = lab.client("kms")
    client.enable_key_rotation(KeyId=key_id("trail-key"), RotationPeriodInDays=90)
    assert client.get_key_rotation_status(KeyId=key_id("trail-key"))["RotationPeriodInDays"] == 90
    for days in (89, 2561):
        with refused("ValidationException"):
            client.enable_key_rotation(KeyId=key_id("trail-key"), RotationPeriodInDays=days)


def test_rotation_of_an_asymmetric_key_is_unsupported(lab: Lab) -> None:
    with refused("UnsupportedOperationException"):
        lab.client("kms").enable_key_rotation(KeyId=key_id("signing-key"))


@pytest.mark.parametrize("call", ["disable_key", "enable_key_rotation", "schedule_key_deletion"])
def test_aws_managed_keys_are_not_managed_by_the_account(lab: Lab, call: str) -> None:
    with refused("AccessDeniedException", "because no resource-based policy allows"):
        getattr(lab.client("kms"), call)(KeyId=key_id("aws-key"))


@pytest.mark.parametrize("call", ["disable_key", "enable_key", "cancel_key_deletion", "enable_key_rotation"])
def test_writing_never_crosses_accounts(lab: Lab, call: str) -> None:
    with refused("AccessDeniedException"):
        getattr(lab.client("kms"), call)(KeyId=key_arn("partner-key"))


@pytest.mark.parametrize(
    "names",
    [("a", "a"), ("aws:reserved",), ("x" * 129,), tuple(f"tag-{n}" for n in range(51))],
    ids=["twice", "aws", "long", "many"],
)
def test_tags_that_kms_refuses(lab: Lab, names: tuple[str, ...]) -> None:
    tags = [{"TagKey": name, "TagValue": ""} for name in names]
    with refused("TagException"):
        lab.client("kms").tag_resource(KeyId=key_id("trail-key"), Tags=tags)
    with refused("TagException"):
        lab.client("kms").create_key(Tags=tags)


def test_tagging_replaces_the_value_of_a_tag(lab: Lab) -> None:
    lab.client("kms").tag_resource(KeyId=key_id("trail-key"), Tags=[{"TagKey": "owner", "TagValue": "security"}])
    tags = lab.client("kms").list_resource_tags(KeyId=key_id("trail-key"))["Tags"]
    assert tags == [{"TagKey": "owner", "TagValue": "security"}]


def test_new_key_has_the_defaults(lab: Lab) -> None:
    metadata = lab.client("kms").create_key()["KeyMetadata"]
    expected = {
        "AWSAccountId": PRODUCTION,
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "MultiRegion": False,
        "Origin": "AWS_KMS",
        "Description": "",
    }
    assert {name: metadata[name] for name in expected} == expected
    policy = json.loads(lab.client("kms").get_key_policy(KeyId=metadata["KeyId"])["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{PRODUCTION}:root"}
    assert lab.client("kms").get_key_rotation_status(KeyId=metadata["KeyId"])["KeyRotationEnabled"] is False


def test_new_key_with_everything(lab: Lab) -> None:
    tags = [{"TagKey": "owner", "TagValue": "audit"}]
    metadata = lab.client("kms").create_key(Description="for trails", MultiRegion=True, Tags=tags)["KeyMetadata"]
    assert metadata["KeyId"].startswith("mrk-")
    assert metadata["MultiRegionConfiguration"]["PrimaryKey"]["Arn"] == metadata["Arn"]
    assert metadata["Description"] == "for trails"
    assert lab.client("kms").list_resource_tags(KeyId=metadata["KeyId"])["Tags"] == tags


def test_new_key_for_imported_material_waits_for_it(lab: Lab) -> None:
    metadata = lab.client("kms").create_key(Origin="EXTERNAL")["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("PendingImport", False)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        pytest.param({"KeySpec": "RSA_2048"}, "ValidationException", id="usage is missing"),
        pytest.param({"KeyUsage": "SIGN_VERIFY"}, "ValidationException", id="usage does not fit"),
        pytest.param({"KeySpec": "DES"}, "ValidationException", id="spec is unknown"),
        pytest.param(
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            "ValidationException",
            id="spec is given twice",
        ),
        pytest.param({"Origin": "AWS_CLOUDHSM"}, "UnsupportedOperationException", id="key store"),
    ],
)
def test_new_key_that_kms_refuses(lab: Lab, parameters: dict[str, str], code: str) -> None:
    before = lab.client("kms").list_keys()["Keys"]
    with refused(code):
        lab.client("kms").create_key(**parameters)
    assert lab.client("kms").list_keys()["Keys"] == before


def test_tags_of_a_new_key_need_a_permission_of_their_own(write: Any) -> None:
    lab = write("""
description: a caller who may not tag
accounts: [{id: "111111111111", name: production, deny: ["kms:TagResource"]}]
""")
    lab.client("kms").create_key()
    with refused("AccessDeniedException", "kms:TagResource"):
        lab.client("kms").create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])


def test_new_alias(lab: Lab) -> None:
    lab.client("kms").create_alias(AliasName="alias/team/trails", TargetKeyId=key_arn("lacking-key"))
    assert lab.client("kms").describe_key(KeyId="alias/team/trails")["KeyMetadata"]["Arn"] == key_arn("lacking-key")


@pytest.mark.parametrize(
    ("name", "target", "code"),
    [
        pytest.param("alias/cloudtrail", "spare-key", "AlreadyExistsException", id="taken"),
        pytest.param("cloudtrail", "spare-key", "ValidationException", id="no prefix"),
        pytest.param("alias/with space", "spare-key", "ValidationException", id="characters"),
        pytest.param("alias/aws/mine", "spare-key", "NotAuthorizedException", id="reserved"),
        pytest.param("alias/new", "pending-key", "KMSInvalidStateException", id="pending deletion"),
        pytest.param("alias/new", "gone-key", "NotFoundException", id="deleted"),
        pytest.param("alias/new", "partner-key", "AccessDeniedException", id="other account"),
    ],
)
def test_new_alias_that_kms_refuses(lab: Lab, name: str, target: str, code: str) -> None:
    with refused(code):
        lab.client("kms").create_alias(AliasName=name, TargetKeyId=key_arn(target))


def test_alias_needs_permission_on_the_alias_and_refers_to_no_alias(lab: Lab, load: Any) -> None:
    with refused("ValidationException", "Aliases must refer to keys. Not aliases"):
        lab.client("kms").create_alias(AliasName="alias/new", TargetKeyId="alias/cloudtrail")
    with refused("AccessDeniedException", f"on resource: arn:aws:kms:{HOME}:{PRODUCTION}:alias/new"):
        load("no-permissions").client("kms").create_alias(AliasName="alias/new", TargetKeyId=key_arn("trail-key"))


def test_quota_of_aliases(lab: Lab) -> None:
    for number in range(50):
        lab.client("kms").create_alias(AliasName=f"alias/n{number}", TargetKeyId=key_id("lacking-key"))
    with refused("LimitExceededException"):
        lab.client("kms").create_alias(AliasName="alias/n50", TargetKeyId=key_id("lacking-key"))


def test_alias_moves_to_another_key_of_the_same_type(lab: Lab) -> None:
    client = lab.client("kms")
    client.update_alias(AliasName="alias/spare", TargetKeyId=key_arn("trail-key"))
    assert client.describe_key(KeyId="alias/spare")["KeyMetadata"]["Arn"] == key_arn("trail-key")
    with refused("ValidationException", "same type"):
        client.update_alias(AliasName="alias/spare", TargetKeyId=key_arn("signing-key"))
    with refused("KMSInvalidStateException"):
        client.update_alias(AliasName="alias/spare", TargetKeyId=key_arn("pending-key"))
    with refused("NotFoundException", "alias/unknown is not found"):
        client.update_alias(AliasName="alias/unknown", TargetKeyId=key_arn("trail-key"))
