# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user requests of an enforcement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ._model import KeyLookup, Reason

# The tag by which a key that this collection created is known again; its value is the alias it was created for.
CREATED_FOR_TAG = "aws-baseline:cloudtrail-kms"

# By bucket region: what stands behind `key_id` or the alias there.
Targets = Mapping[str, KeyLookup]


@dataclass(frozen=True)
class KeyRequest:
    """The key to find by its alias in each bucket region, or to create there."""

    alias: str = "alias/aws-baseline-cloudtrail"
    description: str = "Encrypts the logs of CloudTrail trails"
    tags: Mapping[str, str] = field(default_factory=dict)
    administrators: tuple[str, ...] = ()
    rotation: bool = True
    rotation_period_in_days: int | None = None
    multi_region: bool = False


@dataclass(frozen=True)
class TrailRequest:
    """The trail to find by its name in its home region, or to create there; `tags` are those it is created with.

    With `new_bucket` a bucket that does not exist is planned for as if it were there, in `bucket_region` or else in
    the home region.
    """

    name: str
    bucket_name: str
    home_region: str
    bucket_prefix: str | None = None
    bucket_region: str | None = None
    new_bucket: bool = False
    multi_region: bool = True
    organization_trail: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EnforceRequest:
    """What an enforcement may do. `key_id` (id, ARN, alias or alias ARN) excludes `key`; one of them is set.

    `key_account_id` is the account in which the key is found or created, None for that of the trails. With
    `create_trail` nothing else is enforced than what this one trail needs. `writers` are the ARNs of the principals
    that write to keys, by the account of the key. The run also enforces in `accounts`: what these own they write.
    `readers` are those of all accounts of the run: a shared key names them all.
    """

    key: KeyRequest | None = field(default_factory=KeyRequest)
    key_id: str | None = None
    key_account_id: str | None = None
    trails: tuple[str, ...] = ()
    statements: Literal["strict", "cis"] = "strict"
    replace_compliant_key: bool = False
    allow_enable_key: bool = False
    allow_cancel_deletion: bool = False
    allow_unread_bucket_policy: bool = False
    change_managed: bool = False
    create_trail: TrailRequest | None = None
    writers: Mapping[str, str] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()

    @property
    def key_name(self) -> str:
        """The key in words, with its account where that is another one than the trails'."""
        name = self.key_id or (self.key.alias if self.key else "")
        return (
            name if name.startswith("arn:") or not self.key_account_id else f"{name} of account {self.key_account_id}"
        )

    def key_in(self, *regions: str) -> str:
        """Return the key in words, followed by the regions to find it in. An ARN already names its region."""
        name = self.key_name
        return name if name.startswith("arn:") else f"{name} in {', '.join(regions)}"


# Accounts that share a key may differ in these fields, which say nothing of what is done to the key: its account is a
# part of its ARN. In all other fields they must agree, because the key is changed once for all of them.
MAY_DIFFER = frozenset(
    (
        "key_account_id",
        "trails",
        "replace_compliant_key",
        "allow_unread_bucket_policy",
        "create_trail",
        "writers",
        "accounts",
        "readers",
    )
)


class RefusedError(Exception):
    """A request that is refused: why, the options that would allow it, and the key that it is about."""

    def __init__(self, text: str, *options: Mapping[str, bool | str], key: str | None = None) -> None:
        super().__init__(text)
        self.refusal = Reason(text, options, key=key)
