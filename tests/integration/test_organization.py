# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks over the accounts of an organization: one sweep, each host by its own account, canaries."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.fakeaws.client import FakeAws

MANAGEMENT, PRODUCTION, STAGING, ARCHIVE, SECURITY, SANDBOX = (f"{digit}" * 12 for digit in range(1, 7))
ALL = [MANAGEMENT, PRODUCTION, STAGING, ARCHIVE, SECURITY, SANDBOX]
SCENARIOS = Path(__file__).parents[1] / "fakeaws" / "scenarios"
INVENTORY = {"plugin": "aws_baseline.cloudtrail.aws_accounts", "external_id": "audit-2026"}


class Played(NamedTuple):
    """A run of ansible-playbook that has ended: its exit code, what it printed, and its calls."""

    code: int
    printed: str
    calls: list[dict[str, Any]]

    def recap(self, count: str) -> set[str]:
        """The hosts that have a count of at least one in the recap."""
        return set(re.findall(rf"^(\S+) +: .*\b{count}=[1-9]", self.printed, re.M))


class Organization:
    """The landing zone, as the security account sees and runs it."""

    def __init__(self, aws: FakeAws, folder: Path) -> None:
        self.aws, self.folder = aws, folder

    def play(
        self,
        playbook: str,
        *arguments: str,
        role: str = "CloudTrailKmsAudit",
        caller: str = SECURITY,
        **variables: Any,
    ) -> Played:
        """Run a playbook over all accounts with the credentials of one."""
        path = self.folder / "organization.aws_accounts.yml"
        path.write_text(yaml.safe_dump({**INVENTORY, "role_name": role}), encoding="utf-8")
        self.aws.clear_calls()
        all_given = {"cloudtrail_kms_hosts": "aws_accounts", **variables}
        given = json.dumps({name: value for name, value in all_given.items() if value is not None})
        command = ["ansible-playbook", "--inventory", str(path), playbook, "--extra-vars", given, *arguments]
        environment = self.aws.environment | self.aws.credentials(caller)
        played = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return Played(played.returncode, played.stdout, self.aws.calls())

    def report(self) -> dict[str, Any]:
        """The JSON report of the last run."""
        content: dict[str, Any] = json.loads((self.folder / "cloudtrail-kms.json").read_text(encoding="utf-8"))
        return content

    @property
    def reporting(self) -> dict[str, Any]:
        return {"cloudtrail_kms_reports": ["json"], "cloudtrail_kms_report_dir": str(self.folder)}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeAws]:
    with FakeAws.start("landing-zone") as aws:
        yield aws


@pytest.fixture
def organization(server: FakeAws, tmp_path: Path) -> Organization:
    server.reset("landing-zone")
    return Organization(server, tmp_path)


def verdicts(report: Mapping[str, Any]) -> dict[str, str]:
    return {account["account_id"]: account["verdict"] for account in report["accounts"]}


AUDIT, ENFORCE = "aws_baseline.cloudtrail.audit", "aws_baseline.cloudtrail.enforce"


