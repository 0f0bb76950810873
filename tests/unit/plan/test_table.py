# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed rule leads to, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES, Remedy, Rule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Result, Settings, Subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Missing, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
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


def new_rule(subject: Subject) -> Result:
    """Fail with the trail's present key."""
    return Result("fail" if subject.trail.kms_key_arn == build.KEY_ARN else "pass", "The key is blue.")


@pytest.mark.parametrize(("remedy", "expected"), [(Remedy.REPORT, []), (Remedy.ANOTHER_KEY, MOVE)])
def test_a_rule_is_its_row(remedy: Remedy, expected: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written down of a rule in RULES is all that a plan asks for."""
    rule = Rule(new_rule, "The key is not blue", "required", "high", remedy)
    monkeypatch.setitem(cast("dict[str, Rule]", RULES), "new_rule", rule)
    assert steps(plan(build.snapshot(), GIVEN, target())) == expected


def test_a_compliant_account_needs_nothing() -> None:
    planned = plan(build.snapshot())
    assert (steps(planned), planned.warnings) == ([], ())


@pytest.mark.parametrize(
    ("key", "bucket", "settings", "expected"),
    [
        ({"policy": LACKING}, {}, Settings(), MERGE),
        ({"policy": build.policy(build.ROOT, build.ENCRYPT, build.DECRYPT)}, {}, Settings(), []),
        (
            {"policy": build.policy(build.ROOT, build.ENCRYPT, build.DECRYPT)},
            {},
            Settings(levels={"key_policy_allows_describe": "required"}),
            MERGE,
        ),
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
        "no describe, which is advice",
        "no describe, where that is required",
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
    ("state", "requested", "expected"),
    [
        ("Disabled", EnforceRequest(allow_enable_key=True), ["EnableKey"]),
        (
            "PendingDeletion",
            EnforceRequest(allow_enable_key=True, allow_cancel_deletion=True),
            ["CancelKeyDeletion", "EnableKey"],
        ),
    ],
)
def test_a_key_comes_back_where_that_is_allowed(state: str, requested: EnforceRequest, expected: list[str]) -> None:
    planned = plan(build.snapshot(key={"state": state}), requested)
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
    assert steps(plan(build.snapshot(trail=BARE), EnforceRequest(key=KeyRequest(rotation=False)), target())) == MOVE


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


def test_a_key_is_complete_when_created() -> None:
    request = EnforceRequest(
        key=KeyRequest(tags={"team": "audit"}, administrators=(build.ROLE_ARN,), rotation_period_in_days=180),
    )
    planned = plan(build.snapshot(trail=BARE), request, settings=READERS)
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
    cis = plan(build.snapshot(trail=BARE), EnforceRequest(statements="cis"))
    assert "aws:SourceArn" in str(only(strict, "CreateKey").after["policy"])
    assert "aws:SourceArn" not in str(only(cis, "CreateKey").after["policy"])


def test_a_delegated_trail_is_written_only_when_named() -> None:
    trail = {**BARE, "ownership": "delegated", "arn": build.TRAIL_ARN.replace(build.ACCOUNT, "222222222222")}
    assert steps(plan(build.snapshot(trail=trail))) == []
    assert [each.operation for each in plan(build.snapshot(trail=trail), EnforceRequest(trails=("main",))).changes] == [
        "CreateKey",
        "CreateAlias",
        "UpdateTrail",
        "EnableKeyRotation",
    ]


MAYBE = {"StringEquals": {"aws:UserAgent": "somebody"}}
MAYBE_ENCRYPT = build.service("Encrypt", "kms:GenerateDataKey*", Condition=MAYBE)


@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        (build.policy(build.ROOT, MAYBE_ENCRYPT, build.DESCRIBE, build.DECRYPT), Settings()),
        (
            build.policy(build.ROOT, build.ENCRYPT, {**MAYBE_ENCRYPT, "Effect": "Deny"}, build.DESCRIBE, build.DECRYPT),
            Settings(),
        ),
        (
            build.policy(
                {**build.ROOT, "Principal": {"AWS": build.ROLE_ARN}, "Condition": MAYBE},
                build.ENCRYPT,
                build.DESCRIBE,
                build.DECRYPT,
            ),
            READERS,
        ),
    ],
    ids=["of CloudTrail", "and a Deny", "of a reader"],
)
def test_what_is_unknown_leads_to_no_write(policy: str, settings: Settings) -> None:
    """Not even where the write would make it certain."""
    planned = plan(build.snapshot(key={"policy": policy}), settings=settings)
    assert (steps(planned), planned.warnings) == ([], ())


def statements_added(before: str, after: object) -> list[Any]:
    """The statements of the second policy that the first has not."""
    old, new = (json.loads(str(text))["Statement"] for text in (before, after))
    return [each for each in new if each not in old]


OTHER_ROLE = f"arn:aws:iam::{build.ACCOUNT}:role/Auditor"
MAYBE_READER = {**build.ROOT, "Sid": "Maybe", "Principal": {"AWS": OTHER_ROLE}, "Condition": MAYBE}


@pytest.mark.parametrize(
    ("statements", "settings", "sids_added", "readers"),
    [
        # The service's Decrypt, which is advice, and its DescribeKey come with no reader.
        ([build.ROOT, build.ENCRYPT], READERS, ["AwsBaselineCloudTrailReaders"], [build.ROLE_ARN]),
        # Nor does what is unknown: CloudTrail's GenerateDataKey, and another reader whom a condition may let in.
        ([build.ROOT, MAYBE_ENCRYPT], READERS, ["AwsBaselineCloudTrailReaders"], [build.ROLE_ARN]),
        (
            [MAYBE_READER, build.ENCRYPT],
            Settings(readers=(build.ROLE_ARN, OTHER_ROLE)),
            ["AwsBaselineCloudTrailReaders"],
            [build.ROLE_ARN],
        ),
        # With the service's statement comes DescribeKey, but not for whom has it.
        ([build.ROOT], Settings(), ["AwsBaselineCloudTrailUse", "AwsBaselineCloudTrailDescribe"], None),
        ([build.ROOT, build.DESCRIBE], Settings(), ["AwsBaselineCloudTrailUse"], None),
        # Where DescribeKey alone is required, it comes alone.
        (
            [build.ROOT, build.ENCRYPT],
            Settings(levels={"key_policy_allows_describe": "required"}),
            ["AwsBaselineCloudTrailDescribe"],
            None,
        ),
    ],
)
def test_a_merge_adds_what_is_required_and_nothing_with_it(
    statements: list[Any], settings: Settings, sids_added: list[str], readers: list[str] | None
) -> None:
    before = build.policy(*statements)
    change = only(plan(build.snapshot(key={"policy": before}), settings=settings), "PutKeyPolicy")
    added = statements_added(before, change.after["policy"])
    assert [each["Sid"] for each in added] == sids_added
    if readers:
        assert added[0]["Principal"] == {"AWS": readers}


def test_the_decrypt_of_a_bucket_key_is_required_and_comes_with_what_belongs_to_it() -> None:
    before = build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE)
    read = build.snapshot(key={"policy": before}, bucket={"bucket_key_enabled": True})
    (added,) = statements_added(before, only(plan(read), "PutKeyPolicy").after["policy"])
    assert added["Action"] == ["kms:GenerateDataKey*", "kms:Decrypt"]


def test_a_trail_that_moves_gets_describe_key_since_update_trail_may_insist() -> None:
    lacking = build.policy(build.ROOT, build.ENCRYPT, build.DECRYPT)
    planned = plan(build.snapshot(trail=BARE), GIVEN, target(policy=lacking))
    added = statements_added(lacking, only(planned, "PutKeyPolicy").after["policy"])
    assert [each["Sid"] for each in added] == ["AwsBaselineCloudTrailDescribe"]
