# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on policies: may CloudTrail use the key, may the readers, may nobody else, does the bucket accept it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import (
    NO_KEY,
    Result,
    Subject,
    foreign_key_remedy,
    unreadable,
    usable_key,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Bucket, Key, Missing, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    Decision,
    Outcome,
    Policy,
    PolicyError,
    Request,
    decide,
    delivery_request,
    parse,
    reader_request,
    service_request,
)

# What CloudTrail never needs (CloudTrail guide, "Configure AWS KMS key policies for CloudTrail", names only
# GenerateDataKey*, Decrypt and DescribeKey), and what would hand the key over.
ADMINISTRATIVE_ACTIONS = ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:CreateGrant")
# Accounts that stand for "anybody else": the first that a policy does not mention is the stranger.
STRANGERS = ("000000000000", "999999999999", "888888888888")


def key_policy_allows_encrypt(subject: Subject) -> Result:
    """CloudTrail may GenerateDataKey under the key for this trail; without it no log is delivered."""
    return _service_may(subject, "kms:GenerateDataKey", "encrypt logs under")


def key_policy_allows_describe(subject: Subject) -> Result:
    """CloudTrail may DescribeKey, which it does before it uses a key (CloudTrail guide, key policy page)."""
    return _service_may(subject, "kms:DescribeKey", "describe")


def key_policy_allows_decrypt(subject: Subject) -> Result:
    """CloudTrail may Decrypt: needed where the bucket uses an S3 Bucket Key, advice elsewhere.

    Source: CloudTrail guide, "Configure AWS KMS key policies for CloudTrail", on S3 Bucket Keys.
    """
    result = _service_may(subject, "kms:Decrypt", "decrypt under")
    if result.status not in ("fail", "unknown"):
        return result
    bucket_key = subject.bucket.bucket_key_enabled if isinstance(subject.bucket, Bucket) else subject.bucket
    if isinstance(bucket_key, ReadError):
        return unreadable(
            f"{result.message} Whether that matters depends on the bucket's S3 Bucket Key, which", bucket_key
        )
    return replace(result, advice=bucket_key is not True)


def readers_can_decrypt(subject: Subject) -> Result:
    """Every reader may decrypt this trail's logs, by what the key policy says."""
    if not subject.settings.readers:
        return Result("not_applicable", "No readers are given.")
    found = _key_and_policy(subject)
    if isinstance(found, Result):
        return found
    key, policy = found
    decisions = {reader: _reader_decision(subject, key, policy, reader) for reader in subject.settings.readers}
    foreign = [reader for reader in decisions if reader.split(":")[4] != key.arn.split(":")[4]]
    evidence = {reader: {"outcome": d.outcome.name.lower(), "reason": d.reason} for reader, d in decisions.items()}
    denied = [r for r, d in decisions.items() if d.outcome in (Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY)]
    unclear = [r for r, d in decisions.items() if d.outcome is Outcome.INDETERMINATE]
    if denied:
        return Result(
            "fail",
            " ".join(f"{reader} may not decrypt the logs: {decisions[reader].reason}" for reader in denied),
            f"Let the policy of {key.arn} allow kms:Decrypt to {', '.join(denied)}.",
            evidence,
        )
    if unclear:
        return Result(
            "unknown",
            " ".join(f"Whether {reader} may decrypt is open: {decisions[reader].reason}" for reader in unclear),
            f"Name {', '.join(unclear)} in the policy of {key.arn} with kms:Decrypt, so that it can be proven.",
            evidence,
        )
    also = f" In their own accounts IAM must allow it too: {', '.join(foreign)}." if foreign else ""
    return Result("pass", f"The key policy lets every reader decrypt.{also}", "", evidence)


