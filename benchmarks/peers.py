# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scanners that are not ours say of an account before it is enforced, and after.

Usage: python -m benchmarks.peers [SCANNER ...]. Each is installed into a virtual environment of its own below
.venv-peers, Prowler with 1.4 GB. They ask what the benchmark asks, whether a trail has a key, so it takes accounts
with trails that have none. It fails where a scanner finds none of these before, or any after, or where enforcing
a second time writes anything.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.audit import PLAYBOOK
from tests.fakeaws.client import FakeAws

VENVS = Path(__file__).parents[1] / ".venv-peers"
SCENARIOS = ("fresh", "mixed")
ENFORCE = [str(PLAYBOOK), "aws_baseline.cloudtrail.enforce", "-e", "cloudtrail_kms_allow_enable_key=true"]


@dataclass(frozen=True)
class Scanner:
    """A scanner: the release that is installed, its command, and how the ARNs of failing trails are read from it.

    `arguments` and `failing` take the folder that the scanner writes to; `codes` are the exit codes of a whole scan.
    """

    release: str
    program: str
    arguments: Callable[[Path], Sequence[str]]
    failing: Callable[[Path], set[str]]
    codes: tuple[int, ...] = (0,)

    def scan(self, environment: Mapping[str, str]) -> set[str]:
        """The ARNs of the trails that fail. Raises RuntimeError where the scan does not come to its end."""
        with tempfile.TemporaryDirectory() as folder:
            command = [str(installed(self.release) / self.program), *self.arguments(Path(folder))]
            done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
            if done.returncode not in self.codes:
                raise RuntimeError(f"{self.release} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
            return self.failing(Path(folder))


def installed(*releases: str) -> Path:
    """The folder of their programs, in a virtual environment that is made where it is not there."""
    venv = VENVS / "-".join(releases)
    stamp = venv / ".installed"
    if not stamp.exists():
        print(f"Installing {' '.join(releases)} into {venv} ...", file=sys.stderr)
        uv, python = str(Path(sys.executable).with_name("uv")), str(venv / "bin" / "python")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--system-certs", "--python", python, *releases], check=True)
        stamp.touch()
    return venv / "bin"


def _prowler_arguments(folder: Path) -> list[str]:
    to_file = ["--output-formats", "csv", "--output-directory", str(folder), "--output-filename", "found"]
    return ["aws", "--checks", "cloudtrail_kms_encryption_enabled", "--no-banner", *to_file]


def _prowler_failing(folder: Path) -> set[str]:
    with (folder / "found.csv").open(encoding="utf-8", newline="") as file:
        return {row["RESOURCE_UID"] for row in csv.DictReader(file, delimiter=";") if row["STATUS"] == "FAIL"}


def _custodian_arguments(folder: Path) -> list[str]:
    policy = {"name": "no-key", "resource": "aws.cloudtrail", "filters": [{"KmsKeyId": "absent"}]}
    file = folder / "policies.json"
    file.write_text(json.dumps({"policies": [policy]}), encoding="utf-8")
    return ["run", "--region", "all", "--cache-period", "0", "--output-dir", str(folder / "found"), str(file)]


def _custodian_failing(folder: Path) -> set[str]:
    files = [*folder.glob("found/**/resources.json")]
    return {trail["TrailARN"] for file in files for trail in json.loads(file.read_text(encoding="utf-8"))}


SCANNERS = {
    "prowler": Scanner(
        "prowler==5.46.0",
        "prowler",
        _prowler_arguments,
        _prowler_failing,
        codes=(0, 3),  # 3: something failed
    ),
    "custodian": Scanner("c7n==0.9.53", "custodian", _custodian_arguments, _custodian_failing),
}


def main() -> int:
    """Scan, enforce, scan, enforce again; one line for each account and scanner."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scanners", nargs="*", metavar="SCANNER", help=f"of {', '.join(SCANNERS)}; all without any")
    names: list[str] = parser.parse_args().scanners or [*SCANNERS]
    print("Trails without a key, as scanners count them, and what enforcing a second time writes\n")
    print(f"{'scenario':<10}{'scanner':<18}{'before':>8}{'after':>7}{'second run writes':>20}")
    kept = [_proven(scenario, [SCANNERS[name] for name in names]) for scenario in SCENARIOS]
    return 0 if all(kept) else 1


def _proven(scenario: str, scanners: Sequence[Scanner]) -> bool:
    with FakeAws.start(scenario) as aws:
        before = [scanner.scan(aws.environment) for scanner in scanners]
        _enforce(aws)
        after = [scanner.scan(aws.environment) for scanner in scanners]
        aws.clear_calls()
        _enforce(aws)
        writes = sum(call["kind"] == "write" for call in aws.calls())
    for scanner, failed, fails in zip(scanners, before, after, strict=True):
        print(f"{scenario:<10}{scanner.release:<18}{len(failed):>8}{len(fails):>7}{writes:>20}", flush=True)
    return all(before) and not any(after) and writes == 0


def _enforce(aws: FakeAws) -> None:
    done = subprocess.run(ENFORCE, env=aws.environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"The enforcement failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
