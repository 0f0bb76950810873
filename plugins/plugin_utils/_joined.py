# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One audit of the JSON reports of several runs, such as the slices of a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import join


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
        return join(audits)
    except ValueError as error:
        raise JoinError(f"The reports {', '.join(paths)} cannot be joined. {error}") from None


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
