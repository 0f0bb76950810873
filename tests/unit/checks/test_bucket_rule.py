# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket policy and the folders of a trail: every one counts, and of ids that nobody told nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Finding, Organization, ReadError
from tests.unit.checks.build import ACCOUNT, denied, finding, policy, service, snapshot

ORGANIZATION = {"organization_trail": True, "multi_region": False}
OWN = Organization("o-abcdefghij", ACCOUNT)
NOT_TOLD = denied("organizations", "DescribeOrganization", "organizations:DescribeOrganization")


def statement(effect: str, folder: str) -> dict[str, Any]:
    """A statement on uploads below a folder of the bucket."""
    resource = f"arn:aws:s3:::logs/{folder}"
    return {**service(f"{effect}Upload", "s3:PutObject"), "Effect": effect, "Resource": resource}


def allow(folder: str) -> dict[str, Any]:
    return statement("Allow", folder)


def deny(folder: str) -> dict[str, Any]:
    return statement("Deny", folder)


EVERYWHERE = allow("*")
# What lets CloudTrail deliver below the trail's own account, beside the organization's folders.
MANAGEMENT = allow(f"AWSLogs/{ACCOUNT}/*")
EXEMPT = 'In statement "DenyUpload", exempt cloudtrail.amazonaws.com.'


def found(
    statements: list[dict[str, Any]],
    organization: Organization | ReadError | None,
    trail: dict[str, Any] | None = None,
) -> Finding:
    """What the rule says of a trail, by default an organization trail."""
    read = snapshot(ORGANIZATION if trail is None else trail, bucket={"policy": policy(*statements)})
    read = replace(read, regions=("eu-west-1", "us-east-1"), organization=organization)
    return finding("bucket_policy_accepts_key", read)


