# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are compared with an earlier report: what they say, write, register and fail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import _previous, _report_file
from tests.unit.action.audits import account, audit, finding, trail
from tests.unit.action.running import NEVER_ASKED, enforcement, facts_of, part, run
from tests.unit.action.test_join import report
from tests.unit.checks.build import ACCOUNT
from tests.unit.reports.history import ONE, TWO, arn, on, row, with_status

UNUSABLE = "The previous report {path} is not used: "

Captured: TypeAlias = pytest.CaptureFixture[str]


def save(path: Path, document: Any) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(path)


def compared(previous: str, now: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """What an audit registers that finds this."""
    return run(facts_of(now), previous=previous, **arguments)


def failing(*statuses: str, account_id: str = ONE) -> dict[str, Any]:
    """An account with a trail for each status."""
    trails = [with_status(status, f"trail-{number}") for number, status in enumerate(statuses)]
    for each, status in zip(trails, statuses, strict=True):
        each["arn"] = arn(each["name"], account_id)
        each["verdict"] = {"fail": "non_compliant", "unknown": "unknown"}.get(status, "compliant")
    verdict = "non_compliant" if "fail" in statuses else "unknown" if "unknown" in statuses else "compliant"
    return row(account_id, *trails, verdict=verdict)


def test_the_table_and_the_last_lines_say_what_changed(tmp_path: Path, capsys: Captured) -> None:
    path = save(tmp_path / "earlier.json", on(0, failing("fail", "pass", "fail")))
    result = compared(path, on(1, failing("fail", "fail", "pass")))
    shown = capsys.readouterr().out.splitlines()
    place = f"{ONE} us-east-1 trail"
    changes = [
        f"worse       {place}-1: key_is_usable (was pass, is fail)",
        f"better      {place}-2: key_is_usable (was fail, is pass)",
        f"still       {place}-0: key_is_usable (fail since 2026-10-01)",
    ]
    assert shown[shown.index(changes[0]) :][:3] == changes
    sentence = "1 new failure, 1 fixed, 1 still failing (oldest since 2026-10-01)"
    assert f"Compared  {sentence}" in shown
    assert result["comparison"] == {
        "sentence": sentence,
        "previous": "2026-10-01T05:00:00+00:00",
        "why": "",
        "new": 0,
        "worse": 1,
        "better": 1,
        "gone": 0,
        "still": 1,
        "not_judged": 0,
        "expiring": 0,
    }


def test_without_the_option_nothing_is_compared(tmp_path: Path) -> None:
    result = run(facts_of(on(0, failing("fail"))), reports=["json"], report_dir=str(tmp_path))
    assert "comparison" not in result
    assert "comparison" not in json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))


def test_more_than_ten_of_a_kind_are_counted(tmp_path: Path, capsys: Captured) -> None:
    path = save(tmp_path / "earlier.json", on(0, failing("pass")))
    compared(path, on(1, failing(*["fail"] * 13)))
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("new ") for line in lines) == 10
    assert f"{' ' * 12}and 2 more" in lines


TEN = ("fail", "fail", "fail", None, "narrowed", "fail", "older version", "unknown", "fail", "pass")


def test_ten_reports_in_a_row_keep_the_day(tmp_path: Path) -> None:
    """One of them is missing, so that the next is compared with the one before it."""
    sentences, folder = [], tmp_path / "reports"
    written = str(folder / "cloudtrail-kms.json")
    for day, how in enumerate(TEN):
        if how is None:
            continue
        now = on(day, failing(how if how in ("pass", "unknown") else "fail"))
        if how == "narrowed":
            other = with_status("pass", "trail-0", rule="trail_has_kms_key")
            now = on(day, row(ONE, other, narrowed_by={"rules_off": ["key_is_usable"]}))
        result = compared(written, now, reports=["json", "html"], report_dir=str(folder), play=f"day-{day}")
        if how == "older version":
            kept = json.loads(Path(written).read_text(encoding="utf-8"))
            kept["collection_version"] = "0.0.9"
            for each in kept["accounts"]:
                del each["audited_by"]
            save(Path(written), kept)
        sentences.append(result["comparison"]["sentence"])
    still = "No new failures, 1 still failing (oldest since 2026-10-01)"
    open_still = "No new failures, 1 not judged this time"
    first = "Nothing to compare with, 1 failing"
    assert sentences == [first, still, still, open_still, still, still, open_still, still, "No new failures, 1 fixed"]


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = on(0, failing("fail"))
    document["comparison"] = _previous.uncompared("No.", document)
    change(document)
    return document


