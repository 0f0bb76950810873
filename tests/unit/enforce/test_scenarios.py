# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every scenario: what check mode tells is what a run does, a second run writes nothing, and trails keep the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import Role, Scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._enforce import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import (
    ENFORCEMENT_ACTIONS,
    IAM_ACTIONS,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import KeyWish, Wish
from tests.unit.enforce.lab import Lab, comparable

ACCOUNT = "111111111111"
READER = f"arn:aws:iam::{ACCOUNT}:role/LogAuditor"
COME_BACK = Wish(allow_enable_key=True, allow_cancel_deletion=True)
NEW = ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]


CENTRAL = Task(
    scope=Scope(
        key_role=Role("arn:aws:iam::555555555555:role/CloudTrailKmsEnforce", "audit-2026"),
        bucket_role=Role("arn:aws:iam::444444444444:role/CloudTrailKmsAudit", "audit-2026"),
    ),
    wish=Wish(key_account_id="555555555555"),
)


class Case(NamedTuple):
    """A scenario, what is asked for, the write calls, and the verdict before and after."""

    scenario: str
    task: Task
    writes: list[str]
    before: str
    after: str


CASES = [
    Case("aws-managed-key", Task(), NEW, "non_compliant", "compliant"),
    Case("bucket-denies-kms", Task(), [], "non_compliant", "non_compliant"),
    Case("bucket-key-without-decrypt", Task(), ["PutKeyPolicy"], "non_compliant", "compliant"),
    Case("central-key", CENTRAL, NEW, "non_compliant", "compliant"),
    Case("china", Task(), NEW, "non_compliant", "compliant"),
    Case("closed-region", Task(), [], "compliant", "compliant"),
    Case("deleted-key", Task(), NEW, "non_compliant", "compliant"),
    Case("delivery-error", Task(), [], "non_compliant", "non_compliant"),
    Case("denied-region", Task(), [], "unknown", "unknown"),
    Case("disabled-key", Task(wish=COME_BACK), ["EnableKey"], "non_compliant", "compliant"),
    Case("disabled-key-silent", Task(wish=COME_BACK), ["EnableKey"], "non_compliant", "compliant"),
    Case("fresh", Task(), NEW, "non_compliant", "compliant"),
    Case("fresh", Task(wish=Wish(statements="cis")), NEW, "non_compliant", "compliant"),
    Case("fresh", Task(wish=Wish(key=KeyWish(multi_region=True))), NEW, "non_compliant", "compliant"),
    Case("fresh", Task(wish=Wish(key=KeyWish(rotation=False))), NEW[:3], "non_compliant", "compliant"),
    Case("govcloud", Task(), NEW, "non_compliant", "compliant"),
    Case("healthy", Task(), [], "compliant", "compliant"),
    Case("healthy", Task(wish=Wish(replace_compliant_key=True)), NEW, "compliant", "compliant"),
    Case(
        "mixed",
        Task(wish=COME_BACK),
        [
            "CreateKey",
            "CreateKey",
            "CreateAlias",
            "CreateAlias",
            "PutKeyPolicy",
            "EnableKey",
            "UpdateTrail",
            "UpdateTrail",
            "EnableKeyRotation",
            "EnableKeyRotation",
        ],
        "non_compliant",
        "compliant",
    ),
    Case("no-trails", Task(), [], "no_trails", "no_trails"),
    Case("new-bucket", Task(), [], "no_trails", "no_trails"),
    Case("one-trail-17-regions", Task(), [], "compliant", "compliant"),
    Case("organization", Task(), [], "unknown", "unknown"),
    Case(
        "pending-deletion",
        Task(wish=COME_BACK),
        ["CancelKeyDeletion", "EnableKey"],
        "non_compliant",
        "compliant",
    ),
    Case("landing-zone", Task(), [], "unknown", "unknown"),
    Case("policy-lacking", Task(), ["PutKeyPolicy"], "non_compliant", "compliant"),
    Case("policy-unscoped", Task(), [], "compliant", "compliant"),
    Case(
        "reader-missing",
        Task(settings=Settings(readers=(READER,))),
        ["PutKeyPolicy"],
        "non_compliant",
        "compliant",
    ),
    Case("several", Task(), [], "compliant", "compliant"),
    Case("several", Task(scope=Scope(trails=("team-1-us-east-1",))), [], "compliant", "compliant"),
    Case("vending", Task(), [], "compliant", "compliant"),
    Case("unreadable-key", Task(), [], "unknown", "unknown"),
    Case("wrong-region", Task(), NEW, "non_compliant", "compliant"),
]


