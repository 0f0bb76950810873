# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role on their way into options: whatever type they have, and whatever is wrong with them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible._internal._templating._utils import Omit
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv
from ansible.template import Templar, trust_as_template

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._run_options import variables_of
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import (
    AUDIT_SPEC,
    ENFORCE_SPEC,
    KNOWN,
    PREFIX,
    SPEC,
    VariablesError,
    refuse_unknown,
)
from tests.unit.action.audits import account, audit
from tests.unit.action.running import GREEN, NEVER_ASKED, HostVars, enforcement, facts_of, run_and_ask
from tests.unit.action.test_many_accounts import host

ROOT = Path(__file__).parents[3]
ONE, TWO = "1" * 12, "2" * 12
ROLE = {"role_arn": f"arn:aws:iam::{ONE}:role/Audit", "external_id": "audit-2026"}
EXCEPTION = {"trail": "old", "rules": ["key_is_usable"], "reason": "x", "owner": "me", "expires": "2027-01-31"}
# A value of each variable, as YAML has it.
VALUES: dict[str, Any] = {
    "approved_keys": ["alias/a", "alias/b"],
    "assume_role": ROLE,
    "audits": ["one.json", "two.json"],
    "backup_path": "/backups/b.json",
    "bucket": {"tags": {"team": "audit"}, "lifecycle": {"expiration_days": 30}},
    "bucket_assume_role": ROLE,
    "cis_version": "2.0",
    "closed_regions": "unknown",
    "proof": "events",
    "concurrency": 8,
    "create_trail": {"name": "main", "bucket_name": "logs", "multi_region": False},
    "exceptions": [EXCEPTION],
    "fail_on": "never",
    "expiry_warning_days": 60,
    "key": {"alias": "alias/a", "rotation": False, "rotation_period_in_days": 90},
    "key_assume_role": ROLE,
    "key_id": "alias/a",
    "max_failures": 5,
    "previous": "earlier.json",
    "readers": [f"arn:aws:iam::{ONE}:role/A", f"arn:aws:iam::{ONE}:role/B"],
    "regions": ["us-east-1", "eu-west-1"],
    "report_bucket": "evidence",
    "report_dir": "/reports",
    "report_objects": {"bucket": "evidence", "prefix": "today"},
    "report_prefix": "today",
    "reports": ["html", "json"],
    "table": "short",
    "restore": ["/backups/b.json", "/backups/c.json"],
    "rules": {"key_is_usable": "off"},
    "stale_after_hours": 48,
    "statements": "cis",
    "trails": ["main", "other"],
    "wait_timeout": 60,
    **{name: not spec["default"] for name, spec in SPEC.items() if spec["type"] == "bool"},
}


def texts_of(value: Any) -> list[str]:
    """The value as -e name=value and surveys have it."""
    if isinstance(value, bool):
        return ["true", "True", "yes", "1"] if value else ["false", "False", "no", "0"]
    plain = [",".join(value)] if isinstance(value, list) and isinstance(value[0], str) else []
    return [*plain, value if isinstance(value, str) else json.dumps(value)]


def ask(task_vars: dict[str, Any], told: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """Run the action as the role does, with these variables; return its result, and what it asked its module."""
    known = {"inventory_hostname": "localhost", "hostvars": HostVars(), **task_vars}
    told = facts_of(GREEN) if told is None else told
    templar = Templar(DataLoader(), known)
    return run_and_ask(told, variables=PREFIX, task_vars=known, templar=templar, **arguments)


def options_of(name: str, value: Any, **others: Any) -> dict[str, Any]:
    """What the variable comes to, beside other variables."""
    found: dict[str, Any] = ask({f"{PREFIX}{name}": value, **others}, names=[name])[0]["options"]
    return found


def test_options_that_are_asked_for_by_name_mark_no_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path))
    given = {f"{PREFIX}wait": "no", f"{PREFIX}trails": ["main"]}
    result, asked = ask(given, NEVER_ASKED, names=["key", "wait"])
    told = {"changed": False, "options": {"wait": False}, "check_mode": False}
    assert (result, asked, [*tmp_path.iterdir()]) == (told, [], [])
    assert ask(given, NEVER_ASKED, names=["key"], check_mode=True)[0]["check_mode"]
    with pytest.raises(AnsibleActionFail, match=r"value of names must be one or more of: .* Got no match for: mode"):
        ask(given, NEVER_ASKED, names=["mode"])


