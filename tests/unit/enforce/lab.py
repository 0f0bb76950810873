# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforcements of a fake AWS in this process, under a clock that never waits; and a look at AWS that is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import NEVER, Limits, Pace, Stop
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup, Change
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._changes import diff
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._enforce import enforce
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import (
    Done,
    Outcome,
    Run,
    RunOutcome,
    Task,
)
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.modules import replace_everywhere

HOME = "eu-central-1"


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Let the seconds pass."""
        self.now += seconds

    def pace(self, seconds: float = 300, stopped: Stop = NEVER) -> Pace:
        """A deadline from the first write on."""
        limits = Limits(clock=lambda: self.now, sleep=self.sleep)
        return Pace(
            seconds,
            limits=limits,
            stopped=stopped,
            clock=lambda: self.now,
            sleep=self.sleep,
            jitter=lambda: 1.0,
        )


class Lab:
    """A fake AWS with a scenario loaded, and what one does with it."""

    def __init__(self, aws: FakeAws, clock: Clock, account: str | None = None) -> None:
        self.aws, self.clock = aws, clock
        self.account: str = account or aws.scenario["account"]
        self.access = self.caller()

    def of(self, account: str) -> Lab:
        """The same lab, for the administrator of an account."""
        return Lab(self.aws, self.clock, account)

    def caller(self) -> Access:
        """The access of the account's administrator, by default of the scenario's first account."""
        return caller(self.aws, self.account)

    @property
    def _keys(self) -> tuple[str, str]:
        keys = self.aws.credentials(self.account)
        return keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]

    def enforce(
        self,
        task: Task | None = None,
        seconds: float = 300,
        backup_path: str | None = None,
        restore: Backup | None = None,
        **fields: Any,
    ) -> Outcome:
        """One enforcement of one account."""
        task = replace(task or Task(), **fields)
        task = replace(task, restore=(restore,)) if restore else task
        return alone(self.access, task, self.clock.pace(seconds), backup_path)

    def run(self, run: Run, seconds: float = 300) -> RunOutcome:
        """One enforcement of all the accounts of a run."""
        return enforce(self.access, run, lambda: self.clock.pace(seconds))

    def client(self, service: Any, region: str) -> Any:
        """A plain boto3 client."""
        return _client(service, region, self.aws.endpoint, *self._keys)

    def writes(self) -> list[str]:
        """The write calls since the last `clear_calls`, by action."""
        return [call["action"] for call in self.aws.calls() if call["kind"] == "write"]

    def trails(self) -> dict[str, dict[str, Any]]:
        """Everything about every trail, by ARN, as its home region shows it; of another account's what that shows."""
        region = self.aws.scenario["region"]
        rows = self.client("cloudtrail", region).describe_trails(includeShadowTrails=True)["trailList"]
        regional = {row["TrailARN"]: row for row in rows}
        for other in self.client("ec2", region).describe_regions()["Regions"]:
            try:
                rows = self.client("cloudtrail", other["RegionName"]).describe_trails()["trailList"]
            except ClientError:
                continue
            regional |= {row["TrailARN"]: row for row in rows}
        return {arn: row | self._of_trail(arn, row["HomeRegion"]) for arn, row in regional.items()}

    def _of_trail(self, arn: str, region: str) -> dict[str, Any]:
        if arn.split(":")[4] != self.account:
            return {}
        client = self.client("cloudtrail", region)
        status, selectors = client.get_trail_status(Name=arn), client.get_event_selectors(TrailName=arn)
        return {
            "IsLogging": status["IsLogging"],
            "LatestDeliveryError": status.get("LatestDeliveryError"),
            "EventSelectors": selectors.get("EventSelectors"),
            "AdvancedEventSelectors": selectors.get("AdvancedEventSelectors"),
            "InsightSelectors": client.get_insight_selectors(TrailName=arn).get("InsightSelectors"),
            "Tags": client.list_tags(ResourceIdList=[arn])["ResourceTagList"],
        }

    def keys(self, region: str) -> dict[str, dict[str, Any]]:
        """Metadata, policy and tags of every key of a region, by ARN."""
        kms = self.client("kms", region)
        return {row["KeyArn"]: self._of_key(kms, row["KeyArn"]) for row in kms.list_keys(Limit=100)["Keys"]}

    @staticmethod
    def _of_key(kms: Any, arn: str) -> dict[str, Any]:
        metadata = kms.describe_key(KeyId=arn)["KeyMetadata"]
        return {
            "state": metadata["KeyState"],
            "policy": json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]),
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=arn)["Tags"]},
        }


