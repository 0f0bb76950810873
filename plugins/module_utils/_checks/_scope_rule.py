# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that a key is open to nobody but CloudTrail, for the trails it should serve, and to the account's own.

It is tested by asking: for a trail of a foreign account, for CloudTrail as an administrator, and for a stranger.
What strangers choose themselves (account, role, trail name, region, the service they go through) is chosen
against the policy: where one of its conditions has a pattern, the stranger takes a name that fits it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain, count, islice, product

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._policy_rules import key_and_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import (
    Result,
    Subject,
    unreadable,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import TRAIL_ARN, Key, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import (
    STEPS_OF_A_REQUEST,
    Budget,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._context_facts import OBJECT_KEY
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import (
    Decision,
    concerning,
    decide,
    told_apart,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import Policy, to_json
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    reader_request,
    service_request,
)

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
# Every account that a text mentions, also in longer numbers.
_TWELVE_DIGITS = re.compile(r"(?=([0-9]{12}))")
_ACCOUNT = re.compile(r"[0-9]{12}")
_CALLERS = ("kms:CallerAccount", "aws:PrincipalAccount")
_OF_THE_CALLER = re.compile(r"\$\{(?:kms:CallerAccount|aws:PrincipalAccount)\}", re.IGNORECASE)
_ROLE_OR_USER = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/[\w+=,.@/-]+", re.ASCII)
_ANY_PATH = re.compile(r"[^/]*[*][^/]*(/((r|ou)-)?[*])*/?")
FOREIGN_ORGANIZATION = "o-0000000000"
# A foreign trail is one of an account of another organization, or of none.
_FOREIGN_ORGANIZATIONS: tuple[Mapping[str, str | tuple[str, ...]], ...] = (
    {"aws:SourceOrgID": FOREIGN_ORGANIZATION, "aws:SourceOrgPaths": f"{FOREIGN_ORGANIZATION}/"},
    {"aws:SourceOrgID": (), "aws:SourceOrgPaths": ()},
)
ARN_PARTS = 6
# Characters of the longest ARN (IAM API reference, arnType).
ARN_LENGTH = 2048
# How many actions a message names; the evidence has them all.
SHOWN = 3
# Nearest to an allow first.
SEVERITY = (Outcome.ALLOWED, Outcome.INDETERMINATE, Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY)
FOREIGN_ENCRYPTION = "a trail of another account can encrypt"


def key_policy_is_scoped(subject: Subject) -> Result:
    """No foreign trail can encrypt under the key, the service can only use it, and it is not open to the public.

    The forms that AWS recommends pass: Decrypt and DescribeKey for the service without conditions, and
    everybody narrowed by kms:CallerAccount.
    """
    found = key_and_policy(subject)
    if isinstance(found, Result):
        return found
    key, policy = found
    answers = _answers(subject, key, policy)
    open_to = {name: decision for name, decision in answers.items() if decision.outcome is Outcome.ALLOWED}
    unclear = {name: decision for name, decision in answers.items() if decision.outcome is Outcome.INDETERMINATE}
    if open_to:
        labels = ", ".join(sorted({s.label for decision in open_to.values() for s in decision.statements}))
        return Result(
            "fail",
            f"The key policy reaches further than this trail: {_listed(open_to)} ({labels}).",
            f"Narrow {labels} of {key.arn}: for CloudTrail by aws:SourceArn and "
            "kms:EncryptionContext:aws:cloudtrail:arn, for others by kms:CallerAccount.",
            {"allowed": list(open_to)},
        )
    if unclear:
        decision = next(iter(unclear.values()))
        message = f"It cannot be told whether {_listed(unclear)}. {decision.reason}"
        return Result("unknown", message, decision.advice, {"unclear": list(unclear)})
    # Where this rule is advice, the second policy is not asked for its sake.
    is_required = subject.settings.levels.get("key_policy_is_scoped") == "required"
    if is_required and isinstance(key.ram_policy, ReadError):
        return unreadable("Whom the second policy of the key, AWS_RAM, lets in", key.ram_policy)
    return Result("pass", "The key policy admits CloudTrail for the trails it names, and no stranger.")


def _listed(names: Iterable[str]) -> str:
    """The answers as one list: the actions of one principal after it."""
    grouped: dict[str, list[str]] = {}
    for name in names:
        who, _may, action = name.partition(" may ")
        grouped.setdefault(who, []).extend([action] if action else [])
    return "; ".join(f"{who} may {_few(actions)}" if actions else who for who, actions in grouped.items())


def _few(actions: list[str]) -> str:
    more = len(actions) - SHOWN
    return ", ".join(actions[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _answers(subject: Subject, key: Key, policy: Policy) -> dict[str, Decision]:
    """Of everything that should be refused, the worst answer that the policy gives."""
    stranger = _stranger(policy)
    # AWS does not say what a service's call carries here, and recommends statements that trust it to be foreign.
    foreign = {
        "kms:CallerAccount": stranger,
        "aws:PrincipalAccount": stranger,
        "aws:PrincipalArn": f"arn:{key.arn.split(':')[1]}:iam::{stranger}:role/stranger",
    }
    own = _carrying(_encryption(subject, key, subject.trail.arn), foreign)
    trails = (
        _carrying(_encryption(subject, key, arn), {**foreign, **organization})
        for arn in _foreign_trails(policy, key, stranger)
        for organization in _FOREIGN_ORGANIZATIONS
    )
    budget = Budget()
    asked: list[tuple[str, Iterable[Request], tuple[str, ...]]] = [
        (FOREIGN_ENCRYPTION, trails, ("kms:GenerateDataKey",)),
        ("CloudTrail may {}", (own,), ADMINISTRATION),
        ("any other account may {}", _foreign_readers(subject, policy, key, stranger, budget), USE + ADMINISTRATION),
    ]
    return {
        name.format(action): decision
        for name, requests, actions in asked
        for action, decision in _worst(policy, requests, actions, budget).items()
    }


def _encryption(subject: Subject, key: Key, trail_arn: str) -> Request:
    return service_request("kms:GenerateDataKey", trail_arn=trail_arn, key_arn=key.arn, known=subject.known)


def _stranger(policy: Policy) -> str:
    """An account that stands for "anybody else": the first that the policy does not mention, in whatever spelling."""
    mentioned = set(_TWELVE_DIGITS.findall(to_json([each.document for each in policy.statements])))
    numbers = (f"{number:012}" for number in chain((0, 999_999_999_999), count(1)))
    return next(number for number in numbers if number not in mentioned)


def _worst(policy: Policy, requests: Iterable[Request], actions: Iterable[str], budget: Budget) -> dict[str, Decision]:
    """Of each action the decision that is nearest to an allow, over all that a stranger could try.

    What could not be tried any more is open of every action that is not allowed anyway.
    """
    worst: dict[str, Decision] = {}
    for request in requests:
        is_last = not budget.spend(len(policy.statements) + STEPS_OF_A_REQUEST)
        # What speaks of the principal is the same for every action.
        narrowed = concerning(policy, request)
        for action in actions:
            decision = decide(narrowed, request.asking(action), budget)
            if action not in worst or _severity(decision) < _severity(worst[action]):
                worst[action] = decision
        if is_last:
            break
    return worst


def _severity(decision: Decision) -> int:
    return SEVERITY.index(decision.outcome)


def _foreign_trails(policy: Policy, key: Key, stranger: str) -> Iterator[str]:
    partition = key.arn.split(":")[1]
    own = f"arn:{partition}:cloudtrail:{key.region}:{stranger}:trail/stranger"
    yield own
    for pattern in _values(policy, "aws:SourceArn", "kms:EncryptionContext:aws:cloudtrail:arn"):
        yield from _fitting(pattern, own, TRAIL_ARN)
    for pattern in _values(policy, "aws:SourceAccount"):
        if not pattern.isdigit():
            yield f"arn:{partition}:cloudtrail:{key.region}:{_account(pattern, stranger)}:trail/stranger"


def _foreign_readers(subject: Subject, policy: Policy, key: Key, stranger: str, budget: Budget) -> Iterator[Request]:
    partition = key.arn.split(":")[1]
    own = f"arn:{partition}:iam::{stranger}:role/stranger"
    fitting = {_account(pattern, stranger): pattern for pattern in _values(policy, *_CALLERS)}
    accounts = (each for each, pattern in fitting.items() if _ACCOUNT.fullmatch(each) and each not in pattern)
    names = [own, *(own.replace(stranger, each) for each in accounts)]
    names += [arn for pattern in _values(policy, "aws:PrincipalArn") for arn in _fitting(pattern, own, _ROLE_OR_USER)]
    services = [_instance(pattern) for pattern in _values(policy, "kms:ViaService")]
    # Whatever the bucket uses now: an S3 Bucket Key may come and go, and the stranger is after all logs.
    files = [file for each in subject.locations for file in each.encryption_contexts(bucket_key=False)]
    objects = told_apart(policy, OBJECT_KEY, [subject.locations[0].bucket_arn, *files], budget)
    for name, group, path in product(dict.fromkeys(names), objects, _foreign_paths(policy)):
        request = reader_request(
            name,
            trail_arn=subject.trail.arn,
            key_arn=key.arn,
            object_arn=group[0],
            bucket_region=key.region,
            identity_allows=True,
            known=subject.known,
        )
        # A stranger is in an organization of its own, or in none: no condition on ours can let it in.
        organization = {"aws:PrincipalOrgID": path.partition("/")[0], "aws:PrincipalOrgPaths": path}
        request = _carrying(request, organization)
        yield request
        yield from (_carrying(request, {"kms:ViaService": service}) for service in services)


def _foreign_paths(policy: Policy) -> list[str]:
    """Paths of foreign organizations, such as fit patterns that name neither an organization nor an OU in full."""
    patterns = _values(policy, "aws:PrincipalOrgID", "aws:PrincipalOrgPaths")
    fitting = (_instance(each) for each in patterns if _ANY_PATH.fullmatch(each))
    return list(dict.fromkeys(f"{path.rstrip('/')}/" for path in (FOREIGN_ORGANIZATION, *fitting)))


def _values(policy: Policy, *names: str) -> list[str]:
    """The values that any condition of the policy compares one of these keys with, each once."""
    folded = {name.lower() for name in names}
    conditions = (condition for statement in policy.statements for condition in statement.conditions)
    return list(dict.fromkeys(v for each in conditions if each.folded_key in folded for v in each.values))


def _fitting(pattern: str, like: str, form: re.Pattern[str]) -> Iterator[str]:
    """An ARN of a foreign account that fits the pattern; none where the pattern names its account in full.

    Nor is there one for a pattern that only texts fit which are longer than ARNs are. `like` is an ARN of the stranger,
    and `form` that of its kind.
    """
    stranger = like.split(":")[4]
    pattern = _OF_THE_CALLER.sub(stranger, pattern)
    parts = pattern.split(":", 5)
    if len(pattern.replace("*", "")) > ARN_LENGTH:
        return
    if len(parts) < ARN_PARTS:
        yield from _across_parts(pattern, like, form)
    elif parts[4] == stranger or not parts[4].isdigit():
        yield ":".join([*map(_instance, parts[:4]), _account(parts[4], stranger), _instance(parts[5])])


def _across_parts(pattern: str, like: str, form: re.Pattern[str]) -> Iterator[str]:
    """An ARN that fits a pattern of fewer parts, in which an asterisk of StringLike stands for several.

    It begins as the pattern does up to its first asterisk, goes on as `like` does, and ends as the pattern does.
    """
    begin, asterisk, rest = pattern.partition("*")
    begun = "".join(given if given != "?" else known for given, known in zip(begin, like, strict=False))
    whole, end = begun + like[len(begin) :], _instance(rest)
    found = (whole[:cut] + end for cut in range(len(begin), len(like) + 1)) if asterisk else ()
    yield from islice((arn for arn in found if form.fullmatch(arn) and arn.split(":")[4] not in pattern), 1)


def _account(pattern: str, stranger: str) -> str:
    """An account id that fits the pattern: the stranger's, or one that is made to fit."""
    if fnmatchcase(stranger, pattern):
        return stranger
    fixed = len(pattern.replace("*", ""))
    return pattern.replace("?", "0").replace("*", "0" * max(12 - fixed, 0), 1).replace("*", "")


def _instance(pattern: str) -> str:
    """A text that fits the pattern; names of trails have three characters at least."""
    return pattern.replace("*", "xxx").replace("?", "x")


def _carrying(request: Request, context: Mapping[str, str | tuple[str, ...]]) -> Request:
    """The request with more in its context, known now where it was unknown."""
    return replace(request, context={**request.context, **context}, unknown_keys=request.unknown_keys - context.keys())
