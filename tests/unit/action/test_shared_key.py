# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that hosts share: each has one host that changes it for all, and an account that waits says so."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.action import cloudtrail_kms_run
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._shared_key import key_options, shares_of
from tests.unit.action.running import enforcement, part, run

KEY = "arn:aws:kms:eu-central-1:555555555555:key/to-be-created"
OTHER = "arn:aws:kms:us-east-1:555555555555:key/11111111-2222-3333-4444-555555555555"
ALIAS = "alias/organization-trails"


def needs(key_arn: str, alias: str | None, *trails: str, readers: tuple[str, ...] = ()) -> dict[str, Any]:
    """One row of `shared_keys`."""
    lacking = {trail: [*readers] for trail in trails if readers}
    return {"key_arn": key_arn, "alias": alias, "trails": list(trails), "readers": list(readers), "needed": lacking}


WAITING = {
    "first": [needs(KEY, ALIAS, "a", "b")],
    "second": [needs(KEY, ALIAS, "c", readers=("r",)), needs(OTHER, None, "d")],
    "third": [],
    "fourth": [needs(KEY, "alias/other", "e"), needs(OTHER, None, "d", "f")],
}


def test_each_key_has_one_host_with_the_trails_of_all() -> None:
    shares = {host: shares_of(host, WAITING) for host in WAITING}
    assert {host: [(share["key_arn"], share["trails"]) for share in mine] for host, mine in shares.items()} == {
        "first": [(KEY, ["a", "b", "c"])],
        "second": [(OTHER, ["d", "f"])],
        "third": [],
        "fourth": [(KEY, ["e"])],  # another alias is another key, though neither exists yet
    }
    assert shares["first"][0]["readers"] == ["r"]
    assert WAITING["first"][0]["trails"] == ["a", "b"]


def test_a_key_is_given_by_its_alias_or_arn_in_its_region() -> None:
    given = {"key": {"alias": ALIAS}, "statements": "cis", "backup_path": "/backups/account.json"}
    (by_alias,) = shares_of("first", WAITING)
    assert key_options(given, by_alias) == {
        "key": {"alias": ALIAS},
        "statements": "cis",
        "backup_path": "/backups/account-central-key.json",
        "region": "eu-central-1",
        "trails": ["a", "b", "c"],
        "readers": ["r"],
        "needed": {"c": ["r"]},
    }
    (by_arn,) = shares_of("second", WAITING)
    assert key_options({"key": {"alias": ALIAS}}, by_arn) == {
        "key_id": OTHER,
        "region": "us-east-1",
        "trails": ["d", "f"],
        "readers": [],
        "needed": {},
    }


def share(host: str, *told: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Run the action for a host, with modules that answer one after the other; return its result and what it asked."""
    asked: list[Any] = []
    answers = list(told)

    class Action(cloudtrail_kms_run.ActionModule):
        def _execute_module(self, *arguments: Any, **_options: Any) -> dict[str, Any]:
            asked.append(arguments)
            return deepcopy(answers.pop(0))

    arguments = {"mode": "share", "assume_role": {"role_arn": "x"}}
    action = Action(
        task=SimpleNamespace(
            args=arguments, async_val=0, check_mode=False, environment=None, no_log=False, action="cloudtrail_kms_run"
        ),
        connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir="")),
        play_context=None,
        loader=None,
        templar=None,
        shared_loader_obj=None,
    )
    hostvars: dict[str, Any] = {name: {cloudtrail_kms_run.RESULT: {"shared_keys": WAITING[name]}} for name in WAITING}
    hostvars["third"] = {}
    variables = {"hostvars": hostvars, "ansible_play_batch": list(hostvars), "inventory_hostname": host}
    result: dict[str, Any] = action.run(task_vars=variables)
    return result, asked


def done(**fields: Any) -> dict[str, Any]:
    """What the module answers."""
    change = {
        "operation": "EnableKeyRotation",
        "resource": OTHER,
        "region": "us-east-1",
        "before": {"rotation_enabled": False},
        "after": {"rotation_enabled": True},
        "status": "applied",
    }
    told = {"changed": True, "account_id": "555555555555", "key_arn": OTHER, "changes": [change], "diff": ["x"]}
    return {**told, "refusals": [], "errors": [], **fields}


def test_a_host_has_its_keys_changed_and_no_others() -> None:
    result, asked = share("second", done())
    assert [(module, options["trails"]) for module, options in asked] == [
        ("aws_baseline.cloudtrail.cloudtrail_kms_central_key", ["d", "f"])
    ]
    assert asked[0][1]["assume_role"] == {"role_arn": "x"}
    assert (result["changed"], result["key_arns"], result["diff"]) == (True, [OTHER], ["x"])
    assert share("third") == ({"changed": False, "changes": [], "diff": [], "key_arns": []}, [])


def test_what_a_key_is_refused_or_fails_at_fails_the_host() -> None:
    refused, _asked = share("second", done(changed=False, changes=[], refusals=["No."], failed=True, msg="No."))
    assert (refused["failed"], refused["msg"]) == (True, "No.")
    broken, _asked = share("second", {"failed": True, "msg": "Cannot assume the role"})
    assert (broken["failed"], broken["msg"]) == (True, "Cannot assume the role")


def test_an_account_that_waits_fails_and_shows_no_table(capsys: Any) -> None:
    waiting = enforcement("not_attempted", shared_keys=WAITING["first"])
    result = run(waiting, mode="enforce")
    words = f"Account 111111111111 waits for {KEY}, which is changed once for all the accounts that share it."
    assert part(result)["reason"] == words
    printed = " ".join(capsys.readouterr().out.split())
    assert words in printed
    assert "VERDICT" not in printed
