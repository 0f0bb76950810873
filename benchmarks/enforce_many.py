# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes to enforce many new accounts by one run, beside their audit and the modules of amazon.aws.

Usage: python -m benchmarks.enforce_many [--runs N] [--accounts N] [--latency-ms N] [--memory]. Everything runs on the
fake AWS in one go; the figures to quote are the ratios, since absolute times move with the machine. The first run of
the playbook may take three times the audit of the same accounts, and the second 1.15 times. With --memory it measures
instead the module by itself on 100 and on 500 accounts: what it holds is to grow with them, and not faster. It fails
where a run writes anything else than it should.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.audit import playbook_environment, write_file
from benchmarks.enforce import FIRST_WRITES, FORKS, Counted, counted, playbook, with_amazon_aws
from benchmarks.measure import Timed, paired
from tests.fakeaws.client import FakeAws

MANAGEMENT, ROLE = "111111111111", "Enforcement"
MOST_OF_FIRST, MOST_OF_SECOND = 3.0, 1.15
MEASURED = (100, 500)  # accounts whose memory is compared
# The module by itself, as the action runs it: options in, answer out.
MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.aws_baseline.cloudtrail.plugins.modules import cloudtrail_kms_enforce
with open(sys.argv[1], encoding="utf-8") as file, patch_module_args(json.load(file)):
    cloudtrail_kms_enforce.main()
"""


def main() -> int:
    """Measure, print, and say whether the writes are what they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.memory:
            kept = [_measure_memory(number, Path(scratch)) for number in MEASURED]
            return 0 if all(kept) else 1
        return 0 if _measure(given.accounts, given.runs, given.latency_ms, Path(scratch)) else 1


def _measure(accounts: int, runs: int, latency: int, scratch: Path) -> bool:
    """New accounts enforced twice and audited, in turn with the modules that there are."""
    account_ids = _account_ids(accounts)
    scenario = str(write_file(scratch, "scenario.yml", yaml.safe_dump(_scenario(account_ids))))
    inventory = write_file(scratch, "inventory.yml", yaml.safe_dump(_inventory(account_ids)))
    options = ["--inventory", str(inventory), "--forks", str(FORKS), "--extra-vars", "cloudtrail_kms_hosts=all"]
    first, second, audit = (
        playbook("enforce, first run", "enforce", options),
        playbook("enforce, second run", "enforce", options),
        playbook("audit", "audit", [*options, "--extra-vars", "cloudtrail_kms_fail_on=never"]),
    )
    theirs = counted("amazon.aws, first run", write_file(scratch, "theirs.yml", _theirs()), options)
    with FakeAws.start(scenario, latency_ms=latency) as aws:
        environment = playbook_environment(aws.environment, scratch)
        audit.run(aws, environment)  # so that what is compiled once is not measured
        audit.timed.clear()
        for number in range(runs):
            aws.reset(scenario)
            for command in (first, *((second, audit) if number % 2 else (audit, second))):
                command.run(aws, environment)
            aws.reset(scenario)
            theirs.run(aws, environment)
    print(f"{accounts} new accounts with one trail each, {latency} ms a call, {FORKS} forks. Medians of {runs} runs.")
    _print((first, second, audit, theirs), accounts)
    _print_ratio("first run / audit", first.timed, audit.timed, MOST_OF_FIRST)
    _print_ratio("second run / audit", second.timed, audit.timed, MOST_OF_SECOND)
    _print_ratio("first run / amazon.aws", first.timed, theirs.timed)
    return (sorted(first.writes), second.writes) == (sorted(FIRST_WRITES * accounts), [])


def _theirs() -> str:
    """What amazon.aws's modules take for it, with credentials of each account in place of a role to assume."""
    host = "{{ inventory_hostname }}"
    return with_amazon_aws("all", account=host, trail=f"main-{host}", bucket=f"logs-{host}-{host}")


def _print(commands: Sequence[Counted], accounts: int) -> None:
    print(f"{'s':>30} {'CPU s':>7} {'MB':>5} {'calls an account':>17} {'writes':>7}")
    for command in commands:
        timed, calls = command.timed, command.calls / accounts
        figures = f"{timed.median:>6.2f} {timed.cpu:>7.2f} {timed.memory:>5.0f} {calls:>17.1f} {len(command.writes):>7}"
        print(f"{timed.name:<24}{figures}")


def _print_ratio(name: str, upper: Timed, lower: Timed, most: float | None = None) -> None:
    bound = f" (at most {most})" if most else ""
    print(f"{name}: {paired(upper, lower):.2f}{bound}, by CPU time {upper.cpu / lower.cpu:.2f}", flush=True)


def _measure_memory(accounts: int, scratch: Path) -> bool:
    """The module by itself: a first run of so many accounts, a second one, and the most memory that each has held."""
    account_ids = _account_ids(accounts)
    scenario = str(write_file(scratch, "scenario.yml", yaml.safe_dump(_scenario(account_ids))))
    options = {"accounts": account_ids, "assume_role": {"role_name": ROLE}}
    command = [sys.executable, "-c", MODULE, str(write_file(scratch, "options.json", json.dumps(options)))]
    first, second = Counted(Timed("first run", command)), Counted(Timed("second run", command))
    with FakeAws.start(scenario) as aws:
        for each in (first, second):
            each.run(aws, playbook_environment(aws.environment, scratch))
    for each in (first, second):
        took = f"{each.timed.median:6.1f} s, {each.timed.cpu:6.1f} CPU s, {each.calls / accounts:4.1f} calls an account"
        print(f"{accounts:>4} accounts, {each.timed.name:<10}: {each.timed.memory:>4.0f} MB, {took}", flush=True)
    return (sorted(first.writes), second.writes) == (sorted(FIRST_WRITES * accounts), [])


def _account_ids(number: int) -> list[str]:
    return [f"7{index:011}" for index in range(number)]


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
    hosts = {
        account_id: {"ansible_connection": "local", "cloudtrail_kms_assume_role": role}
        for account_id, role in roles.items()
    }
    return {"all": {"hosts": hosts}}


if __name__ == "__main__":
    sys.exit(main())
