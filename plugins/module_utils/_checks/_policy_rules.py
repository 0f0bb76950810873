# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on policies: may CloudTrail use the key, may the readers, does the bucket accept what it encrypts."""

from __future__ import annotations

from collections.abc import Iterator
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
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Bucket,
    Key,
    Missing,
    Organization,
    ReadError,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import Decision, decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import (
    Policy,
    PolicyError,
    parse,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import has_unknown, readable
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    ANY_ORGANIZATION,
    delivery_requests,
    reader_request,
    service_request,
)

NO_POLICY = '{"Statement": []}'


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
    found = key_and_policy(subject)
    if isinstance(found, Result):
        return found
    key, policy = found
    budget = Budget.of(len(subject.settings.readers))
    decisions = {each: _reader_decision(subject, key, policy, each, budget) for each in subject.settings.readers}
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


def _reader_decision(subject: Subject, key: Key, policy: Policy, reader: str, budget: Budget) -> Decision:
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
    return decide(policy, request, budget)


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
            f"Allow {policy.iam_action} to the principal that asks; where the bucket belongs to another account, "
            "audit with its credentials, by bucket_assume_role."
        )
        return unreadable(f"The policy of the bucket {name}", policy, remedy)
    parsed = _parsed(NO_POLICY if policy is None else policy)
    if isinstance(parsed, Result):
        return parsed
    budget = Budget()
    if not subject.trail.organization_trail:
        return _accepts_all(subject, parsed, None, budget)
    return _accepts_organization(subject, parsed, budget)


def _accepts_organization(subject: Subject, parsed: Policy, budget: Budget) -> Result:
    """What is to be said of the folders of an organization trail.

    Of an organization that was not told only what holds for every id: a policy that is right for what it names says
    nothing of the trail's own.
    """
    if isinstance(subject.organization, Organization):
        return _accepts_all(subject, parsed, subject.organization.id, budget)
    results: list[Result] = []
    for each in ANY_ORGANIZATION:
        results.append(_accepts_all(subject, parsed, each, budget))
        if budget.is_exhausted:
            return results[-1]
    if {result.status for result in results} in ({"pass"}, {"fail"}):
        return results[0]
    return _of_unknown_organization(subject)


def _of_unknown_organization(subject: Subject) -> Result:
    """The result where it hangs on which organization the trail is of, and that was not told."""
    what = f"Which organization the trail {subject.trail.name} is of, and the bucket policy must name,"
    if isinstance(subject.organization, ReadError):
        return unreadable(what, subject.organization)
    return Result("unknown", f"{what} was not read.")


def _accepts_all(subject: Subject, policy: Policy, organization: str | None, budget: Budget) -> Result:
    """The worst that is to be said of a log file in any folder of the trail."""
    first: dict[str, Result] = {}
    for request in _deliveries(subject, organization):
        result = _accepts(subject, policy, request, budget)
        first.setdefault(result.status, result)
        if result.status == "fail" or budget.is_exhausted:
            break
    return next(first[status] for status in ("fail", "unknown", "pass") if status in first)


def _deliveries(subject: Subject, organization: str | None) -> Iterator[Request]:
    """A log file in every folder the trail delivers to."""
    trail = subject.trail
    return delivery_requests(
        trail_arn=trail.arn,
        key_arn=trail.kms_key_arn or "",
        bucket_name=trail.bucket_name,
        bucket_prefix=trail.bucket_prefix,
        regions=(subject.regions if trail.multi_region else ()) or (trail.home_region,),
        organization_id=organization,
    )


