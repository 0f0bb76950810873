# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which trails an account sees in a region, and how CloudTrail names and shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.fakeaws import store
from tests.fakeaws.errors import AwsError
from tests.fakeaws.store import Trail
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World

_ARN = re.compile(r"arn:[\w-]+:cloudtrail:[\w-]+:\d{12}:trail/[\w.-]{3,128}")
_NAME = re.compile(r"[A-Za-z0-9]([._-]?[A-Za-z0-9])*", re.ASCII)
_IP_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")


def visible(world: World, account_id: str, region: str) -> Iterator[tuple[Trail, bool]]:
    """Every trail that the account sees in a region, and whether it is a shadow there.

    A shadow trail is the replication of a multi-Region trail in another Region, or of an organization
    trail in a member account (CloudTrail API reference, DescribeTrails, includeShadowTrails).
    """
    for trail in store.trails_of(account_id):
        home = trail.region_name == region
        if home or trail.is_multi_region:
            yield trail, not home
    organization = world.organization_of(account_id)
    if organization and organization.management != account_id:
        for trail in store.trails_of(organization.management):
            if trail.is_org_trail and (trail.is_multi_region or trail.region_name == region):
                yield trail, True


def check_name(name: str) -> None:
    """AwsError InvalidTrailNameException or CloudTrailARNInvalidException for what names no trail."""
    if name.startswith("arn:"):
        if not _ARN.fullmatch(name):
            raise AwsError("CloudTrailARNInvalidException", f"Provided ARN is not valid: {name}")
        return
    if not 3 <= len(name) <= 128:
        message = "Trail name too short. Minimum allowed length: 3 characters."
        raise AwsError("InvalidTrailNameException", f"{message} Specified name length: {len(name)} characters.")
    if not _NAME.fullmatch(name) or _IP_ADDRESS.fullmatch(name):
        message = "Trail name can only contain ASCII letters, numbers, periods, underscores and dashes, none adjacent."
        raise AwsError("InvalidTrailNameException", f"{message} Specified name: {name}")


def find(world: World, identity: Identity, call: Call) -> Trail:
    """The trail of a reading call: by name only in its home region and own account, by ARN wherever it is seen.

    Source: API reference, GetTrailStatus, parameter Name.
    """
    name = call.parameters.get("Name", "")
    check_name(name)
    for trail, shadow in visible(world, identity.account, call.region):
        if trail.arn == name or (trail.trail_name == name and not shadow):
            return trail
    raise not_found(arn_of(world, identity, call, name), identity)


def find_own(world: World, identity: Identity, call: Call) -> Trail:
    """The trail of a writing call, which must be made in the home region by an account that may write it."""
    name = call.parameters.get("Name", "")
    check_name(name)
    named = [trail for trail in _reachable(world, identity) if name in (trail.arn, trail.trail_name)]
    here = [trail for trail in named if trail.region_name == call.region]
    # By its name a trail is known in other regions only where it has a shadow there.
    known = here or [trail for trail in named if trail.arn == name or trail.is_multi_region]
    if not known:
        raise not_found(arn_of(world, identity, call, name), identity)
    trail = known[0]
    if trail.account_id != identity.account and not world.is_delegated(identity.account, "cloudtrail.amazonaws.com"):
        # Members see organization trails but cannot change them (CloudTrail user guide, "Creating a trail
        # for an organization"); which error they get is not documented, this one is in UpdateTrail's model.
        message = "The organization trail can be changed by the management account or a delegated administrator only."
        raise AwsError("NotOrganizationMasterAccountException", message)
    if not here:
        message = f"Trail {trail.arn} is not in its home region; its home region is {trail.region_name}."
        raise AwsError("InvalidHomeRegionException", message)
    return trail


def _reachable(world: World, identity: Identity) -> Iterator[Trail]:
    yield from store.trails_of(identity.account)
    organization = world.organization_of(identity.account)
    if organization and organization.management != identity.account:
        yield from (trail for trail in store.trails_of(organization.management) if trail.is_org_trail)


def arn_of(world: World, identity: Identity, call: Call, name: str) -> str:
    """The ARN that a name stands for in this call."""
    if name.startswith("arn:"):
        return name
    return world.accounts[identity.account].arn("cloudtrail", f"trail/{name}", call.region)


def not_found(arn: str, identity: Identity) -> AwsError:
    """TrailNotFoundException, which names trail and account."""
    return AwsError("TrailNotFoundException", f"Unknown trail: {arn} for the user: {identity.account}")


def settings(trail: Trail) -> dict[str, Any]:
    """What Create- and UpdateTrail answer: a field without a value is absent (DescribeTrails, trailList)."""
    shown: dict[str, Any] = {
        "Name": trail.trail_name,
        "S3BucketName": trail.bucket_name,
        "IncludeGlobalServiceEvents": bool(trail.include_global_service_events),
        "IsMultiRegionTrail": bool(trail.is_multi_region),
        "TrailARN": trail.arn,
        "LogFileValidationEnabled": bool(trail.log_validation),
        "IsOrganizationTrail": bool(trail.is_org_trail),
        "S3KeyPrefix": trail.s3_key_prefix,
        "KmsKeyId": trail.kms_key_id,
        "CloudWatchLogsLogGroupArn": trail.cw_log_group_arn,
        "CloudWatchLogsRoleArn": trail.cw_role_arn,
        "SnsTopicName": trail.sns_topic_name,
        "SnsTopicARN": trail.topic_arn,
    }
    return {name: value for name, value in shown.items() if value not in ("", None)}


def description(trail: Trail) -> Answer:
    """What DescribeTrails and GetTrail show: the settings and the home region, always."""
    flags = {
        "HasCustomEventSelectors": bool(trail.event_selectors),
        "HasInsightSelectors": bool(trail.insight_selectors),
    }
    return {**settings(trail), "HomeRegion": trail.region_name, **flags}
