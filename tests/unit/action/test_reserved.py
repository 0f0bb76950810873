# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A loop over accounts leaves no account out of the reports in silence: none replaces that of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import PREFIX
from tests.unit.action.audits import account, audit
from tests.unit.action.running import GREEN, NEVER_ASKED, HostVars, enforcement, facts_of, run, run_and_ask
from tests.unit.action.test_many_accounts import host

ONE, TWO = ({"role_arn": f"arn:aws:iam::{digit * 12}:role/Audit"} for digit in "12")
BUCKET = {"report_bucket": "evidence", "report_prefix": "today"}


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "scratch"))


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "reports").mkdir()
    return {"reports": ["json"], "report_dir": str(tmp_path / "reports")}


def test_an_account_after_another_is_refused_before_anything_is_asked(given: dict[str, Any], tmp_path: Path) -> None:
    assert run(facts_of(GREEN), assume_role=ONE, **given)["reports"]
    message = (
        f"^The report in {tmp_path}/reports .json. is on account 1{{12}}, .* One on account 2{{12}} would replace it"
    )
    for path in (f"{tmp_path}/reports", f"{tmp_path}/scratch/../reports"):
        with pytest.raises(AnsibleActionFail, match=message):
            run_and_ask(NEVER_ASKED, play="play-2", assume_role=TWO, **{**given, "report_dir": path})
    assert run(facts_of(GREEN), assume_role=TWO, **{**given, "reports": ["csv"]})["reports"]


def test_so_is_one_whose_report_goes_to_the_same_place_in_a_bucket() -> None:
    assert run(facts_of(GREEN), assume_role=ONE, reports=["json"], **BUCKET)["reports"]
    with pytest.raises(
        AnsibleActionFail, match=r"^The report in s3://evidence/today/localhost \(json\) is on account 1{12}"
    ):
        run_and_ask(NEVER_ASKED, play="play-2", assume_role=TWO, reports=["json"], **BUCKET)
    assert run(facts_of(GREEN), assume_role=TWO, reports=["json"], **{**BUCKET, "report_prefix": "b"})["reports"]


@pytest.mark.parametrize("other", [{"profile": "other"}, {"environment": [{"AWS_PROFILE": "other"}]}])
def test_so_is_that_of_other_credentials(given: dict[str, Any], other: dict[str, Any]) -> None:
    for region in ("us-east-1", "eu-west-1"):
        assert run(facts_of(GREEN), region=region, **given)["reports"]
    with pytest.raises(AnsibleActionFail, match="is on the account of the credentials of the host localhost"):
        run_and_ask(NEVER_ASKED, play="play-2", **given, **other)


def test_the_same_account_again_is_none(given: dict[str, Any]) -> None:
    for _turn in ("plan", "run"):
        assert run(enforcement(), mode="enforce", assume_role=ONE, **given)["reports"]


def test_neither_is_an_audit_of_all_after_that_of_one(given: dict[str, Any]) -> None:
    assert run(facts_of(GREEN), assume_role=ONE, **given)["reports"]
    hosts = HostVars({digit * 12: host(digit * 12) for digit in "12"})
    both = facts_of(audit(account("compliant"), account("compliant", account_id="2" * 12)))
    task_vars = {"hostvars": hosts, "inventory_hostname": "1" * 12, **hosts["1" * 12]}
    assert run(both, variables=PREFIX, hosts=list(hosts), task_vars=task_vars, **given)["reports"]
    with pytest.raises(AnsibleActionFail, match=r"is on account 2{12}, and"):
        run_and_ask(NEVER_ASKED, play="play-2", assume_role=ONE, **given)


def test_a_run_that_wrote_no_report_keeps_no_place(given: dict[str, Any]) -> None:
    assert run({"failed": True, "msg": "No."}, assume_role=ONE, **given)["failed"]
    assert run(facts_of(GREEN), assume_role=TWO, **given)["reports"]
