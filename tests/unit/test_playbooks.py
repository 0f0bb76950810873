# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks take the same variables in the same way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def plays(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / name).read_text(encoding="utf-8"))
    return loaded


def of_chosen_hosts() -> list[str]:
    """The playbooks whose hosts are chosen by cloudtrail_kms_hosts."""
    names = sorted(path.name for path in PLAYBOOKS.glob("*.yml"))
    return [name for name in names if "cloudtrail_kms_hosts" in plays(name)[-1]["hosts"] and name != "hosts.yml"]


def test_the_hosts_are_chosen_by_one_variable() -> None:
    assert of_chosen_hosts() == ["audit.yml", "enforce.yml", "provision_account.yml", "restore.yml"]


@pytest.mark.parametrize("name", of_chosen_hosts())
def test_a_pattern_that_matches_no_host_is_a_failure(name: str) -> None:
    assert plays(name)[0]["ansible.builtin.import_playbook"] == "hosts.yml"


@pytest.mark.parametrize("name", ["enforce.yml", "provision_account.yml"])
def test_batches_are_given_by_the_same_variables(name: str) -> None:
    play = plays(name)[-1]

    def played(keyword: str, **given: Any) -> Any:
        loader = DataLoader()
        variables = {"ansible_check_mode": False, **given}
        return Templar(loader, variables=variables).template(trust_as_template(play[keyword]))

    defaults = {"hosts": "localhost", "serial": "100%", "max_fail_percentage": 100}
    for keyword, default in defaults.items():
        variable = f"cloudtrail_kms_{keyword}"
        assert played(keyword) == default
        assert played(keyword, **{variable: None}) == default  # what a survey gives that was not answered
        assert played(keyword, **{variable: "7"}) == "7"
    # Whatever is refused in one batch, the plan shows the others.
    for keyword in ("serial", "max_fail_percentage"):
        planned = played(keyword, ansible_check_mode=True, **{f"cloudtrail_kms_{keyword}": "7"})
        assert planned == defaults[keyword]


@pytest.mark.parametrize("name", of_chosen_hosts())
def test_the_variables_that_the_lines_of_a_play_read_are_told_to_the_role(name: str) -> None:
    play = plays(name)[-1]
    lines = " ".join(str(play.get(keyword)) for keyword in ("hosts", "serial", "max_fail_percentage"))
    assert play["vars"]["__cloudtrail_kms_of_the_play"] == list(dict.fromkeys(re.findall(r"cloudtrail_kms_\w+", lines)))
