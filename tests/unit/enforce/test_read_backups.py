# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups are read from files: several of one account, parts of them, and files that are no backups."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _backup
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    BackupError,
    Replaced,
)
from tests.unit.enforce.test_backup_file import AT, KEY, KEYS, ONE, OTHER, TRAIL, joined, moved, policies, written


@pytest.mark.parametrize(
    ("earlier", "later", "undone"),
    [
        ((None, KEYS[0]), (KEYS[0], KEYS[1]), (None, KEYS[1])),
        ((None, KEYS[0]), (None, KEYS[0]), (None, KEYS[0])),
        ((KEYS[0], KEYS[1]), (KEYS[0], KEYS[2]), (KEYS[0], KEYS[2])),
        ((KEYS[0], KEYS[1]), (KEYS[1], KEYS[0]), (KEYS[0], KEYS[0])),
    ],
    ids=["one after the other", "the same twice", "put back in between", "and its restore"],
)
def test_of_two_files_of_an_account_the_later_is_undone_first(
    tmp_path: Path, earlier: Any, later: Any, undone: Any
) -> None:
    first = str(written(tmp_path / "1.json", moved(earlier[0], earlier[1], at=1)))
    second = str(written(tmp_path / "2.json", moved(later[0], later[1], at=2)))
    for paths in ([first, second], [second, first], [first, second, first]):
        assert joined(paths) == undone


@pytest.mark.parametrize("times", [(1, 2, 3), (1, 1, 1)], ids=["in time", "in one second"])
def test_what_another_account_wrote_between_two_of_one_is_undone_in_its_place(tmp_path: Path, times: Any) -> None:
    """In one file of a play, and in three files in any order. KMS lays out what it is given."""
    accounts = ("111111111111", "222222222222", "111111111111")
    laid_out_anew = [policies(*"P123"[: at + 1]).replace(",", " ,") for at in range(3)]
    parts = [
        Backup(each, AT.format(time), key_policies=(Replaced(KEY, laid_out_anew[at], policies(*"P123"[: at + 2])),))
        for at, (each, time) in enumerate(zip(accounts, times, strict=True))
    ]
    one = tmp_path / "one.json"
    for part in parts:
        written(one, part, play="play")
    undone = (laid_out_anew[0], policies(*"P123"))
    assert joined([str(one)], "key_policies") == undone
    files = [str(written(tmp_path / f"{at}.json", part)) for at, part in enumerate(parts)]
    assert {joined([*paths], "key_policies") for paths in permutations(files)} == {undone}


def test_files_that_do_not_lead_back_say_between_what(tmp_path: Path) -> None:
    first = str(written(tmp_path / "1.json", moved(KEYS[0], KEYS[1], at=1)))
    second = str(written(tmp_path / "2.json", moved(KEYS[2], KEYS[3], at=2)))
    assert joined([first, second]) == (
        f"somebody else changed it between what was replaced in account 111111111111 at {AT.format(1)} and what was "
        f"replaced in account 111111111111 at {AT.format(2)}, so the backup does not lead back. Delete its rows up to "
        "the first of these from trail_keys to undo what came later, or all of its rows to leave it as it is."
    )


