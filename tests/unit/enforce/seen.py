# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enforcement has left, as the AWS CLI shows it: nothing here is read or judged by the collection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome
from tests.aws_cli import AwsCli
from tests.unit.enforce.lab import Lab

SERVICE = "cloudtrail.amazonaws.com"


def assert_works(cli: AwsCli, lab: Lab, done: Outcome) -> None:
    """Every trail that was changed, or stands on a key that was, delivers under a key that CloudTrail may use."""
    changed = {change.resource: change.operation for change in done.changes}
    seen = 0
    for trail in _trails(cli, lab, done):
        key_arn = trail.get("KmsKeyId", "")
        if trail["TrailARN"] in changed or key_arn in changed:
            seen += 1
            ask = ("cloudtrail", "get-trail-status", "--name", trail["TrailARN"])
            status = cli(lab.aws, lab.account, trail["HomeRegion"], *ask)
            assert (status["IsLogging"], status.get("LatestDeliveryError")) == (True, None)
            assert_serves(cli, lab, key_arn, trail)
    assert bool(seen) == bool(changed)


def _trails(cli: AwsCli, lab: Lab, done: Outcome) -> Iterator[dict[str, Any]]:
    """The trails of the account, each as its home region shows it."""
    assert done.after is not None
    for region in sorted({judged.trail.home_region for judged in done.after.trails}):
        answer = cli(lab.aws, lab.account, region, "cloudtrail", "describe-trails", "--no-include-shadow-trails")
        yield from (trail for trail in answer["trailList"] if trail["TrailARN"].split(":")[4] == lab.account)


def assert_serves(cli: AwsCli, lab: Lab, key_arn: str, trail: Mapping[str, Any]) -> None:
    """The key is of the right kind, works, and its policy lets CloudTrail encrypt, decrypt and describe."""
    region, owner = key_arn.split(":")[3:5]
    metadata = cli(lab.aws, owner, region, "kms", "describe-key", "--key-id", key_arn)["KeyMetadata"]
    kind = [metadata[name] for name in ("KeyManager", "KeyState", "KeySpec", "KeyUsage")]
    assert kind == ["CUSTOMER", "Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"]
    ask = ("kms", "get-key-policy", "--key-id", key_arn, "--policy-name", "default")
    statements = json.loads(cli(lab.aws, owner, region, *ask)["Policy"])["Statement"]
    ours = [each for each in statements if each["Effect"] == "Allow" and each["Principal"] == {"Service": SERVICE}]
    granted = {action for each in ours if _is_for(each, trail["TrailARN"]) for action in _listed(each["Action"])}
    assert {"kms:GenerateDataKey*", "kms:DescribeKey"} <= granted


def _is_for(statement: Mapping[str, Any], trail_arn: str) -> bool:
    """Whether each of its conditions, if it has any, names the trail or all trails of its account."""
    account = trail_arn.split(":")[4]
    conditions = (names for condition in statement.get("Condition", {}).values() for names in condition.values())
    return all(
        any(value == trail_arn or (value.endswith("*") and value.split(":")[4] == account) for value in _listed(names))
        for names in conditions
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
