# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One account enforced in every way, and what does not hold of it.

Whether a trail delivers, and whether CloudTrail takes a key, is what the fake AWS says, which judges policies by an
evaluator of its own.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from botocore.exceptions import ClientError

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import AccountVerdict, assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Trail, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _enforce as _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from tests.random.accounts import ACCOUNT, REGIONS, SECURITY, Case
from tests.random.statements import is_ours, laid_out_anew
from tests.unit.access import read_account
from tests.unit.enforce.lab import Lab, comparable


@dataclass(frozen=True)
class State:
    """What the fake AWS holds: policies of keys and buckets, keys of trails, which of these log, and which deliver."""

    policies: Mapping[str, Any]
    trail_keys: Mapping[str, str | None]
    logging: frozenset[str]
    delivering: frozenset[str]

    def foreign(self, arns: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The statements that are not ours of these keys and buckets."""
        return {
            arn: [each for each in policy["Statement"] if not is_ours(each)]
            for arn, policy in self.policies.items()
            if arn in arns
        }


class Trial:
    """One account in the laboratory; `failures` yields what does not hold, and then `did` says what became of it."""

    def __init__(self, lab: Lab, case: Case, folder: Path) -> None:
        self.lab, self.case, self.folder = lab, case, folder
        self.random = Random(f"{case.name} in other words")
        self.task = task_of(case.options)
        self.did = "failed"

    def failures(self) -> Iterator[str]:
        """What does not hold, each in a line."""
        self._load(self.case)
        before = self._state()
        planned = self._enforced(replace(self.task, check_mode=True))
        if self.lab.writes():
            yield f"check mode wrote: {self.lab.writes()}"
        done = self._enforced(self.task, self._backup)
        yield from differences(planned, done)
        after = self._state()
        yield from losses(before, after)
        if isinstance(done, Outcome):
            self.did = "refused" if done.refusals else "changed" if done.changes else "left"
            yield from self._second(done)
            yield from self._judged(after)
            yield from self._reworded()
            yield from self._restored(before, after, done)
        yield from self._shuffled(planned)

    @property
    def _backup(self) -> Path:
        return self.folder / "backup.json"

    def _load(self, case: Case) -> None:
        path = self.folder / "scenario.yml"
        path.write_text(case.text, encoding="utf-8")
        self.lab.aws.reset(str(path))
        self.lab.account = ACCOUNT

    def _enforced(self, task: Task, backup: Path | None = None) -> Outcome | str:
        """The outcome, or why there is none."""
        self.lab.aws.clear_calls()
        try:
            return self.lab.enforce(task, backup_path=str(backup) if backup else None)
        except AwsError as error:
            return str(error)

    def _second(self, done: Outcome) -> Iterator[str]:
        """Once is enough: a second run writes nothing, whatever was refused."""
        again = self._enforced(self.task)
        if self.lab.writes():
            yield f"the second run wrote: {self.lab.writes()}"
        if isinstance(again, str):
            yield f"the second run failed: {again}"
        elif again.changes and not again.refusals:
            yield f"the second run wants: {[(each.operation, each.resource) for each in again.changes]}"
        elif done.changes and not done.refusals and again.refusals:
            yield f"the second run is refused what the first did: {again.refusals}"

    def _judged(self, after: State) -> Iterator[str]:
        """A trail that fails nothing that is required by default has a key that CloudTrail may use."""
        scope = replace(self.task.scope, trails=(), regions=())
        for trail in assess(read_account(self.lab.access, scope), Settings()).trails:
            if trail.verdict != "compliant":
                continue
            arn = trail.trail.arn
            if arn in after.logging - after.delivering:
                yield f"{arn} is compliant, but does not deliver"
            if not after.trail_keys[arn]:
                yield f"{arn} is compliant, but has no key"
            refused = self._refused_key(arn, str(after.trail_keys[arn]))
            if refused:
                yield f"{arn} is compliant, but CloudTrail refuses its key: {refused}"

    def _refused_key(self, arn: str, key_arn: str) -> str:
        """Why UpdateTrail refuses the key that the trail has already; empty where it takes it.

        DescribeKey is not asked for: the pages disagree whether CloudTrail needs it, and a trail delivers without.
        """
        self.lab.aws.set(describe_key_needed=False)
        try:
            self.lab.client("cloudtrail", arn.split(":")[3]).update_trail(Name=arn, KmsKeyId=key_arn)
        except ClientError as error:
            return str(error)
        finally:
            self.lab.aws.set(describe_key_needed=True)
        return ""

    def _reworded(self) -> Iterator[str]:
        """KMS may lay out a policy anew; nothing follows from that."""
        for arn, policy in self._policies().items():
            if ":kms:" in arn:
                kms = self.lab.of(arn.split(":")[4]).client("kms", arn.split(":")[3])
                text = json.dumps(laid_out_anew(policy, self.random))
                try:
                    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=text)
                except ClientError:
                    continue  # of a key that is to be deleted KMS takes none
        again = self._enforced(replace(self.task, check_mode=True))
        if isinstance(again, Outcome) and again.changes and not again.refusals:
            wanted = [(each.operation, each.resource) for each in again.changes]
            yield f"policies in other words make it want: {wanted}"

    def _restored(self, before: State, after: State, done: Outcome) -> Iterator[str]:
        """A restore gives back what was there, or says that it does not."""
        if not done.changes or done.refusals:
            return
        (backup,) = read_backups([str(self._backup)])
        restoring = Task(replace(self.task.scope, trails=(), regions=()), restore=(backup,))
        outcome = self._enforced(restoring, self.folder / "other.json")
        if isinstance(outcome, str) or outcome.refusals or outcome.errors:
            return
        now = self._state()
        for row in (*backup.key_policies, *backup.bucket_policies):
            if _sorted(now.policies[row.arn]) != _sorted(before.policies[row.arn]):
                yield f"the restore has not given back the policy of {row.arn}"
        for row in backup.trail_keys:
            if row.before and now.trail_keys[row.arn] != before.trail_keys[row.arn]:
                yield f"the restore has not given back the key of {row.arn}"
        for arn in sorted((before.delivering & after.delivering) - now.delivering):
            yield f"the restore has made {arn} blind"

    def _shuffled(self, planned: Outcome | str) -> Iterator[str]:
        """No order that means nothing changes what is found or planned."""
        self._load(self.case.shuffled(self.random))
        other = self._enforced(replace(self.task, check_mode=True))
        if isinstance(planned, str) or isinstance(other, str):
            if isinstance(planned, str) != isinstance(other, str):
                yield f"in another order: {other}, before: {planned}"
            return
        for name, one, two in zip(ORDERLESS, orderless(planned), orderless(other), strict=True):
            if one != two:
                yield f"in another order, {name} differ: {first_difference(one, two)}"

    def _state(self) -> State:
        return state_of([self.lab.of(account) for account in (ACCOUNT, SECURITY)])

    def _policies(self) -> dict[str, Any]:
        return _policies([self.lab.of(account) for account in (ACCOUNT, SECURITY)])


def state_of(owners: Sequence[Lab]) -> State:
    """All that is compared of these accounts, as the fake AWS holds it."""
    trail_keys: dict[str, str | None] = {}
    logging, delivering = set(), set()
    for lab, region in product(owners, REGIONS):
        client = lab.client("cloudtrail", region)
        for row in client.describe_trails(includeShadowTrails=False)["trailList"]:
            arn = row["TrailARN"]
            if arn.split(":")[4] != lab.account:
                continue
            trail_keys[arn] = row.get("KmsKeyId")
            status = client.get_trail_status(Name=arn)
            if status["IsLogging"]:
                logging.add(arn)
                delivering |= set() if status.get("LatestDeliveryError") else {arn}
    return State(_policies(owners), trail_keys, frozenset(logging), frozenset(delivering))


def _policies(owners: Sequence[Lab]) -> dict[str, Any]:
    """The policy of every key and of every bucket, by ARN."""
    keys = {arn: key for owner in owners for region in REGIONS for arn, key in owner.keys(region).items()}
    policies: dict[str, Any] = {arn: key["policy"] for arn, key in keys.items()}
    for owner in owners:
        s3 = owner.client("s3", REGIONS[0])
        for bucket in s3.list_buckets()["Buckets"]:
            text = s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"]
            policies[f"arn:aws:s3:::{bucket['Name']}"] = json.loads(text)
    return policies


def task_of(options: Mapping[str, Any]) -> Task:
    """What the module would make of the options."""
    spec = {**_audit_arguments.audit_spec(), **_enforce_arguments.own_spec()}
    checked = ArgumentSpecValidator(spec).validate(dict(options))
    assert not checked.error_messages, checked.error_messages
    params = checked.validated_parameters
    return Task(
        scope=_audit_arguments.to_scope(params),
        settings=_audit_arguments.to_settings(params),
        request=_enforce_arguments.to_request(params),
    )


def differences(planned: Outcome | str, done: Outcome | str, **others: Collection[str]) -> Iterator[str]:
    """Where check mode and run do not agree; `others` names keys that other accounts changed."""
    if isinstance(planned, str) or isinstance(done, str):
        if planned != done:
            yield f"check mode says {planned}, the run {done}"
        return
    if done.errors:
        yield f"check mode foresees nothing of: {done.errors}"
        return
    if _shows_more(planned, done):
        return
    for name in ("refusals", "warnings"):
        if sorted(map(str, getattr(planned, name))) != sorted(map(str, getattr(done, name))):
            yield f"{name} of check mode: {getattr(planned, name)}, of the run: {getattr(done, name)}"
    one, other = comparable(planned, **others), comparable(done, **others)
    for name in one:
        if one[name] != other[name]:
            yield f"{name} of check mode and run differ: {first_difference(one[name], other[name])}"


def _shows_more(planned: Outcome, done: Outcome) -> bool:
    """Whether a delivery has failed since in another way than before, of a trail that check mode left unknown."""
    if not (planned.after and done.after):
        return False
    was = {each.trail.arn: _error(each.trail) for each in planned.before.trails}
    unknown = {each.trail.arn for each in planned.after.trails if each.verdict == "unknown"}
    now = {each.trail.arn: _error(each.trail) for each in done.after.trails}
    return any(now.get(arn) not in (None, was.get(arn)) for arn in unknown)


def _error(trail: Trail) -> str | None:
    return trail.status.latest_delivery_error if isinstance(trail.status, TrailStatus) else None


def losses(before: State, after: State) -> Iterator[str]:
    """What is gone that was there."""
    kept, had = after.foreign(before.policies), before.foreign(before.policies)
    for arn, statements in had.items():
        if kept[arn] != statements:
            yield f"foreign statements of {arn} differ: {first_difference(statements, kept[arn])}"
    for arn in sorted(before.delivering - after.delivering):
        yield f"{arn} has gone blind"
    for arn, key_arn in before.trail_keys.items():
        if key_arn and not after.trail_keys[arn]:
            yield f"{arn} has lost its key"


ORDERLESS = ("findings", "changes", "refusals", "findings after")


def orderless(outcome: Outcome) -> tuple[Any, ...]:
    """What an order that means nothing must not change; texts may count statements that have no Sid."""
    changes = sorted((each.operation, each.resource, each.region) for each in outcome.changes)
    return _found(outcome.before), changes, len(outcome.refusals), _found(outcome.after)


def _found(verdict: AccountVerdict | None) -> Any:
    return verdict and {
        trail.trail.arn: {found.rule: (found.status, found.level) for found in trail.findings}
        for trail in verdict.trails
    }


def _sorted(part: Any) -> Any:
    """A policy so that two compare that mean the same, whatever the order in which KMS gives them."""
    if isinstance(part, Mapping):
        return {name: _sorted(each) for name, each in sorted(part.items())}
    if isinstance(part, list):
        return sorted((_sorted(each) for each in part), key=repr) if len(part) > 1 else _sorted(part[0]) if part else []
    return part


def first_difference(one: Any, other: Any, where: str = "") -> str:
    """The first place in which two differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in {**one, **other}:
            if one.get(name) != other.get(name):
                return first_difference(one.get(name), other.get(name), f"{where}.{name}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (each, its) in enumerate(zip(one, other, strict=True)):
            if each != its:
                return first_difference(each, its, f"{where}[{index}]")
    return f"{where}: {one!r}, {other!r}"
