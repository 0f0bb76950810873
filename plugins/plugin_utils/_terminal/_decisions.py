# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person has to decide between an audit and an enforcement, which is certain to be refused otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ...module_utils._checks import ABSENT, RULES, Remedy
from ...module_utils._printable import count, first_of

_PREFIX = "cloudtrail_kms_"
# By the state of a key, the options that let an enforcement use it again.
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "Disabled": ("allow_enable_key",),
    "PendingDeletion": ("allow_cancel_deletion", "allow_enable_key"),
}
_ASSUMED = f"the command below assumes yes; if not, leave its trails out with {_PREFIX}exceptions or {_PREFIX}trails"
_WORDS: Mapping[str, str] = {
    "Disabled": f"whether to enable {{names}}, now disabled: {_ASSUMED}",
    "PendingDeletion": f"whether to keep {{names}}, whose deletion is scheduled: {_ASSUMED}",
    "other state": "what becomes of {names}, not enabled yet: until it is, an enforcement refuses its trails",
    "foreign": f"by which role to change {{names}} of another account: set {_PREFIX}key_assume_role",
    "deny": "whether the Deny in the policy of {names} stays: an enforcement refuses its trails and never removes it",
    "expired": "whether to renew or remove the expired exceptions of {names}: until then an enforcement is refused",
}
_REPLACING = frozenset({Remedy.GIVE_KEY, Remedy.ANOTHER_KEY})
# Of the things that one decision is about.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The decisions, a sentence each, and the variables that an enforcement needs if they are made."""

    lines: tuple[str, ...]
    variables: tuple[str, ...]


def decisions(audit: Mapping[str, Any], variables: Mapping[str, Any]) -> Decisions:
    """Return what is to be decided before the enforcement of an audit, whose `variables` the enforcement has as well.

    `audit` has the shape of `ansible_facts.cloudtrail_kms`.
    """
    names: dict[str, dict[str, None]] = {}
    writable = {account["account_id"] for account in audit["accounts"]}
    for account in audit["accounts"]:
        for trail in account["trails"]:
            for kind in _of_trail(trail, variables, writable):
                names.setdefault(kind, {})[_name(account, trail, kind, alone=len(writable) == 1)] = None
    wanted = dict.fromkeys(name for kind in names for name in _OPTIONS.get(kind, ()))
    lines = [words.format(names=_named(kind, names[kind])) for kind, words in _WORDS.items() if kind in names]
    if absent := [*dict.fromkeys(_absent_readers(audit))]:
        lines.append(
            f"what to put in the place of {first_of(absent, _NAMED)} under {_PREFIX}readers: no such principal exists, "
            "and an enforcement that would name it is refused"
        )
    return Decisions(
        lines=tuple(lines),
        variables=tuple(f"{_PREFIX}{name}=true" for name in wanted if not _is_on(variables, name)),
    )


def _absent_readers(audit: Mapping[str, Any]) -> Iterator[str]:
    """Yield the readers that IAM does not know."""
    for account in audit["accounts"]:
        for finding in (each for trail in account["trails"] for each in trail["findings"]):
            if finding["rule"] in ("readers_can_decrypt", "readers_can_read"):
                for reader, answer in finding["evidence"].items():
                    if isinstance(answer, Mapping) and answer["reason"].endswith(ABSENT):
                        yield reader


def is_left_to_owners(audit: Mapping[str, Any]) -> bool:
    """Return whether required rules fail, none of which an enforcement of these accounts would do anything about.

    What is unknown of readers it settles by the key policy.
    """
    failing = [
        (trail, finding)
        for account in audit["accounts"]
        for trail in account["trails"]
        for finding in trail["findings"]
        if (finding["status"], finding["level"]) == ("fail", "required")
        or (finding["status"], finding["rule"]) == ("unknown", "readers_can_decrypt")
    ]
    return bool(failing) and all(
        trail["ownership"] == "inherited" or _leads_to(finding) is Remedy.REPORT for trail, finding in failing
    )


def _is_on(variables: Mapping[str, Any], name: str) -> bool:
    """Whether a switch is on; one that comes from --extra-vars is text."""
    return bool(boolean(variables.get(f"{_PREFIX}{name}"), strict=False))


def _of_trail(trail: Mapping[str, Any], variables: Mapping[str, Any], writable: set[str]) -> Iterator[str]:
    """Yield what keeps an enforcement from fixing a trail; one that gets another key leaves the present one alone.

    `writable` are the accounts of the run.
    """
    if trail["ownership"] != "owned":
        return
    failing = [each for each in trail["findings"] if (each["status"], each["level"]) == ("fail", "required")]
    if any("expired_exception" in each["evidence"] and _leads_to(each) is not Remedy.REPORT for each in failing):
        yield "expired"
    if _is_on(variables, "replace_compliant_key") or any(_leads_to(each) in _REPLACING for each in failing):
        return
    for finding in failing:
        if _leads_to(finding) is Remedy.REVIVE:
            state = finding["evidence"]["state"]
            if state not in _OPTIONS:
                yield "other state"
            elif not all(_is_on(variables, name) for name in _OPTIONS[state]):
                yield state
            if trail["kms_key_arn"].split(":")[4] not in writable and not variables.get(f"{_PREFIX}key_assume_role"):
                yield "foreign"
        elif _leads_to(finding) is Remedy.MERGE and "explicit_deny" in _outcomes(finding["evidence"]):
            yield "deny"


def _leads_to(finding: Mapping[str, Any]) -> Remedy:
    """Return what an enforcement does about a failing finding: it revives a key that is of the right kind."""
    evidence = finding["evidence"]
    kind = (evidence.get("usage"), evidence.get("spec"))
    if finding["rule"] == "key_is_usable" and kind == ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
        return Remedy.REVIVE
    return RULES[finding["rule"]].leads_to if finding["rule"] in RULES else Remedy.REPORT


def _outcomes(evidence: Mapping[str, Any]) -> set[object]:
    """Return the outcomes of a decision, and of those on each reader."""
    answers = (answer for answer in evidence.values() if isinstance(answer, Mapping))
    return {evidence.get("outcome"), *(answer.get("outcome") for answer in answers)}


def _name(account: Mapping[str, Any], trail: Mapping[str, Any], kind: str, *, alone: bool) -> str:
    """Return what a decision is about: the key of a trail, or the trail; of many accounts, with its account."""
    arn = trail["kms_key_arn"] or ""
    aliases = next((key["aliases"] for key in account["kms_keys"] if key["arn"] == arn), None)
    name = trail["name"] if kind == "expired" else (aliases or [arn.rpartition("/")[2]])[0]
    owner = trail["arn"] if kind == "expired" else arn
    return str(name) if alone else f"{name} of account {owner.split(':')[4]}"


def _named(kind: str, names: Iterable[str]) -> str:
    noun, all_names = "trail" if kind == "expired" else "key", [*names]
    if len(all_names) == 1:
        return f"the {noun} {all_names[0]}"
    return f"{count(len(all_names), noun)} ({first_of(all_names, _NAMED)})"
