# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of other accounts: found, created and merged there, while the trail is updated in its own account."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role, Scope
from tests.unit.enforce.lab import Lab, comparable

PRODUCTION, STAGING, SANDBOX, LOG_ARCHIVE, SECURITY = (f"{digit * 12}" for digit in "12345")
HOME = "eu-central-1"
ALIAS = "alias/aws-baseline-cloudtrail"
NEW = ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]


def role(account: str, purpose: str = "enforce") -> Role:
    """The role of the scenario in an account."""
    return Role(f"arn:aws:iam::{account}:role/CloudTrailKms{purpose.capitalize()}", "audit-2026")


SCOPE = Scope(key_role=role(SECURITY), bucket_role=role(LOG_ARCHIVE, "audit"))
REQUEST = EnforceRequest(key_account_id=SECURITY)


def central(account: str = PRODUCTION, **fields: Any) -> Task:
    """The task to give an account's trails the key of the security account."""
    return Task(**{"scope": replace(SCOPE, role=role(account)), "request": REQUEST, **fields})


def of_security(lab: Lab, region: str = HOME) -> dict[str, dict[str, Any]]:
    """The keys of the security account."""
    return lab.of(SECURITY).keys(region)


def accounts_of_writes(lab: Lab) -> dict[str, set[str]]:
    """In which accounts each write was made."""
    made: dict[str, set[str]] = {}
    for call in lab.aws.calls():
        if call["kind"] == "write":
            made.setdefault(call["action"], set()).add(call["account"])
    return made


def assert_done(outcome: Outcome) -> None:
    """Nothing was refused, nothing failed, and the account is compliant."""
    assert (outcome.refusals, outcome.errors) == ((), ())
    assert outcome.after is not None
    assert outcome.after.verdict == "compliant"


