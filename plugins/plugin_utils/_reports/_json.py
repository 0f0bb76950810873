# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit itself, as docs/cloudtrail-kms.schema.json describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def render(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return the whole audit with its keys sorted, in ASCII."""
    del cis_version  # Every version stays in: the other reports can be made from this one, for any of them.
    return json.dumps(audit, indent=2, sort_keys=True) + "\n"
