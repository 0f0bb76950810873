# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that others may have put there."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from contextlib import suppress


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
            raise OSError(errno.EINVAL, "It is no regular file")
        return file.read(most_bytes + 1)
