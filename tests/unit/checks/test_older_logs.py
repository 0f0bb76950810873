# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs from before a trail got its key: the finding says since when it has it, and what could be done about them."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import validate_parameters

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._older_logs import commands_for
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Finding, LastChange, Organization
from tests.unit.checks.build import KEY_ARN, TRAIL_ARN, finding, snapshot
from tests.unit.checks.test_proof_rule import HOUR, LOG, OLD, PROOF, UNDER_OTHER, ago
from tests.unit.reports.pages import page, words

DOCS = Path(__file__).parents[3] / "docs" / "older-logs.md"
SET = "By the event history an UpdateTrail set this key at 2026-11-23T11:00:00+00:00."
NOTE = f"{SET} Older logs may be encrypted otherwise."
EVENTS = Settings(proof="events")
OURS = {"owner": "111111111111"}


def found(trail: dict[str, Any] | None = None, **proof: Any) -> Finding:
    """What the rule finds where the trail got its key an hour ago, by the event history."""
    told = replace(PROOF, trail=HOUR, **{"key_since": ago(60), **proof})
    return finding("encryption_is_proven", replace(snapshot(trail, bucket=OURS), proofs={TRAIL_ARN: told}), EVENTS)


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (found(files=(LOG,)), "pass"),
        (found(OLD), "unknown"),
        (found(files=UNDER_OTHER), "fail"),
    ],
)
def test_each_finding_says_since_when_the_trail_has_its_key(one: Finding, status: str) -> None:
    assert (one.status, one.message.endswith(NOTE)) == (status, True)
    assert one.evidence["encrypted_since"] == "2026-11-23T11:00:00+00:00"
    assert one.evidence["older_logs"] == commands_for(
        "logs", "us-east-1", "AWSLogs/111111111111/", KEY_ARN, "2026-11-23T11:00:00+00:00"
    )


def test_where_nobody_knows_nothing_is_said() -> None:
    one = found(key_since=None)
    assert ("Older logs" in one.message, "older_logs" in one.evidence) == (False, False)


@pytest.mark.parametrize("owner", ["222222222222", None])
def test_of_a_key_of_another_account_there_are_no_commands(owner: str | None) -> None:
    read = snapshot(bucket={"owner": owner})
    told = replace(PROOF, trail=LastChange(ago(60), "UpdateTrail"), key_since=ago(60))
    one = finding("encryption_is_proven", replace(read, proofs={TRAIL_ARN: told}), EVENTS)
    assert (NOTE in one.message, "older_logs" in one.evidence) == (True, False)


def test_beside_another_trail_there_are_no_commands() -> None:
    """They would encrypt its logs anew as well, under a key that its readers may not use."""
    read = snapshot(bucket=OURS)
    (main,) = read.trails
    other = replace(main, arn=f"{TRAIL_ARN}-too", name="main-too")
    for beside, has_commands in ((other, False), (replace(other, bucket_prefix="x"), True)):
        told = replace(read, trails=(main, beside), proofs={TRAIL_ARN: replace(PROOF, trail=HOUR, key_since=ago(60))})
        trails = {judged.trail.arn: judged.findings for judged in assess(told, EVENTS).trails}
        (one,) = (each for each in trails[TRAIL_ARN] if each.rule == "encryption_is_proven")
        assert (NOTE in one.message, "older_logs" in one.evidence) == (True, has_commands)


def test_of_an_organization_trail_the_folder_is_that_of_the_organization() -> None:
    told = replace(PROOF, trail=HOUR, key_since=ago(60))
    read = replace(snapshot({"organization_trail": True}, bucket=OURS), proofs={TRAIL_ARN: told})
    assert "older_logs" not in finding("encryption_is_proven", read, EVENTS).evidence
    known = replace(read, organization=Organization("o-a1b2c3d4e5", "111111111111"))
    evidence: Any = finding("encryption_is_proven", known, EVENTS).evidence
    assert "--prefix AWSLogs/o-a1b2c3d4e5/ " in evidence["older_logs"][0]


def test_what_a_prefix_holds_is_quoted_and_what_does_not_show_is_left_out() -> None:
    evidence: Any = found({"bucket_prefix": "a'b $(x)"}).evidence
    assert shlex.split(evidence["older_logs"][0])[7:9] == ["--prefix", "a'b $(x)/AWSLogs/111111111111/"]
    for prefix in ("a\u202eb", "-x", "--endpoint-url=https://here.example", "http://here.example/x", "file:///etc/x"):
        assert "older_logs" not in found({"bucket_prefix": prefix}).evidence


def test_aws_takes_what_the_commands_send() -> None:
    session = Session()
    told = [
        shlex.split(each) for each in commands_for("logs", "us-east-1", "AWSLogs/1/", KEY_ARN, "2026-11-23T11:00:00Z")
    ]

    def sent(service: str, operation: str, command: list[str], **more: Any) -> None:
        named = dict(pairwise(command))
        parameters: dict[str, Any] = {}
        for name, value in named.items():
            if name.startswith("--") and name not in ("--region", "--confirmation-required"):
                field = "".join(part.capitalize() for part in name[2:].split("-"))
                parameters[field] = json.loads(value) if value.startswith("{") else value
        model = session.get_service_model(service).operation_model(operation).input_shape
        assert model is not None
        validate_parameters({**parameters, **more}, model)

    sent("s3", "UpdateObjectEncryption", told[2])
    sent("s3control", "CreateJob", told[4], Priority=1, ClientRequestToken="t", ConfirmationRequired=True)


def test_the_page_shows_the_commands() -> None:
    (block,) = re.findall(r"```text\n(aws s3api list.*?)\n```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    key = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    expected = commands_for(
        "logs-111111111111", "eu-central-1", "AWSLogs/111111111111/", key, "2026-11-23T12:00:00+00:00"
    )
    assert block.replace(" \\\n  ", " ").splitlines() == expected


def test_the_html_report_shows_them_with_the_trail() -> None:
    told = replace(PROOF, trail=HOUR, key_since=ago(60), files=(LOG,))
    text = words(page(facts([assess(replace(snapshot(bucket=OURS), proofs={TRAIL_ARN: told}), EVENTS)])))
    assert "Commands for logs from before the trail got its key" in text
    assert "aws s3control create-job --region us-east-1 --account-id 111111111111" in text
    assert text.count("aws s3control create-job") == 1
