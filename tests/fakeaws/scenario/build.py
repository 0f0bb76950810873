# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lay a scenario into moto's backends and the fake AWS's own state."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.core.exceptions import JsonRESTError

from tests.fakeaws import store
from tests.fakeaws.rules.delivery import digest_obstacle, obstacle
from tests.fakeaws.scenario.past import add_events, deliver_past
from tests.fakeaws.scenario.spec import AccountSpec, BucketSpec, KeySpec, PolicySpec, RuleSpec, Scenario, TrailSpec
from tests.fakeaws.scenario.templates import BucketPlace, KeyPlace, bucket_policy, key_policy
from tests.fakeaws.world import (
    Account,
    Credentials,
    Delivery,
    Files,
    Identity,
    Organization,
    Role,
    Rule,
    World,
    access_key_of,
)

_DAY = 86400.0
_STALE = 3 * _DAY  # how long a trail that is broken from the start has not delivered


def build(scenario: Scenario, regions: Sequence[str]) -> World:
    """Forget what was there and build the scenario; ValueError if it contradicts itself.

    `regions` are the enabled ones of each account that names none.
    """
    store.reset()
    world = World(
        name=scenario.name,
        description=scenario.description,
        region=scenario.region,
        propagation_delay=scenario.propagation_delay,
        delivery_interval=scenario.delivery_interval,
    )
    for account in scenario.accounts:
        _add_account(world, replace(account, regions=account.regions or tuple(regions)))
    _add_organization(world, scenario)
    _add_roles(world, scenario)
    for label, bucket in scenario.buckets.items():
        _add_bucket(scenario, label, bucket)
    for label, key in scenario.keys.items():
        _add_key(scenario, label, key)
        _add_facts_of_key(world, scenario, label, key)
    _link_replicas(scenario)
    for label, trail in scenario.trails.items():
        try:
            _add_trail(scenario, label, trail)
        except JsonRESTError as error:
            raise ValueError(f"scenario {scenario.name}: trail {label}: {error.message}") from error
        _start(world, scenario, label, trail)
        deliver_past(world, scenario, label, trail)
    add_events(world, scenario)
    return world


def _add_account(world: World, spec: AccountSpec) -> None:
    account = Account(
        id=spec.id,
        name=spec.name,
        partition=spec.partition,
        state=spec.state,
        ou=tuple(spec.ou.split("/")) if spec.ou else (),
        tags=spec.tags,
        regions=spec.regions,
        closed_regions=spec.closed_regions,
        scp=spec.scp,
    )
    arn = account.arn("iam", "user/administrator")
    identity = Identity(
        account=spec.id,
        arn=arn,
        iam_arn=arn,
        user_id=f"AIDA{spec.id}ADMN",
        allow=_rules(spec.allow),
        deny=_rules(spec.deny),
    )
    key = access_key_of(spec.id)
    world.accounts[spec.id] = account
    world.credentials[key] = Credentials(access_key=key, secret_key=f"secret-of-{spec.id}", identity=identity)


def _rules(specs: Iterable[RuleSpec]) -> tuple[Rule, ...]:
    """An entry is an action pattern, or `{action: …, regions: […]}`."""
    return tuple(
        Rule(spec) if isinstance(spec, str) else Rule(spec["action"], tuple(spec["regions"])) for spec in specs
    )


def _add_organization(world: World, scenario: Scenario) -> None:
    spec = scenario.organization
    if spec is None:
        return
    management = scenario.account(spec.management).id
    named = [scenario.account(name).id for name in spec.members or [account.id for account in scenario.accounts]]
    world.organization = Organization(
        id=spec.id,
        management=management,
        members=tuple(account_id for account_id in named if account_id != management),
        delegated={scenario.account(name).id: tuple(services) for name, services in spec.delegated.items()},
    )


def _add_roles(world: World, scenario: Scenario) -> None:
    for name, spec in scenario.roles.items():
        accounts = spec.accounts or [scenario.accounts[0].id]
        trusts = spec.trusts or [account.id for account in scenario.accounts]
        for account_id in (scenario.account(account).id for account in accounts):
            role = Role(
                account=account_id,
                name=name,
                trusts=tuple(scenario.account(trusted).id for trusted in trusts),
                external_id=spec.external_id,
                allow=_rules(spec.allow),
                deny=_rules(spec.deny),
                policy=_filled(scenario, spec.policy) if spec.policy else None,
                boundary=spec.boundary,
            )
            world.roles[world.accounts[account_id].arn("iam", f"role/{name}")] = role


def _add_bucket(scenario: Scenario, label: str, spec: BucketSpec) -> None:
    account = scenario.account(spec.account)
    name = scenario.bucket_name(label)
    bucket = store.add_bucket(name, account.id, spec.region or scenario.region, account.partition)
    folders = {
        scenario.trail_arn(trail): _folders(scenario, used)
        for trail, used in scenario.trails.items()
        if used.bucket == label
    }
    place = BucketPlace(partition=account.partition, name=name, folders=folders)
    document = bucket_policy(spec.policy, place) if isinstance(spec.policy, str) else _filled(scenario, spec.policy)
    bucket.policy = json.dumps(document).encode() if document else None
    if spec.bucket_key:
        default = {"SSEAlgorithm": "aws:kms"}
        bucket.encryption = {"Rule": {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}}


def _folders(scenario: Scenario, spec: TrailSpec) -> list[str]:
    """Where a trail writes; an organization trail also under the organization's id."""
    start, account_id = f"{spec.prefix}/" if spec.prefix else "", scenario.account(spec.account).id
    own = f"{start}AWSLogs/{account_id}"
    if spec.organization and scenario.organization:
        return [own, f"{start}AWSLogs/{scenario.organization.id}"]
    return [own]


