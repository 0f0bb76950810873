# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until CloudTrail has delivered under the changed keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import count

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls, _pace, _resources


def wait_for_delivery(
    account: _resources.Account, trails: Iterable[_model.Trail], since: datetime, pace: _pace.Pace
) -> None:
    """Wait until every trail has delivered without error later than `since`, or until the time is up.

    A trail that does not log will not deliver and is not waited for. CloudTrail delivers on average five minutes
    after an API call (CloudTrail guide, "How CloudTrail works").
    """
    waiting = [trail for trail in trails if isinstance(trail.status, _model.TrailStatus) and trail.status.is_logging]
    for attempt in count():
        waiting = [trail for trail in waiting if not _has_delivered(account, trail, since)]
        if not waiting or not pace.wait(attempt):
            return


def _has_delivered(account: _resources.Account, trail: _model.Trail, since: datetime) -> bool:
    status = _calls.trail_status(account.access, trail.home_region, trail.arn)
    if not isinstance(status, _model.TrailStatus) or status.latest_delivery_time is None:
        return False
    return status.latest_delivery_time > since and status.latest_delivery_error is None
