# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that are shown: typed again, each is for what its line says, and for nothing more."""

from __future__ import annotations

import json
import os
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible import constants, context
from ansible.cli.playbook import PlaybookCLI
from ansible.config.manager import ConfigManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._commands import (
    credentials,
    next_command,
    undo,
)
from tests.unit.action.test_enforce_many import ONE, change, enforced

AUDIT = {"args": ("aws_baseline.cloudtrail.audit",)}
ENFORCE: dict[str, Any] = {"args": ("aws_baseline.cloudtrail.enforce",)}
PLAN = {**ENFORCE, "check": True}
GIVEN = {
    "inventory": ("/elsewhere/accounts.yml",),
    "subset": "dev",
    "extra_vars": (
        "cloudtrail_kms_hosts=all",
        "@more.yml",
        '{"cloudtrail_kms_readers": ["a b"]}',
        '{"cloudtrail_kms_wait": true}',
    ),
}
KEPT = " -i /elsewhere/accounts.yml --limit=dev -e cloudtrail_kms_hosts=all -e @more.yml"
WAIT = """ -e '{"cloudtrail_kms_wait": true}'"""
READERS = """ -e '{"cloudtrail_kms_readers": ["a b"]}'"""


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (AUDIT, "ansible-playbook aws_baseline.cloudtrail.enforce --check --diff"),
        ({**AUDIT, **GIVEN}, f"ansible-playbook aws_baseline.cloudtrail.enforce{KEPT}{READERS}{WAIT} --check --diff"),
        ({"args": (f"{AUDIT['args'][0]}.yml",)}, "ansible-playbook aws_baseline.cloudtrail.enforce --check --diff"),
        (
            {**AUDIT, "extra_vars": ("cloudtrail_kms_mode=audit cloudtrail_kms_hosts=all",)},
            "ansible-playbook aws_baseline.cloudtrail.enforce -e cloudtrail_kms_hosts=all --check --diff",
        ),
        ({"args": ("aws_baseline.cloudtrail.awx.audit",)}, ""),
        ({"args": ("site.yml",)}, ""),
        ({"args": ("aws_baseline.cloudtrail.audit", "site.yml")}, ""),
        ({}, ""),
    ],
)
def test_after_an_audit_that_fails_comes_the_plan(arguments: dict[str, Any], command: str) -> None:
    assert next_command(arguments, {"summary": {"non_compliant": 1}}, {}) == command
    assert next_command(arguments, {"summary": {"non_compliant": 0}}, {}) == ""


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (PLAN, "ansible-playbook aws_baseline.cloudtrail.enforce"),
        ({**PLAN, **GIVEN}, f"ansible-playbook aws_baseline.cloudtrail.enforce{KEPT}{READERS}{WAIT}"),
        ({**PLAN, "args": (f"{PLAN['args'][0]}.yaml",)}, "ansible-playbook aws_baseline.cloudtrail.enforce"),
        ({**PLAN, "check": False}, ""),
        (
            {"args": ("aws_baseline.cloudtrail.restore",), "check": True},
            "ansible-playbook aws_baseline.cloudtrail.restore",
        ),
    ],
)
def test_after_a_plan_comes_the_run(arguments: dict[str, Any], command: str) -> None:
    assert next_command(arguments, None, enforced(change(ONE, "planned"))) == command
    backup = "cloudtrail_kms_backup_path=backup.json"
    more = f" -e {backup}" if command and "restore" not in command else ""
    assert next_command(arguments, None, enforced(change(ONE, "planned")), [backup]) == f"{command}{more}"
    assert next_command(arguments, None, enforced(change(ONE, "applied"))) == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("cloudtrail_kms_fail_on=never", ""),
        ("cloudtrail_kms_fail_on=non_compliant", " -e cloudtrail_kms_fail_on=non_compliant"),
        ("cloudtrail_kms_wait=true cloudtrail_kms_fail_on=never", " -e cloudtrail_kms_wait=true"),
        ('{"cloudtrail_kms_fail_on": "never"}', ""),
        (
            '{"cloudtrail_kms_fail_on": "never", "cloudtrail_kms_wait": true}',
            """ -e '{"cloudtrail_kms_wait": true}'""",
        ),
    ],
)
def test_a_run_does_not_stay_green_because_its_plan_did(given: str, kept: str) -> None:
    planned = enforced(change(ONE, "planned"))
    run = next_command({**PLAN, "extra_vars": (given,)}, None, planned)
    assert run == f"ansible-playbook aws_baseline.cloudtrail.enforce{kept}"
    plan = next_command({**AUDIT, "extra_vars": (given,)}, {"summary": {"non_compliant": 1}}, {})
    assert "fail_on" in plan


PLANNED = enforced(change(ONE, "planned"))


