# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which rule answers a call. A call without a rule is left to moto."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakeaws.access import authenticate, permit
from tests.fakeaws.rules import (
    cloudtrail_read,
    cloudtrail_write,
    ec2,
    history,
    iam,
    kms_read,
    kms_write,
    objects,
    organizations,
    s3,
    simulator,
    sts,
)
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.wire import Answer, Call, HttpReply
from tests.fakeaws.world import Identity, World

OPERATIONS: Mapping[str, Operation] = {
    **sts.OPERATIONS,
    **ec2.OPERATIONS,
    **iam.OPERATIONS,
    **simulator.OPERATIONS,
    **organizations.OPERATIONS,
    **s3.OPERATIONS,
    **objects.OPERATIONS,
    **history.OPERATIONS,
    **kms_read.OPERATIONS,
    **kms_write.OPERATIONS,
    **cloudtrail_read.OPERATIONS,
    **cloudtrail_write.OPERATIONS,
}


def identify(world: World, call: Call) -> Identity:
    """Who makes the call; AwsError for bad credentials."""
    return authenticate(world, call)


def answer(world: World, identity: Identity, call: Call) -> Answer | HttpReply | None:
    """Answer the call by its rule, or None if it has none; AwsError for a refusal."""
    operation = OPERATIONS.get(call.name)
    if operation is None:
        permit(world, identity, call, _bucket_arn(world, identity, call))
        return None
    if operation.resource is not None:
        permit(world, identity, call, operation.resource(world, identity, call))
    return operation.handler(world, identity, call)


def _bucket_arn(world: World, identity: Identity, call: Call) -> str | None:
    """What a call to S3 that has no rule is about: all of these are about a bucket, none about an object."""
    name = call.parameters.get("Bucket") if call.service == "s3" else None
    return f"arn:{world.accounts[identity.account].partition}:s3:::{name}" if name else None
