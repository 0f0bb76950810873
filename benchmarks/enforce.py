# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long and how many calls it takes to enforce new accounts, beside amazon.aws's kms_key and cloudtrail.

Usage: python -m benchmarks.enforce [--runs N] [--accounts N]. Everything runs on the fake AWS in one go; the figures
to quote are the calls and the ratios, since absolute times move with the machine. With --accounts that many are
enforced, each a host of one play, instead of one. It fails where a run writes anything else than it should.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.audit import PLAYBOOK, playbook_environment, write_file
from benchmarks.measure import Timed, paired
from tests.fakeaws.client import FakeAws

LATENCIES_MS = (0, 50)
# The same outcome by the modules that there are: a key with CloudTrail's statements, its alias, rotation, the trail.
WITH_AMAZON_AWS = """
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    trail: arn:aws:cloudtrail:eu-central-1:111111111111:trail/main
    cloudtrail: {Service: cloudtrail.amazonaws.com}
  tasks:
    - amazon.aws.kms_key:
        alias: audit-logs
        description: Encrypts the logs of CloudTrail trails
        enable_key_rotation: true
        policy:
          Version: "2012-10-17"
          Statement:
            - Sid: Enable IAM User Permissions
              Effect: Allow
              Principal: {AWS: "arn:aws:iam::111111111111:root"}
              Action: kms:*
              Resource: "*"
            - Sid: Use
              Effect: Allow
              Principal: "{{ cloudtrail }}"
              Action: ["kms:GenerateDataKey*", "kms:Decrypt"]
              Resource: "*"
              Condition:
                StringEquals: {"aws:SourceArn": ["{{ trail }}"]}
                StringLike: {"kms:EncryptionContext:aws:cloudtrail:arn": ["arn:aws:cloudtrail:*:111111111111:trail/*"]}
            - Sid: Describe
              Effect: Allow
              Principal: "{{ cloudtrail }}"
              Action: kms:DescribeKey
              Resource: "*"
      register: key
    - amazon.aws.cloudtrail:
        name: main
        s3_bucket_name: logs-111111111111
        is_multi_region_trail: true
        enable_log_file_validation: true
        key_id: "{{ key.key_arn }}"
"""
FORKS = 10
# Second runs and audits, side by side, for each first run.
PAIRS = 3
MANAGEMENT, ROLE = "111111111111", "Enforcement"
FIRST_WRITES = ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]


@dataclass
class Counted:
    """A command that is timed, and the calls that its last run made."""

    timed: Timed
    writes: list[str] = field(default_factory=list)
    calls: int = 0

    def run(self, aws: FakeAws, environment: Mapping[str, str]) -> None:
        """Run once, add the time, count the calls."""
        aws.clear_calls()
        self.timed.run(environment)
        calls = aws.calls()
        self.calls, self.writes = len(calls), [call["action"] for call in calls if call["kind"] == "write"]


