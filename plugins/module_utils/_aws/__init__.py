# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only door to AWS: sessions, clients, reads. Everything else of the collection is pure."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import (
    Access,
    AwsError,
    Role,
    connect,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import Scope, read_account

__all__ = ["Access", "AwsError", "Role", "Scope", "connect", "read_account"]
