# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write backups: what enforcements replace, kept in files so that it can be restored."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypeAlias

from ._model import KEY_ARN, PLACEHOLDER, TRAIL_ARN, Backup, BackupError, Change, Replaced, Same
from ._policy import PolicyError, parse, same_policy
from ._regular_file import Room, TooMuchError, user
from ._version import VERSION

FORMAT = 2
# Of all backups together: far more than the policies of all keys that a run may change.
MOST_BYTES = 128 * 1024 * 1024
_CORRECT = "Correct the option restore, which takes files that runs wrote for the option backup_path."
# Characters of a wrong value that a message shows.
LONGEST_SHOWN = 200
LONGEST_TIME = 40
# What somebody who cuts a backup down leaves of an account.
_NEEDED = ("account_id", "taken_at", "trail_keys", "key_policies", "created_keys")
_Shape: TypeAlias = Mapping[str, tuple[Callable[[object], bool], str]]


def backup_document(backups: Iterable[Backup], play: str | None = None) -> dict[str, Any]:
    """Return the backups of a run as JSON types, as they stand in the file; `play` is the play that the run is of."""
    kept = list(backups)
    return {
        "format": FORMAT,
        "collection_version": VERSION,
        "taken_at": max((backup.taken_at for backup in kept), default=""),
        "play": play,
        "accounts": json.loads(json.dumps([asdict(backup) for backup in kept])),
    }


def backup_of(account_id: str, changes: Sequence[Change], now: datetime, earlier: Backup | None = None) -> Backup:
    """Return the backup of what the changes replace; `earlier` is what the same run has kept of them before.

    The first change of a resource has its `before`, the last its `after`. Where somebody else wrote in between, what
    they wrote is the `before`: an older one would take it away.
    """
    taken_at = now.isoformat(timespec="microseconds")

    def rows(name: str, operation: str, field: str, same: Same) -> tuple[Replaced, ...]:
        kept = {row.arn: row for row in getattr(earlier, name, ())}
        replaced = (replace(row, taken_at=taken_at) for row in _replaced(changes, operation, field, same))
        return tuple(_since(kept.get(row.arn), row) for row in replaced)

    return Backup(
        account_id=account_id,
        taken_at=taken_at,
        trail_keys=rows("trail_keys", "UpdateTrail", "kms_key_arn", operator.eq),
        key_policies=rows("key_policies", "PutKeyPolicy", "policy", same_policy),
        created_keys=tuple(change.resource for change in changes if change.operation == "CreateKey"),
        bucket_policies=rows("bucket_policies", "PutBucketPolicy", "policy", same_policy),
        created_trails=tuple(change.resource for change in changes if change.operation == "CreateTrail"),
    )


def _since(kept: Replaced | None, row: Replaced) -> Replaced:
    """Return the row with the time when it was first kept; a key that is created had no ARN yet by then."""
    if kept is None or kept.before != row.before:
        return row
    return replace(row, taken_at=kept.taken_at) if kept.after == row.after or kept.after.endswith(PLACEHOLDER) else row


def _replaced(changes: Sequence[Change], operation: str, field: str, same: Same) -> tuple[Replaced, ...]:
    """Return one row for each resource; `same` compares two values, since KMS lays out a policy anew."""
    by_resource: dict[str, Replaced] = {}
    for change in changes:
        if change.operation == operation:
            before = (change.before or {}).get(field)
            row = Replaced(change.resource, None if before is None else str(before), str(change.after[field]))
            earlier = by_resource.get(change.resource)
            by_resource[change.resource] = (earlier and earlier.followed_by(row, same)) or row
    return tuple(by_resource.values())


def read_backups(paths: Iterable[str]) -> tuple[Backup, ...]:
    """Read the backups of several files, or what somebody left of them: one for each account, sorted by its id.

    It has the rows of all runs, of which a resource may have several. Raises BackupError where a file cannot be used.
    """
    room = Room(MOST_BYTES)
    return by_account(part for path in paths for part in _parts(path, _read(path, room)))


def by_account(parts: Iterable[Backup]) -> tuple[Backup, ...]:
    """Return one backup for each account, sorted by its id, with the rows of all its parts."""
    accounts: dict[str, list[Backup]] = {}
    for part in parts:
        accounts.setdefault(part.account_id, []).append(part)
    return tuple(_merge_parts(parts) for _account_id, parts in sorted(accounts.items()))


def _merge_parts(parts: Sequence[Backup]) -> Backup:
    """Return one backup with what all of these of one account hold."""

    def all_of(name: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(row for part in parts for row in getattr(part, name)))

    return Backup(
        account_id=parts[0].account_id,
        taken_at=max(part.taken_at for part in parts),
        trail_keys=all_of("trail_keys"),
        key_policies=all_of("key_policies"),
        created_keys=all_of("created_keys"),
        bucket_policies=all_of("bucket_policies"),
        created_trails=all_of("created_trails"),
    )


def read_parts(path: str, play: str | None = None) -> tuple[Backup, ...]:
    """Read what a run wrote to the file, or what somebody left of it: in its order, an account may stand there twice.

    Raises BackupError; of a row that no run would have written the message names the row and the value. With `play`
    also for the file of a run that was of another play, or of none.
    """
    read = _read(path, Room(MOST_BYTES))
    if play is not None and read.get("play") != play:
        raise BackupError(f"The backup {path} is of another play.")
    return _parts(path, read)


