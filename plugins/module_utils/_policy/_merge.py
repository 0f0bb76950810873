# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give CloudTrail and the readers of its logs what a key policy does not give them yet, and nothing else.

"When you add the new sections to your KMS key policy, do not change any existing sections" (CloudTrail user guide):
statements of others keep their order and their text. Only our own statements are extended; see `_ours`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ._budget import Budget
from ._context_facts import OBJECT_KEY, SERVICE
from ._decide import decide, told_apart
from ._document import Policy, PolicyError, parse
from ._ours import Form, add_statement, describe_statement, readers_statement, root_statement, use_statement
from ._request import NOTHING_KNOWN, Known, Outcome, Request
from ._requests import reader_request, service_request
from ._undocumented import named
from ._validate import validate

_DESCRIBE = "kms:DescribeKey"
SERVICE_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt", _DESCRIBE)


class MergeRefusedError(ValueError):
    """The policy cannot be given what is required; the message names the statement at fault and the next step."""


@dataclass(frozen=True)
class Required:
    """What a key policy must allow.

    `trail_arns` are the trails that CloudTrail encrypts under the key (an organization trail under the management
    account's id, as in its ARN). `readers` are the ARNs of users, roles, sessions or root users, or account ids, that
    read their logs. The `strict` form ties CloudTrail to exactly these trails by aws:SourceArn and encryption context,
    the `cis` form to all trails of their accounts by encryption context alone.
    `log_contexts` maps a trail ARN to the aws:s3:arn with which its log files are, or may be, encrypted. It is unknown
    for a trail that is missing there.
    `needed` maps a trail ARN to what must be allowed for the trail: actions of CloudTrail, and readers. Everything must
    be allowed for a trail that is missing there. `known` is what was read that requests carry.
    """

    key_arn: str
    trail_arns: tuple[str, ...]
    readers: tuple[str, ...] = ()
    form: Form = "strict"
    log_contexts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    known: Known = NOTHING_KNOWN

    def of(self, trail_arn: str, names: Sequence[str]) -> list[str]:
        """Those of these actions or readers that must be allowed for a trail."""
        return [each for each in names if each in self.needed.get(trail_arn, names)]

    @cached_property
    def service_calls(self) -> Mapping[str, list[Request]]:
        """The calls of CloudTrail that must be allowed, by trail ARN: decided before merging, and again afterwards."""
        return {trail: _service_calls(self.of(trail, SERVICE_ACTIONS), trail, self) for trail in self.trail_arns}


def new_key_policy(required: Required) -> Policy:
    """The whole policy of a new key: its account as administrator ("Default key policy"), and what is required."""
    root = root_statement(required.key_arn)
    return merge(parse({"Version": "2012-10-17", "Statement": [root]}), required)


def merge(policy: Policy, required: Required) -> Policy:
    """Return the policy with what `decide` finds missing; the very same object if nothing is missing.

    A reader is missing if only the root statement of the account covers it, because the key policy alone does not prove
    that it may read. A reader of another account gets only what the key policy can give.
    Raises MergeRefusedError if a Deny stands in the way, the result cannot be proven, or KMS would not take it.
    """
    missing = _missing(policy, required)
    if not missing:
        return policy
    why_not = why_not_written_back(policy, "KMS")
    if why_not:
        raise _refusal(required, why_not)
    documents = [each.document for each in policy.statements]
    for addition in _additions(missing, required.form):
        add_statement(documents, addition)
    try:
        merged = policy.with_statements(documents)
    except PolicyError as error:  # longer than any that is read
        raise _refusal(required, str(error)) from None
    _prove(merged, policy, required)
    return merged


def statements_to_add(policy: Policy, calls: Sequence[Request]) -> list[dict[str, Any]]:
    """Our statements that allow calls on one key, as merging would write them: new, or in place of our own.

    What else the policy must hold, and whether KMS takes it, is not checked.
    """
    present = [each.document for each in policy.statements]
    documents = list(present)
    for addition in _additions(calls, "strict"):
        add_statement(documents, addition)
    return [document for document in documents if not any(document is each for each in present)]


def _calls(policy: Policy, required: Required, budget: Budget) -> list[Request]:
    """Every call that must be allowed; only one of those that the policy decides alike."""
    calls = []
    for trail in required.trail_arns:
        calls += required.service_calls[trail]
        readers = required.of(trail, required.readers)
        known = required.log_contexts.get(trail) if readers else None
        groups = told_apart(policy, OBJECT_KEY, known, budget) if known else [[None]]
        calls += [_reading(reader, trail, required, each[0]) for reader in readers for each in groups]
    return calls


