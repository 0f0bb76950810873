# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One organization enforced by one run, and what does not hold of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Change
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _common as _arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _enforce as _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Run, RunOutcome, Task
from tests.random.accounts import ACCOUNT, Case
from tests.random.organizations import reordered
from tests.random.trial import ORDERLESS, differences, first_difference, losses, orderless, state_of
from tests.unit.enforce.lab import Lab, born_in, kept_in


class OrganizationTrial:
    """One organization in the laboratory; `failures` yields what does not hold, and `did` says what became of it."""

    def __init__(self, lab: Lab, case: Case, folder: Path) -> None:
        self.lab, self.case, self.folder = lab, case, folder
        self.random = Random(f"{case.name} in another order")
        self.did = "failed"

    def failures(self) -> Iterator[str]:
        """What does not hold, each in a line."""
        self._load(self.case)
        everyone = [self.lab.of(account) for account in self.lab.aws.scenario["credentials"]]
        before = state_of(everyone)
        planned = self._enforced(self.case, check_mode=True)
        if self.lab.writes():
            yield f"check mode wrote: {self.lab.writes()}"
        done = self._enforced(self.case, backup_path=str(self.folder / "backup.json"))
        yield from _differing(planned, done)
        yield from losses(before, state_of(everyone))
        if isinstance(done, RunOutcome):
            self.did = _did(done)
            yield from self._second(done)
        yield from self._reordered(planned)

    def _load(self, case: Case) -> None:
        path = self.folder / "scenario.yml"
        path.write_text(case.text, encoding="utf-8")
        self.lab.aws.reset(str(path))
        self.lab.account = ACCOUNT

    def _enforced(self, case: Case, *, check_mode: bool = False, backup_path: str | None = None) -> RunOutcome | str:
        """The outcome, or why there is none."""
        self.lab.aws.clear_calls()
        try:
            return self.lab.run(run_of(case.options, check_mode=check_mode, backup_path=backup_path))
        except AwsError as error:
            return str(error)

    def _second(self, done: RunOutcome) -> Iterator[str]:
        """Once is enough; where a run cleared what an account had been refused for, the next one has it to do."""
        for _account in done.accounts:
            again = self._enforced(self.case)
            if isinstance(again, str):
                yield f"the next run failed: {again}"
                return
            yield from repeated(done, again, self.lab.writes())
            if not _cleared(done, again):
                return
            done = again

    def _reordered(self, planned: RunOutcome | str) -> Iterator[str]:
        """No order that means nothing changes what is found or planned."""
        case = reordered(self.case, self.random)
        self._load(case)
        other = self._enforced(case, check_mode=True)
        if isinstance(planned, str) or isinstance(other, str):
            if isinstance(planned, str) != isinstance(other, str):
                yield f"in another order: {other}, before: {planned}"
            return
        ones, others = _of_accounts(planned), _of_accounts(other)
        for account in ones:
            for name, one, two in zip(ORDERLESS, orderless(ones[account]), orderless(others[account]), strict=True):
                if one != two:
                    yield f"in another order, {name} of {account} differ: {first_difference(one, two)}"


def run_of(options: Mapping[str, Any], *, check_mode: bool = False, backup_path: str | None = None) -> Run:
    """What the module would make of the options."""
    spec = _enforce_arguments.enforce_spec(_audit_arguments.audit_spec())
    checked = ArgumentSpecValidator(spec, mutually_exclusive=_enforce_arguments.EITHER).validate(dict(options))
    assert not checked.error_messages, checked.error_messages
    params = checked.validated_parameters
    accounts = frozenset(params["accounts"])

    def task(of: Mapping[str, Any]) -> Task:
        return Task(
            scope=_audit_arguments.to_scope(params),
            settings=_audit_arguments.to_settings(of),
            request=replace(_enforce_arguments.to_request(of), accounts=accounts),
            check_mode=check_mode,
        )

    return Run(
        task(params), _arguments.of_accounts(params, task), _audit_arguments.lending(params), backup_path=backup_path
    )


def repeated(done: RunOutcome, again: RunOutcome, writes: Sequence[str]) -> Iterator[str]:
    """What a run does, or is refused, that it should not be after the one before; `writes` are its write calls.

    It has something to do in accounts alone whose refusal has fallen away, as where one account may enable a key that
    another one uses, and that one may not. A key that accounts share is changed where two of them have it to do.
    """
    cleared = _cleared(done, again)
    shared = [change for _owner, key in again.keys for change in key.changes]
    if shared and len(cleared) < 2:
        yield f"the next run wants of shared keys: {_named(shared)}"
    for account, one in sorted(again.accounts.items()):
        if one.changes and not one.refusals and account not in cleared:
            yield f"the next run wants in {account}: {_named(one.changes)}"
        first = done.accounts[account]
        if first.changes and not first.refusals and one.refusals:
            yield f"the next run is refused in {account} what the one before did: {one.refusals}"
    theirs = [change for account in cleared for change in again.accounts[account].changes]
    if Counter(writes) - Counter(change.operation for change in (*shared, *theirs)):
        yield f"the next run wrote {writes}, and has told of {_named((*shared, *theirs))} in {cleared}"


def _cleared(done: RunOutcome, again: RunOutcome) -> list[str]:
    """The accounts whose refusal has fallen away."""
    return [each for each, one in again.accounts.items() if done.accounts[each].refusals and not one.refusals]


def _of_accounts(outcome: RunOutcome) -> dict[str, Outcome]:
    """What came of each account, with what was done for all of them to keys that they share."""
    shared = tuple(change for _owner, key in outcome.keys for change in key.changes)
    return {
        account: replace(each, changes=(*shared, *each.changes)) for account, each in sorted(outcome.accounts.items())
    }


def _named(changes: Iterable[Change]) -> list[tuple[str, str]]:
    return [(each.operation, each.resource) for each in changes]


def _did(done: RunOutcome) -> str:
    """What became of most that could become of it: shared keys changed, changed, refused, or left."""
    if any(key.changes for _owner, key in done.keys):
        return "changed with a shared key"
    if any(each.changes and not each.refusals for each in done.accounts.values()):
        return "changed"
    return "refused" if any(each.refusals for each in done.accounts.values()) else "left"


def _differing(planned: RunOutcome | str, done: RunOutcome | str) -> Iterator[str]:
    """Where check mode and run do not agree about an account or a shared key."""
    if isinstance(planned, str) or isinstance(done, str):
        yield from differences(
            planned if isinstance(planned, str) else "nothing", done if isinstance(done, str) else "nothing"
        )
        return
    for owner, key in done.keys:
        if key.errors:
            yield f"check mode foresees nothing of the key of {owner}: {key.errors}"
    if [owner for owner, _key in planned.keys] != [owner for owner, _key in done.keys]:
        yield f"shared keys of check mode: {planned.keys}, of the run: {done.keys}"
    ones, others = _of_accounts(planned), _of_accounts(done)
    changes = [change for each in others.values() for change in each.changes]
    keys = {"born": born_in(changes), "kept": kept_in(changes)}
    for account, planned_one in ones.items():
        if planned_one.errors and planned_one.errors == others[account].errors:
            continue  # it could not be read, neither time
        yield from (f"in {account}: {each}" for each in differences(planned_one, others[account], **keys))
