# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trail, or the policy of its bucket, is another when the trail is to be moved than when it was judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import (
    EnforceRequest,
    KeyRequest,
    TrailRequest,
)
from tests.unit.enforce.lab import Lab, meanwhile, once_before_the_trail_is_looked_at

HOME = "eu-central-1"
TRAIL = """
description: A trail without a key, and another bucket
buckets: { logs: , others: }
trails: { main: { bucket: logs, multi_region: %s } }
"""
WHEN = ("GetTrailStatus", "CreateKey", "CreateAlias")


def loaded(load: Callable[[str], Lab], folder: Path, *, multi_region: bool) -> Lab:
    """An account with one trail that has no key."""
    scenario = folder / "scenario.yml"
    scenario.write_text(TRAIL % str(multi_region).lower())
    return load(str(scenario))


def with_a_key(load: Callable[[str], Lab], folder: Path) -> tuple[Lab, str]:
    """The same with a key that the trail may use, and the ARN of that key."""
    scenario = folder / "scenario.yml"
    scenario.write_text(TRAIL % "true" + "keys: { given: { alias: alias/given, policy: cloudtrail } }\n")
    lab = load(str(scenario))
    return lab, str(lab.client("kms", HOME).describe_key(KeyId="alias/given")["KeyMetadata"]["Arn"])


def bucket_of(lab: Lab) -> str:
    """The name of the trail's bucket."""
    (trail,) = lab.trails().values()
    return str(trail["S3BucketName"])


def refuse_encrypted_logs_of_a_region(lab: Lab) -> None:
    """Let the bucket refuse logs of us-east-1 that are encrypted under a KMS key."""
    s3, name = lab.client("s3", HOME), bucket_of(lab)
    document = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    document["Statement"].append(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{name}/AWSLogs/111111111111/CloudTrail/us-east-1/*",
            "Condition": {"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
        }
    )
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(document))


def assert_not_moved(lab: Lab) -> None:
    """Nobody moved a trail to a key."""
    assert not [row for row in lab.trails().values() if row.get("KmsKeyId")]
    assert "UpdateTrail" not in lab.writes()


@pytest.mark.parametrize("when", WHEN)
def test_a_trail_that_comes_to_cover_all_regions_is_judged_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
) -> None:
    lab = loaded(load, tmp_path, multi_region=False)
    refuse_encrypted_logs_of_a_region(lab)

    def widen() -> None:
        lab.client("cloudtrail", HOME).update_trail(Name="main", IsMultiRegionTrail=True)
        lab.aws.clear_calls()

    meanwhile(monkeypatch, when, widen)
    outcome = lab.enforce()
    assert_not_moved(lab)
    assert outcome.refusals or outcome.errors


@pytest.mark.parametrize("when", WHEN)
def test_a_bucket_that_comes_to_refuse_its_logs_is_judged_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
) -> None:
    lab = loaded(load, tmp_path, multi_region=True)
    meanwhile(monkeypatch, when, lambda: refuse_encrypted_logs_of_a_region(lab))
    outcome = lab.enforce()
    assert_not_moved(lab)
    assert outcome.refusals or outcome.errors


def test_a_trail_that_delivers_elsewhere_by_then_is_judged_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = loaded(load, tmp_path, multi_region=True)
    before = bucket_of(lab)
    s3 = lab.client("s3", HOME)
    (other,) = {each["Name"] for each in s3.list_buckets()["Buckets"]} - {before}
    policy = s3.get_bucket_policy(Bucket=before)["Policy"].replace(before, other)
    s3.put_bucket_policy(Bucket=other, Policy=policy)
    move = partial(lab.client("cloudtrail", HOME).update_trail, Name="main", S3BucketName=other)
    meanwhile(monkeypatch, "CreateAlias", move)
    outcome = lab.enforce()
    assert any("Somebody else has changed S3BucketName of" in warning for warning in map(str, outcome.warnings))
    assert [row["S3BucketName"] for row in lab.trails().values() if row.get("KmsKeyId")] == [other]


def open_to_everybody(lab: Lab, arn: str) -> None:
    """Let everybody decrypt under the key."""
    kms = lab.client("kms", HOME)
    document = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    document["Statement"].append({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(document))


def test_a_key_that_is_opened_to_everybody_meanwhile_is_judged_again(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab, arn = with_a_key(load, tmp_path)
    meanwhile(monkeypatch, "ListTags", lambda: open_to_everybody(lab, arn))
    strict = Settings(levels={"key_policy_is_scoped": "required"})
    outcome = lab.enforce(request=EnforceRequest(key=None, key_id=arn), settings=strict)
    assert_not_moved(lab)
    assert outcome.refusals or outcome.errors


def test_no_trail_is_created_under_a_key_that_is_opened_to_everybody_meanwhile(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab, arn = with_a_key(load, tmp_path)
    trail = TrailRequest("second", bucket_of(lab), HOME)
    once_before_the_trail_is_looked_at(monkeypatch, lambda: open_to_everybody(lab, arn))
    strict = Settings(levels={"key_policy_is_scoped": "required"})
    request = EnforceRequest(key=None, key_id=arn, create_trail=trail)
    outcome = lab.enforce(request=request, settings=strict)
    assert "CreateTrail" not in lab.writes()
    assert outcome.refusals or outcome.errors


@pytest.mark.parametrize("when", ["ListTags", "CreateAlias"])
def test_a_key_left_behind_that_is_opened_meanwhile_gets_no_trail(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    lab = load("fresh")
    lab.aws.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, message="no", times=-1)
    lab.enforce()
    lab.aws.clear_faults()
    (arn,) = (arn for arn, key in lab.keys(HOME).items() if "aws-baseline:cloudtrail-kms" in key["tags"])
    meanwhile(monkeypatch, when, lambda: open_to_everybody(lab, arn))
    outcome = lab.enforce()
    told = " ".join(map(str, map(str, (*outcome.refusals, *outcome.errors, *outcome.warnings))))
    assert "reaches beyond its account, to everybody" in told


def test_what_is_warned_of_a_key_is_warned_of_a_change_meanwhile(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab, arn = with_a_key(load, tmp_path)
    meanwhile(monkeypatch, "ListTags", lambda: open_to_everybody(lab, arn))
    outcome = lab.enforce(request=EnforceRequest(key=KeyRequest(alias="alias/given")))
    assert any("reaches beyond its account, to everybody" in warning for warning in map(str, outcome.warnings))


def test_a_trail_deleted_meanwhile_is_not_waited_for(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = loaded(load, tmp_path, multi_region=True)
    meanwhile(monkeypatch, "CreateAlias", lambda: lab.client("cloudtrail", HOME).delete_trail(Name="main"))
    outcome = lab.enforce()
    assert "UpdateTrail" not in lab.writes()
    assert any("is not there any more" in warning for warning in map(str, outcome.warnings))
