# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that others may have put there, read as far as they fit into memory, and files that are written whole."""

from __future__ import annotations

import errno
import os
import pwd
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

# A list of empty objects takes thirty times the memory of its text, so that values have a limit of their own.
BYTES_OF_A_VALUE = 32
# How much of a text is taken apart at once.
PART = 1024 * 1024


class TooMuchError(ValueError):
    """Files hold more than there is room for; the message says of what."""


class Room:
    """What JSON files that are still to be read may hold together: bytes, and values, each of which takes memory."""

    def __init__(self, most_bytes: int) -> None:
        self._most = {"bytes": most_bytes, "values": most_bytes // BYTES_OF_A_VALUE}
        self._left = dict(self._most)

    def read(self, path: str) -> bytes:
        """Return what a regular file holds. Raises TooMuchError before anything is made of it, and OSError."""
        content = read_regular(path, self._left["bytes"])
        for of, taken in (("bytes", len), ("values", values_of)):
            self._left[of] -= taken(content)
            if self._left[of] < 0:
                raise TooMuchError(f"more than {self._most[of]:,} {of}")
        return content


def values_of(content: bytes) -> int:
    """How many values a JSON text begins, whatever its texts hold: a key policy in one is no list of values."""
    plain = content.replace(rb"\\", b"").replace(rb"\"", b"")
    found, inside = 0, False
    for start in range(0, len(plain), PART):
        parts = plain[start : start + PART].split(b'"')
        found += sum(map(b"".join(parts[inside::2]).count, (b"{", b"[", b",")))
        inside ^= len(parts) % 2 == 0
    return found


def user() -> str:
    """Return who files are read and written as, for a message: it may be the become_user of the task."""
    with suppress(KeyError):  # a container may have given a user id no name
        return f"the user {pwd.getpwuid(os.geteuid()).pw_name}"
    return f"the user id {os.geteuid()}"


def read_regular(path: str, most_bytes: int) -> bytes:
    """Return what a regular file, or the one that a link leads to, holds: of a longer one `most_bytes` and one more.

    Raises OSError where it cannot be read, and for all that is no regular file: a pipe would be waited for without end,
    and a device never ends.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "It is not a regular file")
        return file.read(most_bytes + 1)


def write_whole(path: Path, text: str, mode: int) -> None:
    """Write the whole file or none of it: nobody reads half of one. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # Line ends are those of the text, whatever the machine.
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            # By its descriptor: who may write the directory can put a link to another file under its name meanwhile.
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
