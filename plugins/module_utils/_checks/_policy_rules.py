# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on the key's policy: whether CloudTrail may use the key; and the result for any decision on a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from .._model import Key, ReadError
from .._policy import (
    OF_ACCOUNT,
    SERVICE,
    Budget,
    Decision,
    Outcome,
    Policy,
    PolicyError,
    Request,
    decide,
    is_open_alike,
    parse,
    service_request,
    statements_to_add,
    to_json,
)
from ._evidence import Evidence
from ._proof import settled
from ._subject import Result, Subject, foreign_key_options, unreadable, usable_key
from ._trail_rules import beside_delivery

# ListGrants tells of them; whom they let in, an enforcement would not see, so they are left out on purpose.
GRANTS = "Grants on the key, which could also allow it, are not read."
# Whether an enforcement adds it hangs on the other findings of the trail.
UNDECIDED = "(the enforce playbook adds it, unless only advice asks for it)"
# What a statement grants together (CloudTrail guide, "Configure AWS KMS key policies for CloudTrail").
_GRANTED = dict.fromkeys(("kms:GenerateDataKey", "kms:Decrypt"), "kms:GenerateDataKey* and kms:Decrypt")
_DESCRIBE_PAGES = (
    "This may do no harm: AWS's pages disagree on whether CloudTrail needs it. The CloudTrail guide lists it; the "
    "Control Tower guide calls kms:GenerateDataKey* and kms:Decrypt the minimum."
)


def key_policy_allows_encrypt(subject: Subject) -> Result:
    """CloudTrail may GenerateDataKey under the key for this trail; without it no log is delivered.

    A delivered log settles what the policy leaves open (option proof). It settles no other call: CloudTrail may deliver
    without DescribeKey, and calls Decrypt only with an S3 Bucket Key.
    """
    return beside_delivery(subject, _service_may(subject, "kms:GenerateDataKey", "encrypt logs under"))


def key_policy_allows_describe(subject: Subject) -> Result:
    """CloudTrail may DescribeKey. AWS's pages disagree whether it needs that.

    The CloudTrail guide ("Configure AWS KMS key policies for CloudTrail") lists it as needed. The Control Tower guide
    ("Optionally configure AWS KMS keys") calls GenerateDataKey* and Decrypt the minimum, and trails of landing zones
    deliver under keys without it.
    """
    result = _service_may(subject, "kms:DescribeKey", "describe")
    if result.status not in ("fail", "unknown"):
        return result
    return beside_delivery(subject, replace(result, message=f"{result.message} {_DESCRIBE_PAGES}"))


def key_policy_allows_decrypt(subject: Subject) -> Result:
    """CloudTrail may Decrypt: needed where the bucket uses an S3 Bucket Key, advice elsewhere.

    Source: CloudTrail guide, "Configure AWS KMS key policies for CloudTrail", on S3 Bucket Keys.
    """
    result = _service_may(subject, "kms:Decrypt", "decrypt under")
    if result.status not in ("fail", "unknown"):
        return result
    bucket_key = subject.bucket_key
    if isinstance(bucket_key, ReadError):
        what = f"{result.message} Whether that matters depends on the bucket's S3 Bucket Key, which"
        return replace(unreadable(what, bucket_key), statements=result.statements)
    return beside_delivery(subject, replace(result, advice=bucket_key is not True))


def remedy_for(decision: Decision, grant: str) -> str:
    """What to do if the outcome is open: no grant settles a Deny, a repeated name, or the length."""
    allows = {(statement.effect, statement.why_unclear) for statement in decision.statements} == {("Allow", ())}
    return grant if allows else decision.advice


def _service_may(subject: Subject, action: str, verb: str) -> Result:
    """Decide one action of CloudTrail on the trail's key."""
    read = key_and_policy(subject)
    if isinstance(read, Result):
        return read
    key, policy = read
    if key.manager != "CUSTOMER":
        # Their policies hang on kms:ViaService, of which AWS does not say what CloudTrail's calls carry.
        message = f"AWS does not document whether CloudTrail may {verb} a key that AWS manages."
        return Result(
            "unknown", message, f"Run the enforce playbook, or give the trail a customer managed key in {key.region}."
        )
    request = service_request(action, trail_arn=subject.trail.arn, key_arn=key.arn, known=subject.known)
    decision = decide(policy, request, subject.budget)
    result = as_result(
        policy,
        decision,
        f"CloudTrail may {verb} the key.",
        f"CloudTrail may not {verb} the key.",
        f"Add to the policy of {key.arn}: allow {SERVICE} {_GRANTED.get(action, action)}, condition aws:SourceArn = "
        f"{subject.trail.arn} {UNDECIDED}.",
        granting=() if decision.outcome is Outcome.ALLOWED else granting(policy, [request]),
    )
    if decision.outcome is Outcome.IMPLICIT_DENY:
        return but_for_others(key, result)
    # With an S3 Bucket Key a log may come under a key that S3 was given before the policy changed.
    is_shown = action == "kms:GenerateDataKey" and subject.bucket_key is False
    is_alike = is_shown and is_open_alike(policy, decision, request)
    return settled(subject, result, f"CloudTrail may {verb} the key.", by_use=True) if is_alike else result


