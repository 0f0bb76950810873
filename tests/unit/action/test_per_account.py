# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that accounts of one run have of their own, and what may not differ between its hosts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible.template import trust_as_template as template

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._members import Member, MembersError
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._of_the_run import (
    OfTheRun,
    connection_variables,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._per_account import (
    OptionsOfHosts,
    refuse_disagreement,
    sweep_options,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import VariablesError
from tests.unit.action.test_members import LOCALHOST, ONE, THREE, TWO, host, role

READER = f"arn:aws:iam::{ONE}:role/Reader"


def wants(member: Member, **options: Any) -> Member:
    return replace(member, options=options)


class TestSweepOptions:
    def test_that_all_accounts_share_are_said_once(self) -> None:
        members = [wants(host(account), readers=[READER]) for account in (TWO, ONE, TWO)]
        assert sweep_options(members) == {
            "accounts": [TWO, ONE],
            "assume_role": {"role_name": "Audit"},
            "readers": [READER],
        }

    def test_that_differ_are_said_for_the_accounts_that_have_them(self) -> None:
        members = [
            wants(host(ONE), readers=[READER], regions=["us-east-1"]),
            wants(host(TWO), readers=[READER]),
            wants(host(THREE), readers=[READER]),
        ]
        for given in (members, members[::-1]):
            found = sweep_options(given)
            assert found["account_options"] == [{"accounts": [ONE], "regions": ["us-east-1"]}]
            assert "regions" not in found
        members = [wants(each, regions=[region]) for each, region in zip(members, ("a", "b", "b"), strict=True)]
        found = sweep_options(members)
        assert (found["regions"], found["account_options"]) == (["a"], [{"accounts": [TWO, THREE], "regions": ["b"]}])

    @pytest.mark.parametrize(
        ("other", "expected"),
        [
            (role(TWO, "Other"), {"role_name": "Other"}),
            (role(TWO, external_id="x"), {"role_name": "Audit", "external_id": "x"}),
        ],
    )
    def test_hold_the_role_of_an_account_that_is_entered_otherwise(self, other: Any, expected: Any) -> None:
        found = sweep_options([host(ONE), host(TWO, cloudtrail_kms_assume_role=other)])
        assert found["assume_role"] == {"role_name": "Audit"}
        assert found["account_options"] == [{"accounts": [TWO], "assume_role": expected}]

    def test_come_from_an_account_in_use(self) -> None:
        members = [wants(host(ONE, "SUSPENDED"), readers=[READER]), wants(host(TWO), trails=["main"])]
        assert sweep_options(members) == {
            "accounts": [TWO],
            "assume_role": {"role_name": "Audit"},
            "trails": ["main"],
        }

    def test_enter_other_hosts_of_the_play_for_reading_alone(self) -> None:
        other = wants(host(THREE, cloudtrail_kms_assume_role=role(THREE, "Other")), readers=[READER])
        lenders = [host(TWO), other, LOCALHOST, host("4" * 12, "CLOSED")]
        found = sweep_options([host(ONE), host(TWO)], lenders)
        assert (found["accounts"], found["lending_accounts"]) == ([ONE, TWO], [THREE])
        assert found["account_options"] == [{"accounts": [THREE], "assume_role": {"role_name": "Other"}}]

    def test_need_an_account_for_each_host(self) -> None:
        with pytest.raises(MembersError, match="which account the host localhost stands for"):
            sweep_options([host(ONE), LOCALHOST])


class TestTwoHostsOfOneAccount:
    def test_may_agree(self) -> None:
        refuse_disagreement([wants(host(ONE), readers=[READER]), wants(host(ONE), readers=[READER]), host(TWO)])
        refuse_disagreement([wants(LOCALHOST, trails=["a"]), LOCALHOST])

    def test_are_refused_by_name_where_they_do_not(self) -> None:
        one = wants(host(ONE), readers=[READER])
        other = replace(one, host="again", options={"readers": []})
        with pytest.raises(MembersError, match=f"hosts {ONE} and again both stand for account {ONE}, but their cloudt"):
            refuse_disagreement([one, host(TWO), other])
        entered = replace(one, host="again", role=role(ONE, "Other"))
        with pytest.raises(MembersError, match="but their cloudtrail_kms_assume_role differ"):
            refuse_disagreement([one, entered])


def templar(**variables: Any) -> Templar:
    return Templar(DataLoader(), variables)


class TestOptionsOfHosts:
    def test_are_those_of_its_variables_in_their_types(self) -> None:
        options = OptionsOfHosts(templar(), ["readers", "trails"], {"trails": ["of-the-task"]})
        assert options.of("a", {"cloudtrail_kms_readers": READER, "cloudtrail_kms_regions": "x"}) == {
            "readers": [READER],
            "trails": ["of-the-task"],
        }
        assert options.of("b", {"cloudtrail_kms_trails": "main"}) == {"trails": ["main"]}
        assert options.of("c", {"cloudtrail_kms_readers": None}) == {"trails": ["of-the-task"]}

    def test_are_what_their_templates_come_to_for_this_host(self) -> None:
        options = OptionsOfHosts(templar(), ["trails"], {})
        written = template("{{ [mine] }}")
        for name in ("one", "two"):
            assert options.of(name, {"cloudtrail_kms_trails": written, "mine": name}) == {"trails": [name]}
        with pytest.raises(VariablesError, match="cloudtrail_kms_trails of the host three is undefined"):
            options.of("three", {"cloudtrail_kms_trails": written})


def of_the_run(environment: Any = None, defaults: Any = None, transport: str = "local") -> OfTheRun:
    """What compares hosts in the options fail_on and report_dir, for a task with these keywords."""
    around = {"environment": environment or [], "module_defaults": defaults or []}
    play = SimpleNamespace(_action_groups={"aws_baseline.cloudtrail.cloudtrail_kms_run": ["aws_baseline.cloudtrail.x"]})
    task = SimpleNamespace(
        _get_parent_attribute=lambda keyword, **_omit: around[keyword], get_ds=dict, get_play=lambda: play
    )
    connection = connection_variables(SimpleNamespace(_load_name=transport))
    return OfTheRun(task, templar(), ["fail_on", "report_dir"], connection)


class TestOfTheRun:
    @pytest.mark.parametrize(
        ("one", "other", "name"),
        [
            ({"cloudtrail_kms_fail_on": "never"}, {}, "cloudtrail_kms_fail_on"),
            ({}, {"cloudtrail_kms_report_dir": "b"}, "cloudtrail_kms_report_dir"),
            (
                {"cloudtrail_kms_report_dir": template("{{ x }}"), "x": 1},
                {"x": 2},
                "cloudtrail_kms_report_dir",
            ),
            ({"ansible_python_interpreter": "/a"}, {}, "ansible_python_interpreter"),
            ({"ansible_connection": "local"}, {"ansible_connection": "ssh"}, "ansible_connection"),
        ],
    )
    def test_a_difference_is_refused_by_name(self, one: dict[str, Any], other: dict[str, Any], name: str) -> None:
        run = of_the_run()
        run.compare("a", one)
        run.compare("b", {**one})
        with pytest.raises(MembersError, match=f"and {name} belongs to the run, but it differs between the hosts a"):
            run.compare("c", {**one, **other} if "x" in other else other)

    def test_what_an_account_has_of_its_own_or_nobody_set_is_none(self) -> None:
        run = of_the_run()
        run.compare("a", {"cloudtrail_kms_readers": [1]})
        run.compare("b", {"cloudtrail_kms_fail_on": None})
        run.compare("c", {"cloudtrail_kms_fail_on": template("{{ none }}"), "ansible_host": "a"})

    @pytest.mark.parametrize(
        ("keyword", "written", "same"),
        [
            ("environment", [{"AWS_PROFILE": template("{{ profile }}")}], False),
            ("environment", [{"AWS_PROFILE": template("{{ 'a' ~ 'b' }}")}], True),
            ("environment", [{"AWS_PROFILE": "a"}], True),
            ("defaults", [{"group/aws_baseline.cloudtrail.x": {"profile": template("{{ profile }}")}}], False),
            ("defaults", [{"ansible.builtin.uri": {"url": template("{{ profile }}")}}], True),
        ],
    )
    def test_neither_may_environment_and_module_defaults_differ(self, keyword: str, written: Any, same: bool) -> None:
        run = of_the_run(**{keyword: written})
        run.compare("a", {"profile": "a"})
        if same:
            run.compare("b", {"profile": "b"})
            return
        with pytest.raises(MembersError, match=r"and (environment|module_defaults) belongs to the run"):
            run.compare("b", {"profile": "b"})

    def test_hosts_that_are_reached_are_the_same(self) -> None:
        connection_loader.get("ssh", class_only=True)
        run = of_the_run(transport="ssh")
        run.compare("a", {"ansible_host": "bastion", "inventory_hostname": "a"})
        run.compare("b", {"ansible_host": "bastion", "inventory_hostname": "b"})
        with pytest.raises(MembersError, match="and ansible_host belongs to the run"):
            run.compare("c", {"inventory_hostname": "c"})
