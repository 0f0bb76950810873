# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused, with trail, key, reason and next step; and what a person is warned of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    KeyLookup,
    Missing,
    ReadError,
    TrailStatus,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._changes import diff
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import (
    CREATED_FOR_TAG,
    EnforceRequest,
    KeyRequest,
)
from tests.unit.checks import build
from tests.unit.plan.build import (
    ALIAS,
    BARE,
    GIVEN,
    NOTHING,
    OTHER_ARN,
    only,
    orphan,
    plan,
    target,
    verdict,
)

TRAIL = f"The trail {build.TRAIL_ARN}: "
KEY_DENIED = build.denied("kms", "DescribeKey", "kms:DescribeKey")
POLICY_DENIED = build.denied("kms", "GetKeyPolicy", "kms:GetKeyPolicy")
TAGS_DENIED = build.denied("kms", "ListResourceTags", "kms:ListResourceTags")
DENY = {**build.service("No", "kms:GenerateDataKey*"), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (target(state="Disabled"), ["is Disabled", "allow_enable_key"]),
        (
            target(state="PendingDeletion"),
            ["is PendingDeletion", "allow_cancel_deletion: true and allow_enable_key: true"],
        ),
        (target(state="PendingImport"), ["is PendingImport", "Enabled"]),
        (target(manager="AWS"), ["managed by AWS", "customer managed"]),
        (target(spec="RSA_2048", usage="SIGN_VERIFY"), ["RSA_2048 for SIGN_VERIFY", "SYMMETRIC_DEFAULT"]),
        (target(arn=OTHER_ARN.replace("us-east-1", "eu-west-1")), ["in eu-west-1", "a key in us-east-1"]),
        (target(policy=POLICY_DENIED), ["Allow the caller kms:GetKeyPolicy"]),
        (target(policy="{}"), ["no Statement", "Fix it, or set key_id to another key"]),
        (target(policy=build.policy(build.ROOT, DENY)), ['statement "No"']),
        (KeyLookup(Missing("no such key")), ["There is no key", "Set key_id to a key that exists."]),
        (KeyLookup(KEY_DENIED), ["Allow the caller kms:DescribeKey"]),
    ],
    ids=[
        "disabled",
        "pending deletion",
        "pending import",
        "AWS-managed",
        "asymmetric",
        "wrong region",
        "policy not readable",
        "no policy",
        "denied by policy",
        "no such key",
        "not readable",
    ],
)
def test_a_given_key_that_cannot_serve(given: KeyLookup, words: list[str]) -> None:
    refused = " ".join(map(str, plan(build.snapshot(trail=BARE), GIVEN, given).refusals))
    assert TRAIL in refused
    assert OTHER_ARN.rpartition("/")[2] in refused
    assert [word for word in words if word not in refused] == []


def test_a_key_of_the_wrong_region_is_not_merged_into() -> None:
    planned = plan(build.snapshot(trail=BARE), GIVEN, target(arn=OTHER_ARN.replace("us-east-1", "eu-west-1")))
    assert planned.changes == ()


@pytest.mark.parametrize(
    ("state", "requested", "unset"),
    [
        ("Disabled", (), "allow_enable_key: true"),
        ("Disabled", ("allow_cancel_deletion",), "allow_enable_key: true"),
        ("PendingDeletion", (), "allow_cancel_deletion: true and allow_enable_key: true"),
        ("PendingDeletion", ("allow_cancel_deletion",), "allow_enable_key: true"),
        ("PendingDeletion", ("allow_enable_key",), "allow_cancel_deletion: true"),
        ("PendingImport", ("allow_cancel_deletion", "allow_enable_key"), ""),
    ],
)
def test_a_key_never_comes_back_unasked(state: str, requested: tuple[str, ...], unset: str) -> None:
    options: dict[str, Any] = dict.fromkeys(requested, True)
    request = EnforceRequest(**options)
    (refused,) = map(str, plan(build.snapshot(key={"state": state}), request).refusals)
    assert refused.startswith(f"{TRAIL}The key {build.KEY_ARN} is {state}")
    way_out = f"set {unset}, or " if unset else "or set "
    assert refused.endswith(f"{way_out}trails to the trail, key_id to another key and replace_compliant_key: true.")
    assert "leave the trail out with the option exceptions or the option trails" in refused


