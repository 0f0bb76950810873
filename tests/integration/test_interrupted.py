# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enforcement that is interrupted: it finishes the write in hand, begins no other, and leaves backup and report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import PATIENCE
from tests.fakeaws.client import FakeAws
from tests.unit.modules import connection

# What the module is while Ansible has it run: a process with its options on standard input.
MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.aws_baseline.cloudtrail.plugins.modules import cloudtrail_kms_enforce
with patch_module_args(json.load(sys.stdin)):
    cloudtrail_kms_enforce.main()
"""
WRITTEN = ["CreateKey", "CreateAlias", "UpdateTrail"]


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    """An account with one trail to encrypt. UpdateTrail takes so long that a busy machine sees it under way."""
    with FakeAws.start("fresh") as started:
        started.add_fault(action="cloudtrail:UpdateTrail", delay_ms=10_000)
        yield started


def writes(aws: FakeAws) -> list[str]:
    return [call["action"] for call in aws.calls() if call["kind"] == "write"]


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for an event, and no longer than a test may take."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def interrupted(
    started: subprocess.Popen[str], aws: FakeAws, number: int, send: Callable[[int, int], None] = os.kill
) -> str:
    """Send the signal while UpdateTrail is awaited, or just before; return what is printed until the process ends."""
    wait_until(lambda: "CreateAlias" in writes(aws))
    send(started.pid, number)
    return started.communicate(timeout=PATIENCE)[0]


def is_whole(backup: Path, aws: FakeAws) -> bool:
    """Whether the backup has the key, and the trail if its UpdateTrail was sent."""
    account: dict[str, list[Any]]
    (account,) = json.loads(backup.read_text(encoding="utf-8"))["accounts"]
    return len(account["created_keys"]) == 1 and len(account["trail_keys"]) == writes(aws).count("UpdateTrail")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_module_finishes_what_it_has_begun(aws: FakeAws, tmp_path: Path, number: int) -> None:
    options = {**connection(aws), "backup_path": str(tmp_path / "backup.json")}
    with subprocess.Popen(
        [sys.executable, "-c", MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdin is not None
        json.dump(options, started.stdin)
        started.stdin.close()
        started.stdin = None
        result = json.loads(interrupted(started, aws, number))
    assert result["failed"]
    assert "The run was interrupted before " in result["msg"]
    done = [change["operation"] for change in result["changes"] if change["status"] == "applied"]
    assert done == writes(aws) == WRITTEN[: len(done)]
    assert {change["status"] for change in result["changes"][len(done) :]} == {"not_attempted"}
    assert is_whole(tmp_path / "backup.json", aws)


def to_the_group(process: int, number: int) -> None:
    """As a terminal does on Ctrl-C: the signal goes to the whole process group."""
    os.killpg(process, number)


@pytest.mark.parametrize(("send", "number"), [(to_the_group, signal.SIGINT), (os.kill, signal.SIGTERM)])
def test_a_play_leaves_backup_and_report(
    aws: FakeAws, tmp_path: Path, send: Callable[[int, int], None], number: int
) -> None:
    playbook, backup, report = tmp_path / "play.yml", tmp_path / "backup.json", tmp_path / "cloudtrail-kms.json"
    run = {
        "mode": "enforce",
        "backup_path": str(backup),
        "report_dir": str(tmp_path),
        "reports": ["json"],
        "region": aws.scenario["region"],
    }
    task = {"aws_baseline.cloudtrail.cloudtrail_kms_run": run}
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]), "utf-8")
    with subprocess.Popen(
        ["ansible-playbook", "--inventory", os.devnull, str(playbook)],
        env=aws.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as started:
        printed = interrupted(started, aws, number, send)
    assert started.returncode != 0, printed
    wait_until(report.exists)  # a signal ends ansible-playbook at once
    assert writes(aws) == WRITTEN[: len(writes(aws))]
    assert is_whole(backup, aws)
