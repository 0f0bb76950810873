# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until CloudTrail has delivered under the changed keys."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from typing import TypeAlias

from .._model import ReadError, Trail, TrailStatus
from .._next_steps import is_transient
from ._calls import trail_status
from ._pace import Pace
from ._resources import Account

AT_ONCE = 16
Delivery: TypeAlias = tuple[Account, Iterable[Trail], datetime]


def wait_for_deliveries(deliveries: Iterable[Delivery], pace: Pace) -> None:
    """Wait until every trail has delivered without error later than its account's time, or until the time is up.

    The trails of all accounts are asked side by side. A trail that does not log will not deliver and is not waited
    for, nor is one that AWS refuses to tell of. CloudTrail delivers on average five minutes after an API call
    (CloudTrail guide, "How CloudTrail works").
    """
    waiting = [
        (account, trail, since)
        for account, trails, since in deliveries
        for trail in trails
        if isinstance(trail.status, TrailStatus) and trail.status.is_logging
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for attempt in count():
            late = pool.map(lambda each: _is_awaited(*each), waiting)
            waiting = [each for each, is_late in zip(waiting, late, strict=True) if is_late]
            if not waiting or not pace.wait(attempt):
                return


def _is_awaited(account: Account, trail: Trail, since: datetime) -> bool:
    status = trail_status(account.access, trail.home_region, trail.arn)
    if isinstance(status, ReadError):
        return is_transient(status.code)
    if status.latest_delivery_time is None:
        return True
    return status.latest_delivery_time <= since or status.latest_delivery_error is not None
