# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action with many accounts: their hosts in one run, each of them judged."""

from __future__ import annotations

import json
import os
import shutil
import stat
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_judge
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._judgement import leave
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import PREFIX
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import _screen
from tests.unit.action.audits import account, audit
from tests.unit.action.running import NEVER_ASKED, HostVars, enforcement, facts_of, part, run_and_ask


def host(account_id: str, state: str = "ACTIVE", **others: Any) -> dict[str, Any]:
    """The variables of an account's host."""
    role = {"role_arn": f"arn:aws:iam::{account_id}:role/Audit", "external_id": "audit-2026"}
    return {
        "cloudtrail_kms_account": {
            "id": account_id,
            "arn": f"arn:aws:organizations::111111111111:account/o-exampleorgid/{account_id}",
            "name": f"name-{account_id[0]}",
            "state": state,
        },
        "cloudtrail_kms_assume_role": role,
        **others,
    }


UNCHANGED: dict[str, Any] = {"changed": False, "diff": []}


class TestHosts:
    """The accounts of many hosts, read in one run."""

    ONE, TWO = "1" * 12, "2" * 12
    BOTH = audit(account("non_compliant"), account("compliant", account_id=TWO))

    def sweep(self, *hosts: dict[str, Any], told: dict[str, Any] | None = None, **arguments: Any) -> Any:
        found = HostVars({one["cloudtrail_kms_account"]["id"]: one for one in hosts})
        names = list(found)
        given = {"variables": PREFIX, "hosts": names, **arguments}
        task_vars = {"hostvars": found, "inventory_hostname": names[0], **found[names[0]]}
        return run_and_ask(facts_of(self.BOTH) if told is None else told, task_vars=task_vars, **given)

    def test_are_read_by_one_module_and_judged_each_by_its_own(self, capsys: pytest.CaptureFixture[str]) -> None:
        result, asked = self.sweep(host(self.ONE), host(self.TWO))
        ((module, options),) = asked
        assert module == "aws_baseline.cloudtrail.cloudtrail_kms_facts"
        assert options == {
            "accounts": [self.ONE, self.TWO],
            "assume_role": {"role_name": "Audit", "external_id": "audit-2026"},
        }
        assert part(result, self.ONE)["reason"].startswith(f"Account {self.ONE} (name-1) is non_compliant")
        assert part(result, self.TWO) == {"reason": "", "verdicts": {self.TWO: "compliant"}, **UNCHANGED}
        assert "222222222222" in capsys.readouterr().out

    def test_of_accounts_that_are_not_in_use_are_in_the_audit_and_not_asked(self, tmp_path: Path) -> None:
        green = facts_of(audit(account("compliant")))
        result, asked = self.sweep(
            host(self.ONE), host(self.TWO, "SUSPENDED"), told=green, reports=["json"], report_dir=str(tmp_path)
        )
        assert asked[0][1]["accounts"] == [self.ONE]
        assert part(result, self.ONE) == {"reason": "", "verdicts": {self.ONE: "compliant"}, **UNCHANGED}
        assert part(result, self.TWO) == {"reason": "", "verdicts": {self.TWO: "not_applicable"}, **UNCHANGED}
        written = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
        assert [row["account_name"] for row in written["accounts"]] == ["name-1", "name-2"]

    @pytest.mark.parametrize("mode", ["audit", "enforce"])
    def test_none_of_which_is_in_use_ask_nobody(self, mode: str) -> None:
        result, asked = self.sweep(host(self.ONE, "SUSPENDED"), told=NEVER_ASKED, mode=mode)
        assert asked == []
        assert (result["changed"], part(result, self.ONE)) == (
            False,
            {"reason": "", "verdicts": {self.ONE: "not_applicable"}, **UNCHANGED},
        )

    def test_fail_as_the_module_fails(self) -> None:
        failed = {"failed": True, "msg": "No AWS credentials were found."}
        assert self.sweep(host(self.ONE), host(self.TWO, "CLOSED"), told=failed)[0] == failed

    def test_that_differ_in_what_the_run_is_are_refused_before_anything_is_asked(self) -> None:
        with pytest.raises(AnsibleActionFail, match="cloudtrail_kms_fail_on belongs to the run, but it differs"):
            self.sweep(
                host(self.ONE), host(self.TWO, cloudtrail_kms_fail_on="never"), told=NEVER_ASKED, variables=PREFIX
            )

    def test_are_judged_each_by_what_a_template_of_the_play_comes_to(self) -> None:
        one, two = host(self.ONE), host(self.TWO, sandbox=True)
        found = HostVars({self.ONE: one, self.TWO: two})
        rules = trust_as_template("{{ {'key_is_usable': 'off' if sandbox | default(false) else 'required'} }}")
        given = {"hosts": list(found), "variables": PREFIX}
        task_vars = {"hostvars": found, "inventory_hostname": self.ONE, "cloudtrail_kms_rules": rules, **one}
        templar = Templar(DataLoader(), task_vars)
        _result, asked = run_and_ask(facts_of(self.BOTH), task_vars=task_vars, templar=templar, **given)
        assert asked[0][1] == {
            "accounts": [self.ONE, self.TWO],
            "assume_role": {"role_name": "Audit", "external_id": "audit-2026"},
            "rules": {"key_is_usable": "required"},
            "account_options": [{"accounts": [self.TWO], "rules": {"key_is_usable": "off"}}],
        }

    def test_with_templates_are_taken_for_what_these_come_to(self) -> None:
        role = host(self.ONE)["cloudtrail_kms_assume_role"]
        written = {**role, "role_arn": trust_as_template("{{ of_the_group }}")}
        one = host(self.ONE, cloudtrail_kms_assume_role=written, of_the_group=role["role_arn"])
        found = HostVars({self.ONE: one, self.TWO: host(self.TWO)})
        task_vars = {"hostvars": found, "inventory_hostname": self.ONE, **one}
        given = {"hosts": list(found), "variables": PREFIX}
        _result, asked = run_and_ask(facts_of(self.BOTH), task_vars=task_vars, **given)
        assert asked[0][1]["accounts"] == [self.ONE, self.TWO]

    def test_are_enforced_by_their_names(self, capsys: pytest.CaptureFixture[str]) -> None:
        told = enforcement("applied", changed=True)
        _result, asked = self.sweep(host(self.ONE), told=told, mode="enforce")
        assert asked[0][1]["accounts"] == [self.ONE]
        assert "\n name-1\n" in capsys.readouterr().out

    def test_are_entered_by_their_own_roles_whatever_the_task_names(self) -> None:
        elsewhere = host("3" * 12)["cloudtrail_kms_assume_role"]
        _result, asked = self.sweep(host(self.ONE), host(self.TWO), assume_role=elsewhere)
        assert (asked[0][1]["accounts"], asked[0][1]["assume_role"]["role_name"]) == ([self.ONE, self.TWO], "Audit")

    def test_of_a_long_sweep_hear_how_far_it_is(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        following = _screen.following

        def at_once(path: Path, tell: Any) -> Any:
            return following(path, tell, patience=0, every=0.01)

        def sweeps(options: dict[str, Any], line: str = "Audited 1 of 2 accounts") -> None:
            Path(options["progress_path"]).write_text(f"{line}\n", encoding="utf-8")

        def told(*more: dict[str, Any], meanwhile: Any = sweeps) -> str:
            self.sweep(host(self.ONE), host(self.TWO), *more, transport="local", meanwhile=meanwhile)
            return capsys.readouterr().out

        monkeypatch.setattr(_screen, "following", at_once)
        assert "Audited 1 of 2 accounts\n" in told()
        closed = host("3" * 12, state="SUSPENDED")
        assert "Audited 1 of 2 accounts (1 more not active: not read)\n" in told(closed)
        line = "Applied the plan in 1 of 2 accounts"
        assert f"{line}\n" in told(closed, meanwhile=partial(sweeps, line=line))

    @pytest.mark.parametrize("strategy", ["free", "ansible.builtin.host_pinned"])
    def test_are_refused_where_each_would_start_the_run(self, strategy: str) -> None:
        with pytest.raises(AnsibleActionFail, match=f"but the strategy {strategy} of the play starts it once for each"):
            self.sweep(host(self.ONE), host(self.TWO), told=NEVER_ASKED, strategy=strategy)


class TestJudge:
    """Each host is failed by what the run has found of it."""

    def judge(self, *, no_log: bool = False, **variables: Any) -> dict[str, Any]:
        action = cloudtrail_kms_judge.ActionModule(
            task=SimpleNamespace(
                args={"run": "audit"},
                async_val=0,
                check_mode=True,
                action="cloudtrail_kms_judge",
                no_log=no_log,
            ),
            connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir="")),
            play_context=None,
            loader=None,
            templar=None,
            shared_loader_obj=None,
        )
        result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "a", **variables})
        return result

    def left(self, *reasons: str) -> dict[str, Any]:
        """What a run registers that leaves a reason for the hosts a, b and so on."""
        told = zip("abc", reasons, strict=False)
        return leave({host: {"reason": reason, "verdicts": {}, **UNCHANGED} for host, reason in told})

    def test_a_host_fails_with_the_reason(self) -> None:
        expected = {**UNCHANGED, "verdicts": {}, "failed": True, "msg": "No."}
        assert self.judge(audit=self.left("No.")) == expected

    def test_no_log_keeps_the_reason_back(self) -> None:
        told = self.judge(no_log=True, audit=self.left("No."))
        assert (told["failed"], "No." in told["msg"]) == (True, False)

    def test_a_host_that_does_not_fail_passes(self) -> None:
        assert self.judge(audit=self.left("", "No.")) == {**UNCHANGED, "verdicts": {}}

    def test_a_host_whose_run_another_has_skipped_is_told_how_to_choose_hosts(self) -> None:
        with pytest.raises(AnsibleActionFail, match=r"skipped by the `when` of the first host\. Put the tasks"):
            self.judge(audit={"changed": False, "skipped": True})

    def test_a_host_that_the_run_was_not_about_does_not_pass(self) -> None:
        with pytest.raises(AnsibleActionFail, match="Nobody has audited the account of the host z, so it does not"):
            self.judge(inventory_hostname="z", audit=self.left("", ""))

    @pytest.mark.parametrize("harm", ["gone", "changed", "swapped", "folder", "pipe"])
    def test_no_host_passes_by_what_is_not_as_the_run_left_it(self, harm: str) -> None:
        found = self.left("No.", "")
        folder = Path(found["results"]["directory"])
        mine, other = (path for path in sorted(folder.iterdir(), key=lambda path: b"No" not in path.read_bytes()))
        assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, mine)] == [0o700, 0o600]
        if harm == "changed":
            mine.write_bytes(mine.read_bytes().replace(b"No.", b""))
        elif harm == "swapped":
            mine.write_bytes(other.read_bytes())
        elif harm == "gone":
            shutil.rmtree(folder)
        else:
            mine.unlink()
            os.mkfifo(mine) if harm == "pipe" else mine.mkdir()
        with pytest.raises(AnsibleActionFail, match=r"(gone|changed since|cannot be read)\b.* The host a does"):
            self.judge(audit=found)

    @pytest.mark.parametrize("found", [{}, {"audit": None}, {"audit": {}}])
    def test_a_host_that_was_not_looked_at_does_not_pass(self, found: dict[str, Any]) -> None:
        with pytest.raises(
            AnsibleActionFail, match="Nobody has audited the account of the host a, so it does not pass"
        ):
            self.judge(**found)

    def test_a_host_is_named_as_text(self) -> None:
        with pytest.raises(AnsibleActionFail, match=r"the account of the host a\\x1b\[2J, so it"):
            self.judge(inventory_hostname="a\x1b[2J")