def main() -> int:
    """Measure at every latency, print one table each, and say whether the writes are what they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=1)
    given = parser.parse_args()
    runs: int = given.runs
    with tempfile.TemporaryDirectory() as scratch:
        if given.accounts > 1:
            return 0 if _measure_many(given.accounts, runs, Path(scratch)) else 1
        print(f"One new account with one trail. Medians of {runs} runs; seconds of wall time of the whole playbook.\n")
        kept = [_measure(latency, runs, Path(scratch)) for latency in LATENCIES_MS]
    return 0 if all(kept) else 1


def _measure(latency: int, runs: int, scratch: Path) -> bool:
    theirs = write_file(scratch, "theirs.yml", WITH_AMAZON_AWS)
    first, second = _playbook("enforce, first run", "enforce"), _playbook("enforce, second run", "enforce")
    audit = _playbook("audit", "audit")
    their_first, their_second = _counted("amazon.aws, first run", theirs), _counted("amazon.aws, second run", theirs)
    with FakeAws.start("fresh", latency_ms=latency) as aws:
        environment = playbook_environment(aws.environment, scratch)
        for number in range(runs + 1):
            # One pair of runs varies by a tenth, and the one that comes first may find the machine in another state.
            pair = (second, audit) if number % 2 else (audit, second)
            for commands in ((first, *pair * PAIRS), (their_first, their_second)):
                aws.reset("fresh")
                for command in commands:
                    command.run(aws, environment)
                    if number == 0:
                        command.timed.seconds.clear()
                        command.timed.cpu_seconds.clear()
    print(f"{latency} ms a call{'s':>23} {'calls':>6} {'writes':>7}")
    for command in (first, second, audit, their_first, their_second):
        row = f"{command.timed.name:<28}{command.timed.median:>6.2f} {command.calls:>6} {len(command.writes):>7}"
        print(f"{row}  {', '.join(command.writes)}".rstrip())
    cpu = second.timed.cpu / audit.timed.cpu
    print(f"second run / audit: {paired(second.timed, audit.timed):.2f}, by CPU time {cpu:.2f}")
    print(f"first run / amazon.aws: {paired(first.timed, their_first.timed):.2f}")
    print(f"second run / amazon.aws: {second.timed.median / their_second.timed.median:.2f}\n", flush=True)
    return (first.writes, second.writes) == (FIRST_WRITES, [])


def _measure_many(accounts: int, runs: int, scratch: Path) -> bool:
    """As many new accounts, ten at a time: what each of them takes."""
    account_ids = [f"7{number:011}" for number in range(accounts)]
    scenario = str(write_file(scratch, "scenario.yml", yaml.safe_dump(_scenario(account_ids))))
    inventory = write_file(scratch, "inventory.yml", yaml.safe_dump(_inventory(account_ids)))
    of_all = ["--inventory", str(inventory), "--forks", str(FORKS), "--extra-vars", "cloudtrail_kms_hosts=all"]
    first, second = (
        _playbook("enforce, first run", "enforce", of_all),
        _playbook("enforce, second run", "enforce", of_all),
    )
    audit = _playbook("audit", "audit", of_all)
    with FakeAws.start(scenario) as aws:
        environment = playbook_environment(aws.environment, scratch)
        for _run in range(runs):
            aws.reset(scenario)
            for command in (first, second, audit):
                command.run(aws, environment)
    print(f"{accounts} new accounts with one trail each, {FORKS} forks. Medians of {runs} runs, for each account.")
    print(f"{'s':>30} {'CPU s':>6} {'calls':>6} {'writes':>7}")
    for command in (first, second, audit):
        wall, cpu = (figure / accounts for figure in (command.timed.median, command.timed.cpu))
        calls, writes = (number / accounts for number in (command.calls, len(command.writes)))
        print(f"{command.timed.name:<24}{wall:>6.2f} {cpu:>6.2f} {calls:>6.1f} {writes:>7.1f}")
    return (sorted(first.writes), second.writes) == (sorted(FIRST_WRITES * accounts), [])


def _scenario(account_ids: list[str]) -> dict[str, Any]:
    """Accounts with one trail each that has no key, and one of which all may be entered."""
    return {
        "description": "Many accounts without encryption.",
        "accounts": [{"id": account_id, "name": account_id} for account_id in (MANAGEMENT, *account_ids)],
        "roles": {ROLE: {"accounts": account_ids, "trusts": [MANAGEMENT]}},
        "buckets": {f"logs-{account_id}": {"account": account_id} for account_id in account_ids},
        "trails": {
            f"main-{account_id}": {"account": account_id, "bucket": f"logs-{account_id}"} for account_id in account_ids
        },
    }


def _inventory(account_ids: list[str]) -> dict[str, Any]:
    roles = {account_id: {"role_arn": f"arn:aws:iam::{account_id}:role/{ROLE}"} for account_id in account_ids}
    hosts = {account_id: {"cloudtrail_kms_assume_role": role} for account_id, role in roles.items()}
    return {"all": {"hosts": hosts}}


def _playbook(name: str, playbook: str, options: Sequence[str] = ()) -> Counted:
    return _counted(name, f"aws_baseline.cloudtrail.{playbook}", options)


def _counted(name: str, playbook: str | Path, options: Sequence[str] = ()) -> Counted:
    return Counted(Timed(name, [str(PLAYBOOK), str(playbook), *options]))


if __name__ == "__main__":
    sys.exit(main())
