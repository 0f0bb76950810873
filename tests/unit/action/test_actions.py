# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions as Ansible calls them: arguments in, result, display and files out."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.utils import color

from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_judge, cloudtrail_kms_run
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils import _screen
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._destination import report_objects
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._follow import following
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
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


# A module's answer that no test could work with.
NEVER_ASKED: dict[str, Any] = {}


def facts_of(document: dict[str, Any]) -> dict[str, Any]:
    """What cloudtrail_kms_facts answers."""
    return {"changed": False, "ansible_facts": {"cloudtrail_kms": deepcopy(document)}, "invocation": {}}


def run(told: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """Run the action with a module that answers `told`, and with the little of a task that it looks at."""
    return run_and_ask(told, **arguments)[0]


def run_and_ask(told: dict[str, Any], **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """Run the action; return its result, and what it asked the module.

    Beside the arguments of the task: `task_vars`, the connection's `transport`, the `templar`, and what happens
    `meanwhile` the module runs with its options.
    """
    task_vars, transport = arguments.pop("task_vars", {}), arguments.pop("transport", "ssh")
    templar = arguments.pop("templar", SimpleNamespace(is_template=lambda variables: "{{" in str(variables)))
    meanwhile: Callable[[dict[str, Any]], None] = arguments.pop("meanwhile", lambda _options: None)
    asked: list[Any] = []

    class Action(cloudtrail_kms_run.ActionModule):
        def _execute_module(self, module: str, options: dict[str, Any], **_others: Any) -> dict[str, Any]:
            asked.append((module, options))
            meanwhile(options)
            return deepcopy(told)

    action = Action(
        task=SimpleNamespace(args=arguments, async_val=0, check_mode=False, action="cloudtrail_kms_run"),
        connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir=""), transport=transport),
        play_context=None,
        loader=None,
        templar=templar,
        shared_loader_obj=None,
    )
    result: dict[str, Any] = action.run(task_vars=task_vars)
    return result, asked


