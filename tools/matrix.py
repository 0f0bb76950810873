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
from collections.abc import Mapping
from types import MappingProxyType

from tools.venv import Environment, run

# Each with the version of amazon.aws that it has.
PAIRS: Mapping[Environment, str] = MappingProxyType(
    {
        Environment("matrix-oldest", ansible="12.0.0", pythons=("3.10", "3.11", "3.12")): "10.1.1",
        Environment("matrix-newest", ansible="14.5.0", pythons=("3.13", "3.12")): "11.4.0",
    }
)


def test(pair: Environment) -> int:
    pair.set_up()
    version = run(pair.folder / "bin" / "ansible-playbook", "--version").splitlines()[0]
    python = run(pair.folder / "bin" / "python", "--version")
    print(f"\n━━ {pair.name}: {version}, amazon.aws {PAIRS[pair]}, {python} ━━", flush=True)
    command = [sys.executable, "-m", "pytest", "tests/integration"]
    return subprocess.run(command, env=os.environ | {"PATH": pair.path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(max(test(pair) for pair in PAIRS))