def test_an_audit_reads_all_in_one_run_and_reports_before_it_fails(organization: Organization) -> None:
    # Variables of the user's own, of names that an inventory may well use, say nothing of an account.
    users = {"aws_account_id": SANDBOX, "aws_account_state": "CLOSED", "aws_account_name": "mine"}
    played = organization.play(AUDIT, "--check", **organization.reporting, **users)
    assert played.code == 2, played.printed
    report = organization.report()
    # The suspended account is asked nothing.
    assert verdicts(report) == {
        **dict.fromkeys(ALL, "compliant"),
        STAGING: "non_compliant",
        SANDBOX: "not_applicable",
    }
    assert [account["account_name"] for account in report["accounts"]] == [
        "management", "production", "staging", "log-archive", "security", "sandbox",
    ]  # fmt: skip
    assert (played.recap("failed"), played.recap("ok")) == ({STAGING}, {*ALL})  # each is marked
    assert "Account 333333333333 (staging) is non_compliant: 1 of 1 trails fail" in played.printed
    # Nothing that went well looks like a mistake.
    assert "no hosts matched" not in played.printed
    assert "TASK [aws_baseline.cloudtrail.cloudtrail_kms : Audit the trails]" in played.printed
    assert {call["kind"] for call in played.calls} == {"read"}
    asked = Counter(call["parameters"]["RoleArn"] for call in played.calls if call["action"] == "AssumeRole")
    assert asked == {f"arn:aws:iam::{account}:role/CloudTrailKmsAudit": 1 for account in ALL[:4]}
    assert Counter(call["action"] for call in played.calls if call["account"] == PRODUCTION) == {
        "DescribeRegions": 1,
        "DescribeTrails": 17,
        "GetTrailStatus": 1,
        **dict.fromkeys(("DescribeKey", "ListAliases", "GetKeyPolicy", "GetKeyRotationStatus"), 1),
        **dict.fromkeys(("HeadBucket", "GetBucketPolicy", "GetBucketEncryption"), 1),
        "ListDelegatedServicesForAccount": 1,
    }


def test_a_part_of_the_inventory_is_a_part_of_the_report(organization: Organization) -> None:
    hosts = f"{STAGING},{SANDBOX}"
    arguments = ("--limit", hosts, "--tags", "nothing")  # which leaves out no task
    played = organization.play(AUDIT, *arguments, **organization.reporting, cloudtrail_kms_fail_on="never")
    assert played.code == 0, played.printed
    assert verdicts(organization.report()) == {STAGING: "non_compliant", SANDBOX: "not_applicable"}


