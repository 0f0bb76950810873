# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws the packages of plugins/ and their arrows, from the imports, between the two marks of docs/architecture.md.

Usage: python -m tools.architecture
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS, PAGE = ROOT / "plugins", ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- `make architecture` writes from here -->\n", "<!-- to here -->\n"
# These hold packages and files that are drawn each by itself.
OPENED = ("module_utils", "plugin_utils")


def arrows() -> dict[str, set[str]]:
    """Return what each package or file of plugins/ imports of the others; all imports in there are relative."""
    found: dict[str, set[str]] = {}
    for path in PLUGINS.rglob("*.py"):
        importer = _drawn(path.relative_to(PLUGINS).with_suffix("").parts)
        imported = {_drawn(parts) for parts in _imports(path)}
        found.setdefault(importer, set()).update(imported - {importer})
    return found


def _imports(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports relatively, as paths from plugins/."""
    folder = path.parent.relative_to(PLUGINS).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield (*folder[: len(folder) - node.level + 1], *(node.module or "").split("."))


def _drawn(parts: Sequence[str]) -> str:
    """Return the name of the package or file that stands for a file."""
    return parts[1] if parts[0] in OPENED else parts[0]


def levels(found: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the names from the top down: each stands above all that it imports."""
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = 1 + max(map(height, found[name]), default=-1)
        return heights[name]

    highest = max(map(height, found))
    return [sorted(name for name in found if heights[name] == each) for each in range(highest, -1, -1)]


def picture() -> str:
    """Return the picture as text; what an arrow leads to by a longer way as well is left out."""
    found = arrows()
    return "\n\n".join("\n".join(_lines(names, found)) for names in levels(found))


def _lines(names: list[str], found: Mapping[str, set[str]]) -> Iterator[str]:
    width = max(map(len, found))
    for name in names:
        farther = {below for each in found[name] for below in _below(each, found)}
        nearest = ", ".join(sorted(found[name] - farther))
        yield f"{name:<{width}} --> {nearest}" if nearest else name


def _below(name: str, found: Mapping[str, set[str]]) -> set[str]:
    """Return all that a name imports, directly or by others."""
    return found[name] | {below for each in found[name] for below in _below(each, found)}


def page() -> str:
    """Return the page with the picture between the marks."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}\n```\n{picture()}\n```\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
