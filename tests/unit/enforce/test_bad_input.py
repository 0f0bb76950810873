# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be done is refused before the first write, with trail, key, reason and next step."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import AwsError, Role, Scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._enforce import Outcome, Task, enforce
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import KeyWish, Wish
from tests.unit.access import caller
from tests.unit.enforce.lab import Lab

HOME = "eu-central-1"
STAGING, SECURITY = "333333333333", "555555555555"


def given(kms_key_id: str, **fields: Any) -> Task:
    """The task to use a key for trails that have none."""
    return Task(wish=Wish(key=None, kms_key_id=kms_key_id, **fields))


def new_key(lab: Lab, region: str = HOME, **fields: Any) -> str:
    """A key that somebody made."""
    return str(lab.client("kms", region).create_key(**fields)["KeyMetadata"]["Arn"])


def assert_refused(lab: Lab, outcome: Outcome, *words: str) -> None:
    """The one refusal names the trail and holds the words; nothing is written, in check mode neither."""
    (refused,) = outcome.refusals
    assert [word for word in ("trail/main", *words) if word not in refused] == []
    assert lab.writes() == []


@pytest.mark.parametrize(
    ("region", "fields", "words"),
    [
        ("us-east-1", {}, ("it is in us-east-1", "Give a key in eu-central-1")),
        (HOME, {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, ("RSA_2048 for SIGN_VERIFY",)),
        (HOME, {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, ("HMAC_256",)),
        (HOME, {"Origin": "EXTERNAL"}, ("PendingImport",)),
    ],
    ids=["wrong region", "asymmetric", "for MACs", "without material"],
)
def test_a_key_that_cannot_serve(
    load: Callable[[str], Lab], region: str, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    lab = load("fresh")
    arn = new_key(lab, region, **fields)
    lab.aws.clear_calls()
    for check_mode in (True, False):
        assert_refused(lab, lab.enforce(given(arn), check_mode=check_mode), arn, *words)


def test_an_alias_that_leads_to_a_key_that_cannot_serve(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    arn = new_key(lab, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    lab.client("kms", HOME).create_alias(AliasName=KeyWish.alias, TargetKeyId=arn)
    lab.aws.clear_calls()
    assert_refused(lab, lab.enforce(), arn, "RSA_2048")
    assert_refused(lab, lab.enforce(given(KeyWish.alias)), arn, "RSA_2048")


@pytest.mark.parametrize("form", ["{arn}", "{id}", "alias/mine", "{head}:alias/mine"])
def test_a_key_serves_by_any_of_its_names(load: Callable[[str], Lab], form: str) -> None:
    lab = load("fresh")
    arn = new_key(lab)
    lab.client("kms", HOME).create_alias(AliasName="alias/mine", TargetKeyId=arn)
    lab.aws.clear_calls()
    head, key_id = arn.rpartition(":")[0], arn.rpartition("/")[2]
    outcome = lab.enforce(given(form.format(arn=arn, id=key_id, head=head)))
    assert lab.writes() == ["PutKeyPolicy", "UpdateTrail"]
    assert outcome.changes[1].parameters["KmsKeyId"] == arn


def test_a_key_that_is_not_there(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    absent = f"arn:aws:kms:{HOME}:111111111111:key/00000000-0000-0000-0000-000000000000"
    refusals = lab.enforce(given(absent)).refusals
    assert all(f"There is no key {absent}" in refused for refused in refusals)
    assert (bool(refusals), lab.writes()) == (True, [])


def test_a_policy_that_cannot_be_read(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    arn = new_key(lab)
    lab.aws.clear_calls()
    lab.aws.add_fault(action="kms:GetKeyPolicy", code="AccessDeniedException", times=-1)
    assert_refused(lab, lab.enforce(given(arn)), arn, "kms:GetKeyPolicy", "key_assume_role")


def test_a_policy_that_cannot_be_written_back(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("policy-lacking")
    (arn, key) = next(iter(lab.keys(HOME).items()))
    orphaned = {**key["policy"]["Statement"][0], "Sid": "Left", "Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}}
    policy = json.dumps({**key["policy"], "Statement": [*key["policy"]["Statement"], orphaned]})
    monkeypatch.setattr(
        "ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._calls.key_policy",
        lambda *_called: policy,
    )
    lab.aws.clear_calls()
    assert_refused(lab, lab.enforce(), arn, 'statement "Left"', "AIDACKCEVSQ6C2EXAMPLE")


def test_a_trail_that_is_not_there(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    with pytest.raises(AwsError, match="has no trail absent"):
        lab.enforce(scope=Scope(trails=("absent",)))


def test_a_key_of_another_account_needs_its_owner(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    (arn,) = lab_keys(lab, SECURITY)
    task = Task(Scope(regions=("eu-west-1",), trails=("staging-trail",)), wish=Wish(key=None, kms_key_id=arn))
    outcome = enforce(caller(lab.aws, STAGING), task, lab.clock.pace())
    (refused,) = outcome.refusals
    assert "staging-trail" in refused
    assert lab.writes() == []


def test_a_member_cannot_change_the_trail_of_its_organization(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    task = Task(Scope(trails=("organization-trail",)), wish=Wish(trails=("organization-trail",)))
    outcome = enforce(caller(lab.aws, STAGING), task, lab.clock.pace())
    (refused,) = outcome.refusals
    assert "belongs to account 111111111111" in refused
    assert lab.writes() == []


def test_the_owner_of_a_central_key_opens_it(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    (arn,) = lab_keys(lab, SECURITY)
    role = Role(f"arn:aws:iam::{SECURITY}:role/CloudTrailKmsAudit", "audit-2026")
    task = Task(
        Scope(trails=("organization-trail",), key_role=role, regions=(HOME,)),
        wish=Wish(key=None, kms_key_id=arn, replace_compliant_key=True, trails=("organization-trail",)),
    )
    outcome = lab.enforce(task)
    assert (outcome.refusals, outcome.changes) == ((), ())


def lab_keys(lab: Lab, account_id: str) -> list[str]:
    """The ARNs of an account's keys in the home region."""
    access = caller(lab.aws, account_id)
    return [row["KeyArn"] for row in access.send("kms", HOME, "ListKeys")["Keys"]]


def test_an_exception_is_never_applied_without_a_word(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    until = TrailException("main", ("trail_has_kms_key",), "migration", "ops", date.max)
    other = TrailException("mian", ("trail_has_kms_key",), "migration", "ops", date.max)
    outcome = lab.enforce(settings=Settings(exceptions=(until, other)))
    assert (outcome.changes, outcome.refusals) == ((), ())
    unused, left = outcome.warnings
    assert unused.startswith("The exception for trail mian matches no trail that was read in account 111111111111. ")
    assert left.startswith("Left as it is, under an exception: trail_has_kms_key of arn:aws:cloudtrail:")
    expired = TrailException("main", ("trail_has_kms_key",), "migration", "ops", date(2020, 1, 1))
    assert lab.enforce(settings=Settings(exceptions=(expired,))).refusals
    assert lab.writes() == []
