# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put back what an enforcement replaced: the keys of trails, and the policies of keys that nobody else has changed."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _assess, _subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import (
    _birth,
    _changes,
    _predict,
    _unseen,
    _warnings,
    _wish,
    _writable,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    _comparison,
    _document,
    _ours,
    _validate,
    _words,
)

# The account of a trail, or of a pattern of trails, in a policy.
_TRAILS = re.compile(r'arn:[^":]+:cloudtrail:[^":]*:([^":]*):trail/')
# Of these a trail that moves back must be sure, whatever it failed on the key that it leaves.
NEEDED_OF_A_KEY = ("key_is_usable", "key_in_bucket_region", "key_policy_allows_encrypt")
# Without these a trail delivers nothing. What else a restored trail fails, it failed before; the verdict says so.
NEEDED_TO_DELIVER = (*NEEDED_OF_A_KEY, "key_policy_allows_decrypt", "bucket_policy_accepts_key")


def keys_of_backup(backup: _model.Backup) -> tuple[str, ...]:
    """The ARNs of the keys that a restore may touch."""
    arns = {row.before for row in backup.trail_keys if row.before} | {row.arn for row in backup.key_policies}
    return tuple(sorted(arns))


def make_restore_plan(
    account: _assess.AccountVerdict,
    backup: _model.Backup,
    keys: Mapping[str, _model.Key | _model.Missing | _model.ReadError],
    wish: _wish.Wish,
    settings: _subject.Settings,
) -> _wish.Plan:
    """Plan what puts the backup back; `keys` has an entry for each of `keys_of_backup`.

    Trails come before policies: a key is needed until the last trail has left it. Pure, and every refusal is listed.
    """
    refusals: list[str] = []
    warnings: list[str] = []
    changes: list[_model.Change] = []
    if backup.account_id != account.snapshot.account_id:
        refusals.append(f"The backup is of account {backup.account_id}, not of {account.snapshot.account_id}.")
        return _wish.Plan((), tuple(refusals), (), account.snapshot)
    for row in backup.trail_keys:
        changes += _trail_goes_back(account.snapshot, row, backup, keys, refusals)
    moved = {change.resource for change in changes}
    for row in backup.key_policies:
        changes += _policy_goes_back(account.snapshot, row, keys[row.arn], wish, refusals)
    refusals += _left_out(account.snapshot, backup)
    known = {arn: key for arn, key in keys.items() if isinstance(key, _model.Key)}
    predicted = _predict.predict(account.snapshot, changes, known)
    blind = _unseen.blind_moves(account.snapshot, predicted, changes, wish)
    refusals += (move.message for move in blind if move.is_refused)
    refusals += _would_go_blind(account.snapshot, predicted, moved, settings)
    warnings += _warnings.plan_warnings(account, predicted, changes, wish)
    return _wish.Plan(tuple(changes), tuple(refusals), tuple(warnings), predicted)


def _trail_goes_back(
    snapshot: _model.Snapshot,
    row: _model.Replaced,
    backup: _model.Backup,
    keys: Mapping[str, _model.Key | _model.Missing | _model.ReadError],
    refusals: list[str],
) -> Iterator[_model.Change]:
    """The trail with the key it had, or a refusal. The backup names the trail, as a delegated administrator must."""
    writable = (trail for trail in snapshot.trails if trail.ownership != "inherited")
    trail = next((trail for trail in writable if trail.arn == row.arn), None)
    if trail is None:
        refusals.append(f"The trail {row.arn} is not there, or not to be changed from here. Take it off the backup.")
    elif trail.kms_key_arn != row.before:
        ours = _is_still_ours(trail, row, backup, snapshot)
        reason = _why_it_stays(trail, row, keys) if ours else _somebody_elses(trail)
        if reason:
            refusals.append(f"The trail {row.arn}: {reason}")
        else:
            yield _changes.update_trail(trail, str(row.before))


