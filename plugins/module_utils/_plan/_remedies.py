# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed rule leads to, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from .._checks import RULES, AccountVerdict, Remedy, TrailVerdict
from .._model import AcceptedRisk, Finding, Key, Trail
from .._request import EnforceRequest

# A key that is there but does not work now is somebody's decision, or about to work: it is never replaced unasked.
STATE_LEADS_TO: Mapping[str, Remedy] = {
    "Disabled": Remedy.REVIVE,
    "PendingDeletion": Remedy.REVIVE,
    "PendingImport": Remedy.REVIVE,
    "PendingReplicaDeletion": Remedy.REVIVE,
    "Creating": Remedy.REVIVE,
    "Unavailable": Remedy.REVIVE,
}


@dataclass(frozen=True)
class Intent:
    """What is to be done about one trail.

    `lacking` is what the policy of its present key is to allow and does not: CloudTrail's actions, and readers.
    """

    verdict: TrailVerdict
    remedies: frozenset[Remedy]
    lacking: frozenset[str] = frozenset()

    @property
    def trail(self) -> Trail:
        return self.verdict.trail

    @property
    def needs_key(self) -> bool:
        """Whether the trail is to have another key than now."""
        return bool(self.remedies & {Remedy.GIVE_KEY, Remedy.ANOTHER_KEY})

    @property
    def fails(self) -> bool:
        """Whether something is certainly wrong, not only unknown."""
        return self.needs_key or self.verdict.verdict == "non_compliant"


def find_intents(account: AccountVerdict, request: EnforceRequest) -> tuple[Intent, ...]:
    """Return what each trail of the account that may be written needs; trails that need nothing are left out."""
    writable = (verdict for verdict in account.trails if may_write(verdict.trail, request))
    intents = (Intent(each, _remedies(account, each, request), _lacking(account, each)) for each in writable)
    return tuple(intent for intent in intents if intent.remedies)


def may_write(trail: Trail, request: EnforceRequest) -> bool:
    """Return whether the trail may be changed from here: an organization's trail by a delegated administrator if named.

    Where the run enforces in the owner's account as well, that one writes it. A run that is to create a trail changes
    no other.
    """
    requested = request.create_trail
    if requested:
        return (trail.ownership, trail.name, trail.home_region) == ("owned", requested.name, requested.home_region)
    delegated = trail.ownership == "delegated" and trail.account_id not in request.accounts
    return trail.ownership == "owned" or (delegated and is_named(trail, request))


def is_named(trail: Trail, request: EnforceRequest) -> bool:
    """Return whether the user asks for this very trail."""
    return trail.arn in request.trails or trail.name in request.trails


def _remedies(account: AccountVerdict, verdict: TrailVerdict, request: EnforceRequest) -> frozenset[Remedy]:
    """Return what the trail's findings lead to. What replaces the key leaves the present one alone."""
    if request.create_trail and not verdict.trail.kms_key_arn:
        return frozenset({Remedy.GIVE_KEY})  # encrypted from its first log, whatever the rules' levels
    if request.replace_compliant_key and verdict.trail.kms_key_arn and not _is_left_alone(account, verdict, request):
        return frozenset({Remedy.ANOTHER_KEY})
    remedies = {_leads_to(account, verdict, finding) for finding in verdict.findings} - {Remedy.REPORT}
    return frozenset(remedies & {Remedy.GIVE_KEY, Remedy.ANOTHER_KEY} or remedies)


def _is_left_alone(account: AccountVerdict, verdict: TrailVerdict, request: EnforceRequest) -> bool:
    """Return whether an exception in force keeps the trail as it is, and the user does not ask for this very trail."""
    excepted = _excepted_of(account, verdict, lambda finding: finding.exception)
    return not is_named(verdict.trail, request) and any(excepted)


def _lacking(account: AccountVerdict, verdict: TrailVerdict) -> frozenset[str]:
    merged = (each for each in verdict.findings if _leads_to(account, verdict, each) is Remedy.MERGE)
    return frozenset(chain.from_iterable(map(_lacked, merged)))


def _lacked(finding: Finding) -> tuple[str, ...]:
    """Return CloudTrail's action that a finding is about, or the readers that the policy lacks."""
    action = RULES[finding.rule].call
    return (action,) if action else finding.lacking


@dataclass(frozen=True)
class ExceptedChange:
    """A finding that would lead to a change without its exception, and the exception, or the one that has expired."""

    trail: Trail
    finding: Finding
    exception: AcceptedRisk

    @property
    def decision(self) -> str:
        """The end of a sentence that names the exception."""
        risk = self.exception
        return f"excepted until {risk.expires} by {risk.owner} ({risk.reason})."

    def __str__(self) -> str:
        return f"{self.finding.rule} of {self.trail.arn}, {self.decision}"


def excepted_changes(account: AccountVerdict, request: EnforceRequest) -> Iterator[ExceptedChange]:
    """Yield what exceptions keep from being changed, on trails that may be written."""
    return _excepted(account, request, lambda finding: finding.exception)


def changes_no_longer_excepted(account: AccountVerdict, request: EnforceRequest) -> Iterator[ExceptedChange]:
    """Yield what expired exceptions kept from being changed, on trails that may be written."""
    return _excepted(account, request, lambda finding: finding.expired_exception)


def _excepted(
    account: AccountVerdict, request: EnforceRequest, exception_of: Callable[[Finding], AcceptedRisk | None]
) -> Iterator[ExceptedChange]:
    writable = (verdict for verdict in account.trails if may_write(verdict.trail, request))
    return chain.from_iterable(_excepted_of(account, verdict, exception_of) for verdict in writable)


def _excepted_of(
    account: AccountVerdict, verdict: TrailVerdict, exception_of: Callable[[Finding], AcceptedRisk | None]
) -> Iterator[ExceptedChange]:
    for finding in verdict.findings:
        exception = exception_of(finding)
        if exception:
            bare = replace(finding, status=exception.status)
            if _leads_to(account, verdict, bare) is not Remedy.REPORT:
                yield ExceptedChange(verdict.trail, finding, exception)


def _leads_to(account: AccountVerdict, verdict: TrailVerdict, finding: Finding) -> Remedy:
    """Return what one finding leads to. Only what makes a trail non-compliant is acted upon.

    An unknown finding leads to nothing, with one exception: the policy is made to name a requested reader that only the
    account's own statement covers, which replaces nothing.
    """
    remedy = RULES[finding.rule].leads_to
    if finding.level != "required":
        return Remedy.REPORT
    if finding.status == "unknown":
        return remedy if finding.lacking else Remedy.REPORT
    if finding.status != "fail":
        return Remedy.REPORT
    if finding.rule == "key_is_usable":
        key = account.snapshot.keys[verdict.trail.kms_key_arn or ""]
        return STATE_LEADS_TO.get(key.state, remedy) if isinstance(key, Key) and is_right_kind(key) else remedy
    return remedy


def unread(finding: Finding) -> bool:
    """Return whether the finding is unknown because something could not be read."""
    return finding.status == "unknown" and finding.unread is not None


def is_right_kind(key: Key) -> bool:
    """Return whether CloudTrail can use such a key (CloudTrail API reference, UpdateTrail: symmetric keys only)."""
    return (key.usage, key.spec) == ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT")
