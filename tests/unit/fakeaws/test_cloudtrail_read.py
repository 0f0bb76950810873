# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail, the reading side: shadow trails, organization trails, absent fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, PARTNER, Lab, bucket_name, key_arn, refused, trail_arn

ELSEWHERE = "eu-west-1"
MANAGEMENT, MEMBER, STAGING, SECURITY = "111111111111", "222222222222", "333333333333", "555555555555"
ORGANIZATION_TRAIL = f"arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/organization-trail"


def names(lab: Lab, region: str = HOME, *, account: str | None = None, **parameters: Any) -> list[str]:
    trails = lab.client("cloudtrail", region, account=account).describe_trails(**parameters)["trailList"]
    return sorted(trail["Name"] for trail in trails)


def test_trail_has_the_fields_of_the_service_model(lab: Lab) -> None:
    (trail,) = lab.client("cloudtrail").describe_trails(trailNameList=["main"])["trailList"]
    assert trail == {
        "Name": "main",
        "S3BucketName": bucket_name("logs"),
        "S3KeyPrefix": "audit",
        "IncludeGlobalServiceEvents": True,
        "IsMultiRegionTrail": True,
        "HomeRegion": HOME,
        "TrailARN": trail_arn("main"),
        "LogFileValidationEnabled": True,
        "KmsKeyId": key_arn("trail-key"),
        "HasCustomEventSelectors": False,
        "HasInsightSelectors": False,
        "IsOrganizationTrail": False,
    }


def test_fields_without_a_value_are_absent(lab: Lab) -> None:
    (trail,) = lab.client("cloudtrail").describe_trails(trailNameList=["plain"])["trailList"]
    absent = {"KmsKeyId", "S3KeyPrefix", "SnsTopicARN", "SnsTopicName", "CloudWatchLogsLogGroupArn"}
    assert absent & set(trail) == set()


def test_shadow_trails_are_shown_by_default_and_left_out_on_request(lab: Lab) -> None:
    assert names(lab) == ["aes", "keyed", "main", "plain"]
    assert names(lab, includeShadowTrails=False) == ["aes", "keyed", "main", "plain"]
    assert names(lab, ELSEWHERE) == ["local", "main", "plain"]
    assert names(lab, ELSEWHERE, includeShadowTrails=False) == ["local"]
    assert names(lab, "us-east-1", includeShadowTrails=False) == []


def test_shadow_trail_names_its_home_region(lab: Lab) -> None:
    trails = lab.client("cloudtrail", ELSEWHERE).describe_trails()["trailList"]
    assert {trail["Name"]: trail["HomeRegion"] for trail in trails} == {"local": ELSEWHERE, "main": HOME, "plain": HOME}


def test_trail_name_list_is_honoured(lab: Lab) -> None:
    assert names(lab, trailNameList=["main", "unknown"]) == ["main"]
    assert names(lab, trailNameList=[trail_arn("plain")]) == ["plain"]


def test_names_match_trails_of_this_region_only_and_arns_all(lab: Lab) -> None:
    assert names(lab, ELSEWHERE, trailNameList=["main"]) == []
    assert names(lab, ELSEWHERE, trailNameList=[trail_arn("main")]) == ["main"]
    assert names(lab, HOME, trailNameList=["local"]) == []
    assert names(lab, HOME, trailNameList=[trail_arn("local")]) == ["local"]
    assert names(lab, account=PARTNER, trailNameList=[trail_arn("main")]) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ab", "InvalidTrailNameException"),
        ("x" * 129, "InvalidTrailNameException"),
        ("-main", "InvalidTrailNameException"),
        ("ma--in", "InvalidTrailNameException"),
        ("my trail", "InvalidTrailNameException"),
        ("192.168.5.4", "InvalidTrailNameException"),
        ("arn:aws:cloudtrail:eu-central-1:1:trail/x", "CloudTrailARNInvalidException"),
        ("arn:aws:s3:::bucket", "CloudTrailARNInvalidException"),
    ],
)
def test_names_that_no_trail_can_have(lab: Lab, name: str, code: str) -> None:
    with refused(code):
        lab.client("cloudtrail").describe_trails(trailNameList=[name])
    with refused(code):
        lab.client("cloudtrail").get_trail_status(Name=name)


def test_get_trail_has_the_home_region(lab: Lab) -> None:
    assert lab.client("cloudtrail").get_trail(Name="main")["Trail"]["HomeRegion"] == HOME
    trail = lab.client("cloudtrail", ELSEWHERE).get_trail(Name=trail_arn("main"))["Trail"]
    assert trail["HomeRegion"] == HOME


def test_trail_that_is_not_there(lab: Lab) -> None:
    message = f"Unknown trail: {trail_arn('main').replace('/main', '/nothing')} for the user: {MANAGEMENT}"
    for call in ("get_trail", "get_trail_status"):
        with refused("TrailNotFoundException", message):
            getattr(lab.client("cloudtrail"), call)(Name="nothing")


def test_list_trails_shows_all_regions(lab: Lab) -> None:
    trails = lab.client("cloudtrail", "us-east-1").list_trails()["Trails"]
    assert {trail["Name"]: trail["HomeRegion"] for trail in trails} == {
        "main": HOME,
        "plain": HOME,
        "aes": HOME,
        "keyed": HOME,
        "local": ELSEWHERE,
        "bare": "eu-north-1",
    }


def test_status_of_a_shadow_trail_needs_its_arn(lab: Lab) -> None:
    client = lab.client("cloudtrail", ELSEWHERE)
    assert client.get_trail_status(Name=trail_arn("main"))["IsLogging"] is True
    with refused("TrailNotFoundException"):
        client.get_trail_status(Name="main")


def test_status_of_a_single_region_trail_is_in_its_region_only(lab: Lab) -> None:
    with refused("TrailNotFoundException"):
        lab.client("cloudtrail").get_trail_status(Name=trail_arn("local"))


@pytest.mark.parametrize("account", [MEMBER, SECURITY], ids=["member", "delegated administrator"])
@pytest.mark.parametrize("region", [HOME, ELSEWHERE])
def test_organization_trail_is_a_shadow_in_other_accounts(
    load: Callable[[str], Lab], account: str, region: str
) -> None:
    lab = load("organization")
    assert names(lab, region, account=account) == ["organization-trail"]
    assert names(lab, region, account=account, includeShadowTrails=False) == []
    (trail,) = lab.client("cloudtrail", region, account=account).describe_trails()["trailList"]
    assert (trail["TrailARN"], trail["HomeRegion"], trail["IsOrganizationTrail"]) == (ORGANIZATION_TRAIL, HOME, True)


def test_organization_trail_is_at_home_in_the_management_account(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    assert names(lab, includeShadowTrails=False) == ["organization-trail"]
    assert names(lab, ELSEWHERE, account=STAGING) == ["organization-trail", "staging-trail"]


def test_status_of_an_organization_trail_needs_its_arn_in_members(load: Callable[[str], Lab]) -> None:
    client = load("organization").client("cloudtrail", account=MEMBER)
    assert client.get_trail_status(Name=ORGANIZATION_TRAIL)["IsLogging"] is True
    with refused("TrailNotFoundException"):
        client.get_trail_status(Name="organization-trail")


def test_list_trails_of_a_member_shows_the_organization_trail(load: Callable[[str], Lab]) -> None:
    trails = load("organization").client("cloudtrail", account=MEMBER).list_trails()["Trails"]
    assert trails == [{"TrailARN": ORGANIZATION_TRAIL, "Name": "organization-trail", "HomeRegion": HOME}]