IN_A_YEAR = (datetime.now(timezone.utc) + timedelta(days=365)).isoformat(timespec="seconds")
# What the report on `failing("fail")` says of itself, were it compared with another.
ENTRY = {
    "account_id": ONE,
    "trail": arn("trail-0"),
    "rule": "key_is_usable",
    "before": "fail",
    "after": "fail",
    "since": "2026-09-01",
}
NOT_JUDGED = {**ENTRY, "rule": "trail_has_kms_key", "after": None}
NAMED = f"key_is_usable of {arn('trail-0')} of {ONE}"


def telling(name: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """The report with entries in a list of its comparison."""
    return broken(lambda it: it["comparison"].update({name: [*entries]}))


def with_rules(*rules: str) -> dict[str, Any]:
    """The report with more findings of its trail."""
    return broken(lambda it: it["accounts"][0]["trails"][0]["findings"].extend(finding(each) for each in rules))


def far(region: str) -> str:
    return arn("trail-0", region=region)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{", "it is no JSON: "),
        ("[" * 100_000, "it is no JSON: "),
        ('{"accounts": NaN}', "it is no JSON: NaN is no number"),
        ("[]", "[] is no object."),
        ("{}", "accounts: is missing."),
        (broken(lambda it: it.update(accounts=[])), "accounts: there is none."),
        (broken(lambda it: it.update(collection_version="99.0.0")), "collection_version: '99.0.0', but this is "),
        (broken(lambda it: it.update(collection_version="next")), "collection_version: 'next', but this is "),
        (broken(lambda it: it.update(generated_at=IN_A_YEAR)), "generated_at: "),
        (
            broken(lambda it: it.update(generated_at="2026-10-09T05:00:00+00:00")),
            "it is of 2026-10-09T05:00:00+00:00, ",
        ),
        (broken(lambda it: it.update(generated_at="yesterday")), "generated_at: 'yesterday' is not a time such as "),
        (broken(lambda it: it["accounts"].append(it["accounts"][0])), f"account {ONE}: is there twice."),
        (broken(lambda it: it["accounts"][0].update(account_id="1\u202e")), "account 1\\u202e, account_id: "),
        (broken(lambda it: it["accounts"][0].update(account_id=TWO)), "it is about other accounts, or another org"),
        (
            broken(lambda it: it["accounts"][0]["trails"][0].update(arn="x")),
            f"account {ONE}, trail x, arn: 'x' is not ",
        ),
        (
            telling("still", {**ENTRY, "since": "2026-11-01"}),
            f"comparison, still: {NAMED} cannot have failed since 2026-11-01.",
        ),
        (telling("still", {**ENTRY, "since": None}), f"comparison, still: {NAMED} cannot have failed since None."),
        (
            telling("not_judged", {**NOT_JUDGED, "before": "unknown"}),
            "comparison, not_judged: trail_has_kms_key of ",
        ),
        (telling("still", ENTRY, ENTRY), f"comparison, still: {NAMED} is there twice."),
        (telling("still", {}), "comparison, still, account_id: is missing."),
        (
            telling("not_judged", {**ENTRY, "after": None}),
            f"comparison, not_judged: {NAMED} is None, which the findings of the report contradict.",
        ),
        (
            telling("not_judged", {**ENTRY, "after": "unknown"}),
            f"comparison, not_judged: {NAMED} is unknown, which the findings of the report contradict.",
        ),
        (
            telling("still", {**ENTRY, "after": "pass"}),
            f"comparison, still: {NAMED} is pass, which the findings of the report contradict.",
        ),
        (telling("not_judged", ENTRY), f"comparison, not_judged: {NAMED} was fail and is fail, which is not not_"),
        (
            telling("not_judged", {**NOT_JUDGED, "before": "pass"}),
            f"comparison, not_judged: trail_has_kms_key of {arn('trail-0')} of {ONE} was pass and is None, which is no",
        ),
        (
            telling("gone", {**ENTRY, "rule": None, "before": None, "after": None, "since": None}),
            f"comparison, gone: {arn('trail-0')} of {ONE} is None, which the findings of the report contradict.",
        ),
        (
            telling("not_judged", {**NOT_JUDGED, "rule": "x" * 2_000_000}),
            "comparison, not_judged, rule: 'xxxxxxxxxxxxxxxxx",
        ),
        (
            telling("not_judged", {**NOT_JUDGED, "rule": "a\n::error::b"}),
            "comparison, not_judged, rule: 'a\\n:\\x3aerror:",
        ),
        (
            telling("not_judged", {**NOT_JUDGED, "trail": far("a" * 2_000_000)}),
            "comparison, not_judged, trail: 'arn:aws:cloudtrail:aaaaa",
        ),
        (with_rules("x" * 65), f"account {ONE}, trail {arn('trail-0')}, finding {'x' * 10}"),
        (with_rules(*(f"rule_{number}" for number in range(100))), "findings: there are more than 100 rules."),
        (
            telling("not_judged", *({**NOT_JUDGED, "rule": f"rule_{number}"} for number in range(100))),
            "findings: there are more than 100 rules.",
        ),
        (broken(lambda it: it.update(comparison=[])), "comparison: [] is no object."),
    ],
)
@pytest.mark.parametrize("status", ["fail", "unknown"])
def test_a_report_that_cannot_be_used_is_named_and_fails_as_unknown_does(
    document: Any, why: str, status: str, tmp_path: Path
) -> None:
    path = save(tmp_path / "earlier.json", document)
    result = compared(path, on(1, failing(status)), fail_on="new", reports=["json"], report_dir=str(tmp_path))
    assert result["comparison"]["why"].startswith(UNUSABLE.format(path=path) + why)
    assert result["failing"] == 1
    assert part(result)["reason"].startswith(
        f"Account {ONE} is {'non_compliant' if status == 'fail' else status}: 1 of"
    )
    written = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
    assert written["comparison"]["previous"] is None


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "device"])
def test_what_is_no_file_is_named_and_never_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    result = compared(str(path), on(1, failing("fail")), fail_on="new")
    unreadable = UNUSABLE.format(path=path) + "it cannot be read: "
    why = f"There is no previous report yet: {path} does not exist." if kind == "missing" else unreadable
    assert result["comparison"]["why"].startswith(why)
    assert result["failing"] == 1


