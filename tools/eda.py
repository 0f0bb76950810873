# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the rulebook's tests with ansible-rulebook, which needs an environment of its own, and Java.

The tests and the fake AWS run in .venv as always; ansible-rulebook and what it starts come from .venv-eda.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial

from tools.collection import take
from tools.isolated import ROOT
from tools.venvs import set_up

VENV = ROOT / ".venv-eda"
PINS = ROOT / "requirements" / "eda.txt"
RELEASE = "14.5.0"  # of the package ansible, which carries the amazon.aws that has the source
LEAST_JAVA = 17


def java() -> int:
    """The version of the Java on PATH, 0 where there is none that runs."""
    if not shutil.which("java"):
        return 0
    told = subprocess.run(["java", "-version"], stderr=subprocess.PIPE, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    return int(version[1]) if version else 0


def main() -> int:
    found = java()
    if found < LEAST_JAVA:
        there = f"Java {found}" if found else "no Java"
        print(
            f"ansible-rulebook needs Java {LEAST_JAVA} or later, and there is {there} on PATH: install one "
            "(on Debian: apt-get install openjdk-17-jre-headless).",
            file=sys.stderr,
        )
        return 1
    set_up(VENV, PINS, ("3.13", "3.12"), more=RELEASE, finish=partial(take, "amazon.aws", RELEASE))
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "pytest", "tests/eda", *sys.argv[1:]]
    return subprocess.run(command, env=os.environ | {"PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
