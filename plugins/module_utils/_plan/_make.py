# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a judged account to a plan: which key each trail gets, what that key lacks, in which order it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

from .._checks import RULES, AccountVerdict, Remedy, Settings, TrailVerdict, assess, subject_of
from .._model import Bucket, Change, Finding, Key, KeyLookup, Missing, Reason, Snapshot, Trail
from .._request import EnforceRequest, RefusedError, Targets
from ._changes import sort_changes, update_trail
from ._key_changes import key_changes, rotation
from ._key_plan import KeyPlan, Plan, choose_key, key_account
from ._policy_back import NEEDED_TO_DELIVER, delivery_doubts, is_worse
from ._predict import predict
from ._remedies import Intent, changes_no_longer_excepted, find_intents, is_named, may_write, unread
from ._requested_trail import RequestedTrail, requested_changes
from ._unseen import blind_moves, bucket_policy_error, in_all_regions
from ._warnings import old_key_warnings, plan_warnings, stranger_warnings

# Beside these a change of key can only make things better, or it is nothing that a key could fix.
NO_WORSE = ("trail_is_delivering", "readers_can_read")
_OF_THE_KEY = (Remedy.ANOTHER_KEY, Remedy.MERGE)


def regions_in_need(account: AccountVerdict, request: EnforceRequest) -> tuple[str, ...]:
    """Return the bucket regions to find a key in: of all trails if `key_id` is set, else of trails that need a key."""
    if request.key_id:
        trails = [verdict.trail for verdict in account.trails if may_write(verdict.trail, request)]
    else:
        trails = [intent.trail for intent in find_intents(account, request) if intent.needs_key]
    buckets = (account.snapshot.buckets[trail.bucket_name] for trail in trails)
    return tuple(sorted({bucket.region for bucket in buckets if isinstance(bucket, Bucket)}))


def make_plan(
    account: AccountVerdict,
    targets: Targets,
    request: EnforceRequest,
    settings: Settings,
    requested: RequestedTrail | None = None,
) -> Plan:
    """Plan what brings the account to compliance; `targets` has an entry for each of `regions_in_need`.

    With `requested`, plan only what that trail needs; `account` has the trail already, see `with_requested_trail`.
    Every refusal is listed, not only the first. Pure: the same in, the same out.
    """
    return _Planner(account, targets, request, settings, requested).plan()


