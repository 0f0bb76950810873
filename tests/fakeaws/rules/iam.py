# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM: whether a role or user of the caller's account exists."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, World


def get_role(world: World, identity: Identity, call: Call) -> Answer:
    """By its name alone, whatever its path (IAM API reference, GetRole: NoSuchEntity)."""
    name = call.parameters["RoleName"]
    for arn in world.roles:
        if arn.split(":")[4] == identity.account and arn.rpartition("/")[2] == name:
            return {"Role": _entity("Role", arn)}
    raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", status=404)


def get_user(world: World, identity: Identity, call: Call) -> Answer:
    """Each account of a scenario has one user, its administrator (IAM API reference, GetUser: NoSuchEntity)."""
    name = call.parameters["UserName"]
    if name != "administrator":
        raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.", status=404)
    return {"User": _entity("User", world.accounts[identity.account].arn("iam", f"user/{name}"))}


def _entity(kind: str, arn: str) -> Answer:
    path, _slash, name = arn.split("/", 1)[1].rpartition("/")
    return {
        "Path": f"/{path}/" if path else "/",
        f"{kind}Name": name,
        f"{kind}Id": "AROAEXAMPLEEXAMPLE123",
        "Arn": arn,
        "CreateDate": "2026-01-01T00:00:00Z",
    }


def _resource(world: World, identity: Identity, call: Call) -> str:
    kind, name = ("role", "RoleName") if call.action == "GetRole" else ("user", "UserName")
    return world.accounts[identity.account].arn("iam", f"{kind}/{call.parameters[name]}")


OPERATIONS: Mapping[str, Operation] = {
    "iam:GetRole": Operation(get_role, _resource),
    "iam:GetUser": Operation(get_user, _resource),
}
