# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs of the workflow as AWX runs them: by ansible-runner, over the accounts of an organization at once."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.awx.configured import ALL
from tests.awx.stub import AwxStub
from tests.fakeaws.client import FakeAws
from tests.slices import plain

BUCKET = ALL["cloudtrail_kms_awx_report_bucket"]
ROLE = {"role_name": "CloudTrailKmsEnforce", "external_id": "audit-2026"}
NAMES = ("management", "production", "staging", "log-archive", "security")
ACCOUNTS = [str(digit) * 12 for digit in range(1, 6)]
FLAWED: dict[str, dict[str, Any]] = {"production": {"policy": "lacking"}, "staging": {"state": "Disabled"}}
SCENARIO = {
    "description": "Five accounts with a trail each: one without a key, two with a key that is of no use, two healthy.",
    "accounts": [{"id": number, "name": name} for number, name in zip(ACCOUNTS, NAMES, strict=True)],
    "organization": {"management": "management", "delegated": {"security": ["cloudtrail.amazonaws.com"]}},
    "roles": {ROLE["role_name"]: {"accounts": [*NAMES], "trusts": ["security"], "external_id": ROLE["external_id"]}},
    "buckets": {f"{name}-logs": {"account": name} for name in NAMES},
    "keys": {f"{name}-key": {"account": name, **FLAWED.get(name, {})} for name in NAMES[1:]},
    "trails": {
        "management-trail": {"account": "management", "bucket": "management-logs"},
        **{f"{name}-trail": {"account": name, "bucket": f"{name}-logs", "key": f"{name}-key"} for name in NAMES[1:]},
    },
}


