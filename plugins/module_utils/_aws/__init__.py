# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only door to AWS: sessions, clients, reads, writes. Everything else of the collection is pure."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import (
    Access,
    AwsError,
    MemberRole,
    Role,
    collect_garbage_seldom,
    connect,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._apply import Applied, apply
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._delivery import wait_for_delivery
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._organizations import (
    open_organization,
    read_organization,
    with_tags,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._resources import Account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import (
    Scope,
    open_account,
    open_and_read,
    read_account,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._sweep import sweep
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._targets import (
    SoughtKey,
    read_ground,
    read_keys,
    read_tags,
    read_targets,
)

__all__ = [
    "Access",
    "Account",
    "Applied",
    "AwsError",
    "MemberRole",
    "Pace",
    "Role",
    "Scope",
    "SoughtKey",
    "apply",
    "collect_garbage_seldom",
    "connect",
    "open_account",
    "open_and_read",
    "open_organization",
    "read_account",
    "read_ground",
    "read_keys",
    "read_organization",
    "read_tags",
    "read_targets",
    "sweep",
    "wait_for_delivery",
    "with_tags",
]
