# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action with an enforcement of many accounts: one module, one table, one report, and each host by its own."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._module_call import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import PREFIX
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import _screen
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._enforcement import render_enforcement
from tests.unit.action.audits import KEY, account, audit, reason, trail
from tests.unit.action.running import NEVER_ASKED, HostVars, part, run_and_ask
from tests.unit.action.test_enforcement import plain
from tests.unit.action.test_many_accounts import host
from tests.unit.action.test_per_account import READER

ONE, TWO, THREE, CENTRAL = "1" * 12, "2" * 12, "3" * 12, "5" * 12
ROLE = {"role_arn": f"arn:aws:iam::{CENTRAL}:role/Enforce"}


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "scratch"))


def bare(account_id: str, verdict: str = "non_compliant") -> dict[str, Any]:
    """An account with one trail that has no key, or has one."""
    arn = f"arn:aws:cloudtrail:us-east-1:{account_id}:trail/main"
    key = KEY if verdict == "compliant" else None
    return account(verdict, trail("main", verdict, arn=arn, kms_key_arn=key), account_id=account_id)


def change(account_id: str, status: str = "applied", operation: str = "UpdateTrail") -> dict[str, Any]:
    resource = f"arn:aws:cloudtrail:us-east-1:{account_id}:trail/main"
    return {
        "account_id": account_id,
        "operation": operation,
        "resource": resource if operation == "UpdateTrail" else KEY.replace(ONE, account_id),
        "region": "us-east-1",
        "before": {"kms_key_arn": None},
        "after": {"kms_key_arn": "k"},
        "status": status,
    }


def enforced(*changes: dict[str, Any], hosts: tuple[str, ...] = (ONE, TWO, THREE), **fields: Any) -> dict[str, Any]:
    """What the module answers: the accounts that are changed are compliant afterwards."""
    done = {each["account_id"] for each in changes if each["status"] in ("planned", "applied")}
    told = {
        "changed": bool(done),
        "changes": list(changes),
        "diff": [
            {"before": each["account_id"], "after": each["operation"]}
            for each in changes
            if each["status"] in ("planned", "applied")
        ],
        "before": audit(*map(bare, hosts)),
        "after": audit(*(bare(each, "compliant") for each in hosts if each in done)),
        "refusals": [],
        "errors": [],
        "backup": None,
        "earlier_backups": [],
        "deliveries": {},
    }
    return {**told, **fields}


def enforce(told: dict[str, Any], *hosts: dict[str, Any], **arguments: Any) -> tuple[dict[str, Any], list[Any]]:
    """Enforce in the accounts of hosts as the role does, with its variables in `play`."""
    found = HostVars({each["cloudtrail_kms_account"]["id"]: each for each in hosts or map(host, (ONE, TWO, THREE))})
    batch = arguments.pop("batch", list(found))
    task_vars = {
        "hostvars": found,
        "inventory_hostname": batch[0],
        "ansible_play_batch": batch,
        "ansible_play_hosts_all": list(found),
        **found[batch[0]],
        **{f"cloudtrail_kms_{name}": value for name, value in arguments.pop("variables", {}).items()},
        **arguments.pop("others", {}),
    }
    given = {"mode": "enforce", "hosts": batch, "variables": PREFIX, **arguments}
    return run_and_ask(told, task_vars=task_vars, **given)