class Job:
    """A job that has ended: its exit code, output and artifacts, what it wrote, and what it put into the bucket."""

    def __init__(self, code: int, folder: Path, calls: list[dict[str, Any]]) -> None:
        self.code, self._folder = code, folder
        writes = [call for call in calls if call["kind"] == "write"]
        self.writes = [call for call in writes if call["action"] != "PutObject"]
        self.stored = {call["parameters"]["Key"] for call in writes if call["action"] == "PutObject"}

    @property
    def printed(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", (self._folder / "stdout").read_text(encoding="utf-8"))

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        paths = (self._folder / "job_events").glob("*-*.json")
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    @property
    def artifacts(self) -> dict[str, Any]:
        (stats,) = (event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")
        artifacts: dict[str, Any] = stats["artifact_data"]
        return artifacts

    def changes(self, status: str) -> list[tuple[str, ...]]:
        """The account, operation and region of each row of the table that has this status."""
        rows = re.findall(rf"^ *(\d{{12}}) +(\w+) +(\S+) +.* {status}$", self.printed, re.M)
        return sorted(rows)


class Runs:
    """The jobs of one run of the workflow, with what AWX gives to each of them."""

    def __init__(self, awx: AwxStub, aws: FakeAws, folder: Path) -> None:
        self._awx, self._aws, self._folder = awx, aws, folder
        region = {"AWS_REGION": ALL["cloudtrail_kms_awx_region"]}
        self._environment = aws.environment | aws.credentials("5" * 12) | region
        self._hosts = self._updated()
        subprocess.run(["aws", "s3", "mb", f"s3://{BUCKET}"], env=self._environment, check=True, capture_output=True)

    def _updated(self) -> dict[str, Any]:
        """The hosts that the update of the inventory finds, with their variables."""
        path = self._folder / ALL["cloudtrail_kms_awx_accounts"]["enforce_path"]
        path.write_text(yaml.safe_dump({"plugin": "aws_baseline.cloudtrail.aws_accounts", **ROLE}), encoding="utf-8")
        command = ["ansible-inventory", "--inventory", str(path), "--list", "--export"]
        listed = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout
        return {host: plain(variables) for host, variables in json.loads(listed)["_meta"]["hostvars"].items()}

    def job(self, number: int, name: str, artifacts: Mapping[str, Any], *, allow: str = "true") -> Job:
        """Run a job of the template, which gets the artifacts of the jobs before it and the answer to the survey."""
        template = self._awx.named("job_templates")[name]
        private = self._folder / str(number)
        told = {
            **json.loads(template["extra_vars"]),
            **artifacts,
            "awx_job_id": number,
            "awx_job_template_name": name,
            "awx_workflow_job_id": 1,
            "awx_workflow_job_name": "CloudTrail KMS enforce after approval",
            "cloudtrail_kms_allow_enable_key": allow,
        }
        backup = told.get("cloudtrail_kms_backup_path")
        if backup:  # in the container of its execution environment a job has a /tmp of its own
            told["cloudtrail_kms_backup_path"] = str(private / Path(backup).name)
        for path, content in {
            "inventory/hosts.json": {"all": {"hosts": self._hosts}},
            "env/extravars": told,
            "env/envvars": {name: value for name, value in self._environment.items() if name.startswith("AWS_")},
        }.items():
            (private / path).parent.mkdir(parents=True, exist_ok=True)
            (private / path).write_text(json.dumps(content), encoding="utf-8")
        asked = ["--check"] * (template["job_type"] == "check") + ["--diff"] * template["diff_mode"]
        playbook = f"aws_baseline.cloudtrail.{Path(template['playbook']).stem}"
        command = ["ansible-runner", "run", str(private), "--ident", "job", "-p", playbook]
        self._aws.clear_calls()
        done = subprocess.run(
            [*command, f"--cmdline={' '.join(asked)}"], env=self._environment, capture_output=True, check=False
        )
        return Job(done.returncode, private / "artifacts" / "job", self._aws.calls())


class Ended(NamedTuple):
    """A plan with an account that is refused, one without, the run that was approved, and one of the day after."""

    refused: Job
    plan: Job
    run: Job
    again: Job


@pytest.fixture(scope="module")
def jobs(awx: AwxStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "scenario.yml").write_text(yaml.safe_dump(SCENARIO), encoding="utf-8")
    with FakeAws.start(str(folder / "scenario.yml")) as aws:
        runs = Runs(awx, aws, folder)
        refused = runs.job(2, "CloudTrail KMS plan", {}, allow="false")
        plan = runs.job(4, "CloudTrail KMS plan", {})
        run = runs.job(5, "CloudTrail KMS enforce", plan.artifacts)
        yield Ended(refused, plan, run, runs.job(7, "CloudTrail KMS enforce", plan.artifacts))


def test_a_plan_that_is_refused_in_one_account_is_red_and_shows_the_rest(jobs: Ended) -> None:
    assert jobs.refused.code == 2
    assert "REFUSED" in jobs.refused.printed
    assert {account for account, *_change in jobs.refused.changes("planned")} == {*ACCOUNTS[:2]}
    assert not jobs.refused.writes


def test_the_plan_writes_nothing_and_is_one_table_of_all_accounts(jobs: Ended) -> None:
    plan = jobs.plan
    assert plan.code == 0, plan.printed
    assert not plan.writes
    assert plan.printed.count("Changes to ") == 1
    assert {account for account, *_change in plan.changes("planned")} == {*ACCOUNTS[:3]}
    assert plan.artifacts["cloudtrail_kms_summary_accounts"] == len(ACCOUNTS)
    assert plan.artifacts["cloudtrail_kms_report_objects"] == {"bucket": BUCKET, "prefix": "cloudtrail-kms/4"}


def test_the_run_does_what_the_plan_has_shown(jobs: Ended) -> None:
    run = jobs.run
    assert run.code == 0, run.printed
    assert run.changes("applied") == jobs.plan.changes("planned")
    assert len(run.writes) == len(run.changes("applied"))
    assert run.artifacts["cloudtrail_kms_summary_compliant"] == len(ACCOUNTS)
    reports, backup = {"cloudtrail-kms.html", "cloudtrail-kms.json"}, "cloudtrail-kms-backup.json."
    names = {key.rpartition("/")[2] for key in run.stored}
    assert [name.startswith(backup) for name in names - reports] == [True]
    assert names >= reports


def test_all_accounts_are_enforced_by_one_process(jobs: Ended) -> None:
    for job in jobs:
        ended = [event["event_data"] for event in job.events if event["event"].startswith("runner_on_")]
        (run,) = (each for each in ended if each["task_action"].endswith("_run") and "res" in each)
        assert run["host"] == ACCOUNTS[0]


def test_a_second_run_writes_nothing(jobs: Ended) -> None:
    assert jobs.again.code == 0, jobs.again.printed
    assert not jobs.again.writes
