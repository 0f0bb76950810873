# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts the reports of one ansible-playbook are on, so that no report replaces that of another account."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible import constants

from ...module_utils._facts import replace_accounts
from ._destination import report_objects, unkept

_FOLDER = "cloudtrail-kms-reserved"


class ReservedError(ValueError):
    """A report that would replace that of another account; the message names it, and what to do."""


def folders(run_options: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Return where a run puts its reports: a directory and, if a bucket is named, a folder of it."""
    if not run_options["reports"]:
        return []
    paths = [os.path.realpath(run_options["report_dir"])]
    if run_options["report_bucket"]:
        to = report_objects(run_options["report_bucket"], run_options["report_prefix"], variables)
        paths.append(f"s3://{to['bucket']}/{to['prefix']}/{variables.get('inventory_hostname')}")
    return paths


def places(run_options: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Return where a run puts its reports, one place for each format."""
    return [f"{folder} ({report})" for folder in folders(run_options, variables) for report in run_options["reports"]]


@contextmanager
def reserved(wanted: Iterable[str], accounts: Iterable[str], play: str) -> Iterator[Callable[[], None]]:
    """Reserve places for the reports on these accounts before AWS is called.

    The caller gets what keeps them until ansible-playbook ends; a run that wrote no report gives them back. Raises
    ReservedError for a place with a report on another account, unless it belongs to the same play: that report is added
    to. Parallel runs are separate processes, so the reservations are files.
    """
    made: list[Path] = []
    try:
        made += filter(None, [_reserve(place, frozenset(accounts), play) for place in wanted])
        yield made.clear
    finally:
        for path in made:
            with suppress(OSError):  # which would replace the result of a run that has written
                path.unlink()


def _reserve(place: str, accounts: frozenset[str], play: str) -> Path | None:
    """Return the file that reserves the place, or None if it was already reserved."""
    path = file_of_run(place)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8") as file:
        json.dump({"play": play, "accounts": sorted(accounts)}, file)
        file.flush()
        try:
            os.link(file.name, path)  # in one step, with all that it says
        except FileExistsError:
            earlier = json.loads(path.read_text(encoding="utf-8"))
            before = frozenset(earlier["accounts"])
            if earlier["play"] != play:
                _refuse_another(place, before, accounts)
                before = frozenset()
            content = {"play": play, "accounts": sorted(before | accounts)}
            path.write_text(json.dumps(content), encoding="utf-8")
            return None
    return path


@contextmanager
def added_up(
    folder: str, audit: Mapping[str, Any], play: str, tell: Callable[[str], None]
) -> Iterator[Mapping[str, Any]]:
    """Yield what the reports in a folder must hold; no other process writes it meanwhile.

    Batches and loops of one play make one report: what was found before, with what is found now in its place. Without a
    play, and for the first batch of a play, that is the audit itself. `tell` is called with the reason if what was
    found before cannot be read, so that the reports are on this audit alone, or if what is found now cannot be kept.
    """
    if not play:
        yield audit
        return
    with ExitStack() as stack:
        try:
            path = file_of_run(f"{play} {folder}")
            fcntl.flock(stack.enter_context(path.open("a+", encoding="utf-8")), fcntl.LOCK_EX)
            text = path.read_text(encoding="utf-8")
            whole = replace_accounts(json.loads(text), audit) if text else audit
        except (OSError, ValueError) as error:
            tell(unkept("What the play has found before", error) + " The reports hold this run alone.")
            yield audit
            return
        yield whole
        try:
            path.write_text(json.dumps(whole), encoding="utf-8")
        except OSError as error:
            tell(unkept("What the reports hold, to which further batches add,", error))


def file_of_run(name: str) -> Path:
    """Return the file that all processes of one ansible-playbook use for this name."""
    folder = Path(constants.DEFAULT_LOCAL_TMP) / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / hashlib.sha256(name.encode()).hexdigest()


def _refuse_another(place: str, before: frozenset[str], accounts: frozenset[str]) -> None:
    lost = ", ".join(sorted(before - accounts))
    if lost:
        raise ReservedError(
            f"The report in {place} is on {lost}, and this same run of ansible-playbook has made it. One on "
            f"{', '.join(sorted(accounts))} would replace it. Make the accounts hosts of an inventory, which the entry "
            "point audit reads at once for one report on all, or give each its own cloudtrail_kms_report_dir, or "
            "cloudtrail_kms_report_prefix in a bucket."
        )
