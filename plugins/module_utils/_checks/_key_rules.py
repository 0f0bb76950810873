# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on the key as KMS describes it: its manager, state, region, approval, rotation, and related keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from .._model import KEY_ARN, Key, Missing, ReadError
from .._policy import listing
from ._evidence import Evidence
from ._subject import NO_KEY, Result, Subject, not_set, role_of_key_owner, unreadable, usable_key

# Updating is a passing state in which the key keeps working (KMS guide, "Key states of AWS KMS keys").
USABLE_STATES = ("Enabled", "Updating")
# What to do about a key by its state, and the operations of the AWS CLI for it.
STATE_REMEDIES: Mapping[str, tuple[str, ...]] = {
    "Disabled": ("Enable it", "enable-key"),
    "PendingDeletion": (
        "Without the key, the logs that it encrypted are lost too. Cancel the deletion in time, then enable the key",
        "cancel-key-deletion",
        "enable-key",
    ),
    "PendingImport": ("Import its key material, or give the trail another key.",),
}


def key_is_customer_managed(subject: Subject) -> Result:
    """The key's manager is the customer (KMS shape KeyMetadata, KeyManager), as the control's title requires."""
    key = usable_key(subject)
    if isinstance(key, Result):
        return key
    if key.manager == "CUSTOMER":
        return Result("pass", "The key is managed by the customer.", "", {"manager": key.manager})
    return Result(
        "fail",
        f"The key is managed by {key.manager}: its policy cannot be changed to control who reads the logs.",
        f"Run the enforce playbook, or give the trail a customer managed key in {key.region}.",
        {"manager": key.manager},
    )


def key_is_usable(subject: Subject) -> Result:
    """The key exists, is enabled, and is of the one kind that CloudTrail can use.

    Source: CloudTrail API reference, UpdateTrail (KmsKeyNotFoundException, KmsKeyDisabledException; symmetric
    encryption keys only).
    """
    if isinstance(subject.key, Missing):
        return Result(
            "fail",
            f"The key {subject.trail.kms_key_arn} does not exist, so CloudTrail cannot deliver logs.",
            "Give the trail another key. Logs that the lost key encrypted can never be read again.",
        )
    key = usable_key(subject)
    if isinstance(key, Result):
        return key
    evidence: Evidence = {"state": key.state, "usage": key.usage, "spec": key.spec}
    if (key.usage, key.spec) != ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
        return Result(
            "fail",
            f"The key is {key.spec} for {key.usage}; CloudTrail uses symmetric encryption keys only.",
            "Give the trail a key of spec SYMMETRIC_DEFAULT and usage ENCRYPT_DECRYPT.",
            evidence,
        )
    if key.state not in USABLE_STATES:
        return _unusable_state(key, evidence)
    if key.valid_to and key.valid_to - subject.read_at <= timedelta(days=subject.settings.expiry_warning_days):
        return _expiring(key, key.valid_to, evidence)
    return Result("pass", f"The key is {key.state}.", "", evidence)


def _expiring(key: Key, valid_to: datetime, evidence: Evidence) -> Result:
    """Advice for a key whose imported material expires; KMS deletes it then (KMS guide, "Importing key material")."""
    when = valid_to.isoformat(timespec="seconds")
    return Result(
        "fail",
        f"The imported key material of the key expires at {when}. After that, CloudTrail cannot deliver logs, and "
        "nobody can read the existing ones.",
        f"Import the same key material into {key.arn} again before that, without an expiry or with a later one.",
        {**evidence, "valid_to": when},
        advice=True,
    )


def _unusable_state(key: Key, evidence: Evidence) -> Result:
    """The result for a key whose state stops encryption."""
    when = f" (on {key.deletion_date.date().isoformat()})" if key.deletion_date else ""
    another = ("Bring the key back to the state Enabled, or give the trail another key.",)
    remedy, *operations = STATE_REMEDIES.get(key.state, another)
    return Result(
        "fail",
        f"The key is {key.state}{when}, so CloudTrail cannot deliver logs.",
        remedy,
        evidence,
        command=" && ".join(f"aws kms {each} --region {key.region} --key-id {key.arn}" for each in operations),
    )


def key_in_bucket_region(subject: Subject) -> Result:
    """The key is in the region of the bucket (CloudTrail API reference, UpdateTrail, KmsKeyNotFoundException)."""
    if subject.trail.kms_key_arn is None:
        return NO_KEY
    bucket = subject.bucket
    if isinstance(bucket, ReadError):
        return unreadable(f"The region of the bucket {subject.trail.bucket_name}", bucket)
    if isinstance(bucket, Missing):
        return Result("not_applicable", f"The bucket {subject.trail.bucket_name} does not exist.")
    region = subject.trail.kms_key_arn.split(":")[3]
    evidence: Evidence = {"key_region": region, "bucket_region": bucket.region}
    if region == bucket.region:
        return Result("pass", f"Key and bucket are both in {region}.", "", evidence)
    return Result(
        "fail",
        f"The key is in {region}, the bucket {bucket.name} in {bucket.region}: CloudTrail cannot use this key there.",
        f"Give the trail a key in {bucket.region}.",
        evidence,
    )


