# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages in docs/ say of the code is true."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options._common import AUDIT_ACCOUNT_OPTIONS
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options._enforce import (
    ENFORCE_ACCOUNT_OPTIONS,
    own_spec,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._joint import AGREED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CLAIMS = [
    [cell.strip() for cell in row.split("|")[1:-1]]
    for row in re.findall(r"^\| .*\|$", (DOCS / "claims.md").read_text(encoding="utf-8"), re.M)
    if not row.startswith("| Claim ")
]
CHECKLISTS = [
    (row[0], row[1])
    for line in re.findall(r"^\| .*\|$", (DOCS / "internals" / "checklists.md").read_text(encoding="utf-8"), re.M)
    if (row := [cell.strip() for cell in line.split("|")[1:-1]]) != ["Asks", "Met by"]
]
PAGES = sorted(DOCS.rglob("*.md"))
OF_ENFORCING = [name for name in ENFORCE_ACCOUNT_OPTIONS if name not in AUDIT_ACCOUNT_OPTIONS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_says_who_it_is_for_and_what_it_answers_and_is_short(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(r"# .+\n\n\*\*For\*\* [^\n].*?[.]\n\*\*Answers:\*\* .+?[.]\n\n", text, re.S), text[:300]
    assert len(text.splitlines()) <= 250


def test_readme_is_short_links_in_full_and_has_the_sections_that_certification_asks_for() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")] == []
    sections = {"Requirements", "Installation", "Use cases", "Testing", "Support", "Communication", "License"}
    sections |= {"Release notes"}
    assert sections <= {*re.findall(r"^## (.+)$", text, re.M)}
    assert "pip install ansible" not in text  # customers run execution environments, says certification
    for said in ("https://forum.ansible.com/c/help/6", "CODE_OF_CONDUCT.md", "https://semver.org/", "are internal"):
        assert said in text


def test_every_rule_has_its_section_with_level_and_severity() -> None:
    sections = re.findall(r"^## (\w+)\n\n(\w+)(?: and|,) (\w+)", (DOCS / "rules.md").read_text(encoding="utf-8"), re.M)
    assert sections == [(name, rule.level.capitalize(), rule.severity) for name, rule in RULES.items()]


def test_every_rule_is_in_the_table() -> None:
    table = re.findall(r"^\| `(\w+_\w+)` \| .+ \| .+ \|$", (DOCS / "rules.md").read_text(encoding="utf-8"), re.M)
    assert table == list(RULES)


def test_every_option_of_an_enforcement_is_in_the_table() -> None:
    section = (DOCS / "enforce.md").read_text(encoding="utf-8").split("\n## Options\n")[1].split("\n## ")[0]
    rows = [row.split(" | ")[0] for row in re.findall(r"^\| .*", section, re.M)]
    documented = {name for row in rows for name in re.findall(r"`cloudtrail_kms_(\w+)`", row)}
    assert own_spec().keys() - {"backup_play"} <= documented


@pytest.mark.parametrize(
    ("path", "start", "end", "options"),
    [
        ("roles/cloudtrail_kms/meta/argument_specs.yml", "account has the", "variables of", ENFORCE_ACCOUNT_OPTIONS),
        ("plugins/modules/cloudtrail_kms_run.py", "each account has its own", "role to enter", ENFORCE_ACCOUNT_OPTIONS),
        ("roles/cloudtrail_kms/README.md", "An enforcement takes", "of each host", OF_ENFORCING),
        ("docs/organizations.md", "The accounts may differ", "beside those of an audit", OF_ENFORCING),
        ("docs/enforce-many.md", "Accounts that share a key must agree on", "Their", AGREED),
        ("plugins/modules/cloudtrail_kms_enforce.py", "Accounts that share a key must agree on", "Their", AGREED),
    ],
)
def test_options_that_may_or_must_not_differ_are_listed(
    path: str, start: str, end: str, options: Iterable[str]
) -> None:
    passage = (ROOT / path).read_text(encoding="utf-8").split(start)[1].split(end)[0]
    named = {*re.findall(r"(?:[CO]\(|`(?:cloudtrail_kms)?_?)(\w+)[`)]", passage)}
    assert {name for name in options if not ("allow_" in named and name.startswith("allow_"))} == named - {"allow_"}


@pytest.mark.parametrize(("claim", "shown", "figure"), CLAIMS, ids=[claim[0] for claim in CLAIMS])
def test_every_claim_has_a_command_that_is_there_and_a_figure(claim: str, shown: str, figure: str) -> None:
    commands = re.findall("`([^`]+)`", shown)
    assert all((claim, figure, commands))
    for command in commands:
        assert is_there(command), command


@pytest.mark.parametrize(("asked", "met"), CHECKLISTS, ids=[asked for asked, _met in CHECKLISTS])
def test_every_line_of_the_checklists_is_met_by_what_is_there_or_says_why_not(asked: str, met: str) -> None:
    named = [name for name in re.findall("`([^`]+)`", met) if "/" in name or "." in name or name.startswith("make ")]
    assert named or met.startswith("Open: "), asked
    assert [name for name in named if name != "amazon.aws" and not is_there(name)] == []


def is_there(command: str) -> bool:
    """Return whether the Makefile has this target, or the repository this module or file."""
    if target := re.fullmatch(r"make ([a-z-]+)", command):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return bool(re.search(rf"^{target[1]}:.*##", makefile, re.M))
    if module := re.fullmatch(r"python -m ([a-z_.]+)(?: (?:--)?[a-z]+)*", command):
        return (ROOT / f"{module[1].replace('.', '/')}.py").exists()
    return (ROOT / command).exists()
