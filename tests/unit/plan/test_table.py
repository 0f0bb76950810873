# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed rule leads to, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Missing, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._remedies import FAILED_RULE_LEADS_TO
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import KeyWish, Wish
from tests.unit.checks import build
from tests.unit.plan.build import (
    ALIAS,
    BARE,
    GIVEN,
    NEW_ARN,
    NOTHING,
    OTHER_ARN,
    only,
    orphan,
    plan,
    sids,
    steps,
    target,
    verdict,
)

ALIAS_ARN = f"arn:aws:kms:us-east-1:{build.ACCOUNT}:{ALIAS}"
CREATE = [
    ("CreateKey", NEW_ARN),
    ("CreateAlias", ALIAS_ARN),
    ("UpdateTrail", build.TRAIL_ARN),
    ("EnableKeyRotation", NEW_ARN),
]
MERGE = [("PutKeyPolicy", build.KEY_ARN)]
MOVE = [("PutKeyPolicy", OTHER_ARN), ("UpdateTrail", build.TRAIL_ARN)]
READERS = Settings(readers=(build.ROLE_ARN,))
APPROVED = Settings(approved_keys=(OTHER_ARN,))
LACKING = build.policy(build.ROOT, build.DESCRIBE, build.DECRYPT)


def test_every_rule_has_its_row() -> None:
    assert set(FAILED_RULE_LEADS_TO) == set(RULES)


def test_a_compliant_account_needs_nothing() -> None:
    planned = plan(build.snapshot())
    assert (steps(planned), planned.warnings) == ([], ())


@pytest.mark.parametrize(
    ("key", "bucket", "settings", "expected"),
    [
        ({"policy": LACKING}, {}, Settings(), MERGE),
        ({"policy": build.policy(build.ROOT, build.ENCRYPT, build.DECRYPT)}, {}, Settings(), MERGE),
        (
            {"policy": build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE)},
            {"bucket_key_enabled": True},
            Settings(),
            MERGE,
        ),
        ({"policy": build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE)}, {}, Settings(), []),
        ({}, {}, READERS, MERGE),
        ({"spec": "RSA_2048"}, {}, Settings(), MOVE),
        ({"usage": "GENERATE_VERIFY_MAC"}, {}, Settings(), MOVE),
        ({"manager": "AWS"}, {}, Settings(), MOVE),
        ({}, {}, APPROVED, MOVE),
        ({"rotation_enabled": False}, {}, Settings(), []),
        ({"policy": build.policy(build.ROOT, build.service("All", "kms:*"))}, {}, Settings(), []),
    ],
    ids=[
        "no encrypt",
        "no describe",
        "no decrypt, with a bucket key",
        "no decrypt, which is advice",
        "reader only behind the account",
        "asymmetric",
        "for MACs",
        "AWS-managed",
        "not approved",
        "no rotation, which is advice",
        "not scoped, which is advice",
    ],
)
def test_a_failed_rule_of_the_key_leads_to(
    key: dict[str, Any], bucket: dict[str, Any], settings: Settings, expected: list[tuple[str, str]]
) -> None:
    planned = plan(build.snapshot(key=key, bucket=bucket), target=target(), settings=settings)
    assert steps(planned) == expected
    assert verdict(planned, settings) == "compliant"


def test_no_key_leads_to_a_new_one() -> None:
    planned = plan(build.snapshot(trail=BARE))
    assert steps(planned) == CREATE
    assert verdict(planned) == "compliant"


def test_a_missing_key_leads_to_another() -> None:
    planned = plan(build.snapshot(key=Missing("gone")), target=target())
    assert (steps(planned), verdict(planned)) == (MOVE, "compliant")


def test_a_key_in_the_wrong_region_leads_to_one_in_the_bucket_s() -> None:
    planned = plan(build.snapshot(bucket={"region": "eu-west-1"}))
    key, alias, trail, rotation = planned.changes
    assert (key.region, alias.region, trail.region, rotation.region) == (
        "eu-west-1",
        "eu-west-1",
        "us-east-1",
        "eu-west-1",
    )
    assert verdict(planned) == "compliant"


