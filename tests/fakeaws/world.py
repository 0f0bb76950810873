# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of the fake AWS that moto has no place for: who may call, and what happened when.

Keys, aliases, trails and buckets themselves live in moto's backends (see `store.py`), so that calls
without a rule of their own, which moto answers, see the same resources.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tests.fakeaws.policy import Requester

# Regions that are enabled in every account (AWS Regions and Availability Zones user guide).
DEFAULT_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
    "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
)  # fmt: skip

DeliveryFailure: TypeAlias = Literal["error", "silent"]


@dataclass(frozen=True)
class Rule:
    """One entry of an allow-list or deny-list: an action pattern, in some regions or (empty) in all."""

    action: str
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who makes a call. `arn` is what GetCallerIdentity shows, `iam_arn` the user or role behind it.

    `policy`, an IAM policy document, stands in the place of `allow` and `deny` where it is given.
    """

    account: str
    arn: str
    iam_arn: str
    user_id: str
    allow: tuple[Rule, ...] = (Rule("*"),)
    deny: tuple[Rule, ...] = ()
    policy: Mapping[str, Any] | None = None

    @property
    def requester(self) -> Requester:
        """The same identity, as a policy is asked about it."""
        return Requester(account=self.account, arns=frozenset({self.arn, self.iam_arn}))


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An access key; temporary ones have a session token and a time of expiry (seconds since the epoch)."""

    access_key: str
    secret_key: str
    identity: Identity
    token: str | None = None
    expires: float | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """An AWS account; `closed_regions` are denied by a service control policy, `ou` are the names of its OUs.

    `scp` is a service control policy beside the one that allows all, which the simulator knows.
    """

    id: str
    name: str
    partition: str = "aws"
    state: str = "ACTIVE"
    ou: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[str, ...] = DEFAULT_REGIONS
    closed_regions: tuple[str, ...] = ()
    scp: Mapping[str, Any] | None = None

    def arn(self, service: str, resource: str, region: str = "") -> str:
        """An ARN in this account and partition."""
        return f"arn:{self.partition}:{service}:{region}:{self.id}:{resource}"


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role that may be assumed from the accounts in `trusts`, with the external id if there is one.

    `boundary` is its permissions boundary, which the simulator knows.
    """

    account: str
    name: str
    trusts: tuple[str, ...]
    external_id: str | None = None
    allow: tuple[Rule, ...] = (Rule("*"),)
    deny: tuple[Rule, ...] = ()
    policy: Mapping[str, Any] | None = None
    boundary: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Organization:
    """`delegated` maps an account to the service principals it administers."""

    id: str
    management: str
    members: tuple[str, ...]
    delegated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The management account first, then the members."""
        return (self.management, *self.members)


@dataclass(kw_only=True)
class Files:
    """The delivery of a trail's logs, or of its digests: `healthy_since` is None while something is in the way."""

    healthy_since: float | None = None
    last_delivery: float | None = None


@dataclass(kw_only=True)
class Delivery:
    """What a trail shows when it cannot deliver, and its times (seconds since the epoch)."""

    on_failure: DeliveryFailure = "error"
    started: float | None = None
    stopped: float | None = None
    logs: Files = field(default_factory=Files)
    digests: Files = field(default_factory=Files)
    digest_problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """A management event in the event history of an account and Region; `record` is its JSON document."""

    account: str
    region: str
    name: str
    at: float
    resources: tuple[str, ...]
    record: Mapping[str, Any]
    id: str


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """An object that CloudTrail delivered; `key_arn` is None for SSE-S3."""

    at: float
    key_arn: str | None
    bucket_key: bool = False


@dataclass(frozen=True, kw_only=True)
class KeyUse:
    """The last cryptographic operation with a key, and the id of its event."""

    operation: str
    at: float
    event_id: str


@dataclass(frozen=True)
class PolicyVersion:
    """A key policy, and from when on the services decide by it."""

    effective_at: float
    policy: str


