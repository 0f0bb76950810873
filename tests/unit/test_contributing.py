# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recipes of CONTRIBUTING.md name every file of the code that a new option or AWS call touches, and no other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest

ROOT = Path(__file__).parents[2]
SWITCHES = [each.name for each in fields(EnforceRequest) if isinstance(each.default, bool)]


def recipe(title: str) -> set[str]:
    """Return the files that the steps of a recipe begin with or name by their path."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"`((?:plugins|tests/fakeaws)/[\w/]+\.py)`", section))


def files_with(*names: str) -> set[str]:
    """Return the files of the plugins and the fake AWS in which one of the names occurs."""
    name = re.compile("|".join(names))
    files = [path for folder in ("plugins", "tests/fakeaws") for path in (ROOT / folder).rglob("*.py")]
    return {str(path.relative_to(ROOT)) for path in files if name.search(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Add an option of an enforcement", [rf"\b{switch}\b" for switch in SWITCHES]),
        ("Add a read call", ('"(cloudtrail:)?ListTags"', r"\btrail_tags\b")),
        ("Add a write call", ('"CancelKeyDeletion"', r"\bcancel_key_deletion\b")),
    ],
)
def test_recipe_names_the_files(title: str, names: Sequence[str]) -> None:
    assert files_with(*names) == recipe(title)


SHIPPED = [
    path
    for folder in ("plugins", "roles")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".yml") and path.is_file()
]
COUNTED = {
    "a rule": "key_is_approved",
    "an option of an enforcement": "(?:cloudtrail_kms_)?allow_cancel_deletion",
    "a read call": r'"(?:cloudtrail:)?ListTags"|trail_tags',
    "a write call": '"CancelKeyDeletion"|cancel_key_deletion',
    "a report format": "_?junit",
}


def test_additions_touch_as_many_files_as_the_table_says() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (an? [\w ]+) \| (\d) \| .* \|$", text, re.M))
    touched = {}
    for addition, names in COUNTED.items():
        name = re.compile(rf"(?<!\w)(?:{names})(?!\w)")
        files = [path for path in SHIPPED if name.search(path.read_text(encoding="utf-8")) or name.fullmatch(path.stem)]
        touched[addition] = str(len(files))
    assert touched == table


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/action/*.py")), ids=lambda path: path.stem)
def test_an_action_is_small(path: Path) -> None:
    """What it does beside reading hosts, running a module, showing, reporting and returning belongs to a package."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150
