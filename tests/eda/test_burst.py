# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runs the rule makes of the calls of many accounts, and what each tells its playbook: the rule as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml

from tests import PATIENCE
from tests.eda.rulebook import PAGE, Rulebook, local
from tests.unit.eda.events import BUCKET, event

FORTY = [f"{number:012}" for number in range(40)]
WINDOW = 10  # seconds, as the rulebook has it
LATER = WINDOW + 6  # seconds from one burst to the next
# One file for each run, named by when the run began.
NOTE = "{{ folder }}/run-{{ now().strftime('%Y%m%d%H%M%S%f') }}.json"
PLAY = {
    "hosts": "localhost",
    "connection": "local",
    "gather_facts": False,
    "tasks": [{"ansible.builtin.copy": {"dest": NOTE, "content": "{{ cloudtrail_kms_drift_calls | to_json }}"}}],
}


def calls(accounts: Iterable[str], *actions: str) -> Iterator[dict[str, Any]]:
    """The messages about these calls in each account, and each of them once more, as SQS may deliver it twice."""
    for account in accounts:
        for action in actions:
            body = event(action, recipientAccountId=account)
            yield from 2 * [{"body": body, "meta": {"MessageId": f"{action}-{account}"}}]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each run was told, of a burst of forty accounts, one of two accounts, and one of a single account."""
    folder = tmp_path_factory.mktemp("burst")
    end = 3 * LATER
    rulebook = local(
        (calls(FORTY, "PutBucketPolicy", "DeleteBucketPolicy"), {"shutdown_after": end}),
        (calls([FORTY[3], "9" * 12], "PutBucketPolicy"), {"startup_delay": LATER, "shutdown_after": end}),
        (
            calls(FORTY[:1], "PutBucketPolicy", "DeleteBucketPolicy"),
            {"startup_delay": 2 * LATER, "shutdown_after": end},
        ),
    )
    play = folder / "own" / "play.yml"
    play.parent.mkdir()
    play.write_text(yaml.safe_dump([PLAY | {"vars": {"folder": str(folder)}}]), encoding="utf-8")
    (folder / "local.yml").write_text(yaml.safe_dump(rulebook), encoding="utf-8")
    variables = {"cloudtrail_kms_drift_resources": [BUCKET], "cloudtrail_kms_drift_playbook": str(play)}
    (folder / "drift.yml").write_text(yaml.safe_dump(PAGE.file("drift.yml") | variables), encoding="utf-8")
    with Rulebook(folder, os.environ, rulebook="local.yml") as running:
        running.wait_for(lambda: running.output.count("PLAY RECAP") == 3, PATIENCE)
    return [json.loads(each.read_text(encoding="utf-8")) for each in sorted(folder.glob("run-*.json"))]


def test_many_accounts_of_one_window_make_one_run_that_is_told_of_each_once(runs: list[Any]) -> None:
    assert sorted(call["account"] for call in runs[0]) == FORTY


def test_an_account_in_a_later_window_makes_a_run_of_its_own(runs: list[Any]) -> None:
    assert sorted(call["account"] for call in runs[1]) == [FORTY[3], "9" * 12]


def test_a_single_account_is_told_in_the_same_form(runs: list[Any]) -> None:
    ((call,),) = runs[2:]
    assert call["account"] == FORTY[0]


def test_a_run_is_told_of_the_first_call_of_each_account_what_the_page_lists(runs: list[Any]) -> None:
    listed = PAGE.text.partition("only these fields of")[2].partition(".")[0]
    assert all(set(call) == {name for name in listed.split("`") if name.isidentifier()} - {"alias"} for call in runs[0])
    assert {call["action"] for call in runs[0]} == {"PutBucketPolicy"}
