# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a Python module with a Chromium to drive, which never reaches out of this machine.

Usage: python -m tools.browser MODULE [ARGUMENT ...]
Chromium is that of the system. Where there is none it is installed, if we may; the environment .venv-browser is ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tools.isolated import ROOT
from tools.venvs import set_up

VENV = ROOT / ".venv-browser"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A font with the marks of the report, for machines that have none.
PACKAGES = ("chromium", "fonts-dejavu-core")


def chromium() -> str | None:
    """The path of the browser, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    """Install Debian's, as root; elsewhere the caller finds it missing still."""
    if os.geteuid() or not shutil.which("apt-get"):
        return
    print("Installing Chromium ...", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)


def main() -> int:
    if not chromium():
        install_chromium()
    browser = chromium()
    if not browser:
        print("There is no Chromium on PATH: install it (on Debian: apt-get install chromium).", file=sys.stderr)
        return 1
    set_up(VENV, ROOT / "requirements" / "browser.txt", ("3.13", "3.12"))
    command = [str(VENV / "bin" / "python"), "-m", *sys.argv[1:]]
    return subprocess.run(command, env=os.environ | {"CHROMIUM": browser}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
