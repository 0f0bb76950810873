# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that the writes of an account have, and the rates that all accounts of a run keep to."""

from __future__ import annotations

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import (
    LONGEST_WAIT,
    RATES,
    SECOND,
    Limits,
    Pace,
    Stop,
)

OPERATIONS = [*RATES, "CreateAlias"]


class Clock:
    """A clock that only sleeping moves; `turns` are the moments at which requests were let go."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Let the seconds pass."""
        self.now += seconds

    def limits(self) -> Limits:
        """Limits by this clock."""
        return Limits(clock=lambda: self.now, sleep=self.sleep)

    def pace(self, seconds: float, limits: Limits | None = None, stopped: Stop | None = None) -> Pace:
        """A pace by this clock."""
        return Pace(
            seconds,
            limits=limits,
            stopped=stopped or Stop(),
            clock=lambda: self.now,
            sleep=self.sleep,
            jitter=lambda: 1.0,
        )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 128).map(lambda part: part / 64),  # no rounding
            st.sampled_from(OPERATIONS),
            st.sampled_from(["111111111111", "222222222222"]),
            st.sampled_from(["eu-central-1", "us-east-1"]),
        ),
        max_size=80,
    )
)
def test_no_second_has_more_requests_than_aws_takes(asked: list[tuple[float, str, str, str]]) -> None:
    clock = Clock()
    limits = clock.limits()
    sent = defaultdict(list)
    for pause, *key in asked:
        clock.sleep(pause)
        limits.take(*key)
        sent[tuple(key)].append(clock.now)
    for (operation, *_place), times in sent.items():
        rate = RATES.get(operation, len(times))
        assert all(later - earlier >= SECOND for earlier, later in zip(times, times[rate:], strict=False))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_aws_takes_in_one_second_does_not_wait(operation: str) -> None:
    clock = Clock()
    limits = clock.limits()
    for region, account_id in product(("eu-central-1", "us-east-1"), ("111111111111", "222222222222")):
        for _number in range(RATES.get(operation, 99)):
            limits.take(operation, account_id, region)
    assert clock.now == 0


def test_threads_share_one_rate() -> None:
    waits: list[float] = []
    limits = Limits(clock=lambda: 0.0, sleep=waits.append)
    together = threading.Barrier(8)

    def take(_number: int) -> None:
        together.wait()
        limits.take("UpdateTrail", "111111111111", "eu-central-1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert sorted(waits) == [1, 2, 3, 4, 5, 6, 7]


def test_the_time_starts_with_the_first_write() -> None:
    clock = Clock()
    pace = clock.pace(10)
    clock.sleep(1000)
    pace.take("CreateAlias", "111111111111", "eu-central-1")
    clock.sleep(8)
    assert pace.wait(0)
    assert not pace.wait(3)


def test_waiting_for_other_accounts_takes_nothing_from_the_time_of_an_account() -> None:
    clock = Clock()
    limits = clock.limits()
    for _number in range(100):
        limits.take("UpdateTrail", "111111111111", "eu-central-1")
    pace = clock.pace(10, limits)
    pace.take("UpdateTrail", "111111111111", "eu-central-1")
    assert clock.now == 100
    assert pace.wait(3)


def test_the_longest_time_is_waited_for_in_steps_of_equal_length() -> None:
    clock = Clock()
    pace = clock.pace(86_400)
    attempts = count()
    while pace.wait(next(attempts)):
        assert clock.now <= 86_400
    assert clock.now > 86_400 - LONGEST_WAIT
    assert not pace.wait(10**6)


def test_no_wait_begins_after_a_stop() -> None:
    clock, stop = Clock(), Stop()
    pace = clock.pace(10, stopped=stop)
    assert pace.wait(0)
    stop.set()
    assert not pace.wait(0)
    assert clock.now == 1


def test_a_stop_ends_every_wait() -> None:
    stop = Stop()
    together = threading.Barrier(5)

    def wait(_number: int) -> bool:
        together.wait()
        return stop.wait(60)

    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(wait, number) for number in range(4)]
        together.wait()
        stop.set()
        assert all(each.result(timeout=5) for each in waits)
