# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages in docs/ say of the code is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from tools.architecture import PAGE, page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CLAIMS = [
    [cell.strip() for cell in row.split("|")[1:-1]]
    for row in re.findall(r"^\| .*\|$", (DOCS / "claims.md").read_text(encoding="utf-8"), re.M)
    if not row.startswith("| Claim ")
]


PAGES = sorted(DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_says_who_it_is_for_and_what_it_answers_and_is_short(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(r"# .+\n\n\*\*For\*\* [^\n].*?[.]\n\*\*Answers:\*\* .+?[.]\n\n", text, re.S), text[:300]
    assert len(text.splitlines()) <= 250


def test_readme_is_short_links_in_full_and_has_the_sections_that_certification_asks_for() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")] == []
    sections = {"Requirements", "Installation", "Use cases", "Testing", "Support", "Release notes", "License"}
    assert sections <= {*re.findall(r"^## (.+)$", text, re.M)}


def test_every_rule_has_its_section_with_level_and_severity() -> None:
    sections = re.findall(r"^## (\w+)\n\n(\w+)(?: and|,) (\w+)", (DOCS / "rules.md").read_text(encoding="utf-8"), re.M)
    assert sections == [(name, rule.level.capitalize(), rule.severity) for name, rule in RULES.items()]


def test_picture_of_the_packages_is_drawn_from_the_imports() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(("claim", "shown", "figure"), CLAIMS, ids=[claim[0] for claim in CLAIMS])
def test_every_claim_has_a_command_that_is_there_and_a_figure(claim: str, shown: str, figure: str) -> None:
    commands = re.findall("`([^`]+)`", shown)
    assert all((claim, figure, commands))
    for command in commands:
        if target := re.fullmatch(r"make ([a-z-]+)", command):
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{target[1]}:.*##", makefile, re.M), command
        elif module := re.fullmatch(r"python -m ([a-z_.]+)( --[a-z]+)?", command):
            assert (ROOT / f"{module[1].replace('.', '/')}.py").exists(), command
        else:
            assert (ROOT / command).exists(), command
