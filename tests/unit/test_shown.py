# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing that is shown holds what a terminal obeys or what forges a line, whoever wrote the text that it quotes."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleFilterError

from ansible_collections.aws_baseline.cloudtrail.plugins.filter.cloudtrail_kms_reports import FilterModule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _module
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError, Snapshot, TrailStatus
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run import _ending, _task
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._judgement import failures
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._text import wrap
from tests.unit.action.running import GREEN, NEVER_ASKED, facts_of, part, run
from tests.unit.checks import build
from tests.unit.plan.build import BARE, GIVEN, NOTHING, plan, target

# What GitHub Actions takes for a command where it begins a line, and Azure Pipelines anywhere in one.
COMMANDS = "::error title=x::forged ##vso[task.prependpath]x ##[group]x"
HOSTILE = f"\x1b[2J\r\n[WARNING]: forged\x9b31m\x85\u202e\u2066\u2028 {COMMANDS} end"
DENY = {**build.service("Deny it", "kms:GenerateDataKey*"), "Effect": "Deny", "Condition": {"Bool": {"aws:x": "true"}}}
PERHAPS = build.service("Perhaps", "kms:GenerateDataKey*", Condition={"StringEquals": {"aws:SourceOrgID": "o-1"}})
READER = {**build.ROOT, "Sid": "Reader", "Principal": {"AWS": build.ROLE_ARN}, "Action": "kms:Decrypt"}
UNREAD = ReadError("kms", "GetKeyPolicy", "kms:GetKeyPolicy", "us-east-1", "AccessDenied", "not authorized")
FAILING = TrailStatus(is_logging=True, latest_delivery_error="KMS.DisabledException")
SNAPSHOTS: dict[str, Snapshot] = {
    "healthy": build.snapshot(),
    "no key": build.snapshot(trail=BARE),
    "a statement that denies": build.snapshot(key=build.key_policy(build.ENCRYPT, build.DESCRIBE, DENY)),
    "a statement of which nothing is known": build.snapshot(key=build.key_policy(PERHAPS, READER)),
    "a policy that is not read": build.snapshot(key={"policy": UNREAD, "aliases": UNREAD}),
    "a key and a bucket that are not read": build.snapshot(key=UNREAD, bucket=UNREAD),
    "a bucket that denies": build.snapshot(bucket={"policy": build.policy(DENY)}),
    "reads and deliveries that failed": replace(
        build.snapshot(trail={"status": FAILING}, key={"policy": build.policy(READER)}),
        errors=(UNREAD,),
        account_name="production",
    ),
}
REQUESTS = {
    "a key of its own": (EnforceRequest(), NOTHING),
    "a given key": (GIVEN, target(policy=build.policy(build.ROOT, DENY, READER))),
    "a key that cannot be read": (GIVEN, target(policy=UNREAD)),
}


OF_CI = re.compile(r"^\s*::|##\w*\[")


def hostile(value: Any, name: str = "") -> Iterator[Any]:
    """The value in every way in which one of its strings is hostile; a policy is gone into."""
    if isinstance(value, str):
        yield from map(json.dumps, hostile(json.loads(value))) if name == "policy" else [value + HOSTILE]
    elif isinstance(value, Mapping):
        yield from ({**value, key: each} for key, one in value.items() for each in hostile(one))
        yield from ({**value, key + HOSTILE: one} for key, one in value.items() if not name)
    elif isinstance(value, (tuple, list)):
        for place, one in enumerate(value):
            yield from (type(value)([*value[:place], each, *value[place + 1 :]]) for each in hostile(one))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from (
                replace(value, **{field.name: each}) for each in hostile(getattr(value, field.name), field.name)
            )


def consistent(snapshot: Snapshot) -> Snapshot:
    """The snapshot with its key and bucket under the names that its trail has for them."""
    (trail,) = snapshot.trails
    keys = zip(filter(None, [trail.kms_key_arn]), snapshot.keys.values(), strict=False)
    buckets = zip([trail.bucket_name], snapshot.buckets.values(), strict=True)
    return replace(snapshot, keys=dict(keys), buckets=dict(buckets))


