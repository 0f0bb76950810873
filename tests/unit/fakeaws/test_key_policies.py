# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PutKeyPolicy and CreateKey: which policies KMS stores."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.fakeaws.lab import PRODUCTION, Lab, key_arn, key_id, refused

ROOT = {"AWS": f"arn:aws:iam::{PRODUCTION}:root"}
ADMINISTRATION = {"Sid": "With spaces", "Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
MALFORMED = "MalformedPolicyDocumentException"
PRINCIPALS = "Policy contains a statement with one or more invalid principals."


def policy(*statements: Any, **elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [ADMINISTRATION, *statements], **elements})


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": ROOT, "Action": "kms:Decrypt", "Resource": "*", **elements}


def without(element: str) -> dict[str, Any]:
    return {name: value for name, value in allow().items() if name != element}


def put(lab: Lab, text: str, **more: Any) -> None:
    lab.client("kms").put_key_policy(KeyId=key_id("trail-key"), Policy=text, **more)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(policy(), id="administration only"),
        pytest.param(json.dumps({"Statement": ADMINISTRATION}), id="single statement, no version"),
        pytest.param(policy(without("Action")), id="no action: stored, without effect"),
        pytest.param(policy(without("Resource")), id="no resource: stored, without effect"),
        pytest.param(policy(allow(Principal="*")), id="everyone"),
        pytest.param(policy(allow(Principal={"AWS": ["222222222222", "*"]})), id="account id"),
        pytest.param(policy(allow(Principal={"AWS": f"arn:aws:iam::{PRODUCTION}:role/Operator"})), id="role"),
        pytest.param(policy(allow(Principal={"AWS": f"arn:aws:iam::{PRODUCTION}:user/administrator"})), id="user"),
        pytest.param(
            policy(allow(Principal={"AWS": "arn:aws:iam::999999999999:role/Any"})), id="unknown account's role"
        ),
        pytest.param(policy(allow(Principal={"Service": "cloudtrail.amazonaws.com"})), id="service"),
        pytest.param(policy(allow(Condition={"ForAnyValue:StringLikeIfExists": {"aws:x": "y"}})), id="condition"),
    ],
)
def test_policy_that_kms_stores(lab: Lab, text: str) -> None:
    put(lab, text)
    assert json.loads(lab.client("kms").get_key_policy(KeyId=key_arn("trail-key"))["Policy"]) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        pytest.param("{", MALFORMED, "Json", id="no JSON"),
        pytest.param("[]", MALFORMED, "Json", id="no object"),
        pytest.param(policy(Version="2020-01-01"), MALFORMED, "", id="version"),
        pytest.param(policy(Owner="me"), MALFORMED, "", id="unknown element"),
        pytest.param(json.dumps({"Version": "2012-10-17"}), MALFORMED, "", id="no statement"),
        pytest.param(policy("text"), MALFORMED, "", id="statement is no object"),
        pytest.param(policy(allow(Effect="Perhaps")), MALFORMED, "", id="effect"),
        pytest.param(policy(allow(Comment="x")), MALFORMED, "", id="unknown element of a statement"),
        pytest.param(policy(without("Principal")), MALFORMED, "no principal", id="no principal"),
        pytest.param(policy(allow(Action="s3:GetObject")), MALFORMED, "actions", id="action of another service"),
        pytest.param(policy(allow(Condition={"StringLikes": {}})), MALFORMED, "operator", id="operator"),
        pytest.param(policy(allow(Principal={})), MALFORMED, PRINCIPALS, id="empty principal"),
        pytest.param(policy(allow(Principal={"Aws": "*"})), MALFORMED, PRINCIPALS, id="kind of principal"),
        pytest.param(
            policy(allow(Principal={"AWS": "AIDAIOSFODNN7EXAMPLE"})), MALFORMED, PRINCIPALS, id="deleted user"
        ),
        pytest.param(
            policy(allow(Principal={"AWS": "AROAIOSFODNN7EXAMPLE"})), MALFORMED, PRINCIPALS, id="deleted role"
        ),
        pytest.param(
            policy(allow(Principal={"AWS": f"arn:aws:iam::{PRODUCTION}:role/Nobody"})),
            MALFORMED,
            PRINCIPALS,
            id="no such role",
        ),
        pytest.param(
            policy(allow(Principal={"AWS": f"arn:aws:iam::{PRODUCTION}:role/Op*"})),
            MALFORMED,
            PRINCIPALS,
            id="wildcard",
        ),
        pytest.param(policy(allow(Principal={"AWS": "arn:aws:iam::1:root"})), MALFORMED, PRINCIPALS, id="account id"),
        pytest.param(policy(allow(Principal={"Service": "cloudtrail"})), MALFORMED, PRINCIPALS, id="service"),
        pytest.param(policy(allow(Sid="\u20ac")), "ValidationException", "pattern", id="characters"),
        pytest.param(policy(allow(Sid="x" * 32768)), "LimitExceededException", "32768 bytes", id="length"),
    ],
)
@pytest.mark.parametrize("call", ["PutKeyPolicy", "CreateKey"])
def test_policy_that_kms_refuses(lab: Lab, call: str, text: str, code: str, message: str) -> None:
    text = text.replace("\\u20ac", "\u20ac")
    with refused(code, message):
        if call == "PutKeyPolicy":
            put(lab, text)
        else:
            lab.client("kms").create_key(Policy=text)


