# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that the bucket accepts what CloudTrail delivers: it may read the ACL, and put logs and digests there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import TypeAlias, cast

from .._model import Missing, Options, ReadError, TrailStatus
from .._policy import (
    ANY_ORGANIZATION,
    REGION_ACCOUNTS,
    SERVICE,
    Answer,
    Budget,
    Call,
    Decision,
    Delivery,
    Locations,
    MergeRefusedError,
    Outcome,
    Policy,
    acl_calls,
    answer,
    digest_calls,
    folder_of,
    hangs_on_ids,
    is_open_alike,
    log_calls,
    merge_bucket_policy,
    naming_accounts,
    of_accounts_alone,
    readable,
    spare_calls,
    to_json,
)
from ._evidence import Evidence
from ._policy_rules import as_result, parsed_within, remedy_for
from ._proof import settled, settling
from ._subject import NO_KEY, Result, Subject, unknown_organization, unreadable
from ._trail_rules import beside_delivery

NO_POLICY = '{"Statement": []}'
# CloudTrail writes a digest file every hour (CloudTrail guide, "Validating CloudTrail log file integrity"): within two
# hours the last one has shown that the bucket takes them.
FRESH = timedelta(hours=2)
_PAGES = (
    "AWS's pages disagree under what digest files are encrypted: under the trail's key by the API reference "
    '("UpdateTrail", KmsKeyId), with SSE-S3 by the user guide ("Security best practices in AWS CloudTrail")'
)
_Judge: TypeAlias = Callable[[Subject, Policy, Call, Sequence[Answer]], Result]
# The worst first: what fails or is open, before what is advice only.
_STATUSES = ("pass", "unknown", "fail")
_ORDER = (("fail", False), ("unknown", False), ("unknown", True), ("fail", True), ("pass", False))


def bucket_policy_accepts_key(subject: Subject) -> Result:
    """The bucket policy lets CloudTrail read the bucket's ACL and upload logs, encrypted under this key, and digests.

    A policy that insists on AES256, or on another key, stops delivery once the trail has a key.
    """
    if subject.trail.kms_key_arn is None:
        return NO_KEY
    name = subject.trail.bucket_name
    policy = policy_of(subject)
    if isinstance(policy, ReadError):
        remedy = f"Allow the caller {policy.iam_action}, or, if the bucket belongs to another account,"
        options: Options = ({"bucket_assume_role": "a role there"},)
        return unreadable(f"The policy of the bucket {name}", policy, options, remedy)
    if isinstance(policy, Result):
        return policy
    result = _of_every_organization(subject, policy, subject.budget)
    return beside_delivery(subject, _with_statements(subject, policy, result))


def _with_statements(subject: Subject, policy: Policy, result: Result) -> Result:
    """The result with the statements that the policy lacks, unless a Deny is the cause or the folders are unknown."""
    if result.status != "fail" or result.is_denied or len(subject.locations) != 1:
        return result
    delivery = Delivery(subject.locations[0], subject.trail.kms_key_arn or "")
    try:
        merged = merge_bucket_policy(policy.to_json(), delivery, tls_only=False, budget=subject.budget)
    except MergeRefusedError:
        return result
    present = [each.document for each in policy.statements]
    added = [to_json(each.document, indent=2) for each in (merged or policy).statements if each.document not in present]
    evidence: Evidence = {**cast("Evidence", result.evidence), "statements_to_add": added}
    return replace(result, evidence=evidence) if added else result


def policy_of(subject: Subject) -> Policy | Result | ReadError:
    """The parsed policy of a bucket, or why there is none."""
    if isinstance(subject.bucket, ReadError):
        return subject.bucket
    if isinstance(subject.bucket, Missing):
        name = subject.trail.bucket_name
        return Result("not_applicable", f"The bucket {name} does not exist; see trail_is_delivering.")
    policy = NO_POLICY if subject.bucket.policy is None else subject.bucket.policy
    return policy if isinstance(policy, ReadError) else parsed_within(subject.budget, policy)


def closed_spare_folder(subject: Subject) -> tuple[str, str] | None:
    """The folder of an organization trail's own account if the bucket policy takes no logs there, and how sure that is.

    No logs come there. But by one public report CreateTrail requires this folder as well, and UpdateTrail may too.
    """
    policy = policy_of(subject)
    if not isinstance(policy, Policy):
        return None
    return _closed_spare(policy, subject.locations[0], subject.trail.kms_key_arn or "", subject.budget)


def is_closed_without_key(subject: Subject) -> bool:
    """Whether the bucket policy stops, or may stop, what a trail delivers that has no key: logs or digests."""
    policy = policy_of(subject)
    if not isinstance(policy, Policy):
        return False
    places = subject.locations
    calls = ((*log_calls(each, None), *digest_calls(each, None), *acl_calls(policy, each)) for each in places)
    requests = ((request, call.region) for call in chain.from_iterable(calls) for request in call.requests)
    return any(answer(policy, *each, subject.budget).outcome is not Outcome.ALLOWED for each in requests)


