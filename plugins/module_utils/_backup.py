# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enforcement replaces, kept in a file before the first write, so that it can be put back."""

from __future__ import annotations

import json
import operator
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model, _regular_file, _version
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _comparison, _document

FORMAT = 1
# Far more than the policies of all keys that a run may change.
MOST_BYTES = 128 * 1024 * 1024
# Characters of a wrong value that a message shows.
LONGEST_SHOWN = 200


def document(backup: _model.Backup) -> dict[str, object]:
    """The backup as JSON types, as it stands in the file."""
    return {"format": FORMAT, "collection_version": _version.VERSION, **json.loads(json.dumps(asdict(backup)))}


def backup_of(account_id: str, changes: Sequence[_model.Change], now: datetime) -> _model.Backup:
    """The backup of what the changes replace.

    The first change of a resource has its `before`, the last its `after`. Where somebody else wrote in between, what
    they wrote is the `before`: an older one would take it away.
    """
    return _model.Backup(
        account_id=account_id,
        taken_at=now.isoformat(timespec="seconds"),
        trail_keys=_replaced(changes, "UpdateTrail", "kms_key_arn", operator.eq),
        key_policies=_replaced(changes, "PutKeyPolicy", "policy", _comparison.same_policy),
        created_keys=tuple(change.resource for change in changes if change.operation == "CreateKey"),
        bucket_policies=_replaced(changes, "PutBucketPolicy", "policy", _comparison.same_policy),
        created_trails=tuple(change.resource for change in changes if change.operation == "CreateTrail"),
    )


def _replaced(
    changes: Sequence[_model.Change], operation: str, field: str, same: Callable[[str, str | None], bool]
) -> tuple[_model.Replaced, ...]:
    """One row a resource; `same` compares two values, for KMS lays out a policy anew."""
    found: dict[str, _model.Replaced] = {}
    for change in changes:
        if change.operation == operation:
            before = _or_none((change.before or {}).get(field))
            earlier = found.get(change.resource)
            if earlier and same(earlier.after, before):
                before = earlier.before
            found[change.resource] = _model.Replaced(change.resource, before, str(change.after[field]))
    return tuple(found.values())


def _or_none(value: object) -> str | None:
    return None if value is None else str(value)


