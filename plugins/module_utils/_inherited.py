# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trails of an organization, in the accounts of a run that inherit them: these have the keys that their owners give.

An account is read again after its own changes, and not after those of the owner, which may come later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess


def as_owners_leave_them(outcomes: Mapping[str, _task.Outcome], run: _task.Run) -> dict[str, _task.Outcome]:
    """Return what came of the accounts, or will, with what is then left open in each."""
    owned = {
        trail.arn: trail.kms_key_arn
        for account_id, outcome in outcomes.items()
        for trail in (outcome.after.snapshot.trails if outcome.after else ())
        if trail.arn.split(":")[4] == account_id
    }
    return {each: _with_keys(outcome, owned, run.of(each)) for each, outcome in outcomes.items()}


def _with_keys(outcome: _task.Outcome, keys: Mapping[str, str | None], task: _task.Task) -> _task.Outcome:
    if outcome.after is None or outcome.refusals:
        return outcome
    seen = outcome.after.snapshot
    moved = [trail for trail in seen.trails if keys.get(trail.arn, trail.kms_key_arn) != trail.kms_key_arn]
    after = _assess.assess(_moved(seen, moved, keys), task.settings) if moved else outcome.after
    return replace(outcome, after=after, warnings=(*outcome.warnings, *_task.open_questions(after)))


def _moved(seen: _model.Snapshot, moved: list[_model.Trail], keys: Mapping[str, str | None]) -> _model.Snapshot:
    """The account with these trails on their keys, of which the owner's row tells."""
    trails = tuple(replace(trail, kms_key_arn=keys.get(trail.arn, trail.kms_key_arn)) for trail in seen.trails)
    given_up = {trail.kms_key_arn for trail in moved} - {trail.kms_key_arn for trail in trails}
    told = {
        str(keys[trail.arn]): _snapshot.told_by_owner(
            "kms", "DescribeKey", {"TrailARN": trail.arn, "HomeRegion": trail.home_region}
        )
        for trail in moved
        if keys[trail.arn]
    }
    kept = {arn: key for arn, key in seen.keys.items() if arn not in given_up}
    return replace(seen, trails=trails, keys={**told, **kept})
