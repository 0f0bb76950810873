# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of a file are told while they are written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible import constants

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._screen import following, progress
from tests import PATIENCE


class Told:
    """What was told, and a way to wait for it that ends."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._event = threading.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(PATIENCE), self.lines
        self._event.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "progress").touch()
    return tmp_path / "progress"


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_lines_are_told_as_they_come_and_the_last_ones_at_the_end(path: Path) -> None:
    told = Told()
    add(path, "1 of 4\n2 of 4\n")
    with following(path, told, patience=0, every=0.01):
        told.wait()
        assert told.lines == ["2 of 4"]
        add(path, "3 of 4\n")
        told.wait()
        assert told.lines == ["2 of 4", "3 of 4"]
        add(path, "4 of 4\n")
    assert told.lines == ["2 of 4", "3 of 4", "4 of 4"]


def test_what_is_done_soon_tells_nothing(path: Path) -> None:
    told = Told()
    with following(path, told, patience=PATIENCE):
        add(path, "all done\n")
    assert told.lines == []


def test_an_error_ends_it_too(path: Path) -> None:
    before = threading.active_count()

    def fail() -> None:
        with following(path, Told(), patience=0, every=0.01):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert threading.active_count() == before


@pytest.mark.filterwarnings("error")
def test_a_file_that_cannot_be_read_fails_nothing(path: Path) -> None:
    told = Told()
    path.write_bytes(b"\xff")
    for file in (path, path / "none"):
        with following(file, told, patience=0, every=0.01):
            pass
    assert told.lines == []


def test_a_file_that_is_gone_at_the_end_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    with progress(lambda _line: None) as options:
        Path(options["progress_path"]).unlink()
    with progress(lambda _line: None) as options:
        assert Path(options["progress_path"]).exists()
    assert list(tmp_path.iterdir()) == []
