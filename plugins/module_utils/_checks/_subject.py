# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule sees (Subject), what it is told (Settings), and what it says (Result)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Literal

from .._model import (
    ORGANIZATIONS_NOT_IN_USE,
    Bucket,
    Judgement,
    Key,
    Level,
    Missing,
    Options,
    Organization,
    Proof,
    ReadError,
    SimulatedCall,
    Simulation,
    Status,
    Trail,
    TrailProof,
    is_denied,
    next_step,
)
from .._policy import ANY_ORGANIZATION, Budget, Known, Locations
from ._evidence import Evidence, ReaderEvidence


@dataclass(frozen=True)
class TrailException:
    """A decision to live with what some rules find on some trails, until a day (inclusive, UTC).

    `trail` is the name or the ARN of a trail, `account` the id of the account that owns it; either may hold `*` and
    `?`, and one of them may be None, which is any.
    """

    trail: str | None
    rules: tuple[str, ...]
    reason: str
    owner: str
    expires: date
    account: str | None = None

    def covers(self, trail: Trail) -> bool:
        """Whether it is about this trail."""
        pattern = self.trail or "*"
        name = trail.arn if pattern.startswith("arn:") else trail.name
        return fnmatchcase(name, pattern) and fnmatchcase(trail.account_id, self.account or "*")

    def may_concern(self, account_id: str) -> bool:
        """Whether a trail of this account could be meant; of what is no ARN, though it begins like one, any could."""
        owner = [*self.trail.split(":")[4:5], "*"][0] if self.trail and self.trail.startswith("arn:") else "*"
        return fnmatchcase(account_id, owner) and fnmatchcase(account_id, self.account or "*")

    @property
    def subject(self) -> str:
        """What it is about, in words."""
        trail = f"trail {self.trail}" if self.trail else "every trail"
        return f"{trail} of account {self.account}" if self.account else trail


@dataclass(frozen=True)
class Settings:
    """What the user asks of the rules; `levels` holds only what differs from a rule's own level.

    `proof` says what was read of what AWS did.

    `of_owners` are the settings of accounts that the run does not judge: by these, the trails that others inherit.
    """

    levels: Mapping[str, Level] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    approved_keys: tuple[str, ...] = ()
    exceptions: tuple[TrailException, ...] = ()
    stale_after_hours: int = 24
    expiry_warning_days: int = 30
    closed_regions: Literal["advise", "unknown"] = "advise"
    proof: Proof = "none"
    of_owners: Mapping[str, Settings] = field(default_factory=dict)

    def of(self, trail: Trail) -> Settings:
        """Return the settings that the trail is judged by: an inherited one by its owner's, where these are known."""
        return self.of_owners.get(trail.account_id, self) if trail.ownership == "inherited" else self

    def rules_set_to(self, level: Level, trails: Iterable[Trail]) -> frozenset[str]:
        """Return the rules that are set to a level for the account, which has these trails, or for some of them."""
        judging = (self, *map(self.of, trails))
        return frozenset(rule for each in judging for rule, own in each.levels.items() if own == level)


