# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whether a key gets its earlier policy back: the present one is still ours, and no trail needs it."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from .._checks import Settings, TrailVerdict, assess
from .._model import Finding, Key, Missing, ReadError, Reason, Replaced, Snapshot, Trail
from .._policy import (
    Policy,
    PolicyError,
    Statement,
    beyond,
    is_ours,
    listing,
    meaning,
    parse,
    same_policy,
    to_json,
    validate,
)
from ._unseen import in_all_regions
from ._writable import why_not_writable

KeyFact: TypeAlias = Key | Missing | ReadError
# What was read of accounts, by their ids.
Seen: TypeAlias = Mapping[str, Snapshot]
# A trail or a pattern of trails in a policy, and its account.
_TRAILS = re.compile(r'arn:[^":]+:cloudtrail:[^":]*:([^":]*):trail/[^"]*')
# Of these a trail that moves back must be sure, whatever it failed on the key that it leaves.
NEEDED_OF_A_KEY = ("key_is_usable", "key_in_bucket_region", "key_policy_allows_encrypt")
# Without these a trail delivers nothing. What else a restored trail fails, it failed before; the verdict says so.
NEEDED_TO_DELIVER = (*NEEDED_OF_A_KEY, "key_policy_allows_decrypt", "bucket_policy_accepts_key")
_ROW = "its entry from key_policies"
_BY_HAND = "To put it back all the same, set it by hand."
# A restore has written more before than after.
_WHOSE_FILE = "If a restore wrote the file, run the enforcement instead; otherwise use the file as it was written"


def concerned(row: Replaced, seen: Seen) -> frozenset[str]:
    """Return the accounts whose trails may need what is removed.

    These are the key's own, those of the trails that are named no more, and those of the trails that have the key.
    """
    gone = _trails(row.after) - _trails(str(row.before))
    using = {account for account, trail in trails_of(seen) if trail.kms_key_arn == row.arn}
    return frozenset({row.arn.split(":")[4]} | {account for _arn, account in gone} | using)


def _trails(policy: str) -> set[tuple[str, str]]:
    """Return the trails that a policy names, with their accounts."""
    try:
        text = to_json(parse(policy).document)
    except PolicyError:
        return set()
    return {(match[0], match[1]) for match in _TRAILS.finditer(text)}


def trails_of(seen: Seen) -> Iterator[tuple[str, Trail]]:
    """Yield the trails, each once, with the account that knows it best: its owner, else one that it is delegated to."""
    known: dict[str, tuple[str, Trail]] = {}
    rank = ("owned", "delegated", "inherited")
    for account, snapshot in sorted(seen.items()):
        for trail in snapshot.trails:
            earlier = known.get(trail.arn)
            if earlier is None or rank.index(trail.ownership) < rank.index(earlier[1].ownership):
                known[trail.arn] = (account, trail)
    yield from known.values()


def is_back(row: Replaced, key: KeyFact) -> bool:
    """Return whether the key has the policy that it had."""
    policy = key.policy if isinstance(key, Key) else None
    return isinstance(policy, str) and same_policy(policy, row.before)


def key_to_restore(row: Replaced, key: KeyFact, seen: Seen, writer: str | None) -> Key | Reason:
    """Return the key if only the needs of trails may still prevent the return of its policy, or why that must stay.

    `writer` is the principal that would write it, where that is known.
    """
    if not isinstance(key, Key) or isinstance(key.policy, ReadError):
        return Reason(
            "it cannot be read, so nothing is written to it while that is so.",
            row=_ROW,
            more="To restore it all the same, use credentials that may read it.",
        )
    if not same_policy(key.policy, row.after):
        return Reason(
            "somebody else has changed it since the backup, so it is left as it is.",
            row=_ROW,
            more=_BY_HAND,
        )
    accounts = concerned(row, seen)
    before, present = parse(str(row.before)), parse(key.policy)
    return (
        _why_not_all_is_seen({account: seen.get(account) for account in accounts})
        or _why_kms_would_not_take_it(before, present)
        or _why_it_is_no_step_back(before, present)
        or why_not_writable(key, "PutKeyPolicy", writer)
        or key
    )


def _why_not_all_is_seen(accounts: Mapping[str, Snapshot | None]) -> Reason | None:
    unread = sorted(account for account, snapshot in accounts.items() if snapshot is None)
    if unread:
        return Reason(
            f"account {listing(unread)} also uses the key, and its trails, which this run does not read, may need "
            "the present policy.",
            row=_ROW,
            more="Restore together with the accounts that use the key, or set it by hand when no trail needs the "
            "present one.",
        )
    regions = sorted({region for snapshot in accounts.values() if snapshot for region in _unseen_regions(snapshot)})
    if regions:
        return Reason(
            f"the trails in {', '.join(regions)} cannot be read, and may need the present policy.",
            row=_ROW,
            more="To restore it all the same, use credentials that may read every region, or set it by hand.",
        )
    return None


def _unseen_regions(snapshot: Snapshot) -> set[str]:
    enabled = snapshot.enabled_regions
    left_out = () if isinstance(enabled, ReadError) else {*enabled} - {*snapshot.regions}
    return {*left_out, *(error.region for error in (*snapshot.errors, *snapshot.closed_regions))}