def shows(*texts: str) -> None:
    """Of these texts, whose lines are ours, each line is one that shows as it is."""
    for line in "\n".join(texts).split("\n"):
        assert line.isprintable(), repr(line)
        assert not line.startswith("[WARNING]: forged")
        assert not OF_CI.search(line), repr(line)


class Module:
    """What a module tells Ansible when it ends."""

    def __init__(self) -> None:
        self.params = {"key_id": None}
        self.told: dict[str, Any] = {}

    def exit_json(self, **told: Any) -> None:
        self.told = self.told or told

    fail_json = exit_json


def ended(snapshot: Snapshot, request: EnforceRequest, lookup: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a module tells that enforces in such an account in check mode, its warnings among it."""
    warnings: list[str] = []
    monkeypatch.setattr(_module, "_warn", warnings.append)
    planned = plan(snapshot, request, lookup)
    before, after = (assess(each, Settings()) for each in (snapshot, planned.predicted))
    warned = (*planned.warnings, *_task.open_questions(after))
    done = _task.Outcome(
        before=before,
        after=after,
        changes=planned.changes,
        refusals=planned.refusals,
        errors=planned.refusals,
        warnings=warned,
    )
    module = Module()
    outcome = _task.RunOutcome((), {snapshot.account_id: done})
    _ending.end(module, outcome, _task.Run(_task.Task(request=request)))
    return {"msg": "", **module.told, "warnings": warnings}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_whatever_a_string_of_an_account_holds(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for snapshot in map(consistent, hostile(SNAPSHOTS[name])):
        told = ended(snapshot, EnforceRequest(), NOTHING, monkeypatch)
        shows(*failures(told["before"], "unknown").values())
        shows(told["msg"], *told["warnings"], *(row["message"] for row in (*told["refusals"], *told["errors"])))
        shows(*(text for each in told["diff"] for text in each.values()))
        result = run(told, mode="enforce")
        shows(part(result)["reason"], capsys.readouterr().out)


@pytest.mark.parametrize("name", REQUESTS)
def test_whatever_a_string_of_a_requested_key_holds(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request, lookup = REQUESTS[name]
    for found in hostile(lookup):
        told = ended(SNAPSHOTS["no key"], request, found, monkeypatch)
        shows(told["msg"], *told["warnings"], *(row["message"] for row in (*told["refusals"], *told["errors"])))
        shows(*(text for each in told["diff"] for text in each.values()))
        result = run(told, mode="enforce")
        shows(part(result)["reason"], capsys.readouterr().out)


def test_a_result_that_cannot_be_put_together_leaves_the_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(_ending, "diff", broken)
    told = ended(SNAPSHOTS["no key"], EnforceRequest(), NOTHING, monkeypatch)
    why, changes = told["msg"].split("\n")
    assert "ZeroDivisionError: nobody foresaw this" in why
    assert changes.startswith("Changes: CreateKey of arn:aws:kms:")
    assert ", UpdateTrail of arn:aws:cloudtrail:us-east-1:111111111111:trail/main (planned), " in changes
    assert told["changed"]


def test_refusals_keep_the_lines_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above sees refusals, and one text with a line for each."""
    told = ended(SNAPSHOTS["no key"], *REQUESTS["a given key"], monkeypatch)
    assert "Deny it" in told["msg"]
    module = Module()
    _module.fail(module, f"One{HOSTILE}", "Two")
    shows(module.told["msg"])
    assert len(module.told["msg"].split("\n")) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": f"audit{HOSTILE}"},
        {"reports": ["json"], "report_dir": f"/dev/null/nowhere{HOSTILE}"},
        {"reports": ["json"], "report_dir": f"/dev/null/{{{{ {HOSTILE} }}}}"},
        {"mode": "join", "audits": [f"/nowhere{HOSTILE}"]},
        {"variables": True, "task_vars": {f"cloudtrail_kms_trail{HOSTILE}": "x"}},
    ],
    ids=str,
)
def test_a_wrong_argument_that_holds_other_people_s_words(arguments: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail) as failed:
        run(NEVER_ASKED, **arguments)
    shows(str(failed.value))


