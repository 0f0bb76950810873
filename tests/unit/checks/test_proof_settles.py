# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS did settles what policies leave open of CloudTrail's own calls, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Finding,
    KeyUse,
    LastChange,
    Snapshot,
    TrailProof,
    TrailStatus,
)
from tests.unit.checks.build import (
    ACCOUNT,
    BUCKET_POLICY,
    DECRYPT,
    DESCRIBE,
    ENCRYPT,
    KEY_ARN,
    ROLE_ARN,
    TRAIL_ARN,
    UNCHANGED,
    denied,
    finding,
    key_policy,
    policy,
    snapshot,
)
from tests.unit.checks.test_proof_rule import EVENTS, HOME, LOG, OF_THE_LOG, OLDER, WEST, ago

DELIVERING = TrailStatus(is_logging=True, latest_delivery_time=ago(5), region="us-east-1")
ONE_REGION = {"multi_region": False, "status": DELIVERING}
OPEN = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
CHANGED = LastChange(ago(10), "PutKeyPolicy")
BY_TIME = {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}


def encrypt_if(condition: Mapping[str, Any]) -> dict[str, str]:
    """A key whose policy lets CloudTrail encrypt under a condition."""
    return key_policy({**ENCRYPT, "Condition": condition}, DESCRIBE, DECRYPT)


def bucket_if(condition: Mapping[str, Any], *more: dict[str, Any]) -> dict[str, str]:
    """A bucket whose policy has a condition on the upload of files."""
    upload, acl = json.loads(BUCKET_POLICY)["Statement"]
    return {"policy": policy({**upload, "Condition": condition}, acl, *more)}


def read(proof: TrailProof | None = UNCHANGED, trail: Mapping[str, Any] | None = None, **facts: Any) -> Snapshot:
    """The account with this proof; the trail is of one Region, and has delivered five minutes ago."""
    seen = snapshot({**ONE_REGION, **(trail or {})}, **facts)
    return replace(seen, proofs={TRAIL_ARN: proof} if proof else {})


def encrypt(seen: Snapshot) -> Finding:
    return finding("key_policy_allows_encrypt", seen, EVENTS)


def accept(seen: Snapshot) -> Finding:
    return finding("bucket_policy_accepts_key", seen, EVENTS)


def test_a_delivery_settles_what_the_key_policy_leaves_open() -> None:
    key = encrypt_if(OPEN)
    assert encrypt(read(None, key=key)).status == "unknown"
    found = encrypt(read(key=key))
    assert found.status == "pass"
    assert "The policy leaves this open, but AWS did it. CloudTrail delivered a log in us-east-1" in found.message
    assert (found.evidence["outcome"], found.evidence["proven_by"]) == ("indeterminate", "delivery")


OLD = replace(DELIVERING, latest_delivery_time=ago(200_000))


def test_so_does_a_use_of_the_key_but_no_log_for_anybody_may_write_one() -> None:
    key = encrypt_if(OPEN)
    assert encrypt(read(UNCHANGED, {"status": OLD}, key=key)).status == "unknown"
    assert encrypt(read(replace(UNCHANGED, last_use=OF_THE_LOG), {"status": OLD}, key=key)).status == "pass"
    west = replace(UNCHANGED, files=(LOG, replace(LOG, folder=WEST)))
    assert encrypt(read(west, {"status": OLD}, key=key)).status == "unknown"


@pytest.mark.parametrize(
    "status",
    [
        replace(DELIVERING, is_logging=False),
        replace(DELIVERING, latest_delivery_error="AccessDenied"),
        denied("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus"),
    ],
)
def test_nothing_is_settled_of_a_trail_that_does_not_deliver(status: Any) -> None:
    proof = replace(UNCHANGED, last_use=OF_THE_LOG, files=(LOG,))
    assert encrypt(read(proof, {"status": status}, key=encrypt_if(OPEN))).status == "unknown"


