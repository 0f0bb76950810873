# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of this collection: what was read (Snapshot), what was judged (Finding), what is to change (Change).

Everything here is frozen data. A fact that could not be read holds the ReadError that says
why, in place of its value, so that no check can mistake "denied" for "absent".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from ._change import (
    PLACEHOLDER,
    Backup,
    BackupError,
    Change,
    ChangeStatus,
    Consequence,
    Form,
    Fragment,
    Options,
    Prerequisites,
    Reason,
    Replaced,
    Same,
    about,
    named_options,
    with_options,
)
from ._key import Key
from ._next_steps import (
    SCP_DENIAL,
    LeftToOwnerError,
    ReadError,
    closes_region,
    is_denied,
    next_step,
)

# The words of writes, of keys, and of reads that failed, stand in files of their own, and are handed on from here.
__all__ = [
    "PLACEHOLDER",
    "SCP_DENIAL",
    "Backup",
    "BackupError",
    "Change",
    "ChangeStatus",
    "Consequence",
    "Form",
    "Fragment",
    "Key",
    "LeftToOwnerError",
    "Options",
    "Prerequisites",
    "ReadError",
    "Reason",
    "Replaced",
    "Same",
    "about",
    "closes_region",
    "is_denied",
    "named_options",
    "next_step",
    "with_options",
]
Ownership: TypeAlias = Literal["owned", "delegated", "inherited"]
Status: TypeAlias = Literal["pass", "fail", "unknown", "not_applicable", "excepted"]
Level: TypeAlias = Literal["required", "advised", "off"]
Proof: TypeAlias = Literal["none", "events", "objects"]

# The states of an account in which it need not comply (Organizations API reference, Account, State). An account in any
# other state is read, also in one that AWS may add.
NOT_IN_USE = frozenset(("PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"))
TRAIL_ARN = re.compile(r"arn:aws[a-z-]{0,16}:cloudtrail:[a-z0-9-]{1,32}:[0-9]{12}:trail/[A-Za-z0-9._-]{3,128}")
# Names of central buckets often hold the id of their account: aws-controltower-logs-444444444444-….
ACCOUNT_IN_NAME = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
ORGANIZATION_ACCOUNT_ARN = re.compile(r"arn:aws[a-z-]*:organizations::[0-9]{12}:account/o-[a-z0-9]{10,32}/[0-9]{12}")


@dataclass(frozen=True, kw_only=True)
class OrganizationAccount:
    """An account of an organization, and where it stands (Organizations API reference, Account).

    `ou_ids` and `ou_names` run from the root's down to those of the OU that holds it; `tags` is None where they were
    not read, `state` where the AWS SDK is too old to tell it.
    """

    account_id: str
    arn: str
    name: str
    email: str
    state: str | None
    ou_ids: tuple[str, ...]
    ou_names: tuple[str, ...]
    tags: Mapping[str, str] | None = None

    @property
    def management(self) -> bool:
        """Return whether it is the management account, whose id every ARN of an organization holds."""
        return self.arn.split(":")[4] == self.account_id


ORGANIZATIONS_NOT_IN_USE = "AWSOrganizationsNotInUseException"


@dataclass(frozen=True)
class Missing:
    """AWS says that the resource does not exist: a fact, not a failure to read."""

    message: str


@dataclass(frozen=True)
class TrailStatus:
    """What GetTrailStatus says (CloudTrail API reference, GetTrailStatusResponse), of the one region that was asked.

    `is_of_key`: as far as is known its last delivery was made under the trail's present key and policies.
    """

    is_logging: bool
    latest_delivery_time: datetime | None = None
    latest_delivery_error: str | None = None
    latest_digest_delivery_error: str | None = None
    region: str = ""
    logging_since: datetime | None = None
    latest_digest_delivery_time: datetime | None = None
    is_of_key: bool = True


@dataclass(frozen=True)
class Trail:
    """One trail as DescribeTrails shows it; `kms_key_arn` is None where the field is absent."""

    arn: str
    name: str
    home_region: str
    multi_region: bool
    organization_trail: bool
    ownership: Ownership
    bucket_name: str
    bucket_prefix: str | None
    kms_key_arn: str | None
    status: TrailStatus | ReadError
    log_file_validation: bool = False

    @property
    def account_id(self) -> str:
        """Return the owner: for an organization trail the management account."""
        return self.arn.split(":")[4]

    @property
    def may_deliver(self) -> bool:
        """Return whether a change could end a delivery: the trail logs, has delivered, and did not fail last."""
        status = self.status
        if isinstance(status, ReadError):
            return True
        return status.is_logging and status.latest_delivery_time is not None and not status.latest_delivery_error