def _why_kms_would_not_take_it(before: Policy, present: Policy) -> Reason | None:
    problems = validate(before, accepted=present)
    if problems:
        why = f"KMS would not accept the earlier policy: {' '.join(problems)}"
        return Reason(why, row=_ROW, more=_BY_HAND)
    return None


def _why_it_is_no_step_back(before: Policy, present: Policy) -> Reason | None:
    """Return why the earlier policy is not just the present one without what an enforcement has added to it."""
    then, now = ({meaning(each.document) for each in policy.statements} for policy in (before, present))
    odd = {each.label for each in before.statements if _is_odd(each, now)}
    odd |= {each.label for each in present.statements if _is_odd(each, then)}
    rest = ({**policy.document, "Statement": []} for policy in (before, present))
    names = f" ({listing(sorted(odd))})" if odd else ""
    if odd or not same_policy(*map(to_json, rest)):
        return Reason(
            f"before and after in the backup differ in what no enforcement writes{names}, so a restore would "
            "remove or add statements of others.",
            more=f"{_WHOSE_FILE}, or set the policy by hand.",
        )
    others = [each.document for each in present.statements]
    for statement in before.statements:
        is_new = meaning(statement.document) not in now
        more = beyond(statement.document, others) if is_new else ()
        if more:
            return Reason(
                f"{statement.label} of the earlier policy reaches further than the present policy, to "
                f"{listing(sorted(more))}.",
                more=f"{_WHOSE_FILE}.",
            )
    return None


def _is_odd(statement: Statement, known: Collection[Hashable]) -> bool:
    """Return whether a statement is somebody else's and not known; what appears twice in it is not known."""
    return bool(statement.repeated) or not (is_ours(statement.document) or meaning(statement.document) in known)


def who_needs_it(row: Replaced, key: Key, seen: Seen) -> Iterator[tuple[Trail, Finding]]:
    """Yield the trails on the key that need, or may need, what would be removed, each with what it would fail."""
    policies = (key, replace(key, policy=str(row.before)))
    using = [(account, trail) for account, trail in trails_of(seen) if trail.kms_key_arn == row.arn]
    for account, trail in using:
        alone = replace(seen[account], trails=(trail,))
        now, then = (
            delivery_doubts(replace(alone, keys={**alone.keys, row.arn: each}), Settings())[trail.arn]
            for each in policies
        )
        yield from ((trail, finding) for rule, finding in then.items() if is_worse(now.get(rule), finding))


def would_go_blind(
    snapshot: Snapshot, predicted: Snapshot, moved: Collection[str], settings: Settings
) -> Iterator[Reason]:
    """Yield what a trail needs to deliver and would, or might, lose by an old key or an old policy."""
    touched = [each for each in predicted.trails if _is_touched(each, snapshot, predicted)]
    arns = {trail.arn for trail in touched}
    before, after = (
        delivery_doubts(replace(each, trails=tuple(trail for trail in each.trails if trail.arn in arns)), settings)
        for each in (snapshot, predicted)
    )
    for trail in touched:
        for rule, finding in after[trail.arn].items():
            is_hard = trail.arn in moved and rule in NEEDED_OF_A_KEY
            if is_hard or is_worse(before[trail.arn].get(rule), finding):
                row = "its entry from trail_keys" if trail.arn in moved else "the entry of the key from key_policies"
                yield Reason(
                    f"after the restore it {'would' if finding.status == 'fail' else 'might'} fail {rule} under the "
                    f"key {trail.kms_key_arn}: {finding.message}",
                    trails=(trail.arn,),
                    key=trail.kms_key_arn,
                    row=row,
                    more="To restore it all the same, fix the cause first.",
                )


def _is_touched(trail: Trail, snapshot: Snapshot, predicted: Snapshot) -> bool:
    """Return whether a trail, its key or its bucket is other than before."""
    key, bucket = trail.kms_key_arn or "", trail.bucket_name
    was, will_be = ((each.keys.get(key), each.buckets.get(bucket)) for each in (snapshot, predicted))
    return was != will_be or trail not in snapshot.trails


def delivery_doubts(snapshot: Snapshot, settings: Settings) -> dict[str, dict[str, Finding]]:
    """Return what each trail needs to deliver and is not certain to have, by rule.

    It is judged by the rules' own levels: whether a trail delivers is no matter of settings or exceptions.
    """
    plain = replace(settings, levels={}, exceptions=(), of_owners={})
    judged = assess(in_all_regions(snapshot), plain)
    return {verdict.trail.arn: _unknowns(verdict) for verdict in judged.trails}


def _unknowns(verdict: TrailVerdict) -> dict[str, Finding]:
    """Return what is needed to deliver and is not certain, by rule."""
    return {
        finding.rule: finding
        for finding in verdict.findings
        if finding.rule in NEEDED_TO_DELIVER and finding.status in ("fail", "unknown") and finding.level == "required"
    }


def is_worse(before: Finding | None, after: Finding) -> bool:
    """Return whether a trail may lose what it needs, which is also so where the steps to judge it were used up."""
    return before is None or after.is_cut_short or (before.status, after.status) == ("unknown", "fail")
