# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run has found of each host, on the control node until ansible-playbook ends.

Ansible copies what a task registers to every host of the play. Each host's part lies in a file of its own instead,
which is read by that host alone; what is registered only says where.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants

from ...module_utils._regular_file import read_regular

_MOST_BYTES = 64 * 1024 * 1024


class ResultError(ValueError):
    """A host's part that is not there, or not as the run left it; the message says which."""


def leave(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write the part of each host, and return what has to be registered for `part_of` to find them."""
    directory = tempfile.mkdtemp(prefix="cloudtrail-kms-results-", dir=constants.DEFAULT_LOCAL_TMP)
    key = secrets.token_hex(16)
    for host, part in parts.items():
        content = json.dumps(part).encode()
        file = os.open(_file(directory, host), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(file, "wb") as opened:
            opened.write(_seal(key, host, content) + b"\n" + content)
    return {"directory": directory, "key": key}


def part_of(host: str, where: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the part of a host, or None where the run was not about it.

    Raises ResultError where a part was removed or changed since: nobody passes by a file that is not what a run wrote.
    """
    path = _file(where["directory"], host)
    try:
        seal, _line, content = read_regular(str(path), _MOST_BYTES).partition(b"\n")
    except FileNotFoundError:
        if path.parent.is_dir():
            return None
        raise ResultError(f"The directory {path.parent} with what the run has found is gone.") from None
    except OSError as error:
        raise ResultError(f"What the run has found, in {path}, cannot be read: {error.strerror}.") from None
    if not hmac.compare_digest(seal, _seal(where["key"], host, content)):
        raise ResultError(f"What the run has found, in {path}, was changed since.")
    part: dict[str, Any] = json.loads(content)
    return part


def _file(directory: str, host: str) -> Path:
    return Path(directory) / f"{hashlib.sha256(host.encode()).hexdigest()[:32]}.json"


def _seal(key: str, host: str, content: bytes) -> bytes:
    """What only the run that wrote the content for this host can have written."""
    return hmac.new(key.encode(), host.encode() + b"\n" + content, hashlib.sha256).hexdigest().encode()
