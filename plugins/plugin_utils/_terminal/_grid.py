# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows laid out in columns for a terminal, and the notes under a row.

Marks and rules are plain ASCII words, so that a table reads the same in a terminal, in a pipe,
in the log of a controller and in a mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from ...module_utils._printable import printable
from .._reports import Note, Tone
from ._text import columns, pad, wrap, wrap_further_in, wrap_remediation

# Colours a piece of text that is laid out already, so that its escape sequences are never measured.
Paint: TypeAlias = Callable[[str, Tone], str]

_GAP = "  "
# Wider lines are hard to read; narrower ones Ansible does not print either.
_WIDEST, _NARROWEST = 120, 79
# The longest mark of a note, and that of what is to be done, by which it is told from quoted text of the same words.
_MARK_WIDTH = 8
_TO_DO = "->"
_NOTE_INDENT = 4
# The id of a key, and of a multi-Region key: it has a line of its own where its column is narrower.
_KEY_ID = re.compile(r"(?:^|key/)(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$")
_KEY_ID_WIDTH = 36
# Of a region's cell: AWS has no longer name, but a report may.
LONGEST_REGION = 20


def legible(width: int) -> int:
    """Return the width to use where `width` columns are there: 79 at least, 120 at most."""
    return min(max(width, _NARROWEST), _WIDEST)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: as wide as its longest cell, unless it is limited or shares with others what the rest leaves.

    A trail may be named like the id of a key: which columns have keys, they say.
    """

    heading: str
    limit: int | None = None
    shares: bool = False
    has_keys: bool = False


class Grid:
    """The columns of a table, as wide as its rows ask for. The last one is painted, and its cells never wrap.

    The id of a key stays whole: one that is wider than its column is on a line below, and ends where the column does.
    A first cell that wraps goes on indented, so that nothing that others have written starts a line as a row does.
    """

    def __init__(self, layout: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> None:
        """`rows` are the cells of all rows; a line takes `width` columns of the terminal at most."""
        self._headings = [column.heading for column in layout]
        self._has_keys = [column.has_keys for column in layout]
        self._widths = _column_widths(layout, [self._headings, *map(_printable_cells, rows)], width)

    def heading(self, paint: Paint) -> str:
        return paint(self._joined(self._headings).rstrip(), "strong")

    def lines(self, cells: Sequence[str], tone: Tone, paint: Paint) -> Iterator[str]:
        """Yield a row's lines: cells that are wider than their column wrap."""
        (start, *middle), (edge, *widths) = _printable_cells(cells), self._widths
        beside = [
            _without_wide_id(cell, width) if has_keys else cell
            for cell, width, has_keys in zip(middle, widths, self._has_keys[1:], strict=True)
        ]
        wrapped = [wrap_further_in(start, edge), *map(wrap, beside, widths)]
        (*first, last), *others = zip_longest(*wrapped, fillvalue="")
        yield self._joined(first) + _GAP + paint(last, tone)
        for line in others:
            yield self._joined(line).rstrip()
        for number, (cell, shown) in enumerate(zip(middle, beside, strict=True), start=2):
            if cell != shown:
                yield cell[-_KEY_ID_WIDTH:].rjust(sum(self._widths[:number]) + len(_GAP) * (number - 1))

    def _joined(self, cells: Sequence[str]) -> str:
        return _GAP.join(pad(cell, width) for cell, width in zip(cells, self._widths, strict=False))


def _without_wide_id(cell: str, width: int) -> str:
    """Return the cell without the id of a key in which it ends, if that is wider than the column."""
    if width >= _KEY_ID_WIDTH or not _KEY_ID.search(cell):
        return cell
    return cell[:-_KEY_ID_WIDTH] or "key/"


def _printable_cells(cells: Sequence[str]) -> list[str]:
    return [printable(cell) for cell in cells]


def _column_widths(layout: Sequence[Column], table: Sequence[Sequence[str]], width: int) -> list[int]:
    longest = [max(columns(cell) for cell in cells) for cells in zip(*table, strict=True)]
    widths = [min(wanted, column.limit or wanted) for column, wanted in zip(layout, longest, strict=True)]
    sharing = [number for number, column in enumerate(layout) if column.shares]
    room = width - len(_GAP) * (len(layout) - 1) - sum(widths) + sum(widths[number] for number in sharing)
    for done, number in enumerate(sharing, start=1):
        left_by_others = room - sum(widths[other] for other in sharing[done:])
        widths[number] = min(widths[number], max(room // (len(sharing) - done + 1), left_by_others))
        room -= widths[number]
    return widths


def note_lines(notes: Sequence[Note], width: int, paint: Paint) -> Iterator[str]:
    """Yield the lines of the notes under a row, and an empty one where there are any.

    They take `width` columns at most, but for an argument of a command or a string of a statement that is longer.
    """
    yield from grouped_lines([(note, "") for note in notes], width, paint)
    if notes:
        yield ""


def grouped_lines(notes: Sequence[tuple[Note, str]], width: int, paint: Paint) -> Iterator[str]:
    """Yield the lines of notes, each with all that it is about below it, where there is more than one thing."""
    width -= _NOTE_INDENT + _MARK_WIDTH + len(_GAP)
    for (note, places), (to_do, command) in zip(notes, _to_dos(note for note, _places in notes), strict=True):
        text = printable(f"{note.subject}: {note.text}" if note.subject else note.text)
        command_of_text = "" if note.remediation else printable(note.command)
        lines = wrap_remediation(text, command_of_text, width)
        yield from _marked(paint(pad(note.mark, _MARK_WIDTH), note.tone), lines)
        yield from _marked(" " * _MARK_WIDTH, wrap(printable(places), width)) if places else ()
        if to_do:
            yield from _marked(pad(_TO_DO, _MARK_WIDTH), wrap_remediation(printable(to_do), printable(command), width))


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield lines of which the first one has the mark before it, and no other anything but space."""
    for number, line in enumerate(lines):
        yield " " * _NOTE_INDENT + (" " * _MARK_WIDTH if number else mark) + _GAP + line


def _to_dos(notes: Iterable[Note]) -> Iterator[tuple[str, str]]:
    """Yield what to do about each note, and its command, once: one fix may cure several rules."""
    subjects: dict[tuple[str, str], str] = {}
    for note in notes:
        subject = subjects.setdefault((note.remediation, note.command), note.subject)
        if not note.remediation:
            yield "", ""
        elif subject == note.subject:
            yield f"To do: {note.remediation}", note.command
        else:
            yield f"To do: as for {subject}.", ""


def detail_lines(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a detail under a row; what does not fit goes on two columns further in."""
    for number, line in enumerate(wrap(printable(text), width - _NOTE_INDENT - len(_GAP))):
        yield " " * _NOTE_INDENT + (_GAP if number else "") + line


def code_lines(text: str) -> Iterator[str]:
    """Yield the lines of code under a row, to copy as they are: the terminal breaks one that is too wide."""
    return (" " * _NOTE_INDENT + _GAP + printable(line) for line in text.split("\n"))
