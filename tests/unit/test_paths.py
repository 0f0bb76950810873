# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages name files and targets of this checkout that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Galaxy shows README apart from the files beside it: its links are whole.
HERE = r"https://(?:github\.com/aws-baseline/aws_baseline\.cloudtrail/blob|raw\.githubusercontent\.com/[\w./-]+)/main"
TARGETS = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|tools|plugins|benchmarks|extensions|docs|roles|playbooks)/[\w./-]+)`", text)
    linked = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    absent = [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    absent += [link for link in linked if link and not (page.parent / link).exists()]
    absent += [name for name in re.findall(rf"\]\({HERE}/([^)#\s]+)", text) if not (ROOT / name).exists()]
    assert absent == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    beside = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", text)
    whole = [(ROOT / name, anchor) for name, anchor in re.findall(rf"\]\({HERE}/([^)#\s]+)#([^)\s]+)\)", text)]
    linked = [*((page.parent / name if name else page, anchor) for name, anchor in beside), *whole]
    assert [(path.name, anchor) for path, anchor in linked if anchor not in anchors(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_are_there(page: Path) -> None:
    named = re.findall(r"`make ([a-z-]+)[^`]*`|^\$ make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M)
    assert {one or other for one, other in named} <= set(TARGETS)
