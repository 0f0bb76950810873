# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look before an enforcement: what an audit finds as wished is neither planned for nor entered again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import KeyWish
from tests.unit.action.audits import account, audit, finding, trail
from tests.unit.action.running import GREEN, NEVER_ASKED, RED, HostVars, enforcement, facts_of, part, run_and_ask
from tests.unit.action.test_many_accounts import host

ONE, TWO, THREE = "1" * 12, "2" * 12, "3" * 12
FACTS, ENFORCE = (f"aws_baseline.cloudtrail.cloudtrail_kms_{name}" for name in ("facts", "enforce"))
LEFT = {"rules": ["key_is_usable"], "reason": "old", "owner": "security", "expires": "2027-01-01"}
SHARED = {"key_is_shared": True, "key_assume_role": {"role_arn": f"arn:aws:iam::{TWO}:role/Key"}}


def modules(asked: list[Any]) -> list[str]:
    return [module for module, _options in asked]


def enforce(found: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[Any]]:
    """Enforce in one account of which a look finds this."""
    return run_and_ask(enforcement("applied", changed=True), mode="enforce", audit=facts_of(found), **options)


def test_what_is_as_wished_is_told_as_an_enforcement_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    result, asked = enforce(GREEN, regions=["us-east-1"], key={"alias": "alias/a"}, backup_path="b.json", wait=True)
    assert asked == [(FACTS, {"regions": ["us-east-1"]})]
    told = {name: result[name] for name in ("changed", "changes", "diff", "refusals", "errors", "shared_keys")}
    assert told == {"changed": False, "changes": [], "diff": [], "refusals": [], "errors": [], "shared_keys": []}
    assert (result["before"], result["after"], result["backup"]) == (GREEN, GREEN, None)
    assert result["failing"] == 0
    assert "Changes to account 111111111111: none" in capsys.readouterr().out


def test_what_the_look_warns_of_is_handed_on() -> None:
    told = {**facts_of(GREEN), "warnings": ["Beware."]}
    result, _asked = run_and_ask(NEVER_ASKED, mode="enforce", audit=told)
    assert result["warnings"] == ["Beware."]


@pytest.mark.parametrize(
    "found",
    [
        RED,
        audit(account("unknown", trail("main", "unknown", finding("key_is_usable", "unknown")))),
        audit(account("compliant", trail("main", "compliant", finding("key_is_usable", "excepted")))),
        audit(account("compliant", trail(), kms_keys=[{"rotation_enabled": False, "aliases": [KeyWish.alias]}])),
        audit(account("no_trails")),
    ],
    ids=["non_compliant", "unknown", "excepted", "not rotated", "no trails"],
)
def test_what_a_plan_may_have_a_word_for_is_planned(found: dict[str, Any]) -> None:
    result, asked = enforce(found)
    assert modules(asked) == [FACTS, ENFORCE]
    assert result["changed"]


def test_an_account_that_cannot_be_looked_at_is_enforced_for_its_reasons() -> None:
    refused = {"failed": True, "msg": "No AWS credentials were found."}
    result, asked = run_and_ask(refused, mode="enforce", audit=refused)
    assert modules(asked) == [FACTS, ENFORCE]
    assert result == refused


@pytest.mark.parametrize(
    "asks",
    [
        {"key_id": "alias/a"},
        {"replace_compliant_key": True},
        {"create_trail": {"name": "main", "bucket_name": "logs"}},
        {"restore": "b.json"},
        SHARED,
        {"accounts": [ONE], "assume_role": {"role_name": "Audit"}},
        {"progress_path": "progress"},
    ],
    ids=lambda asks: next(iter(asks)),
)
def test_where_an_audit_cannot_tell_nobody_looks(asks: dict[str, Any]) -> None:
    assert modules(enforce(GREEN, **asks)[1]) == [ENFORCE]


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        ({"trail": "old", **LEFT}, [ENFORCE]),
        ({"trail": "arn:old", **LEFT}, [ENFORCE]),
        ({"trail": f"arn:aws:cloudtrail:us-east-1:{ONE}:trail/old", **LEFT}, [FACTS, ENFORCE]),
        ({"trail": f"arn:aws:cloudtrail:us-east-1:{TWO}:trail/old", **LEFT}, [FACTS]),
        ({"account": "1*", **LEFT}, [FACTS, ENFORCE]),
        ({"account": TWO, **LEFT}, [FACTS]),
        ({"account": int(ONE), **LEFT}, [FACTS, ENFORCE]),
        ({"account": int(TWO), **LEFT}, [FACTS]),
    ],
)
def test_an_exception_is_planned_for_where_it_may_be_about_the_account(
    exception: dict[str, Any], expected: list[str]
) -> None:
    assert modules(enforce(GREEN, exceptions=[exception])[1]) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": {"alias": "logs"}}, "Option key.alias: 'logs' is not an alias name"),
        ({"key": {"aliass": "alias/logs"}}, "key.aliass. Supported parameters include"),
        ({"statements": "loose"}, "value of statements must be one of: strict, cis, got: loose"),
        ({"exceptions": ["old"]}, "Elements value for option 'exceptions' is of type"),
        ({"wait_timeout": 0}, "Option wait_timeout: 0 is not between 1 and 86400"),
    ],
)
def test_a_wrong_option_is_refused_though_it_may_not_be_needed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        run_and_ask(NEVER_ASKED, mode="enforce", audit=NEVER_ASKED, **options)


