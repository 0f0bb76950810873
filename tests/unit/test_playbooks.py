# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks take the same variables in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

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
    for keyword, default in (("hosts", "'localhost'"), ("serial", "'100%'"), ("max_fail_percentage", "100")):
        # None is what a survey gives that was not answered.
        variable = f"cloudtrail_kms_{keyword}"
        assert play[keyword] == f"{{{{ {variable} if {variable} | default(none) is not none else {default} }}}}"