def test_accounts_and_rows_may_be_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "backup.json", moved(None, KEY), OTHER, replace(ONE, account_id="333333333333"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["accounts"][0]["trail_keys"] = []
    del content["accounts"][2], content["play"], content["taken_at"], content["collection_version"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read_backups([str(path)]) == (ONE, OTHER)


# What is no backup


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("x", "is not JSON: .*. Correct the option restore, which takes files that runs wrote for the option backup_p"),
        ("[]", "is no backup"),
        ('{"format": 3}', "is no backup of this collection in format 2"),
        ('{"format": 1}', "is no backup of this collection in format 2"),
        ('{"format": 2}', "is not complete: 'accounts' is missing. Correct the option restore"),
        ('{"format": 2, "accounts": [{"account_id": 1}]}', r"is not complete: 'accounts\[0\].taken_at'"),
        ('{"format": 2, "accounts": {}}', "cannot be used: accounts is not a list"),
        ('{"format": 2, "accounts": [1]}', r"cannot be used: accounts\[0\] is 1, not the backup of an account"),
        ('{"format": 2, "accounts": []}', "holds no account"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "backup.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(BackupError, match=words):
        read_backups([str(path)])


def test_a_backup_is_a_file_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe would be waited for without end, and a device read until the memory is full."""
    pipe, link, long = (tmp_path / name for name in ("pipe", "link", "long"))
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    for path in (pipe, link):
        with pytest.raises(
            BackupError, match=f"The backup {path} cannot be read by .*: It is not a regular file.*restore"
        ):
            read_backups([str(path)])
    long.write_text("{}" * 100, encoding="utf-8")
    monkeypatch.setattr(_backup, "MOST_BYTES", 100)
    with pytest.raises(BackupError, match=f"The backup {long} cannot be read: with it the backups have more than 100"):
        read_backups([str(long)])


def test_backups_are_read_as_long_as_all_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of empty objects takes thirty times its bytes; nothing of it is made before it is refused."""
    made, path = list[str](), tmp_path / "backup.json"
    monkeypatch.setattr(_backup, "json", SimpleNamespace(loads=made.append))
    path.write_text('{"format": 2, "accounts": [' + "{}," * 10_000 + "{}]}", encoding="utf-8")
    monkeypatch.setattr(_backup, "MOST_BYTES", 19_000 * 32)
    with pytest.raises(BackupError) as refused:
        read_backups([str(path)])
    assert str(refused.value) == (
        f"The backup {path} cannot be read: with it the backups have more than 19,000 values. Restore from files as "
        "the runs wrote them, and from fewer at once."
    )
    assert made == []
    monkeypatch.undo()
    first, last = (str(written(tmp_path / f"{at}.json", moved(None, KEY))) for at in (1, 2))
    monkeypatch.setattr(_backup, "MOST_BYTES", os.path.getsize(first) * 3 // 2)
    with pytest.raises(BackupError, match=f"The backup {last} cannot be read: with it the backups have more than"):
        read_backups([first, last])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"account_id": 111111111111}, "account_id is 111111111111"),
        ({"trail_keys": {}}, "trail_keys is not a list"),
        ({"trail_keys": ["x"]}, r"trail_keys\[0\] does not have exactly the fields"),
        ({"trail_keys": [{"arn": TRAIL, "before": KEY}]}, r"trail_keys\[0\] does not have exactly the fields"),
        ({"trail_keys": [{"arn": KEY, "before": KEY, "after": KEY}]}, r"trail_keys\[0\].arn is .*, not a trail ARN"),
        ({"trail_keys": [{"arn": TRAIL, "before": "", "after": KEY}]}, r"trail_keys\[0\].before is '', not a key ARN"),
        ({"trail_keys": [{"arn": TRAIL, "before": "alias/x", "after": KEY}]}, r"trail_keys\[0\].before is 'alias/x'"),
        ({"trail_keys": [{"arn": TRAIL, "before": KEY, "after": None}]}, r"trail_keys\[0\].after is None"),
        ({"key_policies": [{"arn": "foo", "before": "{}", "after": "{}"}]}, r"key_policies\[0\].arn is 'foo'"),
        ({"key_policies": [{"arn": KEY, "before": None, "after": "{}"}]}, r"key_policies\[0\].before is None"),
        ({"key_policies": [{"arn": KEY, "before": "x", "after": "{}"}]}, r"key_policies\[0\].before is 'x'"),
        ({"key_policies": [{"arn": KEY, "before": policies("A"), "after": 5}]}, r"key_policies\[0\].after is 5"),
        (
            {"trail_keys": [{"arn": TRAIL, "before": KEY, "after": KEY, "taken_at": 5}]},
            r"trail_keys\[0\].taken_at is 5",
        ),
        ({"taken_at": "x" * 41}, "taken_at is .*, not a time"),
        ({"created_keys": [5]}, r"created_keys\[0\] is 5, not a key ARN"),
    ],
)
def test_a_row_that_no_run_would_write_is_named(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    path = tmp_path / "backup.json"
    whole = {"account_id": "111111111111", "taken_at": "", "trail_keys": [], "key_policies": [], "created_keys": []}
    path.write_text(json.dumps({"format": 2, "accounts": [whole, {**whole, **given}]}), encoding="utf-8")
    with pytest.raises(BackupError, match=rf"{path} cannot be used: accounts\[1\].{named}"):
        read_backups([str(path)])
