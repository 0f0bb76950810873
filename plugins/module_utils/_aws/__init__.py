# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reach AWS: sessions, clients, reads, writes. No other package of the collection does."""

from __future__ import annotations

from ._access import Access, AwsError, collect_garbage_seldom, connect
from ._apply import Applied, apply, wait_for_deliveries
from ._organizations import open_organization, read_organization, with_tags
from ._pace import Pace, Stop, on_signals
from ._resources import Account
from ._snapshot import as_if_read_now, left_to_owner
from ._sweep import AccountSessions, Reading, contain_failures, read_account_again, sweep
from ._targets import (
    RequestedKey,
    missing_principals,
    read_key,
    read_keys,
    read_tags,
    read_targets,
    read_trail_prerequisites,
)