@dataclass
class World:
    """Everything about one scenario that is not in moto's backends."""

    name: str
    description: str
    region: str = "eu-central-1"
    accounts: dict[str, Account] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    credentials: dict[str, Credentials] = field(default_factory=dict)
    organization: Organization | None = None
    # By ARN of the trail or key.
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    policies: dict[str, list[PolicyVersion]] = field(default_factory=dict)
    visible_from: dict[str, float] = field(default_factory=dict)
    rotation_periods: dict[str, int] = field(default_factory=dict)
    ram_policies: dict[str, str] = field(default_factory=dict)
    material_expires: dict[str, float] = field(default_factory=dict)
    alias_dates: dict[str, tuple[float, float]] = field(default_factory=dict)
    # The event histories, the delivered objects by bucket and name, and the last use of each key by its ARN.
    events: list[Event] = field(default_factory=list)
    files: dict[str, dict[str, LogFile]] = field(default_factory=dict)
    last_uses: dict[str, KeyUse] = field(default_factory=dict)
    lookups: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    # Seconds until the services see a policy that was written, and between two deliveries of a trail.
    propagation_delay: float = 0.0
    delivery_interval: float = 1.0
    # Seconds until an event shows in the history, and how many LookupEvents an account and Region takes in a second.
    event_lag: float = 0.0
    lookups_per_second: float = float("inf")
    # Where AWS's pages disagree, or one report stands alone: are digest files encrypted under the trail's key, and do
    # CreateTrail and UpdateTrail insist on the folder of an organization trail's own account, and on DescribeKey?
    digests_under_key: bool = True
    own_folder_needed: bool = True
    describe_key_needed: bool = True

    @property
    def main_account(self) -> Account:
        """The first account of the scenario: `FakeAws.environment` speaks for its administrator."""
        return next(iter(self.accounts.values()))

    def administrator(self, account_id: str) -> Credentials:
        """The credentials of an account's administrator; KeyError if the scenario has no such account."""
        return self.credentials[access_key_of(account_id)]

    def new_session(self, identity: Identity, seconds: int) -> Credentials:
        """Temporary credentials as AssumeRole gives them."""
        session = Credentials(
            access_key="ASIA" + secrets.token_hex(8).upper(),
            secret_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(64),
            identity=identity,
            expires=time.time() + seconds,
        )
        self.credentials[session.access_key] = session
        return session

    def expire_sessions(self) -> None:
        """Let every temporary credential be past its time."""
        for key, credentials in self.credentials.items():
            if credentials.expires is not None:
                self.credentials[key] = Credentials(**{**vars(credentials), "expires": 0.0})

    def write_policy(self, arn: str, before: str, policy: str) -> None:
        """A key policy was replaced: the services go on deciding by the one before for a while.

        KMS guide, "Eventual consistency": a change is visible everywhere within seconds, at times minutes.
        """
        versions = self.policies.setdefault(arn, [PolicyVersion(0.0, before)])
        versions.append(PolicyVersion(time.time() + self.propagation_delay, policy))

    def policy_in_effect(self, arn: str, current: str) -> str:
        """The key policy that decisions are made by now; `current` is what GetKeyPolicy shows."""
        now = time.time()
        visible = [version.policy for version in self.policies.get(arn, ()) if version.effective_at <= now]
        return visible[-1] if visible else current

    def principal_exists(self, name: str) -> bool:
        """Does a principal of a policy exist: everyone, an account, an account's root, an administrator or a role?

        Accounts that are no part of the scenario are taken to exist, with everybody in them.
        """
        if name == "*" or name.isdigit():
            return True
        account_id, resource = name.split(":", 5)[4:]
        if account_id not in self.accounts or resource == "root" or name in self.roles:
            return True
        return (
            resource == "user/administrator"
            or self.accounts[account_id].arn("iam", self._role_of(resource)) in self.roles
        )

    @staticmethod
    def _role_of(resource: str) -> str:
        """The role behind a session: `assumed-role/NAME/SESSION`."""
        return f"role/{resource.split('/')[1]}" if resource.startswith("assumed-role/") else resource

    def organization_of(self, account_id: str) -> Organization | None:
        """The organization that the account is in, if it is in one."""
        organization = self.organization
        return organization if organization and account_id in organization.accounts else None

    def is_delegated(self, account_id: str, service: str) -> bool:
        """Is the account a delegated administrator for this service principal?"""
        return bool(self.organization and service in self.organization.delegated.get(account_id, ()))


def access_key_of(account_id: str) -> str:
    """The access key id of an account's administrator."""
    return f"AKIA{account_id}ADMN"
