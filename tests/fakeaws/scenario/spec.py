# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of a scenario file. README.md in the folder above describes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from uuid import NAMESPACE_URL, uuid5

import yaml

from tests.fakeaws.world import DeliveryFailure

PolicySpec: TypeAlias = str | Mapping[str, Any]
RuleSpec: TypeAlias = str | Mapping[str, Any]

_Spec = TypeVar("_Spec")


@dataclass(frozen=True, kw_only=True)
class AccountSpec:
    """An account and what its administrator may do; the first one is the one that a client speaks for.

    `ou` is where it stands in the organization, such as `Workloads/Production`; empty is the root. `regions` are its
    enabled Regions; without them it has those of the server. `scp` is its service control policy, for
    SimulatePrincipalPolicy.
    """

    id: str
    name: str
    partition: str = "aws"
    state: str = "ACTIVE"
    ou: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    closed_regions: tuple[str, ...] = ()
    allow: tuple[RuleSpec, ...] = ("*",)
    deny: tuple[RuleSpec, ...] = ()
    scp: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class OrganizationSpec:
    """`members` are by default all other accounts; `delegated` maps an account to service principals."""

    management: str
    id: str = "o-exampleorg1"
    members: tuple[str, ...] | None = None
    delegated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """A role of the same name in each of `accounts` (by default the first), trusted by `trusts` (by default all).

    `policy`, an IAM policy document, stands in the place of `allow` and `deny` where it is given. `boundary` is its
    permissions boundary, for SimulatePrincipalPolicy.
    """

    accounts: tuple[str, ...] | None = None
    trusts: tuple[str, ...] | None = None
    external_id: str | None = None
    allow: tuple[RuleSpec, ...] = ("*",)
    deny: tuple[RuleSpec, ...] = ()
    policy: Mapping[str, Any] | None = None
    boundary: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class KeySpec:
    """A KMS key. `state: Deleted` is a key that trails still name and that is gone.

    `replica_of` names the multi-region primary key in another region whose replica this is. `ram_policy` is the second
    policy of a key that is shared through RAM; `expires_in_days` tells when imported key material expires.
    """

    account: str | None = None
    region: str | None = None
    alias: str | None = None
    state: str = "Enabled"
    manager: str = "CUSTOMER"
    spec: str = "SYMMETRIC_DEFAULT"
    usage: str = "ENCRYPT_DECRYPT"
    origin: str = "AWS_KMS"
    multi_region: bool = False
    replica_of: str | None = None
    rotation: bool = True
    policy: PolicySpec = "cloudtrail"
    ram_policy: Mapping[str, Any] | None = None
    expires_in_days: int | None = None
    readers: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BucketSpec:
    """A bucket. `policy`: cloudtrail (AWS's own for CloudTrail), none, deny-unless-aes256, or a document."""

    account: str | None = None
    region: str | None = None
    name: str | None = None
    policy: PolicySpec = "cloudtrail"
    bucket_key: bool = False