def test_what_a_run_needs_replaces_what_was_typed() -> None:
    """Ansible would take the last of two values, and the run refuses them."""
    given, needed = (
        "cloudtrail_kms_allow_enable_key=false cloudtrail_kms_wait=true",
        "cloudtrail_kms_allow_enable_key=true",
    )
    audit = {"summary": {"non_compliant": 1}}
    variables = f"-e cloudtrail_kms_wait=true -e {needed}"
    plan = next_command({**AUDIT, "extra_vars": (given,)}, audit, {}, [needed])
    assert plan == f"ansible-playbook aws_baseline.cloudtrail.enforce {variables} --check --diff"
    run = next_command({**PLAN, "extra_vars": (given,)}, None, PLANNED, [needed])
    assert run == f"ansible-playbook aws_baseline.cloudtrail.enforce {variables}"


def test_a_command_is_for_the_profile_and_the_region_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may stand before the command that was typed; an empty one hides that of the shell."""
    for name, value in (("REGION", "eu-central-1"), ("PROFILE", "it's prod"), ("DEFAULT_PROFILE", "")):
        monkeypatch.setenv(f"AWS_{name}", value)
    typed = """AWS_PROFILE='it'"'"'s prod' AWS_DEFAULT_PROFILE='' AWS_REGION=eu-central-1"""
    run = next_command(PLAN, None, PLANNED)
    assert run == f"{typed} ansible-playbook aws_baseline.cloudtrail.enforce"
    assert undo(ENFORCE, "/srv/b.json").startswith(f"{typed} ansible-playbook aws_baseline.cloudtrail.restore -e ")
    words = next_command({**PLAN, "extra_vars": ("env=prod",)}, None, PLANNED)
    assert words.startswith(f"{typed} aws_baseline.cloudtrail.enforce with the other arguments of this run")
    monkeypatch.setenv("AWS_PROFILE", "a\x1bb")
    assert "they cannot be shown as they are typed" in next_command(PLAN, None, PLANNED)


@pytest.mark.parametrize(
    ("named", "config", "before"),
    [
        ("prod.yml", "inventory = other.yml", "ANSIBLE_INVENTORY=prod.yml "),
        (None, "inventory = prod.yml", "ANSIBLE_CONFIG=prod.cfg "),
        (None, "nocows = true", ""),
    ],
)
def test_a_command_is_for_the_inventory_that_the_environment_names(
    named: str | None, config: str, before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be run for other accounts otherwise; the rest of a configuration says nothing of these."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSIBLE_CONFIG", "prod.cfg")
    if named:
        monkeypatch.setenv("ANSIBLE_INVENTORY", named)
    Path("prod.cfg").write_text(f"[defaults]\n{config}\n", encoding="utf-8")
    configured = ConfigManager().get_config_value("DEFAULT_HOST_LIST")
    monkeypatch.setattr(constants, "DEFAULT_HOST_LIST", configured)
    enforce = "ansible-playbook aws_baseline.cloudtrail.enforce"
    assert next_command({**PLAN, "inventory": tuple(configured)}, None, PLANNED) == f"{before}{enforce}"
    assert next_command({**PLAN, "inventory": ("/typed.yml",)}, None, PLANNED) == f"{enforce} -i /typed.yml"


def test_a_command_keeps_a_configuration_without_an_inventory_where_another_would_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSIBLE_CONFIG", "empty.cfg")
    monkeypatch.setattr(constants, "DEFAULT_HOST_LIST", ["/etc/ansible/hosts"])
    enforce = "ansible-playbook aws_baseline.cloudtrail.enforce"
    assert next_command({**PLAN, "inventory": ("/etc/ansible/hosts",)}, None, PLANNED) == enforce
    Path("ansible.cfg").write_text("[defaults]\ninventory = prod.yml\n", encoding="utf-8")
    told = next_command({**PLAN, "inventory": ("/etc/ansible/hosts",)}, None, PLANNED)
    assert told == f"ANSIBLE_CONFIG=empty.cfg {enforce}"


@pytest.mark.parametrize(
    "name",
    ["ACCESS_KEY_ID", "SESSION_TOKEN", "WEB_IDENTITY_TOKEN_FILE", "CONFIG_FILE", "CONTAINER_CREDENTIALS_FULL_URI"],
)
def test_of_other_credentials_it_is_said_that_they_come_from_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert credentials() == []
    monkeypatch.setenv(f"AWS_{name}", "hunter2")
    assert credentials() == ["          with the AWS credentials of this run, which come from the environment"]
    assert "hunter2" not in next_command(PLAN, None, PLANNED)


def typed_again(command: str) -> dict[str, Any]:
    """Return the variables that Ansible has when a shell has read the command, without the files of variables."""
    words = shlex.split(command)
    texts = [after for word, after in pairwise(words) if word == "-e" and not after.startswith("@")]
    return extra_vars(*texts)


def extra_vars(*texts: str) -> dict[str, Any]:
    """Return the variables of these texts for --extra-vars, read by Ansible itself."""
    before, context.CLIARGS = context.CLIARGS, {"extra_vars": texts}
    try:
        vars(load_extra_vars).pop("extra_vars", None)
        return dict(load_extra_vars(DataLoader()))
    finally:
        vars(load_extra_vars).pop("extra_vars", None)
        context.CLIARGS = before


NAMES = st.sampled_from(
    ["cloudtrail_kms_hosts", "cloudtrail_kms_trails", "cloudtrail_kms_assume_role", "ticket", "env"]
)
WORDS = st.sampled_from(
    ["all", "all:!111111111111", "a b", "it's", 'say "so"', "{{ env }}", "a=b", "::error::", "#", "\\", "é", ""]
)
VALUES = st.one_of(WORDS, st.lists(WORDS, max_size=2), st.dictionaries(WORDS, WORDS, max_size=2), st.booleans())


def as_words(values: dict[str, Any]) -> str:
    """Return a text as a person types it: name=value, in quotes where that is needed."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return " ".join(f"{name}='{text}'" if "'" not in text else f'{name}="{text}"' for name, text in texts.items())


