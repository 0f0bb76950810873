# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role gives every option of its modules as a variable of its own, with the same type and the same choices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_run
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _arguments, _enforce_arguments

ROLE = Path(__file__).parents[2] / "roles" / "cloudtrail_kms"
# What the role itself works with.
OWN = {"mode", "fail_on", "reports", "report_dir", "report_bucket", "report_prefix", "cis_version"}


def variables() -> dict[str, Any]:
    """The variables of the role without their prefix."""
    specs = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return {
        name.removeprefix("cloudtrail_kms_"): spec for name, spec in specs["argument_specs"]["main"]["options"].items()
    }


def shape(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of an option the role repeats. Defaults stand in the modules, and rules and levels are checked by them."""
    options = {name: shape(option) for name, option in spec.get("options", {}).items()}
    elements = {"elements": spec["elements"]} if "elements" in spec else {}
    return {"type": spec["type"], "required": spec.get("required", False), "options": options, **elements}


def test_every_option_of_the_modules_is_a_variable() -> None:
    of_modules = {name: shape(spec) for name, spec in _enforce_arguments.enforce_spec().items()}
    assert {name: shape(spec) for name, spec in variables().items() if name not in OWN} == of_modules


def test_choices_are_those_of_the_modules() -> None:
    given = {name: spec["choices"] for name, spec in variables().items() if "choices" in spec and name not in OWN}
    assert given == {
        name: spec["choices"] for name, spec in _enforce_arguments.enforce_spec().items() if "choices" in spec
    }


def test_every_variable_reaches_its_option() -> None:
    run = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))[0]
    options = run["aws_baseline.cloudtrail.cloudtrail_kms_run"]
    of_modules = {name: value for name, value in options.items() if name not in OWN}
    assert of_modules == {
        name: f"{{{{ cloudtrail_kms_{name} | default(omit) }}}}" for name in _enforce_arguments.enforce_spec()
    }


def test_an_audit_leaves_aside_what_only_an_enforcement_knows() -> None:
    assert (
        _enforce_arguments.enforce_spec().keys() - _arguments.audit_spec().keys() == cloudtrail_kms_run.ENFORCE_OPTIONS
    )
