# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enforcement leaves, seen by a reader that is not ours: the AWS CLI."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.aws_cli import AwsCli
from tests.fakeaws.client import FakeAws

REGIONS = ("ap-southeast-2", "eu-central-1", "eu-west-1", "us-east-1")
ACCOUNT_ROOT = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    "Action": "kms:*",
    "Resource": "*",
}


Ask = Callable[..., dict[str, Any]]


class World(NamedTuple):
    """A fake AWS that was enforced: what the CLI answers, region and arguments given, and the trails by name."""

    ask: Ask
    before: Mapping[str, dict[str, Any]]
    after: Mapping[str, dict[str, Any]]


def trails(ask: Ask) -> dict[str, dict[str, Any]]:
    """All trails, each with its event selectors and tags."""
    found = {}
    for region in REGIONS:
        for trail in ask(region, "cloudtrail", "describe-trails", "--no-include-shadow-trails")["trailList"]:
            found[trail["Name"]] = trail
    for name in ("first-steps", "web-team"):
        region, arn = found[name]["HomeRegion"], found[name]["TrailARN"]
        selectors = ask(region, "cloudtrail", "get-event-selectors", "--trail-name", arn)
        tags = ask(region, "cloudtrail", "list-tags", "--resource-id-list", arn)
        found[name] |= {"selectors": selectors, "tags": tags}
    return found


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with FakeAws.start("mixed") as aws, AwsCli() as cli:
        ask = partial(cli, aws, aws.scenario["account"])
        before = trails(ask)
        enforce = ["ansible-playbook", "aws_baseline.cloudtrail.enforce", "-e", "cloudtrail_kms_allow_enable_key=true"]
        played = subprocess.run(enforce, env=aws.environment, capture_output=True, text=True, check=False)
        assert played.returncode == 0, played.stdout
        yield World(ask, before, trails(ask))


def test_nothing_but_the_key_of_a_trail_is_changed(world: World) -> None:
    assert {name: without_key(trail) for name, trail in world.after.items()} == {
        name: without_key(trail) for name, trail in world.before.items()
    }


def without_key(trail: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in trail.items() if field != "KmsKeyId"}


def test_only_the_trails_without_a_good_key_get_another(world: World) -> None:
    changed = {name for name, trail in world.after.items() if trail["KmsKeyId"] != world.before[name].get("KmsKeyId")}
    assert changed == {"first-steps", "web-team"}


def policy(world: World, trail: str) -> dict[str, Any]:
    """The policy of a trail's key."""
    arn = world.after[trail]["KmsKeyId"]
    answer = world.ask(arn.split(":")[3], "kms", "get-key-policy", "--key-id", arn, "--policy-name", "default")
    document: dict[str, Any] = json.loads(answer["Policy"])
    return document


@pytest.mark.parametrize("trail", ["first-steps", "data-team"])
def test_a_new_key_and_a_mended_one_hold_the_statements_that_aws_recommends(world: World, trail: str) -> None:
    arn = world.after[trail]["TrailARN"]
    assert policy(world, trail)["Statement"] == [
        ACCOUNT_ROOT,
        {
            "Sid": "AwsBaselineCloudTrailUse",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceArn": [arn]},
                "StringLike": {
                    "kms:EncryptionContext:aws:cloudtrail:arn": ["arn:aws:cloudtrail:*:111111111111:trail/*"]
                },
            },
        },
        {
            "Sid": "AwsBaselineCloudTrailDescribe",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:DescribeKey",
            "Resource": "*",
        },
    ]


def test_a_new_key_rotates_and_goes_by_its_alias(world: World) -> None:
    arn = world.after["first-steps"]["KmsKeyId"]
    assert world.ask("eu-west-1", "kms", "get-key-rotation-status", "--key-id", arn)["KeyRotationEnabled"] is True
    aliases = world.ask("eu-west-1", "kms", "list-aliases", "--key-id", arn)["Aliases"]
    assert [alias["AliasName"] for alias in aliases] == ["alias/aws-baseline-cloudtrail"]


def test_the_key_that_was_allowed_to_be_enabled_is_enabled(world: World) -> None:
    arn = world.after["payments"]["KmsKeyId"]
    metadata = world.ask("eu-west-1", "kms", "describe-key", "--key-id", arn)["KeyMetadata"]
    assert metadata["KeyState"] == "Enabled"
