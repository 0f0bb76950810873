# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer to CreateKey is lost: no other key than the one that it created is taken for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _targets
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Change
from tests.unit.enforce.lab import HOME, Lab, meanwhile, statuses
from tests.unit.enforce.test_apply import applied, planned
from tests.unit.modules import clock_off_by, replace_everywhere


def copying(lab: Lab, change: Change, **differing: Any) -> None:
    """Somebody else creates a key with our tags and our policy, and KMS fails the next who asks for one."""
    copy = {name: change.parameters[name] for name in ("Policy", "Tags", "MultiRegion")}
    lab.client("kms", HOME).create_key(**{**copy, **differing})
    lab.aws.add_fault("kms:CreateKey", code="KMSInternalException", status=500)


@pytest.mark.parametrize("differing", [{"MultiRegion": True}, {"Origin": "EXTERNAL"}, {"Tags": []}])
def test_a_key_of_other_material_is_not_taken_for_ours(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, differing: dict[str, Any]
) -> None:
    lab = load("fresh")
    (change, *_rest) = planned(lab)
    meanwhile(monkeypatch, "CreateKey", lambda: copying(lab, change, **differing))
    done = lab.enforce()
    assert statuses(done)[0] == ("CreateKey", "failed")
    assert "the next run checks first" in str(done.errors[0])
    assert "UpdateTrail" not in lab.writes()


def older(monkeypatch: pytest.MonkeyPatch, age: timedelta) -> None:
    """Let keys without an alias have been created so much earlier."""
    original = _targets.keys_left_behind

    def keys_left_behind(*given: Any) -> Any:
        found: Any = original(*given)
        return tuple(replace(key, created_at=key.created_at - age) for key in found)

    replace_everywhere(monkeypatch, original, keys_left_behind)


@pytest.mark.parametrize("minutes", [-4, 0, 4])
@pytest.mark.parametrize(("seconds", "status"), [(10, "failed"), (0, "applied")])
def test_a_key_that_was_there_before_is_not_taken_for_ours(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, minutes: int, seconds: int, status: str
) -> None:
    """Whatever the clock of this machine says."""
    lab = load("fresh")
    (change, *_rest) = planned(lab)
    lab.access.clients.clock = _access.Clock()
    clock_off_by(monkeypatch, timedelta(minutes=minutes))
    meanwhile(monkeypatch, "CreateKey", lambda: copying(lab, change))
    older(monkeypatch, timedelta(seconds=seconds))
    (done,) = applied(lab, [change]).changes
    assert (done.operation, done.status) == ("CreateKey", status)
