# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual environments beside .venv, for what has other dependencies; each sees this checkout as the collection.

Usage: python -m tools.venvs NAME COMMAND [ARGUMENT ...]. The command runs with the programs of the environment first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.collection import take
from tools.isolated import ROOT


def run(*command: str | Path) -> str:
    """What the command prints; it must succeed."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Venv:
    """An environment as requirements/NAME.txt pins it, with the first of the Pythons that is found.

    `ansible` is the release of that package whose amazon.aws is taken; without one there is no amazon.aws.
    """

    name: str
    pythons: tuple[str, ...] = ("3.13", "3.12")
    ansible: str = ""

    @property
    def pins(self) -> Path:
        return ROOT / "requirements" / f"{self.name}.txt"

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-{self.name}"

    @property
    def path(self) -> str:
        """The variable PATH with its programs first."""
        return f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"

    @property
    def collections(self) -> Path:
        packages = run(self.folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        return Path(packages, "ansible_collections")

    def set_up(self) -> None:
        """Make it, unless it is there as its pins have it."""
        stamp = self.folder / ".set-up"
        made_from = f"{self}\n{ROOT}\n{self.pins.read_text(encoding='utf-8')}"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == made_from:
            return
        run(run(ROOT / "tools" / "find_python.sh", *self.pythons), "-m", "venv", "--clear", self.folder)
        python = self.folder / "bin" / "python"
        run("uv", "pip", "sync", "--quiet", "--system-certs", "--python", python, self.pins)
        if self.ansible:
            take("amazon.aws", self.ansible, self.collections.parent)
        ours = self.collections / "aws_baseline" / "cloudtrail"
        ours.parent.mkdir(parents=True)
        ours.symlink_to(ROOT)
        stamp.write_text(made_from, encoding="utf-8")


VENVS = {
    "browser": Venv("browser"),
    "eda": Venv("eda", ansible="14.5.0"),
}


def main(name: str, *command: str) -> int:
    venv = VENVS[name]
    venv.set_up()
    return subprocess.run(command, env=os.environ | {"PATH": venv.path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
