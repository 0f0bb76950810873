# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show tables, and the progress of a module, where the person who runs a playbook reads."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.utils.color import stringc
from ansible.utils.display import Display

from ...module_utils._printable import printable
from .._reports import Tone
from ._grid import Paint, legible
from ._text import columns, wrap_hanging

display = Display()

# Asked when this file is imported, which Ansible does in its main process: the worker that runs the action has
# no terminal any more. Without a terminal Ansible's own answer is 79; a log or a pipe has room for more.
WIDTH = display.columns if sys.stdout.isatty() else 100

# Of the last lines those that are copied as they are: they end in a command, or in the paths of files.
_TO_COPY = re.compile(r"[A-Z][a-z]+ +((AWS|ANSIBLE)_.* )?ansible-playbook |(Backup|Reports) | +The earlier backup ")
_MARGIN = 10

# The callbacks whose output programs read: anything beside it would break it. That of `null` is none at all.
_FOR_MACHINES = frozenset({"json", "jsonl", "null"})


def is_for_people(*, no_log: bool) -> bool:
    """Return whether a person is to see what a task shows: not under `no_log`, nor in the output for a program."""
    return not no_log and constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] not in _FOR_MACHINES


class Table(Protocol):
    """What makes a table of at most `width` columns, in which `paint` gives a text its tone."""

    def __call__(self, *, width: int, paint: Paint) -> str: ...


class Screen:
    """Show what a task has to say to a person: nothing under `no_log`, nor once the screen `is_closed`."""

    def __init__(self, *, no_log: bool, is_closed: Callable[[], bool] = lambda: False) -> None:
        self._no_log, self._is_closed = no_log, is_closed

    def show(self, table: Table | None) -> bool:
        """Show a table, where there is one; return whether it is shown."""
        if not table or not is_for_people(no_log=self._no_log) or self._is_closed():
            return False
        _show(table)
        return True

    def diff(self, diffs: Sequence[Mapping[str, Any]]) -> bool:
        """Show diffs as Ansible does, before the table and the closing lines; return whether they are shown."""
        if not is_for_people(no_log=self._no_log) or self._is_closed():
            return False
        display.display(CallbackBase()._get_diff(diffs))
        return True

    def say(self, *lines: str) -> None:
        for line in lines if is_for_people(no_log=self._no_log) and not self._is_closed() else ():
            display.display(printable(line))

    def end(self, lines: Iterable[str]) -> None:
        """Say the last lines of a run, as wide as a table at most; commands and paths stay on one line."""
        width = legible(WIDTH)
        for line in map(printable, lines):
            is_whole = columns(line) <= width or _TO_COPY.match(line)
            self.say(*([line] if is_whole else wrap_hanging(line, width, _MARGIN)))

    def warn(self, warnings: Iterable[Any]) -> None:
        """Show the warnings of a module, which programs read as well."""
        for warning in () if self._no_log or self._is_closed() else warnings:
            display.warning(printable(text_of(warning)))


def text_of(warning: Any) -> str:
    """Return the text of a warning: ansible-core 2.19 and 2.20 hand on an object whose event has it, others a text."""
    return warning if isinstance(warning, str) else str(warning.event.msg)


def tones() -> dict[Tone, str]:
    """Return the colour of each tone, as Ansible is configured."""
    return {
        "strong": constants.COLOR_HIGHLIGHT,
        "good": constants.COLOR_OK,
        "bad": constants.COLOR_ERROR,
        "unknown": constants.COLOR_WARN,
        "quiet": constants.COLOR_SKIP,
    }


def _show(table: Table) -> None:
    """Show all in one piece, so that hosts side by side do not mix their lines, and log it without colour."""
    colours = tones()

    def paint(text: str, tone: Tone) -> str:
        painted: str = stringc(text, colours[tone])
        return painted

    display.display(table(width=WIDTH, paint=paint), screen_only=True)
    display.display(table(width=WIDTH, paint=lambda text, _tone: text), log_only=True)


# No progress is shown during the first seconds.
PATIENCE = 5.0
_READING = ("Audited ", "Read ")


@contextmanager
def progress(tell: Callable[[str], None], *, unused: int = 0) -> Iterator[dict[str, str]]:
    """Yield the option that makes a module on this machine write its progress; pass each line to `tell` meanwhile.

    While accounts are read, each line also counts the `unused` ones, which are not read. If no file can be made for it,
    there is no progress, and no error.
    """
    aside = f" ({unused} more not active: not read)" if unused else ""
    with ExitStack() as stack:
        options = {}
        with suppress(OSError):
            descriptor, path = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP)
            os.close(descriptor)
            stack.callback(_remove, path)
            stack.enter_context(
                following(Path(path), lambda line: tell(f"{line}{aside}" if line.startswith(_READING) else line))
            )
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