def _of_every_organization(subject: Subject, policy: Policy, budget: Budget) -> Result:
    """The result for every organization that the trail may belong to.

    If the organization is unknown, a policy that is right for the organization it names says nothing about the trail's
    own.
    """
    results: list[Result] = []
    for locations in subject.locations:
        results.append(_judged(subject, policy, locations, budget))
        if budget.is_exhausted:
            return results[-1]
    standings = {(result.status, result.advice) for result in results}
    open_ = unknown_organization(subject, "which the bucket policy must name")
    if len(results) == 1 or (len(standings) == 1 and results[0].status != "unknown"):
        # Until the organization is told, what was added for it could not be judged.
        more = open_.remediation if readable(ANY_ORGANIZATION[0]) in results[0].remediation else ""
        return replace(results[0], remediation=" ".join(filter(None, [results[0].remediation, more])))
    return replace(open_, advice=all(result.advice or result.status == "pass" for result in results))


def _judged(subject: Subject, policy: Policy, locations: Locations, budget: Budget) -> Result:
    """The worst result for each kind of call; for digests only if the logs themselves arrive."""
    key_arn = subject.trail.kms_key_arn or ""
    of_log = partial(_of_first, what="upload logs encrypted under this key")
    of_acl = partial(_of_first, what="read the bucket's ACL, as it does before it delivers")
    logs = _worst_of(of_log, subject, policy, budget, log_calls(locations, key_arn))
    acl = _worst_of(of_acl, subject, policy, budget, acl_calls(policy, locations))
    if {logs.status, acl.status} != {"pass"}:
        return _joined([logs, acl])
    digests = _worst_of(_of_digest, subject, policy, budget, digest_calls(locations, key_arn))
    if digests.status != "pass":
        return digests
    notes = chain.from_iterable(note(policy, locations, key_arn, budget) for note in (_on_accounts, _on_spare_folder))
    return replace(logs, message=" ".join([logs.message, *notes]))


def _worst_of(judge: _Judge, subject: Subject, policy: Policy, budget: Budget, calls: Iterable[Call]) -> Result:
    """The worst result of these calls. Of calls that are decided alike, only the first is put into words."""
    first: dict[Hashable, Result] = {}
    for call in calls:
        answers = [answer(policy, request, call.region, budget) for request in call.requests]
        outcomes = tuple(each.outcome for each in answers)
        # Of what is open, a folder to which something was delivered is told from the others.
        is_open = Outcome.INDETERMINATE in outcomes
        alike = (outcomes, is_open and settling(subject, call.folder.path if call.folder else None))
        if alike not in first:
            first[alike] = judge(subject, policy, call, answers)
        if (first[alike].status, first[alike].advice) == _ORDER[0] or budget.is_exhausted:
            break
    return _worst([*first.values()] or [Result("pass", "")])


def _worst(results: Sequence[Result]) -> Result:
    return min(results, key=lambda result: _ORDER.index((result.status, result.advice)))


def _joined(results: list[Result]) -> Result:
    worst = _worst(results)
    same = [each for each in results if each.status == worst.status]
    return replace(
        worst,
        message=" ".join(dict.fromkeys(each.message for each in same)),
        remediation=" ".join(dict.fromkeys(each.remediation for each in same if each.remediation)),
        statements=tuple(dict.fromkeys(chain.from_iterable(each.statements for each in same))),
    )


def _of_first(subject: Subject, policy: Policy, call: Call, answers: Sequence[Answer], *, what: str) -> Result:
    return _of_request(subject, policy, call, answers[0], what)


def _of_digest(subject: Subject, policy: Policy, call: Call, answers: Sequence[Answer]) -> Result:
    """The result for one folder of digest files. Nobody can tell whether they come under the key or with SSE-S3."""
    results = [_of_request(subject, policy, call, each, "upload digest files") for each in answers]
    worst, best = _worst(results), min(results, key=lambda result: _STATUSES.index(result.status))
    if worst.status == best.status:
        return worst
    if best.status == "unknown":
        return best
    if _has_fresh_digest(subject):
        return best
    message = f"{worst.message} This may do no harm: {_PAGES}."
    remedy = f"{worst.remediation} Allow both encryptions below CloudTrail-Digest/."
    return replace(worst, message=message, remediation=remedy, advice=True)


def _has_fresh_digest(subject: Subject) -> bool:
    """Whether a digest file came lately. It shows the encryption of digests better than any page."""
    status = subject.trail.status
    if not isinstance(status, TrailStatus) or status.latest_digest_delivery_error:
        return False
    latest = status.latest_digest_delivery_time
    return latest is not None and subject.read_at - latest < FRESH


