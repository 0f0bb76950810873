# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks take the same variables in the same way."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def plays(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / name).read_text(encoding="utf-8"))
    return loaded


# How a line of a play asks.
ASKED = r"{{ (?:query|lookup)\('aws_baseline\.cloudtrail\.cloudtrail_kms_play', '(\w+)'(?:, hosts='localhost')?\) }}"
OF_HOSTS = ["audit.yml", "enforce.yml", "join.yml", "provision_account.yml", "restore.yml"]
KEYWORDS = ("hosts", "serial", "max_fail_percentage")
INVENTORY = {"all": ["one", "two", "three"], "some": ["one", "two"], "ungrouped": []}


def test_every_play_has_its_hosts_and_batches_from_the_lookup() -> None:
    """Ansible would skip a play without hosts, and end green."""
    assert sorted(path.name for path in PLAYBOOKS.glob("*.yml")) == OF_HOSTS
    for play in (play for name in OF_HOSTS for play in plays(name)):
        given = {keyword: play[keyword] for keyword in KEYWORDS if keyword in play}
        assert "hosts" in given
        for keyword, line in given.items():
            assert [keyword] == re.findall(ASKED, line)
        # The role refuses these where its tasks alone see them.
        seen = [f"cloudtrail_kms_{keyword}" for keyword in given if "hosts=" not in given[keyword]]
        assert play.get("vars", {}).get("__cloudtrail_kms_of_the_play", []) == seen