def _add_key(scenario: Scenario, label: str, spec: KeySpec) -> None:
    if spec.state == "Deleted":
        return
    account, arn = scenario.account(spec.account), scenario.key_arn(label)
    key = store.add_key(
        arn, spec.spec, spec.usage, spec.origin, multi_region=spec.multi_region or bool(spec.replica_of)
    )
    key.policy = json.dumps(_key_document(scenario, label, spec))
    key.key_manager, key.key_state, key.enabled = spec.manager, spec.state, spec.state == "Enabled"
    key.description = f"Key {label} of the scenario {scenario.name}"
    key.creation_date = time.time() - 100 * _DAY
    key.key_rotation_status = spec.rotation
    if spec.state == "PendingDeletion":
        key.deletion_date = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(days=20)
    backend = store.kms(account.id, key.region)
    if spec.tags:
        backend.tagger.tag_resource(key.id, [{"TagKey": name, "TagValue": value} for name, value in spec.tags.items()])
    if spec.alias:
        backend.create_alias(key.id, spec.alias)


def _add_facts_of_key(world: World, scenario: Scenario, label: str, spec: KeySpec) -> None:
    """What moto's keys have no place for."""
    arn = scenario.key_arn(label)
    if spec.ram_policy:
        world.ram_policies[arn] = json.dumps(_filled(scenario, spec.ram_policy))
    if spec.expires_in_days is not None:
        world.material_expires[arn] = time.time() + spec.expires_in_days * _DAY


def _link_replicas(scenario: Scenario) -> None:
    """Every key of a multi-Region set shows the primary and all replicas (KMS API reference, KeyMetadata)."""
    for label, spec in scenario.keys.items():
        if not spec.replica_of:
            continue
        primary = store.find_key(scenario.key_arn(spec.replica_of))
        replica = store.find_key(scenario.key_arn(label))
        if primary is None or replica is None:
            raise ValueError(f"scenario {scenario.name}: key {label}: a deleted key has no replicas")
        primary.multi_region_configuration["ReplicaKeys"].append({"Arn": replica.arn, "Region": replica.region})
        shared = {**primary.multi_region_configuration, "MultiRegionKeyType": "REPLICA"}
        replica.multi_region_configuration = shared


def _key_document(scenario: Scenario, label: str, spec: KeySpec) -> Mapping[str, Any]:
    if not isinstance(spec.policy, str):
        return _filled(scenario, spec.policy)
    account = scenario.account(spec.account)
    place = KeyPlace(
        partition=account.partition,
        account=account.id,
        region=spec.region or scenario.region,
        trail_arns=[scenario.trail_arn(trail) for trail, used in scenario.trails.items() if used.key == label],
        readers=[_role_arn(scenario, name) for name in spec.readers],
    )
    return key_policy(spec.policy, place)


def _role_arn(scenario: Scenario, name: str) -> str:
    account = scenario.account((scenario.roles[name].accounts or (None,))[0])
    return f"arn:{account.partition}:iam::{account.id}:role/{name}"


def _filled(scenario: Scenario, policy: PolicySpec) -> Mapping[str, Any]:
    """A document of the scenario's own: `{trail:LABEL}`, `{key:LABEL}` and `{bucket:LABEL}` become ARNs."""
    text = json.dumps(policy)
    for label in scenario.trails:
        text = text.replace(f"{{trail:{label}}}", scenario.trail_arn(label))
    for label in scenario.keys:
        text = text.replace(f"{{key:{label}}}", scenario.key_arn(label))
    for label, bucket in scenario.buckets.items():
        partition = scenario.account(bucket.account).partition
        text = text.replace(f"{{bucket:{label}}}", f"arn:{partition}:s3:::{scenario.bucket_name(label)}")
    filled: Mapping[str, Any] = json.loads(text)
    return filled


def _add_trail(scenario: Scenario, label: str, spec: TrailSpec) -> None:
    account_id, region = scenario.account(spec.account).id, spec.region or scenario.region
    trail = store.new_trail(
        account_id,
        region,
        label,
        bucket=scenario.bucket_name(spec.bucket),
        prefix=spec.prefix,
        key_arn=scenario.key_arn(spec.key) if spec.key else None,
    )
    trail.is_multi_region, trail.is_org_trail, trail.log_validation = (
        spec.multi_region,
        spec.organization,
        spec.validation,
    )
    trail.status.is_logging = spec.logging
    backend = store.cloudtrail(account_id, region)
    backend.trails[label] = trail
    tags = [{"Key": name, "Value": value} for name, value in spec.tags.items()]
    backend.tagging_service.tag_resource(trail.arn, tags)


def _start(world: World, scenario: Scenario, label: str, spec: TrailSpec) -> None:
    """A healthy trail delivers since long ago; a broken one, or one that is off, did until three days ago."""
    now, arn = time.time(), scenario.trail_arn(label)
    trail = store.find_trail(arn)
    problems = (obstacle, digest_obstacle)
    logs, digests = (
        Files(healthy_since=now - 90 * _DAY, last_delivery=now - spec.log_age * 60)
        if trail is not None and spec.logging and problem(world, trail) is None
        else Files(last_delivery=now - _STALE)
        for problem in problems
    )
    world.deliveries[arn] = Delivery(
        on_failure=spec.delivery_failure,
        started=now - 90 * _DAY,
        stopped=None if spec.logging else now - _STALE,
        logs=logs,
        digests=digests,
    )
