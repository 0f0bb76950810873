# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requested trail: adopted if it exists, otherwise planned for as if it existed.

A trail that is still to be created is put into the snapshot, without a key and without logging. From there on it is
judged, given its key and predicted like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .._checks import Settings, subject_of
from .._model import (
    ORGANIZATIONS_NOT_IN_USE,
    Bucket,
    Change,
    Missing,
    Organization,
    ReadError,
    Reason,
    Snapshot,
    Trail,
    TrailPrerequisites,
    TrailStatus,
    next_step,
)
from .._policy import (
    NOTHING,
    Delivery,
    Locations,
    MergeRefusedError,
    Policy,
    PolicyError,
    meaning,
    merge_bucket_policy,
    parse,
    to_json,
)
from .._request import RefusedError, TrailRequest
from ._changes import create_trail, put_bucket_policy, start_logging, update_trail
from ._unseen import in_all_regions

TRAILS_PER_REGION = 5  # CloudTrail guide, "Quotas in AWS CloudTrail": not adjustable


@dataclass(frozen=True)
class RequestedTrail:
    """The trail as it is, or as it will be created; `bucket_is_ours`: the bucket's policy may be written."""

    trail: Trail
    request: TrailRequest
    is_new: bool
    bucket_is_ours: bool
    organization_id: str | None = None


def requested_trail(
    snapshot: Snapshot, prerequisites: TrailPrerequisites, request: TrailRequest, *, check_mode: bool
) -> tuple[RequestedTrail | None, tuple[Reason, ...]]:
    """Return the trail, or None with every reason why there can be none.

    Only in check mode may a bucket still be missing.
    """
    foreseen = check_mode and request.new_bucket
    present = next((trail for trail in _namesakes(snapshot, request) if trail.home_region == request.home_region), None)
    refusals = [*_misplaced(snapshot, request), *_without_bucket(snapshot, prerequisites, request, foreseen=foreseen)]
    refusals += _different(present, request) if present else _not_creatable(snapshot, prerequisites, request)
    if refusals:
        return None, tuple(replace(each, trails=(_arn(snapshot, request),)) for each in refusals)
    return (
        RequestedTrail(
            trail=present or _trail_to_create(snapshot, request),
            request=request,
            is_new=present is None,
            bucket_is_ours=prerequisites.bucket_owner == snapshot.account_id
            or isinstance(prerequisites.bucket, Missing),
            organization_id=prerequisites.organization.id
            if isinstance(prerequisites.organization, Organization)
            else None,
        ),
        (),
    )


def with_requested_trail(snapshot: Snapshot, prerequisites: TrailPrerequisites, requested: RequestedTrail) -> Snapshot:
    """Return the snapshot in which the trail and its bucket are there: as they are, or as they will be created."""
    others = [trail for trail in snapshot.trails if trail.arn != requested.trail.arn]
    bucket = prerequisites.bucket
    if isinstance(bucket, Missing):
        bucket = Bucket(
            requested.request.bucket_name, new_bucket_region(requested.request), None, bucket_key_enabled=False
        )
    return replace(
        snapshot,
        trails=tuple(sorted([*others, requested.trail], key=lambda trail: trail.arn)),
        buckets={**snapshot.buckets, bucket.name: bucket} if isinstance(bucket, Bucket) else snapshot.buckets,
        organization=prerequisites.organization or snapshot.organization,
    )


def new_bucket_region(request: TrailRequest) -> str:
    """Return the region of a bucket that is still to be created."""
    return request.bucket_region or request.home_region


def _arn(snapshot: Snapshot, request: TrailRequest) -> str:
    """Return the ARN that the trail has, or will have."""
    return f"arn:{snapshot.partition}:cloudtrail:{request.home_region}:{snapshot.account_id}:trail/{request.name}"


def _trail_to_create(snapshot: Snapshot, request: TrailRequest) -> Trail:
    return Trail(
        arn=_arn(snapshot, request),
        name=request.name,
        home_region=request.home_region,
        multi_region=request.multi_region,
        organization_trail=request.organization_trail,
        ownership="owned",
        bucket_name=request.bucket_name,
        bucket_prefix=request.bucket_prefix,
        kms_key_arn=None,
        status=TrailStatus(is_logging=False, region=request.home_region),
        log_file_validation=True,
    )


