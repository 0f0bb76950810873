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

from tests.fakeaws.client import FakeAws
from tools.venvs import Venv, run


@dataclass(frozen=True, kw_only=True)
class Pair(Venv):
    """An ansible-core, and beside it an amazon.aws."""

    amazon_aws: str

    @property
    def core(self) -> str:
        return self.name.removeprefix("matrix-")


PAIRS = (
    Pair(name="matrix-2.18", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.11",)),
    Pair(name="matrix-2.19", ansible="12.0.0", amazon_aws="10.1.1", pythons=("3.12", "3.11")),
    Pair(name="matrix-2.20", ansible="13.8.0", amazon_aws="10.3.2"),
    Pair(name="matrix-2.21", ansible="14.5.0", amazon_aws="11.4.0"),
    Pair(name="matrix-2.22", ansible="15.0.0a3", amazon_aws="12.0.0", pythons=("3.13",)),
)
NEWEST_STABLE = PAIRS[-2]
# Of a host that runs the modules; a control node needs a newer Python.
OLDEST = Venv("matrix-target", ("3.10",))


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
    version = run(pair.folder / "bin" / "ansible-playbook", "--version").splitlines()[0]
    python = run(pair.folder / "bin" / "python", "--version")
    print(f"\n━━ {pair.core}: {version}, amazon.aws {pair.amazon_aws}, {python} ━━", flush=True)
    command = [sys.executable, "-m", "pytest", "tests/integration", "tests/pages/test_examples.py"]
    failed = subprocess.run(command, env=os.environ | {"PATH": pair.path}, check=False).returncode
    if pair is PAIRS[0]:
        OLDEST.set_up()
        python = str(OLDEST.folder / "bin" / "python")
        wrong = audits({"PATH": pair.path}, "-e", f"ansible_python_interpreter={python}")
        print(f"A module on {run(python, '--version')} " + (f"fails:\n{wrong}" if wrong else "audits."))
        failed = failed or bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(max(test(pair) for pair in PAIRS if pair.core in (sys.argv[1:] or [each.core for each in PAIRS])))
