# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays every target in targets/ against the fake AWS, each in one run of ansible-playbook.

A target is a role, targets/NAME/tasks/main.yml, whose tasks assert what they expect. Its file `scenario` names the
scenario of the fake AWS that it starts from, `healthy` if there is none.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.fakeaws.client import FakeAws

HERE = Path(__file__).parent
TARGETS = sorted(path.parent.parent for path in HERE.glob("targets/*/tasks/main.yml"))


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_target(target: Path, fake_aws: FakeAws) -> None:
    scenario = target / "scenario"
    fake_aws.reset(scenario.read_text(encoding="utf-8").strip() if scenario.exists() else "healthy")
    played = subprocess.run(
        ["ansible-playbook", str(HERE / "target.yml"), "--extra-vars", f"target={target.name}"],
        env=fake_aws.environment | {"ANSIBLE_ROLES_PATH": str(HERE / "targets"), "ANSIBLE_INVENTORY": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert played.returncode == 0, played.stdout