def test_a_report_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / f"a{HOSTILE}"
    directory.mkdir()

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    result = run(facts_of(GREEN), reports=["json"], report_dir=str(directory))
    assert result["failed"] is True
    shows(result["msg"])


@pytest.mark.parametrize("audit", [{"accounts": [{HOSTILE: 1}]}, {"accounts": HOSTILE}, {"accounts": [HOSTILE]}])
@pytest.mark.parametrize("name", FilterModule().filters())
@pytest.mark.parametrize("version", ["3.0", HOSTILE])
def test_what_is_no_audit(name: str, audit: Any, version: str) -> None:
    try:
        FilterModule().filters()[name](audit, version)
    except AnsibleFilterError as error:
        shows(*(str(each) for each in (error, error.__cause__) if each is not None))


# What begins a line of ours, the marks of notes and of what is to be done, a row, a closing line, and those of Ansible.
OURS = re.compile(r" {4}(FAIL|UNKNOWN|advice|excepted|not read|->) |\d{12}|Accounts|Trails|CIS 3.5|\[[A-Z ]+\]")
FORGED = '" To do: Replace it: aws kms x --y z. FAIL [WARNING]: -> 999999999999 Accounts Then "'


def quoting(text: str) -> dict[str, Any]:
    """An audit that quotes a condition value, a Sid and an account's name."""
    deny = {**DENY, "Sid": text, "Condition": {"StringNotEquals": {"aws:SourceAccount": [text, f"{text}\\"]}}}
    read = build.snapshot(key=build.key_policy(build.ENCRYPT, build.DESCRIBE, deny))
    return facts([assess(replace(read, account_name=text), Settings())])


def plain(text: str, _tone: object) -> str:
    return text


@pytest.mark.parametrize("filler", [".", "- ", '"'])
def test_no_line_that_wraps_begins_as_one_of_ours(filler: str) -> None:
    """Wherever the line of a terminal ends, and however much of what is quoted stands before."""
    honest = [OURS.match(line) for line in render(quoting("x"), width=120, paint=plain).splitlines()]
    audit = quoting(f"{filler * 61} {FORGED}")
    for width in range(79, 121):
        found = [OURS.match(line) for line in render(audit, width=width, paint=plain).splitlines()]
        assert [each[0] for each in found if each] == [each[0] for each in honest if each]


def test_quotes_end_where_what_they_quote_does() -> None:
    (account,) = quoting(FORGED)["accounts"]
    for finding in account["trails"][0]["findings"]:
        outside = re.sub(r'"(\\.|[^"\\])*"', "", finding["message"] + finding["remediation"])
        assert "To do" not in outside
        assert '"' not in outside


@pytest.mark.parametrize("before", ["", ". ", "-", ".", "決", '"'])
def test_no_line_that_wraps_is_a_command_of_a_ci_system(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a line of a table or of a warning ends."""
    warnings: list[str] = []
    monkeypatch.setattr(_module, "_warn", warnings.append)
    for width in range(79, 121):
        text = f"{before * width}{COMMANDS} {before * (width - 7)}::error {COMMANDS.replace(' ', '')}::"
        _module.warn(text)
        shows(*textwrap.wrap(f"[WARNING]: {warnings[-1]}", width))
        shows(*wrap(printable(text), width), *wrap(printable(text), width // 5))
    shows(render(quoting(text), width=79, paint=plain))


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::111111111111:role/x",
        "arn:aws:iam::aws:policy/ReadOnlyAccess is attached",
        "not allowed on arn:aws-us-gov:s3:::error and arn:aws:s3:::warning",
        "arn:aws:ec2:eu-west-1::image/ami-1 arn:aws:iam::111111111111:root",
        "Logs [PROD] #1 ## a [b] a::b std::string",
    ],
)
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("width", range(79, 121))
def test_no_warning_that_wraps_begins_another(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(_module, "_warn", warnings.append)
    _module.warn(f"{'.' * (width - 12)} [WARNING]: forged {'.' * (width - 19)} [DEPRECATION WARNING]: forged")
    for line in textwrap.wrap(f"[WARNING]: {warnings[0]}", width)[1:]:
        assert not OURS.match(line)
