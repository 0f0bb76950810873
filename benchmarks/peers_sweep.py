# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes to look at many accounts, by this collection and by what else people use for it.

Usage: python -m benchmarks.peers_sweep [--accounts N]. One region, 50 ms a call; each once, one after another, on a
fake AWS that answers identical reads from memory. They do not look at the same: Cloud Custodian and Prowler ask only
whether a trail names a key, and the playbook with amazon.aws's modules fetches trails and keys and judges nothing.
Prowler takes one account at a time, and half a minute for each, so it gets few of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.audit import PLAYBOOK, write_file
from benchmarks.inventory import FORKS, hosts
from benchmarks.measure import Timed
from benchmarks.peers import SCANNERS, installed
from benchmarks.sweep import REGION, Lab
from tests.fakeaws.client import ReplayedAws

LATENCY_MS = 50
PROWLER_ACCOUNTS = 4
ORGANIZATION_CUSTODIAN = ("c7n==0.9.53", "c7n-org==0.6.52")
WITH_AMAZON_AWS = """
- hosts: aws_accounts
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ansible_pipelining: true
  tasks:
    - amazon.aws.sts_assume_role:
        role_arn: "{{ cloudtrail_kms_assume_role.role_arn }}"
        role_session_name: audit
      register: session
    - module_defaults:
        group/amazon.aws.aws:
          access_key: "{{ session.sts_creds.access_key }}"
          secret_key: "{{ session.sts_creds.secret_key }}"
          session_token: "{{ session.sts_creds.session_token }}"
      block:
        - amazon.aws.cloudtrail_info:
          register: found
        - amazon.aws.kms_key_info:
            key_id: "{{ item.kms_key_id }}"
          loop: "{{ found.trail_list | selectattr('kms_key_id', 'defined') }}"
          loop_control:
            label: "{{ item.name }}"
"""


def main() -> None:
    """Run each once and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=50)
    accounts: int = parser.parse_args().accounts
    print(f"One region, {LATENCY_MS} ms a call; each once. Memory is that of the largest process.\n")
    print(f"{'':<42}{'accounts':>9} {'s':>7} {'s/account':>10} {'CPU s/account':>14} {'calls/account':>14} {'MB':>5}")
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(accounts, 1, LATENCY_MS, Path(folder))
        few = Lab(min(accounts, PROWLER_ACCOUNTS), 1, LATENCY_MS, Path(folder))
        with lab.aws() as aws:
            inventory = str(write_file(lab.scratch, "accounts.yml", yaml.safe_dump(hosts(lab))))
            play = [str(PLAYBOOK), "--inventory", inventory, "--forks", str(FORKS)]
            theirs = str(write_file(lab.scratch, "theirs.yml", WITH_AMAZON_AWS))
            ours = ["--extra-vars", "cloudtrail_kms_hosts=aws_accounts cloudtrail_kms_fail_on=never"]
            floor = [sys.executable, "-m", "benchmarks.floor_sweep", *lab.account_ids]
            _row(aws, lab, "plain boto3, the same reads, no judgement", floor)
            _row(aws, lab, "aws_baseline.cloudtrail.audit", [*play, "aws_baseline.cloudtrail.audit", *ours])
            _row(aws, lab, f"amazon.aws playbook, {FORKS} forks", [*play, theirs])
            _row(aws, lab, " ".join(ORGANIZATION_CUSTODIAN), _custodian(lab))
            _row(aws, few, SCANNERS["prowler"].release, _prowler(few))


def _row(aws: ReplayedAws, lab: Lab, name: str, command: Sequence[str]) -> None:
    timed = Timed(name, command)
    before = sum(aws.counts().values())
    timed.run(lab.environment(aws))
    calls = sum(aws.counts().values()) - before
    print(
        f"{name:<42}{lab.accounts:>9} {timed.median:>7.1f} {timed.median / lab.accounts:>10.2f}"
        f" {timed.cpu / lab.accounts:>14.2f} {calls / lab.accounts:>14.1f} {timed.memory:>5.0f}",
        flush=True,
    )


def _role(account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:role/CloudTrailKmsAudit"


def _custodian(lab: Lab) -> list[str]:
    """The trails without a key, of all accounts, as many processes at once as there are cores."""
    accounts = [
        {"account_id": number, "name": number, "role": _role(number), "regions": [REGION]} for number in lab.account_ids
    ]
    policy = {"name": "no-key", "resource": "aws.cloudtrail", "filters": [{"KmsKeyId": "absent"}]}
    config = write_file(lab.scratch, "custodian.yml", yaml.safe_dump({"accounts": accounts}))
    policies = write_file(lab.scratch, "policies.yml", yaml.safe_dump({"policies": [policy]}))
    files = ["--config", str(config), "--use", str(policies), "--output-dir", str(lab.scratch / "custodian")]
    program = installed(*ORGANIZATION_CUSTODIAN) / "c7n-org"
    return [str(program), "run", *files, "--region", REGION, "--cache-period", "0"]


def _prowler(lab: Lab) -> list[str]:
    """One account after another: it takes one role a run. That trails fail is exit code 3."""
    program = installed(SCANNERS["prowler"].release) / "prowler"
    check = "--checks cloudtrail_kms_encryption_enabled --no-banner --output-formats csv"
    runs = (
        f"{program} aws --role {_role(number)} --region {REGION} {check} --output-directory {lab.scratch} || [ $? = 3 ]"
        for number in lab.account_ids
    )
    return ["/bin/sh", "-ec", f"PATH={os.environ['PATH']}\n" + "\n".join(runs)]


if __name__ == "__main__":
    main()
