# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs all tests of `ansible-test sanity` on the files that git lists.

ansible-test wants a collection in a real folder ansible_collections/NAMESPACE/NAME; in a folder that git ignores it
finds nothing to test and says so with exit code 0. So the files are copied to a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tools.isolated import ROOT, VENV

# ansible-test bootstraps its own environments with this version (ansible_test/_internal/python_requirements.py).
PIP = "25.2"

# It would download get-pip.py from a host that is no package registry. This stands in its place: called with the
# same arguments, it installs pip by means of a pip that came from the registry.
GET_PIP = """\
import runpy, sys
sys.path.insert(0, {seed!r})
unknown = ("--no-setuptools", "--no-wheel")
sys.argv[1:] = ["install", "--ignore-installed", *(argument for argument in sys.argv[1:] if argument not in unknown)]
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


def copy_collection(collections: Path) -> Path:
    """Copies what git lists, untracked files among it; shows amazon.aws beside it."""
    (collections / "amazon").mkdir(parents=True)
    installed = Path(sysconfig.get_path("purelib"), "ansible_collections")
    (collections / "amazon" / "aws").symlink_to(installed / "amazon" / "aws")
    copy = collections / "aws_baseline" / "cloudtrail"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0"):
        source = ROOT / name
        if source.is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name, follow_symlinks=False)
    return copy


def main() -> int:
    seed_pip()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="sanity-") as folder:
        copy = copy_collection(Path(folder) / "ansible_collections")
        command = [str(VENV / "bin" / "ansible-test"), "sanity", "--local", "--python", version, "--color", "no"]
        environment = os.environ | {"PIP_QUIET": "1"}
        return subprocess.run([*command, *sys.argv[1:]], cwd=copy, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
