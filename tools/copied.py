# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command in a copy of the collection: what git lists, in a folder as an installed collection has it.

Usage: python -m tools.copied COMMAND [ARGUMENT ...]
ansible-test wants a real folder ansible_collections/NAMESPACE/NAME; in one that git ignores it finds nothing to test
and says so with exit code 0. antsibull-docs wants a folder whose neighbours are no more than the dependencies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.isolated import ROOT


def run_in_copy(command: Sequence[str]) -> int:
    """The exit code of the command; its variables show it the copy alone, and no git repository."""
    with tempfile.TemporaryDirectory(prefix="collections-") as folder:
        copy = copy_collection(Path(folder) / "ansible_collections")
        environment = os.environ | {"ANSIBLE_COLLECTIONS_PATH": folder, "GIT_DIR": os.devnull, "PIP_QUIET": "1"}
        return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


def copy_collection(collections: Path) -> Path:
    """Copy what git lists into a folder `ansible_collections`, beside amazon.aws; return where."""
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


if __name__ == "__main__":
    sys.exit(run_in_copy(sys.argv[1:]))
