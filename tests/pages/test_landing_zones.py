# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/landing-zones.md and docs/exceptions.md show is run, section by section, and was printed.

test_central_key.py has the first section.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fakeaws.client import FakeAws
from tests.pages.typed import Page, Typed, opening, timeless, typed

ORGANIZATION = Page("landing-zones.md", "An organization trail")
EXCEPTIONS, APPROVED = (Page("exceptions.md", title) for title in ("Exceptions", "Approved keys"))
MANAGEMENT, SECURITY = "1" * 12, "5" * 12


@pytest.fixture(scope="module")
def aws() -> Iterator[FakeAws]:
    with FakeAws.start("organization") as aws:
        yield aws


@pytest.fixture(scope="module")
def organization(aws: FakeAws, tmp_path_factory: pytest.TempPathFactory) -> list[Typed]:
    folder = tmp_path_factory.mktemp("organization")
    ORGANIZATION.copy(folder)
    aws.reset("organization")
    return [typed(aws, command, folder) for command in ORGANIZATION.commands]


@pytest.fixture(scope="module")
def exceptions(aws: FakeAws, tmp_path_factory: pytest.TempPathFactory) -> list[Typed]:
    """The command twice: with all exceptions, and without the one that has expired."""
    folder = tmp_path_factory.mktemp("exceptions")
    EXCEPTIONS.copy(folder)
    aws.reset("mixed")
    first, second = EXCEPTIONS.commands
    refused = typed(aws, first, folder)
    (name,) = EXCEPTIONS.files
    variables = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    del variables["cloudtrail_kms_exceptions"][1]
    (folder / name).write_text(yaml.safe_dump(variables), encoding="utf-8")
    return [refused, typed(aws, second, folder)]


@pytest.mark.parametrize("shown", ORGANIZATION.shown, ids=opening)
def test_what_the_organization_trail_shows_was_printed(shown: str, organization: list[Typed]) -> None:
    assert timeless(shown) in timeless("".join(run.printed for run in organization))


def test_the_key_is_made_in_its_account_and_the_trail_changed_in_its_own(organization: list[Typed]) -> None:
    planned, done, member = organization
    assert [run.code for run in organization] == [0, 0, 0]
    assert (planned.writes, member.writes) == ([], [])
    key = [f"{action} {SECURITY}" for action in ("CreateKey", "CreateAlias", "EnableKeyRotation")]
    assert done.writes == [*key[:2], f"UpdateTrail {MANAGEMENT}", key[2]]


def spaceless(text: str) -> str:
    """The text without times and spaces: some versions of ansible-core break the lines of warnings, even at hyphens."""
    return "".join(timeless(text).split())


@pytest.mark.parametrize("shown", EXCEPTIONS.shown, ids=opening)
def test_what_the_exceptions_show_was_printed(shown: str, exceptions: list[Typed]) -> None:
    assert spaceless(shown) in spaceless("".join(run.printed for run in exceptions))


def test_an_expired_exception_is_refused_and_one_in_force_left_alone(exceptions: list[Typed]) -> None:
    refused, done = exceptions
    assert (refused.code, refused.writes) == (2, [])
    assert done.code == 0, done.printed
    assert "Excepted  1 trail" in done.printed
    updated = {call["parameters"]["Name"] for call in done.calls if call["action"] == "UpdateTrail"}
    assert {arn.rpartition("/")[2] for arn in updated} == {"first-steps", "web-team"}


def test_what_the_approved_keys_show_was_printed(aws: FakeAws, tmp_path: Path) -> None:
    APPROVED.copy(tmp_path)
    aws.reset("mixed")
    (command,), (shown,) = APPROVED.commands, APPROVED.shown
    run = typed(aws, command, tmp_path)
    assert shown in run.printed
    passed = "company-audit  alias/cloudtrail-audit    compliant"
    assert (run.code, passed in run.printed) == (2, True)