class TestTheModule:
    def test_is_asked_once_for_all_hosts_of_the_batch(self) -> None:
        own: dict[str, Any] = {"cloudtrail_kms_key": {"alias": "alias/two"}, "cloudtrail_kms_allow_enable_key": "true"}
        _result, asked = enforce(
            enforced(),
            host(ONE),
            host(TWO, **own),
            host(THREE),
            variables={"backup_path": "/b.json", "wait": True},
            transport="local",
        )
        assert asked[0][1].pop("progress_path")
        assert asked == [
            (
                "aws_baseline.cloudtrail.cloudtrail_kms_enforce",
                {
                    "accounts": [ONE, TWO, THREE],
                    "assume_role": {"role_name": "Audit", "external_id": "audit-2026"},
                    "account_options": [{"accounts": [TWO], "key": {"alias": "alias/two"}, "allow_enable_key": True}],
                    "wait": True,
                    "backup_path": "/b.json",
                    "backup_play": "play-1",
                },
            )
        ]

    def test_reads_keys_and_buckets_of_other_hosts_of_the_play(self) -> None:
        lender: dict[str, Any] = {"cloudtrail_kms_assume_role": {"role_arn": f"arn:aws:iam::{THREE}:role/Other"}}
        hosts = (host(ONE), host(TWO), host(THREE, **lender, cloudtrail_kms_trails=["x"]))
        _result, asked = enforce(enforced(hosts=(ONE, TWO)), *hosts, batch=[ONE, TWO])
        assert (asked[0][1]["accounts"], asked[0][1]["lending_accounts"]) == ([ONE, TWO], [THREE])
        assert asked[0][1]["account_options"] == [{"accounts": [THREE], "assume_role": {"role_name": "Other"}}]

    @pytest.mark.parametrize("mode", ["audit", "enforce"])
    def test_is_told_how_trails_are_judged_of_hosts_that_a_limit_leaves_out(self, mode: str) -> None:
        """They are not entered, and an audit enters no other batch."""
        asks: dict[str, Any] = {"cloudtrail_kms_readers": [READER], "cloudtrail_kms_key": {"alias": "alias/x"}}
        found = HostVars({each: host(each, **asks) for each in (ONE, TWO, THREE)})
        found._subset = [ONE, TWO]
        there = {"hostvars": found, "ansible_play_hosts_all": [ONE, TWO], "ansible_play_batch": [ONE]}
        task_vars = {**found[ONE], **there, "inventory_hostname": ONE}
        told = enforced(hosts=(ONE,)) if mode == "enforce" else NEVER_ASKED
        _result, asked = run_and_ask(told, mode=mode, hosts=[ONE], variables=PREFIX, task_vars=task_vars)
        options = asked[0][1]
        assert (options["accounts"], options["readers"]) == ([ONE], [READER])
        assert options.get("lending_accounts") == ([TWO] if mode == "enforce" else None)
        unread = [THREE] if mode == "enforce" else [TWO, THREE]
        assert options["account_options"] == [{"accounts": unread, "readers": [READER], "rules": {}, "exceptions": []}]

    def test_is_told_nothing_of_those_whom_nobody_inherits_from(self) -> None:
        found = HostVars({each: host(each, cloudtrail_kms_readers=[READER]) for each in (ONE, TWO, THREE)})
        for each, management in ((TWO, False), (THREE, True)):
            found[each]["cloudtrail_kms_account"]["management"] = management
        found._subset = [ONE]
        task_vars = {**found[ONE], "hostvars": found, "inventory_hostname": ONE, "ansible_play_hosts_all": [ONE]}
        _result, asked = run_and_ask(NEVER_ASKED, hosts=[ONE], variables=PREFIX, task_vars=task_vars)
        assert [each["accounts"] for each in asked[0][1]["account_options"]] == [[THREE]]

    def test_is_told_of_no_mistake_in_how_an_account_is_judged_that_judges_nothing(self) -> None:
        """Nobody inherits a trail from a member; and a host that has failed by its mistake is red by that itself."""
        hosts = [host(ONE), *(host(each, cloudtrail_kms_readers=["nobody"]) for each in (TWO, THREE))]
        hosts[1]["cloudtrail_kms_account"]["management"] = False
        others = {"ansible_play_hosts": [ONE, TWO]}
        _result, asked = enforce(enforced(hosts=(ONE,)), *hosts, batch=[ONE], others=others)
        assert asked[0][1]["lending_accounts"] == [TWO]
        assert "account_options" not in asked[0][1]

    @pytest.mark.parametrize(("kept", "together"), [({}, 1), ({"check_mode": True}, 2), ({"mode": "audit"}, 2)])
    def test_writes_for_one_host_at_a_time_that_has_a_run_of_its_own(self, kept: dict[str, Any], together: int) -> None:
        running, most = [0], [0]

        def meanwhile(_options: dict[str, Any]) -> None:
            running[0] += 1
            most[0] = max(most[0], running[0])
            time.sleep(0.2)
            running[0] -= 1

        task_vars = {**host(ONE), "hostvars": HostVars()}
        given = {"mode": "enforce", "variables": PREFIX, "task_vars": task_vars, "meanwhile": meanwhile, **kept}
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _each: run_and_ask(enforced(hosts=(ONE,)), **given), range(2)))
        assert most == [together]

    def test_reads_them_for_a_host_without_an_id_too(self) -> None:
        found = HostVars({"a": {"cloudtrail_kms_assume_role": host(ONE)["cloudtrail_kms_assume_role"]}, TWO: host(TWO)})
        task_vars = {"hostvars": found, "inventory_hostname": "a", "ansible_play_hosts_all": list(found), **found["a"]}
        given = {"mode": "enforce", "hosts": ["a"], "variables": PREFIX, "task_vars": task_vars}
        result, asked = run_and_ask(enforced(hosts=(ONE,)), **given)
        assert (asked[0][1]["accounts"], asked[0][1]["lending_accounts"]) == ([ONE], [TWO])
        assert part(result, "a")["verdicts"] == {ONE: "non_compliant"}

    def test_gets_several_backups_to_restore(self) -> None:
        given = {"restore": "/a.json,/b.json", "key": {"alias": "alias/a"}}
        _result, asked = enforce(enforced(), variables=given, mode="restore")
        assert asked[0][1]["restore"] == ["/a.json", "/b.json"]
        assert "key" not in asked[0][1]

    @pytest.mark.parametrize(
        ("name", "value", "is_warned"),
        [
            ("trails", ["other"], True),
            ("trails", ["main"], False),
            ("trails", [f"arn:aws:cloudtrail:us-east-1:{ONE}:trail/main"], False),
            ("regions", ["eu-central-1"], True),
            ("regions", ["us-east-1"], False),
        ],
    )
    def test_restores_all_that_a_backup_holds_and_says_so_where_that_is_more(
        self, name: str, value: list[str], monkeypatch: pytest.MonkeyPatch, *, is_warned: bool
    ) -> None:
        warned: list[str] = []
        monkeypatch.setattr(_screen.display, "warning", warned.append)
        given = {"restore": "/a.json", name: value}
        told = enforced(change(ONE), change(ONE, operation="PutKeyPolicy"), after=audit(bare(ONE, "compliant")))
        _result, asked = enforce(told, variables=given, mode="restore")
        assert name not in asked[0][1]
        assert [f"cloudtrail_kms_{name} is ignored." in text for text in warned] == [True] * is_warned

    @pytest.mark.parametrize(("path", "is_ignored"), [("/x/../b.json", True), ("/c.json", False)])
    def test_ignores_the_backup_path_of_the_enforcement_that_it_undoes(
        self, path: str, monkeypatch: pytest.MonkeyPatch, *, is_ignored: bool
    ) -> None:
        warned: list[str] = []
        monkeypatch.setattr(_screen.display, "warning", warned.append)
        given = {"restore": ["/a.json", "/b.json"], "backup_path": path}
        _result, asked = enforce(enforced(), variables=given, mode="restore")
        assert ("backup_path" not in asked[0][1]) is is_ignored
        assert [text.partition(":")[0] for text in warned] == ["The restore writes no backup"] * is_ignored

    @pytest.mark.parametrize("name", ["backup_path", "wait", "max_failures", "report_prefix"])
    def test_has_one_value_of_what_belongs_to_the_run(self, name: str) -> None:
        other = host(TWO, **{f"cloudtrail_kms_{name}": "1"})
        with pytest.raises(AnsibleActionFail, match=f"and cloudtrail_kms_{name} belongs to the run, but it differs"):
            enforce(NEVER_ASKED, host(ONE), other)

    def test_does_one_thing_for_all(self) -> None:
        hosts = (host(ONE, cloudtrail_kms_mode="enforce"), host(TWO))
        found = HostVars({ONE: hosts[0], TWO: hosts[1]})
        task_vars = {"hostvars": found, "inventory_hostname": ONE, **hosts[0]}
        with pytest.raises(AnsibleActionFail, match="and cloudtrail_kms_mode belongs to the run, but it differs"):
            run_and_ask(NEVER_ASKED, variables=PREFIX, hosts=[ONE, TWO], task_vars=task_vars)

    @pytest.mark.parametrize("strategy", ["free", "ansible.builtin.host_pinned"])
    def test_is_not_asked_where_each_host_would_ask_it(self, strategy: str) -> None:
        with pytest.raises(AnsibleActionFail, match=f"but the strategy {strategy} of the play starts it once for each"):
            enforce(NEVER_ASKED, strategy=strategy)

    def test_is_not_asked_of_accounts_that_are_not_in_use(self) -> None:
        hosts = (host(ONE, "SUSPENDED"), host(TWO), host(THREE, "CLOSED"))
        result, asked = enforce(enforced(change(TWO), hosts=(TWO,)), *hosts)
        assert asked[0][1]["accounts"] == [TWO]
        assert part(result, ONE) == {
            "reason": "",
            "verdicts": {ONE: "not_applicable"},
            "changed": False,
            "diff": [],
        }
        assert (result["summary"]["accounts"], result["failing"]) == (3, 0)


