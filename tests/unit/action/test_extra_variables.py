# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong in -e is refused where Ansible takes it in silence: a run would be wider, or narrower, than meant."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts import VariablesError, refuse_extra

OWN = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"import_role": {"name": "aws_baseline.cloudtrail.cloudtrail_kms"}}],
    }
]
WORDS = "-e holds words without =, which set nothing. Write name=value"


def refuse(*texts: str) -> None:
    """Read these texts of -e as Ansible does, and refuse what is wrong."""
    arguments = {"extra_vars": texts}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ansible.context.CLIARGS", arguments)
        patch.setattr(load_extra_vars, "extra_vars", {}, raising=False)
        refuse_extra(arguments, DataLoader())


def play(name: str, *texts: str, **lines: Any) -> tuple[int, str]:
    """Run a playbook, that of one's own with these lines, without an AWS; return its exit code and what it printed."""
    if os.path.isabs(name):
        Path(name).write_text(yaml.safe_dump([{**OWN[0], **lines}]), encoding="utf-8")
    command = ["ansible-playbook", name, *(word for text in texts for word in ("-e", text))]
    environment = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-1"}
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return played.returncode, " ".join((played.stdout + played.stderr).split())


@pytest.mark.parametrize("playbook", ["audit", "restore", "join", "own.yml"])
def test_a_word_without_a_value_is_refused_before_anything_is_read(playbook: str, tmp_path: Path) -> None:
    name = str(tmp_path / playbook) if playbook == "own.yml" else f"aws_baseline.cloudtrail.{playbook}"
    code, printed = play(name, "cloudtrail_kms_trails: first-steps")
    assert code != 0
    assert WORDS in printed


@pytest.mark.parametrize("keyword", ["hosts", "serial", "max_fail_percentage"])
def test_a_play_of_ones_own_that_does_not_take_a_variable_of_the_playbooks_refuses_it(
    keyword: str, tmp_path: Path
) -> None:
    """Hosts that it was to leave out would be written, or all at once in place of a canary."""
    value = {"hosts": "localhost,127.0.0.1", "serial": "1", "max_fail_percentage": "0"}[keyword]
    given, refused = f"cloudtrail_kms_{keyword}={value}", f"cloudtrail_kms_{keyword} is for the playbooks of this coll"
    own = str(tmp_path / "own.yml")
    assert refused in play(own, given)[1]
    taking = {keyword: f"{{{{ cloudtrail_kms_{keyword} }}}}"}
    assert refused not in play(own, given, **taking)[1]
    assert "is for the playbooks" not in play("aws_baseline.cloudtrail.join", given)[1]


@pytest.mark.parametrize(
    "text",
    [
        *("cloudtrail_kms_trails: first-steps", "cloudtrail_kms_hosts = x", "cloudtrail_kms_hosts= x", "hunter2"),
        "cloudtrail_kms_hosts=444444444444, 333333333333",
    ],
)
def test_words_without_a_value_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(VariablesError, match=f"^{WORDS}") as refused:
        refuse("a=1", text)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *("cloudtrial_kms_trails", "cloudtrail_kns_trails", "cloudtrailkms_trails", "cloud_trail_kms_trails"),
        *("cloudtrail-kms-trails", "CLOUDTRAIL_KMS_TRAILS", "_cloudtrail_kms_trails", "'cloudtrail_kms_trails"),
    ],
)
def test_a_misspelt_prefix_is_refused(name: str) -> None:
    with pytest.raises(VariablesError, match=r"no variable of this collection; did you mean cloudtrail_kms_trails\?$"):
        refuse(f'{{"{name}": 1}}')


def test_the_variables_of_others_are_left_alone() -> None:
    for name in ("cloudtrail_s3_bucket", "cloudtrail_aws_regions", "my_cloudtrail_kms_hosts", "cloudtrial_kms_ticket"):
        refuse(f"{name}=1", f"{name}=2")


@pytest.mark.parametrize(
    "texts",
    [
        ("cloudtrail_kms_trails=a", "cloudtrail_kms_trails=b"),
        ("cloudtrail_kms_trails=a cloudtrail_kms_trails=b",),
        ('{"cloudtrail_kms_trails": ["a"]}', "x=1 cloudtrail_kms_trails=b"),
    ],
)
def test_two_values_of_one_variable_are_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(VariablesError, match=r"^-e sets cloudtrail_kms_trails twice, to different values. Set it once"):
        refuse(*texts)


def test_the_same_value_twice_and_one_that_replaces_that_of_a_file_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "vars.yml"
    file.write_text("cloudtrail_kms_trails: c\n", encoding="utf-8")
    refuse("cloudtrail_kms_trails=a", f"@{file}", "cloudtrail_kms_trails=a", "")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("cloudtrail_kms_trial=a", "Unknown variable cloudtrail_kms_trial; did you mean cloudtrail_kms_trails"),
        ("cloudtrail_kms_wait_timeout=soon", "cloudtrail_kms_wait_timeout.*we were unable to convert to int"),
        ("cloudtrail_kms_trails=", "The variable cloudtrail_kms_trails is empty"),
        ('{"cloudtrail_kms_key": {"alais": "alias/a"}}', r"unsupported: cloudtrail_kms_key.alais"),
    ],
)
def test_a_value_that_no_host_can_take_is_refused_once_for_all_hosts(text: str, refused: str) -> None:
    with pytest.raises(VariablesError, match=refused):
        refuse(text)


@pytest.mark.parametrize("value", ["'{{ x }}'", "null"])
def test_what_a_host_may_make_of_a_template_is_left_to_it(value: str) -> None:
    refuse(f"{{'cloudtrail_kms_wait_timeout': {value}, 'cloudtrail_kms_hosts': 'all'}}")


def test_a_value_of_a_vault_is_left_to_the_hosts(tmp_path: Path) -> None:
    """Here it is not decrypted: its type is not known, nor whether it is the same as another."""
    (tmp_path / "password").write_text("pw", encoding="utf-8")
    with_password = ["--vault-password-file", "password"]
    encrypt = ["ansible-vault", "encrypt_string", *with_password, "true"]
    secret = subprocess.run(encrypt, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    value = "!vault " + json.dumps("\n".join(line.strip() for line in secret.splitlines()[1:]))
    options = (f"require_organization_trail: {value}", f"trails: {value}", f"key: {{alias: {value}}}")
    texts = [f"{{cloudtrail_kms_{option}}}" for option in options]
    command = ["ansible-playbook", "aws_baseline.cloudtrail.audit", *with_password]
    command += [word for text in texts for word in ("-e", text)]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert "TASK [aws_baseline.cloudtrail.cloudtrail_kms : Mark the hosts" in printed


def test_equal_values_in_two_forms_are_one() -> None:
    refuse("cloudtrail_kms_trails=a,b", "{'cloudtrail_kms_trails': ['a', 'b']}")
    refuse("cloudtrail_kms_wait=true", "{'cloudtrail_kms_wait': true}")
