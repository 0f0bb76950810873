# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages in docs/ say of the code is true."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES

DOCS = Path(__file__).parents[2] / "docs"


def test_every_rule_has_its_section_with_level_and_severity() -> None:
    sections = re.findall(r"^## (\w+)\n\n(\w+)(?: and|,) (\w+)", (DOCS / "rules.md").read_text(encoding="utf-8"), re.M)
    assert sections == [(name, rule.level.capitalize(), rule.severity) for name, rule in RULES.items()]
