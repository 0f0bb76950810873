# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays the integration tests with every supported ansible-core: python -m tools.matrix [NAME ...].

The tests and the fake AWS run in .venv as always; only the ansible-playbook that they find on PATH is another. The
first pair also audits by a module that runs with the oldest Python. docs/versions.md has the table of all this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.fakeaws.client import FakeAws
from tools.collection import take
from tools.isolated import ROOT
from tools.venvs import run, set_up


@dataclass(frozen=True)
class Pair:
    """ansible-core as requirements/matrix-NAME.txt pins it, and the release of `ansible` that carries amazon.aws."""

    name: str
    ansible: str
    amazon_aws: str
    pythons: tuple[str, ...]

    @property
    def pins(self) -> Path:
        return ROOT / "requirements" / f"matrix-{self.name}.txt"

    @property
    def venv(self) -> Path:
        return ROOT / ".venv-matrix" / self.name

    def set_up(self) -> None:
        finish = partial(take, "amazon.aws", self.ansible)
        set_up(self.venv, self.pins, self.pythons, more=str(self), finish=finish)


PAIRS = (
    Pair("2.18", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.11",)),
    Pair("2.19", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.12", "3.11")),
    Pair("2.20", ansible="13.8.0", amazon_aws="10.3.2", pythons=("3.13", "3.12")),
    Pair("2.21", ansible="14.5.0", amazon_aws="11.4.0", pythons=("3.13", "3.12")),
    Pair("2.22", ansible="15.0.0a3", amazon_aws="12.0.0", pythons=("3.13",)),
)
NEWEST_STABLE = PAIRS[-2]
OLDEST_PYTHON = "3.10"  # of a host that runs the modules; a control node needs a newer one


def audits(environment: Mapping[str, str], *arguments: str) -> str | None:
    """Audit a healthy account of the fake AWS; return what was printed unless that says it is compliant."""
    with FakeAws.start("healthy") as aws:
        command = ["ansible-playbook", "-v", "aws_baseline.cloudtrail.audit", *arguments]
        done = subprocess.run(
            command, env={**aws.environment, **environment}, cwd="/", capture_output=True, text=True, check=False
        )
    return None if re.search(r"^Accounts  1 compliant$", done.stdout, re.M) else done.stdout + done.stderr


def test(pair: Pair) -> int:
    pair.set_up()
    path = f"{pair.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    version = run(pair.venv / "bin" / "ansible-playbook", "--version").splitlines()[0]
    python = run(pair.venv / "bin" / "python", "--version")
    print(f"\n━━ {pair.name}: {version}, amazon.aws {pair.amazon_aws}, {python} ━━", flush=True)
    command = [sys.executable, "-m", "pytest", "tests/integration", "tests/pages/test_examples.py"]
    failed = subprocess.run(command, env=os.environ | {"PATH": path}, check=False).returncode
    if pair is PAIRS[0]:
        venv = ROOT / ".venv-matrix" / "target"
        set_up(venv, ROOT / "requirements" / "matrix-target.txt", (OLDEST_PYTHON,))
        wrong = audits({"PATH": path}, "-e", f"ansible_python_interpreter={venv / 'bin' / 'python'}")
        told = f"fails:\n{wrong}" if wrong else "audits."
        print(f"A module on {run(venv / 'bin' / 'python', '--version')} {told}")
        failed = failed or bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(max(test(pair) for pair in PAIRS if pair.name in (sys.argv[1:] or [each.name for each in PAIRS])))
