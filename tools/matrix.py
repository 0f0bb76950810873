# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays the integration tests with every supported ansible-core: python -m tools.matrix [CORE ...].

The tests and the fake AWS run in .venv as always; only the ansible-playbook that they find on PATH is another. The
first pair also audits by a module that runs with the oldest Python. docs/versions.md has the table of all this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.fakeaws.client import FakeAws
from tools.isolated import ROOT


class Pair(NamedTuple):
    """An ansible-core, its Python, and an amazon.aws as a release of the package `ansible` has it."""

    core: str
    python: str
    ansible: str
    amazon_aws: str

    def command(self, *command: str | Path) -> list[str]:
        """The command, which finds this ansible-core first."""
        return beside(f"matrix-{self.core}", self.python, *command)

    def collections(self) -> Path:
        """Take the collections of that release, without its ansible-core; return the folder."""
        folder = ROOT / ".cache" / f"ansible-{self.ansible}"
        run("uv", "pip", "install", "--quiet", "--no-deps", "--target", folder, f"ansible=={self.ansible}")
        return folder


PAIRS = (
    Pair("2.18", "3.11", "12.0.0", "10.1.1"),
    Pair("2.19", "3.12", "12.0.0", "10.1.1"),
    Pair("2.20", "3.13", "13.8.0", "10.3.2"),
    Pair("2.21", "3.13", "14.5.0", "11.4.0"),
    Pair("2.22", "3.13", "15.0.0a3", "12.0.0"),
)
NEWEST_STABLE = PAIRS[-2]
OLDEST_PYTHON = "3.10"  # of a host that runs the modules; a control node needs a newer one


def beside(requirements: str, python: str, *command: str | Path) -> list[str]:
    """The command, with the programs of an environment first that holds what requirements/NAME.txt pins."""
    pins = ROOT / "requirements" / f"{requirements}.txt"
    environment = ["uv", "run", "--quiet", "--isolated", "--python", python, "--with-requirements", str(pins)]
    return [*environment, *map(str, command)]


def run(*command: str | Path) -> str:
    """What the command prints; it must succeed."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def audits(pair: Pair, collections: Mapping[str, str], *arguments: str) -> str | None:
    """Audit a healthy account of the fake AWS; return what was printed unless that says it is compliant."""
    with FakeAws.start("healthy") as aws:
        command = pair.command("ansible-playbook", "-v", "aws_baseline.cloudtrail.audit", *arguments)
        environment = {**aws.environment, **collections}
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    return None if re.search(r"^Accounts  1 compliant$", done.stdout, re.M) else done.stdout + done.stderr


def test(pair: Pair) -> int:
    collections = {"ANSIBLE_COLLECTIONS_PATH": f"{pair.collections()}{os.pathsep}{ROOT / '.venv' / 'mypy_path'}"}
    print(f"\n━━ {run(*pair.command('ansible', '--version'))}\namazon.aws {pair.amazon_aws} ━━", flush=True)
    command = pair.command(sys.executable, "-m", "pytest", "tests/integration", "tests/pages/test_examples.py")
    failed = subprocess.run(command, env=os.environ | collections, check=False).returncode
    if pair is PAIRS[0]:
        target = ROOT / ".cache" / "oldest-python"
        run("uv", "venv", "--quiet", "--allow-existing", "--python", OLDEST_PYTHON, target)
        run("uv", "pip", "sync", "--quiet", "--python", target, ROOT / "requirements" / "matrix-target.txt")
        wrong = audits(pair, collections, "-e", f"ansible_python_interpreter={target / 'bin' / 'python'}")
        print(f"A module on Python {OLDEST_PYTHON} " + (f"fails:\n{wrong}" if wrong else "audits."))
        failed = failed or bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(max(test(pair) for pair in PAIRS if pair.core in (sys.argv[1:] or [each.core for each in PAIRS])))
