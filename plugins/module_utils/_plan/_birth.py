# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy and the tags that a key is created with, and how such a key is known again."""

from __future__ import annotations

from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _wish
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _document, _merge

ADMINISTRATORS = "AwsBaselineCloudTrailAdministrators"
# What an administrator may do with a key, and not use it (KMS guide, "Default key policy", "Allows key administrators
# to administer the KMS key").
ADMINISTRATION = (
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
)


def birth_policy(required: _merge.Required, wish: _wish.KeyWish) -> _document.Policy:
    """The whole policy of a new key: the account's root, its administrators, CloudTrail and the readers.

    Raises MergeRefusedError where it would not be taken by KMS.
    """
    policy = _merge.new_key_policy(required)
    if not wish.administrators:
        return policy
    administrators = {
        "Sid": ADMINISTRATORS,
        "Effect": "Allow",
        "Principal": {"AWS": list(wish.administrators)},
        "Action": list(ADMINISTRATION),
        "Resource": "*",
    }
    return _document.parse({**policy.document, "Statement": [*policy.document["Statement"], administrators]})


def birth_tags(wish: _wish.KeyWish) -> dict[str, str]:
    """The tags of a new key: the user's, and ours."""
    return {**wish.tags, _wish.CREATED_FOR_TAG: wish.alias}


def is_born_here(key: _model.Key) -> bool:
    """Whether the key's policy has the shape that we give: the account's root first, then nothing but our Sids."""
    try:
        policy = _document.parse(key.policy) if isinstance(key.policy, str) else None
    except _document.PolicyError:
        return False
    if policy is None or not policy.statements:
        return False
    root, *others = policy.statements
    return _is_root(root.document, key) and bool(others) and all(_is_born_with(each.sid) for each in others)


def _is_born_with(sid: str | None) -> bool:
    return sid == ADMINISTRATORS or _merge.is_our_sid(sid)


def _is_root(document: Any, key: _model.Key) -> bool:
    _arn, partition, _service, _region, account = key.arn.split(":")[:5]
    root = {"AWS": f"arn:{partition}:iam::{account}:root"}
    return (document.get("Effect"), document.get("Principal"), document.get("Action")) == ("Allow", root, "kms:*")
