# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the reports of a run, on everything that its play has found so far, and say which files to upload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...module_utils._printable import printable
from ...module_utils._regular_file import write_whole
from ._compared import counts_of
from ._destination import passing_directory, unkept, uploads
from ._formats import FORMATS
from ._previous import Previous
from ._reserved import added_up, folders


def publish(
    run_options: Mapping[str, Any],
    audit: Mapping[str, Any],
    variables: Mapping[str, Any],
    connection: Any,
    *,
    play: str = "",
    backup: str | None = None,
    previous: Previous | None = None,
    failed: str = "",
) -> dict[str, Any]:
    """Write the reports in the options of a run, and return what the run registers about them.

    A `play` has one report for all its batches and loops; without one the reports are on this audit alone. If a report
    cannot be written, the run fails, but still returns what it changed and its backup; if something has `failed`
    before, the message says both. Everything that the play has found so far is compared with the `previous` report,
    whether reports are written or not.
    """
    reasons = [failed] if failed else []
    registered: dict[str, Any] = {}
    try:
        more: dict[str, Any] = {"tell": reasons.append, "play": play, "backup": backup, "previous": previous}
        registered = _publish(run_options, audit, variables, connection, **more)
        registered |= _compared(audit, play, previous, reasons.append)
    except ReportError as error:
        reasons.append(str(error))
    return {**registered, **({"failed": True, "msg": printable(" ".join(reasons))} if reasons else {})}


def _publish(
    run_options: Mapping[str, Any],
    audit: Mapping[str, Any],
    variables: Mapping[str, Any],
    connection: Any,
    tell: Callable[[str], None],
    *,
    play: str,
    backup: str | None,
    previous: Previous | None,
) -> dict[str, Any]:
    more = [backup] if backup else []
    if not run_options["reports"]:
        return {"reports": [], "added_up": False, **uploads(run_options, more, variables, connection)}
    folder, *in_bucket = folders(run_options, variables)
    write = partial(_write_all, run_options, audit, tell=tell, previous=previous)
    earlier = {str(path) for path in _paths(run_options["reports"], Path(run_options["report_dir"])) if path.exists()}
    written, reports = write((play, folder, run_options["report_dir"]))
    going = reports
    if in_bucket and written is not audit:
        try:
            going = write((play, in_bucket[0], passing_directory()))[1]
        except (OSError, ReportError) as error:
            going = []
            tell(unkept("The reports for the bucket", error) if isinstance(error, OSError) else str(error))
    return {
        "reports": reports,
        "replaced": [path for path in reports if path in earlier and written is audit],
        "added_up": written is not audit,
        **uploads(run_options, [*going, *more], variables, connection),
    }


def _compared(
    audit: Mapping[str, Any], play: str, previous: Previous | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    if not previous:
        return {}
    with added_up("compared", audit, play, tell) as whole:
        return {"comparison": counts_of(previous.comparison(whole))}


def _write_all(
    run_options: Mapping[str, Any],
    audit: Mapping[str, Any],
    to: tuple[str, str, str],
    *,
    tell: Callable[[str], None],
    previous: Previous | None,
) -> tuple[Mapping[str, Any], list[str]]:
    play, folder, directory = to
    with added_up(folder, audit, play, tell) as whole:
        reported = {**whole, "comparison": previous.comparison(whole)} if previous else whole
        return whole, write_reports(reported, run_options["reports"], Path(directory), run_options["cis_version"])


FILE_MODE = 0o640


class ReportError(Exception):
    """A report cannot be written; the message names it and the reason."""


def write_reports(audit: Mapping[str, Any], formats: Sequence[str], directory: Path, cis_version: str) -> list[str]:
    """Write the reports of an audit in these formats, each once; return their paths. Raises ReportError."""
    texts = {
        path: FORMATS[name].render(audit, cis_version=cis_version) for path, name in _paths(formats, directory).items()
    }
    for path, text in texts.items():
        _write(path, text)
    return [str(path) for path in texts]


def _paths(formats: Sequence[str], directory: Path) -> dict[Path, str]:
    return {directory / FORMATS[name].file_name: name for name in formats}


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text, FILE_MODE)
    except OSError as error:
        raise ReportError(f"The report {path} cannot be written: {error.strerror}.") from error