def as_flow(values: dict[str, Any]) -> str:
    """Return a text in YAML that is no JSON."""
    return "{" + ", ".join(f"{name}: {json.dumps(value)}" for name, value in values.items()) + "}"


FORMS = st.sampled_from([json.dumps, as_flow, as_words])


@given(st.lists(st.tuples(FORMS, st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)), min_size=1, max_size=3))
def test_a_command_sets_the_variables_as_they_were_set(parts: list[tuple[Any, dict[str, Any]]]) -> None:
    texts = tuple(form(values) for form, values in parts)
    try:
        known = extra_vars(*texts)
    except Exception:
        return
    arguments = {"args": ("aws_baseline.cloudtrail.enforce",), "check": True, "extra_vars": texts}
    command = next_command(arguments, None, PLANNED)
    if "other arguments of this run" in command:
        assert known.keys() & {"ticket", "env"} or "{{" in str(texts) or "::" in str(texts)
    else:
        assert typed_again(command) == known


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            'cloudtrail_kms_assume_role={"role_arn":"arn:aws:iam::222222222222:role/x"} cloudtrail_kms_fail_on=never',
            {"cloudtrail_kms_assume_role": '{"role_arn":"arn:aws:iam::222222222222:role/x"}'},
        ),
        ("cloudtrail_kms_hosts=all:!1 cloudtrail_kms_fail_on=never", {"cloudtrail_kms_hosts": "all:!1"}),
        ("{cloudtrail_kms_trails: [tracked]} # hunter2", {"cloudtrail_kms_trails": ["tracked"]}),
        (
            "{cloudtrail_kms_since: 2026-12-31, cloudtrail_kms_fail_on: never}",
            {"cloudtrail_kms_since": "2026-12-31"},
        ),
    ],
)
def test_what_narrows_a_plan_narrows_the_run(text: str, kept: dict[str, Any]) -> None:
    assert typed_again(next_command({**PLAN, "extra_vars": (text,)}, None, PLANNED)) == kept


def test_a_run_of_many_is_undone_in_all_of_them() -> None:
    text = "cloudtrail_kms_hosts=all cloudtrail_kms_backup_path=b.json"
    command = undo({**ENFORCE, "extra_vars": (text,)}, f"{os.getcwd()}/b.json")
    assert typed_again(command) == {"cloudtrail_kms_hosts": "all", "cloudtrail_kms_restore": "b.json"}


@pytest.mark.parametrize("name", ["Acme, Inc.json", "prod.json,prod.json", "it's.json", "a b.json"])
def test_the_file_that_undoes_a_run_is_its_backup(name: str) -> None:
    assert typed_again(undo(ENFORCE, f"{os.getcwd()}/{name}")) == {"cloudtrail_kms_restore": [name]}


@pytest.mark.parametrize(("name", "typed"), [("~/b.json", "./~/b.json"), ("$HOME/b.json", ["./$HOME/b.json"])])
def test_a_name_that_a_path_would_expand_stays_a_name(name: str, typed: object) -> None:
    assert typed_again(undo(ENFORCE, f"{os.getcwd()}/{name}")) == {"cloudtrail_kms_restore": typed}


def test_a_directory_that_is_gone_leaves_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert undo(ENFORCE, "/srv/b.json").endswith(" -e cloudtrail_kms_restore=/srv/b.json")


