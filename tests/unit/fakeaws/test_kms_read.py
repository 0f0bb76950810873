# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS, the reading side."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, PARTNER, PRODUCTION, Lab, key_arn, key_id, refused


def describe(lab: Lab, label: str, region: str = HOME) -> dict[str, Any]:
    metadata: dict[str, Any] = lab.client("kms", region).describe_key(KeyId=key_arn(label))["KeyMetadata"]
    return metadata


@pytest.mark.parametrize(
    "form",
    [
        key_id("trail-key"),
        key_arn("trail-key"),
        "alias/cloudtrail",
        f"arn:aws:kms:{HOME}:{PRODUCTION}:alias/cloudtrail",
    ],
)
def test_describe_key_takes_every_form_of_key_id(lab: Lab, form: str) -> None:
    assert lab.client("kms").describe_key(KeyId=form)["KeyMetadata"]["Arn"] == key_arn("trail-key")


def test_describe_key_has_the_fields_of_the_service_model(lab: Lab) -> None:
    metadata = describe(lab, "trail-key")
    created = metadata.pop("CreationDate")
    assert datetime.now(timezone.utc) - timedelta(days=101) < created < datetime.now(timezone.utc) - timedelta(days=99)
    assert len(metadata.pop("CurrentKeyMaterialId")) == 64
    assert metadata == {
        "AWSAccountId": PRODUCTION,
        "KeyId": key_id("trail-key"),
        "Arn": key_arn("trail-key"),
        "Enabled": True,
        "Description": "Key trail-key of the scenario lab",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("disabled-key", {"KeyState": "Disabled", "Enabled": False}),
        ("pending-key", {"KeyState": "PendingDeletion", "Enabled": False}),
        ("imported-key", {"KeyState": "PendingImport", "Enabled": False, "Origin": "EXTERNAL"}),
        ("signing-key", {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "KeyState": "Enabled"}),
        ("aws-key", {"KeyManager": "AWS", "KeyState": "Enabled"}),
    ],
)
def test_describe_key_works_in_every_state(lab: Lab, label: str, expected: dict[str, Any]) -> None:
    metadata = describe(lab, label)
    assert {name: metadata[name] for name in expected} == expected


def test_deletion_date_is_there_only_while_deletion_is_pending(lab: Lab) -> None:
    assert describe(lab, "pending-key")["DeletionDate"] > datetime.now(timezone.utc)
    assert "DeletionDate" not in describe(lab, "trail-key")


def test_multi_region_key_shows_its_configuration(lab: Lab) -> None:
    metadata = describe(lab, "global-key")
    assert metadata["KeyId"].startswith("mrk-")
    assert metadata["MultiRegion"] is True
    primary = {"Arn": key_arn("global-key"), "Region": HOME}
    replicas = [{"Arn": key_arn("global-replica"), "Region": "eu-west-1"}]
    shared = {"PrimaryKey": primary, "ReplicaKeys": replicas}
    assert metadata["MultiRegionConfiguration"] == {"MultiRegionKeyType": "PRIMARY", **shared}
    replica = describe(lab, "global-replica", "eu-west-1")
    assert replica["KeyId"] == metadata["KeyId"]
    assert replica["MultiRegionConfiguration"] == {"MultiRegionKeyType": "REPLICA", **shared}


def test_replica_shares_the_rotation_of_its_primary(lab: Lab) -> None:
    client = lab.client("kms", "eu-west-1")
    assert client.get_key_rotation_status(KeyId=key_arn("global-replica"))["KeyRotationEnabled"] is True
    with refused("UnsupportedOperationException", "replica"):
        client.enable_key_rotation(KeyId=key_arn("global-replica"))


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        pytest.param(
            key_arn("gone-key"), "NotFoundException", f"Key '{key_arn('gone-key')}' does not exist", id="deleted"
        ),
        pytest.param("alias/nothing", "NotFoundException", "alias/nothing is not found", id="alias"),
        pytest.param("nonsense", "NotFoundException", "Invalid keyId 'nonsense'", id="key id"),
        pytest.param(key_arn("west-key"), "NotFoundException", "Invalid arn eu-west-1", id="other region"),
        pytest.param(f"arn:aws:kms:{HOME}:{PRODUCTION}:thing/x", "InvalidArnException", "Invalid arn", id="arn"),
    ],
)
def test_key_that_is_not_found(lab: Lab, form: str, code: str, message: str) -> None:
    with refused(code, message):
        lab.client("kms").describe_key(KeyId=form)


