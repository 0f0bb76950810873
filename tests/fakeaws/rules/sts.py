# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""STS: who the caller is, and roles that exist, trust the caller and know the external id."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone

from tests.fakeaws.access import denied, identity_refusal
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.operation import Operation
from tests.fakeaws.wire import Answer, Call
from tests.fakeaws.world import Identity, Role, World

_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SHORTEST, _DEFAULT, _LONGEST = 900, 3600, 43200


def get_caller_identity(_world: World, identity: Identity, _call: Call) -> Answer:
    """Answered to everybody with valid credentials (STS API reference, GetCallerIdentity)."""
    return {"Arn": identity.arn, "UserId": identity.user_id, "Account": identity.account}


def assume_role(world: World, identity: Identity, call: Call) -> Answer:
    """Unknown role, untrusting role and wrong external id are refused alike (STS API reference, AssumeRole)."""
    _validate(call)
    role = world.roles.get(call.parameters["RoleArn"])
    refusal = identity_refusal(world, identity, "sts:AssumeRole", call, call.parameters["RoleArn"])
    if role is None or refusal or not _trusts(world, role, identity, call.parameters.get("ExternalId")):
        # STS does not say which of these it was, so that nobody can probe for roles; this one refusal gives no reason.
        raise denied("sts", identity, "sts:AssumeRole", call.parameters["RoleArn"], refusal)
    return _session(world, role, call)


def _validate(call: Call) -> None:
    arn, name = call.parameters.get("RoleArn", ""), call.parameters.get("RoleSessionName", "")
    if not _ROLE_ARN.fullmatch(arn):
        raise AwsError("ValidationError", f"{arn} is invalid")
    if not _SESSION_NAME.fullmatch(name):
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        )
    seconds = int(call.parameters.get("DurationSeconds", _DEFAULT))
    if not _SHORTEST <= seconds <= _LONGEST:
        raise AwsError("ValidationError", f"The requested DurationSeconds {seconds} is not between 900 and 43200.")


def _trusts(world: World, role: Role, identity: Identity, external_id: str | None) -> bool:
    if world.accounts[role.account].state != "ACTIVE" or identity.account not in role.trusts:
        return False
    return role.external_id is None or role.external_id == external_id


def _session(world: World, role: Role, call: Call) -> Answer:
    account, name = world.accounts[role.account], call.parameters["RoleSessionName"]
    user_id = f"AROA{secrets.token_hex(8).upper()}:{name}"
    identity = Identity(
        account=account.id,
        arn=account.arn("sts", f"assumed-role/{role.name.rpartition('/')[2]}/{name}"),
        iam_arn=account.arn("iam", f"role/{role.name}"),
        user_id=user_id,
        allow=role.allow,
        deny=role.deny,
        policy=role.policy,
    )
    credentials = world.new_session(identity, int(call.parameters.get("DurationSeconds", _DEFAULT)))
    expires = datetime.fromtimestamp(credentials.expires or 0, tz=timezone.utc)
    return {
        "Credentials": {
            "AccessKeyId": credentials.access_key,
            "SecretAccessKey": credentials.secret_key,
            "SessionToken": credentials.token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": identity.arn},
    }


OPERATIONS: Mapping[str, Operation] = {
    "sts:GetCallerIdentity": Operation(get_caller_identity),
    # The handler weighs the caller's side and the role's trust together.
    "sts:AssumeRole": Operation(assume_role, None),
}