def test_a_refusal_asks_for_no_option_that_is_set() -> None:
    request = replace(GIVEN, replace_compliant_key=True)
    (refused,) = map(str, plan(build.snapshot(), request, target(state="Disabled")).refusals)
    assert refused.endswith("set allow_enable_key: true, or trails to the trail and key_id to another key.")
    named = replace(request, trails=(build.TRAIL_ARN,))
    (refused,) = map(str, plan(build.snapshot(), named, target(state="Disabled")).refusals)
    assert refused.endswith("set allow_enable_key: true, or key_id to another key.")


@pytest.mark.parametrize("unreadable", [KEY_DENIED, POLICY_DENIED])
def test_no_key_is_created_while_the_alias_is_unknown(unreadable: ReadError) -> None:
    (refused,) = map(str, plan(build.snapshot(trail=BARE), target=KeyLookup(unreadable)).refusals)
    assert ALIAS in refused


@pytest.mark.parametrize("found", [TAGS_DENIED, (orphan(1, policy=POLICY_DENIED),), (orphan(1), orphan(2))])
def test_no_key_is_created_while_another_may_be_ours(found: Any) -> None:
    planned = plan(build.snapshot(trail=BARE), target=replace(NOTHING, unaliased=found))
    (refused,) = map(str, planned.refusals)
    assert ALIAS in refused
    assert "key_id" in refused
    assert planned.changes == ()


@pytest.mark.parametrize(
    ("code", "account", "ending"),
    [
        ("AccessDeniedException", None, " or set assume_role to it, or key_id to a key that exists."),
        (
            "AccessDeniedException",
            "555555555555",
            " or set key_assume_role to it, or key_id to a key that exists.",
        ),
        ("ThrottlingException", None, " Or set key_id to the key."),
    ],
)
def test_where_keys_may_not_be_listed_the_role_is_named_that_may_write(
    code: str, account: str | None, ending: str
) -> None:
    unlisted = replace(build.denied("kms", "ListKeys", "kms:ListKeys"), code=code)
    request = EnforceRequest(key_account_id=account)
    planned = plan(build.snapshot(trail=BARE), request, target=replace(NOTHING, unaliased=unlisted))
    (refused,) = map(str, planned.refusals)
    assert refused.endswith(ending)


def test_an_explicit_deny_is_somebody_s_decision() -> None:
    denying = build.policy(build.ROOT, build.ENCRYPT, DENY, build.DESCRIBE, build.DECRYPT)
    planned = plan(build.snapshot(key={"policy": denying}))
    assert 'statement "No"' in str(planned.refusals[0])
    assert planned.changes == ()


@pytest.mark.parametrize("entry", [OTHER_ARN, "alias/other", "tag:use=logs"])
def test_a_new_key_that_would_not_be_approved_is_not_created(entry: str) -> None:
    (refused,) = map(str, plan(build.snapshot(trail=BARE), settings=Settings(approved_keys=(entry,))).refusals)
    assert "Set key_id to an approved key" in refused


@pytest.mark.parametrize(
    "entry", [ALIAS, f"arn:aws:kms:us-east-1:{build.ACCOUNT}:{ALIAS}", "tag:use=logs", f"tag:{CREATED_FOR_TAG}={ALIAS}"]
)
def test_a_new_key_that_is_approved_by_its_alias_or_tags_is_created(entry: str) -> None:
    settings = Settings(approved_keys=(entry,))
    planned = plan(build.snapshot(trail=BARE), EnforceRequest(key=KeyRequest(tags={"use": "logs"})), settings=settings)
    assert (planned.refusals, verdict(planned, settings)) == ((), "compliant")
    assert only(planned, "CreateKey")


def test_a_key_that_nobody_can_say_is_approved_is_not_used() -> None:
    settings = Settings(approved_keys=("tag:use=logs",))
    (refused,) = map(str, plan(build.snapshot(trail=BARE), GIVEN, target(tags=TAGS_DENIED), settings).refusals)
    assert "it is unknown whether it is on the list of approved keys. The tags of the key could not be read" in refused
    unread = plan(build.snapshot(key={"tags": TAGS_DENIED}), GIVEN, target(tags={"use": "logs"}), settings)
    assert (unread.changes, verdict(unread, settings)) == ((), "unknown")