class _Planner:
    """One plan in the making."""

    def __init__(
        self,
        account: AccountVerdict,
        targets: Targets,
        request: EnforceRequest,
        settings: Settings,
        requested: RequestedTrail | None,
    ) -> None:
        self._account, self._targets, self._request, self._settings = account, targets, request, settings
        self._requested = requested
        self._snapshot: Snapshot = account.snapshot
        self._refusals: list[Reason] = []
        self._refused: set[str] = set()
        self._warnings: list[str | Reason] = []
        self._key_plans: dict[str, KeyPlan] = {}

    def plan(self) -> Plan:
        self._refusals += [*self._refused_trails(), *self._absent_key(), *self._expired_exceptions()]
        for intent in find_intents(self._account, self._request):
            self._choose(intent)
        keys = {each.key.arn: each.key for each in self._key_plans.values()}
        changes = [change for each in self._key_plans.values() for change in self._of_key(each)]
        changes += self._of_requested_trail()
        predicted = predict(self._snapshot, sort_changes(changes), keys)
        changes += self._rotations(predicted)
        predicted = predict(self._snapshot, sort_changes(changes), keys)
        self._prove(predicted, changes)
        in_order = sort_changes(changes)
        self._warnings += plan_warnings(self._account, predicted, in_order, self._request)
        self._warnings += old_key_warnings(self._snapshot, self._targets.values())
        return Plan(in_order, tuple(self._refusals), tuple(self._warnings), predicted, self._key_plans)

    def _refused_trails(self) -> Iterator[Reason]:
        """Yield a refusal for each trail that the request names and that only another account may change."""
        for verdict in self._account.trails:
            trail = verdict.trail
            if trail.ownership == "inherited" and is_named(trail, self._request):
                yield Reason(
                    f"it belongs to account {trail.account_id}, and a member of its organization cannot change it. Run "
                    "this with the credentials of that account, or remove it from trails. If this account administers "
                    "CloudTrail for the organization, allow the caller "
                    "organizations:ListDelegatedServicesForAccount, which shows it.",
                    trails=(trail.arn,),
                )

    def _expired_exceptions(self) -> Iterator[Reason]:
        """Yield a refusal for each expired exception: its author decides what comes next, not the date."""
        for change in changes_no_longer_excepted(self._account, self._request):
            yield Reason(
                f"an exception has expired, and what it covered would be changed now: {change.finding.rule}, "
                f"{change.decision} Renew it, or remove it from exceptions.",
                trails=(change.trail.arn,),
            )

    def _absent_key(self) -> Iterator[Reason]:
        """Refuse a requested key that exists nowhere, even if no trail needs it now: it is the user's mistake."""
        keys = [lookup.key for lookup in self._targets.values()]
        is_needed = any(intent.needs_key for intent in find_intents(self._account, self._request))
        if self._request.key_id and keys and not is_needed and all(isinstance(key, Missing) for key in keys):
            yield Reason(
                f"There is no key {self._request.key_in(*self._targets)} for the buckets of account "
                f"{self._snapshot.account_id}.",
                ({"key_id": "a key that exists"},),
            )

    def _choose(self, intent: Intent) -> None:
        """Note which key the trail gets, and what for; or why it gets none."""
        try:
            chosen = self._key_for(intent)
        except RefusedError as error:
            self._refuse([intent.trail], error)
            return
        plan = self._key_plans.get(chosen.key.arn, chosen)
        self._warn_of_strangers(intent, chosen)
        subject = subject_of(in_all_regions(self._snapshot), intent.trail, self._settings)
        self._key_plans[chosen.key.arn] = replace(
            plan,
            # Of a key that is adopted, the trails that use it already do not know that its alias is missing.
            needs_alias=plan.needs_alias or chosen.needs_alias,
            intents=(*plan.intents, intent),
            log_contexts={**plan.log_contexts, intent.trail.arn: tuple(chain.from_iterable(subject.log_contexts))},
            known=subject.known,
        )

    def _key_for(self, intent: Intent) -> KeyPlan:
        if not intent.needs_key:
            # A key that is merged into or revived was read, or there would be nothing to say about it.
            return KeyPlan(cast("Key", self._snapshot.keys[intent.trail.kms_key_arn or ""]))
        self._refuse_blind_replacement(intent.verdict)
        bucket = self._snapshot.buckets[intent.trail.bucket_name]
        if not isinstance(bucket, Bucket):
            raise RefusedError(
                f"its bucket {intent.trail.bucket_name} cannot be found ({bucket.message}), so the region of its key "
                "is unknown. Fix the bucket, or leave this trail out with the option trails."
            )
        lookup: KeyLookup = self._targets[bucket.region]
        return choose_key(self._snapshot, bucket.region, lookup, self._request, self._settings)

    def _warn_of_strangers(self, intent: Intent, chosen: KeyPlan) -> None:
        """Warn of strangers whom a key lets in, if the trail has not used the key before."""
        if chosen.is_new or not intent.needs_key or intent.trail.kms_key_arn == chosen.key.arn:
            return
        warnings = stranger_warnings(chosen.key, self._request, self._settings.readers)
        self._warnings += (warning for warning in warnings if warning not in self._warnings)

    def _refuse_blind_replacement(self, verdict: TrailVerdict) -> None:
        """Raise RefusedError if a key that could not be read in full would be replaced without the option for it."""
        if verdict.trail.kms_key_arn is None or self._request.replace_compliant_key:
            return
        blind = [each for each in verdict.findings if unread(each) and RULES[each.rule].leads_to in _OF_THE_KEY]
        if blind:
            raise RefusedError(
                f"its key {verdict.trail.kms_key_arn} would be replaced, but {blind[0].rule} is unknown: "
                f"{blind[0].message} {f'{blind[0].remediation} Or' if blind[0].remediation else ''}".rstrip(),
                *blind[0].options,
                {"replace_compliant_key": True},
                key=verdict.trail.kms_key_arn,
            )

    def _refuse(self, trails: Sequence[Trail], error: RefusedError) -> None:
        arns = [trail.arn for trail in trails]
        self._refusals.append(replace(error.refusal, trails=tuple(arns)))
        self._refused.update(arns)

    def _of_key(self, plan: KeyPlan) -> Iterator[Change]:
        """Yield the changes of one key and of the trails that move to it."""
        try:
            yield from key_changes(
                plan, self._snapshot.account_id, self._request, self._settings, self._warnings.append
            )
        except RefusedError as error:
            self._refuse([intent.trail for intent in plan.intents], error)
        for intent in plan.intents if self._requested is None else ():
            if intent.needs_key and intent.trail.kms_key_arn != plan.key.arn:
                yield update_trail(intent.trail, plan.key.arn)

    def _of_requested_trail(self) -> list[Change]:
        """Return the changes of the trail that is requested, and of its bucket, where it has got its key."""
        requested = self._requested
        if requested is None or requested.trail.arn in self._refused:
            return []
        keys = (each.key.arn for each in self._key_plans.values() for intent in each.intents if intent.needs_key)
        key_arn = next(keys, requested.trail.kms_key_arn) or ""
        try:
            return list(requested_changes(self._snapshot, requested, key_arn))
        except RefusedError as error:
            self._refuse([requested.trail], error)
            return []

    def _rotations(self, predicted: Snapshot) -> list[Change]:
        """Return the changes that turn rotation on, for every key of ours that a trail will use."""
        keys = [key for key in predicted.keys.values() if isinstance(key, Key)]
        changes = (rotation(key, key_account(self._snapshot, self._request), self._request) for key in keys)
        return [change for change in changes if change]

    def _prove(self, predicted: Snapshot, changes: list[Change]) -> None:
        """Refuse moves after which a trail would fail a required rule; warn of those whose outcome is unknown.

        An unknown outcome is refused too if the trail has a key to lose, if a policy is too long to be judged, and,
        where the trail may deliver, if the policy of its bucket or the enabled regions could not be read.
        """
        moves = [change for change in changes if change.operation in ("CreateTrail", "UpdateTrail")]
        had_key = {change.resource: bool((change.before or {}).get("kms_key_arn")) for change in moves}
        for blind in blind_moves(self._snapshot, predicted, moves, self._request):
            if blind.trail_arn not in self._refused:
                self._refusals += [blind.why] if blind.is_refused else []
                self._warnings += [] if blind.is_refused else [blind.why]
        moved = {trail: had for trail, had in had_key.items() if trail not in self._refused}
        proof = prove_moves(self._snapshot, predicted, self._settings, moved)
        self._refusals += proof.refusals
        self._warnings += proof.warnings


