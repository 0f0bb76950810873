# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files in which one task leaves a later one what concerns a host, each sealed, so that a forged one is noticed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...module_utils._regular_file import read_regular

_MOST_BYTES = 64 * 1024 * 1024
# Made when this file is imported, which Ansible does in its main process: all its workers have the same.
KEY = secrets.token_hex(16)


class SealError(ValueError):
    """A file that is not there any more, or not as it was written; the message names it."""


class SealedFiles:
    """One file for each host in a directory, all with seals of one key."""

    def __init__(self, directory: str, key: str) -> None:
        """Use a directory that exists. Nobody without the key can write a file that is read."""
        self._directory, self._key = Path(directory), key.encode()

    def write(self, host: str, content: Mapping[str, Any]) -> None:
        """Write the file of a host, in place of an earlier one."""
        text = json.dumps(content, default=as_text).encode()
        self.remove(host)
        with open(os.open(self._file(host), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self._seal(host, text) + b"\n" + text)

    def read(self, host: str) -> dict[str, Any] | None:
        """Return the content of a host's file, or None where the host has none. Raises SealError."""
        path = self._file(host)
        try:
            seal, _line, text = read_regular(str(path), _MOST_BYTES).partition(b"\n")
        except FileNotFoundError:
            if self._directory.is_dir():
                return None
            raise SealError(
                f"The directory {self._directory}, in which an earlier task left its result, is gone."
            ) from None
        except OSError as error:
            raise SealError(f"The file {path}, an earlier task's result, cannot be read: {error.strerror}.") from None
        if not hmac.compare_digest(seal, self._seal(host, text)):
            raise SealError(f"The file {path}, an earlier task's result, was changed since.")
        content: dict[str, Any] = json.loads(text)
        return content

    def remove(self, host: str) -> None:
        """Remove the file of a host, if there is one."""
        with suppress(FileNotFoundError):
            self._file(host).unlink()

    def _file(self, host: str) -> Path:
        return self._directory / f"{hashlib.sha256(host.encode()).hexdigest()[:32]}.json"

    def _seal(self, host: str, text: bytes) -> bytes:
        of = f"{self._directory.name}\n{host}\n".encode()
        return hmac.new(self._key, of + text, hashlib.sha256).hexdigest().encode()


def as_text(value: Any) -> str:
    """Return a date of YAML as Ansible hands it to modules; whatever else is no JSON as the text that it is."""
    return str(value.isoformat() if hasattr(value, "isoformat") else value)