def checked_path(path: str | None) -> str | None:
    """Return the path. Raises BackupError where no backup can be written there, so that check mode tells it as well."""
    if path is None:
        return None
    target = Path(path)
    if os.path.lexists(target) and not stat.S_ISREG(target.lstat().st_mode):
        raise _model.BackupError(
            f"The backup {path} cannot be written: what is there is no regular file. "
            "Give backup_path the name of a file, not of a directory, a link or a device."
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise _model.BackupError(f"The backup {path} cannot be written. Its directory must exist and be writable.")
    return path


def write_backup(path: str, backup: _model.Backup, *, own: _model.Backup | None) -> None:
    """Write the whole file or none of it, readable by its owner alone (0600).

    Only the backup `own`, which the same run has written there, is replaced. Any other file that is there stays beside
    it, with the time it was written at the end of its name: it may be all that is left of a run that was ended, or
    that of a run for another account which was given the same name. Raises BackupError, also where anything but a
    regular file is there: a directory or a link would be moved aside like an older backup.
    """
    target = Path(path)
    try:
        checked_path(path)
        if target.exists() and not (own and target.read_bytes() == _text(own).encode()):
            written = datetime.fromtimestamp(target.stat().st_mtime, timezone.utc)
            target.rename(target.with_name(f"{target.name}.{written:%Y%m%dT%H%M%S%fZ}"))
        _write(target, _text(backup))
    except OSError as error:
        raise _model.BackupError(
            f"The backup {path} cannot be written: {error.strerror}. Its directory must exist and be writable."
        ) from error


def _text(backup: _model.Backup) -> str:
    """What stands in the file."""
    return json.dumps(document(backup), indent=2, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp gives 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_backup(path: str) -> _model.Backup:
    """Read a backup that `write_backup` wrote, or that somebody cut down since.

    Raises BackupError; of a row that no run would have written the message names the row and the value.
    """
    read = _read(path)
    try:
        return _model.Backup(
            account_id=_fitting("account_id", read["account_id"], _is_account, "an account id in quotes"),
            taken_at=_fitting("taken_at", read["taken_at"], _is_text, "a text"),
            trail_keys=tuple(_rows("trail_keys", read["trail_keys"], _TRAIL_KEY)),
            key_policies=tuple(_rows("key_policies", read["key_policies"], _KEY_POLICY)),
            created_keys=tuple(
                _fitting(where, arn, _is_key, "a key ARN") for where, arn in _each("created_keys", read["created_keys"])
            ),
            bucket_policies=tuple(_rows("bucket_policies", read.get("bucket_policies", []), _BUCKET_POLICY)),
            created_trails=tuple(
                _fitting(where, arn, _is_trail, "a trail ARN")
                for where, arn in _each("created_trails", read.get("created_trails", []))
            ),
        )
    except KeyError as error:
        raise _model.BackupError(f"The backup {path} is not complete: {error}.") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise _model.BackupError(f"The backup {path} cannot be used: {error}") from error


def _read(path: str) -> Mapping[str, Any]:
    try:
        content = _regular_file.read_regular(path, MOST_BYTES)
        if len(content) > MOST_BYTES:
            raise _model.BackupError(f"The backup {path} cannot be read: it has more than {MOST_BYTES:,} bytes.")
        read = json.loads(content.decode("utf-8"))
        # No text of a run holds half a character, and none with it could be written.
        json.dumps(read, ensure_ascii=False).encode()
    except OSError as error:
        raise _model.BackupError(f"The backup {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise _model.BackupError(f"The backup {path} is no JSON: {error}.") from error
    if not isinstance(read, Mapping) or read.get("format") != FORMAT:
        raise _model.BackupError(f"{path} is no backup of this collection in format {FORMAT}.")
    return read


def _each(name: str, rows: object) -> Iterator[tuple[str, Any]]:
    if not isinstance(rows, list):
        raise TypeError(f"{name} is not a list.")
    yield from ((f"{name}[{index}]", row) for index, row in enumerate(rows))


def _rows(
    name: str, rows: object, shape: Mapping[str, tuple[Callable[[object], bool], str]]
) -> Iterator[_model.Replaced]:
    for where, row in _each(name, rows):
        if not isinstance(row, dict) or row.keys() != shape.keys():
            raise ValueError(f"{where} does not have just the fields {', '.join(shape)}.")
        yield _model.Replaced(
            **{field: _fitting(f"{where}.{field}", row[field], *expected) for field, expected in shape.items()}
        )


def _fitting(where: str, value: Any, fits: Callable[[object], bool], meaning: str) -> Any:
    if not fits(value):
        raise ValueError(f"{where} is {_shown(value)}, not {meaning}.")
    return value


def _shown(value: object) -> str:
    """A value of the file as a message shows it: no more of it than makes it known again."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_account(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{12}", value) is not None


def _is_trail(value: object) -> bool:
    return isinstance(value, str) and _model.TRAIL_ARN.fullmatch(value) is not None


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _model.KEY_ARN.fullmatch(value) is not None


def _is_key_or_none(value: object) -> bool:
    return value is None or _is_key(value)


def _is_policy(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(_document.parse(value))
    except _document.PolicyError:
        return False


def _is_policy_or_none(value: object) -> bool:
    return value is None or _is_policy(value)


_TRAIL_KEY: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "arn": (_is_trail, "a trail ARN"),
    "before": (_is_key_or_none, "a key ARN or null"),
    "after": (_is_key, "a key ARN"),
}
_BUCKET_POLICY: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "arn": (_is_text, "a bucket ARN"),
    "before": (_is_policy_or_none, "a bucket policy or null"),
    "after": (_is_policy, "a bucket policy"),
}
_KEY_POLICY: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "arn": (_is_key, "a key ARN"),
    "before": (_is_policy, "a key policy"),
    "after": (_is_policy, "a key policy"),
}
