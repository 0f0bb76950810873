# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user wishes of an enforcement, and what a plan is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model

# The tag by which a key that this collection created is known again; its value is the alias it was created for.
CREATED_FOR_TAG = "aws-baseline:cloudtrail-kms"

# By bucket region: what stands behind `key_id` or the alias there.
Targets = Mapping[str, _model.Candidate]


@dataclass(frozen=True)
class KeyWish:
    """The key to find by its alias in each bucket region, or to create there."""

    alias: str = "alias/aws-baseline-cloudtrail"
    description: str = "Encrypts the logs of CloudTrail trails"
    tags: Mapping[str, str] = field(default_factory=dict)
    administrators: tuple[str, ...] = ()
    rotation: bool = True
    rotation_period_in_days: int | None = None
    multi_region: bool = False


@dataclass(frozen=True)
class TrailWish:
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
class Wish:
    """What an enforcement may do. `key_id` (id, ARN, alias or alias ARN) excludes `key`; one of them is set.

    `key_account_id` is the account in which the key is found or created, None for that of the trails; with
    `key_is_shared` other accounts use the keys of that account at the same time, and no run for one of them writes to
    them. With `create_trail` nothing else is enforced than what this one trail needs. `writers` are the ARNs of the
    principals that write to keys, by the account of the key.
    """

    key: KeyWish | None = field(default_factory=KeyWish)
    key_id: str | None = None
    key_account_id: str | None = None
    key_is_shared: bool = False
    trails: tuple[str, ...] = ()
    statements: Literal["strict", "cis"] = "strict"
    replace_compliant_key: bool = False
    allow_enable_key: bool = False
    allow_cancel_deletion: bool = False
    allow_unread_bucket_policy: bool = False
    create_trail: TrailWish | None = None
    writers: Mapping[str, str] = field(default_factory=dict)

    @property
    def key_name(self) -> str:
        """The key in words, with its account where that is another one than the trails'."""
        name = self.key_id or (self.key.alias if self.key else "")
        return (
            name if name.startswith("arn:") or not self.key_account_id else f"{name} of account {self.key_account_id}"
        )

    def key_in(self, *regions: str) -> str:
        """The key in words, and the regions in which it is looked for; an ARN says its own."""
        name = self.key_name
        return name if name.startswith("arn:") else f"{name} in {', '.join(regions)}"

    @property
    def is_more_than_compliance(self) -> bool:
        """Whether more is wished than what an audit judges, so that only a plan can tell if anything is to be done."""
        return bool(self.key_id or self.create_trail or self.replace_compliant_key)


def is_met(wish: Wish, account: Mapping[str, Any]) -> bool:
    """Return whether a plan for the account would say nothing: no change, no refusal, no warning. Else it may.

    `account` is its row in an audit, as `cloudtrail_kms_facts` returns it, so that an account that is as it
    should be is told from that alone. Of exceptions a plan has something to say as well.
    """
    if wish.is_more_than_compliance or account["verdict"] != "compliant":
        return False
    named = wish.trails and any(trail["ownership"] != "owned" for trail in account["trails"])
    excepted = any(found["status"] == "excepted" for trail in account["trails"] for found in trail["findings"])
    to_rotate = any(
        wish.key and wish.key.rotation and key["rotation_enabled"] is False and wish.key.alias in (key["aliases"] or ())
        for key in account["kms_keys"]
    )
    return not (named or excepted or to_rotate)


@dataclass(frozen=True)
class SharedKey:
    """A key that has to be changed before the trails of an account can use it, and that other accounts use as well.

    `alias` is its alias, where it is found by that or created. `trails` are the ARNs that its policy must allow;
    `needed` is that of `_merge.Required`.
    """

    key_arn: str
    alias: str | None
    trails: tuple[str, ...]
    readers: tuple[str, ...] = ()
    needed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SharedTrails:
    """The ARNs of the trails that a shared key is to serve, and what its policy lacks for those that have it already.

    `needed` is that of `_merge.Required`: a trail that is not in it needs all.
    """

    trails: tuple[str, ...]
    needed: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they are applied; with a refusal none of them is.

    `predicted` is the account as it will be once they are, and `shared_keys` are as the changes need them.
    """

    changes: tuple[_model.Change, ...]
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    predicted: _model.Snapshot
    shared_keys: tuple[SharedKey, ...] = ()


class RefusedError(Exception):
    """What is wished cannot be done, or is not to be done unasked; the message names trail, key, reason, next step."""