def _accepts(subject: Subject, policy: Policy, request: Request, budget: Budget) -> Result:
    name, folder = subject.trail.bucket_name, readable(request.resource).partition(":::")[2].rpartition("/20")[0]
    decision = decide(policy, request, budget)
    if decision.outcome is Outcome.INDETERMINATE and _hangs_on_ids(decision, request):
        below = folder.removeprefix(f"{name}/").rpartition("/CloudTrail/")[0].rpartition("/")[0]
        return _of_unknown_ids(subject, decision, below)
    return _as_result(
        policy,
        decision,
        f"The policy of the bucket {name} lets CloudTrail upload logs encrypted under this key.",
        f"The policy of the bucket {name} does not let CloudTrail upload logs encrypted under this key to {folder}.",
        f"Let the policy of the bucket {name} allow s3:PutObject to the service cloudtrail.amazonaws.com below "
        f"{folder.rpartition('/CloudTrail/')[0]}/ where aws:SourceArn is {subject.trail.arn}.",
    )


def _hangs_on_ids(decision: Decision, request: Request) -> bool:
    """Whether a statement leaves it open because nobody knows which ids the request's resource has."""
    resources = [each.resources for each in decision.statements if each.resources]
    return has_unknown(request.resource) and any(
        each.cover(request.resource, request.keys) is None for each in resources
    )


def _of_unknown_ids(subject: Subject, decision: Decision, below: str) -> Result:
    """The result where it hangs on which accounts are members of the organization."""
    name = subject.trail.bucket_name
    return Result(
        "unknown",
        f"The policy of the bucket {name} names accounts of the organization below {below}/. Whether logs of all of "
        "its accounts can be delivered, and of one that joins later, the trail does not tell.",
        _remedy(
            decision,
            f"Let the policy of the bucket {name} allow s3:PutObject to the service cloudtrail.amazonaws.com below "
            f"{below}/* where aws:SourceArn is {subject.trail.arn}.",
        ),
        {"outcome": decision.outcome.name.lower(), "reason": decision.reason},
    )


def _remedy(decision: Decision, grant: str) -> str:
    """What to do where the outcome is open: what a Deny leaves open, or the length of the policy, no grant settles."""
    allows = {statement.effect for statement in decision.statements} == {"Allow"}
    return grant if allows else decision.advice


def _service_may(subject: Subject, action: str, verb: str) -> Result:
    """Decide one action of CloudTrail on the trail's key."""
    found = key_and_policy(subject)
    if isinstance(found, Result):
        return found
    key, policy = found
    if key.manager != "CUSTOMER":
        # Their policies hang on kms:ViaService, of which AWS does not say what CloudTrail's calls carry.
        message = f"AWS does not document whether CloudTrail may {verb} a key that AWS manages."
        return Result("unknown", message, f"Give the trail a customer managed key in {key.region}.")
    return _as_result(
        policy,
        decide(policy, service_request(action, trail_arn=subject.trail.arn, key_arn=key.arn)),
        f"CloudTrail may {verb} the key.",
        f"CloudTrail may not {verb} the key.",
        f"Let the policy of {key.arn} allow {action} to the service cloudtrail.amazonaws.com where aws:SourceArn is "
        f"{subject.trail.arn}.",
    )


def _as_result(policy: Policy, decision: Decision, passed: str, failed: str, grant: str) -> Result:
    """Turn a decision into a result: its reason says which statement and condition decided, `grant` what to add."""
    labels = [statement.label for statement in decision.statements]
    evidence: dict[str, object] = {
        "outcome": decision.outcome.name.lower(),
        "statements": labels,
        "reason": decision.reason,
        **({"warnings": list(policy.warnings)} if policy.warnings else {}),
    }
    if decision.outcome is Outcome.ALLOWED:
        return Result("pass", passed, "", evidence)
    if decision.outcome is Outcome.INDETERMINATE:
        message = f"It cannot be told what AWS decides. {decision.reason}"
        return Result("unknown", message, _remedy(decision, grant), evidence)
    if decision.outcome is Outcome.EXPLICIT_DENY:
        grant = f"Exempt the service cloudtrail.amazonaws.com from {', '.join(labels)}, or remove it."
    return Result("fail", f"{failed} {decision.reason}", grant, evidence)


def key_and_policy(subject: Subject) -> tuple[Key, Policy] | Result:
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
        return Result("unknown", f"The policy cannot be understood: {error}", "Look at the policy in AWS.")
