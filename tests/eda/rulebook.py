# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ansible-rulebook by the command of docs/drift.md, in a process of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.page import ROOT, Page

PAGE = Page("drift.md")
DEPLOY, DEPLOY_ELSEWHERE, LIST_RESOURCES, RUN = PAGE.commands
NAME = "aws_baseline.cloudtrail.cloudtrail_kms_drift"
_STOP_SECONDS = 5  # it may be waiting for a message, which it does for longer


def local(*sources: tuple[Iterable[dict[str, Any]], Mapping[str, float]]) -> list[dict[str, Any]]:
    """The rulebook with sources on this machine: of each the messages, and the delays of eda.builtin.generic."""
    path = ROOT / "extensions" / "eda" / "rulebooks" / "cloudtrail_kms_drift.yml"
    rulebook: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    (shipped,) = rulebook[0]["sources"]
    rulebook[0]["sources"] = [
        {"eda.builtin.generic": {"payload": list(messages), **delays}, "filters": shipped["filters"]}
        for messages, delays in sources
    ]
    return rulebook


class Rulebook:
    """A running ansible-rulebook; whoever started it stops it. What it prints goes to a file in its folder.

    The folder holds drift.yml, as the page has it; the inventory, a file of the page too, is put there.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], rulebook: str = NAME, inventory: str = "inventory.yml"
    ) -> None:
        (folder / "inventory.yml").write_text(yaml.safe_dump(PAGE.file(inventory)), encoding="utf-8")
        self._log = folder / "output.txt"
        command = RUN.removeprefix("$ ").strip()
        assert NAME in command
        with self._log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", f"exec {command.replace(NAME, rulebook)}"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(seconds)

    def wait_for(self, what: Callable[[], bool], seconds: float) -> None:
        """Come back as soon as it is so; fail where it ends before that, or takes too long."""
        ends = time.monotonic() + seconds
        while not what():
            assert self._process.poll() is None, self.output
            assert time.monotonic() < ends, self.output
            time.sleep(0.2)

    def __enter__(self) -> Rulebook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
