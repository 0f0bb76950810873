# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no single AWS call can show: two enforcements at once, and a run that is told to stop."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import CREATED_FOR_TAG
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._task import Outcome, Task
from tests import PATIENCE
from tests.fakeaws.client import FakeAws
from tests.faults.sweep import HOME, assert_compliant, assert_deliverable, trail_keys
from tests.unit.enforce.lab import Clock, Lab, alone
from tests.unit.enforce.test_other_accounts import PRODUCTION, SANDBOX, STAGING, central

AT_ONCE_TIMES = 20
ENFORCE = "aws_baseline.cloudtrail.enforce"


def two_at_once(lab: Lab) -> None:
    """One key ends in use, both runs say how it went, and what became of a second key."""
    lab.aws.reset("fresh")
    callers = [lab.access, Lab(lab.aws, Clock()).caller()]
    with ThreadPoolExecutor(len(callers)) as pool:
        outcomes = list(pool.map(lambda caller: alone(caller, Task(), Pace(PATIENCE)), callers))
    used = set(trail_keys(lab).values())
    assert len(used) == 1, f"keys in use: {used}"
    made = {arn for arn, key in lab.keys(HOME).items() if CREATED_FOR_TAG in key["tags"]}
    for idle in made - used:
        assert any(idle in text for outcome in outcomes for text in _told(outcome)), f"nobody tells of {idle}"
    assert_deliverable(lab, dict.fromkeys(trail_keys(lab)))
    assert_compliant(lab.enforce())


def two_at_once_on_a_shared_key(lab: Lab) -> None:
    """Of two accounts whose runs write the policy of a third one's key, each is served or its run is red."""
    lab.aws.reset("central-key")
    lab.aws.set(latency_ms=20)
    lab.enforce(central(SANDBOX))
    accounts = (PRODUCTION, STAGING)
    callers = [lab.access, Lab(lab.aws, Clock()).caller()]
    with ThreadPoolExecutor(len(callers)) as pool:
        tasks = [central(account) for account in accounts]
        outcomes = list(pool.map(lambda caller, task: alone(caller, task, Pace(PATIENCE)), callers, tasks))
    lab.aws.set(latency_ms=0)
    for account, outcome in zip(accounts, outcomes, strict=True):
        again = lab.enforce(central(account), check_mode=True)
        assert outcome.errors or not again.changes, f"{account} was told to be served, and is not"


def _told(outcome: Outcome) -> Iterator[str]:
    yield from (*outcome.errors, *outcome.warnings, *outcome.refusals)


def stopped_by(number: signal.Signals) -> Callable[[Lab, Path], None]:
    """The trial in which ansible-playbook gets a signal after the first write."""

    def trial(lab: Lab, folder: Path) -> None:
        lab.aws.reset("mixed")
        lab.aws.set(latency_ms=150)
        backup = folder / "backup.json"
        options = {"cloudtrail_kms_allow_enable_key": True, "cloudtrail_kms_backup_path": str(backup)}
        with _play(lab.aws, options) as run:
            _wait_for_a_write(lab, run)
            os.killpg(run.pid, number)
            told = run.communicate(timeout=PATIENCE)[0]
        assert run.returncode != 0, "a run that was stopped ends as if nothing was"
        assert "Traceback" not in told, told
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        assert json.loads(backup.read_text(encoding="utf-8"))["accounts"][0]["trail_keys"], (
            "the backup says nothing of the trails"
        )
        lab.aws.set(latency_ms=0)
        with _play(lab.aws, {**options, "cloudtrail_kms_backup_path": str(folder / "second.json")}) as again:
            told = again.communicate(timeout=PATIENCE)[0]
        assert again.returncode == 0, told
        assert_one_key_a_region(lab)

    trial.__name__ = f"stopped_by_{number.name.lower()}"
    return trial


def assert_one_key_a_region(lab: Lab) -> None:
    """Both runs together made one key in each bucket region."""
    for region in ("eu-west-1", "us-east-1"):
        made = [arn for arn, key in lab.keys(region).items() if CREATED_FOR_TAG in key["tags"]]
        assert len(made) == 1, f"keys of ours in {region}: {made}"


def _play(aws: FakeAws, options: dict[str, Any]) -> subprocess.Popen[str]:
    """Start an enforcement in a process group of its own."""
    return subprocess.Popen(
        ["ansible-playbook", ENFORCE, "--extra-vars", json.dumps(options)],
        env=aws.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _wait_for_a_write(lab: Lab, run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not lab.writes():
        assert run.poll() is None, "the run ended before it wrote anything"
        assert time.monotonic() < deadline, "no write in time"
        time.sleep(0.05)


def trials(lab: Lab, folder: Path) -> Iterator[tuple[str, str]]:
    """Every trial by its name, with what went wrong in it; empty where nothing did."""
    for number in range(AT_ONCE_TIMES):
        yield f"two at once, {number + 1}", _attempt(partial(two_at_once, lab))
    for number in range(AT_ONCE_TIMES):
        yield f"two at once on a shared key, {number + 1}", _attempt(partial(two_at_once_on_a_shared_key, lab))
    each: list[Callable[[Lab, Path], None]] = [stopped_by(signal.SIGINT), stopped_by(signal.SIGTERM)]
    for trial in each:
        place = folder / trial.__name__
        place.mkdir()
        yield trial.__name__.replace("_", " "), _attempt(partial(trial, lab, place))


def _attempt(trial: Callable[[], None]) -> str:
    try:
        trial()
    except AssertionError as error:
        return str(error)
    return ""
