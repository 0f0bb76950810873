# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KMS: new keys with AWS's defaults, and aliases."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from tests.fakeaws import store
from tests.fakeaws.access import denied, identity_refusal
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.key_policies import check_lockout, validate
from tests.fakeaws.rules.kms_keys import authorize, find_key, metadata, refuse_pending_deletion
from tests.fakeaws.store import Key
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World

# KeyUsage for each KeySpec; the first of one is the default (CreateKey, parameters KeySpec and KeyUsage).
_USAGES = {
    "SYMMETRIC_DEFAULT": ("ENCRYPT_DECRYPT",),
    **dict.fromkeys(("HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"), ("GENERATE_VERIFY_MAC",)),
    **dict.fromkeys(("RSA_2048", "RSA_3072", "RSA_4096"), ("ENCRYPT_DECRYPT", "SIGN_VERIFY")),
    **dict.fromkeys(("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"), ("SIGN_VERIFY", "KEY_AGREEMENT")),
    "ECC_SECG_P256K1": ("SIGN_VERIFY",),
}
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]+")
_ALIASES_PER_KEY = 50  # Resource quotas of AWS KMS
_TAGS_PER_KEY = 50


def create_key(world: World, identity: Identity, call: Call) -> Answer:
    """A symmetric, single-Region key of KMS's own material, if nothing else is asked (CreateKey)."""
    wanted = call.parameters
    spec, usage = _spec_and_usage(call)
    origin, tags = wanted.get("Origin", "AWS_KMS"), wanted.get("Tags", [])
    if origin not in ("AWS_KMS", "EXTERNAL"):
        raise AwsError("UnsupportedOperationException", f"The fake AWS has no key stores for the origin {origin}.")
    arn = _new_arn(world, identity, call)
    _check_tagging(world, identity, call, arn, tags)
    if "Policy" in wanted:
        validate(world, wanted["Policy"])
        if not wanted.get("BypassPolicyLockoutSafetyCheck"):
            check_lockout(world, identity, call.region, arn, wanted["Policy"])
    key = store.add_key(arn, spec, usage, origin, multi_region=bool(wanted.get("MultiRegion")))
    key.policy = wanted.get("Policy", key.policy)
    key.description = wanted.get("Description", "")
    if origin == "EXTERNAL":
        key.key_state, key.enabled = "PendingImport", False
    store.kms(identity.account, call.region).tagger.tag_resource(key.id, tags)
    # CloudTrail does not find the key before the change has spread (KMS guide, "Eventual consistency").
    world.visible_from[arn] = time.time() + world.propagation_delay
    return {"KeyMetadata": metadata(world, key)}


