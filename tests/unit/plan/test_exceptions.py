# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an exception in force leaves alone, and what one that has expired refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import TrailStatus
from tests.unit.checks import build
from tests.unit.plan.build import BARE, GIVEN, OTHER_ARN, only, plan, target

TRAIL = f"The trail {build.TRAIL_ARN}: "
DECISION = f"trail_has_kms_key of {build.TRAIL_ARN}, excepted until {{}} by ops (migration)."


def test_what_an_exception_leaves_alone_is_warned_of() -> None:
    exception = TrailException("main", ("trail_has_kms_key", "trail_is_delivering"), "migration", "ops", date.max)
    planned = plan(build.snapshot(trail=BARE), settings=Settings(exceptions=(exception,)))
    assert (planned.changes, planned.refusals) == ((), ())
    assert planned.warnings == ("Not changed, because of an exception: " + DECISION.format("9999-12-31"),)


def test_an_exception_of_what_is_changed_all_the_same_is_no_warning() -> None:
    exception = TrailException("main", ("key_is_approved",), "migration", "ops", date.max)
    settings = Settings(approved_keys=(OTHER_ARN,), exceptions=(exception,))
    assert "exception" in " ".join(map(str, plan(build.snapshot(), GIVEN, target(), settings).warnings))
    named = replace(GIVEN, replace_compliant_key=True, trails=("main",))
    moved = plan(build.snapshot(), named, target(), settings)
    assert only(moved, "UpdateTrail")
    assert "exception" not in " ".join(map(str, moved.warnings))


@pytest.mark.parametrize(
    ("rule", "approved", "is_moved"),
    [
        ("key_is_approved", OTHER_ARN, False),
        ("key_is_approved", build.KEY_ARN, True),
        ("trail_is_delivering", None, True),
    ],
)
def test_an_exception_of_what_would_be_changed_keeps_a_trail_on_its_key(
    rule: str, approved: str | None, *, is_moved: bool
) -> None:
    exception = TrailException("main", (rule,), "migration", "ops", date.max)
    keys = (approved, OTHER_ARN) if approved else ()
    settings = Settings(approved_keys=keys, exceptions=(exception,))
    broken = TrailStatus(is_logging=True, latest_delivery_error="NoSuchBucket")
    request = replace(GIVEN, replace_compliant_key=True)
    planned = plan(build.snapshot(trail={"status": broken}), request, target(), settings)
    assert planned.refusals == ()
    assert ("UpdateTrail" in {change.operation for change in planned.changes}) is is_moved
    assert ("Not changed, because of an exception: " in str(planned.warnings)) is not is_moved


def test_what_an_expired_exception_covered_is_refused_to_be_changed() -> None:
    exception = TrailException("main", ("trail_has_kms_key",), "migration", "ops", date(2026, 11, 22))
    planned = plan(build.snapshot(trail=BARE), settings=Settings(exceptions=(exception,)))
    assert (*map(str, planned.refusals),) == (
        f"{TRAIL}an exception has expired, and what it covered would be changed now: trail_has_kms_key, excepted until "
        "2026-11-22 by ops (migration). Renew it, or remove it from exceptions.",
    )


def test_an_expired_exception_of_what_is_well_or_only_reported_refuses_nothing() -> None:
    rules = ("trail_has_kms_key", "trail_is_delivering", "key_rotation_enabled")
    exception = TrailException("main", rules, "migration", "ops", date(2026, 11, 22))
    broken = TrailStatus(is_logging=True, latest_delivery_error="NoSuchBucket")
    planned = plan(build.snapshot(trail={"status": broken}), settings=Settings(exceptions=(exception,)))
    assert (planned.changes, planned.refusals) == ((), ())
