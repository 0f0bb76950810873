# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS tells of times is compared with AWS's own clock, whatever that of this machine says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, Clock
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller, read_account
from tests.unit.modules import clock_off_by


@pytest.mark.parametrize("minutes", [-14, -4, 0, 4, 14])
def test_an_account_is_read_at_the_time_of_aws(
    load: Callable[[str], FakeAws], monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    access = caller(load("healthy"))
    access.clients.clock = Clock()
    clock_off_by(monkeypatch, timedelta(minutes=minutes))
    before = datetime.now(timezone.utc)
    read_at = read_account(access, Scope()).read_at
    assert before <= read_at <= datetime.now(timezone.utc) + timedelta(seconds=1)


def told(date: object) -> dict[str, object]:
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


def at(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def is_heedless(answer: dict[str, object]) -> bool:
    """Whether a clock that hears the answer goes on by the machine's time."""
    clock = Clock()
    clock.hear(answer)
    return abs(clock.now() - datetime.now(timezone.utc)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ResponseMetadata": []},
        told(None),
        told("yesterday"),
        told("Fri, 31 Dec 9999 23:59:59 GMT"),
        told("Mon, 01 Jan 1990 00:00:00 GMT"),
    ],
)
def test_what_is_no_date_of_an_answer_is_not_heeded(answer: dict[str, object]) -> None:
    assert is_heedless(answer)


@pytest.mark.parametrize("zone", ["", "GMT"])
@pytest.mark.parametrize("minutes", [16, -16])
def test_a_date_that_an_aws_that_takes_the_request_cannot_have_is_not_heeded(minutes: int, zone: str) -> None:
    assert is_heedless(told(at(datetime.now(timezone.utc) + timedelta(minutes=minutes)).replace("GMT", zone)))


def test_the_clock_never_goes_back_for_answers_that_overtake_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, passed = Clock(), [100.0]
    monkeypatch.setattr(_access.time, "monotonic", lambda: passed[0])
    noon = datetime.now(timezone.utc).replace(microsecond=0)
    clock.hear(told(at(noon)))
    assert clock.now() == noon + timedelta(seconds=1)
    passed[0] += 0.5
    clock.hear(told(at(noon)))
    assert clock.now() == noon + timedelta(seconds=1.5)
    clock.hear(told(at(noon + timedelta(seconds=1))))
    assert clock.now() == noon + timedelta(seconds=2)
    clock.hear(told(at(noon - timedelta(minutes=5))))
    assert clock.now() == noon - timedelta(minutes=5) + timedelta(seconds=1)


def test_every_access_of_a_run_has_one_clock(load: Callable[[str], FakeAws]) -> None:
    first, other = caller(load("organization")), caller(load("organization"), "222222222222")
    assert isinstance(first, Access)
    assert first.clients.clock is other.clients.clock