class TestSlices:
    """AWX tells a slice nothing but that its workflow is named as its template is."""

    SLICE: ClassVar = {"awx_job_template_name": "enforce", "awx_workflow_job_name": "enforce"}

    @pytest.mark.parametrize("shared", [{"key_assume_role": ROLE}, {"key": {"account": CENTRAL}}])
    def test_are_refused_where_keys_are_shared(self, shared: dict[str, Any]) -> None:
        with pytest.raises(AnsibleActionFail, match="is a slice of the job template enforce: its other slices would"):
            enforce(NEVER_ASKED, variables=shared, others=self.SLICE)
        for others in ({}, {**self.SLICE, "awx_workflow_job_name": "enforce after approval"}):
            assert enforce(enforced(), variables=shared, others=others)[1]

    def test_may_enforce_accounts_that_keep_their_own_keys(self) -> None:
        assert enforce(enforced(), others=self.SLICE)[1]


class TestHosts:
    def test_are_judged_each_by_its_own_account(self) -> None:
        told = enforced(
            change(CENTRAL, operation="EnableKeyRotation"),
            change(ONE),
            change(TWO, "failed"),
            refusals=[reason("Somebody denies it.", account_id=THREE, options=["key_id"])],
            errors=[reason("UpdateTrail failed.", account_id=TWO)],
            failed=True,
            msg="No.",
        )
        result, _asked = enforce(told)
        assert "failed" not in result
        assert (result["changed"], result["failing"]) == (True, 2)
        assert result["counts"] == {
            "planned": 0,
            "applied": 2,
            "failed": 1,
            "not_attempted": 0,
            "refusals": 1,
            "errors": 1,
        }
        assert [(part(result, each)["reason"], part(result, each)["changed"]) for each in (ONE, TWO, THREE)] == [
            ("", True),
            (f"Account {TWO}: failed. The table says why.", False),
            (f"Account {THREE}: refused. The table says why.", False),
        ]
        assert [each["before"] for each in part(result, ONE)["diff"]] == [CENTRAL, ONE]
        assert part(result, THREE)["diff"] == []

    def test_are_told_whether_their_account_was_begun(self) -> None:
        failed = [reason("Why.", account_id=each) for each in (ONE, TWO, THREE)]
        changes = (change(ONE, "failed"), change(ONE, "not_attempted"), change(TWO, "not_attempted"))
        result, _asked = enforce(enforced(*changes, errors=failed, failed=True, msg="No."))
        assert [part(result, each)["reason"] for each in (ONE, TWO, THREE)] == [
            f"Account {ONE}: failed. The table says why.",
            f"Account {TWO}: not attempted. The table says why.",
            f"Account {THREE}: failed. The table says why.",
        ]

    def test_are_judged_in_check_mode_each_by_what_its_account_would_be(self) -> None:
        result, _asked = enforce(enforced(change(ONE, "planned")))
        assert [part(result, each)["reason"].partition(":")[0] for each in (ONE, TWO, THREE)] == [
            "",
            f"Account {TWO} (name-2) would be non_compliant",
            f"Account {THREE} (name-3) would be non_compliant",
        ]
        assert (result["failing"], part(result, ONE)["verdicts"]) == (2, {ONE: "compliant"})
        assert part(result, ONE)["changed"]

    def test_drift_each_by_its_own_account_and_where_another_one_has_to_change_first(self) -> None:
        """TWO waits for a change of the key in CENTRAL, which is no host."""
        told = enforced(change(CENTRAL, "planned", "PutKeyPolicy"), change(THREE, "planned"), hosts=(ONE, TWO, THREE))
        told["before"] = audit(bare(ONE, "compliant"), bare(TWO), bare(THREE))
        told["after"] = audit(*(bare(each, "compliant") for each in (TWO, THREE)))
        result, _asked = enforce(told, variables={"fail_on_drift": "true"})
        one, two, three = (part(result, each)["reason"] for each in (ONE, TWO, THREE))
        assert one == f"Account {ONE} has drifted: 1 change planned (fail_on_drift)."
        assert two.startswith(f"Account {TWO} (name-2) is non_compliant")
        assert three.startswith(f"Account {THREE} (name-3) is non_compliant")
        assert three.endswith("has drifted: 1 change planned (fail_on_drift).")
        assert enforce(told)[0]["failing"] == 0

    def test_fail_where_a_key_of_no_host_has_failed(self) -> None:
        errors = [reason("PutKeyPolicy failed.", account_id=CENTRAL)]
        result, _asked = enforce(enforced(errors=errors), variables={"fail_on": "never", "table": "none"})
        assert [part(result, each)["reason"] for each in (ONE, TWO)] == ["PutKeyPolicy failed.", ""]

    def test_register_little_however_many_they_are(self) -> None:
        many = [f"{number:012d}" for number in range(100, 400)]
        refusals = [reason("No. " * 100, account_id=each) for each in many]
        told = enforced(*map(change, many), hosts=tuple(many), refusals=refusals, warnings=["Beware. " * 50] * 99)
        result, _asked = enforce(told, *map(host, many), variables={"table": "none"})
        assert len(json.dumps(result)) < 2048
        assert part(result, many[-1])["reason"] == "No. " * 100


