# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organization trails: changed in the management account, or by a delegated administrator who names them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Run, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import AccountScope, NamedRole, Role, Scope
from tests.unit.enforce.lab import Lab, alone

MANAGEMENT, PRODUCTION, STAGING, LOG_ARCHIVE, SECURITY = (f"{digit * 12}" for digit in "12345")
SCENARIOS = Path(__file__).parents[2] / "fakeaws" / "scenarios"
HOME = "eu-central-1"
NAME = "organization-trail"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/{NAME}"
NEW = ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]
SCOPE = Scope(
    regions=(HOME,),
    key_role=Role(f"arn:aws:iam::{SECURITY}:role/CloudTrailKmsEnforce", "audit-2026"),
    bucket_role=Role(f"arn:aws:iam::{LOG_ARCHIVE}:role/CloudTrailKmsAudit", "audit-2026"),
)
MOVE = EnforceRequest(key=KeyRequest(alias="alias/new"), key_account_id=SECURITY, replace_compliant_key=True)


def enforced(lab: Lab, account: str, task: Task) -> Outcome:
    """An enforcement by the administrator of an account."""
    return alone(lab.of(account).access, task, lab.clock.pace())


def verdicts(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Ownership and verdict of each trail, as it is now."""
    assert outcome.after is not None
    return {judged.trail.name: (judged.trail.ownership, judged.verdict) for judged in outcome.after.trails}


def assert_management_s(lab: Lab, key_arn: str) -> None:
    """The key of the security account is for the trail under the management account's id."""
    policy = lab.of(SECURITY).keys(HOME)[key_arn]["policy"]
    (use,) = (each for each in policy["Statement"] if each["Sid"] == "AwsBaselineCloudTrailUse")
    assert use["Condition"] == {
        "StringEquals": {"aws:SourceArn": [TRAIL]},
        "StringLike": {
            "kms:EncryptionContext:aws:cloudtrail:arn": [f"arn:aws:cloudtrail:*:{MANAGEMENT}:trail/*"],
        },
    }


def test_the_management_account_moves_it_and_members_inherit_it(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    assert enforced(lab, MANAGEMENT, Task(SCOPE, request=replace(MOVE, replace_compliant_key=False))).changes == ()
    done = enforced(lab, MANAGEMENT, Task(SCOPE, request=MOVE))
    assert (done.refusals, done.errors, lab.writes()) == ((), (), NEW)
    assert verdicts(done) == {NAME: ("owned", "compliant")}
    key_arn = next(change.resource for change in done.changes if change.operation == "CreateKey")
    assert_management_s(lab, key_arn)

    lab.aws.clear_calls()
    member = enforced(lab, PRODUCTION, Task(SCOPE, request=EnforceRequest(key_account_id=SECURITY)))
    assert (verdicts(member), lab.writes()) == ({NAME: ("inherited", "compliant")}, [])
    assert member.after is not None
    assert [judged.trail.kms_key_arn for judged in member.after.trails] == [key_arn]


def test_a_delegated_administrator_moves_it_where_it_is_named(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    request = replace(MOVE, key_account_id=None)
    scope = replace(SCOPE, key_role=None)
    left = enforced(lab, SECURITY, Task(scope, request=request))
    assert (left.changes, lab.writes()) == ((), [])
    named = Task(replace(scope, trails=(NAME,)), request=replace(request, trails=(NAME,)))
    done = enforced(lab, SECURITY, named)
    assert (done.refusals, done.errors, lab.writes()) == ((), (), NEW)
    assert verdicts(done) == {NAME: ("delegated", "compliant")}
    assert_management_s(lab, next(change.resource for change in done.changes if change.operation == "CreateKey"))
    lab.aws.clear_calls()
    again = replace(named, request=replace(named.request, replace_compliant_key=False))
    assert (enforced(lab, SECURITY, again).changes, lab.writes()) == ((), [])


@pytest.mark.parametrize("name", [NAME, TRAIL])
def test_a_member_is_refused_what_it_names(load: Callable[[str], Lab], name: str) -> None:
    lab = load("organization")
    task = Task(replace(SCOPE, trails=(name,)), request=replace(MOVE, trails=(name,)))
    (refused,) = map(str, enforced(lab, PRODUCTION, task).refusals)
    assert f"The trail {TRAIL}: it belongs to account {MANAGEMENT}, and a member of its organization cannot" in refused
    assert lab.writes() == []


@pytest.mark.parametrize("needed", [True, False])
def test_the_trails_own_folder_is_warned_of_and_left_to_aws(load: Callable[[str], Lab], *, needed: bool) -> None:
    """AWS's page has the folder for the day it becomes an account's trail; one report says that writes insist on it."""
    lab = load("organization")
    lab.aws.set(own_folder_needed=needed)
    client, bucket = lab.of(LOG_ARCHIVE).client("s3", HOME), f"organization-logs-{LOG_ARCHIVE}"
    policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    kept = [each for each in policy["Statement"] if f"AWSLogs/{MANAGEMENT}/" not in str(each["Resource"])]
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": kept}))
    done = enforced(lab, MANAGEMENT, Task(SCOPE, request=MOVE))
    assert f"UpdateTrail may refuse the trail {TRAIL}" in str(done.warnings)
    assert done.refusals == ()
    assert bool(done.errors) is needed
    assert ("InsufficientS3BucketPolicyException" in str(done.errors)) is needed
    assert verdicts(done) == {NAME: ("owned", "compliant")}


@pytest.fixture
def keyless(tmp_path: Path) -> str:
    """The landing zone with trails of the organization, of production and of staging, all without a key."""
    content = yaml.safe_load((SCENARIOS / "landing-zone.yml").read_text(encoding="utf-8"))
    for trail in content["trails"].values():
        trail.pop("key", None)
    path = tmp_path / "keyless.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def test_the_organizations_key_in_another_account_and_local_ones_for_the_members(
    load: Callable[[str], Lab], keyless: str
) -> None:
    """The role in the key's account only opens it: where a key is made says key.account. Last comes the management."""
    lab = load(keyless).of(SECURITY)
    accounts = (MANAGEMENT, PRODUCTION, STAGING)
    enter = NamedRole("CloudTrailKmsEnforce", "audit-2026")
    scope = Scope(
        accounts=tuple(AccountScope(each, enter) for each in accounts),
        key_role=enter.of("aws", SECURITY),
        bucket_role=enter.of("aws", LOG_ARCHIVE),
    )
    local = Task(scope, request=EnforceRequest(accounts=frozenset(accounts)))
    central = replace(local, request=replace(local.request, key_account_id=SECURITY))
    done = lab.run(Run(local, {MANAGEMENT: central}))
    assert {each: (one.refusals, one.errors) for each, one in done.accounts.items()} == dict.fromkeys(
        accounts, ((), ())
    )
    owners = [(call["account"], call["action"]) for call in lab.aws.calls() if call["kind"] == "write"]
    made = [account for account, action in owners if action == "CreateKey"]
    moved = [account for account, action in owners if action == "UpdateTrail"]
    assert (sorted(made), made[-1]) == ([PRODUCTION, STAGING, SECURITY], SECURITY)
    assert (sorted(moved), moved[-1]) == (sorted(accounts), MANAGEMENT)
    after = facts([one.after for one in done.accounts.values() if one.after])
    assert [account["verdict"] for account in after["accounts"]] == ["compliant"] * 3
    key_arn = next(
        change.after["kms_key_arn"] for change in done.accounts[MANAGEMENT].changes if change.resource == TRAIL
    )
    assert_management_s(lab, str(key_arn))

    lab.aws.clear_calls()
    lab.run(Run(local, {MANAGEMENT: central}))
    assert lab.writes() == []
