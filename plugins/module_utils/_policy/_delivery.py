# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the delivery of a trail needs from a bucket policy, and whether the policy allows it, also in the older form.

Source: CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from ._budget import Budget
from ._decide import Decision, concerning, decide
from ._document import Policy, Statement
from ._locations import Folder, Locations
from ._request import Outcome, Request
from ._requests import acl_request, upload_request

# The accounts as which CloudTrail delivers for a region where a bucket policy of the older form names them. It works
# for the regions that have one. The same page lists nine of them; the others are those of the Terraform provider's
# data source aws_cloudtrail_service_account.
REGION_ACCOUNTS: Mapping[str, str] = {
    "us-east-1": "086441151436",
    "us-east-2": "475085895292",
    "us-west-1": "388731089494",
    "us-west-2": "113285607260",
    "ca-central-1": "819402241893",
    "eu-west-1": "859597730677",
    "eu-west-2": "282025262664",
    "eu-west-3": "262312530599",
    "eu-central-1": "035351147821",
    "eu-north-1": "829690693026",
    "ap-south-1": "977081816279",
    "ap-southeast-1": "903692715234",
    "ap-southeast-2": "284668455005",
    "ap-northeast-1": "216624486486",
    "ap-northeast-2": "492519147666",
    "ap-northeast-3": "765225791966",
    "sa-east-1": "814480443879",
    "us-gov-west-1": "608710470296",
    "us-gov-east-1": "608710470296",
    "cn-north-1": "193415116832",
    "cn-northwest-1": "681348832753",
}
_ACCOUNTS = frozenset(REGION_ACCOUNTS.values())
# Of the service's call this is known of the account's call, too: the others are not described for it.
_KNOWN_OF_OLD = ("s3:", "aws:securetransport", "aws:currenttime", "aws:epochtime", "aws:resourceaccount")


@dataclass(frozen=True)
class Call:
    """One call of CloudTrail for a region. `requests` are its possible forms; the policy must allow one of them.

    `folder` is the folder of the uploaded file, or None if the call is on the bucket itself.
    """

    requests: tuple[Request, ...]
    region: str
    folder: Folder | None = None


@dataclass(frozen=True)
class Answer:
    """A decision. `by_account`: it is about an account of CloudTrail in the older form, not about the service."""

    decision: Decision
    by_account: bool = False

    @property
    def outcome(self) -> Outcome:
        return self.decision.outcome


def acl_calls(policy: Policy, locations: Locations) -> Iterator[Call]:
    """CloudTrail reads the bucket's ACL: one call for all regions, unless the policy names accounts of regions."""
    request = acl_request(locations)
    return (Call((request,), region) for region in locations.regions[: None if naming_accounts(policy) else 1])


def log_calls(locations: Locations, key_arn: str | None) -> Iterator[Call]:
    """CloudTrail puts log files, encrypted under the key if there is one, into each of their folders."""
    return _uploads(locations.logs(), upload_request(locations, key_arn))


def spare_calls(locations: Locations, key_arn: str) -> Iterator[Call]:
    """CloudTrail would put log files there if an organization trail belonged to one account."""
    return _uploads(locations.spare(), upload_request(locations, key_arn))


def digest_calls(locations: Locations, key_arn: str | None) -> Iterator[Call]:
    """CloudTrail puts digest files into their folders, under the key, if any, or with SSE-S3: AWS's pages disagree.

    The API reference says under the key (CreateTrail, UpdateTrail: KmsKeyId), the CloudTrail user guide says with
    SSE-S3 ("Security best practices in AWS CloudTrail").
    """
    return _uploads(locations.digests(), upload_request(locations, key_arn), upload_request(locations, None))


def _uploads(folders: Iterable[Folder], *forms: Request) -> Iterator[Call]:
    return (Call(tuple(form.at(folder.file) for form in forms), folder.region, folder) for folder in folders)


def answer(policy: Policy, request: Request, region: str, budget: Budget) -> Answer:
    """Decide a request of CloudTrail as the service and, if the policy names it, as its account of the region."""
    decision = decide(policy, request, budget)
    account = REGION_ACCOUNTS.get(region)
    if decision.outcome is not Outcome.IMPLICIT_DENY or account is None or not _names(policy, account):
        return Answer(decision)
    as_account = decide(policy, _as_account(request, account), budget)
    if as_account.outcome is Outcome.IMPLICIT_DENY and not of_accounts_alone(policy, request):
        return Answer(decision)
    return Answer(as_account, by_account=True)


def of_accounts_alone(policy: Policy, request: Request) -> tuple[Statement, ...]:
    """The statements that name CloudTrail's accounts, if no statement allows the service itself anything."""
    allows_service = any(each.effect == "Allow" for each in concerning(policy, request).statements)
    return () if allows_service else naming_accounts(policy)


@lru_cache(maxsize=64)
def naming_accounts(policy: Policy) -> tuple[Statement, ...]:
    """The statements in the older form: those that allow CloudTrail's account of any region something."""
    return tuple(
        each
        for each in policy.statements
        if each.effect == "Allow"
        and each.principals
        and not each.principals.negated
        and _ACCOUNTS & each.principals.accounts
    )


def _names(policy: Policy, account: str) -> bool:
    return any(each.principals and account in each.principals.accounts for each in naming_accounts(policy))


def _as_account(request: Request, account: str) -> Request:
    known = {key: value for key, value in request.context.items() if key.lower().startswith(_KNOWN_OF_OLD)}
    principal = f"arn:{request.resource.split(':')[1]}:iam::{account}:root"
    return replace(request, principal=principal, context=known)