def _reader_decision(subject: Subject, key: Key, policy: Policy, reader: str) -> Decision:
    """Decide a reader's Decrypt. Of a foreign reader the key policy can only tell its own half."""
    foreign = reader.split(":")[4] != key.arn.split(":")[4]
    request = reader_request(
        reader,
        trail_arn=subject.trail.arn,
        key_arn=key.arn,
        bucket_name=subject.trail.bucket_name,
        bucket_region=subject.bucket.region if isinstance(subject.bucket, Bucket) else key.region,
        identity_allows=True if foreign else None,
    )
    return decide(policy, request)


def key_policy_is_scoped(subject: Subject) -> Result:
    """No foreign trail can encrypt under the key, the service can only use it, and it is not open to the public.

    The forms that AWS recommends pass: Decrypt and DescribeKey for the service without conditions, and
    everybody narrowed by kms:CallerAccount.
    """
    found = _key_and_policy(subject)
    if isinstance(found, Result):
        return found
    key, policy = found
    probes = _scope_probes(subject, key, policy)
    evidence = {name: {"outcome": d.outcome.name.lower(), "reason": d.reason} for name, d in probes.items()}
    open_to = [name for name, decision in probes.items() if decision.outcome is Outcome.ALLOWED]
    if open_to:
        labels = sorted({s.label for name in open_to for s in probes[name].statements})
        return Result(
            "fail",
            f"The key policy reaches further than this trail: {'; '.join(open_to)} ({', '.join(labels)}).",
            f"Narrow {', '.join(labels)} of {key.arn}: for CloudTrail by aws:SourceArn and "
            "kms:EncryptionContext:aws:cloudtrail:arn, for others by kms:CallerAccount.",
            evidence,
        )
    unclear = [name for name, decision in probes.items() if decision.outcome is Outcome.INDETERMINATE]
    if unclear:
        reasons = " ".join(probes[name].reason for name in unclear)
        return Result("unknown", f"Whether the key policy is narrow enough is open: {reasons}", "", evidence)
    return Result("pass", "The key policy admits CloudTrail for the trails it names, and no stranger.", "", evidence)


def _scope_probes(subject: Subject, key: Key, policy: Policy) -> dict[str, Decision]:
    """Ask, for everything that should be refused, whether the policy allows it."""
    text = key.policy if isinstance(key.policy, str) else ""
    stranger = next((account for account in STRANGERS if account not in text), STRANGERS[0])
    # AWS does not say what a service's call carries here, and recommends statements that trust it to be foreign.
    foreign = {"kms:CallerAccount": stranger}
    own = _carrying(service_request("kms:GenerateDataKey", trail_arn=subject.trail.arn, key_arn=key.arn), foreign)
    partition, region = key.arn.split(":")[1], key.region
    trail_arn = f"arn:{partition}:cloudtrail:{region}:{stranger}:trail/stranger"
    trail = _carrying(service_request("kms:GenerateDataKey", trail_arn=trail_arn, key_arn=key.arn), foreign)
    anybody = reader_request(
        f"arn:{partition}:iam::{stranger}:role/stranger",
        trail_arn=subject.trail.arn,
        key_arn=key.arn,
        bucket_name=subject.trail.bucket_name,
        bucket_region=region,
        identity_allows=True,
    )
    # A stranger is in an organization of its own, or in none: no condition on ours can let it in.
    anybody = _carrying(anybody, {"aws:PrincipalOrgID": "o-0000000000"})
    return {
        "a trail of any other account can encrypt": decide(policy, trail),
        **{f"CloudTrail may {do}": decide(policy, replace(own, action=do)) for do in ADMINISTRATIVE_ACTIONS},
        **{
            f"any other account may {do}": decide(policy, replace(anybody, action=do))
            for do in ("kms:Decrypt", *ADMINISTRATIVE_ACTIONS)
        },
    }


def _carrying(request: Request, context: dict[str, str]) -> Request:
    """The request with more in its context, known now where it was unknown."""
    return replace(request, context={**request.context, **context}, unknown_keys=request.unknown_keys - context.keys())