def _service_calls(actions: Sequence[str], trail_arn: str, required: Required) -> list[Request]:
    """The calls of CloudTrail for a trail. Trails with the same encryption context share one context."""
    used = [action for action in actions if action != _DESCRIBE]
    first, described = used[:1], [_DESCRIBE] if _DESCRIBE in actions else []
    made = [
        service_request(action, trail_arn=trail_arn, key_arn=required.key_arn, known=required.known)
        for action in (*first, *described)
    ]
    return made + [made[0].asking(action) for action in used[1:]]


def _reading(reader: str, trail_arn: str, required: Required, object_arn: str | None) -> Request:
    """A call of a reader; only the key policy is judged. The bucket of a trail is in the region of its key."""
    call = reader_request(
        reader,
        trail_arn=trail_arn,
        key_arn=required.key_arn,
        object_arn=object_arn,
        bucket_region=required.key_arn.split(":")[3],
        known=required.known,
    )
    return replace(call, identity_allows=call.caller.account != call.account)


def _budget_of(required: Required) -> Budget:
    return Budget.of(len(required.trail_arns) * (len(SERVICE_ACTIONS) + len(required.readers)))


def _missing(policy: Policy, required: Required) -> list[Request]:
    missing = []
    budget = _budget_of(required)
    for call in _calls(policy, required, budget):
        decision = decide(policy, call, budget)
        if decision.outcome is Outcome.EXPLICIT_DENY:
            raise _refusal(required, f"{decision.reason} {decision.advice}")
        if decision.outcome is not Outcome.ALLOWED:
            missing.append(call)
    return missing + _described(policy, missing, required, budget)


def _described(policy: Policy, missing: Sequence[Request], required: Required, budget: Budget) -> list[Request]:
    """DescribeKey for the trails that lack it and for which CloudTrail gets something else anyway.

    AWS's pages disagree whether CloudTrail needs it (see the rule key_policy_allows_describe), so it alone is no reason
    to write a policy.
    """
    service = [call for call in missing if call.principal == SERVICE]
    trails = (trail for trail in _trails_of(service) if trail in required.needed)
    calls = [call for trail in trails for call in _service_calls([_DESCRIBE], trail, required)]
    lacks = (Outcome.IMPLICIT_DENY, Outcome.INDETERMINATE)
    return [call for call in calls if call not in service and decide(policy, call, budget).outcome in lacks]


def _trails_of(calls: Iterable[Request]) -> list[str]:
    return _once(str(call.context["aws:SourceArn"]) for call in calls)


def why_not_written_back(policy: Policy, service: str) -> str | None:
    """Return why the service would not take the policy as it was read, or why something in it would be lost.

    A policy that holds the unique id of a deleted principal cannot be written back ("Creating a key policy"). Of names
    that stand twice in one object only the last value is read. UTF-8 cannot carry half a character.
    """
    for each in policy.statements:
        if each.principals and each.principals.orphans:
            return (
                f"{each.label} names {', '.join(each.principals.orphans)}, the id of a user or role that was deleted, "
                f"and {service} accepts no policy with such a principal. Remove it from {each.label}, or name the new "
                "user or role."
            )
    if policy.halved:
        return f"a string in it has {policy.halved}, half a character, which cannot be written back. Remove it."
    for owner, names in (("the policy", policy.repeated), *((each.label, each.repeated) for each in policy.statements)):
        if names:
            return (
                f"in {owner} the element {named(names[0])} appears twice, and only the last one could be written "
                f"back. Keep one in {owner}, with everything it needs."
            )
    return None


def _additions(missing: Sequence[Request], form: Form) -> list[dict[str, Any]]:
    """Our statements, reduced to what is missing."""
    service = [call for call in missing if call.principal == SERVICE]
    used = [call for call in service if call.action != _DESCRIBE]
    trails = _trails_of(used)
    readers = _once(call.principal for call in missing if call.principal != SERVICE)
    additions = []
    if trails:
        additions.append(use_statement(trails, form))
    if len(used) < len(service):
        additions.append(describe_statement())
    if readers:
        additions.append(readers_statement(readers))
    return additions


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _prove(merged: Policy, present: Policy, required: Required) -> None:
    problems = validate(merged, accepted=present)
    if problems:
        raise _refusal(
            required,
            f"with the missing statements, KMS would not accept the policy: {' '.join(problems)} Fix these "
            "statements, or give some of the trails another key.",
        )
    budget = _budget_of(required)
    for call in _calls(merged, required, budget):
        decision = decide(merged, call, budget)
        if decision.outcome is not Outcome.ALLOWED:
            raise _refusal(required, f"{decision.reason} {decision.advice}")


def _refusal(required: Required, why: str) -> MergeRefusedError:
    return MergeRefusedError(f"The policy of {required.key_arn} is left as it is: {why}")
