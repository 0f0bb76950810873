# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module does: tell how far it is, warn, fail."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.common.warnings import warn as _warn

from ._printable import printable


class Progress:
    """Appends a line to a file for every finished tenth of the accounts of a phase.

    It never fails what it tells of: an action that becomes another user has a file that this user cannot write to.
    """

    def __init__(self, path: str | None = None, total: int = 0) -> None:
        self._path, self._lock = Path(path) if path else None, threading.Lock()
        self.begin("Audited", total)
        self._write("")

    def begin(self, phase: str, total: int) -> None:
        """Begin a phase over so many accounts, which is named by what is done with them, such as `Planned`."""
        self._phase, self._total, self._done, self._tenths = phase, max(1, total), 0, 0

    def __call__(self, done: int) -> None:
        """Tell that so many accounts are done."""
        tenths = done * 10 // self._total
        if tenths > self._tenths:
            self._tenths = tenths
            self._write(f"{self._phase} {done} of {self._total} accounts\n")

    def one(self) -> None:
        """Tell that one account more is done, from any thread."""
        with self._lock:
            self._done += 1
            self(self._done)

    def _write(self, text: str) -> None:
        if self._path:
            with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
                file.write(text)


def warn(text: str) -> None:
    """Warn in one line."""
    _warn(printable(text))


def fail(module: Any, *reasons: str, **result: Any) -> None:
    """Leave the module, which has failed; each reason is a line."""
    module.fail_json(msg="\n".join(map(printable, reasons)), **result)
