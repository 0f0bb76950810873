# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a page in docs/ shows, for the tests that run it. Commands that stand under *Needs* are not run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def blocks(language: str, page: str = "README.md") -> list[str]:
    """The code blocks of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


class Page:
    """One page: its text, its blocks of commands, and the files that it shows."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / "docs" / name).read_text(encoding="utf-8")

    @property
    def commands(self) -> tuple[str, ...]:
        """The blocks of commands that are run, with their prompts."""
        # Each with the line that stands right before it.
        blocks = re.findall(r"^([^\n]*)\n\n```console\n(.*?)(?=^```$)", self.text, re.M | re.S)
        return tuple(block for before, block in blocks if not before.startswith("*Needs "))

    def shown(self, language: str, start: str) -> str:
        """The content of the one block of a language that starts so."""
        block: str
        (block,) = re.findall(rf"^```{language}\n({re.escape(start)}.*?)^```$", self.text, re.M | re.S)
        return block

    def file(self, name: str) -> Any:
        """The content of a YAML file that the page shows, its name in the first line."""
        return yaml.safe_load(self.shown("yaml", f"# {name}\n"))


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
