# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that connect to AWS are those of amazon.aws, and documented without it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amazon.aws.plugins.doc_fragments import assume_role, common, region
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

from ansible_collections.aws_baseline.cloudtrail.plugins.doc_fragments.connection import ModuleDocFragment

PLUGINS = Path(__file__).parents[2] / "plugins"
THEIRS = (common.ModuleDocFragment, region.ModuleDocFragment, assume_role.ModuleDocFragment)


def options(fragment: type[Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the options of a fragment without their words."""
    shown: dict[str, dict[str, Any]] = yaml.safe_load(getattr(fragment, kind))["options"]
    return {name: {**option, "description": None} for name, option in shown.items()}


@pytest.mark.parametrize("kind", ["MODULES", "PLUGINS"])
def test_names_types_aliases_defaults_and_variables_are_those_of_amazon_aws(kind: str) -> None:
    theirs = {name: option for fragment in THEIRS for name, option in options(fragment, kind).items()}
    assert options(ModuleDocFragment, kind) == theirs


def test_descriptions_name_the_variables_that_modules_fall_back_on() -> None:
    documented = yaml.safe_load(ModuleDocFragment.MODULES)["options"]
    named = {name: re.findall(r"E\((\w+)\)", "".join(option["description"])) for name, option in documented.items()}
    assert named == {name: option.get("fallback", (None, []))[1] for name, option in aws_argument_spec().items()}


def test_no_documentation_needs_another_collection() -> None:
    used = {
        fragment
        for path in PLUGINS.rglob("*.py")
        for block in re.findall(r"^extends_documentation_fragment:\n((?:  - .*\n)+)", path.read_text("utf-8"), re.M)
        for fragment in re.findall(r"- (\S+)", block)
    }
    assert used
    assert not [name for name in used if not name.startswith(("aws_baseline.cloudtrail.", "ansible.builtin."))]
