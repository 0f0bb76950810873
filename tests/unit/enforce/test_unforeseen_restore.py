# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever nobody foresaw of one account ends the restore of that one alone, and so does one shared policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _policy_back, _restore
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run import _planning
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Run
from tests.unit.enforce.lab import Lab
from tests.unit.enforce.many import REQUEST, served, troubles
from tests.unit.enforce.test_many import KEY, OWN
from tests.unit.enforce.test_other_accounts import SANDBOX, STAGING
from tests.unit.enforce.test_restore_many import everywhere
from tests.unit.enforce.test_unforeseen import UNFORESEEN, failing


@pytest.fixture
def lab(load: Callable[[str], Lab]) -> Lab:
    return load("central-key")


def restoring(lab: Lab, folder: Path, **fields: Any) -> Run:
    """A restore of the run that has moved all trails from their own keys to the shared one."""
    assert troubles(lab.run(everywhere(request=OWN))) == {}
    path = str(folder / "backup.json")
    moving = replace(REQUEST, replace_compliant_key=True)
    assert troubles(lab.run(everywhere(request=moving, backup_path=path))) == {}
    lab.aws.clear_calls()
    run: Run = everywhere(restore=read_backups([path]), **fields)
    return run


def of_staging(given: Any, *_rest: Any) -> bool:
    """Whether a function is about the account STAGING, by its first argument."""
    return bool(given.account_id == STAGING)


FUNCTIONS = [_restore.would_go_blind, _planning.with_principals, _planning.read_keys]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_planning_the_restore_of_an_account_ends_that_one(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], *, check_mode: bool
) -> None:
    run = restoring(lab, tmp_path, check_mode=check_mode)
    failing(monkeypatch, function, of_staging)
    done = lab.run(run)
    assert list(troubles(done)) == [STAGING]
    assert UNFORESEEN in troubles(done)[STAGING][0]
    assert lab.writes() == ([] if check_mode else ["UpdateTrail"] * 2)


def test_planning_a_shared_policy_ends_that_one(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served(lab, SANDBOX)
    run = restoring(lab, tmp_path)
    failing(monkeypatch, _policy_back.who_needs_it, lambda *_given: True)
    done = lab.run(run)
    assert list(troubles(done)) == [KEY]
    assert UNFORESEEN in troubles(done)[KEY][0]
    assert lab.writes() == ["UpdateTrail"] * 2
