# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail, the reading side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tests.fakeaws import store
from tests.fakeaws.rules import trails
from tests.fakeaws.rules.delivery import refresh
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World


def describe_trails(world: World, identity: Identity, call: Call) -> Answer:
    """By default with shadow trails; names match trails of this region and account, ARNs all (DescribeTrails).

    Unknown names are left out, not refused; the call is not paginated (the model has no token).
    """
    wanted = call.parameters.get("trailNameList") or []
    shadows = call.parameters.get("includeShadowTrails", True)
    for name in wanted:
        trails.check_name(name)
    seen = trails.visible(world, identity.account, call.region)
    chosen = [trail for trail, shadow in seen if (shadows or not shadow) and _asked(trail, wanted, shadow=shadow)]
    elsewhere = [
        trail for trail in store.trails_of(identity.account) if trail.arn in wanted and trail not in chosen and shadows
    ]
    return {"trailList": [trails.description(trail) for trail in [*chosen, *elsewhere]]}


def _asked(trail: store.Trail, wanted: list[str], *, shadow: bool) -> bool:
    return not wanted or trail.arn in wanted or (trail.trail_name in wanted and not shadow)


def get_trail(world: World, identity: Identity, call: Call) -> Answer:
    """One trail, its home region included (GetTrail; shape Trail)."""
    return {"Trail": trails.description(trails.find(world, identity, call))}


def list_trails(world: World, identity: Identity, call: Call) -> Answer:
    """The account's trails of all regions, and the organization's (ListTrails; likely, the page says little)."""
    own = list(store.trails_of(identity.account))
    inherited = [trail for trail, _shadow in trails.visible(world, identity.account, call.region) if trail not in own]
    infos = [
        {"TrailARN": trail.arn, "Name": trail.trail_name, "HomeRegion": trail.region_name}
        for trail in [*own, *inherited]
    ]
    return {"Trails": infos}


def get_trail_status(world: World, identity: Identity, call: Call) -> Answer:
    """Logging and delivery; an error is there only while it lasts (GetTrailStatus).

    What LatestDeliveryError says when a KMS key is at fault is not documented: the scenario chooses
    between an S3 error code and silence with a delivery time gone stale.
    """
    trail = trails.find(world, identity, call)
    delivery, problem = refresh(world, trail)
    status: dict[str, Any] = {"IsLogging": trail.status.is_logging, "StartLoggingTime": delivery.started}
    status["StopLoggingTime"] = delivery.stopped
    status["LatestDeliveryTime"] = delivery.logs.last_delivery
    if problem and delivery.on_failure == "error" and trail.status.is_logging:
        status["LatestDeliveryError"] = problem
    if trail.log_validation:
        status["LatestDigestDeliveryTime"] = delivery.digests.last_delivery
        if delivery.digest_problem and delivery.on_failure == "error" and trail.status.is_logging:
            status["LatestDigestDeliveryError"] = delivery.digest_problem
    return {name: value for name, value in {**status, **_retired(status)}.items() if value is not None}


def _retired(status: Mapping[str, Any]) -> Answer:
    """Fields that are no longer in use but still come, as text."""
    delivered = _text(status["LatestDeliveryTime"])
    return {
        "LatestDeliveryAttemptTime": delivered,
        "LatestDeliveryAttemptSucceeded": delivered,
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "TimeLoggingStarted": _text(status["StartLoggingTime"]),
        "TimeLoggingStopped": _text(status["StopLoggingTime"]),
    }


def _text(moment: float | None) -> str:
    return "" if moment is None else datetime.fromtimestamp(moment, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def trail_resource(world: World, identity: Identity, call: Call) -> str | None:
    """The trail that the call names."""
    return trails.arn_of(world, identity, call, call.parameters.get("Name", ""))


def list_tags(_world: World, identity: Identity, call: Call) -> Answer:
    """The tags of the account's own trails in this region (ListTags)."""
    backend = store.cloudtrail(identity.account, call.region)
    return {"ResourceTagList": backend.list_tags(call.parameters["ResourceIdList"])}


def _tagged_resource(_world: World, _identity: Identity, call: Call) -> str | None:
    """The first of the resources that the call names."""
    return str(call.parameters["ResourceIdList"][0])


OPERATIONS: Mapping[str, Operation] = {
    "cloudtrail:ListTags": Operation(list_tags, _tagged_resource),
    "cloudtrail:DescribeTrails": Operation(describe_trails),
    "cloudtrail:ListTrails": Operation(list_trails),
    "cloudtrail:GetTrail": Operation(get_trail, trail_resource),
    "cloudtrail:GetTrailStatus": Operation(get_trail_status, trail_resource),
}
