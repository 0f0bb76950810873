# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that many accounts use: what a run for one of them leaves to a run for the key, and the plan of that one.

PutKeyPolicy replaces the whole document and knows no condition (KMS API reference), so the policy of such a key is
written once for all of its accounts, never from several runs at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import (
    _changes,
    _key_changes,
    _predict,
    _serving,
    _warnings,
    _wish,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _known

OF_A_KEY: tuple[_model.Operation, ...] = (
    "CreateKey",
    "CreateAlias",
    "PutKeyPolicy",
    "CancelKeyDeletion",
    "EnableKey",
    "EnableKeyRotation",
)


def left_to_the_key(
    changes: Iterable[_model.Change],
    uses: Mapping[str, _key_changes.KeyUse],
    account: str,
    wish: _wish.Wish,
    settings: _subject.Settings,
) -> tuple[_wish.SharedKey, ...]:
    """The keys of the account that these changes are about, each with what its policy must allow."""
    arns = (_key_of(change) for change in changes if is_left_to_the_key(change, account, wish))
    return tuple(_shared(arn, uses.get(arn), wish, settings) for arn in dict.fromkeys(arns))


def is_left_to_the_key(change: _model.Change, account: str, wish: _wish.Wish) -> bool:
    """Whether a change is one of a shared key of the account."""
    return wish.key_is_shared and change.operation in OF_A_KEY and change.resource.split(":")[4] == account


def _known_of(snapshot: _model.Snapshot) -> _known.Known:
    """What is known of requests of trails whose buckets are not."""
    organizations = _subject.organizations(snapshot.account_id, snapshot.organization)
    return _known.Known(at=snapshot.read_at, organizations=organizations)


def _key_of(change: _model.Change) -> str:
    return str(change.after["key_arn"]) if change.operation == "CreateAlias" else change.resource


def _shared(
    arn: str, use: _key_changes.KeyUse | None, wish: _wish.Wish, settings: _subject.Settings
) -> _wish.SharedKey:
    # Without a use the key works, and only its rotation is to be turned on: that is done to the key of our alias.
    alias = wish.key.alias if wish.key else None
    if use is None:
        return _wish.SharedKey(arn, alias, ())
    is_ours = use.serving.needs_alias or alias in (use.key.aliases if isinstance(use.key.aliases, tuple) else ())
    required = use.required(wish, settings)
    needed = {trail: tuple(sorted(names)) for trail, names in sorted(required.needed.items())}
    return _wish.SharedKey(arn, alias if is_ours else None, required.trail_arns, settings.readers, needed)


def make_key_plan(
    snapshot: _model.Snapshot,
    targets: _wish.Targets,
    shared: _wish.SharedTrails,
    wish: _wish.Wish,
    settings: _subject.Settings,
) -> _wish.Plan:
    """Plan what lets the wished key serve the trails, whosever they are.

    `snapshot` is that of the key's account, `targets` has the one region of the key. Pure: the same in, the same out.
    """
    ((region, candidate),) = targets.items()
    warnings: list[str] = []
    try:
        serving = _serving.serving_key(snapshot, region, candidate, wish, settings)
        changes = list(
            _key_changes.key_changes(
                _key_changes.KeyUse(
                    serving, others=shared.trails, needed_by_others=shared.needed, known=_known_of(snapshot)
                ),
                snapshot.account_id,
                wish,
                settings,
                warnings.append,
            )
        )
    except _wish.RefusedError as error:
        return _wish.Plan((), (str(error),), (), snapshot)
    key = replace(serving.key, aliases=(wish.key.alias,) if wish.key else ())
    for change in _changes.in_order(changes):
        key = _predict.changed(key, change)
    rotated = _key_changes.rotation(key, _serving.key_account(snapshot, wish), wish)
    changes += [rotated] if rotated else []
    named = wish.key.alias if wish.key else None
    return _wish.Plan(
        changes=_changes.in_order(changes),
        refusals=(),
        warnings=(*warnings, *_warnings.size_warnings(changes)),
        predicted=replace(snapshot, keys={key.arn: key}),
        shared_keys=(_wish.SharedKey(serving.key.arn, named, shared.trails, settings.readers),),
    )
