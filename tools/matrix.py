# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays the integration tests with the oldest and the newest ansible-core and amazon.aws that are supported.

The tests and the fake AWS run in .venv as always; only the ansible-playbook that they find on PATH is another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.collection import take
from tools.isolated import ROOT


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
    Pair("newest", ansible="14.5.0", amazon_aws="11.4.0", pythons=("3.13", "3.12")),
)


def run(*command: str | Path) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def set_up(pair: Pair) -> None:
    """Make the pair's virtual environment, unless it is there as its pins have it."""
    stamp = pair.venv / ".set-up"
    made_from = f"{pair}\n{ROOT}\n{pair.pins.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == made_from:
        return
    run(run(ROOT / "tools" / "find_python.sh", *pair.pythons), "-m", "venv", "--clear", pair.venv)
    python = pair.venv / "bin" / "python"
    run("uv", "pip", "sync", "--quiet", "--system-certs", "--python", python, pair.pins)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    take("amazon.aws", pair.ansible, packages)
    ours = packages / "ansible_collections" / "aws_baseline" / "cloudtrail"
    ours.parent.mkdir()
    ours.symlink_to(ROOT)
    stamp.write_text(made_from, encoding="utf-8")


def test(pair: Pair) -> int:
    set_up(pair)
    path = f"{pair.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    version = run(pair.venv / "bin" / "ansible-playbook", "--version").splitlines()[0]
    python = run(pair.venv / "bin" / "python", "--version")
    print(f"\n━━ {pair.name}: {version}, amazon.aws {pair.amazon_aws}, {python} ━━", flush=True)
    command = [sys.executable, "-m", "pytest", "tests/integration"]
    return subprocess.run(command, env=os.environ | {"PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(max(test(pair) for pair in PAIRS))