def granting(policy: Policy, calls: Sequence[Request]) -> list[str]:
    """The statements that a key policy lacks to allow these calls, as JSON to copy."""
    return [to_json(each, indent=2) for each in statements_to_add(policy, calls)]


def but_for_others(key: Key, refused: Result) -> Result:
    """A result that the key policy does not allow something, and whether anything else that could was read."""
    if isinstance(key.ram_policy, ReadError):
        what = f"{refused.message} Whether the second policy of the key, AWS_RAM, allows it"
        return replace(unreadable(what, key.ram_policy), statements=refused.statements)
    return replace(refused, message=f"{refused.message} {GRANTS}")


def as_result(
    policy: Policy, decision: Decision, passed: str, failed: str, grant: str, *, granting: Sequence[str] = ()
) -> Result:
    """Turn a decision into a result: its reason says which statement and condition decided, `grant` what to add.

    `granting` are the statements of `grant` as JSON. The correction of a mistake in a statement comes before the grant,
    and no grant overrides a Deny.
    """
    labels = [statement.label for statement in decision.statements]
    evidence: Evidence = {
        "outcome": decision.outcome.name.lower(),
        "statements": labels,
        "reason": decision.reason,
        **({"warnings": list(policy.warnings)} if policy.warnings else {}),
    }
    if decision.outcome is Outcome.ALLOWED:
        return Result("pass", passed, "", evidence)
    if decision.outcome is Outcome.EXPLICIT_DENY:
        words = f"{failed} {decision.reason}"
        return Result("fail", words, decision.advice, evidence, statements=decision.named, is_denied=True)
    with_grant: Evidence = {**evidence, "statements_to_add": list(granting)} if granting else evidence
    if decision.outcome is Outcome.INDETERMINATE:
        message = f"It is unknown what AWS decides. {decision.reason}"
        remedy = remedy_for(decision, grant)
        granted = with_grant if remedy == grant else evidence
        return Result("unknown", message, remedy, granted, statements=decision.named)
    if decision.statements:
        grant = f"{decision.advice} Or {grant[0].lower()}{grant[1:]}"
    return Result("fail", f"{failed} {decision.reason}", grant, with_grant, statements=decision.named)


def key_and_policy(subject: Subject) -> tuple[Key, Policy] | Result:
    """Return the key and its parsed policy, or the result that says why they cannot be judged."""
    key = usable_key(subject)
    if isinstance(key, Result):
        return key
    if isinstance(key.policy, ReadError):
        return unreadable("The policy of the key", key.policy, foreign_key_options(subject, key.policy))
    texts = (text for text in (key.policy, key.ram_policy) if isinstance(text, str))
    policies = [parsed_within(subject.budget, text) for text in texts]
    first, *others = policies
    if isinstance(first, Result):
        return first
    second = others[0] if others else None
    if isinstance(second, Result):
        return second
    return key, _together(first, second) if second else first


@lru_cache(maxsize=64)
def _together(policy: Policy, ram_policy: Policy) -> Policy:
    """Both policies of a key as one, as KMS evaluates them (KMS guide, "Determining access to AWS KMS keys")."""
    others = (replace(each, label=f"{each.label} of AWS_RAM") for each in ram_policy.statements)
    undocumented = (*policy.undocumented, *ram_policy.undocumented)
    return replace(policy, statements=(*policy.statements, *others), undocumented=undocumented)


def parsed_within(budget: Budget, text: str) -> Policy | Result:
    """The parsed policy, or the result if no steps are left to judge it: then it is not read either."""
    return Result("unknown", *OF_ACCOUNT) if budget.is_of_account else parsed(text)


@lru_cache(maxsize=256)
def parsed(text: str) -> Policy | Result:
    """Parse a policy once for all rules and trails that share it."""
    try:
        return parse(text)
    except PolicyError as error:
        return Result("unknown", f"The policy cannot be understood: {error}", "Read the policy in AWS.")
