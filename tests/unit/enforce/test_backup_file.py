# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that keeps what a run replaces: whole at any time, written by one process, and read as data."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import backup_of, read_backups, read_parts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    BackupError,
    Change,
    Replaced,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._undo import undos_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._backup_file import BackupFile
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from tests.unit.enforce.lab import Lab, meanwhile

HOME = "eu-central-1"
REPLACE = Task(request=EnforceRequest(replace_compliant_key=True))
TRAIL = "arn:aws:cloudtrail:eu-central-1:111111111111:trail/main"
KEY = "arn:aws:kms:eu-central-1:111111111111:key/11111111-2222-3333-4444-555555555555"
KEYS = [KEY.replace("1111-", f"{number}111-") for number in range(4)]
AT = "2026-11-23T08:00:0{}+00:00"
ONE, OTHER = Backup("111111111111", AT.format(0)), Backup("222222222222", AT.format(1))


def policies(*sids: str) -> str:
    """A policy document with statements of these Sids."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": sid} for sid in sids]})


def moved(before: str | None, after: str, at: int = 0, arn: str = TRAIL) -> Backup:
    """The backup of a run that gave a trail another key."""
    return Backup("111111111111", AT.format(at), trail_keys=(Replaced(arn, before, after, AT.format(at)),))


def written(path: Path, *backups: Backup, play: str | None = None) -> Path:
    """The file of a run, which has ended."""
    with BackupFile(str(path), play) as file:
        for backup in backups:
            file.save(backup)
    return path


def joined(paths: list[str], rows: str = "trail_keys") -> tuple[str | None, str] | str:
    """What the files lead back to, and from what; or why they do not."""
    backups = {each.account_id: each for each in read_backups(paths)}
    (undo,) = getattr(undos_of(backups, backups), rows)
    return str(undo.reason) if undo.reason else (undo.row.before, undo.row.after)


def test_a_backup_is_read_as_it_was_written(load: Callable[[str], Lab], tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    done = load("healthy").enforce(REPLACE, backup_path=str(path))
    assert read_backups([str(path)]) == (done.backup,)
    assert done.backup is not None
    assert done.backup.created_keys == tuple(c.resource for c in done.changes if c.operation == "CreateKey")


@pytest.mark.parametrize(
    ("found_later", "kept"),
    [
        (policies("A", "Ours"), policies("A")),
        (json.dumps(json.loads(policies("A", "Ours")), indent=1), policies("A")),
        (policies("A", "Theirs"), policies("A", "Theirs")),
    ],
    ids=["unbroken", "laid out anew", "somebody wrote in between"],
)
def test_a_backup_never_spans_what_somebody_else_wrote(found_later: str, kept: str) -> None:
    last = policies("A", "Ours", "Last")
    changes = [
        Change("PutKeyPolicy", KEY, HOME, {"policy": policies("A")}, {"policy": policies("A", "Ours")}),
        Change("PutKeyPolicy", KEY, HOME, {"policy": found_later}, {"policy": last}),
    ]
    backup = backup_of("111111111111", changes, datetime.fromisoformat(AT.format(0)))
    assert backup.key_policies == (Replaced(KEY, kept, last, "2026-11-23T08:00:00.000000+00:00"),)


def test_a_row_has_the_time_of_the_save_before_its_write() -> None:
    """A run saves again at its end, when another one may have written since."""
    times = [datetime.fromisoformat(AT.format(at)) for at in range(3)]
    policy = Change("PutKeyPolicy", KEY, HOME, {"policy": policies("A")}, {"policy": policies("B")})
    trail = Change("UpdateTrail", TRAIL, HOME, {"kms_key_arn": None}, {"kms_key_arn": KEY[:-36] + "to-be-created"})
    first = backup_of("111111111111", [policy, trail], times[0])
    trail = replace(trail, after={"kms_key_arn": KEY})
    last = backup_of("111111111111", [policy, trail], times[1], first)
    rows = (*last.key_policies, *last.trail_keys)
    assert {row.taken_at for row in rows} == {times[0].isoformat(timespec="microseconds")}
    anew = replace(policy, before={"policy": policies("A", "Theirs")})
    (row,) = backup_of("111111111111", [anew], times[2], last).key_policies
    assert row.taken_at == times[2].isoformat(timespec="microseconds")


def test_a_backup_does_not_replace_that_of_another_run_at_the_same_time(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where the hosts of a play were given one backup_path: a run that is ended later has nothing but its file."""
    lab, path = load("fresh"), tmp_path / "backup.json"

    def another_run() -> None:
        with BackupFile(str(path)) as file, pytest.raises(BackupError, match="another run is writing it"):
            file.save(OTHER)

    meanwhile(monkeypatch, "UpdateTrail", another_run)
    lab.enforce(backup_path=str(path))
    assert [backup.account_id for backup in read_backups([str(path)])] == ["111111111111"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("written_at", [0, -5, 1, 10**12])
def test_an_earlier_backup_is_never_replaced(tmp_path: Path, written_at: int) -> None:
    """Whatever its time: copies have that of what they were copied from, and clocks are set back."""
    path = tmp_path / "backup.json"
    for number in range(4):
        written(path, moved(None, KEYS[number]))
        os.utime(path, (written_at, written_at))
    found = [read_parts(str(each)) for each in tmp_path.iterdir()]
    assert sorted(found, key=str) == [(moved(None, key),) for key in KEYS]


@pytest.mark.parametrize("kind", ["directory", "link", "dangling link"])
def test_a_backup_replaces_files_alone(load: Callable[[str], Lab], tmp_path: Path, kind: str) -> None:
    lab, path, other = load("fresh"), tmp_path / "backup.json", tmp_path / "other"
    if kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(other)
    if kind == "link":
        other.write_text("precious", encoding="utf-8")
    there = sorted(tmp_path.iterdir())
    (why,) = map(str, lab.enforce(backup_path=str(path)).errors)
    assert why.startswith(f"The backup {path} cannot be written: it is not a regular file")
    assert (lab.writes(), sorted(tmp_path.iterdir())) == ([], there)
    with BackupFile(str(path)) as file, pytest.raises(BackupError):
        file.save(ONE)


# One file for all accounts of a run


def test_the_file_has_a_part_for_each_account(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    with BackupFile(str(path)) as file:
        assert file.document() is None
        for backup in (OTHER, moved(None, KEYS[0]), moved(None, KEYS[1], at=2)):
            file.save(backup)
            assert read_parts(str(path))[-1] in (OTHER, backup)
        told = file.document()
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content == told
    assert {name: content[name] for name in ("format", "play", "taken_at")} == {
        "format": 2,
        "play": None,
        "taken_at": AT.format(2),
    }
    assert read_backups([str(path)]) == (moved(None, KEYS[1], at=2), OTHER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_path_it_is_told_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with BackupFile(None) as file:
        file.save(ONE)
        assert (file.document() or {})["accounts"] == [json.loads(json.dumps(asdict(ONE)))]
    assert list(tmp_path.iterdir()) == []


def test_what_is_saved_from_two_places_of_one_account_stands_side_by_side(tmp_path: Path) -> None:
    """As of the account that owns a shared key, and has a trail of its own."""
    path, of_key = tmp_path / "backup.json", Backup("111111111111", AT.format(0), created_keys=(KEY,))
    with BackupFile(str(path)) as file:
        file.save(of_key, of=KEY)
        file.save(moved(None, KEY, at=1))
        file.save(of_key, of=KEY)
    (joined,) = read_backups([str(path)])
    assert (joined.created_keys, joined.trail_keys) == ((KEY,), moved(None, KEY, at=1).trail_keys)


def test_many_threads_save_at_once(tmp_path: Path) -> None:
    """Each finds its own on the disk when it goes on."""
    path = str(tmp_path / "backup.json")
    accounts = [Backup(f"{number:012}", AT.format(0)) for number in range(40)]
    with BackupFile(path) as file, ThreadPoolExecutor(16) as pool:

        def save(backup: Backup) -> bool:
            file.save(backup)
            return backup in read_parts(path)

        assert all(pool.map(save, accounts))
    assert read_backups([path]) == tuple(accounts)


def test_what_could_not_be_saved_is_not_told_as_saved(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with BackupFile(str(folder / "backup.json")) as file:
        file.save(ONE)
        told = file.document()
        folder.rename(tmp_path / "gone")
        for backup in (OTHER, moved(None, KEY)):
            with pytest.raises(BackupError, match="Its directory must exist and be writable"):
                file.save(backup)
            assert file.document() == told


# Other processes, batches and loops


def test_no_other_run_writes_the_file_before_this_one_has_ended(tmp_path: Path) -> None:
    path = str(tmp_path / "backup.json")
    with BackupFile(path) as first, BackupFile(path) as second:
        first.save(ONE)
        with pytest.raises(
            BackupError, match=f"{path} cannot be written: another run is writing it. Wait until it ends"
        ):
            second.save(OTHER)
        first.save(moved(None, KEY))
        assert read_backups([path]) == (moved(None, KEY),)
        first.close()
        second.save(OTHER)
    assert read_backups([path]) == (OTHER,)
    assert sorted(file.name.count(".") for file in tmp_path.iterdir()) == [1, 2]


def test_the_lock_file_of_a_killed_run_is_nobody_s(tmp_path: Path) -> None:
    (tmp_path / ".backup.json.lock").touch(0o600)
    path = written(tmp_path / "backup.json", ONE)
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_file_that_goes_while_it_is_opened_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before took it away between our opening and locking it: a third one would make a new one."""
    lock, opened = tmp_path / ".backup.json.lock", os.open

    def slow(path: Any, *how: Any, **more: Any) -> int:
        descriptor = opened(path, *how, **more)
        if path == lock:
            monkeypatch.setattr(os, "open", opened)
            lock.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", slow)
    with BackupFile(str(tmp_path / "backup.json")) as first, BackupFile(str(tmp_path / "backup.json")) as second:
        first.save(ONE)
        with pytest.raises(BackupError, match="another run is writing it"):
            second.save(OTHER)


def test_batches_and_loops_of_one_play_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    written(path, moved(None, KEYS[0]), play="play-1")
    with BackupFile(str(path), "play-1") as file:
        file.save(OTHER)
        file.save(moved(KEYS[0], KEYS[1], at=2))
        assert [part["account_id"] for part in (file.document() or {})["accounts"]] == ["111111111111", "222222222222"]
    assert list(tmp_path.iterdir()) == [path]
    assert read_parts(str(path)) == (moved(None, KEYS[0]), moved(KEYS[0], KEYS[1], at=2), OTHER)
    assert joined([str(path)]) == (None, KEYS[1])


@pytest.mark.parametrize(("before", "after"), [(None, None), (None, "b"), ("a", None), ("a", "b")])
def test_the_file_of_another_play_is_kept_beside(tmp_path: Path, before: str | None, after: str | None) -> None:
    path = written(tmp_path / "backup.json", ONE, play=before)
    with BackupFile(str(path), after) as file:
        file.save(OTHER)
        (told,) = file.kept_aside()
    (aside,) = tmp_path.glob("backup.json.*Z")
    assert told == str(aside)
    assert [read_backups([str(file)]) for file in (aside, path)] == [(ONE,), (OTHER,)]


def test_a_file_of_the_play_that_is_none_any_more_is_kept_beside(tmp_path: Path) -> None:
    path = written(tmp_path / "backup.json", ONE, play="a")
    path.write_text(path.read_text(encoding="utf-8").replace("111111111111", "x"), encoding="utf-8")
    written(path, OTHER, play="a")
    (aside,) = tmp_path.glob("backup.json.*Z")
    assert "account_id" in aside.read_text(encoding="utf-8")
    assert read_backups([str(path)]) == (OTHER,)


def test_what_somebody_writes_into_the_file_meanwhile_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    with BackupFile(str(path)) as file:
        file.save(ONE)
        path.write_text("theirs", encoding="utf-8")
        file.save(OTHER)
    (aside,) = tmp_path.glob("backup.json.*Z")
    assert aside.read_text(encoding="utf-8") == "theirs"
    assert read_backups([str(path)]) == (ONE, OTHER)


def test_a_directory_that_cannot_be_listed_takes_a_backup_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory of mode 0300, to whoever is not root: files are put there, but it cannot be opened."""
    opened = os.open

    def unlisted(path: Any, flags: int, *mode: Any, **options: Any) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", unlisted)
    path = written(tmp_path / "backup.json", ONE, OTHER)
    assert read_backups([str(path)]) == (ONE, OTHER)
    assert [each.name for each in tmp_path.iterdir()] == ["backup.json"]