@dataclass(frozen=True)
class Proof:
    """Why trails must not move to a key, and what is unknown of the move."""

    refusals: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()


def prove_moves(present: Snapshot, predicted: Snapshot, settings: Settings, moved: Mapping[str, bool]) -> Proof:
    """Judge trails by all required rules, with the keys that they move to; `moved` says which had a key before.

    What a trail that has a key needs to deliver, and is sure of by the policies, must not become unknown. What AWS
    showed of the present key makes nothing sure here: it would refuse what is allowed where AWS showed nothing.
    """
    if not moved:
        return Proof()
    before = delivery_doubts(replace(present, proofs={}), settings)
    judged = assess(in_all_regions(predicted), _required_to_deliver(settings))
    verdicts = [verdict for verdict in judged.trails if verdict.trail.arn in moved]
    objections = [
        objection
        for each in verdicts
        for objection in _against(each, predicted, before.get(each.trail.arn, {}), had_key=moved[each.trail.arn])
    ]
    return Proof(
        tuple(why for is_refused, why in objections if is_refused),
        tuple(why for is_refused, why in objections if not is_refused),
    )


def _against(
    verdict: TrailVerdict, predicted: Snapshot, before: Mapping[str, Finding], *, had_key: bool
) -> Iterator[tuple[bool, Reason]]:
    """Yield what a trail fails, or may fail, with its key, and whether the move is refused for that.

    `before` is what it needs to deliver and is not sure of now, by rule. With a key that is unusable it has nothing to
    lose.
    """
    trail = verdict.trail
    # Whether a bucket's policy that nobody was shown is in the way is said by `blind_moves`.
    usable = before.get("key_is_usable")
    is_served = had_key and not (usable and usable.status == "fail")
    aside = (*NO_WORSE, *(["bucket_policy_accepts_key"] if bucket_policy_error(predicted, trail) else []))
    for finding in verdict.findings:
        if finding.level != "required" or finding.rule in aside or finding.status not in ("fail", "unknown"):
            continue
        words = f"with the key {trail.kms_key_arn}: {finding.message} {finding.step}".rstrip()
        unsure = (had_key and unread(finding)) or (is_served and is_worse(before.get(finding.rule), finding))
        why = Reason(words, finding.options, (trail.arn,), trail.kms_key_arn)
        is_at_stake = finding.rule in NEEDED_TO_DELIVER and (finding.is_cut_short or unsure)
        yield finding.status == "fail" or is_at_stake, why


def _required_to_deliver(settings: Settings) -> Settings:
    """Return the settings in which every rule that a trail must pass to deliver is required, without exceptions."""
    return replace(
        settings,
        levels={rule: level for rule, level in settings.levels.items() if rule not in NEEDED_TO_DELIVER},
        exceptions=tuple(
            replace(each, rules=tuple(rule for rule in each.rules if rule not in NEEDED_TO_DELIVER))
            for each in settings.exceptions
        ),
    )
