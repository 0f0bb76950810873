# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bucket's policy gets what a trail's delivery lacks, and keeps all that is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._bucket_policy import (
    Delivery,
    merge_bucket_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import PolicyError, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import Locations
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import MergeRefusedError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome

TRAIL = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"
LOCATIONS = Locations(
    trail_arn=TRAIL, bucket_name="logs", bucket_prefix=None, regions=("us-east-1", "eu-west-1"), has_digests=True
)
DELIVERY = Delivery(LOCATIONS, "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555")
ACL, WRITE, TLS = "AwsBaselineCloudTrailAcl", "AwsBaselineCloudTrailWrite", "AwsBaselineCloudTrailTlsOnly"
SERVICE = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
ANYBODY_WRITES = {**SERVICE, "Sid": "Write", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}

DENY_WITHOUT_TLS = {
    "Sid": TLS,
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def delivery_of(**fields: Any) -> Delivery:
    """The delivery of a trail whose files lie elsewhere."""
    return replace(DELIVERY, locations=replace(LOCATIONS, **fields))


def text(*statements: Any) -> str:
    """The text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def merged(policy: str | None, delivery: Delivery = DELIVERY, *, tls_only: bool = True) -> list[Any]:
    """The statements of the merged policy; those that were there if nothing is added."""
    found = merge_bucket_policy(policy, delivery, tls_only=tls_only)
    statements: list[Any] = found.document["Statement"] if found else json.loads(policy or text())["Statement"]
    return statements


def sids(statements: list[Any]) -> list[str]:
    return [statement["Sid"] for statement in statements]


@pytest.mark.parametrize(
    ("policy", "tls_only", "added"),
    [
        (None, True, [ACL, WRITE, TLS]),
        (None, False, [ACL, WRITE]),
        (text(ANYBODY_WRITES), False, [ACL]),
        (
            text({**ANYBODY_WRITES, "Action": "s3:*", "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]}),
            False,
            [],
        ),
        # Of one region alone: the other one lacks it.
        (text({**ANYBODY_WRITES, "Resource": "arn:aws:s3:::logs/*/us-east-1/*"}), False, [ACL, WRITE]),
        # What AWS does not document of CloudTrail's calls leaves it open: it is granted beside that.
        (
            text({**ANYBODY_WRITES, "Condition": {"StringEquals": {"aws:SourceOrgID": "o-exampleorg1"}}}),
            False,
            [ACL, WRITE],
        ),
    ],
)
def test_what_is_missing_is_added(policy: str | None, *, tls_only: bool, added: list[str]) -> None:
    before = sids(json.loads(policy or text())["Statement"])
    assert sids(merged(policy, tls_only=tls_only)) == [*before, *added]


def test_the_form_is_the_one_that_aws_documents() -> None:
    acl, write, tls = merged(None)
    source = {"aws:SourceArn": [TRAIL]}
    assert acl == {
        **SERVICE,
        "Sid": ACL,
        "Action": "s3:GetBucketAcl",
        "Resource": "arn:aws:s3:::logs",
        "Condition": {"StringEquals": source},
    }
    assert (write["Action"], write["Resource"]) == ("s3:PutObject", ["arn:aws:s3:::logs/AWSLogs/111111111111/*"])
    assert write["Condition"] == {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", **source}}
    assert tls == DENY_WITHOUT_TLS


def test_prefix_organization_and_partition_stand_in_the_folders() -> None:
    delivery = delivery_of(
        trail_arn=TRAIL.replace("arn:aws:", "arn:aws-cn:"), bucket_prefix="audit", organization_id="o-exampleorg1"
    )
    assert merged(None, delivery)[1]["Resource"] == [
        "arn:aws-cn:s3:::logs/audit/AWSLogs/111111111111/*",
        "arn:aws-cn:s3:::logs/audit/AWSLogs/o-exampleorg1/*",
    ]


@pytest.mark.parametrize(
    "deny",
    [
        {"Resource": "arn:aws:s3:::logs/AWSLogs/o-exampleorg1/222222222222/*"},
        {"Resource": "*", "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
    ],
)
def test_what_a_deny_leaves_open_gets_no_grant(deny: dict[str, Any]) -> None:
    delivery = delivery_of(organization_id="o-exampleorg1")
    policy = text(ANYBODY_WRITES, {**SERVICE, "Sid": "Out", "Effect": "Deny", "Action": "s3:PutObject", **deny})
    assert sids(merged(policy, delivery, tls_only=False)) == ["Write", "Out", ACL]


@pytest.mark.parametrize(("source", "added"), [("o-exampleorg1", [ACL]), ("o-stranger00", [ACL, WRITE])])
def test_an_organization_trail_writes_in_the_name_of_its_organization(source: str, added: list[str]) -> None:
    """So Control Tower's bucket takes its logs. Whether the other calls are made in that name AWS does not say."""
    delivery = delivery_of(organization_id="o-exampleorg1")
    of_one = text({**ANYBODY_WRITES, "Condition": {"StringEquals": {"aws:SourceOrgID": source}}})
    assert sids(merged(of_one, delivery, tls_only=False)) == [*sids(json.loads(of_one)["Statement"]), *added]


def test_the_folders_of_an_organization_are_those_of_its_members_too() -> None:
    of_one_account = {
        **SERVICE,
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:GetBucketAcl"],
        "Resource": [
            "arn:aws:s3:::logs",
            "arn:aws:s3:::logs/AWSLogs/111111111111/*",
            "arn:aws:s3:::logs/AWSLogs/o-exampleorg1/111111111111/*",
        ],
    }
    delivery = delivery_of(organization_id="o-exampleorg1")
    (_theirs, ours, _tls) = merged(text(of_one_account), delivery)
    assert (ours["Sid"], ours["Resource"][1]) == (WRITE, "arn:aws:s3:::logs/AWSLogs/o-exampleorg1/*")


ORGANIZATION = delivery_of(bucket_prefix="audit", organization_id="o-exampleorg1")
OF_ACCOUNT, OF_ORGANIZATION = (f"arn:aws:s3:::logs/audit/AWSLogs/{owner}/*" for owner in ("111111111111", "o-*"))
UNDER_THE_KEY = {"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": DELIVERY.key_arn}}