def _namesakes(snapshot: Snapshot, request: TrailRequest) -> Iterator[Trail]:
    """Yield the account's own trails of that name."""
    return (trail for trail in snapshot.trails if trail.name == request.name and trail.ownership == "owned")


def _misplaced(snapshot: Snapshot, request: TrailRequest) -> Iterator[Reason]:
    """Yield the reasons that lie in the requested region, or in other trails of the requested name."""
    if request.home_region not in snapshot.regions:
        yield Reason(
            f"it cannot be created: {request.home_region} is not among the regions that are read, "
            f"{', '.join(snapshot.regions)}. Enable it in the account, or",
            ({"create_trail.home_region": "another"},),
        )
    for error in (*snapshot.errors, *snapshot.closed_regions):
        if (error.operation, error.region) == ("DescribeTrails", request.home_region):
            why = f"{error.operation} answered {error.code} ({error.message}). {next_step(error)}"
            yield Reason(f"it is unknown whether it exists: {why}")
    for trail in snapshot.trails:
        if trail.name == request.name and trail.ownership != "owned":
            yield Reason(
                f"account {snapshot.account_id} has a trail {request.name} already, inherited from account "
                f"{trail.account_id} ({trail.arn}). Leave the trail to that account, or",
                ({"create_trail.name": "another"},),
            )
        elif trail.name == request.name and trail.home_region != request.home_region:
            yield Reason(
                f"account {snapshot.account_id} has a trail {request.name} in {trail.home_region} already "
                f"({trail.arn}), not in {request.home_region}. Adopt it, or create a second one:",
                ({"create_trail.home_region": trail.home_region}, {"create_trail.name": "another"}),
            )


def _without_bucket(
    snapshot: Snapshot, prerequisites: TrailPrerequisites, request: TrailRequest, *, foreseen: bool
) -> Iterator[Reason]:
    """Yield the reasons that lie in the bucket, which may still be missing if that is `foreseen`."""
    bucket, name = prerequisites.bucket, f"its bucket {request.bucket_name}"
    if isinstance(bucket, ReadError):
        why = f"{bucket.operation} answered {bucket.code} ({bucket.message}). {next_step(bucket)}"
        yield Reason(f"{name} cannot be read: {why}")
    elif isinstance(bucket, Missing):
        if not foreseen:
            why = f"{name} does not exist. Create it first, or"
            yield Reason(why, ({"create_trail.bucket_name": "a bucket that exists"},))
    elif prerequisites.bucket_owner is None:
        yield Reason(
            f"{name} cannot be shown to belong to account {snapshot.account_id}: if it belongs to a stranger, the "
            "stranger gets the logs. Allow the caller s3:GetBucketPolicy, or",
            ({"create_trail.bucket_name": "another bucket"}, {"bucket_assume_role": "a role of its owner"}),
        )
    elif request.bucket_region not in (None, bucket.region):
        yield Reason(
            f"{name} is in {bucket.region}, not in {request.bucket_region}. Use another bucket, or",
            ({"create_trail.bucket_region": bucket.region},),
        )


def _different(trail: Trail, request: TrailRequest) -> Iterator[Reason]:
    """Yield the differences that keep an existing trail from being the requested one."""
    pairs = {
        "bucket_name": (trail.bucket_name, request.bucket_name),
        "bucket_prefix": (trail.bucket_prefix, request.bucket_prefix),
        "organization_trail": (trail.organization_trail, request.organization_trail),
    }
    if trail.multi_region and not request.multi_region:
        pairs["multi_region"] = (True, False)  # the other way round only adds
    differences = [
        f"{name} is {_word(is_)} and not {_word(requested)}"
        for name, (is_, requested) in pairs.items()
        if is_ != requested
    ]
    if differences:
        yield Reason(
            f"it exists and differs from what is requested: {', '.join(differences)}. Correct that, or",
            ({"create_trail.name": "another"},),
        )


def _word(value: str | bool | None) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else value


