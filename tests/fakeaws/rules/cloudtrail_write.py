# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail, the writing side: trails are created, updated, started, stopped and deleted in their home region."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from typing import Any

from moto.core.utils import utcnow

from tests.fakeaws import store
from tests.fakeaws.access import denied, identity_refusal
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules import trails
from tests.fakeaws.rules.cloudtrail_read import trail_resource
from tests.fakeaws.rules.delivery import refresh
from tests.fakeaws.rules.history import key_of, use_key
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.rules.service_requests import prefix_of
from tests.fakeaws.rules.trail_validation import check_bucket, check_key, key_arn_of
from tests.fakeaws.store import Trail
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Delivery, Identity, World

_TRAILS_PER_REGION = 5  # Quotas in AWS CloudTrail, "Trails by Region"
_SERVICE = "cloudtrail.amazonaws.com"
# Parameter of Create- and UpdateTrail, and moto's attribute.
_ATTRIBUTES = {
    "S3BucketName": "bucket_name",
    "S3KeyPrefix": "s3_key_prefix",
    "SnsTopicName": "sns_topic_name",
    "IncludeGlobalServiceEvents": "include_global_service_events",
    "IsMultiRegionTrail": "is_multi_region",
    "EnableLogFileValidation": "log_validation",
    "IsOrganizationTrail": "is_org_trail",
    "CloudWatchLogsLogGroupArn": "cw_log_group_arn",
    "CloudWatchLogsRoleArn": "cw_role_arn",
}


def update_trail(world: World, identity: Identity, call: Call) -> Answer:
    """What is not sent is kept; nothing changes if anything is refused (UpdateTrail)."""
    trail = trails.find_own(world, identity, call)
    _owner(world, identity, call)  # only some may turn a trail into an organization trail
    changed = _with_parameters(world, identity, call, trail)
    _validate(world, changed)
    refresh(world, trail)  # what was delivered until now was so under the settings until now
    vars(trail).update(vars(changed))
    return trails.settings(trail)


def create_trail(world: World, identity: Identity, call: Call) -> Answer:
    """A trail does not log before StartLogging; its ARN holds the management account's id if it is an
    organization trail, also under a delegated administrator (CreateTrail; user guide, "Creating a trail
    for an organization")."""
    name, owner = call.parameters["Name"], _owner(world, identity, call)
    trails.check_name(name)
    if name in store.cloudtrail(owner, call.region).trails:
        arn = world.accounts[owner].arn("cloudtrail", f"trail/{name}", call.region)
        raise AwsError("TrailAlreadyExistsException", f"Trail {arn} already exists for customer: {owner}")
    _check_quota(world, owner, call)
    blank = store.new_trail(owner, call.region, name, bucket=call.parameters["S3BucketName"], prefix=None, key_arn=None)
    trail = _with_parameters(world, identity, call, blank)
    _validate(world, trail)
    _check_tagging(world, identity, call, trail.arn)
    backend = store.cloudtrail(owner, call.region)
    backend.trails[name] = trail
    backend.tagging_service.tag_resource(trail.arn, call.parameters.get("TagsList", []))
    world.deliveries[trail.arn] = Delivery()
    return trails.settings(trail)


def _check_tagging(world: World, identity: Identity, call: Call, arn: str) -> None:
    """Tags at creation need cloudtrail:AddTags as well (CreateTrail, parameter TagsList)."""
    refusal = (
        identity_refusal(world, identity, "cloudtrail:AddTags", call, arn) if call.parameters.get("TagsList") else ""
    )
    if refusal:
        raise denied("cloudtrail", identity, "cloudtrail:AddTags", arn, refusal)


def _owner(world: World, identity: Identity, call: Call) -> str:
    if not call.parameters.get("IsOrganizationTrail"):
        return identity.account
    organization = world.organization_of(identity.account)
    if organization is None:
        raise AwsError("OrganizationsNotInUseException", "The account is not a member of an organization.")
    if identity.account != organization.management and not world.is_delegated(identity.account, _SERVICE):
        message = "Only the management account or a delegated administrator can create an organization trail."
        raise AwsError("NotOrganizationMasterAccountException", message)
    return organization.management


def _check_quota(world: World, owner: str, call: Call) -> None:
    """Five in each Region; a multi-Region trail counts in all of them (quotas page)."""
    account = world.accounts[owner]
    for region in account.regions if call.parameters.get("IsMultiRegionTrail") else (call.region,):
        if len(list(trails.visible(world, owner, region))) >= _TRAILS_PER_REGION:
            message = f"User: {owner} already has {_TRAILS_PER_REGION} trails in {region}."
            raise AwsError("MaximumNumberOfTrailsExceededException", message)


def _with_parameters(world: World, identity: Identity, call: Call, trail: Trail) -> Trail:
    """The trail as it would be after the call; `KmsKeyId: ""` takes the key off it."""
    changed, wanted = copy(trail), call.parameters
    values: dict[str, Any] = {attribute: wanted[name] for name, attribute in _ATTRIBUTES.items() if name in wanted}
    if "KmsKeyId" in wanted:
        values["kms_key_id"] = key_arn_of(world, identity, call.region, wanted["KmsKeyId"])
    vars(changed).update(values)
    if changed.is_multi_region and not changed.include_global_service_events:
        message = "Multi-Region trail must include global service events."
        raise AwsError("InvalidParameterCombinationException", message)
    return changed


def _validate(world: World, trail: Trail) -> None:
    bucket = check_bucket(world, trail)
    if trail.kms_key_id:
        check_key(world, trail, bucket)
        _use_key(world, trail)


def _use_key(world: World, trail: Trail) -> None:
    """The check is a GenerateDataKey for the bucket and path (CloudTrail guide, "How AWS CloudTrail uses AWS KMS")."""
    key = key_of(trail)
    if key:
        use_key(world, key, trail, f"arn:{trail.partition}:s3:::{trail.bucket_name}/{prefix_of(trail)}")


def start_logging(world: World, identity: Identity, call: Call) -> Answer:
    """In the home region only (StartLogging)."""
    trail = trails.find_own(world, identity, call)
    if not trail.status.is_logging:
        trail.status.is_logging, trail.status.started = True, utcnow()
        world.deliveries[trail.arn].started = time.time()
    return {}


def stop_logging(world: World, identity: Identity, call: Call) -> Answer:
    """In the home region only (StopLogging)."""
    trail = trails.find_own(world, identity, call)
    if trail.status.is_logging:
        trail.status.is_logging, trail.status.stopped = False, utcnow()
        world.deliveries[trail.arn].stopped = time.time()
    return {}


def delete_trail(world: World, identity: Identity, call: Call) -> Answer:
    """In the home region only; bucket and logs stay (DeleteTrail)."""
    trail = trails.find_own(world, identity, call)
    del store.cloudtrail(trail.account_id, trail.region_name).trails[trail.trail_name]
    del world.deliveries[trail.arn]
    return {}


OPERATIONS: Mapping[str, Operation] = {
    "cloudtrail:CreateTrail": Operation(create_trail, trail_resource),
    "cloudtrail:UpdateTrail": Operation(update_trail, trail_resource),
    "cloudtrail:StartLogging": Operation(start_logging, trail_resource),
    "cloudtrail:StopLogging": Operation(stop_logging, trail_resource),
    "cloudtrail:DeleteTrail": Operation(delete_trail, trail_resource),
}