class TestTogether:
    """The accounts of many hosts, looked at in one sweep before each is enforced."""

    BOTH = audit(account("non_compliant"), account("compliant", trail(), account_id=TWO))

    @pytest.fixture(autouse=True)
    def scratch(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))

    def look(self, *hosts: dict[str, Any], told: dict[str, Any] | None = None, **options: Any) -> tuple[str, list[Any]]:
        found = HostVars({one["cloudtrail_kms_account"]["id"]: one for one in hosts or (host(ONE), host(TWO))})
        names = list(found)
        given = {"assume_role": found[names[0]]["cloudtrail_kms_assume_role"], "hosts": names, **options}
        task_vars = {"hostvars": found, "inventory_hostname": names[0]}
        told = facts_of(self.BOTH) if told is None else told
        result, asked = run_and_ask(told, mode="look", task_vars=task_vars, **given)
        assert result == {"changed": False, "looked": result["looked"]}
        return result["looked"], asked

    def enforce(self, account_id: str, looked: str) -> tuple[dict[str, Any], list[str]]:
        found = HostVars({account_id: host(account_id)})
        told = audit(account("compliant", account_id=account_id))
        result, asked = run_and_ask(
            enforcement("applied", changed=True, before=told, after=told),
            mode="enforce",
            task_vars={"hostvars": found, "inventory_hostname": account_id},
            hosts=[account_id],
            assume_role=found[account_id]["cloudtrail_kms_assume_role"],
            looked=looked,
            audit=NEVER_ASKED,
        )
        return result, modules(asked)

    def test_are_read_by_one_module_and_entered_where_there_is_something_to_do(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looked, asked = self.look()
        assert asked == [
            (
                FACTS,
                {"accounts": [ONE, TWO], "assume_role": {"role_name": "Audit", "external_id": "audit-2026"}},
            )
        ]
        assert capsys.readouterr().out == ""
        result, asked = self.enforce(TWO, looked)
        assert (asked, result["changed"], part(result, TWO)["verdicts"]) == ([], False, {TWO: "compliant"})
        assert result["before"]["summary"]["compliant"] == 1
        assert result["after"]["accounts"][0]["account_name"] == "name-2"
        assert self.enforce(ONE, looked)[1] == self.enforce(THREE, looked)[1] == [ENFORCE]

    def test_are_told_apart_by_the_role_that_is_entered(self) -> None:
        """A host that only its role ties to an account may be given another role by the task."""
        looked, _asked = self.look()
        found = HostVars({"a": {"cloudtrail_kms_assume_role": host(TWO)["cloudtrail_kms_assume_role"]}})
        task_vars = {"hostvars": found, "inventory_hostname": "a"}
        for role in (host(ONE)["cloudtrail_kms_assume_role"], None):
            _result, asked = run_and_ask(
                enforcement(), mode="enforce", task_vars=task_vars, hosts=["a"], looked=looked, assume_role=role
            )
            assert modules(asked) == [ENFORCE]

    def test_may_differ_in_what_a_look_does_not_ask(self) -> None:
        differing: dict[str, Any] = {
            "cloudtrail_kms_report_dir": "reports/two",
            "cloudtrail_kms_key": {"alias": "alias/two"},
        }
        looked, asked = self.look(host(ONE), host(TWO, **differing))
        assert modules(asked) == [FACTS]
        assert self.enforce(TWO, looked)[1] == []

    @pytest.mark.parametrize(
        ("hosts", "options"),
        [
            ((), {"key_id": "alias/a"}),
            ((), {"exceptions": [{"trail": "old", **LEFT}]}),
            ((), {"key": {"alias": "logs"}}),
        ],
        ids=["more than compliance", "an exception of any account", "a wrong option"],
    )
    def test_are_left_to_their_enforcements_where_one_sweep_cannot_tell(self, hosts: Any, options: Any) -> None:
        looked, asked = self.look(*hosts, told=NEVER_ASKED, **options)
        assert asked == []
        assert self.enforce(TWO, looked)[1] == [ENFORCE]

    def test_are_left_to_their_enforcements_where_the_sweep_fails(self) -> None:
        looked, _asked = self.look(told={"failed": True, "msg": "No AWS credentials were found."})
        assert self.enforce(TWO, looked)[1] == [ENFORCE]

    def test_are_left_to_their_enforcements_where_the_first_host_cannot_be_reached(self) -> None:
        def refuse(_options: dict[str, Any]) -> None:
            raise AnsibleConnectionFailure("Connection refused")

        looked, _asked = self.look(meanwhile=refuse)
        assert self.enforce(TWO, looked)[1] == [ENFORCE]

    def test_write_no_report(self, tmp_path: Path) -> None:
        looked, _asked = self.look(reports=["json"], report_dir=str(tmp_path / "missing"))
        assert [path.name for path in Path(looked).iterdir()] == [f"{TWO}.json"]