def test_a_key_that_is_not_approved_is_not_used() -> None:
    approved = Settings(approved_keys=(build.KEY_ARN,))
    (refused,) = map(str, plan(build.snapshot(trail=BARE), GIVEN, target(), approved).refusals)
    assert "not on the list of approved keys" in refused


@pytest.mark.parametrize("bucket", [Missing("no such bucket"), build.denied("s3", "HeadBucket", "s3:ListBucket")])
def test_a_bucket_that_is_not_found(bucket: Any) -> None:
    (refused,) = map(str, plan(build.snapshot(trail=BARE, bucket=bucket)).refusals)
    assert "its bucket logs cannot be found" in refused


def test_a_bucket_that_would_refuse_the_logs() -> None:
    planned = plan(build.snapshot(trail=BARE, bucket={"policy": None}))
    (refused,) = map(str, planned.refusals)
    assert "The policy of the bucket logs does not let CloudTrail upload" in refused


def test_a_key_is_not_replaced_blindly() -> None:
    blind = build.snapshot(key={"policy": POLICY_DENIED})
    approved = Settings(approved_keys=(OTHER_ARN,))
    (refused,) = map(str, plan(blind, GIVEN, target(), approved).refusals)
    assert "kms:GetKeyPolicy" in refused
    assert "Or set replace_compliant_key: true." in refused
    assert plan(blind, replace(GIVEN, replace_compliant_key=True), target(), approved).refusals == ()


@pytest.mark.parametrize(
    "requested", [GIVEN, replace(GIVEN, replace_compliant_key=True)], ids=["not approved", "asked for"]
)
def test_an_encrypted_trail_is_not_moved_where_the_bucket_policy_cannot_be_read(requested: EnforceRequest) -> None:
    denied = build.denied("s3", "GetBucketPolicy", "s3:GetBucketPolicy")
    approved = Settings(approved_keys=(OTHER_ARN,))
    (refused,) = map(str, plan(build.snapshot(bucket={"policy": denied}), requested, target(), approved).refusals)
    assert refused.startswith(f"{TRAIL}with the key {OTHER_ARN}: ")
    assert "s3:GetBucketPolicy" in refused


@pytest.mark.parametrize(
    "settings",
    [
        Settings(levels={"bucket_policy_accepts_key": "off"}),
        Settings(levels={"bucket_policy_accepts_key": "advised"}),
        Settings(
            exceptions=(
                TrailException(
                    build.TRAIL_ARN, ("key_is_usable", "bucket_policy_accepts_key"), "migration", "ops", date.max
                ),
            )
        ),
    ],
    ids=["off", "advised", "excepted"],
)
@pytest.mark.parametrize("trail", [BARE, {}], ids=["first key", "another key"])
def test_no_setting_moves_a_trail_to_where_it_cannot_deliver(trail: dict[str, Any], settings: Settings) -> None:
    request = replace(GIVEN, replace_compliant_key=True)
    (refused,) = map(
        str, plan(build.snapshot(trail=trail, bucket={"policy": None}), request, target(), settings).refusals
    )
    assert "The policy of the bucket logs does not let CloudTrail upload" in refused


@pytest.mark.parametrize("excepted", [False, True])
def test_an_exception_of_what_delivery_does_not_need_counts(excepted: bool) -> None:
    exception = TrailException(build.TRAIL_ARN, ("key_policy_is_scoped",), "migration", "ops", date.max)
    settings = Settings(levels={"key_policy_is_scoped": "required"}, exceptions=(exception,) if excepted else ())
    broad = build.policy(build.ROOT, build.service("All", "kms:*"))
    assert (plan(build.snapshot(trail=BARE), GIVEN, target(policy=broad), settings).refusals == ()) is excepted