@pytest.mark.parametrize(
    ("proof", "facts"),
    [
        pytest.param(UNCHANGED, {"key": encrypt_if(OPEN), "bucket": {"bucket_key_enabled": True}}, id="S3 Bucket Key"),
        pytest.param(
            UNCHANGED,
            {"key": encrypt_if(OPEN), "bucket": {"bucket_key_enabled": denied("s3", "GetBucketEncryption", "x")}},
            id="a Bucket Key that is not known",
        ),
        pytest.param(UNCHANGED, {"key": encrypt_if({**OPEN, "Bool": {"aws:CurrentTime": "x"}})}, id="time"),
        pytest.param(
            UNCHANGED, {"key": key_policy({**ENCRYPT, "Condition": OPEN}, {**DESCRIBE, "Condition": BY_TIME})},
            id="time elsewhere in the policy",
        ),
        pytest.param(UNCHANGED, {"key": encrypt_if({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})}, id="network"),
        pytest.param(
            UNCHANGED,
            {"key": encrypt_if({"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::logs/A*/x*"}})},
            id="the name of the file",
        ),
        pytest.param(UNCHANGED, {"key": encrypt_if({"StringEquals": {"aws:ResourceTag/a": "b"}})}, id="tags"),
        pytest.param(
            UNCHANGED, {"key": encrypt_if({"StringEquals": {"kms:ViaService": "${aws:PrincipalTag/a}"}})}, id="variable"
        ),
        pytest.param(replace(UNCHANGED, key=CHANGED), {"key": encrypt_if(OPEN)}, id="changed"),
        pytest.param(replace(UNCHANGED, bucket=denied("x", "y", "z")), {"key": encrypt_if(OPEN)}, id="history denied"),
        pytest.param(
            replace(UNCHANGED, files=(denied("s3", "HeadObject", "s3:GetObject"),)), {"key": encrypt_if(OPEN)},
            id="objects denied",
        ),
    ],
)  # fmt: skip
def test_what_stays_open(proof: TrailProof, facts: dict[str, Any]) -> None:
    assert encrypt(read(None, **facts)).status == "unknown"
    assert encrypt(read(proof, **facts)).status == "unknown"


def test_decrypt_and_describe_are_not_settled_by_a_delivery() -> None:
    condition = {"Condition": OPEN}
    seen = read(key=key_policy(ENCRYPT, {**DESCRIBE, **condition}, {**DECRYPT, **condition}))
    for rule in ("key_policy_allows_describe", "key_policy_allows_decrypt"):
        assert finding(rule, seen, EVENTS).status == "unknown"


OPEN_UPLOAD = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"}}


def test_a_delivery_settles_what_the_bucket_policy_leaves_open_of_its_folder() -> None:
    bucket = bucket_if(OPEN_UPLOAD)
    assert accept(read(None, bucket=bucket)).status == "unknown"
    assert accept(read(bucket=bucket)).status == "pass"
    assert accept(read(replace(UNCHANGED, last_use=OF_THE_LOG), {"status": OLD}, bucket=bucket)).status == "unknown"
    two = {"multi_region": True}
    both = replace(read(trail=two, bucket=bucket), regions=("us-east-1", "us-west-2"))
    assert accept(both).status == "unknown"
    logs = (LOG, replace(LOG, folder=WEST, name="west"))
    seen = {TRAIL_ARN: replace(UNCHANGED, files=logs)}
    assert accept(replace(both, proofs=seen)).status == "unknown"


@pytest.mark.parametrize(
    ("digest", "status"),
    [
        ({"latest_digest_delivery_time": ago(30)}, "pass"),
        ({}, "unknown"),
        ({"latest_digest_delivery_time": ago(30), "latest_digest_delivery_error": "AccessDenied"}, "unknown"),
        ({"latest_digest_delivery_time": ago(50)}, "unknown"),
    ],
)
def test_digests_are_settled_by_the_delivery_of_a_digest(digest: dict[str, Any], status: str) -> None:
    trail = {"log_file_validation": True, "status": replace(DELIVERING, **digest)}
    proof = replace(UNCHANGED, bucket=LastChange(ago(60), "PutBucketPolicy"))
    assert accept(read(proof, trail, bucket=bucket_if(OPEN_UPLOAD))).status == status


