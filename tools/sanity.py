# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs all tests of `ansible-test sanity`, on what is shipped; with --all, on tests, tools and benchmarks too.

Usage: python -m tools.sanity [--all]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.copied import run_in_copy

# ansible-test bootstraps its own environments with this version (ansible_test/_internal/python_requirements.py).
PIP = "25.2"

# What galaxy.yml does not ship, and what holds most of the code: pylint takes 92 s of CPU with it, 33 s without.
NOT_SHIPPED = ("tests/", "tools/", "benchmarks/")

# It would download get-pip.py from a host that is no package registry. This stands in its place: called with the
# same arguments, it installs pip by means of a pip that came from the registry.
GET_PIP = """\
import runpy, sys
sys.path.insert(0, {seed!r})
unknown = ("--no-setuptools", "--no-wheel")
sys.argv[1:] = ["install", "--ignore-installed", *(word for word in sys.argv[1:] if word not in unknown)]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def seed_pip() -> None:
    cache = Path.home() / ".ansible" / "test" / "cache"
    get_pip = cache / f"get_pip_{PIP.replace('.', '_')}.py"
    if get_pip.exists():
        return
    seed = cache / "pip"
    install = ["uv", "pip", "install", "--quiet", "--system-certs", "--python", sys.executable, "--target", str(seed)]
    subprocess.run([*install, f"pip=={PIP}"], check=True)
    get_pip.write_text(GET_PIP.format(seed=str(seed)), encoding="utf-8")


if __name__ == "__main__":
    seed_pip()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    left_out = [] if "--all" in sys.argv else [word for folder in NOT_SHIPPED for word in ("--exclude", folder)]
    sys.exit(run_in_copy(["ansible-test", "sanity", "--local", "--python", version, *left_out]))
