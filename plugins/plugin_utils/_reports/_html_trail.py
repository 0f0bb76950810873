# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the HTML report says about one trail: its facts, its problems with their evidence, and what is in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from ...module_utils._policy import PolicyError, parse, to_json
from ._verdicts import still_failing

# How a finding shows: as its status, but for what an advised rule finds.
Kind: TypeAlias = Literal["fail", "unknown", "excepted", "advice", "pass", "not_applicable"]
# Worst first: the order of problems, and of the parts of a bar.
KINDS: Mapping[Kind, str] = {
    "fail": "fail",
    "unknown": "unknown",
    "excepted": "excepted",
    "advice": "advice",
    "pass": "pass",
    "not_applicable": "not applicable",
}
# Of the evidence, what stands in a place of its own.
_TOLD_ELSEWHERE = ("exception", "statements_to_add", "older_logs")
_SEVERITIES = ("critical", "high", "medium", "low")
_PROVEN_BY = {"object": "the log", "event": "CloudTrail's use of the key, event", "delivery": "a delivery in"}
_OWNERSHIP = {
    "owned": "",
    "delegated": "an organization trail, seen by a delegated administrator",
    "inherited": "an organization trail of another account, seen from a member",
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One finding in the matrix."""

    rule: str
    kind: Kind
    status: str
    level: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is not in order, once for all the rules that say it in the same words."""

    kind: Kind
    status: str
    rules: tuple[str, ...]
    severity: str
    message: str
    remediation: str
    command: str
    evidence: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]
    policy_of: str
    additions: tuple[str, ...]
    exception: Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Fine:
    """What is in order, or does not apply, once for all the rules that say it in the same words."""

    kind: Kind
    rules: tuple[str, ...]
    message: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class TrailView:
    """One trail."""

    name: str
    arn: str
    region: str
    bucket: str
    key: str
    facts: tuple[tuple[str, str], ...]
    cells: Mapping[str, Cell]
    problems: tuple[Problem, ...]
    fine: tuple[Fine, ...]
    tally: str
    older_logs: tuple[str, ...] = ()


def kind_of(finding: Mapping[str, Any]) -> Kind:
    """Return how a finding shows."""
    advised = finding["level"] == "advised" and finding["status"] in ("fail", "unknown")
    kind: Kind = "advice" if advised else finding["status"]
    return kind


def trail_view(trail: Mapping[str, Any], account: Mapping[str, Any]) -> TrailView:
    """Return what is said about a trail of the account."""
    key = next((key for key in account["kms_keys"] if key["arn"] == trail["kms_key_arn"]), None)
    bucket = next((bucket for bucket in account["buckets"] if bucket["name"] == trail["bucket_name"]), None)
    cells = [Cell(rule=f["rule"], kind=kind_of(f), status=f["status"], level=f["level"]) for f in trail["findings"]]
    return TrailView(
        name=trail["name"],
        arn=trail["arn"],
        region=trail["home_region"],
        bucket=trail["bucket_name"],
        key=_key_name(trail["kms_key_arn"], key),
        facts=tuple(_facts(trail, key, bucket)),
        cells={cell.rule: cell for cell in cells},
        problems=_problems(trail["findings"], (key or {}).get("policy")),
        fine=tuple(_fine(trail["findings"])),
        tally=_tally(cells),
        older_logs=tuple(each for one in trail["findings"] for each in one["evidence"].get("older_logs", ())),
    )


def _key_name(arn: str | None, key: Mapping[str, Any] | None) -> str:
    if arn is None:
        return "no key"
    aliases: Sequence[str] | None = key["aliases"] if key else None
    return aliases[0] if aliases else arn.rpartition("/")[2]


def _tally(cells: Iterable[Cell]) -> str:
    kinds = [cell.kind for cell in cells]
    counted = ((kinds.count(kind), label) for kind, label in KINDS.items() if kind not in ("pass", "not_applicable"))
    return ", ".join(f"{number} {label}" for number, label in counted if number)


