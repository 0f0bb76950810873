# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a request was decided as it was, and what to do: the statement, its condition, what the request carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ._budget import FINDINGS_OF_AN_ACCOUNT, STEPS
from ._conditions import Condition
from ._cures import cure, exemption, settling
from ._document import Policy, Statement
from ._evaluate import MatchedStatement, outcome_of
from ._near_miss import failures, nearest
from ._patterns import Context, as_if_named, has_unknown, readable
from ._principals import Covers
from ._request import Outcome, Request
from ._words import call, carried, listing, quoted, written

# The parts of a file's ARN that nobody knows.
_IDS, _NAMES = "ids", "dates, times and unique strings"
# A sentence that says why, and one that says what to do (empty where nothing is to be done).
Words: TypeAlias = tuple[str, str]
Deciding: TypeAlias = tuple[list[MatchedStatement], Words]
Statements: TypeAlias = tuple[Statement, ...]
# The statements that decided, the reason, the advice, and the statements that the reason names.
Explanation: TypeAlias = tuple[Statements, str, str, Statements]


def explain(outcome: Outcome, matched: Sequence[MatchedStatement], policy: Policy, request: Request) -> Explanation:
    """The statements that decided, the reason, the advice, and the statements that the reason names."""
    if outcome is Outcome.IMPLICIT_DENY:
        return _not_allowed(matched, policy, request)
    decided = {Outcome.ALLOWED: _allowing, Outcome.EXPLICIT_DENY: _denying, Outcome.INDETERMINATE: _leaving_open}
    deciding, words = decided[outcome](matched, request)
    statements = _statements(deciding)
    return (statements, *words, statements)


# Why the policies of an account are not judged any more, and what to do.
OF_ACCOUNT: Words = (
    f"The policies of the account's keys and buckets take more than the {FINDINGS_OF_AN_ACCOUNT * STEPS:,} steps that "
    "all findings of an account may take together.",
    "Shorten these policies: use fewer conditions, values and wildcards.",
)


def explain_exhaustion(request: Request, *, is_of_account: bool) -> Explanation:
    """The same for a budget that was used up, that of the finding or of the account: no statement decided."""
    if is_of_account:
        return (), f"It was not decided whether the policy allows {call(request)}. {OF_ACCOUNT[0]}", OF_ACCOUNT[1], ()
    return (
        (),
        f"Deciding whether the policy allows {call(request)} takes more than the {STEPS:,} steps that a finding may "
        "take: the conditions, values and wildcards of its statements multiply.",
        "Simplify the policy: use fewer conditions, values and wildcards that depend on each other.",
        (),
    )


def _of(effect: str, matched: Sequence[MatchedStatement], *, certain: bool) -> list[MatchedStatement]:
    return [each for each in matched if each.statement.effect == effect and each.certain is certain]


def _allowing(matched: Sequence[MatchedStatement], request: Request) -> Deciding:
    """The statements that name the caller, else those that name its account, else those of which one must apply."""
    certain = _of("Allow", matched, certain=True)
    direct = [each for each in certain if each.covers is Covers.YES]
    deciding = direct or certain or _of("Allow", matched, certain=False)
    allowed = f"{_subject(deciding, 'allows')} {call(request)}"
    if request.caller.account not in (None, request.account):
        return deciding, (f"{allowed}, and so does its own account.", "")
    if certain and not direct:
        return deciding, (f"{allowed} through its account, and its own IAM policies allow it.", "")
    return deciding, (f"{allowed}.", "")


def _denying(matched: Sequence[MatchedStatement], request: Request) -> Deciding:
    certain = _of("Deny", matched, certain=True)
    deciding = certain or _of("Deny", matched, certain=False)
    conditions = certain[0].statement.conditions if certain else ()
    held = [f"its condition {written(c)} holds: the request has {carried(c, request)}" for c in conditions]
    because = f": {' and '.join(held)}" if held else ""
    return deciding, (
        f"{_subject(deciding, 'denies')} {call(request)}{because}.",
        cure([each.statement for each in deciding], request),
    )


def _leaving_open(matched: Sequence[MatchedStatement], request: Request) -> Deciding:
    certain = _of("Allow", matched, certain=True)
    so_far = outcome_of(certain, request)
    if so_far is Outcome.INDETERMINATE:
        return certain, _identity_open(certain, request)
    allows = [] if so_far is Outcome.ALLOWED else _of("Allow", matched, certain=False)
    deciding = allows + _of("Deny", matched, certain=False)
    return deciding, _open(deciding[0], request)