def _is_still_ours(trail: _model.Trail, row: _model.Replaced, backup: _model.Backup, snapshot: _model.Snapshot) -> bool:
    """Whether the trail has the key that the enforcement gave it.

    A run that was ended could not note the ARN of the key that it created: such a key is known by its policy.
    """
    if trail.kms_key_arn == row.after:
        return True
    if trail.kms_key_arn is None or not row.after.endswith(_model.PLACEHOLDER):
        return False
    key = snapshot.keys[trail.kms_key_arn]
    is_where_it_was_to_be = trail.kms_key_arn.startswith(row.after.removesuffix(_model.PLACEHOLDER))
    return trail.kms_key_arn in backup.created_keys or (
        is_where_it_was_to_be and isinstance(key, _model.Key) and _birth.is_born_here(key)
    )


def _somebody_elses(trail: _model.Trail) -> str:
    return (
        f"since the backup it has got the key {trail.kms_key_arn}, which somebody else decided. "
        "Set its key by hand, or take it off the backup."
    )


def _why_it_stays(
    trail: _model.Trail, row: _model.Replaced, keys: Mapping[str, _model.Key | _model.Missing | _model.ReadError]
) -> str | None:
    if row.before is None:
        return (
            "it had no key before the backup, and encryption is never removed from here. To restore the rest, take the "
            "trail off the backup. To remove its encryption all the same: "
            f'aws cloudtrail update-trail --region {trail.home_region} --name {trail.arn} --kms-key-id ""'
        )
    key = keys[row.before]
    if isinstance(key, _model.Key):
        return None
    why = key.message if isinstance(key, _model.Missing) else f"{key.operation} answered {key.code}: {key.message}"
    return f"its key {row.before} cannot be found ({why}). Take the trail off the backup: it stays on the key it has."


def _policy_goes_back(
    snapshot: _model.Snapshot,
    row: _model.Replaced,
    key: _model.Key | _model.Missing | _model.ReadError,
    wish: _wish.Wish,
    refusals: list[str],
) -> Iterator[_model.Change]:
    """The policy as it was, where it still is what the enforcement made of it; or a refusal."""
    if not isinstance(key, _model.Key) or isinstance(key.policy, _model.ReadError):
        reason: str | None = (
            "it cannot be read, so it is left as it is. Restore with credentials that may read it, or take it off the "
            "backup."
        )
    elif _comparison.same_policy(key.policy, row.before):
        return
    elif not _comparison.same_policy(key.policy, row.after):
        reason = (
            "somebody else has changed it since the backup, so it is left as it is. Set it by hand, or take it off the "
            "backup."
        )
    else:
        before = _document.parse(str(row.before))
        reason = _why_the_policy_stays(snapshot, row.arn, before, _document.parse(key.policy))
        reason = reason or _writable.why_not_writable(key, "PutKeyPolicy", wish.writers.get(row.arn.split(":")[4]))
        if reason is None:
            yield _changes.put_key_policy(key, before.to_json())
            return
    refusals.append(f"The policy of {row.arn}: {reason}")


def _left_out(snapshot: _model.Snapshot, backup: _model.Backup) -> Iterator[str]:
    """What of a backup no restore puts back, and what has not been put back by others either."""
    for row in backup.bucket_policies:
        bucket = snapshot.buckets.get(row.arn.rpartition(":")[2])
        if not _has_policy(bucket, row.before):
            yield (
                f"The policy of {row.arn}: a restore leaves it, since logs may come that need it. Set it by hand, or "
                "take it off the backup."
            )
    present = {trail.arn for trail in snapshot.trails}
    for arn in backup.created_trails:
        if arn in present:
            yield f"The trail {arn}: a restore deletes nothing. Delete it by hand, or take it off the backup."


def _has_policy(bucket: _model.Bucket | _model.Missing | _model.ReadError | None, before: str | None) -> bool:
    if not isinstance(bucket, _model.Bucket) or isinstance(bucket.policy, _model.ReadError):
        return False
    return _comparison.same_policy(bucket.policy, before)


