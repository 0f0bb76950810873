# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An audit as AWX runs it: by ansible-runner, in check mode, its files gone when it ends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import jq
import pytest
import yaml

from tests.awx.page import PAGE, RUN
from tests.fakeaws.client import FakeAws
from tests.page import typed

BUCKET = "audit-reports"
JUDGE = "aws_baseline.cloudtrail.cloudtrail_kms_judge"


class Job(NamedTuple):
    """A job that has ended: its exit code, its events, the calls that it made, and what is in the bucket."""

    code: int
    events: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    stored: dict[str, Any]

    def results(self, action: str) -> list[dict[str, Any]]:
        return [
            event["event_data"]["res"]
            for event in self.events
            if event["event_data"].get("resolved_action") == action and "res" in event["event_data"]
        ]

    @property
    def artifacts(self) -> dict[str, Any]:
        """What AWX keeps of a job beside its events: the data of set_stats."""
        (stats,) = (event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")
        artifacts: dict[str, Any] = stats["artifact_data"]
        return artifacts


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    folder = tmp_path_factory.mktemp("runner")
    with FakeAws.start("mixed") as aws:
        cli(aws, "s3", "mb", f"s3://{BUCKET}")
        aws.clear_calls()
        done = typed(RUN, folder, aws.environment)
        calls = aws.calls()
        events = folder.glob("job/artifacts/audit/job_events/*-*.json")
        read = [json.loads(path.read_text(encoding="utf-8")) for path in events]
        yield Job(done.returncode, sorted(read, key=itemgetter("counter")), calls, stored(aws))


def stored(aws: FakeAws) -> dict[str, Any]:
    """The objects of the bucket by key, as the AWS CLI reads them."""
    listing = json.loads(cli(aws, "s3api", "list-objects-v2", "--bucket", BUCKET))
    keys = [found["Key"] for found in listing["Contents"]]
    return {key: json.loads(cli(aws, "s3", "cp", f"s3://{BUCKET}/{key}", "-")) for key in keys}


def cli(aws: FakeAws, *arguments: str) -> str:
    done = subprocess.run(["aws", *arguments], env=aws.environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def test_a_job_fails_when_the_account_does_and_says_why(job: Job) -> None:
    assert job.code == 2
    (failed,) = (event["event_data"] for event in job.events if event["event"] == "runner_on_failed")
    assert failed["task"] == "Judge"
    assert "4 of 6 trails fail" in failed["res"]["msg"]


def test_the_artifacts_hold_the_summary_and_where_the_reports_lie(job: Job) -> None:
    shown = PAGE.shown("json", '{\n  "cloudtrail_kms_report_files"')
    assert job.artifacts == json.loads(shown)
    assert job.artifacts["cloudtrail_kms_report_objects"]["bucket"] == BUCKET


def test_no_artifact_has_the_name_of_a_variable_of_the_role(job: Job) -> None:
    specs = Path(__file__).parents[2] / "roles" / "cloudtrail_kms" / "meta" / "argument_specs.yml"
    variables = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    assert not job.artifacts.keys() & variables.keys()  # a later node of a workflow would get it as its own


def test_the_report_is_in_the_bucket_and_that_is_the_one_write(job: Job) -> None:
    ((key, report),) = job.stored.items()
    assert key == "cloudtrail-kms/4711/localhost/cloudtrail-kms.json"
    assert report["accounts"][0]["verdict"] == "non_compliant"
    writes = [(call["action"], call["parameters"]["Key"]) for call in job.calls if call["kind"] == "write"]
    assert writes == [("PutObject", key)]


def test_no_event_holds_the_audit_itself(job: Job) -> None:
    assert '"findings":' not in json.dumps([event["event_data"] for event in job.events])


def test_the_accounts_are_counted_as_nodes(job: Job) -> None:
    queries = Path(__file__).parents[2] / "extensions" / "audit" / "event_query.yml"
    query = yaml.safe_load(queries.read_text(encoding="utf-8"))[JUDGE]["query"]
    nodes = [node for result in job.results(JUDGE) for node in jq.compile(query).input_value(result).all()]
    assert nodes == [
        {
            "name": "111111111111",
            "canonical_facts": {"id": "111111111111"},
            "facts": {"infra_type": "PublicCloud", "infra_bucket": "Management", "device_type": "AWSAccount"},
        }
    ]
