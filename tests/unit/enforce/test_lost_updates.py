# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two writers of one policy: who looked before the other wrote, and writes after, takes the other's part away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from tests import PATIENCE
from tests.unit.enforce.lab import Clock, Lab, lagging, meanwhile, statuses
from tests.unit.enforce.many import REQUEST, operations, served, troubles, verdicts
from tests.unit.enforce.many import TRAILS as OF_ACCOUNTS
from tests.unit.enforce.test_other_accounts import HOME, PRODUCTION, SANDBOX, SECURITY, STAGING, central, of_security
from tests.unit.enforce.test_races import FOREIGN, sids
from tests.unit.enforce.test_reverts import plain_key

TRAILS = tuple(OF_ACCOUNTS.values())
KEY = f"key of {SECURITY}"


def named(lab: Lab) -> list[str]:
    """The trails that our statement in the one key's policy names."""
    (key,) = of_security(lab).values()
    (use,) = (each for each in key["policy"]["Statement"] if each["Sid"] == "AwsBaselineCloudTrailUse")
    arns = use["Condition"]["StringEquals"]["aws:SourceArn"]
    return sorted([arns] if isinstance(arns, str) else arns)


class Overtaken(Clock):
    """The clock of the first of two runs: while it waits, the other writes what it has had ready since before."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote, self.overwritten = threading.Event(), threading.Event()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.wrote.set()
        assert self.overwritten.wait(PATIENCE)


@pytest.fixture
def interleaved(monkeypatch: pytest.MonkeyPatch) -> Overtaken:
    """A looks, B looks, A writes and looks again, B writes: each call below is made by the thread of its name."""
    clock, looked = Overtaken(), threading.Event()
    original = Access.send_once

    def send_once(self: Access, service: str, region: str, operation: str, **rest: Any) -> Any:
        thread = threading.current_thread().name
        if operation != "PutKeyPolicy":
            return original(self, service, region, operation, **rest)
        if thread == "A":
            assert looked.wait(PATIENCE)
            return original(self, service, region, operation, **rest)
        looked.set()
        assert clock.wrote.wait(PATIENCE)
        answer = original(self, service, region, operation, **rest)
        clock.overwritten.set()
        return answer

    monkeypatch.setattr(Access, "send_once", send_once)
    return clock


def both(clock: Overtaken, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """What two runs return that are under way at once; a first one that never waits ends before the other writes."""

    def named_thread(name: str, run: Callable[[], Any]) -> Any:
        threading.current_thread().name = name
        try:
            return run()
        finally:
            clock.wrote.set()

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(named_thread, *each) for each in (("A", first), ("B", second))]
        return runs[0].result(PATIENCE), runs[1].result(PATIENCE)


def test_a_trail_that_another_account_s_run_overwrote_is_served_again(
    load: Callable[[str], Lab], interleaved: Overtaken
) -> None:
    lab = load("central-key")
    lab.enforce(central(SANDBOX))
    ours, theirs = Lab(lab.aws, interleaved), Lab(lab.aws, Clock())
    done, other = both(interleaved, lambda: ours.enforce(central(PRODUCTION)), lambda: theirs.enforce(central(STAGING)))
    assert named(lab) == sorted(TRAILS)
    assert statuses(done) == [
        ("PutKeyPolicy", "applied"),
        ("UpdateTrail", "applied"),
        ("PutKeyPolicy", "applied"),
    ]
    assert statuses(other) == [("PutKeyPolicy", "applied"), ("UpdateTrail", "applied")]
    assert "PutKeyPolicy of arn:aws:kms:" in next(text for text in done.warnings if "After the last write" in text)
    for outcome in (done, other):
        assert outcome.errors == ()
        assert outcome.after is not None
        assert outcome.after.verdict == "compliant"
    lab.aws.clear_calls()
    for account in (PRODUCTION, STAGING, SANDBOX):
        assert lab.enforce(central(account)).changes == ()
    assert lab.writes() == []


def test_a_policy_that_is_overwritten_before_its_trail_moves_is_written_again_and_not_waited_for(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    lab.enforce(central(SANDBOX))
    theirs = lab.enforce(central(STAGING), check_mode=True).changes[0].parameters
    meanwhile(monkeypatch, "UpdateTrail", lambda: lab.of(SECURITY).client("kms", HOME).put_key_policy(**theirs))
    done = lab.enforce(central(PRODUCTION))
    assert (done.errors, named(lab)) == ((), sorted(TRAILS))
    assert [change.operation for change in done.changes] == ["PutKeyPolicy", "PutKeyPolicy", "UpdateTrail"]
    assert lab.clock.now < 10


def test_trails_that_another_run_of_many_overwrote_are_served_again(
    load: Callable[[str], Lab], interleaved: Overtaken
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    stripped = {PRODUCTION: (PRODUCTION, SANDBOX), STAGING: (STAGING, SANDBOX)}
    ours, theirs = Lab(lab.aws, interleaved), Lab(lab.aws, Clock())
    request = replace(REQUEST, statements="strict")
    done, other = both(
        interleaved,
        lambda: served(ours, *stripped[PRODUCTION], request=request),
        lambda: served(theirs, *stripped[STAGING], request=request),
    )
    assert (troubles(done), troubles(other), named(lab)) == ({}, {}, sorted(TRAILS))
    lab.aws.clear_calls()
    assert (troubles(served(lab)), lab.writes()) == ({}, [])


def overwriting(lab: Lab, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Somebody puts the key's policy as it is now back after each write of this kind, each time otherwise."""
    ((arn, key),) = of_security(lab).items()
    kms, times = lab.of(SECURITY).client("kms", HOME), count(1)
    root, *rest = key["policy"]["Statement"]
    original = Access.send_once

    def send_once(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        answer = original(self, service, region, called, **parameters)
        if called == operation:
            policy = {**key["policy"], "Statement": [{**root, "Sid": f"Theirs {next(times)}"}, *rest]}
            kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))
        return answer

    monkeypatch.setattr(Access, "send_once", send_once)


