# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault sweep: its points are taken from the call log of an enforcement in which nothing goes wrong.

After each fault: no foreign statement is lost, no trail is on a key that does not work, no trail came without one, what
was done is reported, in each account that of this account, and the next run brings all accounts to compliance without
a second key. Accounts that the call was not about end as without the fault.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Change
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import CREATED_FOR_TAG
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Done, Run, RunOutcome
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role
from tests.faults.subjects import HOME, Subject
from tests.unit.enforce.lab import Lab

OURS = "AwsBaselineCloudTrail"
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
class Point:
    """A call of an enforcement: the nth of an action in an account, or that assumes a `role`."""

    action: str
    account: str
    nth: int
    role: str | None = None
    is_write: bool = False


@dataclass(frozen=True)
class Fault:
    """What goes wrong, with which call."""

    kind: str
    point: Point

    def __str__(self) -> str:
        point = self.point
        return f"{point.action} {point.nth} in {point.account} {point.role or ''} {self.kind}"

    def about(self, accounts: frozenset[str]) -> frozenset[str]:
        """The accounts of a run that may end otherwise for it: the one that the call is for, else all.

        What is read of a bucket is read for all accounts whose trails deliver to it.
        """
        whose = self.point.role.split(":")[4] if self.point.role else self.point.account
        for_one = whose in accounts and not self.point.action.startswith(("sts:GetCallerIdentity", "s3:"))
        return frozenset([whose]) if for_one else accounts


def points(lab: Lab, subject: Subject) -> list[Point]:
    """Every call of an enforcement in which nothing goes wrong, and of a run of many those that differ."""
    lab.aws.clear_calls()
    assert_compliant(lab.run(subject.run))
    counted: Counter[tuple[str, str, str | None]] = Counter()
    found = []
    for call in lab.aws.calls():
        action, role = f"{call['service']}:{call['action']}", call["parameters"].get("RoleArn")
        counted[action, call["account"], role] += 1
        nth = counted[action, call["account"], role]
        found.append(Point(action, call["account"], nth, role, call["kind"] == "write"))
    return [each for each in found if subject.reads_of is None or _differs(each, subject, counted)]


def _differs(point: Point, subject: Subject, counted: Mapping[tuple[str, str, str | None], int]) -> bool:
    """Whether a call of a run of many is a write, of the account to disturb, or an owner's first or last of its kind.

    What is asked of an owner of keys and buckets is asked for each account, in any order.
    """
    if point.is_write or not subject.reads_of:
        return point.is_write
    if point.account == subject.reads_of or point.action.startswith("sts:"):
        return True
    ends = (1, counted[point.action, point.account, point.role])
    return point.account not in subject.accounts and point.nth in ends


def faults(lab: Lab, subject: Subject, *, writes_only: bool = False) -> list[Fault]:
    """Every fault of an enforcement, from the log of its calls."""
    chosen = [point for point in points(lab, subject) if point.is_write or not writes_only]
    return [Fault(kind, point) for point in chosen for kind in FAULTS]


def survive(everyone: Sequence[Lab], subject: Subject, fault: Fault, plain: RunOutcome, backup: Path) -> None:
    """Disturb one enforcement of a freshly loaded scenario, and assert all that must hold. Raises AssertionError.

    `everyone` are the accounts, the caller's first; `plain` is what comes of it without a fault.
    """
    lab = everyone[0]
    foreign = foreign_statements(everyone, subject)
    trails = {arn: key for each in everyone for arn, key in trail_keys(each).items()}
    lab.aws.clear_calls()
    outcome = disturbed(lab, replace(subject.run, backup_path=str(backup)), fault)
    lab.aws.clear_faults()
    written = [call for call in lab.aws.calls() if call["kind"] == "write" and call["result"] in DONE]
    assert_reported(outcome, written, fault, backup)
    if outcome:
        everybody = frozenset(plain.accounts)
        assert_untroubled(outcome, plain, everybody - fault.about(everybody))
    assert foreign_statements(everyone, subject) == foreign, "a foreign statement is lost"
    for each in everyone:
        assert_deliverable(each, trails)
    assert_compliant(lab.run(subject.run))
    assert foreign_statements(everyone, subject) == foreign, "a foreign statement is lost"
    assert_no_second_key(everyone, subject)
    lab.aws.clear_calls()
    again = lab.run(subject.run)
    assert [change for _account, done in parts(again) for change in done.changes] == []
    assert lab.writes() == []


DONE = ("ok", "ReplyLost")


def disturbed(lab: Lab, run: Run, fault: Fault) -> RunOutcome | None:
    """The enforcement with the fault; None where it ended by an error or was killed."""
    point = fault.point
    deadly: AbstractContextManager[Any] = nullcontext()
    if fault.kind == KILLED:
        deadly = patch.multiple(Access, **killing(point, lab.account))
    else:
        place = {"account": point.account, "role": point.role, "nth": point.nth}
        lab.aws.add_fault(action=point.action, **place, **FAULTS[fault.kind])
    try:
        with deadly:
            return lab.run(run)
    except (AwsError, KilledError):
        return None