@pytest.mark.parametrize("name", sorted(VALUES))
class TestEveryVariable:
    def test_comes_to_the_same_however_it_is_given(self, name: str) -> None:
        expected = {name: VALUES[name]}
        assert options_of(name, VALUES[name]) == expected
        for text in texts_of(VALUES[name]):
            (given,) = parse_kv(f"{PREFIX}{name}='{text}'").values()
            assert options_of(name, given) == expected, text
        assert options_of(name, trust_as_template("{{ mine }}"), mine=VALUES[name]) == expected

    def test_is_not_set_where_it_is_null(self, name: str) -> None:
        for nothing in (None, trust_as_template("{{ none }}"), trust_as_template("{{ missing | default(omit) }}")):
            assert options_of(name, nothing, omit=Omit) == {}

    def test_is_refused_where_it_is_empty(self, name: str) -> None:
        for empty in ("", " "):
            with pytest.raises(AnsibleActionFail, match=f"^The variable {PREFIX}{name} is empty. Give it a value"):
                options_of(name, empty)

    def test_is_refused_where_it_is_undefined(self, name: str) -> None:
        missing, nested = trust_as_template("{{ missing }}"), trust_as_template("{{ {'a': [missing]} }}")
        for value in (missing, nested, [missing], {"a": {"b": missing}}):
            with pytest.raises(AnsibleActionFail, match=f"^The variable {PREFIX}{name} is undefined: 'missing' is und"):
                options_of(name, value)


# What is no value of these types, as YAML and as a survey has it.
WRONG: dict[str, tuple[Any, ...]] = {
    "bool": ("maybe", "2", ["true"], {"a": 1}, 2.5),
    "int": ("many", "1.5", "true", [8], {"a": 1}, 2.5),
    "list": ({"a": 1}, {}),
    "dict": ("x", ["x"], "[1]", 8, True),
}


@pytest.mark.parametrize("name", sorted(name for name in VALUES if SPEC[name]["type"] in WRONG))
def test_a_value_of_another_type_is_refused_by_its_variable(name: str) -> None:
    for wrong in WRONG[SPEC[name]["type"]]:
        with pytest.raises(AnsibleActionFail, match=f"{PREFIX}{name}"):
            options_of(name, wrong)


@pytest.mark.parametrize("name", sorted(name for name in VALUES if "choices" in SPEC[name]))
def test_what_is_no_choice_is_refused_by_its_variable(name: str) -> None:
    for wrong in ("other", ["other"], True, 7):
        with pytest.raises(AnsibleActionFail, match=f"value of {PREFIX}{name} must be one"):
            options_of(name, wrong)


def test_an_exception_with_other_names_is_told_what_it_lacks_and_what_it_has_too_much() -> None:
    mistyped = [{"trail": "a", "rules": ["key_is_usable"], "reason": "r", "approved_by": "me", "until": "2027-01-31"}]
    prefix = f"{PREFIX}exceptions."
    told = (
        f"missing required arguments: {prefix}expires, {prefix}owner. "
        f"unsupported: {prefix}approved_by, {prefix}until. Supported parameters include: {prefix}account, "
    )
    with pytest.raises(AnsibleActionFail, match=re.escape(told)):
        options_of("exceptions", mistyped)


def test_every_variable_is_in_the_table() -> None:
    assert VALUES.keys() == SPEC.keys() - {"mode"}


