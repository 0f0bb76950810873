# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of the world that requests are made in, as it fills the table of what they carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TypeAlias

from .._model import Key

# What fills a row: a text, nothing (the key is absent then), or None where it is not known.
Filling: TypeAlias = str | tuple[()] | None


@dataclass(frozen=True)
class Known:
    """What was read of the world that requests are made in; None, or not in a mapping, is what was not.

    `organizations` has the id of the organization that an account is in, by the account's id, and an empty text for an
    account that is in none.
    """

    at: datetime | None = None
    key: Key | None = None
    organizations: Mapping[str, str] = field(default_factory=dict)
    bucket_owner: str | None = None
    bucket_region: str | None = None

    @cached_property
    def fillings(self) -> dict[str, Filling]:
        """Those that are the same for every request."""
        at, key = self.at and self.at.astimezone(timezone.utc), self.key
        replica = "REPLICA" if key and key.primary_arn else "PRIMARY"
        return {
            "time": at.isoformat().replace("+00:00", "Z") if at else None,
            "epoch": str(int(at.timestamp())) if at else None,
            "key_spec": key.spec if key else None,
            "key_usage": key.usage if key else None,
            "key_origin": key.origin if key else None,
            "multi_region": str(key.multi_region).lower() if key else None,
            "multi_region_type": replica if key and key.multi_region else None,
        }

    def of_account(self, name: str, account: str | None) -> dict[str, Filling]:
        """The organization of an account, and the paths in it, which are not read."""
        found = self.organizations.get(account or "")
        nothing: Filling = () if found == "" else None
        return {f"{name}_org": found or nothing, f"{name}_org_paths": nothing}


NOTHING_KNOWN = Known()
