# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode foresees of a trail that another account of the run owns is what a run reads of it."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._inherited import as_owners_leave_them
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._task import Outcome, Run, Task
from tests.unit.checks import build
from tests.unit.plan.build import OTHER, OTHER_ARN

OWNER = "999999999999"


def test_the_key_that_an_account_s_own_trails_leave_is_the_owner_s_to_tell_of() -> None:
    healthy = build.snapshot()
    (own,) = healthy.trails
    inherited = replace(own, arn=own.arn.replace(build.ACCOUNT, OWNER), organization_trail=True)
    before = replace(healthy, trails=(own, inherited))
    after = replace(
        healthy,
        trails=(replace(own, kms_key_arn=OTHER_ARN), inherited),
        keys={**healthy.keys, OTHER_ARN: OTHER},
    )
    of_owner = assess(replace(healthy, account_id=OWNER, trails=(inherited,)), Settings())
    outcomes = {
        build.ACCOUNT: Outcome(before=assess(before, Settings()), after=assess(after, Settings())),
        OWNER: Outcome(before=of_owner, after=of_owner),
    }
    told = as_owners_leave_them(outcomes, Run(Task()))[build.ACCOUNT].after
    assert told is not None
    left = told.snapshot.keys[build.KEY.arn]
    assert isinstance(left, ReadError)
    assert (left.code, told.snapshot.keys[OTHER_ARN]) == ("ToldByOwner", OTHER)
