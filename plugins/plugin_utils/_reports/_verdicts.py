# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verdict rests on: exceptions, proof, and whether trails can deliver. Everything is counted from findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ...module_utils._checks import RULES
from ...module_utils._facts import distinct_trails
from ...module_utils._printable import count

# The statuses of encryption_is_proven where there is a key.
WITH_KEY = frozenset({"pass", "fail", "unknown", "excepted"})
# Whether a trail can deliver logs under a customer managed key: it can, or why that is not shown.
Delivery: TypeAlias = Literal["can", "excepted", "lowered", "not_judged"]
_DELIVERS = frozenset(rule.name for rule in RULES.values() if rule.delivers)
# Under a key that these do not want, logs are delivered all the same.
_STOPPING = _DELIVERS - {"trail_has_kms_key", "key_is_customer_managed"}
_IN_ORDER = ("pass", "not_applicable")


def exceptions(trails: Iterable[Mapping[str, Any]]) -> int:
    """Return how many exceptions cover findings of these trails."""
    covering = (finding["evidence"]["exception"] for trail in trails for finding in _excepted(trail))
    return len({(each["owner"], each["reason"], each["expires"]) for each in covering})


def verdict_words(judged: Mapping[str, Any], words: str | None = None) -> str:
    """Return the verdict on a trail or an account, with the number of its exceptions if it is compliant.

    `words` stand for the verdict. Such as `compliant, 1 exception`.
    """
    verdict = words or str(judged["verdict"])
    number = exceptions(judged.get("trails", [judged])) if judged["verdict"] == "compliant" else 0
    return f"{verdict}, {count(number, 'exception')}" if number else verdict


def is_excepted(judged: Mapping[str, Any]) -> bool:
    """Return whether an exception covers a finding of a trail, or of any trail of an account."""
    return any(any(_excepted(trail)) for trail in judged.get("trails", [judged]))


def still_failing(findings: Iterable[Mapping[str, Any]]) -> str:
    """Return what stands beside the proof of a trail whose required rules fail all the same, else an empty text."""
    rules = [each["rule"] for each in findings if (each["status"], each["level"]) == ("fail", "required")]
    stopping = [each for each in rules if each in _STOPPING]
    others = [each for each in rules if each not in _STOPPING]
    sentences = [f"Yet {_fail(stopping)}: a delivery shows nothing of later ones."] if stopping else []
    if others:
        sentences.append(f"{'Besides, ' if stopping else 'Yet '}{_fail(others)}.")
    return " ".join(sentences)


def _fail(rules: Sequence[str]) -> str:
    return f"{', '.join(rules)} {'fails' if len(rules) == 1 else 'fail'}"


@dataclass(frozen=True)
class Proofs:
    """The trails with a key of an audit with proof, each with its finding, and the number of those without a key."""

    with_key: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    without_key: int

    @property
    def proven(self) -> list[Mapping[str, Any]]:
        """The trails whose encryption is proven."""
        return [trail for trail, finding in self.with_key if finding["status"] == "pass"]

    def __str__(self) -> str:
        """Say of how many trails there is proof; nothing, if the audit did not look for it."""
        if not self.with_key and not self.without_key:
            return ""
        without = f"; {count(self.without_key, 'trail')} without a key left out" if self.without_key else ""
        return f"{len(self.proven)} of {count(len(self.with_key), 'trail')} with a key{without}"


def proofs(accounts: Sequence[Mapping[str, Any]]) -> Proofs:
    """Return what an audit says of the proof of each trail, counted once."""
    judged = [
        (trail, finding)
        for _account, trail in distinct_trails(accounts)
        for finding in trail["findings"]
        if finding["rule"] == "encryption_is_proven"
    ]
    with_key = [(trail, finding) for trail, finding in judged if finding["status"] in WITH_KEY]
    return Proofs(with_key, len(judged) - len(with_key))


def delivery(trail: Mapping[str, Any], account: Mapping[str, Any]) -> Delivery:
    """Return whether the findings on a compliant trail show that it can deliver, or why they do not.

    Advice of the rule itself does not stand in the way. A rule that the audit lowered to advice does.
    """
    findings = [finding for finding in trail["findings"] if finding["rule"] in _DELIVERS]
    lowered = _lowered(account)
    in_the_way = [
        finding
        for finding in findings
        if finding["status"] not in _IN_ORDER and (finding["level"] == "required" or finding["rule"] in lowered)
    ]
    if any(finding["status"] == "excepted" for finding in in_the_way):
        return "excepted"
    if in_the_way:
        return "lowered"
    return "can" if len(findings) == len(_DELIVERS) else "not_judged"


def _lowered(account: Mapping[str, Any]) -> frozenset[str]:
    """Return the rules that may have been lowered: all, if the report is too old to say so."""
    if "narrowed_by" not in account:
        return _DELIVERS
    return frozenset((account["narrowed_by"] or {}).get("rules_lowered", ()))


def _excepted(trail: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (finding for finding in trail["findings"] if finding["status"] == "excepted")