def test_an_inherited_trail_is_refused_by_name_and_left_else() -> None:
    arn = build.TRAIL_ARN.replace(build.ACCOUNT, "222222222222")
    snapshot = build.snapshot(trail={**BARE, "ownership": "inherited", "arn": arn})
    (refused,) = map(str, plan(snapshot, EnforceRequest(trails=("main",))).refusals)
    assert refused.startswith(f"The trail {arn}: it belongs to account 222222222222")
    planned = plan(snapshot)
    assert (planned.changes, planned.refusals) == ((), ())
    (warning,) = map(str, planned.warnings)
    assert warning.startswith(f"The trail {arn} is inherited and left as it is.")
    assert "account 222222222222, which owns it." in warning


def test_every_refusal_is_listed() -> None:
    healthy = build.snapshot(key={"state": "Disabled"})
    bare = replace(healthy.trails[0], arn=build.TRAIL_ARN.replace("main", "bare"), kms_key_arn=None)
    planned = plan(replace(healthy, trails=(*healthy.trails, bare)), target=KeyLookup(KEY_DENIED))
    assert [refusal.split(":trail/")[1][:4] for refusal in map(str, planned.refusals)] == ["bare", "main"]


def test_a_given_key_that_is_nowhere_is_refused_even_if_nothing_needs_it() -> None:
    (refused,) = map(str, plan(build.snapshot(), GIVEN, KeyLookup(Missing("no"))).refusals)
    assert (
        refused
        == f"There is no key {OTHER_ARN} for the buckets of account {build.ACCOUNT}. Set key_id to a key that exists."
    )


def test_nobody_is_told_to_keep_a_key_that_aws_manages() -> None:
    planned = plan(build.snapshot(key={"manager": "AWS"}), GIVEN, target())
    assert [change.operation for change in planned.changes][-1:] == ["UpdateTrail"]
    assert not any(warning.startswith("Keep the key") for warning in map(str, planned.warnings))


def test_old_keys_and_their_readers_are_not_forgotten() -> None:
    reading = {
        "Sid": "Read",
        "Effect": "Allow",
        "Principal": {"AWS": [build.ROLE_ARN, "222222222222"]},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }
    old = build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE, build.DECRYPT, reading)
    planned = plan(build.snapshot(key={"policy": old}), replace(GIVEN, replace_compliant_key=True), target())
    keep, lost = map(str, planned.warnings)
    assert keep.startswith(f"Keep the key {build.KEY_ARN}: ")
    assert lost.startswith(f"{build.ROLE_ARN}, 222222222222 may decrypt the logs of {build.TRAIL_ARN} now")
    kept = plan(
        build.snapshot(key={"policy": old}),
        replace(GIVEN, replace_compliant_key=True),
        target(),
        Settings(readers=(build.ROLE_ARN, "arn:aws:iam::222222222222:root")),
    )
    assert len(kept.warnings) == 1


DELIVERING = build.TRAIL.status
STATUS_DENIED = build.denied("cloudtrail", "GetTrailStatus", "cloudtrail:GetTrailStatus")


