# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shipped with a module, and how it is imported: Ansible looks for every imported name as if it were a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

COLLECTION = "ansible_collections.aws_baseline.cloudtrail."
ROOT = Path(__file__).resolve().parents[2]


def test_what_only_an_enforcement_needs_imports_by_module() -> None:
    audit, enforcement = (shipped(f"plugins/modules/cloudtrail_kms_{name}.py") for name in ("facts", "enforce"))
    only = sorted(enforcement - audit)
    assert ROOT / "plugins/module_utils/_plan/_make.py" in only
    names = {str(path.relative_to(ROOT)): [name for name, is_file in imports(path) if not is_file] for path in only}
    assert {path: found for path, found in names.items() if found} == {}


def shipped(start: str) -> set[Path]:
    """The files of this collection that Ansible ships with a module."""
    found: set[Path] = set()
    left = {ROOT / start}
    while left:
        path = left.pop()
        found.add(path)
        left |= {file for _name, file in _from(path)} - found
    return found


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The names that a file imports from this collection, and whether each is a file of its own."""
    return ((name, file.stem == name) for name, file in _from(path))


def _from(path: Path) -> Iterator[tuple[str, Path]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(COLLECTION):
            place = ROOT / str(node.module).removeprefix(COLLECTION).replace(".", "/")
            for alias in node.names:
                yield alias.name, place / f"{alias.name}.py" if place.is_dir() else place.with_suffix(".py")
