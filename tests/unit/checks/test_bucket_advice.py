# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The advice for an organization trail's bucket, followed to the letter once, leaves a bucket that takes its logs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Finding, Organization, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from tests.unit.checks.build import ACCOUNT, ACL, finding, policy, snapshot
from tests.unit.checks.test_bucket_rule import MANAGEMENT, NOT_TOLD, ORGANIZATION, OWN, allow, deny, where

SERVICE = {"Service": "cloudtrail.amazonaws.com"}
MEMBERS = allow(f"AWSLogs/{OWN.id}/*")
GRANT = re.compile(
    r"dd to the policy of the bucket logs: allow cloudtrail\.amazonaws\.com (\S+) (below|on) (.+?), "
    r"condition aws:SourceArn = (\S+)\.(?: |$)"
)
STRANGE = {"Condition": {"StringEquals": {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/other"}}}
WILD = {"Condition": {"StringEquals": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}}}
ONLY_AES256 = {
    **deny("*"),
    "Principal": "*",
    "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": ["AES256"]}},
}


def judged(statements: list[dict[str, Any]], organization: Organization | ReadError) -> Finding:
    trail = {**ORGANIZATION, "multi_region": True, "log_file_validation": True}
    read = replace(snapshot(trail, bucket={"policy": policy(*statements)}), regions=("eu-west-1", "us-east-1"))
    return finding("bucket_policy_accepts_key", replace(read, organization=organization))


def granted(match: re.Match[str]) -> dict[str, Any]:
    """The statement that a sentence asks for."""
    action, place, what, source = match.groups()
    named = what.replace("ORGANIZATION_ID", OWN.id).split(" and ")
    return {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": action,
        "Resource": [f"arn:aws:s3:::{each}*" for each in named] if place == "below" else named,
        "Condition": {"StringEquals": {"aws:SourceArn": source}},
    }


def corrected(statement: Mapping[str, Any], advice: str) -> dict[str, Any]:
    """A statement with what a sentence says of it, which is one of three kinds."""
    text = json.dumps(statement)
    instead = re.search(r"use (\w+) instead of (\w+)", advice)
    swapped = re.search(r'correct ("\S+") to ("\S+")\.', advice)
    if added := re.search(r'add "(\S+)" to the values of (\S+)\.', advice):
        tests = statement["Condition"]
        more = {
            operator: {
                key: [*([values] if isinstance(values, str) else values), added[1]] for key, values in pair.items()
            }
            for operator, pair in tests.items()
            if added[2] in pair
        }
        return {**statement, "Condition": {**tests, **more}}
    if swapped:
        return dict(json.loads(text.replace(swapped[1], swapped[2])))
    assert instead, advice
    return dict(json.loads(text.replace(f'"{instead[2]}"', f'"{instead[1]}"')))


def followed(statements: list[dict[str, Any]], advice: str, *, correct: bool) -> list[dict[str, Any]]:
    """The policy after the advice; of "correct this, or add that" one of both."""
    either = "Or add" in advice
    kept = [
        corrected(each, advice) if f'n statement "{each.get("Sid")}", ' in advice and (correct or not either) else each
        for each in statements
    ]
    left = advice.replace("Or add to", "") if correct else advice
    return [*kept, *map(granted, GRANT.finditer(left))]


# What no organization's logs come into, whichever it is.
CLOSED = [
    [],
    [ACL],
    [MANAGEMENT],
    [MANAGEMENT, ACL],
    [allow(f"AWSLogs/{OWN.id}/*/CloudTrail/eu-west-1/*"), ACL],
    [{**MEMBERS, **STRANGE}, ACL],
    [{**MEMBERS, **STRANGE}],
    [{**MEMBERS, **WILD}, ACL],
    [{**MEMBERS, "Principal": {"Service": "cloudtrails.amazonaws.com"}}, ACL],
    [{**MEMBERS, "Resource": "arn:aws:s3:::logs"}, ACL],
    [ONLY_AES256, {**MEMBERS, "Resource": "arn:aws:s3:::logs/*"}, ACL],
]
# What those of this one do not come into.
SHUT = [
    [allow(f"AWSLogs/{OWN.id}/{ACCOUNT}/*"), ACL],
    [allow(f"AWSLogs/{OWN.id}/*/CloudTrail/*"), ACL],
    [allow("AWSLogs/o-stranger00/*"), ACL],
    [where({**deny("*"), "Principal": "*"}, "StringNotEquals", "o-stranger00"), MEMBERS, ACL],
]


@pytest.mark.parametrize("correct", [True, False], ids=["corrected", "added"])
@pytest.mark.parametrize(
    ("statements", "told"),
    [*((each, OWN) for each in (*CLOSED, *SHUT)), *((each, NOT_TOLD) for each in CLOSED)],
)
def test_advice_that_is_followed_once_is_enough(
    statements: list[dict[str, Any]], told: Organization | ReadError, *, correct: bool
) -> None:
    """It also lets the organization be read, where what is to be added names it."""
    before = judged(statements, told)
    assert before.status != "pass"
    after = judged(followed(statements, before.remediation, correct=correct), OWN)
    assert after.status == "pass", (before.remediation, after.message)
    named = "ORGANIZATION_ID" in before.remediation
    assert ("Allow the caller organizations:DescribeOrganization" in before.remediation) is named


OPEN = {"StringLike": {"aws:PrincipalType": "x"}}  # AWS documents nothing of this key for CloudTrail


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (allow(f"AWSLogs/{ACCOUNT}/*"), None),
        ({**allow(f"AWSLogs/{ACCOUNT}/*"), "Condition": OPEN}, "may not allow"),
        ({**deny(f"AWSLogs/{ACCOUNT}/*"), "Condition": OPEN}, "does not allow"),
    ],
)
def test_whether_the_spare_folder_is_closed_may_be_open(statement: dict[str, Any], says: str | None) -> None:
    found = judged([MEMBERS, ACL, statement], OWN)
    assert found.status == "pass"
    assert (f"It {says} uploads below AWSLogs/{ACCOUNT}/." in found.message) is (says is not None)
    assert ("uploads below" in found.message) is (says is not None)


def test_nothing_is_said_of_the_spare_folder_where_it_takes_too_long_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    statements, passes = [MEMBERS, ACL, allow(f"AWSLogs/{ACCOUNT}/*")], []
    for steps in range(0, 4_000, 20):
        monkeypatch.setattr(_budget, "STEPS", steps)
        found = judged(statements, OWN)
        assert "uploads below" not in found.message
        passes.append(found.status == "pass")
    assert True in passes
    assert False in passes


def test_an_empty_answer_does_not_say_that_there_is_no_policy() -> None:
    judged = finding("bucket_policy_accepts_key", snapshot(bucket={"policy": ""}))
    assert (judged.status, "JSON" in judged.message) == ("unknown", True)
