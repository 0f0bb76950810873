# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put back what an enforcement replaced: the keys of trails, and the policies of keys that nobody else has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import (
    AccountVerdict,
    Settings,
    TrailVerdict,
    assess,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    PLACEHOLDER,
    Backup,
    Change,
    Key,
    Missing,
    ReadError,
    Replaced,
    Snapshot,
    Trail,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._changes import put_key_policy, update_trail
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._predict import predict
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._remedies import may_write
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._warnings import plan_warnings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._wish import Plan, Wish

# Without these a trail delivers nothing. What else a restored trail fails, it failed before; the verdict says so.
NEEDED_TO_DELIVER = (
    "key_is_usable",
    "key_in_bucket_region",
    "key_policy_allows_encrypt",
    "key_policy_allows_describe",
    "key_policy_allows_decrypt",
    "bucket_policy_accepts_key",
)


def keys_of_backup(backup: Backup) -> tuple[str, ...]:
    """The ARNs of the keys that a restore may touch."""
    arns = {row.before for row in backup.trail_keys if row.before} | {row.arn for row in backup.key_policies}
    return tuple(sorted(arns))


def make_restore_plan(
    account: AccountVerdict,
    backup: Backup,
    keys: Mapping[str, Key | Missing | ReadError],
    wish: Wish,
    settings: Settings,
) -> Plan:
    """Plan what puts the backup back; `keys` has an entry for each of `keys_of_backup`.

    Trails come before policies: a key is needed until the last trail has left it. Pure, and every refusal is listed.
    """
    refusals: list[str] = []
    warnings: list[str] = []
    changes: list[Change] = []
    if backup.account_id != account.snapshot.account_id:
        refusals.append(f"The backup is of account {backup.account_id}, not of {account.snapshot.account_id}.")
        return Plan((), tuple(refusals), (), account.snapshot)
    for row in backup.trail_keys:
        changes += _trail_goes_back(account.snapshot, row, keys, wish, refusals)
    for row in backup.key_policies:
        changes += _policy_goes_back(row, keys[row.arn], warnings)
    known = {arn: key for arn, key in keys.items() if isinstance(key, Key)}
    predicted = predict(account.snapshot, changes, known)
    refusals += _would_go_blind(account, predicted, settings)
    warnings += plan_warnings(account, predicted, changes, wish)
    return Plan(tuple(changes), tuple(refusals), tuple(warnings), predicted)


def _trail_goes_back(
    snapshot: Snapshot, row: Replaced, keys: Mapping[str, Key | Missing | ReadError], wish: Wish, refusals: list[str]
) -> Iterator[Change]:
    """The trail with the key it had, or a refusal."""
    trail = next((trail for trail in snapshot.trails if trail.arn == row.arn and may_write(trail, wish)), None)
    if trail is None:
        refusals.append(f"The trail {row.arn} is not there, or not to be changed from here. Take it off the backup.")
    elif trail.kms_key_arn != row.before:
        reason = _why_it_stays(trail, row, keys)
        if reason:
            refusals.append(f"The trail {row.arn}: {reason}")
        else:
            yield update_trail(trail, str(row.before))


def _why_it_stays(trail: Trail, row: Replaced, keys: Mapping[str, Key | Missing | ReadError]) -> str | None:
    if trail.kms_key_arn != row.after and not row.after.endswith(PLACEHOLDER):
        return (
            f"since the backup it has got the key {trail.kms_key_arn}, which somebody else decided. "
            "Set its key by hand, or take it off the backup."
        )
    if row.before is None:
        return (
            "it had no key before the backup, and encryption is never removed from here. If that is what you want: "
            f'aws cloudtrail update-trail --region {trail.home_region} --name {trail.arn} --kms-key-id ""'
        )
    key = keys[row.before]
    if isinstance(key, Key):
        return None
    why = key.message if isinstance(key, Missing) else f"{key.operation} answered {key.code}: {key.message}"
    return f"its key {row.before} cannot be found ({why}). Leave the trail on the key it has."


def _policy_goes_back(row: Replaced, key: Key | Missing | ReadError, warnings: list[str]) -> Iterator[Change]:
    """The policy as it was, where it still is what the enforcement made of it."""
    if not isinstance(key, Key) or isinstance(key.policy, ReadError):
        warnings.append(f"The policy of {row.arn} cannot be read, and is left as it is.")
    elif _same(key.policy, row.after):
        yield put_key_policy(key, str(row.before))
    elif not _same(key.policy, row.before):
        warnings.append(f"Somebody else has changed the policy of {row.arn} since the backup; it is left as it is.")


def _same(one: str, other: str | None) -> bool:
    return other is not None and bool(json.loads(one) == json.loads(other))


def _would_go_blind(account: AccountVerdict, predicted: Snapshot, settings: Settings) -> Iterator[str]:
    """Trails that deliver now, by what is needed for it, and would not any more: by their old key, or by a policy."""
    before = {verdict.trail.arn: _failing(verdict) for verdict in account.trails}
    for verdict in assess(predicted, settings).trails:
        for rule, message in _failing(verdict).items():
            if rule not in before[verdict.trail.arn]:
                yield (
                    f"The trail {verdict.trail.arn} would fail {rule} with the key {verdict.trail.kms_key_arn} as it "
                    f"was: {message} Leave it as it is, or mend that first."
                )


def _failing(verdict: TrailVerdict) -> dict[str, str]:
    return {
        finding.rule: finding.message
        for finding in verdict.findings
        if finding.rule in NEEDED_TO_DELIVER and finding.status == "fail" and finding.level == "required"
    }
