# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode foresees of a trail that another account of the run owns is what a run reads of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict, assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Change,
    Key,
    LeftToOwnerError,
    ReadError,
    Snapshot,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._changes import put_key_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._predict import changed
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._inherited import as_owners_leave_them
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import (
    Outcome,
    Run,
    RunOutcome,
    Task,
    open_questions,
)
from tests.unit.checks import build
from tests.unit.plan.build import OTHER, OTHER_ARN

OWNER = "999999999999"
READER = f"arn:aws:iam::{OWNER}:role/Reader"
LACKING = build.policy(build.ROOT, build.DESCRIBE, build.DECRYPT)


def foreseen(before: Snapshot, after: Snapshot, *changes: Change) -> Outcome:
    """What is to come of an account."""
    return Outcome(before=assess(before, Settings()), after=assess(after, Settings()), changes=changes)


def told(account: str, **outcomes: Outcome) -> AccountVerdict:
    """Return the part of the result about one account."""
    named = {outcome.before.snapshot.account_id: outcome for outcome in outcomes.values()}
    after = as_owners_leave_them(RunOutcome((), named), Run(Task()))[account].after
    assert after is not None
    return after


def keys_of(account: str, **outcomes: Outcome) -> Mapping[str, object]:
    """The keys that an account of the run is told to have."""
    return told(account, **outcomes).snapshot.keys


def test_the_key_that_an_account_s_own_trails_leave_is_the_owner_s_to_tell_of() -> None:
    healthy = build.snapshot()
    (own,) = healthy.trails
    inherited = replace(own, arn=own.arn.replace(build.ACCOUNT, OWNER), organization_trail=True)
    moved = (replace(own, kms_key_arn=OTHER_ARN), inherited)
    of_owner = replace(healthy, account_id=OWNER, trails=(inherited,))
    keys = keys_of(
        build.ACCOUNT,
        member=foreseen(
            replace(healthy, trails=(own, inherited)),
            replace(healthy, trails=moved, keys={**healthy.keys, OTHER_ARN: OTHER}),
        ),
        owner=foreseen(of_owner, of_owner),
    )
    left = keys[build.KEY.arn]
    assert isinstance(left, LeftToOwnerError)
    assert (left.code, keys[OTHER_ARN]) == ("ToldByOwner", OTHER)


@pytest.mark.parametrize(("kind", "is_open"), [(LeftToOwnerError, False), (ReadError, True)])
def test_only_what_the_owner_s_row_holds_is_no_open_question(kind: type[ReadError], is_open: bool) -> None:
    """By its kind, not by its code: no answer of AWS is taken for it."""
    fact = kind("kms", "DescribeKey", "kms:DescribeKey", "eu-central-1", "ToldByOwner", "its row tells")
    judged = assess(build.snapshot(key=fact), Settings())
    assert judged.verdict == "unknown"
    assert bool([*open_questions(judged)]) is is_open


def test_a_key_is_as_the_first_who_uses_it_changes_it_for_all_who_have_it() -> None:
    """The account that changes it has had no trail on it until then."""
    healthy = build.snapshot()
    change = put_key_policy(build.KEY, build.policy(build.ROOT))
    as_changed = changed(build.KEY, change)
    other = replace(healthy, account_id=OWNER, trails=(), keys={})
    keys = keys_of(
        build.ACCOUNT,
        user=foreseen(healthy, healthy),
        first=foreseen(other, replace(other, keys={build.KEY.arn: as_changed}), change),
    )
    assert keys == {build.KEY.arn: as_changed}


@pytest.mark.parametrize(("policy", "error"), [(LACKING, None), (build.KEY.policy, "AccessDenied")])
def test_an_error_is_set_aside_where_another_account_removes_what_explains_it(policy: str, error: str | None) -> None:
    """Check mode predicts what the other account does. A run reads again, and AWS may still show the old error."""
    status = TrailStatus(is_logging=True, latest_delivery_error="AccessDenied")
    before = build.snapshot({"status": status}, {"policy": policy})
    key = before.keys[build.KEY.arn]
    assert isinstance(key, Key)
    change = put_key_policy(key, build.policy(*json.loads(str(build.KEY.policy))["Statement"], build.reader(READER)))
    as_changed = {key.arn: changed(key, change)}
    other = replace(before, account_id=OWNER, trails=(), keys={})
    first = foreseen(other, replace(other, keys=as_changed), replace(change, status="applied"))
    for after in (before, replace(before, keys=as_changed)):
        account = told(build.ACCOUNT, user=foreseen(before, after), first=first)
        (trail,) = account.snapshot.trails
        assert isinstance(trail.status, TrailStatus)
        assert trail.status.latest_delivery_error == error
        assert (account.verdict == "compliant") is (error is None)
