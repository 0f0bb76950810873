# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the table says below a trail or an account: what is wrong, and what to do. No layout here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ...module_utils._checks import RULES
from ...module_utils._model import Level, ReadError, closes_region, is_denied, next_step

# The one thing that is judged of an account rather than of a trail.
ACCOUNT_RULE = "account_has_trails"
# What is only advice of an account, and the mark of advice.
KEYS_OF_OLD_LOGS = "keys_of_old_logs"
ADVICE = "advice"
# The operations that bring back a key, by its state (KMS guide, "Key states of AWS KMS keys").
_BACK_TO_USE = {
    "Disabled": ("enable-key",),
    "PendingDeletion": ("cancel-key-deletion", "enable-key"),
    "PendingReplicaDeletion": ("cancel-key-deletion", "enable-key"),
}
_CLOSED = "Closed by a service control policy, which counts only with cloudtrail_kms_closed_regions: unknown."
NO_TRAIL = "No trail was found in the regions that were read."

Tone: TypeAlias = Literal["strong", "good", "bad", "unknown", "quiet"]

# By status and level, in the order of the notes. What passes or does not apply needs no words.
_MARKS: Mapping[tuple[str, str], tuple[str, Tone]] = {
    ("fail", "required"): ("FAIL", "bad"),
    ("unknown", "required"): ("UNKNOWN", "unknown"),
    ("excepted", "required"): ("excepted", "quiet"),
    ("fail", "advised"): (ADVICE, "quiet"),
    ("unknown", "advised"): (ADVICE, "quiet"),
    ("excepted", "advised"): ("excepted", "quiet"),
}
_SHOWN_IN_FULL = frozenset(mark for mark, _tone in _MARKS.values())


@dataclass(frozen=True, kw_only=True)
class Note:
    """One thing to know: its mark and colour, the rules (or the read) it is about, what is wrong, what to do.

    `command` is to be run after what `remediation` says, or else `text`.
    """

    mark: str
    tone: Tone
    subject: str
    text: str
    remediation: str
    command: str = ""

    @property
    def to_do(self) -> str:
        """Return what to do, with the command after a colon."""
        return f"{self.remediation}: {self.command}" if self.command else self.remediation


def rule_title(rule: str, level: Level | None = None) -> str:
    """Return what a rule requires or advises at a level, else at its own, in words for people."""
    return RULES[rule].title_at(level or RULES[rule].level) if rule in RULES else rule.replace("_", " ")


def finding_notes(findings: Sequence[Mapping[str, Any]]) -> Iterator[Note]:
    """Yield the notes of a trail, worst first. Rules that say the same, such as for a key not read, share one."""
    alike: dict[tuple[str, Tone, str, str, str], list[str]] = {}
    for standing, (mark, tone) in _MARKS.items():
        for finding in findings:
            if _standing(finding) == standing:
                alike.setdefault((mark, tone, *_words(finding)), []).append(finding["rule"])
    for (mark, tone, text, remediation, command), rules in alike.items():
        subject = ", ".join(rules)
        yield Note(mark=mark, tone=tone, subject=subject, text=text, remediation=remediation, command=command)


def _standing(finding: Mapping[str, Any]) -> tuple[str, str]:
    return finding["status"], finding["level"]


def _words(finding: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what is wrong, what to do and its command; if excepted, until when and why nothing needs doing."""
    if finding["status"] != "excepted":
        command = finding.get("command", "")
        return finding["message"], finding["remediation"].removesuffix(f": {command}"), command
    return f"{finding['message']} {excepted_until(finding['evidence']['exception'])}", "", ""


def excepted_until(exception: Mapping[str, Any]) -> str:
    """Return the sentence that says until when, by whom and why a finding is excepted."""
    return f"Excepted until {exception['expires']} by {exception['owner']}: {exception['reason']}"


def account_notes(account: Mapping[str, Any], *, beside: Collection[str] = _SHOWN_IN_FULL) -> Iterator[Note]:
    """Yield the notes of an account: that it has no trail, which keys old logs need, and what could not be read.

    What could not be read is left out if a finding with one of the marks `beside` says so.
    """
    if account["verdict"] == "no_trails":
        yield Note(
            mark="FAIL",
            tone="bad",
            subject=ACCOUNT_RULE,
            text=NO_TRAIL,
            remediation="Run the provision_account playbook, or create a multi-region trail whose logs are encrypted "
            "under a customer managed KMS key.",
        )
    for key in account.get("former_keys", ()):
        yield _note_of_former_key(key)
    # A service control policy closes many regions with one and the same refusal: one note for all of them.
    alike: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for error in _errors_beside_findings(account, beside):
        alike.setdefault((error["iam_action"], error["code"], closes_region(ReadError(**error))), []).append(error)
    for (action, code, is_closed), errors in alike.items():
        message, step = _answer_and_step(errors[0])
        yield Note(
            mark="not read",
            tone="unknown",
            subject=f"{action} in {', '.join(error['region'] for error in errors)}",
            text=_CLOSED if is_closed else f"{code}: {message}",
            # An account that was seen in full counts no closed region.
            remediation="" if is_closed and account["complete"] else step,
        )


def _note_of_former_key(key: Mapping[str, Any]) -> Note:
    arn, when = key["arn"], f", and KMS deletes it at {key['deletion_date']}" if key["deletion_date"] else ""
    operations = _BACK_TO_USE.get(key["state"], ())
    command = " && ".join(f"aws kms {each} --region {arn.split(':')[3]} --key-id {arn}" for each in operations)
    return Note(
        mark=ADVICE,
        tone="quiet",
        subject=KEYS_OF_OLD_LOGS,
        text=f"The key {arn} is {key['state']}{when}. No trail that was read has it now, but the trail {key['trail']} "
        f"had it at {key['since']}. Logs that are encrypted under it cannot be read without it.",
        remediation=f"Keep this key, enabled, as long as these logs are kept{'' if command else '.'}",
        command=command,
    )


def _errors_beside_findings(account: Mapping[str, Any], marks: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Return the errors without those in findings: if a key or bucket could not be read, its trail says so."""
    in_findings = {
        ReadError(**finding["unread"])
        for trail in account["trails"]
        for finding in trail["findings"]
        if "unread" in finding and _MARKS.get(_standing(finding), ("",))[0] in marks
    }
    return (error for error in account["errors"] if ReadError(**error) not in in_findings)


def _answer_and_step(error: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was answered and what to do about it, which may be its end, and in the role names variables."""
    message, step = error["message"], next_step(ReadError(**error))
    for said in (step, step.replace("the option ", "cloudtrail_kms_")):
        if message.endswith(f" {said}"):
            return message.removesuffix(f" {said}"), said
    is_denied_region = error["iam_action"] == "cloudtrail:DescribeTrails" and is_denied(error["code"])
    return message, f"{step} Or audit other regions only." if is_denied_region else step
