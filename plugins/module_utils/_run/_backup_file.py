# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the backup file of a run: many threads of one process write it, and no other process does."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from textwrap import indent
from types import TracebackType
from typing import Any

from .._backup import backup_document, read_parts
from .._model import Backup, BackupError
from .._regular_file import user, write_whole

_LAST_SECOND = datetime(9999, 12, 31, tzinfo=timezone.utc).timestamp()


def checked_path(path: str | None, restored: Iterable[str] = ()) -> str | None:
    """Return the path. Raises BackupError if no backup can be written there, so that check mode reports it as well.

    `restored` are the files that the run restores from. With its own backup in their place, the same run would undo
    itself the next time.
    """
    if path is None:
        return None
    target = Path(path)
    if target.exists() and any(target.samefile(each) for each in restored):
        raise BackupError(
            f"The backup {path} cannot be written: it is a file to restore from. Set the option "
            "backup_path to another file, or leave it out."
        )
    if os.path.lexists(target) and not stat.S_ISREG(target.lstat().st_mode):
        raise BackupError(
            f"The backup {path} cannot be written: it is not a regular file. Set the option backup_path to the "
            "name of a file, not of a directory, a link or a device."
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise BackupError(
            f"The backup {path} cannot be written. {_requirement()} Create it, or set the option backup_path to "
            "another file."
        )
    return path


def _requirement() -> str:
    return f"Its directory must exist and be writable by {user()}."


class BackupFile:
    """What a run replaces, kept in a file of mode 0600, which is whole whenever the process ends.

    With `play`, the id of the play that the run is a batch or a loop of, a file that an earlier one left is joined. Any
    other file stays beside it, with the time it was written at the end of its name: it may be all that is left of a run
    that was ended. Without a path nothing is written. From the first save until `close` no other process gets in.
    """

    def __init__(self, path: str | None, play: str | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._play = play
        self._lock: _Lock | None = None
        self._earlier: tuple[Backup, ...] = ()
        self._parts: dict[tuple[str, str], Backup] = {}
        self._texts: dict[Backup, str] = {}
        self._requested = self._written = 0
        self._last_seen: tuple[int, ...] | None = None
        self._kept_aside: list[str] = []
        self._state_lock, self._file_lock = threading.Lock(), threading.Lock()

    def __enter__(self) -> BackupFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes write the file. The end of the process does so as well."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def document(self) -> dict[str, Any] | None:
        """Return what this run has saved, in the format of the file; None where it has saved nothing."""
        with self._state_lock:
            parts = [part for _name, part in sorted(self._parts.items())]
        return backup_document(parts, self._play) if parts else None

    def kept_aside(self) -> tuple[str, ...]:
        """Return where the files are now that were there before, or that somebody wrote there during the run."""
        return tuple(self._kept_aside)

    def save(self, backup: Backup, of: str = "") -> None:
        """Keep the backup in place of what was saved before of its account and `of`, which tells apart what is saved
        of one account from several places. It is on the disk on return, and what others ask for meanwhile is with it.

        Raises BackupError where it cannot be written: what was saved before stands then.
        """
        name = (backup.account_id, of)
        with self._state_lock:
            before = self._parts.get(name)
            self._parts[name] = backup
            self._requested += 1
            requested = self._requested
        with self._file_lock:
            if self._path is None or self._written >= requested:
                return
            try:
                self._write(self._path)
            except BackupError:
                with self._state_lock:
                    self._parts = {**self._parts, name: before} if before else _without(self._parts, name)
                raise

    def _write(self, path: Path) -> None:
        """Write the whole file or none of it."""
        try:
            checked_path(str(path))
            if self._lock is None:
                self._lock = _Lock(path)
                self._join(path)
            if path.exists() and _identity(path) != self._last_seen:
                self._kept_aside.append(str(path.rename(_reserve_name(path))))
            with self._state_lock:
                requested, parts = self._requested, [part for _name, part in sorted(self._parts.items())]
            write_whole(path, self._text([*self._earlier, *parts]), 0o600)
            _sync_folder(path.parent)
            self._last_seen, self._written = _identity(path), requested
        except OSError as error:
            raise BackupError(f"The backup {path} cannot be written: {error.strerror}. {_requirement()}") from error

    def _join(self, path: Path) -> None:
        """Go on with the file of an earlier batch or loop of the same play."""
        if self._play is None or not path.exists():
            return
        seen = _identity(path)
        with suppress(BackupError):
            self._earlier = read_parts(str(path), self._play)
            self._last_seen = seen

    def _text(self, parts: list[Backup]) -> str:
        """Return the content of the file. Only the text of accounts that changed is made anew."""
        self._texts = {part: self._texts.get(part) or _to_json(asdict(part)) for part in parts}
        head = _to_json({**backup_document(parts, self._play), "accounts": []})
        rows = indent(",\n".join(self._texts[part] for part in parts), "    ")
        return head.replace('"accounts": []', f'"accounts": [\n{rows}\n  ]', 1) + "\n"


def _reserve_name(path: Path) -> Path:
    """Return an empty file beside the backup, made for what stands in it: named by its time, which others may share."""
    # A copy of a file has any time, also one that is no year of ours.
    seconds = min(max(path.stat().st_mtime, 0), _LAST_SECOND)
    name = f"{path.name}.{datetime.fromtimestamp(seconds, timezone.utc):%Y%m%dT%H%M%S%fZ}"
    for number in count(1):
        kept = path.with_name(name if number == 1 else f"{name}.{number}")
        with suppress(FileExistsError):
            kept.touch(mode=0o600, exist_ok=False)
            break
    return kept


def _without(parts: Mapping[tuple[str, str], Backup], name: tuple[str, str]) -> dict[tuple[str, str], Backup]:
    return {other: part for other, part in parts.items() if other != name}


def _to_json(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True)


def _identity(path: Path) -> tuple[int, ...]:
    """Return what identifies a file and its content, to notice that somebody else has written there."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _sync_folder(folder: Path) -> None:
    """Write the directory to the disk too, so that the new file outlives a loss of power.

    Not all systems can, nor can a user who may write to the directory and not list it: the file is there all the same.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Lock:
    """A lock that ends with the process, on a file beside the backup, since the backup itself is replaced.

    The lock file goes with the lock; one that a killed process left is locked by nobody. Over NFS the kernel makes of
    flock a lock that other machines see, for which the file is open for writing (flock(2), "NFS details").
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        self._descriptor = self._locked(path)
        while not self._is_there():  # who had it took it away between our opening and locking it
            os.close(self._descriptor)
            self._descriptor = self._locked(path)

    def release(self) -> None:
        """Remove the lock file while it is locked, so that nobody's lock but ours is on it."""
        with suppress(OSError):
            os.unlink(self._path)
        os.close(self._descriptor)

    def _locked(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BackupError(
                f"The backup {path} cannot be written: another run is writing it. Wait until it ends, or set the "
                "option backup_path to another file."
            ) from error
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _is_there(self) -> bool:
        ours = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