def _why_the_policy_stays(
    snapshot: _model.Snapshot, key_arn: str, before: _document.Policy, present: _document.Policy
) -> str | None:
    others = {key_arn.split(":")[4]} | _owners_of_trails(present) - _owners_of_trails(before)
    if others != {snapshot.account_id}:
        return (
            f"the key serves account {', '.join(sorted(others - {snapshot.account_id}))} as well, whose trails cannot "
            f"be seen from account {snapshot.account_id} and may need what it allows now. Take it off the backup, and "
            "set it by hand when no trail needs it."
        )
    enabled = snapshot.enabled_regions
    left_out = () if isinstance(enabled, _model.ReadError) else {*enabled} - {*snapshot.regions}
    unseen = sorted({*left_out, *(error.region for error in (*snapshot.errors, *snapshot.closed_regions))})
    if unseen:
        return (
            f"the trails in {', '.join(unseen)} cannot be seen, and may need what the policy allows now. Restore with "
            "credentials that may read every region, or take the policy off the backup and set it by hand."
        )
    problems = _validate.validate(before, accepted=present)
    if problems:
        return f"KMS would not take it as it was: {' '.join(problems)} Set it by hand, or take it off the backup."
    return _why_it_is_no_step_back(before, present)


def _why_it_is_no_step_back(before: _document.Policy, present: _document.Policy) -> str | None:
    """What of the policy before no enforcement has replaced by the present one, which it only adds to."""
    then, now = ({_comparison.meaning(each.document) for each in policy.statements} for policy in (before, present))
    odd = {each.label for each in before.statements if _is_odd(each, now)}
    odd |= {each.label for each in present.statements if _is_odd(each, then)}
    rest = ({**policy.document, "Statement": []} for policy in (before, present))
    if odd or not _comparison.same_policy(*map(_document.to_json, rest)):
        return (
            f"before and after differ in the backup in what no enforcement writes{_named(odd)}, so that statements of "
            "others would go or come. Take the file as it was written, or set the policy by hand."
        )
    others = [each.document for each in present.statements]
    for statement in before.statements:
        is_new = _comparison.meaning(statement.document) not in now
        more = _ours.beyond(statement.document, others) if is_new else ()
        if more:
            return (
                f"as it was, its {statement.label} reaches further than the policy that stands now, to "
                f"{_words.listing(sorted(more))}. Take the file as it was written; an enforcement adds what is new."
            )
    return None


def _is_odd(statement: _document.Statement, known: Collection[Hashable]) -> bool:
    """Whether a statement is somebody else's and not among those known."""
    return not _ours.is_ours(statement.document) and _comparison.meaning(statement.document) not in known


def _named(labels: Collection[str]) -> str:
    return f" ({_words.listing(sorted(labels))})" if labels else ""


def _owners_of_trails(policy: _document.Policy) -> set[str]:
    """The accounts whose trails a policy names."""
    return set(_TRAILS.findall(_document.to_json(policy.document)))


def _would_go_blind(
    snapshot: _model.Snapshot, predicted: _model.Snapshot, moved: Collection[str], settings: _subject.Settings
) -> Iterator[str]:
    """What is needed to deliver and gets lost by an old key or an old policy, or may be.

    It is judged by the rules' own levels: whether a trail delivers is no matter of settings or exceptions.
    """
    plain = replace(settings, levels={}, exceptions=())
    now = _assess.assess(_unseen.in_all_regions(snapshot), plain)
    before = {verdict.trail.arn: _doubts(verdict) for verdict in now.trails}
    for verdict in _assess.assess(_unseen.in_all_regions(predicted), plain).trails:
        trail = verdict.trail
        for rule, finding in _doubts(verdict).items():
            is_hard = trail.arn in moved and rule in NEEDED_OF_A_KEY
            if is_hard or _is_worse(before[trail.arn].get(rule), finding):
                yield (
                    f"The trail {trail.arn} {'would' if finding.status == 'fail' else 'might'} fail {rule} with the "
                    f"key {trail.kms_key_arn} as it was: {finding.message} "
                    "Take the trail and the key off the backup, or mend that first."
                )


def _doubts(verdict: _assess.TrailVerdict) -> dict[str, _model.Finding]:
    """What is needed to deliver and is not certain, by rule."""
    return {
        finding.rule: finding
        for finding in verdict.findings
        if finding.rule in NEEDED_TO_DELIVER and finding.status in ("fail", "unknown") and finding.level == "required"
    }


def _is_worse(before: _model.Finding | None, after: _model.Finding) -> bool:
    return before is None or (before.status, after.status) == ("unknown", "fail")