class TestReport:
    def test_prints_the_table_plain_where_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(facts_of(GREEN))["reports"] == []
        printed = capsys.readouterr().out
        assert "\n111111111111  us-east-1  main   alias/trail  compliant\n" in printed
        assert "\x1b" not in printed

    def test_prints_the_tables_of_an_enforcement(self, capsys: pytest.CaptureFixture[str]) -> None:
        enforced = enforcement(refusals=["Somebody denies it."])
        assert run(enforced)["failures"] == {"1" * 12: "Somebody denies it."}
        printed = capsys.readouterr().out
        assert "\n    FAIL      key_is_usable: " in printed
        assert printed.endswith("Changes to account 111111111111: none\n\n    REFUSED   Somebody denies it.\n")

    def test_prints_in_the_colours_of_ansible(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
        run(facts_of(RED))
        printed = capsys.readouterr().out
        assert "\x1b[0;31mnon_compliant\x1b[0m" in printed
        assert "\x1b[0;31mFAIL    \x1b[0m" in printed

    def test_shows_and_logs_the_table_in_one_piece_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown: list[tuple[str, dict[str, bool]]] = []
        monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
        monkeypatch.setattr(_screen.display, "display", lambda text, **options: shown.append((text, options)))
        run(facts_of(RED))
        (screen, screen_options), (log, log_options) = shown
        assert (screen_options, log_options) == ({"screen_only": True}, {"log_only": True})
        assert "\x1b" in screen
        assert "\x1b" not in log

    def test_writes_the_audit_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "cloudtrail-kms.json"
        path.write_text("an earlier report")
        result = run(facts_of(RED), reports=["json"], report_dir=str(tmp_path))
        assert result["reports"] == [str(path)]
        text = path.read_text(encoding="utf-8")
        assert json.loads(text) == RED
        assert text == json.dumps(RED, indent=2, sort_keys=True) + "\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("directory", ["missing", "file"])
    def test_a_directory_that_cannot_be_written_to_is_named_before_anything_is_asked(
        self, tmp_path: Path, directory: str
    ) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / directory
        with pytest.raises(AnsibleActionFail) as failed:
            run_and_ask(NEVER_ASKED, reports=["json"], report_dir=str(path))
        assert str(failed.value) == (f"No report can be written to {path}. The directory must exist and be writable.")

    def test_a_failed_write_leaves_the_earlier_report_and_the_result_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full = Mock(side_effect=OSError(28, "No space left on device"))
        path = tmp_path / "cloudtrail-kms.json"
        path.write_text("an earlier report")
        monkeypatch.setattr(os, "replace", full)
        result = run(enforcement("applied"), reports=["json"], report_dir=str(tmp_path))
        assert result["failed"] is True
        assert result["msg"] == f"The report {path} cannot be written: No space left on device."
        assert result["changes"] == enforcement("applied")["changes"]
        assert path.read_text() == "an earlier report"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("directory", [None, ""])
    def test_a_report_needs_a_directory(self, directory: str | None) -> None:
        with pytest.raises(AnsibleActionFail, match=r"^No report_dir is given to write the json report to\.$"):
            run(NEVER_ASKED, reports=["json"], report_dir=directory)


class TestReportObjects:
    """Where in a bucket the tasks after the action put the reports."""

    def test_are_told_where_there_are_reports_and_a_bucket(self, tmp_path: Path) -> None:
        given = {"report_dir": str(tmp_path), "report_bucket": "evidence", "report_prefix": "/audits/today/"}
        result = run(facts_of(RED), reports=["json"], **given)
        assert result["report_objects"] == {"bucket": "evidence", "prefix": "audits/today"}
        assert result["uploads"] == result["reports"] == [str(tmp_path / "cloudtrail-kms.json")]
        assert "report_objects" not in run(facts_of(RED), **given)
        assert "report_objects" not in run(facts_of(RED), reports=["json"], report_dir=str(tmp_path))

    @pytest.mark.parametrize(("backup", "uploads"), [({"changes": []}, ["/var/backups/b.json"]), (None, [])])
    def test_hold_the_backup_where_one_was_written(self, backup: Any, uploads: list[str]) -> None:
        given = {"report_bucket": "evidence", "backup_path": "/var/backups/b.json"}
        assert run(enforcement("applied", backup=backup), mode="enforce", **given)["uploads"] == uploads
        assert run(enforcement("applied", backup=backup), mode="enforce", backup_path="b")["uploads"] == []

    def test_hold_no_backup_where_none_was_asked_for(self) -> None:
        told = run(enforcement("applied", backup={"changes": []}), mode="enforce", report_bucket="evidence")
        assert (told["uploads"], "backup_path" in told) == ([], False)

    def test_without_a_directory_lie_where_ansible_cleans_up(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path))
        first = run(facts_of(RED), reports=["json"], report_bucket="evidence")["reports"]
        second = run(facts_of(RED), reports=["json"], report_bucket="evidence")["reports"]
        assert first != second
        assert all(Path(path).is_relative_to(tmp_path) and Path(path).exists() for path in first + second)

    def test_have_the_prefix_of_the_job_or_of_the_time(self) -> None:
        assert report_objects("evidence", None, {"awx_job_id": 4711})["prefix"] == "cloudtrail-kms/4711"
        by_time = [report_objects("evidence", prefix, {})["prefix"] for prefix in (None, "")]
        assert by_time[0] == by_time[1]
        assert re.fullmatch(r"cloudtrail-kms/\d{8}T\d{6}Z", by_time[0])


class TestFailures:
    def test_hold_what_does_not_comply(self) -> None:
        failures = run(facts_of(RED))["failures"]
        assert list(failures) == ["1" * 12]
        assert failures["1" * 12].startswith("Account 111111111111 is non_compliant: 1 of 1 trails fail")

    @pytest.mark.parametrize("fail_on", ["unknown", "never"])
    def test_hold_what_was_refused_or_failed_whatever_the_verdict(self, fail_on: str) -> None:
        enforced = enforcement("applied", refusals=["Refused."], errors=["Failed.", "Failed too."])
        failures = run(enforced, fail_on=fail_on)["failures"]
        assert failures == {"1" * 12: "Refused.\nFailed.\nFailed too."}

    def test_hold_nothing_where_nothing_is_to_fail(self) -> None:
        assert run(facts_of(RED), fail_on="never")["failures"] == {}