@pytest.mark.parametrize("levels", [60, 2_000, 50_000])
def test_what_is_nested_deep_is_named(levels: int, tmp_path: Path) -> None:
    """In a part of the report that the comparison does not need."""
    text = json.dumps(on(0, failing("fail")) | {"x": "HERE"})
    path = save(tmp_path / "earlier.json", text.replace('"HERE"', "[" * levels + "]" * levels))
    why = compared(path, on(1, failing("fail")), play=f"deep {levels}")["comparison"]["why"]
    assert why.startswith(UNUSABLE.format(path=path) + "it is no JSON: ")


def test_no_more_is_read_than_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "earlier.json", on(0, failing("fail")))
    monkeypatch.setattr(_report_file, "MOST_BYTES", 1000)
    why = compared(path, on(1, failing("fail")))["comparison"]["why"]
    assert why == UNUSABLE.format(path=path) + "it has more than 1,000 bytes."


def test_an_option_that_names_nothing_is_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="names no prefix of a bucket"):
        compared("s3://No_Bucket/here", on(1, failing("fail")))


def test_only_the_role_fetches_from_a_bucket() -> None:
    why = compared("s3://audit-reports/daily", on(1, failing("fail")))["comparison"]["why"]
    assert why.endswith("only the role fetches a report from a bucket. Name a file, or import the role.")


