# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The condition keys that a request of a user or role carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from tests.fakeaws.world import Identity, World


def identity_context(world: World, identity: Identity, region: str) -> Mapping[str, str]:
    """Global condition keys of an identity's call (IAM user guide, "AWS global condition context keys")."""
    context = {
        "aws:PrincipalArn": identity.iam_arn,
        "aws:PrincipalAccount": identity.account,
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalType": "AssumedRole" if ":assumed-role/" in identity.arn else "User",
        "aws:RequestedRegion": region,
        "aws:SecureTransport": "true",
        "aws:SourceIp": "192.0.2.10",
        "aws:CurrentTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:userid": identity.user_id,
    }
    organization = world.organization_of(identity.account)
    return {**context, "aws:PrincipalOrgID": organization.id} if organization else context