@pytest.mark.parametrize(("scenario", "partition"), [("china", "aws-cn"), ("govcloud", "aws-us-gov")])
def test_a_partition_is_kept_to(load: Callable[[str], Lab], scenario: str, partition: str) -> None:
    lab = load(scenario)
    readers = (f"arn:{partition}:iam::{ACCOUNT}:root",)
    done = lab.enforce(Task(settings=Settings(readers=readers)))
    assert (done.errors, done.refusals) == ((), ())
    assert {change.resource.split(":")[1] for change in done.changes} == {partition}
    (key,) = lab.keys(lab.aws.scenario["region"]).values()
    assert set(re.findall(r"arn:([a-z-]+):", json.dumps(key["policy"]))) == {partition}


REFUSED = ["disabled-key", "disabled-key-silent", "mixed", "pending-deletion", "policy-denying"]
UNREADABLE = ["no-permissions"]


def test_every_scenario_is_enforced() -> None:
    scenarios = {path.stem for path in (Path(__file__).parents[2] / "fakeaws" / "scenarios").glob("*.yml")}
    assert scenarios == {case.scenario for case in CASES} | set(REFUSED) | set(UNREADABLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario)
def test_a_run_does_what_check_mode_tells(load: Callable[[str], Lab], case: Case) -> None:
    lab, task = load(case.scenario), case.task
    trails = lab.trails()
    lab.aws.clear_calls()
    told = lab.enforce(task, check_mode=True)
    assert lab.writes() == []

    done = lab.enforce(task)
    assert (done.refusals, done.errors) == ((), ())
    assert {change.status for change in done.changes} <= {"applied"}
    assert lab.writes() == case.writes
    assert done.after is not None
    assert (done.before.verdict, done.after.verdict) == (case.before, case.after)
    assert comparable(told) == comparable(done)

    updates = [call["parameters"] for call in lab.aws.calls() if call["action"] == "UpdateTrail"]
    assert all(set(sent) == {"Name", "KmsKeyId"} and sent["KmsKeyId"] for sent in updates)
    assert all("BypassPolicyLockoutSafetyCheck" not in call["parameters"] for call in lab.aws.calls())
    moved = {change.resource for change in done.changes if change.operation == "UpdateTrail"}
    assert _without_key(lab.trails()) == _without_key(trails)
    assert {arn for arn, trail in lab.trails().items() if trail.get("KmsKeyId") != trails[arn].get("KmsKeyId")} == moved

    lab.aws.clear_calls()
    again = lab.enforce(task)
    assert (again.changes, again.refusals, again.errors, lab.writes()) == ((), (), (), [])


def _without_key(trails: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    aside = ("KmsKeyId", "LatestDeliveryError")
    return {arn: {name: value for name, value in row.items() if name not in aside} for arn, row in trails.items()}


def test_every_call_of_an_enforcement_has_its_declared_permission(load: Callable[[str], Lab]) -> None:
    recorded: dict[tuple[str, str], str] = {}
    for scenario in ("fresh", "policy-lacking", "pending-deletion"):
        lab = load(scenario)
        lab.enforce(wish=COME_BACK)
        recorded |= {(call["service"], call["action"]): call["iam_action"] for call in lab.aws.calls()}
    assert recorded == {operation: IAM_ACTIONS[operation] for operation in recorded}
    assert set(ENFORCEMENT_ACTIONS) <= set(recorded)


@pytest.mark.parametrize("scenario", REFUSED)
def test_a_refusal_stops_before_the_first_write(load: Callable[[str], Lab], scenario: str, tmp_path: Path) -> None:
    lab = load(scenario)
    backup = tmp_path / "backup.json"
    for check_mode in (True, False):
        outcome = lab.enforce(check_mode=check_mode, backup_path=str(backup))
        assert outcome.refusals
        assert {change.status for change in outcome.changes} <= {"not_attempted"}
        assert outcome.after is outcome.before
    assert lab.writes() == []
    assert not backup.exists()
