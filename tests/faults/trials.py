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
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import CREATED_FOR_TAG
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._enforce import enforce
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Done, Run, RunOutcome, Task
from tests import PATIENCE
from tests.fakeaws.client import FakeAws
from tests.faults.subjects import HOME
from tests.faults.sweep import assert_compliant, assert_deliverable, parts, trail_keys
from tests.unit.enforce.lab import Clock, Lab, alone
from tests.unit.enforce.many import ENTER, TRAILS, run_of, served, troubles
from tests.unit.enforce.test_other_accounts import LOG_ARCHIVE, SANDBOX, SECURITY, role
from tests.unit.modules import connection

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
    assert_compliant(lab.run(Run(Task())))


def two_runs_at_once_on_a_shared_key(lab: Lab) -> None:
    """Of two runs of the same accounts, which write the policy of one key, each serves an account or is red of it."""
    lab.aws.reset("central-key")
    served(lab, SANDBOX)
    outcomes = _at_once(lab)
    told = lab.run(run_of(check_mode=True))
    for account in TRAILS:
        outcome = told.accounts[account]
        left = [change.resource for _owner, key in told.keys for change in key.changes] + [*outcome.changes]
        red = [account in troubles(done) for done in outcomes]
        assert any(red) or not left, f"{account} was told to be served, and is not: {left}"
    assert_compliant(lab.run(run_of()))


def two_runs_at_once_without_a_key(lab: Lab) -> None:
    """Of two runs of the same accounts, each of which creates the key for all, one key ends in use."""
    lab.aws.reset("central-key")
    outcomes = _at_once(lab)
    assert_compliant(lab.run(run_of()))
    used = {key for account in TRAILS for key in trail_keys(lab.of(account)).values()}
    assert len(used) == 1, f"keys in use: {used}"
    made = {arn for arn, key in lab.of(SECURITY).keys(HOME).items() if CREATED_FOR_TAG in key["tags"]}
    for idle in made - used:
        told = [text for done in outcomes for _account, part in parts(done) for text in _told(part)]
        assert any(idle in text for text in told), f"nobody tells of {idle}: {told}"


def _at_once(lab: Lab) -> list[RunOutcome]:
    """What two runs of the three accounts come to, each of its own process as far as the collection knows."""
    lab.aws.set(latency_ms=20)
    callers = [lab.access, Lab(lab.aws, Clock()).caller()]
    with ThreadPoolExecutor(len(callers)) as pool:
        outcomes = list(pool.map(lambda caller: enforce(caller, run_of(), lambda: Pace(PATIENCE)), callers))
    lab.aws.set(latency_ms=0)
    return outcomes


def _told(outcome: Done) -> Iterator[str]:
    yield from map(str, (*outcome.errors, *outcome.warnings, *outcome.refusals))


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
        # A run that ends in good order leaves what it did; one that is ended at once, what it was going to do.
        (account,) = json.loads(backup.read_text(encoding="utf-8"))["accounts"]
        assert account["created_keys"] or account["trail_keys"], "the backup says nothing of what was written"
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


def a_run_of_many_is_stopped(lab: Lab, folder: Path) -> None:
    """The module gets SIGTERM while the first trail moves: it ends what is in hand, tells of it, and is red."""
    lab.aws.reset("central-key")
    lab.aws.set(latency_ms=150)
    backup = folder / "backup.json"
    with _module(lab.aws, {**connection(lab.aws), **OF_MANY, "backup_path": str(backup)}) as run:
        _wait_for_a_write(lab, run, "UpdateTrail")
        run.terminate()
        told = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 1, told
    lab.aws.set(latency_ms=0)
    result = json.loads(told)
    applied = Counter(each["operation"] for each in result["changes"] if each["status"] == "applied")
    assert applied == Counter(lab.writes()), "what was done is not what is told"
    assert applied["UpdateTrail"] < len(TRAILS), "it was not stopped"
    assert any("interrupted" in row["message"] for row in result["errors"]), result["errors"]
    assert json.loads(backup.read_text(encoding="utf-8")) == result["backup"]
    assert_compliant(lab.run(run_of()))
    made = [arn for arn, key in lab.of(SECURITY).keys(HOME).items() if CREATED_FOR_TAG in key["tags"]]
    assert len(made) == 1, f"keys of ours: {made}"


