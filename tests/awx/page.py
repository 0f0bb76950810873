# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/awx.md shows. Its commands are run in the tests beside this, but for those under *Needs*."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "awx.md").read_text(encoding="utf-8")
# Each block of commands with what stands right before it.
BLOCKS = re.findall(r"^([^\n]*)\n\n```console\n(.*?)(?=^```$)", PAGE, re.M | re.S)
BUILD, CONFIGURE, RUN = (block for before, block in BLOCKS if not before.startswith("*Needs "))


def file(name: str) -> dict[str, Any]:
    """The content of a file that the page shows, its name in the first line."""
    (text,) = re.findall(rf"^```yaml\n# {re.escape(name)}\n(.*?)^```$", PAGE, re.M | re.S)
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def typed(
    block: str, folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Let a shell run what a block shows after its prompts, with more arguments at its end."""
    commands = re.sub(r"^\$ ", "", block, flags=re.M).rstrip()
    return subprocess.run(
        ["sh", "-e", "-c", " ".join([commands, *arguments])],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