@dataclass(frozen=True, kw_only=True)
class TrailSpec:
    """A trail; `bucket` and `key` are labels of this file. It may stand on a bad key: nothing is validated.

    `log_age` is how many minutes old the newest files of its folders are, `log_ages` the same for some Regions, and
    `log_key` the key that they show, by default the trail's: a label, or `none`.
    """

    bucket: str
    key: str | None = None
    account: str | None = None
    region: str | None = None
    prefix: str | None = None
    multi_region: bool = True
    organization: bool = False
    logging: bool = True
    validation: bool = True
    delivery_failure: DeliveryFailure = "error"
    log_age: float = 0
    log_ages: Mapping[str, float] = field(default_factory=dict)
    log_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EventSpec:
    """Something that happened `minutes_ago`: an `event` such as kms:PutKeyPolicy, `on` a label of this file.

    `error` is the code of a request that was refused. Without `on` the event names nothing. Of the use of a key, `by`
    is `somebody`, or the trail for which CloudTrail used it; `log` says whether that was for a log. `key` is the one
    that an UpdateTrail sets.
    """

    event: str
    on: str | None = None
    minutes_ago: float = 0
    error: str | None = None
    by: str = "somebody"
    log: bool = True
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A whole file."""

    name: str
    description: str
    region: str
    accounts: tuple[AccountSpec, ...]
    organization: OrganizationSpec | None
    roles: Mapping[str, RoleSpec]
    keys: Mapping[str, KeySpec]
    buckets: Mapping[str, BucketSpec]
    trails: Mapping[str, TrailSpec]
    events: tuple[EventSpec, ...]
    propagation_delay: float
    delivery_interval: float

    def account(self, name: str | None) -> AccountSpec:
        """An account by its name or id; the first one for None."""
        if name is None:
            return self.accounts[0]
        found = next((account for account in self.accounts if name in (account.name, account.id)), None)
        if found is None:
            raise ValueError(f"scenario {self.name}: no account {name!r}")
        return found

    def trail_arn(self, label: str) -> str:
        """The ARN of a trail; its label is its name."""
        spec = self.trails[label]
        account = self.account(spec.account)
        return f"arn:{account.partition}:cloudtrail:{spec.region or self.region}:{account.id}:trail/{label}"

    def key_arn(self, label: str) -> str:
        """The ARN of a key; its id follows from its label, so that it is the same in every run."""
        if label not in self.keys:
            raise ValueError(f"scenario {self.name}: no key {label!r}")
        spec = self.keys[label]
        account, region = self.account(spec.account), spec.region or self.region
        if spec.replica_of:  # All keys of a multi-Region set share one key id.
            key_id = self.key_arn(spec.replica_of).rpartition("/")[2]
        else:
            unique = uuid5(NAMESPACE_URL, f"{account.id}/{region}/{label}")
            key_id = f"mrk-{unique.hex}" if spec.multi_region else str(unique)
        return f"arn:{account.partition}:kms:{region}:{account.id}:key/{key_id}"

    def bucket_name(self, label: str) -> str:
        """The name of a bucket: its own, or made from its label and the account, since names are global."""
        if label not in self.buckets:
            raise ValueError(f"scenario {self.name}: no bucket {label!r}")
        spec = self.buckets[label]
        return spec.name or f"{label}-{self.account(spec.account).id}"


def parse(name: str, text: str) -> Scenario:
    """Read a scenario from YAML; ValueError for a word that it does not know, or one that is missing."""
    raw = {"description": None, **(yaml.safe_load(text) or {})}
    if not raw["description"]:
        raise ValueError(f"scenario {name}: missing: description")
    accounts = raw.pop("accounts", [{"id": "111111111111", "name": "production"}])
    organization = raw.pop("organization", None)
    scenario = Scenario(
        name=name,
        description=str(raw.pop("description")),
        region=raw.pop("region", "eu-central-1"),
        accounts=tuple(_make(AccountSpec, f"{name}: account", account) for account in accounts),
        organization=_make(OrganizationSpec, f"{name}: organization", organization) if organization else None,
        roles=_each(RoleSpec, f"{name}: role", raw.pop("roles", {})),
        keys=_each(KeySpec, f"{name}: key", raw.pop("keys", {})),
        buckets=_each(BucketSpec, f"{name}: bucket", raw.pop("buckets", {})),
        trails=_each(TrailSpec, f"{name}: trail", raw.pop("trails", {})),
        events=tuple(_make(EventSpec, f"{name}: event", event) for event in raw.pop("events", [])),
        propagation_delay=float(raw.pop("propagation_delay", 0)),
        delivery_interval=float(raw.pop("delivery_interval", 1)),
    )
    if raw:
        raise ValueError(f"scenario {name}: unknown: {', '.join(raw)}")
    return scenario


def _each(kind: type[_Spec], where: str, entries: Mapping[str, Any]) -> dict[str, _Spec]:
    return {label: _make(kind, f"{where} {label}", entry or {}) for label, entry in entries.items()}


def _make(kind: type[_Spec], where: str, entry: Mapping[str, Any]) -> _Spec:
    known = inspect.signature(kind).parameters
    if unknown := entry.keys() - known.keys():
        raise ValueError(f"scenario {where}: unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    if missing := [name for name, word in known.items() if word.default is word.empty and name not in entry]:
        raise ValueError(f"scenario {where}: missing: {', '.join(missing)}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()})
