# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of slices become one, and nothing that a report says is believed against its findings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _regular_file
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import Narrowing, facts, join
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import _joined, _report_file
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import display
from tests.unit.action.audits import NARROWED, change, reason
from tests.unit.action.running import NEVER_ASKED, run, run_and_ask
from tests.unit.action.running import part as found_of
from tests.unit.checks.build import ACCOUNT, DECRYPT, DESCRIBE, ENCRYPT, KEY_ARN, TRAIL_ARN, key_policy, snapshot

TWO, THREE = "2" * 12, "3" * 12
NOW = datetime.now(timezone.utc).replace(microsecond=0)


def report(*account_ids: str, key: bool = True, narrowed: Narrowing = None, age: timedelta = timedelta()) -> Any:
    """What an audit of such accounts writes: one trail each, with a key or without."""
    read = replace(snapshot() if key else snapshot({"kms_key_arn": None}), read_at=NOW - age)
    settings = Settings(levels={"key_is_usable": "off"} if narrowed else {})
    text = json.dumps(facts([assess(read, settings)], narrowed))
    return join([json.loads(text.replace(ACCOUNT, account_id)) for account_id in account_ids or (ACCOUNT,)])


def written(folder: Path, *documents: Any) -> list[str]:
    paths = [folder / f"{number}.json" for number, _document in enumerate(documents)]
    for path, document in zip(paths, documents, strict=True):
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return [str(path) for path in paths]


def refusal(*paths: str) -> str:
    """Why the action does not join these."""
    with pytest.raises(AnsibleActionFail) as refused:
        run(NEVER_ASKED, mode="join", audits=list(paths))
    return str(refused.value)


def test_reports_are_shown_written_and_judged_as_one(tmp_path: Path) -> None:
    slices = written(tmp_path, report(key=False), report(TWO))
    result, asked = run_and_ask(NEVER_ASKED, mode="join", audits=slices, reports=["json"], report_dir=str(tmp_path))
    assert asked == []
    assert (result["summary"]["accounts"], result["failing"]) == (2, 1)
    assert found_of(result)["reason"].startswith(f"Account {ACCOUNT}")
    joined = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
    assert joined["summary"]["accounts"] == 2


def test_what_enforcements_did_is_left_to_their_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No finding implies it, and it would give people code to add: here of an account that the report is not about."""
    planted = {"tool": "Terraform", "form": "hcl", "text": 'provisioner "local-exec" {}'}
    told = change("UpdateTrail", {"kms_key_arn": KEY_ARN}, account_id="9" * 12, to_add=[planted])
    part = {"changes": [told], "refusals": [reason("No.", account_id="9" * 12)], "errors": [], "warnings": ["Run it."]}
    slices = written(tmp_path, {**report(), "enforcement": part}, report(TWO), {**report("3" * 12), "enforcement": 1})
    warnings: list[str] = []
    monkeypatch.setattr(display, "warning", warnings.append)
    result, _asked = run_and_ask(NEVER_ASKED, mode="join", audits=slices, reports=["json"], report_dir=str(tmp_path))
    joined = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
    assert "enforcement" not in joined
    assert [each for each in warnings if "what an enforcement" in each] == [
        f"The joined report does not have what an enforcement changed or refused: see {slices[0]}, {slices[2]}."
    ]


def test_each_keeps_what_it_says_it_was_narrowed_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One report is of a narrowed audit, and one of a whole one."""
    reports = [report(narrowed=NARROWED), report(TWO)]
    paths = written(tmp_path, *reports)
    (joined,) = run(NEVER_ASKED, mode="join", audits=paths, reports=["json"], report_dir=str(tmp_path))["reports"]
    rows = [row for each in reports for row in each["accounts"]]
    assert json.loads(Path(joined).read_text(encoding="utf-8"))["accounts"] == rows
    assert capsys.readouterr().out.splitlines()[-3] == (
        "Narrowed  only regions us-east-1; rules off: key_is_usable (1 account: 111111111111)"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "cannot be joined: it is no audit."),
        ('{"accounts": NaN}', "is no JSON: NaN is no number"),
        (f'{{"accounts": {"9" * 5000}}}', "is no JSON"),
    ],
    ids=["half", "deep", "list", "NaN", "huge number"],
)
def test_what_is_no_report_is_named(content: str, message: str, tmp_path: Path) -> None:
    (path,) = written(tmp_path, content)
    assert refusal(path).startswith(f"The report {path} {message}")


