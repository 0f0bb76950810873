# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions as Ansible calls them: arguments in, result, display and files out."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.utils import color

from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_judge, cloudtrail_kms_report
from tests.unit.action.audits import KEY, account, audit, finding, trail

RED = audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable"))))
GREEN = audit(account("compliant", trail()))


def enforcement(*statuses: str, **fields: Any) -> dict[str, Any]:
    """An enforcement of RED that leads to GREEN by changes of these statuses."""
    changes = [
        {
            "operation": "UpdateTrail",
            "resource": RED["accounts"][0]["trails"][0]["arn"],
            "region": "us-east-1",
            "before": {"kms_key_arn": None},
            "after": {"kms_key_arn": KEY},
            "status": status,
        }
        for status in statuses
    ]
    return {"before": RED, "after": GREEN, "changes": changes, "refusals": [], "errors": [], **fields}


def run(plugin: Any, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run an action with the little of a task and a connection that it looks at."""
    action = plugin.ActionModule(
        task=SimpleNamespace(args=arguments, async_val=0, check_mode=check_mode, action=plugin.__name__),
        connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir="")),
        play_context=None,
        loader=None,
        templar=None,
        shared_loader_obj=None,
    )
    result: dict[str, Any] = action.run(task_vars={})
    return result


class TestReport:
    def test_prints_the_table_plain_where_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(cloudtrail_kms_report, audit=GREEN) == {"changed": False, "reports": []}
        printed = capsys.readouterr().out
        assert "\n111111111111  us-east-1  main   alias/trail  compliant\n" in printed
        assert "\x1b" not in printed

    def test_prints_the_tables_of_an_enforcement(self, capsys: pytest.CaptureFixture[str]) -> None:
        enforced = enforcement(refusals=["Somebody denies it."])
        assert run(cloudtrail_kms_report, enforcement=enforced) == {"changed": False, "reports": []}
        printed = capsys.readouterr().out
        assert "\n    FAIL      key_is_usable: " in printed
        assert printed.endswith("Changes to account 111111111111: none\n\n    REFUSED   Somebody denies it.\n")

    def test_prints_in_the_colours_of_ansible(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
        run(cloudtrail_kms_report, audit=RED)
        printed = capsys.readouterr().out
        assert "\x1b[0;31mnon_compliant\x1b[0m" in printed
        assert "\x1b[0;31mFAIL    \x1b[0m" in printed

    def test_shows_and_logs_the_table_in_one_piece_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown: list[tuple[str, dict[str, bool]]] = []
        monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
        monkeypatch.setattr(
            cloudtrail_kms_report.display, "display", lambda text, **options: shown.append((text, options))
        )
        run(cloudtrail_kms_report, audit=RED)
        (screen, screen_options), (log, log_options) = shown
        assert (screen_options, log_options) == ({"screen_only": True}, {"log_only": True})
        assert "\x1b" in screen
        assert "\x1b" not in log

    def test_writes_the_audit_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "cloudtrail-kms.json"
        path.write_text("an earlier report")
        result = run(cloudtrail_kms_report, audit=RED, formats=["json"], directory=str(tmp_path))
        assert result == {"changed": False, "reports": [str(path)]}
        text = path.read_text(encoding="utf-8")
        assert json.loads(text) == RED
        assert text == json.dumps(RED, indent=2, sort_keys=True) + "\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert list(tmp_path.iterdir()) == [path]

    def test_writes_nothing_in_check_mode_and_prints_all_the_same(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        result = run(cloudtrail_kms_report, check_mode=True, audit=RED, formats=["json"], directory=str(tmp_path))
        assert result == {"changed": False, "reports": []}
        assert list(tmp_path.iterdir()) == []
        assert "non_compliant" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("directory", "reason"), [("missing", "No such file or directory"), ("file", "Not a directory")]
    )
    def test_a_directory_that_cannot_be_written_to_is_named(self, tmp_path: Path, directory: str, reason: str) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / directory
        with pytest.raises(AnsibleActionFail) as failed:
            run(cloudtrail_kms_report, audit=RED, formats=["json"], directory=str(path))
        assert str(failed.value) == (
            f"The report {path}/cloudtrail-kms.json cannot be written: {reason}. "
            "The directory must exist and be writable."
        )

    def test_a_failed_write_leaves_the_earlier_report_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full = Mock(side_effect=OSError(28, "No space left on device"))
        path = tmp_path / "cloudtrail-kms.json"
        path.write_text("an earlier report")
        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(AnsibleActionFail, match="No space left on device"):
            run(cloudtrail_kms_report, audit=RED, formats=["json"], directory=str(tmp_path))
        assert path.read_text() == "an earlier report"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("directory", [None, ""])
    def test_a_report_needs_a_directory(self, directory: str | None) -> None:
        with pytest.raises(AnsibleActionFail, match=r"^No directory is given to write the json report to\.$"):
            run(cloudtrail_kms_report, audit=RED, formats=["json"], directory=directory)


class TestJudge:
    def test_passes_what_complies(self) -> None:
        assert run(cloudtrail_kms_judge, audit=GREEN) == {"changed": False}

    @pytest.mark.parametrize("check_mode", [False, True])
    def test_fails_what_does_not_in_check_mode_too(self, check_mode: bool) -> None:
        result = run(cloudtrail_kms_judge, check_mode=check_mode, audit=RED)
        assert result["failed"] is True
        assert result["msg"].startswith("Account 111111111111 is non_compliant: 1 of 1 trails fail")

    @pytest.mark.parametrize("fail_on", ["unknown", "never"])
    def test_fails_for_what_was_refused_or_failed_whatever_the_verdict(self, fail_on: str) -> None:
        enforced = enforcement("applied", refusals=["Refused."], errors=["Failed.", "Failed too."])
        result = run(cloudtrail_kms_judge, enforcement=enforced, fail_on=fail_on)
        assert result == {"changed": False, "failed": True, "msg": "Refused. Failed. Failed too."}

    def test_fails_on_nothing_where_it_is_told_so(self) -> None:
        assert run(cloudtrail_kms_judge, audit=RED, fail_on="never") == {"changed": False}


@pytest.mark.parametrize(
    ("enforced", "told"),
    [
        (enforcement("applied"), GREEN),
        (enforcement("planned"), RED),
        (enforcement(), GREEN),
        (enforcement("failed", after=None), RED),
    ],
    ids=["after a run", "before a plan", "nothing to do", "not read again"],
)
def test_an_enforcement_is_reported_and_judged_by_what_was_read(
    enforced: dict[str, Any], told: dict[str, Any], tmp_path: Path
) -> None:
    run(cloudtrail_kms_report, enforcement=enforced, formats=["json"], directory=str(tmp_path))
    assert json.loads((tmp_path / "cloudtrail-kms.json").read_text(encoding="utf-8")) == told
    assert ("failed" in run(cloudtrail_kms_judge, enforcement=enforced)) is (told is RED)


@pytest.mark.parametrize("plugin", [cloudtrail_kms_report, cloudtrail_kms_judge])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of the following is required: audit, enforcement"),
        ({"audit": GREEN, "enforcement": enforcement()}, "parameters are mutually exclusive: audit|enforcement"),
        ({"enforcement": {}}, "missing required arguments: before, changes, errors, refusals found in enforcement"),
        (
            {"audit": {}},
            "missing required arguments: accounts, collection_version, generated_at, summary found in audit",
        ),
        ({"audit": GREEN, "colour": "red"}, "Unsupported parameters"),
    ],
)
def test_wrong_arguments_are_named(plugin: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        run(plugin, **arguments)
