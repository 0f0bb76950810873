# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EC2: the regions of the account."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import DEFAULT_REGIONS, Identity, World

# Some of the Regions that an account must enable first (AWS Regions user guide); shown with AllRegions.
_OPT_IN = ("af-south-1", "ap-east-1", "ap-southeast-3", "eu-south-1", "il-central-1", "me-south-1")


def describe_regions(world: World, identity: Identity, call: Call) -> Answer:
    """Only enabled Regions are listed, unless AllRegions is set (EC2 API reference, DescribeRegions)."""
    enabled = world.accounts[identity.account].regions
    every = call.parameters.get("AllRegions", "false").lower() == "true"
    names = sorted({*enabled, *DEFAULT_REGIONS, *_OPT_IN} if every else enabled)
    wanted = [value for key, value in call.parameters.items() if key.startswith("RegionName.")]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise AwsError("InvalidParameterValue", f"Invalid region name: {', '.join(unknown)}")
    chosen = [name for name in names if not wanted or name in wanted]
    return {"regionInfo": {"item": [_region(name, enabled) for name in chosen]}}


def _region(name: str, enabled: tuple[str, ...]) -> Answer:
    by_default = "opt-in-not-required" if name in DEFAULT_REGIONS else "opted-in"
    status = by_default if name in enabled else "not-opted-in"
    return {"regionName": name, "regionEndpoint": f"ec2.{name}.amazonaws.com", "optInStatus": status}


OPERATIONS: Mapping[str, Operation] = {"ec2:DescribeRegions": Operation(describe_regions)}