def test_policy_of_exactly_32_kilobytes(lab: Lab) -> None:
    put(lab, policy().ljust(32768))
    with refused("LimitExceededException"):
        put(lab, policy().ljust(32769))


def test_length_is_counted_in_bytes(lab: Lab) -> None:
    text = policy(allow(Sid="é")).replace("\\u00e9", "é")
    put(lab, text.ljust(32767))
    with refused("LimitExceededException"):
        put(lab, text.ljust(32768))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param([allow()], id="nobody may put the policy"),
        pytest.param([ADMINISTRATION, allow(Effect="Deny", Action="kms:PutKeyPolicy")], id="denied"),
        pytest.param([allow(Principal={"AWS": "222222222222"}, Action="kms:*")], id="another account"),
    ],
)
def test_lockout_check(lab: Lab, statements: list[Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    message = "The new key policy will not allow you to update the key policy in the future."
    with refused(MALFORMED, message):
        put(lab, text)
    with refused(MALFORMED, message):
        lab.client("kms").create_key(Policy=text)
    put(lab, text, BypassPolicyLockoutSafetyCheck=True)


def test_put_key_policy_never_crosses_accounts(lab: Lab) -> None:
    with refused("AccessDeniedException"):
        lab.client("kms").put_key_policy(KeyId=key_arn("partner-key"), Policy=policy())


def test_put_key_policy_takes_the_default_policy_only(lab: Lab) -> None:
    with refused("ValidationException", "AWS_RAM"):
        put(lab, policy(), PolicyName="AWS_RAM")


@pytest.mark.parametrize("label", ["disabled-key", "pending-key", "imported-key"])
def test_put_key_policy_works_in_every_state(lab: Lab, label: str) -> None:
    lab.client("kms").put_key_policy(KeyId=key_arn(label), Policy=policy())


def test_policy_of_an_aws_managed_key_cannot_be_changed(lab: Lab) -> None:
    with refused("AccessDeniedException"):
        lab.client("kms").put_key_policy(KeyId=key_arn("aws-key"), Policy=policy())


def test_decisions_follow_a_new_policy_after_the_propagation_delay(load: Callable[[str], Lab]) -> None:
    lab = load("policy-lacking")
    trail = lab.client("cloudtrail").describe_trails()["trailList"][0]
    key = trail["KmsKeyId"]
    lab.server.set(propagation_delay=3600)
    use = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}
    lab.client("kms").put_key_policy(KeyId=key, Policy=policy(use))
    assert "cloudtrail.amazonaws.com" in lab.client("kms").get_key_policy(KeyId=key)["Policy"]
    with refused("InsufficientEncryptionPolicyException"):
        lab.client("cloudtrail").update_trail(Name=trail["TrailARN"], KmsKeyId=key)
    lab.server.set(propagation_delay=0.1)
    lab.client("kms").put_key_policy(KeyId=key, Policy=policy(use))
    time.sleep(0.2)
    assert lab.client("cloudtrail").update_trail(Name=trail["TrailARN"], KmsKeyId=key)["KmsKeyId"] == key
