# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role gives every option of its modules as a variable of its own, with the same type and the same choices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _audit_arguments, _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._run_options import AUDIT_OPTIONS, ENFORCE_OPTIONS

ENFORCE_SPEC = {**_audit_arguments.audit_spec(), **_enforce_arguments.own_spec()}
ROLE = Path(__file__).parents[2] / "roles" / "cloudtrail_kms"
# What the role itself works with.
OWN = {
    "mode",
    "fail_on",
    "reports",
    "report_dir",
    "report_bucket",
    "report_prefix",
    "cis_version",
    "require_organization_trail",
    "hosts",
    "audits",
    "looked",
}
# What an entry point of the role gives in the place of a variable.
GIVEN = {"create_trail": "__cloudtrail_kms_create_trail | default(cloudtrail_kms_create_trail)"}
# What it gives to an option by itself.
DERIVED = {"key_is_shared"}


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
    of_modules = {name: shape(spec) for name, spec in ENFORCE_SPEC.items() if name not in DERIVED}
    assert {name: shape(spec) for name, spec in variables().items() if name not in OWN} == of_modules


def test_choices_are_those_of_the_modules() -> None:
    given = {name: spec["choices"] for name, spec in variables().items() if "choices" in spec and name not in OWN}
    assert given == {name: spec["choices"] for name, spec in ENFORCE_SPEC.items() if "choices" in spec}


def test_every_variable_reaches_its_option() -> None:
    options = options_of("run.yml")
    of_modules = {name: value for name, value in options.items() if name not in OWN | DERIVED}
    assert of_modules == {name: variable(name) for name in ENFORCE_SPEC if name not in DERIVED}


def test_a_look_is_given_what_an_audit_is_judged_by_and_what_makes_it_idle() -> None:
    """No more, so that what is wrong for the host that looks is no matter of the others."""
    options = options_of("together.yml")
    assert (options.pop("mode"), options.pop("hosts")) == ("look", "{{ ansible_play_batch }}")
    given = {*_audit_arguments.audit_spec(), "key_id", "create_trail", "replace_compliant_key", "restore"}
    assert options == {name: f"{{{{ cloudtrail_kms_{name} | default(omit) }}}}" for name in given}


def test_every_variable_of_a_shared_key_reaches_its_option() -> None:
    options = options_of("shared_key.yml")
    assert (options.pop("mode"), options.pop("assume_role")) == ("share", "{{ cloudtrail_kms_key_assume_role }}")
    given = _enforce_arguments.central_key_spec().keys() - {"assume_role", "trails", "readers", "key_id"}
    assert options == {name: variable(name) for name in given}


def options_of(tasks: str) -> dict[str, Any]:
    """The options that the first task of a file gives to the action."""
    run = yaml.safe_load((ROLE / "tasks" / tasks).read_text(encoding="utf-8"))[0]
    options: dict[str, Any] = run["aws_baseline.cloudtrail.cloudtrail_kms_run"]
    return options


def variable(name: str) -> str:
    """An option's variable, as the tasks give it."""
    return f"{{{{ {GIVEN.get(name, f'cloudtrail_kms_{name}')} | default(omit) }}}}"


def test_an_audit_leaves_aside_what_only_an_enforcement_knows() -> None:
    assert _enforce_arguments.own_spec().keys() == ENFORCE_OPTIONS
    assert _audit_arguments.audit_spec().keys() == AUDIT_OPTIONS


def test_no_playbook_ends_green_where_it_has_no_host() -> None:
    found = ROLE.parents[1].glob("playbooks/*.yml")
    books = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in found}
    of_hosts = {name: book for name, book in books.items() if "cloudtrail_kms_hosts" in book[-1]["hosts"]}
    assert of_hosts.keys() - {"hosts"} == {"audit", "enforce", "provision_account", "restore"}
    for name in of_hosts.keys() - {"hosts"}:
        assert of_hosts[name][0]["ansible.builtin.import_playbook"] == "hosts.yml", name
