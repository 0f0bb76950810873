# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/other-tools.md shows is run; its Terraform and CloudFormation are parsed, and judged by the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    SERVICE_ACTIONS,
    Outcome,
    decide,
    parse,
    reader_request,
    service_request,
)
from tests.fakeaws.client import FakeAws
from tests.other_tools import blocks_of_terraform, policy_of_terraform, problems_of_cloudformation
from tests.page import blocks
from tests.pages.typed import Page, Typed, typed

PAGE = Page("other-tools.md")
HOME, ACCOUNT = "eu-central-1", "111111111111"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/main"
KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
READER, AUDITOR = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("LogReader", "LogAuditor"))


class Run(NamedTuple):
    """The folder of the page, and its refused enforcement and its playbook as they ran there."""

    folder: Path
    refused: Typed
    playbook: Typed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("tools")
    PAGE.copy(folder)
    with FakeAws.start("reader-missing") as aws:
        (_tagged, refused, playbook) = (typed(aws, command, folder) for command in PAGE.commands)
        yield Run(folder, refused, playbook)


def assert_works(policy: Mapping[str, Any], *readers: str) -> None:
    """CloudTrail may do all that it needs, and the readers decrypt, by the engine."""
    read = parse(json.dumps(policy))
    calls = [service_request(action, trail_arn=TRAIL, key_arn=KEY) for action in SERVICE_ACTIONS]
    calls += [
        reader_request(reader, trail_arn=TRAIL, key_arn=KEY, bucket_region=HOME, object_arn=None) for reader in readers
    ]
    assert {decide(read, call).outcome for call in calls} == {Outcome.ALLOWED}


def test_the_refusal_that_the_page_shows_was_printed(run: Run) -> None:
    (shown,) = PAGE.shown
    assert shown in run.refused.printed
    assert (run.refused.code, run.refused.writes) == (2, [])


def test_what_it_adds_gives_the_auditor_what_it_lacks(run: Run) -> None:
    report = json.loads((run.folder / "cloudtrail-kms.json").read_text(encoding="utf-8"))
    (refusal,) = report["enforcement"]["refusals"]
    (to_add,) = refusal["to_add"]
    assert report["enforcement"]["changes"][0]["to_add"] == [to_add]
    added = policy_of_terraform(blocks_of_terraform(to_add["text"])["aws_iam_policy_document", "key"])
    request = reader_request(AUDITOR, trail_arn=TRAIL, key_arn=KEY, bucket_region=HOME, object_arn=None)
    assert decide(parse(json.dumps(added)), request).outcome is Outcome.ALLOWED
    html = (run.folder / "cloudtrail-kms.html").read_text(encoding="utf-8")
    assert "Add to Terraform:" in html


def test_the_playbook_runs_without_a_call_of_aws(run: Run) -> None:
    assert (run.playbook.code, run.playbook.calls) == (0, []), run.playbook.printed


def test_terraform_takes_a_policy_that_works(run: Run) -> None:
    assert_works(json.loads((run.folder / "key-policy.json").read_text(encoding="utf-8")), READER)
    (code,) = blocks("hcl", "docs/other-tools.md")
    parsed = blocks_of_terraform(code)
    assert parsed["aws_kms_key", "audit"]["policy"] == '${file("${path.module}/key-policy.json")}'
    assert parsed["aws_cloudtrail", "main"]["kms_key_id"] == "${aws_kms_key.audit.arn}"


def test_cloudformation_takes_a_template_with_a_policy_that_works(run: Run) -> None:
    text = (run.folder / "trail.template.yml").read_text(encoding="utf-8")
    assert problems_of_cloudformation(text) == []
    resources = yaml.safe_load(text)["Resources"]
    assert_works(resources["AuditKey"]["Properties"]["KeyPolicy"], READER)