@pytest.mark.parametrize(
    ("trail", "bucket"),
    [
        ({"status": TrailStatus(is_logging=True, latest_delivery_error="AccessDenied")}, {}),
        ({}, {"policy": None}),
        ({}, Missing("no such bucket")),
    ],
    ids=["delivery error", "bucket policy", "no bucket"],
)
def test_what_is_for_a_person_to_mend_is_only_reported(trail: dict[str, Any], bucket: Any) -> None:
    assert steps(plan(build.snapshot(trail=trail, bucket=bucket))) == []


@pytest.mark.parametrize(
    ("state", "wish", "expected"),
    [
        ("Disabled", Wish(allow_enable_key=True), ["EnableKey"]),
        (
            "PendingDeletion",
            Wish(allow_enable_key=True, allow_cancel_deletion=True),
            ["CancelKeyDeletion", "EnableKey"],
        ),
    ],
)
def test_a_key_comes_back_where_that_is_allowed(state: str, wish: Wish, expected: list[str]) -> None:
    planned = plan(build.snapshot(key={"state": state}), wish)
    assert steps(planned) == [(operation, build.KEY_ARN) for operation in expected]
    assert verdict(planned) == "compliant"


@pytest.mark.parametrize("rule", ["key_policy_allows_encrypt", "readers_can_decrypt"])
def test_what_could_not_be_read_leads_to_nothing(rule: str) -> None:
    denied = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
    assert steps(plan(build.snapshot(key={"policy": denied}), settings=READERS)) == [], rule
    assert steps(plan(build.snapshot(key=denied), settings=READERS)) == [], rule


def test_the_given_key_serves_a_trail_without_one() -> None:
    planned = plan(build.snapshot(trail=BARE), GIVEN, target())
    assert steps(planned) == MOVE
    assert only(planned, "UpdateTrail").parameters == {"Name": build.TRAIL_ARN, "KmsKeyId": OTHER_ARN}


def test_a_good_key_stays_unless_replacing_is_asked_for() -> None:
    assert steps(plan(build.snapshot(), GIVEN, target())) == []
    assert steps(plan(build.snapshot(), replace(GIVEN, replace_compliant_key=True), target())) == MOVE


def test_the_key_of_the_alias_is_used_and_rotates() -> None:
    planned = plan(build.snapshot(trail=BARE), target=target(rotation_enabled=False))
    assert steps(planned) == [*MOVE, ("EnableKeyRotation", OTHER_ARN)]
    assert steps(plan(build.snapshot(trail=BARE), Wish(key=KeyWish(rotation=False)), target())) == MOVE


def test_a_run_that_ended_before_the_rotation_is_finished() -> None:
    key = {"aliases": (ALIAS,), "rotation_enabled": False}
    assert steps(plan(build.snapshot(key=key))) == [("EnableKeyRotation", build.KEY_ARN)]


def test_a_key_without_its_alias_is_adopted() -> None:
    left = orphan(1)
    planned = plan(build.snapshot(trail=BARE), target=replace(NOTHING, unaliased=(left,)))
    assert steps(planned) == [
        ("CreateAlias", ALIAS_ARN),
        ("UpdateTrail", build.TRAIL_ARN),
        ("EnableKeyRotation", left.arn),
    ]
    assert only(planned, "CreateAlias").parameters == {"AliasName": ALIAS, "TargetKeyId": left.arn}


@pytest.mark.parametrize("first", ["bare", "zulu"], ids=["before", "after"])
def test_an_adopted_key_gets_its_alias_whichever_trail_uses_it_already(first: str) -> None:
    left = orphan(1)
    using = build.snapshot(trail={"kms_key_arn": left.arn})
    bare_arn = build.TRAIL_ARN.replace("main", first)
    bare = replace(using.trails[0], arn=bare_arn, name=first, kms_key_arn=None)
    both = replace(
        using, trails=(bare, *using.trails) if first == "bare" else (*using.trails, bare), keys={left.arn: left}
    )
    planned = plan(both, target=replace(NOTHING, unaliased=(left,)), settings=READERS)
    assert [(change.operation, change.resource) for change in planned.changes] == [
        ("CreateAlias", ALIAS_ARN),
        ("PutKeyPolicy", left.arn),
        ("UpdateTrail", bare_arn),
        ("EnableKeyRotation", left.arn),
    ]