@dataclass(frozen=True)
class Bucket:
    """One S3 bucket: its region, its policy (None: it has none), and whether it uses an S3 Bucket Key.

    `owner` is the account that was shown the policy (None: nobody was), which S3 shows to no other.
    """

    name: str
    region: str
    policy: str | ReadError | None
    bucket_key_enabled: bool | ReadError
    owner: str | None = None


@dataclass(frozen=True)
class SimulatedCall:
    """A call of a reader that IAM is asked about: an action on one resource, a key or a file of a folder."""

    principal: str
    action: str
    resource: str


@dataclass(frozen=True)
class ReaderCalls:
    """Calls of one reader that IAM is asked about together: one action on resources, in the context that all share.

    `source` is the ARN of the user or role whose policies decide for the reader. `resources` has the ARNs that are
    sent, by the resource of each SimulatedCall.
    """

    principal: str
    source: str
    action: str
    resources: Mapping[str, str]
    context: Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Simulation:
    """What IAM's simulator says of a call (IAM API reference, EvaluationResult and ResourceSpecificResult).

    `decision` is allowed, explicitDeny or implicitDeny. `missing` are the condition keys of the principal's policies
    whose values it was not told; it does not tell those of service control policies. Of a boundary and an organization
    it says whether they allow the call, or nothing.
    """

    decision: str
    missing: tuple[str, ...] = ()
    allowed_by_boundary: bool | None = None
    allowed_by_organization: bool | None = None


@dataclass(frozen=True)
class LastChange:
    """Since when no change of a trail, a key or a bucket is known, by the event history of its account and Region.

    `event` and `event_id` are those of the last change; None where the history holds none, and then `since` is where
    the history begins.
    """

    since: datetime
    event: str | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class FormerKey:
    """A key that a trail had, by the last event that set it, and that no trail has now (KMS shape KeyMetadata)."""

    arn: str
    trail: str
    since: datetime
    state: str
    deletion_date: datetime | None = None


@dataclass(frozen=True)
class KeyUse:
    """The last use of a key, made by anyone (KMS API reference, GetKeyLastUsage).

    `trail_arn` and `object_arn` are what its event names, where that is CloudTrail's own GenerateDataKey; `unread` says
    why the event could not be read. `may_be_check` tells that CloudTrail may have made it to check a key.
    """

    operation: str
    at: datetime
    event_id: str
    trail_arn: str | None = None
    object_arn: str | None = None
    unread: ReadError | None = None
    may_be_check: bool = False


@dataclass(frozen=True)
class LogFolder:
    """A folder for logs of a Region, or for a trail's digest files: its path, and how the names of its files begin."""

    path: str
    name: str
    region: str
    of_digests: bool = False


@dataclass(frozen=True)
class DeliveredFile:
    """The newest file of a folder (S3 API reference, HeadObject). No `name`: none for days. No `key_arn`: no key."""

    folder: LogFolder
    name: str | None = None
    at: datetime | None = None
    encryption: str | None = None
    key_arn: str | None = None


@dataclass(frozen=True)
class TrailProof:
    """What AWS did for a trail: the last changes of it, its key and its bucket, the key's last use, the newest files.

    `files` are logs, empty where the option proof asks for events alone; an error there is of the folder at its place.
    `digest` is the newest digest file of the home Region, or None if none was read.
    `key_since` is when an UpdateTrail gave the trail its present key; None where the history does not hold that.
    `unasked`: why nobody can tell whether a trail that is gone left a log under another key.
    """

    trail: LastChange | ReadError
    key: LastChange | ReadError
    bucket: LastChange | ReadError
    last_use: KeyUse | ReadError | None
    files: tuple[DeliveredFile | ReadError, ...] = ()
    digest: DeliveredFile | ReadError | None = None
    key_since: datetime | None = None
    unasked: ReadError | None = None


