# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long and how many calls it takes to provision new accounts, beside the same job by amazon.aws's modules.

Usage: python -m benchmarks.provision [--accounts N] [--runs N]. Everything runs on the fake AWS in one go; the figures
to quote are the calls and the ratios, since absolute times move with the machine. Each account gets a bucket, a key and
a multi-Region trail; the first account is a batch of its own, the others follow. It fails where a second run of ours
writes anything, or an account does not get its trail.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.audit import PLAYBOOK, playbook_environment, write_file
from benchmarks.measure import Timed, paired
from tests.fakeaws.client import FakeAws

MANAGEMENT = "111111111111"
EXTERNAL_ID = "vending-2026"
WITH_AMAZON_AWS = """
- hosts: all
  gather_facts: false
  serial: [1, "100%"]
  vars:
    trail: "arn:aws:cloudtrail:eu-central-1:{{ account_id }}:trail/main"
    cloudtrail: {Service: cloudtrail.amazonaws.com}
    bucket: "arn:aws:s3:::logs-{{ account_id }}"
  tasks:
    - amazon.aws.sts_assume_role:
        role_arn: "{{ cloudtrail_kms_assume_role.role_arn }}"
        external_id: "{{ cloudtrail_kms_assume_role.external_id }}"
        role_session_name: vending
      register: session
    - module_defaults:
        group/amazon.aws.aws:
          access_key: "{{ session.sts_creds.access_key }}"
          secret_key: "{{ session.sts_creds.secret_key }}"
          session_token: "{{ session.sts_creds.session_token }}"
      block:
        - amazon.aws.s3_bucket:
            name: "logs-{{ account_id }}"
            versioning: true
            public_access:
              block_public_acls: true
              block_public_policy: true
              ignore_public_acls: true
              restrict_public_buckets: true
            policy:
              Version: "2012-10-17"
              Statement:
                - Effect: Allow
                  Principal: "{{ cloudtrail }}"
                  Action: s3:GetBucketAcl
                  Resource: "{{ bucket }}"
                  Condition: {StringEquals: {"aws:SourceArn": "{{ trail }}"}}
                - Effect: Allow
                  Principal: "{{ cloudtrail }}"
                  Action: s3:PutObject
                  Resource: "{{ bucket }}/AWSLogs/{{ account_id }}/*"
                  Condition:
                    StringEquals: {"s3:x-amz-acl": bucket-owner-full-control, "aws:SourceArn": "{{ trail }}"}
                - Effect: Deny
                  Principal: "*"
                  Action: s3:*
                  Resource: ["{{ bucket }}", "{{ bucket }}/*"]
                  Condition: {Bool: {"aws:SecureTransport": "false"}}
        - amazon.aws.kms_key:
            alias: audit-logs
            enable_key_rotation: true
            policy:
              Version: "2012-10-17"
              Statement:
                - Sid: Enable IAM User Permissions
                  Effect: Allow
                  Principal: {AWS: "arn:aws:iam::{{ account_id }}:root"}
                  Action: kms:*
                  Resource: "*"
                - Sid: Use
                  Effect: Allow
                  Principal: "{{ cloudtrail }}"
                  Action: ["kms:GenerateDataKey*", "kms:Decrypt"]
                  Resource: "*"
                  Condition: {StringEquals: {"aws:SourceArn": ["{{ trail }}"]}}
                - Sid: Describe
                  Effect: Allow
                  Principal: "{{ cloudtrail }}"
                  Action: kms:DescribeKey
                  Resource: "*"
          register: key
        - amazon.aws.cloudtrail:
            name: main
            s3_bucket_name: "logs-{{ account_id }}"
            is_multi_region_trail: true
            enable_log_file_validation: true
            kms_key_id: "{{ key.key_arn }}"
"""


def main() -> int:
    """Measure, print one table, and say whether the writes are what they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    accounts = [f"7{number:011}" for number in range(given.accounts)]
    with tempfile.TemporaryDirectory() as scratch:
        return 0 if _measure(accounts, given.runs, Path(scratch)) else 1


def _measure(accounts: list[str], runs: int, scratch: Path) -> bool:
    scenario = str(write_file(scratch, "scenario.yml", yaml.safe_dump(_scenario(accounts))))
    inventory = str(write_file(scratch, "inventory.yml", yaml.safe_dump(_inventory(accounts))))
    theirs = str(write_file(scratch, "theirs.yml", WITH_AMAZON_AWS))
    ours = ["aws_baseline.cloudtrail.provision_account", "--extra-vars", '{"cloudtrail_kms_hosts": "all"}']
    batches = ["--extra-vars", '{"cloudtrail_kms_serial": [1, "100%"]}']
    play = [str(PLAYBOOK), "--inventory", inventory, "--forks", "10"]
    ours_twice = (
        Timed("provision_account, first run", [*play, *ours, *batches]),
        Timed("provision_account, second run", [*play, *ours, *batches]),
    )
    theirs_twice = (
        Timed("amazon.aws, first run", [*play, theirs]),
        Timed("amazon.aws, second run", [*play, theirs]),
    )
    made: dict[str, Counter[str]] = {}
    with FakeAws.start(scenario) as aws:
        environment = playbook_environment(aws.environment, scratch)
        for _run in range(runs):
            for commands in (ours_twice, theirs_twice):
                aws.reset(scenario)
                for command in commands:
                    aws.clear_calls()
                    command.run(environment)
                    made[command.name] = Counter(f"{call['kind']} {call['action']}" for call in aws.calls())
    print(f"{len(accounts)} new accounts; medians of {runs} runs, seconds of wall time.")
    _tell(ours_twice, theirs_twice, made)
    first, second = (made[command.name] for command in ours_twice)
    return first["write CreateTrail"] == len(accounts) and not any(kind.startswith("write") for kind in second)


def _tell(ours: tuple[Timed, Timed], theirs: tuple[Timed, Timed], made: Mapping[str, Counter[str]]) -> None:
    print(f"{'s':>37} {'calls':>6} {'writes':>7}")
    for command in (*ours, *theirs):
        calls = made[command.name]
        writes = sum(number for kind, number in calls.items() if kind.startswith("write"))
        print(f"{command.name:<30}{command.median:>7.1f} {calls.total():>6} {writes:>7}")
    for run, (our, their) in zip(("first", "second"), zip(ours, theirs, strict=True), strict=True):
        print(f"{run} run / amazon.aws: {paired(our, their):.2f}")


def _scenario(accounts: list[str]) -> dict[str, Any]:
    newcomers = [{"id": account, "name": f"new-{account}"} for account in accounts]
    role = {"accounts": accounts, "trusts": [MANAGEMENT], "external_id": EXTERNAL_ID}
    return {
        "description": "A vending account, and new accounts of which it may take a role.",
        "accounts": [{"id": MANAGEMENT, "name": "vending"}, *newcomers],
        "roles": {"AccountVending": role},
    }


def _inventory(accounts: list[str]) -> dict[str, Any]:
    role = {"role_arn": "arn:aws:iam::{{ account_id }}:role/AccountVending", "external_id": EXTERNAL_ID}
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "ansible_pipelining": True,
        "cloudtrail_kms_assume_role": role,
        "cloudtrail_kms_create_trail": {"name": "main", "bucket_name": "logs-{{ account_id }}"},
    }
    return {"all": {"vars": shared, "hosts": {f"new-{account}": {"account_id": account} for account in accounts}}}


if __name__ == "__main__":
    sys.exit(main())