def killing(point: Point, caller: str) -> dict[str, Any]:
    """Ways of sending that end the process, with all its threads, once this call is answered."""
    entered: dict[Access, str] = {}
    seen, over = Counter[bool](), threading.Event()
    assume = Access.assume

    def known(self: Access, role: Role) -> Access:
        made = assume(self, role)
        entered[made] = role.account_id
        return made

    def deadly(original: Any) -> Any:
        def send(self: Access, service: str, region: str, operation: str, **parameters: Any) -> Any:
            if over.is_set():
                raise KilledError
            answer = original(self, service, region, operation, **parameters)
            called = (f"{service}:{operation}", entered.get(self, caller), parameters.get("RoleArn"))
            is_it = called == (point.action, point.account, point.role)
            seen[is_it] += 1
            if is_it and seen[True] == point.nth:
                over.set()
            if over.is_set():
                raise KilledError
            return answer

        return send

    return {"assume": known, "send": deadly(Access.send), "send_once": deadly(Access.send_once)}


def parts(outcome: RunOutcome) -> Iterator[tuple[str, Done]]:
    """What came of each shared key and of each account, by the account."""
    yield from outcome.keys
    yield from outcome.accounts.items()


def assert_reported(outcome: RunOutcome | None, written: list[dict[str, Any]], fault: Fault, backup: Path) -> None:
    """What was done in an account stands in the result as done there; where the process was killed, in the backup.

    So nothing is written to an account of which the run says that it was not begun.
    """
    if outcome is None:
        assert fault.kind == KILLED or not written, f"done, but not reported: {written}"
        assert backup.exists() or not written, "done, but no backup is left"
        return
    done = {(call["account"], call["action"]) for call in written}
    told = {
        (_owner(change, account), change.operation)
        for account, part in parts(outcome)
        for change in part.changes
        if change.status in ("applied", "failed")
    }
    assert done <= told, f"done, but not reported: {done - told}"
    for account, part in parts(outcome):
        unfinished = [change for change in part.changes if change.status in ("failed", "not_attempted")]
        assert bool(unfinished) <= bool(part.errors or part.refusals), f"{account} not finished, and no reason given"


def _owner(change: Change, account: str) -> str:
    """The account where a change is made: that of the resource, of which the ARN of a bucket says nothing."""
    return (change.resource.split(":")[4:5] or [""])[0] or account


def assert_untroubled(outcome: RunOutcome, plain: RunOutcome, accounts: Iterable[str]) -> None:
    """These accounts end as without the fault."""
    for account in accounts:
        one, other = outcome.accounts[account], plain.accounts[account]
        assert (one.refusals, one.errors) == ((), ()), f"{account} suffers from what befell another account"
        assert [each.operation for each in one.changes] == [each.operation for each in other.changes]
        assert one.after is not None
        assert one.after.verdict == "compliant"


def assert_compliant(outcome: RunOutcome) -> None:
    """All accounts are brought to compliance."""
    for account, done in parts(outcome):
        assert (done.refusals, done.errors) == ((), ()), account
    for account, each in outcome.accounts.items():
        assert each.after is not None, account
        assert each.after.verdict == "compliant", account


def assert_no_second_key(everyone: Iterable[Lab], subject: Subject) -> None:
    """No account has two keys of ours in the Region of the buckets."""
    for lab in everyone:
        ours = [arn for arn, key in lab.keys(subject.region).items() if CREATED_FOR_TAG in key["tags"]]
        assert len(ours) <= 1, f"a second key: {ours}"


def foreign_statements(everyone: Iterable[Lab], subject: Subject) -> dict[str, list[Any]]:
    """The statements that are not ours of every key that is not ours, and of every bucket, in their order."""
    policies: dict[str, Any] = {}
    for lab in everyone:
        found = {arn: key for region in sorted({HOME, subject.region}) for arn, key in lab.keys(region).items()}
        policies |= {arn: key["policy"] for arn, key in found.items() if CREATED_FOR_TAG not in key["tags"]}
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
    plain = lab.run(subject.run)
    others = [account for account in lab.aws.scenario["credentials"] if account != lab.account]
    everyone = [lab, *map(lab.of, others)]
    lab.aws.reset(subject.scenario)
    for number, fault in enumerate(faults(lab, subject, writes_only=writes_only)):
        lab.aws.reset(subject.scenario)
        try:
            survive(everyone, subject, fault, plain, folder / f"{subject.name}-{number}.json")
        except AssertionError as error:
            yield fault, str(error)
        else:
            yield fault, ""
