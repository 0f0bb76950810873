# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key of ours that lost its alias and is to be deleted: an enforcement that reads it anyway warns of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import (
    CREATED_FOR_TAG,
    EnforceRequest,
    KeyRequest,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from tests.fakeaws.client import FakeAws
from tests.unit.enforce.lab import Clock, Lab, no_waiting

OURS = Task(request=EnforceRequest(key=KeyRequest()))
TAG = {CREATED_FOR_TAG: KeyRequest().alias}


@pytest.fixture
def lab(server: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Lab:
    clock = Clock()
    no_waiting(monkeypatch, clock)
    return Lab(server, clock)


def load(lab: Lab, folder: Path, state: str, tags: dict[str, str]) -> None:
    """A trail without a key, and a key in this state."""
    scenario = {
        "description": "An old key.",
        "buckets": {"logs": {}},
        "keys": {"old": {"state": state, "tags": tags}},
        "trails": {"main": {"bucket": "logs", "multi_region": False}},
    }
    path = folder / "old.yml"
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    lab.aws.reset(str(path))


@pytest.mark.parametrize(
    ("state", "words"), [("Disabled", "is Disabled. Logs"), ("PendingDeletion", "is PendingDeletion, and KMS deletes")]
)
def test_a_key_of_ours_that_goes_is_told(state: str, words: str, lab: Lab, tmp_path: Path) -> None:
    load(lab, tmp_path, state, TAG)
    planned = lab.enforce(OURS, check_mode=True)
    done = lab.enforce(OURS)
    (warning,) = map(str, planned.warnings)
    assert (done.warnings, words in warning) == (planned.warnings, True)
    assert done.changes[0].operation == "CreateKey"
    assert lab.enforce(OURS).warnings == ()


def test_another_key_is_not_told_and_no_call_more_is_made(lab: Lab, tmp_path: Path) -> None:
    load(lab, tmp_path, "Enabled", TAG)
    lab.enforce(OURS, check_mode=True)
    calls = Counter(call["action"] for call in lab.aws.calls())
    load(lab, tmp_path, "PendingDeletion", TAG)
    assert len(lab.enforce(OURS, check_mode=True).warnings) == 1
    assert Counter(call["action"] for call in lab.aws.calls()) - calls == Counter()
    load(lab, tmp_path, "PendingDeletion", {"team": "a"})
    assert lab.enforce(OURS, check_mode=True).warnings == ()