def a_play_of_many_is_stopped(lab: Lab, folder: Path) -> None:
    """The play of three hosts gets SIGTERM while the first trail moves: it is red, and another one goes on."""
    lab.aws.reset("central-key")
    lab.aws.set(latency_ms=150)
    options = {f"cloudtrail_kms_{name}": OF_MANY[name] for name in ("key", "key_assume_role", "bucket_assume_role")}
    options |= {"cloudtrail_kms_hosts": "all", "cloudtrail_kms_backup_path": str(folder / "backup.json")}
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": _HOSTS}}), encoding="utf-8")
    with _play(lab.aws, options, "--inventory", str(inventory)) as run:
        _wait_for_a_write(lab, run, "UpdateTrail")
        os.killpg(run.pid, signal.SIGTERM)
        told = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode != 0, told
    assert "Traceback" not in told, told
    kept = json.loads((folder / "backup.json").read_text(encoding="utf-8"))["accounts"]
    moved = lab.writes().count("UpdateTrail")
    assert moved < len(TRAILS), "it was not stopped"
    assert moved <= sum(bool(part["trail_keys"]) for part in kept), "the backup lacks a trail that was moved"
    lab.aws.set(latency_ms=0)
    with _play(lab.aws, options, "--inventory", str(inventory)) as again:
        told = again.communicate(timeout=PATIENCE)[0]
    assert again.returncode == 0, told
    assert_compliant(lab.run(run_of()))
    made = [arn for arn, key in lab.of(SECURITY).keys(HOME).items() if CREATED_FOR_TAG in key["tags"]]
    assert len(made) == 1, f"keys of ours: {made}"


_HOSTS = {
    account: {
        "ansible_connection": "local",
        "cloudtrail_kms_assume_role": {"role_arn": role(account).role_arn, "external_id": ENTER.external_id},
    }
    for account in TRAILS
}
OF_MANY: dict[str, Any] = {
    "accounts": [*TRAILS],
    "assume_role": {"role_name": ENTER.role_name, "external_id": ENTER.external_id},
    "key": {"account": SECURITY},
    "key_assume_role": {"role_arn": role(SECURITY).role_arn, "external_id": ENTER.external_id},
    "bucket_assume_role": {"role_arn": role(LOG_ARCHIVE, "audit").role_arn, "external_id": ENTER.external_id},
}
MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.aws_baseline.cloudtrail.plugins.modules import cloudtrail_kms_enforce
with patch_module_args(json.loads(sys.argv[1])):
    cloudtrail_kms_enforce.main()
"""


def _module(aws: FakeAws, options: dict[str, Any]) -> subprocess.Popen[str]:
    """Start the module by itself."""
    command = [sys.executable, "-c", MODULE, json.dumps(options)]
    return subprocess.Popen(command, env=aws.environment, stdout=subprocess.PIPE, text=True)


def _play(aws: FakeAws, options: dict[str, Any], *more: str) -> subprocess.Popen[str]:
    """Start an enforcement in a process group of its own."""
    return subprocess.Popen(
        ["ansible-playbook", ENFORCE, "--extra-vars", json.dumps(options), *more],
        env=aws.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _wait_for_a_write(lab: Lab, run: subprocess.Popen[str], action: str = "") -> None:
    """Wait until this was written, or anything."""
    deadline = time.monotonic() + PATIENCE
    while not any(action in (written, "") for written in lab.writes()):
        assert run.poll() is None, "the run ended before it wrote anything"
        assert time.monotonic() < deadline, "no write in time"
        time.sleep(0.05)


def trials(lab: Lab, folder: Path) -> Iterator[tuple[str, str]]:
    """Every trial by its name, with what went wrong in it; empty where nothing did."""
    for trial in (two_at_once, two_runs_at_once_on_a_shared_key, two_runs_at_once_without_a_key):
        for number in range(AT_ONCE_TIMES):
            yield f"{_name(trial)}, {number + 1}", _attempt(partial(trial, lab))
    each: list[Callable[[Lab, Path], None]] = [stopped_by(signal.SIGINT), stopped_by(signal.SIGTERM)]
    for stopped in (*each, a_run_of_many_is_stopped, a_play_of_many_is_stopped):
        place = folder / stopped.__name__
        place.mkdir()
        yield _name(stopped), _attempt(partial(stopped, lab, place))


def _name(trial: Callable[..., None]) -> str:
    return trial.__name__.replace("_", " ")


def _attempt(trial: Callable[[], None]) -> str:
    try:
        trial()
    except AssertionError as error:
        return str(error)
    return ""
