# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run has found of each host, on the control node until ansible-playbook ends.

Ansible copies what a task registers to every host of the play. Each host's part lies in a file of its own instead,
which is read by that host alone; what is registered only says where.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible import constants

from ._sealed import SealedFiles


def leave(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write the part of each host, and return what has to be registered for `part_of` to find them."""
    directory = tempfile.mkdtemp(prefix="cloudtrail-kms-results-", dir=constants.DEFAULT_LOCAL_TMP)
    where = {"directory": directory, "key": secrets.token_hex(16)}
    files = SealedFiles(**where)
    for host, part in parts.items():
        files.write(host, part)
    return where


def part_of(host: str, where: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the part of a host, or None where the run was not about it. Raises SealError."""
    return SealedFiles(where["directory"], where["key"]).read(host)