def test_a_trail_that_is_never_left_served_ends_the_run_red(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    lab.enforce(central(SANDBOX))
    overwriting(lab, monkeypatch, "PutKeyPolicy")
    done = lab.enforce(central(), seconds=8)
    assert f"not be served: {TRAILS[0]}." in str(done.errors[-1])
    assert ("PutKeyPolicy", "not_attempted") in statuses(done)
    assert done.after is not None
    assert done.after.verdict == "non_compliant"


def test_a_shared_key_that_is_never_left_in_peace_stops_all_that_need_it(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    overwriting(lab, monkeypatch, "PutKeyPolicy")
    done = served(lab, PRODUCTION, STAGING, seconds=8)
    assert f"not be served: {TRAILS[0]}, {TRAILS[1]}." in troubles(done)[KEY][-1]
    assert operations(done)[KEY][-1] == "PutKeyPolicy"
    assert verdicts(done) == {PRODUCTION: "non_compliant", STAGING: "non_compliant"}
    assert all("could not be changed first" in troubles(done)[account][0] for account in (PRODUCTION, STAGING))


def test_a_trail_that_a_shared_key_no_longer_serves_after_its_move_is_red(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    with monkeypatch.context() as patch:
        overwriting(lab, patch, "UpdateTrail")
        done = served(lab, PRODUCTION, STAGING)
    assert "Run again." in troubles(done)[PRODUCTION][0]
    assert verdicts(done)[PRODUCTION] == "non_compliant"


def showing(monkeypatch: pytest.MonkeyPatch, old: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Let reads of a policy show what `old` makes of the true answer, where that is anything."""
    original = Access.send

    def send(self: Access, service: str, region: str, called: str, **parameters: Any) -> Any:
        answer = original(self, service, region, called, **parameters)
        return (old(answer) or answer) if called == "GetKeyPolicy" else answer

    monkeypatch.setattr(Access, "send", send)


def add_foreign(lab: Lab, arn: str) -> None:
    """Somebody adds a statement to the policy of a key as it truly is."""
    kms = lab.client("kms", HOME)
    policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    policy["Statement"].append(FOREIGN)
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))


def test_a_read_older_than_what_the_run_has_found_costs_no_statement(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = load("policy-lacking")
    ((arn, _key),) = lab.keys(HOME).items()
    oldest = lab.client("kms", HOME).get_key_policy(KeyId=arn, PolicyName="default")
    add_foreign(lab, arn)
    reads = count()

    def older(answer: dict[str, Any]) -> dict[str, Any] | None:
        # The first read that has our statement is the check of the write.
        return oldest if "AwsBaseline" in answer["Policy"] and next(reads) in (1, 2) else None

    showing(monkeypatch, older)
    done = lab.enforce()
    assert done.errors == ()
    assert {FOREIGN["Sid"], "AwsBaselineCloudTrailUse"} <= set(sids(lab))


def test_reads_that_lack_a_policy_count_only_in_a_row(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation shows late for longer than a policy is waited for; then two reads show the policy of before."""
    lab = load("fresh")
    plain_key(lab)
    (arn,) = lab.keys(HOME)
    before = lab.client("kms", HOME).get_key_policy(KeyId=arn, PolicyName="default")
    lagging(monkeypatch, lab.clock, 45, "GetKeyRotationStatus")
    reads = count()

    def older(answer: dict[str, Any]) -> dict[str, Any] | None:
        if "AwsBaseline" not in answer["Policy"] or lab.clock.now < 45:
            return None
        number = next(reads)
        if number == 0:
            add_foreign(lab, arn)
        return before if number in (0, 1) else None

    showing(monkeypatch, older)
    assert lab.enforce().errors == ()
    assert next(reads) > 1
    assert {FOREIGN["Sid"], "AwsBaselineCloudTrailUse"} <= set(sids(lab))
