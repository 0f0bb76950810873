# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long the audit of an inventory takes, beside plain boto3 and a playbook with an action that does nothing.

Usage: python -m benchmarks.inventory [--runs N]. The playbook may take what the sweep of the same accounts may, which
is 1.3 times the floor, and 1.3 times the playbook that does nothing on as many hosts. Both playbooks have the same
inventory, a file, so that reading it is in both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.audit import PLAYBOOK, write_file
from benchmarks.measure import Timed, in_turn
from benchmarks.sweep import CASES, LATENCIES_MS, Lab

FORKS = 10
NO_OP = """
- hosts: aws_accounts
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that: true
        quiet: true
"""


def main() -> None:
    """Measure every number of accounts and regions at every latency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs: int = parser.parse_args().runs
    print(f"Medians of {runs} runs, {FORKS} forks; wall seconds, ratios run by run.")
    print("(a) plain boto3, (b) a playbook with an action that does nothing on each host.\n")
    bounds = f"{'audit/(1.3(a)+1.3(b))':>22} {'audit/((a)+1.3(b))':>19}"
    print(f"{'accounts':>8} {'regions':>7} {'ms':>4} {'(a)':>6} {'module':>7} {'(b)':>6} {'audit':>6} {bounds}")
    with tempfile.TemporaryDirectory() as scratch:
        for accounts, regions in CASES:
            for latency in LATENCIES_MS:
                print(measure(Lab(accounts, regions, latency, Path(scratch)), runs), flush=True)


def measure(lab: Lab, runs: int) -> str:
    """One line of the table."""
    inventory = write_file(lab.scratch, "accounts.yml", yaml.safe_dump(hosts(lab)))
    playbook = [str(PLAYBOOK), "--forks", str(FORKS), "--inventory", str(inventory)]
    given = {"cloudtrail_kms_hosts": "aws_accounts", "cloudtrail_kms_fail_on": "never"}
    with lab.aws() as aws:
        environment = lab.environment(aws)
        floor = Timed("floor", [sys.executable, "-m", "benchmarks.floor_sweep", *lab.account_ids])
        module = Timed("module", lab.module(environment))
        no_op = Timed("no-op", [*playbook, str(write_file(lab.scratch, "noop.yml", NO_OP))])
        audit = Timed("audit", [*playbook, "aws_baseline.cloudtrail.audit", "--extra-vars", json.dumps(given)])
        in_turn([floor, module, no_op, audit], environment, runs)
    triples = list(zip(floor.seconds, no_op.seconds, audit.seconds, strict=True))
    shares = [statistics.median(took / (share * a + 1.3 * b) for a, b, took in triples) for share in (1.3, 1.0)]
    return (
        f"{lab.accounts:>8} {lab.regions:>7} {lab.latency_ms:>4} {floor.median:>6.2f} {module.median:>7.2f}"
        f" {no_op.median:>6.2f} {audit.median:>6.2f} {shares[0]:>22.2f} {shares[1]:>19.2f}"
    )


def hosts(lab: Lab) -> dict[str, object]:
    """The inventory of the accounts, with what the inventory plugin says of each."""
    accounts = {
        account_id: {
            "cloudtrail_kms_account": {"id": account_id, "name": f"account-{account_id[-3:]}"},
            "ansible_connection": "local",
            "cloudtrail_kms_assume_role": {"role_arn": f"arn:aws:iam::{account_id}:role/CloudTrailKmsAudit"},
        }
        for account_id in lab.account_ids
    }
    return {"aws_accounts": {"hosts": accounts}}


if __name__ == "__main__":
    main()
