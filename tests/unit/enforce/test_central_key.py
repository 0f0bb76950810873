# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One key for many accounts: its policy is written once for all of them, and no run for one account writes to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import Scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._central_key import KeyOutcome, KeyTask, serve
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import SharedKey, SharedTrails, Wish
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._judgement import last_read
from tests.aws_cli import AwsCli
from tests.unit.enforce.lab import Lab, comparable, comparable_changes, meanwhile, once_before_the_trail_is_looked_at
from tests.unit.enforce.seen import assert_works
from tests.unit.enforce.test_other_accounts import (
    ALIAS,
    HOME,
    NEW,
    PRODUCTION,
    SANDBOX,
    SECURITY,
    STAGING,
    WISH,
    central,
    of_security,
    role,
)

TRAILS = (
    f"arn:aws:cloudtrail:{HOME}:{PRODUCTION}:trail/production-trail",
    f"arn:aws:cloudtrail:{HOME}:{STAGING}:trail/staging-trail",
    f"arn:aws:cloudtrail:us-east-1:{SANDBOX}:trail/sandbox-trail",
)
TASK = KeyTask(region=HOME, shared=SharedTrails(TRAILS), scope=Scope(role=role(SECURITY)))
OF_THE_KEY = ["CreateKey", "CreateAlias", "EnableKeyRotation"]
UNBORN = f"arn:aws:kms:{HOME}:{SECURITY}:key/to-be-created"
SHARED = replace(WISH, key_is_shared=True)


def served(lab: Lab, trails: tuple[str, ...] = TRAILS, **fields: Any) -> KeyOutcome:
    """One run for the key."""
    return serve(lab.access, replace(TASK, shared=SharedTrails(trails), **fields), lab.clock.pace())


def many(count: int) -> tuple[str, ...]:
    """Trails of as many accounts."""
    return tuple(f"arn:aws:cloudtrail:{HOME}:{100_000_000_000 + number}:trail/main" for number in range(count))


def lists(lab: Lab) -> dict[str, int]:
    """How many ARNs stand in each list of our statement in the one key's policy."""
    (key,) = of_security(lab).values()
    (use,) = (each for each in key["policy"]["Statement"] if each["Sid"] == "AwsBaselineCloudTrailUse")
    return {name: len(arns) for condition in use["Condition"].values() for name, arns in condition.items()}