def test_the_key_is_created_in_its_account_and_the_trail_updated_in_its_own(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    told = lab.enforce(central(), check_mode=True)
    assert lab.writes() == []
    done = lab.enforce(central())
    assert_done(done)
    assert comparable(told) == comparable(done)
    assert lab.writes() == NEW
    assert accounts_of_writes(lab) == {
        **{action: {SECURITY} for action in ("CreateKey", "CreateAlias", "EnableKeyRotation")},
        "UpdateTrail": {PRODUCTION},
    }
    (policy,) = (key["policy"] for key in of_security(lab).values())
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{SECURITY}:root"}
    lab.aws.clear_calls()
    again = lab.enforce(central())
    assert (again.changes, lab.writes()) == ((), [])


def test_accounts_one_after_the_other_share_one_statement_for_each_purpose(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    for account in (PRODUCTION, STAGING, SANDBOX):
        assert_done(lab.enforce(central(account)))
    assert lab.writes() == [*NEW, "PutKeyPolicy", "UpdateTrail", "PutKeyPolicy", "UpdateTrail"]
    ((arn, key),) = of_security(lab).items()
    sids = [statement["Sid"] for statement in key["policy"]["Statement"]]
    assert sids == ["Enable IAM User Permissions", "AwsBaselineCloudTrailUse", "AwsBaselineCloudTrailDescribe"]
    use = key["policy"]["Statement"][1]["Condition"]
    assert [len(arns) for condition in use.values() for arns in condition.values()] == [3, 3]
    assert {
        trail["KmsKeyId"] for account in (PRODUCTION, STAGING, SANDBOX) for trail in lab.of(account).trails().values()
    } == {arn}


@pytest.mark.parametrize("form", ["alias", "alias ARN", "id", "ARN"])
def test_a_key_that_is_given_is_looked_for_in_its_account(load: Callable[[str], Lab], form: str) -> None:
    lab = load("central-key")
    kms = lab.of(SECURITY).client("kms", HOME)
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/central", TargetKeyId=key["Arn"])
    names = {"alias": "alias/central", "id": key["KeyId"], "ARN": key["Arn"]}
    names["alias ARN"] = f"arn:aws:kms:{HOME}:{SECURITY}:alias/central"
    lab.aws.clear_calls()
    assert_done(lab.enforce(central(request=replace(REQUEST, key=None, key_id=names[form]))))
    assert lab.writes() == ["PutKeyPolicy", "UpdateTrail"]


def test_readers_of_other_accounts_get_the_key_s_half(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    reader = role(LOG_ARCHIVE, "audit").role_arn
    done = lab.enforce(central(settings=Settings(readers=(f"arn:aws:iam::{SECURITY}:root", reader))))
    assert (done.refusals, done.errors) == ((), ())
    assert done.after is not None
    failed = {each.rule for trail in done.after.trails for each in trail.findings if each.status == "fail"}
    assert failed == {"readers_can_read"}  # The bucket policy is for a person to change.
    (key,) = of_security(lab).values()
    (readers,) = (each for each in key["policy"]["Statement"] if each["Sid"] == "AwsBaselineCloudTrailReaders")
    assert reader in readers["Principal"]["AWS"]


def test_a_key_left_without_its_alias_is_adopted_in_its_account(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, message="No.")
    failed = lab.enforce(central())
    assert [change.status for change in failed.changes] == ["applied", "failed", "not_attempted", "not_attempted"]
    assert_done(lab.enforce(central()))
    assert len(of_security(lab)) == 1


def test_a_lost_answer_is_looked_for_in_the_key_s_account(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateKey", lose_reply=True)
    assert_done(lab.enforce(central()))
    assert len(of_security(lab)) == 1


@pytest.mark.parametrize(
    ("key_id", "words"),
    [
        (
            "alias/nothing",
            f"production-trail: There is no key alias/nothing of account {SECURITY} in {HOME} (Alias ",
        ),
        (
            f"arn:aws:kms:{HOME}:{SANDBOX}:alias/central",
            f"{SANDBOX}:alias/central cannot be read: DescribeKey in {HOME}",
        ),
    ],
)
def test_refusals_name_the_key_s_account(load: Callable[[str], Lab], key_id: str, words: str) -> None:
    lab = load("central-key")
    sandbox = lab.of(SANDBOX).client("kms", HOME)
    sandbox.create_alias(AliasName="alias/central", TargetKeyId=sandbox.create_key()["KeyMetadata"]["Arn"])
    lab.aws.clear_calls()
    outcome = lab.enforce(central(request=replace(REQUEST, key=None, key_id=key_id)))
    assert words in str(outcome.refusals[0])
    assert lab.writes() == []


def test_two_keys_without_alias_name_the_key_s_account(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    policy = lab.enforce(central(), check_mode=True).changes[0].parameters["Policy"]
    kms = lab.of(SECURITY).client("kms", HOME)
    for __ in range(2):
        kms.create_key(Policy=policy, Tags=[{"TagKey": "aws-baseline:cloudtrail-kms", "TagValue": ALIAS}])
    (refused,) = map(str, lab.enforce(central()).refusals)
    assert f"There is no {ALIAS} of account {SECURITY} in {HOME}, and 2 keys carry our tag" in refused


def test_a_central_key_s_policy_is_not_restored_blind(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("central-key")
    backup = str(tmp_path / "backup.json")
    lab.enforce(central(PRODUCTION))
    lab.enforce(central(STAGING), backup_path=backup)
    lab.aws.clear_calls()
    (kept,) = read_backups([backup])
    outcome = lab.enforce(central(STAGING), restore=kept)
    assert any(f"account {SECURITY} also uses the key" in refused for refused in map(str, outcome.refusals))
    assert lab.writes() == []
    (document,) = json.loads(Path(backup).read_text(encoding="utf-8"))["accounts"]
    assert [row["arn"].split(":")[4] for row in document["key_policies"]] == [SECURITY]


def test_another_alias_is_another_key_of_the_same_account(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.enforce(central(PRODUCTION))
    assert_done(lab.enforce(central(STAGING, request=replace(REQUEST, key=KeyRequest(alias="alias/staging")))))
    assert len(of_security(lab)) == 2
