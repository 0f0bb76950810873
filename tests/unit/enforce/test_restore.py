# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enforcement replaced goes back, as a plan like any other; what would leave a trail blind does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import BackupError, read_backup
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._enforce import Outcome, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup, Replaced
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import Wish
from tests.unit.enforce.lab import Lab, comparable

HOME = "eu-central-1"
READER = Task(settings=Settings(readers=("arn:aws:iam::111111111111:role/LogAuditor",)))
REPLACE = Task(wish=Wish(replace_compliant_key=True))
RESTORE = Task(wish=Wish(key=None))


def restored(lab: Lab, done: Outcome) -> Outcome:
    """Restore what an enforcement replaced, first in check mode, which must tell the same."""
    assert done.backup is not None
    told = lab.enforce(RESTORE, restore=done.backup, check_mode=True)
    outcome = lab.enforce(RESTORE, restore=done.backup)
    assert told.refusals == outcome.refusals
    assert comparable(told) == comparable(outcome)
    return outcome


def test_a_trail_gets_its_key_back(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    before = lab.trails()
    outcome = restored(lab, lab.enforce(REPLACE))
    assert [(change.operation, change.status) for change in outcome.changes] == [("UpdateTrail", "applied")]
    assert lab.trails() == before
    assert any(warning.startswith("Keep the key ") for warning in outcome.warnings)
    lab.aws.clear_calls()
    assert outcome.backup is not None
    assert lab.enforce(RESTORE, restore=outcome.backup).after is not None
    assert lab.writes() == ["UpdateTrail"]


def test_a_policy_goes_back(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    before = lab.keys(HOME)
    done = lab.enforce(READER)
    assert lab.keys(HOME) != before
    outcome = restored(lab, done)
    assert [(change.operation, change.status) for change in outcome.changes] == [("PutKeyPolicy", "applied")]
    assert lab.keys(HOME) == before
    assert done.backup is not None
    assert lab.enforce(RESTORE, restore=done.backup).changes == ()


def test_a_policy_that_somebody_else_has_changed_stays(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    done = lab.enforce(READER)
    (arn, key) = next(iter(lab.keys(HOME).items()))
    key["policy"]["Statement"].append({**key["policy"]["Statement"][0], "Sid": "New"})
    lab.client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(key["policy"]))
    outcome = restored(lab, done)
    assert outcome.changes == ()
    assert outcome.warnings == (
        f"Somebody else has changed the policy of {arn} since the backup; it is left as it is.",
    )


def test_statements_that_a_trail_needs_stay(load: Callable[[str], Lab]) -> None:
    lab = load("policy-lacking")
    outcome = restored(lab, lab.enforce())
    assert "would fail key_policy_allows_encrypt" in outcome.refusals[0]
    assert lab.enforce().changes == ()


def test_a_key_that_no_longer_works_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    (old,) = lab.keys(HOME)
    done = lab.enforce(REPLACE)
    lab.client("kms", HOME).disable_key(KeyId=old)
    assert "would fail key_is_usable" in restored(lab, done).refusals[0]


def test_a_key_that_is_gone_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("deleted-key")
    assert "cannot be found" in restored(lab, lab.enforce()).refusals[0]


def test_encryption_is_never_removed(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    outcome = restored(lab, lab.enforce())
    assert "aws cloudtrail update-trail --region eu-central-1" in outcome.refusals[0]
    assert next(iter(lab.trails().values()))["KmsKeyId"]


def test_a_trail_that_was_changed_since_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    trail = next(iter(lab.trails().values()))
    other = Replaced(trail["TrailARN"], trail["KmsKeyId"].replace("key/", "key/0"), trail["KmsKeyId"] + "0")
    outcome = lab.enforce(RESTORE, restore=Backup("111111111111", "", trail_keys=(other,)))
    assert "which somebody else decided" in outcome.refusals[0]


def test_a_backup_of_another_account_or_trail_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    assert lab.enforce(RESTORE, restore=Backup("222222222222", "")).refusals == (
        "The backup is of account 222222222222, not of 111111111111.",
    )
    absent = Replaced("arn:aws:cloudtrail:eu-central-1:111111111111:trail/absent", None, "x")
    (refused,) = lab.enforce(RESTORE, restore=Backup("111111111111", "", trail_keys=(absent,))).refusals
    assert "trail/absent is not there" in refused


def test_a_backup_is_read_as_it_was_written(load: Callable[[str], Lab], tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    done = load("healthy").enforce(REPLACE, backup_path=str(path))
    assert read_backup(str(path)) == done.backup
    assert done.backup is not None
    assert done.backup.created_keys == tuple(c.resource for c in done.changes if c.operation == "CreateKey")


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read"), ("x", "is no JSON"), ("[]", "is no backup"), ('{"format": 1}', "is not complete")],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "backup.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(BackupError, match=words):
        read_backup(str(path))
