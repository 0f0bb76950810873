# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a sweep of many accounts takes, beside a plain boto3 script that reads the same.

Usage: python -m benchmarks.sweep [--runs N] [--simulate | --rates [--proof none|events]]. The fake AWS answers
identical reads from memory, so that it is not what is measured; the figures to quote are the ratios, as absolute times
move with the machine. With --simulate it sweeps 2,000 accounts instead, 5 % of the calls throttled and 1 % denied, with
--rates 500 accounts in 17 regions at 0 ms, all calls throttled that exceed the rates of AWS, on request with proof; it
fails where an account is not there exactly once.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.audit import ansiballz, playbook_environment
from benchmarks.measure import Timed, in_turn, paired
from tests.fakeaws.client import ReplayedAws
from tests.fakeaws.world import DEFAULT_REGIONS

REGION, CALLER, MODEL = "eu-central-1", "111111111111", "222222222222"
CASES = ((50, 1), (500, 1), (50, 17))
LATENCIES_MS = (0, 100)


def main() -> None:
    """Measure every number of accounts and regions at every latency, or simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--proof", choices=("none", "events"), default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.simulate:
            simulate(Lab(2000, 1, 100, Path(scratch)), "--throttled", "0.05", "--denied", "0.01")
            return
        if options.rates:
            simulate(Lab(500, 17, 0, Path(scratch), options.proof), "--rates")
            return
        print(f"Medians of {options.runs} runs: wall seconds, CPU seconds, peak memory in MB; ratios run by run.")
        print("The floor is plain boto3 with 64 threads; the sweep is the AnsiballZ process alone.\n")
        print(
            f"{'accounts':>8} {'regions':>7} {'ms':>4} {'floor':>7} {'sweep':>7} {'ratio':>6} {'CPU floor':>10}"
            f" {'CPU sweep':>10} {'calls':>6} {'calls s.':>8} {'MB floor':>9} {'MB':>4} {'ms/account':>11}"
        )
        for accounts, regions in CASES:
            for latency in LATENCIES_MS:
                print(measure(Lab(accounts, regions, latency, Path(scratch)), options.runs), flush=True)


@dataclass(frozen=True)
class Lab:
    """So many accounts, with so many regions each, so far away."""

    accounts: int
    regions: int
    latency_ms: int
    scratch: Path
    proof: str = "none"

    @property
    def account_ids(self) -> list[str]:
        """Their ids."""
        return [str(200_000_000_000 + number) for number in range(self.accounts)]

    @contextmanager
    def aws(self, *options: str) -> Iterator[ReplayedAws]:
        """A fake AWS that has them."""
        scenario = self.scratch / "organization.yml"
        scenario.write_text(yaml.safe_dump(_organization(self.regions)), encoding="utf-8")
        with ReplayedAws(str(scenario), "--latency-ms", str(self.latency_ms), *options) as aws:
            yield aws

    def environment(self, aws: ReplayedAws) -> dict[str, str]:
        """What leads there."""
        return playbook_environment(aws.environment(REGION, CALLER), self.scratch)

    def module(self, environment: Mapping[str, str]) -> list[str]:
        """The command that sweeps them."""
        role = {"role_name": "CloudTrailKmsAudit"}
        options = {"accounts": self.account_ids, "assume_role": role, "proof": self.proof}
        return [sys.executable, str(ansiballz(environment, self.scratch, options))]


def _organization(regions: int) -> dict[str, Any]:
    """A caller, and the model of an account: a trail of its own with a key and a bucket."""
    names = [REGION, *(name for name in DEFAULT_REGIONS if name != REGION)][:regions]
    accounts = [{"id": CALLER, "name": "management"}, {"id": MODEL, "name": "member"}]
    return {
        "description": "A member account, the model of many.",
        "accounts": [{**account, "regions": names} for account in accounts],
        "organization": {"management": "management"},
        "roles": {"CloudTrailKmsAudit": {"accounts": ["member"]}},
        "buckets": {"logs": {"account": "member"}},
        "keys": {"trail-key": {"account": "member", "alias": "alias/cloudtrail"}},
        "trails": {"main": {"account": "member", "bucket": "logs", "key": "trail-key"}},
    }


def measure(lab: Lab, runs: int) -> str:
    """One line of the table."""
    with lab.aws() as aws:
        environment = lab.environment(aws)
        floor = Timed("floor", [sys.executable, "-m", "benchmarks.floor_sweep", *lab.account_ids])
        sweep = Timed("sweep", lab.module(environment))
        calls = []
        for command in (floor, sweep):
            before = sum(aws.counts().values())
            command.run(environment)
            calls.append(sum(aws.counts().values()) - before)
        in_turn([floor, sweep], environment, runs)
    return (
        f"{lab.accounts:>8} {lab.regions:>7} {lab.latency_ms:>4} {floor.median:>7.2f} {sweep.median:>7.2f}"
        f" {paired(sweep, floor):>6.2f} {floor.cpu:>10.2f} {sweep.cpu:>10.2f} {calls[0]:>6} {calls[1]:>8}"
        f" {floor.memory:>9.0f} {sweep.memory:>4.0f} {1000 * sweep.median / lab.accounts:>11.1f}"
    )


def simulate(lab: Lab, *refusals: str) -> None:
    """Sweep accounts in a bad hour, and tell what it cost. Raises RuntimeError where one is not there once."""
    with lab.aws(*refusals) as aws:
        environment = lab.environment(aws)
        sweep = Timed("sweep", lab.module(environment))
        before = Counter(aws.counts())
        told = sweep.run(environment)
        counts = Counter(aws.counts()) - before
    audit = json.loads(told)["ansible_facts"]["cloudtrail_kms"]
    if sorted(row["account_id"] for row in audit["accounts"]) != lab.account_ids:
        raise RuntimeError("An account is missing, or more than once there.")
    answered = sum(counts.values())
    throttled = sum(number for name, number in counts.items() if name.startswith("throttled "))
    denied = sum(number for name, number in counts.items() if name.startswith("denied "))
    errors = Counter(error["code"] for row in audit["accounts"] for error in row["errors"])
    print(f"{lab.accounts} accounts, {lab.regions} regions, {lab.latency_ms} ms a call: each is there exactly once.")
    lookups = counts.get("cloudtrail:LookupEvents", 0)
    print(f"{answered} calls, {answered / lab.accounts:.1f} an account; {throttled} throttled, {denied} denied.")
    if lab.proof != "none":
        findings = (each for row in audit["accounts"] for trail in row["trails"] for each in trail["findings"])
        proven = Counter(each["status"] for each in findings if each["rule"] == "encryption_is_proven")
        print(f"{lookups} of them are LookupEvents. encryption_is_proven: {dict(proven)}.")
    print(
        f"{sweep.median:.0f} s, {sweep.cpu:.0f} s of CPU, {sweep.memory:.0f} MB, {len(told) / 2**20:.0f} MB of result."
    )
    print(f"Verdicts: {audit['summary']}. Errors told: {dict(errors)}.")


if __name__ == "__main__":
    main()
