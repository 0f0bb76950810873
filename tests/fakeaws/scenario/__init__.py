# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios: AWS accounts, declared in YAML, laid into moto's backends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.fakeaws.scenario.build import build
from tests.fakeaws.scenario.spec import Scenario, parse
from tests.fakeaws.world import DEFAULT_REGIONS, World

FOLDER = Path(__file__).parent.parent / "scenarios"


def names() -> list[str]:
    """The names of the scenarios that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def read(name_or_path: str) -> Scenario:
    """Read a shipped scenario by its name, or any by its path; ValueError names what is wrong with it."""
    path = FOLDER / f"{name_or_path}.yml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        raise ValueError(f"no scenario {name_or_path!r}; there are: {', '.join(names())}")
    return parse(path.stem, path.read_text(encoding="utf-8"))


def load(name_or_path: str, regions: Sequence[str] = DEFAULT_REGIONS) -> World:
    """Forget everything and build the scenario; the Regions are those of accounts that name none."""
    return build(read(name_or_path), regions)