def _facts(
    trail: Mapping[str, Any], key: Mapping[str, Any] | None, bucket: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    home = trail["home_region"]
    scope = f"every region, with its home in {home}" if trail["multi_region"] else f"{home} alone"
    whose = _OWNERSHIP[trail["ownership"]] or ("an organization trail" if trail["organization_trail"] else "")
    yield "Trail", trail["arn"]
    yield "Records", f"{scope}{f'; {whose}' if whose else ''}"
    yield "Bucket", "; ".join([trail["bucket_name"], *_bucket_words(bucket)])
    yield "Key", trail["kms_key_arn"] or "none"
    if key:
        yield "Key is", "; ".join(_key_words(key))
    yield from _proof(trail["findings"])
    yield "Benchmark", "passes as written: a key is set" if trail["cis_3_5"] == "pass" else "fails: no key is set"


def _proof(findings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield what proves that the logs are encrypted under the key, or what is missing, if the audit looked for it."""
    proofs = (one["evidence"] for one in findings if one["rule"] == "encryption_is_proven")
    evidence: Mapping[str, Any] = next(proofs, {})
    if "proven_by" in evidence:
        by = _PROVEN_BY.get(evidence["proven_by"], evidence["proven_by"])
        proof = f"Proven by {by} {evidence.get('proof', '')} at {evidence.get('proven_at', '')}"
        yield "Encryption", ". ".join(filter(None, (proof, still_failing(findings))))
    elif "refuted_by" in evidence:
        yield "Encryption", f"Refuted by the log {evidence['refuted_by']}"
    elif "missing" in evidence:
        yield "Encryption", f"Not proven: missing is {', '.join(evidence['missing'])}"


def _bucket_words(bucket: Mapping[str, Any] | None) -> Iterator[str]:
    if bucket:
        enabled = bucket["bucket_key_enabled"]
        yield f"in {bucket['region']}"
        yield "S3 Bucket Key unknown" if enabled is None else f"S3 Bucket Key {'on' if enabled else 'off'}"


def _key_words(key: Mapping[str, Any]) -> Iterator[str]:
    yield from key["aliases"] or ()
    yield f"{key['state']}, {key['spec']} for {key['usage']}"
    yield f"managed by {key['manager']}{', multi-Region' if key['multi_region'] else ''}"
    if key["rotation_enabled"] is not None:
        yield f"rotation {'on' if key['rotation_enabled'] else 'off'}"


def _problems(findings: Sequence[Mapping[str, Any]], policy: str | None) -> tuple[Problem, ...]:
    """Return the problems, worst first. One that several rules share, such as an unread key, stands once."""
    alike: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for finding in findings:
        if finding["status"] not in ("pass", "not_applicable"):
            words = (kind_of(finding), finding["status"], finding["message"], finding["remediation"])
            alike.setdefault((*words, json.dumps(finding["evidence"].get("exception"))), []).append(finding)
    order = list(KINDS)
    problems = [_problem(group, policy) for group in alike.values()]
    return tuple(sorted(problems, key=lambda one: (order.index(one.kind), _SEVERITIES.index(one.severity))))


def _problem(alike: Sequence[Mapping[str, Any]], policy: str | None) -> Problem:
    first = alike[0]
    command = first.get("command", "")
    return Problem(
        kind=kind_of(first),
        status=first["status"],
        rules=tuple(finding["rule"] for finding in alike),
        severity=min((finding["severity"] for finding in alike), key=_SEVERITIES.index),
        message=first["message"],
        remediation=first["remediation"].removesuffix(f": {command}"),
        command=command,
        evidence=tuple(_evidence(first["evidence"], first["message"])),
        statements=tuple(_statements(policy, first)),
        policy_of="bucket" if first["rule"].startswith("bucket_") else "key",
        additions=tuple(dict.fromkeys(_additions(finding["evidence"] for finding in alike))),
        exception=first["evidence"].get("exception"),
    )


def _additions(evidences: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the statements that a policy lacks, including those for readers."""
    for evidence in evidences:
        for each in (evidence, *(value for value in evidence.values() if isinstance(value, Mapping))):
            yield from each.get("statements_to_add", ())


def _statements(policy: str | None, finding: Mapping[str, Any]) -> Iterator[str]:
    """Yield the statements of the key policy that a finding names, as indented JSON.

    A rule on the bucket policy names statements of that policy, which the audit does not hold.
    """
    if policy is None or finding["rule"].startswith("bucket_"):
        return
    named = finding.get("statements", ())
    yield from (text for label, text in _labelled(policy) if label in named)


@lru_cache(maxsize=256)
def _labelled(policy: str) -> tuple[tuple[str, str], ...]:
    """Return each statement of a key policy with its label in findings."""
    try:
        statements = parse(policy).statements
    except PolicyError:
        return ()
    return tuple((one.label, to_json(one.document, indent=2)) for one in statements)


def _fine(findings: Iterable[Mapping[str, Any]]) -> Iterator[Fine]:
    alike: dict[tuple[Kind, str, str], list[str]] = {}
    for finding in findings:
        if finding["status"] in ("pass", "not_applicable"):
            words = (kind_of(finding), finding["message"], _seen(finding))
            alike.setdefault(words, []).append(finding["rule"])
    for (kind, message, evidence), rules in alike.items():
        yield Fine(kind=kind, rules=tuple(rules), message=message, evidence=evidence)


def _seen(finding: Mapping[str, Any]) -> str:
    """Return the evidence in one line; for a decision its reason, which names the statement."""
    if "reason" in finding["evidence"]:
        return str(finding["evidence"]["reason"])
    return "; ".join(f"{name}: {value}" for name, value in _evidence(finding["evidence"], finding["message"]))


def _evidence(evidence: Mapping[str, Any], message: str) -> Iterator[tuple[str, str]]:
    """Yield what the audit saw, by name, without what the message already says in full."""
    for name, value in sorted(evidence.items()):
        words = "" if name in _TOLD_ELSEWHERE else _words(value)
        if words and not (name == "reason" and words in message):
            yield name.replace("_", " "), words


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        shown = sorted((name, one) for name, one in value.items() if name not in _TOLD_ELSEWHERE)
        return "; ".join(f"{name}: {_words(one)}" for name, one in shown)
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