def _parts(path: str, read: Mapping[str, Any]) -> tuple[Backup, ...]:
    try:
        parts = tuple(_part(row, f"{where}.") for where, row in _each("accounts", read["accounts"]))
    except KeyError as error:
        raise BackupError(f"The backup {path} is not complete: {error} is missing. {_CORRECT}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise BackupError(f"The backup {path} cannot be used: {error}") from error
    if not parts:
        raise BackupError(f"The backup {path} holds no account.")
    return parts


def _part(row: object, place: str) -> Backup:
    """Return the backup of one account; `place` begins the names of its fields in messages."""
    if not isinstance(row, Mapping):
        raise TypeError(f"{place.removesuffix('.')} is {_shown(row)}, not the backup of an account.")
    missing = next((name for name in _NEEDED if name not in row), None)
    if missing:
        raise KeyError(f"{place}{missing}")

    def each(name: str, fits: Callable[[object], bool], meaning: str) -> tuple[str, ...]:
        rows = _each(f"{place}{name}", row.get(name, []))
        return tuple(_validated(where, value, fits, meaning) for where, value in rows)

    taken_at = _validated(f"{place}taken_at", row["taken_at"], _is_time, "a time")

    def rows(name: str, shape: _Shape) -> tuple[Replaced, ...]:
        return tuple(_rows(f"{place}{name}", row.get(name, []), shape, taken_at))

    return Backup(
        account_id=_validated(f"{place}account_id", row["account_id"], _is_account, "an account id in quotes"),
        taken_at=taken_at,
        trail_keys=rows("trail_keys", _TRAIL_KEY),
        key_policies=rows("key_policies", _KEY_POLICY),
        created_keys=each("created_keys", _is_key, "a key ARN"),
        bucket_policies=rows("bucket_policies", _BUCKET_POLICY),
        created_trails=each("created_trails", _is_trail, "a trail ARN"),
    )


def _read(path: str, room: Room) -> Mapping[str, Any]:
    try:
        read = json.loads(room.read(path).decode("utf-8"))
        # No text of a run holds half a character, and none with it could be written.
        json.dumps(read, ensure_ascii=False).encode()
    except OSError as error:
        why = f"The backup {path} cannot be read by {user()}: {error.strerror}. {_CORRECT}"
        raise BackupError(why) from error
    except TooMuchError as error:
        raise BackupError(
            f"The backup {path} cannot be read: with it the backups have {error}. Restore from files as the runs "
            "wrote them, and from fewer at once."
        ) from None
    except (ValueError, RecursionError) as error:
        raise BackupError(f"The backup {path} is not JSON: {error}. {_CORRECT}") from error
    if not isinstance(read, Mapping) or read.get("format") != FORMAT:
        raise BackupError(f"{path} is no backup of this collection in format {FORMAT}. {_CORRECT}")
    return read


def _each(name: str, rows: object) -> Iterator[tuple[str, Any]]:
    if not isinstance(rows, list):
        raise TypeError(f"{name} is not a list.")
    yield from ((f"{name}[{index}]", row) for index, row in enumerate(rows))


def _rows(name: str, rows: object, shape: _Shape, taken_at: str) -> Iterator[Replaced]:
    """Read rows; one that does not say when it was taken was taken when all of its account were."""
    for where, row in _each(name, rows):
        if not isinstance(row, dict) or row.keys() - {"taken_at"} != shape.keys():
            raise ValueError(f"{where} does not have exactly the fields {', '.join(shape)} and taken_at.")
        values = {"taken_at": taken_at, **row}
        expected = {**shape, "taken_at": (_is_time, "a time")}
        yield Replaced(**{field: _validated(f"{where}.{field}", values[field], *expected[field]) for field in expected})


def _validated(where: str, value: Any, fits: Callable[[object], bool], meaning: str) -> Any:
    if not fits(value):
        raise ValueError(f"{where} is {_shown(value)}, not {meaning}.")
    return value


def _shown(value: object) -> str:
    """Return a value of the file for a message, cut to a length at which it is still recognized."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: object) -> bool:
    """Return whether it may be a time as runs have written it: times are compared as texts, and shown."""
    return isinstance(value, str) and len(value) <= LONGEST_TIME


def _like(form: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _or_none(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or fits(value)


_is_account, _is_trail, _is_key = map(_like, (re.compile(r"[0-9]{12}"), TRAIL_ARN, KEY_ARN))


def _is_policy(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(parse(value))
    except PolicyError:
        return False


_TRAIL_KEY: _Shape = {
    "arn": (_is_trail, "a trail ARN"),
    "before": (_or_none(_is_key), "a key ARN or null"),
    "after": (_is_key, "a key ARN"),
}
_BUCKET_POLICY: _Shape = {
    "arn": (_is_text, "a bucket ARN"),
    "before": (_or_none(_is_policy), "a bucket policy or null"),
    "after": (_is_policy, "a bucket policy"),
}
_KEY_POLICY: _Shape = {
    "arn": (_is_key, "a key ARN"),
    "before": (_is_policy, "a key policy"),
    "after": (_is_policy, "a key policy"),
}
