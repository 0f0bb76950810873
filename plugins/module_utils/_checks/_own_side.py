# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader's own side says of a call: its IAM policies, its boundary and its organization, by IAM's simulator.

IAM API reference, SimulatePrincipalPolicy, EvaluationResult, ResourceSpecificResult.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from .._model import ReadError, SimulatedCall, Simulation, next_step
from .._policy import Caller, listing, readable, stands_for_many
from ._subject import Subject

GET, DECRYPT = "s3:GetObject", "kms:Decrypt"
# How the reason of a reader ends that IAM does not know.
ABSENT = " does not exist."
LIMITS = (
    "Of their own policies this is what IAM's simulator answers: its results can differ from a live call, and resource "
    "control policies, session policies and endpoint policies are not in them."
)


class Own(IntEnum):
    """The possible answers, the worst first.

    BLOCKED: refused whatever other policies allow. DENIED: none of its own policies allows it, another policy may.
    BY_ORGANIZATION: a service control policy refuses it; AWS does not say whether because a condition key is missing.
    """

    BLOCKED = 0
    DENIED = 1
    BY_ORGANIZATION = 2
    OPEN = 3
    NOT_ASKED = 4
    ALLOWED = 5


@dataclass(frozen=True)
class OwnSide:
    """What a reader's own side says of a call, why, and what to do."""

    outcome: Own
    reason: str = ""
    advice: str = ""
    error: ReadError | None = None


def own_side(subject: Subject, reader: str, action: str, resources: Iterable[str]) -> OwnSide:
    """The worst answer of a reader's own side for an action on resources."""
    sides = (_on_one(subject, SimulatedCall(reader, action, resource)) for resource in resources)
    return min(sides, key=lambda side: side.outcome)


def open_question(question: str, reason: str) -> str:
    """Say what is unknown and why; of a reader that does not exist that alone is to know."""
    return reason if reason.endswith(ABSENT) else f"Unknown whether {question}: {reason}"


def simulated_as(reader: str) -> str | None:
    """The ARN of the user or role whose policies decide for a reader; for a session its role. None if IAM has none.

    IAM has none for root, for a whole account, and for everybody. The path of a session's role is unknown, and IAM does
    not find a role with a path without it.
    """
    caller = Caller(reader)
    if caller.kind in ("user", "role"):
        return reader
    if caller.kind != "assumed-role":
        return None
    return f"arn:{reader.split(':')[1]}:iam::{caller.account}:role/{caller.friendly_name}"


def _on_one(subject: Subject, call: SimulatedCall) -> OwnSide:
    found = subject.simulations.get(call)
    if found is None:
        return _not_asked(subject, call)
    what = call.action
    if isinstance(found, ReadError):
        gone = found.code == "NoSuchEntity"
        reason = f"{call.principal}{ABSENT}" if gone else f"Whether its own policies allow {what} is unknown: {found}."
        advice = "Correct or remove it under the option readers." if gone else next_step(found)
        return OwnSide(Own.OPEN, reason, advice, found)
    return _answered(found, call, what)


def _answered(found: Simulation, call: SimulatedCall, what: str) -> OwnSide:
    """What an answer means. It does not tell what depends on a condition key that the simulator lacked."""
    if found.missing:
        return OwnSide(
            Own.OPEN,
            f"Whether its own policies allow {what} depends on {listing(sorted(found.missing))}, which IAM's simulator "
            "was not given.",
            f"Allow {call.principal} {call.action} without a condition on it to be sure.",
        )
    if found.allowed_by_organization is False:
        return OwnSide(
            Own.BY_ORGANIZATION,
            f"A service control policy of its organization denies {what}, perhaps only for want of a condition key "
            "that IAM's simulator was not given.",
            f"In the organization of account {Caller(call.principal).account}, let the service control policies allow "
            f"{call.principal} {call.action}.",
        )
    if found.decision == "allowed":
        return OwnSide(Own.ALLOWED)
    return _denied(found, call, what)


def _denied(found: Simulation, call: SimulatedCall, what: str) -> OwnSide:
    """What a denial means. A role's boundary limits what other policies grant it, a user's does not (IAM user guide,

    "Permissions boundaries for IAM entities").
    """
    caller, owner = Caller(call.principal), call.resource.split(":")[4]
    is_explicit, of_boundary = found.decision == "explicitDeny", found.allowed_by_boundary is False
    if stands_for_many(call.resource):
        place = readable(call.resource)
        return OwnSide(Own.OPEN, f"Its own policies deny {what} on {place} of some account, perhaps not of all.")
    if owner not in ("", caller.account) and not is_explicit and not of_boundary:
        return OwnSide(
            Own.OPEN,
            f"IAM's simulator finds nothing that allows {what}, but for a key of another account it may have missed "
            "the key's policy, which it is not given.",
        )
    if is_explicit:
        reason = f"An IAM policy of its own denies {what}."
        return OwnSide(Own.BLOCKED, reason, f"In account {caller.account}, remove that Deny for {call.principal}.")
    if of_boundary:
        outcome = Own.DENIED if caller.kind == "user" else Own.BLOCKED
        reason = f"Its permissions boundary does not allow {what}."
        return OwnSide(outcome, reason, f"Let the permissions boundary of {call.principal} allow {call.action}.")
    return OwnSide(Own.DENIED, f"No IAM policy of its own allows {what}.")


def _not_asked(subject: Subject, call: SimulatedCall) -> OwnSide:
    account = Caller(call.principal).account
    if simulated_as(call.principal) is None:
        reason = f"AWS simulates no such principal as {call.principal}"
    elif subject.trail.ownership == "inherited":
        reason = f"account {subject.trail.account_id}, which owns the trail, was not read"
    else:
        reason = f"there are no credentials for account {account}"
    return OwnSide(Own.NOT_ASKED, f"Whether its own policies allow {call.action} was not asked: {reason}.")