@cache
def _client(service: Any, region: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


def alone(access: Access, task: Task, pace: Pace, backup_path: str | None = None) -> Outcome:
    """An enforcement of one account."""
    outcome = enforce(access, Run(task, backup_path=backup_path), lambda: pace)
    (done,) = outcome.accounts.values()
    return replace(done, warnings=(*outcome.warnings, *done.warnings))


def no_waiting(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let the SDK's own waits pass by the clock as well."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=clock.sleep))


def comparable(outcome: Outcome, *, born: Collection[str] = (), kept: Collection[str] = ()) -> dict[str, Any]:
    """What check mode and run must agree on: changes, diff and the account afterwards.

    Delivery stands aside, the status of the changes does, and the ARN of a new key is its placeholder. `born` are new
    keys that another account or run has created, `kept` those whose deletion another account of the run cancels.
    """
    assert outcome.after is not None
    after = facts([outcome.after])
    del after["generated_at"], after["accounts"][0]["audited_by"]  # a test may plan as one principal and run as another
    kept = kept_in(outcome.changes) | {*kept}
    for trail in after["accounts"][0]["trails"]:
        aside = {"trail_is_delivering", *(["key_rotation_enabled"] if trail["kms_key_arn"] in kept else [])}
        trail["findings"] = [found for found in trail["findings"] if found["rule"] not in aside]
    after["accounts"][0]["errors"] = [row for row in after["accounts"][0]["errors"] if row["code"] != "PendingDeletion"]
    for key in after["accounts"][0]["kms_keys"]:
        if key["arn"] in kept:  # while its deletion is scheduled KMS does not show whether it rotates
            del key["rotation_enabled"]
        key["policy"] = key["policy"] and json.loads(key["policy"])  # KMS lays it out anew
    result = _unborn({"after": after, **comparable_changes(outcome.changes)}, born_in(outcome.changes) | {*born})
    result["after"]["accounts"][0]["kms_keys"].sort(key=lambda key: key["arn"])
    return result


def comparable_changes(changes: Iterable[Change]) -> dict[str, Any]:
    """Changes and diff, as check mode and run must agree on them."""
    changes = [replace(change, status="planned") for change in changes]
    told = {"changes": [vars(change) for change in changes], "diff": diff(changes)}
    return _unborn(told, born_in(changes))


def born_in(changes: Iterable[Change]) -> set[str]:
    """The ARNs of the keys that are created."""
    return {change.resource for change in changes if change.operation == "CreateKey"}


def kept_in(changes: Iterable[Change]) -> set[str]:
    """The ARNs of the keys whose deletion is cancelled."""
    return {change.resource for change in changes if change.operation == "CancelKeyDeletion"}


def _unborn(told: object, keys: set[str]) -> dict[str, Any]:
    """What is told, with the placeholder in the place of each of these keys."""
    text = json.dumps(told)
    for arn in keys:
        text = text.replace(arn, f"{arn.rpartition('/')[0]}/to-be-created")
    result: dict[str, Any] = json.loads(text)
    return result


def meanwhile(monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[], object], *, times: int = 1) -> None:
    """Act just before each of the first `times` calls of an operation is sent."""
    left = [times]
    for name in ("send", "send_once"):
        original = getattr(Access, name)

        def send(self: Access, service: str, region: str, called: str, original: Any = original, **rest: Any) -> Any:
            if called == operation and left[0]:
                left[0] -= 1
                act()
            return original(self, service, region, called, **rest)

        monkeypatch.setattr(Access, name, send)


def lagging(monkeypatch: pytest.MonkeyPatch, clock: Clock, seconds: float, *operations: str) -> None:
    """Let reads of these kinds show what they showed before, until so many seconds after the last write."""
    shown: dict[str, dict[str, Any] | ClientError] = {}
    until = [0.0]
    originals = {"send": Access.send, "send_once": Access.send_once}

    def send(self: Access, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        name = json.dumps([operation, region, parameters], sort_keys=True)
        if name not in shown or clock.now >= until[0] or operation not in operations:
            try:
                shown[name] = originals["send"](self, service, region, operation, **parameters)
            except ClientError as error:
                shown[name] = error
        answer = shown[name]
        if isinstance(answer, ClientError):
            raise answer
        return answer

    def send_once(self: Access, *called: Any, **parameters: Any) -> dict[str, Any]:
        before, until[0] = until[0], clock.now + seconds
        try:
            return originals["send_once"](self, *called, **parameters)
        except ClientError:  # it was refused
            until[0] = before
            raise

    monkeypatch.setattr(Access, "send", send)
    monkeypatch.setattr(Access, "send_once", send_once)


def statuses(outcome: Done) -> list[tuple[str, str]]:
    """What became of each change."""
    return [(change.operation, change.status) for change in outcome.changes]


def once_before_the_trail_is_looked_at(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Act between the plan and the look at the trail's key that comes right before UpdateTrail."""
    left = [act]
    original = _calls.trail_settings

    def trail_key(*called: Any) -> Any:
        if left:
            left.pop()()
        return original(*called)

    replace_everywhere(monkeypatch, original, trail_key)


def given(key_id: str, **fields: Any) -> Task:
    """The task to use a key for trails that have none."""
    return Task(request=EnforceRequest(key=None, key_id=key_id, **fields))


def new_key(lab: Lab, region: str = HOME, **fields: Any) -> str:
    """A key that somebody made."""
    return str(lab.client("kms", region).create_key(**fields)["KeyMetadata"]["Arn"])