class TestReports:
    def written(self, folder: Path) -> dict[str, str]:
        report = json.loads((folder / "cloudtrail-kms.json").read_text(encoding="utf-8"))
        return {row["account_id"]: row["verdict"] for row in report["accounts"]}

    def test_hold_all_accounts_as_they_are_now(self, tmp_path: Path) -> None:
        enforce(enforced(change(ONE)), variables={"reports": "json", "report_dir": str(tmp_path)})
        assert self.written(tmp_path) == {ONE: "compliant", TWO: "non_compliant", THREE: "non_compliant"}

    def test_of_the_batches_of_a_play_are_one(self, tmp_path: Path) -> None:
        variables = {"reports": "json", "report_dir": str(tmp_path)}
        first, _asked = enforce(enforced(change(ONE), hosts=(ONE, TWO)), batch=[ONE, TWO], variables=variables)
        second, _asked = enforce(enforced(change(THREE), hosts=(THREE,)), batch=[THREE], variables=variables)
        assert self.written(tmp_path) == {ONE: "compliant", TWO: "non_compliant", THREE: "compliant"}
        assert [each["summary"]["accounts"] for each in (first, second)] == [2, 1]
        assert [(each["added_up"], each["replaced"]) for each in (first, second)] == [(False, []), (True, [])]
        with pytest.raises(AnsibleActionFail, match="would replace it"):
            enforce(NEVER_ASKED, batch=[THREE], variables=variables, play="play-2")

    def test_of_each_batch_go_to_a_folder_of_their_own_in_a_bucket(self, tmp_path: Path) -> None:
        """Joined, no account may be in two of them."""
        variables = {"reports": "json", "report_dir": str(tmp_path), "report_bucket": "evidence"}
        enforce(enforced(hosts=(ONE, TWO)), batch=[ONE, TWO], variables=variables)
        second, _asked = enforce(enforced(hosts=(THREE,)), batch=[THREE], variables=variables)
        (going,) = second["uploads"]
        assert self.written(Path(going).parent) == {THREE: "non_compliant"}
        assert list(self.written(tmp_path)) == [ONE, TWO, THREE]


