# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault sweep: its points are taken from the call log of an enforcement in which nothing goes wrong.

After each fault: no foreign statement is lost, no trail is on a key that does not work, no trail came without one, what
was done is reported, and the next run brings the account to compliance without a second key.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError, Role
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import Scope
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._central_key import KeyTask, serve
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import (
    CREATED_FOR_TAG,
    SharedTrails,
    TrailWish,
    Wish,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._task import Outcome, Task
from tests.unit.enforce.lab import Lab

HOME = "eu-central-1"
HERE = Scope(regions=(HOME,))
READER = "arn:aws:iam::111111111111:role/LogAuditor"
OURS = "AwsBaselineCloudTrail"


@dataclass(frozen=True)
class Subject:
    """An enforcement to disturb; its bucket, and so its key, is in `region`, the key in the account `keys_of`."""

    scenario: str
    task: Task
    region: str = HOME
    keys_of: str = "111111111111"


SECURITY = "555555555555"
# The key of another account, which is changed for all who share it before the trail is.
SHARED = Task(
    replace(
        HERE,
        key_role=Role(f"arn:aws:iam::{SECURITY}:role/CloudTrailKmsEnforce", "audit-2026"),
        bucket_role=Role("arn:aws:iam::444444444444:role/CloudTrailKmsAudit", "audit-2026"),
    ),
    wish=Wish(key_account_id=SECURITY, key_is_shared=True),
)
SUBJECTS = (
    Subject("fresh", Task(HERE)),
    Subject("policy-lacking", Task(HERE)),
    Subject("reader-missing", Task(HERE, Settings(readers=(READER,)))),
    Subject("pending-deletion", Task(HERE, wish=Wish(allow_enable_key=True, allow_cancel_deletion=True))),
    Subject("wrong-region", Task(HERE), "eu-west-1"),
    Subject("healthy", Task(HERE, wish=Wish(replace_compliant_key=True))),
    Subject("new-bucket", Task(HERE, wish=Wish(create_trail=TrailWish("main", "logs-111111111111", HOME)))),
    Subject("central-key", SHARED, keys_of=SECURITY),
)
KILLED = "killed right after"
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "access denied": {"code": "AccessDeniedException", "message": "is not authorized to perform this"},
    "throttled once": {"code": "ThrottlingException", "message": "Rate exceeded"},
    "throttled for ever": {"code": "ThrottlingException", "message": "Rate exceeded", "times": -1},
    "internal error": {"code": "InternalFailure", "status": 500},
    "connection dropped": {"drop": True},
    "reply lost": {"lose_reply": True},
    KILLED: {},
}


class KilledError(BaseException):
    """The process ends here; nothing of ours catches it."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, with which call of an action."""

    kind: str
    action: str
    nth: int

    def __str__(self) -> str:
        return f"{self.action} {self.nth} {self.kind}"


def enforced(lab: Lab, task: Task) -> Outcome:
    """An enforcement; of a key that is shared, that of the key as well, as the role does it."""
    first = lab.enforce(task)
    if not first.shared_keys:
        return first
    (shared,) = first.shared_keys
    wish = Wish() if shared.alias else Wish(key=None, key_id=shared.key_arn)
    scope = Scope(role=task.scope.key_role)
    needed = {trail: frozenset(names) for trail, names in shared.needed.items()}
    of_key = KeyTask(HOME, SharedTrails(shared.trails, needed), scope, wish=wish, backup_path=task.backup_path)
    key = serve(lab.access, of_key, lab.clock.pace())
    if key.refusals or key.errors:
        return replace(first, changes=key.changes, refusals=key.refusals, errors=key.errors, shared_keys=())
    try:
        then = lab.enforce(task)
    except AwsError as error:
        return replace(first, changes=key.changes, errors=(str(error),), shared_keys=())
    return replace(then, changes=(*key.changes, *then.changes))


def faults(lab: Lab, subject: Subject, *, writes_only: bool = False) -> list[Fault]:
    """Every fault of an enforcement, from the log of its calls."""
    lab.aws.clear_calls()
    assert_compliant(enforced(lab, subject.task))
    counted: Counter[str] = Counter()
    points = []
    for call in lab.aws.calls():
        action = f"{call['service']}:{call['action']}"
        counted[action] += 1
        if call["kind"] == "write" or not writes_only:
            points.append((action, counted[action]))
    return [Fault(kind, action, nth) for action, nth in points for kind in FAULTS]


