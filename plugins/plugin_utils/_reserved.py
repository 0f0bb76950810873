# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts the reports are on that one ansible-playbook writes, so that none replaces that of another account."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._destination import report_objects

_FOLDER = "cloudtrail-kms-reserved"


class ReservedError(ValueError):
    """A report that would replace that of another account; the message names it, and what to do."""


def places(own: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Return where a run puts its reports, each format by itself. `own` are the options of the run."""
    folders = [os.path.realpath(own["report_dir"])] if own["reports"] else []
    if own["reports"] and own["report_bucket"]:
        to = report_objects(own["report_bucket"], own["report_prefix"], variables)
        folders.append(f"s3://{to['bucket']}/{to['prefix']}/{variables.get('inventory_hostname')}")
    return [f"{folder} ({report})" for folder in folders for report in own["reports"]]


@contextmanager
def reserved(wanted: Iterable[str], accounts: Iterable[str]) -> Iterator[Callable[[], None]]:
    """Reserve places for the reports on these accounts, before anything is asked of AWS.

    The caller gets what keeps them until ansible-playbook ends; a run that wrote no report gives them back. Raises
    ReservedError for a place with a report on an account that is none of these. Runs that write beside each other are
    processes of their own, so what is reserved lies in files.
    """
    made: list[Path] = []
    try:
        made += filter(None, [_reserve(place, frozenset(accounts)) for place in wanted])
        yield made.clear
    finally:
        for path in made:
            path.unlink()


def _reserve(place: str, accounts: frozenset[str]) -> Path | None:
    """Return the file that reserves the place, or None where it was reserved already."""
    folder = Path(constants.DEFAULT_LOCAL_TMP) / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / hashlib.sha256(place.encode()).hexdigest()
    with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8") as file:
        json.dump(sorted(accounts), file)
        file.flush()
        try:
            os.link(file.name, path)  # in one step, with all that it says
        except FileExistsError:
            _refuse_another(place, frozenset(json.loads(path.read_text(encoding="utf-8"))), accounts)
            path.write_text(json.dumps(sorted(accounts)), encoding="utf-8")
            return None
    return path


def _refuse_another(place: str, before: frozenset[str], accounts: frozenset[str]) -> None:
    lost = ", ".join(sorted(before - accounts))
    if lost:
        raise ReservedError(
            f"The report in {place} is on {lost}, and this same run of ansible-playbook has made it. One on "
            f"{', '.join(sorted(accounts))} would replace it. Make the accounts hosts of an inventory, which the entry "
            "point audit reads at once for one report on all, or give each its own cloudtrail_kms_report_dir, or "
            "cloudtrail_kms_report_prefix in a bucket."
        )
