# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A loop over accounts leaves no account out of the reports in silence: none replaces that of another."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial, partialmethod
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


ENDED = "Whatever was changed in AWS stays changed. Make room there, or let ANSIBLE_LOCAL_TEMP name a directory"


def no_directory(scratch: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(scratch)


def no_room(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays, and nothing is added."""
    for name in ("mkdtemp", "mkstemp"):
        make = getattr(tempfile, name)
        monkeypatch.setattr(tempfile, name, partial(_full, make, scratch))
    monkeypatch.setattr(Path, "write_text", partialmethod(_unwritten))


def _full(make: Any, scratch: Path, **options: Any) -> Any:
    if Path(options["dir"]) == scratch:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return make(**options)


def _unwritten(path: Path, _text: str, **_options: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@pytest.mark.parametrize(
    ("happens", "reasons"),
    [
        (no_directory, {"No such file or directory", "The reports hold this run alone."}),
        (no_room, {"No space left on device", "What the reports hold, to which further batches add, cannot be kept"}),
    ],
)
def test_a_temporary_directory_that_fails_after_the_writes_loses_nothing_of_the_result(
    given: dict[str, Any],
    tmp_path: Path,
    happens: Callable[[Path, pytest.MonkeyPatch], None],
    reasons: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scratch, backup = tmp_path / "scratch", str(tmp_path / "backup.json")
    told = enforcement("applied", changed=True, backup={"format": 2})
    meanwhile = {"meanwhile": lambda _options: happens(scratch, monkeypatch)}
    result = run(told, mode="enforce", backup_path=backup, play="play-1", **meanwhile, **given)
    assert (result["failed"], result["changed"], result["backup_path"]) == (True, True, backup)
    assert "results" not in result
    assert result["counts"]["applied"] == 1
    assert f"What was found of each host cannot be kept in {scratch}" in result["msg"]
    assert ENDED in result["msg"]
    assert all(reason in result["msg"] for reason in reasons)
    (report,) = result["reports"]
    assert json.loads(Path(report).read_text(encoding="utf-8"))["accounts"]
