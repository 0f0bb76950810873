# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan once, purely: from a judged account and a wish to an ordered list of changes."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._diff import diff, rows
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._make import make_plan, regions_in_need
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._predict import (
    delivered_since,
    touched,
    without_old_errors,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._remedies import (
    FAILED_RULE_LEADS_TO,
    Remedy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._restore import (
    keys_of_backup,
    make_restore_plan,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._shared import make_key_plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._warnings import owner_warning
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import (
    CREATED_FOR_TAG,
    KeyWish,
    Plan,
    SharedKey,
    Targets,
    TrailWish,
    Wish,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wished_trail import (
    new_bucket_region,
    wished_trail,
    with_wished_trail,
)

__all__ = [
    "CREATED_FOR_TAG",
    "FAILED_RULE_LEADS_TO",
    "KeyWish",
    "Plan",
    "Remedy",
    "SharedKey",
    "Targets",
    "TrailWish",
    "Wish",
    "delivered_since",
    "diff",
    "keys_of_backup",
    "make_key_plan",
    "make_plan",
    "make_restore_plan",
    "new_bucket_region",
    "owner_warning",
    "regions_in_need",
    "rows",
    "touched",
    "wished_trail",
    "with_wished_trail",
    "without_old_errors",
]