class TestModes:
    """Each entry point of the role takes the variables that it asks for, in their types, and no others."""

    @pytest.mark.parametrize("mode", ["audit", "enforce", "restore", "join"])
    def test_refuse_what_is_wrong_in_their_own_variables_and_pass_over_others(self, mode: str) -> None:
        told = enforcement() if mode == "enforce" else None
        for name in VALUES:
            wrong = {f"{PREFIX}{name}": trust_as_template("{{ missing }}")}
            if name in variables_of(mode):
                with pytest.raises(AnsibleActionFail, match=f"^The variable {PREFIX}{name} is undefined"):
                    ask(wrong, NEVER_ASKED, mode=mode)
            elif mode not in ("restore", "join"):  # which end for their files
                ask(wrong, told, mode=mode)

    @pytest.mark.parametrize("mode", ["audit", "enforce"])
    def test_give_their_module_what_it_is_to_have(self, mode: str, tmp_path: Path) -> None:
        values = {**VALUES, "report_dir": str(tmp_path)}
        of_another = {"restore", "report_objects", "audits"}
        given = {f"{PREFIX}{name}": texts_of(value)[0] for name, value in values.items() if name not in of_another}
        told = enforcement() if mode == "enforce" else None
        result, asked = ask({**given, "ansible_play_batch": ["one", "two"]}, told, mode=mode)
        assert len(result["reports"]) == 2
        spec = AUDIT_SPEC if mode == "audit" else {**AUDIT_SPEC, **ENFORCE_SPEC}
        expected = {name: values[name] for name in spec if name in values and name != "restore"}
        assert asked[-1][1] == {**expected, **({"backup_play": "play-1"} if mode == "enforce" else {})}

    def test_are_named_by_a_variable_that_the_task_goes_before(self) -> None:
        enforced = {f"{PREFIX}mode": "enforce"}
        assert ask(enforced, enforcement())[1][-1][0].endswith("cloudtrail_kms_enforce")
        assert ask(enforced, mode="audit")[1][-1][0].endswith("cloudtrail_kms_facts")
        with pytest.raises(
            AnsibleActionFail, match="value of cloudtrail_kms_mode must be one of: audit, enforce, got: j"
        ):
            ask({f"{PREFIX}mode": "join"}, NEVER_ASKED)

    def test_to_restore_needs_a_file(self) -> None:
        with pytest.raises(AnsibleActionFail, match="set cloudtrail_kms_restore to the file that a run wrote"):
            ask({f"{PREFIX}restore": None}, NEVER_ASKED, mode="restore")

    def test_take_variables_before_the_defaults_of_their_group(self) -> None:
        """A role for all modules, in module_defaults, is not entered where the host has its own."""
        _result, asked = ask({f"{PREFIX}assume_role": ROLE}, assume_role={"role_arn": "other"}, regions=["us-east-1"])
        assert asked[-1][1] == {"assume_role": ROLE, "regions": ["us-east-1"]}


class TestUnknownVariables:
    """Each was taken for a variable that nobody has set: another account or key was changed than was meant."""

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("reader", "readers"),
            ("trail", "trails"),
            ("rule", "rules"),
            ("assume_role_arn", "assume_role"),
            ("role_arn", None),
            ("role", "assume_role"),
            ("region", "regions"),
            ("awx_regions", "awx_region"),
            ("key_arn", "key"),
            ("kms_key_id", "key_id"),
            ("alias", "key"),
            ("key_alias", "key"),
            ("administrator", "key"),
            ("tags", "create_trail"),
            ("external_id", "key_assume_role"),
            ("object_lock_days", "bucket.object_lock"),
            ("profile", None),
            ("backup", "backup_path"),
            ("allow_enable", "allow_enable_key"),
            ("report_directory", "report_dir"),
            ("backup_play", "backup_path"),
            ("team", None),
        ],
    )
    def test_are_refused_with_the_nearest_real_ones(self, name: str, meant: str | None) -> None:
        tasks: list[dict[str, Any]] = [{"mode": mode} for mode in ("audit", "enforce", "restore", "join")]
        for task in ({"names": ["trails"]}, *tasks):
            with pytest.raises(AnsibleActionFail) as failed:
                ask({f"{PREFIX}{name}": "x"}, NEVER_ASKED, **task)
        told = str(failed.value)
        assert told.startswith(f"Unknown variable {PREFIX}{name}")
        assert told.endswith(" (The prefix cloudtrail_kms_ is reserved.)")
        next_step = rf"did you mean .*\b{PREFIX}{meant}\b" if meant else "did you mean|ansible-doc -t role"
        assert re.search(next_step, told)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("alias", "alias in cloudtrail_kms_key"),
            ("name", "name in cloudtrail_kms_create_trail"),
            ("trail", "cloudtrail_kms_trails or trail in cloudtrail_kms_exceptions or cloudtrail_kms_create_trail"),
            (
                "role_arn",
                "role_arn in cloudtrail_kms_assume_role or role_arn in cloudtrail_kms_key_assume_role or "
                "role_arn in cloudtrail_kms_bucket_assume_role",
            ),
        ],
    )
    def test_are_told_where_they_are_a_suboption(self, name: str, meant: str) -> None:
        with pytest.raises(VariablesError, match=rf"; did you mean {meant}\? \(The prefix"):
            refuse_unknown([PREFIX + name])

    @pytest.mark.parametrize(
        ("option", "name"), [(option, name) for option, spec in SPEC.items() for name in spec.get("options", ())]
    )
    def test_every_suboption_leads_to_its_variable(self, option: str, name: str) -> None:
        for given in {f"{PREFIX}{name}", f"{PREFIX}{option}_{name}"} - KNOWN:
            with pytest.raises(VariablesError, match=rf"\b{name} in {PREFIX}{option}\b"):
                refuse_unknown([given])

    def test_are_refused_where_another_host_of_the_sweep_has_them(self) -> None:
        hosts = HostVars({ONE: host(ONE), TWO: host(TWO, cloudtrail_kms_reader="x")})
        given = {"hostvars": hosts, "inventory_hostname": ONE, **hosts[ONE]}
        with pytest.raises(AnsibleActionFail, match=r"^Unknown variable cloudtrail_kms_reader; did"):
            ask(given, NEVER_ASKED, hosts=[ONE, TWO])

    def test_are_none_of_ours_without_the_prefix(self) -> None:
        ask({"cloudtrail_kmsx": 1, "my_cloudtrail_kms_x": 1, "__cloudtrail_kms_x": 1, "cloudtrail_kms": {}})