def _of_request(subject: Subject, policy: Policy, call: Call, found: Answer, what: str) -> Result:
    """The result for one form of a call, whose first request has its action and resource."""
    request = call.requests[0]
    name, folder = subject.trail.bucket_name, readable(folder_of(request.resource)) if call.folder else ""
    decision, passed = found.decision, f"The policy of the bucket {name} lets CloudTrail {what}."
    if decision.outcome is Outcome.IMPLICIT_DENY and not found.by_account:
        accounts = of_accounts_alone(policy, request)
        if accounts:
            return _not_of_this_region(subject, call, [each.label for each in accounts])
    if decision.outcome is Outcome.INDETERMINATE and any(hangs_on_ids(each, request) for each in decision.statements):
        return _of_unknown_ids(subject, decision, folder)
    result = as_result(
        policy,
        decision,
        passed,
        f"The policy of the bucket {name} does not let CloudTrail {what}{f' to {folder}' if folder else ''}.",
        f"Add to the policy of the bucket {name}: allow {SERVICE} {request.action} "
        f"{_below(subject, folder) if folder else f'on {request.resource}'}, condition aws:SourceArn = "
        f"{subject.trail.arn}.",
    )
    is_alike = not found.by_account and is_open_alike(policy, decision, request)
    return settled(subject, result, passed, call.folder.path if call.folder else None) if is_alike else result


def _below(subject: Subject, folder: str) -> str:
    """What a statement should cover, as on AWS's page; for an organization trail also its own account's folder.

    CreateTrail and UpdateTrail may require that one, see `closed_spare_folder`.
    """
    if not subject.trail.organization_trail:
        return f"below {_above(folder)}/"
    organization = _above(folder).rpartition("/")[0]
    return f"below {organization}/ and {organization.rpartition('/')[0]}/{subject.trail.account_id}/"


def _above(folder: str) -> str:
    """The folder of the account, above those of the kind of files and of the region."""
    return folder.rpartition("/CloudTrail")[0]


def _not_of_this_region(subject: Subject, call: Call, statements: Sequence[str]) -> Result:
    """The failure of a policy in the older form, with one account for each region, that has none for this region."""
    name, region, labels = subject.trail.bucket_name, call.region, ", ".join(statements)
    known = REGION_ACCOUNTS.get(region)
    why = f"not {known}, the one of {region}" if known else f"and for {region} CloudTrail has none"
    reason = f"The policy of the bucket {name} names CloudTrail accounts of single regions ({labels}), {why}."
    return Result(
        "fail",
        f"{reason} So no logs of {region} can be delivered.",
        f"In {labels}, replace these accounts by the service cloudtrail.amazonaws.com, which works in every region, "
        f"with the condition aws:SourceArn = {subject.trail.arn}.",
        {"outcome": Outcome.IMPLICIT_DENY.name.lower(), "statements": [], "reason": reason},
        statements=tuple(statements),
    )


def _of_unknown_ids(subject: Subject, decision: Decision, folder: str) -> Result:
    """The result if it depends on which accounts are members of the organization."""
    name = subject.trail.bucket_name
    below = _above(folder).rpartition("/")[0].removeprefix(f"{name}/")
    return Result(
        "unknown",
        f"The policy of the bucket {name} names accounts of the organization below {below}/. It is unknown whether "
        "the logs of all its accounts, and of accounts that join later, can be delivered.",
        remedy_for(
            decision,
            f"Add to the policy of the bucket {name}: allow {SERVICE} s3:PutObject {_below(subject, folder)}, "
            f"condition aws:SourceArn = {subject.trail.arn}.",
        ),
        {"outcome": decision.outcome.name.lower(), "reason": decision.reason},
    )


def _on_accounts(policy: Policy, locations: Locations, key_arn: str, budget: Budget) -> Iterator[str]:
    """The note that it works only by the accounts of the older form, if so."""
    labels = ", ".join(each.label for each in naming_accounts(policy))
    calls = (*acl_calls(policy, locations), *log_calls(locations, key_arn)) if labels else ()
    if any(answer(policy, call.requests[0], call.region, budget).by_account for call in calls):
        yield (
            f"It does so through CloudTrail accounts of single regions ({labels}), which new regions do not have: "
            "name the service cloudtrail.amazonaws.com instead."
        )


def _on_spare_folder(policy: Policy, locations: Locations, key_arn: str, budget: Budget) -> Iterator[str]:
    """The note that the folder of an organization trail's own account is closed, if so; no log comes there."""
    closed = _closed_spare(policy, locations, key_arn, budget)
    if closed:
        folder, does_not = closed
        yield (
            f"It {does_not} allow uploads below {folder}/. An organization trail writes nothing there, but CreateTrail "
            "and UpdateTrail may still check it."
        )


def _closed_spare(policy: Policy, locations: Locations, key_arn: str, budget: Budget) -> tuple[str, str] | None:
    """The folder of an organization trail's own account if it is, or may be, closed, and the verb that says which."""
    open_ = None
    for call in spare_calls(locations, key_arn):
        outcome = answer(policy, call.requests[0], call.region, budget).outcome
        if budget.is_exhausted:
            return None
        if call.folder and outcome in (Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY):
            return _above(call.folder.path), "does not"
        if call.folder and outcome is Outcome.INDETERMINATE:
            open_ = _above(call.folder.path), "may not"
    return open_
