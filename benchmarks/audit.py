# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long an audit of one account takes, beside a plain boto3 script and an empty playbook.

Usage: python -m benchmarks.audit [--runs N]. Everything runs on the fake AWS in one go; the figures to
quote are the ratios, since absolute times move with the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import Timed, in_turn, paired
from tests.fakeaws.client import FakeAws

ROOT = Path(__file__).parents[1]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
LATENCIES_MS = (0, 50, 100)
SCENARIOS = {"several": "20 trails in 4 regions", "one-trail-17-regions": "1 trail, 17 regions"}
NO_OP = """
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - ansible.builtin.ping:
"""


def main() -> None:
    """Measure every scenario at every latency and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs: int = parser.parse_args().runs
    print(f"Medians of {runs} runs; seconds of wall time, ratios run by run, peak memory of the module in MB.")
    print("(a) boto3 with threads, (b) a playbook with one ping; module is the AnsiballZ process alone.\n")
    print(
        f"{'scenario':<24}{'ms':>4} {'(a)':>6} {'module':>7} {'mod/(a)':>8} {'(b)':>6} {'playbook':>9}"
        f" {'pb/((a)+1.3(b))':>16} {'calls (a)':>10} {'calls':>6} {'MB (a)':>7} {'MB':>5}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for scenario, meaning in SCENARIOS.items():
            for latency in LATENCIES_MS:
                _measure(scenario, meaning, latency, runs, Path(scratch))


def _measure(scenario: str, meaning: str, latency: int, runs: int, scratch: Path) -> None:
    with FakeAws.start(scenario, latency_ms=latency) as aws:
        environment = playbook_environment(aws.environment, scratch)
        floor = Timed("floor", [sys.executable, "-m", "benchmarks.floor_account"])
        module = Timed("module", [sys.executable, str(ansiballz(environment, scratch))])
        no_op = Timed("no-op", [str(PLAYBOOK), str(write_file(scratch, "noop.yml", NO_OP))])
        audit = [str(PLAYBOOK), "aws_baseline.cloudtrail.audit", "-e", "cloudtrail_kms_fail_on=never"]
        playbook = Timed("playbook", audit)
        calls = []
        for command in (floor, module):
            aws.clear_calls()
            command.run(environment)
            calls.append(len(aws.calls()))
        in_turn([floor, module, no_op, playbook], environment, runs)
    allowed = [a + 1.3 * b for a, b in zip(floor.seconds, no_op.seconds, strict=True)]
    share = sorted(p / limit for p, limit in zip(playbook.seconds, allowed, strict=True))[runs // 2]
    print(
        f"{meaning:<24}{latency:>4} {floor.median:>6.2f} {module.median:>7.2f} {paired(module, floor):>8.2f}"
        f" {no_op.median:>6.2f} {playbook.median:>9.2f} {share:>16.2f} {calls[0]:>10} {calls[1]:>6}"
        f" {floor.memory:>7.0f} {module.memory:>5.0f}",
        flush=True,
    )


def playbook_environment(environment: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The fake AWS's environment, with byte code written: without it every import is compiled anew."""
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": str(scratch / "home"),
        "ANSIBLE_REMOTE_TMP": str(scratch / "remote"),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }


def ansiballz(environment: Mapping[str, str], scratch: Path, options: Mapping[str, Any] | None = None) -> Path:
    """The module as Ansible ships it to a host with these options, kept from a run that ends soon, for want of a key.

    A sweep of thousands of accounts would take a minute here as well.
    """
    for old in scratch.glob("remote/*/AnsiballZ_*.py"):
        old.unlink()
    outside = {name: value for name, value in environment.items() if name != "AWS_SECRET_ACCESS_KEY"}
    task = {"aws_baseline.cloudtrail.cloudtrail_kms_facts": options or {}}
    play = json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    subprocess.run(
        [str(PLAYBOOK), str(write_file(scratch, "keep.yml", play))],
        env={**outside, "ANSIBLE_KEEP_REMOTE_FILES": "1"},
        check=False,
        stdout=subprocess.DEVNULL,
    )
    (module,) = scratch.glob("remote/*/AnsiballZ_*.py")
    return module


def write_file(scratch: Path, name: str, text: str) -> Path:
    """Write a file of the scratch folder."""
    path = scratch / name
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
