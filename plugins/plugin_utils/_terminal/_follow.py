# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the progress of a module: the lines of a file while another process writes them."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ansible import constants

# No progress is shown during the first seconds.
PATIENCE = 5.0


@contextmanager
def progress(tell: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Yield the option that makes a module on this machine write its progress; pass each line to `tell` meanwhile.

    If no file can be made for it, there is no progress, and no error.
    """
    with ExitStack() as stack:
        options = {}
        with suppress(OSError):
            descriptor, path = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP)
            os.close(descriptor)
            stack.callback(_remove, path)
            stack.enter_context(following(Path(path), tell))
            options["progress_path"] = path
        yield options


def _remove(path: str) -> None:
    """Remove the file; one that is gone must not replace the result of a run that has written."""
    with suppress(OSError):
        os.unlink(path)


@contextmanager
def following(
    path: Path, tell: Callable[[str], None], *, patience: float = PATIENCE, every: float = 0.25
) -> Iterator[None]:
    """Pass each line of the file to `tell`, in a thread, until the block ends, the last lines included.

    During the first `patience` seconds nothing is passed on; of the lines written until then only the last is.
    """
    ended = threading.Event()

    def follow() -> None:
        if ended.wait(patience):
            return
        # How far it is, never fails what is done.
        with suppress(OSError, UnicodeError), path.open(encoding="utf-8") as file:
            # Each line is written at once, so that none is seen in part.
            for line in file.read().splitlines()[-1:]:
                tell(line)
            while not ended.wait(every):
                _tell_all(file.read(), tell)
            _tell_all(file.read(), tell)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell_all(text: str, tell: Callable[[str], None]) -> None:
    for line in text.splitlines():
        tell(line)
