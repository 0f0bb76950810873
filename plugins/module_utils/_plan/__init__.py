# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan once, purely: from a judged account and a request to an ordered list of changes."""

from __future__ import annotations

from ._changes import change_rows, create_bucket, diff, to_add_rows
from ._joint import KeyName, Part, SharedKey, join, keys_changed, plan_key_anew, with_created, without
from ._key_plan import Plan
from ._make import make_plan, regions_in_need
from ._old_errors import changed_trails, delivered_since, without_old_errors
from ._other_tools import left_to_owners
from ._policy_back import KeyFact
from ._predict import key_of, predicted_prerequisites
from ._requested_trail import new_bucket_region, requested_trail, with_requested_trail
from ._restore import RestorePlans, SharedPolicy, best_known, keys_of_backup, make_restore_plans, plan_policy
from ._undo import undos_of
from ._writable import new_principals, of_another_partition