def test_a_file_that_is_not_there_or_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal("/nowhere/1.json") == "The report /nowhere/1.json cannot be read: No such file or directory."
    (path,) = written(tmp_path, report())
    monkeypatch.setattr(_report_file, "MOST_BYTES", 1000)
    assert refusal(path) == (
        f"The report {path} cannot be joined: with it the reports have more than 1,000 bytes. Remove it if no audit of "
        "yours has written it, or else join fewer accounts."
    )


def test_reports_are_read_as_long_as_all_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of empty objects takes thirty times its bytes; nothing of it is made before it is refused."""
    first, last = written(tmp_path, report(), report(TWO))
    size = os.path.getsize(first)
    monkeypatch.setattr(_report_file, "MOST_BYTES", size * 3 // 2)
    assert refusal(first, last).startswith(f"The report {last} cannot be joined: with it the reports have more than")
    (path,) = written(tmp_path, '{"accounts": [' + "{}," * 10_000 + "{}]}")
    monkeypatch.setattr(_report_file, "MOST_BYTES", 19_000 * _regular_file.BYTES_OF_A_VALUE)
    assert "with it the reports have more than 19,000 values." in refusal(path)


@pytest.mark.parametrize("key", [True, False])
def test_the_reports_of_40_000_accounts_are_joined(key: bool) -> None:
    content = json.dumps(report(key=key), indent=2).encode()
    assert 40_000 * len(content) < _report_file.MOST_BYTES * 1.1
    assert 40_000 * _regular_file.values_of(content) < _report_file.MOST_BYTES // _regular_file.BYTES_OF_A_VALUE


def test_a_policy_of_commas_is_one_value() -> None:
    """Whatever stands in a text: quotes, backslashes, and where the text is taken apart."""
    for text in ('[{",\\', ",", '\\"[' * 5, "a" * (_regular_file.PART - 6) + '"[,'):
        content = json.dumps({"policy": text, "aliases": ["alias/a", "alias/b"]}).encode()
        assert _regular_file.values_of(content) == 4
    assert _regular_file.values_of(b'"\\",{{{') == 0


IDS = [f"22222222222{digit}" for digit in range(10)]
# Key policies of which the findings hold whatever a finding may.
POLICIES: list[tuple[dict[str, Any], ...]] = [
    (
        {"Sid": "Idle", "Effect": "Allow", "Principal": {"AWS": IDS}, "Action": "kms:Foo", "Resource": "*"},
        {
            "Sid": "Open",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:*",
            "Resource": "*",
            "Condition": {"StringLike": {"kms:CallerAccount": "22222222222?"}},
        },
    ),
]


@pytest.mark.parametrize("statements", POLICIES)
def test_no_key_policy_keeps_reports_from_being_joined(statements: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    read = replace(snapshot(key=key_policy(ENCRYPT, DESCRIBE, DECRYPT, *statements)), read_at=NOW)
    audit = facts([assess(read, Settings(readers=(f"arn:aws:iam::{TWO}:role/x",)))])
    paths = written(tmp_path, audit)
    joined, _enforced = _joined.joined_reports(paths, NOW)
    assert joined["accounts"] == audit["accounts"]


def test_what_is_no_file_or_never_ends_is_named(tmp_path: Path) -> None:
    """A pipe would be waited for without end."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    for path in (pipe, link):
        assert refusal(str(path)) == f"The report {path} cannot be read: It is not a regular file."