@dataclass(frozen=True)
class Subject:
    """One trail, with the key and the bucket behind it as far as they could be read.

    `budget` is what one finding may take, of whatever moments. `others` are the other trails that the account shows,
    and `unseen_regions` those whose trails could not be read.
    """

    trail: Trail
    key: Key | Missing | ReadError | None
    bucket: Bucket | Missing | ReadError
    settings: Settings
    read_at: datetime
    account_id: str
    regions: tuple[str, ...] = ()
    organization: Organization | ReadError | None = None
    proof: TrailProof | None = None
    others: tuple[Trail, ...] = ()
    unseen_regions: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget, repr=False, compare=False)
    simulations: Mapping[SimulatedCall, Simulation | ReadError] = field(default_factory=dict, repr=False)

    @property
    def known(self) -> Known:
        """What is known of the requests that are made for the trail."""
        key, bucket = self.key, self.bucket
        return Known(
            at=self.read_at,
            key=key if isinstance(key, Key) else None,
            organizations=organizations(self.account_id, self.organization),
            bucket_owner=bucket.owner if isinstance(bucket, Bucket) else None,
            bucket_region=bucket.region if isinstance(bucket, Bucket) else None,
        )

    @property
    def locations(self) -> tuple[Locations, ...]:
        """Where the trail's files lie: for an organization trail of which nobody told the id, every possibility."""
        trail = self.trail
        ids: tuple[str | None, ...] = (None,)
        if trail.organization_trail:
            ids = (self.organization.id,) if isinstance(self.organization, Organization) else ANY_ORGANIZATION
        return tuple(
            Locations(
                trail_arn=trail.arn,
                bucket_name=trail.bucket_name,
                bucket_prefix=trail.bucket_prefix,
                regions=(self.regions if trail.multi_region else ()) or (trail.home_region,),
                organization_id=organization_id,
                has_digests=trail.log_file_validation,
                known=self.known,
            )
            for organization_id in ids
        )

    @property
    def log_contexts(self) -> list[tuple[str, ...]]:
        """The aws:s3:arn of the encryption context of all its log files, once for each thing that may be so.

        With an S3 Bucket Key it is the bucket's own ARN; of a bucket that could not be read either may be so.
        """
        known, bucket_key = self.locations, self.bucket_key
        cases = [] if bucket_key is False else [tuple(known[0].encryption_contexts(bucket_key=True))]
        return cases if bucket_key is True else cases + [tuple(k.encryption_contexts(bucket_key=False)) for k in known]

    @property
    def bucket_key(self) -> bool | ReadError | None:
        """Whether the bucket uses an S3 Bucket Key; what kept that from being read, None for a missing bucket."""
        if isinstance(self.bucket, Missing):
            return None
        return self.bucket if isinstance(self.bucket, ReadError) else self.bucket.bucket_key_enabled


def organizations(account_id: str, organization: Organization | ReadError | None) -> dict[str, str]:
    """The id of the organization of each account of which it is known, empty for an account that is in none."""
    if isinstance(organization, Organization):
        return dict.fromkeys((account_id, organization.management_account), organization.id)
    is_alone = isinstance(organization, ReadError) and organization.code == ORGANIZATIONS_NOT_IN_USE
    return {account_id: ""} if is_alone else {}


@dataclass(frozen=True)
class Result(Judgement):
    """What one rule says of one subject. `advice` keeps it from failing the trail, whatever the rule's level."""

    status: Status
    message: str
    remediation: str = ""
    evidence: Evidence | Mapping[str, ReaderEvidence] = field(default_factory=Evidence)
    advice: bool = False


NO_KEY = Result("not_applicable", "The trail has no KMS key.")


def not_set(option: str) -> Result:
    """The result of a rule on a list, where this option does not give the list."""
    return Result("not_applicable", f"No {option.replace('_', ' ')} are set.")


def unreadable(what: str, error: ReadError, options: Options = (), remedy: str = "") -> Result:
    """The result for a fact that could not be read: unknown, with the IAM action that would tell.

    `options` and `remedy` replace the advice that follows from the error's code, where that would not help.
    """
    return Result(
        "unknown",
        f"{what} could not be read: {error}.",
        remedy if options else next_step(error),
        {"iam_action": error.iam_action, "operation": error.operation, "region": error.region, "code": error.code},
        unread=error,
        options=options,
    )


def unknown_organization(subject: Subject, what: str) -> Result:
    """The result where something hangs on which organization the trail is of, and that was not told."""
    what = f"The organization of the trail {subject.trail.name}, {what},"
    if isinstance(subject.organization, ReadError):
        return unreadable(what, subject.organization)
    return Result("unknown", f"{what} was not read.")


def usable_key(subject: Subject) -> Key | Result:
    """Return the key for rules that need one, or the result that says why there is none to judge."""
    if subject.key is None:
        return NO_KEY
    if isinstance(subject.key, Missing):
        return Result("not_applicable", f"The key {subject.trail.kms_key_arn} does not exist; see key_is_usable.")
    if isinstance(subject.key, ReadError):
        return unreadable(
            f"The key {subject.trail.kms_key_arn}", subject.key, foreign_key_options(subject, subject.key)
        )
    return subject.key


def foreign_key_options(subject: Subject, error: ReadError) -> Options:
    """The options for a key of another account, whose credentials alone can read it; none for a key of our own."""
    key_arn = subject.trail.kms_key_arn or ""
    return role_of_key_owner(key_arn, subject.account_id, error.iam_action) if is_denied(error.code) else ()


def role_of_key_owner(key_arn: str, account_id: str, action: str) -> Options:
    """The options for what only the owner of a key may ask; none where that is the account that was read."""
    owner = key_arn.split(":")[4]
    role = f"a role in account {owner}, which owns the key, that may {action}"
    return () if owner == account_id else ({"key_assume_role": role},)
