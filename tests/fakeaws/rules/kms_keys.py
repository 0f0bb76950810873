# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all KMS calls share: finding the key, asking its policy, showing it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from moto.core.utils import unix_time

from tests.fakeaws import store
from tests.fakeaws.access import denied, identity_refusal
from tests.fakeaws.conditions import Context
from tests.fakeaws.errors import AwsError
from tests.fakeaws.policy import Requester, Verdict, as_list, evaluate
from tests.fakeaws.rules.identity_context import identity_context
from tests.fakeaws.store import Key
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World

_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_SIGNING = {"ECC_NIST_P256": ["ECDSA_SHA_256"], "RSA_2048": ["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"]}


def open_key(world: World, identity: Identity, call: Call, *, aliases: bool = False, foreign: bool = False) -> Key:
    """The key of a call, if the caller may do this to it.

    `aliases`: the operation takes alias names and alias ARNs too. `foreign`: it works across accounts.
    Which it is stands at the parameter KeyId and under "Cross-account use" of each operation in the service model.
    """
    key_id = call.parameters["KeyId"]
    key = find_key(world, identity, call, key_id, aliases=aliases)
    if key.account_id != identity.account and not foreign:
        raise denied(
            "kms", identity, call.name, key.arn, f"because no resource-based policy allows the {call.name} action"
        )
    authorize(world, identity, call, key, call.name)
    return key


def find_key(world: World, identity: Identity, call: Call, key_id: str, *, aliases: bool = False) -> Key:
    """Key id, key ARN and, where the operation takes them, alias name and alias ARN; AwsError NotFoundException."""
    account = world.accounts[identity.account]
    arn = key_id if key_id.startswith("arn:") else account.arn("kms", _local(key_id, aliases=aliases), call.region)
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "kms" or not parts[5].startswith(("key/", "alias/")):
        raise AwsError("InvalidArnException", f"Invalid arn {arn}")
    if parts[3] != call.region:
        raise AwsError("NotFoundException", f"Invalid arn {parts[3]}")
    if parts[5].startswith("alias/"):
        if not aliases:
            raise AwsError("InvalidArnException", f"Invalid arn {arn}")
        found = store.find_alias(parts[4], parts[3], parts[5])
        missing = f"Alias {arn} is not found."
    else:
        found = store.find_key(arn)
        missing = f"Key '{arn}' does not exist"
    if found is None:
        raise AwsError("NotFoundException", missing)
    return found


def _local(key_id: str, *, aliases: bool) -> str:
    if key_id.startswith("alias/") and aliases:
        return key_id
    if not _KEY_ID.fullmatch(key_id):
        raise AwsError("NotFoundException", f"Invalid keyId '{key_id}'")
    return f"key/{key_id}"


def authorize(world: World, identity: Identity, call: Call, key: Key, action: str) -> None:
    """Refuse what key policy or identity refuse (KMS guide, "Determining access to AWS KMS keys").

    In the key's own account the key policy allows the principal itself, or the account, which then may
    delegate by IAM policies. From another account both sides must allow (same guide, "Allowing users
    in other accounts to use a KMS key").
    """
    verdict = ask_policy(world, key, identity.requester, action, identity_context(world, identity, call.region))
    refusal = identity_refusal(world, identity, action, call, key.arn)
    reason: str | None
    if verdict is Verdict.DENIED:
        reason = "with an explicit deny in a resource-based policy"
    elif refusal and refusal.startswith("with an explicit deny"):
        reason = refusal
    elif verdict is Verdict.NONE:
        reason = f"because no resource-based policy allows the {action} action"
    elif verdict is Verdict.ALLOWED and identity.account == key.account_id:
        reason = None
    else:
        reason = refusal
    if reason:
        raise denied("kms", identity, action, key.arn, reason)


def ask_policy(world: World, key: Key, requester: Requester, action: str, context: Context) -> Verdict:
    """What the key policy that is in effect now says; kms:CallerAccount is added for identities."""
    caller = {"kms:CallerAccount": requester.account} if requester.account else {}
    policy = _with_ram(world.policy_in_effect(key.arn, key.policy), world.ram_policies.get(key.arn))
    return evaluate(policy, requester, action, key.arn, {**context, **caller})


def _with_ram(policy: str, ram_policy: str | None) -> str:
    """Both policies of a key that is shared through RAM as one (GetKeyPolicy, PolicyName; likely)."""
    if ram_policy is None:
        return policy
    both = json.loads(policy), json.loads(ram_policy)
    return json.dumps({**both[0], "Statement": [each for one in both for each in as_list(one["Statement"])]})


def metadata(world: World, key: Key) -> Answer:
    """KeyMetadata as the service model has it: a field that does not apply is absent."""
    shown: dict[str, Any] = {
        "AWSAccountId": key.account_id,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.creation_date,
        "Enabled": key.key_state == "Enabled",
        "Description": key.description,
        "KeyUsage": key.key_usage,
        "KeyState": key.key_state,
        "Origin": key.origin,
        "KeyManager": key.key_manager,
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "MultiRegion": key.multi_region,
        **_algorithms(key),
    }
    if key.origin == "AWS_KMS" and key.key_spec == "SYMMETRIC_DEFAULT":
        shown["CurrentKeyMaterialId"] = hashlib.sha256(key.arn.encode()).hexdigest()
    if key.multi_region:
        shown["MultiRegionConfiguration"] = key.multi_region_configuration
    if key.key_state == "PendingDeletion" and key.deletion_date:
        shown["DeletionDate"] = unix_time(key.deletion_date)
    if key.origin == "EXTERNAL":  # KMS shape KeyMetadata, ExpirationModel and ValidTo
        expires = world.material_expires.get(key.arn)
        shown["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
        shown.update({"ValidTo": expires} if expires else {})
    return shown


def _algorithms(key: Key) -> Answer:
    if key.key_usage == "GENERATE_VERIFY_MAC":
        return {"MacAlgorithms": [key.key_spec.replace("HMAC_", "HMAC_SHA_")]}
    if key.key_usage == "SIGN_VERIFY":
        return {"SigningAlgorithms": _SIGNING.get(key.key_spec, ["RSASSA_PSS_SHA_256"])}
    symmetric = key.key_spec == "SYMMETRIC_DEFAULT"
    return {"EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"] if symmetric else ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]}


def invalid_state(key: Key, what: str) -> AwsError:
    """KMSInvalidStateException in the words of the KMS guide, "Key states of AWS KMS keys"."""
    return AwsError("KMSInvalidStateException", f"{key.arn} is {what}.")


def refuse_pending_deletion(key: Key) -> None:
    """KMSInvalidStateException, as the table of key states has it for most calls that change a key."""
    if key.key_state == "PendingDeletion":
        raise invalid_state(key, "pending deletion")