@pytest.mark.parametrize(
    "stranger",
    [
        orphan(1, policy=build.policy(build.ROOT)),
        orphan(1, policy=build.policy(build.ROOT, build.ENCRYPT)),
        orphan(1, policy=build.policy(build.ROOT, {**build.ENCRYPT, "Sid": "AwsBaselineCloudTrailUseOld"})),
        orphan(1, policy=build.policy(build.ENCRYPT, build.ROOT)),
        orphan(1, policy="no policy at all"),
        replace(orphan(1), arn="arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555"),
    ],
    ids=[
        "root alone",
        "a foreign statement",
        "one that sounds like ours",
        "root not first",
        "no policy",
        "another account",
    ],
)
def test_a_key_that_is_not_certainly_ours_is_not_adopted(stranger: Any) -> None:
    assert steps(plan(build.snapshot(trail=BARE), target=replace(NOTHING, unaliased=(stranger,)))) == CREATE


def test_trails_of_one_bucket_region_share_one_key() -> None:
    first = build.snapshot(trail=BARE)
    second_arn = build.TRAIL_ARN.replace("main", "second")
    second = replace(first.trails[0], arn=second_arn, name="second")
    planned = plan(replace(first, trails=(*first.trails, second)))
    assert [change.operation for change in planned.changes] == [
        "CreateKey",
        "CreateAlias",
        "UpdateTrail",
        "UpdateTrail",
        "EnableKeyRotation",
    ]
    assert second_arn in str(only(planned, "CreateKey").after["policy"])


def test_a_key_is_complete_from_birth() -> None:
    wish = Wish(
        key=KeyWish(tags={"team": "audit"}, administrators=(build.ROLE_ARN,), rotation_period_in_days=180),
    )
    planned = plan(build.snapshot(trail=BARE), wish, settings=READERS)
    born = only(planned, "CreateKey")
    assert {name: value for name, value in born.parameters.items() if name != "Policy"} == {
        "Description": "Encrypts the logs of CloudTrail trails",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "MultiRegion": False,
        "Tags": [
            {"TagKey": "aws-baseline:cloudtrail-kms", "TagValue": ALIAS},
            {"TagKey": "team", "TagValue": "audit"},
        ],
    }
    assert sids(born.parameters["Policy"]) == [
        "Enable IAM User Permissions",
        "AwsBaselineCloudTrailUse",
        "AwsBaselineCloudTrailDescribe",
        "AwsBaselineCloudTrailReaders",
        "AwsBaselineCloudTrailAdministrators",
    ]
    assert only(planned, "EnableKeyRotation").parameters == {"KeyId": NEW_ARN, "RotationPeriodInDays": 180}


def test_the_cis_form_knows_no_source() -> None:
    strict = plan(build.snapshot(trail=BARE))
    cis = plan(build.snapshot(trail=BARE), Wish(statements="cis"))
    assert "aws:SourceArn" in str(only(strict, "CreateKey").after["policy"])
    assert "aws:SourceArn" not in str(only(cis, "CreateKey").after["policy"])


def test_a_delegated_trail_is_written_only_when_named() -> None:
    trail = {**BARE, "ownership": "delegated", "arn": build.TRAIL_ARN.replace(build.ACCOUNT, "222222222222")}
    assert steps(plan(build.snapshot(trail=trail))) == []
    assert [each.operation for each in plan(build.snapshot(trail=trail), Wish(trails=("main",))).changes] == [
        "CreateKey",
        "CreateAlias",
        "UpdateTrail",
        "EnableKeyRotation",
    ]


def test_an_unknown_grant_is_made_certain_if_it_can_be() -> None:
    maybe = build.service("Encrypt", "kms:GenerateDataKey*", Condition={"StringEquals": {"aws:SourceOrgID": "o-1"}})
    open_ = build.policy(build.ROOT, maybe, build.DESCRIBE, build.DECRYPT)
    assert steps(plan(build.snapshot(key={"policy": open_}))) == MERGE
    deny = {**maybe, "Sid": "Deny", "Effect": "Deny"}
    denying = build.policy(build.ROOT, build.ENCRYPT, deny, build.DESCRIBE, build.DECRYPT)
    planned = plan(build.snapshot(key={"policy": denying}))
    assert steps(planned) == []
    assert 'statement "Deny"' in planned.warnings[0]