class TestHostsOfASweep:
    """What is wrong with the variables of one host fails that host, before the run."""

    def sweep(self, **others: Any) -> Any:
        hosts = HostVars({ONE: host(ONE), TWO: host(TWO, **others)})
        both = audit(account("compliant"), account("compliant", account_id=TWO))
        return ask({"hostvars": hosts, "inventory_hostname": ONE, **hosts[ONE]}, facts_of(both), hosts=[ONE, TWO])

    def test_a_role_that_is_undefined(self) -> None:
        role = {"role_arn": trust_as_template("{{ missing }}")}
        message = "^The variable cloudtrail_kms_assume_role is undefined: 'missing' is undefined"
        with pytest.raises(AnsibleActionFail, match=message):
            self.sweep(cloudtrail_kms_assume_role=role)

    @pytest.mark.parametrize("form", [json.dumps, lambda role: {**role, "session_name": None}], ids=["JSON", "null"])
    def test_a_role_in_another_form(self, form: Any) -> None:
        role = host(TWO)["cloudtrail_kms_assume_role"]
        _result, asked = self.sweep(cloudtrail_kms_assume_role=form(role))
        assert asked[-1][1]["accounts"] == [ONE, TWO]

    def test_a_variable_that_is_null_for_one_of_them_is_not_set(self) -> None:
        assert len(self.sweep(cloudtrail_kms_readers=None)[1]) == 1


def test_the_known_variables_are_those_of_role_playbooks_rulebook_and_documentation() -> None:
    specs = yaml.safe_load((ROOT / "roles/cloudtrail_kms/meta/argument_specs.yml").read_text(encoding="utf-8"))
    of_role = {name for entry in specs["argument_specs"].values() for name in entry["options"]}
    assert of_role == {f"{PREFIX}{name}" for name in SPEC}
    code = [
        *ROOT.glob("playbooks/**/*.yml"),
        *ROOT.glob("roles/**/tasks/*.yml"),
        *ROOT.glob("extensions/eda/rulebooks/*"),
    ]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("roles/**/*.md")]
    used = _names_in(code)
    assert used - KNOWN - _NO_VARIABLES == set()
    assert _names_in(pages) - KNOWN - _NO_VARIABLES == {"cloudtrail_kms_reader"}  # which the README has as unknown
    assert KNOWN - used - _names_in(pages) - of_role == set()


# Modules, filters, the lookup, the rulebook and its filter, which begin with the prefix as well.
_NO_VARIABLES = {
    path.stem
    for place in (
        "plugins/modules",
        "plugins/filter",
        "plugins/lookup",
        "extensions/eda/rulebooks",
        "extensions/eda/plugins/event_filter",
    )
    for path in (ROOT / place).iterdir()
}


def _names_in(files: list[Path]) -> set[str]:
    return {
        name
        for file in files
        for name in re.findall(r"\bcloudtrail_kms_[a-z_0-9]+\b", file.read_text(encoding="utf-8"))
    }
