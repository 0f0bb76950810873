# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened before a scenario begins: the files that its trails delivered, and the events that it lists."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.fakeaws import store
from tests.fakeaws.rules.history import add, record_use, use_key
from tests.fakeaws.rules.objects import deliver
from tests.fakeaws.scenario.spec import EventSpec, Scenario, TrailSpec
from tests.fakeaws.world import World

_USES = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
_PARAMETERS = {"kms": "keyId", "s3": "bucketName", "cloudtrail": "name"}


def deliver_past(world: World, scenario: Scenario, label: str, spec: TrailSpec) -> None:
    """Put the newest log and digest of each Region, as old as the trail's last delivery is by now."""
    trail, arn = store.find_trail(scenario.trail_arn(label)), scenario.trail_arn(label)
    delivery, account = world.deliveries[arn], world.accounts[scenario.account(spec.account).id]
    if trail is None or delivery.logs.last_delivery is None:
        return
    for region in account.regions if spec.multi_region else (trail.region_name,):
        late = 60 * (spec.log_ages[region] - spec.log_age) if region in spec.log_ages else 0
        deliver(world, trail, region, delivery.logs.last_delivery - late)
        if spec.validation and delivery.digests.last_delivery:
            deliver(world, trail, region, delivery.digests.last_delivery - late, digest=True)
    if spec.log_key:
        _show_key(world, trail.bucket_name, None if spec.log_key == "none" else scenario.key_arn(spec.log_key))


def _show_key(world: World, bucket: str, key_arn: str | None) -> None:
    files = world.files.get(bucket, {})
    files.update({name: replace(file, key_arn=key_arn) for name, file in files.items()})


def add_events(world: World, scenario: Scenario) -> None:
    """Add the events of the scenario to the histories of those whom they are about."""
    for event in scenario.events:
        at = time.time() - 60 * event.minutes_ago
        if event.event in _USES:
            _use(world, scenario, event, at)
        else:
            _change(world, scenario, event, at)


def _change(world: World, scenario: Scenario, event: EventSpec, at: float) -> None:
    service = event.event.partition(":")[0]
    account, region, name = scenario.account(None).id, scenario.region, event.on
    if service == "kms" and name:
        region, account, name = scenario.key_arn(name).split(":", 5)[3:]
        name = name.rpartition("/")[2]
    elif service == "cloudtrail" and name:
        region, account, _trail = scenario.trail_arn(name).split(":", 5)[3:]
    elif name:
        spec = scenario.buckets[name]
        region, account, name = (
            spec.region or scenario.region,
            scenario.account(spec.account).id,
            scenario.bucket_name(name),
        )
    key = {"kmsKeyId": scenario.key_arn(event.key)} if event.key else {}
    record = {
        "requestParameters": {_PARAMETERS[service]: name, **key} if name else None,
        **({"responseElements": key} if key else {}),
        **({"errorCode": event.error} if event.error else {}),
    }
    add(world, account, region, event.event, record, resources=[name] if name else [], at=at)


def _use(world: World, scenario: Scenario, event: EventSpec, at: float) -> None:
    key = store.find_key(scenario.key_arn(event.on or ""))
    if key is None:
        raise ValueError(f"scenario {scenario.name}: a deleted key is not used")
    if event.by == "somebody":
        person = {"type": "AssumedRole", "arn": f"arn:aws:sts::{key.account_id}:assumed-role/Somebody/x"}
        record_use(world, key, event.event.partition(":")[2], person, {}, at=at)
        return
    trail = store.find_trail(scenario.trail_arn(event.by))
    if trail is None:
        raise ValueError(f"scenario {scenario.name}: no trail {event.by!r}")
    path = f"AWSLogs/{trail.account_id}/"
    name = (
        f"CloudTrail/{trail.region_name}/2026/11/29/{trail.account_id}_CloudTrail_{trail.region_name}_20261129T1200Z_"
    )
    name = f"{name}0123456789abcdef.json.gz" if event.log else ""
    use_key(world, key, trail, f"arn:{trail.partition}:s3:::{trail.bucket_name}/{path}{name}", at)
