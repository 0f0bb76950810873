# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that accounts of one run have of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._host_accounts import (
    HostAccount,
    HostsError,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._per_account import (
    refuse_disagreement,
    sweep_options,
)
from tests.unit.action.test_host_accounts import LOCALHOST, ONE, THREE, TWO, host, role

READER = f"arn:aws:iam::{ONE}:role/Reader"


def wants(member: HostAccount, **options: Any) -> HostAccount:
    return replace(member, options=options)


class TestSweepOptions:
    def test_that_all_accounts_share_are_said_once(self) -> None:
        hosts = [wants(host(account), readers=[READER]) for account in (TWO, ONE, TWO)]
        assert sweep_options(hosts) == {
            "accounts": [TWO, ONE],
            "assume_role": {"role_name": "Audit"},
            "readers": [READER],
        }

    def test_that_differ_are_said_for_the_accounts_that_have_them(self) -> None:
        hosts = [
            wants(host(ONE), readers=[READER], regions=["us-east-1"]),
            wants(host(TWO), readers=[READER]),
            wants(host(THREE), readers=[READER]),
        ]
        for given in (hosts, hosts[::-1]):
            found = sweep_options(given)
            assert found["account_options"] == [{"accounts": [ONE], "regions": ["us-east-1"]}]
            assert "regions" not in found
        hosts = [wants(each, regions=[region]) for each, region in zip(hosts, ("a", "b", "b"), strict=True)]
        found = sweep_options(hosts)
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
        hosts = [wants(host(ONE, "SUSPENDED"), readers=[READER]), wants(host(TWO), trails=["main"])]
        assert sweep_options(hosts) == {
            "accounts": [TWO],
            "assume_role": {"role_name": "Audit"},
            "trails": ["main"],
        }

    def test_enter_other_hosts_of_the_play_for_reading_alone(self) -> None:
        other = wants(host(THREE, cloudtrail_kms_assume_role=role(THREE, "Other")), readers=[READER])
        lenders = [host(TWO), other, LOCALHOST, host("4" * 12, "CLOSED")]
        found = sweep_options([host(ONE), host(TWO)], lenders)
        assert (found["accounts"], found["lending_accounts"]) == ([ONE, TWO], [THREE])
        assert found["account_options"] == [
            {"accounts": [THREE], "assume_role": {"role_name": "Other"}, "readers": [READER]}
        ]

    def test_say_of_others_how_the_trails_are_judged_that_members_inherit(self) -> None:
        """What one of them does not ask is said for no account by the run."""
        hosts = [wants(host(each), readers=[READER], approved_keys=["alias/x"]) for each in (ONE, TWO)]
        asks = {"readers": [READER], "approved_keys": ["alias/x"]}
        found = sweep_options(hosts, [wants(host(THREE), readers=[READER])], [host("4" * 12), hosts[0]])
        assert (found["accounts"], found["lending_accounts"]) == ([ONE, TWO], [THREE])
        assert found["account_options"] == [
            {"accounts": [ONE, TWO], **asks},
            {"accounts": [THREE], "readers": [READER]},
            {"accounts": ["4" * 12], "readers": [], "rules": {}, "exceptions": []},
        ]
        assert "readers" not in found

    def test_need_an_account_for_each_host(self) -> None:
        with pytest.raises(HostsError, match="No account is known for host localhost"):
            sweep_options([host(ONE), LOCALHOST])

    def test_name_few_of_many_hosts_without_one(self) -> None:
        with pytest.raises(HostsError) as refused:
            sweep_options([replace(LOCALHOST, host=f"host-{number}") for number in range(2000)])
        assert "hosts host-0, host-1, host-2 and 1997 more" in str(refused.value)


class TestTwoHostsOfOneAccount:
    def test_may_agree(self) -> None:
        refuse_disagreement([wants(host(ONE), readers=[READER]), wants(host(ONE), readers=[READER]), host(TWO)])
        refuse_disagreement([wants(LOCALHOST, trails=["a"]), LOCALHOST])

    def test_are_refused_by_name_where_they_do_not(self) -> None:
        one = wants(host(ONE), readers=[READER])
        other = replace(one, host="again", options={"readers": []})
        with pytest.raises(HostsError, match=f"hosts {ONE} and again both stand for account {ONE}, but their cloudt"):
            refuse_disagreement([one, host(TWO), other])
        entered = replace(one, host="again", role=role(ONE, "Other"))
        with pytest.raises(HostsError, match="but their cloudtrail_kms_assume_role differ"):
            refuse_disagreement([one, entered])