@pytest.mark.parametrize(
    ("enforced", "told"),
    [
        (enforcement("applied"), GREEN),
        (enforcement("planned"), RED),
        (enforcement(shared_keys=[{"key_arn": KEY, "alias": None, "trails": [], "readers": []}]), RED),
        (enforcement(), GREEN),
        (enforcement("failed", after=None), RED),
    ],
    ids=["after a run", "before a plan", "before a plan for a shared key", "nothing to do", "not read again"],
)
def test_an_enforcement_is_reported_and_judged_by_what_was_read(
    enforced: dict[str, Any], told: dict[str, Any], tmp_path: Path
) -> None:
    result = run(enforced, reports=["json"], report_dir=str(tmp_path))
    assert json.loads((tmp_path / "cloudtrail-kms.json").read_text(encoding="utf-8")) == told
    assert bool(result["failures"]) is (told is RED)


class TestTheModule:
    def test_gets_its_own_options_alone(self) -> None:
        options = {"regions": ["us-east-1"], "profile": "audit", "key": {"alias": "alias/a"}, "fail_on": "never"}
        assert run_and_ask(enforcement(), mode="enforce", **options)[1] == [
            (
                "aws_baseline.cloudtrail.cloudtrail_kms_enforce",
                {"regions": ["us-east-1"], "profile": "audit", "key": {"alias": "alias/a"}},
            )
        ]
        assert run_and_ask(facts_of(GREEN), **options)[1] == [
            ("aws_baseline.cloudtrail.cloudtrail_kms_facts", {"regions": ["us-east-1"], "profile": "audit"})
        ]

    def test_that_fails_fails_the_action_and_nothing_is_shown(self, capsys: pytest.CaptureFixture[str]) -> None:
        failed = {"failed": True, "msg": "No AWS credentials were found.", "warnings": ["Beware."]}
        assert run({**failed, "invocation": {}}) == failed
        assert not capsys.readouterr().out

    def test_hands_on_what_ansible_shows_of_it(self) -> None:
        told = enforcement(
            "applied", changed=True, failed=True, diff=[{"before": "", "after": "x"}], errors=["Failed."]
        )
        result = run(told, mode="enforce")
        assert (result["changed"], result["failed"], result["diff"]) == (True, False, told["diff"])
        assert result["failures"] == {"1" * 12: "Failed."}

    def test_keeps_a_large_audit_to_itself(self) -> None:
        assert run(facts_of(RED)) == {
            "changed": False,
            "reports": [],
            "uploads": [],
            "summary": RED["summary"],
            "verdicts": {"1" * 12: "non_compliant"},
            "failures": run(facts_of(RED))["failures"],
            "host_failures": {},
        }


class HostVars(dict[str, Any]):
    """The variables of all hosts, as Ansible hands them to an action; `written` are those that hold templates."""

    written: Mapping[str, Any] = MappingProxyType({})

    def raw_get(self, host: str) -> Any:
        return self.written.get(host, self[host])


def host(account_id: str, state: str = "ACTIVE", **others: Any) -> dict[str, Any]:
    """The variables of an account's host."""
    role = {"role_arn": f"arn:aws:iam::{account_id}:role/Audit", "external_id": "audit-2026"}
    return {
        "aws_account_id": account_id,
        "aws_account_name": f"name-{account_id[0]}",
        "aws_account_state": state,
        "cloudtrail_kms_assume_role": role,
        **others,
    }