def test_one_write_for_all_and_the_accounts_update_their_trails_alone(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    told = served(lab, check_mode=True)
    assert (lab.writes(), told.key_arn) == ([], UNBORN)
    assert [change.operation for change in told.changes] == OF_THE_KEY
    done = served(lab)
    assert (done.refusals, done.errors, lab.writes()) == ((), (), OF_THE_KEY)
    assert [done.key_arn] == list(of_security(lab))
    assert comparable_changes(done.changes) == comparable_changes(told.changes)

    lab.aws.clear_calls()
    for account in (PRODUCTION, STAGING, SANDBOX):
        outcome = lab.enforce(central(account, wish=SHARED))
        assert (outcome.refusals, outcome.errors, outcome.shared_keys) == ((), (), ())
        assert outcome.after is not None
        assert outcome.after.verdict == "compliant"
    assert lab.writes() == ["UpdateTrail"] * 3

    lab.aws.clear_calls()
    assert (served(lab).changes, lab.writes()) == ((), [])


def test_more_accounts_extend_the_same_statements(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab)
    lab.aws.clear_calls()
    told = served(lab, trails=many(20), check_mode=True)
    done = served(lab, trails=many(20))
    assert (done.errors, lab.writes()) == ((), ["PutKeyPolicy"])
    assert comparable_changes(done.changes) == comparable_changes(told.changes)
    assert set(lists(lab).values()) == {23}
    lab.aws.clear_calls()
    assert (served(lab, trails=many(20)).changes, lab.writes()) == ((), [])


def test_a_policy_that_is_nearly_full_is_warned_of_and_a_full_one_refused(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    done = served(lab, trails=many(270))
    assert [warning.split(" will have ")[0] for warning in done.warnings] == [f"The policy of {UNBORN}"]
    lab.aws.clear_calls()
    refused = served(lab, trails=many(320))
    assert "more than the 32768 that KMS takes" in refused.refusals[0]
    assert (refused.changes, lab.writes()) == ((), [])
    # What is in the strict form stays; further accounts in the other take less than half of its room.
    more = served(lab, trails=many(320), wish=Wish(statements="cis"))
    assert (more.refusals, more.errors, lab.writes()) == ((), (), ["PutKeyPolicy"])


def test_the_form_of_the_benchmark_has_room_for_more(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    done = served(lab, trails=many(320), wish=Wish(statements="cis"))
    assert (done.refusals, done.errors, done.warnings) == ((), (), ())


def test_an_account_of_many_writes_nothing_to_the_key(load: Callable[[str], Lab], aws_cli: AwsCli) -> None:
    lab = load("central-key")
    told = lab.enforce(central(wish=SHARED), check_mode=True)
    assert told.after is not None
    assert [change.operation for change in told.changes] == ["UpdateTrail"]
    assert told.after.verdict == "compliant"
    waiting = lab.enforce(central(wish=SHARED))
    assert [(change.operation, change.status) for change in waiting.changes] == [("UpdateTrail", "not_attempted")]
    assert (waiting.refusals, waiting.errors, lab.writes()) == ((), (), [])
    assert waiting.shared_keys == told.shared_keys == (SharedKey(UNBORN, ALIAS, TRAILS[:1]),)

    key_arn = served(lab, trails=TRAILS[:1]).key_arn
    done = lab.enforce(central(wish=SHARED))
    assert lab.writes() == [*OF_THE_KEY, "UpdateTrail"]
    assert comparable(done, str(key_arn)) == comparable(told)
    assert_works(aws_cli, lab, done)


def test_a_policy_that_lacks_an_account_is_told_with_the_key_that_the_trail_has(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.enforce(central())
    ((arn, key),) = of_security(lab).items()
    kms = lab.of(SECURITY).client("kms", HOME)
    root, *_others = key["policy"]["Statement"]
    kms.delete_alias(AliasName=ALIAS)
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps({**key["policy"], "Statement": [root]}))
    reader = f"arn:aws:iam::{SECURITY}:root"
    lab.aws.clear_calls()
    waiting = lab.enforce(central(wish=SHARED, settings=Settings(readers=(reader,))))
    (shared,) = waiting.shared_keys
    assert replace(shared, needed={}) == SharedKey(arn, None, TRAILS[:1], (reader,))
    assert shared.needed == {TRAILS[0]: ("kms:GenerateDataKey",)}  # the root of the key's account reads already
    done = served(lab, trails=TRAILS[:1], wish=Wish(key=None, key_id=arn), settings=Settings(readers=(reader,)))
    assert (done.key_arn, lab.writes()) == (arn, ["PutKeyPolicy"])


def test_a_reader_who_is_missing_is_all_that_is_added(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.enforce(central())
    ((arn, key),) = of_security(lab).items()
    root, *_others = key["policy"]["Statement"]
    encrypt = {"Service": "cloudtrail.amazonaws.com"}
    uses = {"Sid": "Uses", "Effect": "Allow", "Principal": encrypt, "Action": "kms:GenerateDataKey*", "Resource": "*"}
    policy = json.dumps({**key["policy"], "Statement": [root, uses]})
    lab.of(SECURITY).client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)
    reader = f"arn:aws:iam::{PRODUCTION}:root"
    (shared,) = lab.enforce(central(wish=SHARED, settings=Settings(readers=(reader,)))).shared_keys
    assert shared.needed == {TRAILS[0]: (reader,)}
    needed = {trail: frozenset(names) for trail, names in shared.needed.items()}
    task = replace(TASK, shared=SharedTrails(shared.trails, needed), settings=Settings(readers=(reader,)))
    assert serve(lab.access, task, lab.clock.pace()).errors == ()
    (_arn, after), *_others = of_security(lab).items()
    sids = [statement["Sid"] for statement in after["policy"]["Statement"]]
    assert sids == [root["Sid"], "Uses", "AwsBaselineCloudTrailReaders"]


def test_check_mode_judges_an_account_that_only_its_key_keeps_from_delivering_by_how_things_are(
    load: Callable[[str], Lab],
) -> None:
    lab = load("central-key")
    lab.enforce(central())
    ((arn, key),) = of_security(lab).items()
    root, *_others = key["policy"]["Statement"]
    stripped = json.dumps({**key["policy"], "Statement": [root]})
    lab.of(SECURITY).client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=stripped)
    told = lab.enforce(central(wish=SHARED), check_mode=True)
    # The key's change is planned in a run of its own, so that this one has none to show.
    assert (told.changes, [shared.key_arn for shared in told.shared_keys]) == ((), [arn])
    assert told.after is not None
    document = {
        "before": facts([told.before]),
        "after": facts([told.after]),
        "changes": [],
        "shared_keys": [asdict(shared) for shared in told.shared_keys],
    }
    assert last_read(document)["accounts"][0]["verdict"] == "non_compliant"


def test_an_account_that_is_refused_asks_nothing_of_the_key(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    outcome = lab.enforce(central(wish=replace(SHARED, key=None, key_id="alias/none")))
    assert outcome.refusals
    assert outcome.shared_keys == ()


def test_what_is_changed_meanwhile_is_left_to_the_next_run(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab)
    ((_arn, key),) = of_security(lab).items()
    kms, cloudtrail = lab.of(SECURITY).client("kms", HOME), lab.client("cloudtrail", HOME)

    def interfere() -> None:
        """Give the trail another key of the security account, and take that key's grants away."""
        other = kms.create_key(Policy=json.dumps(key["policy"]))["KeyMetadata"]["Arn"]
        cloudtrail.update_trail(Name="production-trail", KmsKeyId=other)
        emptied = json.dumps({**key["policy"], "Statement": key["policy"]["Statement"][:1]})
        kms.put_key_policy(KeyId=other, PolicyName="default", Policy=emptied)

    once_before_the_trail_is_looked_at(monkeypatch, interfere)
    outcome = lab.enforce(central(wish=SHARED))
    assert "written for all accounts that share it at once, not from here" in outcome.errors[0]
    assert outcome.changes == ()


def test_somebody_else_who_writes_the_policy_loses_nothing(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, trails=many(1))
    ((arn, key),) = of_security(lab).items()
    kms = lab.of(SECURITY).client("kms", HOME)
    foreign = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SECURITY}:root"},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }
    theirs = {**key["policy"], "Statement": [*key["policy"]["Statement"], foreign]}

    def after_the_plan() -> None:
        if [call["action"] for call in lab.aws.calls()].count("GetKeyPolicy") == 1:
            kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(theirs))

    lab.aws.clear_calls()
    meanwhile(monkeypatch, "GetKeyPolicy", after_the_plan, times=5)
    done = served(lab, trails=many(3))
    assert (done.refusals, done.errors) == ((), ())
    assert any("was changed by somebody else. The rest was planned anew." in warning for warning in done.warnings)
    key = of_security(lab)[arn]
    assert "Theirs" in [each["Sid"] for each in key["policy"]["Statement"]]
    assert set(lists(lab).values()) == {3}


def test_a_disabled_key_is_refused_or_enabled_where_allowed(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab)
    ((arn, _key),) = of_security(lab).items()
    lab.of(SECURITY).client("kms", HOME).disable_key(KeyId=arn)
    lab.aws.clear_calls()
    assert "is Disabled, so CloudTrail cannot use it" in served(lab, trails=many(1)).refusals[0]
    assert lab.writes() == []
    assert served(lab, trails=many(1), wish=Wish(allow_enable_key=True)).errors == ()
    assert lab.writes() == ["PutKeyPolicy", "EnableKey"]


def test_a_given_key_of_another_region_or_account_is_refused(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    far = lab.of(SECURITY).client("kms", "us-east-1").create_key()["KeyMetadata"]["Arn"]
    strange = lab.of(SANDBOX).client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    lab.aws.clear_calls()
    for arn, words in ((far, "it is in us-east-1"), (strange, "cannot be read"), (f"{strange}0", "There is no key")):
        refused = served(lab, wish=Wish(key=None, key_id=arn)).refusals
        assert words in refused[0], refused
    assert lab.writes() == []


def test_the_backup_holds_the_policy_before_the_first_write(load: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = load("central-key")
    served(lab)
    path = tmp_path / "key.json"
    done = served(lab, trails=many(2), backup_path=str(path))
    assert done.backup is not None
    (document,) = json.loads(path.read_text(encoding="utf-8"))["accounts"]
    assert document["account_id"] == SECURITY
    (row,) = document["key_policies"]
    assert (row["arn"], many(1)[0] in row["before"], many(1)[0] in row["after"]) == (done.key_arn, False, True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Exception, match="backup"):
        served(lab, trails=many(4), backup_path=str(tmp_path / "folder"))
    assert set(lists(lab).values()) == {5}


def test_a_key_left_without_alias_is_taken_up(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    lab.aws.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, message="No.")
    assert "CreateAlias" in served(lab).errors[0]
    waiting = lab.enforce(central(wish=SHARED))
    assert [(shared.alias, shared.trails) for shared in waiting.shared_keys] == [(ALIAS, TRAILS[:1])]
    assert served(lab).errors == ()
    assert len(of_security(lab)) == 1
    assert NEW[0] in lab.writes()
