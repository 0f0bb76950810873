# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of a KMS key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ._next_steps import ReadError


@dataclass(frozen=True)
class Key:
    """One KMS key: DescribeKey, GetKeyPolicy, GetKeyRotationStatus and ListAliases joined.

    Its tags are read where an approval depends on them, and are empty otherwise. `valid_to` is when the first of its
    imported key material expires (KMS shape KeyMetadata, ValidTo). `ram_policy` is the policy that RAM gives a key that
    is shared through it; it is read where a verdict depends on it. `related_keys` are the ARNs of the other keys with
    its key material, the primary and the replicas of a multi-Region key; None where KMS does not say. `created_at` is
    when KMS created it.
    """

    arn: str
    manager: str
    state: str
    spec: str
    usage: str
    origin: str
    multi_region: bool
    primary_arn: str | None
    aliases: tuple[str, ...] | ReadError
    policy: str | ReadError
    rotation_enabled: bool | ReadError | None
    deletion_date: datetime | None = None
    tags: Mapping[str, str] | ReadError = field(default_factory=dict)
    valid_to: datetime | None = None
    ram_policy: str | ReadError | None = None
    related_keys: tuple[str, ...] | None = ()
    created_at: datetime | None = field(default=None, compare=False)

    @property
    def region(self) -> str:
        """Return the region of the key's ARN."""
        return self.arn.split(":")[3]

    def has_material_of_a_new_key(self, *, multi_region: bool) -> bool:
        """Return whether it is what our CreateKey makes, in all that this settles for good, and is not shared.

        Anybody who may create keys can copy its tags and policy, around key material that they hold as well.
        """
        made = (self.manager, self.spec, self.usage, self.origin, self.multi_region)
        ours = ("CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", multi_region)
        return made == ours and (self.primary_arn, self.related_keys, self.valid_to) == (None, (), None)
