# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual environments beside .venv, for what has to run with other versions than those there."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.collection import take
from tools.isolated import ROOT


def run(*command: str | Path) -> str:
    """What a command prints; raises CalledProcessError where it fails."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Environment:
    """What requirements/NAME.txt pins, this collection, and the amazon.aws that a release of `ansible` carries."""

    name: str
    ansible: str
    pythons: tuple[str, ...]

    @property
    def pins(self) -> Path:
        return ROOT / "requirements" / f"{self.name}.txt"

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-{self.name}"

    @property
    def path(self) -> str:
        """PATH with the commands of this environment before those of .venv."""
        return f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def set_up(self) -> None:
        """Make it, unless it is there as its pins have it."""
        stamp = self.folder / ".set-up"
        made_from = f"{self}\n{ROOT}\n{self.pins.read_text(encoding='utf-8')}"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == made_from:
            return
        run(run(ROOT / "tools" / "find_python.sh", *self.pythons), "-m", "venv", "--clear", self.folder)
        python = self.folder / "bin" / "python"
        run("uv", "pip", "sync", "--quiet", "--system-certs", "--python", python, self.pins)
        packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
        take("amazon.aws", self.ansible, packages)
        ours = packages / "ansible_collections" / "aws_baseline" / "cloudtrail"
        ours.parent.mkdir()
        ours.symlink_to(ROOT)
        stamp.write_text(made_from, encoding="utf-8")