@pytest.mark.parametrize("playbooks", [("site.yml",), ("aws_baseline.cloudtrail.enforce", "site.yml")])
def test_a_run_whose_variables_a_playbook_may_have_set_is_undone_in_words(playbooks: tuple[str, ...]) -> None:
    words = "aws_baseline.cloudtrail.restore, or the role with tasks_from: restore, with the same variables and "
    assert undo({**GIVEN, "args": playbooks}, "/srv/b.json") == f"{words}cloudtrail_kms_restore=/srv/b.json"


def test_words_name_what_a_command_would_leave_out() -> None:
    typed = ("env=prod cloudtrail_kms_fail_on=never", "cloudtrail_kms_readers=x cloudtrail_kms_trails=a,b", "@x.yml")
    words, why = "with the other arguments of this run", "env may be secret"
    assert undo({**ENFORCE, "extra_vars": typed}, "/srv/b.json") == (
        f"aws_baseline.cloudtrail.restore -e cloudtrail_kms_restore=/srv/b.json {words}, without "
        f"cloudtrail_kms_fail_on, cloudtrail_kms_trails: {why}"
    )
    run = next_command({**PLAN, "extra_vars": typed}, None, PLANNED)
    assert run == f"aws_baseline.cloudtrail.enforce {words}, without --check, cloudtrail_kms_fail_on: {why}"
    plan = next_command({**AUDIT, "extra_vars": typed}, {"summary": {"non_compliant": 1}}, {})
    assert plan == f"aws_baseline.cloudtrail.enforce --check --diff {words}: {why}"


def parsed(*words: str) -> dict[str, Any]:
    """Return the arguments as Ansible has them when it runs a plan with these words."""
    cli = PlaybookCLI(["ansible-playbook", *PLAN["args"], "--check", *words])
    cli.init_parser()
    return dict(CLIArgs.from_options(cli.post_process_args(cli.parser.parse_args(cli.args[1:]))))


@pytest.mark.parametrize(
    "words",
    [
        *("--vault-id=dev@prompt", "--vault-password-file=/srv/x", "--ask-vault-pass", "-b", "--become-user=x", "-ux"),
        *("--connection=local", "--private-key=/x", "-M/x", "--tags=x", "--skip-tags=x", "--start-at-task=x", "-k"),
        *("--flush-cache", "--step"),
    ],
)
def test_a_command_after_other_options_is_told_in_words(words: str) -> None:
    assert next_command(parsed(words), None, PLANNED) == (
        "aws_baseline.cloudtrail.enforce with the other arguments of this run, without --check: "
        "some are options beside -i, --limit and -e"
    )


@pytest.mark.parametrize("words", [(), ("-vvv", "--diff", "-f", "3")])
def test_how_much_is_shown_and_how_fast_is_no_other_option(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the configuration says is in force for the next command as well."""
    monkeypatch.setattr(Display(), "verbosity", 0)
    for name, value in (("DEFAULT_BECOME", True), ("TAGS_RUN", ["b", "a"]), ("DEFAULT_PRIVATE_KEY_FILE", "~/x")):
        monkeypatch.setattr(constants, name, value)
        run = next_command(parsed(*words), None, PLANNED)
        assert run == "ansible-playbook aws_baseline.cloudtrail.enforce"


GREEN = "cloudtrail_kms_fail_on: never"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        # Ours, or those of the inventory, may depend on variables of others.
        ({"extra_vars": ("cloudtrail_kms_hosts={{env}} env=prod",)}, "env may be secret"),
        ({"extra_vars": ("cloudtrail_kms_hosts=prod", "env=prod", "{a: 1, 2: 3}")}, "2, a, env may be secret"),
        # Written anew, what Ansible leaves alone would be evaluated.
        ({"extra_vars": (f"{{{GREEN}, cloudtrail_kms_key: {{description: !unsafe '{{{{ 7 }}}}'}}}}",)}, None),
        ({"extra_vars": (f"{{{GREEN}, cloudtrail_kms_since: !!binary aGk=}}",)}, None),
        ({"extra_vars": ("cloudtrail_kms_tags='::error::no'",)}, None),
        ({"subset": "a\x1bb"}, None),
    ],
)
def test_a_command_that_would_not_be_the_same_is_told_in_words(fields: dict[str, Any], why: str | None) -> None:
    words = f"with the other arguments of this run%s: {why or 'they cannot be shown as they are typed'}"
    run = next_command({**PLAN, **fields}, None, PLANNED, ["cloudtrail_kms_backup_path=b.json"])
    added = "aws_baseline.cloudtrail.enforce -e cloudtrail_kms_backup_path=b.json"
    without = ", without --check, cloudtrail_kms_fail_on" if GREEN in str(fields) else ", without --check"
    assert run == f"{added} {words % without}"
    if GREEN not in str(fields):
        plan = next_command({**AUDIT, **fields}, {"summary": {"non_compliant": 1}}, {})
        assert plan == f"aws_baseline.cloudtrail.enforce --check --diff {words % ''}"
