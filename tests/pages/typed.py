# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A page of the documentation as its reader uses it: files to copy, commands to type, and what these print."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.fakeaws.client import FakeAws

DOCS = Path(__file__).parents[2] / "docs"


class Page:
    """A page of docs/, or one section of it; pictures are blocks without a language and stand in none of its parts."""

    def __init__(self, name: str, title: str = "") -> None:
        text = (DOCS / name).read_text(encoding="utf-8")
        if title:
            text = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        self.commands: list[str] = re.findall(r"^\$ (.*)$", text, re.M)
        self.files: dict[str, str] = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", text, re.M | re.S))
        self.shown: list[str] = re.findall(r"^```(?:text|diff)\n(.*?)^```$", text, re.M | re.S)

    def copy(self, folder: Path) -> None:
        """Write its files to a folder."""
        for name, content in self.files.items():
            (folder / name).write_text(content, encoding="utf-8")


class Typed(NamedTuple):
    """A command that was typed: its exit code, what it printed (output, then warnings), and the calls it made."""

    command: str
    code: int
    printed: str
    calls: list[dict[str, Any]]

    def did(self, action: str) -> set[str]:
        """The accounts in which it did this."""
        return {call["account"] for call in self.calls if call["action"] == action}

    @property
    def writes(self) -> list[str]:
        """Its writes, in order, each with its account."""
        return [f"{call['action']} {call['account']}" for call in self.calls if call["kind"] == "write"]


def typed(aws: FakeAws, command: str, folder: Path, **environment: str) -> Typed:
    """Type a command in a folder, as the administrator of the scenario's account unless the environment says else."""
    aws.clear_calls()
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=aws.environment | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Typed(command, done.returncode, done.stdout + done.stderr, aws.calls())


def timeless(text: str) -> str:
    """The text without what differs from run to run, times and ids."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "TIME", text)
    return re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)


def opening(block: str) -> str:
    """How a test of a shown block is called."""
    return block.strip().partition("\n")[0][:40]