@pytest.mark.parametrize(
    ("status", "allowed", "is_refused"),
    [
        (DELIVERING, False, True),
        (STATUS_DENIED, False, True),
        (DELIVERING, True, False),
        (STATUS_DENIED, True, False),
        (TrailStatus(is_logging=False, latest_delivery_time=build.NOW), False, False),
        (TrailStatus(is_logging=True), False, False),
        (TrailStatus(is_logging=True, latest_delivery_time=build.NOW, latest_delivery_error="NoSuchKey"), False, False),
    ],
    ids=["delivers", "unknown", "delivers, allowed", "unknown, allowed", "is off", "never delivered", "fails"],
)
@pytest.mark.parametrize("trail", [BARE, {}], ids=["first key", "another key"])
def test_an_unread_bucket_policy_stops_what_may_be_delivering(
    trail: dict[str, Any], status: Any, allowed: bool, is_refused: bool
) -> None:
    denied = build.denied("s3", "GetBucketPolicy", "s3:GetBucketPolicy")
    request = replace(GIVEN, replace_compliant_key=True, allow_unread_bucket_policy=allowed)
    planned = plan(build.snapshot(trail={**trail, "status": status}, bucket={"policy": denied}), request, target())
    assert [
        ("allow_unread_bucket_policy" in each, "s3:GetBucketPolicy" in each) for each in map(str, planned.refusals)
    ] == ([(True, True)] if is_refused else [])
    warned = [warning for warning in map(str, planned.warnings) if "s3:GetBucketPolicy" in warning]
    assert len(warned) == (0 if is_refused else 1)
    # What the trail delivers with its first key does not hang on the error that it has shown.
    assert verdict(planned, Settings(levels={"trail_is_delivering": "advised"})) == "unknown"


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("logs", "AccessDenied", "Set bucket_assume_role to a role in the account that owns it that may"),
        (
            "logs-222222222222-a",
            "AccessDenied",
            ("Set bucket_assume_role to a role in account 222222222222 (from the name of the bucket) that may"),
        ),
        ("logs", "403", "Set bucket_assume_role to a role in the account that owns it that may"),
        ("logs", "MethodNotAllowed", "Set bucket_assume_role to a role in the account that owns it that may"),
        (f"logs-{build.ACCOUNT}", "AccessDenied", "Allow the caller s3:GetBucketPolicy, or, if"),
        ("logs", "SlowDown", "run again later"),
    ],
)
def test_whose_role_would_read_the_bucket_is_told(name: str, error: str, words: str) -> None:
    denied = replace(build.denied("s3", "GetBucketPolicy", "s3:GetBucketPolicy"), code=error)
    snapshot = build.snapshot(trail={**BARE, "bucket_name": name})
    snapshot = replace(snapshot, buckets={name: replace(build.BUCKET, name=name, policy=denied)})
    (refused,) = map(str, plan(snapshot, GIVEN, target()).refusals)
    assert words in refused


def test_a_key_of_another_account_is_not_written_to_without_its_role() -> None:
    foreign = target(arn=OTHER_ARN.replace(build.ACCOUNT, "222222222222"))
    (refused,) = map(str, plan(build.snapshot(trail=BARE), GIVEN, foreign).refusals)
    assert "needs PutKeyPolicy, and belongs to account 222222222222: set key_assume_role to a role in" in refused
    assert (
        plan(build.snapshot(trail=BARE), replace(GIVEN, writers={"222222222222": build.ROLE_ARN}), foreign).refusals
        == ()
    )


def test_the_diff_reads_as_fields_and_sorted_policies() -> None:
    planned = plan(build.snapshot(key={"policy": build.policy(build.ROOT, build.DESCRIBE)}))
    (entry,) = diff(planned.changes)
    assert entry["before_header"] == entry["after_header"] == f"{build.KEY_ARN} (PutKeyPolicy)"
    assert entry["before"].startswith('{\n  "Statement": [\n    {\n      "Action": "kms:*",\n')
    assert entry["before"].endswith("}\n")
    bare = plan(build.snapshot(trail=BARE), GIVEN, target())
    trail = diff([only(bare, "UpdateTrail")])[0]
    assert (trail["before"], trail["after"]) == ("kms_key_arn: null\n", f"kms_key_arn: {OTHER_ARN}\n")
    key = diff([only(plan(build.snapshot(trail=BARE)), "CreateKey")])[0]
    assert key["before"] == ""
    assert key["after"].startswith("description: Encrypts the logs of CloudTrail trails\nmulti_region: false\ntags: {")


@pytest.mark.parametrize(
    ("names", "others", "told"), [(["arn:x"], 0, False), ([str(10**11 + n) for n in range(300)], 500, True)]
)
def test_principals_of_an_old_policy_are_compared_within_a_budget(
    names: list[str], others: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_budget, "STEPS", 100_000)
    readers = {"Effect": "Allow", "Principal": {"AWS": names}, "Action": "kms:Decrypt", "Resource": "*"}
    rest = [{**readers, "Principal": {"AWS": "444444444444"}, "Action": f"kms:x{n}"} for n in range(others)]
    old = build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE, build.DECRYPT, readers, *rest)
    planned = plan(build.snapshot(key={"policy": old}), replace(GIVEN, replace_compliant_key=True), target())
    assert any("is too long to try everybody" in each for each in map(str, planned.warnings)) is told