def test_what_the_role_has_fetched_is_read_under_its_name(tmp_path: Path) -> None:
    path, name = (
        save(tmp_path / "fetched.json", on(0, failing("fail"))),
        "s3://audit-reports/daily/1/cloudtrail-kms.json",
    )
    of_role = {"name": name, "path": path}
    result = compared("s3://audit-reports/daily", on(1, failing("fail")), previous_fetched=of_role, play="fetched")
    assert result["comparison"]["still"] == 1
    denied = {"why": "Access\u202e denied"}
    result = compared("s3://audit-reports/daily", on(1, failing("fail")), previous_fetched=denied, play="denied")
    assert result["comparison"]["why"] == UNUSABLE.format(path="s3://audit-reports/daily") + "Access\\u202e denied"
    planted = {**of_role, "name": "s3://audit-reports/{{ x }}/{% y %}/{# z #}", "path": str(tmp_path / "none")}
    result = compared("s3://audit-reports/daily", on(1, failing("fail")), previous_fetched=planted, play="planted")
    assert r"s3://audit-reports/{\x7b x }}/{\x25 y %}/{\x23 z #} is not used" in result["comparison"]["why"]
    # What an earlier play has fetched is left alone where the option names a file.
    result = compared(str(tmp_path / "none"), on(1, failing("fail")), previous_fetched=of_role, play="file")
    assert result["comparison"]["previous"] == ""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("fail", "fail", None),
        ("fail", "unknown", None),
        ("unknown", "unknown", None),
        ("pass", "pass", None),
        ("pass", "fail", "trail trail-0 in us-east-1: key_is_usable (fail)"),
        ("pass", "unknown", "trail trail-0 in us-east-1: key_is_usable (unknown)"),
        ("unknown", "fail", "trail trail-0 in us-east-1: key_is_usable (fail)"),
    ],
)
def test_only_what_is_new_fails(before: str, after: str, reason: str | None, tmp_path: Path) -> None:
    path = save(tmp_path / "earlier.json", on(0, failing(before)))
    result = compared(path, on(1, failing(after)), fail_on="new")
    said = f"Account {ONE} has what the report of 2026-10-01T05:00:00+00:00 has not: {reason}."
    assert part(result)["reason"] == (said if reason else "")
    assert result["failing"] == (1 if reason else 0)


def test_an_account_that_lost_its_trails_is_new(tmp_path: Path) -> None:
    path = save(tmp_path / "earlier.json", on(0, failing("pass")))
    result = compared(path, on(1, row(ONE, account_name="payments")), fail_on="new")
    assert part(result)["reason"] == (
        f"Account {ONE} (payments) has what the report of 2026-10-01T05:00:00+00:00 has not: account_has_trails (fail)."
    )


def test_batches_and_their_hosts_get_the_answer_of_one_run(tmp_path: Path) -> None:
    """The report of the play replaces the one that it is compared with, after the first batch."""
    both = [failing("fail"), failing("pass", "fail", account_id=TWO)]
    later = [failing("fail"), failing("fail", "fail", account_id=TWO)]
    folder = tmp_path / "reports"
    folder.mkdir()
    path = save(folder / "cloudtrail-kms.json", on(0, *both))
    arguments: dict[str, Any] = {"fail_on": "new", "reports": ["json"], "report_dir": str(folder), "play": "batches"}
    first, second = (compared(path, on(1, each), **arguments) for each in later)
    assert (first["failing"], second["failing"]) == (0, 1)
    whole = json.loads(Path(path).read_text(encoding="utf-8"))["comparison"]
    path = save(folder / "cloudtrail-kms.json", on(0, *both))
    result = compared(path, on(1, *later), **{**arguments, "play": "at once"})
    assert result["failing"] == 1
    assert json.loads(Path(path).read_text(encoding="utf-8"))["comparison"] == whole
    assert second["comparison"] == result["comparison"]
    assert result["comparison"]["sentence"] == "1 new failure, 2 still failing (oldest since 2026-10-01)"