class TestTheLinesOfAPlay:
    @pytest.fixture(autouse=True)
    def _arguments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arguments: dict[str, Any] = {"subset": None, "skip_tags": (), "start_at_task": None}
        monkeypatch.setattr(context, "CLIARGS", self.arguments)

    def line(self, keyword: str, playbook: str = "enforce.yml", **given: Any) -> Any:
        """Return the value of a line of a play with these variables."""
        variables = {"ansible_check_mode": False, "groups": INVENTORY, **given}
        line = plays(playbook)[-1][keyword]
        return Templar(DataLoader(), variables=variables).template(trust_as_template(line))

    def refused(self, keyword: str, playbook: str = "enforce.yml", **given: Any) -> str:
        """Return the error that a line of a play raises."""
        with pytest.raises(AnsibleError) as refused:
            self.line(keyword, playbook, **given)
        return str(refused.value)

    @pytest.mark.parametrize("playbook", ["enforce.yml", "provision_account.yml"])
    @pytest.mark.parametrize("keyword", KEYWORDS)
    def test_what_is_not_set_is_one_batch_on_localhost(self, keyword: str, playbook: str) -> None:
        default = {"hosts": ["localhost"], "serial": ["100%"], "max_fail_percentage": 100}[keyword]
        unanswered = {f"cloudtrail_kms_{keyword}": None}  # as by a survey
        assert self.line(keyword, playbook) == self.line(keyword, playbook, **unanswered) == default

    @pytest.mark.parametrize(
        ("keyword", "value", "taken"),
        [
            ("hosts", "some:!two", ["some:!two"]),
            ("hosts", ["one", ["two", "three"]], ["one", "two", "three"]),
            ("serial", "7", ["7"]),
            ("hosts", '["one", "two"]', ["one", "two"]),
            ("serial", [1, "50%"], [1, "50%"]),
            ("serial", '[1, "50%"]', [1, "50%"]),
            ("max_fail_percentage", 0, 0),
        ],
    )
    def test_what_is_set_is_taken(self, keyword: str, value: Any, taken: Any) -> None:
        assert self.line(keyword, **{f"cloudtrail_kms_{keyword}": value}) == taken

    def test_a_plan_is_of_all_at_once(self) -> None:
        """Whatever is refused in one batch, the plan shows the others."""
        batches: dict[str, Any] = {
            "cloudtrail_kms_serial": 1,
            "cloudtrail_kms_max_fail_percentage": 0,
            "ansible_check_mode": True,
        }
        assert (self.line("serial", **batches), self.line("max_fail_percentage", **batches)) == (["100%"], 100)

    @pytest.mark.parametrize("keyword", KEYWORDS)
    def test_a_template_without_a_value_is_refused(self, keyword: str) -> None:
        template = {f"cloudtrail_kms_{keyword}": trust_as_template("{{ nobody_set_this }}")}
        assert f"The variable cloudtrail_kms_{keyword} is undefined" in self.refused(keyword, **template)

    @pytest.mark.parametrize("batches", ["ten", "", [], [1, [2]], True, {"one": 1}, -1])
    def test_batches_of_another_form_are_refused(self, batches: Any) -> None:
        why = self.refused("serial", cloudtrail_kms_serial=batches, ansible_check_mode=True)
        assert "cloudtrail_kms_serial is a number of hosts, a percentage of them, or a list of these, not" in why

    @pytest.mark.parametrize("percentage", ["abc", "", -1, 101, "nan", [1], True])
    def test_a_percentage_of_another_form_is_refused(self, percentage: Any) -> None:
        given = {"cloudtrail_kms_max_fail_percentage": percentage, "ansible_check_mode": True}
        why = self.refused("max_fail_percentage", **given)
        assert "cloudtrail_kms_max_fail_percentage is a number from 0 to 100, not" in why

    def test_a_syntax_check_needs_no_inventory(self) -> None:
        self.arguments["syntax"] = True
        assert self.line("hosts", cloudtrail_kms_hosts="aws_accounts") == ["aws_accounts"]

    @pytest.mark.parametrize("hosts", ["nobody", "", " ", [], "one:!all", "one:&two"])
    def test_no_host_is_refused(self, hosts: Any) -> None:
        why = self.refused("hosts", cloudtrail_kms_hosts=hosts)
        assert "so no account would be audited" in why
        assert "Else correct cloudtrail_kms_hosts or --limit." in why

    @pytest.mark.parametrize(
        ("limit", "is_left"),
        [
            *(("one", True), ("two:!one", False), ("all:!one", False), ("nobody", False), ("two,three", False)),
            *(("nobody,@FILE", True), ("two:@FILE", True), ("@OTHERS", False), ("@COMMA", False)),
        ],
    )
    def test_a_limit_leaves_what_ansible_says(self, limit: str, is_left: bool, tmp_path: Path) -> None:
        for name, text in (("FILE", "\n one \n"), ("OTHERS", "two\nthree\n"), ("COMMA", "two\none,three\n")):
            (tmp_path / name).write_text(text, encoding="utf-8")
            limit = limit.replace(f"@{name}", f"@{tmp_path / name}")
        self.arguments["subset"] = limit
        if is_left:
            assert self.line("hosts", cloudtrail_kms_hosts="one") == ["one"]
        else:
            assert f"The inventory has no host one within --limit {limit}" in self.refused(
                "hosts", cloudtrail_kms_hosts="one"
            )

    @pytest.mark.parametrize(
        ("hosts", "limit", "missing"),
        [
            *(("all:!thre", None, "thre"), ("one,thre", None, "thre")),
            *(("all", "all:!thre", "thre"), ("all", "one,two:&som*,!x*", "x*"), (["one", "!thre"], None, "thre")),
            *(("all:!localhost:!three:!ungrouped", "!~t.o", ""), ("all", "nobody,one", "")),
        ],
    )
    def test_a_part_that_names_no_host_is_refused(self, hosts: Any, limit: str | None, missing: str) -> None:
        """Ansible only warns, and an enforcement writes what was to be left out."""
        self.arguments["subset"] = limit
        if missing:
            why = self.refused("hosts", cloudtrail_kms_hosts=hosts)
            assert f"No host or group of the inventory is {missing}. Correct" in why
            # The inventory of a slice has a part of the hosts.
            of_awx = {"awx_job_template_name": "audit", "awx_workflow_job_name": "audit"}
            assert self.line("hosts", cloudtrail_kms_hosts=hosts, **of_awx)
        else:
            assert self.line("hosts", cloudtrail_kms_hosts=hosts)

    def test_reports_are_joined_on_localhost_whatever_is_audited(self) -> None:
        assert self.line("hosts", "join.yml", cloudtrail_kms_hosts="some") == ["localhost"]
        self.arguments["subset"] = "some"
        assert "no host localhost within --limit some" in self.refused("hosts", "join.yml", cloudtrail_kms_hosts="some")

    @pytest.mark.parametrize("playbook", OF_HOSTS)
    def test_no_task_is_skipped(self, playbook: str) -> None:
        for tags in (("always",), ("tagged",), ("all", "always")):
            self.arguments["skip_tags"] = tags
            assert "skips every task, so no account would be audited. Run it without." in self.refused(
                "hosts", playbook
            )
        self.arguments |= {"skip_tags": ("all", "other"), "start_at_task": "Audit the trails"}
        assert self.line("hosts", playbook) == ["localhost"]  # in a playbook of others it may be a task before ours
        ours = ("aws_baseline.cloudtrail.audit", os.path.relpath(PLAYBOOKS / "audit.yml"))
        for arguments in (ours[:1], ours[1:], ours):
            self.arguments["args"] = arguments
            assert "--start-at-task Audit the trails skips tasks" in self.refused("hosts", playbook)
        self.arguments["args"] = ("site.yml", *ours)
        assert self.line("hosts", playbook) == ["localhost"]
