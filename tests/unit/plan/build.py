# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans for snapshots that differ from health in one thing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Change,
    Key,
    KeyLookup,
    Missing,
    Snapshot,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._key_plan import Plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._make import make_plan, regions_in_need
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, Targets
from tests.unit.checks import build

OTHER_ARN = f"arn:aws:kms:us-east-1:{build.ACCOUNT}:key/99999999-2222-3333-4444-555555555555"
NEW_ARN = f"arn:aws:kms:us-east-1:{build.ACCOUNT}:key/to-be-created"
ALIAS = "alias/aws-baseline-cloudtrail"
OTHER = replace(build.KEY, arn=OTHER_ARN, aliases=(ALIAS,), policy=build.policy(build.ROOT))
NOTHING = KeyLookup(Missing("there is no such alias"))
GIVEN = EnforceRequest(key=None, key_id=OTHER_ARN)
BARE = {"kms_key_arn": None}


def plan(
    snapshot: Snapshot,
    request: EnforceRequest | None = None,
    target: KeyLookup = NOTHING,
    settings: Settings | None = None,
) -> Plan:
    """The plan for a snapshot, with the same target in every region that needs one."""
    request, settings = request or EnforceRequest(), settings or Settings()
    account = assess(snapshot, settings)
    targets: Targets = dict.fromkeys(regions_in_need(account, request), target)
    return make_plan(account, targets, request, settings)


def steps(planned: Plan) -> list[tuple[str, str]]:
    """The changes as pairs of operation and resource; nothing may be refused."""
    assert planned.refusals == ()
    return [(change.operation, change.resource) for change in planned.changes]


def only(planned: Plan, operation: str) -> Change:
    """The one change of an operation."""
    (change,) = [change for change in planned.changes if change.operation == operation]
    return change


def verdict(planned: Plan, settings: Settings | None = None) -> str:
    """The verdict of the account once the plan is applied."""
    return assess(planned.predicted, settings or Settings()).verdict


def sids(policy: object) -> list[str]:
    """The Sids of a policy's text, in order."""
    return [statement["Sid"] for statement in json.loads(str(policy))["Statement"]]


def target(**fields: Any) -> KeyLookup:
    """The other key, but for the given fields, as what stands behind the request."""
    return KeyLookup(replace(OTHER, **fields))


def orphan(number: int, **fields: Any) -> Key:
    """A key that a run which was ended left without its alias, with the policy it was born with."""
    born = only(plan(build.snapshot(trail=BARE)), "CreateKey")
    arn = f"arn:aws:kms:us-east-1:{build.ACCOUNT}:key/{number:08d}-2222-3333-4444-555555555555"
    key = replace(build.KEY, arn=arn, aliases=(), policy=str(born.after["policy"]), rotation_enabled=False)
    return replace(key, **fields)