TABLE = dedent("""\
    Changes to 2 accounts: 2 applied, 1 failed

    ACCOUNT       OPERATION          REGION     RESOURCE                                  STATUS
    555555555555  EnableKeyRotation  us-east-1  key/11111111-2222-3333-4444-555555555555  applied
        kms_key_arn: none -> k
    111111111111  UpdateTrail        us-east-1  trail/main                                applied
        kms_key_arn: none -> k
    222222222222  UpdateTrail        us-east-1  trail/main                                failed
        kms_key_arn: none -> k

        REFUSED   accounts 333333333333, 444444444444, 666666666666 and 1 more: Somebody denies it.
        REFUSED   account 333333333333: The key is disabled.
        FAILED    account 222222222222: UpdateTrail failed.""")
AFTER = dedent("""\
    CloudTrail KMS audit of 2026-11-23T08:00:00+00:00, after these changes: 3 accounts, 1 changed, 3 trails

    ACCOUNT       REGION     TRAIL  KEY          BEFORE         AFTER
    111111111111  us-east-1  main   alias/trail  non_compliant  compliant

    Accounts  1 compliant, 2 non_compliant
    Trails    1 compliant, 2 non_compliant
    CIS 3.5   3 pass (only asks whether a key is set)""")


def test_trails_that_are_refused_for_the_same_reason_are_told_of_once() -> None:
    """A statement of a shared key that denies is in the way of every account that uses it."""
    why = "The policy of the key is left as it is."
    arns = [f"arn:aws:cloudtrail:us-east-1:{each}:trail/main" for each in (ONE, TWO, TWO, THREE)]
    named = [(ONE, arns[0]), (TWO, f"{arns[1]}, {arns[2]}-2"), (THREE, arns[3])]
    refusals = [reason(f"The trail {arn}: {why}", account_id=each, trails=arn.split(", ")) for each, arn in named]
    refusals.append(reason("The trail is: not named.", account_id=ONE))
    shown = render_enforcement(with_after(enforced(refusals=refusals)), width=120, paint=plain)
    assert " ".join(shown.partition("REFUSED")[2].split()) == (
        f"accounts {ONE}, {TWO}, {THREE}: The trails {arns[0]}, {arns[1]}, {arns[2]}-2 and 1 more: {why} "
        f"REFUSED account {ONE}: The trail is: not named."
    )


