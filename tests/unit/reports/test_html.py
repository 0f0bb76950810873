# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report: it says all that the audit says, the worst first, and what each problem rests on."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._html import render
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._html_trail import KINDS
from tests.unit.action.audits import (
    EXAMPLE,
    LOWERED,
    NARROWED,
    account,
    audit,
    delivering,
    error,
    finding,
    trail,
)
from tests.unit.reports.organization import organization
from tests.unit.reports.pages import Element, page, read, words

ROOT = Path(__file__).parents[3]
ORGANIZATION = organization(100)
USABLE, APPROVED = (f"{RULES[rule].title} {rule}" for rule in ("key_is_usable", "key_is_approved"))


def advised(rule: str, name: str = "main") -> dict[str, Any]:
    """A trail that delivers, but that one rule fails as advice."""
    one = delivering(name)
    one["findings"] = [finding(rule, level="advised") if each["rule"] == rule else each for each in one["findings"]]
    return one


def lowered(name: str) -> dict[str, Any]:
    return advised("trail_has_kms_key", name)


def judged(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [found for one in document["accounts"] for found in one["trails"]]


def shown_findings(report: Element) -> list[tuple[tuple[str, str], ...]]:
    """Rule and status of each cell of each line of the matrix, of trails alone."""
    matrix = report.one("table", id="matrix")
    columns = [words(head).replace(" ", "_") for head in matrix.all("th", class_="rule")]
    lines = []
    for row in matrix.one("tbody").all("tr"):
        status = [words(cell).removesuffix(", advice").replace(" ", "_") for cell in row.all("td")[3:]]
        lines.append(tuple((rule, word) for rule, word in zip(columns, status, strict=True) if word))
    return [line for line in lines if line]


def test_the_matrix_holds_every_finding() -> None:
    told = [tuple((one["rule"], one["status"]) for one in found["findings"]) for found in judged(ORGANIZATION)]
    assert Counter(shown_findings(page(ORGANIZATION))) == Counter(told)


def test_the_matrix_holds_every_finding_of_real_audits(audits: dict[str, dict[str, Any]]) -> None:
    for document in audits.values():
        told = [tuple((one["rule"], one["status"]) for one in found["findings"]) for found in judged(document)]
        assert Counter(shown_findings(page(document))) == Counter(told)


def test_a_hostile_audit_is_held_whole(hostile: dict[str, Any]) -> None:
    text = render(hostile, cis_version="3.0")
    told = [tuple((one["rule"], one["status"]) for one in found["findings"]) for found in judged(hostile)]
    assert Counter(shown_findings(read(text))) == Counter(told)
    assert text.replace("\n", "").isprintable()


def test_each_trail_has_every_message_remedy_and_rule() -> None:
    report = page(ORGANIZATION)
    entries = {words(one.all("dd")[0]): one for one in report.one("div", id="entries").all("details") if one.all("dd")}
    assert entries.keys() == {found["arn"] for found in judged(ORGANIZATION)}
    for found in judged(ORGANIZATION):
        text = words(entries[found["arn"]])
        for one in found["findings"]:
            assert one["message"] in text
            command = one.get("command", "")
            assert one["remediation"].removesuffix(command).rstrip() in text
            assert command in text
            assert one["rule"] in text


def test_every_line_of_the_matrix_leads_to_its_details() -> None:
    report = page(ORGANIZATION)
    links = [link.attributes["href"] for link in report.one("table", id="matrix").all("a")]
    targets = [f"#{one.attributes['id']}" for one in report.all("details")]
    assert links == targets == list(dict.fromkeys(links))
    assert len(links) == len(judged(ORGANIZATION)) + sum(not one["trails"] for one in ORGANIZATION["accounts"])


def test_the_worst_come_first() -> None:
    rows = page(ORGANIZATION).one("table", id="matrix").one("tbody").all("tr")
    verdicts = [row.attributes["data-verdict"] for row in rows]
    assert list(dict.fromkeys(verdicts)) == ["non_compliant", "no_trails", "unknown", "compliant"]
    assert verdicts == sorted(verdicts, key=["non_compliant", "no_trails", "unknown", "compliant"].index)


def test_the_same_audit_gives_the_same_page() -> None:
    turned = json.loads(json.dumps(ORGANIZATION), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    turned["accounts"] = [{**one, "trails": _ordered(one["trails"])} for one in turned["accounts"]]
    assert render(turned, cis_version="3.0") == render(
        {**ORGANIZATION, "accounts": [{**one, "trails": _ordered(one["trails"])} for one in ORGANIZATION["accounts"]]},
        cis_version="3.0",
    )


def test_the_page_on_reports_has_every_mark() -> None:
    style = page(EXAMPLE).one("style").text()
    marks = [re.findall(rf'\.mark\.{kind}::before {{ content: "(.)"', style) for kind in KINDS]
    told = re.findall(r"^\| (.) ([a-z ]+) \|", (ROOT / "docs" / "reports.md").read_text(encoding="utf-8"), re.M)
    assert told == [(mark, label) for (mark,), label in zip(marks, KINDS.values(), strict=True)]


def test_the_report_is_the_users() -> None:
    """The notices on top of our files stay in our files."""
    assert "Copyright" not in render(EXAMPLE, cis_version="3.0")


@pytest.mark.parametrize(
    ("accounts", "verdict", "headline"),
    [
        ([], "Not applicable", "There was nothing to judge."),
        ([account("compliant", delivering())], "Compliant", "The only trail in scope can deliver logs under"),
        (
            [account("compliant", delivering(), delivering("other"))],
            "Compliant",
            "All 2 trails in scope can deliver logs under a customer managed key.",
        ),
        ([account("compliant", trail())], "Compliant", "The only trail in scope was not judged by every rule"),
        (
            [account("compliant", delivering(trail_has_kms_key="excepted"))],
            "Compliant, 1 exception",
            "The only trail in scope is compliant only by exception.",
        ),
        (
            [account("compliant", delivering(), delivering("b", key_is_usable="excepted"), trail("c"))],
            "Compliant, 1 exception",
            "1 of 3 trails can deliver logs under a customer managed key; 1 of 3 trails is compliant only by "
            "exception; 1 of 3 trails was not judged by every rule on delivery.",
        ),
        (
            [account("compliant", lowered("a"), lowered("b"), narrowed_by=LOWERED)],
            "Compliant",
            "All 2 trails in scope are compliant only because rules were lowered to advised.",
        ),
        ([account("compliant", advised("trail_is_delivering"))], "Compliant", "The only trail in scope can deliver"),
        ([account("non_compliant", trail("a", "non_compliant"), trail())], "Non-compliant", "1 of 2 trails break"),
        ([account("unknown", trail("a", "unknown"))], "Unknown", "1 of 1 trail could not be judged."),
        ([account("no_trails"), account("compliant", trail())], "No trails", "1 account without a trail."),
        ([account("unknown", errors=[error("us-east-1")])], "Unknown", "1 account could not be read in full."),
        ([account("not_applicable")], "Not applicable", "There was nothing to judge."),
        (
            [account("non_compliant", trail("a", "non_compliant"), trail("b", "unknown")), account("no_trails")],
            "Non-compliant",
            "1 of 2 trails breaks a required rule; 1 of 2 trails could not be judged; 1 account without a trail.",
        ),
    ],
)
def test_says_the_verdict_and_what_it_rests_on(accounts: list[Any], verdict: str, headline: str) -> None:
    report = page(audit(*accounts))
    assert words(report.one("strong")) == verdict
    assert f"{verdict} {headline}" in words(report.one("header"))
    assert words(report.one("title")) == f"CloudTrail encryption: {verdict.lower()}, 2026-11-23"


def test_of_a_report_from_before_they_were_told_any_rule_may_have_been_lowered() -> None:
    old = account("compliant", advised("key_policy_allows_decrypt"))
    del old["narrowed_by"]
    assert "is compliant only because rules were lowered" in words(page(audit(old)).one("header"))


def test_says_what_it_was_narrowed_by_and_promises_no_more() -> None:
    report = page(
        audit(account("compliant", trail(), narrowed_by={**NARROWED, "rules_lowered": ["trail_has_kms_key"]}))
    )
    verdict, _literally = report.one("div", class_="verdict pass").all("p")
    assert words(verdict) == "Compliant The only trail in scope was not judged by every rule on delivery."
    assert facts_of(report)["Narrowed"] == (
        "only regions us-east-1; rules off: key_is_usable; rules lowered to advised: trail_has_kms_key"
    )


def facts_of(report: Element) -> dict[str, str]:
    """What the page says of its scope."""
    scope = report.one("dl", class_="scope")
    return dict(zip(map(words, scope.all("dt")), map(words, scope.all("dd")), strict=True))


def test_exceptions_are_told_apart_in_every_verdict() -> None:
    one = delivering("a", key_is_usable="excepted", key_in_bucket_region="excepted")
    report = page(audit(account("compliant", one, delivering("b"))))
    verdicts = [words(badge) for badge in report.all("span", class_="badge pass")]
    assert verdicts == ["Compliant", "Compliant", "Compliant, 1 exception", "Compliant"]
    assert "Compliant 1 exception" in words(report.one("table", id="matrix"))
    assert [words(card) for card in report.all("div", class_="card")][:2] == [
        "Compliant accounts 1 of 1 1 compliant by exception",
        "Compliant trails 2 of 2 1 compliant 1 compliant by exception",
    ]


def test_the_totals_set_the_benchmark_beside_the_verdicts() -> None:
    keyless = trail("a", "non_compliant", cis_3_5="fail", kms_key_arn=None)
    excepted = trail("b", "compliant", finding("key_is_usable", "excepted"))
    report = page(audit(account("non_compliant", keyless, excepted, trail("c"))), "7.0")
    assert [words(card) for card in report.all("div", class_="card")] == [
        "Compliant accounts 0 of 1 1 non-compliant",
        "Compliant trails 2 of 3 1 non-compliant 1 compliant 1 compliant by exception",
        "CIS 4.5 as written (key set) 2 of 3 1 without a key 2 with a key",
        "Trails under an exception 1 of 3 1 excepted 2 without",
    ]
    assert "CIS 4.5 as written only asks whether a key is set: 1 of 3 trails would fail it." in words(report)


def test_a_bar_is_as_long_as_its_parts() -> None:
    for drawn in page(ORGANIZATION).all("svg"):
        places = [(float(one.attributes["x"]), float(one.attributes["width"])) for one in drawn.all("rect")]
        ends = [0, *(round(start + length, 1) for start, length in places)]
        assert ends[:-1] == [round(start, 1) for start, _length in places]
        assert ends[-1] == 100


def problems(document: dict[str, Any]) -> list[str]:
    return [words(one) for one in page(document).one("ol", class_="problems").all("li")]


def test_a_problem_has_its_evidence_and_what_to_do() -> None:
    found = finding(
        "key_is_usable", evidence={"state": "Disabled", "usage": None, "enabled": False, "keys": ["a", "b"]}
    )
    assert problems(audit(account("non_compliant", trail("main", "non_compliant", found)))) == [
        f"fail {USABLE} high What key_is_usable found. To do What fixes key_is_usable. "
        "enabled no keys a, b state Disabled"
    ]


def test_evidence_within_evidence_is_told_too() -> None:
    reader = {"arn:aws:iam::111111111111:role/Analyst": {"outcome": "implicit_deny", "reason": "Nothing allows it."}}
    (told,) = problems(
        audit(account("unknown", trail("a", "non_compliant", finding("readers_can_decrypt", evidence=reader))))
    )
    assert "arn:aws:iam::111111111111:role/Analyst outcome: implicit_deny; reason: Nothing allows it." in told


def test_what_rules_say_alike_stands_once_under_the_worst_severity() -> None:
    same = {"message": "The key cannot be read.", "remediation": "Allow it."}
    low = finding("key_is_usable", "unknown", **same, severity="low")
    high = finding("key_is_approved", "unknown", **same, severity="critical")
    assert problems(audit(account("unknown", trail("main", "unknown", low, high)))) == [
        f"unknown {USABLE}; {APPROVED} critical The key cannot be read. To do Allow it."
    ]


def policy_with(*sids: str | None) -> str:
    return json.dumps({"Statement": [{**({"Sid": sid} if sid else {}), "Effect": "Deny"} for sid in sids]})


@pytest.mark.parametrize(
    ("policy", "rule", "named", "shown"),
    [
        (policy_with("One", "Two"), "key_policy_allows_encrypt", ['statement "Two"'], ["Two"]),
        (policy_with("One", "Two"), "key_policy_is_scoped", ['statement "One"', 'statement "Two"'], ["One", "Two"]),
        (policy_with("One", "Two"), "bucket_policy_accepts_key", ['statement "Two"'], []),
        (policy_with("One", "Two"), "readers_can_read", [], []),
        (policy_with(*[None] * 12), "key_policy_allows_encrypt", ["statement 12"], ["12"]),
        (policy_with(*[None] * 12), "key_policy_allows_encrypt", ["statement 12 of AWS_RAM"], []),
        ("no policy", "key_policy_allows_encrypt", [], []),
        (None, "key_policy_allows_encrypt", ["statement 1"], []),
    ],
)
def test_shows_the_statement_that_decides(policy: str | None, rule: str, named: list[str], shown: list[str]) -> None:
    message = "Statement 1, statement 12: these are words, of whatever policy."
    told = finding(rule, message=message, statements=named)
    one = account("non_compliant", trail("main", "non_compliant", told))
    one["kms_keys"][0]["policy"] = policy
    statements = page(audit(one)).all("pre")
    assert len(statements) == len(shown)
    assert all(name == "12" or name in statement.text() for name, statement in zip(shown, statements, strict=True))


def test_an_exception_has_its_reason_owner_and_expiry_and_the_next_to_expire_is_first() -> None:
    def excepted(name: str, expires: str) -> dict[str, Any]:
        exception = {"status": "fail", "reason": "It moves.", "owner": "security", "expires": expires}
        rules = ("key_is_usable", "key_is_approved")
        covered = [finding(rule, "excepted", evidence={"exception": exception}) for rule in rules]
        return trail(name, "compliant", *covered, finding("key_in_bucket_region", "pass"))

    trails = [excepted("c", "2027-03-31"), excepted("a", "2026-11-23"), excepted("b", "2026-11-24")]
    report = page(audit(account("compliant", *trails)))
    usable = "The key must be enabled and able to encrypt key_is_usable"
    covered = f"{usable}; The key must be on the list of approved keys key_is_approved"
    assert [words(row) for row in section(report, "exceptions").one("tbody").all("tr")] == [
        f"a 111111111111 {covered} It moves. security 2026-11-23 last day",
        f"b 111111111111 {covered} It moves. security 2026-11-24 1 day left",
        f"c 111111111111 {covered} It moves. security 2027-03-31 128 days left",
    ]
    assert "Excepted until 2026-11-23 Reason It moves. Owner security Otherwise fail" in words(report)


def section(report: Element, title: str) -> Element:
    return report.one("div", aria_labelledby=title)


def test_what_could_not_be_read_is_listed_with_what_to_do() -> None:
    denied = [error("us-west-1"), error("us-west-2"), error("eu-west-1", "ThrottlingException")]
    read_in_part = account("unknown", trail("main"), errors=denied, account_name="production")
    report = page(audit(read_in_part, account("compliant", trail("x"))))
    action = "111111111111 production cloudtrail:DescribeTrails in"
    assert [words(row) for row in section(report, "not-read").one("tbody").all("tr")] == [
        f"{action} us-west-1, us-west-2 AccessDeniedException: No. Allow the caller cloudtrail:DescribeTrails. Or "
        "audit other regions only.",
        f"{action} eu-west-1 ThrottlingException: No. AWS asks to slow down: run again later, or with a lower "
        "concurrency.",
    ]
    first, second, _other = report.one("table", id="matrix").one("tbody").all("tr")
    assert words(first) == "production 111111111111 The account account_has_trails Unknown"
    assert words(second) == "production 111111111111 main us-east-1 alias/trail logs Compliant"


def test_the_controls_are_those_of_the_version_asked_for() -> None:
    controls = section(page(ORGANIZATION, "1.4"), "controls").one("tbody").all("tr")
    told = [words(row) for row in controls]
    encryption = (
        "The trail must have a KMS key trail_has_kms_key; The key must be customer managed key_is_customer_managed"
    )
    assert told[:3] == [
        f"CIS AWS Foundations Benchmark 1.4 3.7 {encryption}",
        "CIS AWS Foundations Benchmark 1.4 3.8 The key should be rotated automatically key_rotation_enabled",
        f"AWS Config cloud-trail-encryption-enabled {encryption}",
    ]
    assert not [row for row in told[2:] if "CIS" in row]
    assert "CIS AWS Foundations 1.4, control 3.7" in words(page(ORGANIZATION, "1.4"))


@pytest.mark.parametrize(("bad", "opened"), [(0, 0), (1, 1), (8, 8), (9, 0)])
def test_few_problems_are_open_and_many_are_not(bad: int, opened: int) -> None:
    trails = [trail(f"bad-{number}", "non_compliant") for number in range(bad)]
    report = page(audit(account("non_compliant" if bad else "compliant", *trails, trail("good"))))
    states = ["open" in one.attributes for one in report.all("details")]
    assert states == [True] * opened + [False] * (bad + 1 - opened)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"multi_region": False}, "Records us-east-1 alone Bucket"),
        (
            {"ownership": "inherited", "organization_trail": True},
            "an organization trail of another account, seen from a",
        ),
        ({"ownership": "delegated", "organization_trail": True}, "an organization trail, seen by a delegated admin"),
        ({"organization_trail": True}, "every region, with its home in us-east-1; an organization trail Bucket"),
        ({"bucket_name": "elsewhere"}, "Bucket elsewhere Key"),
        ({"bucket_name": "plain"}, "Bucket plain; in us-east-1; S3 Bucket Key off Key"),
        ({"bucket_name": "thrifty"}, "Bucket thrifty; in us-east-1; S3 Bucket Key on Key"),
        ({"bucket_name": "closed"}, "Bucket closed; in us-east-1; S3 Bucket Key unknown Key"),
        ({"kms_key_arn": None, "cis_3_5": "fail"}, "Key none Benchmark fails: no key is set"),
        ({}, "Key is alias/trail; Enabled, SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT; managed by CUSTOMER; rotation on"),
    ],
)
def test_the_facts_of_a_trail(fields: dict[str, Any], told: str) -> None:
    buckets = [
        {"name": name, "region": "us-east-1", "bucket_key_enabled": enabled}
        for name, enabled in (("plain", False), ("thrifty", True), ("closed", None))
    ]
    report = page(audit(account("compliant", trail("main", "compliant", **fields), buckets=buckets)))
    assert told in words(report.one("dl", class_="facts"))


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"proven_by": "object", "proof": "a/b.gz", "proven_at": "T"}, "Encryption Proven by the log a/b.gz at T"),
        (
            {"proven_by": "event", "proof": "e-1", "proven_at": "T"},
            "Encryption Proven by CloudTrail's use of the key, event e-1 at T",
        ),
        (
            {"proven_by": "delivery", "proof": "us-east-1", "proven_at": "T"},
            "Encryption Proven by a delivery in us-east-1 at T",
        ),
        ({"refuted_by": "a/b.gz"}, "Encryption Refuted by the log a/b.gz"),
        ({"missing": ["a log", "another"]}, "Encryption Not proven: missing is a log, another"),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_trail_says_what_proves_its_encryption_or_what_is_missing(evidence: dict[str, Any] | None, told: str) -> None:
    """Of another rule that a proof settled nothing is taken."""
    settled = finding("key_policy_allows_encrypt", "pass", evidence={"proven_by": "object", "proof": "p"})
    asked = [] if evidence is None else [finding("encryption_is_proven", "unknown", "advised", evidence=evidence)]
    facts = words(
        page(audit(account("compliant", trail("main", "compliant", settled, *asked)))).one("dl", class_="facts")
    )
    assert ("Encryption" in facts, told in facts) == (bool(told), True)


def test_a_proof_says_what_fails_all_the_same() -> None:
    evidence = {"proven_by": "delivery", "proof": "us-east-1", "proven_at": "T"}
    found = [finding("encryption_is_proven", "pass", evidence=evidence), finding("key_is_usable")]
    facts = words(
        page(audit(account("non_compliant", trail("main", "non_compliant", *found)))).one("dl", class_="facts")
    )
    assert "at T. Yet key_is_usable fails: a delivery shows nothing of later ones." in facts


def _ordered(trails: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(trails, key=lambda one: str(one["arn"]))
