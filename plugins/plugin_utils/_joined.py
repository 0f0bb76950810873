# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One audit of the JSON reports of several runs, such as the slices of a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import join

# Slices of one job take minutes. What is older than this was left by another run, such as that of the day before.
SAME_RUN = timedelta(hours=12)


class JoinError(ValueError):
    """Reports that make no audit; the message names the file, or the account, and what to do."""


def joined_reports(paths: Sequence[str]) -> dict[str, Any]:
    """Return the audit that one run over the accounts of all these reports would have made.

    Raises JoinError for a file that is no JSON report of this collection, and for reports that do not fit together.
    """
    if not paths:
        raise JoinError("No report is there to join. Give JSON reports by audits, in the role cloudtrail_kms_audits.")
    audits = [_report(path) for path in paths]
    try:
        _refuse_earlier_runs([audit["generated_at"] for audit in audits])
        return join(audits)
    except ValueError as error:
        raise JoinError(f"The reports {', '.join(paths)} cannot be joined. {error}") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise JoinError(
            f"The reports {', '.join(paths)} cannot be joined. One of them has not the shape of an audit ({error!r}). "
            "Give the files that the report json writes, as they were written."
        ) from None


def _refuse_earlier_runs(times: Sequence[str]) -> None:
    """Raise ValueError where one of the reports says how things were when another run looked, and not how they are."""
    first, last = (extreme(times, key=datetime.fromisoformat) for extreme in (min, max))
    if datetime.fromisoformat(last) - datetime.fromisoformat(first) > SAME_RUN:
        hours = SAME_RUN // timedelta(hours=1)
        raise ValueError(
            f"They lie more than {hours} hours apart ({first}, {last}), so one of them is of an earlier run. Audit the "
            "accounts of that one again."
        )


def _report(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise JoinError(f"The report {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise JoinError(f"The report {path} is no JSON: {error}.") from None
    if not isinstance(content, dict) or not {"accounts", "collection_version", "generated_at"} <= content.keys():
        raise JoinError(f"The report {path} is no audit. Give the files that the report json writes.")
    return content
