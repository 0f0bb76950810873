# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a file does not fit on the disk, nothing half written is left, and what was there before is.

Nor does writing one touch any other file.
"""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Backup, BackupError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._backup_file import BackupFile
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._publish import (
    ReportError,
    write_reports,
)
from tests.unit.checks import build


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk with that many bytes left, as far as one file can tell: the write fails in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_backup_that_does_not_fit_stops_the_run_before_its_first_write(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    with BackupFile(str(path)) as backups:
        with no_file_larger_than(16), pytest.raises(BackupError, match=f"The backup {path} cannot be written: "):
            backups.save(Backup("111111111111", "2026-11-23T08:00:00+00:00"))
        assert backups.document() is None
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_does_not_fit_leaves_the_one_of_yesterday(tmp_path: Path) -> None:
    audit = facts([assess(build.snapshot(), Settings())])
    (path,) = write_reports(audit, ["json"], tmp_path, "3.0")
    yesterday = Path(path).read_text(encoding="utf-8")
    with no_file_larger_than(16), pytest.raises(ReportError, match=f"The report {path} cannot be written: "):
        write_reports(audit, ["json"], tmp_path, "3.0")
    assert [each.read_text(encoding="utf-8") for each in tmp_path.iterdir()] == [yesterday]


def test_the_mode_of_a_report_is_given_to_no_file_that_somebody_puts_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write the directory of the reports can replace the file that becomes the report by a link."""
    secret, reports = tmp_path / "secret", tmp_path / "reports"
    secret.touch(mode=0o600)
    reports.mkdir()
    opened = os.fdopen

    def replaced(descriptor: int, *arguments: Any, **options: Any) -> Any:
        (temporary,) = reports.iterdir()
        temporary.unlink()
        temporary.symlink_to(secret)
        return opened(descriptor, *arguments, **options)

    monkeypatch.setattr(os, "fdopen", replaced)
    write_reports(facts([assess(build.snapshot(), Settings())]), ["json"], reports, "3.0")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