@dataclass(frozen=True)
class Snapshot:
    """All that was read of one account.

    `keys` is indexed by the trail's `kms_key_arn`, `buckets` by `bucket_name`. `regions` are all that were read,
    `errors` the reads that failed for the account as a whole (regions, trails), and `closed_regions` those of them that
    a service control policy denies. `disabled_regions` were to be read, but the account has not enabled them. An error
    of one key, bucket or trail stands in place of its fact. `state` is that of an account which could not be entered,
    as its organization knows it (Organizations API reference, Account, State), or else None. `organization` is read
    where a trail of an organization is judged, or a policy has a condition on organizations. `audited_by` is the ARN of
    the principal that read the account: the role that was assumed in it, or the caller. `simulations` has the calls of
    readers that IAM was asked about. `proofs` are by the ARN of the trail; these and `former_keys` are empty where the
    option proof asks for none. `trails_left_out` were seen, but not requested: they may deliver beside the others.
    """

    account_id: str
    partition: str
    read_at: datetime
    trails: tuple[Trail, ...] = ()
    keys: Mapping[str, Key | Missing | ReadError] = field(default_factory=dict)
    buckets: Mapping[str, Bucket | Missing | ReadError] = field(default_factory=dict)
    errors: tuple[ReadError, ...] = ()
    regions: tuple[str, ...] = ()
    closed_regions: tuple[ReadError, ...] = ()
    disabled_regions: tuple[ReadError, ...] = ()
    account_name: str | None = None
    state: str | None = None
    organization: Organization | ReadError | None = None
    regions_left_out: tuple[str, ...] | ReadError = ()
    audited_by: str | None = None
    simulations: Mapping[SimulatedCall, Simulation | ReadError] = field(default_factory=dict)
    proofs: Mapping[str, TrailProof] = field(default_factory=dict)
    trails_left_out: tuple[Trail, ...] = ()
    former_keys: tuple[FormerKey | ReadError, ...] = ()

    @property
    def enabled_regions(self) -> tuple[str, ...] | ReadError:
        """Return the regions for which a multi-Region trail of the account delivers."""
        left_out = self.regions_left_out
        return left_out if isinstance(left_out, ReadError) else tuple(sorted({*self.regions, *left_out}))


@dataclass(frozen=True)
class AcceptedRisk:
    """Who decided to live with a finding, until which day, why, and the status of the finding without that."""

    reason: str
    owner: str
    expires: str
    status: Status


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a rule says beside its words.

    What to do is `remediation`, and then `options` to set, or a `command` of the AWS CLI. `unread` is the fact that
    could not be read, where the rule was not judged for that reason. `lacking` are the readers whom the key policy has
    to name, `statements` the labels of those that the message names, `is_denied` says that one of them is a Deny,
    `is_cut_short` that the steps were used up before it was judged.
    """

    unread: ReadError | None = None
    options: Options = ()
    command: str = ""
    lacking: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    is_denied: bool = False
    is_cut_short: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding(Judgement):
    """One rule judged for one trail; `exception` is the one that covers it, `expired_exception` one that did."""

    rule: str
    status: Status
    level: Level
    severity: str
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    remediation: str = ""
    exception: AcceptedRisk | None = None
    expired_exception: AcceptedRisk | None = None

    @property
    def step(self) -> str:
        """Return what is to be done other than by options; a command stands at the end, after a colon."""
        return f"{self.remediation}: {self.command}" if self.command else self.remediation

    @property
    def to_do(self) -> str:
        """Return all that is to be done."""
        return with_options(self.step, self.options)


@dataclass(frozen=True)
class KeyLookup:
    """What was found for the requested key in one bucket region.

    For an alias that does not exist, `unaliased` holds the keys of the account that carry our tag and no alias, in any
    state: a run leaves such a key behind that ends between CreateKey and CreateAlias.
    """

    key: Key | Missing | ReadError
    unaliased: tuple[Key, ...] | ReadError = ()


@dataclass(frozen=True)
class Organization:
    """The organization that an account is in."""

    id: str
    management_account: str


@dataclass(frozen=True)
class TrailPrerequisites:
    """What a requested trail needs in place, as far as it could be read.

    `bucket_owner` is the account that S3 confirms as the bucket's owner: the trail's or that of bucket_assume_role, or
    None. `organization` is read for organization trails only.
    """

    bucket: Bucket | Missing | ReadError
    bucket_owner: str | None = None
    organization: Organization | ReadError | None = None