def survive(lab: Lab, subject: Subject, fault: Fault, backup: Path) -> None:
    """Disturb one enforcement of a freshly loaded scenario, and assert all that must hold. Raises AssertionError."""
    foreign = foreign_statements(lab, subject)
    trails = trail_keys(lab)
    lab.aws.clear_calls()
    outcome = disturbed(lab, replace(subject.task, backup_path=str(backup)), fault)
    lab.aws.clear_faults()
    done = [call["action"] for call in lab.aws.calls() if call["kind"] == "write" and call["result"] in DONE]
    assert_reported(outcome, done, fault, backup)
    assert foreign_statements(lab, subject) == foreign, "a foreign statement is lost"
    assert_deliverable(lab, trails)
    assert_compliant(enforced(lab, subject.task))
    assert foreign_statements(lab, subject) == foreign, "a foreign statement is lost"
    keys = lab.of(subject.keys_of).keys(subject.region)
    ours = [arn for arn, key in keys.items() if CREATED_FOR_TAG in key["tags"]]
    assert len(ours) <= 1, f"a second key: {ours}"
    lab.aws.clear_calls()
    assert lab.enforce(subject.task).changes == ()
    assert lab.writes() == []


DONE = ("ok", "ReplyLost")


def disturbed(lab: Lab, task: Task, fault: Fault) -> Outcome | None:
    """The enforcement with the fault; None where it ended by an error or was killed."""
    deadly: AbstractContextManager[Any] = nullcontext()
    if fault.kind == KILLED:
        deadly = patch.multiple(Access, **killing(fault))
    else:
        lab.aws.add_fault(action=fault.action, nth=fault.nth, **FAULTS[fault.kind])
    try:
        with deadly:
            return enforced(lab, task)
    except (AwsError, KilledError):
        return None


def killing(fault: Fault) -> dict[str, Any]:
    """Ways of sending that end the process once the nth call of the action is answered."""
    counted: Counter[str] = Counter()
    originals = {"send": Access.send, "send_once": Access.send_once}

    def deadly(name: str) -> Any:
        def send(self: Access, service: str, region: str, operation: str, **parameters: Any) -> Any:
            answer = originals[name](self, service, region, operation, **parameters)
            counted[f"{service}:{operation}"] += 1
            if counted[fault.action] == fault.nth and f"{service}:{operation}" == fault.action:
                raise KilledError
            return answer

        return send

    return {name: deadly(name) for name in originals}


def assert_reported(outcome: Outcome | None, done: list[str], fault: Fault, backup: Path) -> None:
    """What was done stands in the result, or, where the process was killed, in the backup."""
    if outcome is None:
        assert fault.kind == KILLED or not done, f"done, but not reported: {done}"
        assert backup.exists() or not done, "done, but no backup is left"
        return
    told = Counter(change.operation for change in outcome.changes if change.status in ("applied", "failed"))
    assert set(done) <= set(told), f"done, but not reported: {done}, {dict(told)}"
    unfinished = [change for change in outcome.changes if change.status in ("failed", "not_attempted")]
    assert bool(unfinished) <= bool(outcome.errors or outcome.refusals), "not finished, and no reason given"


def assert_compliant(outcome: Outcome) -> None:
    """The account is brought to compliance."""
    assert (outcome.refusals, outcome.errors) == ((), ())
    assert outcome.after is not None
    assert outcome.after.verdict == "compliant"


def foreign_statements(lab: Lab, subject: Subject) -> dict[str, list[Any]]:
    """The statements that are not ours of every key that is not ours, and of every bucket, in their order."""
    owner = lab.of(subject.keys_of)
    found = {arn: key for region in sorted({HOME, subject.region}) for arn, key in owner.keys(region).items()}
    policies = {arn: key["policy"] for arn, key in found.items() if CREATED_FOR_TAG not in key["tags"]}
    s3 = lab.client("s3", HOME)
    for bucket in s3.list_buckets()["Buckets"]:
        policies[bucket["Name"]] = json.loads(s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"])
    return {
        name: [each for each in policy["Statement"] if not str(each.get("Sid")).startswith(OURS)]
        for name, policy in policies.items()
    }


def trail_keys(lab: Lab) -> dict[str, str | None]:
    """The key of every trail."""
    rows = lab.client("cloudtrail", HOME).describe_trails()["trailList"]
    return {row["TrailARN"]: row.get("KmsKeyId") for row in rows}


def assert_deliverable(lab: Lab, before: Mapping[str, str | None]) -> None:
    """Every trail whose key has changed, or that is new, has a key and delivers, as AWS sees it."""
    client = lab.client("cloudtrail", HOME)
    for arn, key_arn in trail_keys(lab).items():
        if arn not in before or key_arn != before[arn]:
            assert key_arn, f"{arn} has lost its key"
            assert client.get_trail_status(Name=arn).get("LatestDeliveryError") is None, f"{arn} is on a dead key"


def sweep(lab: Lab, subject: Subject, folder: Path, *, writes_only: bool = False) -> Iterator[tuple[Fault, str]]:
    """Disturb the subject by every fault; yields each with what went wrong, empty where it was survived."""
    lab.aws.reset(subject.scenario)
    for number, fault in enumerate(faults(lab, subject, writes_only=writes_only)):
        lab.aws.reset(subject.scenario)
        try:
            survive(lab, subject, fault, folder / f"{subject.scenario}-{number}.json")
        except AssertionError as error:
            yield fault, str(error)
        else:
            yield fault, ""
