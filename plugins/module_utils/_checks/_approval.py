# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a key is on the list of approved keys, by its ARN, an alias or a tag."""

from __future__ import annotations

from collections.abc import Sequence

from .._model import Key, ReadError
from ._subject import Result, owner_remedy, unreadable

TAG = "tag:"


def is_approved(key: Key, account_id: str, approved: Sequence[str]) -> bool | Result:
    """Whether an entry of the list names the key; where that could not be read, the result `unknown`.

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
    """An alias is seen by the key's own account alone (KMS API reference, ListAliases, "Cross-account use").

    Who cannot read the key's policy has not asked with its owner's credentials: no alias seen is then no answer.
    """
    if isinstance(key.aliases, ReadError):
        return unreadable("The aliases of the key", key.aliases, owner_remedy(key.arn, account_id, "kms:ListAliases"))
    remedy = owner_remedy(key.arn, account_id, "kms:ListAliases")
    if remedy and isinstance(key.policy, ReadError):
        message = "The aliases of the key, by which it might be approved, are shown to its own account alone."
        return Result("unknown", message, remedy, {"iam_action": "kms:ListAliases"})
    return name in key.aliases


def _has_tag(tag: str, key: Key, account_id: str) -> bool | Result:
    name, _equals, value = tag.partition("=")
    if isinstance(key.tags, ReadError):
        return unreadable("The tags of the key", key.tags, owner_remedy(key.arn, account_id, "kms:ListResourceTags"))
    return key.tags.get(name) == value
