# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual environments beside .venv, for what has other dependencies; each sees this checkout as the collection."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.isolated import ROOT


def run(*command: str | Path) -> str:
    """What the command prints; it must succeed."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def set_up(
    venv: Path, pins: Path, pythons: Sequence[str], *, more: str = "", finish: Callable[[Path], None] | None = None
) -> None:
    """Make the environment, with the first of the Pythons that is found, unless it is there as its pins have it.

    `finish` adds to its packages what no pin brings, and `more` says what that is.
    """
    stamp = venv / ".set-up"
    made_from = f"{more}\n{ROOT}\n{pins.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == made_from:
        return
    run(run(ROOT / "tools" / "find_python.sh", *pythons), "-m", "venv", "--clear", venv)
    python = venv / "bin" / "python"
    run("uv", "pip", "sync", "--quiet", "--system-certs", "--python", python, pins)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    if finish:
        finish(packages)
    ours = packages / "ansible_collections" / "aws_baseline" / "cloudtrail"
    ours.parent.mkdir(parents=True)
    ours.symlink_to(ROOT)
    stamp.write_text(made_from, encoding="utf-8")