def _open(first: MatchedStatement, request: Request) -> Words:
    verb = "denies" if first.statement.effect == "Deny" else "allows"
    whether = f"Whether {first.statement.label} {verb} {call(request)}"
    if first.statement.why_unclear:
        return (
            f"{whether} is unknown: {listing(first.statement.why_unclear)}.",
            f"Write every name in {first.statement.label} once, and as AWS documents it.",
        )
    exempted = exemption(first.statement, request) if verb == "denies" else None
    if first.open:
        condition = first.open[0]
        replaced = (
            f"in {first.statement.label}, replace the condition on {condition.key} by one on a key that the request "
            "is known to have"
        )
        return (
            f"{whether} depends on its condition {written(condition)}, and {_ignorance(condition, request)}.",
            _sentence(settling(first.statement, condition, request) if exempted else replaced),
        )
    if has_unknown(request.resource) and first.covers is not Covers.UNCLEAR:
        parts = _IDS if hangs_on_ids(first.statement, request) else _NAMES
        return (
            f"{whether} depends on which {parts} are in {readable(request.resource)}, and that is not known.",
            _sentence(exempted or f"in {first.statement.label}, {_without(parts, first.statement)}"),
        )
    return (
        f"{whether} is unknown: AWS does not document how its Principal or its Resource applies to this request.",
        f'In {first.statement.label}, name {request.principal} exactly, and Resource "*".',
    )


def hangs_on_ids(statement: Statement, request: Request) -> bool:
    """Whether the result is unknown only because ids are: it would stay unknown for a file with a known name."""
    name, resources = as_if_named(request.resource), statement.resources
    return has_unknown(name) and resources is not None and resources.cover(name, request.keys) is None


def _without(parts: str, statement: Statement) -> str:
    """How to make a statement independent of these parts of a name."""
    is_negated = "NotResource" in statement.document
    return f"remove the {parts} from its NotResource" if is_negated else f"replace the {parts} in its Resource by *"


def _identity_open(matched: Sequence[MatchedStatement], request: Request) -> Words:
    if request.caller.account != request.account:
        return (
            f"{_subject(matched, 'allows')} {call(request)}, a principal of account {request.caller.account}, which "
            "must allow it too; whether it does is not known.",
            f"Allow {request.action} on {request.resource} in an IAM policy of {request.principal}.",
        )
    return (
        f"{_subject(matched, 'leaves')} {request.action} to IAM in account {request.account}, and the IAM policies of "
        f"{request.principal} are not read.",
        f"Name {request.principal} in the key policy to be sure.",
    )


def _not_allowed(matched: Sequence[MatchedStatement], policy: Policy, request: Request) -> Explanation:
    delegating = _of("Allow", matched, certain=True)
    if delegating:
        return (
            (),
            f"{_subject(delegating, 'leaves')} {call(request)} to its own IAM policies, and they do not allow it.",
            f"Allow {request.action} on {request.resource} in an IAM policy of {request.principal}.",
            _statements(delegating),
        )
    allows, denies = _of("Allow", matched, certain=False), _of("Deny", matched, certain=False)
    if allows and denies:
        return (
            (),
            f"{_subject(allows, 'allows')} {call(request)} only when {_labels(denies)} denies it.",
            cure([each.statement for each in denies], request),
            _statements([*allows, *denies]),
        )
    if allows:
        return (
            (),
            f"The conditions of {_labels(allows)} can never hold together.",
            f"Remove one of the conditions of {_labels(allows)}.",
            _statements(allows),
        )
    return _nothing_allows(policy, request)


def _nothing_allows(policy: Policy, request: Request) -> Explanation:
    """The near miss. It counts as the deciding statement if only a mistake in it must be corrected."""
    near, refused = nearest(policy, request), f"No statement allows {call(request)}."
    if near is None:
        return (), refused, f'Add a statement that allows {request.action} to {request.principal} on Resource "*".', ()
    reasons = failures(near, request)
    return (
        (near,) if all(failure.is_mistake for failure in reasons) else (),
        f"{refused} The closest is {near.label}: {'; '.join(failure.why for failure in reasons)}.",
        f"In {near.label}, {'; '.join(failure.advice for failure in reasons)}.",
        (near,),
    )


def _ignorance(condition: Condition, request: Request) -> str:
    if not condition.is_documented:
        return "AWS documents no such condition"
    perhaps = request.keys.perhaps(condition.folded_key)
    if perhaps is not None:
        return f"it is unknown whether the request has that key; if it does, its value is {quoted(perhaps)}"
    if request.keys.get(condition.folded_key) is None:
        return "it is unknown whether the request has that key, and with what value"
    values = request.keys.get(condition.folded_key) or ()
    if any(map(has_unknown, values)):
        named = [*map(as_if_named, values)]
        is_of_ids = any(map(has_unknown, named)) and condition.holds(Context({condition.key: named}, ("*",))) is None
        return f"it is not known which {_IDS if is_of_ids else _NAMES} are in {carried(condition, request)}"
    return f"AWS does not document how that compares with {carried(condition, request)}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _subject(matched: Sequence[MatchedStatement], verb: str) -> str:
    """`Statement "A" and statement 2 allow`."""
    many = verb.replace("denies", "deny").removesuffix("s")
    text = f"{_labels(matched)} {verb if len(matched) == 1 else many}"
    return text[0].upper() + text[1:]


def _statements(matched: Sequence[MatchedStatement]) -> Statements:
    return tuple(each.statement for each in matched)


def _labels(matched: Sequence[MatchedStatement]) -> str:
    return listing([each.statement.label for each in matched])