def key_is_approved(subject: Subject) -> Result:
    """The key is on the list of approved keys, if there is one."""
    if not subject.settings.approved_keys:
        return not_set("approved_keys")
    if subject.trail.kms_key_arn is None:
        return NO_KEY
    approved = _approval(subject, subject.trail.kms_key_arn, subject.settings.approved_keys)
    if isinstance(approved, Result):
        return approved
    if approved:
        return Result("pass", "The key is approved.", "", {"kms_key": subject.trail.kms_key_arn})
    return Result(
        "fail",
        "The key is not on the list of approved keys.",
        "Give the trail an approved key, or",
        {"kms_key": subject.trail.kms_key_arn, "approved_keys": list(subject.settings.approved_keys)},
        options=({"approved_keys": "a list with this one"},),
    )


def _approval(subject: Subject, key_arn: str, approved: Sequence[str]) -> bool | Result:
    """The result for the list. Key ARNs need no read: only they count if the key is gone, or all entries are ARNs."""
    if key_arn in approved or isinstance(subject.key, Missing) or all(map(KEY_ARN.fullmatch, approved)):
        return key_arn in approved
    key = usable_key(subject)
    return key if isinstance(key, Result) else is_approved(key, subject.account_id, approved)


def key_rotation_enabled(subject: Subject) -> Result:
    """Automatic rotation is on (CIS AWS Foundations 3.0, control 3.6), where KMS can rotate the key at all."""
    key = usable_key(subject)
    if isinstance(key, Result):
        return key
    if isinstance(key.rotation_enabled, ReadError):
        return unreadable("The rotation of the key", key.rotation_enabled)
    if key.rotation_enabled is None:
        return Result(
            "not_applicable",
            f"Automatic rotation cannot be set on this key (manager {key.manager}, origin {key.origin}, {key.spec}).",
        )
    if key.rotation_enabled:
        return Result("pass", "The key rotates automatically.", "", {"rotation_enabled": True})
    primary = key.primary_arn or key.arn
    return Result(
        "fail",
        "The key does not rotate automatically.",
        "Turn it on",
        {"rotation_enabled": False},
        command=f"aws kms enable-key-rotation --region {primary.split(':')[3]} --key-id {primary}",
    )


TAG = "tag:"


def is_approved(key: Key, account_id: str, approved: Sequence[str]) -> bool | Result:
    """Whether an entry of the list names the key; the result `unknown` if that could not be read.

    An entry is a key ARN, an alias ARN, an alias name (of a key of any account that is read), or `tag:NAME=VALUE`.
    `account_id` is the account that was read.
    """
    answers = [_names(entry, key, account_id) for entry in approved]
    if True in answers:
        return True
    return next((answer for answer in answers if isinstance(answer, Result)), False)


def _names(entry: str, key: Key, account_id: str) -> bool | Result:
    if entry.startswith(TAG):
        return _has_tag(entry.removeprefix(TAG), key, account_id)
    where, _colon, name = entry.rpartition(":")
    if not name.startswith("alias/"):
        return entry == key.arn
    if where and where != key.arn.rpartition(":")[0]:
        return False
    return _has_alias(name, key, account_id)


def _has_alias(name: str, key: Key, account_id: str) -> bool | Result:
    """Whether the key has the alias. Only the key's own account sees aliases (KMS API reference, ListAliases).

    If the key's policy could not be read, the owner's credentials were not used, and a missing alias proves nothing.
    """
    options = role_of_key_owner(key.arn, account_id, "kms:ListAliases")
    if isinstance(key.aliases, ReadError):
        return unreadable("The aliases of the key", key.aliases, options)
    if options and isinstance(key.policy, ReadError):
        message = "KMS shows the aliases of the key, which might approve it, only to the account of the key."
        return Result("unknown", message, "", {"iam_action": "kms:ListAliases"}, unread=key.policy, options=options)
    return name in key.aliases


def _has_tag(tag: str, key: Key, account_id: str) -> bool | Result:
    name, _equals, value = tag.partition("=")
    if isinstance(key.tags, ReadError):
        return unreadable(
            "The tags of the key", key.tags, role_of_key_owner(key.arn, account_id, "kms:ListResourceTags")
        )
    return key.tags.get(name) == value


def with_related_keys(subject: Subject, result: Result) -> Result:
    """A passing result, which is unknown if other keys have the same key material.

    Anyone who may use one of these keys can decrypt what is under any of them, and each has a key policy of its own
    (KMS API reference, ReplicateKey).
    """
    key = subject.key
    if not isinstance(key, Key) or key.related_keys == () or not (result.status == "pass" or result.advice):
        return result
    names = listing(key.related_keys) if key.related_keys else "its related multi-Region keys, which KMS did not name"
    return Result(
        "unknown",
        f"{result.message} But it is unknown whether strangers get in through {names}: related keys have the same key "
        "material, and key policies of their own, which are not judged with this one.",
        f"{result.remediation} Check the policy of each of these keys, and delete replicas that nobody needs.".strip(),
        result.evidence,
    )