def _not_creatable(snapshot: Snapshot, prerequisites: TrailPrerequisites, request: TrailRequest) -> Iterator[Reason]:
    """Yield the reasons why the account cannot create the trail."""
    full = [
        region
        for region in (snapshot.regions if request.multi_region else (request.home_region,))
        if _full(snapshot, region)
    ]
    account, organization = snapshot.account_id, prerequisites.organization
    if full:
        yield Reason(
            f"it cannot be created: account {account} has {TRAILS_PER_REGION} trails in {', '.join(full)}, which is "
            "the quota. Delete one that is not needed, or adopt one by its name."
        )
    if isinstance(organization, ReadError) and organization.code == ORGANIZATIONS_NOT_IN_USE:
        yield Reason(
            f"it cannot be created for an organization: account {account} is in none. Create it from the management "
            "account of one, or",
            ({"create_trail.organization_trail": "false"},),
        )
    elif isinstance(organization, ReadError):
        yield Reason(
            f"it cannot be created for an organization: it is unknown whether account {account} manages one: "
            f"{organization.operation} answered {organization.code} ({organization.message}). "
            f"{next_step(organization)}"
        )
    elif organization and organization.management_account != account:
        yield Reason(
            f"it cannot be created for an organization: account {account} is a member. Run this with the credentials "
            f"of the management account, {organization.management_account}."
        )


def _full(snapshot: Snapshot, region: str) -> bool:
    """Return whether the quota is reached: multi-Region trails count in every region, inherited ones too (likely)."""
    return sum(trail.multi_region or trail.home_region == region for trail in snapshot.trails) >= TRAILS_PER_REGION


def requested_changes(snapshot: Snapshot, requested: RequestedTrail, key_arn: str) -> Iterator[Change]:
    """Yield the changes that the trail needs beside those of its key: its bucket's policy, CreateTrail, StartLogging.

    Raises RefusedError if the bucket does not take the logs, and cannot be made to.
    """
    trail = requested.trail
    yield from _bucket_change(snapshot, requested, key_arn)
    if requested.is_new:
        yield create_trail(trail, key_arn, requested.request)
    else:
        wanted = {"multi_region": requested.request.multi_region, "log_file_validation": True}
        off = [name for name in wanted if wanted[name] and not getattr(trail, name)]
        if off or trail.kms_key_arn != key_arn:
            yield update_trail(trail, key_arn, off)
    if isinstance(trail.status, TrailStatus) and not trail.status.is_logging:
        yield start_logging(trail)


def _bucket_change(snapshot: Snapshot, requested: RequestedTrail, key_arn: str) -> Iterator[Change]:
    bucket = snapshot.buckets[requested.trail.bucket_name]
    if not isinstance(bucket, Bucket):
        return
    if isinstance(bucket.policy, ReadError):
        raise RefusedError(
            f"the policy of its bucket {bucket.name} cannot be read ({bucket.policy.code}: {bucket.policy.message}). "
            f"{next_step(bucket.policy)}"
        )
    delivery = Delivery(_locations_of(snapshot, requested), key_arn, spare=requested.bucket_is_ours)
    try:
        merged = merge_bucket_policy(bucket.policy, delivery, tls_only=requested.bucket_is_ours)
    except PolicyError as error:
        raise RefusedError(f"the policy of its bucket {bucket.name} cannot be understood: {error} Fix it.") from error
    except MergeRefusedError as error:
        raise RefusedError(str(error)) from error
    if merged is None:
        return
    if not requested.bucket_is_ours:
        raise _for_its_owner(bucket.name, bucket.policy, merged)
    yield put_bucket_policy(bucket, delivery.locations.bucket_arn, merged.to_json())


def _locations_of(snapshot: Snapshot, requested: RequestedTrail) -> Locations:
    """Return where the trail's files will be; if the organization is not known, those of its own account."""
    trail = replace(requested.trail, multi_region=requested.request.multi_region, log_file_validation=True)
    located = subject_of(in_all_regions(snapshot), trail, Settings()).locations[0]
    return replace(located, organization_id=requested.organization_id)


def _for_its_owner(name: str, policy: str | None, merged: Policy) -> RefusedError:
    """Return the refusal to write the policy of another account's bucket, with what its owner has to add."""
    before = parse(NOTHING if policy is None else policy)
    known = {meaning(each.document) for each in before.statements}
    new = [each.document for each in merged.statements if meaning(each.document) not in known]
    return RefusedError(
        f"its bucket {name} is another account's, and its policy does not let CloudTrail deliver. Have its owner add "
        f"{to_json(new)}"
    )
