# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports as files: each is written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._formats import FORMATS

FILE_MODE = 0o640


class ReportError(Exception):
    """A report cannot be written; the message names it and the reason."""


def write_reports(audit: Mapping[str, Any], formats: Sequence[str], directory: Path, cis_version: str) -> list[str]:
    """Write the reports of an audit in these formats, each once; return their paths. Raises ReportError."""
    texts = {
        directory / FORMATS[name].file_name: FORMATS[name].render(audit, cis_version=cis_version) for name in formats
    }
    for path, text in texts.items():
        _write(path, text)
    return [str(path) for path in texts]


def _write(path: Path, text: str) -> None:
    try:
        _replace(path, text)
    except OSError as error:
        raise ReportError(f"The report {path} cannot be written: {error.strerror}.") from error


def _replace(path: Path, text: str) -> None:
    """Write a whole file or none: a reader never finds half a report."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # Line ends are those of the format, whatever the machine.
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, FILE_MODE)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