def _spec_and_usage(call: Call) -> tuple[str, str]:
    wanted = call.parameters
    if "KeySpec" in wanted and "CustomerMasterKeySpec" in wanted:
        raise AwsError(
            "ValidationException", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request."
        )
    spec = wanted.get("KeySpec", wanted.get("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"))
    if spec not in _USAGES:
        raise AwsError("ValidationException", f"Value '{spec}' at 'keySpec' failed to satisfy constraint.")
    usage = wanted.get("KeyUsage", "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else None)
    if usage is None:
        message = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        raise AwsError("ValidationException", message)
    if usage not in _USAGES[spec]:
        raise AwsError("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {spec}.")
    return spec, usage


def _check_tagging(world: World, identity: Identity, call: Call, arn: str, tags: Sequence[Any]) -> None:
    """Tags at creation need kms:TagResource in an IAM policy (CreateKey, parameter Tags)."""
    if not tags:
        return
    check_tags(tags)
    refusal = identity_refusal(world, identity, "kms:TagResource", call, arn)
    if refusal:
        raise denied("kms", identity, "kms:TagResource", "*", refusal)


def _new_arn(world: World, identity: Identity, call: Call) -> str:
    unique = uuid4()
    key_id = f"mrk-{unique.hex}" if call.parameters.get("MultiRegion") else str(unique)
    return world.accounts[identity.account].arn("kms", f"key/{key_id}", call.region)


def check_tags(tags: Sequence[Any]) -> None:
    """TagException: duplicates, the reserved prefix, too many (TagResource; KMS guide, "Tags in AWS KMS")."""
    names = [tag.get("TagKey", "") for tag in tags]
    if len(set(names)) != len(names):
        raise AwsError("TagException", "Duplicate tag keys")
    if any(not 1 <= len(name) <= 128 or name.lower().startswith("aws:") for name in names):
        raise AwsError("TagException", "Tag keys must have 1 to 128 characters and must not begin with aws:")
    if len(names) > _TAGS_PER_KEY:
        raise AwsError("TagException", "Too many tags")


def create_alias(world: World, identity: Identity, call: Call) -> Answer:
    """New names only, on keys that are not pending deletion (CreateAlias; table of key states)."""
    name, key = _alias_call(world, identity, call)
    account = world.accounts[identity.account]
    arn = account.arn("kms", name, call.region)
    if store.find_alias(identity.account, call.region, name):
        raise AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")
    refuse_pending_deletion(key)
    if len(key.aliases) >= _ALIASES_PER_KEY:
        raise AwsError("LimitExceededException", f"A key can have {_ALIASES_PER_KEY} aliases.")
    store.kms(identity.account, call.region).create_alias(key.id, name)
    world.alias_dates[arn] = (time.time(), time.time())
    return {}


def update_alias(world: World, identity: Identity, call: Call) -> Answer:
    """To another key of the same type and usage, which is not pending deletion (UpdateAlias)."""
    name, key = _alias_call(world, identity, call)
    arn = world.accounts[identity.account].arn("kms", name, call.region)
    before = store.find_alias(identity.account, call.region, name)
    if before is None:
        raise AwsError("NotFoundException", f"Alias {arn} is not found.")
    authorize(world, identity, call, before, "kms:UpdateAlias")
    refuse_pending_deletion(key)
    if (before.key_spec, before.key_usage) != (key.key_spec, key.key_usage):
        message = "The current and new KMS keys must be of the same type and have the same key usage."
        raise AwsError("ValidationException", message)
    created = world.alias_dates.get(arn, (before.creation_date, 0))[0]
    store.kms(identity.account, call.region).update_alias(key.id, name)
    world.alias_dates[arn] = (created, time.time())
    return {}


def _alias_call(world: World, identity: Identity, call: Call) -> tuple[str, Key]:
    """Name and key of a call that needs permission on both the alias (by IAM) and the key (by its policy)."""
    name, target = call.parameters["AliasName"], call.parameters["TargetKeyId"]
    _check_alias_name(name)
    if "alias/" in target:
        raise AwsError("ValidationException", "Aliases must refer to keys. Not aliases")
    arn = world.accounts[identity.account].arn("kms", name, call.region)
    refusal = identity_refusal(world, identity, call.name, call, arn)
    if refusal:
        raise denied("kms", identity, call.name, arn, refusal)
    key = find_key(world, identity, call, target)
    if key.account_id != identity.account:
        reason = f"because no resource-based policy allows the {call.name} action"
        raise denied("kms", identity, call.name, key.arn, reason)
    authorize(world, identity, call, key, call.name)
    return name, key


def _check_alias_name(name: str) -> None:
    if not name.startswith("alias/"):
        raise AwsError("ValidationException", 'Alias must start with the prefix "alias/".')
    if name.startswith("alias/aws/"):  # reserved for AWS managed keys (CreateAlias, parameter AliasName)
        raise AwsError("NotAuthorizedException", "The prefix alias/aws/ is reserved.")
    if not _ALIAS.fullmatch(name) or len(name) > 256:
        raise AwsError("ValidationException", f"{name} contains invalid characters for an alias")