class TestHosts:
    """The accounts of many hosts, read in one run."""

    ONE, TWO = "1" * 12, "2" * 12
    BOTH = audit(account("non_compliant"), account("compliant", account_id=TWO))

    def sweep(self, *hosts: dict[str, Any], told: dict[str, Any] | None = None, **arguments: Any) -> Any:
        found = HostVars({one["aws_account_id"]: one for one in hosts})
        names = list(found)
        given = {"assume_role": found[names[0]]["cloudtrail_kms_assume_role"], "hosts": names, **arguments}
        task_vars = {"hostvars": found, "inventory_hostname": names[0]}
        return run_and_ask(facts_of(self.BOTH) if told is None else told, task_vars=task_vars, **given)

    def test_are_read_by_one_module_and_judged_each_by_its_own(self, capsys: pytest.CaptureFixture[str]) -> None:
        result, asked = self.sweep(host(self.ONE), host(self.TWO))
        ((module, options),) = asked
        assert module == "aws_baseline.cloudtrail.cloudtrail_kms_facts"
        assert options == {
            "accounts": [self.ONE, self.TWO],
            "assume_role": {"role_name": "Audit", "external_id": "audit-2026"},
        }
        assert result["host_failures"][self.ONE].startswith(f"Account {self.ONE} (name-1) is non_compliant")
        assert result["host_failures"][self.TWO] == ""
        assert "222222222222" in capsys.readouterr().out

    def test_of_accounts_that_are_not_in_use_are_in_the_audit_and_not_asked(self, tmp_path: Path) -> None:
        green = facts_of(audit(account("compliant")))
        result, asked = self.sweep(
            host(self.ONE), host(self.TWO, "SUSPENDED"), told=green, reports=["json"], report_dir=str(tmp_path)
        )
        assert asked[0][1]["accounts"] == [self.ONE]
        assert result["verdicts"] == {self.ONE: "compliant", self.TWO: "not_applicable"}
        assert result["host_failures"] == {self.ONE: "", self.TWO: ""}
        written = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
        assert [row["account_name"] for row in written["accounts"]] == ["name-1", "name-2"]

    @pytest.mark.parametrize("mode", ["audit", "enforce"])
    def test_none_of_which_is_in_use_ask_nobody(self, mode: str) -> None:
        result, asked = self.sweep(host(self.ONE, "SUSPENDED"), told=NEVER_ASKED, mode=mode)
        assert asked == []
        assert (result["changed"], result["verdicts"]) == (False, {self.ONE: "not_applicable"})
        assert result["host_failures"] == {self.ONE: ""}

    def test_fail_as_the_module_fails(self) -> None:
        failed = {"failed": True, "msg": "No AWS credentials were found."}
        assert self.sweep(host(self.ONE), host(self.TWO, "CLOSED"), told=failed)[0] == failed

    def test_that_differ_are_refused_before_anything_is_asked(self) -> None:
        with pytest.raises(AnsibleActionFail, match="cloudtrail_kms_readers differs between the hosts"):
            self.sweep(host(self.ONE), host(self.TWO, cloudtrail_kms_readers=["x"]), told=NEVER_ASKED)

    @pytest.mark.parametrize(
        ("sandbox", "other"),
        [(True, {}), (False, {"sandbox": True})],
        ids=["of the first host", "of another"],
    )
    def test_are_refused_where_a_template_of_the_play_comes_to_something_else(self, sandbox: bool, other: Any) -> None:
        one, two = host(self.ONE, sandbox=sandbox), host(self.TWO, **other)
        found = HostVars({self.ONE: one, self.TWO: two})
        rules = trust_as_template("{{ {'key_is_usable': 'off' if sandbox | default(false) else 'required'} }}")
        given = {"hosts": list(found), "assume_role": one["cloudtrail_kms_assume_role"]}
        task_vars = {"hostvars": found, "inventory_hostname": self.ONE, "cloudtrail_kms_rules": rules, **one}
        with pytest.raises(AnsibleActionFail, match="cloudtrail_kms_rules differs between the hosts"):
            run_and_ask(NEVER_ASKED, task_vars=task_vars, templar=Templar(DataLoader(), task_vars), **given)
        two["sandbox"] = sandbox
        told = facts_of(self.BOTH)
        _result, asked = run_and_ask(told, task_vars=task_vars, templar=Templar(DataLoader(), task_vars), **given)
        assert asked[0][1]["accounts"] == [self.ONE, self.TWO]

    def test_with_templates_are_taken_for_what_these_come_to(self) -> None:
        written = host(self.ONE, cloudtrail_kms_assume_role={"role_arn": "{{ of_the_group }}"})
        found = HostVars({self.ONE: host(self.ONE), self.TWO: host(self.TWO)})
        found.written = {self.ONE: written}
        given = {"hosts": list(found), "assume_role": found[self.ONE]["cloudtrail_kms_assume_role"]}
        task_vars = {"hostvars": found, "inventory_hostname": self.ONE}
        _result, asked = run_and_ask(facts_of(self.BOTH), task_vars=task_vars, **given)
        assert asked[0][1]["accounts"] == [self.ONE, self.TWO]

    def test_are_enforced_one_at_a_time(self) -> None:
        with pytest.raises(AnsibleActionFail, match="an enforcement is of one account"):
            self.sweep(host(self.ONE), host(self.TWO), told=NEVER_ASKED, mode="enforce")
        told = enforcement("applied", changed=True)
        result, asked = self.sweep(host(self.ONE), told=told, mode="enforce")
        assert "accounts" not in asked[0][1]
        assert result["after"]["accounts"][0]["account_name"] == "name-1"

    def test_are_not_enforced_in_the_account_of_another(self) -> None:
        """A role that the play names goes before that of the host, and may lead elsewhere."""
        elsewhere = host(self.TWO)["cloudtrail_kms_assume_role"]
        for given in (elsewhere, None):
            with pytest.raises(AnsibleActionFail, match=f"host {self.ONE} stands for account {self.ONE}"):
                self.sweep(host(self.ONE), told=NEVER_ASKED, mode="enforce", assume_role=given)
        other_role = {"role_arn": f"arn:aws:iam::{self.ONE}:role/Enforce"}
        _result, asked = self.sweep(
            host(self.ONE), told=enforcement("applied", changed=True), mode="enforce", assume_role=other_role
        )
        assert asked[0][1]["assume_role"] == other_role

    def test_of_a_long_sweep_hear_how_far_it_is(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def at_once(path: Path, tell: Any) -> Any:
            return following(path, tell, patience=0, every=0.01)

        def sweeps(options: dict[str, Any]) -> None:
            Path(options["progress_path"]).write_text("Audited 1 of 2 accounts\n", encoding="utf-8")

        monkeypatch.setattr(cloudtrail_kms_run, "following", at_once)
        monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", None)
        self.sweep(host(self.ONE), host(self.TWO), transport="local", meanwhile=sweeps)
        assert "Audited 1 of 2 accounts" in capsys.readouterr().out


class TestJudge:
    """Each host is failed by what the run has found of it."""

    def judge(self, **variables: Any) -> dict[str, Any]:
        action = cloudtrail_kms_judge.ActionModule(
            task=SimpleNamespace(args={"run": "audit"}, async_val=0, check_mode=True, action="cloudtrail_kms_judge"),
            connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir="")),
            play_context=None,
            loader=None,
            templar=None,
            shared_loader_obj=None,
        )
        result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "a", **variables})
        return result

    def test_a_host_fails_with_the_reason(self) -> None:
        assert self.judge(audit={"host_failures": {"a": "No."}}) == {"changed": False, "failed": True, "msg": "No."}

    def test_a_host_that_does_not_fail_passes(self) -> None:
        assert self.judge(audit={"host_failures": {"a": "", "b": "No."}}) == {"changed": False}

    @pytest.mark.parametrize("found", [{}, {"audit": None}, {"audit": {}}, {"audit": {"host_failures": {"b": ""}}}])
    def test_a_host_that_was_not_looked_at_does_not_pass(self, found: dict[str, Any]) -> None:
        with pytest.raises(AnsibleActionFail, match="The variable audit does not say whether the host a fails"):
            self.judge(**found)


