# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions as Ansible calls them: arguments in, result, display and files out."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.utils import color

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._destination import report_objects
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import _screen
from tests.unit.action.running import GREEN, NEVER_ASKED, RED, enforcement, facts_of, part, run, run_and_ask


class TestReport:
    def test_prints_the_table_plain_where_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(facts_of(GREEN))["reports"] == []
        printed = capsys.readouterr().out
        assert "\n111111111111  us-east-1  main   alias/trail  compliant\n" in printed
        assert "\x1b" not in printed

    def test_prints_the_tables_of_an_enforcement(self, capsys: pytest.CaptureFixture[str]) -> None:
        enforced = enforcement(refusals=["Somebody denies it."])
        assert part(run(enforced))["reason"] == "Account 111111111111: refused. The table says why."
        printed = capsys.readouterr().out
        assert "\n    FAIL      key_is_usable: " in printed
        assert "Changes to account 111111111111: none\n\n    REFUSED   Somebody denies it.\n" in printed
        assert printed.endswith("\nRun: 0 changes, 1 account refused; it is compliant.\n")

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
        (screen, screen_options), (log, log_options) = shown[:2]
        assert (screen_options, log_options) == ({"screen_only": True}, {"log_only": True})
        assert "\x1b" in screen
        assert "\x1b" not in log

    @pytest.mark.parametrize(
        ("callback", "no_log", "shown"),
        [
            ("default", False, True),
            ("community.general.yaml", False, True),
            ("default", True, False),
            ("json", False, False),
            ("ansible.posix.jsonl", False, False),
        ],
    )
    def test_is_shown_and_logged_where_the_output_is_for_people(
        self, callback: str, no_log: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []
        monkeypatch.setattr("ansible.constants.DEFAULT_STDOUT_CALLBACK", callback)
        monkeypatch.setattr(_screen.display, "display", lambda text, **_options: told.append(text))
        assert run(facts_of(RED), no_log=no_log)["failing"]
        run(enforcement("not_attempted", warnings=["Beware."]), mode="enforce", no_log=no_log)
        assert len([each for each in told if "Beware." not in each]) == (8 if shown else 0)

    @pytest.mark.parametrize("warning", ["Beware.", SimpleNamespace(event=SimpleNamespace(msg="Beware."))])
    def test_warns_as_text_and_as_ansible_core_2_19_hands_on_a_warning(
        self, warning: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warned: list[str] = []
        monkeypatch.setattr(_screen.display, "warning", warned.append)
        run(enforcement("not_attempted", warnings=[warning]), mode="enforce")
        assert warned == ["Beware."]

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

    @pytest.mark.parametrize("directory", ["missing/reports", "file"])
    def test_a_directory_that_cannot_be_written_to_is_named_before_anything_is_asked(
        self, tmp_path: Path, directory: str
    ) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / directory
        with pytest.raises(AnsibleActionFail) as failed:
            run_and_ask(NEVER_ASKED, reports=["json"], report_dir=str(path))
        why = "It is not a writable directory" if path.exists() else f"It cannot be made in {path.parent}"
        told = f"No report can be written to {path}. {why}. Correct cloudtrail_kms_report_dir."
        assert str(failed.value) == told
        assert [each.name for each in tmp_path.iterdir()] == ["file"]

    def test_a_directory_is_made_where_its_parent_is(self, tmp_path: Path) -> None:
        (written,) = run(facts_of(RED), reports=["json"], report_dir=str(tmp_path / "new"))["reports"]
        assert Path(written).parent == tmp_path / "new"
        assert not Path(written).parent.stat().st_mode & 0o007

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
        assert part(result)["changed"] is True
        assert path.read_text() == "an earlier report"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("directory", [None, ""])
    def test_a_report_needs_a_directory(self, directory: str | None) -> None:
        with pytest.raises(
            AnsibleActionFail, match=r"^Set cloudtrail_kms_report_dir, a directory, for the json report\.$"
        ):
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

    @pytest.mark.parametrize(("transport", "carried"), [("local", False), ("ssh", True)])
    def test_are_carried_where_the_tasks_run_elsewhere(self, tmp_path: Path, transport: str, carried: bool) -> None:
        given = {"report_dir": str(tmp_path), "report_bucket": "evidence", "transport": transport}
        assert run(facts_of(RED), reports=["json"], **given)["carried"] is carried

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


@pytest.mark.parametrize("option", ["report_dir", "report_bucket", "report_prefix"])
def test_a_place_of_reports_is_no_template_where_it_is_handed_on_as_an_artifact(option: str, tmp_path: Path) -> None:
    given = {"report_dir": str(tmp_path), "report_bucket": "evidence", option: "reports/{{ 7 * 191 }}"}
    with pytest.raises(AnsibleActionFail, match=f"^Option {option}: 'reports/{{{{ 7 \\* 191 }}}}' would be evaluated"):
        run(NEVER_ASKED, reports=["json"], **given)


def test_a_backup_is_no_template_where_the_command_that_undoes_the_run_names_it() -> None:
    with pytest.raises(AnsibleActionFail, match=r"^Option backup_path: '\{\{ 7 }}\.json' would be evaluated"):
        run(NEVER_ASKED, mode="enforce", backup_path="{{ 7 }}.json")


class TestFailures:
    def test_hold_what_does_not_comply(self) -> None:
        result = run(facts_of(RED))
        assert result["failing"] == 1
        assert part(result)["reason"].startswith("Account 111111111111 is non_compliant: 1 of 1 trails fail")

    @pytest.mark.parametrize("fail_on", ["unknown", "never"])
    def test_hold_what_was_refused_or_failed_whatever_the_verdict(self, fail_on: str) -> None:
        enforced = enforcement("applied", refusals=["Refused."], errors=["Failed.", "Failed too."])
        shown, alone = run(enforced, fail_on=fail_on), run(enforced, fail_on=fail_on, table="none")
        assert part(shown)["reason"] == "Account 111111111111: refused, failed for 2 reasons. The table says why."
        assert part(alone)["reason"] == "Refused.\nFailed.\nFailed too."
        assert part(run(enforced, fail_on=fail_on, no_log=True)) == part(alone)

    def test_hold_nothing_where_nothing_is_to_fail(self) -> None:
        assert part(run(facts_of(RED), fail_on="never"))["reason"] == ""


@pytest.mark.parametrize(
    ("enforced", "reported", "judged"),
    [
        (enforcement("applied"), GREEN, GREEN),
        (enforcement("planned"), RED, GREEN),
        (enforcement("planned", before=GREEN, after=RED), GREEN, RED),
        (enforcement(), GREEN, GREEN),
        (enforcement("failed", after=None), RED, RED),
    ],
    ids=["after a run", "a plan", "a plan that is not enough", "nothing to do", "not read again"],
)
def test_an_enforcement_is_reported_as_it_is_and_judged_as_it_will_be(
    enforced: dict[str, Any], reported: dict[str, Any], judged: dict[str, Any], tmp_path: Path
) -> None:
    result = run({**enforced, "run_warnings": ["Keep the key."]}, reports=["json"], report_dir=str(tmp_path))
    report = json.loads((tmp_path / "cloudtrail-kms.json").read_text(encoding="utf-8"))
    told = {name: enforced[name] for name in ("changes", "refusals", "errors")}
    assert report.pop("enforcement") == {**told, "warnings": ["Keep the key."]}
    assert report == reported
    assert result["summary"] == reported["summary"]
    assert bool(result["failing"]) is (judged is RED)
    assert part(result)["verdicts"] == {"1" * 12: judged["accounts"][0]["verdict"]}


def test_a_plan_says_what_the_account_would_be() -> None:
    planned = enforcement("planned", before=GREEN, after=RED)
    assert part(run(planned))["reason"].startswith("Account 111111111111 would be non_compliant: 1 of 1 trails fail")


class TestDrift:
    """The check mode of an enforcement as an audit: a planned change fails, and so does what fails as it is."""

    @pytest.mark.parametrize("fail_on", ["unknown", "never"])
    def test_is_a_planned_change(self, fail_on: str) -> None:
        drifted = part(run(enforcement("planned"), fail_on_drift=True, fail_on=fail_on))["reason"]
        assert drifted.endswith("Account 111111111111 has drifted: 1 change planned (fail_on_drift).")
        assert drifted.startswith("Account 111111111111 is non_compliant") is (fail_on == "unknown")

    @pytest.mark.parametrize("told", [enforcement(), enforcement("applied"), facts_of(GREEN)])
    def test_is_none_where_nothing_is_planned(self, told: dict[str, Any]) -> None:
        assert run(told, fail_on_drift=True)["failing"] == 0


class TestTheModule:
    def test_gets_its_own_options_alone(self) -> None:
        options = {"regions": ["us-east-1"], "profile": "audit", "key": {"alias": "alias/a"}, "fail_on": "never"}
        assert run_and_ask(enforcement(), mode="enforce", **options)[1][-1] == (
            "aws_baseline.cloudtrail.cloudtrail_kms_enforce",
            {"regions": ["us-east-1"], "profile": "audit", "key": {"alias": "alias/a"}},
        )
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
        assert (result["changed"], "failed" in result) == (True, False)
        assert part(result) == {
            "reason": "Account 111111111111: failed. The table says why.",
            "verdicts": {"1" * 12: "compliant"},
            "changed": True,
            "diff": told["diff"],
        }

    def test_has_its_diff_shown_once_and_the_closing_lines_last(self, capsys: pytest.CaptureFixture[str]) -> None:
        told = enforcement("planned", changed=True, diff=[{"before": "a\n", "after": "b\n"}], refusals=["No."])
        result = run(told, mode="enforce", check_mode=True, diff=True)
        out = capsys.readouterr().out
        assert out.index("-a\n+b\n") < out.index("CloudTrail KMS audit") < out.index("\nPlan: 1 change in 1 account")
        assert (part(result)["changed"], part(result)["diff"]) == (True, [])

    @pytest.mark.parametrize("arguments", [{}, {"diff": True, "no_log": True}], ids=["not asked for", "no_log"])
    def test_leaves_a_diff_that_is_not_shown_to_each_host(
        self, arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = enforcement("applied", changed=True)
        assert part(run(told, mode="enforce", **arguments))["diff"] == told["diff"]
        assert "-a" not in capsys.readouterr().out

    def test_keeps_a_large_audit_to_itself(self) -> None:
        result = run(facts_of(RED))
        assert result == {
            "changed": False,
            "reports": [],
            "uploads": [],
            "summary": RED["summary"],
            "failing": 1,
            "results": result["results"],
            "added_up": False,
        }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"mode": "destroy"},
            "value of mode must be one of: audit, enforce, restore, got: destroy",
        ),
        ({"fail_on": "always"}, "value of fail_on must be one of: unknown, non_compliant, new, never, got: always"),
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
        path = str(tmp_path / "backups" / "b.json")
        assert asked[-1][1][option] == (path if option == "backup_path" else [path])

    def test_are_so_too_where_a_report_goes_on_to_a_bucket(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The task that puts them there looks beside the playbook. A person is told where they go."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "reports").mkdir()
        bucket = {"report_bucket": "evidence", "report_prefix": "today"}
        result = run(facts_of(GREEN), reports=["json"], report_dir="reports", **bucket)
        path = str(tmp_path / "reports" / "cloudtrail-kms.json")
        assert (result["uploads"], result["reports"]) == ([path], [path])
        printed = capsys.readouterr().out
        assert printed.endswith("\n\nReports   reports/cloudtrail-kms.json, s3://evidence/today/localhost/\n")

    def test_say_that_they_replaced_those_of_before(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "cloudtrail-kms.json"
        path.touch()
        result = run(facts_of(GREEN), reports=["json", "csv"], report_dir=str(tmp_path))
        assert result["replaced"] == [str(path)]
        assert (
            f"Reports   {path} (replaced the one of before), {tmp_path}/cloudtrail-kms.csv\n" in capsys.readouterr().out
        )

    def test_of_reports_to_join_are_named_so_too(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(AnsibleActionFail, match=re.escape(str(tmp_path / "slices" / "one.json"))):
            run(NEVER_ASKED, mode="join", audits=["slices/one.json"])

    def test_of_a_backup_is_restored_whatever_key_trails_are_to_have(self) -> None:
        given = {"key": {"alias": "alias/a"}, "key_id": "alias/b", "restore": "/backups/b.json"}
        _result, asked = run_and_ask(enforcement("applied"), mode="enforce", **given)
        assert asked == [("aws_baseline.cloudtrail.cloudtrail_kms_enforce", {"restore": ["/backups/b.json"]})]

    def test_backup_is_shown(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = str(tmp_path / "b.json")
        moved = f"{path}.20261129T012452344951Z"
        done = enforcement("applied", backup={"changes": []}, earlier_backups=[moved])
        told = run(done, mode="enforce", backup_path=path)
        assert told["backup_path"] == path
        shown = capsys.readouterr().out
        undo = (
            "Undo      aws_baseline.cloudtrail.restore, or the role with tasks_from: restore, with the same variables "
        )
        assert " ".join(shown.split()).endswith(" ".join(f"{undo} and cloudtrail_kms_restore={path}".split()))
        assert (
            "\n\nRun: 1 change in 1 account; it is compliant.\n"
            "Delivery  not waited for: audit again in some minutes (cloudtrail_kms_wait=true waits for it)\n"
            f"Backup    {path}\n          The earlier backup is now {moved}\n"
        ) in shown
