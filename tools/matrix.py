# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays the integration tests with every supported ansible-core, the oldest amazon.aws up to the newest beside it.

Usage: python -m tools.matrix [NAME ...]

The tests and the fake AWS run in .venv as always; only the ansible-playbook that they find on PATH is another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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


PAIRS = (
    Pair("oldest", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.10", "3.11", "3.12")),
    Pair("2.18", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.13", "3.12", "3.11")),
    Pair("2.19", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.13", "3.12", "3.11")),
    Pair("2.20", ansible="13.8.0", amazon_aws="10.3.2", pythons=("3.13", "3.12")),
    Pair("newest", ansible="14.5.0", amazon_aws="11.4.0", pythons=("3.13", "3.12")),
)


def test(pair: Pair) -> int:
    finish = partial(take, "amazon.aws", pair.ansible)
    set_up(pair.venv, pair.pins, pair.pythons, more=str(pair), finish=finish)
    path = f"{pair.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    version = run(pair.venv / "bin" / "ansible-playbook", "--version").splitlines()[0]
    python = run(pair.venv / "bin" / "python", "--version")
    print(f"\n━━ {pair.name}: {version}, amazon.aws {pair.amazon_aws}, {python} ━━", flush=True)
    command = [sys.executable, "-m", "pytest", "tests/integration", "tests/pages/test_examples.py"]
    return subprocess.run(command, env=os.environ | {"PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(max(test(pair) for pair in PAIRS if pair.name in (sys.argv[1:] or [each.name for each in PAIRS])))
