# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else writes at the same time; a backup is there before the first write."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from tests.unit.enforce.lab import Lab, meanwhile, once_before_the_trail_is_looked_at, statuses

HOME = "eu-central-1"
ALIAS = "alias/aws-baseline-cloudtrail"
FOREIGN = {
    "Sid": "Somebody else's",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    "Action": "kms:ListGrants",
    "Resource": "*",
}


def add_statement(lab: Lab) -> None:
    """Somebody adds a statement to the policy of the trail's key, each time another."""
    kms = lab.client("kms", HOME)
    arn = kms.describe_key(KeyId="alias/cloudtrail")["KeyMetadata"]["Arn"]
    document = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    document["Statement"].append({**FOREIGN, "Sid": f"Somebody else's {len(document['Statement'])}"})
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(document))


def sids(lab: Lab) -> list[str]:
    """The Sids of the only key's policy."""
    (key,) = lab.keys(HOME).values()
    return [statement["Sid"] for statement in key["policy"]["Statement"]]


def test_a_policy_changed_meanwhile_is_planned_anew(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("policy-lacking")
    before = sids(lab)
    armed = [True]

    def between_plan_and_write() -> None:
        if armed[0] and len([call for call in lab.aws.calls() if call["action"] == "GetKeyPolicy"]) == 1:
            armed[0] = False
            add_statement(lab)

    lab.aws.clear_calls()
    meanwhile(monkeypatch, "GetKeyPolicy", between_plan_and_write, times=5)
    outcome = lab.enforce()
    assert outcome.errors == ()
    assert statuses(outcome) == [("PutKeyPolicy", "applied")]
    assert "was changed by somebody else" in str(outcome.warnings[0])
    assert sids(lab)[: len(before)] == before
    assert [sid for sid in sids(lab) if sid.startswith("Somebody else's")] != []
    assert outcome.after is not None
    assert outcome.after.verdict == "compliant"


def test_a_policy_overwritten_right_after_is_planned_anew(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("policy-lacking")
    kms = lab.client("kms", HOME)
    arn = kms.describe_key(KeyId="alias/cloudtrail")["KeyMetadata"]["Arn"]
    lost = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    changed = json.dumps({**json.loads(lost), "Statement": [*json.loads(lost)["Statement"], FOREIGN]})
    original = Access.send_once

    def overwritten(self: Access, *called: Any, **rest: Any) -> Any:
        answer = original(self, *called, **rest)
        if called[2] == "PutKeyPolicy" and FOREIGN["Sid"] not in sids(lab):
            kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=changed)
        return answer

    monkeypatch.setattr(Access, "send_once", overwritten)
    outcome = lab.enforce()
    assert statuses(outcome) == [("PutKeyPolicy", "applied"), ("PutKeyPolicy", "applied")]
    assert "Somebody else's" in sids(lab)
    assert outcome.after is not None
    assert outcome.after.verdict == "compliant"


def test_a_policy_that_keeps_changing_is_given_up(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("policy-lacking")
    meanwhile(monkeypatch, "GetKeyPolicy", lambda: add_statement(lab), times=99)
    outcome = lab.enforce(seconds=5)
    assert statuses(outcome) == [("PutKeyPolicy", "not_attempted")]
    assert "keeps changing" in str(outcome.errors[0])
    assert "PutKeyPolicy" not in [call["action"] for call in lab.aws.calls() if "AwsBaseline" in str(call)]


def make_key(lab: Lab, *more: object) -> str:
    """Somebody's key in the region of the buckets, with more statements than the account's own; its ARN."""
    statements = [{**FOREIGN, "Sid": "Account", "Action": "kms:*"}, *more]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return str(lab.client("kms", HOME).create_key(Policy=policy)["KeyMetadata"]["Arn"])


@pytest.mark.parametrize("to_the_requested", [False, True])
def test_a_key_given_to_the_trail_meanwhile_is_not_overwritten_unseen(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, to_the_requested: bool
) -> None:
    lab = load("healthy")
    ((arn, trail),) = lab.trails().items()
    use = next(iter(lab.keys(HOME).values()))["policy"]["Statement"]
    requested, other = make_key(lab, *use), make_key(lab, *use)
    given = requested if to_the_requested else other
    cloudtrail = lab.client("cloudtrail", HOME)
    once_before_the_trail_is_looked_at(monkeypatch, lambda: cloudtrail.update_trail(Name=arn, KmsKeyId=given))
    lab.aws.clear_calls()
    outcome = lab.enforce(Task(request=EnforceRequest(key=None, key_id=requested, replace_compliant_key=True)))
    assert (outcome.errors, statuses(outcome)[-1]) == ((), ("UpdateTrail", "applied"))
    assert outcome.backup is not None
    (row,) = outcome.backup.trail_keys
    assert (row.before, row.after) == (trail["KmsKeyId"] if to_the_requested else other, requested)
    told = f"Somebody else has changed the key of {arn} to {other}. The rest was planned again."
    assert (told in outcome.warnings) is not to_the_requested
    assert lab.writes().count("UpdateTrail") == (1 if to_the_requested else 2)  # with somebody else's


def test_a_key_that_a_bare_trail_got_meanwhile_stays(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    (arn,) = lab.trails()
    grant = {"Sid": "All", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Resource": "*"}
    other = make_key(lab, {**grant, "Action": ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"]})
    cloudtrail = lab.client("cloudtrail", HOME)
    once_before_the_trail_is_looked_at(monkeypatch, lambda: cloudtrail.update_trail(Name=arn, KmsKeyId=other))
    outcome = lab.enforce()
    assert (outcome.errors, statuses(outcome)) == ((), [("CreateKey", "applied"), ("CreateAlias", "applied")])
    assert lab.trails()[arn]["KmsKeyId"] == other


def test_a_trail_whose_key_cannot_be_looked_at_is_left(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.clear_calls()
    lab.enforce(check_mode=True)
    reads = len([call for call in lab.aws.calls() if call["action"] == "DescribeTrails"])
    lab.aws.add_fault(action="cloudtrail:DescribeTrails", nth=reads + 1, code="AccessDeniedException")
    outcome = lab.enforce()
    assert "UpdateTrail" not in lab.writes()
    assert dict(statuses(outcome))["UpdateTrail"] == "failed"
    assert "could not be read while it was being written: AccessDeniedException" in str(outcome.errors[0])


def take_the_alias(lab: Lab, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object] = lambda: None) -> str:
    """Another run gives our alias to a key whose policy lacks CloudTrail, just before we would; the ARN of its key."""
    taken = make_key(lab)

    def take() -> None:
        lab.client("kms", HOME).create_alias(AliasName=ALIAS, TargetKeyId=taken)
        then()

    meanwhile(monkeypatch, "CreateAlias", take)
    return taken


def test_what_is_planned_anew_is_in_the_backup_before_it_is_written(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab, path = load("fresh"), tmp_path / "backup.json"
    (arn,) = lab.trails()
    taken = take_the_alias(lab, monkeypatch)
    saved: list[Any] = []
    meanwhile(
        monkeypatch, "PutKeyPolicy", lambda: saved.extend(json.loads(path.read_text(encoding="utf-8"))["accounts"])
    )
    outcome = lab.enforce(backup_path=str(path))
    assert statuses(outcome)[:2] == [("CreateKey", "applied"), ("PutKeyPolicy", "applied")]
    assert [row["arn"] for row in saved[0]["key_policies"]] == [taken]
    assert [(row["arn"], row["before"], row["after"]) for row in saved[0]["trail_keys"]] == [(arn, None, taken)]
    assert saved[0]["created_keys"] == [outcome.changes[0].resource]
    assert list(tmp_path.glob("backup.json.*")) == []


def test_without_its_backup_nothing_that_is_planned_anew_is_written(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab, folder = load("fresh"), tmp_path / "there"
    folder.mkdir()
    take_the_alias(lab, monkeypatch, then=lambda: folder.rename(tmp_path / "gone"))
    outcome = lab.enforce(backup_path=str(folder / "backup.json"))
    assert statuses(outcome)[0] == ("CreateKey", "applied")
    assert {status for __, status in statuses(outcome)[1:]} == {"not_attempted"}
    assert "cannot be written" in str(outcome.errors[0])
    assert "UpdateTrail" not in lab.writes()


def test_what_cannot_be_planned_anew_is_told_as_not_done(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    deny = partial(lab.aws.add_fault, action="cloudtrail:DescribeTrails", times=-1, code="AccessDeniedException")
    take_the_alias(lab, monkeypatch, then=deny)
    outcome = lab.enforce()
    assert statuses(outcome) == [
        ("CreateKey", "applied"),
        ("CreateAlias", "failed"),
        ("UpdateTrail", "not_attempted"),
        ("EnableKeyRotation", "not_attempted"),
    ]
    created = outcome.changes[0].resource
    assert [change.after["kms_key_arn"] for change in outcome.changes if change.operation == "UpdateTrail"] == [created]
    assert [ALIAS in str(outcome.errors[0]), "could not be read again" in str(outcome.errors[1])] == [True, True]
    assert outcome.after is None


def test_two_runs_at_once_end_with_one_key_in_use(load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = load("fresh")
    other: list[Outcome] = []
    meanwhile(monkeypatch, "CreateKey", lambda: other.append(lab.enforce()))
    ours = lab.enforce()
    assert (ours.errors, other[0].errors) == ((), ())
    used = lab.client("kms", HOME).describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"]
    (trail,) = lab.trails().values()
    assert trail["KmsKeyId"] == used
    (unused,) = set(lab.keys(HOME)) - {used}
    assert statuses(ours) == [("CreateKey", "applied")]
    assert [warning for warning in map(str, ours.warnings) if f"The key {unused} is not in use" in warning] != []


def test_a_run_takes_over_the_key_that_another_has_just_created(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("fresh")
    other: list[Outcome] = []
    meanwhile(monkeypatch, "CreateAlias", lambda: other.append(lab.enforce()))
    ours = lab.enforce()
    assert (ours.errors, other[0].errors) == ((), ())
    assert len(lab.keys(HOME)) == 1


def test_the_backup_is_there_before_the_first_write(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab, path = load("policy-lacking"), tmp_path / "backup.json"
    (arn, key) = next(iter(lab.keys(HOME).items()))
    lab.aws.add_fault(action="kms:PutKeyPolicy", code="AccessDeniedException")
    failed = lab.enforce(backup_path=str(path))
    assert (statuses(failed), path.stat().st_mode & 0o777) == ([("PutKeyPolicy", "failed")], 0o600)
    ((saved,),) = (part["key_policies"] for part in json.loads(path.read_text(encoding="utf-8"))["accounts"])
    assert (saved["arn"], json.loads(saved["before"])) == (arn, key["policy"])
    lab.enforce(backup_path=str(path))
    assert len(list(tmp_path.glob("backup.json.*"))) == 1
    assert [len(kept.key_policies) for kept in read_backups([str(path)])] == [1]


def test_without_its_backup_nothing_is_written(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("fresh")
    done = lab.enforce(backup_path=str(tmp_path / "absent" / "backup.json"))
    assert "cannot be written" in str(done.errors[0])
    assert {status for _operation, status in statuses(done)} == {"not_attempted"}
    assert (lab.writes(), done.after) == ([], done.before)