def test_batches_without_reports_are_told_of_all_that_the_play_has_found(tmp_path: Path) -> None:
    both = [failing("pass"), failing("pass", account_id=TWO)]
    path = save(tmp_path / "earlier.json", on(0, *both))
    results = [compared(path, on(1, failing("fail", account_id=each)), play="no reports") for each in (ONE, TWO)]
    assert [each["comparison"]["sentence"] for each in results] == ["1 new failure", "2 new failures"]


def test_a_first_report_that_is_missing_is_missing_for_all_batches(tmp_path: Path) -> None:
    folder = str(tmp_path / "reports")
    path = str(tmp_path / "reports" / "cloudtrail-kms.json")
    arguments: dict[str, Any] = {"fail_on": "new", "reports": ["json"], "report_dir": folder, "play": "first day"}
    results = [compared(path, on(1, failing("fail", account_id=each)), **arguments) for each in (ONE, TWO)]
    assert [each["failing"] for each in results] == [1, 1]
    assert results[1]["comparison"]["why"].startswith("There is no previous report yet: ")


def test_a_join_is_compared_and_its_reports_may_have_been(tmp_path: Path) -> None:
    yesterday = report(ACCOUNT, TWO, age=timedelta(days=1))
    path = save(tmp_path / "earlier.json", yesterday)
    halves = [report(ACCOUNT, key=False), report(TWO)]
    halves = [{**each, "comparison": _previous.compare(_previous.earlier(yesterday), each)} for each in halves]
    slices = [save(tmp_path / f"{number}.json", each) for number, each in enumerate(halves)]
    arguments: dict[str, Any] = {"reports": ["json"], "report_dir": str(tmp_path), "fail_on": "new", "previous": path}
    result = run(NEVER_ASKED, mode="join", audits=slices, **arguments)
    assert (result["failing"], result["comparison"]["why"]) == (1, "")
    assert "1 new failure" in result["comparison"]["sentence"]
    joined = json.loads(Path(result["reports"][0]).read_text(encoding="utf-8"))
    assert joined["comparison"]["previous"] == {"generated_at": yesterday["generated_at"]}


def test_an_enforcement_is_compared_as_it_leaves_the_accounts(tmp_path: Path, capsys: Captured) -> None:
    """What it fixed is fixed, in the rows below the table as in the sentence. A plan says what stands now."""
    fails = audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable"))))
    passes = audit(account("compliant", trail("main", "compliant", finding("key_is_usable", "pass"))))
    path = save(tmp_path / "earlier.json", {**passes, "generated_at": "2026-11-22T08:00:00+00:00"})
    told = enforcement("applied", before=fails, after=passes)
    result = run(told, mode="enforce", previous=path, fail_on="new", reports=["json"], report_dir=str(tmp_path))
    assert (result["failing"], result["comparison"]["sentence"]) == (0, "No new failures")
    assert "\nworse  " not in capsys.readouterr().out
    plan = enforcement("planned", before=fails, after=passes)
    result = run(plan, mode="enforce", previous=path, fail_on="new", fail_on_drift=True, check_mode=True, play="plan")
    assert (result["failing"], result["comparison"]["sentence"]) == (1, "1 new failure")
    assert "\nworse  " in capsys.readouterr().out
    assert "key_is_usable (fail)" in part(result)["reason"]