@pytest.mark.parametrize(
    ("trail", "statements", "status", "words"),
    [
        ({}, [allow(f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/*")], "fail", "CloudTrail/eu-west-1"),
        ({}, [EVERYWHERE, deny("*/CloudTrail/eu-*")], "fail", "DenyUpload"),
        ({}, [EVERYWHERE], "pass", "lets CloudTrail"),
        ({"multi_region": False}, [EVERYWHERE, deny("*/CloudTrail/eu-*")], "pass", "lets"),
        ({"bucket_prefix": "trails"}, [allow("trails/AWSLogs/*")], "pass", "lets CloudTrail"),
        ({"bucket_prefix": "trails"}, [allow("AWSLogs/*")], "fail", "logs/trails/AWSLogs/"),
        (ORGANIZATION, [EVERYWHERE], "pass", "lets CloudTrail"),
        (ORGANIZATION, [MANAGEMENT], "fail", "AWSLogs/o-abcdefghij/"),
        (ORGANIZATION, [MANAGEMENT, allow("AWSLogs/o-stranger00/*")], "fail", "AWSLogs/o-abcdefghij/"),
        (ORGANIZATION, [allow("AWSLogs/o-abcdefghij/*")], "fail", f"AWSLogs/{ACCOUNT}/"),
        (ORGANIZATION, [MANAGEMENT, allow("AWSLogs/o-abcdefghij/*")], "pass", "lets CloudTrail"),
        (ORGANIZATION, [EVERYWHERE, deny("AWSLogs/o-stranger00/*")], "pass", "lets CloudTrail"),
        (ORGANIZATION, [EVERYWHERE, deny("*/o-*/*/CloudTrail/*")], "fail", "DenyUpload"),
    ],
)
def test_every_folder_that_the_trail_delivers_to_is_judged(
    trail: dict[str, Any], statements: list[dict[str, Any]], status: str, words: str
) -> None:
    result = found(statements, OWN, trail)
    assert (result.status, words in result.message) == (status, True), result.message


def where(statement: dict[str, Any], operator: str, organization_id: str) -> dict[str, Any]:
    return {**statement, "Condition": {operator: {"aws:SourceOrgID": organization_id}}}


@pytest.mark.parametrize(
    ("statements", "told", "status"),
    [
        ([where(allow("AWSLogs/*/*"), "StringEquals", OWN.id)], OWN, "pass"),
        ([where(allow("AWSLogs/*/*"), "StringEquals", "o-stranger00")], OWN, "fail"),
        ([where(allow("AWSLogs/*/*"), "StringEquals", OWN.id)], NOT_TOLD, "unknown"),
        ([EVERYWHERE, where(deny("*"), "StringNotEqualsIfExists", OWN.id)], OWN, "pass"),
        ([EVERYWHERE, where(deny("*"), "StringNotEqualsIfExists", "o-stranger00")], OWN, "fail"),
        ([EVERYWHERE, where(deny("*"), "StringNotEqualsIfExists", OWN.id)], None, "unknown"),
    ],
)
def test_logs_of_an_organization_trail_come_in_the_name_of_its_organization(
    statements: list[dict[str, Any]], told: Organization | ReadError | None, status: str
) -> None:
    """Landing zones of Control Tower insist on it."""
    result = found(statements, told)
    assert result.status == status
    assert ("DescribeOrganization" in result.remediation) is (told is NOT_TOLD)


@pytest.mark.parametrize(
    ("statements", "remedy"),
    [
        ([MANAGEMENT, allow(f"AWSLogs/o-abcdefghij/{ACCOUNT}/*")], "below AWSLogs/o-abcdefghij/* where"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/1*")], "below AWSLogs/o-abcdefghij/* where"),
        (
            [EVERYWHERE, deny("AWSLogs/o-abcdefghij/222222222222/*")],
            'In statement "DenyUpload", exempt cloudtrail.amazonaws.com.',
        ),
        ([EVERYWHERE, deny("*/0*/CloudTrail/*")], EXEMPT),
    ],
)
def test_members_that_the_policy_names_need_not_be_all(statements: list[dict[str, Any]], remedy: str) -> None:
    result = found(statements, OWN)
    assert result.status == "unknown"
    assert "names accounts of the organization below AWSLogs/o-abcdefghij/." in result.message
    assert remedy in result.remediation
    assert "hangs on which ids stand in arn:aws:s3:::logs/AWSLogs/o-abcdefghij/ACCOUNT_ID/" in str(result.evidence)


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([MANAGEMENT, allow("AWSLogs/o-*")], "pass"),
        ([MANAGEMENT, allow("AWSLogs/o-*/*")], "pass"),
        ([EVERYWHERE], "pass"),
        ([EVERYWHERE, deny("AWSLogs/222222222222/*")], "pass"),
        ([EVERYWHERE, deny("AWSLogs/o-short/*")], "pass"),
        ([MANAGEMENT], "fail"),
        ([allow("AWSLogs/o-*")], "fail"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/CloudTrail/*")], "fail"),
        ([EVERYWHERE, deny("AWSLogs/o-*/*")], "fail"),
        ([MANAGEMENT, *(deny(f"AWSLogs/o-stranger{number:02}/*") for number in range(12))], "fail"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghijklmnop/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/*"), allow("AWSLogs/o-stranger00/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abcdefghij/*"), allow("AWSLogs/o-stranger00/CloudTrail/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-abc*/*")], "unknown"),
        ([MANAGEMENT, allow("AWSLogs/o-??????????/*")], "unknown"),
        ([EVERYWHERE, deny("AWSLogs/o-stranger00/*")], "unknown"),
        ([EVERYWHERE, deny("AWSLogs/o-abcdefghij*")], "unknown"),
        ([EVERYWHERE, deny("AWSLogs/o-abc*/*")], "unknown"),
        ([EVERYWHERE, deny("*abcdefghij*")], "unknown"),
        ([EVERYWHERE, deny("*a/*")], "unknown"),
    ],
)
@pytest.mark.parametrize("organization", [NOT_TOLD, None])
def test_an_organization_that_is_not_told_is_not_taken_from_the_policy(
    organization: ReadError | None, statements: list[dict[str, Any]], status: str
) -> None:
    """Neither is it an obstacle to a policy that accepts any, nor an excuse for one that accepts none."""
    result = found(statements, organization)
    assert result.status == status, result
    words = "was not read" if organization is None else "Allow organizations:DescribeOrganization"
    assert (words in f"{result.message} {result.remediation}") is (status == "unknown")
    assert result.message.isascii()


IDS = st.text("ab0", min_size=10, max_size=12).map("o-{}".format)
FOLDERS = st.text("ab0*?", min_size=1, max_size=13).map("AWSLogs/o-{}/*".format) | IDS.map("AWSLogs/{}/*".format)


@given(
    statements=st.lists(st.builds(statement, st.sampled_from(["Allow", "Deny"]), FOLDERS), max_size=3),
    open_to_all=st.booleans(),
    organization_id=IDS,
)
def test_what_is_said_of_an_unknown_organization_holds_for_every_one(
    statements: list[dict[str, Any]], open_to_all: bool, organization_id: str
) -> None:
    given_statements = [EVERYWHERE if open_to_all else MANAGEMENT, *statements]
    said = found(given_statements, NOT_TOLD).status
    assert said in ("unknown", found(given_statements, Organization(organization_id, ACCOUNT)).status)