def test_what_is_left_of_an_earlier_run_is_refused(tmp_path: Path) -> None:
    """A job that died has left its report of the day before where the others put theirs."""
    paths = written(tmp_path, report(), report(TWO, age=timedelta(hours=13)))
    assert f"{paths[1]} is of an earlier run" in refusal(*paths)
    paths = written(tmp_path, report(), report(TWO, age=timedelta(hours=11)))
    assert run(NEVER_ASKED, mode="join", audits=paths)["failing"] == 0


def test_an_account_of_two_reports_is_refused(tmp_path: Path) -> None:
    one, other = written(tmp_path, report(), report(TWO, ACCOUNT))
    assert refusal(one, other) == (
        f"The reports {one} and {other} cannot be joined: both hold the account {ACCOUNT}. Join each account once."
    )


def test_nothing_is_no_audit() -> None:
    with pytest.raises(AnsibleActionFail, match="No report to join is named: set cloudtrail_kms_audits "):
        run(NEVER_ASKED, mode="join")


def test_the_age_of_reports_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who joins old ones for what was so then may mean to; a pass of then is none of today."""
    (today,) = written(tmp_path, report(age=timedelta(hours=11)))
    run(NEVER_ASKED, mode="join", audits=[today])
    assert "The reports are of" not in capsys.readouterr().err
    (old,) = written(tmp_path, {**report(), "generated_at": "1999-01-01T00:00:00+00:00"})
    assert run(NEVER_ASKED, mode="join", audits=[old])["failing"] == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "The reports are of 1999-01-01T00:00:00+00:00, and their verdicts of how things were then; it is" in told


@pytest.mark.parametrize("year", ["0001-01-01", "9999-12-31"])
def test_times_at_the_ends_of_the_calendar(year: str, tmp_path: Path) -> None:
    document = report()
    ended = {"status": "fail", "reason": "x", "owner": "me", "expires": year}
    finding(document).update(status="excepted", evidence={**finding(document)["evidence"], "exception": ended})
    for made in (document["generated_at"], "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"):
        (path,) = written(tmp_path, {**document, "generated_at": made})
        assert refusal(path).startswith(f"The report {path} cannot be joined: ")


def account(document: Any) -> Any:
    return document["accounts"][0]


def trail(document: Any) -> Any:
    return account(document)["trails"][0]


def finding(document: Any, rule: str = "key_is_usable") -> Any:
    return next(found for found in trail(document)["findings"] if found["rule"] == rule)


IN_ACCOUNT = f"account {ACCOUNT}"
IN_TRAIL = f"{IN_ACCOUNT}, trail {TRAIL_ARN}"
IN_FINDING = f"{IN_TRAIL}, finding key_is_usable"
HIDDEN = "\u202e\x1b[31m"
GONE: Any = object()
NOTHING: dict[str, Any] = {"regions": [], "trails": [], "rules_off": [], "rules_lowered": []}
# The parts of a report that are changed, and how a message begins that is about one.
PARTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "report": ("", lambda it: it),
    "summary": ("summary, ", lambda it: it["summary"]),
    "account": (f"{IN_ACCOUNT}, ", account),
    "odd account": ("account ", account),
    "trail": (f"{IN_TRAIL}, ", trail),
    "odd trail": (f"{IN_ACCOUNT}, trail ", trail),
    "key": (f"{IN_ACCOUNT}, key ", lambda it: account(it)["kms_keys"][0]),
    "bucket": (f"{IN_ACCOUNT}, bucket ", lambda it: account(it)["buckets"][0]),
    "finding": (f"{IN_FINDING}, ", finding),
    "odd finding": (f"{IN_TRAIL}, finding ", finding),
    "evidence in trail": (f"{IN_TRAIL}, ", lambda it: finding(it)["evidence"]),
    "evidence": (f"{IN_FINDING}, evidence, ", lambda it: finding(it)["evidence"]),
}
MALFORMED: list[tuple[str, dict[str, Any], str]] = [
    ("report", {"accounts": []}, "accounts: there is none."),
    ("report", {"accounts": {"1": {}}}, "accounts: {'1': {}} is no list."),
    ("report", {"accounts": [None]}, "account number 1: None is no object."),
    ("report", {"generated_at": GONE}, "generated_at: is missing."),
    ("report", {"generated_at": "yesterday"}, "generated_at: 'yesterday' is not a time"),
    ("report", {"generated_at": "2026-11-23T12:00:00"}, "generated_at: '2026-11-23T12:00:00' is not a time"),
    ("report", {"generated_at": "2026-11-23T12:00:00+02:00"}, "generated_at: '2026-11-23T12:00:00+02:00' is not"),
    ("report", {"generated_at": "2999-01-01T00:00:00+00:00"}, "generated_at: 2999-01-01T00:00:00+00:00 is yet to come"),
    ("report", {"collection_version": "9.9.9"}, f"collection_version: '9.9.9', but {VERSION} joins."),
    ("report", {"collection_version": GONE}, "collection_version: None, but"),
    ("account", {"audited_by": ""}, "audited_by: '' is not a text with something in it."),
    ("account", {"organization": 1}, "organization: 1 is not a text"),
    ("account", {"regions": GONE}, "regions: is missing."),
    ("report", {"more": 1}, "more: no report has this field."),
    ("report", {"summary": None}, "summary: None is no object."),
    ("summary", {"compliant": -1}, "compliant: -1 is not a number of"),
    ("summary", {"compliant": True}, "compliant: True is not a number of"),
    ("summary", {"compliant": 1e300}, "compliant: 1e+300 is not a number of"),
    ("summary", {"trails": 2}, "trails: 2, but its findings imply 1."),
    ("summary", {"excepted": GONE}, "excepted: is missing."),
    ("odd account", {"account_id": GONE}, "number 1, account_id: is missing."),
    ("odd account", {"account_id": "12"}, "12, account_id: '12' is not the id of an account."),
    ("odd account", {"account_id": 111111111111}, "number 1, account_id: 111111111111 is not"),
    ("odd account", {"account_id": "\u0661" * 12}, "\u0661\u0661"),
    ("account", {"verdict": "green"}, "verdict: 'green' is not one of compliant, non_compliant,"),
    ("account", {"verdict": "unknown"}, "verdict: 'unknown', but its findings imply 'compliant'."),
    ("account", {"verdict": "not_applicable"}, "verdict: not_applicable is an account that could not be entered"),
    ("account", {"cis_3_5": "fail"}, "cis_3_5: 'fail', but its findings imply 'pass'."),
    ("account", {"complete": False, "cis_3_5": "unknown"}, "verdict: 'compliant', but its findings imply 'unknown'."),
    ("account", {"complete": 1}, "complete: 1 is not true or false."),
    ("account", {"narrowed_by": NOTHING}, "narrowed_by: null says that nothing was left out."),
    ("account", {"narrowed_by": {**NOTHING, "rules_off": ["all"]}}, "narrowed_by, rules_off: 'all' is not one of"),
    ("account", {"narrowed_by": {**NOTHING, "trails": None}}, "narrowed_by, trails: None is no list."),
    ("account", {"narrowed_by": {**NOTHING, "rules_lowered": [1]}}, "narrowed_by, rules_lowered: 1 is not one of"),
    ("account", {"errors": ["none"]}, "errors: 'none' is no object."),
    ("bucket", {"region": GONE}, "logs, region: is missing."),
    ("key", {"arn": ""}, "number 1, arn: '' is not a text with something in it."),
    ("key", {"policy": {}}, f"{KEY_ARN}, policy: {{}} is not a text."),
    ("odd trail", {"arn": "main"}, "main, arn: 'main' is not the ARN of a trail."),
    ("trail", {"ownership": "inherited"}, "ownership: inherited, which the ARN contradicts."),
    ("trail", {"verdict": "unknown"}, "verdict: 'unknown', but its findings imply 'compliant'."),
    ("trail", {"kms_key_arn": None, "cis_3_5": "fail"}, "trail_has_kms_key: pass, but kms_key_arn is None."),
    ("trail", {"findings": []}, "findings: there is no finding of bucket_policy_accepts_key, key_in"),
    ("trail", {"findings": ["pass"]}, "finding number 1: 'pass' is no object."),
    ("odd finding", {"rule": "key_is_fine"}, "key_is_fine, rule: 'key_is_fine' is not one of trail_has_kms_key,"),
    ("odd finding", {"rule": "key_is_approved"}, "key_is_approved: is there twice."),
    ("finding", {"status": GONE}, "status: is missing."),
    ("finding", {"status": ["pass"]}, "status: ['pass'] is not one of"),
    ("finding", {"status": "Fail"}, "status: 'Fail' is not one of pass, fail, unknown, not_applicable, excepted."),
    ("finding", {"status": "excepted"}, "status: a finding that is excepted, and no other, has the exception"),
    ("finding", {"status": HIDDEN}, "status: '\\u202e\\x1b[31m' is not one of"),
    ("finding", {HIDDEN: 1}, "\\u202e\\x1b[31m: no report has this field."),
    ("finding", {"level": "off"}, "level: 'off' is not one of required, advised."),
    ("finding", {"severity": "none"}, "severity: 'none' is not one of critical,"),
    ("finding", {"message": ""}, "message: '' is not a text with something in it."),
    ("finding", {"frameworks": {"iso_9001": ["1"]}}, "frameworks: not the controls that ask for this rule."),
    (
        "finding",
        {"settings": [{"key_id": 1e300}]},
        "settings: {'key_id': 1e+300} is not options, each true or in words",
    ),
    ("finding", {"settings": [{"key_id": [["x"]]}]}, "settings: {'key_id': [['x']]} is not options, each true or in"),
    ("finding", {"settings": ["key_id"]}, "settings: 'key_id' is not options, each true or in words"),
    ("finding", {"evidence": []}, "evidence: [] is no object."),
    ("evidence", {"more": 1}, "more: no report has this field."),
    ("evidence in trail", {"state": GONE}, "key_is_usable: state, usage and spec stand together, and only of a trail"),
    ("evidence", {"is_logging": 0}, "is_logging: 0 is not true or false."),
    ("evidence", {"latest_delivery_time": "soon"}, "latest_delivery_time: 'soon' is not a time"),
    ("evidence", {"arn:aws:iam::1:role/a": {"reason": ""}}, "arn:aws:iam::1:role/a, outcome: is missing."),
]


@pytest.mark.parametrize(("part", "fields", "why"), MALFORMED)
def test_what_no_audit_writes_is_refused_by_name(part: str, fields: dict[str, Any], why: str, tmp_path: Path) -> None:
    document = report()
    begins, changed = PARTS[part]
    for field, value in fields.items():
        changed(document).update({field: value})
        if value is GONE:
            del changed(document)[field]
    (path,) = written(tmp_path, document)
    assert refusal(path).startswith(f"The report {path} cannot be joined: {begins}{why}")


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        (lambda it: it["accounts"], IN_ACCOUNT),
        (lambda it: account(it)["trails"], IN_TRAIL),
        (lambda it: account(it)["buckets"], f"{IN_ACCOUNT}, bucket logs"),
    ],
)
def test_nothing_is_told_twice(entries: Callable[[Any], list[Any]], name: str, tmp_path: Path) -> None:
    document = report()
    entries(document).append(entries(document)[0])
    (path,) = written(tmp_path, document)
    assert refusal(path).startswith(f"The report {path} cannot be joined: {name}: is there twice.")


def test_a_rule_is_off_only_where_the_report_says_so(tmp_path: Path) -> None:
    document = report()
    trail(document)["findings"].remove(finding(document))
    (path,) = written(tmp_path, document)
    assert f"{IN_TRAIL}, findings: there is no finding of key_is_usable." in refusal(path)
    account(document)["narrowed_by"] = {**NOTHING, "rules_off": ["key_is_usable"]}
    (path,) = written(tmp_path, document)
    assert run(NEVER_ASKED, mode="join", audits=[path])["failing"] == 0
    del account(document)["narrowed_by"]
    (path,) = written(tmp_path, document)
    assert "narrowed_by: is missing." in refusal(path)


def test_an_exception_that_had_ended_covers_nothing(tmp_path: Path) -> None:
    document = report()
    ended = {"status": "fail", "reason": "x", "owner": "me", "expires": "2026-01-01"}
    finding(document).update(status="excepted", evidence={**finding(document)["evidence"], "exception": ended})
    (path,) = written(tmp_path, document)
    assert "key_is_usable: excepted until 2026-01-01, which was over." in refusal(path)


def test_a_compliant_row_over_a_failing_trail_is_refused(tmp_path: Path) -> None:
    """The row that somebody changed to green with its summary, as a program would that wants no red host."""
    forged = report(key=False)
    account(forged).update(verdict="compliant", cis_3_5="pass")
    trail(forged).update(verdict="compliant", cis_3_5="pass")
    forged["summary"].update(compliant=1, non_compliant=0)
    (path,) = written(tmp_path, forged)
    assert f"{IN_TRAIL}, cis_3_5: 'pass', but its findings imply 'fail'." in refusal(path)


def test_nobody_tells_of_the_trail_of_another_account(tmp_path: Path) -> None:
    """What a report says of a trail that its account owns goes for all members, so that it has to own it."""
    forged = report()
    account(forged).update(account_id=TWO)
    (path,) = written(tmp_path, forged)
    assert f"account {TWO}, trail {TRAIL_ARN}, ownership: owned, which the ARN contradicts." in refusal(path)


def test_a_member_has_the_findings_of_the_owner_of_the_same_report(tmp_path: Path) -> None:
    document = report(ACCOUNT, TWO)
    document["accounts"][1].update(trails=[{**trail(document), "ownership": "inherited"}])
    document = join([document])
    (path,) = written(tmp_path, document)
    assert run(NEVER_ASKED, mode="join", audits=[path])["failing"] == 0
    document["accounts"][1]["trails"][0]["findings"][2].update(message="All is well.")
    (path,) = written(tmp_path, document)
    where = f"account {TWO}, trail {TRAIL_ARN}, finding key_is_usable, message: 'All is well.', but its findings imply"
    assert where in refusal(path)


def test_values_are_shown_short(tmp_path: Path) -> None:
    document = report()
    finding(document).update(status="x" * 100_000)
    (path,) = written(tmp_path, document)
    assert len(refusal(path)) < 1000


def test_an_account_of_the_inventory_that_no_report_holds_is_no_pass(tmp_path: Path) -> None:
    paths = written(tmp_path, report())

    def reason(*hosts: str, **options: Any) -> str:
        groups = {"groups": {"all": [*hosts], "aws_accounts": [ACCOUNT]}}
        told = run(NEVER_ASKED, **{"mode": "join", "audits": paths, "fail_on": "never", **options}, task_vars=groups)
        return str(found_of(told)["reason"])

    assert reason(ACCOUNT) == reason() == reason("localhost", "payments", ACCOUNT) == ""
    missing = f"The inventory has accounts that are in none of the reports: {TWO}. A job"
    assert reason(ACCOUNT, TWO).startswith(missing)
    # It is told first, whatever else is wrong.
    failing = written(tmp_path, report(key=False))
    told = reason(ACCOUNT, TWO, audits=failing, fail_on="unknown")
    assert told.startswith(missing)
    assert f"Account {ACCOUNT} is non_compliant" in told


@pytest.mark.parametrize(("hosts", "times"), [(["localhost"], 1), ([ACCOUNT], 0)])
def test_an_inventory_without_accounts_is_warned_of(
    hosts: list[str], times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell that one is missing."""
    warned: list[str] = []
    monkeypatch.setattr(display, "warning", lambda text, **_more: warned.append(text))
    run(NEVER_ASKED, mode="join", audits=written(tmp_path, report()), task_vars={"groups": {"all": hosts}})
    assert [text.startswith("It is unknown whether an account is missing") for text in warned] == [True] * times
