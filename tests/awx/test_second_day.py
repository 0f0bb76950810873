# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs compared with the newest earlier report in the bucket, and the notification that AWX makes of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.awx.page import PAGE, RUN
from tests.awx.test_runner import BUCKET, cli
from tests.fakeaws.client import FakeAws
from tests.page import typed

PREVIOUS = f"s3://{BUCKET}/cloudtrail-kms"


class Job(NamedTuple):
    """A job that has ended: its exit code, its output, its artifacts."""

    code: int
    output: str
    artifacts: dict[str, Any]

    @property
    def comparison(self) -> dict[str, Any]:
        comparison: dict[str, Any] = self.artifacts["cloudtrail_kms_comparison"]
        return comparison


def job(aws: FakeAws, folder: Path, number: int, previous: str = PREVIOUS, *arguments: str) -> Job:
    """Run the command of the page as the job of this number, which is compared and fails for what is new."""
    more = f"-e awx_job_id={number} -e cloudtrail_kms_previous={previous} -e cloudtrail_kms_fail_on=new"
    more = " ".join([more, *arguments])
    command = RUN.replace("-e awx_job_id=4711", more).replace("--ident audit", f"--ident {number}")
    done = typed(command, folder, aws.environment)
    events = [
        json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"job/artifacts/{number}/job_events/*")
    ]
    (stats,) = (event["event_data"] for event in events if event["event"] == "playbook_on_stats")
    return Job(done.returncode, done.stdout, stats["artifact_data"])


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Job]]:
    """One with nothing before it, one with the first before it, and three whose prefix has what serves nobody."""
    folder = tmp_path_factory.mktemp("days")
    (folder / "strange").write_text("{}", encoding="utf-8")
    with FakeAws.start("mixed") as aws:
        cli(aws, "s3", "mb", f"s3://{BUCKET}")
        found = [job(aws, folder, 4711), job(aws, folder, 4712), job(aws, folder, 4713, "s3://of-nobody/here")]
        # S3 shows nothing of an object to those who may not use its key.
        cli(aws, "s3", "cp", str(folder / "strange"), f"{PREVIOUS}/0/cloudtrail-kms.json")
        aws.add_fault("s3:HeadObject", nth=1, code="403", status=403)
        found += [job(aws, folder, 4714), job(aws, folder, 4715, PREVIOUS, "-e __cloudtrail_kms_most_objects=1")]
        yield found


def test_the_newest_earlier_report_is_fetched(jobs: list[Job]) -> None:
    first, second, third, fourth, fifth = jobs
    assert [each.code for each in jobs] == [2, 0, 2, 0, 2]
    assert first.comparison["why"] == f"The previous report {PREVIOUS} is not used: no earlier JSON report lies there."
    assert (second.comparison["why"], second.comparison["new"], second.comparison["still"]) == ("", 0, 6)
    assert third.comparison["why"].startswith("The previous report s3://of-nobody/here is not used: ")
    assert (fourth.comparison["why"], fourth.comparison["still"]) == ("", 6)
    assert " objects lie there, and may be 1. " in fifth.comparison["why"]


def test_the_template_of_the_page_shows_the_sentence(jobs: list[Job]) -> None:
    """AWX renders it so, and tries it so when it is saved (awx/api/serializers.py, NotificationTemplateSerializer)."""
    template = ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(PAGE.shown("jinja", "{{ job"))
    today = datetime.now(timezone.utc).date()
    assert template.render(job={"artifacts": jobs[1].artifacts}).splitlines() == [
        f"No new failures, 5 still failing (oldest since {today}), 1 still unknown",
        "1 accounts do not comply.",
    ]
    assert template.render(job={"artifacts": {}}).splitlines() == ["", "? accounts do not comply."]
