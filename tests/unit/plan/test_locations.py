# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a trail's files lie decides what a plan must prove for readers, and what it warns of before a trail is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Organization, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._key_plan import Plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._context_facts import OBJECT_KEY
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from tests.unit.checks import build
from tests.unit.plan.build import BARE, GIVEN, OTHER_ARN, plan, steps, target

READERS = Settings(readers=(build.ROLE_ARN,))


def denying(below: str) -> str:
    """The policy of a key that denies the readers what lies below a pattern of the bucket logs."""
    condition = {"ArnLike": {OBJECT_KEY: f"arn:aws:s3:::logs{below}"}}
    deny = {"Effect": "Deny", "Principal": {"AWS": build.ROLE_ARN}, "Action": "kms:Decrypt", "Resource": "*"}
    return build.policy(build.ROOT, {**deny, "Sid": "Not these", "Condition": condition})


@pytest.mark.parametrize(
    ("trail", "bucket_key", "below", "refused"),
    [
        ({"bucket_prefix": "audit"}, False, "/audit/*", True),
        ({}, False, "/audit/*", False),
        ({"bucket_prefix": "audit"}, True, "/audit/*", False),
        ({}, True, "", True),
        ({}, False, "", False),
        ({}, build.denied("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration"), "", True),
    ],
)
def test_readers_must_be_let_in_where_the_logs_will_lie(
    trail: dict[str, Any], bucket_key: Any, below: str, *, refused: bool
) -> None:
    takes_all = build.policy({**build.service("All", "s3:PutObject"), "Resource": "arn:aws:s3:::logs/*"}, build.ACL)
    read = build.snapshot({**BARE, **trail}, bucket={"bucket_key_enabled": bucket_key, "policy": takes_all})
    planned = plan(read, GIVEN, target(policy=denying(below)), READERS)
    assert bool(planned.refusals) is refused
    assert all('"Not these" denies kms:Decrypt' in each for each in map(str, planned.refusals))


def test_a_reader_of_the_prefix_is_no_reader_that_is_missing() -> None:
    """So nothing is added for one, and no warning says that one is lost."""
    condition = {"ArnLike": {OBJECT_KEY: "arn:aws:s3:::logs/audit/*"}}
    reader = {"Sid": "R", "Effect": "Allow", "Principal": {"AWS": build.ROLE_ARN}, "Action": "kms:Decrypt"}
    statements = (
        build.ROOT,
        build.ENCRYPT,
        build.DESCRIBE,
        build.DECRYPT,
        {**reader, "Resource": "*", "Condition": condition},
    )
    audit = {"bucket_prefix": "audit"}
    bucket = {"policy": build.BUCKET_POLICY.replace("logs/AWSLogs", "logs/audit/AWSLogs")}
    policy = {"policy": build.policy(*statements)}
    assert plan(build.snapshot(audit, policy, bucket), settings=READERS).changes == ()
    move = EnforceRequest(key=None, key_id=OTHER_ARN, replace_compliant_key=True)
    same = plan(build.snapshot(audit, policy, bucket), move, target(**policy))
    assert not [each for each in map(str, same.warnings) if "but not new ones" in each]
    other = plan(build.snapshot(audit, policy, bucket), move, target(policy=build.policy(*statements[:4])))
    assert [build.ROLE_ARN in each for each in map(str, other.warnings) if "but not new ones" in each] == [True]


ORGANIZATION = {**BARE, "organization_trail": True}
OWN = Organization("o-abcdefghij", build.ACCOUNT)


def of_organization(*folders: str, **trail: Any) -> Plan:
    """The plan for an organization trail whose bucket takes logs in these folders."""
    write = {
        **build.service("Write", "s3:PutObject"),
        "Resource": [f"arn:aws:s3:::logs/AWSLogs/{each}/*" for each in folders],
    }
    read = build.snapshot({**ORGANIZATION, **trail}, bucket={"policy": build.policy(write, build.ACL)})
    return plan(replace(read, organization=OWN), GIVEN, target())


def test_a_trail_is_warned_of_before_it_is_sent_without_its_accounts_folder() -> None:
    both, one = of_organization(OWN.id, build.ACCOUNT), of_organization(OWN.id)
    assert steps(both)[-1] == steps(one)[-1] == ("UpdateTrail", build.TRAIL_ARN)
    words = f"UpdateTrail may refuse the trail {build.TRAIL_ARN}"
    assert [words in str(each.warnings) for each in (both, one)] == [False, True]
    assert f"does not let CloudTrail upload below AWSLogs/{build.ACCOUNT}/" in str(one.warnings)


KMS_ONLY = {
    "Sid": "Only",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:PutObject",
    "Resource": "*",
    "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
}


@pytest.mark.parametrize(
    ("trail", "warned"),
    [
        (BARE, False),
        ({**BARE, "log_file_validation": True}, True),
        # The digests that came before the key show nothing of those after it.
        (
            {
                **BARE,
                "log_file_validation": True,
                "status": TrailStatus(is_logging=True, latest_digest_delivery_time=build.NOW),
            },
            True,
        ),
        ({"log_file_validation": True}, False),
    ],
)
def test_a_first_key_is_warned_of_where_the_bucket_may_not_take_digests(trail: dict[str, Any], *, warned: bool) -> None:
    allow = {**build.service("All", "s3:PutObject"), "Resource": "arn:aws:s3:::logs/*"}
    read = build.snapshot(trail, bucket={"policy": build.policy(allow, build.ACL, KMS_ONLY)})
    request = replace(GIVEN, replace_compliant_key=True)
    planned = plan(read, request, target())
    assert steps(planned)[-1] == ("UpdateTrail", build.TRAIL_ARN)
    found = [each for each in map(str, planned.warnings) if "once it has its first key" in each]
    assert [("UpdateTrail" in each, "Security best practices" in each) for each in found] == [(True, True)] * warned


def test_a_digest_stays_proof_for_the_key_that_it_came_under() -> None:
    """A statement for readers changes nothing of what the bucket takes; a fresh digest shows that it takes these."""
    status = TrailStatus(is_logging=True, latest_delivery_time=build.NOW, latest_digest_delivery_time=build.NOW)
    allow = {**build.service("All", "s3:PutObject"), "Resource": "arn:aws:s3:::logs/*"}
    bucket = {"policy": build.policy(allow, build.ACL, KMS_ONLY)}
    read = build.snapshot({"log_file_validation": True, "status": status}, bucket=bucket)
    planned = plan(read, GIVEN, target(), READERS)
    assert steps(planned) == [("PutKeyPolicy", build.KEY_ARN)]
    assert build.finding("bucket_policy_accepts_key", read, READERS).status == "pass"
    assert build.finding("bucket_policy_accepts_key", planned.predicted, READERS).status == "pass"