def bucket_policy_accepts_key(subject: Subject) -> Result:
    """The bucket policy lets CloudTrail upload logs encrypted under this key.

    A policy that insists on AES256, or on another key, stops delivery once the trail has a key.
    """
    if subject.trail.kms_key_arn is None:
        return NO_KEY
    name = subject.trail.bucket_name
    if isinstance(subject.bucket, Missing):
        return Result("not_applicable", f"The bucket {name} does not exist; see trail_is_delivering.")
    policy = subject.bucket if isinstance(subject.bucket, ReadError) else subject.bucket.policy
    if isinstance(policy, ReadError):
        remedy = (
            f"Allow {policy.iam_action} to the principal that audits; where the bucket belongs to another account, "
            "audit with its credentials, by bucket_assume_role."
        )
        return unreadable(f"The policy of the bucket {name}", policy, remedy)
    parsed = _parsed(policy or '{"Statement": []}')
    if isinstance(parsed, Result):
        return parsed
    request = delivery_request(
        trail_arn=subject.trail.arn,
        key_arn=subject.trail.kms_key_arn,
        bucket_name=name,
        bucket_prefix=subject.trail.bucket_prefix,
    )
    return _as_result(
        decide(parsed, request),
        f"The policy of the bucket {name} lets CloudTrail upload logs encrypted under this key.",
        f"The policy of the bucket {name} does not let CloudTrail upload logs encrypted under this key.",
        f"Let the policy of the bucket {name} allow s3:PutObject to the service cloudtrail.amazonaws.com below "
        f"{request.resource.partition('/CloudTrail/')[0]}/ where aws:SourceArn is {subject.trail.arn}.",
    )


def _service_may(subject: Subject, action: str, verb: str) -> Result:
    """Decide one action of CloudTrail on the trail's key."""
    found = _key_and_policy(subject)
    if isinstance(found, Result):
        return found
    key, policy = found
    if key.manager != "CUSTOMER":
        # Their policies hang on kms:ViaService, of which AWS does not say what CloudTrail's calls carry.
        message = f"AWS does not document whether CloudTrail may {verb} a key that AWS manages."
        return Result("unknown", message, f"Give the trail a customer managed key in {key.region}.")
    return _as_result(
        decide(policy, service_request(action, trail_arn=subject.trail.arn, key_arn=key.arn)),
        f"CloudTrail may {verb} the key.",
        f"CloudTrail may not {verb} the key.",
        f"Let the policy of {key.arn} allow {action} to the service cloudtrail.amazonaws.com where aws:SourceArn is "
        f"{subject.trail.arn}.",
    )


def _as_result(decision: Decision, passed: str, failed: str, grant: str) -> Result:
    """Turn a decision into a result: its reason says which statement and condition decided, `grant` what to add."""
    labels = [statement.label for statement in decision.statements]
    evidence = {"outcome": decision.outcome.name.lower(), "statements": labels, "reason": decision.reason}
    if decision.outcome is Outcome.ALLOWED:
        return Result("pass", passed, "", evidence)
    if decision.outcome is Outcome.INDETERMINATE:
        return Result("unknown", f"It cannot be told what AWS decides. {decision.reason}", grant, evidence)
    if decision.outcome is Outcome.EXPLICIT_DENY:
        grant = f"Exempt the service cloudtrail.amazonaws.com from {', '.join(labels)}, or remove it."
    return Result("fail", f"{failed} {decision.reason}", grant, evidence)


def _key_and_policy(subject: Subject) -> tuple[Key, Policy] | Result:
    """Return the key and its parsed policy, or the result that says why they cannot be judged."""
    key = usable_key(subject)
    if isinstance(key, Result):
        return key
    if isinstance(key.policy, ReadError):
        return unreadable("The policy of the key", key.policy, foreign_key_remedy(subject, key.policy))
    policy = _parsed(key.policy)
    return policy if isinstance(policy, Result) else (key, policy)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Policy | Result:
    """Parse a policy once for all rules and trails that share it."""
    try:
        return parse(text)
    except PolicyError as error:
        return Result("unknown", f"The policy cannot be understood: {error}.", "Look at the policy in AWS.")
