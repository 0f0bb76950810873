# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts that chance makes (tests/random) stand, and what is broken is found on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Change, Reason, Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _ours
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Done, Outcome, RunOutcome
from tests.random.accounts import make_case
from tests.random.organization_trial import OrganizationTrial, repeated
from tests.random.organizations import make_organization, reordered
from tests.random.trial import Trial
from tests.unit.enforce.lab import HOME, Lab
from tests.unit.modules import replace_everywhere

# An account with a key whose policy, that of the CIS benchmark, is merged into.
MERGED = "1-47"


def test_an_account_is_what_its_name_says() -> None:
    case = make_case(MERGED)
    assert make_case(MERGED) == case
    shuffled = case.shuffled(Random(1))
    assert shuffled.text != case.text
    assert shuffled.document["trails"] == case.document["trails"]


def test_a_statement_that_is_lost_is_found(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = _ours.add_statement

    def losing(documents: list[Any], addition: dict[str, Any]) -> None:
        original(documents, addition)
        documents[:] = [each for each in documents if each.get("Sid") != "Enable CloudTrail log decrypt permissions"]

    replace_everywhere(monkeypatch, original, losing)
    failures = list(Trial(load("healthy"), make_case(MERGED), tmp_path).failures())
    assert any(each.startswith("foreign statements of arn:aws:kms:") for each in failures), failures


# Two accounts, one of which owns the key that they share, and the bucket of its own trail.
SHARED = "7-1214"


def test_an_organization_is_what_its_name_says() -> None:
    case = make_organization(SHARED)
    assert make_organization(SHARED) == case
    other = reordered(case, Random(1))
    assert other.options != case.options
    assert sorted(other.options["accounts"]) == sorted(case.options["accounts"])


def test_an_organization_stands_and_changes_a_key_for_many(load: Callable[[str], Lab], tmp_path: Path) -> None:
    trial = OrganizationTrial(load("healthy"), make_organization(SHARED), tmp_path)
    assert (list(trial.failures()), trial.did) == ([], "changed with a shared key")


@pytest.mark.parametrize("name", ["1-43", "20261129-5"], ids=["the last policy that names it", "the first one"])
def test_the_organization_of_an_account_is_known_after_a_plan_as_after_the_run(
    name: str, load: Callable[[str], Lab], tmp_path: Path
) -> None:
    """A trail moves from, or to, a key whose policy names the organization, which is asked for where a policy does."""
    trial = OrganizationTrial(load("healthy"), make_organization(name), tmp_path)
    assert list(trial.failures()) == []


ONE, OTHER, THIRD = "111111111111", "222222222222", "333333333333"
UPDATE = Change("UpdateTrail", f"arn:aws:cloudtrail:{HOME}:{THIRD}:trail/main", HOME, None, {})
POLICY = Change("PutKeyPolicy", f"arn:aws:kms:{HOME}:{THIRD}:key/logs", HOME, None, {})


def ran(changed: Mapping[str, Change], *refused: str, shared: Sequence[Change] = ()) -> RunOutcome:
    """What comes of three accounts of which some are changed, some refused, and of a key that they share."""
    read_at = datetime(2026, 11, 29, tzinfo=timezone.utc)
    accounts = {
        account: Outcome(
            before=assess(Snapshot(account, "aws", read_at), Settings()),
            after=None,
            changes=(changed[account],) if account in changed else (),
            refusals=(Reason("The key is Disabled."),) if account in refused else (),
        )
        for account in (ONE, OTHER, THIRD)
    }
    return RunOutcome(((THIRD, Done(changes=tuple(shared))),), accounts)


@pytest.mark.parametrize(
    ("again", "writes", "found"),
    [
        (ran({}, ONE, OTHER), [], ""),
        (ran({ONE: UPDATE}, OTHER), ["UpdateTrail"], ""),
        (ran({ONE: UPDATE, OTHER: UPDATE}, shared=[POLICY]), ["PutKeyPolicy", "UpdateTrail", "UpdateTrail"], ""),
        (ran({ONE: UPDATE, THIRD: UPDATE}, OTHER), ["UpdateTrail"], f"wants in {THIRD}: "),
        (ran({ONE: UPDATE}, OTHER), ["UpdateTrail", "UpdateTrail"], "wrote "),
        (ran({ONE: UPDATE, OTHER: POLICY}, OTHER), ["UpdateTrail", "PutKeyPolicy"], "wrote "),
        (ran({ONE: UPDATE}, OTHER, shared=[POLICY]), ["UpdateTrail"], "wants of shared keys: "),
        (ran({ONE: UPDATE}, OTHER, THIRD), ["UpdateTrail"], f"is refused in {THIRD} what "),
    ],
)
def test_an_account_alone_whose_refusal_has_fallen_away_has_something_left_to_do(
    again: RunOutcome, writes: list[str], found: str
) -> None:
    failures = list(repeated(ran({THIRD: UPDATE}, ONE, OTHER), again, writes))
    assert [each for each in failures if found not in each] == []
    assert bool(failures) == bool(found)
