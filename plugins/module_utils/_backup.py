# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enforcement replaces, kept in a file before the first write, so that it can be put back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup, Change, Replaced
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION

FORMAT = 1


class BackupError(Exception):
    """The backup cannot be written or read; the message names the file and says why."""


def document(backup: Backup) -> dict[str, object]:
    """The backup as JSON types, as it stands in the file."""
    return {"format": FORMAT, "collection_version": VERSION, **json.loads(json.dumps(asdict(backup)))}


def backup_of(account_id: str, changes: Sequence[Change], now: datetime) -> Backup:
    """The backup of what the changes replace. The first change of a resource has its `before`, the last its `after`."""
    return Backup(
        account_id=account_id,
        taken_at=now.isoformat(timespec="seconds"),
        trail_keys=_replaced(changes, "UpdateTrail", "kms_key_arn"),
        key_policies=_replaced(changes, "PutKeyPolicy", "policy"),
        created_keys=tuple(change.resource for change in changes if change.operation == "CreateKey"),
    )


def _replaced(changes: Sequence[Change], operation: str, field: str) -> tuple[Replaced, ...]:
    found: dict[str, Replaced] = {}
    for change in changes:
        if change.operation == operation:
            earlier = found.get(change.resource)
            before = earlier.before if earlier else _text((change.before or {}).get(field))
            found[change.resource] = Replaced(change.resource, before, str(change.after[field]))
    return tuple(found.values())


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def write_backup(path: str, backup: Backup, *, keep_older: bool) -> None:
    """Write the whole file or none of it, readable by its owner alone (0600).

    With `keep_older` a file that is there stays beside it, with the time it was written at the end of its name:
    it may be all that is left of a run that was ended. Raises BackupError.
    """
    target = Path(path)
    try:
        if keep_older and target.exists():
            written = datetime.fromtimestamp(target.stat().st_mtime, timezone.utc)
            target.rename(target.with_name(f"{target.name}.{written:%Y%m%dT%H%M%S%fZ}"))
        _write(target, json.dumps(document(backup), indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise BackupError(
            f"The backup {path} cannot be written: {error.strerror}. Its directory must exist and be writable."
        ) from error


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


def read_backup(path: str) -> Backup:
    """Read a backup that `write_backup` wrote. Raises BackupError."""
    try:
        read = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BackupError(f"The backup {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BackupError(f"The backup {path} is no JSON: {error}.") from error
    if not isinstance(read, Mapping) or read.get("format") != FORMAT:
        raise BackupError(f"{path} is no backup of this collection in format {FORMAT}.")
    try:
        return Backup(
            account_id=str(read["account_id"]),
            taken_at=str(read["taken_at"]),
            trail_keys=tuple(Replaced(**row) for row in read["trail_keys"]),
            key_policies=tuple(Replaced(**row) for row in read["key_policies"]),
            created_keys=tuple(read["created_keys"]),
        )
    except (KeyError, TypeError) as error:
        raise BackupError(f"The backup {path} is not complete: {error}.") from error