class TestJoin:
    """Reports of slices become one."""

    def report(self, folder: Path, name: str, document: dict[str, Any]) -> str:
        path = folder / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return str(path)

    def test_of_reports_is_shown_written_and_judged_as_one(self, tmp_path: Path) -> None:
        slices = [
            self.report(tmp_path, "1.json", audit(account("non_compliant"))),
            self.report(tmp_path, "2.json", audit(account("compliant", account_id="2" * 12))),
        ]
        result, asked = run_and_ask(NEVER_ASKED, mode="join", audits=slices, reports=["json"], report_dir=str(tmp_path))
        assert asked == []
        assert result["verdicts"] == {"1" * 12: "non_compliant", "2" * 12: "compliant"}
        assert list(result["failures"]) == ["1" * 12]
        written = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
        assert written["summary"]["accounts"] == 2

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "is no JSON"),
            ("[]", "is no audit"),
            ('{"accounts": []}', "is no audit"),
            (None, "cannot be read: No such file"),
        ],
    )
    def test_names_what_is_no_report(self, content: str | None, message: str, tmp_path: Path) -> None:
        path = tmp_path / "1.json"
        if content is not None:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(AnsibleActionFail, match=message):
            run(NEVER_ASKED, mode="join", audits=[str(path)])

    def test_refuses_what_is_left_of_an_earlier_run(self, tmp_path: Path) -> None:
        """A job that died has left its report of the day before where the others put theirs."""
        old = {**audit(account("compliant", trail(), account_id="2" * 12)), "generated_at": "2026-11-22T08:00:00+00:00"}
        paths = [self.report(tmp_path, "1.json", GREEN), self.report(tmp_path, "2.json", old)]
        words = r"lie more than 12 hours apart \(2026-11-22T08:00:00\+00:00, 2026-11-23T08:00:00\+00:00\)"
        with pytest.raises(AnsibleActionFail, match=words):
            run(NEVER_ASKED, mode="join", audits=paths)
        soon = {**old, "generated_at": "2026-11-22T21:00:00+00:00"}
        paths[1] = self.report(tmp_path, "2.json", soon)
        assert run(NEVER_ASKED, mode="join", audits=paths)["failures"] == {}

    @pytest.mark.parametrize(
        "rows",
        [[{"account_id": "1" * 12}], [None], [account("Compliant")], None],
        ids=["half a row", "no row", "no verdict of ours", "no rows"],
    )
    def test_refuses_rows_that_no_audit_writes(self, rows: Any, tmp_path: Path) -> None:
        path = self.report(tmp_path, "1.json", {**GREEN, "accounts": rows})
        with pytest.raises(AnsibleActionFail, match=f"{path} cannot be joined"):
            run(NEVER_ASKED, mode="join", audits=[path])

    def test_refuses_the_same_account_twice_and_nothing_at_all(self, tmp_path: Path) -> None:
        path = self.report(tmp_path, "1.json", GREEN)
        with pytest.raises(AnsibleActionFail, match=r"cannot be joined\. More than one audit holds the account 1111"):
            run(NEVER_ASKED, mode="join", audits=[path, path])
        with pytest.raises(AnsibleActionFail, match="No report is there to join"):
            run(NEVER_ASKED, mode="join")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "destroy"}, "value of mode must be one of: audit, enforce, share, join, got: destroy"),
        ({"fail_on": "always"}, "value of fail_on must be one of: unknown, non_compliant, never, got: always"),
        ({"reports": ["pdf"]}, f"value of reports must be one or more of: {', '.join(FORMATS)}. Got no match for: pdf"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_asked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        run(NEVER_ASKED, **arguments)


class TestFiles:
    """A path is one from where ansible-playbook was called, and the person who runs it is told where the backup is."""

    @pytest.mark.parametrize("option", ["backup_path", "restore"])
    def test_are_named_from_where_ansible_was_called(
        self, option: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        _result, asked = run_and_ask(enforcement("applied"), mode="enforce", **{option: "backups/b.json"})
        assert asked[0][1][option] == str(tmp_path / "backups" / "b.json")

    def test_backup_is_shown(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = str(tmp_path / "b.json")
        told = run(enforcement("applied", backup={"changes": []}), mode="enforce", backup_path=path)
        assert told["backup_path"] == path
        assert f"Backup    {path} (cloudtrail_kms_restore puts it back)" in capsys.readouterr().out