def test_describe_key_crosses_accounts_where_the_key_policy_allows(lab: Lab) -> None:
    assert describe(lab, "partner-key")["AWSAccountId"] == PARTNER
    alias = f"arn:aws:kms:{HOME}:{PARTNER}:alias/partner"
    assert lab.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["AWSAccountId"] == PARTNER
    with refused("AccessDeniedException", "because no resource-based policy allows the kms:DescribeKey action"):
        describe(lab, "private-key")


def test_crossing_accounts_needs_both_sides(lab: Lab) -> None:
    client = lab.client("kms", keys=lab.role("Auditor", by=PARTNER, external_id="audit-2026"))
    client.describe_key(KeyId=key_arn("partner-key"))
    with refused("AccessDeniedException", "because no identity-based policy allows the kms:GetKeyRotationStatus"):
        client.get_key_rotation_status(KeyId=key_arn("partner-key"))


@pytest.mark.parametrize("call", ["get_key_policy", "list_resource_tags"])
def test_policy_and_tags_never_cross_accounts(lab: Lab, call: str) -> None:
    with refused("AccessDeniedException", f"on resource: {key_arn('partner-key')}"):
        getattr(lab.client("kms"), call)(KeyId=key_arn("partner-key"))


def test_key_policy_that_denies_the_caller(write: Callable[[str], Lab]) -> None:
    lab = write("""
description: a key policy with a Deny
keys:
  k:
    policy:
      Statement:
        - {Effect: Allow, Principal: {AWS: "111111111111"}, Action: "kms:*", Resource: "*"}
        - {Effect: Deny, Principal: {AWS: "*"}, Action: "kms:DescribeKey", Resource: "*"}
""")
    client = lab.client("kms")
    key = client.list_keys()["Keys"][0]["KeyId"]
    assert "Deny" in client.get_key_policy(KeyId=key)["Policy"]
    with refused("AccessDeniedException", "kms:DescribeKey on resource: arn:aws:kms:eu-central-1:111111111111:key/"):
        client.describe_key(KeyId=key)


def test_deny_of_somebody_else_does_not_concern_the_caller(write: Callable[[str], Lab]) -> None:
    lab = write("""
description: a key policy that denies another account
keys:
  k:
    policy:
      Statement:
        - {Effect: Allow, Principal: {AWS: "111111111111"}, Action: "kms:*", Resource: "*"}
        - {Effect: Deny, Principal: {AWS: "222222222222"}, Action: "kms:DescribeKey", Resource: "*"}
""")
    key = lab.client("kms").list_keys()["Keys"][0]["KeyId"]
    assert lab.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key


def test_key_policy_that_names_another_principal_only(write: Callable[[str], Lab]) -> None:
    lab = write("""
description: a key policy without the account, and with a single statement
roles: {KeyAdmin: {allow: []}}
keys:
  k:
    policy:
      Statement:
        {Effect: Allow, Principal: {AWS: "arn:aws:iam::111111111111:role/KeyAdmin"}, Action: "kms:*", Resource: "*"}
""")
    key = lab.client("kms").list_keys()["Keys"][0]["KeyId"]
    with refused("AccessDeniedException", "because no resource-based policy allows the kms:DescribeKey action"):
        lab.client("kms").describe_key(KeyId=key)
    # A principal that the key policy itself allows needs no IAM policy in the key's own account.
    admin = lab.client("kms", keys=lab.role("KeyAdmin"))
    assert admin.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key


