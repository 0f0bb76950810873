# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GetTrailStatus: delivery while all is well, when something is in the way, and after it was mended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.unit.fakeaws.lab import HOME, Lab, bucket_name, key_arn, trail_arn


def status(lab: Lab, trail: str = "main", region: str = HOME) -> dict[str, Any]:
    answer: dict[str, Any] = lab.client("cloudtrail", region).get_trail_status(Name=trail)
    return answer


def age(answer: dict[str, Any]) -> timedelta:
    moment: datetime = answer["LatestDeliveryTime"]
    return datetime.now(timezone.utc) - moment


def test_healthy_trail_delivered_just_now(lab: Lab) -> None:
    answer = status(lab)
    assert answer["IsLogging"] is True
    assert age(answer) < timedelta(minutes=1)
    assert answer["LatestDigestDeliveryTime"] == answer["LatestDeliveryTime"]
    assert {"LatestDeliveryError", "LatestDigestDeliveryError", "StopLoggingTime"} & set(answer) == set()


def test_trail_without_validation_has_no_digests(lab: Lab) -> None:
    assert "LatestDigestDeliveryTime" not in status(lab, "plain")


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        ("disabled-key", "KMS.DisabledException"),
        ("pending-deletion", "KMS.KMSInvalidStateException"),
        ("deleted-key", "KMS.NotFoundException"),
        ("wrong-region", "KMS.NotFoundException"),
        ("policy-lacking", "AccessDenied"),
        ("policy-denying", "AccessDenied"),
        ("aws-managed-key", "AccessDenied"),
        ("bucket-denies-kms", "AccessDenied"),
        ("bucket-key-without-decrypt", "AccessDenied"),
        ("delivery-error", "AccessDenied"),
    ],
)
def test_broken_trail_shows_an_error(load: Callable[[str], Lab], scenario: str, error: str) -> None:
    answer = status(load(scenario))
    assert (answer["LatestDeliveryError"], answer["LatestDigestDeliveryError"]) == (error, error)
    assert age(answer) > timedelta(days=2)


def test_broken_trail_may_just_go_silent(load: Callable[[str], Lab]) -> None:
    answer = status(load("disabled-key-silent"))
    assert {"LatestDeliveryError", "LatestDigestDeliveryError"} & set(answer) == set()
    assert age(answer) > timedelta(days=2)


@pytest.mark.parametrize("scenario", ["healthy", "policy-unscoped", "fresh", "reader-missing"])
def test_trail_that_can_deliver_does(load: Callable[[str], Lab], scenario: str) -> None:
    answer = status(load(scenario))
    assert "LatestDeliveryError" not in answer
    assert age(answer) < timedelta(minutes=1)


def test_organization_trail_delivers_to_another_account_under_a_third_accounts_key(load: Callable[[str], Lab]) -> None:
    assert "LatestDeliveryError" not in status(load("organization"), "organization-trail")


def test_delivery_stops_when_the_key_is_disabled_and_goes_on_when_it_is_enabled(lab: Lab) -> None:
    lab.server.set(delivery_interval=0.05)
    before = status(lab)["LatestDeliveryTime"]
    lab.client("kms").disable_key(KeyId=key_arn("trail-key"))
    broken = status(lab)
    assert broken["LatestDeliveryError"] == "KMS.DisabledException"
    time.sleep(0.1)
    assert status(lab)["LatestDeliveryTime"] == broken["LatestDeliveryTime"] >= before
    mended = datetime.now(timezone.utc)
    lab.client("kms").enable_key(KeyId=key_arn("trail-key"))
    time.sleep(0.1)
    assert status(lab)["LatestDeliveryTime"] > mended
    assert "LatestDeliveryError" not in status(lab)


def test_delivery_is_recent_again_only_at_the_next_interval(lab: Lab) -> None:
    lab.server.set(delivery_interval=3600)
    lab.client("kms").disable_key(KeyId=key_arn("trail-key"))
    before = status(lab)["LatestDeliveryTime"]
    lab.client("kms").enable_key(KeyId=key_arn("trail-key"))
    assert status(lab)["LatestDeliveryTime"] == before


def test_bucket_policy_that_is_taken_away_stops_delivery(lab: Lab) -> None:
    arn = f"arn:aws:s3:::{bucket_name('logs')}"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{arn}/*"}
    lab.client("s3").put_bucket_policy(Bucket=bucket_name("logs"), Policy=json.dumps({"Statement": [deny]}))
    assert status(lab)["LatestDeliveryError"] == "AccessDenied"


def change_policy(lab: Lab, change: Callable[[list[Any]], list[Any]]) -> None:
    """Put the policy of the bucket logs back with other statements."""
    client, name = lab.client("s3"), bucket_name("logs")
    statements = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": change(statements)}))


def test_a_bucket_that_hides_its_acl_stops_delivery(lab: Lab) -> None:
    change_policy(lab, lambda statements: [each for each in statements if "GetBucketAcl" not in str(each["Action"])])
    assert (status(lab)["LatestDeliveryError"], status(lab)["LatestDigestDeliveryError"]) == ("AccessDenied",) * 2


@pytest.mark.parametrize(
    ("under_key", "encryption", "errors"),
    [
        (True, "aws:kms", (None, None)),
        (False, "aws:kms", (None, "AccessDenied")),
        (True, "AES256", ("AccessDenied", "AccessDenied")),
        (False, "AES256", ("AccessDenied", None)),
    ],
)
def test_digests_have_an_encryption_of_their_own(
    lab: Lab, *, under_key: bool, encryption: str, errors: tuple[str | None, str | None]
) -> None:
    lab.server.set(digests_under_key=under_key)
    only = {"StringNotEquals": {"s3:x-amz-server-side-encryption": encryption}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Condition": only}
    change_policy(lab, lambda rest: [*rest, {**deny, "Resource": f"arn:aws:s3:::{bucket_name('logs')}/*"}])
    answer = status(lab)
    assert (answer.get("LatestDeliveryError"), answer.get("LatestDigestDeliveryError")) == errors


@pytest.mark.parametrize(
    ("region_account", "error"),
    [("035351147821", None), ("086441151436", "AccessDenied"), ("222222222222", "AccessDenied")],
)
def test_the_older_form_names_the_account_of_the_region(lab: Lab, region_account: str, error: str | None) -> None:
    older = {"Principal": {"AWS": f"arn:aws:iam::{region_account}:root"}, "Condition": {}}
    change_policy(lab, lambda statements: [{**each, **older} for each in statements])
    assert status(lab).get("LatestDeliveryError") == error


def test_bucket_that_is_deleted_stops_delivery(lab: Lab) -> None:
    lab.client("s3").delete_bucket(Bucket=bucket_name("logs"))
    assert status(lab)["LatestDeliveryError"] == "NoSuchBucket"


def test_stopped_trail_shows_when_and_no_error(lab: Lab) -> None:
    client = lab.client("cloudtrail")
    client.stop_logging(Name=trail_arn("main"))
    answer = status(lab)
    assert answer["IsLogging"] is False
    assert answer["StopLoggingTime"] > answer["StartLoggingTime"]
    lab.client("kms").disable_key(KeyId=key_arn("trail-key"))
    assert "LatestDeliveryError" not in status(lab)


def test_fields_that_are_no_longer_in_use_come_as_text(lab: Lab) -> None:
    answer = status(lab)
    delivered = answer["LatestDeliveryTime"].astimezone(timezone.utc)
    assert answer["LatestDeliveryAttemptTime"] == delivered.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (answer["LatestNotificationAttemptTime"], answer["TimeLoggingStopped"]) == ("", "")
