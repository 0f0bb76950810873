# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HOME that every command of ours gets, made by whichever of them comes first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import isolated


@pytest.fixture
def user_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose pip has settings; our HOME is not there yet."""
    (tmp_path / "user" / ".config" / "pip").mkdir(parents=True)
    monkeypatch.setattr(isolated, "HOME", tmp_path / "ours")
    return tmp_path / "user"


def pip_of(home: Path) -> Path:
    return home / ".config" / "pip"


def test_the_users_pip_is_kept_and_a_second_command_finds_it(user_home: Path) -> None:
    isolated.make_home(user_home)
    isolated.make_home(user_home)
    assert pip_of(isolated.HOME).resolve() == pip_of(user_home)


def test_two_commands_may_make_it_at_the_same_time(user_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=60)
    link = Path.symlink_to

    def link_beside_the_other(path: Path, target: Path) -> None:
        both.wait()
        link(path, target)

    monkeypatch.setattr(Path, "symlink_to", link_beside_the_other)
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(isolated.make_home, user_home) for _each in range(2)]:
            made.result()
    assert pip_of(isolated.HOME).resolve() == pip_of(user_home)


def test_a_link_to_a_folder_of_before_is_no_hindrance(user_home: Path, tmp_path: Path) -> None:
    pip_of(isolated.HOME).parent.mkdir(parents=True)
    pip_of(isolated.HOME).symlink_to(tmp_path / "gone")
    isolated.make_home(user_home)
    assert pip_of(isolated.HOME).resolve() == pip_of(user_home)
