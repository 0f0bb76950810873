# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ARN that a file of a trail may have: dates, times, unknown ids and unique strings, each in its place."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import (
    ANY_ORGANIZATION,
    Locations,
    example_of,
    folder_of,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._near_miss import failures
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import upload_request
from tests.unit.policy.golden_tables import EVERYTHING, KEY, OWNER

TRAIL = f"arn:aws:cloudtrail:eu-west-1:{OWNER}:trail/main"
AT = datetime(2026, 11, 5, 7, 8, 9, tzinfo=timezone.utc)
# A folder of a user may begin like those of a year.
PREFIX = "2024-logs"


def locations(organization_id: str | None) -> Locations:
    """Those of a trail with digest files."""
    return Locations(
        trail_arn=TRAIL,
        bucket_name="logs",
        bucket_prefix=PREFIX,
        regions=("us-east-1",),
        organization_id=organization_id,
        has_digests=True,
    )


@pytest.mark.parametrize(
    ("organization_id", "folders"),
    [
        (None, [OWNER]),
        ("o-exampleorg1", [f"o-exampleorg1/{OWNER}", "o-exampleorg1/000000000000"]),
        (ANY_ORGANIZATION[0], [f"o-aaaaaaaaaa/{OWNER}", "o-aaaaaaaaaa/000000000000"]),
    ],
)
def test_a_file_is_named_after_its_account_region_and_time(organization_id: str | None, folders: list[str]) -> None:
    """As on the pages "CloudTrail log file name format" and "Finding your CloudTrail digest files"."""
    place = locations(organization_id)
    begin = f"arn:aws:s3:::logs/{PREFIX}/AWSLogs"
    assert [example_of(each.file, AT) for each in place.logs()] == [
        f"{begin}/{folder}/CloudTrail/us-east-1/2026/11/05/"
        f"{folder[-12:]}_CloudTrail_us-east-1_20261105T0708Z_aaaaaaaaaaaaaaaa.json.gz"
        for folder in folders
    ]
    assert [example_of(each.file, AT) for each in place.digests()] == [
        f"{begin}/{folder}/CloudTrail-Digest/us-east-1/2026/11/05/"
        f"{folder[-12:]}_CloudTrail-Digest_us-east-1_main_eu-west-1_20261105T070809Z.json.gz"
        for folder in folders
    ]


def test_the_folder_of_a_file_is_all_before_its_date() -> None:
    (folder,) = locations(None).logs()
    assert folder_of(folder.file) == f"logs/{PREFIX}/AWSLogs/{OWNER}/CloudTrail/us-east-1"
    request = upload_request(locations(None), KEY).at(folder.file)
    elsewhere = {**EVERYTHING, "Resource": "arn:aws:s3:::other/*"}
    (failure,) = failures(parse({"Version": "2012-10-17", "Statement": [elsewhere]}).statements[0], request)
    assert failure.advice == f"add arn:aws:s3:::logs/{folder.path}/* to its Resource"
