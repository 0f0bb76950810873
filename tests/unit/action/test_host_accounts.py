# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts the hosts of a play stand for, and what one sweep of them is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._host_accounts import (
    HostAccount,
    HostsError,
    are_swept,
    by_use,
    host_account,
    host_failures,
    with_names,
)
from tests.unit.action.audits import account, audit

ONE, TWO, THREE = ("1" * 12, "2" * 12, "3" * 12)


def role(account_id: str, name: str = "Audit", **others: Any) -> dict[str, Any]:
    return {"role_arn": f"arn:aws:iam::{account_id}:role/{name}", **others}


def host(account_id: str, state: str = "ACTIVE", **others: Any) -> HostAccount:
    """The host of an account, as the inventory plugin describes it."""
    variables = {
        "cloudtrail_kms_account": {
            "id": account_id,
            "arn": f"arn:aws:organizations::111111111111:account/o-exampleorgid/{account_id}",
            "name": f"name-{account_id[0]}",
            "state": state,
        },
        "cloudtrail_kms_assume_role": role(account_id),
        **others,
    }
    return host_account(account_id, variables)


def test_a_state_is_believed_only_beside_the_arn_that_was_read_with_it() -> None:
    closed = {"id": ONE, "state": "CLOSED"}
    assert host(ONE, cloudtrail_kms_account=closed).active
    assert host(ONE, cloudtrail_kms_account={**closed, "arn": f"arn:aws:organizations::{TWO}:account/o-1/{TWO}"}).active
    assert not host(ONE, "CLOSED").active
    strangers = {"aws_account_id": TWO, "aws_account_state": "CLOSED", "cloudtrail_kms_assume_role": role(ONE)}
    assert host_account("mine", strangers) == HostAccount(host="mine", role=role(ONE))


@pytest.mark.parametrize(
    ("given", "entered"), [(None, "the account of the credentials"), (role(TWO), f"account {TWO}")]
)
def test_a_host_that_is_named_by_an_account_enters_that_one(given: Any, entered: str) -> None:
    with pytest.raises(HostsError, match=f"host {ONE} is named by the id of an account, but {entered} would be"):
        host_account(ONE, {"cloudtrail_kms_assume_role": given})
    assert host_account(ONE, {"cloudtrail_kms_assume_role": role(ONE)}).account_id == ONE


@pytest.mark.parametrize("given", ["111111111111", [], {}, {"name": "x"}])
def test_what_is_no_account_is_refused(given: Any) -> None:
    with pytest.raises(HostsError, match=r"cloudtrail_kms_account of the host 1+ is .*, not a dictionary with"):
        host(ONE, cloudtrail_kms_account=given)


LOCALHOST = host_account("localhost", {"inventory_hostname": "localhost"})


def test_a_host_of_the_inventory() -> None:
    found = host(ONE, cloudtrail_kms_assume_role=role(ONE, "path/Audit", external_id="audit-2026"))
    assert (found.account_id, found.partition, found.name, found.active) == (ONE, "aws", "name-1", True)
    assert found.account_options["assume_role"] == {"role_name": "path/Audit", "external_id": "audit-2026"}


def test_a_host_of_another_partition() -> None:
    found = host(ONE, cloudtrail_kms_assume_role={"role_arn": f"arn:aws-cn:iam::{ONE}:role/Audit"})
    assert (found.account_id, found.partition) == (ONE, "aws-cn")


def test_localhost_is_the_account_of_the_credentials() -> None:
    assert (LOCALHOST.account_id, LOCALHOST.active, are_swept([LOCALHOST])) == (None, True, False)


@pytest.mark.parametrize("given", [None, role(TWO), {"role_arn": "nonsense"}])
def test_an_account_id_and_a_role_elsewhere_contradict_each_other(given: Any) -> None:
    with pytest.raises(HostsError, match=f"stands for account {ONE}, but .* names no role there"):
        host(ONE, cloudtrail_kms_assume_role=given)


@pytest.mark.parametrize(("state", "asked"), [("active", True), ("Suspended", True), ("", True), ("CLOSED", False)])
def test_only_a_state_that_accounts_have_excuses_one(state: str, asked: bool) -> None:
    assert host(ONE, state).active is asked


def test_an_account_that_one_of_its_hosts_has_in_use_is_asked() -> None:
    for hosts in ([host(ONE), host(ONE, "SUSPENDED")], [host(ONE, "SUSPENDED"), host(ONE)]):
        active, unused = by_use(hosts)
        assert ([each.account_id for each in active], unused) == ([ONE], [])


@pytest.mark.parametrize(
    ("hosts", "swept"),
    [
        ([host(ONE)], True),
        ([host(ONE), host(TWO)], True),
        ([host_account("a", {"cloudtrail_kms_assume_role": role(ONE)})], False),
        ([LOCALHOST, host_account("a", {})], True),
    ],
)
def test_what_is_swept(hosts: list[HostAccount], swept: bool) -> None:
    assert are_swept(hosts) is swept


def test_accounts_in_use_come_each_once() -> None:
    hosts = [
        host(TWO),
        host(ONE),
        host(THREE, "SUSPENDED"),
        host_account("again", {"cloudtrail_kms_assume_role": role(ONE)}),
    ]
    active, unused = by_use(hosts)
    assert ([each.account_id for each in active], [each.account_id for each in unused]) == ([TWO, ONE], [THREE])


def test_names_go_to_their_accounts() -> None:
    found = audit(account("unknown"), account("unknown"))
    found["accounts"][1]["account_id"] = TWO
    with_names(found, [host(TWO), LOCALHOST])
    with_names(None, [host(TWO)])
    assert [row.get("account_name") for row in found["accounts"]] == [None, "name-2"]


def rows(*verdicts: str) -> dict[str, Any]:
    """An audit of accounts with these verdicts, by ids of one digit."""
    found = audit(*(account(verdict) for verdict in verdicts))
    for number, row in enumerate(found["accounts"], start=1):
        row["account_id"] = f"{number}" * 12
    return found


def test_each_host_of_a_sweep_is_judged_by_its_account() -> None:
    judged = host_failures([host(ONE), host(TWO)], rows("unknown", "compliant"), {ONE: "One is unknown."})
    assert judged == {ONE: "One is unknown.", TWO: ""}


def test_no_host_passes_whose_account_is_missing() -> None:
    with pytest.raises(HostsError, match=f"does not hold the account of host {THREE}"):
        host_failures([host(ONE), host(THREE)], rows("compliant", "compliant"), {})


def test_one_host_is_judged_by_all_accounts() -> None:
    found = rows("compliant", "unknown", *["non_compliant"] * 6)
    assert host_failures([LOCALHOST], found, {}) == {"localhost": ""}
    assert host_failures([LOCALHOST], found, {TWO: "Two.", THREE: "Three."}) == {"localhost": "Two. Three."}
    failing = {f"{number}" * 12: "x" for number in range(2, 9)}
    assert host_failures([LOCALHOST], found, failing)["localhost"].startswith(
        "7 of 8 accounts fail: 6 non_compliant, 1 unknown."
    )