@pytest.mark.parametrize(
    ("delivery", "allowed", "added"),
    [
        (ORGANIZATION, {"Resource": [OF_ACCOUNT, OF_ORGANIZATION]}, [ACL]),
        (ORGANIZATION, {"Resource": [OF_ACCOUNT]}, [ACL, WRITE]),
        (ORGANIZATION, {"Resource": [OF_ORGANIZATION]}, [ACL, WRITE]),
        (ORGANIZATION, {"Resource": ["arn:aws:s3:::logs/AWSLogs/*"]}, [ACL, WRITE]),
        (ORGANIZATION, {"Resource": [OF_ACCOUNT, OF_ORGANIZATION], "Condition": UNDER_THE_KEY}, [ACL]),
        (replace(ORGANIZATION, spare=False), {"Resource": [OF_ORGANIZATION]}, [ACL]),
        (delivery_of(bucket_prefix="audit"), {"Resource": [OF_ACCOUNT]}, [ACL]),
        (DELIVERY, {"Condition": UNDER_THE_KEY}, [ACL]),
        (replace(DELIVERY, key_arn=f"{DELIVERY.key_arn}6"), {"Condition": UNDER_THE_KEY}, [ACL, WRITE]),
    ],
)
def test_every_folder_is_asked_for_under_the_trails_own_key(
    delivery: Delivery, allowed: dict[str, Any], added: list[str]
) -> None:
    assert sids(merged(text({**ANYBODY_WRITES, **allowed}), delivery, tls_only=False)) == ["Write", *added]


@pytest.mark.parametrize("more", [0, 1])
def test_a_policy_may_be_as_long_as_s3_takes_and_no_longer(more: int) -> None:
    other = {**ANYBODY_WRITES, "Sid": "", "Action": "s3:ListBucket"}
    shortest = merge_bucket_policy(text(other), DELIVERY, tls_only=False)
    assert shortest is not None
    room = 20480 - len(shortest.to_json().encode())
    policy = text({**other, "Sid": "x" * (room + more)})
    if not more:
        assert merge_bucket_policy(policy, DELIVERY, tls_only=False) is not None
        return
    words = "S3 accepts 20480. Shorten it, or give the trail another bucket."
    with pytest.raises(MergeRefusedError, match=f"it would have 20481 bytes; {words}$"):
        merge_bucket_policy(policy, DELIVERY, tls_only=False)


def test_a_second_trail_joins_our_statements() -> None:
    first = text(*merged(None))
    second = delivery_of(trail_arn=TRAIL.replace("main", "second"))
    both = merged(first, second)
    assert sids(both) == [ACL, WRITE, TLS]
    assert both[0]["Condition"]["StringEquals"]["aws:SourceArn"] == [TRAIL, second.locations.trail_arn]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"Sid": "No", "Effect": "Deny", "Action": "s3:*"}, 'Statement "No" denies s3:GetBucketAcl'),
        ({"Principal": {"AWS": "AROACKCEVSQ6C2EXAMPLE"}}, "that was deleted, and S3 accepts no policy with such"),
        ({"Sid": "x" * 20480}, "S3 accepts 20480"),
    ],
)
def test_what_is_in_the_way_is_refused(statement: dict[str, Any], words: str) -> None:
    policy = text({"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*", **statement})
    with pytest.raises(MergeRefusedError, match=words):
        merged(policy)


