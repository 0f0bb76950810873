# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long and how many calls it takes to enforce a new account, beside amazon.aws's kms_key and cloudtrail.

Usage: python -m benchmarks.enforce [--runs N]. Everything runs on the fake AWS in one go; the figures to quote are the
calls and the ratios, since absolute times move with the machine. The first run may take 1.2 times amazon.aws's. It
fails where a run writes anything else than it should. benchmarks/enforce_many.py has many accounts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.audit import PLAYBOOK, playbook_environment, write_file
from benchmarks.measure import Timed, paired
from tests.fakeaws.client import FakeAws

LATENCIES_MS = (0, 50)
# The same outcome by the modules that there are: a key with CloudTrail's statements, its alias, rotation, the trail.
AMAZON_AWS_TASKS = """
- amazon.aws.kms_key:
    alias: audit-logs
    description: Encrypts the logs of CloudTrail trails
    enable_key_rotation: true
    policy:
      Version: "2012-10-17"
      Statement:
        - Sid: Enable IAM User Permissions
          Effect: Allow
          Principal: {AWS: "arn:aws:iam::{{ account }}:root"}
          Action: kms:*
          Resource: "*"
        - Sid: Use
          Effect: Allow
          Principal: {Service: cloudtrail.amazonaws.com}
          Action: ["kms:GenerateDataKey*", "kms:Decrypt"]
          Resource: "*"
          Condition:
            StringEquals: {"aws:SourceArn": ["arn:aws:cloudtrail:eu-central-1:{{ account }}:trail/{{ trail }}"]}
            StringLike: {"kms:EncryptionContext:aws:cloudtrail:arn": ["arn:aws:cloudtrail:*:{{ account }}:trail/*"]}
        - Sid: Describe
          Effect: Allow
          Principal: {Service: cloudtrail.amazonaws.com}
          Action: kms:DescribeKey
          Resource: "*"
  register: key
- amazon.aws.cloudtrail:
    name: "{{ trail }}"
    s3_bucket_name: "{{ bucket }}"
    is_multi_region_trail: true
    enable_log_file_validation: true
    kms_key_id: "{{ key.key_arn }}"
"""
FORKS = 10
# Second runs and audits, side by side, for each first run.
PAIRS = 3
ACCOUNT = "111111111111"
MOST_OF_FIRST = 1.2
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
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        print(f"One new account with one trail. Medians of {runs} runs; seconds of wall time of the whole playbook.\n")
        kept = [_measure(latency, runs, Path(scratch)) for latency in LATENCIES_MS]
    return 0 if all(kept) else 1


def _measure(latency: int, runs: int, scratch: Path) -> bool:
    of_this = {"account": ACCOUNT, "trail": "main", "bucket": f"logs-{ACCOUNT}"}
    theirs = write_file(scratch, "theirs.yml", with_amazon_aws("localhost", **of_this))
    first, second = playbook("enforce, first run", "enforce"), playbook("enforce, second run", "enforce")
    audit = playbook("audit", "audit")
    their_first, their_second = counted("amazon.aws, first run", theirs), counted("amazon.aws, second run", theirs)
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
                        command.timed.clear()
    print(f"{latency} ms a call{'s':>23} {'calls':>6} {'writes':>7}")
    for command in (first, second, audit, their_first, their_second):
        row = f"{command.timed.name:<28}{command.timed.median:>6.2f} {command.calls:>6} {len(command.writes):>7}"
        print(f"{row}  {', '.join(command.writes)}".rstrip())
    cpu = second.timed.cpu / audit.timed.cpu
    print(f"second run / audit: {paired(second.timed, audit.timed):.2f}, by CPU time {cpu:.2f}")
    of_theirs = paired(first.timed, their_first.timed)
    cpu = first.timed.cpu / their_first.timed.cpu
    print(f"first run / amazon.aws: {of_theirs:.2f} (at most {MOST_OF_FIRST}), by CPU time {cpu:.2f}")
    print(f"second run / amazon.aws: {second.timed.median / their_second.timed.median:.2f}\n", flush=True)
    return (first.writes, second.writes) == (FIRST_WRITES, [])


def with_amazon_aws(hosts: str, **variables: str) -> str:
    """A playbook that gives the trails of hosts keys by amazon.aws's modules; credentials are those of the account."""
    play = {
        "hosts": hosts,
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **variables},
        "module_defaults": {
            "group/amazon.aws.aws": {
                "access_key": "AKIA{{ account }}ADMN",
                "secret_key": "secret-of-{{ account }}",
            }
        },
        "tasks": yaml.safe_load(AMAZON_AWS_TASKS),
    }
    return yaml.safe_dump([play], sort_keys=False)


def playbook(name: str, of_ours: str, options: Sequence[str] = ()) -> Counted:
    """A playbook of the collection."""
    return counted(name, f"aws_baseline.cloudtrail.{of_ours}", options)


def counted(name: str, path: str | Path, options: Sequence[str] = ()) -> Counted:
    """A playbook."""
    return Counted(Timed(name, [str(PLAYBOOK), str(path), *options]))


if __name__ == "__main__":
    sys.exit(main())
