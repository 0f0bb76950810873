# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules from end to end, in this process.

Whoever gives one what cannot be meant, or nothing to ask AWS with, gets a sentence and never a traceback.
"""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import named_options
from ansible_collections.aws_baseline.cloudtrail.plugins.modules import cloudtrail_kms_enforce, cloudtrail_kms_facts
from tests.fakeaws.client import FakeAws
from tests.unit.modules import answer, connection

NOBODY = "http://127.0.0.1:9"  # the port on which nothing listens
KEYS = {"access_key": "AKIAUNKNOWN", "secret_key": "nobodys-secret-key", "endpoint_url": NOBODY}
ONCE = {**KEYS, "region": "us-east-1", "aws_config": {"retries": {"total_max_attempts": 1}}}
BUNDLE = {"aws_ca_bundle": "/nowhere/ca.pem", "endpoint_url": NOBODY.replace("http:", "https:")}
TRAIL = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"
MODULES = (cloudtrail_kms_facts, cloudtrail_kms_enforce)
EXCEPTION = {"trail": "main", "rules": ["key_is_usable"], "reason": "x", "owner": "me", "expires": "2026-02-30"}
# What every module is asked with, and what it answers.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "no credentials": (
        {"region": "us-east-1", "endpoint_url": NOBODY},
        r"No AWS credentials were found\. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY .*",
    ),
    "no region": (KEYS, r"No region: set AWS_REGION, or the region of the profile .* module's option region, .*"),
    "no region of AWS": ({**ONCE, "region": "us east"}, r"AWS cannot be called in us east: .* Correct .* the region\."),
    "endpoint unreachable": (
        ONCE,
        r".*GetCallerIdentity in us-east-1 answered EndpointConnectionError .*127\.0\.0\.1:9.*",
    ),
    "no such profile": (
        {"profile": "nobody", "region": "us-east-1", "endpoint_url": NOBODY},
        r'The AWS profile "nobody" is not configured\. Correct AWS_PROFILE .*',
    ),
    "no such certificates": (
        {**ONCE, **BUNDLE},
        r".*AWS cannot be reached, .* check the name of the Region, endpoint_url, .* aws_ca_bundle\.",
    ),
    "TLS not verified": ({**ONCE, "validate_certs": False}, r"validate_certs=false is refused: .* set aws_ca_bundle\."),
    "no role ARN": (
        {**ONCE, "assume_role": {"role_arn": "Audit"}},
        r"Option assume_role\.role_arn: 'Audit' is not a role ARN\.",
    ),
    "no reader": (
        {**ONCE, "readers": ["Analyst"]},
        r"Option readers: 'Analyst' is not the ARN of an IAM role, user or account root\.",
    ),
    "malformed ARN": (
        {**ONCE, "trails": ["arn:aws:s3:::main"]},
        r"Option trails: 'arn:aws:s3:::main' is not a trail name or trail ARN\.",
    ),
    "malformed region": (
        {**ONCE, "regions": ["USA"]},
        r"Option regions: 'USA' is not a region name such as eu-central-1\.",
    ),
    "no day": (
        {**ONCE, "exceptions": [EXCEPTION]},
        r"Option exceptions\.expires: '2026-02-30' is not a date YYYY-MM-DD\.",
    ),
    "no reason": (
        {**ONCE, "exceptions": [{name: value for name, value in EXCEPTION.items() if name != "reason"}]},
        r"missing required arguments: reason found in exceptions",
    ),
}
CASES = [
    pytest.param(module, *row, id=f"{module.__name__.rpartition('.')[2]}, {name}")
    for name, row in ASKED.items()
    for module in MODULES
]


@pytest.mark.parametrize(("module", "given", "message"), CASES)
def test_a_sentence_and_no_traceback(
    module: ModuleType, given: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_DATA_PATH"]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    told = answer(module, given)
    assert told["failed"] is True
    assert re.fullmatch(message, told["msg"])
    assert "Traceback" not in json.dumps(told)


@pytest.fixture
def options(server: FakeAws) -> Callable[..., dict[str, Any]]:
    """Load a scenario; returns the options of a module, those that lead to it among them."""

    def loaded(scenario: str, **options: Any) -> dict[str, Any]:
        server.reset(scenario)
        return {**connection(server), **options}

    return loaded


def test_an_audit(options: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    # Ansible's own goes to the screen where an action was imported before, else into the answer.
    warnings: list[str] = []
    monkeypatch.setattr(cloudtrail_kms_facts, "warn", warnings.append)
    unused = {**EXCEPTION, "trail": "absent", "expires": "2036-01-01"}
    told = answer(cloudtrail_kms_facts, options("healthy", exceptions=[unused]))
    assert told["changed"] is False
    assert told["ansible_facts"]["cloudtrail_kms"]["summary"]["compliant"] == 1
    assert told["ansible_facts"]["cloudtrail_kms"]["accounts"][0]["narrowed_by"] is None
    (warning,) = warnings
    assert warning.startswith("The exception for trail absent matches no trail that was read in account 111111111111.")


@pytest.mark.parametrize("options_of", [{}, {"accounts": ["1" * 12], "assume_role": {"role_name": "Audit"}}])
def test_a_narrowed_audit_says_so(options_of: dict[str, Any], options: Callable[..., dict[str, Any]]) -> None:
    rules = {"key_is_usable": False, "key_is_approved": "advised"}
    asked = {"regions": ["us-east-1"], "trails": ["main"], "rules": rules}
    told = answer(cloudtrail_kms_facts, options("healthy", **asked, **options_of))
    (account,) = told["ansible_facts"]["cloudtrail_kms"]["accounts"]
    assert (account["verdict"], account["complete"]) == ("compliant", True)
    assert account["narrowed_by"] == {
        "regions": ["us-east-1"],
        "trails": ["main"],
        "rules_off": ["key_is_usable"],
        "rules_lowered": ["key_is_approved"],
    }
    assert "key_is_usable" not in [found["rule"] for found in account["trails"][0]["findings"]]


def test_a_narrowed_enforcement_says_so_before_and_after(options: Callable[..., dict[str, Any]]) -> None:
    told = answer(cloudtrail_kms_enforce, options("fresh", trails=["main"]))
    narrowed = {"regions": [], "trails": ["main"], "rules_off": [], "rules_lowered": []}
    assert [told[when]["accounts"][0]["narrowed_by"] for when in ("before", "after")] == [narrowed, narrowed]


def test_a_backup_that_cannot_be_written_is_refused_by_check_mode_too(options: Callable[..., dict[str, Any]]) -> None:
    told = answer(
        cloudtrail_kms_enforce, options("fresh", backup_path="/nowhere/backup.json", _ansible_check_mode=True)
    )
    assert told["msg"] == (
        "The backup /nowhere/backup.json cannot be written. "
        f"Its directory must exist and be writable by the user {getpass.getuser()}. Create it, or set the option "
        "backup_path to another file."
    )


@pytest.mark.parametrize(("name", "check_mode"), [("there/../backup.json", False), ("link.json", True)])
def test_a_restore_whose_backup_is_a_file_to_restore_from_is_refused(
    options: Callable[..., dict[str, Any]], tmp_path: Path, name: str, *, check_mode: bool
) -> None:
    """It would move that aside, and undo itself when it is called once more."""
    backup = tmp_path / "backup.json"
    (tmp_path / "there").mkdir()
    (tmp_path / "link.json").symlink_to(backup)
    part = {"account_id": "222222222222", "taken_at": "", "trail_keys": [], "key_policies": [], "created_keys": []}
    backup.write_text(json.dumps({"format": 2, "accounts": [part]}), encoding="utf-8")
    asked = options("healthy", restore=[f"{tmp_path}/{name}"], backup_path=str(backup), _ansible_check_mode=check_mode)
    assert answer(cloudtrail_kms_enforce, asked)["msg"] == (
        f"The backup {backup} cannot be written: it is a file to restore from. Set the option "
        "backup_path to another file, or leave it out."
    )
    told = answer(cloudtrail_kms_enforce, {**asked, "backup_path": str(tmp_path / "other.json")})
    assert told["msg"].startswith("The backup is of account 222222222222, not of 111111111111.")
    assert told["earlier_backups"] == []


@pytest.mark.parametrize("scenario", ["mixed", "healthy", "reader-missing"])
def test_what_a_run_says_of_its_undo_is_what_the_restore_says(
    options: Callable[..., dict[str, Any]], tmp_path: Path, scenario: str
) -> None:
    backup = str(tmp_path / "backup.json")
    readers = ["arn:aws:iam::111111111111:role/LogAuditor"] if scenario == "reader-missing" else []
    more = {"readers": readers, "replace_compliant_key": scenario != "mixed", "allow_enable_key": True}
    asked = options(scenario, **more, backup_path=backup)
    planned = answer(cloudtrail_kms_enforce, {**asked, "_ansible_check_mode": True})["undo"]
    undo = answer(cloudtrail_kms_enforce, asked)["undo"]
    assert _by_resource(planned) == _by_resource(undo)
    restore = {**asked, "restore": [backup], "backup_path": None, "_ansible_check_mode": True}
    told = answer(cloudtrail_kms_enforce, restore)
    parts = [(each.pop("subject"), each.pop("reason")) for each in undo["refusals"]]
    assert undo["refusals"] == told["refusals"]
    for (subject, why), row in zip(parts, told["refusals"], strict=True):
        assert f"{subject}: {why}." in row["message"]
    assert {*undo["resources"]} <= {each["resource"] for each in told["changes"]}
    assert bool(undo["resources"]) is (scenario != "mixed")
    assert told["undo"] is None


def test_what_to_delete_from_a_backup_is_said_where_the_rest_can_go_back(
    options: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    backup = tmp_path / "backup.json"
    asked = options("healthy", replace_compliant_key=True, backup_path=str(backup))
    answer(cloudtrail_kms_enforce, asked)
    saved = json.loads(backup.read_text(encoding="utf-8"))
    (row,) = saved["accounts"][0]["trail_keys"]
    gone = {**row, "arn": f"{row['arn']}-gone"}
    restore = {**asked, "restore": [str(backup)], "backup_path": None, "_ansible_check_mode": True}
    for rows, is_said in (([row, gone], True), ([gone], False)):
        saved["accounts"][0]["trail_keys"] = rows
        backup.write_text(json.dumps(saved), encoding="utf-8")
        (refusal,) = answer(cloudtrail_kms_enforce, restore)["refusals"]
        advice = " To restore the rest, delete its entry from trail_keys in the backup file." if is_said else ""
        assert refusal["message"] == (
            f"The trail {gone['arn']}: it does not exist, or cannot be changed from here.{advice}"
        )


def _by_resource(undo: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """What goes back, and what is refused for what; a reason may name a key that has no ARN in the plan."""
    return undo["resources"], [(each["trails"], each["subject"], each["reason"][:30]) for each in undo["refusals"]]


def test_what_the_run_warns_of_is_in_the_result_for_reports(options: Callable[..., dict[str, Any]]) -> None:
    """Some versions of ansible-core show the warnings of a module and take them out of its result."""
    asked = options("healthy", replace_compliant_key=True, _ansible_check_mode=True)
    told = answer(cloudtrail_kms_enforce, asked)
    assert any(text.startswith("Keep the key ") for text in told["run_warnings"])
    assert told["warning_settings"] == {}


@pytest.mark.parametrize(
    ("refused", "is_said"), [({}, True), ({"readers": ["arn:aws:iam::111111111111:role/none"]}, False)]
)
def test_nobody_is_told_to_keep_a_key_for_a_move_that_is_not_made(
    options: Callable[..., dict[str, Any]], refused: dict[str, Any], *, is_said: bool
) -> None:
    told = answer(cloudtrail_kms_enforce, options("healthy", replace_compliant_key=True, **refused))
    assert bool(told["refusals"]) is not is_said
    assert {each["status"] for each in told["changes"]} == {"applied" if is_said else "not_attempted"}
    assert any(text.startswith("Keep the key ") for text in told["run_warnings"]) is is_said


def test_a_warning_names_its_options_beside_its_text(options: Callable[..., dict[str, Any]], server: FakeAws) -> None:
    asked = options("fresh", allow_unread_bucket_policy=True, _ansible_check_mode=True)
    server.add_fault("s3:GetBucketPolicy", code="AccessDenied", times=-1)
    told = answer(cloudtrail_kms_enforce, asked)
    ((text, settings),) = told["warning_settings"].items()
    assert (text in told["run_warnings"], text.endswith(f" set {named_options(settings)}.")) == (True, True)


def test_the_diff_shows_no_change_that_is_not_made(options: Callable[..., dict[str, Any]]) -> None:
    told = answer(cloudtrail_kms_enforce, options("mixed"))
    assert {change["status"] for change in told["changes"]} == {"not_attempted"}
    assert told["diff"] == []


def test_progress_that_cannot_be_told_fails_nothing(options: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """Such as that of an action that becomes another user: the file is its own."""
    for path in ("/nowhere/progress", str(tmp_path)):
        told = answer(cloudtrail_kms_facts, options("healthy", progress_path=path))
        assert told["ansible_facts"]["cloudtrail_kms"]["summary"]["accounts"] == 1


def test_an_enforcement_that_creates_a_trail_and_a_second_one(options: Callable[..., dict[str, Any]]) -> None:
    requested = {
        "name": "main",
        "bucket_name": "logs-111111111111",
        "home_region": "eu-central-1",
        "tags": {"team": "a"},
    }
    asked = options("new-bucket", create_trail=requested)
    told = answer(cloudtrail_kms_enforce, asked)
    assert [row["status"] for row in told["changes"]] == ["applied"] * len(told["changes"])
    assert (told["changed"], told["after"]["summary"]["compliant"]) == (True, 1)
    again = answer(cloudtrail_kms_enforce, asked)
    assert (again["changed"], again["changes"], again["diff"]) == (False, [], [])


def test_a_refused_enforcement_fails_with_all_that_it_knows(options: Callable[..., dict[str, Any]]) -> None:
    told = answer(cloudtrail_kms_enforce, options("disabled-key"))
    (refusal,) = told["refusals"]
    assert (told["failed"], told["changes"], told["msg"]) == (True, [], refusal["message"])
    assert (refusal["account_id"], refusal["options"]) == (
        "111111111111",
        ["allow_enable_key", "trails", "key_id", "replace_compliant_key"],
    )
    assert told["before"]["summary"]["non_compliant"] == 1


SWEEP = {
    "accounts": ["111111111111", "222222222222", "333333333333"],
    "lending_accounts": ["555555555555"],
    "assume_role": {"role_name": "CloudTrailKmsEnforce", "external_id": "audit-2026"},
    "key": {"account": "555555555555"},
    "key_assume_role": {
        "role_arn": "arn:aws:iam::555555555555:role/CloudTrailKmsEnforce",
        "external_id": "audit-2026",
    },
    "bucket_assume_role": {
        "role_arn": "arn:aws:iam::444444444444:role/CloudTrailKmsAudit",
        "external_id": "audit-2026",
    },
}


def test_an_enforcement_of_many_tells_of_each_by_its_account(
    options: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    backup = tmp_path / "backup.json"
    asked = options("central-key", **SWEEP, backup_path=str(backup))
    planned = answer(cloudtrail_kms_enforce, {**asked, "_ansible_check_mode": True})
    told = answer(cloudtrail_kms_enforce, asked)
    for result in (planned, told):
        assert [(row["account_id"], row["operation"]) for row in result["changes"]] == [
            *(("555555555555", operation) for operation in ("CreateKey", "CreateAlias", "EnableKeyRotation")),
            *((account, "UpdateTrail") for account in SWEEP["accounts"]),
        ]
        assert len(result["diff"]) == len(result["changes"])
        assert result["before"]["summary"]["non_compliant"] == 3
        assert result["after"]["summary"]["compliant"] == 3
    assert json.loads(backup.read_text(encoding="utf-8")) == told["backup"]
    assert told["earlier_backups"] == []
    again = answer(cloudtrail_kms_enforce, asked)
    assert (again["changed"], again["changes"], again["diff"], again["backup"]) == (False, [], [], None)
    assert (again["after"]["summary"], again["after"]["accounts"]) == (again["before"]["summary"], [])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"key": {"alias": "no alias"}}, "key.alias (account 222222222222): 'no alias' is not an alias name"),
        ({"key": {"account": "5"}}, "key.account (account 222222222222): '5' is not an account id of 12 digits"),
    ],
)
def test_what_differs_between_accounts_is_refused_where_it_cannot_be_meant(entry: dict[str, Any], message: str) -> None:
    given = {**SWEEP, "account_options": [{"accounts": ["222222222222"], **entry}]}
    assert answer(cloudtrail_kms_enforce, {**ONCE, **given})["msg"].startswith(f"Option account_options[0].{message}")


def test_an_account_has_one_key_and_a_run_may_fail_at_least_once() -> None:
    both = [{"accounts": ["222222222222"], "key": {}, "key_id": "alias/x"}]
    told = answer(cloudtrail_kms_enforce, {**ONCE, **SWEEP, "account_options": both})
    assert told["msg"] == "parameters are mutually exclusive: key|key_id found in account_options"
    told = answer(cloudtrail_kms_enforce, {**ONCE, "max_failures": 0})
    assert told["msg"].startswith("Option max_failures: 0 is not between 1 and")


def test_one_account_of_many_that_is_refused_fails_the_run_and_not_the_others(
    options: Callable[..., dict[str, Any]],
) -> None:
    entry = {"accounts": ["222222222222"], "key_id": "alias/none"}
    told = answer(cloudtrail_kms_enforce, options("central-key", **SWEEP, account_options=[entry]))
    (refusal,) = told["refusals"]
    assert (told["failed"], refusal["account_id"], refusal["options"]) == (True, "222222222222", ["key_id"])
    assert told["msg"] == f"Account 222222222222: {refusal['message']}"
    verdicts = {row["account_id"]: row["verdict"] for row in told["after"]["accounts"]}
    assert verdicts == {"111111111111": "compliant", "333333333333": "compliant"}
    assert told["after"]["summary"]["non_compliant"] == 1


def test_accounts_with_readers_of_their_own_adopt_the_shared_key_that_a_run_left_behind(
    options: Callable[..., dict[str, Any]], server: FakeAws
) -> None:
    entries = [
        {"accounts": [each], "readers": [f"arn:aws:iam::{each}:root"]} for each in ("111111111111", "222222222222")
    ]
    asked = options("central-key", **SWEEP, account_options=entries)
    server.add_fault("kms:CreateAlias", code="AccessDeniedException", status=400, message="No.")
    assert answer(cloudtrail_kms_enforce, asked)["failed"]
    told = answer(cloudtrail_kms_enforce, asked)
    assert told["refusals"] == []
    assert "CreateAlias" in {change["operation"] for change in told["changes"]}
    assert "CreateKey" not in {change["operation"] for change in told["changes"]}