@pytest.mark.parametrize(
    ("difference", "added"),
    [
        ({}, []),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}, []),
        ({"Action": "s3:PutObject"}, [TLS]),
        ({"Principal": {"AWS": "arn:aws:iam::222222222222:root"}}, [TLS]),
        ({"Principal": {"AWS": "000000000000"}}, [TLS]),
        ({"Resource": "arn:aws:s3:::logs/object"}, [TLS]),
        ({"Resource": ["arn:aws:s3:::logs/o*", "arn:aws:s3:::logs/object"]}, [TLS]),
    ],
)
def test_somebody_elses_denial_without_tls_is_enough_if_it_denies_everybody(
    difference: dict[str, Any], added: list[str]
) -> None:
    assert sids(merged(text({**DENY_WITHOUT_TLS, "Sid": "Theirs", **difference}))) == ["Theirs", ACL, WRITE, *added]


def test_a_statement_that_stands_alone_is_kept() -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": ANYBODY_WRITES})
    assert merged(policy, tls_only=False)[0] == ANYBODY_WRITES
    everything = {**ANYBODY_WRITES, "Action": "s3:*", "Resource": "*"}
    assert merge_bucket_policy(json.dumps({"Statement": everything}), DELIVERY, tls_only=False) is None


OLDER = {
    "Sid": "Old",
    "Effect": "Allow",
    "Principal": {"AWS": ["086441151436", "859597730677"]},  # CloudTrail's in both regions
    "Action": ["s3:GetBucketAcl", "s3:PutObject"],
    "Resource": "*",
}


def test_the_older_form_lacks_nothing_in_the_regions_that_it_names() -> None:
    assert merged(text(OLDER), tls_only=False) == [OLDER]
    denied = {**OLDER, "Sid": "No", "Effect": "Deny", "Principal": {"AWS": "859597730677"}}
    with pytest.raises(MergeRefusedError, match='Statement "No" denies s3:GetBucketAcl to arn:aws:iam::859597730677'):
        merged(text(OLDER, denied))


@pytest.mark.parametrize("steps", range(0, 80, 4))
def test_a_policy_that_takes_too_many_steps_is_left_as_it_is(steps: int) -> None:
    """Wherever they are spent, that is the reason."""
    policy = text({**ANYBODY_WRITES, "Action": "s3:*", "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]})
    with pytest.raises(MergeRefusedError, match="is left as it is: Deciding whether the policy allows s3:"):
        merge_bucket_policy(policy, DELIVERY, tls_only=False, budget=Budget(steps))


def test_what_stands_twice_is_not_written_back() -> None:
    """Only the last was read, and the others would be lost."""
    policy = text(ANYBODY_WRITES).replace('"Effect":', '"Effect": "Deny", "Effect":')
    with pytest.raises(MergeRefusedError, match='in statement "Write" the element Effect appears twice'):
        merged(policy)


def test_a_text_that_is_no_policy_is_refused() -> None:
    with pytest.raises(PolicyError):
        merged("{}")


STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.just("Allow"),
        "Principal": st.sampled_from(["*", {"AWS": "arn:aws:iam::111111111111:root"}, SERVICE["Principal"]]),
        "Action": st.sampled_from(["s3:*", "s3:PutObject", "s3:GetBucketAcl", ["s3:GetObject", "s3:Put*"]]),
        "Resource": st.sampled_from(["arn:aws:s3:::logs", "arn:aws:s3:::logs/*", "arn:aws:s3:::logs/AWSLogs/*"]),
    },
    optional={
        "Sid": st.sampled_from(["One", ACL, WRITE, TLS, f"{WRITE}2"]),
        "Condition": st.sampled_from(
            [{"StringEquals": {"aws:SourceArn": TRAIL}}, {"StringEquals": {"s3:x-amz-acl": "private"}}]
        ),
    },
)


@given(st.lists(STATEMENTS, max_size=4))
def test_nothing_is_lost_and_everything_needed_is_allowed(statements: list[Any]) -> None:
    found = merged(text(*statements))
    kept = [each for each in statements if each.get("Sid") not in (ACL, WRITE, TLS, f"{WRITE}2")]
    assert [each for each in found if each in kept] == kept
    policy = parse({"Version": "2012-10-17", "Statement": found})
    requests = [request for call in DELIVERY.calls(policy) for request in call.requests]
    assert {decide(policy, request).outcome for request in requests} == {Outcome.ALLOWED}
    assert merge_bucket_policy(policy.to_json(), DELIVERY, tls_only=True) is None