def test_what_differs_in_names_alone_is_told_once_in_words_in_their_place() -> None:
    errors = [
        reason(f"Cannot assume arn:aws:iam::{each}:role/Audit for {each}/key.", account_id=each, key=f"{each}/key")
        for each in (ONE, TWO)
    ]
    shown = render_enforcement(with_after(enforced(errors=errors)), width=120, paint=plain)
    assert " ".join(shown.partition("FAILED")[2].split()) == (
        f"accounts {ONE}, {TWO}: Cannot assume arn:aws:iam::ACCOUNT_ID:role/Audit for KEY_ARN."
    )
    same = [reason(f"{ONE}:role/x does not exist.", account_id=each, key=f"{each}/key") for each in (ONE, TWO)]
    shown = render_enforcement(with_after(enforced(errors=same)), width=120, paint=plain)
    assert f"accounts {ONE}, {TWO}: {ONE}:role/x does not exist." in shown


def test_one_table_tells_of_all_accounts() -> None:
    denied = [reason("Somebody denies it.", account_id=each * 12, options=["key_id"]) for each in "3467"]
    told = with_after(
        enforced(
            change(CENTRAL, operation="EnableKeyRotation"),
            change(ONE),
            change(TWO, "failed"),
            refusals=[
                *denied,
                reason("The key is disabled.", account_id=THREE, options=["allow_enable_key", "key_id"]),
            ],
            errors=[reason("UpdateTrail failed.", account_id=TWO)],
        )
    )
    before, changes, after = render_enforcement(told, width=105, paint=plain).split("\n\n\n")
    assert before.startswith("CloudTrail KMS audit of 2026-11-23T08:00:00+00:00: 3 accounts, 3 trails\n")
    assert (changes, after) == (TABLE, AFTER)
