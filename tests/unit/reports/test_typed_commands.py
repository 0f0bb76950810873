# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report gives people to type is what an audit would have written: nothing that a shell obeys, no odd ARN."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._older_logs import commands_for
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import FormerKey
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._report_shape import (
    ShapeError,
    check_report,
)
from tests.unit.checks.build import KEY_ARN, TRAIL_ARN, snapshot

SINCE = "2026-11-01T00:00:00+00:00"
FORMER = FormerKey(KEY_ARN, "main", datetime(2026, 11, 1, tzinfo=timezone.utc), "Disabled", None)


OWNER = TRAIL_ARN.split(":")[4]
FOLDER = f"a'b $(x)/AWSLogs/{OWNER}/"
COMMANDS = commands_for("logs", "us-east-1", FOLDER, KEY_ARN, SINCE)
# A shell hands each of these to the CLI as a URL.
JOINED_BY_A_SHELL = ("''http://x", "h'ttp'://x", "'http'://x", "''file:///x", "'h'ttp://x")
OTHER_TRAIL, OTHER_KEY = TRAIL_ARN.replace("main", "other"), KEY_ARN.replace("555", "666")


def report() -> dict[str, Any]:
    """An account with a trail, and a key that a trail had."""
    return facts([assess(replace(snapshot(), former_keys=(FORMER,)), Settings())])


def refused(*, is_refused: bool) -> AbstractContextManager[object]:
    return (
        pytest.raises(ShapeError, match=r"(is not the ARN of a key|is not a command|are not the commands)")
        if is_refused
        else nullcontext()
    )


@pytest.mark.parametrize("arn", ["x", "a:b", "arn:aws:kms:us-east-1", f"{KEY_ARN}; touch here #", KEY_ARN])
def test_a_key_is_named_by_its_arn(arn: str) -> None:
    for change in ("former_keys", "trails"):
        document = report()
        (account,) = document["accounts"]
        account[change][0]["arn" if change == "former_keys" else "kms_key_arn"] = arn
        with refused(is_refused=arn != KEY_ARN):
            check_report(document)


@pytest.mark.parametrize(
    ("commands", "is_refused"),
    [
        (COMMANDS, False),
        (commands_for("logs", "us-east-1", f"AWSLogs/{OWNER}/", KEY_ARN, SINCE), False),
        *(
            (commands_for("logs", "us-east-1", folder, KEY_ARN, SINCE), True)
            for folder in (
                "",
                "AWSLogs/",
                "finance/",
                "AWSLogs/999999999999/",
                "AWSLogs/o-exampleorg1/",
                f"AWSLogs/{OWNER}/../",
                f"xAWSLogs/{OWNER}/",
            )
        ),
        (commands_for("others", "us-east-1", FOLDER, KEY_ARN, SINCE), True),
        (commands_for("logs", "us-east-1", FOLDER, OTHER_KEY, SINCE), True),
        (commands_for("logs", "us-east-1", FOLDER, KEY_ARN, "2027-01-01T00:00:00+00:00"), True),
        (commands_for("logs", "us-east-1", "--profile=x", KEY_ARN, SINCE), True),
        (commands_for("logs", "us-east-1", "http://here.example/a b", KEY_ARN, SINCE), True),
        (commands_for("logs", "us-east-1; touch here", FOLDER, KEY_ARN, SINCE), True),
        *(([COMMANDS[0].replace("--prefix ", f"--prefix {each}"), *COMMANDS[1:]], True) for each in JOINED_BY_A_SHELL),
        ([f"{COMMANDS[0]}; touch here", *COMMANDS[1:]], True),
        ([f"{COMMANDS[0]}'", *COMMANDS[1:]], True),
        ([*COMMANDS, "touch here"], True),
        (["aws s3api put-bucket-policy --bucket logs --policy file://here"], True),
        (COMMANDS[:1], True),
        ([], True),
    ],
)
def test_commands_for_older_logs_are_those_of_this_trail(commands: list[str], is_refused: bool) -> None:
    document = report()
    evidence = document["accounts"][0]["trails"][0]["findings"][0]["evidence"]
    evidence |= {"older_logs": commands, "encrypted_since": SINCE}
    with refused(is_refused=is_refused):
        check_report(document)


@pytest.mark.parametrize(
    ("folder", "is_refused"),
    [
        ("AWSLogs/o-exampleorg1/", False),
        ("before/AWSLogs/o-exampleorg1/", False),
        (f"AWSLogs/{OWNER}/", True),
        ("AWSLogs/o-short/", True),
    ],
)
def test_those_of_an_organization_trail_are_for_the_folder_of_its_organization(folder: str, is_refused: bool) -> None:
    document = report()
    trail = document["accounts"][0]["trails"][0]
    trail["organization_trail"] = True
    commands = commands_for("logs", "us-east-1", folder, KEY_ARN, SINCE)
    trail["findings"][0]["evidence"] |= {"older_logs": commands, "encrypted_since": SINCE}
    with refused(is_refused=is_refused):
        check_report(document)


@pytest.mark.parametrize("bucket", ["file:///etc/passwd", "http://127.0.0.1/x", "--endpoint-url=http://127.0.0.1/x"])
def test_no_bucket_has_the_name_of_what_the_aws_cli_reads(bucket: str) -> None:
    document = report()
    trail = document["accounts"][0]["trails"][0]
    trail["bucket_name"] = bucket
    commands = commands_for(bucket, "us-east-1", FOLDER, KEY_ARN, SINCE)
    trail["findings"][0]["evidence"] |= {"older_logs": commands, "encrypted_since": SINCE}
    with refused(is_refused=True):
        check_report(document)


@pytest.mark.parametrize(
    ("command", "is_refused"),
    [
        (f"aws kms enable-key-rotation --region us-east-1 --key-id {KEY_ARN}", False),
        (f"aws kms enable-key --region us-east-1 --key-id {KEY_ARN} && aws iam create-access-key", True),
        (f"aws kms enable-key-rotation --region eu-west-1 --key-id {KEY_ARN.replace('us-east-1', 'eu-west-1')}", False),
        (f"aws kms enable-key --region us-east-1 --key-id {OTHER_KEY}", True),
        (f"aws cloudtrail start-logging --region us-east-1 --name {OTHER_TRAIL}", True),
        (f"aws cloudtrail update-trail --region us-east-1 --name {TRAIL_ARN} --kms-key-id KEY_ARN", False),
        ("aws cloudtrail update-trail --region us-east-1 --name http://127.0.0.1/x", True),
        ("aws cloudtrail start-logging --region us-east-1 --name file:///etc/passwd", True),
        ("aws kms enable-key --region us-east-1 --key-id http://2130706433:8099/x", True),
        ("aws kms enable-key --region us-east-1 --key-id x", True),
        ("aws cloudtrail update-trail --endpoint-url https://here.example/ --name main", True),
        ("aws iam attach-user-policy --user-name x --policy-arn y", True),
    ],
)
def test_a_finding_has_a_command_of_an_audit(command: str, is_refused: bool) -> None:
    document = report()
    document["accounts"][0]["trails"][0]["findings"][0]["command"] = command
    with refused(is_refused=is_refused):
        check_report(document)