def test_the_inventory_of_the_role_s_page_is_read(organization: Organization) -> None:
    page = (Path(__file__).parents[2] / "roles" / "cloudtrail_kms" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\n(# accounts.yml\n.*?)^```$", page, re.M | re.S)
    path = organization.folder / "accounts.yml"
    path.write_text(shown, encoding="utf-8")
    played = organization.play(AUDIT, "--inventory", str(path), cloudtrail_kms_hosts="payments,archive")
    assert (played.code, played.recap("ok")) == (0, {"payments", "archive"}), played.printed
    # The owner of the trail's key is not among them, but its credentials are those of the run.
    assert "Accounts  2 compliant" in played.printed


def test_in_batches_every_batch_has_the_whole_report(organization: Organization) -> None:
    playbook = organization.folder / "batches.yml"
    audit = {"name": "aws_baseline.cloudtrail.cloudtrail_kms", "tasks_from": "audit"}
    play = {"hosts": "aws_accounts", "serial": 3, "gather_facts": False, "tasks": [{"import_role": audit}]}
    playbook.write_text(yaml.safe_dump([play]), encoding="utf-8")
    played = organization.play(str(playbook), **organization.reporting, cloudtrail_kms_fail_on="never")
    assert played.code == 0, played.printed
    assert played.recap("ok") == set(ALL)
    assert list(verdicts(organization.report())) == ALL


def test_accounts_that_cannot_be_entered_are_unknown_and_the_rest_is_judged(organization: Organization) -> None:
    played = organization.play(AUDIT, role="Misspelt", **organization.reporting)
    assert played.code == 2
    assert verdicts(organization.report()) == {
        **dict.fromkeys(ALL, "unknown"),
        SECURITY: "unknown",  # its own trail none, that of the organization is not to be seen as its owner does
        SANDBOX: "not_applicable",
    }


@pytest.mark.parametrize(
    ("scenario", "hosts", "limit"),
    [
        ("landing-zone", "nobody", "all"),
        ("landing-zone", "", "all"),
        ("landing-zone", [], "all"),
        ("landing-zone", PRODUCTION, SANDBOX),
        ("landing-zone", PRODUCTION, "@failed"),
        ("no-trails", "aws_accounts", "all"),
    ],
)
def test_no_host_is_no_success(scenario: str, hosts: Any, limit: str, organization: Organization) -> None:
    """Neither a name that the inventory does not have, nor a limit that leaves none, nor an unreadable inventory."""
    organization.aws.reset(scenario)
    account = organization.aws.scenario["account"]
    failed = organization.folder / "failed"
    failed.write_text(f"{SANDBOX}\n{STAGING}\n", encoding="utf-8")
    limit = limit.replace("@failed", f"@{failed}")
    played = organization.play(AUDIT, "--limit", limit, caller=account, cloudtrail_kms_hosts=hosts)
    assert played.code != 0
    assert "so no account would be audited" in " ".join(played.printed.split())
    assert "DescribeTrails" not in {call["action"] for call in played.calls}


def test_a_value_that_a_play_and_its_tasks_see_in_two_ways_is_refused(organization: Organization) -> None:
    folder = organization.folder / "group_vars"
    folder.mkdir()
    (folder / "all.yml").write_text("targets: aws_accounts\n", encoding="utf-8")
    imported = {"import_playbook": AUDIT, "vars": {"cloudtrail_kms_hosts": "{{ targets | default('localhost') }}"}}
    site = organization.folder / "site.yml"
    site.write_text(yaml.safe_dump([imported]), encoding="utf-8")
    played = organization.play(str(site), cloudtrail_kms_fail_on="never", cloudtrail_kms_hosts=None)
    assert played.code != 0
    assert "The play does not see cloudtrail_kms_hosts as its tasks do" in " ".join(played.printed.split())


@pytest.mark.parametrize(
    ("variable", "value", "place"),
    [
        ("cloudtrail_kms_hosts", "aws_accounts", "all"),
        ("cloudtrail_kms_hosts", "aws_accounts", "aws_accounts"),
        ("cloudtrail_kms_serial", 1, "localhost"),
        ("cloudtrail_kms_max_fail_percentage", 0, "all"),
    ],
)
def test_what_the_play_does_not_see_is_no_variable_that_is_not_set(
    variable: str, value: Any, place: str, organization: Organization
) -> None:
    """It would be the account of the caller in place of all, or all accounts at once in place of a canary."""
    folder = organization.folder / ("host_vars" if place == "localhost" else "group_vars")
    folder.mkdir()
    (folder / f"{place}.yml").write_text(yaml.safe_dump({variable: value}), encoding="utf-8")
    given: dict[str, Any] = {"cloudtrail_kms_hosts": None if variable == "cloudtrail_kms_hosts" else "localhost"}
    played = organization.play(ENFORCE, cloudtrail_kms_fail_on="never", **given)
    assert played.code != 0
    assert f"The play does not see {variable}" in " ".join(played.printed.split())
    assert "DescribeTrails" not in {call["action"] for call in played.calls}


def test_an_inventory_that_fails_beside_another_is_no_narrower_run(organization: Organization) -> None:
    failing = organization.folder / "failing.aws_accounts.yml"
    half = {**INVENTORY, "role_name": "x", "strict": True, "compose": {"a": "cloudtrail_kms_account.tags.nothing"}}
    failing.write_text(yaml.safe_dump(half), encoding="utf-8")
    own = organization.folder / "own.yml"
    role = {"import_role": {"name": "aws_baseline.cloudtrail.cloudtrail_kms"}}
    own.write_text(
        yaml.safe_dump([{"hosts": "aws_accounts", "gather_facts": False, "tasks": [role]}]), encoding="utf-8"
    )
    for playbook, chosen in ((ENFORCE, "aws_accounts"), (str(own), None)):
        played = organization.play(playbook, "--inventory", str(failing), cloudtrail_kms_hosts=chosen)
        assert played.code != 0
        assert "failing.aws_accounts.yml could not be read, so its accounts" in " ".join(played.printed.split())
        assert "DescribeTrails" not in {call["action"] for call in played.calls}


def test_a_limit_of_a_file_is_read(organization: Organization) -> None:
    failed = organization.folder / "failed"
    failed.write_text(f"\n {PRODUCTION}\n", encoding="utf-8")
    played = organization.play(AUDIT, "--limit", f"nobody,@{os.path.relpath(failed)}", cloudtrail_kms_fail_on="never")
    assert (played.code, played.recap("ok")) == (0, {PRODUCTION}), played.printed


@pytest.mark.parametrize(
    ("playbook", "arguments"),
    [
        (AUDIT, ("--skip-tags", "always")),
        (AUDIT, ("--start-at-task", "aws_baseline.cloudtrail.cloudtrail_kms : Audit the trails")),
        ("aws_baseline.cloudtrail.join", ("--limit", "aws_accounts")),
        (ENFORCE, ("--extra-vars", '{"cloudtrail_kms_serial": "{{ nobody_set_this }}"}')),
    ],
)
def test_no_task_is_no_success(playbook: str, arguments: tuple[str, ...], organization: Organization) -> None:
    played = organization.play(playbook, *arguments, cloudtrail_kms_audits="cloudtrail-kms.json")
    assert played.code != 0
    assert re.search(r"no account would be audited|is undefined: 'nobody_set_this'", " ".join(played.printed.split()))
    assert "DescribeTrails" not in {call["action"] for call in played.calls}


OWNERS: dict[str, Any] = {
    "cloudtrail_kms_bucket_assume_role": {
        "role_arn": f"arn:aws:iam::{ARCHIVE}:role/CloudTrailKmsEnforce",
        "external_id": "audit-2026",
    }
}


def writes(played: Played) -> list[tuple[str, str]]:
    """The account and the action of every write."""
    return [(call["account"], call["action"]) for call in played.calls if call["kind"] == "write"]


def test_an_enforcement_changes_each_trail_in_its_account_alone_and_the_organizations_once(
    organization: Organization,
) -> None:
    content = yaml.safe_load((SCENARIOS / "landing-zone.yml").read_text(encoding="utf-8"))
    del content["trails"]["organization-trail"]["key"]
    scenario = organization.folder / "keyless.yml"
    scenario.write_text(yaml.safe_dump(content), encoding="utf-8")
    organization.aws.reset(str(scenario))
    given = {"role": "CloudTrailKmsEnforce", **OWNERS, "cloudtrail_kms_fail_on": "non_compliant"}
    played = organization.play(ENFORCE, **given)
    made = writes(played)
    moved = Counter(account for account, action in made if action == "UpdateTrail")
    assert moved == {MANAGEMENT: 1, STAGING: 1}, played.printed
    assert {account for account, _action in made} == {MANAGEMENT, STAGING}
    again = organization.play(ENFORCE, **given)
    assert (again.code, writes(again)) == (0, []), again.printed
    # In a batch of one, too, the others lend what they own: a member has the word of the owner of the trail.
    alone = organization.play(ENFORCE, cloudtrail_kms_serial=1, **given)
    assert (alone.code, writes(alone)) == (0, []), alone.printed


def test_canaries_stop_an_enforcement(organization: Organization) -> None:
    """The first account cannot be judged without the owner of its trail's key: nobody else is touched.

    Check mode has one batch, and shows them all.
    """
    canaries: dict[str, Any] = {"cloudtrail_kms_serial": [1, "100%"], "cloudtrail_kms_max_fail_percentage": 0}
    part = f"{MANAGEMENT}:{PRODUCTION}:{STAGING}"  # without those that would lend what they own
    played = organization.play(ENFORCE, "--limit", part, role="CloudTrailKmsEnforce", **canaries)
    assert (played.code, played.recap("failed")) == (2, {PRODUCTION}), played.printed
    assert {call["account"] for call in played.calls if call["action"] == "DescribeTrails"} == {PRODUCTION}
    planned = organization.play(ENFORCE, "--check", "--limit", part, role="CloudTrailKmsEnforce", **canaries)
    assert planned.recap("ok") == {MANAGEMENT, PRODUCTION, STAGING}, planned.printed
    assert "3 accounts, 3 trails" in planned.printed
