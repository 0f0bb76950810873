# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that a key is open only to CloudTrail, for the trails it should serve, and to the account's own principals.

It passes by proof (`_scope_proof.py`). If the proof fails, requests are tried: for trails of foreign accounts, for
CloudTrail as an administrator, and for strangers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, product
from typing import TypeAlias

from .._model import Key, ReadError
from .._policy import (
    CHARACTERS,
    OBJECT_KEY,
    SERVICE,
    TRAIL_KEY,
    Budget,
    Decision,
    Outcome,
    Policy,
    Request,
    concerning,
    decide,
    has_variable,
    listing,
    reader_request,
    service_request,
    told_apart,
)
from .._printable import first_of
from ._evidence import Evidence
from ._policy_rules import key_and_policy
from ._scope_proof import (
    Outsiders,
    Proof,
    of_administrators,
    of_any_service,
    of_cloudtrail,
    of_cloudtrail_itself,
    of_others,
)
from ._strangers import Context, Strangers
from ._subject import Result, Subject, unreadable

# Service Authorization Reference, "Actions, resources, and condition keys for AWS KMS": what works with data.
USE = (
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
)
# The same page: what changes the key, or hands it on. CloudTrail needs none of it (CloudTrail guide, "Configure
# AWS KMS key policies for CloudTrail", names GenerateDataKey*, Decrypt and DescribeKey only).
ADMINISTRATION = (
    "kms:PutKeyPolicy",
    "kms:CreateGrant",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:DisableKeyRotation",
    "kms:RotateKeyOnDemand",
    "kms:CreateAlias",
    "kms:UpdateAlias",
    "kms:DeleteAlias",
    "kms:UpdateKeyDescription",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ReplicateKey",
    "kms:UpdatePrimaryRegion",
    "kms:ImportKeyMaterial",
    "kms:DeleteImportedKeyMaterial",
)
# How many actions a message names; the evidence has them all.
SHOWN = 3
# What a call carries that no service makes for the caller ("AWS KMS condition keys", kms:ViaService; "AWS global
# condition context keys", aws:ViaAWSService and aws:CalledVia), and one that has no encryption context either.
_DIRECTLY: Context = {
    **dict.fromkeys(("kms:ViaService", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"), ()),
    "aws:ViaAWSService": "false",
}
_WITHOUT_LOGS: Context = {
    **_DIRECTLY,
    **dict.fromkeys((TRAIL_KEY, OBJECT_KEY, "kms:EncryptionContextKeys", "kms:EncryptionContext:*"), ()),
}
# What a caller chooses ("AWS KMS condition keys", and "Service Authorization Reference": TagResource and ReplicateKey
# take tags): of administration, and of any call, which may have any encryption context.
_OF_ADMINISTRATION = frozenset({"aws:RequestTag/*", "aws:TagKeys", "kms:Grant*", "kms:Bypass*", "kms:Replica*"})
_OF_ANY_CALL = _OF_ADMINISTRATION | {"kms:EncryptionContext:*", "kms:EncryptionContextKeys"}
_ENCRYPTION = ("kms:GenerateDataKey",)
# To decrypt takes what was encrypted with: the context of a log is CloudTrail's.
_OF_LOGS = ("kms:Decrypt", "kms:ReEncryptFrom")
_OF_OTHERS = tuple(action for action in USE + ADMINISTRATION if action not in _OF_LOGS)
# What is told of every call from outside, by anybody, a principal or a service.
_OF_ALL = (
    "aws:SecureTransport",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "kms:KeySpec",
    "kms:KeyUsage",
    "kms:KeyOrigin",
    "kms:CustomerMasterKeySpec",
    "kms:CustomerMasterKeyUsage",
    "kms:MultiRegion",
    "kms:MultiRegionKeyType",
)
_SOURCE = ("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths")
_NAMES = ("aws:PrincipalServiceName", "aws:PrincipalServiceNamesList")
_OF_PRINCIPALS = (*_OF_ALL, *_SOURCE, *_NAMES, "aws:PrincipalIsAWSService")
_OF_SERVICES = (
    *_OF_ALL,
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalTag/*",
    "aws:username",
)
# What no service needs that may use a key: grants are how many of them use it.
_OF_OWNERS = tuple(action for action in ADMINISTRATION if not action.endswith("Grant"))
_OF_USERS = tuple(action for action in USE + ADMINISTRATION if action not in _OF_OWNERS)
_Call: TypeAlias = tuple[Request, tuple[str, ...]]
# By whom may do it, and the action, which FOREIGN_ENCRYPTION says by itself.
_Answers: TypeAlias = dict[tuple[str, str], Decision]
# Nearest to an allow first.
SEVERITY = (Outcome.ALLOWED, Outcome.INDETERMINATE, Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY)
FOREIGN_ENCRYPTION = "a trail of another account can encrypt"
_ANYBODY, _SERVICES = "any other account", "any other AWS service"


def key_policy_is_scoped(subject: Subject) -> Result:
    """No foreign trail can encrypt under the key, the service can only use it, and it is not open to the public.

    The forms that AWS recommends pass: Decrypt and DescribeKey for the service without conditions, and everybody
    limited by kms:CallerAccount.
    """
    read = key_and_policy(subject)
    if isinstance(read, Result):
        return read
    key, policy = read
    unproven = _unproven(subject, key, policy)
    if unproven:
        answers, open_ = _answers(subject, key, policy), _of_unproven(key, unproven)
        return _of_answers(key, answers, "" if subject.budget.is_exhausted else open_.remediation) or open_
    # Where this rule is advice, the second policy is not asked for its sake.
    is_required = subject.settings.levels.get("key_policy_is_scoped") == "required"
    if is_required and isinstance(key.ram_policy, ReadError):
        return unreadable("The second policy of the key, AWS_RAM,", key.ram_policy)
    return Result("pass", "The key policy admits CloudTrail for the trails it names, and no stranger.")


def _of_answers(key: Key, answers: _Answers, remedy: str) -> Result | None:
    """The result if something is open or unknown; None if nothing is. The advice of a decision is how to get in."""
    open_to = {name: decision for name, decision in answers.items() if decision.outcome is Outcome.ALLOWED}
    unclear = {name: decision for name, decision in answers.items() if decision.outcome is Outcome.INDETERMINATE}
    if open_to:
        statements = tuple(sorted({each.label for decision in open_to.values() for each in decision.statements}))
        labels = ", ".join(statements)
        return Result(
            "fail",
            f"The key policy reaches further than this trail: {_listed(open_to)} ({labels}).",
            f"Narrow {labels} of {key.arn}: for CloudTrail by aws:SourceArn and "
            "kms:EncryptionContext:aws:cloudtrail:arn, for others by kms:CallerAccount.",
            {"allowed": [_may(*each) for each in open_to]},
            statements=statements,
        )
    if unclear:
        decision = next(iter(unclear.values()))
        message = f"It is unknown whether {_listed(unclear)}. {decision.reason}"
        evidence: Evidence = {"unclear": [_may(*each) for each in unclear]}
        return Result("unknown", message, remedy or decision.advice, evidence, statements=decision.named)
    return None


def _of_unproven(key: Key, unproven: Mapping[str, str]) -> Result:
    labels = listing(list(unproven))
    return Result(
        "unknown",
        f"It is unknown whether strangers get in through {labels} of the key policy: no principal that was tried "
        "does, but nothing there keeps out everybody whom it does not name.",
        f"In {labels} of {key.arn}: {' '.join(dict.fromkeys(unproven.values()))}",
        {"statements": list(unproven)},
        statements=tuple(unproven),
    )


def _may(who: str, actions: str) -> str:
    return who if who == FOREIGN_ENCRYPTION else f"{who} may {actions}"


def _listed(answers: Iterable[tuple[str, str]]) -> str:
    """The answers as one list: each principal with its actions."""
    grouped: dict[str, list[str]] = {}
    for who, action in answers:
        grouped.setdefault(who, []).append(action)
    return "; ".join(_may(who, first_of(actions, SHOWN)) for who, actions in grouped.items())


def _answers(subject: Subject, key: Key, policy: Policy) -> _Answers:
    """The worst answer that the policy gives to each request that it should refuse."""
    budget = subject.budget
    plain = _service_call("kms:GenerateDataKey", subject, key, subject.trail.arn)
    of_service = Strangers(policy, concerning(policy, plain), key.arn, budget)
    reader = _reader(subject, key, of_service.role, subject.locations[0].bucket_arn)
    of_others = Strangers(policy, concerning(policy, reader), key.arn, budget)
    service = _foreign_service(subject, key, of_service.account, "stranger.amazonaws.com")
    of_services = Strangers(policy, concerning(policy, service), key.arn, budget)
    questions: list[tuple[str, Strangers, Request, Iterable[_Call], tuple[str, ...]]] = [
        (FOREIGN_ENCRYPTION, of_service, plain, _foreign_encryptions(subject, key, of_service), _ENCRYPTION),
        ("CloudTrail", of_service, plain, _own_calls(subject, key, of_service), ADMINISTRATION),
        (_ANYBODY, of_others, reader, _foreign_callers(subject, key, of_others, budget), USE + ADMINISTRATION),
        (_SERVICES, of_services, service, _foreign_services(subject, key, of_services), USE + ADMINISTRATION),
    ]
    answers = {
        (who, action): decision
        for who, strangers, spare, calls, actions in questions
        for action, decision in _worst(strangers.policy, calls, spare, actions, budget).items()
    }
    return {**answers, **_of_named_services(subject, key, policy, of_service.account)}


def _unproven(subject: Subject, key: Key, policy: Policy) -> dict[str, str]:
    """The statements that cannot be proven closed to outsiders whom they do not name, with how to close each.

    If the budget does not suffice, it is exhausted, and these are all statements that could not be checked.
    """
    proof = Proof(policy, key.arn)
    remedies: dict[str, str] = {}
    for outsiders in _outsiders(subject, key):
        is_asked = subject.budget.spend(policy.weight[0] + len(outsiders.actions) * len(policy.statements))
        open_to = proof.open_to(outsiders) if is_asked else policy.statements
        remedies = {**{statement.label: outsiders.remedy for statement in open_to}, **remedies}
    return remedies


def _outsiders(subject: Subject, key: Key) -> Iterator[Outsiders]:
    """All kinds of callers from outside, with any encryption context: a key may encrypt more than logs."""
    reader = _reader(subject, key, f"arn:{key.arn.split(':')[1]}:iam::000000000000:role/stranger", key.arn)
    service = _service_call("kms:DescribeKey", subject, key, subject.trail.arn)
    of_principals, of_services = _context(reader, _OF_PRINCIPALS), _context(service, _OF_SERVICES)
    own = {**of_services, "aws:PrincipalServiceName": SERVICE}
    yield of_others(USE + ADMINISTRATION, of_principals)
    yield of_any_service(_OF_USERS, of_services)
    yield of_administrators(_OF_OWNERS, of_services)
    yield of_cloudtrail(_ENCRYPTION, own)
    yield of_cloudtrail_itself(ADMINISTRATION, own)


def _context(request: Request, names: Iterable[str]) -> Context:
    """The keys of a request that every such call carries alike, or does not carry."""
    carried = ((name, request.context.get(name)) for name in names)
    return {name: value if isinstance(value, str) else tuple(value) for name, value in carried if value is not None}


def _worst(
    policy: Policy, calls: Iterable[_Call], spare: Request, actions: Iterable[str], budget: Budget
) -> dict[str, Decision]:
    """The decision on each action that is nearest to an allow, over everything that a stranger could try.

    What could not be tried is open unless the action is allowed anyway; it is decided for the `spare` request. Without
    a statement that allows anything, nothing is open.
    """
    worst: dict[str, Decision] = {}
    if not any(each.effect == "Allow" for each in policy.statements):
        return worst
    for request, asked in chain(_unlike(policy, calls, budget), _rest(spare, actions, budget)):
        for action in asked:
            decision = decide(policy, request.asking(action), budget)
            if action not in worst or _severity(decision) < _severity(worst[action]):
                worst[action] = decision
    return worst


def _rest(spare: Request, actions: Iterable[str], budget: Budget) -> Iterator[_Call]:
    """One call with every action if the budget is exhausted."""
    if budget.is_exhausted:
        yield spare, tuple(actions)


def _unlike(policy: Policy, calls: Iterable[_Call], budget: Budget) -> Iterator[_Call]:
    """Those of the calls that statements may decide unlike all earlier ones."""
    lists = [names for each in policy.statements for names in (each.actions, each.resources) if names]
    is_by_name = any(has_variable(text) for names in lists for text in names.values)
    steps, searched = policy.weight
    seen: set[Hashable] = set()
    for request, actions in calls:
        if not budget.spend(steps + searched * request.longest // CHARACTERS):
            break
        kind: Hashable = object() if is_by_name else (actions, _kind(policy, request))
        if kind not in seen:
            seen.add(kind)
            yield request, actions


def _kind(policy: Policy, request: Request) -> Hashable:
    """What statements say about a request, apart from its action."""
    conditions = [condition for statement in policy.statements for condition in statement.conditions]
    answers = tuple(
        (each.holds(request.keys), request.keys.get(each.folded_key) is None, request.keys.perhaps(each.folded_key))
        for each in conditions
    )
    return answers, tuple(each.principals and each.principals.cover(request.caller) for each in policy.statements)


def _severity(decision: Decision) -> int:
    return SEVERITY.index(decision.outcome)


def _foreign_encryptions(subject: Subject, key: Key, strangers: Strangers) -> Iterator[_Call]:
    """CloudTrail's calls for foreign trails, whose accounts are in another organization or in none."""
    organizations = strangers.asked(strangers.organizations("Source"))
    for arn, organization in product(strangers.trails(), organizations):
        caller = _caller(key, arn.split(":")[4])
        call = _carrying(_service_call("kms:GenerateDataKey", subject, key, arn), {**caller, **organization})
        yield call, _ENCRYPTION


def _own_calls(subject: Subject, key: Key, strangers: Strangers) -> Iterator[_Call]:
    """CloudTrail's calls for the trail itself, with and without the trail in the encryption context."""
    for account in strangers.accounts():
        for action in ("kms:GenerateDataKey", "kms:DescribeKey"):
            request = _carrying(_service_call(action, subject, key, subject.trail.arn), _caller(key, account))
            yield _choosing(request, _OF_ADMINISTRATION), ADMINISTRATION


def _foreign_services(subject: Subject, key: Key, strangers: Strangers) -> Iterator[_Call]:
    """Calls that services make for a foreign account."""
    objects = _objects(subject, strangers.policy, subject.budget)
    of_log: Context = {TRAIL_KEY: subject.trail.arn, "kms:EncryptionContextKeys": ("aws:cloudtrail:arn", "aws:s3:arn")}
    for name in strangers.callers():
        request = _foreign_service(subject, key, strangers.account, name)
        yield from ((_carrying(request, {**of_log, OBJECT_KEY: file}), _OF_LOGS) for file in objects)
        yield request, _OF_OTHERS


def _of_named_services(subject: Subject, key: Key, policy: Policy, account: str) -> _Answers:
    """The administration by services that the policy names, which may use the key, for a foreign account."""
    names = {
        name
        for each in policy.statements
        if each.effect == "Allow" and each.principals and not each.principals.negated
        for name in each.principals.services
    }
    answers: _Answers = {}
    for name in sorted(names - {SERVICE}):
        request = _foreign_service(subject, key, account, name)
        concerned = concerning(policy, request)
        worst = _worst(concerned, [(request, _OF_OWNERS)], request, _OF_OWNERS, subject.budget)
        answers.update({(name, action): decision for action, decision in worst.items()})
    return answers


def _foreign_service(subject: Subject, key: Key, account: str, name: str) -> Request:
    """A call of a service other than CloudTrail for a foreign account."""
    arn = f"arn:{key.arn.split(':')[1]}:{name.partition('.')[0]}:{key.region}:{account}:stranger"
    call = _service_call("kms:DescribeKey", subject, key, subject.trail.arn)
    of_service: Context = {
        **_caller(key, account),
        "aws:PrincipalServiceName": name,
        "aws:PrincipalServiceNamesList": (name,),
        "aws:SourceAccount": account,
        "aws:SourceArn": arn,
        "aws:SourceOrgID": (),
        "aws:SourceOrgPaths": (),
    }
    return _choosing(replace(_carrying(call, of_service), principal=name), _OF_ANY_CALL)


def _service_call(action: str, subject: Subject, key: Key, trail_arn: str) -> Request:
    return service_request(action, trail_arn=trail_arn, key_arn=key.arn, known=subject.known)


def _caller(key: Key, account: str) -> dict[str, str]:
    """The account of a service's call.

    AWS does not say what it is here, and recommends statements that rely on its being foreign.
    """
    arn = f"arn:{key.arn.split(':')[1]}:iam::{account}:role/stranger"
    return {"kms:CallerAccount": account, "aws:PrincipalAccount": account, "aws:PrincipalArn": arn}


def _foreign_callers(subject: Subject, key: Key, strangers: Strangers, budget: Budget) -> Iterator[_Call]:
    """Calls of strangers, who are in an organization of their own or in none, through services and directly.

    To decrypt the logs they repeat CloudTrail's encryption context. The parameters of all other calls are theirs.
    """
    objects = _objects(subject, strangers.policy, budget)
    through: list[Context] = [{}, *({"kms:ViaService": service} for service in strangers.services())]
    organizations = strangers.asked(strangers.organizations("Principal"))
    ways = strangers.asked([*through, _DIRECTLY, _WITHOUT_LOGS])
    for name in strangers.principals():
        readers = [_reader(subject, key, name, file) for file in objects]
        other = _choosing(readers[0], _OF_ANY_CALL)
        for organization, way in product(organizations, ways):
            carried = {**organization, **way}
            of_logs = readers if way is not _WITHOUT_LOGS else ()
            yield from ((_carrying(reader, carried), _OF_LOGS) for reader in of_logs)
            yield _carrying(other, carried), _OF_OTHERS


def _objects(subject: Subject, policy: Policy, budget: Budget) -> list[str]:
    """What logs and digests are encrypted with, as far as the policy distinguishes it.

    The present setting of the bucket does not matter: the stranger wants all logs, with an S3 Bucket Key or without.
    """
    files = [folder.file for each in subject.locations for folder in chain(each.logs(), each.digests())]
    groups = told_apart(policy, OBJECT_KEY, [subject.locations[0].bucket_arn, *files], budget)
    return [group[0] for group in groups]


def _reader(subject: Subject, key: Key, name: str, object_arn: str) -> Request:
    return reader_request(
        name,
        trail_arn=subject.trail.arn,
        key_arn=key.arn,
        object_arn=object_arn,
        bucket_region=key.region,
        identity_allows=True,
        known=subject.known,
    )


def _carrying(request: Request, context: Context) -> Request:
    """The request with more in its context; these keys are known now."""
    return replace(request, context={**request.context, **context}, unknown_keys=request.unknown_keys - context.keys())


def _choosing(request: Request, keys: frozenset[str]) -> Request:
    """The request with some keys unknown, because the caller chooses their values."""
    begins = tuple(key.rstrip("*").lower() for key in keys)
    context = {key: value for key, value in request.context.items() if not key.lower().startswith(begins)}
    return replace(request, context=context, unknown_keys=request.unknown_keys | keys)
