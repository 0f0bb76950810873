# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A call to judge, what is known of the accounts it is made in, and its possible outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from functools import cached_property
from typing import TypeAlias

from .._model import Key
from ._patterns import Context
from ._principals import Caller


class Outcome(Enum):
    """What AWS would answer, as far as the policy tells."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicit deny"
    EXPLICIT_DENY = "explicit deny"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call to judge.

    `principal` is a service name (`cloudtrail.amazonaws.com`) or the ARN of a root user, user, role or session.
    `context` maps condition keys to their value or values. It is the whole context except for `unknown_keys` and
    `perhaps`. `unknown_keys` are names of keys, or prefixes that end in an asterisk: their presence and their values
    are unknown. `perhaps` has keys whose presence is unknown, with the values that they have if they are present. A key
    that maps to no values is certainly absent, whatever `unknown_keys` says; a prefix with an asterisk that maps to
    none makes all such keys absent.
    `account` is the owner of the resource; `identity_allows` whether the principal's own IAM policies allow the call.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]]
    account: str
    identity_allows: bool | None = None
    unknown_keys: frozenset[str] = frozenset()
    perhaps: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    caller: Caller = field(init=False, repr=False, compare=False)
    keys: Context = field(init=False, repr=False, compare=False)
    longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare what every statement needs."""
        object.__setattr__(self, "caller", Caller(self.principal))
        object.__setattr__(self, "keys", Context(self.context, self.unknown_keys, self.perhaps))
        # The characters of the longest text that patterns are compared with: of several values, one is the resource.
        values = (*self.context.values(), *self.perhaps.values())
        longest = max(len(self.principal), len(self.resource), *map(len, values))
        object.__setattr__(self, "longest", longest)

    def asking(self, action: str) -> Request:
        """The same request for another action, without preparing its context anew."""
        return self._but("action", action)

    def at(self, resource: str) -> Request:
        """The same request for another resource of the same owner, without preparing its context anew."""
        other = self._but("resource", resource)
        object.__setattr__(other, "longest", max(self.longest, len(resource)))
        return other

    def _but(self, name: str, value: str) -> Request:
        other = copy(self)
        object.__setattr__(other, name, value)
        return other


# What fills a row: a text, nothing (the key is absent then), or None where it is not known.
Filling: TypeAlias = str | tuple[()] | None


@dataclass(frozen=True)
class Known:
    """What was read of the accounts that requests are made in. None, or a missing entry, is what was not read.

    `organizations` maps the id of an account to that of its organization, which is an empty text for an account in
    none.
    """

    at: datetime | None = None
    key: Key | None = None
    organizations: Mapping[str, str] = field(default_factory=dict)
    bucket_owner: str | None = None
    bucket_region: str | None = None

    @cached_property
    def fillings(self) -> dict[str, Filling]:
        """The values to fill into rows that are the same for every request."""
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
        organization = self.organizations.get(account or "")
        nothing: Filling = () if organization == "" else None
        return {f"{name}_org": organization or nothing, f"{name}_org_paths": nothing}


NOTHING_KNOWN = Known()
