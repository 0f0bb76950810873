# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation shows was really printed, and its examples run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.modules import cloudtrail_kms_facts
from tests.fakeaws.client import FakeAws
from tests.page import ROOT, blocks
from tests.pages import typed

AUDIT = "aws_baseline.cloudtrail.audit"
DENIED: dict[str, Any] = {"code": "AccessDeniedException", "status": 400, "message": "No."}


def timeless(text: str) -> str:
    """The text without what differs from run to run, and without line breaks, which that would move."""
    return " ".join(typed.timeless(text).split())


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


@pytest.fixture(scope="module")
def demonstration() -> str:
    """What the demonstration prints; the report of an earlier one would not do."""
    (ROOT / "build" / "demo" / "cloudtrail-kms.html").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tools.demo"]
    return timeless(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


(TABLE,) = (block for block in blocks("text", "docs/audit.md") if block.startswith("CloudTrail KMS audit"))


def test_the_table_is_the_one_that_the_demonstration_prints(demonstration: str) -> None:
    assert timeless(TABLE) in demonstration


def test_the_demonstration_leaves_a_report_and_says_where(demonstration: str) -> None:
    report = ROOT / "build" / "demo" / "cloudtrail-kms.html"
    result = "Before: 4 of 6 trails failed. After: 6 of 6 are compliant, by 10 changes."
    assert f"{result} The report of what was wrong, for a browser: {report}" in demonstration
    assert "4 of 6 trails break a required rule." in report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def troubles(fake_aws: FakeAws, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What enforcements print that fix, are refused, fail half way, carry on, and leave one account out."""
    fake_aws.reset("mixed")
    printed = [enforced(fake_aws, "--check")]
    allowed = ("-e", "cloudtrail_kms_allow_enable_key=true", "-e", "cloudtrail_kms_wait=true")
    printed += [enforced(fake_aws, *allowed)]  # the demonstration shows this in short
    fake_aws.reset("fresh")
    fake_aws.add_fault("cloudtrail:UpdateTrail", **DENIED)
    printed += [enforced(fake_aws), enforced(fake_aws)]
    folder = tmp_path_factory.mktemp("many")
    typed.Page("landing-zones.md", "One central key").copy(folder)
    (command,) = typed.Page("enforce-many.md").commands
    fake_aws.reset("central-key")
    fake_aws.add_fault("cloudtrail:UpdateTrail", **DENIED)
    return timeless("".join([*printed, typed.typed(fake_aws, command, folder).printed]))


def enforced(aws: FakeAws, *arguments: str) -> str:
    command = ["ansible-playbook", "aws_baseline.cloudtrail.enforce", *arguments]
    return subprocess.run(command, env=aws.environment, capture_output=True, text=True, check=False).stdout


PRINTED = [
    block
    for page in ("enforce.md", "enforce-failures.md", "enforce-many.md")
    for block in blocks("text", f"docs/{page}")
]


@pytest.mark.parametrize("block", PRINTED, ids=lambda block: block.strip().partition("\n")[0])
def test_what_the_page_on_enforcing_shows_was_printed(block: str, demonstration: str, troubles: str) -> None:
    assert timeless(block) in demonstration or timeless(block) in troubles


@pytest.fixture(scope="module")
def provisioned(fake_aws: FakeAws, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the provisioning of an empty account prints, with the page's variables: the plan, and the run."""
    (variables,) = (block for block in blocks("yaml", "docs/provision.md") if block.startswith("# account.yml"))
    account = tmp_path_factory.mktemp("account") / "account.yml"
    account.write_text(variables, encoding="utf-8")
    fake_aws.reset("no-trails")
    command = ["ansible-playbook", "aws_baseline.cloudtrail.provision_account", "--extra-vars", f"@{account}"]
    told = [
        subprocess.run([*command, *check], env=fake_aws.environment, capture_output=True, text=True, check=False).stdout
        for check in (["--check"], [])
    ]
    return timeless("".join(told))


PROOF = typed.Page("proof.md")


@pytest.mark.parametrize("command", PROOF.commands)
def test_what_the_page_on_proof_shows_was_printed(command: str, fake_aws: FakeAws, tmp_path: Path) -> None:
    fake_aws.reset("mixed")
    (shown,) = PROOF.shown
    assert shown in typed.typed(fake_aws, command, tmp_path).printed


PROVISIONED = [block for block in blocks("text", "docs/provision.md") if block.startswith(("Changes", "CloudTrail"))]


@pytest.mark.parametrize("block", PROVISIONED, ids=lambda block: block.partition("\n")[0])
def test_what_the_page_on_provisioning_shows_was_printed(block: str, provisioned: str) -> None:
    assert timeless(block) in provisioned


def run(aws: FakeAws, scenario: str, folder: Path, *arguments: str) -> str:
    """Run ansible-playbook on a scenario, with the profile of the examples; return what it prints."""
    aws.reset(scenario)
    environment = dict(aws.environment)
    keys = [f"{name.lower()} = {environment.pop(name)}" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    profiles = [line for profile in ("default", "profile production-audit") for line in (f"[{profile}]", *keys)]
    (folder / "config").write_text("\n".join(profiles), encoding="utf-8")
    environment["AWS_CONFIG_FILE"] = str(folder / "config")
    command = ["ansible-playbook", *arguments]
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    return played.stdout


def play(content: list[dict[str, Any]], folder: Path) -> str:
    """Write an example as a playbook, tasks in a play of their own; return its path."""
    if "hosts" not in content[0]:
        content = [{"hosts": "localhost", "gather_facts": False, "tasks": content}]
    content[0]["vars"] = {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cloudtrail_kms_fail_on": "never",
    }
    playbook = folder / "example.yml"
    text = re.sub("/srv/reports|/var/lib/audits", str(folder), yaml.safe_dump(content))
    playbook.write_text(text, encoding="utf-8")
    return str(playbook)


PAGES = ("README.md", "roles/cloudtrail_kms/README.md", "docs/audit.md", "docs/reports.md")
PLAYS = [block for page in PAGES for block in blocks("yaml", page) if block.startswith("- name:")]


@pytest.mark.parametrize("example", PLAYS, ids=lambda example: example.partition("\n")[0])
def test_an_example_of_a_page_runs(example: str, fake_aws: FakeAws, tmp_path: Path) -> None:
    run(fake_aws, "healthy", tmp_path, play(yaml.safe_load(example), tmp_path))


def test_the_landing_zone_of_the_page_on_audits_is_compliant(fake_aws: FakeAws, tmp_path: Path) -> None:
    (variables,) = (block for block in blocks("yaml", "docs/audit.md") if block.startswith("# landing-zone.yml"))
    landing_zone = tmp_path / "landing-zone.yml"
    landing_zone.write_text(variables, encoding="utf-8")
    assert "1 compliant" in run(fake_aws, "organization", tmp_path, AUDIT, "--extra-vars", f"@{landing_zone}")


def with_profile(aws: FakeAws, command: str, folder: Path) -> typed.Typed:
    """Type a command where the profile `enforce` has the credentials, and nothing else."""
    keys = [f"{name.lower()} = {value}" for name, value in aws.credentials(aws.scenario["account"]).items()]
    (folder / "config").write_text("\n".join(["[profile enforce]", *keys]), encoding="utf-8")
    alone = f"unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_DEFAULT_REGION; {command}"
    return typed.typed(aws, alone, folder, AWS_CONFIG_FILE=str(folder / "config"))


def test_the_plan_the_run_and_the_restore_of_the_readme_follow_each_other(fake_aws: FakeAws, tmp_path: Path) -> None:
    (variables,) = (block for block in blocks("yaml") if block.startswith("# first.yml"))
    (tmp_path / "first.yml").write_text(variables, encoding="utf-8")
    (commands,) = (block for block in blocks("console") if "@first.yml" in block)
    fake_aws.reset("mixed")
    typed_in = [line.removeprefix("$ ") for line in commands.splitlines()]
    planned, done, back = (with_profile(fake_aws, command, tmp_path) for command in typed_in)
    assert (planned.code, planned.writes) == (0, []), planned.printed
    sentence = "Plan: 4 changes in 1 account; it would be compliant, judged by the trails of this run alone."
    assert f"{sentence} Nothing was changed." in " ".join(planned.printed.split())
    # With a real AWS there is no endpoint to keep.
    endpoint = f" AWS_ENDPOINT_URL={fake_aws.endpoint} ansible-playbook"
    goes_on, goes_back = (each.replace(" ansible-playbook", endpoint) for each in typed_in[1:])
    assert f"Next      {goes_on}\n" in planned.printed
    assert done.code == 0, done.printed
    assert f"Undo      {goes_back}\n" in done.printed.replace(" -e @first.yml", "")
    assert (back.code, back.did("UpdateTrail")) == (0, {"1" * 12}), back.printed
    assert (
        " in 1 account. The account was non_compliant before and still is; that does not fail a restore."
        in " ".join(back.printed.split())
    )
    with_profile(fake_aws, typed_in[1].replace("backup.json", "again.json"), tmp_path)
    (undo,) = re.findall(r"^Undo +(.*)$", done.printed, re.M)
    undone = with_profile(fake_aws, undo, tmp_path)
    assert "-e @first.yml" in undo
    assert (undone.code, undone.did("UpdateTrail")) == (0, {"1" * 12}), undone.printed


def test_the_undo_line_works_where_a_file_of_variables_has_the_backup_path(fake_aws: FakeAws, tmp_path: Path) -> None:
    (variables,) = (block for block in blocks("yaml") if block.startswith("# first.yml"))
    (tmp_path / "first.yml").write_text(f"{variables}cloudtrail_kms_backup_path: backup.json\n", encoding="utf-8")
    fake_aws.reset("mixed")
    done = typed.typed(fake_aws, "ansible-playbook aws_baseline.cloudtrail.enforce -e @first.yml", tmp_path)
    (undo,) = re.findall(r"^Undo +(.*)$", done.printed, re.M)
    undone = typed.typed(fake_aws, undo, tmp_path)
    assert (undone.code, undone.did("UpdateTrail")) == (0, {"1" * 12}), undone.printed


# The first two belong together; the next two read accounts of an organization.
@pytest.mark.parametrize(
    ("scenario", "first", "last"), [("healthy", 0, 2), ("organization", 2, 4), ("healthy", 4, None)]
)
def test_the_examples_of_the_module_run(
    scenario: str, first: int, last: int | None, fake_aws: FakeAws, tmp_path: Path
) -> None:
    tasks = yaml.safe_load(cloudtrail_kms_facts.EXAMPLES)[first:last]
    run(fake_aws, scenario, tmp_path, play(tasks, tmp_path))