@pytest.mark.parametrize("condition", [BY_TIME | OPEN_UPLOAD, {"StringEquals": {"s3:prefix": "x"}}])
def test_buckets_that_stay_open(condition: Mapping[str, Any]) -> None:
    assert accept(read(bucket=bucket_if(condition))).status == accept(read(None, bucket=bucket_if(condition))).status


CONDITIONS = st.sampled_from(
    [
        {},
        OPEN,
        BY_TIME,
        {"StringEquals": {"aws:SourceArn": TRAIL_ARN}},
        {"StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:999999999999:trail/x"}},
        {"StringEquals": {"aws:SourceOrgID": "o-exampleorg1"}},
        {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
        {"Null": {"kms:ViaService": "true"}},
    ]
)
STATEMENTS = st.lists(
    st.builds(
        lambda condition, effect, action: {**ENCRYPT, "Condition": condition, "Effect": effect, "Action": action},
        CONDITIONS,
        st.sampled_from(["Allow", "Allow", "Deny"]),
        st.sampled_from(["kms:GenerateDataKey*", "kms:*", "kms:Decrypt"]),
    ),
    max_size=3,
)
REFUSED = denied("cloudtrail", "LookupEvents", "cloudtrail:LookupEvents")
MOMENTS = st.sampled_from([ago(1), ago(10), ago(20), ago(60), ago(2000)])
CHANGES = st.one_of(st.builds(LastChange, MOMENTS, st.just("PutKeyPolicy")), st.just(UNCHANGED.trail), st.just(REFUSED))
FILES = st.builds(
    lambda folder, at, key: replace(LOG, folder=folder, at=at, key_arn=key, encryption="aws:kms" if key else "AES256"),
    st.sampled_from([HOME, WEST]),
    MOMENTS,
    st.sampled_from([KEY_ARN, KEY_ARN, None]),
)
USES = st.sampled_from([None, OLDER, OF_THE_LOG, KeyUse("Decrypt", ago(1), "e")])
PROOFS = st.builds(
    TrailProof,
    CHANGES,
    CHANGES,
    CHANGES,
    USES,
    st.lists(st.one_of(FILES, st.just(denied("s3", "HeadObject", "s3:GetObject"))), max_size=3).map(tuple),
)
READING = Settings(proof="objects", readers=(ROLE_ARN,))


def statuses(seen: Snapshot) -> dict[str, str]:
    """The status of every rule but the one on proof itself."""
    (trail,) = assess(seen, READING).trails
    return {each.rule: each.status for each in trail.findings if each.rule != "encryption_is_proven"}


@given(STATEMENTS, CONDITIONS, PROOFS, st.booleans())
def test_no_pass_and_no_fail_changes_by_proof(
    statements: list[dict[str, Any]], upload: dict[str, Any], proof: TrailProof, has_bucket_key: bool
) -> None:
    bucket = {**bucket_if(upload), "bucket_key_enabled": has_bucket_key}
    facts: dict[str, Any] = {"key": key_policy(*statements, DESCRIBE, DECRYPT), "bucket": bucket}
    without, with_proof = statuses(read(None, **facts)), statuses(read(proof, **facts))
    for rule, status in without.items():
        settles = rule in ("key_policy_allows_encrypt", "bucket_policy_accepts_key") and status == "unknown"
        assert with_proof[rule] in ({"unknown", "pass"} if settles else {status})


@given(STATEMENTS, CONDITIONS, PROOFS, st.data())
def test_with_less_evidence_no_more_is_settled(
    statements: list[dict[str, Any]], upload: dict[str, Any], proof: TrailProof, data: st.DataObject
) -> None:
    facts = {"key": key_policy(*statements, DESCRIBE, DECRYPT), "bucket": bucket_if(upload)}
    lost = data.draw(st.sampled_from(["trail", "key", "bucket", "last_use", "files"]))
    files = tuple(denied("s3", "HeadObject", "s3:GetObject") for _each in proof.files)
    change: dict[str, Any] = {lost: files if lost == "files" else REFUSED}
    less = replace(proof, **change)
    more, fewer = statuses(read(proof, **facts)), statuses(read(less, **facts))
    settled = {rule for rule, status in fewer.items() if status == "pass"}
    assert settled <= {rule for rule, status in more.items() if status == "pass"}