def test_get_key_policy_takes_no_alias(lab: Lab) -> None:
    with refused("NotFoundException"):
        lab.client("kms").get_key_policy(KeyId="alias/cloudtrail")


@pytest.mark.parametrize("label", ["trail-key", "disabled-key", "pending-key", "imported-key", "aws-key"])
def test_get_key_policy_works_in_every_state(lab: Lab, label: str) -> None:
    answer = lab.client("kms").get_key_policy(KeyId=key_arn(label))
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"])["Version"] == "2012-10-17"


def test_get_key_policy_lays_the_text_out(lab: Lab) -> None:
    policy = lab.client("kms").get_key_policy(KeyId=key_id("trail-key"))["Policy"]
    assert policy == json.dumps(json.loads(policy), indent=2)


def test_get_key_policy_knows_one_policy_name(lab: Lab) -> None:
    with refused("NotFoundException"):
        lab.client("kms").get_key_policy(KeyId=key_id("trail-key"), PolicyName="AWS_RAM")


@pytest.mark.parametrize(
    ("label", "enabled"), [("trail-key", True), ("disabled-key", True), ("pending-key", False), ("aws-key", True)]
)
def test_rotation_status_by_key_state(lab: Lab, label: str, enabled: bool) -> None:
    status = lab.client("kms").get_key_rotation_status(KeyId=key_arn(label))
    assert (status["KeyRotationEnabled"], status.get("RotationPeriodInDays")) == (enabled, 365 if enabled else None)


@pytest.mark.parametrize("label", ["signing-key", "imported-key"])
def test_rotation_status_is_unsupported(lab: Lab, label: str) -> None:
    with refused("UnsupportedOperationException"):
        lab.client("kms").get_key_rotation_status(KeyId=key_arn(label))


def test_rotation_status_crosses_accounts(lab: Lab) -> None:
    assert lab.client("kms").get_key_rotation_status(KeyId=key_arn("partner-key"))["KeyRotationEnabled"] is True


def test_list_aliases_shows_those_of_account_and_region(lab: Lab) -> None:
    def names(region: str, account: str = PRODUCTION) -> list[str]:
        aliases = lab.client("kms", region, account=account).list_aliases()["Aliases"]
        return [alias["AliasName"] for alias in aliases]

    assert names(HOME) == ["alias/aws/s3", "alias/cloudtrail", "alias/spare"]
    assert names("eu-west-1") == ["alias/west"]
    assert names(HOME, PARTNER) == ["alias/partner"]


def test_list_aliases_of_one_key(lab: Lab) -> None:
    for form in (key_id("trail-key"), key_arn("trail-key")):
        (alias,) = lab.client("kms").list_aliases(KeyId=form)["Aliases"]
        assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/cloudtrail", key_id("trail-key"))
        assert alias["AliasArn"] == f"arn:aws:kms:{HOME}:{PRODUCTION}:alias/cloudtrail"
    with refused("NotFoundException"):
        lab.client("kms").list_aliases(KeyId=key_id("gone-key"))


@pytest.mark.parametrize(("call", "result"), [("list_aliases", "Aliases"), ("list_keys", "Keys")])
def test_lists_come_in_pages(lab: Lab, call: str, result: str) -> None:
    pages = list(lab.client("kms").get_paginator(call).paginate(PaginationConfig={"PageSize": 2}))
    everything = getattr(lab.client("kms"), call)()
    assert [item for page in pages for item in page[result]] == everything[result]
    assert [page["Truncated"] for page in pages] == [True] * (len(pages) - 1) + [False]
    with refused("InvalidMarkerException"):
        getattr(lab.client("kms"), call)(Marker="nonsense")


def test_list_resource_tags(lab: Lab) -> None:
    tags = lab.client("kms").list_resource_tags(KeyId=key_arn("trail-key"))["Tags"]
    assert tags == [{"TagKey": "owner", "TagValue": "audit"}]
